package tests

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/signalbox-mq/signalbox/tests/harness"
)

// TestSchedules has rules that are due every minute, by a router that was killed and started anew meanwhile: each gets one event
// for the minute, with a story.
func TestSchedules(t *testing.T) {
	t.Parallel()
	const rules = 20
	var config strings.Builder
	config.WriteString("queues: {due: , off: }\nrules:\n")
	for i := range rules {
		fmt.Fprintf(&config, "  - {name: r%d, schedule: \"cron(* * * * ? *)\", targets: [{queue: due}]}\n", i)
	}
	config.WriteString("  - {name: off, schedule: rate(1 minute), disabled: true, targets: [{queue: off}]}\n")
	r := harness.Start(t, harness.Options{Config: config.String()})
	r.Kill()
	r.Restart()
	restarted := time.Now()

	type scheduled struct {
		ID        string
		Type      string `json:"detail-type"`
		Source    string
		Time      time.Time
		Resources []string
	}
	due := map[time.Time]map[string]int{}
	var last scheduled
	// A minute that began before may be the killed process's, whose metrics are gone.
	for deadline := time.Now().Add(2 * time.Minute); !last.Time.After(restarted) || len(due[last.Time]) < rules; {
		if time.Now().After(deadline) {
			t.Fatalf("no minute since the restart has all rules: %v", due)
		}
		for _, m := range r.Receive("due", "max=10&wait=20s") {
			if err := json.Unmarshal([]byte(m.Body), &last); err != nil {
				t.Fatal(err)
			}
			if last.Source != "aws.events" || last.Type != "Scheduled Event" || last.Time.Second() != 0 || len(last.Resources) != 1 {
				t.Errorf("%s", m.Body)
			}
			if due[last.Time] == nil {
				due[last.Time] = map[string]int{}
			}
			due[last.Time][last.Resources[0]]++
			r.Delete("due", m.Receipt)
		}
	}
	for minute, of := range due {
		for rule, n := range of {
			if n != 1 {
				t.Errorf("%s got %d events for %s", rule, n, minute)
			}
		}
	}
	r.Empty("off")
	_, name, _ := strings.Cut(last.Resources[0], ":rule/")
	story := storyOf(t, r.Client, last.ID)
	for _, of := range story.Rules {
		if of.Matched != (of.Rule == name) || !of.Matched && of.Field != "schedule" {
			t.Errorf("the story says %+v of the event of %s", of, name)
		}
	}
	if len(story.Rules) != rules+1 || len(story.Deliveries) != 1 || story.Deliveries[0].Rule != name {
		t.Errorf("the story is %+v", story)
	}
	fired := regexp.MustCompile(`router_schedules_fired_total\{bus="default",rule="` + name + `"\} [1-9]`)
	harness.Until(t, "the metrics to tell that "+name+" was fired", func() (bool, string) { return fired.MatchString(r.Metrics()), "they do not" })
}
