package catalogtest

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/signalbox-mq/signalbox/queue/catalog"
)

// Nodes makes an empty catalog for one test, and returns what makes the backend of one more node of it. Each implements
// [catalog.Follower]. What it opens it closes with tb.Cleanup.
type Nodes func(tb TB) (node func() catalog.Backend)

// commitLimit is how long a commit may take that waits for a node that does not answer.
const commitLimit = 30 * time.Second

// RunNodes tests backends of several nodes against the contract of [catalog.Follower].
func RunNodes(t *testing.T, nodes Nodes) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, func() catalog.Backend)
	}{
		{"CommitWaits", testCommitWaits},
		{"MadeHereIsThere", testMadeHereIsThere},
		{"WhoDoesNotAnswer", testWhoDoesNotAnswer},
		{"WhoHasLeft", testWhoHasLeft},
		{"AllAtOnce", testAllAtOnce},
		{"Everywhere", testEverywhere},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.run(t, nodes(t))
		})
	}
}

func openNode(t *testing.T, backend catalog.Backend) *catalog.Catalog {
	t.Helper()
	c, err := catalog.Open(t.Context(), backend)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// follow has a catalog follow its backend until the test ends, and returns when it does.
func follow(t *testing.T, c *catalog.Catalog, after func()) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	first, ended := make(chan struct{}), make(chan error, 1)
	once := sync.OnceFunc(func() { close(first) })
	go func() {
		ended <- c.Follow(ctx, func(context.Context) error {
			after()
			once()
			return nil
		})
	}()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("Follow: %v", err)
		}
	})
	receive(t, first, "a node to follow")
}

func receive[T any](t *testing.T, from <-chan T, what string) (v T) {
	t.Helper()
	select {
	case v = <-from:
	case <-time.After(commitLimit):
		t.Fatalf("waited too long for %s", what)
	}
	return v
}

func nodeName(i int) catalog.Name {
	return catalog.Name{Account: "000000000000", Region: "us-east-1", Name: fmt.Sprint("q", i)}
}

func createOn(t *testing.T, c *catalog.Catalog, i int) {
	t.Helper()
	ctx, stop := context.WithTimeout(context.Background(), commitLimit)
	defer stop()
	if _, err := catalog.NewTable[int](c, "queues").Create(ctx, nodeName(i), i); err != nil {
		t.Errorf("creating %d: %v", i, err)
	}
}

// promised has a node commit until another one, of which stale tells whether it is taken as gone, was waited for, as it is but on a machine
// that stands still for seconds. It returns false, with an error, if that does not come to pass.
func promised(t *testing.T, stale func() bool, commit func(try int)) bool {
	t.Helper()
	const tries = 5
	limit := time.After(commitLimit)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for try := range tries {
		commit(try)
		if !stale() {
			return true
		}
		for stale() {
			select {
			case <-tick.C:
			case <-limit:
				t.Error("the other node stays taken as gone")
				return false
			}
		}
	}
	t.Errorf("after each of %d commits the other node was taken as gone", tries)
	return false
}

// compare checks that nodes have what createOn has made, or have it no more. Of one that is taken as gone, and knows it, nothing is
// promised: it returns how many are.
func compare(t *testing.T, all []*catalog.Catalog, i int, want bool) (gone int) {
	t.Helper()
	for k, c := range all {
		if c.Stale() { // asked first: if it is not any more, it has caught up
			gone++
			continue
		}
		if _, ok := c.Snapshot().Get("queues", nodeName(i)); ok != want {
			t.Errorf("that node %d has %d is %v, want %v", k, i, ok, want)
		}
	}
	return gone
}

// testCommitWaits has a node that takes its time: the commit returns after it has answered.
func testCommitWaits(t *testing.T, node func() catalog.Backend) {
	a, b := openNode(t, node()), openNode(t, node())
	var afters atomic.Int64
	gate := make(chan struct{}, 1)
	gate <- struct{}{} // for the first
	follow(t, b, func() {
		<-gate
		afters.Add(1)
	})
	done := make(chan struct{})
	go func() {
		defer close(done)
		var last int
		var begun int64
		if !promised(t, b.Stale, func(try int) {
			last, begun = try, afters.Load()
			createOn(t, a, try)
		}) {
			return
		}
		if afters.Load() == begun {
			t.Error("the commit returned before the other node had caught up")
		}
		if _, ok := b.Snapshot().Get("queues", nodeName(last)); !ok {
			t.Error("the other node does not have it")
		}
	}()
	// It may be asked more than once.
	for {
		select {
		case gate <- struct{}{}:
			continue
		case <-done:
		}
		break
	}
	close(gate)
}

