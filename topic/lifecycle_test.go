package topic_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
	"github.com/signalbox-mq/signalbox/duration"
	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/topic"
)

func (e *env) create(name string, def topic.Topic) {
	e.tb.Helper()
	if _, created, err := e.topics.Create(e.tb.Context(), named(name), def); err != nil || !created {
		e.tb.Fatalf("created %v, %v", created, err)
	}
}

// add subscribes as a client of the API does.
func (e *env) add(topicName string, s topic.Subscription) topic.SubscriptionEntry {
	e.tb.Helper()
	entry, _, err := e.topics.Subscribe(e.tb.Context(), named(topicName), s)
	if err != nil {
		e.tb.Fatal(err)
	}
	return entry
}

// deliveries returns the delivery queue of an HTTP subscription; false if it has no endpoint.
func (e *env) deliveries(entry *topic.SubscriptionEntry) (queue.ID, bool) {
	e.tb.Helper()
	record, ok := e.definitions.Get(endpoint.SubscriptionTable, topic.SubscriptionName(entry.Topic, entry.ID))
	return queue.IDFor(record.ID, queue.Deliveries), ok
}

func (e *env) confirmed(topicName string, s topic.Subscription) topic.SubscriptionEntry {
	e.tb.Helper()
	entry := e.add(topicName, s)
	entry, err := e.topics.Confirm(e.tb.Context(), entry.Topic, entry.Subscription.Pending.Token, false)
	if err != nil {
		e.tb.Fatal(err)
	}
	if id, ok := e.deliveries(&entry); ok { // what is in the way of the test
		if _, err := e.store.Purge(e.tb.Context(), e.broker.Now(), id); err != nil {
			e.tb.Fatal(err)
		}
	}
	return entry
}

func (e *env) declare(declarations ...catalog.Declaration) {
	e.tb.Helper()
	if _, err := e.definitions.Declare(e.tb.Context(), "file:x.yaml", "", declarations, catalog.DeclareOptions{}); err != nil {
		e.tb.Fatal(err)
	}
}

func TestTopicLife(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	ctx := t.Context()
	def := topic.Topic{DisplayName: "Orders", Kept: map[string]string{"Policy": "{}"}, Tags: map[string]string{"team": "a"}}
	entry, created, err := e.topics.Create(ctx, named("orders"), def)
	if err != nil || !created || entry.Managed || entry.Created.IsZero() || entry.Updated != entry.Created {
		t.Fatalf("%+v, %v, %v", entry, created, err)
	}
	if diff := cmp.Diff(def, entry.Topic); diff != "" {
		t.Error(diff)
	}
	again, created, err := e.topics.Create(ctx, named("orders"), topic.Topic{DisplayName: "other"})
	if err != nil || created || again.Topic.DisplayName != "Orders" {
		t.Errorf("again: %+v, %v, %v", again, created, err)
	}
	updated, err := e.topics.Update(ctx, named("orders"), func(t *topic.Topic) error { t.DisplayName = "New"; return nil })
	if err != nil || updated.Topic.DisplayName != "New" {
		t.Errorf("updated: %+v, %v", updated, err)
	}
	refused := errors.New("no")
	if _, err := e.topics.Update(ctx, named("orders"), func(*topic.Topic) error { return refused }); !errors.Is(err, refused) {
		t.Errorf("refused by the change: %v", err)
	}
	if _, err := e.topics.Update(ctx, named("orders"), func(t *topic.Topic) error { t.SignatureVersion = 3; return nil }); err == nil {
		t.Error("an invalid definition was taken")
	}
	if got, err := e.topics.Get(ctx, named("orders")); err != nil || got.Topic.DisplayName != "New" {
		t.Errorf("got %+v, %v", got, err)
	}
	all, more, err := e.topics.List(ctx, catalog.Query{Account: account, Region: region, Limit: 1})
	if err != nil || !more || len(all) != 1 || all[0].Name != named("alerts") {
		t.Errorf("listed %+v, %v, %v", all, more, err)
	}
	for range 2 {
		if err := e.topics.Delete(ctx, named("orders")); err != nil {
			t.Errorf("delete: %v", err)
		}
	}
	if _, err := e.topics.Get(ctx, named("orders")); !errors.Is(err, topic.ErrNotFound) {
		t.Errorf("deleted: %v", err)
	}
	if _, err := e.topics.Update(ctx, named("orders"), func(*topic.Topic) error { return nil }); !errors.Is(err, topic.ErrNotFound) {
		t.Errorf("update of a deleted one: %v", err)
	}
}

