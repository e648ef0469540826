package redistest

import (
	"math/rand/v2"
	"net"
	"strconv"
	"testing"
)

// FreePort returns a TCP port of the loopback address that nobody uses, and claims it until the end of the test, so that a
// killed server finds it free when it starts again.
//
// The claim is the UDP port of the same number: every process on the machine that takes its ports here sees it, and TCP
// does not. The ports are below the range that systems take for outgoing connections, which would come in between.
func FreePort(t testing.TB) int {
	t.Helper()
	const first, last = 10_000, 32_000
	for range 1000 {
		port := first + rand.IntN(last-first)
		addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
		claim, err := net.ListenPacket("udp4", addr)
		if err != nil {
			continue
		}
		probe, err := net.Listen("tcp4", addr)
		if err != nil {
			_ = claim.Close()
			continue
		}
		_ = probe.Close()
		t.Cleanup(func() { _ = claim.Close() })
		return port
	}
	t.Fatal("redistest: no free port found")
	return 0
}
