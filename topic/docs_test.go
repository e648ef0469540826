package topic_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/rules/pattern"
	"github.com/signalbox-mq/signalbox/topic"
)

// TestDocs checks that the envelope that docs/topics.md shows is the one that is made, and that every alternative of a
// filter policy that it names is one.
func TestDocs(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../docs/topics.md")
	if err != nil {
		t.Fatal(err)
	}
	shown := regexp.MustCompile("(?s)```json\n(.*?)\n```").FindSubmatch(page)
	at := time.Date(2026, 11, 23, 17, 56, 28, 512_000_000, time.UTC)
	made := topic.AppendEnvelope(nil, "01a2098d-595b-774f-ac88-2bdc8d607159", "arn:aws:sns:us-east-1:000000000000:alerts", "5f1c7b0e-6a55-8f0a-9d47-5f3b9b1f6a21",
		&topic.Message{Body: []byte(`{"disk": 91}`), Subject: "Disk", Attributes: []queue.Attribute{text("severity", "high")}}, at, "EXAMPLE")
	if shown == nil || string(shown[1]) != string(made) {
		t.Errorf("shown is %s\nmade is %s", shown, made)
	}
	_, table, _ := strings.Cut(string(page), "| alternative | matches |")
	table, _, _ = strings.Cut(table, "\n\n")
	checked := 0
	for _, row := range strings.Split(table, "\n") {
		first, _, _ := strings.Cut(strings.TrimPrefix(row, "| "), " | ")
		for _, span := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(first, -1) {
			if span[1] != `"$or": [{…}, {…}]` {
				if _, err := pattern.CompileFilter([]byte(`{"a":[`+span[1]+`]}`), pattern.ScopeAttributes); err != nil {
					t.Errorf("%s: %v", span[1], err)
				}
				checked++
			}
		}
	}
	if checked != 13 {
		t.Errorf("%d alternatives, want 13", checked)
	}
}
