package topic_test

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/queue/catalog/catalogtest"
	"github.com/signalbox-mq/signalbox/queue/pebblestore"
	"github.com/signalbox-mq/signalbox/topic"
	"github.com/signalbox-mq/signalbox/topic/signing"
)

// env is topics over a real store on an in-memory file system.
type env struct {
	tb            testing.TB
	store         *hooked
	definitions   *catalog.Catalog
	broker        *queue.Broker
	topics        *topic.Topics
	defined       *catalog.Table[topic.Topic]
	subscriptions *catalog.Table[topic.Subscription]
	functions     *catalog.Table[endpoint.Endpoint]
}

// hooked is a store that tells of its appends.
type hooked struct {
	queue.Store
	// beforeAppend, when set, is called before each append.
	beforeAppend func(*queue.AppendRequest)
	// failAppend, when set, is what each append fails with.
	failAppend error
	// afterAppend, when set, is asked for what an append is to fail with, before it is made or else after it was.
	afterAppend func(*queue.AppendRequest) (before, after error)
	appends     atomic.Int64
}

func (h *hooked) Append(ctx context.Context, req queue.AppendRequest) (queue.AppendResult, error) {
	h.appends.Add(1)
	if h.beforeAppend != nil {
		h.beforeAppend(&req)
	}
	if h.failAppend != nil {
		return queue.AppendResult{}, h.failAppend
	}
	if h.afterAppend != nil {
		before, after := h.afterAppend(&req)
		if before != nil {
			return queue.AppendResult{}, before
		}
		if after != nil {
			_, err := h.Store.Append(ctx, req)
			return queue.AppendResult{}, errors.Join(after, err)
		}
	}
	return h.Store.Append(ctx, req)
}

func newEnv(tb testing.TB) *env {
	tb.Helper()
	return newEnvOn(tb, &catalogtest.Memory{})
}

// newEnvOn is newEnv with a backend of the definitions.
func newEnvOn(tb testing.TB, backend catalog.Backend) *env {
	tb.Helper()
	store, err := pebblestore.Open("data", pebblestore.Options{FS: vfs.NewMem(), CacheBytes: 1 << 20, MemTableBytes: 16 << 20, NoTicks: true})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := store.Close(); err != nil {
			tb.Error(err)
		}
	})
	definitions, err := catalog.Open(tb.Context(), backend)
	if err != nil {
		tb.Fatal(err)
	}
	e := &env{tb: tb, store: &hooked{Store: store}, definitions: definitions}
	e.broker = queue.NewBroker(e.store, definitions, queue.NewClock(queue.SequenceTime(0)))
	e.topics = topic.New(e.broker, definitions)
	e.defined = catalog.NewTable[topic.Topic](definitions, topic.Table)
	e.subscriptions = catalog.NewTable[topic.Subscription](definitions, topic.SubscriptionTable)
	e.functions = catalog.NewTable[endpoint.Endpoint](definitions, endpoint.FunctionTable)
	keys := catalog.NewTable[signing.Key](definitions, signing.Table)
	if _, err := keys.Create(tb.Context(), signing.Name(), testKey()); err != nil {
		tb.Fatal(err)
	}
	e.topic("alerts")
	return e
}

// testKey is one for all tests, as making one takes long.
var testKey = sync.OnceValue(func() signing.Key {
	key, err := signing.NewKey(time.Now())
	if err != nil {
		panic(err)
	}
	return key
})

const (
	account = "123456789012"
	region  = "eu-west-1"
)

func named(name string) catalog.Name {
	return catalog.Name{Account: account, Region: region, Name: name}
}

func (e *env) topic(name string) {
	e.tb.Helper()
	if _, err := e.defined.Put(e.tb.Context(), named(name), topic.Topic{}); err != nil {
		e.tb.Fatal(err)
	}
}

// topicsEndpoints are those of HTTP subscriptions.
func (e *env) topicsEndpoints() *catalog.Table[endpoint.Endpoint] {
	return catalog.NewTable[endpoint.Endpoint](e.definitions, endpoint.SubscriptionTable)
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

func (e *env) subscribe(topicName string, s topic.Subscription) {
	e.tb.Helper()
	if err := s.Validate(new(topic.Topic)); err != nil {
		e.tb.Fatal(err)
	}
	if _, err := e.subscriptions.Put(e.tb.Context(), topic.SubscriptionName(named(topicName), s.SubscriptionID()), s); err != nil {
		e.tb.Fatal(err)
	}
}

func (e *env) unsubscribe(topicName, id string) {
	e.tb.Helper()
	if err := e.subscriptions.Delete(e.tb.Context(), topic.SubscriptionName(named(topicName), id)); err != nil {
		e.tb.Fatal(err)
	}
}

func (e *env) publish(p topic.Publish) []topic.Published {
	e.tb.Helper()
	if p.Topic == (catalog.Name{}) {
		p.Topic = named("alerts")
	}
	published, err := e.topics.Publish(e.tb.Context(), p)
	if err != nil {
		e.tb.Fatal(err)
	}
	return published
}

func (e *env) publishOne(m topic.Message) topic.Published {
	e.tb.Helper()
	return e.publish(topic.Publish{Messages: []topic.Message{m}})[0]
}

// messages returns what lies in a queue.
func (e *env) messages(id queue.ID, kind queue.Kind) []queue.Message {
	e.tb.Helper()
	res, err := e.store.Scan(e.tb.Context(), queue.ScanRequest{Now: e.broker.Now(), Queue: id, Kind: kind, Limit: 10_000})
	if err != nil {
		e.tb.Fatal(err)
	}
	out := make([]queue.Message, len(res.Messages))
	for i := range res.Messages {
		out[i] = res.Messages[i].Message
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

// deadLetters returns the built-in dead-letter queue's messages.
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

func text(name, value string) queue.Attribute {
	return queue.Attribute{Name: name, Type: "String", Value: []byte(value)}
}

func number(name, value string) queue.Attribute {
	return queue.Attribute{Name: name, Type: "Number", Value: []byte(value)}
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

func object(tb testing.TB, b []byte) map[string]any {
	tb.Helper()
	var m map[string]any
	if err := json.Unmarshal(b, &m); err != nil {
		tb.Fatalf("%v in %s", err, b)
	}
	return m
}

func attributeText(m *queue.Message, name string) string {
	a, _ := m.Attribute(name)
	return string(a.Value)
}
