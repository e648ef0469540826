package endpoint_test

import (
	"bufio"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
)

func TestDoSends(t *testing.T) {
	t.Parallel()
	got := make(chan *http.Request, 1)
	body := make(chan string, 1)
	s := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		got <- r
		body <- string(b)
		w.Header().Set("X-Answer", "yes")
		w.Header().Set("Retry-After", "60") // means nothing with a success
		_, _ = io.WriteString(w, "thanks")
	})
	signer, err := endpoint.NewSigner(endpoint.Signing{Secrets: []endpoint.Secret{whsec(32, 'n'), vectorSecret}})
	if err != nil {
		t.Fatal(err)
	}
	e := endpoint.Endpoint{Name: "f", Managed: true, URL: strings.Replace(s.URL, "http://", "http://user:pw@", 1) + "/p?q=1",
		Headers: map[string]string{"x-team": "payments"}}
	req := e.Request()
	req.Body, req.ID, req.Attempt, req.Signer = []byte(vectorBody), vectorID, 3, signer
	req.TraceParent, req.ContentType = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "application/cloudevents+json"
	before := time.Now()
	res := newClient(t, endpoint.ClientConfig{Version: "1.2.3"}).Do(t.Context(), req)

	wantClass(t, res, endpoint.ClassNone)
	if res.Status != 200 || string(res.Body) != "thanks" || res.Truncated || res.Header.Get("X-Answer") != "yes" || res.Err != nil || res.RetryAfter != 0 {
		t.Errorf("result %+v", res)
	}
	r := <-got
	if b := <-body; b != vectorBody || r.Method != "POST" || r.URL.String() != "/p?q=1" {
		t.Errorf("got %s %s %q", r.Method, r.URL, b)
	}
	stamp, err := strconv.ParseInt(r.Header.Get("webhook-timestamp"), 10, 64)
	if err != nil || stamp < before.Unix() || stamp > time.Now().Unix() {
		t.Errorf("webhook-timestamp %q", r.Header.Get("webhook-timestamp"))
	}
	for name, want := range map[string]string{
		"User-Agent": "Signalbox/1.2.3", "Content-Type": "application/cloudevents+json", "Signalbox-Attempt": "3", "X-Team": "payments",
		"Traceparent": req.TraceParent, "Webhook-Id": vectorID, "Webhook-Signature": signer.Signature(vectorID, time.Unix(stamp, 0), []byte(vectorBody)),
		"Authorization": "Basic " + base64.StdEncoding.EncodeToString([]byte("user:pw")), "Accept-Encoding": "", "X-Amz-Invocation-Type": "",
		"Content-Length": strconv.Itoa(len(vectorBody)),
	} {
		if got := r.Header.Get(name); got != want {
			t.Errorf("%s: %q; want %q", name, got, want)
		}
	}
}

func TestDoSendsLittle(t *testing.T) {
	t.Parallel()
	got := make(chan http.Header, 1)
	s := newServer(t, func(w http.ResponseWriter, r *http.Request) { got <- r.Header; w.WriteHeader(204) })
	res := newClient(t, endpoint.ClientConfig{}).Do(t.Context(), endpoint.Request{URL: s.URL, Managed: true})
	wantClass(t, res, endpoint.ClassNone)
	h := <-got
	if len(h) != 3 || h.Get("User-Agent") != "Signalbox/dev" || h.Get("Content-Type") != "application/json" || h.Get("Content-Length") != "0" {
		t.Errorf("headers %v", h)
	}
}

func TestDoNeverFollowsRedirects(t *testing.T) {
	t.Parallel()
	other := newServer(t, func(http.ResponseWriter, *http.Request) {})
	signer, err := endpoint.NewSigner(endpoint.Signing{Secrets: []endpoint.Secret{vectorSecret}})
	if err != nil {
		t.Fatal(err)
	}
	s := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		status, _ := strconv.Atoi(r.URL.Path[1:])
		if r.URL.RawQuery == "" {
			w.Header().Set("Location", other.URL+"/elsewhere")
		}
		w.WriteHeader(status)
	})
	c := newClient(t, endpoint.ClientConfig{})
	for _, status := range []int{300, 301, 302, 303, 304, 305, 307, 308} {
		req := request(fmt.Sprintf("%s/%d", s.URL, status))
		req.Signer = signer
		res := c.Do(t.Context(), req)
		wantClass(t, res, endpoint.ClassRedirect)
		if res.Status != status || res.Location != other.URL+"/elsewhere" || !strings.Contains(res.Reason(), res.Location) {
			t.Errorf("%d: %+v", status, res)
		}
		req.URL += "?no-location"
		wantClass(t, c.Do(t.Context(), req), endpoint.ClassRedirect)
	}
	if n := other.requests.Load() + other.connections.Load(); n != 0 {
		t.Errorf("the other host was called: %d", n)
	}
	if n := s.requests.Load(); n != 16 {
		t.Errorf("%d requests for 16 attempts", n)
	}
}

