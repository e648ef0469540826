package queue_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/signalbox-mq/signalbox/duration"
	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/queue/catalog/catalogtest"
	"github.com/signalbox-mq/signalbox/queue/storetest"
)

// bundle is a broker over the model.
type bundle struct {
	*queue.Broker
	t           *testing.T
	ctx         context.Context
	definitions *catalog.Catalog
	backend     *catalogtest.Memory
}

func newBundle(t *testing.T) *bundle {
	t.Helper()
	backend := new(catalogtest.Memory)
	definitions, err := catalog.Open(t.Context(), backend)
	if err != nil {
		t.Fatal(err)
	}
	store := storetest.NewModel()
	t.Cleanup(func() { store.Close() })
	broker := queue.NewBroker(store, definitions, queue.NewClock(time.Time{}))
	return &bundle{Broker: broker, t: t, ctx: t.Context(), definitions: definitions, backend: backend}
}

func name(s string) queue.Name {
	return queue.Name{Account: "000000000000", Region: "us-east-1", Name: s}
}

func (b *bundle) create(n string, def queue.Definition) queue.Queue {
	b.t.Helper()
	q, _, err := b.Create(b.ctx, name(n), def)
	if err != nil {
		b.t.Fatalf("creating %s: %v", n, err)
	}
	return q
}

func (b *bundle) send(n string, messages ...queue.Send) []queue.Sent {
	b.t.Helper()
	sent, err := b.Send(b.ctx, name(n), messages)
	if err != nil {
		b.t.Fatalf("sending to %s: %v", n, err)
	}
	return sent
}

func (b *bundle) receive(n string, r queue.Receive) []queue.Message {
	b.t.Helper()
	messages, err := b.Receive(b.ctx, name(n), r)
	if err != nil {
		b.t.Fatalf("receiving from %s: %v", n, err)
	}
	return messages
}

// definitionGone deletes a queue's definition alone, as a file does that declares it no longer.
func (b *bundle) definitionGone(n string) error {
	return catalog.NewTable[queue.Definition](b.definitions, queue.Table).Delete(b.ctx, name(n))
}

func text(s string) queue.Send { return queue.Send{Body: []byte(s)} }

func bodies(messages []queue.Message) string {
	all := make([]string, len(messages))
	for i, m := range messages {
		all[i] = string(m.Body)
	}
	return strings.Join(all, " ")
}

func many(n int) (names []string) {
	for i := range n {
		names = append(names, fmt.Sprint("q", i))
	}
	return names
}

func texts(n int, value string) map[string]string {
	all := map[string]string{}
	for _, key := range many(n) {
		all[key] = value
	}
	return all
}

