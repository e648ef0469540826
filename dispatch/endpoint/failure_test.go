package endpoint_test

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
)

// Raw answers of servers that misbehave, each on a new connection, after which the server closes.
func TestDoRawAnswers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer    string
		class     endpoint.ErrorClass
		status    int
		body      string
		truncated bool
	}{
		"nothing":               {"", endpoint.ClassReset, 0, "", false},
		"half a status line":    {"HTTP/1.1 2", endpoint.ClassProtocol, 0, "", false},
		"half the headers":      {"HTTP/1.1 200 OK\r\nA: b\r\n", endpoint.ClassReset, 0, "", false},
		"close mid-body":        {"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n0123456789", endpoint.ClassBody, 200, "0123456789", true},
		"close mid-chunk":       {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\n0123456789", endpoint.ClassBody, 200, "0123456789", true},
		"bad chunk":             {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", endpoint.ClassBody, 200, "", true},
		"500 close mid-body":    {"HTTP/1.1 500 No\r\nContent-Length: 100\r\n\r\n0123456789", endpoint.ClassHTTP, 500, "0123456789", true},
		"302 close mid-body":    {"HTTP/1.1 302 No\r\nLocation: x\r\nContent-Length: 100\r\n\r\n0", endpoint.ClassRedirect, 302, "0", true},
		"until close":           {"HTTP/1.1 200 OK\r\n\r\nall", endpoint.ClassNone, 200, "all", false},
		"HTTP/1.0":              {"HTTP/1.0 200 OK\r\n\r\nold", endpoint.ClassNone, 200, "old", false},
		"100 then 103 then 204": {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", endpoint.ClassNone, 204, "", false},
		"only 100":              {"HTTP/1.1 100 Continue\r\n\r\n", endpoint.ClassReset, 0, "", false},
		"101":                   {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", endpoint.ClassProtocol, 101, "", false},
		"status 999":            {"HTTP/1.1 999 What\r\nContent-Length: 0\r\n\r\n", endpoint.ClassProtocol, 999, "", false},
		"not HTTP":              {"SSH-2.0-OpenSSH_9.6\r\n", endpoint.ClassProtocol, 0, "", false},
		"bad header":            {"HTTP/1.1 200 OK\r\nno colon\r\n\r\n", endpoint.ClassProtocol, 0, "", false},
		"bad length":            {"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n", endpoint.ClassProtocol, 0, "", false},
		"huge header":           {"HTTP/1.1 200 OK\r\nA: " + strings.Repeat("x", 80<<10) + "\r\n\r\n", endpoint.ClassProtocol, 0, "", false},
		"many headers":          {"HTTP/1.1 200 OK\r\n" + strings.Repeat("A: bcdefghijklmnopq\r\n", 8<<10) + "\r\n", endpoint.ClassProtocol, 0, "", false},
		"endless 1xx":           {strings.Repeat("HTTP/1.1 103 Early Hints\r\nLink: </"+strings.Repeat("a", 900)+">\r\n\r\n", 400), endpoint.ClassProtocol, 0, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var requests atomic.Int64
			url := rawServer(t, func(_ int, conn *net.TCPConn, r *bufio.Reader) {
				if readRequest(r) {
					requests.Add(1)
					_, _ = io.WriteString(conn, c.answer)
					_ = conn.CloseWrite()
					_, _ = io.Copy(io.Discard, r) // until the client closes, so that no reset overtakes the answer
				}
			})
			res := newClient(t, endpoint.ClientConfig{}).Do(t.Context(), request(url))
			wantClass(t, res, c.class)
			if res.Status != c.status || string(res.Body) != c.body || res.Truncated != c.truncated {
				t.Errorf("%d %q truncated %v; want %d %q %v", res.Status, res.Body, res.Truncated, c.status, c.body, c.truncated)
			}
			if n := requests.Load(); n != 1 || res.Phases.Resent {
				t.Errorf("%d requests on new connections", n)
			}
			if len(res.Reason()) > 1024 {
				t.Errorf("reason of %d bytes", len(res.Reason()))
			}
		})
	}
}

func TestDoReset(t *testing.T) {
	t.Parallel()
	var connections atomic.Int64
	url := rawServer(t, func(_ int, c *net.TCPConn, r *bufio.Reader) {
		connections.Add(1)
		readRequest(r)
		_ = c.SetLinger(0) // Close sends RST
	})
	res := newClient(t, endpoint.ClientConfig{}).Do(t.Context(), request(url))
	wantClass(t, res, endpoint.ClassReset)
	if n := connections.Load(); n != 1 || res.Phases.Resent {
		t.Errorf("%d connections, resent %v", n, res.Phases.Resent)
	}
}

// A connection that was kept and turns out dead: one repetition on a new one, within the attempt. The clock stands still, as in
// TestDoKeepsConnections.
func TestDoDeadConnection(t *testing.T) {
	t.Parallel()
	const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
	for name, c := range map[string]struct {
		dying    func(c *net.TCPConn) // what becomes of the second request on the first connection
		second   string               // the answer on the second connection
		class    endpoint.ErrorClass
		resent   bool
		requests int64 // in all
	}{
		"closed":         {func(*net.TCPConn) {}, ok, endpoint.ClassNone, true, 3},
		"reset":          {func(c *net.TCPConn) { _ = c.SetLinger(0) }, ok, endpoint.ClassNone, true, 3},
		"dead twice":     {func(*net.TCPConn) {}, "", endpoint.ClassReset, true, 3},
		"500 on the new": {func(*net.TCPConn) {}, "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n", endpoint.ClassHTTP, true, 3},
		"one byte came":  {func(c *net.TCPConn) { _, _ = io.WriteString(c, "H") }, ok, endpoint.ClassProtocol, false, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var requests atomic.Int64
				url := rawServer(t, func(n int, conn *net.TCPConn, r *bufio.Reader) {
					if !readRequest(r) {
						return
					}
					requests.Add(1)
					if n > 1 {
						_, _ = io.WriteString(conn, c.second)
						return
					}
					_, _ = io.WriteString(conn, ok)
					if readRequest(r) {
						requests.Add(1)
						c.dying(conn)
					}
				})
				client := newClient(t, endpoint.ClientConfig{})
				// A body of 0 length would let net/http repeat the request by itself.
				if res := client.Do(t.Context(), request(url)); res.Class != endpoint.ClassNone || res.Phases.Reused || res.Phases.Resent {
					t.Fatalf("first: %+v", res)
				}
				res := client.Do(t.Context(), request(url))
				wantClass(t, res, c.class)
				if n := requests.Load(); n != c.requests || res.Phases.Resent != c.resent {
					t.Errorf("%d requests, resent %v; want %d, %v", n, res.Phases.Resent, c.requests, c.resent)
				}
			})
		})
	}
}

