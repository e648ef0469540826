package queue_test

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

	"github.com/signalbox-mq/signalbox/duration"
	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
)

// redriveBundle is a bundle with redrives, which are worked on while work runs.
type redriveBundle struct {
	*bundle
	*queue.Redrives
	transfers *queue.Transfers
}

func newRedrives(t *testing.T) *redriveBundle {
	t.Helper()
	b := newBundle(t)
	r := queue.NewRedrives(b.Broker, b.definitions)
	return &redriveBundle{bundle: b, Redrives: r, transfers: queue.NewTransfers(b.Broker, b.definitions, map[string]queue.Mapper{
		queue.RedriveKind: r.Mapper(),
	})}
}

// work works on redrives until the returned function is called.
func (b *redriveBundle) work() (stop func()) {
	ctx, cancel := context.WithCancel(b.ctx)
	done := make(chan error, 1)
	go func() { done <- b.transfers.Run(ctx) }()
	return func() {
		b.t.Helper()
		cancel()
		if err := <-done; err != nil {
			b.t.Error(err)
		}
	}
}

// fail sends messages to a queue and receives them too often.
func (b *redriveBundle) fail(n string, bodies ...string) {
	b.t.Helper()
	for _, body := range bodies {
		m := text(body)
		if strings.HasSuffix(n, ".fifo") {
			m.Group, m.DedupID = "g", body
		}
		b.send(n, m)
	}
	now := time.Duration(0)
	b.receive(n, queue.Receive{Max: 1000, Visibility: &now})
	if got := b.receive(n, queue.Receive{Max: 1000, Visibility: &now}); len(got) > 0 {
		b.t.Fatalf("%d messages were received again", len(got))
	}
}

func (b *redriveBundle) redrive(source, to string, rate int) queue.Redrive {
	b.t.Helper()
	var destination *queue.Name
	if to != "" {
		destination = new(name(to))
	}
	r, err := b.Start(b.ctx, name(source), destination, rate)
	if err != nil {
		b.t.Fatalf("redriving %s: %v", source, err)
	}
	return r
}

// last is the newest redrive of a queue.
func (b *redriveBundle) last(source string) queue.Redrive {
	b.t.Helper()
	all, err := b.Redrives.List(name(source), 1)
	if err != nil || len(all) != 1 {
		b.t.Fatalf("the redrives of %s are %+v, %v", source, all, err)
	}
	return all[0]
}

func (b *redriveBundle) count(n string) int64 {
	b.t.Helper()
	s, err := b.Stats(b.ctx, name(n))
	if err != nil {
		b.t.Fatal(err)
	}
	return s.Total()
}

func dead(dlq string) queue.Definition {
	fifo := strings.HasSuffix(dlq, ".fifo")
	return queue.Definition{FIFO: fifo, DeadLetter: &queue.DeadLetter{Queue: dlq, MaxReceives: 1}}
}

// TestRedriveBack moves the messages of two queues back to where they came from, and leaves alone what comes later.
func TestRedriveBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for _, suffix := range []string{"", ".fifo"} {
			b := newRedrives(t)
			b.create("failed"+suffix, queue.Definition{FIFO: suffix != ""})
			b.create("orders"+suffix, dead("failed"+suffix))
			b.create("jobs"+suffix, dead("failed"+suffix))
			b.fail("orders"+suffix, "a", "b", "c")
			b.fail("jobs"+suffix, "d")
			old := b.receive("failed"+suffix, queue.Receive{Max: 10, Visibility: new(time.Duration(0))})
			pass(time.Hour)
			begun := b.Now()
			started := b.redrive("failed"+suffix, "", 0)
			want := queue.Redrive{ID: started.ID, Source: name("failed" + suffix), State: queue.TransferRunning, Total: 4, Started: begun}
			if diff := cmp.Diff(want, started); diff != "" {
				t.Errorf("started (-want +got):\n%s", diff)
			}
			pass(time.Second)
			b.fail("orders"+suffix, "late")
			stop := b.work()
			pass(time.Minute)
			stop()
			want.State, want.Moved = queue.TransferCompleted, 4
			r := b.last("failed" + suffix)
			want.Ended = r.Ended
			if diff := cmp.Diff(want, r); diff != "" || r.Ended.IsZero() {
				t.Errorf("in the end (-want +got):\n%s", diff)
			}
			if n := b.count("failed" + suffix); n != 1 {
				t.Errorf("%d messages are left, want the late one", n)
			}
			got := b.receive("orders"+suffix, queue.Receive{Max: 10})
			if suffix == "" {
				slices.SortFunc(got, func(a, b queue.Message) int { return strings.Compare(string(a.Body), string(b.Body)) })
			}
			if bodies(got) != "a b c" {
				t.Errorf("orders has %q", bodies(got))
			}
			for _, m := range got {
				isOld := slices.ContainsFunc(old, func(o queue.Message) bool { return o.ID == m.ID })
				if isOld || m.Receives != 1 || m.Source != 0 || m.Sent.Before(begun.Truncate(time.Millisecond)) || suffix != "" && m.Group != "g" {
					t.Errorf("%s is %+v", m.Body, m)
				}
			}
			if got := b.receive("jobs"+suffix, queue.Receive{Max: 10}); bodies(got) != "d" {
				t.Errorf("jobs has %q", bodies(got))
			}
		}
	})
}

