package topic_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/topic"
)

// log is a FIFO topic's.
func (e *env) log(name string) []queue.Message {
	e.tb.Helper()
	record, ok := e.definitions.Get(topic.Table, named(name))
	if !ok {
		e.tb.Fatalf("no topic %s", name)
	}
	return e.messages(queue.IDFor(record.ID, queue.TopicLog), queue.Log)
}

func (e *env) fifo(def topic.Topic) (orders queue.Queue) {
	e.tb.Helper()
	def.FIFO = true
	e.create("t.fifo", def)
	orders = e.queue("orders.fifo", queue.Definition{FIFO: true})
	e.add("t.fifo", topic.Subscription{Queue: "orders.fifo"})
	return orders
}

func TestFIFOPublish(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	orders := e.fifo(topic.Topic{ContentBasedDeduplication: true})
	plain := e.queue("plain", queue.Definition{})
	wrapped := e.add("t.fifo", topic.Subscription{Queue: "plain", Raw: new(false)})
	p := topic.Publish{Topic: named("t.fifo"), Messages: []topic.Message{
		{Body: []byte("one"), Group: "g", DedupID: "d1", Subject: "S", Attributes: []queue.Attribute{text("a", "b")}}, {Body: []byte("two"), Group: "g"},
	}}
	first := e.publish(p)
	if first[0].Sequence >= first[1].Sequence || len(first[0].Sequence) != 20 || first[0].Duplicate || len(first[0].Matched) != 2 {
		t.Errorf("%+v", first)
	}
	sum := sha256.Sum256([]byte("two"))
	var got []string
	for _, m := range e.messages(orders.ID, queue.FIFO) {
		got = append(got, string(m.Body)+" "+m.Group+" "+m.DedupID)
	}
	if diff := cmp.Diff([]string{"one g d1", "two g " + hex.EncodeToString(sum[:])}, got); diff != "" {
		t.Error(diff)
	}
	m := e.messages(plain.ID, queue.Standard)[0]
	var envelope map[string]any
	if err := json.Unmarshal(m.Body, &envelope); err != nil || m.Group != "g" {
		t.Errorf("%v, group %q", err, m.Group)
	}
	if _, ok := envelope["UnsubscribeURL"]; !ok || !strings.Contains(envelope["UnsubscribeURL"].(string), wrapped.UUID) {
		t.Errorf("unsubscribe URL %v", envelope["UnsubscribeURL"])
	}
	delete(envelope, "Timestamp")
	delete(envelope, "UnsubscribeURL")
	want := map[string]any{
		"Type": "Notification", "MessageId": first[0].ID, "SequenceNumber": first[0].Sequence, "Message": "one", "Subject": "S",
		"TopicArn":          "arn:aws:sns:eu-west-1:123456789012:t.fifo",
		"MessageAttributes": map[string]any{"a": map[string]any{"Type": "String", "Value": "b"}},
	}
	if diff := cmp.Diff(want, envelope); diff != "" {
		t.Error(diff)
	}
	// Again, with another body under the same ID: the first one's answer, and nothing happens.
	p.Messages[0].Body = []byte("other")
	again := e.publish(p)
	for i := range again {
		wanted := first[i]
		wanted.Duplicate = true
		if diff := cmp.Diff(wanted, again[i]); diff != "" {
			t.Errorf("repeat %d: %s", i, diff)
		}
	}
	if n, logged := len(e.messages(orders.ID, queue.FIFO)), len(e.log("t.fifo")); n != 2 || logged != 2 {
		t.Errorf("%d in the queue and %d in the log", n, logged)
	}
}

func TestFIFORepeatWithoutSubscribers(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.create("t.fifo", topic.Topic{FIFO: true})
	m := topic.Publish{Topic: named("t.fifo"), Messages: []topic.Message{{Body: []byte("x"), Group: "g", DedupID: "d"}}}
	first, again := e.publish(m)[0], e.publish(m)[0]
	if !again.Duplicate || again.ID != first.ID || again.Sequence != first.Sequence {
		t.Errorf("%+v after %+v", again, first)
	}
}

