package tests

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/signalbox-mq/signalbox/tests/harness"
)

// TestKill kills the router with SIGKILL again and again while clients send and delete on a standard and a FIFO queue and
// publish events. It fails if one acknowledged send or publish is missing in the end, if one acknowledged delete comes back,
// or if a message group is out of order. SIGNALBOX_SOAK=1 does 200 rounds. Of several nodes, every other kill is for one alone,
// while clients go on by the others.
func TestKill(t *testing.T) {
	t.Parallel()
	rounds := 30
	switch {
	case soak():
		rounds = 200
	case harness.Shared(t):
		rounds = 10
	}
	random, _ := seededRandom(t)

	sink := harness.NewCollector(t)
	r := harness.Start(t, harness.Options{Config: `
queues:
  parcels: {visibility_timeout: 2s}
  groups.fifo: {fifo: true, visibility_timeout: 2s}
  audit: {visibility_timeout: 2s}
functions:
  sink:
    url: ` + sink.URL("/sink") + `
    max_in_flight: 50
    retry: {schedule: [100ms, 100ms, 100ms, 100ms, 100ms, 1s, 1s, 1s]}
rules:
  - name: all
    targets: [{queue: audit}, {function: sink}]
`})
	book := newLedger()
	for round := range rounds {
		w := &workers{killRound: newKillRound(int64(50 + random.IntN(300))), client: r.Client, book: book, round: round}
		if len(r.Nodes) > 1 && round%2 == 1 {
			w.victim = r.Nodes[random.IntN(len(r.Nodes))]
		}
		crashRound(t, r, w)
		if t.Failed() {
			t.Fatalf("failed in round %d", round)
		}
		r.Restart()
	}
	settleUp(t, r, book, sink)
}

// crashRound lets clients work until enough of their requests were acknowledged, and kills under them what the round is for.
func crashRound(t *testing.T, r *harness.Router, w *workers) {
	t.Helper()
	var running sync.WaitGroup
	w.start(&running)
	w.kill(t, r, &running)
	for _, problem := range w.book.problems() {
		t.Error(problem)
	}
}

// start starts all of them.
func (w *workers) start(running *sync.WaitGroup) {
	for i := range 4 {
		running.Go(func() { w.untilOver(func() { w.send(i) }) })
	}
	for i := range 2 {
		running.Go(func() { w.untilOver(func() { w.publish(i) }) })
		running.Go(func() { w.untilOver(func() { w.sendGroup(i) }) })
		running.Go(func() { w.untilOver(w.receive) })
	}
	running.Go(func() { w.untilOver(w.receiveGroups) })
}

// untilOver does work, which ends when there was no answer, again and again until the round is over.
func (w *workers) untilOver(work func()) {
	for !w.over() {
		work()
	}
}

// workers are the clients of one round.
type workers struct {
	*killRound
	client *harness.Client
	book   *ledger
	round  int
	sends  atomic.Int64 // numbers what is sent and published
	// unfailing says that a request without an answer is a fault.
	unfailing bool
	// unavailable says that 503 with a Retry-After is to be expected, and as good as no answer.
	unavailable bool
}

// do makes a request; ok is false when the worker should leave it at that, because there was no answer.
func (w *workers) do(method, path, body string) (answer *harness.Answer, ok bool) {
	if w.over() {
		return nil, false
	}
	answer, err := w.client.Try(method, path, nil, []byte(body))
	if err != nil {
		if w.unfailing {
			w.book.complain("%s %s: %v", method, path, err)
		}
		return nil, false
	}
	if w.unavailable && answer.Status == http.StatusServiceUnavailable && answer.Header.Get("Retry-After") != "" {
		return nil, false
	}
	expired := answer.Status == http.StatusConflict && method == http.MethodDelete
	if answer.Status/100 != 2 && !expired {
		w.book.complain("%s %s: %s", method, path, answer)
		return nil, false
	}
	return answer, true
}

func (w *workers) send(worker int) {
	for {
		body := fmt.Sprintf("send-%d-%d-%d", w.round, worker, w.sends.Add(1))
		if _, ok := w.do(http.MethodPost, "/v1/queues/parcels/messages", fmt.Sprintf(`{"body": %q}`, body)); !ok {
			return
		}
		w.book.sent(body)
		w.acked()
	}
}

func (w *workers) publish(worker int) {
	for {
		answer, ok := w.do(http.MethodPost, "/v1/events", fmt.Sprintf(`{"source": "crash", "type": "t", "data": "%d-%d-%d"}`, w.round, worker, w.sends.Add(1)))
		if !ok {
			return
		}
		var out struct{ Events []harness.PublishedEvent }
		if err := json.Unmarshal(answer.Body, &out); err != nil || len(out.Events) != 1 || len(out.Events[0].Matched) != 1 {
			w.book.complain("a publish was answered %s", answer)
			return
		}
		w.book.published(out.Events[0].ID)
		w.acked()
	}
}

