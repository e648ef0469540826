package httpapi_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/signalbox-mq/signalbox/httpapi"
	"github.com/signalbox-mq/signalbox/queue"
)

// memListener is a listener whose connections are pipes, which lets a synctest bubble turn its clock.
type memListener struct {
	conns chan net.Conn
	once  sync.Once
	done  chan struct{}
}

func newMemListener() *memListener {
	return &memListener{conns: make(chan net.Conn), done: make(chan struct{})}
}

func (l *memListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *memListener) Close() error   { l.once.Do(func() { close(l.done) }); return nil }
func (l *memListener) Addr() net.Addr { return &net.UnixAddr{Name: "memory", Net: "unix"} }

func (l *memListener) dial(t *testing.T) net.Conn {
	t.Helper()
	client, server := net.Pipe()
	select {
	case l.conns <- server:
	case <-l.done:
		t.Fatal("the listener is closed")
	}
	return client
}

// serving is a server in a bubble.
type serving struct {
	*env
	t    *testing.T
	l    *memListener
	stop context.CancelFunc
	done chan error
}

const grace = 4 * time.Second

func serve(t *testing.T) *serving {
	t.Helper()
	s := &serving{env: newModelEnv(t), t: t, l: newMemListener()}
	s.stop, s.done = serveOn(s.env, s.l)
	synctest.Wait()
	return s
}

// end stops the server and returns how long that took.
func (s *serving) end() time.Duration {
	s.t.Helper()
	start := time.Now()
	s.stop()
	if err := <-s.done; err != nil {
		s.t.Errorf("Serve: %v", err)
	}
	return time.Since(start)
}

// send writes a request and returns the answer; the reader goes on with the connection.
func send(t *testing.T, c net.Conn, request string) (*http.Response, string, *bufio.Reader) {
	t.Helper()
	go func() { _, _ = io.WriteString(c, request) }() // a pipe is written as it is read
	r := bufio.NewReader(c)
	resp, body := answerFrom(t, r)
	return resp, body, r
}

func answerFrom(t *testing.T, r *bufio.Reader) (*http.Response, string) {
	t.Helper()
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatalf("no answer: %v", err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("half an answer: %v", err)
	}
	_ = resp.Body.Close()
	return resp, string(body)
}

func post(path, body string) string {
	return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", path, len(body), body)
}

// untilClosed returns how long it takes until the server closes a connection, and what it sent before.
func untilClosed(c net.Conn) (time.Duration, string) {
	start := time.Now()
	data, _ := io.ReadAll(c)
	return time.Since(start), string(data)
}

func TestSlowHeader(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := serve(t)
		c := s.l.dial(t)
		drip, stopped := context.WithCancel(context.Background())
		go func() { // one byte a second
			defer stopped()
			for _, b := range "GET /healthz HTTP/1.1\r\nHost: x\r\nX-A: " + strings.Repeat("a", 100) {
				if _, err := c.Write([]byte{byte(b)}); err != nil {
					return
				}
				<-time.After(time.Second)
			}
		}()
		if took, got := untilClosed(c); took != httpapi.ReadHeaderTimeout {
			t.Errorf("a slow header was cut off after %v with %q, want %v", took, got, httpapi.ReadHeaderTimeout)
		}
		<-drip.Done()
		// Another client is not held up.
		resp, body, _ := send(t, s.l.dial(t), "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
		if resp.StatusCode != 200 || body != "ok\n" {
			t.Errorf("answered %d %q", resp.StatusCode, body)
		}
		s.end()
	})
}

func TestSlowBody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := serve(t)
		c := s.l.dial(t)
		start := time.Now()
		resp, body, r := send(t, c, "POST /v1/queues/orders/messages HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{\"body\":")
		if took := time.Since(start); took != httpapi.ReadTimeout || resp.StatusCode != http.StatusRequestTimeout || !strings.Contains(body, `"code":"slow_body"`) {
			t.Errorf("a body that stops was answered %d %s after %v, want 408 after %v", resp.StatusCode, body, took, httpapi.ReadTimeout)
		}
		if _, err := r.ReadByte(); err == nil || !resp.Close {
			t.Errorf("the connection stays open")
		}
		s.end()
	})
}

func TestIdleConnection(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := serve(t)
		c := s.l.dial(t)
		_, _, r := send(t, c, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
		<-time.After(httpapi.IdleTimeout - time.Second)
		go func() { _, _ = io.WriteString(c, "GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n") }()
		if resp, body := answerFrom(t, r); resp.StatusCode != 200 || body != "ready\n" {
			t.Errorf("a kept connection answered %d %q", resp.StatusCode, body)
		}
		start := time.Now()
		if _, err := r.ReadByte(); err == nil || time.Since(start) != httpapi.IdleTimeout {
			t.Errorf("an idle connection was closed after %v, want %v", time.Since(start), httpapi.IdleTimeout)
		}
		s.end()
	})
}