func TestDefinitions(t *testing.T) {
	t.Parallel()
	d := func(v time.Duration) *duration.Duration { return new(duration.Of(v)) }
	for _, test := range []struct {
		queue string
		def   queue.Definition
		want  string // the fields that are wrong
	}{
		{"orders", queue.Definition{}, ""},
		{"orders", queue.Definition{VisibilityTimeout: d(0), Retention: duration.Of(time.Minute), MaxMessageSize: 1}, ""},
		{"orders.fifo", queue.Definition{FIFO: true, ContentBasedDeduplication: true, DeduplicationScope: "group"}, ""},
		{"orders", queue.Definition{FIFO: true}, "name"},
		{"orders.fifo", queue.Definition{}, "name"},
		{"", queue.Definition{}, "name"},
		{"a b", queue.Definition{}, "name"},
		{strings.Repeat("q", 81), queue.Definition{}, "name"},
		{strings.Repeat("q", 80), queue.Definition{}, ""},
		{"orders", queue.Definition{VisibilityTimeout: d(12*time.Hour + time.Millisecond)}, "visibility_timeout"},
		{"orders", queue.Definition{Delay: duration.Of(16 * time.Minute)}, "delay"},
		{"orders", queue.Definition{Retention: duration.Of(time.Second)}, "retention"},
		{"orders", queue.Definition{Retention: duration.Of(366 * duration.Day)}, "retention"},
		{"orders", queue.Definition{ReceiveWait: duration.Of(21 * time.Second)}, "receive_wait"},
		{"orders", queue.Definition{MaxMessageSize: 1<<20 + 1}, "max_message_size"},
		{"orders", queue.Definition{MaxInFlight: -1}, "max_in_flight"},
		{"orders", queue.Definition{ContentBasedDeduplication: true}, "content_based_deduplication"},
		{"orders", queue.Definition{DeduplicationScope: "group"}, "deduplication_scope"},
		{"orders.fifo", queue.Definition{FIFO: true, DeduplicationScope: "world"}, "deduplication_scope"},
		{"orders", queue.Definition{DeadLetter: &queue.DeadLetter{Queue: "orders", MaxReceives: 1}}, "dead_letter.queue"},
		{"orders", queue.Definition{DeadLetter: &queue.DeadLetter{Queue: "x.fifo", MaxReceives: 1}}, "dead_letter.queue"},
		{"orders", queue.Definition{DeadLetter: &queue.DeadLetter{}}, "dead_letter.queue dead_letter.max_receives"},
		{"orders", queue.Definition{DeadLetter: &queue.DeadLetter{Queue: "x", MaxReceives: 1001}}, "dead_letter.max_receives"},
		{"orders", queue.Definition{DeadLetterSources: &queue.DeadLetterSources{Deny: true}}, ""},
		{"orders", queue.Definition{DeadLetterSources: &queue.DeadLetterSources{Queues: many(10)}}, ""},
		{"orders", queue.Definition{DeadLetterSources: &queue.DeadLetterSources{}}, "dead_letter_sources"},
		{"orders", queue.Definition{DeadLetterSources: &queue.DeadLetterSources{Deny: true, Queues: many(1)}}, "dead_letter_sources"},
		{"orders", queue.Definition{DeadLetterSources: &queue.DeadLetterSources{Queues: many(11)}}, "dead_letter_sources.queues"},
		{"orders", queue.Definition{DeadLetterSources: &queue.DeadLetterSources{Queues: []string{"a", ""}}}, "dead_letter_sources.queues[1]"},
		{"orders", queue.Definition{Tags: texts(50, strings.Repeat("ü", 256))}, ""},
		{"orders", queue.Definition{Tags: texts(51, "")}, "tags"},
		{"orders", queue.Definition{Tags: map[string]string{"": "x"}}, "tags"},
		{"orders", queue.Definition{Tags: map[string]string{strings.Repeat("ü", 128): ""}}, ""},
		{"orders", queue.Definition{Tags: map[string]string{strings.Repeat("ü", 129): ""}}, "tags"},
		{"orders", queue.Definition{Tags: map[string]string{"a.b": strings.Repeat("ü", 257), "c": "\xff"}}, "tags.a.b tags"},
		{"orders", queue.Definition{Kept: map[string]string{"k": strings.Repeat("x", 64<<10-1)}}, ""},
		{"orders", queue.Definition{Kept: map[string]string{"kk": strings.Repeat("x", 64<<10-1)}}, "kept"},
		{"orders", queue.Definition{Kept: map[string]string{"k": "\xff"}}, "kept"},
	} {
		var fields []string
		if err := test.def.Validate(test.queue); err != nil {
			for _, one := range err.(interface{ Unwrap() []error }).Unwrap() {
				invalid, ok := errors.AsType[*queue.InvalidError](one)
				if !ok {
					t.Fatalf("%q %+v: %v is no InvalidError", test.queue, test.def, one)
				}
				fields = append(fields, invalid.Field)
			}
		}
		if got := strings.Join(fields, " "); got != test.want {
			t.Errorf("%q %+v: wrong are %q, want %q", test.queue, test.def, got, test.want)
		}
	}
}