func TestDoIdleConnectionClosed(t *testing.T) {
	t.Parallel()
	url := rawServer(t, func(_ int, c *net.TCPConn, r *bufio.Reader) {
		if readRequest(r) { // promises to keep the connection and does not
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		}
	})
	client := newClient(t, endpoint.ClientConfig{})
	for range 200 {
		if res := client.Do(t.Context(), request(url)); res.Class != endpoint.ClassNone {
			t.Fatalf("%q %v", res.Class, res.Err)
		}
	}
}

func TestDoRefused(t *testing.T) {
	t.Parallel()
	res := newClient(t, endpoint.ClientConfig{}).Do(t.Context(), request("http://127.0.0.1:1/")) // nobody listens there
	wantClass(t, res, endpoint.ClassRefused)
	if res.Phases.Resent || res.Phases.Remote != "" || res.Phases.Total == 0 {
		t.Errorf("%+v", res.Phases)
	}
}

func TestDoDNS(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(http.ResponseWriter, *http.Request) {})
	port := s.URL[strings.LastIndexByte(s.URL, ':'):]
	c := newClient(t, endpoint.ClientConfig{Resolver: newResolver(t, map[string]string{"here.example": "127.0.0.1"})})
	res := c.Do(t.Context(), request("http://gone.example"+port))
	wantClass(t, res, endpoint.ClassDNS)
	if res.Err == nil || !strings.Contains(res.Reason(), "gone.example") {
		t.Errorf("reason %q", res.Reason())
	}
	res = c.Do(t.Context(), request("http://here.example"+port))
	wantClass(t, res, endpoint.ClassNone)
	if p := res.Phases; p.DNS <= 0 || p.Connect <= 0 || p.TTFB <= 0 || p.TLS != 0 || p.Total < p.DNS+p.Connect+p.TTFB || p.Remote != s.Listener.Addr().String() || p.Reused {
		t.Errorf("phases %+v", p)
	}
}

