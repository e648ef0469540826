package topic_test

import (
	"context"
	"fmt"
	"log"

	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/queue/catalog/catalogtest"
	"github.com/signalbox-mq/signalbox/queue/storetest"
	"github.com/signalbox-mq/signalbox/topic"
)

func Example() {
	ctx := context.Background()
	definitions, err := catalog.Open(ctx, &catalogtest.Memory{}) // the router's is in its store
	if err != nil {
		log.Fatal(err)
	}
	store := storetest.NewModel()
	broker := queue.NewBroker(store, definitions, queue.NewClock(queue.SequenceTime(0)))
	topics := topic.New(broker, definitions)

	name := func(s string) catalog.Name {
		return catalog.Name{Account: "000000000000", Region: "us-east-1", Name: s}
	}
	alerts := name("alerts")
	for _, q := range []string{"all", "urgent"} {
		if _, _, err := broker.Create(ctx, name(q), queue.Definition{}); err != nil {
			log.Fatal(err)
		}
	}
	subscriptions := catalog.NewTable[topic.Subscription](definitions, topic.SubscriptionTable)
	changes := []catalog.Change{catalog.NewTable[topic.Topic](definitions, topic.Table).Creating(alerts, topic.Topic{})}
	for _, s := range []topic.Subscription{
		{Queue: "all"},
		{Queue: "urgent", Filter: []byte(`{"severity": ["high", "critical"]}`)},
	} {
		if err := s.Validate(new(topic.Topic)); err != nil {
			log.Fatal(err)
		}
		changes = append(changes, subscriptions.Creating(topic.SubscriptionName(alerts, s.SubscriptionID()), s))
	}
	if _, err := definitions.Apply(ctx, catalog.Set{Changes: changes}); err != nil {
		log.Fatal(err)
	}

	for _, severity := range []string{"low", "high"} {
		published, err := topics.Publish(ctx, topic.Publish{Topic: alerts, Messages: []topic.Message{{
			Body:       []byte("disk is filling up"),
			Attributes: []queue.Attribute{{Name: "severity", Type: "String", Value: []byte(severity)}},
		}}})
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(severity, published[0].Matched)
	}
	// Output:
	// low [queue:all]
	// high [queue:all queue:urgent]
}
