package tests

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/signalbox-mq/signalbox/tests/harness"
)

// eventStory is what GET /v1/events/{id} answers, as far as the tests look at it.
type eventStory struct {
	ID         string          `json:"id"`
	Bus        string          `json:"bus"`
	Event      json.RawMessage `json:"event"`
	Rules      []storyRule     `json:"rules"`
	Deliveries []storyDelivery `json:"deliveries"`
}

type storyRule struct {
	Rule    string `json:"rule"`
	Matched bool   `json:"matched"`
	Field   string `json:"field"`
	Reason  string `json:"reason"`
}

type storyDelivery struct {
	ID         string         `json:"id"`
	Rule       string         `json:"rule"`
	Kind       string         `json:"kind"`
	Name       string         `json:"name"`
	Status     string         `json:"status"`
	Reason     string         `json:"reason"`
	Attempts   []storyAttempt `json:"attempts"`
	Next       *storyNext     `json:"next"`
	DeadLetter *struct {
		Queue string `json:"queue"`
	} `json:"dead_letter"`
}

type storyAttempt struct {
	Number   int       `json:"number"`
	Started  time.Time `json:"started_at"`
	Status   int       `json:"status"`
	Class    string    `json:"error_class"`
	Reason   string    `json:"reason"`
	Response *struct {
		Header    map[string][]string `json:"header"`
		Body      string              `json:"body"`
		Truncated bool                `json:"truncated"`
	} `json:"response"`
}

type storyNext struct {
	At           time.Time `json:"at"`
	Reason       string    `json:"reason"`
	AttemptsLeft int       `json:"attempts_left"`
}

func storyOf(t *testing.T, c *harness.Client, id string) eventStory {
	t.Helper()
	answer := c.Do(http.MethodGet, "/v1/events/"+id, nil, "")
	var story eventStory
	if answer.Status != http.StatusOK {
		t.Fatalf("asking about event %s: %s", id, answer)
	}
	if err := json.Unmarshal(answer.Body, &story); err != nil {
		t.Fatalf("the story %s: %v", answer.Body, err)
	}
	return story
}

// deliveryOf waits until the only delivery of an event has a status.
func deliveryOf(t *testing.T, c *harness.Client, id, status string) storyDelivery {
	t.Helper()
	var d storyDelivery
	harness.Until(t, "the delivery of "+id+" to be "+status, func() (bool, string) {
		story := storyOf(t, c, id)
		if len(story.Deliveries) != 1 {
			t.Fatalf("event %s has %d deliveries, want 1", id, len(story.Deliveries))
		}
		d = story.Deliveries[0]
		return d.Status == status, d.Status + " " + d.Reason
	})
	return d
}

// newLineDecoder decodes the JSON values of a text, one after the other.
func newLineDecoder(text string) *json.Decoder { return json.NewDecoder(strings.NewReader(text)) }
