package tests

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/signalbox-mq/signalbox/tests/harness"
	"github.com/signalbox-mq/signalbox/tests/redistest"
)

// storeLimit is how long a node may take to answer that the store does not: 5 s until a call that was sent is given up, or 10 s
// more for one that was certainly not done, in which a failover fits, and some for a busy machine.
const storeLimit = 20 * time.Second

// TestNodesWithoutTheirStore stops the server of the store for a while: each node says so in bounded time, is not ready, and is
// well again by itself when the server goes on.
func TestNodesWithoutTheirStore(t *testing.T) {
	t.Parallel()
	sink := harness.NewCollector(t)
	r, server := startNodes(t, fmt.Sprintf(crashYAML, sink.URL("/sink")), redistest.Options{NoSave: true})
	want := map[string]bool{r.Send("parcels", `{"body": "before"}`): true}
	var events []string
	for round := range 2 {
		server.Pause()
		var asking sync.WaitGroup
		for i, n := range r.Nodes {
			asking.Go(func() { unavailable(t, n, fmt.Sprintf("round %d, node %d", round, i)) })
		}
		asking.Wait()
		for _, n := range r.Nodes {
			harness.Within(t, storeLimit, "/readyz to answer 503", func() (bool, string) {
				answer := n.Do(http.MethodGet, "/readyz", nil, "")
				return answer.Status == http.StatusServiceUnavailable, answer.String()
			})
			// What is known to be so is answered at once.
			begun := time.Now()
			answer := n.Do(http.MethodPost, "/v1/queues/parcels/messages", nil, `{"body": "not taken"}`)
			if took := time.Since(begun); answer.Status != http.StatusServiceUnavailable || answer.Header.Get("Retry-After") == "" || took > storeLimit/10 {
				t.Errorf("a send to a store that is known to be away was answered %s after %v", answer, took)
			}
			if answer := n.Do(http.MethodGet, "/healthz", nil, ""); answer.Status != http.StatusOK {
				t.Errorf("/healthz: %s", answer)
			}
		}
		server.Resume()
		resumed := time.Now()
		for i, n := range r.Nodes {
			harness.Until(t, "/readyz to answer 200", func() (bool, string) {
				answer := n.Do(http.MethodGet, "/readyz", nil, "")
				return answer.Status == http.StatusOK, answer.String()
			})
			id := n.Send("parcels", `{"body": "after"}`)
			want[id] = true
			event := n.Publish(fmt.Sprintf(`{"source": "s", "type": "t", "data": "%d-%d"}`, round, i))[0].ID
			events = append(events, event)
		}
		t.Logf("all nodes worked again %v after the server went on", time.Since(resumed).Round(time.Millisecond))
	}
	begun := time.Now()
	harness.Until(t, "the events that were acknowledged to reach the function", func() (bool, string) {
		reached := ""
		for _, q := range sink.Requests("/sink") {
			reached += q.Body
		}
		missing := slices.DeleteFunc(slices.Clone(events), func(id string) bool { return strings.Contains(reached, id) })
		return len(missing) == 0, fmt.Sprintf("%q are missing", missing)
	})
	t.Logf("the last event reached the function after another %v", time.Since(begun).Round(time.Millisecond))
	// What was answered 503 may have been done or not; what was acknowledged is there.
	harness.Until(t, "the messages that were acknowledged", func() (bool, string) {
		for _, m := range r.Receive("parcels", "max=100&wait=1s") {
			delete(want, m.ID)
			r.Delete("parcels", m.Receipt)
		}
		return len(want) == 0, fmt.Sprintf("%d are missing", len(want))
	})
}

// unavailable wants what a node is asked to be answered 503, soon.
func unavailable(t *testing.T, n *harness.Node, what string) {
	for _, path := range []string{"/v1/queues/parcels/messages", "/v1/queues/parcels/messages/receive", "/v1/events"} {
		body := `{"body": "not taken"}`
		if path == "/v1/events" {
			body = `{"source": "s", "type": "t"}`
		}
		begun := time.Now()
		answer, err := n.Try(http.MethodPost, path, nil, []byte(body))
		switch took := time.Since(begun); {
		case err != nil:
			t.Errorf("%s: POST %s: %v", what, path, err)
		case answer.Status != http.StatusServiceUnavailable || answer.Header.Get("Retry-After") == "" || took > storeLimit:
			t.Errorf("%s: POST %s was answered %s after %v, Retry-After %q", what, path, answer, took, answer.Header.Get("Retry-After"))
		}
	}
}

// TestNodesWithAStoreThatCrashes kills the server of the store with SIGKILL again and again under clients, and starts it again
// on what it has on disk, where every write is before it is acknowledged: nothing acknowledged is lost.
func TestNodesWithAStoreThatCrashes(t *testing.T) {
	t.Parallel()
	kills := 5
	if soak() {
		kills = 50
	}
	random, _ := seededRandom(t)
	onStoreOfItsOwn(t)
	sink := harness.NewCollector(t)
	server := redistest.Start(t, redistest.Options{AppendOnly: "always"})
	r := harness.Start(t, harness.Options{
		Config: fmt.Sprintf(crashYAML, sink.URL("/sink")), Store: "redis://" + server.Addr() + "/?durability=fsync", Nodes: 3,
	})
	w := &workers{killRound: newKillRound(1), client: r.Client, book: newLedger(), unavailable: true}
	var running sync.WaitGroup
	w.start(&running)
	for range kills {
		w.progress(t, int64(50+random.IntN(300)))
		server.Kill()
		server.Restart()
		w.progress(t, 50)
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
