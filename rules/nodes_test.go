package rules_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/signalbox-mq/signalbox/event"
	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/queue/catalog/catalogtest"
	"github.com/signalbox-mq/signalbox/queue/storetest"
	"github.com/signalbox-mq/signalbox/rules"
)

// unhurried is a store whose appends take their time, so that publishes are under way when definitions change.
type unhurried struct{ *storetest.Model }

func (s unhurried) Append(ctx context.Context, req queue.AppendRequest) (queue.AppendResult, error) {
	pass(time.Duration(rand.IntN(20)) * time.Millisecond)
	res, err := s.Model.Append(ctx, req)
	pass(time.Duration(rand.IntN(5)) * time.Millisecond)
	return res, err
}

// pass lets virtual time pass.
func pass(d time.Duration) { <-time.After(d) }

// newNodes returns the environments of nodes that share a store and follow each other, until the test ends.
func newNodes(t *testing.T, n int) []*env {
	t.Helper()
	return newNodesOn(t, n, func(s unhurried) queue.Store { return s })
}

func newNodesOn(t *testing.T, n int, on func(unhurried) queue.Store) []*env {
	t.Helper()
	model, memory := storetest.NewModel(), new(catalogtest.Memory)
	var nodes []*env
	for range n {
		definitions, err := catalog.Open(t.Context(), memory.Node())
		if err != nil {
			t.Fatal(err)
		}
		e := &env{tb: t, store: &hooked{Store: model}, definitions: definitions}
		e.wire(on(unhurried{model}))
		nodes = append(nodes, e)
		for _, run := range []func(context.Context) error{
			e.transfers.Run,
			func(ctx context.Context) error { return e.broker.Leases().Run(ctx, "replays", e.engine.RunReplays) },
			func(ctx context.Context) error { return definitions.Follow(ctx, e.engine.Barrier) },
		} {
			ctx, stop := context.WithCancel(context.Background())
			ended := make(chan error, 1)
			go func() { ended <- run(ctx) }()
			once := sync.OnceFunc(func() {
				stop()
				if err := <-ended; err != nil {
					t.Error(err)
				}
			})
			t.Cleanup(once)
			e.stops = append(e.stops, once)
		}
	}
	synctest.Wait()
	return nodes
}

// newAlone returns the environment of one that shares nothing, on a store that is cheap however much time passes.
func newAlone(t *testing.T) *env {
	t.Helper()
	definitions, err := catalog.Open(t.Context(), new(catalogtest.Memory))
	if err != nil {
		t.Fatal(err)
	}
	e := &env{tb: t, store: &hooked{Store: storetest.NewModel()}, definitions: definitions}
	e.wire(e.store)
	return e
}

// stopRuns ends all that runs on a node but its following of the others, and waits for it.
func (e *env) stopRuns() {
	for _, stop := range e.stops[:len(e.stops)-1] {
		stop()
	}
}

// finish waits until no transfer runs.
func (e *env) finish() {
	e.tb.Helper()
	for {
		revision := e.definitions.Revision()
		if e.idle() {
			return
		}
		if err := e.definitions.Wait(e.tb.Context(), revision); err != nil {
			e.tb.Fatal(err)
		}
	}
}

// TestEveryEventOnceOnManyNodes races the creation, pauses and reconciles of a rule, each on any node, against publishers on all
// of them. The nodes also make the bus and the queue for dead letters at the same time.
func TestEveryEventOnceOnManyNodes(t *testing.T) {
	t.Parallel()
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { raceNodes(t, rand.New(rand.NewPCG(seed, 4))) })
		})
	}
}

func raceNodes(t *testing.T, rng *rand.Rand) {
	nodes := newNodes(t, 3)
	q := nodes[0].queue("orders", queue.Definition{})
	nodes[1].rule("lost", to("missing", `{"detail-type":["a"]}`))
	stop := make(chan struct{})
	var publishers sync.WaitGroup
	var mu sync.Mutex
	var all []string
	for i := range 6 {
		e := nodes[i%len(nodes)]
		publishers.Go(func() {
			for {
				published, err := e.engine.Publish(context.Background(), rules.Publish{
					Bus:    named(rules.DefaultBus),
					Events: []event.Event{newEvent("a", `{}`), newEvent("b", `{}`), newEvent("a", `{}`)},
				})
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				all = append(all, published[0].ID, published[2].ID)
				mu.Unlock()
				select {
				case <-stop:
					return
				default:
				}
			}
		})
	}
	rule := to("orders", `{"detail-type":["a"]}`)
	rule.Start = "earliest"
	var reconciles sync.WaitGroup
	for change := range 12 {
		rule.Paused = rng.IntN(2) == 0
		rule.Description = fmt.Sprint(change)
		changing := nodes[rng.IntN(len(nodes))]
		changing.rule("r", rule)
		for _, e := range nodes {
			if e == changing && rng.IntN(3) > 0 || rng.IntN(3) == 0 {
				reconciles.Go(e.reconcile)
			}
		}
		if rng.IntN(2) == 0 {
			reconciles.Wait()
		}
		pass(time.Duration(rng.IntN(40)) * time.Millisecond)
	}
	reconciles.Wait()
	rule.Paused, rule.Description = false, "the end"
	nodes[2].rule("r", rule)
	nodes[0].reconcile()
	close(stop)
	publishers.Wait()
	nodes[1].finish()
	for i, e := range nodes {
		if e.definitions.Stale() {
			t.Errorf("node %d was taken as gone", i)
		}
	}
	if err := nodes[0].check(q, all); err != nil {
		t.Fatal(err)
	}
	letters := map[string]bool{}
	for _, m := range nodes[1].deadLetters() {
		letters[m.ID.String()] = true
	}
	if len(letters) < len(all) {
		t.Errorf("%d dead letters of %d", len(letters), len(all))
	}
}

