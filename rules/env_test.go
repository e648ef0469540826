package rules_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
	"github.com/signalbox-mq/signalbox/event"
	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/queue/pebblestore"
	"github.com/signalbox-mq/signalbox/rules"
)

const (
	account = "123456789012"
	region  = "eu-west-1"
)

func named(name string) catalog.Name {
	return catalog.Name{Account: account, Region: region, Name: name}
}

func ruleNamed(rule string) catalog.Name { return rules.RuleName(named(rules.DefaultBus), rule) }

// hooked is a store with hooks before its appends.
type hooked struct {
	queue.Store
	// beforeAppend, when set, is called before each append, which its error replaces; afterAppend after it.
	beforeAppend func(*queue.AppendRequest) error
	afterAppend  func(*queue.AppendRequest) error
}

func (h *hooked) Append(ctx context.Context, req queue.AppendRequest) (queue.AppendResult, error) {
	if h.beforeAppend != nil {
		if err := h.beforeAppend(&req); err != nil {
			return queue.AppendResult{}, err
		}
	}
	res, err := h.Store.Append(ctx, req)
	if err == nil && h.afterAppend != nil {
		err = h.afterAppend(&req)
	}
	return res, err
}

// env is an engine with transfers over a real store on an in-memory file system, which also holds the definitions.
type env struct {
	tb          testing.TB
	fs          *vfs.MemFS
	opened      *pebblestore.Store
	store       *hooked
	definitions *catalog.Catalog
	broker      *queue.Broker
	engine      *rules.Engine
	transfers   *queue.Transfers
	buses       *catalog.Table[rules.Bus]
	rules       *catalog.Table[rules.Rule]
	functions   *catalog.Table[endpoint.Endpoint]
	config      rules.Config
	// stops end what runs on a node; see newNodes.
	stops []func()
}

func newEnv(tb testing.TB) *env { return newEnvWith(tb, rules.Config{}) }

func newEnvWith(tb testing.TB, config rules.Config) *env {
	tb.Helper()
	e := &env{tb: tb, fs: vfs.NewMem(), config: config}
	e.open()
	tb.Cleanup(func() {
		if err := e.opened.Close(); err != nil {
			tb.Error(err)
		}
	})
	e.must(e.buses.Create(tb.Context(), named(rules.DefaultBus), rules.Bus{}))
	return e
}

func (e *env) open() {
	e.tb.Helper()
	store, err := pebblestore.Open("data", pebblestore.Options{FS: e.fs, CacheBytes: 1 << 20, MemTableBytes: 16 << 20, NoTicks: true})
	if err != nil {
		e.tb.Fatal(err)
	}
	e.opened, e.store = store, &hooked{Store: store}
	if e.definitions, err = catalog.Open(e.tb.Context(), store); err != nil {
		e.tb.Fatal(err)
	}
	e.wire(e.store)
}

// wire makes the parts on a store.
func (e *env) wire(store queue.Store) {
	e.broker = queue.NewBroker(store, e.definitions, queue.NewClock(time.Time{}))
	e.engine = rules.New(e.broker, e.definitions, e.config)
	e.transfers = queue.NewTransfers(e.broker, e.definitions, e.engine.Mappers())
	e.buses = catalog.NewTable[rules.Bus](e.definitions, rules.BusTable)
	e.rules = catalog.NewTable[rules.Rule](e.definitions, rules.RuleTable)
	e.functions = catalog.NewTable[endpoint.Endpoint](e.definitions, endpoint.FunctionTable)
}

// reopen ends the process and starts it anew.
func (e *env) reopen() {
	e.tb.Helper()
	if err := e.opened.Close(); err != nil {
		e.tb.Fatal(err)
	}
	e.open()
}

func (e *env) must(_ any, err error) {
	e.tb.Helper()
	if err != nil {
		e.tb.Fatal(err)
	}
}

func (e *env) queue(name string, def queue.Definition) queue.Queue {
	e.tb.Helper()
	q, _, err := e.broker.Create(e.tb.Context(), named(name), def)
	if err != nil {
		e.tb.Fatal(err)
	}
	return q
}

// function returns the delivery queue of a new function.
func (e *env) function(name string) queue.ID {
	e.tb.Helper()
	entry, err := e.functions.Create(e.tb.Context(), named(name), endpoint.Endpoint{Name: name, URL: "http://127.0.0.1:1/"})
	if err != nil {
		e.tb.Fatal(err)
	}
	return queue.IDFor(entry.ID, queue.Deliveries)
}

// rule puts a rule of the default bus.
func (e *env) rule(name string, rule rules.Rule) catalog.Entry[rules.Rule] {
	e.tb.Helper()
	if err := rule.Validate(name); err != nil {
		e.tb.Fatal(err)
	}
	entry, err := e.rules.Put(e.tb.Context(), ruleNamed(name), rule)
	if err != nil {
		e.tb.Fatal(err)
	}
	return entry
}

// to is a rule with one queue as its target.
func to(queue, when string) rules.Rule {
	return rules.Rule{When: json.RawMessage(when), Targets: []rules.Target{{Queue: queue}}}
}

