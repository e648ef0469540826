package tests

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/signalbox-mq/signalbox/tests/harness"
	"github.com/signalbox-mq/signalbox/tests/redistest"
)

// startNodes starts a router of three nodes on a server of its own.
func startNodes(t *testing.T, config string, opts redistest.Options) (*harness.Router, *redistest.Server) {
	t.Helper()
	onStoreOfItsOwn(t)
	server := redistest.Start(t, opts)
	return harness.Start(t, harness.Options{Config: config, Store: storeAt(server.Addr()), Nodes: 3}), server
}

// onStoreOfItsOwn skips a test that brings its store along where the environment asks for another: there it would run twice.
func onStoreOfItsOwn(t *testing.T) {
	t.Helper()
	if harness.Shared(t) {
		t.Skip("brings its store along, so runs without SIGNALBOX_TEST_STORE")
	}
}

// inTurn returns the nodes in another order each time: the one that does something first.
func inTurn(r *harness.Router, round int) (first, second, third *harness.Node) {
	n := len(r.Nodes)
	return r.Nodes[round%n], r.Nodes[(round+1)%n], r.Nodes[(round+2)%n]
}

// TestNodesKnowQueuesAtOnce: a queue made through one node is there at once for the others, and one deleted is gone at once.
func TestNodesKnowQueuesAtOnce(t *testing.T) {
	t.Parallel()
	r, _ := startNodes(t, "", redistest.Options{NoSave: true})
	var making, deleting []time.Duration
	for i := range 200 {
		a, b, c := inTurn(r, i)
		queue := fmt.Sprint("q", i/2) // every other one is a name that there was before
		begun := time.Now()
		if answer := a.Do(http.MethodPut, "/v1/queues/"+queue, nil, `{"visibility_timeout": "5s"}`); answer.Status/100 != 2 {
			t.Fatalf("creating %s: %s", queue, answer)
		}
		making = append(making, time.Since(begun))
		id := b.Send(queue, `{"body": "x"}`)
		if got := c.Receive(queue, "max=1"); len(got) != 1 || got[0].ID != id {
			t.Fatalf("round %d: received %+v, want the message %s", i, got, id)
		}
		begun = time.Now()
		if answer := b.Do(http.MethodDelete, "/v1/queues/"+queue, nil, ""); answer.Status/100 != 2 {
			t.Fatalf("deleting %s: %s", queue, answer)
		}
		deleting = append(deleting, time.Since(begun))
		for _, n := range []*harness.Node{c, a} {
			wantProblem(t, n.Do(http.MethodPost, "/v1/queues/"+queue+"/messages", nil, `{"body": "x"}`), 404, queue)
			wantProblem(t, n.Do(http.MethodPost, "/v1/queues/"+queue+"/messages/receive", nil, ""), 404, queue)
		}
		if t.Failed() {
			t.Fatalf("failed in round %d", i)
		}
	}
	t.Logf("creating a queue took %s, deleting one %s", spread(making), spread(deleting))
}

// TestNodesKnowRulesAtOnce: what the file of one node declares is in force on those that have no file as soon as the node says
// that it has applied it.
func TestNodesKnowRulesAtOnce(t *testing.T) {
	t.Parallel()
	r, server := startNodes(t, "", redistest.Options{NoSave: true})
	yaml := func(rule, topic string) string {
		return fmt.Sprintf("queues: {a: {}}\ntopics: {%s: {subscriptions: [{queue: a}]}}\nrules: [{name: %s, targets: [{queue: a}]}]\n", topic, rule)
	}
	const rounds = 20
	named := harness.Start(t, harness.Options{Config: yaml("r0", "t0"), Store: storeAt(server.Addr()), Nodes: 1})
	seen := 0
	for i := 1; i <= rounds; i++ {
		rule, topic, formerly := fmt.Sprint("r", i), fmt.Sprint("t", i), fmt.Sprint("t", i-1)
		named.WriteConfig(yaml(rule, topic))
		_, last := named.Stderr.Wait(t, "that the file is applied", seen, func(line string) bool {
			return strings.Contains(line, "definitions applied") && !strings.Contains(line, `"deleted":0`)
		})
		seen = last + 1
		for j, n := range r.Nodes {
			if got := n.Publish(`{"source": "s", "type": "t"}`)[0].Matched; !slices.Equal(got, []string{rule}) {
				t.Errorf("round %d: on node %d matched %q, want %s", i, j, got, rule)
			}
			if answer := n.Do(http.MethodPost, "/v1/topics/"+topic+"/messages", nil, `{"body": "x"}`); answer.Status != 200 {
				t.Errorf("round %d: on node %d a publish to the new topic was answered %s", i, j, answer)
			}
			wantProblem(t, n.Do(http.MethodPost, "/v1/topics/"+formerly+"/messages", nil, `{"body": "x"}`), 404, formerly)
		}
	}
	if got, want := r.Stats("a").Ready, int64(2*rounds*len(r.Nodes)); got != want {
		t.Errorf("the queue has %d messages, want %d", got, want)
	}
}

