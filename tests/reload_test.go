package tests

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/signalbox-mq/signalbox/tests/harness"
)

// matchedBy publishes an event and returns the rules that matched.
func matchedBy(c *harness.Client, body string) []string { return c.Publish(body)[0].Matched }

// TestReload edits the file of a running router: broken ones change nothing, a good one is taken as a whole.
func TestReload(t *testing.T) {
	t.Parallel()
	const before = `
queues: {a: {}, kept: {}, gone: {}}
rules: [{name: first, targets: [{queue: a}]}]
`
	for _, verb := range []string{"serve", "dev"} {
		t.Run(verb, func(t *testing.T) {
			t.Parallel()
			r := harness.Start(t, harness.Options{Verb: verb, Config: before})
			said := r.Stderr
			if verb == "dev" {
				said = r.Stdout
			}
			const event = `{"source": "s", "type": "t"}`
			if got := matchedBy(r.Client, event); !slices.Equal(got, []string{"first"}) {
				t.Fatalf("before: matched %q", got)
			}
			r.Send("kept", `{"body": "still here"}`)

			r.WriteConfig("queues: {a: {}}\nrules:\n  - {name: second, targets: [{queue: nowhere}]}\n  - {name: third, colour: red, targets: [{queue: a}]}\n")
			said.WaitFor(t, "router.yaml:3:")
			said.WaitFor(t, "router.yaml:4:")
			if got := matchedBy(r.Client, event); !slices.Equal(got, []string{"first"}) {
				t.Errorf("after a broken edit: matched %q, want what it was", got)
			}
			if s := r.Stats("gone"); s != (harness.QueueStats{}) {
				t.Errorf("after a broken edit, a queue has %+v", s)
			}

			r.WriteConfig("queues: {a: {}, b: {}}\nrules: [{name: second, targets: [{queue: a}, {queue: b}]}]\n")
			for _, node := range r.Nodes { // each takes it for itself
				harness.Until(t, "the edit to be taken", func() (bool, string) {
					got := matchedBy(node.Client, event)
					return slices.Equal(got, []string{"second"}), fmt.Sprintf("%q", got)
				})
			}
			// What left the file is gone; but not a queue with messages, which the APIs may then delete.
			wantProblem(t, r.Do(http.MethodGet, "/v1/queues/gone", nil, ""), 404, "gone")
			if m := r.ReceiveOne("kept"); m.Body != "still here" {
				t.Errorf("the kept queue has %+v", m)
			}
			if a := r.Do(http.MethodDelete, "/v1/queues/kept", nil, ""); a.Status/100 != 2 {
				t.Errorf("deleting the queue that left the file: %s", a)
			}
			if got := r.ReceiveOne("b"); !strings.Contains(got.Body, `"detail-type"`) {
				t.Errorf("the new queue got %s", got.Body)
			}
			if took := r.Stop(); took > harness.StopLimit {
				t.Errorf("it took %v to end", took)
			}
		})
	}
}

// TestReloadThatCanNotFollow: over how many partitions a FIFO queue is spread stays, since its groups would change places. An edit that
// says otherwise changes nothing, neither while the router runs nor when it starts.
func TestReloadThatCanNotFollow(t *testing.T) {
	t.Parallel()
	const before, after = `queues: {a.fifo: {fifo: true, deduplication_scope: group, partitions: 2}}`,
		`queues: {a.fifo: {fifo: true, deduplication_scope: group, partitions: 3}, b: {}}`
	r := harness.Start(t, harness.Options{Config: before})
	r.WriteConfig(after)
	r.Stderr.WaitFor(t, "queue a.fifo: partitions of a FIFO queue can not be changed: it has 2")
	wantProblem(t, r.Do(http.MethodGet, "/v1/queues/b", nil, ""), 404, "b")
	if a := r.Do(http.MethodGet, "/v1/queues/a.fifo", nil, ""); !strings.Contains(string(a.Body), `"partitions":2`) {
		t.Errorf("the queue is %s", a)
	}
}

