package topic_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
	"github.com/signalbox-mq/signalbox/duration"
	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/queue/catalog/catalogtest"
	"github.com/signalbox-mq/signalbox/queue/storetest"
	"github.com/signalbox-mq/signalbox/topic"
)

// hookedShared is a store that nodes share and that tells one of them of its appends.
type hookedShared struct {
	*hooked
	queue.Shared
}

// newNodes returns the environments of nodes that share a store and follow each other, until the test ends.
func newNodes(t *testing.T, n int) []*env {
	t.Helper()
	return newNodesAhead(t, make([]time.Duration, n)...)
}

// newNodesAhead is newNodes for clocks that are ahead by so much.
func newNodesAhead(t *testing.T, ahead ...time.Duration) []*env {
	t.Helper()
	model, memory := storetest.NewModel(), new(catalogtest.Memory)
	var nodes []*env
	for _, by := range ahead {
		definitions, err := catalog.Open(t.Context(), memory.Node())
		if err != nil {
			t.Fatal(err)
		}
		e := &env{tb: t, store: &hooked{Store: model}, definitions: definitions}
		e.broker = queue.NewBroker(hookedShared{e.store, model}, definitions, queue.NewClock(time.Now().Add(by)))
		e.topics = topic.New(e.broker, definitions)
		e.defined = catalog.NewTable[topic.Topic](definitions, topic.Table)
		e.subscriptions = catalog.NewTable[topic.Subscription](definitions, topic.SubscriptionTable)
		e.functions = catalog.NewTable[endpoint.Endpoint](definitions, endpoint.FunctionTable)
		transfers := queue.NewTransfers(e.broker, definitions, e.topics.Mappers())
		nodes = append(nodes, e)
		for _, run := range []func(context.Context) error{
			transfers.Run,
			func(ctx context.Context) error { return definitions.Follow(ctx, e.topics.Barrier) },
			func(ctx context.Context) error { return e.broker.Leases().Run(ctx, "replays", e.topics.Replay) },
		} {
			ctx, stop := context.WithCancel(context.Background())
			ended := make(chan error, 1)
			go func() { ended <- run(ctx) }()
			t.Cleanup(func() {
				stop()
				if err := <-ended; err != nil {
					t.Error(err)
				}
			})
		}
	}
	synctest.Wait()
	return nodes
}

// Nodes that subscribe one queue at the same time agree on one subscription.
func TestNodesSubscribeTogether(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		nodes := newNodes(t, 3)
		nodes[0].create("alerts", topic.Topic{})
		for round := range 10 {
			name := fmt.Sprint("q", round)
			ids, created := make([]string, len(nodes)), make([]bool, len(nodes))
			var done sync.WaitGroup
			for i, e := range nodes {
				done.Go(func() {
					entry, isNew, err := e.topics.Subscribe(t.Context(), named("alerts"), topic.Subscription{Queue: name})
					if err != nil {
						t.Error(err)
					}
					ids[i], created[i] = entry.UUID, isNew
				})
			}
			done.Wait()
			if ids[0] != ids[1] || ids[1] != ids[2] {
				t.Errorf("they have %v", ids)
			}
			if n := nodes[0].definitions.Snapshot().Len(topic.SubscriptionTable); n != round+1 {
				t.Errorf("%d subscriptions, want %d", n, round+1)
			}
		}
	})
}