// TestRedriveTo moves everything to one queue, whose delay counts.
func TestRedriveTo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newRedrives(t)
		b.create("failed", queue.Definition{})
		b.create("orders", dead("failed"))
		b.create("repair", queue.Definition{Delay: duration.Of(time.Minute), MaxMessageSize: 1})
		b.fail("orders", "aaa")
		b.send("failed", text("of its own"))
		r := b.redrive("failed", "repair", 0)
		if r.Destination == nil || *r.Destination != name("repair") {
			t.Errorf("the destination is %v", r.Destination)
		}
		stop := b.work()
		pass(time.Second)
		stop()
		if r := b.last("failed"); r.State != queue.TransferCompleted || r.Moved != 2 || r.Total != 2 {
			t.Errorf("%+v", r)
		}
		if s, err := b.Stats(b.ctx, name("repair")); err != nil || s.Delayed != 2 || s.Total() != 2 {
			t.Errorf("repair has %+v, %v", s, err)
		}
	})
}

// TestRedriveDelayed leaves what the delay of a FIFO queue holds back.
func TestRedriveDelayed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newRedrives(t)
		b.create("failed.fifo", queue.Definition{FIFO: true, Delay: duration.Of(time.Minute)})
		b.create("orders.fifo", dead("failed.fifo"))
		b.create("repair.fifo", queue.Definition{FIFO: true})
		b.send("failed.fifo", queue.Send{Body: []byte("due"), Group: "g", DedupID: "1"})
		pass(time.Minute)
		b.send("failed.fifo", queue.Send{Body: []byte("held back"), Group: "g", DedupID: "2"})
		b.redrive("failed.fifo", "repair.fifo", 0)
		stop := b.work()
		pass(time.Second)
		stop()
		if got := bodies(b.receive("repair.fifo", queue.Receive{Max: 10})); got != "due" {
			t.Errorf("%q was moved", got)
		}
		if s, err := b.Stats(b.ctx, name("failed.fifo")); err != nil || s.Delayed != 1 || s.Total() != 1 {
			t.Errorf("the queue has %+v, %v", s, err)
		}
	})
}

