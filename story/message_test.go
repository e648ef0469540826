package story_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/signalbox-mq/signalbox/dispatch"
	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/rules"
	"github.com/signalbox-mq/signalbox/story"
	"github.com/signalbox-mq/signalbox/topic"
)

func TestTopic(t *testing.T) {
	virtual(t, func(t *testing.T, e *env) {
		e.serve("pager", slowly(500, ""))
		e.function("pager", endpoint.Endpoint{Retry: schedule(time.Hour)})
		e.function("off", endpoint.Endpoint{})
		must(t, e.d.Disable(context.Background(), dispatch.KindFunction, named("off"), ""))
		e.queue("q", queue.Definition{})
		e.topic("alerts", topic.Subscription{Function: "pager"}, topic.Subscription{Function: "off"}, topic.Subscription{Queue: "q"},
			topic.Subscription{Queue: "missing"})
		e.topic("other", topic.Subscription{Queue: "q"})
		e.rule("all", to(rules.Target{Topic: "alerts"}))
		e.publish(eventID, `{}`)
		over(20 * time.Millisecond)
		d := e.only(eventID)
		if d.Status != story.Delivered || d.PassedOn == nil || d.PassedOn.Kind != story.KindMessage {
			t.Fatalf("%+v", d)
		}
		goldenStory(t, "message", e.story(d.PassedOn.ID))
	})
}

// TestTopicWithoutAttempts tells a message that is found by nothing but the IDs its subscriptions give.
func TestTopicWithoutAttempts(t *testing.T) {
	virtual(t, func(t *testing.T, e *env) {
		e.function("off", endpoint.Endpoint{})
		must(t, e.d.Disable(context.Background(), dispatch.KindFunction, named("off"), ""))
		e.topic("alerts", topic.Subscription{Function: "off"})
		published, err := e.topics.Publish(context.Background(), topic.Publish{
			Topic: named("alerts"), Messages: []topic.Message{{Body: []byte("hello")}},
		})
		must(t, err)
		s := e.story(published[0].ID)
		if s.Kind != story.KindMessage || s.Topic != "alerts" || len(s.Deliveries) != 1 || s.Deliveries[0].Status != story.Waiting ||
			s.Deliveries[0].Subscription != "function:off" || s.Published.IsZero() || s.Origin != "" {
			t.Error(text(t, s))
		}
		if other, err := e.teller.Event(context.Background(), "111111111111", region, published[0].ID); !errors.Is(err, story.ErrNotFound) {
			t.Errorf("for another account: %v, %v", other, err)
		}
	})
}

func TestBusHop(t *testing.T) {
	virtual(t, func(t *testing.T, e *env) {
		e.bus("archive", rules.Bus{})
		e.queue("q", queue.Definition{})
		e.rule("pass", to(rules.Target{Bus: "archive"}))
		_, err := e.ruleTable().Put(context.Background(), rules.RuleName(named("archive"), "all"), to(rules.Target{Queue: "q"}))
		must(t, err)
		over(0)
		e.publish(eventID, `{}`)
		if d := e.only(eventID); d.Status != story.Delivered {
			t.Fatalf("%+v", d)
		}
		log, err := e.engine.LogOf(named("archive"))
		must(t, err)
		res, err := e.store.Scan(context.Background(), queue.ScanRequest{Now: e.broker.Now(), Queue: log, Kind: queue.Log, Limit: 2})
		must(t, err)
		if len(res.Messages) != 1 {
			t.Fatalf("%d events", len(res.Messages))
		}
		s := e.story(res.Messages[0].Message.ID.String())
		if s.Bus != "archive" || s.Origin != eventID || s.Hops != 1 || len(s.Deliveries) != 1 || s.Deliveries[0].Status != story.Queued {
			t.Error(text(t, s))
		}
	})
}