// sendGroup sends the numbers of a message group in order. One whose answer was cut off is sent again, as the same.
func (w *workers) sendGroup(worker int) {
	group := fmt.Sprintf("g%d", worker)
	for {
		n := w.book.nextNumber(group)
		if _, ok := w.do(http.MethodPost, "/v1/queues/groups.fifo/messages", fmt.Sprintf(`{"body": "%d", "group": %q, "dedup_id": "%s-%d"}`, n, group, group, n)); !ok {
			return
		}
		w.book.numberSent(group)
		w.acked()
	}
}

func (w *workers) receive() {
	for {
		started := time.Now()
		answer, ok := w.do(http.MethodPost, "/v1/queues/parcels/messages/receive?max=5&wait=1s", "")
		if !ok {
			return
		}
		for _, m := range decodeMessages(w.book, answer) {
			w.book.received(m.Body, started)
			// Every third message is left to come again.
			if len(m.Body)%3 == 0 {
				continue
			}
			w.book.deleting(m.Body)
			answer, ok := w.do(http.MethodDelete, "/v1/queues/parcels/messages/"+m.Receipt, "")
			if !ok {
				return
			}
			if answer.Status == http.StatusConflict {
				w.book.complain("deleting from a standard queue: %s", answer)
			}
			w.book.deleted(m.Body)
			w.acked()
		}
	}
}

func (w *workers) receiveGroups() {
	for {
		answer, ok := w.do(http.MethodPost, "/v1/queues/groups.fifo/messages/receive?max=3&wait=1s", "")
		if !ok {
			return
		}
		for _, m := range decodeMessages(w.book, answer) {
			w.book.numberReceived(m.Group, m.Body)
			w.book.numberDeleting(m.Group, m.Body)
			answer, ok := w.do(http.MethodDelete, "/v1/queues/groups.fifo/messages/"+m.Receipt, "")
			if !ok {
				return
			}
			if answer.Status == http.StatusConflict {
				break // the machine was so busy that the lease ran out; the message and those behind it come again
			}
			w.book.numberDeleted(m.Group, m.Body)
			w.acked()
		}
	}
}

func decodeMessages(book *ledger, answer *harness.Answer) []harness.Message {
	var out struct{ Messages []harness.Message }
	if err := json.Unmarshal(answer.Body, &out); err != nil {
		book.complain("a receive was answered %s", answer)
	}
	return out.Messages
}

// settleUp takes everything that is left and compares it with the ledger.
func settleUp(t *testing.T, r *harness.Router, book *ledger, sink *harness.Collector) {
	t.Helper()
	empty := func(queue string, took func(m harness.Message, started time.Time), gone func(m harness.Message)) {
		// How many there are to delete, one by one, depends on the run: it has to go on, not to be done in time.
		for least := int64(math.MaxInt64); least > 0; {
			harness.Until(t, queue+" to become shorter", func() (bool, string) {
				started := time.Now()
				for _, m := range r.Receive(queue, "max=100&wait=1s") {
					took(m, started)
					answer := r.Do(http.MethodDelete, "/v1/queues/"+queue+"/messages/"+m.Receipt, nil, "")
					if answer.Status == http.StatusConflict {
						break // the machine was so busy that the lease ran out; the message and those behind it come again
					}
					if answer.Status/100 != 2 {
						t.Fatalf("deleting from %s: %s", queue, answer)
					}
					gone(m)
				}
				s := r.Stats(queue)
				left := s.Ready + s.Delayed + s.InFlight
				shorter := left < least
				least = min(least, left)
				return shorter, fmt.Sprintf("%+v", s)
			})
		}
	}
	empty("parcels", func(m harness.Message, started time.Time) { book.received(m.Body, started) },
		func(m harness.Message) { book.deleted(m.Body) })
	empty("groups.fifo", func(m harness.Message, _ time.Time) {
		book.numberReceived(m.Group, m.Body)
		book.numberDeleting(m.Group, m.Body)
	}, func(m harness.Message) { book.numberDeleted(m.Group, m.Body) })
	audit := map[string]bool{}
	// Nobody has received from this one, and what is received now does not come again: nothing has to be deleted.
	for r.Stats("audit").Ready > 0 {
		got := r.Receive("audit", "max=1000&wait=20s&visibility=12h")
		if len(got) == 0 {
			t.Fatalf("audit has %+v, of which nothing came in 20s", r.Stats("audit"))
		}
		for _, m := range got {
			var envelope struct{ ID string }
			mustJSON(t, m.Body, &envelope)
			audit[envelope.ID] = true
		}
	}
	harness.Until(t, "every published event to reach the function", func() (bool, string) {
		delivered := map[string]bool{}
		for _, q := range sink.Requests("/sink") {
			var event struct{ ID string }
			mustJSON(t, q.Body, &event)
			delivered[event.ID] = true
		}
		missing := book.eventsNotIn(delivered)
		return len(missing) == 0, fmt.Sprintf("%d are missing, such as %.3q", len(missing), missing)
	})
	if missing := book.eventsNotIn(audit); len(missing) > 0 {
		t.Errorf("%d acknowledged events are not in the queue, such as %.3q", len(missing), missing)
	}
	for _, problem := range book.settle() {
		t.Error(problem)
	}
	t.Log(book)
}