// Two nodes publish, each in a group of its own, while a replay goes on: every message comes once, in its place.
func TestNodesReplay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		nodes := newNodes(t, 2)
		e := nodes[0]
		e.create("t.fifo", topic.Topic{FIFO: true, ContentBasedDeduplication: true})
		q := e.queue("q.fifo", queue.Definition{FIFO: true})
		s := e.add("t.fifo", topic.Subscription{Queue: "q.fifo"})
		const before, during = 100, 100
		publish := func(from, to int) {
			var done sync.WaitGroup
			for node, at := range nodes {
				done.Go(func() {
					for i := from; i < to; i++ {
						at.publish(topic.Publish{Topic: named("t.fifo"), Messages: []topic.Message{{
							Body: fmt.Appendf(nil, "%d/%03d", node, i), Group: fmt.Sprint(node),
						}}})
						<-time.After(time.Millisecond)
					}
				})
			}
			done.Wait()
		}
		publish(0, before)
		var done sync.WaitGroup
		done.Go(func() { publish(before, before+during) })
		<-time.After(during / 2 * time.Millisecond)
		e.replay(&s, &topic.Replay{From: time.Now().Add(-time.Hour)})
		e.replayed(&s)
		done.Wait()
		for node := range nodes {
			var live, again []string
			for _, body := range e.bodies(q) {
				switch {
				case !strings.HasPrefix(body, fmt.Sprint(node, "/")):
				case strings.HasSuffix(body, "*"):
					again = append(again, body)
				default:
					live = append(live, body)
				}
			}
			var want []string
			for i := range before + during {
				want = append(want, fmt.Sprintf("%d/%03d", node, i))
			}
			if diff := cmp.Diff(want, live); diff != "" {
				t.Errorf("node %d, as published: %s", node, diff)
			}
			if len(again) < before || !slices.IsSorted(again) {
				t.Errorf("node %d: %d replayed, sorted %v", node, len(again), slices.IsSorted(again))
			}
		}
	})
}

// A message is numbered after all that were answered before it was published, whichever nodes took them, also when what
// was written last does not have the highest number.
func TestNodesNumber(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		nodes := newNodesAhead(t, 0, time.Hour)
		behind, ahead := nodes[0], nodes[1]
		behind.create("t.fifo", topic.Topic{FIFO: true, ContentBasedDeduplication: true})
		q := behind.queue("q.fifo", queue.Definition{FIFO: true})
		behind.add("t.fifo", topic.Subscription{Queue: "q.fifo"})
		count := 0
		publish := func(e *env, group string) string {
			count++
			return e.publish(topic.Publish{Topic: named("t.fifo"), Messages: []topic.Message{{Body: fmt.Append(nil, count), Group: group}}})[0].Sequence
		}
		last := ""
		for i := range 20 {
			if n := publish(nodes[(i+i/3)%2], "g"); n <= last {
				t.Errorf("publish %d has %s after %s", i, n, last)
			} else {
				last = n
			}
			if i%5 == 0 {
				<-time.After(time.Millisecond)
			}
		}
		// One that has its number waits while the other node publishes.
		numbered, release := make(chan struct{}), make(chan struct{})
		behind.store.beforeAppend = func(*queue.AppendRequest) {
			close(numbered)
			<-release
		}
		var done sync.WaitGroup
		done.Go(func() { publish(behind, "h") })
		<-numbered
		<-time.After(time.Second)
		first := publish(ahead, "g")
		close(release)
		done.Wait()
		behind.store.beforeAppend = nil
		if then := publish(behind, "g"); then <= first {
			t.Errorf("%s after %s", then, first)
		}
		if n := len(behind.messages(q.ID, queue.FIFO)); n != count {
			t.Errorf("%d messages, want %d", n, count)
		}
	})
}

// Many subscribe to a FIFO topic at once, at one node or at several: as many get in as it takes, and these stay.
func TestSubscriptionLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		// It takes a while to write them, so that all have begun when the first is done.
		slow := &catalogtest.Memory{Fail: func(uint64) error { <-time.After(time.Millisecond); return nil }}
		testSubscriptionLimit(t, newEnvOn(t, slow))
	})
}

func TestNodesSubscriptionLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { testSubscriptionLimit(t, newNodes(t, 3)...) })
}