func TestDelivery(t *testing.T) {
	virtual(t, func(t *testing.T, e *env) {
		ctx := context.Background()
		e.serve("fails", slowly(500, ""))
		e.serve("dies", slowly(500, ""))
		e.serve("works", slowly(200, ""))
		e.function("fails", endpoint.Endpoint{Retry: schedule(time.Hour)})
		e.function("dies", endpoint.Endpoint{Retry: schedule()})
		e.function("works", endpoint.Endpoint{})
		e.queue("q", queue.Definition{})
		e.bus("default", rules.Bus{})
		e.rule("all", to(rules.Target{Function: "fails"}, rules.Target{Function: "dies"}, rules.Target{Function: "works"}, rules.Target{Queue: "q"}))
		e.publish(eventID, `{}`)
		want := map[string]story.Status{"fails": story.Retrying, "dies": story.DeadLettered, "q": story.Queued}
		ids := map[string]string{}
		for _, d := range e.story(eventID).Deliveries {
			ids[d.Name] = d.ID
			got, err := e.teller.Delivery(ctx, account, region, d.ID)
			if d.Name == "works" {
				if !errors.Is(err, story.ErrNotFound) || !strings.Contains(err.Error(), d.ID) {
					t.Errorf("one that was delivered: %+v, %v", got, err)
				}
				continue
			}
			must(t, err)
			if got.Status != want[d.Name] || got.Event != eventID || got.Rule != "all" || got.Target != d.Target || len(got.Attempts) != len(d.Attempts) {
				t.Errorf("%s: %+v", d.Name, got)
			}
			var b bytes.Buffer
			must(t, got.Text(&b))
			if !strings.HasPrefix(b.String(), "Delivery of "+eventID+"\n") || !strings.Contains(b.String(), d.ID) {
				t.Errorf("text: %s", b.String())
			}
		}
		for _, id := range []string{"", "x", newID(), eventID} {
			if d, err := e.teller.Delivery(ctx, account, region, id); !errors.Is(err, story.ErrNotFound) {
				t.Errorf("%q: %+v, %v", id, d, err)
			}
		}
		// Without the event and the records, the queues still know.
		log, err := e.engine.LogOf(named("default"))
		must(t, err)
		for _, q := range []queue.ID{log, attemptsLog} {
			_, err = e.store.Purge(ctx, e.broker.Now(), q)
			must(t, err)
		}
		for name, status := range want {
			d, err := e.teller.Delivery(ctx, account, region, ids[name])
			must(t, err)
			if d.Status != status || name == "dies" && (d.Event != eventID || d.Reason != "answered 500 Internal Server Error" || !d.DeadLetter.There) {
				t.Errorf("%s without the event: %+v", name, d)
			}
		}
	})
}

// TestDeliveryOfTopic finds a delivery that a topic made, for as long as its function is there.
func TestDeliveryOfTopic(t *testing.T) {
	virtual(t, func(t *testing.T, e *env) {
		e.serve("f", slowly(http.StatusInternalServerError, ""))
		e.function("f", endpoint.Endpoint{Retry: schedule(time.Hour)})
		e.topic("alerts", topic.Subscription{Function: "f"})
		published, err := e.topics.Publish(context.Background(), topic.Publish{
			Topic: named("alerts"), Messages: []topic.Message{{Body: []byte("{}")}},
		})
		must(t, err)
		over(20 * time.Millisecond)
		s := e.story(published[0].ID)
		d, err := e.teller.Delivery(context.Background(), account, region, s.Deliveries[0].ID)
		must(t, err)
		if d.Event != s.ID || d.Topic != "alerts" || d.Subscription != "function:f" || d.Status != story.Retrying || len(d.Attempts) != 1 {
			t.Errorf("%+v", d)
		}
		must(t, catalog.NewTable[endpoint.Endpoint](e.defs, endpoint.FunctionTable).Delete(context.Background(), named("f")))
		over(0)
		if _, err = e.teller.Delivery(context.Background(), account, region, d.ID); !errors.Is(err, story.ErrNotFound) {
			t.Errorf("in the queue of a function that is gone: %v", err)
		}
	})
}