func TestEqualDefinitions(t *testing.T) {
	t.Parallel()
	plain := queue.Definition{}
	full := queue.Definition{
		VisibilityTimeout: new(duration.Of(30 * time.Second)), Retention: duration.Of(4 * duration.Day),
		MaxMessageSize: 1 << 20, MaxInFlight: 120_000, DeduplicationScope: "queue",
	}
	if !plain.Equal(full) || !full.Equal(plain) {
		t.Error("a definition with the defaults written out is not equal to the zero one")
	}
	for _, other := range []queue.Definition{
		{FIFO: true}, {Delay: 1}, {VisibilityTimeout: new(duration.Duration(0))}, {ReceiveWait: 1},
		{DeadLetter: &queue.DeadLetter{Queue: "x", MaxReceives: 1}},
		{DeadLetterSources: &queue.DeadLetterSources{Deny: true}}, {DeadLetterSources: &queue.DeadLetterSources{Queues: many(1)}},
		{Tags: texts(1, "")}, {Kept: texts(1, "")},
	} {
		if plain.Equal(other) {
			t.Errorf("%+v is equal to the zero definition", other)
		}
	}
}

func TestCreateAgain(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	first := b.create("orders", queue.Definition{Delay: duration.Of(time.Second)})
	again, created, err := b.Create(b.ctx, name("orders"), queue.Definition{Delay: duration.Of(time.Second)})
	if err != nil || created || again.ID != first.ID {
		t.Errorf("the same again: %+v, created %v, %v", again, created, err)
	}
	if _, _, err := b.Create(b.ctx, name("orders"), queue.Definition{}); !errors.Is(err, queue.ErrExists) {
		t.Errorf("another definition: %v, want ErrExists", err)
	}
	_, _, err = b.Create(b.ctx, name("a"), queue.Definition{DeadLetter: &queue.DeadLetter{Queue: "none", MaxReceives: 1}})
	if invalid, ok := errors.AsType[*queue.InvalidError](err); !ok || invalid.Field != "dead_letter.queue" {
		t.Errorf("a dead-letter queue that does not exist: %v", err)
	}
	other := queue.Name{Account: "111111111111", Region: "us-east-1", Name: "orders"}
	if _, err := b.Lookup(other); !errors.Is(err, queue.ErrNotFound) {
		t.Errorf("another account sees the queue: %v", err)
	}
}

func TestDeletedQueueStartsEmpty(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	b.create("orders", queue.Definition{})
	b.send("orders", text("old"))
	m := b.receive("orders", queue.Receive{Max: 1})
	if err := b.Delete(b.ctx, name("orders")); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Send(b.ctx, name("orders"), []queue.Send{text("x")}); !errors.Is(err, queue.ErrNotFound) {
		t.Errorf("sending to a deleted queue: %v, want ErrNotFound", err)
	}
	if err := b.Delete(b.ctx, name("orders")); !errors.Is(err, queue.ErrNotFound) {
		t.Errorf("deleting it again: %v, want ErrNotFound", err)
	}
	b.create("orders", queue.Definition{})
	if got := b.receive("orders", queue.Receive{Max: 10}); len(got) != 0 {
		t.Errorf("the new queue has %s", bodies(got))
	}
	errs, err := b.Acknowledge(b.ctx, name("orders"), []string{m[0].Receipt.String()})
	if err != nil || !errors.Is(errs[0], queue.ErrReceiptInvalid) {
		t.Errorf("a receipt of the old queue: %v, %v, want ErrReceiptInvalid", errs, err)
	}
}

