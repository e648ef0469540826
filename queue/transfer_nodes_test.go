package queue_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/queue/catalog/catalogtest"
	"github.com/signalbox-mq/signalbox/queue/storetest"
)

func (n *node) isDead() error {
	if n.dead.Load() {
		return fmt.Errorf("no route: %w", queue.ErrUnavailable)
	}
	return nil
}

func (n *node) Append(ctx context.Context, req queue.AppendRequest) (queue.AppendResult, error) {
	if err := n.isDead(); err != nil {
		return queue.AppendResult{}, err
	}
	return n.Model.Append(ctx, req)
}

func (n *node) Receive(ctx context.Context, req queue.ReceiveRequest) (queue.ReceiveResult, error) {
	if err := n.isDead(); err != nil {
		return queue.ReceiveResult{}, err
	}
	return n.Model.Receive(ctx, req)
}

func (n *node) Settle(ctx context.Context, now time.Time, s []queue.Settlement) ([]queue.SettleResult, error) {
	if err := n.isDead(); err != nil {
		return nil, err
	}
	return n.Model.Settle(ctx, now, s)
}

// cluster is several nodes that run transfers over one store and one catalog.
type cluster struct {
	t     *testing.T
	model *storetest.Model
	nodes []*clusterNode
	// worked counts the batches that each node has mapped.
	worked []*atomic.Int64
}

type clusterNode struct {
	*node
	stall   atomic.Int64 // of the mapper, which does not look at its context, as if the process were stopped
	backend *catalogtest.Node
	process
}

// die cuts a node off from everything.
func (n *clusterNode) die() {
	n.dead.Store(true)
	n.backend.Cut(true)
}

func newCluster(t *testing.T, nodes int, slow time.Duration) *cluster {
	c := &cluster{t: t, model: storetest.NewModel()}
	memory := new(catalogtest.Memory)
	for i := range nodes {
		n := &clusterNode{node: &node{Model: c.model}, backend: memory.Node()}
		broker, definitions := brokerOn(t, n.node, n.backend)
		worked := new(atomic.Int64)
		n.process = process{t: t, definitions: definitions, broker: broker}
		n.Transfers = queue.NewTransfers(broker, definitions, map[string]queue.Mapper{
			"odd": {Copy: func(ctx context.Context, tr *queue.Transfer, batch []queue.Peeked) ([]queue.Entry, error) {
				worked.Add(1)
				pass(slow + time.Duration(n.stall.Swap(0)))
				return copyOdd(ctx, tr, batch)
			}},
			"all": {Move: func(ctx context.Context, tr *queue.Transfer, batch []queue.Message) ([]*queue.Destination, error) {
				worked.Add(1)
				pass(slow)
				return moveAll(ctx, tr, batch)
			}},
		})
		c.nodes, c.worked = append(c.nodes, n), append(c.worked, worked)
		for what, run := range map[string]func(context.Context) error{
			"transfers": n.Run,
			"Follow": func(ctx context.Context) error {
				return definitions.Follow(ctx, func(context.Context) error { return nil })
			},
		} {
			ctx, stop := context.WithCancel(context.Background())
			ended := make(chan error, 1)
			go func() { ended <- run(ctx) }()
			t.Cleanup(func() {
				stop()
				if err := <-ended; err != nil {
					t.Errorf("%s of node %d: %v", what, i, err)
				}
			})
		}
	}
	synctest.Wait()
	return c
}

// until waits for a transfer to be in a state, as a node knows it.
func (c *cluster) until(n *clusterNode, name queue.Name, state queue.TransferState) queue.Transfer {
	c.t.Helper()
	limit, stop := context.WithTimeout(c.t.Context(), time.Hour)
	defer stop()
	for {
		revision := n.definitions.Revision()
		if tr := n.get(name); tr.State == state {
			return tr
		}
		if err := n.definitions.Wait(limit, revision); err != nil {
			c.t.Fatalf("waited for %s: %+v", state, n.get(name))
		}
	}
}

// worker is the node that works now.
func (c *cluster) worker() int {
	c.t.Helper()
	var before []int64
	for _, w := range c.worked {
		before = append(before, w.Load())
	}
	pass(5 * time.Second)
	worker := -1
	for i, w := range c.worked {
		if w.Load() == before[i] {
			continue
		}
		if worker >= 0 {
			c.t.Errorf("nodes %d and %d work on one transfer", worker, i)
		}
		worker = i
	}
	if worker < 0 {
		c.t.Fatal("no node works")
	}
	return worker
}

func (c *cluster) start(kind string, source queue.ID, of queue.Kind, until queue.Position) queue.Name {
	c.t.Helper()
	tr, err := c.nodes[0].Start(c.t.Context(), "000000000000", "us-east-1", queue.Transfer{
		Kind: kind, Source: source, SourceKind: of, Until: until, Total: -1,
	})
	if err != nil {
		c.t.Fatal(err)
	}
	return tr.Name
}