func TestFIFORefuses(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.fifo(topic.Topic{})
	field := func(what string, err error, want string) {
		t.Helper()
		for _, one := range joined(err) {
			if invalid, ok := errors.AsType[*topic.InvalidError](one); ok && invalid.Field == want {
				return
			}
		}
		t.Errorf("%s: %v, want a fault of %s", what, err, want)
	}
	publish := func(m topic.Message) error {
		_, err := e.topics.Publish(t.Context(), topic.Publish{Topic: named("t.fifo"), Messages: []topic.Message{m}})
		def := topic.Topic{FIFO: true}
		if invalid, _ := errors.AsType[*topic.InvalidError](m.Validate(&def)); invalid == nil || "messages[0]."+invalid.Field != err.(*topic.InvalidError).Field {
			t.Errorf("Validate says %v, Publish %v", invalid, err)
		}
		return err
	}
	field("no group", publish(topic.Message{DedupID: "d"}), "messages[0].group")
	field("no deduplication ID", publish(topic.Message{Group: "g"}), "messages[0].dedup_id")
	subscribe := func(to string, s topic.Subscription) error {
		_, _, err := e.topics.Subscribe(t.Context(), named(to), s)
		return err
	}
	field("URL", subscribe("t.fifo", topic.Subscription{URL: "https://example.com"}), "url")
	field("FIFO queue on a standard topic", subscribe("alerts", topic.Subscription{Queue: "q.fifo"}), "queue")
	field("dead letters", subscribe("t.fifo", topic.Subscription{Queue: "other.fifo", DeadLetter: "dlq"}), "dead_letter")
	if err := subscribe("t.fifo", topic.Subscription{Queue: "other.fifo", DeadLetter: "dlq.fifo"}); err != nil {
		t.Error(err)
	}
	for _, c := range []struct {
		name  string
		def   topic.Topic
		field string
	}{
		{"t", topic.Topic{FIFO: true}, "name"}, {"t.fifo", topic.Topic{}, "name"},
		{"t", topic.Topic{ContentBasedDeduplication: true}, "content_based_deduplication"},
		{"t", topic.Topic{DeduplicationScope: topic.ScopeGroup}, "deduplication_scope"},
		{"t.fifo", topic.Topic{FIFO: true, DeduplicationScope: "x"}, "deduplication_scope"},
		{"t", topic.Topic{Retention: 1}, "retention"}, {"t.fifo", topic.Topic{FIFO: true, Retention: 1}, "retention"},
		{"t", topic.Topic{SignatureVersion: 3}, "signature_version"}, {"t", topic.Topic{DeliveryPolicy: []byte(`{"http":1}`)}, "delivery_policy"},
		{"t", topic.Topic{DisplayName: strings.Repeat("x", 101)}, "display_name"}, {"t", topic.Topic{Tags: map[string]string{"": ""}}, "tags"},
	} {
		err := c.def.Validate(c.name)
		found := false
		for _, one := range joined(err) {
			invalid, ok := errors.AsType[*topic.InvalidError](one)
			found = found || ok && strings.HasPrefix(invalid.Field, c.field)
		}
		if !found {
			t.Errorf("%s %+v: %v", c.name, c.def, err)
		}
	}
}

func joined(err error) []error {
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		return many.Unwrap()
	}
	return []error{err}
}

