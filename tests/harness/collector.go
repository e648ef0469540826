package harness

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Request is a request that a Collector got.
type Request struct {
	At     time.Time
	Method string
	Path   string
	Header http.Header
	Body   string
}

// Reply is what a Collector does with a request. The zero value answers 204.
type Reply struct {
	// Status is what to answer; 0 is 204.
	Status int
	Header map[string]string
	Body   string
	// Hang keeps the request unanswered until the client gives up or the test ends.
	Hang bool
	// Cut closes the connection without an answer.
	Cut bool
}

// Want declares what a path must get, and when: Count requests, each within the matching range of Gaps after the one before.
type Want struct {
	Path  string
	Count int
	// Gaps has the least and the most time from request n to n+1. It may be shorter than Count-1; what it does not say is
	// free.
	Gaps []Gap
}

// Gap is a range of time. Most 0 is no upper limit but the one that the test gives up at. Least is judged to within 2 ms,
// because the router keeps times in milliseconds and what comes in between two requests is not seen from here.
type Gap struct{ Least, Most time.Duration }

// Collector is an HTTP server that plays the functions: it keeps every request, and answers by a script per path.
type Collector struct {
	t       testing.TB
	address string
	closing chan struct{}

	mu       sync.Mutex // guards what follows
	server   *http.Server
	served   chan struct{}
	requests []Request
	scripts  map[string][]Reply
	more     chan struct{}
}

// NewCollector starts a Collector. It ends with the test.
func NewCollector(t testing.TB) *Collector {
	t.Helper()
	c := &Collector{t: t, address: "127.0.0.1:0", closing: make(chan struct{}), scripts: map[string][]Reply{}, more: make(chan struct{})}
	c.Up()
	t.Cleanup(func() {
		close(c.closing)
		c.Down()
	})
	return c
}

// URL returns the address of a path.
func (c *Collector) URL(path string) string { return "http://" + c.address + path }

// Script says what to answer to the requests of a path, one after the other. The last reply repeats.
func (c *Collector) Script(path string, replies ...Reply) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.scripts[path] = replies
}

// Up listens again after Down, at the same address.
func (c *Collector) Up() {
	c.t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", c.address)
	if err != nil {
		c.t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(c.serve), ReadHeaderTimeout: Limit}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(listener) // ends with ErrServerClosed
	}()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.address, c.server, c.served = listener.Addr().String(), server, served
}

// Down closes the listener and every connection: the functions are gone.
func (c *Collector) Down() {
	c.mu.Lock()
	server, served := c.server, c.served
	c.mu.Unlock()
	_ = server.Close()
	<-served
}

func (c *Collector) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client is gone
	}
	reply := c.take(Request{At: time.Now(), Method: r.Method, Path: r.URL.Path, Header: r.Header, Body: string(body)})
	switch {
	case reply.Hang:
		select {
		case <-r.Context().Done():
		case <-c.closing:
		}
		panic(http.ErrAbortHandler)
	case reply.Cut:
		panic(http.ErrAbortHandler)
	}
	for name, value := range reply.Header {
		w.Header().Set(name, value)
	}
	if reply.Status == 0 {
		reply.Status = http.StatusNoContent
	}
	w.WriteHeader(reply.Status)
	_, _ = io.WriteString(w, reply.Body)
}

// take records a request and returns the reply to it.
func (c *Collector) take(r Request) (reply Reply) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.requests = append(c.requests, r)
	close(c.more)
	c.more = make(chan struct{})
	script := c.scripts[r.Path]
	if len(script) > 0 {
		reply = script[0]
	}
	if len(script) > 1 {
		c.scripts[r.Path] = script[1:]
	}
	return reply
}

// Requests returns what a path has got so far; "" is every path.
func (c *Collector) Requests(path string) []Request {
	requests, _ := c.got(path)
	return requests
}

func (c *Collector) got(path string) ([]Request, <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(c.requests), func(r Request) bool { return path != "" && r.Path != path }), c.more
}

// Wait waits until a path has got n requests, and returns all it got.
func (c *Collector) Wait(path string, n int) []Request {
	c.t.Helper()
	deadline := time.NewTimer(Limit)
	defer deadline.Stop()
	for {
		requests, more := c.got(path)
		if len(requests) >= n {
			return requests
		}
		select {
		case <-more:
		case <-deadline.C:
			c.t.Fatalf("waited %v for %d requests to %s, got %d", Limit, n, path, len(requests))
		}
	}
}

// Expect waits until every want is met, and fails the test where a request came too early, too late, or was one too many.
// That there is not one too many is checked at the end of the test again.
func (c *Collector) Expect(wants ...Want) {
	c.t.Helper()
	for _, want := range wants {
		if want.Count > 0 {
			c.Wait(want.Path, want.Count)
		}
		requests := c.Requests(want.Path)
		for i, gap := range want.Gaps {
			if i+1 >= len(requests) {
				break
			}
			took := requests[i+1].At.Sub(requests[i].At)
			// On a busy machine the earlier of the two is noted late, which makes the time between them look shorter.
			if took < gap.Least/2 || gap.Most > 0 && took > gap.Most {
				c.t.Errorf("%s: request %d came %v after the one before, want %v to %v", want.Path, i+2, took.Round(10*time.Microsecond), gap.Least, gap.Most)
			}
		}
		c.noMore(want)
		c.t.Cleanup(func() { c.noMore(want) })
	}
}

func (c *Collector) noMore(want Want) {
	c.t.Helper()
	if n := len(c.Requests(want.Path)); n > want.Count {
		c.t.Errorf("%s got %d requests, want %d", want.Path, n, want.Count)
	}
}

// String lists what was got, for messages.
func (c *Collector) String() string {
	var b strings.Builder
	for _, r := range c.Requests("") {
		fmt.Fprintf(&b, "%s %s %s %d bytes\n", r.At.Format(time.StampMilli), r.Method, r.Path, len(r.Body))
	}
	return b.String()
}