func TestLongPoll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := serve(t)
		c := s.l.dial(t)
		start := time.Now()
		resp, body, r := send(t, c, post("/v1/queues/orders/messages/receive?wait=20s", ""))
		if took := time.Since(start); resp.StatusCode != 200 || body != "{\"messages\":[]}\n" || took != 20*time.Second {
			t.Errorf("the longest poll answered %d %s after %v", resp.StatusCode, body, took)
		}
		// The connection goes on, and a poll on it ends when there is a message.
		go func() {
			<-time.After(7 * time.Second)
			if _, err := s.broker.Send(context.Background(), named("orders"), []queue.Send{{Body: []byte("x")}}); err != nil {
				t.Error(err)
			}
		}()
		start = time.Now()
		go func() { _, _ = io.WriteString(c, post("/v1/queues/orders/messages/receive?wait=20s", "")) }()
		resp, body = answerFrom(t, r)
		if took := time.Since(start); resp.StatusCode != 200 || !strings.Contains(body, `"body":"x"`) || took < 7*time.Second || took > 8*time.Second {
			t.Errorf("answered %d %s after %v, want the message after 7s", resp.StatusCode, body, took)
		}
		_ = c.Close()
		s.end()
	})
}

// TestPollOfAGoneClient checks that a poll ends with its client, and takes no message.
func TestPollOfAGoneClient(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := serve(t)
		c := s.l.dial(t)
		_, _ = io.WriteString(c, post("/v1/queues/orders/messages/receive?wait=20s", ""))
		synctest.Wait()
		_ = c.Close()
		synctest.Wait()
		if seen := s.routesSeen(); len(seen) != 1 {
			t.Errorf("the poll of a client that went goes on: %q", seen)
		}
		s.end()
	})
}

func TestShutdownEndsLongPolls(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := serve(t)
		c, idle := s.l.dial(t), s.l.dial(t)
		send(t, idle, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
		start := time.Now()
		time.AfterFunc(3*time.Second, s.stop)
		resp, body, _ := send(t, c, post("/v1/queues/orders/messages/receive?wait=20s", ""))
		if took := time.Since(start); resp.StatusCode != 200 || body != "{\"messages\":[]}\n" || took != 3*time.Second {
			t.Errorf("a poll in a shutdown answered %d %s after %v, want none after 3s", resp.StatusCode, body, took)
		}
		if took := s.end(); took > time.Second {
			t.Errorf("the shutdown took %v", took)
		}
	})
}

// TestDrain checks that a server that is told to stop goes on for the time of Drain, says that it is not ready, and ends
// connections with their next answer.
func TestDrain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const drain = 5 * time.Second
		s := &serving{env: newModelEnv(t), t: t, l: newMemListener()}
		s.made.Drain = drain
		s.server = httpapi.New(s.made, zerolog.Nop())
		s.stop, s.done = serveOn(s.env, s.l)
		synctest.Wait()
		old, polling := s.l.dial(t), s.l.dial(t)
		send(t, old, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
		start := time.Now()
		poll := make(chan time.Duration)
		go func() {
			if resp, _, _ := send(t, polling, post("/v1/queues/orders/messages/receive?wait=20s", "")); resp.StatusCode != 200 {
				t.Errorf("a poll was answered %d", resp.StatusCode)
			}
			poll <- time.Since(start)
		}()
		synctest.Wait()
		s.stop()
		<-time.After(drain - time.Second)
		for name, c := range map[string]net.Conn{"an old connection": old, "a new connection": s.l.dial(t)} {
			if resp, body, _ := send(t, c, post("/v1/queues/orders/messages", `{"body":"x"}`)); resp.StatusCode != 200 || !resp.Close {
				t.Errorf("%s was answered %d %s, close %v; want 200 and a close", name, resp.StatusCode, body, resp.Close)
			}
		}
		if resp, _, _ := send(t, s.l.dial(t), "GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n"); resp.StatusCode != 503 {
			t.Errorf("/readyz answered %d", resp.StatusCode)
		}
		if took := <-poll; took != drain-time.Second {
			t.Errorf("a poll was answered after %v, want when the message came", took)
		}
		if s.end(); time.Since(start) < drain {
			t.Errorf("the server ended after %v", time.Since(start))
		}
	})
}

// stuck is a store whose appends wait for their context.
type stuck struct{ queue.Store }

func (stuck) Append(ctx context.Context, _ queue.AppendRequest) (queue.AppendResult, error) {
	<-ctx.Done()
	return queue.AppendResult{}, ctx.Err()
}