// ledger is what the clients of TestKill know: what was acknowledged, and what may or may not have happened.
type ledger struct {
	complaints
	sends map[string]bool
	// deletes are the acknowledged ones, with the time of the answer; begun are those without an answer so far.
	deletes map[string]time.Time
	begun   map[string]bool
	events  map[string]bool
	groups  map[string]*group
	total   int
}

// group is a message group: numbers from 1 that must be received in order.
type group struct {
	next    int  // the number to send
	last    int  // the highest that was received
	begun   bool // its delete was begun
	deleted bool // and acknowledged
}

func newLedger() *ledger {
	return &ledger{
		sends: map[string]bool{}, deletes: map[string]time.Time{}, begun: map[string]bool{},
		events: map[string]bool{}, groups: map[string]*group{},
	}
}

func (l *ledger) sent(body string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sends[body] = true
	l.total++
}

// received takes note of a message that a receive brought which began at started. It must not be one whose delete had been
// acknowledged by then.
func (l *ledger) received(body string, started time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if at, ok := l.deletes[body]; ok && at.Before(started) {
		l.complainLocked("%s came back: it was deleted %v before the receive began", body, started.Sub(at))
	}
}

func (l *ledger) deleting(body string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.begun[body] = true
}

func (l *ledger) deleted(body string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.begun, body)
	l.deletes[body] = time.Now()
}

func (l *ledger) published(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.events[id] = true
}

func (l *ledger) eventsNotIn(got map[string]bool) (missing []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for id := range l.events {
		if !got[id] {
			missing = append(missing, id)
		}
	}
	return missing
}

func (l *ledger) groupLocked(name string) *group {
	g := l.groups[name]
	if g == nil {
		g = &group{next: 1}
		l.groups[name] = g
	}
	return g
}

func (l *ledger) nextNumber(name string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.groupLocked(name).next
}

func (l *ledger) numberSent(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.groupLocked(name).next++
}

// numberReceived checks that the number is the last one again, if that was not surely deleted, or the one after it, if a
// delete of the last one was begun at least.
func (l *ledger) numberReceived(name, body string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	g := l.groupLocked(name)
	n, err := strconv.Atoi(body)
	switch {
	case err != nil:
		l.complainLocked("group %s: %q is no number", name, body)
	case n == g.last+1 && (g.begun || g.last == 0):
		g.last, g.begun, g.deleted = n, false, false
	case n == g.last && !g.deleted:
	default:
		l.complainLocked("group %s: %d came after %d (delete begun: %v, acknowledged: %v)", name, n, g.last, g.begun, g.deleted)
	}
}

func (l *ledger) numberDeleting(name, body string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if g := l.groupLocked(name); strconv.Itoa(g.last) == body {
		g.begun = true
	}
}

func (l *ledger) numberDeleted(name, body string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if g := l.groupLocked(name); strconv.Itoa(g.last) == body {
		g.deleted = true
	}
}

// settle says what is wrong when everything was taken out.
func (l *ledger) settle() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	for body := range maps.Keys(l.sends) {
		// What came out in the end was deleted then; a delete without an answer may have been done.
		if _, ok := l.deletes[body]; !ok && !l.begun[body] {
			l.complainLocked("%s was acknowledged, was not deleted, and is gone", body)
		}
	}
	for name, g := range l.groups {
		if g.last < g.next-1 {
			l.complainLocked("group %s: %d were acknowledged, the last that came out is %d", name, g.next-1, g.last)
		}
	}
	return l.faults
}

func (l *ledger) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	numbers := 0
	for _, g := range l.groups {
		numbers += g.next - 1
	}
	return fmt.Sprintf("%d sends, %d deletes, %d events and %d FIFO messages were acknowledged", l.total, len(l.deletes), len(l.events), numbers)
}
