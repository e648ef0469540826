package topic_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/topic"
)

func TestSubscriptionChangesCountAtOnce(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.queue("q", queue.Definition{})
	want := func(ids ...string) {
		t.Helper()
		if got := e.publishOne(topic.Message{Body: []byte(`{"a":"x"}`)}).Matched; !slices.Equal(got, ids) {
			t.Errorf("matched %q, want %q", got, ids)
		}
	}
	want()
	e.subscribe("alerts", topic.Subscription{ID: "b", Queue: "q"})
	want("b")
	e.subscribe("alerts", topic.Subscription{ID: "a", Queue: "q"})
	want("a", "b")
	e.subscribe("alerts", topic.Subscription{ID: "b", Queue: "q", Filter: []byte(`{"a":["x"]}`)})
	want("a")
	e.subscribe("alerts", topic.Subscription{ID: "b", Queue: "q", Filter: []byte(`{"a":["x"]}`), FilterScope: topic.ScopeBody})
	want("a", "b")
	e.subscribe("alerts", topic.Subscription{ID: "b", Queue: "q", Filter: []byte(`{"a":["y"]}`), FilterScope: topic.ScopeBody})
	want("a")
	e.unsubscribe("alerts", "a")
	want()
	e.subscribe("alerts", topic.Subscription{ID: "c", Queue: "q"}) // takes the place of a
	want("c")
	e.topic("alerts-2") // a name with the other's as its beginning
	e.subscribe("alerts-2", topic.Subscription{ID: "d", Queue: "q"})
	want("c")
	// A topic that is deleted and made anew has the subscriptions that were left.
	if err := e.defined.Delete(t.Context(), named("alerts")); err != nil {
		t.Fatal(err)
	}
	e.unsubscribe("alerts", "c")
	e.subscribe("alerts", topic.Subscription{ID: "e", Queue: "q"})
	e.topic("alerts")
	want("e")
}

// A definition that only a newer release could have written takes nothing from the others.
func TestUnreadableSubscription(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.queue("q", queue.Definition{})
	e.subscribe("alerts", topic.Subscription{ID: "good", Queue: "q"})
	newer := topic.Subscription{ID: "newer", Queue: "q", Filter: []byte(`{"a":[{"telepathy":true}]}`)}
	if _, err := e.subscriptions.Put(t.Context(), topic.SubscriptionName(named("alerts"), "newer"), newer); err != nil {
		t.Fatal(err)
	}
	if got := e.publishOne(topic.Message{}).Matched; !slices.Equal(got, []string{"good"}) {
		t.Errorf("matched %q", got)
	}
	verdicts, err := e.topics.Explain(t.Context(), named("alerts"), &topic.Message{})
	if err != nil || len(verdicts) != 2 || verdicts[1].Matched || verdicts[1].Field != "filter" {
		t.Errorf("%+v, %v", verdicts, err)
	}
	e.unsubscribe("alerts", "newer")
	if got := e.publishOne(topic.Message{}).Matched; !slices.Equal(got, []string{"good"}) {
		t.Errorf("matched %q", got)
	}
}

// Publishes while subscriptions come and go match those that were there all the time, and no queue misses a message.
func TestConcurrentPublishAndSubscribe(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	steady := e.queue("steady", queue.Definition{})
	e.queue("other", queue.Definition{})
	e.subscribe("alerts", topic.Subscription{Queue: "steady"})
	const publishers, each, changes = 4, 50, 100
	var done sync.WaitGroup
	failed := make(chan error, publishers+1)
	for p := range publishers {
		done.Go(func() {
			for i := range each {
				got, err := e.topics.Publish(t.Context(), topic.Publish{
					Topic: named("alerts"), Messages: []topic.Message{{Body: fmt.Append(nil, p, i), Attributes: []queue.Attribute{text("a", "x")}}},
				})
				if err == nil && !slices.Contains(got[0].Matched, "queue:steady") {
					err = fmt.Errorf("matched %q", got[0].Matched)
				}
				if err != nil {
					failed <- err
					return
				}
			}
		})
	}
	done.Go(func() {
		for i := range changes {
			s := topic.Subscription{ID: fmt.Sprint("s", i%7), Queue: "other"}
			if i%2 == 0 {
				s.Filter = []byte(`{"a":["x"]}`)
			}
			name := topic.SubscriptionName(named("alerts"), s.ID)
			if _, err := e.subscriptions.Put(t.Context(), name, s); err != nil {
				failed <- err
				return
			}
			if i%3 == 0 {
				if err := e.subscriptions.Delete(t.Context(), name); err != nil {
					failed <- err
					return
				}
			}
		}
	})
	done.Wait()
	close(failed)
	for err := range failed {
		t.Error(err)
	}
	stats, err := e.store.Stats(t.Context(), e.broker.Now(), []queue.ID{steady.ID})
	if err != nil || stats[0].Ready != publishers*each {
		t.Errorf("%+v, %v; want %d messages", stats, err, publishers*each)
	}
}

func TestSubscriptionWithoutTopic(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.queue("q", queue.Definition{})
	set := catalog.Set{Changes: []catalog.Change{ // the subscription first, in one set with its topic
		e.subscriptions.Creating(topic.SubscriptionName(named("new"), "a"), topic.Subscription{Queue: "q"}),
		e.defined.Creating(named("new"), topic.Topic{}),
	}}
	e.publishOne(topic.Message{}) // builds the snapshot that this one follows
	if _, err := e.definitions.Apply(t.Context(), set); err != nil {
		t.Fatal(err)
	}
	got := e.publish(topic.Publish{Topic: named("new"), Messages: []topic.Message{{}}})
	if !slices.Equal(got[0].Matched, []string{"a"}) {
		t.Errorf("matched %q", got[0].Matched)
	}
}