// Many publish to few groups at once: numbers, log and queue have one order in each group.
func TestFIFOOrderTogether(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	orders := e.fifo(topic.Topic{})
	pager := e.function("pager")
	sub := e.add("t.fifo", topic.Subscription{Function: "pager"})
	const publishers, each, groups = 8, 25, 3
	var done sync.WaitGroup
	for p := range publishers {
		done.Go(func() {
			for i := range each {
				_, err := e.topics.Publish(t.Context(), topic.Publish{Topic: named("t.fifo"), Messages: []topic.Message{{
					Body: fmt.Appendf(nil, `"%d/%d"`, p, i), Group: fmt.Sprint("g", (p+i)%groups), DedupID: fmt.Sprint(p, "/", i),
				}}})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	done.Wait()
	logged := map[string][]string{}
	for _, m := range e.log("t.fifo") {
		logged[m.Group] = append(logged[m.Group], m.ID.String()) // IDs lead with the number
	}
	for group, ids := range logged {
		if !slices.IsSorted(ids) {
			t.Errorf("group %s was logged in another order than numbered", group)
		}
	}
	want := map[string][]string{}
	for _, m := range e.log("t.fifo") {
		want[m.Group] = append(want[m.Group], string(m.Body))
	}
	got, total := map[string][]string{}, 0
	for _, m := range e.messages(orders.ID, queue.FIFO) {
		got[m.Group] = append(got[m.Group], string(m.Body))
		total++
	}
	if diff := cmp.Diff(want, got); diff != "" || total != publishers*each {
		t.Errorf("%d in the queue: %s", total, diff)
	}
	got = map[string][]string{}
	for _, m := range e.messages(pager, queue.FIFO) {
		group := strings.TrimPrefix(m.Group, "topic:t.fifo/"+sub.ID+"/")
		detail, _ := json.Marshal(object(t, m.Body)["detail"])
		got[group] = append(got[group], string(detail))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("for the function: %s", diff)
	}
}

// TestFIFOModel publishes at random and compares with what the rules say: a deduplication ID is taken once, in the topic or in
// its group, whatever else the message has.
func TestFIFOModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		e := newEnv(t)
		scope := rapid.SampledFrom([]string{"", topic.ScopeTopic, topic.ScopeGroup}).Draw(rt, "scope")
		// The queue's own deduplication must not be narrower than the topic's.
		e.create("t.fifo", topic.Topic{FIFO: true, ContentBasedDeduplication: true, DeduplicationScope: scope})
		orders := e.queue("orders.fifo", queue.Definition{FIFO: true, DeduplicationScope: "group"})
		e.add("t.fifo", topic.Subscription{Queue: "orders.fifo", Filter: []byte(`{"keep":["yes"]}`)})
		first, last := map[string]topic.Published{}, map[string]string{}
		var want []string
		for range rapid.IntRange(1, 12).Draw(rt, "publishes") {
			var messages []topic.Message
			for range rapid.IntRange(1, 3).Draw(rt, "messages") {
				m := topic.Message{
					Body:    []byte(rapid.SampledFrom([]string{"x", "y"}).Draw(rt, "body")),
					Group:   rapid.SampledFrom([]string{"g", "h"}).Draw(rt, "group"),
					DedupID: rapid.SampledFrom([]string{"", "a", "b", "c"}).Draw(rt, "dedup"),
				}
				if rapid.Bool().Draw(rt, "keep") {
					m.Attributes = []queue.Attribute{text("keep", "yes")}
				}
				messages = append(messages, m)
			}
			for i, got := range e.publish(topic.Publish{Topic: named("t.fifo"), Messages: messages}) {
				m := messages[i]
				key := m.DedupID
				if key == "" {
					sum := sha256.Sum256(m.Body)
					key = hex.EncodeToString(sum[:])
				}
				if scope == topic.ScopeGroup {
					key = m.Group + " " + key
				}
				if was, repeat := first[key]; repeat {
					was.Duplicate = true
					if diff := cmp.Diff(was, got); diff != "" {
						rt.Fatalf("repeat: %s", diff)
					}
					continue
				}
				if got.Duplicate || got.Sequence <= last[m.Group] {
					rt.Fatalf("%+v after %s", got, last[m.Group])
				}
				first[key], last[m.Group] = got, got.Sequence
				if len(m.Attributes) > 0 {
					want = append(want, m.Group+" "+string(m.Body))
				}
			}
		}
		var got []string
		for _, m := range e.messages(orders.ID, queue.FIFO) {
			got = append(got, m.Group+" "+string(m.Body))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			rt.Fatalf("in the queue: %s", diff)
		}
		if len(e.log("t.fifo")) != len(first) {
			rt.Fatalf("%d logged, want %d", len(e.log("t.fifo")), len(first))
		}
	})
}
