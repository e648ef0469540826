package dispatch_test

import (
	"context"
	"encoding/json"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/signalbox-mq/signalbox/dispatch"
	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
	"github.com/signalbox-mq/signalbox/duration"
	"github.com/signalbox-mq/signalbox/event"
	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/queue/pebblestore"
)

const (
	account = "000000000000"
	region  = "us-east-1"
	// attemptsLog is a queue that no catalog record has.
	attemptsLog = queue.ID(1<<60 + 1)
)

// failLimit is how long a test waits for what must happen.
const failLimit = 30 * time.Second

func named(name string) catalog.Name {
	return catalog.Name{Account: account, Region: region, Name: name}
}

// env is a store with definitions, and a dispatcher that may be started over it several times.
type env struct {
	t      testing.TB
	store  queue.Store
	defs   *catalog.Catalog
	broker *queue.Broker
	cfg    dispatch.Config

	d    *dispatch.Dispatcher
	stop func()

	mu       sync.Mutex // guards what follows
	attempts []dispatch.Attempt
	changes  []dispatch.StateChange
	changed  chan struct{} // closed and replaced when one of them grows
}

// newEnv makes an environment on Pebble in memory, which is closed when the test ends.
func newEnv(t testing.TB) *env {
	t.Helper()
	store, err := pebblestore.Open("", pebblestore.Options{FS: vfs.NewMem(), CacheBytes: 1 << 20, MemTableBytes: 4 << 20, NoTicks: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Errorf("closing the store: %v", err)
		}
	})
	return newEnvOn(t, store, store)
}

func newEnvOn(t testing.TB, store queue.Store, backend catalog.Backend) *env {
	t.Helper()
	defs, err := catalog.Open(context.Background(), backend)
	if err != nil {
		t.Fatal(err)
	}
	e := &env{
		t: t, store: store, defs: defs, broker: queue.NewBroker(store, defs, queue.NewClock(time.Time{})),
		changed: make(chan struct{}),
	}
	e.cfg = dispatch.Config{
		Attempts: attemptsLog,
		OnAttempt: func(a dispatch.Attempt) {
			e.note(func() { e.attempts = append(e.attempts, a) })
		},
		OnStateChange: func(c dispatch.StateChange) {
			e.note(func() { e.changes = append(e.changes, c) })
		},
		OnFault: func(err error) { t.Logf("fault: %v", err) },
	}
	return e
}

func (e *env) note(grow func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	grow()
	close(e.changed)
	e.changed = make(chan struct{})
}

// start runs a dispatcher. It is stopped when the test ends, if not before.
func (e *env) start() {
	e.t.Helper()
	d, err := dispatch.New(e.broker, e.defs, e.cfg)
	if err != nil {
		e.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	e.d = d
	e.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			e.t.Errorf("Run: %v", err)
		}
	})
	e.t.Cleanup(e.stop)
}

// function defines a function; what is zero has its default.
func (e *env) function(name string, def endpoint.Endpoint) queue.ID {
	e.t.Helper()
	def.Name, def.Managed = name, true
	entry, err := catalog.NewTable[endpoint.Endpoint](e.defs, endpoint.FunctionTable).Put(context.Background(), named(name), def)
	if err != nil {
		e.t.Fatal(err)
	}
	return queue.IDFor(entry.ID, queue.Deliveries)
}

func (e *env) queue(name string) queue.ID {
	e.t.Helper()
	q, _, err := e.broker.Create(context.Background(), named(name), queue.Definition{})
	if err != nil {
		e.t.Fatal(err)
	}
	return q.ID
}

// sample is an event with the given data.
func sample(data string) event.Event {
	return event.Event{
		ID: queue.NewMessageID().String(), Source: "shop", Type: "order.created", Account: account, Region: region,
		Time: time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC), Detail: json.RawMessage(data),
	}
}

// post is one delivery to put into a delivery queue.
type post struct {
	to    queue.ID
	event event.Event
	group string
	about endpoint.Delivery
}

// publish appends deliveries, as rules do, and returns their IDs.
func (e *env) publish(posts ...post) []queue.MessageID {
	e.t.Helper()
	now := e.broker.Now()
	req := queue.AppendRequest{Now: now}
	var ids []queue.MessageID
	for _, p := range posts {
		id := queue.NewMessageID()
		about := p.about
		about.Account, about.Region, about.Published = account, region, now.UnixMilli()
		if about.Origin == "" {
			about.Origin = p.event.ID
		}
		if about.Rule == "" && about.Topic == "" {
			about.Bus, about.Rule, about.Target = "default", "orders", "function:f"
		}
		req.Entries = append(req.Entries, queue.Entry{
			Queue: p.to, Kind: queue.FIFO,
			Message: queue.Message{
				ID: id, Body: p.event.AppendEventBridge(nil), Group: p.group,
				System: []queue.Attribute{{Name: endpoint.AttributeDelivery, Type: "String", Value: about.Encode()}},
			},
		})
		ids = append(ids, id)
	}
	if _, err := e.store.Append(context.Background(), req); err != nil {
		e.t.Fatal(err)
	}
	return ids
}