// TestShutdownCutsOff checks that what does not end within the grace is cut off, and told why.
func TestShutdownCutsOff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := serve(t)
		s.store.Store = stuck{s.store.Store}
		c := s.l.dial(t)
		start := time.Now()
		time.AfterFunc(time.Second, s.stop)
		resp, body, _ := send(t, c, post("/v1/queues/orders/messages", `{"body":"x"}`))
		if took := time.Since(start); took != time.Second+grace || resp.StatusCode != 503 || !strings.Contains(body, "shutting_down") || resp.Header.Get("Retry-After") == "" {
			t.Errorf("a request that hangs was answered %d %s after %v", resp.StatusCode, body, took)
		}
		s.end()
	})
}

// TestShutdownWithASilentConnection checks that a connection that never sent anything does not hold up a shutdown for
// longer than the graces.
func TestShutdownWithASilentConnection(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := serve(t)
		c := s.l.dial(t)
		defer c.Close()
		synctest.Wait()
		if took := s.end(); took > grace+time.Second {
			t.Errorf("the shutdown took %v", took)
		}
	})
}

// TestClientThatDoesNotRead checks that an answer nobody reads is given up.
func TestClientThatDoesNotRead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := serve(t)
		if _, err := s.broker.Send(context.Background(), named("orders"), []queue.Send{{Body: make([]byte, 1<<20)}}); err != nil {
			t.Fatal(err)
		}
		c := s.l.dial(t)
		if _, err := io.WriteString(c, post("/v1/queues/orders/messages/receive", "")); err != nil {
			t.Fatal(err)
		}
		<-time.After(httpapi.WriteTimeout + time.Second)
		if took, got := untilClosed(c); took != 0 || len(got) > 1<<20 {
			t.Errorf("after the write timeout the connection was open for %v and gave %d bytes", took, len(got))
		}
		s.end()
	})
}

func TestTooLargeIsRefusedUnread(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := serve(t)
		for _, path := range []string{"/v1/events", "/v1/queues/orders/messages", "/v1/queues/orders/messages/receive", "/v1/topics/alerts/messages", "/hooks/open"} {
			// None of the body is ever sent; with Expect, no 100 invites it.
			c := s.l.dial(t)
			start := time.Now()
			resp, body, _ := send(t, c, "POST "+path+" HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1310721\r\n\r\n")
			if took := time.Since(start); resp.StatusCode != 413 || !strings.Contains(body, "body_too_large") || took > time.Second {
				t.Errorf("%s: answered %d %s after %v, want 413 at once", path, resp.StatusCode, body, took)
			}
			_ = c.Close()
		}
		// A body without a length is cut off at the limit.
		c := s.l.dial(t)
		go func() {
			_, _ = io.WriteString(c, "POST /v1/events HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
			chunk := "8000\r\n" + strings.Repeat("x", 0x8000) + "\r\n"
			for range 64 { // 2 MiB
				if _, err := io.WriteString(c, chunk); err != nil {
					return
				}
			}
			_, _ = io.WriteString(c, "0\r\n\r\n")
		}()
		resp, body := answerFrom(t, bufio.NewReader(c))
		if resp.StatusCode != 413 || !resp.Close {
			t.Errorf("a long body without a length was answered %d %s", resp.StatusCode, body)
		}
		_ = c.Close()
		s.end()
	})
}

func TestLargeHeader(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := serve(t)
		c := s.l.dial(t)
		resp, _, _ := send(t, c, "GET /healthz HTTP/1.1\r\nHost: x\r\n"+strings.Repeat("X-Header: "+strings.Repeat("a", 90)+"\r\n", 10_000)+"\r\n")
		if resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("a header of 1 MB was answered %d", resp.StatusCode)
		}
		_ = c.Close()
		s.end()
	})
}

// TestReadiness checks that the server is ready exactly while it serves.
func TestReadiness(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := serve(t)
		if w := s.do("GET", "/readyz", ""); w.Code != 200 {
			t.Errorf("while serving: %d", w.Code)
		}
		s.stale.Store(true)
		if w := s.do("GET", "/readyz", ""); w.Code != 503 {
			t.Errorf("out of touch with the other nodes: %d", w.Code)
		}
		s.stale.Store(false)
		s.end()
		if w := s.do("GET", "/readyz", ""); w.Code != 503 {
			t.Errorf("after serving: %d", w.Code)
		}
		if w := s.do("GET", "/healthz", ""); w.Code != 200 {
			t.Errorf("health after serving: %d", w.Code)
		}
	})
}

// TestServeFails checks that a listener that fails ends Serve with its error.
func TestServeFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := serve(t)
		_ = s.l.Close()
		if err := <-s.done; err == nil {
			t.Error("Serve returned nil though its listener failed")
		}
		s.stop()
	})
}
