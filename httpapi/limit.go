package httpapi

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
)

// limitListener bounds how many connections are open at once. Those beyond are told so and closed: a client that is left to
// wait to be accepted, a health check among them, could not tell an overloaded router from a dead one.
type limitListener struct {
	net.Listener
	limit int
	log   zerolog.Logger

	open atomic.Int64
	// said is when the log was told last, refused how many connections since; both belong to the goroutine that accepts.
	said    time.Time
	refused int
}

const (
	// refusal is what a connection beyond the limit gets, whatever it is about to ask.
	refusal = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\nContent-Type: application/problem+json\r\n" +
		"Content-Length: 127\r\n\r\n" +
		`{"type":"about:blank","title":"Service Unavailable","status":503,"detail":"too many connections are open","code":"overloaded"}` + "\n"
	// refusalTime bounds how long it is waited for. A new connection has room for it, so there is nothing to wait for.
	refusalTime = 10 * time.Millisecond
	// refusalLog is how often the log is told at most.
	refusalLog = time.Minute
)

// Accept is net.Listener's.
func (l *limitListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if l.open.Add(1) <= int64(l.limit) {
			return &limitedConn{Conn: conn, listener: l}, nil
		}
		l.open.Add(-1)
		l.refuse(conn)
	}
}

func (l *limitListener) refuse(conn net.Conn) {
	l.refused++
	if now := time.Now(); now.Sub(l.said) >= refusalLog {
		l.log.Warn().Int("limit", l.limit).Int("refused", l.refused).Msg("too many connections are open; more are refused")
		l.said, l.refused = now, 0
	}
	_ = conn.SetDeadline(time.Now().Add(refusalTime))
	_, _ = io.WriteString(conn, refusal)
	_ = conn.Close()
}

// limitedConn gives its place back when it is closed.
type limitedConn struct {
	net.Conn
	listener *limitListener
	closed   sync.Once
}

// Close is net.Conn's.
func (c *limitedConn) Close() error {
	c.closed.Do(func() { c.listener.open.Add(-1) })
	return c.Conn.Close()
}
