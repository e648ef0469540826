package rules_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/signalbox-mq/signalbox/duration"
	"github.com/signalbox-mq/signalbox/event"
	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/rules"
)

// publishAt publishes an event of a time to the default bus.
func (e *env) publishAt(at time.Time, typ string) string {
	ev := newEvent(typ, "1")
	ev.Time = at
	if _, err := e.engine.Publish(context.Background(), rules.Publish{Bus: named(rules.DefaultBus), Events: []event.Event{ev}}); err != nil {
		e.tb.Error(err)
	}
	return ev.ID
}

// awaitReplay waits until a replay has ended.
func (e *env) awaitReplay(name string, want rules.ReplayState) rules.Replay {
	e.tb.Helper()
	for {
		r := e.replay(name)
		if r.State.Ended() {
			if r.State != want {
				e.tb.Errorf("replay %s has ended as %+v, want %s", name, r, want)
			}
			return r
		}
		pass(10 * time.Millisecond)
	}
}

// TestReplayUntilLater: a replay with its end ahead brings what is archived until then.
func TestReplayUntilLater(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		nodes := newNodes(t, 2)
		e := nodes[0]
		q := e.queue("orders", queue.Definition{})
		e.rule("r", to("orders", ""))
		e.archive("all", "")
		begin := time.Now()
		until := begin.Add(time.Minute)
		early := e.publishAt(begin, "a")
		e.publishAt(until, "a") // out of its range for ever
		e.startReplay("x", "all", begin, until)
		pass(5 * time.Second)
		e.wantBrought(q, "x", early)
		if r := e.replay("x"); r.State != rules.ReplayRunning || r.Published != 1 || r.Read != 2 || !r.LastReplayed.Equal(begin.Truncate(0)) {
			t.Errorf("%+v", r)
		}
		want := []string{early}
		for time.Until(until) > 2*time.Second {
			want = append(want, nodes[1].publishAt(begin.Add(time.Second), "a"))
			nodes[1].publishAt(begin.Add(-time.Second), "a")
			pass(5 * time.Second)
		}
		pass(time.Until(until) + time.Millisecond)
		synctest.Wait()
		r := e.awaitReplay("x", rules.ReplayCompleted)
		if late := r.Ended.Sub(until); late < 0 || late > 5*time.Second {
			t.Errorf("it ended %v after its end", late)
		}
		e.publishAt(begin, "a")
		pass(time.Minute)
		e.wantBrought(q, "x", want...)
		if r := e.replay("x"); r.Published != int64(len(want)) || r.Missed != 0 {
			t.Errorf("%+v", r)
		}
		// Of its transfers, the last one is left.
		if all := e.allTransfers(); len(all) > 1 {
			t.Errorf("%d transfers are left", len(all))
		}
	})
}

// TestReplayThatWaits: nothing is archived for an hour.
func TestReplayThatWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := newNodes(t, 1)[0]
		q := e.queue("orders", queue.Definition{})
		e.rule("r", to("orders", ""))
		e.archive("all", "")
		first := e.publishAt(time.Now(), "a")
		e.startReplay("x", "all", always, time.Now().Add(2*time.Hour))
		pass(time.Hour)
		second := e.publishAt(time.Now(), "a")
		pass(61 * time.Minute)
		e.awaitReplay("x", rules.ReplayCompleted)
		e.wantBrought(q, "x", first, second)
	})
}

func TestCancelReplay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		nodes := newNodes(t, 2)
		e := nodes[0]
		q := e.queue("orders", queue.Definition{})
		e.rule("r", to("orders", ""))
		e.archive("all", "")
		for range 2000 {
			e.publishAt(evening, "a")
		}
		e.startReplay("x", "all", always, time.Now())
		for e.replay("x").Published == 0 {
			pass(5 * time.Millisecond)
		}
		r, err := nodes[1].engine.CancelReplay(t.Context(), named("x"))
		if err != nil || r.Replay.State != rules.ReplayCancelling {
			t.Fatalf("%+v, %v", r, err)
		}
		if _, err := e.engine.CancelReplay(t.Context(), named("x")); !errors.Is(err, rules.ErrReplayEnded) {
			t.Error(err)
		}
		end := e.awaitReplay("x", rules.ReplayCancelled)
		n := len(e.messages(q.ID, queue.Standard)) - 2000
		if n == 0 || n == 2000 || end.Published != int64(n) || end.Reason == "" {
			t.Errorf("%d were brought, %+v", n, end)
		}
		pass(time.Hour)
		if m := len(e.messages(q.ID, queue.Standard)) - 2000; m != n {
			t.Errorf("%d were brought after the end", m-n)
		}
		// One that waits, and one that has not begun.
		e.startReplay("waits", "all", time.Now(), time.Now().Add(time.Hour))
		pass(10 * time.Second)
		e.must(e.engine.CancelReplay(t.Context(), named("waits")))
		e.awaitReplay("waits", rules.ReplayCancelled)
		e.startReplay("early", "all", always, time.Now())
		e.must(e.engine.CancelReplay(t.Context(), named("early")))
		e.awaitReplay("early", rules.ReplayCancelled)
	})
}

