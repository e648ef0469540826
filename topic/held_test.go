package topic_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/topic"
)

// later are the same topics at a later time.
func (e *env) later(d time.Duration) *topic.Topics {
	return topic.New(queue.NewBroker(e.store, e.definitions, queue.NewClock(time.Now().Add(d))), e.definitions)
}

// same publishes under one deduplication ID.
func (e *env) same(t *topic.Topics, body string) {
	e.tb.Helper()
	published, err := t.Publish(e.tb.Context(), topic.Publish{
		Topic: named("t.fifo"), Messages: []topic.Message{{Body: []byte(body), Group: "g", DedupID: "same"}},
	})
	if err != nil || published[0].Duplicate {
		e.tb.Fatalf("publishing %s: %+v, %v", body, published, err)
	}
}

// What is held for a replay comes to a FIFO queue when the time of its deduplication ID is over, so the ID must not keep another
// message out there that the topic has accepted.
func TestHeldMessagesAreNoDuplicates(t *testing.T) {
	t.Parallel()
	t.Run("two held", func(t *testing.T) {
		t.Parallel()
		e := newEnv(t)
		e.archive()
		q := e.queue("q.fifo", queue.Definition{FIFO: true})
		s := e.add("t.fifo", topic.Subscription{Queue: "q.fifo"})
		e.replay(&s, &topic.Replay{From: time.Now().Add(-time.Hour)})
		e.same(e.topics, "first")
		e.same(e.later(6*time.Minute), "second")
		e.replaying()
		e.replayed(&s)
		if got := e.bodies(q); !slices.Equal(got, []string{"first", "second"}) {
			t.Errorf("the queue has %q", got)
		}
	})
	t.Run("one held, one live", func(t *testing.T) {
		t.Parallel()
		e := newEnv(t)
		e.archive()
		q := e.queue("q.fifo", queue.Definition{FIFO: true})
		s := e.add("t.fifo", topic.Subscription{Queue: "q.fifo"})
		e.replay(&s, &topic.Replay{From: time.Now().Add(-time.Hour)})
		at7 := e.later(7 * time.Minute)
		e.same(e.topics, "first")
		e.topics = e.later(4 * time.Minute)
		e.broker = queue.NewBroker(e.store, e.definitions, queue.NewClock(time.Now().Add(4*time.Minute)))
		e.replaying()
		e.replayed(&s)
		e.same(at7, "second")
		if got := e.bodies(q); !slices.Equal(got, []string{"first", "second"}) {
			t.Errorf("the queue has %q", got)
		}
	})
}

// What is held is in the topic's log alone, which keeps it for as long as the replay takes, whatever becomes of the archive.
func TestArchiveSwitchedOffDuringReplay(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.archive()
	q := e.queue("q.fifo", queue.Definition{FIFO: true})
	s := e.add("t.fifo", topic.Subscription{Queue: "q.fifo"})
	e.replay(&s, &topic.Replay{From: time.Now().Add(-time.Hour)})
	e.number(1, "g")
	if _, err := e.topics.Update(t.Context(), named("t.fifo"), func(d *topic.Topic) error { d.Retention = 0; return nil }); err != nil {
		t.Fatal(err)
	}
	expire := func() {
		t.Helper()
		expiries, err := e.topics.Expiries()
		if err != nil || len(expiries) != 1 {
			t.Fatal(expiries, err)
		}
		if _, err := e.store.Expire(t.Context(), time.Now().Add(topic.DefaultLogRetention+time.Minute), expiries); err != nil {
			t.Fatal(err)
		}
	}
	expire()
	e.replaying()
	e.replayed(&s)
	if got := e.bodies(q); len(got) != 1 {
		t.Errorf("the queue has %q", got)
	}
	expire()
	if left := len(e.log("t.fifo")); left != 0 {
		t.Errorf("after the replay the log still has %d", left)
	}
}

// A topic made anew while the subscriptions of the deleted one are still being removed, or left by a crash, has none of them, however
// many there are.
func TestCreateAnewBeforeAllAreRemoved(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	name := named("big")
	e.create("big", topic.Topic{})
	const count = 2500
	for first := 0; first < count; first += 500 {
		var set catalog.Set
		for i := first; i < first+500; i++ {
			id := fmt.Sprintf("s%05d", i)
			set.Changes = append(set.Changes, e.subscriptions.Putting(topic.SubscriptionName(name, id), topic.Subscription{ID: id, Queue: fmt.Sprintf("q%d", i)}))
		}
		if _, err := e.definitions.Apply(t.Context(), set); err != nil {
			t.Fatal(err)
		}
	}
	e.topics.Deleted = func([]catalog.Record, *catalog.Snapshot) { panic("killed") }
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the deletion was not broken off")
			}
		}()
		_ = e.topics.Delete(context.Background(), name)
	}()
	e.topics.Deleted = nil
	e.create("big", topic.Topic{})
	confirmed, pending, _, err := e.topics.Counts(t.Context(), name)
	if err != nil || confirmed+pending != 0 {
		t.Errorf("the new topic has %d and %d subscriptions, %v", confirmed, pending, err)
	}
}
