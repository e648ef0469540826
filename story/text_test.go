package story_test

import (
	"bytes"
	"errors"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/signalbox-mq/signalbox/story"
)

// FuzzText checks that whatever an event, a rule or an endpoint says, a terminal gets text and nothing else.
func FuzzText(f *testing.F) {
	f.Add("big-orders", "thanks\x1b[2J\r\nall clear", "answered 500")
	f.Add("", "\xff\xfe", "a\u202eb\x00\u0085")
	f.Fuzz(func(t *testing.T, name, body, reason string) {
		s := &story.Story{
			ID: name, Kind: story.KindEvent, Bus: name, Note: reason, Origin: name,
			Event: []byte(`{"source":"` + name + `","detail-type":"` + body + `"}`),
			Rules: []story.Rule{{Rule: name, Field: name, Reason: reason, Note: reason}},
			Deliveries: []story.Delivery{{
				ID: name, Rule: name, Kind: name, Name: name, Status: story.Retrying, Reason: reason,
				Attempts: []story.Attempt{{Number: 1, Reason: reason, Response: &story.Response{Body: body}}},
				Next:     &story.Next{Reason: reason, After: []string{name}},
			}},
		}
		var b bytes.Buffer
		if err := s.Text(&b); err != nil {
			t.Fatal(err)
		}
		if !utf8.Valid(b.Bytes()) || !strings.HasSuffix(b.String(), "\n") {
			t.Errorf("%q", b.String())
		}
		for _, r := range b.String() {
			if r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r)) {
				t.Errorf("%U in %q", r, b.String())
			}
		}
		// A line that something from outside begins would be taken for the router's own.
		if n := strings.Count(b.String(), "\n"); n > 16 {
			t.Errorf("%d lines: %s", n, b.String())
		}
	})
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestTextErrors(t *testing.T) {
	t.Parallel()
	if err := new(story.Story).Text(broken{}); err == nil {
		t.Error("no error of a story")
	}
	if err := new(story.Delivery).Text(broken{}); err == nil {
		t.Error("no error of a delivery")
	}
}

func TestText(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 23, 23, 59, 59, 0, time.FixedZone("", -3600))
	d := story.Delivery{
		ID: "D", Rule: "r", Kind: "function", Name: "f", Status: story.Delivered, Later: true,
		Attempts: []story.Attempt{
			{Number: 1, Started: at, Outcome: "lost", Reason: "late", LeaseLost: true},
			{Number: 2, Started: at.Add(time.Second), Outcome: "delivered", Status: 200, Response: &story.Response{Body: strings.Repeat("é ", 150)}},
			{Number: 0, Started: at.Add(24 * time.Hour), Outcome: "dead-lettered"},
		},
		PassedOn: &story.PassedOn{Kind: story.KindMessage, ID: "M"},
		Next:     &story.Next{At: at, AttemptsLeft: 1, Until: at.Add(time.Hour)},
	}
	var b bytes.Buffer
	must(t, d.Text(&b))
	want := `  r (later) -> function f: delivered
    id D
    attempt 1 2026-11-24 00:59:59.000 UTC lost: late (too late to count)
    attempt 2 01:00:00.000 delivered: 200
      answer: ` + strings.Repeat("é ", 100) + `…
    no attempt 2026-11-25 00:59:59.000 UTC dead-lettered
    passed on as message M
    next: 2026-11-24 00:59:59.000 UTC
      it is the last attempt
      no attempt begins after 2026-11-24 01:59:59.000 UTC
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Error(diff)
	}
}

// TestDocs checks that the examples of docs/story.md are what is told, and that every status is explained.
func TestDocs(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../docs/story.md")
	must(t, err)
	for language, file := range map[string]string{"json": "testdata/retrying.json", "text": "testdata/retrying.txt"} {
		shown := regexp.MustCompile("(?s)```" + language + "\n(.*?)```").FindSubmatch(page)
		made, err := os.ReadFile(file)
		must(t, err)
		if shown == nil {
			t.Errorf("no example in %s", language)
		} else if diff := cmp.Diff(string(made), string(shown[1])); diff != "" {
			t.Errorf("the example in %s is not what is told (-told +shown):\n%s", language, diff)
		}
	}
	for _, s := range []story.Status{
		story.Pending, story.Waiting, story.InFlight, story.Retrying, story.Delivered, story.DeadLettered, story.Queued,
		story.Received, story.Consumed, story.Unknown, story.Dropped,
	} {
		if !bytes.Contains(page, []byte("| `"+string(s)+"` |")) {
			t.Errorf("the page does not explain %s", s)
		}
	}
}