// TestReplayNamesAgain: an ended replay is remembered for 90 days, and then its name is free for another, with deliveries of its
// own.
func TestReplayNamesAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := newAlone(t)
		q := e.queue("orders", queue.Definition{})
		e.rule("r", to("orders", ""))
		e.archive("all", "")
		id := e.publishAt(evening, "a")
		e.startReplay("x", "all", always, evening.Add(1))
		e.runReplays()
		run := func(d time.Duration) {
			ctx, stop := context.WithTimeout(t.Context(), d)
			defer stop()
			e.must(nil, e.engine.RunReplays(ctx))
		}
		run(rules.ReplayMemory - time.Minute)
		if _, err := e.engine.StartReplay(t.Context(), named("x"), rules.Replay{Archive: "all", From: always, Until: evening}); !errors.Is(err, rules.ErrReplayExists) {
			t.Error(err)
		}
		run(2 * time.Minute)
		if _, err := e.engine.Replay(t.Context(), named("x")); !errors.Is(err, rules.ErrReplayNotFound) {
			t.Error(err)
		}
		e.startReplay("x", "all", always, evening.Add(1))
		e.runReplays()
		ids := map[queue.MessageID]bool{}
		for _, m := range e.messages(q.ID, queue.Standard) {
			ids[m.ID] = true
		}
		if got := e.brought(q)["x/"+id]; got != 2 || len(ids) != 3 {
			t.Errorf("it was brought %d times, as %d messages in all", got, len(ids))
		}
	})
}

// slowly starts a replay of many events and returns when it has brought some.
func slowly(t *testing.T, n int) (*env, queue.Queue, []string) {
	e := newNodes(t, 2)[0]
	q := e.queue("orders", queue.Definition{})
	e.rule("r", to("orders", ""))
	e.must(e.engine.CreateArchive(t.Context(), named("all"), rules.Archive{Retention: duration.Of(time.Hour)}))
	var ids []string
	for range n {
		ids = append(ids, e.publishAt(evening, "a"))
	}
	e.startReplay("x", "all", always, time.Now())
	for e.replay("x").Published == 0 {
		pass(5 * time.Millisecond)
	}
	return e, q, ids
}

func TestReplayLosesItsGround(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(e *env) error{
		"the archive all": func(e *env) error { return e.engine.DeleteArchive(e.tb.Context(), named("all")) },
		"the archive all ": func(e *env) error { // and made anew
			err := e.engine.DeleteArchive(e.tb.Context(), named("all"))
			_, again := e.engine.CreateArchive(e.tb.Context(), named("all"), rules.Archive{})
			return errors.Join(err, again)
		},
		"the event bus default": func(e *env) error { return e.buses.Delete(e.tb.Context(), named(rules.DefaultBus)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				e, _, _ := slowly(t, 2000)
				e.must(nil, lose(e))
				r := e.awaitReplay("x", rules.ReplayFailed)
				if !strings.Contains(r.Reason, strings.TrimSpace(name)+" was deleted") || r.Published == 0 || r.Published == 2000 {
					t.Errorf("%+v", r)
				}
				pass(time.Minute)
				for _, tr := range e.allTransfers() {
					if !tr.State.Ended() {
						t.Errorf("%+v", tr)
					}
				}
			})
		})
	}
}

func TestRulesChangeDuringReplay(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(e *env) error{
		"deleted": func(e *env) error { return e.rules.Delete(e.tb.Context(), ruleNamed("r")) },
		"disabled": func(e *env) error {
			rule := to("orders", "")
			rule.Disabled = true
			e.rule("r", rule)
			return nil
		},
		"no match": func(e *env) error { e.rule("r", to("orders", `{"detail-type":["b"]}`)); return nil },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				e, q, ids := slowly(t, 2000)
				e.must(nil, change(e))
				then := len(e.messages(q.ID, queue.Standard))
				r := e.awaitReplay("x", rules.ReplayCompleted)
				if n := len(e.messages(q.ID, queue.Standard)); r.Published != int64(len(ids)) || n < then || n-then > 200 {
					t.Errorf("%+v; there were %d, then %d", r, then, n)
				}
			})
		})
	}
}

