package topic_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog/catalogtest"
	"github.com/signalbox-mq/signalbox/topic"
)

func TestUndeliverable(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name         string
		subscription topic.Subscription
		message      topic.Message
		code, reason string
		target       string
		body         func(m *queue.Message) bool
	}{
		{
			"no queue", topic.Subscription{Queue: "gone"}, topic.Message{Body: []byte("x")},
			"NO_RESOURCE", "queue gone does not exist", "arn:aws:sqs:eu-west-1:123456789012:gone",
			func(m *queue.Message) bool { return string(m.Body) == "x" && attributeText(m, "a") == "b" },
		},
		{
			"no queue, envelope", topic.Subscription{Queue: "gone", Raw: new(false)}, topic.Message{Body: []byte("x")},
			"NO_RESOURCE", "queue gone does not exist", "arn:aws:sqs:eu-west-1:123456789012:gone",
			func(m *queue.Message) bool {
				return strings.Contains(string(m.Body), `"Type" : "Notification"`) && attributeText(m, "a") == ""
			},
		},
		{
			"no function", topic.Subscription{Function: "gone"}, topic.Message{Body: []byte("x")},
			"NO_RESOURCE", "function gone does not exist", "arn:aws:lambda:eu-west-1:123456789012:function:gone",
			func(m *queue.Message) bool { return strings.Contains(string(m.Body), `"source":"topic/alerts"`) },
		},
		{
			"too large", topic.Subscription{Queue: "small"}, topic.Message{Body: []byte("eleven byte")},
			"INVALID_PARAMETER", "queue small: the message has 19 bytes, more than the 18 that the queue takes", "arn:aws:sqs:eu-west-1:123456789012:small",
			func(m *queue.Message) bool { return string(m.Body) == "eleven byte" },
		},
		{
			"no text", topic.Subscription{Queue: "small", Raw: new(false)}, topic.Message{Body: []byte("\xff")},
			"INVALID_PARAMETER", "queue small: the message is not UTF-8, which the SNS envelope needs; subscribe with raw: true", "arn:aws:sqs:eu-west-1:123456789012:small",
			func(m *queue.Message) bool { return string(m.Body) == "\xff" },
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			e := newEnv(t)
			e.queue("small", queue.Definition{MaxMessageSize: 18})
			good := e.queue("good", queue.Definition{})
			e.subscribe("alerts", topic.Subscription{Queue: "good"})
			e.subscribe("alerts", c.subscription)
			c.message.Attributes = []queue.Attribute{text("a", "b"), text("ERROR_CODE", "the sender's own")}
			if c.name == "too large" || c.name == "no text" {
				c.message.Attributes = []queue.Attribute{text("a", "b")}
			}
			got := e.publishOne(c.message)
			if !slices.Contains(got.Matched, c.subscription.SubscriptionID()) {
				t.Errorf("matched %v", got.Matched)
			}
			if e.store.appends.Load() != 1 {
				t.Errorf("%d appends, want 1", e.store.appends.Load())
			}
			if n := len(e.messages(good.ID, queue.Standard)); n != 1 {
				t.Errorf("%d in the good queue", n)
			}
			all := e.deadLetters()
			if len(all) != 1 {
				t.Fatalf("%d dead letters, want 1", len(all))
			}
			m := &all[0]
			if !c.body(m) {
				t.Errorf("dead letter %s with %v", m.Body, m.Attributes)
			}
			reason := map[string]string{}
			for _, a := range m.Attributes {
				if _, twice := reason[a.Name]; twice {
					t.Errorf("%s is there twice", a.Name)
				}
				if a.Name != "a" {
					reason[a.Name] = string(a.Value)
				}
			}
			want := map[string]string{
				"RULE_ARN": "arn:aws:sns:eu-west-1:123456789012:alerts", "TARGET_ARN": c.target, "ERROR_CODE": c.code,
				"ERROR_MESSAGE": c.reason, "RETRY_ATTEMPTS": "0", "router.event_id": got.ID, "router.delivery_id": m.ID.String(),
			}
			if diff := cmp.Diff(want, reason); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestOwnDeadLetterQueue(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	failed := e.queue("failed.fifo", queue.Definition{FIFO: true})
	e.subscribe("alerts", topic.Subscription{Function: "gone", DeadLetter: "failed.fifo"})
	e.publishOne(topic.Message{Body: []byte("1")})
	m := e.only(failed.ID, queue.FIFO)
	if m.Group != m.ID.String() {
		t.Errorf("group %q", m.Group)
	}
	if err := e.broker.Delete(t.Context(), named("failed.fifo")); err != nil {
		t.Fatal(err)
	}
	e.publishOne(topic.Message{Body: []byte("2")})
	if n := len(e.deadLetters()); n != 1 {
		t.Errorf("%d in the built-in queue, want 1", n)
	}
}

// The queue goes between being looked up and the append.
func TestQueueDeletedDuringPublish(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.queue("orders", queue.Definition{})
	other := e.queue("other", queue.Definition{})
	e.subscribe("alerts", topic.Subscription{Queue: "orders"})
	e.subscribe("alerts", topic.Subscription{Queue: "other"})
	e.store.beforeAppend = func(*queue.AppendRequest) {
		e.store.beforeAppend = nil
		if err := e.broker.Delete(t.Context(), named("orders")); err != nil {
			t.Error(err)
		}
	}
	got := e.publish(topic.Publish{Messages: []topic.Message{{Body: []byte("0"), DedupID: "d"}, {Body: []byte("1")}}})
	if got[0].Duplicate || len(got[0].Matched) != 2 || len(got[1].Matched) != 2 {
		t.Errorf("answers %+v", got)
	}
	if n := len(e.messages(other.ID, queue.Standard)); n != 2 {
		t.Errorf("%d in the queue that is still there, want 2", n)
	}
	if n := len(e.deadLetters()); n != 2 {
		t.Errorf("%d dead letters, want 2", n)
	}
}

// The queue is deleted and made anew in between: the new one gets the message.
func TestQueueReplacedDuringPublish(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.queue("orders", queue.Definition{})
	e.subscribe("alerts", topic.Subscription{Queue: "orders"})
	var orders queue.Queue
	e.store.beforeAppend = func(*queue.AppendRequest) {
		e.store.beforeAppend = nil
		if err := e.broker.Delete(t.Context(), named("orders")); err != nil {
			t.Error(err)
		}
		orders = e.queue("orders", queue.Definition{})
	}
	e.publishOne(topic.Message{Body: []byte("1")})
	if m := e.only(orders.ID, queue.Standard); string(m.Body) != "1" {
		t.Errorf("body %q", m.Body)
	}
	if got := e.deadLetters(); len(got) != 0 {
		t.Errorf("%d dead letters", len(got))
	}
}

// A store that keeps saying that a queue was dropped ends in its error, not in a loop.
func TestDroppedForGood(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	orders := e.queue("orders", queue.Definition{})
	e.subscribe("alerts", topic.Subscription{Queue: "orders"})
	if err := e.store.Drop(t.Context(), e.broker.Now(), []queue.ID{orders.ID}); err != nil {
		t.Fatal(err)
	}
	_, err := e.topics.Publish(t.Context(), topic.Publish{Topic: named("alerts"), Messages: []topic.Message{{}}})
	if !errors.Is(err, queue.ErrDropped) {
		t.Errorf("%v, want ErrDropped", err)
	}
}

// The built-in dead-letter queue of a FIFO topic's message is made when no other node waits for the publish: to make it is to wait
// for them.
func TestDeadLettersAreMadeOutsideOfPassages(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var e *env
		var watching, made bool
		e = newEnvOn(t, &catalogtest.Memory{Fail: func(uint64) error {
			if watching {
				made = true
				ctx, stop := context.WithTimeout(t.Context(), time.Second)
				defer stop()
				return e.topics.Barrier(ctx) // as another node does
			}
			return nil
		}})
		e.create("t.fifo", topic.Topic{FIFO: true, ContentBasedDeduplication: true})
		e.add("t.fifo", topic.Subscription{Queue: "gone.fifo"})
		watching = true
		e.publish(topic.Publish{Topic: named("t.fifo"), Messages: []topic.Message{{Body: []byte("x"), Group: "g"}}})
		if letters := e.deadLetters(); !made || len(letters) != 1 || attributeText(&letters[0], "ERROR_CODE") != "NO_RESOURCE" {
			t.Errorf("made %v, dead letters %+v", made, letters)
		}
		if n := len(e.log("t.fifo")); n != 1 {
			t.Errorf("%d logged", n)
		}
	})
}
