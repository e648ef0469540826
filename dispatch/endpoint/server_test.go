package endpoint_test

import (
	"bufio"
	"context"
	"encoding/binary"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
)

// newClient makes a client that is closed when the test ends.
func newClient(t testing.TB, c endpoint.ClientConfig) *endpoint.Client {
	t.Helper()
	client := endpoint.NewClient(c)
	t.Cleanup(client.Close)
	return client
}

// collector is a real HTTP server that counts requests and connections.
type collector struct {
	*httptest.Server
	requests, connections atomic.Int64
}

func newServer(t testing.TB, handler http.HandlerFunc) *collector {
	t.Helper()
	return startServer(t, handler, (*httptest.Server).Start)
}

func startServer(t testing.TB, handler http.HandlerFunc, start func(*httptest.Server)) *collector {
	t.Helper()
	c := &collector{}
	c.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.requests.Add(1)
		handler(w, r)
	}))
	c.Config.ErrorLog = log.New(io.Discard, "", 0)
	c.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			c.connections.Add(1)
		}
	}
	start(c.Server)
	t.Cleanup(c.Close)
	return c
}

// rawServer hands every accepted connection, numbered from 1, to serve, and closes it afterwards.
func rawServer(t testing.TB, serve func(n int, c *net.TCPConn, r *bufio.Reader)) (url string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex // guards conns
	var conns []net.Conn
	wg.Go(func() {
		for n := 1; ; n++ {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			conns = append(conns, c)
			mu.Unlock()
			wg.Go(func() {
				defer c.Close()
				serve(n, c.(*net.TCPConn), bufio.NewReader(c))
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		mu.Lock()
		for _, c := range conns {
			c.Close()
		}
		mu.Unlock()
		wg.Wait()
	})
	return "http://" + l.Addr().String() + "/"
}

// connectTime is what rawDial takes.
const connectTime = time.Millisecond

// rawDial is rawServer in memory, over net.Pipe, for virtual time. It tells the attempt of its beginning and its end, as a net.Dialer does.
func rawDial(serve func(c net.Conn, r *bufio.Reader)) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		trace := httptrace.ContextClientTrace(ctx)
		trace.ConnectStart(network, address)
		<-time.After(connectTime)
		near, far := net.Pipe()
		go func() {
			defer far.Close()
			serve(far, bufio.NewReader(far))
		}()
		trace.ConnectDone(network, address, nil)
		return near, nil
	}
}

// readRequest reads one whole request and reports whether there was one.
func readRequest(r *bufio.Reader) bool {
	req, err := http.ReadRequest(r)
	if err != nil {
		return false
	}
	_, err = io.Copy(io.Discard, req.Body)
	return err == nil
}

// newResolver answers A questions from the table and NXDOMAIN for every other name, over real UDP.
func newResolver(t testing.TB, table map[string]string) *net.Resolver {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		buf := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			if answer := dnsAnswer(buf[:n], table); answer != nil {
				_, _ = conn.WriteTo(answer, from)
			}
		}
	})
	t.Cleanup(func() { conn.Close(); wg.Wait() })
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

func dnsAnswer(query []byte, table map[string]string) []byte {
	if len(query) < 17 {
		return nil
	}
	var labels []string
	at := 12
	for query[at] != 0 {
		n := int(query[at])
		if at+1+n+5 > len(query) {
			return nil
		}
		labels = append(labels, strings.ToLower(string(query[at+1:at+1+n])))
		at += 1 + n
	}
	end := at + 5
	kind := binary.BigEndian.Uint16(query[at+1:])
	out := append([]byte{query[0], query[1], 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0}, query[12:end]...)
	addr, known := table[strings.Join(labels, ".")]
	switch {
	case !known:
		out[3] |= 3 // NXDOMAIN
	case kind == 1:
		ip := netip.MustParseAddr(addr).As4()
		out[7] = 1
		out = append(out, 0xC0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4)
		out = append(out, ip[:]...)
	}
	return out
}

// request is a managed request with a generous timeout.
func request(url string) endpoint.Request {
	return endpoint.Request{URL: url, Managed: true, Timeout: 20 * time.Second, Body: []byte(`{"a":1}`), ID: "msg_1", Attempt: 1}
}

func wantClass(t *testing.T, r endpoint.Result, class endpoint.ErrorClass) {
	t.Helper()
	if r.Class != class {
		t.Errorf("class %q (%s), err %v; want %q", r.Class, r.Reason(), r.Err, class)
	}
}
