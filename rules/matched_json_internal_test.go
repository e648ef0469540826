package rules

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/signalbox-mq/signalbox/queue"
)

// The form is encoding/json's own, byte by byte.
func TestMatchJSON(t *testing.T) {
	t.Parallel()
	text := rapid.OneOf(rapid.StringMatching(`[a-z0-9./-]{0,12}`), rapid.String())
	delivery := rapid.Custom(func(t *rapid.T) Delivery {
		return Delivery{
			ID: text.Draw(t, "id"), Target: text.Draw(t, "target"), Kind: text.Draw(t, "kind"), Name: text.Draw(t, "name"),
			Queue: queue.ID(rapid.Uint64().Draw(t, "queue")),
			Error: text.Draw(t, "error"), DeadLetter: text.Draw(t, "deadLetter"),
		}
	})
	rule := rapid.Custom(func(t *rapid.T) MatchedRule {
		return MatchedRule{
			Rule: text.Draw(t, "rule"), Paused: rapid.Bool().Draw(t, "paused"),
			Deliveries: rapid.SliceOfN(delivery, 0, 3).Draw(t, "deliveries"),
		}
	})
	failed := rapid.Custom(func(t *rapid.T) FailedRule {
		return FailedRule{Rule: text.Draw(t, "rule"), Reason: text.Draw(t, "reason")}
	})
	rapid.Check(t, func(t *rapid.T) {
		m := &Match{
			Revision: rapid.Uint64().Draw(t, "revision"), Hops: rapid.IntRange(0, 9).Draw(t, "hops"), Origin: text.Draw(t, "origin"),
			Rules: rapid.SliceOfN(rule, 0, 3).Draw(t, "rules"), Failed: rapid.SliceOfN(failed, 0, 3).Draw(t, "failed"),
			Schedule: text.Draw(t, "schedule"),
			Replay:   text.Draw(t, "replay"), ReplayID: text.Draw(t, "replayID"), ReplayRules: rapid.SliceOfN(text, 0, 3).Draw(t, "replayRules"),
		}
		want, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(m.attribute().Value)); diff != "" {
			t.Fatalf("(-encoding/json +got):\n%s", diff)
		}
	})
}