// TestNodesWakePolls: a poll on one node is woken by a send through another.
func TestNodesWakePolls(t *testing.T) {
	t.Parallel()
	r, _ := startNodes(t, "queues: {a: {visibility_timeout: 1m}}\n", redistest.Options{NoSave: true})
	var took []time.Duration
	for i := range 200 {
		a, b, _ := inTurn(r, i)
		received := poll(t, b, "a")
		begun := time.Now()
		a.Send("a", `{"body": "x"}`)
		got := <-received
		if got.err != nil || len(got.messages) != 1 {
			t.Fatalf("round %d: the poll was answered %+v", i, got)
		}
		took = append(took, got.at.Sub(begun))
		if d := took[i]; d > 5*time.Second {
			t.Errorf("round %d: the poll was woken after %v", i, d)
		}
		b.Delete("a", got.messages[0].Receipt)
	}
	t.Logf("from the send's begin to the answer of the poll on another node it took %s", spread(took))
}

type polled struct {
	messages []harness.Message
	at       time.Time // of the answer
	err      error
}

// poll begins a long poll on a node, and returns when the node has taken it, as far as can be known.
func poll(t *testing.T, n *harness.Node, queue string) <-chan polled {
	t.Helper()
	wrote, answered := make(chan struct{}), make(chan polled, 1)
	trace := &httptrace.ClientTrace{WroteRequest: func(httptrace.WroteRequestInfo) { close(wrote) }}
	ctx := httptrace.WithClientTrace(t.Context(), trace)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, n.URL("/v1/queues/"+queue+"/messages/receive?max=1&wait=20s"), nil)
	if err != nil {
		t.Fatal(err)
	}
	go func() { answered <- send(req) }()
	<-wrote
	for range 3 { // the node answers these later than it takes the poll
		n.Do(http.MethodGet, "/healthz", nil, "")
	}
	return answered
}

func send(req *http.Request) (p polled) {
	transport := &http.Transport{DisableKeepAlives: true}
	var resp *http.Response
	if resp, p.err = transport.RoundTrip(req); p.err != nil {
		return p
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	p.at = time.Now()
	var out struct{ Messages []harness.Message }
	if p.err = err; err == nil {
		p.err = json.Unmarshal(body, &out)
	}
	p.messages = out.Messages
	return p
}

// spread describes how long something took: the median, the 99th percentile and the longest.
func spread(all []time.Duration) string {
	all = slices.Sorted(slices.Values(all))
	at := func(percent int) time.Duration {
		return all[min(len(all)*percent/100, len(all)-1)].Round(10 * time.Microsecond)
	}
	return fmt.Sprintf("%v in the median, %v at p99 and %v at most", at(50), at(99), at(100))
}

// TestNodesWithOneFile has nodes start at the same time with the same file, which then changes for all of them at once, again and
// again: it is applied once, and none of them has anything to complain about.
func TestNodesWithOneFile(t *testing.T) {
	t.Parallel()
	yaml := func(i int) string {
		return fmt.Sprintf(`
queues: {a: {}, b%[1]d: {}}
topics: {t: {subscriptions: [{queue: b%[1]d}]}}
rules:
  - {name: always, targets: [{queue: a}]}
  - {name: r%[1]d, targets: [{queue: b%[1]d}]}
`, i)
	}
	r, _ := startNodes(t, yaml(0), redistest.Options{NoSave: true})
	const rounds = 20
	for i := range rounds {
		if i > 0 {
			r.WriteConfig(yaml(i))
		}
		queue, want := fmt.Sprint("b", i), []string{"always", fmt.Sprint("r", i)}
		for _, n := range r.Nodes {
			harness.Until(t, "the edit to be in force", func() (bool, string) {
				answer := n.Do(http.MethodGet, "/v1/queues/"+queue, nil, "")
				return answer.Status == http.StatusOK, answer.String()
			})
		}
		for j, n := range r.Nodes {
			if got := n.Publish(`{"source": "s", "type": "t"}`)[0].Matched; !slices.Equal(got, want) {
				t.Errorf("edit %d: on node %d matched %q, want %q", i, j, got, want)
			}
		}
		r.Drain(queue, len(r.Nodes))
		r.Empty(queue)
		// That it is gone in time is part of the next edit; empty, the queue goes with it.
	}
	if got := r.Stats("a").Ready; got != rounds*3 {
		t.Errorf("the rule that stayed took %d events, want %d", got, rounds*3)
	}
	var list struct{ Queues []struct{ Name string } }
	mustJSON(t, string(r.Do(http.MethodGet, "/v1/queues", nil, "").Body), &list)
	if len(list.Queues) != 3 { // a, the last b, dead-letters
		t.Errorf("in the end there are the queues %+v", list.Queues)
	}
	harness.Until(t, "the last edit to be told of", func() (bool, string) {
		n := strings.Count(r.Stderr.String(), "definitions applied")
		return n >= rounds, fmt.Sprint(n)
	})
	if n := strings.Count(r.Stderr.String(), "definitions applied"); n != rounds {
		t.Errorf("definitions were applied %d times, want %d", n, rounds)
	}
	for _, line := range r.Stderr.All() {
		if strings.Contains(line, `"level":"error"`) || strings.Contains(line, "not taken") {
			t.Errorf("a node said %s", line)
		}
	}
}
