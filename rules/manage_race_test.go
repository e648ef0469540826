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

	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/queue/catalog/catalogtest"
	"github.com/signalbox-mq/signalbox/queue/storetest"
	"github.com/signalbox-mq/signalbox/rules"
)

func putSomeRule(e *rules.Engine, bus, rule string) error {
	_, err := e.PutRule(context.Background(), named(bus), rule, func(r *rules.Rule, _ bool) error {
		r.When = json.RawMessage(`{"source":["a"]}`)
		return nil
	})
	return err
}

func createArchive(e *rules.Engine, bus, archive string) error {
	_, err := e.CreateArchive(context.Background(), named(archive), rules.Archive{Bus: bus})
	return err
}

// TestDeletedBusInUseElsewhere has another node make a rule or an archive when the deletion of the bus has looked for such and is
// on its way to the store; and the other way round.
func TestDeletedBusInUseElsewhere(t *testing.T) {
	t.Parallel()
	for name, use := range map[string]func(e *rules.Engine) error{
		"rule":    func(e *rules.Engine) error { return putSomeRule(e, "shop", "r") },
		"archive": func(e *rules.Engine) error { return createArchive(e, "shop", "a") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			memory, model := new(catalogtest.Memory), storetest.NewModel()
			meanwhile := func() {}
			memory.Fail = func(uint64) error {
				do := meanwhile
				meanwhile = func() {}
				do()
				return nil
			}
			node := func() *rules.Engine {
				definitions, err := catalog.Open(t.Context(), memory)
				if err != nil {
					t.Fatal(err)
				}
				return rules.New(queue.NewBroker(model, definitions, queue.NewClock(time.Time{})), definitions, rules.Config{})
			}
			one, other := node(), node()
			if _, err := one.CreateBus(t.Context(), named("shop"), rules.Bus{}); err != nil {
				t.Fatal(err)
			}
			deleting := func() error { return one.DeleteBus(context.Background(), named("shop")) }

			meanwhile = func() {
				if err := deleting(); err != nil {
					t.Error(err)
				}
			}
			wantError(t, "made while its bus is deleted", use(other), rules.ErrBusNotFound)
			if _, err := other.CreateBus(t.Context(), named("shop"), rules.Bus{}); err != nil {
				t.Fatal(err)
			}
			meanwhile = func() {
				if err := use(other); err != nil {
					t.Error(err)
				}
			}
			wantError(t, "a bus deleted while it begins to be used", deleting(), rules.ErrBusInUse)
			if _, err := one.Bus(t.Context(), named("shop")); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestNothingIsLeftWithoutItsBus makes and deletes a bus, rules and archives on three nodes at the same time.
func TestNothingIsLeftWithoutItsBus(t *testing.T) {
	t.Parallel()
	refused := &refusals{by: map[error]int{}}
	t.Cleanup(func() { // after all runs: one of them may go without
		for _, want := range []error{rules.ErrBusInUse, rules.ErrBusNotFound} {
			if refused.by[want] == 0 {
				t.Errorf("nothing was refused with %q", want)
			}
		}
	})
	for seed := range uint64(8) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { raceBus(t, rand.New(rand.NewPCG(seed, 9)), refused) })
		})
	}
}

// refusals counts errors.
type refusals struct {
	mu sync.Mutex
	by map[error]int
}

func raceBus(t *testing.T, rng *rand.Rand, refused *refusals) {
	ctx := context.Background()
	nodes := newNodes(t, 3)
	bus := named("shop")
	// may has an error that is one of those allowed; any other is a fault.
	may := func(what string, err error, allowed ...error) {
		refused.mu.Lock()
		defer refused.mu.Unlock()
		for _, a := range allowed {
			if errors.Is(err, a) {
				refused.by[a]++
				return
			}
		}
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	orphans := func(at *catalog.Snapshot) {
		if _, ok := at.Get(rules.BusTable, bus); ok {
			return
		}
		for _, table := range []string{rules.RuleTable, rules.ArchiveTable} {
			for r := range at.Scan(table, catalog.Query{}) {
				t.Errorf("revision %d has %s %s without its bus", at.Revision(), table, r.Name.Name)
			}
		}
	}
	var wg sync.WaitGroup
	for i := range 9 {
		e, steps := nodes[i%len(nodes)], rand.New(rand.NewPCG(rng.Uint64(), 1))
		wg.Go(func() {
			for range 40 {
				name := fmt.Sprint("n", steps.IntN(2))
				switch steps.IntN(6) {
				case 0:
					_, err := e.engine.CreateBus(ctx, bus, rules.Bus{})
					may("CreateBus", err, rules.ErrBusExists)
				case 1:
					may("DeleteBus", e.engine.DeleteBus(ctx, bus), rules.ErrBusInUse)
				case 2:
					may("PutRule", putSomeRule(e.engine, bus.Name, name), rules.ErrBusNotFound)
				case 3:
					may("CreateArchive", createArchive(e.engine, bus.Name, name), rules.ErrBusNotFound, rules.ErrArchiveExists)
				case 4:
					may("DeleteRule", e.engine.DeleteRule(ctx, bus, name), rules.ErrBusNotFound)
				case 5:
					may("DeleteArchive", e.engine.DeleteArchive(ctx, named(name)), rules.ErrArchiveNotFound)
				}
				orphans(e.definitions.Snapshot())
				pass(time.Duration(steps.IntN(3)) * time.Millisecond)
			}
		})
	}
	wg.Wait()
}
