package story_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/signalbox-mq/signalbox/dispatch/destination"
	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/rules"
	"github.com/signalbox-mq/signalbox/story"
)

func TestDestination(t *testing.T) {
	virtual(t, func(t *testing.T, e *env) {
		e.serve("api", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(503)
			_, _ = w.Write([]byte("not with passw0rd"))
		})
		ctx := context.Background()
		_, err := catalog.NewTable[destination.Connection](e.defs, destination.ConnectionTable).Create(ctx, named("c"), destination.Connection{
			Authorization: destination.Basic, Username: "u", Password: "passw0rd",
		})
		must(t, err)
		_, err = catalog.NewTable[destination.Destination](e.defs, destination.Table).Create(ctx, named("d"), destination.Destination{Connection: "c", URL: "http://api/", Method: "POST", Managed: true})
		must(t, err)
		e.rule("all", to(rules.Target{APIDestination: "d"}))
		e.publish(eventID, `{}`)
		d := e.only(eventID)
		if d.Kind != rules.KindAPIDestination || d.Name != "d" || d.Status != story.Retrying || len(d.Attempts) != 1 {
			t.Fatalf("%+v", d)
		}
		if n := d.Next; n.AttemptsLeft != 185 || len(n.After) != 20 || n.After[0] != "2s" || n.Until.Sub(e.story(eventID).Published).Round(time.Second) != 24*time.Hour {
			t.Errorf("%+v", n)
		}
		if a := d.Attempts[0]; a.Response.Body != "not with ***" || a.Request.URL != "http://api/" || a.Request.Header.Get("Authorization") != "***" {
			t.Errorf("%+v", a)
		}
		told, err := e.teller.Delivery(ctx, account, region, d.ID)
		if err != nil || told.Kind != rules.KindAPIDestination || told.Next == nil {
			t.Errorf("%+v, %v", told, err)
		}
	})
}