// TestRetentionDuringReplay: what the archive loses before the replay has come to it is counted.
func TestRetentionDuringReplay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e, q, ids := slowly(t, 3000)
		expiries, err := e.engine.Expiries()
		e.must(nil, err)
		now := e.broker.Now().Add(2 * time.Hour)
		for more := true; more; {
			done, err := e.store.Expire(t.Context(), now, expiries)
			e.must(nil, err)
			more = slices.ContainsFunc(done, func(d queue.Expired) bool { return d.More })
		}
		r := e.awaitReplay("x", rules.ReplayCompleted)
		if r.Missed == 0 || r.Published+r.Missed != int64(len(ids)) {
			t.Errorf("%+v", r)
		}
		n := 0
		for key, count := range e.brought(q) {
			if strings.HasPrefix(key, "x/") {
				n += count
			}
		}
		if int64(n) != r.Published {
			t.Errorf("%d were brought, %+v", n, r)
		}
	})
}

// TestOperatorEndsATransfer: cancelling the transfer of a replay cancels it.
func TestOperatorEndsATransfer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e, _, _ := slowly(t, 2000)
		for _, tr := range e.allTransfers() {
			if name, ok := rules.ReplayOf(&tr); !ok || name != "x" {
				t.Errorf("%q, %v", name, ok)
			}
			e.must(nil, e.transfers.Cancel(t.Context(), tr.Name))
		}
		e.awaitReplay("x", rules.ReplayCancelled)
	})
}

// faulty is a store whose transfers' appends now and then fail, before or after they are made.
type faulty struct {
	unhurried
	mu  *sync.Mutex
	rng *rand.Rand
}

func (s faulty) Append(ctx context.Context, req queue.AppendRequest) (queue.AppendResult, error) {
	s.mu.Lock()
	fate := s.rng.IntN(6)
	s.mu.Unlock()
	fails := strings.HasPrefix(req.Token, "transfer/")
	if fails && fate == 0 {
		return queue.AppendResult{}, queue.ErrUnavailable
	}
	res, err := s.unhurried.Append(ctx, req)
	if fails && fate == 1 {
		return queue.AppendResult{}, queue.ErrUnavailable
	}
	return res, err
}

// history is what was done, and what must have become of it.
type history struct {
	mu     sync.Mutex
	clock  int // orders what is done
	events []publication
	runs   []replayRun
}

// publication is an event: it was published between two moments.
type publication struct {
	id, typ         string
	at              time.Time
	begun, answered int
}

// replayRun is a replay: it was started at one moment and had ended at another.
type replayRun struct {
	name, archive string
	only          []string
	from, until   time.Time
	started       int
	// reached is, of one whose end lay ahead, a moment before that end; zero for others.
	reached int
	ended   int
}

func (h *history) tick() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.clock++
	return h.clock
}

// TestReplayHistories compares random histories with a model: publishers, replays, pauses of rules and faults of the store on
// several nodes. Which events must come to which rule, by which replay, and how often.
func TestReplayHistories(t *testing.T) {
	t.Parallel()
	for seed := range uint64(10) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { replayHistory(t, rand.New(rand.NewPCG(seed, 7))) })
		})
	}
}

// patterns are by rule, and by archive.
var (
	rulePatterns    = map[string]string{"ra": "a", "rb": "b", "all": ""}
	archivePatterns = map[string]string{"a": "a", "everything": ""}
)

func whenOf(typ string) string {
	if typ == "" {
		return ""
	}
	return fmt.Sprintf(`{"detail-type":[%q]}`, typ)
}

