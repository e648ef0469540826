package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/rs/zerolog"

	"github.com/signalbox-mq/signalbox/dispatch"
	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
	"github.com/signalbox-mq/signalbox/duration"
	"github.com/signalbox-mq/signalbox/event"
	"github.com/signalbox-mq/signalbox/httpapi"
	"github.com/signalbox-mq/signalbox/httpapi/awsapi"
	"github.com/signalbox-mq/signalbox/httpapi/ingest"
	"github.com/signalbox-mq/signalbox/httpapi/native"
	"github.com/signalbox-mq/signalbox/httpapi/sqs"
	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/queue/catalog/catalogtest"
	"github.com/signalbox-mq/signalbox/queue/pebblestore"
	"github.com/signalbox-mq/signalbox/queue/storetest"
	"github.com/signalbox-mq/signalbox/rules"
	"github.com/signalbox-mq/signalbox/story"
	"github.com/signalbox-mq/signalbox/topic"
)

const (
	account = "000000000000"
	region  = "us-east-1"
	// attemptsLog is a queue that no catalog record has.
	attemptsLog = queue.ID(1<<60 + 1)
)

func named(name string) catalog.Name {
	return catalog.Name{Account: account, Region: region, Name: name}
}

// env is a server over real parts and a store in memory.
type env struct {
	stale   atomic.Bool
	tb      testing.TB
	store   *storetest.Faulty
	defs    *catalog.Catalog
	broker  *queue.Broker
	server  *httpapi.Server
	log     *syncBuffer
	metrics *httpapi.Metrics

	made httpapi.Parts

	mu       sync.Mutex // guards observed
	observed []string
}

// syncBuffer is a buffer that may be written to concurrently.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// newEnv is an env on Pebble in memory, with the definitions of declare and a dispatcher that runs.
func newEnv(tb testing.TB) *env {
	tb.Helper()
	store, err := pebblestore.Open("", pebblestore.Options{FS: vfs.NewMem(), CacheBytes: 1 << 20, MemTableBytes: 16 << 20})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := store.Close(); err != nil {
			tb.Error(err)
		}
	})
	return buildEnv(tb, store, true)
}

// newModelEnv is an env on the in-memory model, which has no goroutines, and without a dispatcher.
func newModelEnv(tb testing.TB) *env {
	tb.Helper()
	return buildEnv(tb, storetest.NewModel(), false)
}

func buildEnv(tb testing.TB, store queue.Store, run bool) *env {
	tb.Helper()
	defs, err := catalog.Open(context.Background(), &catalogtest.Memory{})
	if err != nil {
		tb.Fatal(err)
	}
	e := &env{tb: tb, store: &storetest.Faulty{Store: store}, defs: defs, log: &syncBuffer{}, metrics: httpapi.NewMetrics()}
	e.broker = queue.NewBroker(e.store, defs, queue.NewClock(time.Time{}))
	engine := rules.New(e.broker, defs, rules.Config{})
	topics := topic.New(e.broker, defs)
	d, err := dispatch.New(e.broker, defs, dispatch.Config{Attempts: attemptsLog, Senders: map[string]dispatch.Sender{dispatch.KindTopic: topics}})
	if err != nil {
		tb.Fatal(err)
	}
	e.declare()
	transfers := queue.NewTransfers(e.broker, defs, engine.Mappers()) // nobody runs them
	e.transfer("rule-1-1")
	if run {
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- d.Run(ctx) }()
		tb.Cleanup(func() {
			cancel()
			if err := <-done; err != nil {
				tb.Error(err)
			}
		})
		poll := time.NewTicker(time.Millisecond)
		defer poll.Stop()
		for { // until it knows the functions, of which it tells nobody
			if all, err := d.Statuses(ctx); err != nil || len(all) > 0 {
				break
			}
			<-poll.C
		}
	}
	log := zerolog.New(e.log).Level(zerolog.InfoLevel)
	api := native.New(native.Services{
		Broker: e.broker, Rules: engine, Topics: topics,
		Story: story.New(e.broker, defs, engine, d, attemptsLog), Functions: d, Transfers: transfers, Redrives: queue.NewRedrives(e.broker, defs),
	}, account, region, log)
	hooks := ingest.New(func(name string) (ingest.Source, bool) {
		return ingest.Source{Scheme: ingest.None}, name == "open"
	}, publisher{engine, e.broker}, ingest.Config{Observe: e.metrics.Hook})
	aws := awsapi.NewHandler(awsapi.Config{Account: account, Region: region, RequestIDHeader: "X-Request-Id", Log: log},
		sqs.New(sqs.Services{Broker: e.broker, Redrives: queue.NewRedrives(e.broker, defs)}, sqs.Waits{}).Service())
	e.made = httpapi.Parts{
		Native: api, AWS: aws, Hooks: hooks, Metrics: e.metrics.Handler(), Observe: e.observe, Stale: e.stale.Load,
		Extra: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("extra") }),
	}
	e.server = httpapi.New(e.made, log)
	return e
}

// parts are those of the env's server, with another observer.
func (e *env) parts(observe func(route string, status int, took time.Duration)) httpapi.Parts {
	parts := e.made
	parts.Observe = observe
	return parts
}

