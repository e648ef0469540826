package rules_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/signalbox-mq/signalbox/event"
	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/queue/pebblestore"
	"github.com/signalbox-mq/signalbox/rules"
)

// In virtual time it is 2000.
var (
	always  = time.Date(1990, 1, 1, 0, 0, 0, 0, time.UTC)
	evening = time.Date(1999, 1, 1, 20, 0, 0, 0, time.UTC)
)

// startReplay starts a replay of an archive from a time until now, or until another time.
func (e *env) startReplay(name, archive string, from, until time.Time, only ...string) rules.Replay {
	e.tb.Helper()
	r, err := e.engine.StartReplay(e.tb.Context(), named(name), rules.Replay{Archive: archive, From: from, Until: until, Rules: only})
	if err != nil {
		e.tb.Fatal(err)
	}
	if r.Replay.State != rules.ReplayStarting || r.Replay.Started.IsZero() {
		e.tb.Fatalf("%+v", r)
	}
	return r.Replay
}

func (e *env) replay(name string) rules.Replay {
	e.tb.Helper()
	r, err := e.engine.Replay(e.tb.Context(), named(name))
	if err != nil {
		e.tb.Fatal(err)
	}
	return r.Replay
}

// runReplays runs replays and transfers until all replays have ended.
func (e *env) runReplays() {
	e.tb.Helper()
	ctx, stop := context.WithCancel(e.tb.Context())
	var ended sync.WaitGroup
	var failed [2]error
	ended.Go(func() { failed[0] = e.transfers.Run(ctx); stop() })
	ended.Go(func() { failed[1] = e.engine.RunReplays(ctx); stop() })
	e.awaitReplays(ctx)
	stop()
	ended.Wait()
	if err := errors.Join(failed[:]...); err != nil {
		e.tb.Fatal(err)
	}
}

func (e *env) awaitReplays(ctx context.Context) {
	e.tb.Helper()
	for {
		revision := e.definitions.Revision()
		all, _, err := e.engine.Replays(ctx, catalog.Query{})
		if err != nil {
			e.tb.Fatal(err)
		}
		if !slices.ContainsFunc(all, func(r rules.ReplayEntry) bool { return !r.Replay.State.Ended() }) {
			return
		}
		if e.definitions.Wait(ctx, revision) != nil {
			return
		}
	}
}

// at returns an event of a time.
func at(t time.Time, typ, detail string) event.Event {
	ev := newEvent(typ, detail)
	ev.Time = t
	return ev
}

// brought counts the events in a queue by ID and by the replay that brought them.
func (e *env) brought(q queue.Queue) map[string]int {
	e.tb.Helper()
	counts := map[string]int{}
	seen := map[queue.MessageID]bool{}
	for _, m := range e.messages(q.ID, q.Definition.Kind()) {
		ev, err := event.Parse(m.Body)
		if err != nil {
			e.tb.Fatal(err)
		}
		if seen[m.ID] {
			e.tb.Errorf("two messages of queue %s have the ID %s", q.Name.Name, m.ID)
		}
		seen[m.ID] = true
		counts[ev.ReplayName+"/"+ev.ID]++
	}
	return counts
}

// wantBrought fails unless a queue has, of a replay, these events once each, and no others.
func (e *env) wantBrought(q queue.Queue, replay string, want ...string) {
	e.tb.Helper()
	got := e.brought(q)
	n := 0
	for key, count := range got {
		if strings.HasPrefix(key, replay+"/") {
			n += count
		}
	}
	for _, id := range want {
		if count := got[replay+"/"+id]; count != 1 {
			e.tb.Errorf("queue %s has event %s of replay %q %d times", q.Name.Name, id, replay, count)
		}
	}
	if n != len(want) {
		e.tb.Errorf("queue %s has %d events of replay %q, want %d", q.Name.Name, n, replay, len(want))
	}
}

