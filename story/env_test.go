package story_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/signalbox-mq/signalbox/dispatch"
	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
	"github.com/signalbox-mq/signalbox/duration"
	"github.com/signalbox-mq/signalbox/event"
	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/queue/pebblestore"
	"github.com/signalbox-mq/signalbox/rules"
	"github.com/signalbox-mq/signalbox/story"
	"github.com/signalbox-mq/signalbox/topic"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	account = "000000000000"
	region  = "us-east-1"
	// attemptsLog is a queue that no catalog record has.
	attemptsLog = queue.ID(1<<60 + 1)
	// attemptRetention is short, because even virtual days take their time.
	attemptRetention = 6 * time.Hour
	// eventID is that of the event of most tests, so that golden files do not change.
	eventID = "01a2098d-595b-774f-ac88-2bdc8d607159"
)

func named(name string) catalog.Name {
	return catalog.Name{Account: account, Region: region, Name: name}
}

// network is a network in memory: handlers by host name, over net.Pipe.
type network struct {
	mu    sync.Mutex
	hosts map[string]*listener
}

type listener struct {
	conns  chan net.Conn
	closed chan struct{}
	close  func()
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *listener) Close() error   { l.close(); return nil }
func (l *listener) Addr() net.Addr { return &net.TCPAddr{} }

// conn has an address as over loopback.
type conn struct{ net.Conn }

func (conn) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 9000} }

func (n *network) dial(ctx context.Context, _, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	n.mu.Lock()
	l := n.hosts[host]
	n.mu.Unlock()
	if l == nil {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	near, far := net.Pipe()
	select {
	case l.conns <- far:
		return conn{near}, nil
	case <-l.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// env is the real thing but for the disk: Pebble in memory, rules, topics, dispatcher, transfers.
type env struct {
	t         testing.TB
	store     *pebblestore.Store
	defs      *catalog.Catalog
	broker    *queue.Broker
	engine    *rules.Engine
	topics    *topic.Topics
	transfers *queue.Transfers
	d         *dispatch.Dispatcher
	teller    *story.Teller
	net       *network
	attempted chan dispatch.Attempt
}

func newEnv(t testing.TB, inMemory bool) *env {
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
	defs, err := catalog.Open(context.Background(), store)
	if err != nil {
		t.Fatal(err)
	}
	e := &env{
		t: t, store: store, defs: defs, broker: queue.NewBroker(store, defs, queue.NewClock(time.Time{})),
		net: &network{hosts: map[string]*listener{}}, attempted: make(chan dispatch.Attempt, 1000),
	}
	e.engine = rules.New(e.broker, defs, rules.Config{})
	e.topics = topic.New(e.broker, defs)
	e.transfers = queue.NewTransfers(e.broker, defs, e.engine.Mappers())
	client := endpoint.ClientConfig{Version: "1.0"}
	if inMemory {
		client.Dial = e.net.dial
	}
	e.d, err = dispatch.New(e.broker, defs, dispatch.Config{
		Attempts: attemptsLog, AttemptRetention: attemptRetention, Client: client,
		Senders:   map[string]dispatch.Sender{dispatch.KindTopic: e.topics, dispatch.KindBus: e.engine},
		OnAttempt: func(a dispatch.Attempt) { e.attempted <- a },
		OnFault:   func(err error) { t.Errorf("fault: %v", err) },
	})
	if err != nil {
		t.Fatal(err)
	}
	e.teller = story.New(e.broker, defs, e.engine, e.d, attemptsLog)
	must(t, e.engine.Reconcile(context.Background()))
	return e
}

// run runs a part until the test ends, or what it returns is called.
func (e *env) run(part func(context.Context) error) func() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- part(ctx) }()
	stop := sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			e.t.Errorf("Run: %v", err)
		}
	})
	e.t.Cleanup(stop)
	return stop
}

// virtual runs a test in a bubble with virtual time and a network in memory. The dispatcher runs.
func virtual(t *testing.T, test func(t *testing.T, e *env)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		over(time.Until(time.Date(2026, 11, 23, 17, 56, 28, 0, time.UTC)))
		e := newEnv(t, true)
		stop := e.run(e.d.Run)
		over(0)
		test(t, e)
		stop()
		over(time.Second) // handlers that were cut off end
	})
}

// over lets virtual time pass until all is quiet after d.
func over(d time.Duration) {
	pass(d)
	synctest.Wait()
}

// pass lets virtual time pass: it returns as soon as everything else in the bubble waits.
func pass(d time.Duration) { <-time.After(d) }

// slowly answers after 12 ms of virtual time.
func slowly(code int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		pass(12 * time.Millisecond)
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
	}
}

