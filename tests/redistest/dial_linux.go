package redistest

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// DialContext connects to an address as a program in the namespace does: a socket stays in the network it was made in. The
// address has to be one of digits. A server in the namespace can be reached so also while the namespace is cut off.
func (n *Namespace) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	there, err := os.Open(filepath.Join("/run/netns", n.Name))
	if err != nil {
		return nil, err
	}
	defer func() { _ = there.Close() }()

	// The network is a property of the thread, so nothing else may run on this one until it is back.
	runtime.LockOSThread()
	home, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		runtime.UnlockOSThread()
		return nil, err
	}
	defer func() { _ = home.Close() }()
	if err := unix.Setns(int(there.Fd()), unix.CLONE_NEWNET); err != nil {
		runtime.UnlockOSThread()
		return nil, fmt.Errorf("entering %s: %w", n.Name, err)
	}
	conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, network, addr)
	if err := unix.Setns(int(home.Fd()), unix.CLONE_NEWNET); err != nil {
		panic(fmt.Sprintf("redistest: leaving %s: %v", n.Name, err)) // who knows what would run in the wrong network
	}
	runtime.UnlockOSThread()
	return conn, err
}