// await waits until enough is true of the attempts and changes seen so far.
func (e *env) await(what string, enough func(attempts []dispatch.Attempt, changes []dispatch.StateChange) bool) []dispatch.Attempt {
	e.t.Helper()
	limit := time.NewTimer(failLimit)
	defer limit.Stop()
	return e.awaitUntil(what, limit.C, enough)
}

func (e *env) awaitUntil(what string, limit <-chan time.Time, enough func([]dispatch.Attempt, []dispatch.StateChange) bool) []dispatch.Attempt {
	e.t.Helper()
	for {
		e.mu.Lock()
		attempts, changes, changed := e.attempts[:len(e.attempts):len(e.attempts)], e.changes, e.changed
		e.mu.Unlock()
		if enough(attempts, changes) {
			return attempts
		}
		select {
		case <-changed:
		case <-limit:
			e.t.Fatalf("waiting for %s in vain; attempts: %+v; changes: %+v", what, attempts, changes)
		}
	}
}

// awaitAttempts waits for n attempts.
func (e *env) awaitAttempts(n int) []dispatch.Attempt {
	e.t.Helper()
	return e.await("attempts", func(a []dispatch.Attempt, _ []dispatch.StateChange) bool { return len(a) >= n })
}

// recorded returns the attempts log's entries of an origin.
func (e *env) recorded(origin string) []dispatch.Attempt {
	e.t.Helper()
	found, err := e.store.Get(context.Background(), e.broker.Now(), attemptsLog, origin)
	if err != nil {
		e.t.Fatal(err)
	}
	var all []dispatch.Attempt
	for _, p := range found {
		a, err := dispatch.DecodeAttempt(p.Message.Body)
		if err != nil {
			e.t.Fatal(err)
		}
		all = append(all, a)
	}
	return all
}

// contents returns all messages of a queue.
func (e *env) contents(id queue.ID, kind queue.Kind) []queue.Peeked {
	e.t.Helper()
	res, err := e.store.Scan(context.Background(), queue.ScanRequest{Now: e.broker.Now(), Queue: id, Kind: kind, Limit: 10000})
	if err != nil {
		e.t.Fatal(err)
	}
	return res.Messages
}

// builtin returns the messages of the built-in dead-letter queue.
func (e *env) builtin() []queue.Peeked {
	e.t.Helper()
	q, err := e.broker.EnsureDeadLetters(context.Background(), account, region)
	if err != nil {
		e.t.Fatal(err)
	}
	return e.contents(q.ID, queue.Standard)
}

func (e *env) stats(id queue.ID) queue.Stats {
	e.t.Helper()
	s, err := e.store.Stats(context.Background(), e.broker.Now(), []queue.ID{id})
	if err != nil {
		e.t.Fatal(err)
	}
	return s[0]
}

func attributesOf(m queue.Message) map[string]string {
	all := map[string]string{}
	for _, a := range m.Attributes {
		all[a.Name] = string(a.Value)
	}
	return all
}

// call is a request as a server got it.
type call struct {
	path   string
	header http.Header
	body   string
	at     time.Time
}

// collector is an HTTP server that keeps what it gets.
type collector struct {
	url     string
	running atomic.Int64
	most    atomic.Int64 // the most that ran at once

	mu      sync.Mutex // guards what follows
	calls   []call
	changed chan struct{}
}

// collect starts a server on loopback that answers by the handler (nil: 204).
func collect(t testing.TB, handler http.HandlerFunc) *collector {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return collectOn(t, l, "http://"+l.Addr().String(), handler)
}

func collectOn(t testing.TB, l net.Listener, url string, handler http.HandlerFunc) *collector {
	c := &collector{url: url, changed: make(chan struct{})}
	server := &http.Server{ErrorLog: log.New(io.Discard, "", 0), Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := c.running.Add(1)
		defer c.running.Add(-1)
		for most := c.most.Load(); n > most && !c.most.CompareAndSwap(most, n); most = c.most.Load() {
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		c.mu.Lock()
		c.calls = append(c.calls, call{path: r.URL.Path, header: r.Header, body: string(body), at: time.Now()})
		close(c.changed)
		c.changed = make(chan struct{})
		c.mu.Unlock()
		if handler == nil {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		handler(w, r)
	})}
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(l) }()
	t.Cleanup(func() { server.Close(); <-done })
	return c
}

func (c *collector) got() []call {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.calls[:len(c.calls):len(c.calls)]
}

func (c *collector) await(t testing.TB, n int) []call {
	t.Helper()
	limit := time.NewTimer(failLimit)
	defer limit.Stop()
	for {
		c.mu.Lock()
		calls, changed := c.calls[:len(c.calls):len(c.calls)], c.changed
		c.mu.Unlock()
		if len(calls) >= n {
			return calls
		}
		select {
		case <-changed:
		case <-limit.C:
			t.Fatalf("%d requests instead of %d", len(calls), n)
		}
	}
}

// schedule is a retry policy with these delays and no jitter.
func schedule(delays ...time.Duration) endpoint.RetryPolicy {
	p := endpoint.RetryPolicy{Schedule: []duration.Duration{}, Jitter: new(0.0)}
	for _, d := range delays {
		p.Schedule = append(p.Schedule, duration.Of(d))
	}
	return p
}

// collectRaw starts a server on loopback and returns its URL.
func collectRaw(t testing.TB, handler http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	return s.URL
}