// TestTransfersMove has a node that dies, and one that only loses its lease and writes on until it knows, in the midst of a
// copy. Others go on with it, and every entry is copied once.
func TestTransfersMove(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const n = 60_000
		c := newCluster(t, 3, time.Second)
		fill(t, c.model, sourceLog, queue.Log, n)
		name := c.start("odd", sourceLog, queue.Log, logEnd(t, c.model))
		first := c.worker()
		c.nodes[first].die()
		pass(queue.LeaseTTL + queue.LeaseTTL/3)
		second := c.worker()
		if second == first {
			t.Fatal("a node that is cut off works on")
		}
		c.nodes[first].dead.Store(false)
		c.nodes[first].backend.Cut(false)
		c.nodes[second].cut.Store(true) // its leases only
		pass(queue.LeaseTTL + queue.LeaseTTL/3)
		third := c.worker()
		if third == second {
			t.Fatal("a node whose lease has ended works on")
		}
		c.nodes[second].cut.Store(false)
		tr := c.until(c.nodes[0], name, queue.TransferCompleted)
		if tr.Owner != "" {
			t.Errorf("after its end, it is %s's", tr.Owner)
		}
		if diff := cmp.Diff(odd(n), copied(t, c.model)); diff != "" {
			t.Errorf("copied (-want +got):\n%s", diff)
		}
	})
}

// TestTransferFenced has a node that is stopped for so long that another takes its transfer over, and then goes on. What it
// saves and appends does no harm.
func TestTransferFenced(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const n = 30_000
		c := newCluster(t, 2, time.Second)
		fill(t, c.model, sourceLog, queue.Log, n)
		name := c.start("odd", sourceLog, queue.Log, logEnd(t, c.model))
		first := c.worker()
		c.nodes[first].stall.Store(int64(30 * time.Second))
		c.nodes[first].cut.Store(true)
		var cursor queue.Position
		owners := map[string]bool{}
		ctx, stop := context.WithCancel(t.Context())
		watched := make(chan struct{})
		go func() {
			defer close(watched)
			for records, err := range c.nodes[1-first].definitions.Watch(ctx, 0, queue.TransferTable) {
				if err != nil {
					t.Error(err)
				}
				for _, record := range records {
					e, err := catalog.NewTable[queue.Transfer](c.nodes[0].definitions, queue.TransferTable).Decode(record)
					if err != nil || e.Value.Cursor.Sequence < cursor.Sequence {
						t.Errorf("from %d to %d, %v", cursor.Sequence, e.Value.Cursor.Sequence, err)
					}
					cursor = e.Value.Cursor
					owners[e.Value.Owner] = true
				}
			}
		}()
		c.until(c.nodes[0], name, queue.TransferCompleted)
		stop()
		<-watched
		if len(owners) != 3 { // none, first, second
			t.Errorf("owners: %v", owners)
		}
		if diff := cmp.Diff(odd(n), copied(t, c.model)); diff != "" {
			t.Errorf("copied (-want +got):\n%s", diff)
		}
	})
}

// TestTransferMoveOfADeadNode kills a node that has messages leased. Another one waits for them.
func TestTransferMoveOfADeadNode(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const n, source = 5000, queue.ID(80)
		c := newCluster(t, 2, 3*time.Second)
		fill(t, c.model, source, queue.Standard, n)
		pass(time.Second)
		name := c.start("all", source, queue.Standard, queue.Position{})
		first := c.worker()
		c.nodes[first].die()
		c.until(c.nodes[1-first], name, queue.TransferCompleted)
		var want []string
		for i := range n {
			want = append(want, fmt.Sprintf("%06d", i))
		}
		if diff := cmp.Diff(want, copied(t, c.model)); diff != "" {
			t.Errorf("moved (-want +got):\n%s", diff)
		}
	})
}

// TestTransfersOfManyNodes has more transfers than one node works on at once. The nodes divide them; each end is told on each.
func TestTransfersOfManyNodes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const n, transfers = 3000, 9
		c := newCluster(t, 3, time.Second)
		fill(t, c.model, sourceLog, queue.Log, n)
		var names []queue.Name
		for range transfers {
			names = append(names, c.start("odd", sourceLog, queue.Log, logEnd(t, c.model)))
		}
		held := names[0]
		pass(2 * time.Second)
		if err := c.nodes[1].Hold(t.Context(), held); err != nil {
			t.Fatal(err)
		}
		for _, name := range names[1:] {
			c.until(c.nodes[2], name, queue.TransferCompleted)
		}
		for i, w := range c.worked {
			if w.Load() == 0 {
				t.Errorf("node %d did nothing", i)
			}
		}
		if tr := c.nodes[0].get(held); tr.State != queue.TransferHeld || tr.Owner != "" {
			t.Errorf("held: %+v", tr)
		}
		if err := c.nodes[2].Resume(t.Context(), held); err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		c.until(c.nodes[0], held, queue.TransferCompleted)
		if took := time.Since(begun); took > 20*time.Second {
			t.Errorf("after Resume it took %s", took)
		}
		want := slices.Sorted(slices.Values(slices.Repeat(odd(n), transfers)))
		if diff := cmp.Diff(want, copied(t, c.model)); diff != "" {
			t.Errorf("copied (-want +got):\n%s", diff)
		}
		for _, node := range c.nodes {
			all, _, err := node.List(catalog.Query{})
			if err != nil && !errors.Is(err, queue.ErrUnavailable) || len(all) != transfers {
				t.Errorf("%d transfers, %v", len(all), err)
			}
		}
	})
}
