package dispatch_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/signalbox-mq/signalbox/dispatch"
	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
	"github.com/signalbox-mq/signalbox/event"
	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/queue/pebblestore"
)

// A function, a delivery to it as a rule makes one, and a dispatcher that calls it.
func Example() {
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body) // an error shows in what is printed
		fmt.Println("attempt", r.Header.Get("Signalbox-Attempt"), r.Header.Get("Content-Type"), string(body))
	}))
	defer server.Close()
	store, err := pebblestore.Open("", pebblestore.Options{FS: vfs.NewMem()})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer store.Close()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	definitions, err := catalog.Open(ctx, store)
	if err != nil {
		fmt.Println(err)
		return
	}
	broker := queue.NewBroker(store, definitions, queue.NewClock(time.Time{}))

	name := catalog.Name{Account: "000000000000", Region: "us-east-1", Name: "charge-card"}
	functions := catalog.NewTable[endpoint.Endpoint](definitions, endpoint.FunctionTable)
	function, err := functions.Create(ctx, name, endpoint.Endpoint{
		Name: name.Name, URL: server.URL, Format: endpoint.FormatRaw, Managed: true,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	ev := event.Event{
		ID: queue.NewMessageID().String(), Source: "shop", Type: "order.created", Account: name.Account, Region: name.Region,
		Time: broker.Now(), Detail: []byte(`{"total":120}`),
	}
	about := endpoint.Delivery{
		Origin: ev.ID, Account: name.Account, Region: name.Region, Bus: "default", Rule: "big-orders",
		Target: "function:charge-card", Published: broker.Now().UnixMilli(),
	}
	_, err = store.Append(ctx, queue.AppendRequest{Now: broker.Now(), Entries: []queue.Entry{{
		Queue: queue.IDFor(function.ID, queue.Deliveries), Kind: queue.FIFO,
		Message: queue.Message{
			ID: queue.NewMessageID(), Body: ev.AppendEventBridge(nil),
			System: []queue.Attribute{{Name: endpoint.AttributeDelivery, Type: "String", Value: about.Encode()}},
		},
	}}})
	if err != nil {
		fmt.Println(err)
		return
	}

	attempts := make(chan dispatch.Attempt, 1)
	dispatcher, err := dispatch.New(broker, definitions, dispatch.Config{
		OnAttempt: func(a dispatch.Attempt) { attempts <- a },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	done := make(chan error, 1)
	go func() { done <- dispatcher.Run(ctx) }()
	a := <-attempts
	fmt.Println(a.Endpoint, a.Outcome, a.Status)
	cancel()
	fmt.Println(<-done)
	// Output:
	// attempt 1 application/json {"total":120}
	// charge-card delivered 200
	// <nil>
}