// TestRedriveRefused names everything that keeps a redrive from being started.
func TestRedriveRefused(t *testing.T) {
	t.Parallel()
	b := newRedrives(t)
	b.create("failed", queue.Definition{})
	b.create("failed.fifo", queue.Definition{FIFO: true})
	b.create("orders", dead("failed"))
	b.create("picky", queue.Definition{DeadLetterSources: &queue.DeadLetterSources{Queues: []string{"x"}}})
	b.create("closed", queue.Definition{DeadLetterSources: &queue.DeadLetterSources{Deny: true}})
	abroad := name("failed")
	abroad.Region = "eu-west-1"
	for _, test := range []struct {
		source queue.Name
		to     *queue.Name
		rate   int
		want   error
		field  string
	}{
		{source: name("none"), want: queue.ErrRedriveSource},
		{source: name("none"), want: queue.ErrNotFound},
		{source: name("failed"), to: new(name("none")), want: queue.ErrRedriveDestination},
		{source: name("failed"), to: new(name("none")), want: queue.ErrNotFound},
		{source: name("orders"), want: queue.ErrNotDeadLetterQueue},
		{source: name("orders"), to: new(name("failed")), want: queue.ErrNotDeadLetterQueue},
		{source: name("closed"), want: queue.ErrNotDeadLetterQueue},
		{source: name("failed"), to: new(name("failed")), field: "destination"},
		{source: name("failed"), to: new(name("failed.fifo")), field: "destination"},
		{source: name("failed"), to: &abroad, field: "destination"},
		{source: name("failed"), rate: -1, field: "rate"},
		{source: name("failed"), rate: 501, field: "rate"},
	} {
		_, err := b.Start(b.ctx, test.source, test.to, test.rate)
		if test.want != nil && !errors.Is(err, test.want) || test.field != "" && fieldsOf(err) != test.field {
			t.Errorf("%+v: %v", test, err)
		}
	}
	if _, err := b.Redrives.List(name("none"), 0); !errors.Is(err, queue.ErrRedriveSource) {
		t.Errorf("listing those of no queue: %v", err)
	}
	if all, err := b.Redrives.List(name("failed"), 0); err != nil || len(all) != 0 {
		t.Errorf("refused ones are listed: %+v, %v", all, err)
	}
	b.redrive("picky", "", 0)
	// What is in a queue may tell: here that it was one of a queue that is gone.
	b.create("lost", queue.Definition{})
	b.create("jobs", dead("lost"))
	b.fail("jobs", "x")
	if err := b.Delete(b.ctx, name("jobs")); err != nil {
		t.Fatal(err)
	}
	b.redrive("lost", "orders", 0)
	if _, err := b.EnsureDeadLetters(b.ctx, abroad.Account, abroad.Region); err != nil {
		t.Fatal(err)
	}
	abroad.Name = queue.BuiltinDeadLetters
	if _, err := b.Start(b.ctx, abroad, nil, 0); err != nil {
		t.Errorf("the built-in dead-letter queue: %v", err)
	}
}

// TestRedriveOne shows that of redrives of one queue one runs at a time, however they are started.
func TestRedriveOne(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newRedrives(t)
		b.create("failed", queue.Definition{})
		b.create("orders", dead("failed"))
		// Another node, on the same backend.
		elsewhere, err := catalog.Open(b.ctx, b.backend)
		if err != nil {
			t.Fatal(err)
		}
		other := queue.NewRedrives(queue.NewBroker(b.Store(), elsewhere, b.Clock()), elsewhere)
		var mu sync.Mutex
		started := 0
		var wg sync.WaitGroup
		for i := range 16 {
			wg.Go(func() {
				redrives := []*queue.Redrives{b.Redrives, other}[i%2]
				_, err := redrives.Start(b.ctx, name("failed"), nil, 0)
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err == nil:
					started++
				case !errors.Is(err, queue.ErrRedriveRunning):
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if started != 1 {
			t.Errorf("%d were started", started)
		}
		if err := b.definitions.Refresh(b.ctx); err != nil {
			t.Fatal(err)
		}
		stop := b.work()
		pass(time.Minute)
		first := b.last("failed")
		if first.State != queue.TransferCompleted {
			t.Errorf("the first is %+v", first)
		}
		second := b.redrive("failed", "", 0)
		pass(time.Minute)
		stop()
		third := b.redrive("failed", "", 0)
		all, err := b.Redrives.List(name("failed"), 0)
		if err != nil || len(all) != 3 || all[0].ID != third.ID || all[1].ID != second.ID || all[2].ID != first.ID {
			t.Errorf("listed are %+v, %v", all, err)
		}
		if two, err := b.Redrives.List(name("failed"), 2); err != nil || len(two) != 2 || two[0].ID != third.ID {
			t.Errorf("two of them are %+v, %v", two, err)
		}
		// One of a queue that was made anew has nothing to do with the old one's.
		if err := b.Delete(b.ctx, name("failed")); err != nil {
			t.Fatal(err)
		}
		b.create("failed", queue.Definition{})
		if all, err := b.Redrives.List(name("failed"), 0); err != nil || len(all) != 0 {
			t.Errorf("the new queue has %+v, %v", all, err)
		}
		b.redrive("failed", "", 0)
	})
}

// TestRedriveRate lets a redrive run at 20 messages per second, and ends it in the middle.
func TestRedriveRate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newRedrives(t)
		b.create("failed", queue.Definition{})
		b.create("orders", dead("failed"))
		var all []string
		for i := range 200 {
			all = append(all, fmt.Sprint(i))
		}
		b.fail("orders", all...)
		pass(time.Second)
		r := b.redrive("failed", "", 20)
		stop := b.work()
		for second := range int64(5) {
			if n := b.count("orders"); n < 20*second-5 || n > 20*second+10 {
				t.Errorf("after %d s %d were moved", second, n)
			}
			pass(time.Second)
		}
		if _, err := b.Cancel(b.ctx, name("orders"), r.ID); !errors.Is(err, queue.ErrTransferNotFound) {
			t.Errorf("cancelling it as that of another queue: %v", err)
		}
		cancelled, err := b.Cancel(b.ctx, name("failed"), r.ID)
		if err != nil || cancelled.State != queue.TransferCancelled || cancelled.Moved < 80 {
			t.Errorf("cancelled: %+v, %v", cancelled, err)
		}
		pass(10 * time.Second)
		ended := b.last("failed")
		if moved := b.count("orders"); ended.State != queue.TransferCancelled || ended.Moved != moved || moved < 95 || moved > 115 ||
			b.count("failed") != 200-moved || ended.Total != 200 {
			t.Errorf("%d were moved in the end: %+v", moved, ended)
		}
		for _, id := range []string{r.ID, "none"} {
			want := map[bool]error{true: queue.ErrTransferEnded, false: queue.ErrTransferNotFound}[id == r.ID]
			if _, err := b.Cancel(b.ctx, name("failed"), id); !errors.Is(err, want) {
				t.Errorf("cancelling %s: %v, want %v", id, err, want)
			}
		}
		b.redrive("failed", "", 0)
		pass(time.Minute)
		stop()
		if ended := b.last("failed"); ended.State != queue.TransferCompleted || ended.Moved != ended.Total || b.count("orders") != 200 {
			t.Errorf("the rest: %+v", ended)
		}
	})
}