func TestDoRetryAfter(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Retry-After", r.URL.Query().Get("v"))
		if date := r.URL.Query().Get("date"); date != "" {
			w.Header().Set("Date", date)
		}
		status, _ := strconv.Atoi(r.URL.Query().Get("s"))
		w.WriteHeader(status)
	})
	c := newClient(t, endpoint.ClientConfig{})
	for _, row := range []struct {
		status      int
		value, date string
		want        time.Duration
	}{
		{429, "120", "", 2 * time.Minute}, {503, "7", "", 7 * time.Second}, {302, "7", "", 7 * time.Second}, {500, "7", "", 7 * time.Second},
		{429, "-1", "", -1}, {429, "-99999999999999999999.5", "", -1}, {429, "-0", "", 0}, {429, "-", "", 0}, {429, "soon", "", 0}, {429, "", "", 0}, {200, "7", "", 0},
		{429, "999999999999999999999", "", endpoint.MaxDelay}, {503, "Fri, 31 Dec 9999 23:59:59 GMT", "", endpoint.MaxDelay},
		// The server's clock is years off: what counts is the distance from its own Date.
		{503, "Tue, 01 Jan 2002 00:01:30 GMT", "Tue, 01 Jan 2002 00:00:00 GMT", 90 * time.Second},
		{503, "Tue, 01 Jan 2002 00:00:00 GMT", "Tue, 01 Jan 2002 00:01:30 GMT", 0},
	} {
		q := url.Values{"s": {strconv.Itoa(row.status)}, "v": {row.value}, "date": {row.date}}
		res := c.Do(t.Context(), request(s.URL+"/?"+q.Encode()))
		if res.Status != row.status || res.RetryAfter != row.want {
			t.Errorf("%d %q: %d %v; want %v", row.status, row.value, res.Status, res.RetryAfter, row.want)
		}
	}
}

func TestDoBodies(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		n, _ := strconv.Atoi(r.URL.Query().Get("n"))
		if r.URL.Path == "/length" {
			w.Header().Set("Content-Length", strconv.Itoa(n))
		} else {
			_ = http.NewResponseController(w).Flush() // makes it chunked
		}
		_, _ = io.WriteString(w, strings.Repeat("x", n))
	})
	c := newClient(t, endpoint.ClientConfig{})
	for _, path := range []string{"/length", "/chunked"} {
		for _, n := range []int{0, 1, 511, 512, 513, 65535, 65536, 65537, 1 << 20} {
			res := c.Do(t.Context(), request(fmt.Sprintf("%s%s?n=%d", s.URL, path, n)))
			wantClass(t, res, endpoint.ClassNone)
			if len(res.Body) != min(n, endpoint.MaxResponseBody) || res.Truncated != (n > endpoint.MaxResponseBody) || strings.Trim(string(res.Body), "x") != "" {
				t.Errorf("%s %d: %d bytes, truncated %v", path, n, len(res.Body), res.Truncated)
			}
		}
	}
	head := request(s.URL + "/length?n=100")
	head.Method, head.Body = "HEAD", nil
	if res := c.Do(t.Context(), head); res.Class != endpoint.ClassNone || len(res.Body) != 0 || res.Truncated {
		t.Errorf("HEAD: %+v", res)
	}
}

func TestDoEndlessBody(t *testing.T) {
	t.Parallel()
	ended := make(chan struct{})
	s := newServer(t, func(w http.ResponseWriter, _ *http.Request) {
		defer close(ended)
		for {
			if _, err := w.Write(make([]byte, 4096)); err != nil {
				return
			}
		}
	})
	res := newClient(t, endpoint.ClientConfig{}).Do(t.Context(), request(s.URL))
	wantClass(t, res, endpoint.ClassNone)
	if len(res.Body) != endpoint.MaxResponseBody || !res.Truncated {
		t.Errorf("%d bytes, truncated %v", len(res.Body), res.Truncated)
	}
	<-ended // the connection was closed
}

func TestDoHang(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dial := rawDial(func(_ net.Conn, r *bufio.Reader) {
			readRequest(r)
			readRequest(r) // until the client gives up
		})
		req := request("http://hangs/")
		req.Timeout = 50 * time.Millisecond
		res := newClient(t, endpoint.ClientConfig{Dial: dial}).Do(t.Context(), req)
		wantClass(t, res, endpoint.ClassTimeout)
		if want := (endpoint.Phases{Connect: connectTime, Total: req.Timeout, Remote: "pipe"}); res.Status != 0 || res.Phases != want {
			t.Errorf("status %d, phases %+v; want 0, %+v", res.Status, res.Phases, want)
		}
	})
}

