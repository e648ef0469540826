package tests

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/signalbox-mq/signalbox/tests/harness"
)

const (
	fanQueues = 24
	fanTopic  = "arn:aws:sns:us-east-1:000000000000:fan"
)

// fanConfig has a topic with all forms of subscriptions: raw and enveloped queues, some of which want every other message only, an
// HTTP endpoint and a function.
func fanConfig(sink *harness.Collector) string {
	var b strings.Builder
	b.WriteString("queues:\n")
	for q := range fanQueues {
		fmt.Fprintf(&b, "  fan%02d: {}\n", q)
	}
	fmt.Fprintf(&b, "functions:\n  sink: {url: %q, max_in_flight: 50, retry: {schedule: [100ms, 100ms, 100ms, 1s, 1s, 1s]}}\n", sink.URL("/function"))
	b.WriteString("topics:\n  fan:\n    subscriptions:\n      - {function: sink}\n")
	fmt.Fprintf(&b, "      - {url: %q, raw: false}\n", sink.URL("/http"))
	for q := range fanQueues {
		filter := ""
		if q%3 == 2 {
			filter = ", filter: {parity: [even]}"
		}
		fmt.Fprintf(&b, "      - {queue: fan%02d, raw: %v%s}\n", q, q%2 == 0, filter)
	}
	return b.String()
}

// fanBook has what was published with success.
type fanBook struct {
	complaints
	even map[string]bool // by body
}

// TestSNSFanOutKilled kills the router in the middle of publishes to a topic with many subscriptions. What was acknowledged is with
// every subscription that it matched, and of what was not, none that did not match has it.
func TestSNSFanOutKilled(t *testing.T) {
	t.Parallel()
	rounds := 5
	if soak() {
		rounds = 60
	}
	random, _ := seededRandom(t)
	sink := harness.NewCollector(t)
	r := harness.Start(t, harness.Options{Config: fanConfig(sink)})
	book := &fanBook{even: map[string]bool{}}
	for round := range rounds {
		k := newKillRound(int64(10 + random.IntN(40)))
		var running sync.WaitGroup
		for i := range 8 {
			running.Go(func() {
				for n := 0; !k.over(); n++ {
					book.publish(r.Client, k, fmt.Sprintf("%d/%d/%d", round, i, n), n%2 == 0)
				}
			})
		}
		k.kill(t, r, &running)
		for _, problem := range book.problems() {
			t.Error(problem)
		}
		if t.Failed() {
			t.Fatalf("failed in round %d", round)
		}
		r.Restart()
	}
	t.Logf("%d publishes to %d subscriptions were acknowledged", len(book.even), fanQueues+2)

	for q := range fanQueues {
		name := fmt.Sprintf("fan%02d", q)
		got := map[string]bool{}
		harness.Until(t, name+" to be empty", func() (bool, string) {
			for _, m := range r.Receive(name, "max=100") {
				body := m.Body
				if q%2 == 1 {
					var envelope struct{ Message, Signature string }
					mustJSON(t, body, &envelope)
					body = envelope.Message
				}
				got[body] = true
				r.Delete(name, m.Receipt)
			}
			s := r.Stats(name)
			return s == harness.QueueStats{}, fmt.Sprintf("%+v", s)
		})
		book.compare(t, name, got, q%3 == 2)
	}
	for _, path := range []string{"/function", "/http"} {
		harness.Until(t, "everything to reach "+path, func() (bool, string) {
			got := map[string]bool{}
			for _, q := range sink.Requests(path) {
				for body := range book.even {
					if strings.Contains(string(q.Body), `"`+body+`"`) {
						got[body] = true
					}
				}
			}
			return len(got) == len(book.even), fmt.Sprintf("%d of %d", len(got), len(book.even))
		})
	}
}

// publish publishes one message and notes it if that was acknowledged.
func (b *fanBook) publish(c *harness.Client, k *killRound, body string, even bool) {
	parity := map[bool]string{true: "even", false: "odd"}[even]
	form := url.Values{
		"Action": {"Publish"}, "Version": {"2010-03-31"}, "TopicArn": {fanTopic}, "Message": {body},
		"MessageAttributes.entry.1.Name": {"parity"}, "MessageAttributes.entry.1.Value.DataType": {"String"},
		"MessageAttributes.entry.1.Value.StringValue": {parity},
	}
	answer, err := c.Try(http.MethodPost, "/", map[string]string{"Content-Type": "application/x-www-form-urlencoded"}, []byte(form.Encode()))
	if err != nil {
		return // killed
	}
	if answer.Status != http.StatusOK {
		if answer.Status != http.StatusServiceUnavailable {
			b.complain("publishing: %s", answer)
		}
		return
	}
	b.mu.Lock()
	b.even[body] = even
	b.mu.Unlock()
	k.acked()
}

// compare says what a queue lacks, and what it has that its filter does not pass.
func (b *fanBook) compare(t *testing.T, queue string, got map[string]bool, evenOnly bool) {
	t.Helper()
	missing := 0
	for body, even := range b.even {
		if (even || !evenOnly) && !got[body] {
			missing++
		}
		if !even && evenOnly && got[body] {
			t.Errorf("%s has %s, which does not match", queue, body)
		}
	}
	if missing > 0 {
		t.Errorf("%s lacks %d of %d", queue, missing, len(b.even))
	}
}
