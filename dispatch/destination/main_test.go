package destination

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/queue/catalog/catalogtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func at(name string) catalog.Name {
	return catalog.Name{Account: "000000000000", Region: "us-east-1", Name: name}
}

// wire is a network in memory with one server, over net.Pipe, for virtual time.
type wire struct {
	conns  chan net.Conn
	closed chan struct{}
	close  func()
}

func (w *wire) Accept() (net.Conn, error) {
	select {
	case c := <-w.conns:
		return c, nil
	case <-w.closed:
		return nil, net.ErrClosed
	}
}

func (w *wire) Close() error   { w.close(); return nil }
func (w *wire) Addr() net.Addr { return &net.TCPAddr{} }

func (w *wire) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case w.conns <- far:
		return near, nil
	case <-w.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// asked is one request for a token.
type asked struct {
	at                  time.Time
	method, query, body string
	header              http.Header
}

// issuer is an OAuth server.
type issuer struct {
	mu     sync.Mutex
	asked  []asked
	answer func(n int, w http.ResponseWriter, r *http.Request) // n counts from 1
}

func (i *issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	i.mu.Lock()
	i.asked = append(i.asked, asked{time.Now(), r.Method, r.URL.RawQuery, string(body), r.Header})
	n, answer := len(i.asked), i.answer
	i.mu.Unlock()
	if answer == nil {
		grants(time.Hour)(n, w, r)
		return
	}
	answer(n, w, r)
}

func (i *issuer) set(answer func(int, http.ResponseWriter, *http.Request)) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.answer = answer
}

func (i *issuer) got() []asked {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.asked[:len(i.asked):len(i.asked)]
}

// grants answers token-1, token-2, …
func grants(life time.Duration) func(int, http.ResponseWriter, *http.Request) {
	return func(n int, w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"access_token":"token-%d","token_type":"bearer","expires_in":%d}`, n, int(life.Seconds()))
	}
}

// serve has the issuer answer in memory, and returns tokens that ask it.
func serve(t *testing.T, i *issuer) *Tokens {
	t.Helper()
	w := &wire{conns: make(chan net.Conn), closed: make(chan struct{})}
	w.close = sync.OnceFunc(func() { close(w.closed) })
	server := &http.Server{Handler: i, ErrorLog: log.New(io.Discard, "", 0)}
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(w) }()
	client := endpoint.NewClient(endpoint.ClientConfig{Dial: w.dial})
	t.Cleanup(func() { server.Close(); <-done; client.Close() })
	return NewTokens(client)
}

func newManager(t *testing.T, tokens *Tokens) *Manager {
	t.Helper()
	defs, err := catalog.Open(context.Background(), new(catalogtest.Memory))
	if err != nil {
		t.Fatal(err)
	}
	return New(defs, time.Now, tokens)
}

// run authorizes until the test ends, or stop is called.
func (m *Manager) run(t *testing.T) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- m.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(stop)
	return stop
}

func oauth() Connection {
	return Connection{Authorization: OAuth, Token: &TokenSource{
		Endpoint: "http://issuer/token", Method: "POST", ClientID: "client", ClientSecret: "hunter22",
	}}
}

func basicAuth() Connection {
	return Connection{Authorization: Basic, Username: "u", Password: "passw0rd"}
}

func toAPI(connection string) Destination {
	return Destination{Connection: connection, URL: "https://api.test/*", Method: "POST"}
}

func mustNotHave(t *testing.T, what, text string, secrets ...string) {
	t.Helper()
	for _, s := range secrets {
		if strings.Contains(text, s) {
			t.Errorf("%s has the secret %s: %s", what, s, text)
		}
	}
}