// serveOn runs the env's server on a listener.
func serveOn(e *env, l net.Listener) (stop context.CancelFunc, done chan error) {
	ctx, stop := context.WithCancel(context.Background())
	done = make(chan error, 1)
	go func() { done <- e.server.Serve(ctx, l, grace) }()
	return stop, done
}

type publisher struct {
	engine *rules.Engine
	broker *queue.Broker
}

func (p publisher) PublishHook(ctx context.Context, bus string, ev event.Event, token string, window time.Duration) (ingest.PublishedEvent, error) {
	event.Intake{Now: p.broker.Now(), Account: account, Region: region}.Stamp(&ev)
	published, err := p.engine.Publish(ctx, rules.Publish{Bus: named(bus), Events: []event.Event{ev}, Token: token, Window: window})
	if err != nil {
		return ingest.PublishedEvent{}, err
	}
	return ingest.PublishedEvent{ID: published[0].ID, Matched: published[0].Matched, Duplicate: published[0].Duplicate}, nil
}

func (e *env) observe(route string, status int, took time.Duration) {
	e.metrics.Request(route, status, took)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.observed = append(e.observed, route)
}

func (e *env) routesSeen() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]string(nil), e.observed...)
}

// declare defines what the tests work on, some of it as from a file.
func (e *env) declare() {
	e.tb.Helper()
	half := duration.Of(500 * time.Millisecond)
	visible := duration.Of(0)
	record := func(table, name string, v any) catalog.Declaration {
		data, err := json.Marshal(v)
		if err != nil {
			e.tb.Fatal(err)
		}
		return catalog.Declaration{Table: table, Name: named(name), Value: data}
	}
	subscription := topic.Subscription{Queue: "orders"}
	_, err := e.defs.Declare(context.Background(), "file:router.yaml", "1", []catalog.Declaration{
		record(queue.Table, "orders", queue.Definition{}),
		record(queue.Table, "small", queue.Definition{MaxMessageSize: 10}),
		record(queue.Table, "few", queue.Definition{MaxInFlight: 1}),
		record(queue.Table, "jobs", queue.Definition{VisibilityTimeout: &visible}),
		record(queue.Table, "pay.fifo", queue.Definition{FIFO: true, ContentBasedDeduplication: true, VisibilityTimeout: &half}),
		record(topic.Table, "alerts", topic.Topic{}),
		{Table: topic.SubscriptionTable, Name: topic.SubscriptionName(named("alerts"), subscription.SubscriptionID()), Value: record("", "", subscription).Value},
		record(endpoint.FunctionTable, "charge-card", endpoint.Endpoint{Name: "charge-card", URL: "http://127.0.0.1:1/", Managed: true}),
		record(rules.BusTable, "a/b%", rules.Bus{}),
		record(rules.BusTable, "once", rules.Bus{Dedup: duration.Of(time.Hour)}),
		record(rules.BusTable, rules.DefaultBus, rules.Bus{}),
		{Table: rules.RuleTable, Name: rules.RuleName(named(rules.DefaultBus), "big"), Value: record("", "", rules.Rule{
			When:    json.RawMessage(`{"detail":{"total":[{"numeric":[">",100]}]}}`),
			Targets: []rules.Target{{Queue: "orders"}},
		}).Value},
		{Table: rules.RuleTable, Name: rules.RuleName(named(rules.DefaultBus), "charge"), Value: record("", "", rules.Rule{
			When:    json.RawMessage(`{"detail-type":["order.charged"]}`),
			Targets: []rules.Target{{Function: "charge-card"}},
		}).Value},
	}, catalog.DeclareOptions{})
	if err != nil {
		e.tb.Fatal(err)
	}
}

// deadLetterQueue makes a queue that another one names.
func (e *env) deadLetterQueue(name string) {
	e.tb.Helper()
	get[any](e.tb, e.do("PUT", "/v1/queues/"+name, `{}`))
	get[any](e.tb, e.do("PUT", "/v1/queues/source-of-"+name, `{"dead_letter":{"queue":"`+name+`","max_receives":1}}`))
}

// transfer makes the record of a transfer.
func (e *env) transfer(name string) {
	e.tb.Helper()
	change, err := queue.StartTransfer(e.defs, named(name), queue.Transfer{
		Kind: rules.TransferKind, Source: 1, SourceKind: queue.Log, Until: queue.Position{Sequence: 10}, Total: 9,
		Params: json.RawMessage(`{"bus":"default","rule":"big","rule_id":1}`),
	}, e.broker.Now())
	if err == nil {
		_, err = e.defs.Apply(context.Background(), catalog.Set{Changes: []catalog.Change{change}})
	}
	if err != nil {
		e.tb.Fatal(err)
	}
}

// do sends a request straight to the handler.
func (e *env) do(method, target, body string, header ...string) *httptest.ResponseRecorder {
	e.tb.Helper()
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Header.Set("X-Request-Id", "test")
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	e.server.ServeHTTP(w, r)
	return w
}

// get decodes an answer, whose status must be 2xx.
func get[T any](tb testing.TB, w *httptest.ResponseRecorder) T {
	tb.Helper()
	var v T
	if w.Code/100 != 2 {
		tb.Fatalf("answered %d %s", w.Code, w.Body)
	}
	if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil {
		tb.Fatalf("%s: %v", w.Body, err)
	}
	return v
}