func TestReplay(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	orders, others := e.queue("orders", queue.Definition{}), e.queue("others", queue.Definition{})
	fifo := e.queue("line.fifo", queue.Definition{FIFO: true})
	calls := e.function("call")
	e.rule("r", to("orders", `{"detail-type":["a"]}`))
	e.rule("only", rules.Rule{If: `event.detail.n > 1`, Targets: []rules.Target{
		{Queue: "others"}, {Queue: "line.fifo", Group: "$.detail-type"}, {Function: "call"}, {Queue: "missing"},
	}})
	e.archive("all", "")
	var ids []string
	for i, ev := range []event.Event{
		at(evening, "a", `{"n":1}`), at(evening.Add(time.Hour-time.Nanosecond), "b", `{"n":2}`), at(evening.Add(time.Hour), "a", `{"n":3}`),
		at(evening.Add(-time.Nanosecond), "a", `{"n":4}`), at(evening.Add(time.Minute), "a", `{"n":5}`),
	} {
		if p := e.publish(ev)[0]; p.ID != ev.ID {
			t.Fatal(i, p)
		}
		ids = append(ids, ev.ID)
	}
	within := []string{ids[0], ids[1], ids[4]}
	e.startReplay("evening", "all", evening, evening.Add(time.Hour))
	e.runReplays()
	r := e.replay("evening")
	if r.State != rules.ReplayCompleted || r.Published != 3 || r.Read != 5 || r.Skipped+r.Missed != 0 || r.Reason != "" || r.Ended.IsZero() ||
		!r.LastReplayed.Equal(evening.Add(time.Minute)) || r.Bus != rules.DefaultBus {
		t.Errorf("%+v", r)
	}
	e.wantBrought(orders, "evening", ids[0], ids[4])
	e.wantBrought(orders, "", ids[0], ids[2], ids[3], ids[4])
	e.wantBrought(others, "evening", ids[1], ids[4])
	e.wantBrought(fifo, "evening", ids[1], ids[4])
	e.wantBrought(fifo, "", ids[1:]...)
	e.wantArchived("all", ids...)

	// Each entry of the log tells its own deliveries.
	seen := map[string]bool{}
	for _, id := range within {
		kept, err := e.store.Get(t.Context(), e.broker.Now(), e.log(), id)
		if err != nil || len(kept) != 2 {
			t.Fatalf("%d entries, %v", len(kept), err)
		}
		for i, replay := range []string{"", "evening"} {
			match, err := rules.DecodeMatch(&kept[i].Message)
			ev, parsed := event.Parse(kept[i].Message.Body)
			if err != nil || parsed != nil || match.Replay != replay || ev.ReplayName != replay || ev.ID != id {
				t.Errorf("%+v, %v", match, err)
			}
			if (match.ReplayID != "") != (replay != "") || len(match.Rules) == 0 {
				t.Errorf("%+v", match)
			}
			for _, rule := range match.Rules {
				for _, d := range rule.Deliveries {
					if seen[d.ID] {
						t.Errorf("delivery %s comes twice", d.ID)
					}
					seen[d.ID] = true
					if there, err := e.store.Get(t.Context(), e.broker.Now(), d.Queue, d.ID); err != nil || len(there) != 1 {
						t.Errorf("delivery %s is there %d times, %v", d.ID, len(there), err)
					}
				}
			}
		}
	}
	if n := len(e.messages(calls, queue.FIFO)); n != 4+2 {
		t.Errorf("%d calls", n)
	}
	if n := len(e.deadLetters()); n != 4+2 {
		t.Errorf("%d dead letters", n)
	}

	// Another replay brings them again, to one rule.
	e.startReplay("again", "all", always, time.Now().Add(-time.Second), "r")
	e.runReplays()
	e.wantBrought(orders, "again", ids[0], ids[2], ids[3], ids[4])
	e.wantBrought(others, "again")
	if r := e.replay("again"); r.State != rules.ReplayCompleted || r.Published != 5 {
		t.Errorf("%+v", r)
	}
	e.wantArchived("all", ids...)
	if n := len(e.messages(e.log(), queue.Log)); n != 5+3+5 {
		t.Errorf("the bus retains %d", n)
	}
}

