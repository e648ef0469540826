package event_test

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/signalbox-mq/signalbox/event"
)

var arrival = time.Date(2026, 11, 23, 17, 56, 28, 123456789, time.UTC)

func intake() event.Intake {
	return event.Intake{Now: arrival, Account: "000000000000", Region: "us-east-1", IDs: new(event.IDs)}
}

func headers(pairs ...string) http.Header {
	h := make(http.Header)
	for i := 0; i < len(pairs); i += 2 {
		h.Add(pairs[i], pairs[i+1])
	}
	return h
}

// ceHeaders are those of a complete CloudEvent in binary mode, plus pairs, which replace them; "-"
// removes one.
func ceHeaders(pairs ...string) http.Header {
	h := headers("Ce-Specversion", "1.0", "Ce-Id", "A234", "Ce-Source", "/shop", "Ce-Type", "order.created",
		"Content-Type", "application/json")
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] == "-" {
			h.Del(pairs[i])
		} else {
			h.Set(pairs[i], pairs[i+1])
		}
	}
	return h
}

func wantInvalid(t *testing.T, err error, want *event.InvalidError) {
	t.Helper()
	got, ok := errors.AsType[*event.InvalidError](err)
	if !ok {
		t.Fatalf("error is %v (%T), want an InvalidError", err, err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("error (-want +got):\n%s", diff)
	}
}

func single(t *testing.T, events []event.Event, err error) event.Event {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if len(events) != 1 {
		t.Fatalf("got %d events, want 1", len(events))
	}
	return events[0]
}

func plainEvent(t *testing.T, body string) event.Event {
	t.Helper()
	events, err := intake().DecodePlain([]byte(body))
	return single(t, events, err)
}
