package httpapi_test

import (
	"testing"
	"time"
)

// TestDelivery asks for a delivery that waits, because its function is disabled, and for what disabled it.
func TestDelivery(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	if w := e.do("POST", "/v1/functions/charge-card/disable", `{"reason":"maintenance"}`); w.Code != 204 {
		t.Fatalf("disabling: %d %s", w.Code, w.Body)
	}
	type function struct {
		State          string
		DisabledBy     string `json:"disabled_by"`
		DisabledReason string `json:"disabled_reason"`
		Waiting        int
	}
	state := func() function { return get[function](t, e.do("GET", "/v1/functions/charge-card", "")) }
	until(t, "the function is disabled", func() bool { return state().State == "disabled" })

	event := get[struct{ Events []struct{ ID string } }](t, e.do("POST", "/v1/events", `{"source":"s","type":"order.charged"}`)).Events[0].ID
	type delivery struct{ ID, Event, Status, Name, Reason string }
	told := get[struct{ Deliveries []delivery }](t, e.do("GET", "/v1/events/"+event, ""))
	if len(told.Deliveries) != 1 {
		t.Fatalf("the story has %+v", told)
	}
	w := e.do("GET", "/v1/deliveries/"+told.Deliveries[0].ID, "")
	if d := get[delivery](t, w); d.ID != told.Deliveries[0].ID || d.Event != event || d.Name != "charge-card" || d.Status != "waiting" {
		t.Errorf("the delivery is %+v", d)
	}
	doc := openAPI(t)
	conform(t, doc, "delivery", document{"$ref": "#/components/schemas/Delivery"}, get[any](t, w))
	if s := state(); s.DisabledBy != "operator" || s.DisabledReason != "maintenance" || s.Waiting != 1 {
		t.Errorf("the function is %+v", s)
	}
	conform(t, doc, "function", document{"$ref": "#/components/schemas/Function"}, get[any](t, e.do("GET", "/v1/functions/charge-card", "")))

	// Enabled, it is attempted, in vain: nothing listens there.
	if w := e.do("POST", "/v1/functions/charge-card/enable", ""); w.Code != 204 {
		t.Fatalf("enabling: %d %s", w.Code, w.Body)
	}
	until(t, "an attempt is made", func() bool {
		return get[delivery](t, e.do("GET", "/v1/deliveries/"+told.Deliveries[0].ID, "")).Status == "retrying"
	})
	conform(t, doc, "story", document{"$ref": "#/components/schemas/Story"}, get[any](t, e.do("GET", "/v1/events/"+event, "")))
	conform(t, doc, "function", document{"$ref": "#/components/schemas/Function"}, get[any](t, e.do("GET", "/v1/functions/charge-card", "")))
}

// until waits for what happens in the background and can only be asked for.
func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(30 * time.Second)
	for !done() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("waited in vain: %s", what)
		}
	}
}
