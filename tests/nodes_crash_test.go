package tests

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/signalbox-mq/signalbox/tests/harness"
	"github.com/signalbox-mq/signalbox/tests/redistest"
)

// crashYAML is what crashes of nodes are tested on.
const crashYAML = `
queues:
  parcels: {visibility_timeout: 2s}
  groups.fifo: {fifo: true, visibility_timeout: 2s}
  audit: {visibility_timeout: 2s}
functions:
  sink:
    url: %s
    timeout: 5s
    max_in_flight: 50
    retry: {schedule: [100ms, 100ms, 100ms, 100ms, 100ms, 1s, 1s, 1s]}
rules:
  - name: all
    targets: [{queue: audit}, {function: sink}]
`

// TestNodesKilledInTurn kills one of three nodes with SIGKILL after the other, under clients that never stop, and starts it
// again. Nothing acknowledged is lost, what a dead node had leased comes back, and while it is dead the others deliver to the
// function.
func TestNodesKilledInTurn(t *testing.T) {
	t.Parallel()
	kills := 10
	if soak() {
		kills = 100
	}
	random, _ := seededRandom(t)
	sink := harness.NewCollector(t)
	r, _ := startNodes(t, fmt.Sprintf(crashYAML, sink.URL("/sink")), redistest.Options{NoSave: true})
	w := &workers{killRound: newKillRound(1), client: r.Client, book: newLedger()}
	var running sync.WaitGroup
	w.start(&running)
	for range kills {
		w.progress(t, int64(50+random.IntN(300)))
		victim := r.Nodes[random.IntN(len(r.Nodes))]
		victim.Kill()
		id := publishAnyhow(t, r)
		harness.Until(t, "an event published after the kill to reach the function", func() (bool, string) {
			for _, q := range sink.Requests("/sink") {
				if strings.Contains(q.Body, id) {
					return true, ""
				}
			}
			return false, id + " is missing"
		})
		w.progress(t, 50)
		victim.Restart()
		for _, problem := range w.book.problems() {
			t.Error(problem)
		}
		if t.Failed() {
			break
		}
	}
	close(w.stop)
	running.Wait()
	settleUp(t, r, w.book, sink)
}

// progress waits until so many more requests were acknowledged.
func (k *killRound) progress(t *testing.T, n int64) {
	t.Helper()
	begun := k.acknowledged.Load()
	harness.Until(t, fmt.Sprint(n, " more requests to be acknowledged"), func() (bool, string) {
		done := k.acknowledged.Load() - begun
		return done >= n, fmt.Sprint(done)
	})
}

// publishAnyhow publishes an event, again if the node dies before it answers, and returns its ID.
func publishAnyhow(t *testing.T, r *harness.Router) (id string) {
	t.Helper()
	harness.Until(t, "a publish to be answered", func() (bool, string) {
		answer, err := r.Try(http.MethodPost, "/v1/events", nil, []byte(`{"source": "crash", "type": "after"}`))
		if err != nil {
			return false, err.Error()
		}
		var out struct{ Events []harness.PublishedEvent }
		if err := json.Unmarshal(answer.Body, &out); err != nil || len(out.Events) != 1 {
			t.Fatalf("a publish was answered %s", answer)
		}
		id = out.Events[0].ID
		return true, ""
	})
	return id
}

// TestRollingRestart restarts three nodes one after the other, as an upgrade does, while clients publish and send: no request
// fails, and nothing is lost.
func TestRollingRestart(t *testing.T) {
	t.Parallel()
	turns := 2
	if soak() {
		turns = 20
	}
	onStoreOfItsOwn(t)
	sink := harness.NewCollector(t)
	server := redistest.Start(t, redistest.Options{NoSave: true})
	r := harness.Start(t, harness.Options{
		Config: fmt.Sprintf(crashYAML, sink.URL("/sink")), Store: storeAt(server.Addr()), Nodes: 3, Args: []string{"--drain", "3s"},
	})
	w := &workers{killRound: newKillRound(1), client: r.Client, book: newLedger(), unfailing: true}
	var running sync.WaitGroup
	w.start(&running)
	for range turns {
		for _, n := range r.Nodes {
			w.progress(t, 200)
			n.Stop()
			w.progress(t, 200)
			n.Restart()
			for _, problem := range w.book.problems() {
				t.Error(problem)
			}
			if t.Failed() {
				close(w.stop)
				running.Wait()
				t.FailNow()
			}
		}
	}
	close(w.stop)
	running.Wait()
	settleUp(t, r, w.book, sink)
}