// testMadeHereIsThere has nodes commit in turn. As in testAllAtOnce, that one is taken as gone must be rare.
func testMadeHereIsThere(t *testing.T, node func() catalog.Backend) {
	var all []*catalog.Catalog
	for range 3 {
		c := openNode(t, node())
		follow(t, c, func() {})
		all = append(all, c)
	}
	const made = 60
	gone := 0
	for i := range made {
		c := all[i%len(all)]
		createOn(t, c, i)
		gone += compare(t, all, i, true)
		if i%3 == 0 {
			if err := catalog.NewTable[int](all[(i+1)%3], "queues").Delete(t.Context(), nodeName(i)); err != nil {
				t.Error(err)
			}
			gone += compare(t, all, i, false)
		}
	}
	if most := made * len(all) / 10; gone > most {
		t.Errorf("nodes were taken as gone %d times, want %d at most", gone, most)
	}
}

// testWhoDoesNotAnswer has a node that hangs. A commit goes on without it, but it knows by then.
func testWhoDoesNotAnswer(t *testing.T, node func() catalog.Backend) {
	a := openNode(t, node())
	backend := node()
	follower, ok := backend.(catalog.Follower)
	if !ok {
		t.Fatal("the backend is not a catalog.Follower")
	}
	b := openNode(t, backend)
	ctx, stop := context.WithCancel(context.Background())
	var stale atomic.Bool
	mended := make(chan struct{}, 1)
	first, goOn, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	once := sync.OnceFunc(func() { close(first) })
	go func() {
		ended <- follower.Follow(ctx, func(ctx context.Context, _ uint64) (uint64, error) {
			select {
			case <-first:
				select {
				case <-goOn:
				case <-ctx.Done():
				}
			default:
			}
			err := b.Refresh(ctx)
			once()
			return b.Revision(), err
		}, func(is bool) {
			if stale.Store(is); !is {
				select {
				case mended <- struct{}{}:
				default:
				}
			}
		})
	}()
	defer func() {
		stop()
		if err := receive(t, ended, "Follow to end"); err != nil {
			t.Errorf("Follow: %v", err)
		}
	}()
	receive(t, first, "the node to follow")
	createOn(t, a, 1)
	if !stale.Load() {
		t.Error("a node that did not answer was not told that it is stale")
	}
	for len(mended) > 0 {
		<-mended
	}
	close(goOn)
	receive(t, mended, "the node to be told that it is not stale any more")
	if _, ok := b.Snapshot().Get("queues", nodeName(1)); !ok {
		t.Error("the node was told that it is up to date, but it is not")
	}
	var last int
	if promised(t, stale.Load, func(try int) {
		last = 2 + try
		createOn(t, a, last)
	}) {
		if _, ok := b.Snapshot().Get("queues", nodeName(last)); !ok {
			t.Error("a node that is back is not waited for")
		}
	}
}

// testWhoHasLeft has a node that ends. It is not waited for: all of these take less than one node that does not answer.
func testWhoHasLeft(t *testing.T, node func() catalog.Backend) {
	a, b := openNode(t, node()), openNode(t, node())
	ctx, stop := context.WithCancel(context.Background())
	first, ended := make(chan struct{}), make(chan error, 1)
	once := sync.OnceFunc(func() { close(first) })
	go func() {
		ended <- b.Follow(ctx, func(context.Context) error {
			once()
			return nil
		})
	}()
	receive(t, first, "the node to follow")
	createOn(t, a, 0)
	stop()
	if err := receive(t, ended, "Follow to end"); err != nil {
		t.Errorf("Follow: %v", err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := 1; i <= 50; i++ {
			createOn(t, a, i)
		}
	}()
	receive(t, done, "commits without the node that has left")
}

// testAllAtOnce has the nodes commit at the same time, each waiting for the others. On a machine that stands still for seconds a node
// may be taken as gone for a while, and that it knows: then nothing is promised of it, but that must be rare.
func testAllAtOnce(t *testing.T, node func() catalog.Backend) {
	const nodes, each = 3, 30
	var all []*catalog.Catalog
	var gone atomic.Int64
	for range nodes {
		c := openNode(t, node())
		follow(t, c, func() {})
		all = append(all, c)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		var wg sync.WaitGroup
		for k, c := range all {
			wg.Go(func() {
				for i := range each {
					n := k*each + i
					createOn(t, c, n)
					gone.Add(int64(compare(t, all, n, true)))
				}
			})
		}
		wg.Wait()
	}()
	receive(t, done, "commits of all nodes")
	if n, most := gone.Load(), int64(nodes*each*nodes/10); n > most {
		t.Errorf("nodes were taken as gone %d times, want %d at most", n, most)
	}
}

// testEverywhere has a node that knows of a change before another does.
func testEverywhere(t *testing.T, node func() catalog.Backend) {
	a, b := openNode(t, node()), openNode(t, node())
	var seen atomic.Uint64
	follow(t, b, func() { seen.Store(b.Revision()) })
	var revision uint64
	if promised(t, b.Stale, func(try int) {
		createOn(t, a, try)
		revision = a.Revision()
		if err := a.Everywhere(t.Context()); err != nil {
			t.Fatal(err)
		}
	}) && seen.Load() <= revision {
		t.Errorf("another node was at %d, want more than %d", seen.Load(), revision)
	}
}