func TestArchivedTopic(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	ctx := t.Context()
	e.create("t.fifo", topic.Topic{FIFO: true, Retention: duration.Of(48 * time.Hour), ArchivedSince: time.Unix(1, 0)})
	since := func() time.Time {
		t.Helper()
		entry, err := e.topics.Get(ctx, named("t.fifo"))
		if err != nil {
			t.Fatal(err)
		}
		return entry.Topic.ArchivedSince
	}
	began := since()
	if time.Since(began).Abs() > time.Minute {
		t.Errorf("archived since %v", began)
	}
	retain := func(d time.Duration) {
		t.Helper()
		_, err := e.topics.Update(ctx, named("t.fifo"), func(t *topic.Topic) error { t.Retention = duration.Of(d); return nil })
		if err != nil {
			t.Fatal(err)
		}
	}
	retain(24 * time.Hour)
	if !since().Equal(began) {
		t.Error("another retention began another archive")
	}
	if err := e.topics.Delete(ctx, named("t.fifo")); !errors.Is(err, topic.ErrArchived) {
		t.Errorf("delete: %v", err)
	}
	retain(0)
	if !since().IsZero() {
		t.Errorf("archived since %v, without a retention", since())
	}
	if err := e.topics.Delete(ctx, named("t.fifo")); err != nil {
		t.Error(err)
	}
}

func TestManagedByFile(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	ctx := t.Context()
	declared := topic.Subscription{Queue: "q"}
	e.declare(
		e.defined.Declaring(named("filed"), topic.Topic{}),
		e.subscriptions.Declaring(topic.SubscriptionName(named("filed"), "queue:q"), declared))
	managed := func(what string, err error) {
		t.Helper()
		if _, ok := errors.AsType[*catalog.ManagedError](err); !ok {
			t.Errorf("%s: %v", what, err)
		}
	}
	_, err := e.topics.Update(ctx, named("filed"), func(t *topic.Topic) error { t.DisplayName = "x"; return nil })
	managed("update", err)
	managed("delete", e.topics.Delete(ctx, named("filed")))
	id := declared.UUID(named("filed"))
	if parsed, err := uuid.Parse(id); err != nil || parsed.Version() != 8 {
		t.Errorf("UUID %q", id)
	}
	entry, err := e.topics.Subscription(ctx, named("filed"), id)
	if err != nil || !entry.Managed || entry.ID != "queue:q" || entry.UUID != id ||
		entry.ARN() != "arn:aws:sns:eu-west-1:123456789012:filed:"+id {
		t.Errorf("%+v, %v", entry, err)
	}
	managed("unsubscribe", e.topics.Unsubscribe(ctx, named("filed"), id, false))
	_, err = e.topics.UpdateSubscription(ctx, named("filed"), id, func(*topic.Subscription) error { return nil })
	managed("update of the subscription", err)
	if same, created, err := e.topics.Subscribe(ctx, named("filed"), topic.Subscription{Queue: "q"}); err != nil || created || same.UUID != id {
		t.Errorf("subscribe again: %+v, %v, %v", same, created, err)
	}
	// Clients may add to it, and what they added goes when the topic has left the file.
	e.add("filed", topic.Subscription{Queue: "r"})
	e.declare()
	if err := e.topics.Sweep(ctx); err != nil {
		t.Fatal(err)
	}
	if all, _, err := e.topics.Subscriptions(ctx, new(named("filed")), "", "", "", 0); err != nil || len(all) != 0 {
		t.Errorf("left: %+v, %v", all, err)
	}
}

func TestDeleteTakesEverythingAlong(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	ctx := t.Context()
	e.queue("q", queue.Definition{})
	e.add("alerts", topic.Subscription{Queue: "q"})
	hook := e.confirmed("alerts", topic.Subscription{URL: "https://example.com/hook"})
	e.publishOne(topic.Message{Body: []byte("x")})
	deliveries, _ := e.deliveries(&hook)
	if n := len(e.messages(deliveries, queue.FIFO)); n != 1 {
		t.Fatalf("%d deliveries", n)
	}
	if err := e.topics.Delete(ctx, named("alerts")); err != nil {
		t.Fatal(err)
	}
	for _, table := range []string{topic.SubscriptionTable, endpoint.SubscriptionTable} {
		if n := e.definitions.Snapshot().Len(table); n != 0 {
			t.Errorf("%d %s are left", n, table)
		}
	}
	_, err := e.store.Append(ctx, queue.AppendRequest{Now: e.broker.Now(), Entries: []queue.Entry{{Queue: deliveries, Kind: queue.FIFO}}})
	if !errors.Is(err, queue.ErrDropped) {
		t.Errorf("the delivery queue was not dropped: %v", err)
	}
	e.create("alerts", topic.Topic{})
	if got := e.publishOne(topic.Message{Body: []byte("x")}); len(got.Matched) != 0 {
		t.Errorf("the new topic has subscriptions %v", got.Matched)
	}
}

