package tests

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/signalbox-mq/signalbox/tests/harness"
)

type transfer struct {
	ID, Kind, State, Source, Destination, Error string
	Total, Read, Copied                         int
}

func transferOf(t *testing.T, r *harness.Router, id string) (tr transfer) {
	t.Helper()
	answer := r.Do(http.MethodGet, "/v1/transfers/"+id, nil, "")
	if err := json.Unmarshal(answer.Body, &tr); err != nil || answer.Status != http.StatusOK {
		t.Fatalf("asking about transfer %s: %s", id, answer)
	}
	return tr
}

// redrive starts one and returns its ID.
func redrive(t *testing.T, r *harness.Router, queue, body string) string {
	t.Helper()
	answer := r.Do(http.MethodPost, "/v1/queues/"+queue+"/redrive", nil, body)
	var tr transfer
	if err := json.Unmarshal(answer.Body, &tr); err != nil || answer.Status != http.StatusCreated {
		t.Fatalf("redriving %s: %s", queue, answer)
	}
	return tr.ID
}

// failAll makes dead letters: it sends n messages and receives them once too often.
func failAll(t *testing.T, r *harness.Router, queue string, n int, extra string) (bodies []string) {
	t.Helper()
	for i := range n {
		body := fmt.Sprintf("%03d", i)
		bodies = append(bodies, body)
		r.Send(queue, `{"body":"`+body+`"`+extra+`}`)
	}
	if got := r.Receive(queue, "max=1000&visibility=0"); len(got) != n {
		t.Fatalf("received %d of %d messages", len(got), n)
	}
	if got := r.Receive(queue, "max=1000&visibility=0"); len(got) != 0 {
		t.Fatalf("%d messages were received again", len(got))
	}
	return bodies
}

// TestRedriveAcrossRestarts redrives at 20 messages per second, stops the router in the middle and starts it again, and then
// kills it and starts it again: nothing is lost and nothing doubled, and in a FIFO queue the order is kept.
func TestRedriveAcrossRestarts(t *testing.T) {
	t.Parallel()
	for _, suffix := range []string{"", ".fifo"} {
		t.Run("orders"+suffix, func(t *testing.T) {
			t.Parallel()
			fifo, extra := "", ""
			if suffix != "" {
				fifo, extra = "fifo: true, content_based_deduplication: true, ", `,"group":"g"`
			}
			r := harness.Start(t, harness.Options{Config: `
queues:
  orders` + suffix + `: {` + fifo + `dead_letter: {queue: failed` + suffix + `, max_receives: 1}}
  failed` + suffix + `: {` + strings.TrimSuffix(fifo, ", ") + `}
`})
			const n, rate = 200, 20 // so many that a restart on a busy machine comes to its end before they do
			want := failAll(t, r, "orders"+suffix, n, extra)
			begun := time.Now()
			id := redrive(t, r, "failed"+suffix, fmt.Sprintf(`{"rate":%d}`, rate))
			if answer := r.Do(http.MethodPost, "/v1/queues/failed"+suffix+"/redrive", nil, ""); answer.Status != http.StatusConflict {
				t.Errorf("a second one at the same time: %s", answer)
			}
			moved := func(least int64) {
				t.Helper()
				harness.Until(t, fmt.Sprint(least, " messages to be moved"), func() (bool, string) {
					s := r.Stats("orders" + suffix)
					return s.Ready >= least, fmt.Sprintf("%+v", s)
				})
			}
			moved(n / 10)
			r.Stop()
			r.Restart()
			if tr := transferOf(t, r, id); tr.State != "running" || tr.Copied < n/10 || tr.Total != n {
				t.Errorf("after a restart it is %+v", tr)
			}
			moved(n / 2)
			r.Kill()
			r.Restart()
			waitFor(t, r, id, "completed")
			if took := time.Since(begun); took < (n/rate-1)*time.Second {
				t.Errorf("%d messages at %d per second took %v", n, rate, took)
			}
			r.Empty("failed" + suffix)
			// What was counted last before the kill may not have been written down.
			if tr := transferOf(t, r, id); tr.Copied > n || tr.Copied < n-rate {
				t.Errorf("in the end it is %+v", tr)
			}
			var got []string
			for _, m := range r.Receive("orders"+suffix, "max=1000&wait=1s") {
				got = append(got, m.Body)
				if m.ReceiveCount != 1 {
					t.Errorf("%s was received %d times", m.Body, m.ReceiveCount)
				}
			}
			if suffix == "" {
				slices.Sort(got)
			}
			if !slices.Equal(got, want) {
				t.Errorf("in the queue are %q, want %q", got, want)
			}
		})
	}
}

// waitFor waits until a transfer is in a state. What a kill left leased comes back within a minute.
func waitFor(t *testing.T, r *harness.Router, id, state string) {
	t.Helper()
	harness.Within(t, 4*harness.Limit, "the transfer to be "+state, func() (bool, string) {
		tr := transferOf(t, r, id)
		return tr.State == state, fmt.Sprintf("%+v", tr)
	})
}

// TestRedriveToAnother moves to a queue that is named, what a function did not accept as well, and ends one in the middle.
func TestRedriveToAnother(t *testing.T) {
	t.Parallel()
	r := harness.Start(t, harness.Options{Verb: "dev", Config: `
queues:
  gave-up: {}
  repair: {}
functions:
  fail: {url: "${env:ROUTER_DEV_URL}/dev/functions/fail", retry: {schedule: []}, dead_letter: gave-up}
rules:
  - {name: doomed, targets: [{function: fail}]}
`})
	for range 30 {
		r.Publish(`{"source":"s","type":"t"}`)
	}
	harness.Until(t, "30 dead letters", func() (bool, string) {
		s := r.Stats("gave-up")
		return s.Ready == 30, fmt.Sprintf("%+v", s)
	})
	id := redrive(t, r, "gave-up", "")
	waitFor(t, r, id, "failed")
	if tr := transferOf(t, r, id); tr.Copied != 0 || !strings.Contains(tr.Error, "did not come from a queue") {
		t.Errorf("without a destination it is %+v", tr)
	}
	id = redrive(t, r, "gave-up", `{"to":"repair","rate":4}`)
	harness.Until(t, "some to be moved", func() (bool, string) {
		s := r.Stats("repair")
		return s.Ready > 2, fmt.Sprintf("%+v", s)
	})
	if answer := r.Do(http.MethodPost, "/v1/transfers/"+id+"/cancel", nil, ""); answer.Status != http.StatusNoContent {
		t.Fatalf("cancelling it: %s", answer)
	}
	id = redrive(t, r, "gave-up", `{"to":"repair"}`)
	waitFor(t, r, id, "completed")
	r.Empty("gave-up")
	if got := r.Drain("repair", 30); len(got) != 30 || got[0].Attribute("ERROR_CODE") == "" {
		t.Errorf("repaired are %d: %+v", len(got), got[0])
	}
	r.Empty("repair")
}
