package catalog_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/queue/catalog/catalogtest"
)

type queue struct {
	Delay string `json:"delay,omitempty"`
}

func Example() {
	ctx := context.Background()
	c, err := catalog.Open(ctx, new(catalogtest.Memory))
	if err != nil {
		fmt.Println(err)
		return
	}
	queues := catalog.NewTable[queue](c, "queues")
	orders := catalog.Name{Account: "000000000000", Region: "us-east-1", Name: "orders"}

	created, err := queues.Create(ctx, orders, queue{})
	fmt.Println(created.ID, created.Revision, err)
	_, err = queues.Create(ctx, orders, queue{})
	fmt.Println(errors.Is(err, catalog.ErrExists), err)
	updated, err := queues.Update(ctx, orders, func(q *queue) error { q.Delay = "5s"; return nil })
	fmt.Println(updated.Value.Delay, updated.Revision, err)
	// Output:
	// 1 1 <nil>
	// true queue orders: definition already exists
	// 5s 2 <nil>
}

// Two definitions that belong together are made together, and only if what they belong to is still there.
func ExampleCatalog_Apply() {
	ctx := context.Background()
	c, err := catalog.Open(ctx, new(catalogtest.Memory))
	if err != nil {
		fmt.Println(err)
		return
	}
	in := func(name string) catalog.Name {
		return catalog.Name{Account: "000000000000", Region: "us-east-1", Name: name}
	}
	topics, subscriptions := catalog.NewTable[struct{}](c, "topics"), catalog.NewTable[string](c, "subscriptions")
	topic, err := topics.Create(ctx, in("alerts"), struct{}{})
	fmt.Println(topic.ID, err)
	subscribe := catalog.Set{
		Changes: []catalog.Change{
			subscriptions.Creating(in("alerts/1"), "queue:orders"),
			subscriptions.Creating(in("alerts/2"), "function:pager"),
		},
		Requires: []catalog.Requirement{{Table: "topics", Name: topic.Name, ID: topic.ID}},
	}
	applied, err := c.Apply(ctx, subscribe)
	fmt.Println(applied.Revision, applied.Records[1].ID, err)

	fmt.Println(topics.Delete(ctx, in("alerts")))
	subscribe.Changes = []catalog.Change{subscriptions.Creating(in("alerts/3"), "queue:orders")}
	_, err = c.Apply(ctx, subscribe)
	fmt.Println(err)
	// Output:
	// 1 <nil>
	// 2 3 <nil>
	// <nil>
	// topic alerts: no such definition
}

func ExampleCatalog_Declare() {
	ctx := context.Background()
	c, err := catalog.Open(ctx, new(catalogtest.Memory))
	if err != nil {
		fmt.Println(err)
		return
	}
	queues := catalog.NewTable[queue](c, "queues")
	in := func(name string) catalog.Name {
		return catalog.Name{Account: "000000000000", Region: "us-east-1", Name: name}
	}
	const owner = "file:orders.yaml"
	result, err := c.Declare(ctx, owner, "hash 1", []catalog.Declaration{
		queues.Declaring(in("orders"), queue{}),
		queues.Declaring(in("payments"), queue{}),
	}, catalog.DeclareOptions{})
	fmt.Println(len(result.Created), err)
	fmt.Println(queues.Delete(ctx, in("orders")))

	// Both are gone from the file, but one has messages.
	result, err = c.Declare(ctx, owner, "hash 2", nil, catalog.DeclareOptions{
		Keep: func(_ context.Context, r catalog.Record) (bool, error) { return r.Name.Name == "orders", nil },
	})
	fmt.Println("deleted", result.Deleted[0].Name.Name, "kept", result.Kept[0].Name.Name, err)
	fmt.Println(queues.Delete(ctx, in("orders")))
	// Output:
	// 2 <nil>
	// queue orders is declared by file:orders.yaml and can only be changed there
	// deleted payments kept orders <nil>
	// <nil>
}

func ExampleView() {
	ctx := context.Background()
	c, err := catalog.Open(ctx, new(catalogtest.Memory))
	if err != nil {
		fmt.Println(err)
		return
	}
	rules := catalog.NewTable[string](c, "rules")
	type index map[string][]string // source: rules
	byRule := func(prev *index, _ []catalog.Record, at *catalog.Snapshot) (*index, error) {
		// Small enough to make it anew each time. Otherwise: copy what the changes concern.
		next := index{}
		for e, err := range rules.Scan(at, catalog.Query{}) {
			if err != nil {
				return nil, err
			}
			next[e.Value] = append(next[e.Value], e.Name.Name)
		}
		return &next, nil
	}
	view := catalog.NewView(c, []string{"rules"}, byRule)
	for _, name := range []string{"big-orders", "all-orders"} {
		if _, err := rules.Create(ctx, catalog.Name{Account: "000000000000", Region: "us-east-1", Name: name}, "shop"); err != nil {
			fmt.Println(err)
		}
		now, err := view.Get()
		fmt.Println((*now)["shop"], err)
	}
	// Output:
	// [big-orders] <nil>
	// [all-orders big-orders] <nil>
}