func TestReplayOfNothing(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.archive("all", "")
	e.startReplay("empty", "all", always, evening)
	e.runReplays()
	if r := e.replay("empty"); r.State != rules.ReplayCompleted || r.Read != 0 || !r.LastReplayed.IsZero() {
		t.Errorf("%+v", r)
	}
}

func TestStartReplayFaults(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.must(e.buses.Create(t.Context(), named("shop"), rules.Bus{}))
	_, err := e.engine.CreateArchive(t.Context(), named("of-shop"), rules.Archive{Bus: "shop"})
	e.must(nil, err)
	e.archive("all", "")
	e.rule("r", to("q", ""))
	start := func(name string, r rules.Replay) error {
		_, err := e.engine.StartReplay(t.Context(), named(name), r)
		return err
	}
	for field, c := range map[string]rules.Replay{
		"from":  {Archive: "all", Until: evening},
		"until": {Archive: "all", From: evening},
		"name":  {Archive: "all", From: always, Until: evening},
	} {
		name := "a"
		if field == "name" {
			name = "a/b"
		}
		if invalid, ok := errors.AsType[*rules.InvalidError](start(name, c)); !ok || invalid.Field != field {
			t.Errorf("%s: %v", field, invalid)
		}
	}
	if invalid, ok := errors.AsType[*rules.InvalidError](start("a", rules.Replay{Archive: "all", From: evening, Until: evening})); !ok || invalid.Field != "until" {
		t.Error(invalid)
	}
	if err := start("a", rules.Replay{Archive: "never", From: always, Until: evening}); !errors.Is(err, rules.ErrArchiveNotFound) {
		t.Error(err)
	}
	if err := start("a", rules.Replay{Archive: "all", From: always, Until: evening, Rules: []string{"r", "s"}}); !errors.Is(err, rules.ErrRuleNotFound) {
		t.Error(err)
	}
	if err := start("a", rules.Replay{Archive: "of-shop", From: always, Until: evening, Rules: []string{"r"}}); !errors.Is(err, rules.ErrRuleNotFound) {
		t.Error(err)
	}
	e.must(nil, start("a", rules.Replay{Archive: "all", From: always, Until: evening, Rules: []string{"r"}}))
	if err := start("a", rules.Replay{Archive: "all", From: always, Until: evening}); !errors.Is(err, rules.ErrReplayExists) {
		t.Error(err)
	}
	e.must(nil, e.buses.Delete(t.Context(), named("shop")))
	if err := start("b", rules.Replay{Archive: "of-shop", From: always, Until: evening}); !errors.Is(err, rules.ErrBusNotFound) {
		t.Error(err)
	}
	if _, err := e.engine.Replay(t.Context(), named("b")); !errors.Is(err, rules.ErrReplayNotFound) {
		t.Error(err)
	}
	if _, err := e.engine.CancelReplay(t.Context(), named("b")); !errors.Is(err, rules.ErrReplayNotFound) {
		t.Error(err)
	}
	e.runReplays()
	if _, err := e.engine.CancelReplay(t.Context(), named("a")); !errors.Is(err, rules.ErrReplayEnded) {
		t.Error(err)
	}
	// The name is remembered after the end.
	if err := start("a", rules.Replay{Archive: "all", From: always, Until: evening}); !errors.Is(err, rules.ErrReplayExists) {
		t.Error(err)
	}
}

// TestReplaySkips: what can not be read is left out, counted and told of.
func TestReplaySkips(t *testing.T) {
	t.Parallel()
	var told atomic.Int32
	e := newEnvWith(t, rules.Config{OnFault: func(err error) { told.Add(1) }})
	q := e.queue("orders", queue.Definition{})
	e.rule("r", to("orders", ""))
	e.archive("all", "")
	ids := e.publishMany(2, "a")
	for _, body := range []string{`{"no":"event"}`, ``} {
		_, err := e.store.Append(t.Context(), queue.AppendRequest{Now: e.broker.Now(), Entries: []queue.Entry{
			{Queue: e.archiveLog("all"), Kind: queue.Log, Message: queue.Message{Body: []byte(body)}},
		}})
		e.must(nil, err)
	}
	ids = append(ids, e.publishMany(2, "a")...)
	e.startReplay("x", "all", always, time.Now()) // events have the second in which they were published
	e.runReplays()
	if r := e.replay("x"); r.State != rules.ReplayCompleted || r.Skipped != 2 || r.Published != 4 || r.Read != 6 {
		t.Errorf("%+v", r)
	}
	if told.Load() < 2 {
		t.Errorf("told of %d", told.Load())
	}
	e.wantBrought(q, "x", ids...)
}

