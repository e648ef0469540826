package event_test

import (
	"fmt"
	"net/http"
	"time"

	"github.com/signalbox-mq/signalbox/event"
)

var exampleIntake = event.Intake{
	Now: time.Date(2026, 11, 23, 17, 56, 28, 0, time.UTC), Account: "000000000000", Region: "us-east-1",
}

func ExampleIntake_DecodeHTTP() {
	header := http.Header{"Content-Type": {"application/json"}}
	events, err := exampleIntake.DecodeHTTP(header, []byte(`[{"source": "shop", "type": "order.created", "data": {"total": 250}}]`))
	if err != nil {
		fmt.Println(err)
		return
	}
	e := events[0]
	fmt.Println(e.Source, e.Type, string(e.Detail), e.Time.Format(time.RFC3339))

	_, err = exampleIntake.DecodeHTTP(header, []byte(`[{"source": "shop", "typ": "order.created"}]`))
	fmt.Println(err)
	// Output:
	// shop order.created {"total":250} 2026-11-23T17:56:28Z
	// event 0: typ is not a known key: an event has source, type, data, subject, time, resources and extensions
}

func ExampleEvent_AppendEventBridge() {
	e, err := exampleIntake.DecodeStructured([]byte(
		`{"specversion": "1.0", "id": "A-1", "source": "/shop", "type": "order.created", "subject": "7", "tenant": "acme", "data": {"total": 250}}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	e.ID = "01a2098d-5920-7000-8000-000000000001" // so that the example is the same each time
	fmt.Println(string(e.AppendEventBridge(nil)))
	// Output:
	// {"version":"0","id":"01a2098d-5920-7000-8000-000000000001","detail-type":"order.created","source":"/shop","account":"000000000000","time":"2026-11-23T17:56:28Z","region":"us-east-1","resources":[],"detail":{"total":250},"extensions":{"subject":"7","id":"A-1","tenant":"acme"}}
}

func ExampleEvent_Binary() {
	events, err := exampleIntake.DecodePlain([]byte(`{"source": "shop", "type": "order.created", "subject": "crème brûlée", "data": {"total": 250}}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	header := make(http.Header)
	contentType, body := events[0].Binary(header)
	fmt.Println(contentType, string(body))
	fmt.Println(header.Get("ce-type"), header.Get("ce-subject"))
	// Output:
	// application/json {"total":250}
	// order.created cr%C3%A8me%20br%C3%BBl%C3%A9e
}

func ExampleIDTime() {
	var ids event.IDs // NewID, were it not an example in another year
	at, err := event.IDTime(ids.New(time.Date(2036, 1, 2, 3, 4, 5, 678e6, time.UTC)))
	fmt.Println(at, err)
	// Output: 2036-01-02 03:04:05.678 +0000 UTC <nil>
}