func TestDoDrip(t *testing.T) {
	t.Parallel()
	for status, class := range map[int]endpoint.ErrorClass{200: endpoint.ClassTimeout, 410: endpoint.ClassHTTP} {
		synctest.Test(t, func(t *testing.T) {
			const thinking = 10 * time.Millisecond
			ended := make(chan struct{})
			dial := rawDial(func(c net.Conn, r *bufio.Reader) {
				defer close(ended)
				readRequest(r)
				<-time.After(thinking)
				_, err := fmt.Fprintf(c, "HTTP/1.1 %d Drip\r\nTransfer-Encoding: chunked\r\n\r\n", status)
				for err == nil { // one byte at once, then one a second
					_, err = io.WriteString(c, "1\r\nx\r\n")
					<-time.After(time.Second)
				}
			})
			req := request("http://drips/")
			req.Timeout = 200 * time.Millisecond
			res := newClient(t, endpoint.ClientConfig{Dial: dial}).Do(t.Context(), req)
			wantClass(t, res, class)
			if res.Status != status || string(res.Body) != "x" || !res.Truncated || res.Phases.TTFB != thinking || res.Phases.Total != req.Timeout {
				t.Errorf("%+v", res)
			}
			<-ended // the connection was closed
		})
	}
}

func TestDoInterrupted(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	s := newServer(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		cancel()
		<-r.Context().Done()
	})
	c := newClient(t, endpoint.ClientConfig{})
	res := c.Do(ctx, request(s.URL))
	wantClass(t, res, endpoint.ClassInterrupted)
	wantClass(t, c.Do(ctx, request(s.URL)), endpoint.ClassInterrupted)
	if n := s.requests.Load(); n != 1 {
		t.Errorf("%d requests", n)
	}
	deadline, stop := context.WithTimeout(t.Context(), time.Nanosecond)
	defer stop()
	wantClass(t, c.Do(deadline, request(s.URL)), endpoint.ClassInterrupted)
}

func TestDoBadRequest(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(http.ResponseWriter, *http.Request) {})
	c := newClient(t, endpoint.ClientConfig{})
	signer, err := endpoint.NewSigner(endpoint.Signing{Secrets: []endpoint.Secret{vectorSecret}})
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*endpoint.Request){
		"url":             func(r *endpoint.Request) { r.URL = "http://%zz" },
		"no url":          func(r *endpoint.Request) { r.URL = "" },
		"scheme":          func(r *endpoint.Request) { r.URL = "file:///etc/passwd" },
		"method":          func(r *endpoint.Request) { r.Method = "PO ST" },
		"header name":     func(r *endpoint.Request) { r.Header = http.Header{"A b": {"c"}} },
		"header value":    func(r *endpoint.Request) { r.Header = http.Header{"Ab": {"c\r\nd: e"}} },
		"content type":    func(r *endpoint.Request) { r.ContentType = "a\nb" },
		"traceparent":     func(r *endpoint.Request) { r.TraceParent = "a\nb" },
		"dot in id":       func(r *endpoint.Request) { r.ID = "a.b" },
		"newline in id":   func(r *endpoint.Request) { r.ID = "a\nb" },
		"sign without id": func(r *endpoint.Request) { r.ID, r.Signer = "", signer },
	} {
		req := request(s.URL)
		change(&req)
		res := c.Do(t.Context(), req)
		if res.Class != endpoint.ClassRequest || res.Err == nil {
			t.Errorf("%s: %+v", name, res)
		}
	}
	if n := s.connections.Load(); n != 0 {
		t.Errorf("%d connections", n)
	}
}

func TestDoLambda(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Amz-Invocation-Type") != "RequestResponse" {
			w.WriteHeader(400)
			return
		}
		if strings.Contains(r.URL.Path, "/bad/") {
			w.Header().Set("X-Amz-Function-Error", "Unhandled")
		}
		_, _ = io.WriteString(w, `{"errorMessage":"boom"}`)
	})
	c := newClient(t, endpoint.ClientConfig{})
	for name, class := range map[string]endpoint.ErrorClass{"good": endpoint.ClassNone, "bad": endpoint.ClassFunction} {
		req := endpoint.Endpoint{Name: name, URL: s.URL, Format: endpoint.FormatLambda, Managed: true}.Request()
		res := c.Do(t.Context(), req)
		wantClass(t, res, class)
		if res.Status != 200 || len(res.Body) == 0 {
			t.Errorf("%s: %+v", name, res)
		}
	}
}

