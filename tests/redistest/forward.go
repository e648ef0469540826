package redistest

import (
	"io"
	"net"
	"strconv"
	"sync"
	"testing"
)

// Forward returns an address of the machine's loopback whose connections go to a port of the namespace, also while it is cut
// off: so a test speaks to a program in there as to any other. It ends with the test.
func (n *Namespace) Forward(t testing.TB, port int) (addr string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &forwarder{open: map[net.Conn]bool{}}
	var done sync.WaitGroup
	done.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return // closed
			}
			done.Go(func() {
				there, err := n.DialContext(t.Context(), "tcp", net.JoinHostPort(n.IP, strconv.Itoa(port)))
				if err != nil {
					_ = conn.Close()
					return
				}
				f.join(conn, there)
			})
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		f.close()
		done.Wait()
	})
	return listener.Addr().String()
}

type forwarder struct {
	mu     sync.Mutex // guards what follows
	open   map[net.Conn]bool
	closed bool
}

// join passes on what comes from either side until both have ended, and then closes them.
func (f *forwarder) join(a, b net.Conn) {
	f.mu.Lock()
	if f.closed {
		_, _ = a.Close(), b.Close()
	}
	f.open[a], f.open[b] = true, true
	f.mu.Unlock()

	var both sync.WaitGroup
	both.Go(func() { pass(a, b) })
	both.Go(func() { pass(b, a) })
	both.Wait()

	f.mu.Lock()
	defer f.mu.Unlock()
	for _, conn := range []net.Conn{a, b} {
		_ = conn.Close()
		delete(f.open, conn)
	}
}

// pass copies until the end of from, and ends to with it: the other direction may go on.
func pass(to, from net.Conn) {
	_, _ = io.Copy(to, from) // why it ended is between the two
	if half, ok := to.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
}

func (f *forwarder) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	for conn := range f.open {
		_ = conn.Close()
	}
}