// newEvent returns a complete event.
func newEvent(typ, detail string) event.Event {
	now := time.Now()
	ev := event.Event{Source: "shop", Type: typ, Detail: json.RawMessage(detail)}
	event.Intake{Now: now, Account: account, Region: region}.Stamp(&ev)
	return ev
}

func (e *env) publish(events ...event.Event) []rules.Published {
	e.tb.Helper()
	published, err := e.engine.Publish(e.tb.Context(), rules.Publish{Bus: named(rules.DefaultBus), Events: events})
	if err != nil {
		e.tb.Fatal(err)
	}
	return published
}

func (e *env) publishOne(typ, detail string) rules.Published {
	e.tb.Helper()
	return e.publish(newEvent(typ, detail))[0]
}

func (e *env) scan(id queue.ID, kind queue.Kind) []queue.Peeked {
	e.tb.Helper()
	res, err := e.store.Scan(e.tb.Context(), queue.ScanRequest{Now: e.broker.Now(), Queue: id, Kind: kind, Limit: 1_000_000})
	if err != nil {
		e.tb.Fatal(err)
	}
	return res.Messages
}

func (e *env) messages(id queue.ID, kind queue.Kind) []queue.Message {
	e.tb.Helper()
	var out []queue.Message
	for _, p := range e.scan(id, kind) {
		out = append(out, p.Message)
	}
	return out
}

func (e *env) only(id queue.ID, kind queue.Kind) queue.Message {
	e.tb.Helper()
	all := e.messages(id, kind)
	if len(all) != 1 {
		e.tb.Fatalf("%d messages, want 1", len(all))
	}
	return all[0]
}

func (e *env) log() queue.ID {
	e.tb.Helper()
	log, err := e.engine.LogOf(named(rules.DefaultBus))
	if err != nil {
		e.tb.Fatal(err)
	}
	return log
}

func (e *env) match(id string) *rules.Match {
	e.tb.Helper()
	kept, err := e.store.Get(e.tb.Context(), e.broker.Now(), e.log(), id)
	if err != nil || len(kept) != 1 {
		e.tb.Fatalf("%d retained events, %v", len(kept), err)
	}
	match, err := rules.DecodeMatch(&kept[0].Message)
	if err != nil {
		e.tb.Fatal(err)
	}
	return match
}

func (e *env) deadLetters() []queue.Message {
	e.tb.Helper()
	q, err := e.broker.Lookup(named(queue.BuiltinDeadLetters))
	if errors.Is(err, queue.ErrNotFound) {
		return nil
	}
	if err != nil {
		e.tb.Fatal(err)
	}
	return e.messages(q.ID, queue.Standard)
}

func (e *env) reconcile() {
	e.tb.Helper()
	if err := e.engine.Reconcile(e.tb.Context()); err != nil {
		e.tb.Fatal(err)
	}
}

// run runs the transfers until all have ended or are held.
func (e *env) run() {
	e.tb.Helper()
	ctx, stop := context.WithCancel(e.tb.Context())
	var ended sync.WaitGroup
	var err error
	ended.Go(func() { err = e.transfers.Run(ctx) })
	for {
		revision := e.definitions.Revision()
		if e.idle() {
			break
		}
		if err := e.definitions.Wait(ctx, revision); err != nil {
			e.tb.Fatal(err)
		}
	}
	stop()
	ended.Wait()
	if err != nil {
		e.tb.Fatal(err)
	}
}

func (e *env) idle() bool {
	for _, t := range e.allTransfers() {
		if t.State == queue.TransferRunning {
			return false
		}
	}
	return true
}

func (e *env) allTransfers() []queue.Transfer {
	e.tb.Helper()
	all, _, err := e.transfers.List(catalog.Query{})
	if err != nil {
		e.tb.Fatal(err)
	}
	return all
}

func (e *env) transfer() queue.Transfer {
	e.tb.Helper()
	all := e.allTransfers()
	if len(all) != 1 {
		e.tb.Fatalf("%d transfers, want 1: %+v", len(all), all)
	}
	return all[0]
}

// ids returns how often each event is in a queue, by the envelope's id.
func (e *env) ids(q queue.Queue) map[string]int {
	e.tb.Helper()
	counts := map[string]int{}
	for _, m := range e.messages(q.ID, q.Definition.Kind()) {
		ev, err := event.Parse(m.Body)
		if err != nil {
			e.tb.Fatal(err)
		}
		counts[ev.ID]++
	}
	return counts
}

func delivery(tb testing.TB, m *queue.Message) *endpoint.Delivery {
	tb.Helper()
	a, ok := m.SystemAttribute(endpoint.AttributeDelivery)
	if !ok {
		tb.Fatal("no delivery attribute")
	}
	d, err := endpoint.DecodeDelivery(a.Value)
	if err != nil {
		tb.Fatal(err)
	}
	return d
}

func attribute(m *queue.Message, name string) string {
	a, _ := m.Attribute(name)
	return string(a.Value)
}

func numbered(n int) string { return fmt.Sprintf(`{"n":%d}`, n) }
