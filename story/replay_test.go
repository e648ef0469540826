package story_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/rules"
	"github.com/signalbox-mq/signalbox/story"
)

// TestReplayed tells an event that was published again by two replays: to everything, and to a rule that was paused.
func TestReplayed(t *testing.T) {
	virtual(t, func(t *testing.T, e *env) {
		e.serve("f", slowly(http.StatusOK, ""))
		e.function("f", endpoint.Endpoint{})
		e.queue("orders", queue.Definition{})
		e.rule("call", to(rules.Target{Function: "f"}))
		paused := to(rules.Target{Queue: "orders"})
		e.rule("keep", paused)
		_, err := e.engine.CreateArchive(context.Background(), named("all"), rules.Archive{Bus: "default"})
		must(t, err)
		e.publish(eventID, `{"total":250}`)
		begin := time.Date(2026, 11, 23, 17, 0, 0, 0, time.UTC)
		replay := func(name string, only ...string) {
			t.Helper()
			_, err := e.engine.StartReplay(context.Background(), named(name), rules.Replay{
				Archive: "all", From: begin, Until: e.broker.Now(), Rules: only,
			})
			must(t, err)
			stops := []func(){e.run(e.engine.RunReplays), e.run(e.transfers.Run)}
			over(time.Second)
			for _, stop := range stops {
				stop()
			}
			if r, err := e.engine.Replay(context.Background(), named(name)); err != nil || r.Replay.State != rules.ReplayCompleted {
				t.Errorf("%+v, %v", r, err)
			}
		}
		replay("first")
		paused.Paused = true
		e.rule("keep", paused)
		replay("second", "keep")
		s := e.story(eventID)
		if len(s.Replays) != 2 || len(s.Deliveries) != 4 {
			t.Errorf("while the rule is paused: %s", text(t, s))
		}
		paused.Paused = false
		e.rule("keep", paused)
		s = e.story(eventID)
		if last := s.Deliveries[4]; last.Status != story.Pending || last.Replay != "second" || !last.Later {
			t.Errorf("before the rule gets it: %s", text(t, s))
		}
		stop := e.run(e.transfers.Run)
		over(time.Second)
		stop()
		s = e.story(eventID)
		for i := range s.Deliveries {
			if d := &s.Deliveries[i]; d.Replay != "" { // these have another ID each time
				d.ID = fmt.Sprint("delivery-", i)
				for j := range d.Attempts {
					d.Attempts[j].Request.Header["Webhook-Id"] = []string{d.ID}
				}
			}
		}
		goldenStory(t, "replayed", s)
		for _, d := range e.story(eventID).Deliveries {
			if d.Kind != rules.KindQueue {
				continue
			}
			if found, err := e.teller.Delivery(context.Background(), account, region, d.ID); err != nil || found.Event != eventID || found.Replay != d.Replay {
				t.Errorf("%+v, %v", found, err)
			}
		}

		// What is retained of it last is what a replay published.
		entries, err := e.store.Scan(context.Background(), queue.ScanRequest{Now: e.broker.Now(), Queue: logOf(t, e), Kind: queue.Log, Limit: 10})
		must(t, err)
		left := entries.Messages[1].Message.Sent
		_, err = e.store.Expire(context.Background(), left.Add(time.Hour), []queue.Expiry{{Queue: logOf(t, e), Kind: queue.Log, Retention: time.Hour}})
		must(t, err)
		s = e.story(eventID)
		if len(s.Replays) != 1 || !strings.Contains(s.Note, "as of replay second") || s.Published.IsZero() || len(s.Rules) != 2 {
			t.Errorf("after the first ones are gone: %s", text(t, s))
		}
	})
}

func logOf(t *testing.T, e *env) queue.ID {
	t.Helper()
	log, err := e.engine.LogOf(named("default"))
	must(t, err)
	return log
}
