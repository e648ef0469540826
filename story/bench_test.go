package story_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/rules"
	"github.com/signalbox-mq/signalbox/story"
	"github.com/signalbox-mq/signalbox/topic"
)

// BenchmarkEvent tells an event with ten rules and deliveries.
func BenchmarkEvent(b *testing.B) {
	e := newEnv(b, true)
	for i := range 10 {
		name := fmt.Sprintf("q%d", i)
		e.queue(name, queue.Definition{})
		e.rule(name, to(rules.Target{Queue: name}))
	}
	e.put(eventID, `{"total":250}`)
	for b.Loop() {
		if _, err := e.teller.Event(context.Background(), account, region, eventID); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkUnknown asks for an ID that nothing knows, where there is as much to look at as there may be.
func BenchmarkUnknown(b *testing.B) {
	e := newEnv(b, true)
	e.function("f", endpoint.Endpoint{})
	subscriptions := make([]topic.Subscription, 1000)
	for i := range subscriptions {
		subscriptions[i] = topic.Subscription{ID: fmt.Sprint(i), Function: "f"}
	}
	e.topic("alerts", subscriptions...)
	id := newID()
	for b.Loop() {
		if _, err := e.teller.Event(context.Background(), account, region, id); !errors.Is(err, story.ErrNotFound) {
			b.Fatal(err)
		}
	}
}