func TestDoTLS(t *testing.T) {
	t.Parallel()
	proto := make(chan string, 10)
	s := startServer(t, func(_ http.ResponseWriter, r *http.Request) { proto <- r.Proto }, func(s *httptest.Server) {
		s.EnableHTTP2 = true
		s.StartTLS()
	})
	plain := newServer(t, func(http.ResponseWriter, *http.Request) {})
	closing := rawServer(t, func(int, *net.TCPConn, *bufio.Reader) {})

	strict := newClient(t, endpoint.ClientConfig{})
	for name, url := range map[string]string{
		"self-signed":    s.URL,
		"no TLS there":   strings.Replace(plain.URL, "http:", "https:", 1),
		"closes at once": strings.Replace(closing, "http:", "https:", 1),
	} {
		res := strict.Do(t.Context(), request(url))
		if res.Class != endpoint.ClassTLS || res.Phases.Resent {
			t.Errorf("%s: %q %v", name, res.Class, res.Err)
		}
	}
	if res := strict.Do(t.Context(), request(strings.Replace(s.URL, "https:", "http:", 1))); res.Class != endpoint.ClassHTTP || res.Status != 400 {
		t.Errorf("http to a TLS port: %+v", res)
	}
	if n := s.requests.Load(); n != 0 {
		t.Errorf("%d requests got through", n)
	}

	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	trusting := newClient(t, endpoint.ClientConfig{TLS: &tls.Config{RootCAs: roots}})
	res := trusting.Do(t.Context(), request(s.URL))
	wantClass(t, res, endpoint.ClassNone)
	if p := <-proto; p != "HTTP/2.0" || res.Phases.TLS <= 0 {
		t.Errorf("%s, phases %+v", p, res.Phases)
	}
	picky := startServer(t, func(http.ResponseWriter, *http.Request) {}, func(s *httptest.Server) {
		s.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
		s.StartTLS()
	})
	wantClass(t, newClient(t, endpoint.ClientConfig{TLS: &tls.Config{RootCAs: roots}}).Do(t.Context(), request(picky.URL)), endpoint.ClassTLS)
	identity := newClient(t, endpoint.ClientConfig{TLS: &tls.Config{RootCAs: roots, Certificates: s.TLS.Certificates}})
	wantClass(t, identity.Do(t.Context(), request(picky.URL)), endpoint.ClassNone)
	named := newClient(t, endpoint.ClientConfig{TLS: &tls.Config{RootCAs: roots, ServerName: "other.test"}})
	wantClass(t, named.Do(t.Context(), request(s.URL)), endpoint.ClassTLS)
}

// An HTTP/2 server that aborts one stream has not lost its connection: nothing is sent twice.
func TestDoHTTP2Abort(t *testing.T) {
	t.Parallel()
	s := startServer(t, func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/abort" {
			panic(http.ErrAbortHandler)
		}
	}, func(s *httptest.Server) {
		s.EnableHTTP2 = true
		s.StartTLS()
	})
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	c := newClient(t, endpoint.ClientConfig{TLS: &tls.Config{RootCAs: roots}})
	wantClass(t, c.Do(t.Context(), request(s.URL)), endpoint.ClassNone)
	for range 3 {
		res := c.Do(t.Context(), request(s.URL+"/abort"))
		wantClass(t, res, endpoint.ClassReset)
		if res.Phases.Resent || !res.Phases.Reused {
			t.Errorf("phases %+v", res.Phases)
		}
	}
	if n := s.requests.Load(); n != 4 {
		t.Errorf("%d requests for 4 attempts", n)
	}
}

// A server that answers before it has read the payload, and closes, still shows its answer.
func TestDoEarlyAnswer(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(413) })
	req := request(s.URL)
	req.Body = make([]byte, 1<<20)
	res := newClient(t, endpoint.ClientConfig{}).Do(t.Context(), req)
	if res.Status != 413 {
		t.Errorf("%s: %v", res.Reason(), res.Err)
	}
}

func ExampleDecide() {
	r := endpoint.Result{Class: endpoint.ClassHTTP, Status: 503}
	s := endpoint.Decide(r, endpoint.RetryPolicy{}, endpoint.History{}, epoch, nil)
	fmt.Println(s.Action, s.Delay, s.Verdict.Reason)
	// Output: retry 5s answered 503 Service Unavailable
}