func testSubscriptionLimit(t *testing.T, nodes ...*env) {
	e := nodes[0]
	e.create("t.fifo", topic.Topic{FIFO: true})
	const before, room = topic.MaxFIFOSubscriptions - 5, 5
	for i := range before {
		e.add("t.fifo", topic.Subscription{Queue: fmt.Sprint("early", i)})
	}
	var mu sync.Mutex
	got := map[string]bool{}
	var done sync.WaitGroup
	for i := range 4 * room {
		done.Go(func() {
			at := nodes[i%len(nodes)]
			entry, created, err := at.topics.Subscribe(t.Context(), named("t.fifo"), topic.Subscription{Queue: fmt.Sprint("q", i)})
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil && created:
				got[entry.UUID] = true
			case !errors.Is(err, topic.ErrSubscriptionLimit):
				t.Errorf("%v, %v", created, err)
			}
		})
	}
	done.Wait()
	if n := e.definitions.Snapshot().Len(topic.SubscriptionTable); len(got) != room || n != topic.MaxFIFOSubscriptions {
		t.Errorf("%d got in, and there are %d", len(got), n)
	}
	for id := range got {
		if _, err := e.topics.Subscription(t.Context(), named("t.fifo"), id); err != nil {
			t.Error(err)
		}
	}
	// Who is in already is not one more, and there is room again when one leaves.
	again := topic.Subscription{Queue: "early0"}
	first, created, err := e.topics.Subscribe(t.Context(), named("t.fifo"), again)
	if err != nil || created {
		t.Errorf("%v, %v", created, err)
	}
	if err := e.topics.Unsubscribe(t.Context(), named("t.fifo"), first.UUID, false); err != nil {
		t.Error(err)
	}
	e.add("t.fifo", again)
}

// Subscriptions are made with a replay at either node while both publish, each in a group of its own: every message comes once, in
// its place.
func TestNodesSubscribeWithReplay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		nodes := newNodesAhead(t, 0, 200*time.Millisecond)
		nodes[0].create("t.fifo", topic.Topic{FIFO: true, ContentBasedDeduplication: true, Retention: duration.Of(24 * time.Hour)})
		const rounds, each = 4, 50
		from := time.Now().Add(-time.Hour)
		for round := range rounds {
			q := nodes[0].queue(fmt.Sprint("q", round), queue.Definition{})
			var done sync.WaitGroup
			for node, at := range nodes {
				done.Go(func() {
					for i := round * each; i < (round+1)*each; i++ {
						at.publish(topic.Publish{Topic: named("t.fifo"), Messages: []topic.Message{{
							Body: fmt.Appendf(nil, "%d/%03d", node, i), Group: fmt.Sprint(node),
						}}})
						<-time.After(time.Millisecond)
					}
				})
			}
			<-time.After(each / 2 * time.Millisecond)
			e := nodes[round%2]
			s := e.add("t.fifo", topic.Subscription{Queue: q.Name.Name, Replay: &topic.Replay{From: from}})
			done.Wait()
			e.replayed(&s)
			got := map[string][]string{}
			for _, body := range e.bodies(q) {
				node, n, _ := strings.Cut(strings.TrimSuffix(body, "*"), "/")
				got[node] = append(got[node], n)
			}
			var all []string
			for i := range (round + 1) * each {
				all = append(all, fmt.Sprintf("%03d", i))
			}
			if diff := cmp.Diff(map[string][]string{"0": all, "1": all}, got); diff != "" {
				t.Errorf("round %d: %s", round, diff)
			}
		}
	})
}

// A publish that another node has begun before the subscription was made, and ends later, is part of what is replayed.
func TestNodesSubscribeAmidPublish(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		nodes := newNodes(t, 2)
		e, other := nodes[0], nodes[1]
		e.create("t.fifo", topic.Topic{FIFO: true, ContentBasedDeduplication: true, Retention: duration.Of(24 * time.Hour)})
		q := e.queue("q", queue.Definition{})
		publish := func(e *env, body string) {
			e.publish(topic.Publish{Topic: named("t.fifo"), Messages: []topic.Message{{Body: []byte(body), Group: "g"}}})
		}
		publish(e, "0")
		begun, release := make(chan struct{}), make(chan struct{})
		other.store.beforeAppend = func(req *queue.AppendRequest) {
			if strings.Contains(req.Token, "/fifo/") {
				close(begun)
				<-release
			}
		}
		var done sync.WaitGroup
		done.Go(func() { publish(other, "1") })
		<-begun
		var s topic.SubscriptionEntry
		done.Go(func() {
			s = e.add("t.fifo", topic.Subscription{Queue: "q", Replay: &topic.Replay{From: time.Now().Add(-time.Hour)}})
			e.replayed(&s)
		})
		<-time.After(500 * time.Millisecond) // and not so long that the other node is taken as gone
		close(release)
		done.Wait()
		publish(e, "2")
		if diff := cmp.Diff([]string{"0*", "1*", "2"}, e.bodies(q)); diff != "" {
			t.Error(diff)
		}
	})
}
