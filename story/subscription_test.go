package story_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/signalbox-mq/signalbox/dispatch"
	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/story"
	"github.com/signalbox-mq/signalbox/topic"
)

// subscription defines the HTTP subscription alerts/s at http://host/.
func (e *env) subscription(host string, def endpoint.Endpoint) {
	e.t.Helper()
	ctx := context.Background()
	def.Name, def.URL, def.Managed = "s", "http://"+host+"/", true
	_, err := catalog.NewTable[topic.Subscription](e.defs, topic.SubscriptionTable).
		Put(ctx, topic.SubscriptionName(named("alerts"), "s"), topic.Subscription{ID: "s"})
	must(e.t, err)
	_, err = catalog.NewTable[endpoint.Endpoint](e.defs, endpoint.SubscriptionTable).Put(ctx, named("alerts/s"), def)
	must(e.t, err)
}

// notify puts what a topic makes of a message for that subscription into its queue. It returns the IDs of message and delivery.
func (e *env) notify(deadLetter string) (message, delivery string) {
	e.t.Helper()
	return e.notifying(func(d *endpoint.Delivery) { d.DeadLetter, d.Bare = deadLetter, deadLetter != "" })
}

// notifying is notify for a delivery that change makes another.
func (e *env) notifying(change func(*endpoint.Delivery)) (message, delivery string) {
	e.t.Helper()
	message = newID()
	sum := sha256.Sum256([]byte(message + "\x00alerts\x00s\x00"))
	id := queue.MessageID(sum[:16])
	id[6], id[8] = id[6]&0x0f|0x80, id[8]&0x3f|0x80
	record, ok := e.defs.Get(endpoint.SubscriptionTable, named("alerts/s"))
	if !ok {
		e.t.Fatal("no subscription")
	}
	now := e.broker.Now()
	about := endpoint.Delivery{
		Origin: message, Account: account, Region: region, Topic: "alerts", Subscription: "s", Published: now.UnixMilli(),
		Verbatim: &endpoint.Verbatim{ContentType: "text/plain", Header: map[string]string{"X-Amz-Sns-Message-Type": "Notification"}},
	}
	change(&about)
	_, err := e.store.Append(context.Background(), queue.AppendRequest{Now: now, Entries: []queue.Entry{{
		Queue: queue.IDFor(record.ID, queue.Deliveries), Kind: queue.FIFO, Key: id.String(),
		Message: queue.Message{ID: id, Body: []byte(`{"Type":"Notification"}`), System: []queue.Attribute{
			{Name: endpoint.AttributeDelivery, Type: "String", Value: about.Encode()},
		}},
	}}})
	must(e.t, err)
	return message, uuid.UUID(id).String()
}

func TestSubscription(t *testing.T) {
	virtual(t, func(t *testing.T, e *env) {
		ctx := context.Background()
		e.topic("alerts")
		e.serve("hook", slowly(http.StatusServiceUnavailable, "not now"))
		e.subscription("hook", endpoint.Endpoint{Retry: schedule(time.Minute, time.Hour)})
		e.queue("letters", queue.Definition{})
		over(0)

		must(t, e.d.Disable(ctx, dispatch.KindSubscription, named("alerts/s"), "maintenance"))
		over(0)
		message, delivery := e.notify("letters")
		over(time.Second)
		d := e.only(message)
		if d.Status != story.Waiting || d.ID != delivery || d.Kind != dispatch.KindSubscription || d.Name != "alerts/s" ||
			!strings.Contains(d.Next.Reason, "the subscription is disabled") || e.story(message).Topic != "alerts" || e.story(message).Published.IsZero() {
			t.Errorf("disabled: %s", text(t, e.story(message)))
		}
		must(t, e.d.Enable(ctx, dispatch.KindSubscription, named("alerts/s")))
		over(time.Second)
		d = e.only(message)
		if d.Status != story.Retrying || len(d.Attempts) != 1 || d.Attempts[0].Status != 503 || d.Next.AttemptsLeft != 2 || d.Subscription != "s" {
			t.Errorf("tried once: %s", text(t, e.story(message)))
		}
		if found, err := e.teller.Delivery(ctx, account, region, delivery); err != nil || found.Status != story.Retrying || found.Event != message {
			t.Errorf("by its ID: %+v, %v", found, err)
		}
		over(2 * time.Hour)
		d = e.only(message)
		if d.Status != story.DeadLettered || len(d.Attempts) != 3 || d.DeadLetter == nil || d.DeadLetter.Queue != "letters" || !d.DeadLetter.There {
			t.Errorf("given up: %s", text(t, e.story(message)))
		}
		must(t, catalog.NewTable[endpoint.Endpoint](e.defs, endpoint.SubscriptionTable).Delete(ctx, named("alerts/s")))
		over(0)
		if d = e.only(message); d.Status != story.DeadLettered || len(d.Attempts) != 3 {
			t.Errorf("without the subscription: %s", text(t, e.story(message)))
		}
		if _, err := e.teller.Event(ctx, account, region, newID()); !errors.Is(err, story.ErrNotFound) {
			t.Error(err)
		}
	})
}

// What counts as delivered although the endpoint answered otherwise says so, also without the attempts.
func TestDeliveredBelow500(t *testing.T) {
	virtual(t, func(t *testing.T, e *env) {
		e.topic("alerts")
		e.serve("hook", slowly(http.StatusNotFound, "who?"))
		e.subscription("hook", endpoint.Endpoint{Retry: endpoint.RetryPolicy{DeliveredBelow500: true}})
		over(0)
		message, _ := e.notify("")
		over(time.Second)
		const why = "answered 404 Not Found; here 200 to 499 counts as delivered"
		d := e.only(message)
		if d.Status != story.Delivered || d.Reason != why || len(d.Attempts) != 1 || d.Attempts[0].Status != http.StatusNotFound || d.Attempts[0].Reason != why {
			t.Errorf("%s", text(t, e.story(message)))
		}
	})
}

// What is for its endpoint alone is dropped, and its story says so.
func TestDropped(t *testing.T) {
	virtual(t, func(t *testing.T, e *env) {
		e.topic("alerts")
		e.serve("hook", slowly(http.StatusNotFound, "who?"))
		e.subscription("hook", endpoint.Endpoint{Retry: schedule()})
		over(0)
		message, _ := e.notifying(func(d *endpoint.Delivery) { d.NoDeadLetter = true })
		over(time.Second)
		d := e.only(message)
		if d.Status != story.Dropped || d.DeadLetter != nil || d.Reason == "" || len(d.Attempts) != 1 || d.Attempts[0].Outcome != dispatch.OutcomeDropped {
			t.Errorf("%s", text(t, e.story(message)))
		}
	})
}
