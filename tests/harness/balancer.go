package harness

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"sync"
	"testing"
	"time"
)

// readyEvery is how often a balancer asks each node whether it is ready.
const readyEvery = 100 * time.Millisecond

// balancer gives requests to the nodes of a router in turn, at an address that stays the same. It leaves out nodes that do
// not answer /readyz with 200, as long as one does. A request for which no connection could be made goes to the next
// node; one that may have reached a node is not tried again: its connection is cut, as the node's was.
type balancer struct {
	address   string
	transport *http.Transport

	mu    sync.Mutex // guards what follows
	nodes []backend
	next  int
}

type backend struct {
	address string // empty until the node was ready
	ready   bool
}

// forwarded are the headers that httputil.ReverseProxy takes away, which a router must see as they were sent.
var forwarded = []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"}

func startBalancer(t testing.TB, nodes int) *balancer {
	t.Helper()
	b := &balancer{
		nodes:     make([]backend, nodes),
		transport: &http.Transport{MaxIdleConnsPerHost: 256, DisableCompression: true},
	}
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b.address = listener.Addr().String()
	silent := log.New(io.Discard, "", 0)
	server := &http.Server{ReadHeaderTimeout: Limit, ErrorLog: silent, Handler: &httputil.ReverseProxy{
		Transport: b, ErrorLog: silent,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host, r.Out.URL.RawQuery = "http", b.address, r.In.URL.RawQuery
			for _, name := range forwarded {
				if values, ok := r.In.Header[name]; ok {
					r.Out.Header[name] = values
				}
			}
		},
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}}
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = server.Serve(listener) }) // ends with ErrServerClosed
	for i := range nodes {
		running.Go(func() { b.watch(ctx, i) })
	}
	t.Cleanup(func() {
		stop()
		_ = server.Close()
		running.Wait()
		b.transport.CloseIdleConnections()
	})
	return b
}

// join says that a node is ready, and where.
func (b *balancer) join(node int, address string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.nodes[node] = backend{address: address, ready: true}
}

// watch asks a node whether it is ready until ctx ends.
func (b *balancer) watch(ctx context.Context, node int) {
	transport := &http.Transport{DisableKeepAlives: true}
	tick := time.NewTicker(readyEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		b.mu.Lock()
		address := b.nodes[node].address
		b.mu.Unlock()
		if address == "" {
			continue
		}
		ready := isReady(ctx, transport, address)
		b.mu.Lock()
		if b.nodes[node].address == address {
			b.nodes[node].ready = ready
		}
		b.mu.Unlock()
	}
}

func isReady(ctx context.Context, transport *http.Transport, address string) bool {
	ctx, cancel := context.WithTimeout(ctx, Limit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/readyz", nil)
	if err != nil {
		return false
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// order returns the nodes to try: those that are ready, the one whose turn it is first, then the others.
func (b *balancer) order() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var ready, others []string
	for i := range b.nodes {
		n := b.nodes[(b.next+i)%len(b.nodes)]
		switch {
		case n.ready:
			ready = append(ready, n.address)
		case n.address != "":
			others = append(others, n.address)
		}
	}
	b.next++
	return append(ready, others...)
}

// RoundTrip is http.RoundTripper's, for the proxy alone, whose requests are its own to change.
func (b *balancer) RoundTrip(req *http.Request) (*http.Response, error) {
	body := req.Body
	err := errors.New("no node was ready yet")
	for _, address := range b.order() {
		req.URL.Host = address
		if body != nil {
			req.Body = io.NopCloser(body) // the proxy closes it
		}
		var resp *http.Response
		if resp, err = b.transport.RoundTrip(req); err == nil {
			return whole(resp)
		}
		if op, ok := errors.AsType[*net.OpError](err); !ok || op.Op != "dial" || req.Context().Err() != nil {
			return nil, err
		}
	}
	return nil, err
}

// whole reads an answer to its end. The proxy closes the request's body with the first byte that it passes on; if that was still being
// sent, or only about to end, net/http takes it for a failure and cuts the connection to the node, with what is left of the answer.
func whole(resp *http.Response) (*http.Response, error) {
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	resp.Body = io.NopCloser(bytes.NewReader(text))
	return resp, nil
}