// TestReplayAndPause: a paused rule keeps back what is replayed, too, and gets it by what the replay was for.
func TestReplayAndPause(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	q, other := e.queue("orders", queue.Definition{}), e.queue("others", queue.Definition{})
	rule, beside := to("orders", ""), to("others", "")
	e.rule("r", rule)
	e.rule("s", beside)
	e.reconcile()
	e.archive("all", "")
	var ids []string
	for i := range 5 {
		ids = append(ids, e.publish(at(evening, "a", numbered(i)))[0].ID)
	}
	rule.Paused, beside.Paused = true, true
	e.rule("r", rule)
	e.rule("s", beside)
	e.reconcile()
	e.startReplay("both", "all", always, evening.Add(1))
	e.startReplay("one", "all", always, evening.Add(1), "s")
	e.runReplays()
	for _, replay := range []string{"both", "one"} {
		e.wantBrought(q, replay)
		e.wantBrought(other, replay)
	}
	rule.Paused, beside.Paused = false, false
	e.rule("r", rule)
	e.rule("s", beside)
	e.reconcile()
	e.run()
	e.wantBrought(q, "", ids...)
	e.wantBrought(q, "both", ids...)
	e.wantBrought(q, "one")
	e.wantBrought(other, "both", ids...)
	e.wantBrought(other, "one", ids...)

	// A new rule gets each event once, however often it was replayed.
	late := e.queue("late", queue.Definition{})
	new := to("late", "")
	new.Start = "earliest"
	e.rule("new", new)
	e.reconcile()
	e.run()
	e.expect(late, ids)
	e.wantBrought(late, "", ids...)
}

// TestReplayCrashes ends the process around the appends of a replay, and starts it anew.
func TestReplayCrashes(t *testing.T) {
	t.Parallel()
	for _, after := range []bool{false, true} {
		t.Run(fmt.Sprint("after the append ", after), func(t *testing.T) {
			t.Parallel()
			e := newEnv(t)
			q := e.queue("orders", queue.Definition{})
			rule := to("orders", "")
			e.rule("r", rule)
			e.archive("all", "")
			var ids []string
			for i := range 700 {
				ids = append(ids, e.publish(at(evening, "a", numbered(i)))[0].ID)
			}
			e.startReplay("x", "all", always, evening.Add(1))
			for round := range 3 {
				left := min(round, 1)
				crash := func(req *queue.AppendRequest) error {
					if strings.HasPrefix(req.Token, "transfer/") {
						if left--; left < 0 {
							return queue.ErrStoreClosed
						}
					}
					return nil
				}
				if after {
					e.store.afterAppend = crash
				} else {
					e.store.beforeAppend = crash
				}
				ctx, stop := context.WithCancel(t.Context())
				var driver sync.WaitGroup
				driver.Go(func() { _ = e.engine.RunReplays(ctx) })
				if err := e.transfers.Run(ctx); err == nil {
					t.Fatal("it did not crash")
				}
				stop()
				driver.Wait()
				e.reopen()
				rule.Description = fmt.Sprint(round) // between the attempts at one batch
				e.rule("r", rule)
			}
			e.runReplays()
			e.wantBrought(q, "x", ids...)
			if r := e.replay("x"); r.State != rules.ReplayCompleted || r.Read != 700 || r.Published != 700 || r.Missed != 0 {
				t.Errorf("%+v", r)
			}
			if n := len(e.messages(e.log(), queue.Log)); n != 1400 {
				t.Errorf("the bus retains %d", n)
			}
		})
	}
}