// What a crash has left of a topic is not a later one's of the same name.
func TestCreateAnew(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	ctx := t.Context()
	e.queue("q", queue.Definition{})
	e.add("alerts", topic.Subscription{Queue: "q"})
	if err := e.defined.Delete(ctx, named("alerts")); err != nil {
		t.Fatal(err)
	}
	e.create("alerts", topic.Topic{})
	if got := e.publishOne(topic.Message{}); len(got.Matched) != 0 {
		t.Errorf("matched %v", got.Matched)
	}
}

func TestSubscribe(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	ctx := t.Context()
	q := e.queue("q", queue.Definition{})
	first, created, err := e.topics.Subscribe(ctx, named("alerts"), topic.Subscription{Queue: "q", Raw: new(false)})
	if err != nil || !created || first.ID != first.UUID || uuid.Validate(first.ID) != nil || first.Subscription.Pending != nil {
		t.Fatalf("%+v, %v, %v", first, created, err)
	}
	again, created, err := e.topics.Subscribe(ctx, named("alerts"), topic.Subscription{Queue: "q", Raw: new(true)})
	if err != nil || created || again.UUID != first.UUID || *again.Subscription.Raw {
		t.Errorf("again: %+v, %v, %v", again, created, err)
	}
	other := e.add("alerts", topic.Subscription{Queue: "q", Account: "999999999999"})
	if other.UUID == first.UUID {
		t.Error("a queue of another account is the same receiver")
	}
	e.publishOne(topic.Message{Body: []byte("x")})
	if n := len(e.messages(q.ID, queue.Standard)); n != 1 {
		t.Errorf("%d messages, want 1", n)
	}
	changed, err := e.topics.UpdateSubscription(ctx, named("alerts"), first.UUID, func(s *topic.Subscription) error {
		s.Filter = []byte(`{"a":["b"]}`)
		s.Kept = map[string]string{"SubscriptionRoleArn": "arn"}
		return nil
	})
	if err != nil || string(changed.Subscription.Filter) != `{"a":["b"]}` {
		t.Errorf("changed: %+v, %v", changed, err)
	}
	if got := e.publishOne(topic.Message{}).Matched; len(got) != 1 || got[0] != other.ID {
		t.Errorf("matched %v", got)
	}
	for _, change := range []func(*topic.Subscription){
		func(s *topic.Subscription) { s.Queue = "r" }, func(s *topic.Subscription) { s.Filter = []byte("{") },
		func(s *topic.Subscription) { s.Replay = &topic.Replay{From: time.Unix(1, 0)} },
	} {
		_, err := e.topics.UpdateSubscription(ctx, named("alerts"), first.UUID, func(s *topic.Subscription) error { change(s); return nil })
		if err == nil || !strings.Contains(fmt.Sprintf("%T", err), "rror") {
			t.Errorf("an invalid change: %v", err)
		}
	}
	for range 2 {
		if err := e.topics.Unsubscribe(ctx, named("alerts"), first.UUID, true); err != nil {
			t.Errorf("unsubscribe: %v", err)
		}
	}
	if _, err := e.topics.Subscription(ctx, named("alerts"), first.UUID); !errors.Is(err, topic.ErrSubscriptionNotFound) {
		t.Errorf("unsubscribed: %v", err)
	}
	for _, err := range []error{
		func() error { _, err := e.topics.Subscription(ctx, named("none"), first.UUID); return err }(),
		func() error {
			_, err := e.topics.UpdateSubscription(ctx, named("none"), first.UUID, func(*topic.Subscription) error { return nil })
			return err
		}(),
	} {
		if !errors.Is(err, topic.ErrSubscriptionNotFound) {
			t.Errorf("of no topic: %v", err)
		}
	}
	if err := e.topics.Unsubscribe(ctx, named("none"), first.UUID, false); err != nil {
		t.Errorf("unsubscribe from no topic: %v", err)
	}
	if _, _, err := e.topics.Subscribe(ctx, named("none"), topic.Subscription{Queue: "q"}); !errors.Is(err, topic.ErrNotFound) {
		t.Errorf("subscribe to no topic: %v", err)
	}
	if _, _, err := e.topics.Subscribe(ctx, named("alerts"), topic.Subscription{Queue: "q.fifo"}); err == nil {
		t.Error("a FIFO queue was subscribed to a standard topic")
	}
}