func TestSendValidates(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	b.create("orders", queue.Definition{MaxMessageSize: 10})
	b.create("orders.fifo", queue.Definition{FIFO: true})
	minute := time.Minute
	for _, test := range []struct {
		queue, field string
		send         queue.Send
	}{
		{"orders", "body", text("12345678901")},
		{"orders", "body", queue.Send{Body: []byte("1234"), Attributes: []queue.Attribute{{Name: "a", Type: "String", Value: []byte("b")}}}},
		{"orders", "dedup_id", queue.Send{DedupID: "x"}},
		{"orders", "group", queue.Send{Group: "two words"}},
		{"orders", "group", queue.Send{Group: strings.Repeat("g", 129)}},
		{"orders", "delay", queue.Send{Delay: new(16 * time.Minute)}},
		{"orders", "delay", queue.Send{Delay: new(-time.Second)}},
		{"orders", "attributes[0].name", queue.Send{Attributes: []queue.Attribute{{Name: "é", Type: "String"}}}},
		{"orders", "attributes[0].type", queue.Send{Attributes: []queue.Attribute{{Name: "a", Type: "Text"}}}},
		{"orders.fifo", "group", text("x")},
		{"orders.fifo", "dedup_id", queue.Send{Group: "g"}},
		{"orders.fifo", "dedup_id", queue.Send{Group: "g", DedupID: "é"}},
		{"orders.fifo", "delay", queue.Send{Group: "g", DedupID: "d", Delay: &minute}},
	} {
		good := text("ok")
		if test.queue == "orders.fifo" {
			good = queue.Send{Group: "g", DedupID: "good"}
		}
		_, err := b.Send(b.ctx, name(test.queue), []queue.Send{good, test.send})
		invalid, ok := errors.AsType[*queue.InvalidError](err)
		if !ok || invalid.Field != "messages[1]."+test.field {
			t.Errorf("%s %+v: %v, want messages[1].%s", test.queue, test.send, err, test.field)
		}
	}
	for _, q := range []string{"orders", "orders.fifo"} {
		if s, err := b.Stats(b.ctx, name(q)); err != nil || s.Total() != 0 {
			t.Errorf("%s has %d messages after refused sends (%v)", q, s.Total(), err)
		}
	}
	if _, err := b.Send(b.ctx, name("orders"), []queue.Send{{Body: make([]byte, 11), SizeExempt: true}}); err != nil {
		t.Errorf("a message of the router's own: %v", err)
	}
}

func TestFIFODeduplication(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	b.create("scope-queue.fifo", queue.Definition{FIFO: true, ContentBasedDeduplication: true})
	b.create("scope-group.fifo", queue.Definition{FIFO: true, ContentBasedDeduplication: true, DeduplicationScope: "group"})
	for q, want := range map[string]bool{"scope-queue.fifo": true, "scope-group.fifo": false} {
		first := b.send(q, queue.Send{Body: []byte("x"), Group: "a"})[0]
		again := b.send(q, queue.Send{Body: []byte("x"), Group: "a"})[0]
		if !again.Duplicate || again.ID != first.ID || again.Sequence != first.Sequence {
			t.Errorf("%s: the same body in the same group: %+v, want a duplicate of %+v", q, again, first)
		}
		if other := b.send(q, queue.Send{Body: []byte("x"), Group: "b"})[0]; other.Duplicate != want {
			t.Errorf("%s: the same body in another group: duplicate is %v, want %v", q, other.Duplicate, want)
		}
	}
}

func TestLongPoll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBundle(t)
		b.create("orders", queue.Definition{})
		wait := 20 * time.Second

		began := time.Now()
		if got := b.receive("orders", queue.Receive{Max: 1, Wait: &wait}); len(got) != 0 || time.Since(began) != wait {
			t.Errorf("an empty queue: %d messages after %v, want none after %v", len(got), time.Since(began), wait)
		}

		// An arrival wakes the poll at once, and only what is there is returned.
		go func() {
			<-time.After(3 * time.Second)
			b.send("orders", text("a"))
		}()
		began = time.Now()
		got := b.receive("orders", queue.Receive{Max: 10, Wait: &wait})
		if bodies(got) != "a" || time.Since(began) != 3*time.Second {
			t.Errorf("received %q after %v, want a after 3s", bodies(got), time.Since(began))
		}

		// The lease's end wakes it, and a delay's.
		second := time.Second
		began = time.Now()
		if got := b.receive("orders", queue.Receive{Max: 10, Wait: &second}); len(got) != 0 {
			t.Errorf("received %q although it is leased", bodies(got))
		}
		got = b.receive("orders", queue.Receive{Max: 10, Wait: &wait}) // 30s after the first receive is too late
		if len(got) != 0 {
			t.Errorf("received %q before its lease ended", bodies(got))
		}
		got = b.receive("orders", queue.Receive{Max: 10, Wait: &wait})
		if bodies(got) != "a" || got[0].Receives != 2 || time.Since(began) > 31*time.Second {
			t.Errorf("received %q after %v", bodies(got), time.Since(began))
		}
		began = time.Now()
		b.send("orders", queue.Send{Body: []byte("late"), Delay: new(5 * time.Second)})
		got = b.receive("orders", queue.Receive{Max: 10, Wait: &wait})
		if took := time.Since(began); bodies(got) != "late" || took < 5*time.Second || took > 5*time.Second+10*time.Millisecond {
			t.Errorf("received %q after %v, want late after 5s", bodies(got), took)
		}
	})
}

func TestLongPollEndsWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBundle(t)
		b.create("orders", queue.Definition{ReceiveWait: duration.Of(20 * time.Second)})
		ctx, cancel := context.WithTimeout(b.ctx, time.Second)
		defer cancel()
		if _, err := b.Receive(ctx, name("orders"), queue.Receive{Max: 1}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("received with %v, want the context's error", err)
		}
	})
}

func TestLongPollFIFODelay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBundle(t)
		b.create("orders.fifo", queue.Definition{FIFO: true, ContentBasedDeduplication: true, Delay: duration.Of(5 * time.Second)})
		b.send("orders.fifo", queue.Send{Body: []byte("x"), Group: "g"})
		wait := 20 * time.Second
		began := time.Now()
		got := b.receive("orders.fifo", queue.Receive{Max: 1, Wait: &wait})
		if took := time.Since(began); bodies(got) != "x" || took < 5*time.Second || took > 5*time.Second+200*time.Millisecond {
			t.Errorf("received %q after %v, want x after 5s", bodies(got), took)
		}
	})
}

func TestDeadLetters(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		kind   string
		source string
		dlq    string
		fifo   bool
	}{{"standard", "orders", "failed", false}, {"fifo", "orders.fifo", "failed.fifo", true}} {
		t.Run(test.kind, func(t *testing.T) {
			t.Parallel()
			b := newBundle(t)
			dlq := b.create(test.dlq, queue.Definition{FIFO: test.fifo, ContentBasedDeduplication: test.fifo})
			q := b.create(test.source, queue.Definition{
				FIFO: test.fifo, ContentBasedDeduplication: test.fifo, DeadLetter: &queue.DeadLetter{Queue: test.dlq, MaxReceives: 2},
			})
			send := text("poison")
			if test.fifo {
				send.Group = "g"
			}
			sent := b.send(test.source, send)[0]
			now := time.Duration(0)
			for i := 1; i <= 2; i++ {
				got := b.receive(test.source, queue.Receive{Max: 1, Visibility: &now})
				if len(got) != 1 || got[0].Receives != i {
					t.Fatalf("receive %d: %+v", i, got)
				}
			}
			if got := b.receive(test.source, queue.Receive{Max: 1, Visibility: &now}); len(got) != 0 {
				t.Fatalf("the third receive got %q", bodies(got))
			}
			got := b.receive(test.dlq, queue.Receive{Max: 1})
			if len(got) != 1 || got[0].ID != sent.ID || got[0].Receives != 3 || got[0].Source != q.ID {
				t.Errorf("the dead letter is %+v, want ID %s, 3 receives, source %d", got, sent.ID, q.ID)
			}
			if s, _ := b.Stats(b.ctx, name(test.source)); s.Total() != 0 || s.Moved != 1 {
				t.Errorf("the source has %+v", s)
			}
			if dlq.ID == q.ID {
				t.Error("two queues share an incarnation")
			}
		})
	}
}

func TestDeadLetterQueueGone(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	b.create("failed", queue.Definition{})
	b.create("orders", queue.Definition{DeadLetter: &queue.DeadLetter{Queue: "failed", MaxReceives: 1}})
	if err := b.Delete(b.ctx, name("failed")); err != nil {
		t.Fatal(err)
	}
	b.send("orders", text("x"))
	now := time.Duration(0)
	b.receive("orders", queue.Receive{Max: 1, Visibility: &now})
	b.receive("orders", queue.Receive{Max: 1, Visibility: &now})
	if got := b.receive(queue.BuiltinDeadLetters, queue.Receive{Max: 1}); bodies(got) != "x" {
		t.Errorf("the built-in queue has %q, want x", bodies(got))
	}
}