func replayHistory(t *testing.T, rng *rand.Rand) {
	nodes := newNodesOn(t, 3, func(s unhurried) queue.Store {
		return faulty{s, new(sync.Mutex), rand.New(rand.NewPCG(rng.Uint64(), 1))}
	})
	h := &history{}
	queues := map[string]queue.Queue{}
	for name, typ := range rulePatterns {
		queues[name] = nodes[0].queue("q-"+name, queue.Definition{})
		nodes[0].rule(name, to("q-"+name, whenOf(typ)))
	}
	nodes[0].reconcile()
	for name, typ := range archivePatterns {
		nodes[1].archive(name, whenOf(typ))
	}
	begin := time.Now()
	stop := make(chan struct{})
	var publishers, others sync.WaitGroup
	for i := range 4 {
		e, own := nodes[i%len(nodes)], rand.New(rand.NewPCG(rng.Uint64(), 2))
		publishers.Go(func() {
			for {
				p := publication{typ: string("abc"[own.IntN(3)]), at: begin.Add(time.Duration(own.IntN(600)-300) * 100 * time.Millisecond)}
				p.begun = h.tick()
				p.id = e.publishAt(p.at, p.typ)
				p.answered = h.tick()
				h.mu.Lock()
				h.events = append(h.events, p)
				h.mu.Unlock()
				pass(time.Duration(own.IntN(200)) * time.Millisecond)
				select {
				case <-stop:
					return
				default:
				}
			}
		})
	}
	for i := range 6 {
		own := rand.New(rand.NewPCG(rng.Uint64(), 3))
		pass(time.Duration(rng.IntN(4000)) * time.Millisecond)
		others.Go(func() {
			run := replayRun{name: fmt.Sprint("x", i), archive: []string{"a", "everything"}[own.IntN(2)]}
			if own.IntN(3) == 0 {
				run.only = []string{"ra", "all"}[:1+own.IntN(2)]
			}
			run.from = begin.Add(time.Duration(own.IntN(400)-300) * 100 * time.Millisecond)
			run.until = run.from.Add(time.Duration(1+own.IntN(300)) * 100 * time.Millisecond)
			ahead := own.IntN(2) == 0
			if ahead {
				run.until = time.Now().Add(time.Duration(2+own.IntN(8)) * time.Second)
			} else if now := time.Now(); run.until.After(now) {
				run.until = now
			}
			if !run.from.Before(run.until) {
				run.from = run.until.Add(-time.Minute)
			}
			run.started = h.tick()
			nodes[own.IntN(3)].startReplay(run.name, run.archive, run.from, run.until, run.only...)
			if ahead {
				pass(time.Until(run.until) - time.Millisecond)
				run.reached = h.tick()
			}
			nodes[own.IntN(3)].awaitReplay(run.name, rules.ReplayCompleted)
			run.ended = h.tick()
			h.mu.Lock()
			h.runs = append(h.runs, run)
			h.mu.Unlock()
		})
		name := []string{"ra", "rb", "all"}[rng.IntN(3)]
		rule := to("q-"+name, whenOf(rulePatterns[name]))
		rule.Paused, rule.Description = rng.IntN(2) == 0, fmt.Sprint(i)
		nodes[rng.IntN(3)].rule(name, rule)
		others.Go(nodes[rng.IntN(3)].reconcile)
	}
	others.Wait()
	for name, typ := range rulePatterns {
		rule := to("q-"+name, whenOf(typ))
		rule.Description = "the end"
		nodes[0].rule(name, rule)
	}
	nodes[2].reconcile()
	close(stop)
	publishers.Wait()
	nodes[1].finish()
	h.check(t, nodes[0], queues)
}

func (h *history) check(t *testing.T, e *env, queues map[string]queue.Queue) {
	t.Helper()
	replayed := 0
	for rule, q := range queues {
		got := e.brought(q)
		for _, p := range h.events {
			matches := rulePatterns[rule] == "" || rulePatterns[rule] == p.typ
			least, most := 0, 0
			if matches {
				least, most = 1, 1
			}
			if n := got["/"+p.id]; n < least || n > most {
				t.Errorf("rule %s has event %+v %d times", rule, p, n)
			}
			delete(got, "/"+p.id)
			for _, r := range h.runs {
				n := got[r.name+"/"+p.id]
				delete(got, r.name+"/"+p.id)
				archived := archivePatterns[r.archive] == "" || archivePatterns[r.archive] == p.typ
				wanted := matches && archived && (len(r.only) == 0 || slices.Contains(r.only, rule)) &&
					!p.at.Before(r.from) && p.at.Before(r.until)
				least, most := 0, 0
				if wanted && p.begun < r.ended {
					most = 1
				}
				if wanted && p.answered < max(r.started, r.reached) {
					least = 1
				}
				if n < least || n > most {
					t.Errorf("rule %s has event %+v of replay %+v %d times, want %d to %d", rule, p, r, n, least, most)
				}
				replayed += n
			}
		}
		for key, n := range got {
			t.Errorf("rule %s has %s %d times", rule, key, n)
		}
	}
	if replayed == 0 {
		t.Error("nothing was replayed")
	}
	for _, r := range h.runs {
		published := 0
		for _, m := range e.messages(e.log(), queue.Log) {
			if match, err := rules.DecodeMatch(&m); err != nil || match.Replay == r.name {
				published++
			}
		}
		if done := e.replay(r.name); done.Published != int64(published) || done.Missed+done.Skipped != 0 {
			t.Errorf("%d entries of %+v", published, done)
		}
	}
}