func TestSubscriptionsInPages(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	ctx := t.Context()
	e.create("alerts-2", topic.Topic{})
	want := map[string]bool{}
	for i := range 7 {
		want[e.add("alerts", topic.Subscription{Queue: fmt.Sprint("q", i)}).UUID] = true
	}
	e.add("alerts-2", topic.Subscription{Queue: "q"})
	// One that was unsubscribed and may be restored is not seen.
	gone := e.confirmed("alerts", topic.Subscription{URL: "http://example.com"})
	if err := e.topics.Unsubscribe(ctx, gone.Topic, gone.UUID, false); err != nil {
		t.Fatal(err)
	}
	for _, limit := range []int{0, 1, 2, 3, 7, 8} {
		got, after, pages := map[string]bool{}, "", 0
		for {
			page, next, err := e.topics.Subscriptions(ctx, new(named("alerts")), "", "", after, limit)
			if err != nil || limit > 0 && len(page) > limit {
				t.Fatalf("%d at once, %v", len(page), err)
			}
			for i := range page {
				if got[page[i].UUID] {
					t.Errorf("%s is there twice", page[i].UUID)
				}
				got[page[i].UUID] = true
			}
			if pages++; next == "" || pages > 20 {
				break
			}
			after = next
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("in pages of %d: %s", limit, diff)
		}
	}
	all, _, err := e.topics.Subscriptions(ctx, nil, account, region, "", 0)
	if err != nil || len(all) != 8 {
		t.Errorf("%d of all topics, %v", len(all), err)
	}
	confirmed, pending, deleted, err := e.topics.Counts(ctx, named("alerts"))
	if err != nil || confirmed != 7 || pending != 0 || deleted != 1 {
		t.Errorf("counts %d, %d, %d, %v", confirmed, pending, deleted, err)
	}
}

// Many at once make one subscription of one receiver, and each gets it.
func TestSubscribeTogether(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	const callers, receivers = 16, 4
	var mu sync.Mutex
	ids, news := map[string]map[string]bool{}, 0
	var done sync.WaitGroup
	for i := range callers {
		done.Go(func() {
			name := fmt.Sprint("q", i%receivers)
			entry, created, err := e.topics.Subscribe(t.Context(), named("alerts"), topic.Subscription{Queue: name})
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			if ids[name] == nil {
				ids[name] = map[string]bool{}
			}
			ids[name][entry.UUID] = true
			if created {
				news++
			}
		})
	}
	done.Wait()
	for name, of := range ids {
		if len(of) != 1 {
			t.Errorf("%s has the subscriptions %v", name, of)
		}
	}
	if n := e.definitions.Snapshot().Len(topic.SubscriptionTable); n != receivers || news != receivers {
		t.Errorf("%d subscriptions, %d created, want %d", n, news, receivers)
	}
}

// A topic is deleted and made while others subscribe to it: no subscription is left without a topic.
func TestSubscribeWhileDeleted(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	ctx := t.Context()
	var done sync.WaitGroup
	stop, cancel := context.WithCancel(ctx)
	for i := range 4 {
		done.Go(func() {
			for j := 0; stop.Err() == nil; j++ {
				s := topic.Subscription{Queue: fmt.Sprint("q", j%5)}
				if i%2 == 0 {
					s = topic.Subscription{URL: fmt.Sprint("http://example.com/", j%5)}
				}
				_, _, err := e.topics.Subscribe(ctx, named("alerts"), s)
				if err != nil && !errors.Is(err, topic.ErrNotFound) && !errors.Is(err, queue.ErrDropped) {
					t.Errorf("subscribe: %v", err)
				}
			}
		})
	}
	for range 50 {
		if err := e.topics.Delete(ctx, named("alerts")); err != nil {
			t.Error(err)
		}
		if _, _, err := e.topics.Create(ctx, named("alerts"), topic.Topic{}); err != nil {
			t.Error(err)
		}
	}
	cancel()
	done.Wait()
	if err := e.topics.Delete(ctx, named("alerts")); err != nil {
		t.Error(err)
	}
	for _, table := range []string{topic.SubscriptionTable, endpoint.SubscriptionTable} {
		if n := e.definitions.Snapshot().Len(table); n != 0 {
			t.Errorf("%d %s are left", n, table)
		}
	}
}