func TestVisibility(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	b.create("orders", queue.Definition{})
	b.send("orders", text("x"))
	m := b.receive("orders", queue.Receive{Max: 1})[0]
	change := func(receipt string, v time.Duration) error {
		errs, err := b.ChangeVisibility(b.ctx, name("orders"), []queue.VisibilityChange{{Receipt: receipt, Visibility: v}})
		if err != nil {
			t.Fatal(err)
		}
		return errs[0]
	}
	if err := change(m.Receipt.String(), 13*time.Hour); err == nil {
		t.Error("13h was accepted")
	}
	if err := change("garbage", 0); !errors.Is(err, queue.ErrReceiptInvalid) {
		t.Errorf("a receipt that is none: %v", err)
	}
	if err := change(m.Receipt.String(), 0); err != nil {
		t.Errorf("giving it back: %v", err)
	}
	again := b.receive("orders", queue.Receive{Max: 1})
	if bodies(again) != "x" {
		t.Fatalf("after giving it back there is %q", bodies(again))
	}
	if errs, err := b.Acknowledge(b.ctx, name("orders"), []string{m.Receipt.String(), "garbage"}); err != nil || errs[0] != nil || !errors.Is(errs[1], queue.ErrReceiptInvalid) {
		t.Errorf("acknowledging by an old receipt and by garbage: %v, %v", errs, err)
	}
	if err := change(again[0].Receipt.String(), time.Minute); !errors.Is(err, queue.ErrNotInFlight) {
		t.Errorf("extending a message that is gone: %v, want ErrNotInFlight", err)
	}
}

func TestReceiveValidates(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	b.create("orders", queue.Definition{MaxInFlight: 1})
	long := 13 * time.Hour
	for field, r := range map[string]queue.Receive{
		"max": {}, "wait": {Max: 1, Wait: &long}, "visibility": {Max: 1, Visibility: &long},
	} {
		_, err := b.Receive(b.ctx, name("orders"), r)
		if invalid, ok := errors.AsType[*queue.InvalidError](err); !ok || invalid.Field != field {
			t.Errorf("%+v: %v, want a fault of %s", r, err, field)
		}
	}
	b.send("orders", text("a"), text("b"))
	b.receive("orders", queue.Receive{Max: 10})
	if _, err := b.Receive(b.ctx, name("orders"), queue.Receive{Max: 1}); !errors.Is(err, queue.ErrOverLimit) {
		t.Errorf("beyond the in-flight limit: %v, want ErrOverLimit", err)
	}
}

func TestSweeper(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBundle(t)
		b.create("orders", queue.Definition{Retention: duration.Of(time.Minute)})
		b.send("orders", text("a"), text("b"))
		sweeper := queue.NewSweeper(b.Store(), b.Clock(), b.Expiries)
		removed := make(chan int64, 10)
		sweeper.Removed = func(_ queue.ID, e queue.Expired) { removed <- e.Messages }
		ctx, cancel := context.WithCancel(b.ctx)
		done := make(chan error)
		began := time.Now()
		go func() { done <- sweeper.Run(ctx) }()
		if n := <-removed; n != 2 || time.Since(began) < time.Minute || time.Since(began) > time.Minute+11*time.Second {
			t.Errorf("removed %d after %v", n, time.Since(began))
		}
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run returned %v", err)
		}
	})
}

func TestStatsOfAFIFODelay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBundle(t)
		b.create("orders.fifo", queue.Definition{FIFO: true, ContentBasedDeduplication: true, Delay: duration.Of(5 * time.Second)})
		want := func(when string, ready, delayed, inFlight int64) {
			t.Helper()
			got, err := b.Stats(b.ctx, name("orders.fifo"))
			if err != nil || got.Ready != ready || got.Delayed != delayed || got.InFlight != inFlight {
				t.Errorf("%s: %+v, %v; want %d ready, %d delayed, %d in flight", when, got, err, ready, delayed, inFlight)
			}
		}
		b.send("orders.fifo", queue.Send{Body: []byte("x"), Group: "g"}, queue.Send{Body: []byte("y"), Group: "h"})
		want("sent", 0, 2, 0)
		<-time.After(3 * time.Second)
		b.send("orders.fifo", queue.Send{Body: []byte("z"), Group: "g"})
		<-time.After(3 * time.Second)
		want("two are due", 2, 1, 0)
		b.receive("orders.fifo", queue.Receive{Max: 1})
		want("one is received", 1, 1, 1)
		<-time.After(3 * time.Second)
		want("all are due", 2, 0, 1)
	})
}