// serve answers at http://host.
func (e *env) serve(host string, h http.HandlerFunc) {
	l := &listener{conns: make(chan net.Conn), closed: make(chan struct{})}
	l.close = sync.OnceFunc(func() { close(l.closed) })
	e.net.mu.Lock()
	e.net.hosts[host] = l
	e.net.mu.Unlock()
	server := &http.Server{Handler: h, ErrorLog: log.New(io.Discard, "", 0)}
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(l) }()
	e.t.Cleanup(func() { server.Close(); <-done })
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// function defines a function at http://name. What is zero has its default.
func (e *env) function(name string, def endpoint.Endpoint) {
	e.t.Helper()
	def.Name, def.Managed = name, true
	if def.URL == "" {
		def.URL = "http://" + name + "/"
	}
	_, err := catalog.NewTable[endpoint.Endpoint](e.defs, endpoint.FunctionTable).Put(context.Background(), named(name), def)
	must(e.t, err)
}

func (e *env) queue(name string, def queue.Definition) queue.Queue {
	e.t.Helper()
	q, _, err := e.broker.Create(context.Background(), named(name), def)
	must(e.t, err)
	return q
}

func (e *env) bus(name string, def rules.Bus) {
	e.t.Helper()
	_, err := catalog.NewTable[rules.Bus](e.defs, rules.BusTable).Put(context.Background(), named(name), def)
	must(e.t, err)
}

func (e *env) ruleTable() *catalog.Table[rules.Rule] {
	return catalog.NewTable[rules.Rule](e.defs, rules.RuleTable)
}

// rule defines a rule of the bus "default".
func (e *env) rule(name string, def rules.Rule) {
	e.t.Helper()
	_, err := e.ruleTable().Put(context.Background(), rules.RuleName(named("default"), name), def)
	must(e.t, err)
	must(e.t, e.engine.Reconcile(context.Background()))
}

func (e *env) dropRule(name string) {
	e.t.Helper()
	must(e.t, e.ruleTable().Delete(context.Background(), rules.RuleName(named("default"), name)))
	must(e.t, e.engine.Reconcile(context.Background()))
}

func (e *env) topic(name string, subscriptions ...topic.Subscription) {
	e.t.Helper()
	_, err := catalog.NewTable[topic.Topic](e.defs, topic.Table).Put(context.Background(), named(name), topic.Topic{})
	must(e.t, err)
	for _, s := range subscriptions {
		_, err := catalog.NewTable[topic.Subscription](e.defs, topic.SubscriptionTable).
			Put(context.Background(), topic.SubscriptionName(named(name), s.SubscriptionID()), s)
		must(e.t, err)
	}
}

// publish publishes an order to the bus "default" and lets 20 ms pass, in which attempts that are due now end.
func (e *env) publish(id, detail string) {
	e.t.Helper()
	e.put(id, detail)
	over(20 * time.Millisecond)
}

func (e *env) put(id, detail string) {
	e.t.Helper()
	_, err := e.engine.Publish(context.Background(), rules.Publish{Bus: named("default"), Events: []event.Event{{
		ID: id, Source: "shop", Type: "order.created", Account: account, Region: region,
		Time: time.Date(2026, 11, 23, 17, 56, 28, 0, time.UTC), Detail: json.RawMessage(detail),
	}}})
	must(e.t, err)
}

func newID() string { return queue.NewMessageID().String() }

func (e *env) story(id string) *story.Story {
	e.t.Helper()
	s, err := e.teller.Event(context.Background(), account, region, id)
	must(e.t, err)
	return s
}

// only returns the only delivery of an event.
func (e *env) only(id string) *story.Delivery {
	e.t.Helper()
	s := e.story(id)
	if len(s.Deliveries) != 1 {
		e.t.Fatalf("%d deliveries instead of 1: %s", len(s.Deliveries), text(e.t, s))
	}
	return &s.Deliveries[0]
}

func (e *env) unknown(id string) {
	e.t.Helper()
	if s, err := e.teller.Event(context.Background(), account, region, id); !errors.Is(err, story.ErrNotFound) || s != nil {
		e.t.Errorf("event %q: %v, %v, want ErrNotFound", id, s, err)
	}
}

func text(t testing.TB, s *story.Story) string {
	t.Helper()
	var b bytes.Buffer
	must(t, s.Text(&b))
	return b.String()
}

// golden compares what a test made with testdata/name.
func golden(t testing.TB, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		must(t, os.MkdirAll("testdata", 0o755))
		must(t, os.WriteFile(path, got, 0o644))
	}
	want, err := os.ReadFile(path)
	must(t, err)
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got, -update rewrites it):\n%s", path, diff)
	}
}

// goldenStory compares a story with testdata/name.json and testdata/name.txt.
func goldenStory(t testing.TB, name string, s *story.Story) {
	t.Helper()
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	must(t, enc.Encode(s))
	golden(t, name+".json", b.Bytes())
	golden(t, name+".txt", []byte(text(t, s)))
}

// schedule is a retry policy with these delays and no jitter.
func schedule(delays ...time.Duration) endpoint.RetryPolicy {
	p := endpoint.RetryPolicy{Schedule: []duration.Duration{}, Jitter: new(0.0)}
	for _, d := range delays {
		p.Schedule = append(p.Schedule, duration.Of(d))
	}
	return p
}

// to is a rule for everything with targets.
func to(targets ...rules.Target) rules.Rule { return rules.Rule{Targets: targets} }
