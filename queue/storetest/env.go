package storetest

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/signalbox-mq/signalbox/queue"
)

// rule is one thing that every store must do.
type rule struct {
	name string
	// heavy rules have many or large messages.
	heavy bool
	// whole rules need a standard queue that is in one place.
	whole bool
	run   func(*env)
}

// rules lists the whole suite.
func rules() []rule {
	return slices.Concat(appendRules(), priorRules(), tokenRules(), dedupRules(), receiveRules(), tenantRules(), limitRules(), fifoRules(), turnRules(), attemptRules(), settleRules(),
		receiptRules(), moveRules(), extendRules(), readRules(), logRules(), expiryRules(), removalRules(), statsRules(), clockRules(),
		watchRules(), reopenRules(), ownershipRules(), concurrencyRules(), sharedRules(), scaleRules(), closeRules())
}

// tester is what a rule needs of testing.TB, so that a test can run a rule and look at the outcome.
type tester interface {
	Helper()
	Logf(format string, args ...any)
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
	Skipf(format string, args ...any)
}

// env is the world of one rule: an open store, a clock that the rule moves, and calls that fail the test on error.
type env struct {
	tester
	ctx   context.Context
	h     Harness
	data  Data
	store queue.Store
	now   time.Time
}

// Queues of the rules. The kinds are by convention.
const (
	std  queue.ID = 1
	std2 queue.ID = 2
	fifo queue.ID = 3
	flog queue.ID = 4
	dead queue.ID = 5
)

func kindOf(id queue.ID) queue.Kind {
	switch id {
	case fifo:
		return queue.FIFO
	case flog:
		return queue.Log
	}
	return queue.Standard
}