// TestFileOwnsItsDefinitions: the APIs may not change or delete what the file declares, and the file may not take what an API
// has made.
func TestFileOwnsItsDefinitions(t *testing.T) {
	t.Parallel()
	r := harness.Start(t, harness.Options{Config: "queues: {orders: {}}\n"})
	wantProblem(t, r.Do(http.MethodDelete, "/v1/queues/orders", nil, ""), 409, "router.yaml")
	wantProblem(t, r.Do(http.MethodPut, "/v1/queues/orders", nil, `{"visibility_timeout": "5s"}`), 409, "orders")
	// The built-in queue is nobody's to delete.
	wantProblem(t, r.Do(http.MethodDelete, "/v1/queues/dead-letters", nil, ""), 409, "")
	if a := r.Do(http.MethodPut, "/v1/queues/mine", nil, `{}`); a.Status/100 != 2 {
		t.Fatalf("creating a queue: %s", a)
	}
	r.WriteConfig("queues: {orders: {}, mine: {}, new: {}}\n")
	r.Stderr.WaitFor(t, "configuration not taken")
	wantProblem(t, r.Do(http.MethodGet, "/v1/queues/new", nil, ""), 404, "new")

	// At a start that is an error which keeps it from starting; without the file, what it declared is still there.
	r.Stop()
	r.Launch()
	if code := r.Wait(harness.Limit); code != 1 || !strings.Contains(r.Stderr.String(), "mine") {
		t.Errorf("starting with a file that takes an API's queue: exit code %d, %s", code, r.Stderr)
	}
	file := r.ConfigFile
	r.ConfigFile = ""
	r.Restart()
	r.Empty("orders")
	r.Empty("mine")
	r.Stop()
	r.ConfigFile = file
	r.WriteConfig("queues: {orders: {}}\n")
	r.Restart()
	wantProblem(t, r.Do(http.MethodDelete, "/v1/queues/orders", nil, ""), 409, "router.yaml")
}

// TestStartAndPause: a new rule with start: earliest gets the retained events once, and a paused one what it missed.
func TestStartAndPause(t *testing.T) {
	t.Parallel()
	const base = "queues: {early: {}, late: {}, paused: {}}\nrules:\n  - {name: late, targets: [{queue: late}]}\n"
	const pausing = "  - {name: pausing, paused: %v, when: {detail-type: [t]}, targets: [{queue: paused}]}\n"
	r := harness.Start(t, harness.Options{Config: base + fmt.Sprintf(pausing, true)})
	var want []string
	for range 20 {
		want = append(want, r.Publish(`{"source": "s", "type": "t"}`)[0].ID)
	}
	r.Publish(`{"source": "s", "type": "other"}`)
	r.Empty("paused")
	r.WriteConfig(base + fmt.Sprintf(pausing, false) + "  - {name: early, start: earliest, when: {detail-type: [t]}, targets: [{queue: early}]}\n")
	for _, queue := range []string{"early", "paused"} {
		var got []string
		for _, m := range r.Drain(queue, len(want)) {
			var envelope struct{ ID string }
			mustJSON(t, m.Body, &envelope)
			got = append(got, envelope.ID)
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%s got other events than those that were published before:\n%q\n%q", queue, got, want)
		}
		r.Empty(queue)
	}
	id := r.Publish(`{"source": "s", "type": "t"}`)[0]
	if !slices.Equal(id.Matched, []string{"early", "late", "pausing"}) {
		t.Errorf("afterwards: matched %q", id.Matched)
	}
	r.Drain("early", 1)
	r.Drain("paused", 1)
	r.Drain("late", len(want)+2)
	for _, queue := range []string{"early", "paused", "late"} {
		r.Empty(queue)
	}
}

// TestStopEndsPolls: SIGTERM ends long polls with what they have, well before their time.
func TestStopEndsPolls(t *testing.T) {
	t.Parallel()
	r := harness.Start(t, harness.Options{Config: "queues: {a: {}}\n"})
	wrote, answered := make(chan struct{}), make(chan string, 1)
	trace := &httptrace.ClientTrace{WroteRequest: func(httptrace.WroteRequestInfo) { close(wrote) }}
	req, err := http.NewRequestWithContext(httptrace.WithClientTrace(t.Context(), trace), http.MethodPost, r.URL("/v1/queues/a/messages/receive?wait=20s"), nil)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		resp, err := client.Do(req)
		if err != nil {
			answered <- err.Error()
			return
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		answered <- fmt.Sprint(resp.StatusCode, " ", strings.TrimSpace(string(body)), " ", err)
	}()
	<-wrote
	for range 20 { // the router answers these later than it takes the poll
		r.Do(http.MethodGet, "/healthz", nil, "")
	}
	if took := r.Stop(); took > 5*time.Second {
		t.Errorf("with a poll waiting, it took %v to end", took)
	}
	if got, want := <-answered, `200 {"messages":[]} <nil>`; got != want {
		t.Errorf("the poll was answered %s, want %s", got, want)
	}
}