// As many connections are kept as attempts were in flight, so that a busy endpoint does not pay for new ones.
//
// It runs in a bubble so that the clock stands still, as it does there while somebody waits for a real socket: net/http keeps a connection
// only if the goroutine that wrote the request says so within 50 ms of the answer, for which a busy machine can take longer.
func TestDoKeepsConnections(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const n = 40
		var mu sync.Mutex // guards waiting and gate
		waiting, gate := 0, make(chan struct{})
		s := newServer(t, func(w http.ResponseWriter, _ *http.Request) {
			mu.Lock()
			waiting++
			mine := gate
			if waiting == n { // all are here at the same time
				close(gate)
				waiting, gate = 0, make(chan struct{})
			}
			mu.Unlock()
			<-mine
			w.WriteHeader(204)
		})
		c := newClient(t, endpoint.ClientConfig{})
		for wave := range 3 {
			var wg sync.WaitGroup
			for range n {
				wg.Go(func() {
					res := c.Do(t.Context(), request(s.URL))
					if res.Class != endpoint.ClassNone || res.Phases.Reused != (wave > 0) {
						t.Errorf("wave %d: %+v", wave, res)
					}
				})
			}
			wg.Wait()
		}
		if got := s.connections.Load(); got != n {
			t.Errorf("%d connections for %d in flight", got, n)
		}
	})
}

func TestDoProxy(t *testing.T) {
	t.Parallel()
	var asked string
	proxy := newServer(t, func(w http.ResponseWriter, r *http.Request) { asked = r.URL.String(); w.WriteHeader(202) })
	u, err := url.Parse(proxy.URL)
	if err != nil {
		t.Fatal(err)
	}
	c := newClient(t, endpoint.ClientConfig{Proxy: http.ProxyURL(u), Resolver: newResolver(t, nil)})
	req := request("http://inside.example/x")
	if res := c.Do(t.Context(), req); res.Status != 202 || asked != req.URL {
		t.Errorf("managed: %+v, the proxy saw %q", res, asked)
	}
	req.Managed = false
	wantClass(t, c.Do(t.Context(), req), endpoint.ClassDNS)
	if n := proxy.requests.Load(); n != 1 {
		t.Errorf("the proxy got %d requests", n)
	}
}

func TestDoBlockedByName(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(http.ResponseWriter, *http.Request) {})
	port := s.URL[strings.LastIndexByte(s.URL, ':'):]
	c := newClient(t, endpoint.ClientConfig{Resolver: newResolver(t, map[string]string{
		"localhost": "127.0.0.1", "evil.example": "127.0.0.1", "2130706433": "127.0.0.1", "0x7f.1": "127.0.0.1", "metadata.example": "169.254.169.254", "private.example": "10.0.0.1",
	})})
	for _, host := range []string{
		"127.0.0.1", "127.9.9.9", "0.0.0.0", "localhost", "LOCALHOST", "localhost.", "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "0x7f.1",
		"evil.example", "evil.example.", "metadata.example", "private.example", "169.254.169.254", "[fe80::1%25lo]", "[64:ff9b::7f00:1]", "[fd00:ec2::254]",
	} {
		req := request("http://" + host + port + "/")
		req.Managed = false
		res := c.Do(t.Context(), req)
		if res.Class != endpoint.ClassEgress || !errors.Is(res.Err, endpoint.ErrBlockedAddress) || res.Phases.Resent {
			t.Errorf("%s: %q %v", host, res.Class, res.Err)
		}
	}
	// Go's own resolver takes this for no name; the C library's would resolve it to 127.0.0.1, which the guard would see.
	req := request("http://2130706433" + port + "/")
	req.Managed = false
	if res := c.Do(t.Context(), req); res.Class != endpoint.ClassDNS && res.Class != endpoint.ClassEgress {
		t.Errorf("decimal address: %q %v", res.Class, res.Err)
	}
	if n := s.connections.Load(); n != 0 {
		t.Errorf("%d connections were made", n)
	}
	// The operator's own file may, but for metadata.
	for host, class := range map[string]endpoint.ErrorClass{"127.0.0.1": "", "evil.example": "", "metadata.example": endpoint.ClassEgress, "169.254.169.254": endpoint.ClassEgress} {
		wantClass(t, c.Do(t.Context(), request("http://"+host+port+"/")), class)
	}
	// Nor does a connection that the operator's endpoint has opened serve an API-made one.
	req = request(s.URL)
	wantClass(t, c.Do(t.Context(), req), endpoint.ClassNone)
	req.Managed = false
	wantClass(t, c.Do(t.Context(), req), endpoint.ClassEgress)

	allowing := newClient(t, endpoint.ClientConfig{Guard: endpoint.NewGuard(endpoint.Allow{Loopback: true})})
	wantClass(t, allowing.Do(t.Context(), req), endpoint.ClassNone)
}
