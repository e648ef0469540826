package tests

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/signalbox-mq/signalbox/tests/harness"
)

// TestEventBridgeNode has events put with the npm package @aws-sdk/client-eventbridge.
func TestEventBridgeNode(t *testing.T) {
	t.Parallel()
	r := harness.Start(t, harness.Options{Config: "queues: {orders: {}}\n"})
	p := harness.Run(t, node(t, "put-events.mjs", []string{r.URL(""), "arn:aws:sqs:us-east-1:000000000000:orders"}, "NODE_NO_WARNINGS=1"))
	text, _ := p.Stdout.Wait(t, "its answers", 0, func(string) bool { return true })
	var got struct {
		Rule, Bus, Missing, Pattern string
		Failed                      int
		Codes                       []string
		Targets                     []struct {
			ID               string `json:"Id"`
			InputTransformer struct{ InputTemplate string }
		}
	}
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatalf("it printed %s: %v\n%s", text, err, p.Stderr)
	}
	if got.Rule != "arn:aws:events:us-east-1:000000000000:rule/node" || got.Bus != "default" || got.Failed != 1 ||
		!slices.Equal(got.Codes, []string{"ok", "MalformedDetail", "ok"}) {
		t.Errorf("it got %+v", got)
	}
	if len(got.Targets) != 1 || got.Targets[0].ID != "q" || got.Targets[0].InputTransformer.InputTemplate != `{"number": <n>}` {
		t.Errorf("the targets are %+v", got.Targets)
	}
	if got.Missing != "ResourceNotFoundException 400" || got.Pattern != "InvalidEventPatternException 400" {
		t.Errorf("errors are %q and %q", got.Missing, got.Pattern)
	}
	var bodies []string
	for _, m := range r.Drain("orders", 2) {
		bodies = append(bodies, m.Body)
	}
	slices.Sort(bodies)
	if !slices.Equal(bodies, []string{`{"number":1}`, `{"number":2}`}) {
		t.Errorf("the queue got %s", strings.Join(bodies, " "))
	}
	if problems := p.Stderr.String(); problems != "" {
		t.Errorf("it complained:\n%s", problems)
	}
}
