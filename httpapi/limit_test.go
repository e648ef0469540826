package httpapi_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/rs/zerolog"

	"github.com/signalbox-mq/signalbox/httpapi"
)

// limited is a server in a bubble with limits.
func limited(t *testing.T, limits httpapi.Limits) *serving {
	t.Helper()
	s := &serving{env: newModelEnv(t), t: t, l: newMemListener()}
	parts := s.parts(s.observe)
	parts.Limits = limits
	s.server = httpapi.New(parts, zerolog.New(s.log))
	s.stop, s.done = serveOn(s.env, s.l)
	synctest.Wait()
	return s
}

const healthz = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"

// TestConnectionLimit checks that connections beyond the limit are told so, and that one that ends makes room.
func TestConnectionLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := limited(t, httpapi.Limits{Connections: 3})
		var open []net.Conn
		for range 3 {
			c := s.l.dial(t)
			if resp, _, _ := send(t, c, healthz); resp.StatusCode != 200 {
				t.Fatalf("answered %d", resp.StatusCode)
			}
			open = append(open, c)
		}
		for range 2 {
			c := s.l.dial(t)
			resp, body := answerFrom(t, bufio.NewReader(c))
			if resp.StatusCode != 503 || resp.Header.Get("Retry-After") != "1" || !resp.Close || !strings.Contains(body, `"code":"overloaded"`) || !strings.HasSuffix(body, "}\n") {
				t.Errorf("beyond the limit: %d %v %q", resp.StatusCode, resp.Header, body)
			}
		}
		if log := s.log.String(); strings.Count(log, "too many connections") != 1 {
			t.Errorf("the log has %s", log)
		}
		_ = open[0].Close()
		synctest.Wait()
		if resp, _, _ := send(t, s.l.dial(t), healthz); resp.StatusCode != 200 {
			t.Errorf("after one has ended: %d", resp.StatusCode)
		}
		s.end()
	})
}

// TestBodyBudget checks that many slow bodies take a bounded amount of memory, that others are answered 503 meanwhile, on
// every path that takes a body, and that all is well when the slow ones are gone.
func TestBodyBudget(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := limited(t, httpapi.Limits{BodyBytes: 1 << 20})
		slow := func(path string) net.Conn {
			c := s.l.dial(t)
			_, err := fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 1300000\r\n\r\n%s", path, strings.Repeat(" ", 150_000))
			if err != nil {
				t.Fatal(err)
			}
			return c
		}
		held := []net.Conn{slow("/v1/events"), slow("/hooks/open"), slow("/v1/queues/orders/messages")}
		synctest.Wait()
		big := strings.Repeat(" ", 300_000)
		for _, path := range []string{"/v1/events", "/hooks/open", "/v1/queues/orders/messages", "/v1/topics/alerts/messages", "/v1/queues/orders"} {
			method := "POST"
			if path == "/v1/queues/orders" {
				method = "PUT"
			}
			w := s.do(method, path, big)
			if w.Code != 503 || w.Header().Get("Retry-After") != "1" || w.Header().Get("Connection") != "close" || !strings.Contains(w.Body.String(), `"code":"overloaded"`) {
				t.Errorf("%s: answered %d %v %s", path, w.Code, w.Header(), w.Body)
			}
		}
		if w := s.do("POST", "/v1/queues/orders/messages", `{"body":"x"}`); w.Code != 200 {
			t.Errorf("a small one that still has room: %d %s", w.Code, w.Body)
		}
		if w := s.do("GET", "/v1/queues/orders", ""); w.Code != 200 {
			t.Errorf("a request without a body: %d %s", w.Code, w.Body)
		}
		for _, c := range held {
			_ = c.Close()
		}
		synctest.Wait()
		if w := s.do("POST", "/v1/queues/orders/messages", `{"body":"`+big+`"}`); w.Code != 200 {
			t.Errorf("when the slow ones are gone: %d %s", w.Code, w.Body)
		}
		s.end()
	})
}

// TestSlowHook checks that a stalled webhook is answered as a stalled request of the API is.
func TestSlowHook(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := serve(t)
		resp, body, r := send(t, s.l.dial(t), "POST /hooks/open HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{")
		if resp.StatusCode != 408 || !resp.Close || !strings.Contains(body, `"code":"slow_body"`) {
			t.Errorf("a stalled webhook was answered %d %s", resp.StatusCode, body)
		}
		if _, err := r.ReadByte(); err != io.EOF {
			t.Errorf("the connection stays open: %v", err)
		}
		s.end()
	})
}
