package story_test

import (
	"testing"
	"time"

	"github.com/signalbox-mq/signalbox/event"
	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/rules"
	"github.com/signalbox-mq/signalbox/story"
)

// TestScheduled tells the event of a schedule: which rule got it, and why no other did.
func TestScheduled(t *testing.T) {
	virtual(t, func(t *testing.T, e *env) {
		e.bus("default", rules.Bus{})
		q := e.queue("orders", queue.Definition{})
		e.rule("all", to(rules.Target{Queue: "orders"}))
		nightly := to(rules.Target{Queue: "orders"})
		nightly.Schedule = "rate(1 minute)"
		e.rule("nightly", nightly)
		stop := e.run(e.engine.RunSchedules)
		over(61 * time.Second)
		stop()
		res, err := e.store.Scan(t.Context(), queue.ScanRequest{Now: e.broker.Now(), Queue: q.ID, Kind: queue.Standard, Limit: 10})
		must(t, err)
		if len(res.Messages) != 1 {
			t.Fatalf("%d messages", len(res.Messages))
		}
		ev, err := event.Parse(res.Messages[0].Message.Body)
		must(t, err)
		told := func(want story.Rule) {
			t.Helper()
			s := e.story(ev.ID)
			if len(s.Deliveries) != 1 || s.Deliveries[0].Rule != "nightly" || s.Deliveries[0].Status != story.Queued {
				t.Errorf("%+v", s.Deliveries)
			}
			other := story.Rule{
				Rule: "all", Field: "schedule", Reason: "the event is that of the schedule of a rule, and goes to that rule only",
			}
			if len(s.Rules) != 2 || s.Rules[0] != other || s.Rules[1] != want {
				t.Errorf("%+v", s.Rules)
			}
		}
		told(story.Rule{Rule: "nightly", Matched: true})
		nightly.Disabled = true
		e.rule("nightly", nightly)
		told(story.Rule{Rule: "nightly", Matched: true, Since: story.Changed, Note: "the rule was changed since"})
		e.dropRule("nightly")
		over(0)
		s := e.story(ev.ID)
		if len(s.Rules) != 2 || s.Rules[1].Since != story.Deleted {
			t.Errorf("%+v", s.Rules)
		}
	})
}