// TestRedriveSlowOnes shows that slow redrives keep no other from its work.
func TestRedriveSlowOnes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newRedrives(t)
		for _, n := range many(10) {
			b.create("failed-"+n, queue.Definition{})
			b.create(n, dead("failed-"+n))
			b.fail(n, "a", "b", "c", "d", "e")
		}
		pass(time.Second)
		for _, n := range many(9) {
			b.redrive("failed-"+n, "", 1)
		}
		last := b.redrive("failed-q9", "", 0)
		stop := b.work()
		pass(2500 * time.Millisecond)
		for _, n := range many(9) {
			if moved := b.count(n); moved < 2 || moved > 4 {
				t.Errorf("%d of %s were moved", moved, n)
			}
		}
		if r := b.last("failed-q9"); r.ID != last.ID || r.State != queue.TransferCompleted {
			t.Errorf("behind them is %+v", r)
		}
		stop()
	})
}

// TestRedriveFails shows what becomes of messages without a way back, and of a redrive that is resumed too late.
func TestRedriveFails(t *testing.T) {
	t.Parallel()
	for what, test := range map[string]struct {
		damage func(*redriveBundle)
		to     string
		moved  int64
		reason string
	}{
		"own": {
			func(b *redriveBundle) { b.send("failed", text("own")) }, "", 2,
			"has no way back, as it did not come from a queue; name a destination",
		},
		"source gone": {
			func(b *redriveBundle) {
				b.create("jobs", dead("failed"))
				b.fail("jobs", "lost")
				if err := b.Delete(b.ctx, name("jobs")); err != nil {
					b.t.Fatal(err)
				}
			}, "", 2, "has no way back, as the queue it came from was deleted; name a destination",
		},
		"destination gone": {func(*redriveBundle) {}, "repair", 0, "the destination repair was deleted"},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newRedrives(t)
				b.create("failed", queue.Definition{})
				b.create("orders", dead("failed"))
				b.create("repair", queue.Definition{})
				b.fail("orders", "a", "b")
				pass(time.Second)
				test.damage(b)
				pass(time.Second)
				r := b.redrive("failed", test.to, 0)
				if err := b.Delete(b.ctx, name("repair")); err != nil {
					t.Fatal(err)
				}
				stop := b.work()
				pass(time.Second) // not after many attempts
				failed := b.last("failed")
				if failed.State != queue.TransferFailed || failed.Moved != test.moved || !strings.Contains(failed.Error, test.reason) {
					t.Errorf("it is %+v", failed)
				}
				if moved, left := b.count("orders"), b.count("failed"); moved != test.moved || moved+left != r.Total {
					t.Errorf("%d of %d were moved, %d are left", moved, r.Total, left)
				}
				if s, err := b.Stats(b.ctx, name("failed")); err != nil || s.InFlight != 0 {
					t.Errorf("left are %+v, %v", s, err)
				}
				// One that has failed can be resumed, but not beside another.
				stop()
				if tr, err := b.transfers.Get(name(r.ID)); err != nil {
					t.Fatal(err)
				} else if replaced, err := b.Replaced(&tr); err != nil || replaced {
					t.Errorf("before another was started it is replaced: %v, %v", replaced, err)
				}
				b.create("repair", queue.Definition{})
				second := b.redrive("failed", "repair", 1)
				failedName := name(r.ID)
				tr, err := b.transfers.Get(failedName)
				if err != nil {
					t.Fatal(err)
				}
				if replaced, err := b.Replaced(&tr); err != nil || !replaced {
					t.Errorf("the failed one is replaced: %v, %v", replaced, err)
				}
				if err := b.transfers.Resume(b.ctx, failedName); err != nil {
					t.Fatal(err)
				}
				stop = b.work()
				pass(time.Minute)
				stop()
				if tr, err := b.transfers.Get(failedName); err != nil || tr.State != queue.TransferCancelled || tr.Copied != test.moved {
					t.Errorf("the one resumed is %+v, %v", tr, err)
				}
				if r := b.last("failed"); r.ID != second.ID || r.State != queue.TransferCompleted || r.Moved != r.Total || b.count("failed") != 0 {
					t.Errorf("the second is %+v", r)
				}
			})
		})
	}
}

