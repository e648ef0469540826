package app

import (
	"testing"

	"github.com/signalbox-mq/signalbox/dispatch"
	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
)

func TestMeasured(t *testing.T) {
	t.Parallel()
	for want, a := range map[string]dispatch.Attempt{
		"subscription:alerts": {Kind: dispatch.KindSubscription, Endpoint: "alerts/s", Topic: "alerts"},
		"function:f":          {Kind: dispatch.KindFunction, Endpoint: "f", Topic: "alerts"},
	} {
		if got := measured(&a); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

// Whoever ends an HTTP subscription, its delivery queue ends too. Functions end with the file, which sees to them itself.
func TestRemovedSubscription(t *testing.T) {
	t.Parallel()
	r := &router{}
	r.retirements = newRetirements(r)
	name := catalog.Name{Account: "1", Region: "r", Name: "alerts/s"}
	r.removed(queue.IDFor(1, queue.Deliveries), dispatch.KindFunction, name)
	r.removed(queue.IDFor(2, queue.Deliveries), dispatch.KindSubscription, name)
	r.retirements.addDeleted([]catalog.Record{{Table: endpoint.SubscriptionTable, Name: name, ID: 2}}, nil) // the file's way
	if p := r.retirements.pending; len(p) != 1 || p[0].id != queue.IDFor(2, queue.Deliveries) || p[0].record.Name != name {
		t.Errorf("pending: %+v", p)
	}
}