// TestReplayOutlivesItsNode: the node that drives a replay and works on it is cut off in the midst, and another goes on.
func TestReplayOutlivesItsNode(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		nodes := newNodes(t, 2)
		e := nodes[0]
		q := e.queue("orders", queue.Definition{})
		e.rule("r", to("orders", ""))
		e.archive("all", "")
		var ids []string
		for range 1500 {
			ids = append(ids, e.publishAt(evening, "a"))
		}
		e.startReplay("x", "all", always, time.Now())
		for e.replay("x").Published == 0 {
			pass(5 * time.Millisecond)
		}
		// Whichever node has it: that one's transfers stop.
		for _, tr := range e.allTransfers() {
			for _, node := range nodes {
				if tr.Owner == node.broker.Leases().Holder() {
					node.stopRuns()
				}
			}
		}
		nodes[0].awaitReplay("x", rules.ReplayCompleted)
		e.wantBrought(q, "x", ids...)
	})
}

// TestPauseEndsDuringReplay: a rule goes on after a pause while a batch that was kept back from it is on its way into the log.
func TestPauseEndsDuringReplay(t *testing.T) {
	t.Parallel()
	for _, mapped := range []bool{false, true} {
		t.Run(fmt.Sprint("before it is appended ", mapped), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				e := newAlone(t)
				q := e.queue("orders", queue.Definition{})
				rule := to("orders", "")
				e.rule("r", rule)
				e.archive("all", "")
				ids := []string{e.publishAt(evening, "a"), e.publishAt(evening, "a")}
				rule.Paused = true
				e.rule("r", rule)
				e.reconcile()
				goOn := sync.OnceFunc(func() {
					rule.Paused = false
					e.rule("r", rule)
					e.reconcile()
				})
				if mapped {
					mappers := e.engine.Mappers()
					replay := mappers[rules.ReplayKind]
					inner := replay.Copy
					replay.Copy = func(ctx context.Context, tr *queue.Transfer, batch []queue.Peeked) ([]queue.Entry, error) {
						entries, err := inner(ctx, tr, batch)
						goOn()
						return entries, err
					}
					mappers[rules.ReplayKind] = replay
					e.transfers = queue.NewTransfers(e.broker, e.definitions, mappers)
				}
				var wg sync.WaitGroup
				e.store.beforeAppend = func(req *queue.AppendRequest) error {
					if !mapped && strings.HasPrefix(req.Token, "transfer/") {
						wg.Go(goOn)
						pass(time.Second)
					}
					return nil
				}
				e.startReplay("x", "all", always, evening.Add(1))
				e.runReplays()
				wg.Wait()
				e.run()
				e.wantBrought(q, "x", ids...)
			})
		})
	}
}

// TestReplayedRulesAreRecorded: what is written by hand is read by encoding/json.
func TestReplayedRulesAreRecorded(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.queue("orders", queue.Definition{})
	e.rule("r", to("orders", ""))
	e.archive("all", "")
	id := e.publish(at(evening, "a", "1"))[0].ID
	e.startReplay("x", "all", always, evening.Add(1), "r")
	e.runReplays()
	kept, err := e.store.Get(t.Context(), e.broker.Now(), e.log(), id)
	if err != nil || len(kept) != 2 {
		t.Fatal(len(kept), err)
	}
	match, err := rules.DecodeMatch(&kept[1].Message)
	if err != nil || fmt.Sprint(match.ReplayRules) != "[r]" || match.ReplayID != e.replay("x").ID {
		t.Errorf("%+v, %v", match, err)
	}
	var raw map[string]json.RawMessage
	a, _ := kept[1].Message.SystemAttribute("router.matched")
	if err := json.Unmarshal(a.Value, &raw); err != nil || len(raw) != 5 {
		t.Errorf("%s", a.Value)
	}
}