// check runs one rule on a fresh store.
func check(t tester, h Harness, r rule) {
	t.Helper()
	data, err := h.New()
	if err != nil {
		t.Fatalf("new data: %v", err)
	}
	e := &env{tester: t, ctx: context.Background(), h: h, data: data, now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	e.open()
	defer func() {
		if err := e.store.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
		if err := data.Remove(); err != nil {
			t.Errorf("remove: %v", err)
		}
	}()
	r.run(e)
}

func (e *env) open() {
	e.Helper()
	s, err := e.data.Open()
	if err != nil {
		e.Fatalf("open: %v", err)
	}
	e.store = s
}

// reopen closes the store and opens the data again.
func (e *env) reopen() {
	e.Helper()
	if err := e.store.Close(); err != nil {
		e.Fatalf("close: %v", err)
	}
	e.open()
}

// pass moves the clock.
func (e *env) pass(d time.Duration) { e.now = e.now.Add(d) }

// entry is a message with a body, in a group if it is not empty.
func entry(id queue.ID, group, body string) queue.Entry {
	return queue.Entry{Queue: id, Kind: kindOf(id), Message: queue.Message{ID: queue.NewMessageID(), Body: []byte(body), Group: group}}
}

func (e *env) appendErr(entries ...queue.Entry) (queue.AppendResult, error) {
	return e.store.Append(e.ctx, queue.AppendRequest{Now: e.now, Entries: entries})
}

func (e *env) append(entries ...queue.Entry) []queue.Appended {
	e.Helper()
	res, err := e.appendErr(entries...)
	if err != nil {
		e.Fatalf("append: %v", err)
	}
	if len(res.Results) != len(entries) {
		e.Fatalf("append of %d entries has %d results", len(entries), len(res.Results))
	}
	return res.Results
}

// send appends one message for each body, each with a call of its own.
func (e *env) send(id queue.ID, group string, bodies ...string) {
	e.Helper()
	for _, b := range bodies {
		e.append(entry(id, group, b))
	}
}

// request is a receive of up to ten messages for 30 seconds.
func (e *env) request(id queue.ID) queue.ReceiveRequest {
	return queue.ReceiveRequest{Now: e.now, Queue: id, Kind: kindOf(id), Max: 10, Visibility: 30 * time.Second}
}

func (e *env) receive(req queue.ReceiveRequest) queue.ReceiveResult {
	e.Helper()
	res, err := e.store.Receive(e.ctx, req)
	if err != nil {
		e.Fatalf("receive: %v", err)
	}
	return res
}

// take receives up to n messages for 30 seconds.
func (e *env) take(id queue.ID, n int) []queue.Message {
	e.Helper()
	req := e.request(id)
	req.Max = n
	return e.receive(req).Messages
}

// takeFor receives all there is for d.
func (e *env) takeFor(id queue.ID, d time.Duration) []queue.Message {
	e.Helper()
	req := e.request(id)
	req.Max, req.Visibility = 1000, d
	return e.receive(req).Messages
}

// one receives exactly one message for 30 seconds.
func (e *env) one(id queue.ID) queue.Message {
	e.Helper()
	got := e.take(id, 1)
	if len(got) != 1 {
		e.Fatalf("received %d messages, want one", len(got))
	}
	return got[0]
}

func (e *env) settle(s ...queue.Settlement) []queue.SettleResult {
	e.Helper()
	res, err := e.store.Settle(e.ctx, e.now, s)
	if err != nil {
		e.Fatalf("settle: %v", err)
	}
	if len(res) != len(s) {
		e.Fatalf("%d settlements have %d results", len(s), len(res))
	}
	return res
}

// settled settles and demands success on a message that was there.
func (e *env) settled(s queue.Settlement) queue.SettleResult {
	e.Helper()
	res := e.settle(s)[0]
	if res.Err != nil || res.Gone {
		e.Fatalf("settlement %d: %v, gone %v; want success", s.Action, res.Err, res.Gone)
	}
	return res
}

func (e *env) ack(messages ...queue.Message) {
	e.Helper()
	for _, m := range messages {
		e.settled(queue.Settlement{Receipt: m.Receipt})
	}
}

func (e *env) release(m queue.Message, after time.Duration) {
	e.Helper()
	e.settled(queue.Settlement{Receipt: m.Receipt, Action: queue.Release, NotBefore: e.now.Add(after)})
}

func (e *env) extendErr(r queue.Receipt, d time.Duration) error {
	e.Helper()
	res, err := e.store.Extend(e.ctx, e.now, []queue.Extension{{Receipt: r, Visibility: d}})
	if err != nil || len(res) != 1 {
		e.Fatalf("extend: %v, %d results", err, len(res))
	}
	return res[0]
}

func (e *env) extend(m queue.Message, d time.Duration) {
	e.Helper()
	if err := e.extendErr(m.Receipt, d); err != nil {
		e.Fatalf("extend: %v", err)
	}
}

func (e *env) stats(id queue.ID) queue.Stats {
	e.Helper()
	res, err := e.store.Stats(e.ctx, e.now, []queue.ID{id})
	if err != nil || len(res) != 1 {
		e.Fatalf("stats: %v, %d results", err, len(res))
	}
	return res[0]
}

func (e *env) purge(id queue.ID) int64 {
	e.Helper()
	n, err := e.store.Purge(e.ctx, e.now, id)
	if err != nil {
		e.Fatalf("purge: %v", err)
	}
	return n
}

func (e *env) drop(ids ...queue.ID) {
	e.Helper()
	if err := e.store.Drop(e.ctx, e.now, ids); err != nil {
		e.Fatalf("drop: %v", err)
	}
}

func (e *env) get(id queue.ID, key string) []queue.Peeked {
	e.Helper()
	got, err := e.store.Get(e.ctx, e.now, id, key)
	if err != nil {
		e.Fatalf("get: %v", err)
	}
	return got
}

func (e *env) scan(req queue.ScanRequest) queue.ScanResult {
	e.Helper()
	req.Now, req.Kind = e.now, kindOf(req.Queue)
	if req.Limit == 0 {
		req.Limit = 1000
	}
	res, err := e.store.Scan(e.ctx, req)
	if err != nil {
		e.Fatalf("scan: %v", err)
	}
	return res
}

// scanAll reads a queue in pieces of n.
func (e *env) scanAll(id queue.ID, n int) (all []queue.Peeked) {
	e.Helper()
	for from := (queue.Position{}); ; {
		res := e.scan(queue.ScanRequest{Queue: id, From: from, Limit: n})
		if len(res.Messages) > n {
			e.Fatalf("scan with limit %d returned %d", n, len(res.Messages))
		}
		all, from = append(all, res.Messages...), res.Next
		if !res.More {
			return all
		}
		if len(all) > 100_000 || len(res.Messages) == 0 {
			e.Fatalf("scan says More for ever")
		}
	}
}

// expire calls Expire until there is no more to do.
func (e *env) expire(x queue.Expiry) (sum queue.Expired) {
	e.Helper()
	for range 1000 {
		res, err := e.store.Expire(e.ctx, e.now, []queue.Expiry{x})
		if err != nil || len(res) != 1 {
			e.Fatalf("expire: %v, %d results", err, len(res))
		}
		sum.Messages, sum.Bytes = sum.Messages+res[0].Messages, sum.Bytes+res[0].Bytes
		if !res[0].More {
			return sum
		}
	}
	e.Fatalf("expire says More for ever")
	return sum
}

// bodies are the messages' bodies, in order.
func bodies(messages []queue.Message) []string {
	out := []string{}
	for _, m := range messages {
		out = append(out, string(m.Body))
	}
	return out
}

func peekedBodies(peeked []queue.Peeked) []string {
	out := []string{}
	for _, p := range peeked {
		out = append(out, string(p.Message.Body))
	}
	return out
}

// same compares, nil and empty slices being equal.
func (e *env) same(what string, got, want any) {
	e.Helper()
	if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
		e.Fatalf("%s (-want +got):\n%s", what, d)
	}
}

// wantBodies compares bodies in order. On an unordered engine, messages without a group may come in any order.
func (e *env) wantBodies(what string, got []string, want ...string) {
	e.Helper()
	if e.h.Unordered {
		got, want = slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))
	}
	e.same(what, got, want)
}

// wantCounts compares the counts by status.
func (e *env) wantCounts(id queue.ID, ready, delayed, inFlight int64) {
	e.Helper()
	s := e.stats(id)
	e.same("ready, delayed, in flight", []int64{s.Ready, s.Delayed, s.InFlight}, []int64{ready, delayed, inFlight})
}

func (e *env) wantErr(what string, err, want error) {
	e.Helper()
	if !errors.Is(err, want) {
		e.Fatalf("%s: error is %v, want %v", what, err, want)
	}
}

// wantDropped checks that an error names a dropped queue.
func (e *env) wantDropped(what string, err error, id queue.ID) {
	e.Helper()
	var d *queue.DroppedError
	if !errors.As(err, &d) || d.Queue != id || !errors.Is(err, queue.ErrDropped) {
		e.Fatalf("%s: error is %v, want a DroppedError of queue %d", what, err, id)
	}
}