// TestManyNodesDeclareTheSame has three nodes take the same file at the same time, several times over. Each change is made once.
func TestManyNodesDeclareTheSame(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		nodes := newNodes(t, 3)
		q := nodes[0].queue("orders", queue.Definition{})
		var all []string
		for version := range 4 {
			all = append(all, nodes[version%3].publishMany(5, "a")...)
			made := make([]int, len(nodes))
			var wg sync.WaitGroup
			for i, e := range nodes {
				wg.Go(func() {
					ctx := context.Background()
					rule := to("orders", `{"detail-type":["a"]}`)
					rule.Start, rule.Paused, rule.Description = "earliest", version%2 == 1, fmt.Sprint(version)
					result, err := e.definitions.Declare(ctx, "file:router.yaml", fmt.Sprint("hash", version), []catalog.Declaration{
						e.rules.Declaring(ruleNamed("r"), rule),
						e.rules.Declaring(ruleNamed(fmt.Sprint("only-in-", version)), to("orders", `{"detail-type":["never"]}`)),
					}, catalog.DeclareOptions{})
					if err != nil {
						t.Errorf("node %d: %v", i, err)
						return
					}
					made[i] = len(result.Created) + len(result.Updated) + len(result.Deleted)
					if err := e.engine.Reconcile(ctx); err != nil {
						t.Errorf("node %d: %v", i, err)
					}
				})
			}
			wg.Wait()
			did := 0
			for _, n := range made {
				if n > 0 {
					did++
				}
			}
			if did != 1 {
				t.Errorf("version %d was declared by %d nodes: %v", version, did, made)
			}
		}
		rule := to("orders", `{"detail-type":["a"]}`)
		rule.Start = "earliest"
		if _, err := nodes[1].definitions.Declare(t.Context(), "file:router.yaml", "last", []catalog.Declaration{
			nodes[1].rules.Declaring(ruleNamed("r"), rule),
		}, catalog.DeclareOptions{}); err != nil {
			t.Fatal(err)
		}
		nodes[2].reconcile()
		nodes[0].finish()
		if err := nodes[0].check(q, all); err != nil {
			t.Fatal(err)
		}
	})
}

// TestBarrier has a publish that is under way when another node changes a rule: the change returns when it is durable, and
// publishes that begin meanwhile do not wait.
func TestBarrier(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		nodes := newNodes(t, 2)
		nodes[0].queue("orders", queue.Definition{})
		nodes[0].rule("r", to("orders", `{"detail-type":["a"]}`))
		e := nodes[1]
		gate, begun := make(chan struct{}), make(chan struct{})
		var once sync.Once
		held := &hooked{Store: e.broker.Store(), beforeAppend: func(*queue.AppendRequest) error {
			first := false
			once.Do(func() { first = true })
			if first {
				close(begun)
				<-gate
			}
			return nil
		}}
		slow := rules.New(queue.NewBroker(held, e.definitions, e.broker.Clock()), e.definitions, rules.Config{})
		publish := func() error {
			_, err := slow.Publish(context.Background(), rules.Publish{Bus: named(rules.DefaultBus), Events: []event.Event{newEvent("a", `{}`)}})
			return err
		}
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := publish(); err != nil {
				t.Error(err)
			}
		})
		<-begun
		nodes[0].rule("r", to("orders", `{"detail-type":["b"]}`))
		barred := make(chan error, 1)
		go func() { barred <- slow.Barrier(context.Background()) }()
		synctest.Wait()
		if err := publish(); err != nil {
			t.Error(err)
		}
		select {
		case err := <-barred:
			t.Errorf("the barrier did not wait: %v", err)
		default:
		}
		limited, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		if err := slow.Barrier(limited); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a second barrier: %v", err)
		}
		close(gate)
		if err := <-barred; err != nil {
			t.Error(err)
		}
		wg.Wait()
		if err := slow.Barrier(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// TestUnknownNamesOnNodes uses on one node, which does not follow, what another has just made.
func TestUnknownNamesOnNodes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory, model := new(catalogtest.Memory), storetest.NewModel()
		open := func() (*queue.Broker, *rules.Engine, *catalog.Catalog) {
			definitions, err := catalog.Open(t.Context(), memory.Node())
			if err != nil {
				t.Fatal(err)
			}
			broker := queue.NewBroker(model, definitions, queue.NewClock(time.Time{}))
			return broker, rules.New(broker, definitions, rules.Config{}), definitions
		}
		_, _, made := open()
		_, engine, _ := open()
		if _, err := catalog.NewTable[rules.Bus](made, rules.BusTable).Create(t.Context(), named("shop"), rules.Bus{}); err != nil {
			t.Fatal(err)
		}
		rule := rules.Rule{When: json.RawMessage(`{"detail-type":["a"]}`), Targets: []rules.Target{{Queue: "orders"}}}
		if _, err := catalog.NewTable[rules.Rule](made, rules.RuleTable).Create(t.Context(), rules.RuleName(named("shop"), "r"), rule); err != nil {
			t.Fatal(err)
		}
		published, err := engine.Publish(t.Context(), rules.Publish{Bus: named("shop"), Events: []event.Event{newEvent("a", `{}`)}})
		if err != nil || len(published[0].Matched) != 1 {
			t.Errorf("%+v, %v", published, err)
		}
		pass(time.Second)
		_, err = engine.Publish(t.Context(), rules.Publish{Bus: named("nowhere"), Events: []event.Event{newEvent("a", `{}`)}})
		if !errors.Is(err, rules.ErrBusNotFound) {
			t.Errorf("a bus that nobody made: %v", err)
		}
	})
}