// TestReplaysAtOnce: of many starts at the same time, only so many are let.
func TestReplaysAtOnce(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.archive("all", "")
	var begun, refused atomic.Int32
	var wg sync.WaitGroup
	for i := range 3 * rules.MaxReplays {
		wg.Go(func() {
			_, err := e.engine.StartReplay(context.Background(), named(fmt.Sprint("r", i)), rules.Replay{Archive: "all", From: always, Until: evening})
			switch {
			case err == nil:
				begun.Add(1)
			case errors.Is(err, rules.ErrTooManyReplays):
				refused.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if begun.Load() != rules.MaxReplays || refused.Load() != 2*rules.MaxReplays {
		t.Errorf("%d begun, %d refused", begun.Load(), refused.Load())
	}
	e.runReplays()
	e.startReplay("room", "all", always, evening)
}

// TestReplayOfMany: memory does not grow with the archive.
func TestReplayOfMany(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a while")
	}
	n := 3_000
	if os.Getenv("SIGNALBOX_SOAK") != "" {
		n = 100_000
	}
	e := onDisk(t, pebblestore.Options{CacheBytes: 1 << 20, MemTableBytes: 8 << 20})
	e.archive("all", "")
	e.rule("r", to("orders", `{"detail":{"n":[7]}}`))
	q := e.queue("orders", queue.Definition{})
	var want []string
	for first := 0; first < n; first += 500 {
		events := make([]event.Event, 500)
		for i := range events {
			events[i] = at(evening, "a", fmt.Sprintf(`{"n":%d,"text":%q}`, (first+i)%1000, strings.Repeat("x", 500)))
		}
		for i, p := range e.publish(events...) {
			if (first+i)%1000 == 7 {
				want = append(want, p.ID)
			}
		}
	}
	var before, peak uint64
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	runtime.GC()
	before = heap()
	e.store.beforeAppend = func(*queue.AppendRequest) error {
		peak = max(peak, heap())
		return nil
	}
	begun := time.Now()
	e.startReplay("x", "all", always, evening.Add(1))
	e.runReplays()
	e.wantBrought(q, "x", want...)
	if r := e.replay("x"); r.Published != int64(n) || r.State != rules.ReplayCompleted {
		t.Errorf("%+v", r)
	}
	t.Logf("%d events in %v, heap %d MiB before, %d MiB at most", n, time.Since(begun).Round(time.Millisecond), before>>20, peak>>20)
	// The store's own buffers and what the collector has not come to are in it.
	if peak > before+100<<20 {
		t.Errorf("the heap grew from %d to %d", before, peak)
	}
}

// TestReplayOfAnEventThatHopped: how far an event had come is known when it is replayed.
func TestReplayOfAnEventThatHopped(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.archive("all", "")
	ev := at(evening, "a", "1")
	_, err := e.engine.Publish(t.Context(), rules.Publish{Bus: named(rules.DefaultBus), Events: []event.Event{ev}, Hops: 3, Origin: "first"})
	e.must(nil, err)
	e.startReplay("x", "all", always, evening.Add(1))
	e.runReplays()
	kept, err := e.store.Get(t.Context(), e.broker.Now(), e.log(), ev.ID)
	if err != nil || len(kept) != 2 {
		t.Fatal(len(kept), err)
	}
	match, err := rules.DecodeMatch(&kept[1].Message)
	if err != nil || match.Hops != 3 || match.Origin != "first" || match.Replay != "x" {
		t.Errorf("%+v, %v", match, err)
	}
	// On its way to another bus it stays a replayed one, which no archive takes.
	again := ev
	again.ReplayName = "x"
	e.publish(again)
	e.wantArchived("all", ev.ID)
	var body struct {
		Replay string `json:"replay-name"`
	}
	if err := json.Unmarshal(kept[1].Message.Body, &body); err != nil || body.Replay != "x" {
		t.Errorf("%s", kept[1].Message.Body)
	}
}