// TestRedriveForgotten shows that a claim does not outlive its transfer.
func TestRedriveForgotten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newRedrives(t)
		b.create("failed", queue.Definition{})
		b.create("orders", dead("failed"))
		b.create("failed2", queue.Definition{})
		b.create("orders2", dead("failed2"))
		b.redrive("failed", "", 0)
		stop := b.work()
		pass(time.Minute)
		stop()
		pass(queue.TransferRetention)
		stop = b.work()
		pass(time.Second)
		stop()
		if all, err := b.Redrives.List(name("failed"), 0); err != nil || len(all) != 0 {
			t.Errorf("still there: %+v, %v", all, err)
		}
		b.redrive("failed2", "", 0)
		if n := b.definitions.Snapshot().Len("redrives"); n != 1 {
			t.Errorf("%d claims are left, want that of failed2", n)
		}
		b.redrive("failed", "", 0)
	})
}

func TestDeadLetterSourceQueues(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	b.create("failed", queue.Definition{})
	b.create("other", queue.Definition{})
	for _, n := range []string{"b", "a", "c"} {
		b.create(n, dead("failed"))
	}
	b.create("d", dead("other"))
	abroad := name("failed")
	abroad.Region = "eu-west-1"
	if _, _, err := b.Create(b.ctx, abroad, queue.Definition{}); err != nil {
		t.Fatal(err)
	}
	names := func(of queue.Name) string {
		t.Helper()
		queues, err := b.DeadLetterSourceQueues(of)
		if err != nil {
			t.Fatal(err)
		}
		var all []string
		for _, q := range queues {
			all = append(all, q.Name.Name)
		}
		return strings.Join(all, " ")
	}
	if got := names(name("failed")); got != "a b c" {
		t.Errorf("those of failed are %q", got)
	}
	if got := names(name("a")) + names(abroad); got != "" {
		t.Errorf("those of a, and of failed elsewhere, are %q", got)
	}
	if _, err := b.DeadLetterSourceQueues(name("none")); !errors.Is(err, queue.ErrNotFound) {
		t.Errorf("those of no queue: %v", err)
	}
}
