package dispatch_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/signalbox-mq/signalbox/dispatch"
	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
)

// faulty is a store whose Settle can be made to fail, or preceded by something. after is the answer to calls that were made.
type faulty struct {
	queue.Store
	before, after func() error
}

func (s *faulty) Settle(ctx context.Context, now time.Time, all []queue.Settlement) ([]queue.SettleResult, error) {
	if s.before != nil {
		if err := s.before(); err != nil {
			return nil, err
		}
	}
	results, err := s.Store.Settle(ctx, now, all)
	if s.after != nil && err == nil {
		err = s.after()
	}
	return results, err
}

// overStore puts another store, made of the environment's own, in its place.
func (e *env) overStore(s queue.Store) {
	e.store = s
	e.broker = queue.NewBroker(s, e.defs, queue.NewClock(time.Time{}))
}

// A crash after the answer and before the commit: the delivery comes again, with the same ID and the same number.
func TestCrashBeforeCommit(t *testing.T) {
	virtual(t, func(t *testing.T, e *env, serve func(string, http.HandlerFunc) *collector) {
		c := serve("shop", nil)
		f := e.function("f", endpoint.Endpoint{URL: c.url})
		sound := e.store
		e.overStore(&faulty{Store: sound, before: func() error { return queue.ErrStoreClosed }})
		d, err := dispatch.New(e.broker, e.defs, e.cfg)
		if err != nil {
			t.Fatal(err)
		}
		id := e.publish(post{to: f, event: sample(`1`)})[0]
		if err := d.Run(t.Context()); !errors.Is(err, queue.ErrStoreClosed) {
			t.Fatalf("Run: %v", err)
		}
		e.overStore(sound)
		e.start()
		over(24 * time.Second) // timeout and margin are 25s
		if n := len(c.got()); n != 1 {
			t.Errorf("%d attempts within the lease", n)
		}
		over(time.Minute)
		calls := c.got()
		if len(calls) != 2 {
			t.Fatalf("%d attempts", len(calls))
		}
		for _, got := range calls {
			if got.header.Get("Webhook-Id") != id.String() || got.header.Get("Signalbox-Attempt") != "1" {
				t.Errorf("attempt: %v", got.header)
			}
		}
		if n := e.stats(f).Total(); n != 0 {
			t.Errorf("%d left", n)
		}
	})
}

// A store that fails for a while keeps no delivery from being settled, and no attempt from being made once only.
func TestStoreFailsForAWhile(t *testing.T) {
	virtual(t, func(t *testing.T, e *env, serve func(string, http.HandlerFunc) *collector) {
		c := serve("shop", nil)
		f := e.function("f", endpoint.Endpoint{URL: c.url})
		var failures atomic.Int64
		e.overStore(&faulty{Store: e.store, before: func() error {
			if failures.Add(1) < 5 {
				return errors.New("no")
			}
			return nil
		}})
		e.start()
		ev := sample(`1`)
		e.publish(post{to: f, event: ev})
		over(time.Minute)
		if n := len(c.got()); n != 1 || e.stats(f).Total() != 0 || len(e.recorded(ev.ID)) != 1 {
			t.Errorf("%d attempts, %d recorded, %d left", n, len(e.recorded(ev.ID)), e.stats(f).Total())
		}
	})
}

// A store on the network does what it is asked, and the answer is lost: the deliveries are settled again, which finds out that
// it was done. Each attempt is told and recorded once, as it was.
func TestAnswersOfTheStoreLost(t *testing.T) {
	virtual(t, func(t *testing.T, e *env, serve func(string, http.HandlerFunc) *collector) {
		var calls atomic.Int64
		c := serve("shop", func(w http.ResponseWriter, _ *http.Request) {
			if calls.Add(1) < 3 {
				w.WriteHeader(500)
			}
		})
		f := e.function("f", endpoint.Endpoint{URL: c.url, Retry: schedule(time.Second, time.Second, time.Second)})
		var settles atomic.Int64
		e.overStore(&faulty{Store: e.store, after: func() error {
			if settles.Add(1)%3 != 0 {
				return fmt.Errorf("reset: %w", queue.ErrUnavailable)
			}
			return nil
		}})
		e.start()
		ev := sample(`1`)
		e.publish(post{to: f, event: ev})
		over(time.Minute)
		e.stop()
		var outcomes, recorded []dispatch.Outcome
		for _, a := range e.attempts {
			outcomes = append(outcomes, a.Outcome)
		}
		for _, a := range e.recorded(ev.ID) {
			recorded = append(recorded, a.Outcome)
		}
		want := []dispatch.Outcome{dispatch.OutcomeRetry, dispatch.OutcomeRetry, dispatch.OutcomeDelivered}
		if diff := cmp.Diff(want, outcomes); diff != "" || len(c.got()) != 3 {
			t.Errorf("%d attempts, told (-want +got):\n%s", len(c.got()), diff)
		}
		if diff := cmp.Diff(want, recorded); diff != "" {
			t.Errorf("recorded (-want +got):\n%s", diff)
		}
	})
}

// An attempt whose lease ended meanwhile is recorded all the same, and changes nothing.
func TestLeaseLost(t *testing.T) {
	virtual(t, func(t *testing.T, e *env, serve func(string, http.HandlerFunc) *collector) {
		c := serve("shop", status(500))
		f := e.function("f", endpoint.Endpoint{URL: c.url, Retry: schedule()})
		sound := e.store
		var once atomic.Bool
		e.overStore(&faulty{Store: sound, before: func() error {
			if once.CompareAndSwap(false, true) {
				// Another node takes the message over.
				later := e.broker.Now().Add(time.Hour)
				res, err := sound.Receive(context.Background(), queue.ReceiveRequest{
					Now: later, Queue: f, Kind: queue.FIFO, Max: 1, Visibility: time.Minute,
				})
				if err != nil || len(res.Messages) != 1 {
					return fmt.Errorf("%d messages, %w", len(res.Messages), err)
				}
			}
			return nil
		}})
		e.start()
		ev := sample(`1`)
		e.publish(post{to: f, event: ev})
		over(time.Second)
		all := e.recorded(ev.ID)
		if len(all) != 1 || !all[0].LeaseLost || all[0].Outcome != dispatch.OutcomeLost || all[0].DeadLetter != "" {
			t.Errorf("attempts: %+v", all)
		}
		if len(e.builtin()) != 0 || e.stats(f).Total() != 1 {
			t.Errorf("%d dead letters, %d left", len(e.builtin()), e.stats(f).Total())
		}
	})
}

// A dead-letter queue that is deleted while a delivery is on its way there is replaced by the built-in one.
func TestDeadLetterQueueGone(t *testing.T) {
	virtual(t, func(t *testing.T, e *env, serve func(string, http.HandlerFunc) *collector) {
		c := serve("shop", status(500))
		f := e.function("f", endpoint.Endpoint{URL: c.url, Retry: schedule(time.Minute), DeadLetter: "failed"})
		e.queue("failed")
		var deleted atomic.Bool
		e.overStore(&faulty{Store: e.store, before: func() error {
			if len(c.got()) == 2 && deleted.CompareAndSwap(false, true) {
				return e.broker.Delete(context.Background(), named("failed"))
			}
			return nil
		}})
		e.start()
		first, second := sample(`1`), sample(`2`)
		e.publish(post{to: f, event: first})
		over(time.Hour)
		if !deleted.Load() {
			t.Fatal("the queue was not deleted meanwhile")
		}
		all := e.recorded(first.ID)
		if len(all) != 2 || all[1].Outcome != dispatch.OutcomeDeadLettered || all[1].DeadLetter != queue.BuiltinDeadLetters {
			t.Errorf("attempts: %+v", all)
		}
		e.publish(post{to: f, event: second})
		over(time.Hour)
		if n := len(e.builtin()); n != 2 {
			t.Errorf("%d dead letters", n)
		}
	})
}

// When an endpoint is deleted, what waits for it is dead-lettered: ready, delayed for hours, and under way.
func TestRetire(t *testing.T) {
	virtual(t, func(t *testing.T, e *env, serve func(string, http.HandlerFunc) *collector) {
		c := serve("shop", func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Ce-Subject") == "slow" {
				pass(10 * time.Second)
				return
			}
			w.WriteHeader(500)
		})
		def := endpoint.Endpoint{
			URL: c.url, Format: endpoint.FormatCloudEventBinary, Retry: schedule(10*time.Hour, 10*time.Hour), DeadLetter: "failed",
		}
		f := e.function("f", def)
		failed := e.queue("failed")
		e.start()
		delayed, slow, late := sample(`"delayed"`), sample(`"slow"`), sample(`"late"`)
		slow.Subject = "slow"
		e.publish(post{to: f, event: delayed, group: "g"}, post{to: f, event: late, group: "g"})
		over(time.Second)
		e.publish(post{to: f, event: slow})
		over(time.Second)
		if err := catalog.NewTable[endpoint.Endpoint](e.defs, endpoint.FunctionTable).Delete(t.Context(), named("f")); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if err := e.d.Retire(t.Context(), f, dispatch.Former{}); err != nil {
			t.Fatal(err)
		}
		codes := map[string]string{}
		for _, p := range e.contents(failed, queue.Standard) {
			a := attributesOf(p.Message)
			codes[string(p.Message.Body)] = a["ERROR_CODE"] + " " + a["RETRY_ATTEMPTS"] + " " + a["TARGET_ARN"]
			if age := e.broker.Now().Sub(p.Message.Sent); age < 0 || age > time.Minute {
				t.Errorf("a dead letter %v old", age)
			}
		}
		arn := "arn:aws:lambda:us-east-1:000000000000:function:f"
		if diff := cmp.Diff(map[string]string{`"delayed"`: "NO_RESOURCE 0 " + arn, `"late"`: "NO_RESOURCE 0 " + arn}, codes); diff != "" {
			t.Error(diff)
		}
		if all := e.recorded(slow.ID); len(all) != 1 || all[0].Outcome != dispatch.OutcomeDelivered || all[0].LeaseLost {
			t.Errorf("the attempt under way: %+v", all)
		}
		if all := e.recorded(late.ID); len(all) != 1 || all[0].Code != "NO_RESOURCE" || all[0].Number != 0 {
			t.Errorf("attempts of what was not attempted: %+v", all)
		}
		if err := e.d.Retire(t.Context(), f, dispatch.Former{}); err != nil {
			t.Errorf("retiring again: %v", err)
		}
		_, err := e.store.Append(t.Context(), queue.AppendRequest{Now: e.broker.Now(), Entries: []queue.Entry{{
			Queue: f, Kind: queue.FIFO, Message: queue.Message{ID: queue.NewMessageID()},
		}}})
		if !errors.Is(err, queue.ErrDropped) {
			t.Errorf("appending to what is retired: %v", err)
		}
		// The dead-letter queue's time has not run ahead.
		e.function("f", def)
		res, err := e.broker.Receive(t.Context(), named("failed"), queue.Receive{Max: 10})
		if err != nil || len(res) != 2 || res[0].Deadline.Sub(e.broker.Now()) > time.Minute {
			t.Errorf("receiving dead letters: %d, %v", len(res), err)
		}
	})
}

// When an endpoint is deleted while nobody dispatches, what waits for it becomes what its definition says all the same.
// unemptied is a store with a queue that for a time is not empty although nothing of it can be received.
type unemptied struct {
	queue.Store
	until time.Time
	asked atomic.Int64
}

func (s *unemptied) DropEmpty(ctx context.Context, now time.Time, id queue.ID) (bool, error) {
	if s.asked.Add(1) > 1000 {
		return false, errors.New("asked without end")
	}
	if time.Now().Before(s.until) {
		return false, ctx.Err()
	}
	return s.Store.DropEmpty(ctx, now, id)
}

// A retirement that can not empty its queue asks again now and then, not all the time.
func TestRetirePauses(t *testing.T) {
	var store *unemptied
	made := func(t *testing.T) *env {
		e := newEnv(t)
		store = &unemptied{Store: e.store, until: time.Now().Add(30 * time.Second)}
		e.store, e.broker = store, queue.NewBroker(store, e.defs, e.broker.Clock())
		return e
	}
	virtualOn(t, made, func(t *testing.T, e *env, _ func(string, http.HandlerFunc) *collector) {
		f := e.function("f", endpoint.Endpoint{URL: "http://nowhere"})
		e.publish(post{to: f, event: sample(`1`)})
		d, err := dispatch.New(e.broker, e.defs, e.cfg)
		if err != nil {
			t.Fatal(err)
		}
		short, stop := context.WithTimeout(t.Context(), 10*time.Second)
		defer stop()
		if err := d.Retire(short, f, dispatch.Former{}); !errors.Is(err, context.DeadlineExceeded) || !time.Now().Before(store.until) {
			t.Errorf("for ten seconds: %v", err)
		}
		if err := d.Retire(t.Context(), f, dispatch.Former{}); err != nil || time.Since(store.until) > time.Second {
			t.Errorf("%v after it could be emptied: %v", time.Since(store.until), err)
		}
		if n := store.asked.Load(); n < 10 || n > 50 {
			t.Errorf("asked %d times in half a minute", n)
		}
	})
}

func TestRetireOffline(t *testing.T) {
	virtual(t, func(t *testing.T, e *env, serve func(string, http.HandlerFunc) *collector) {
		f := e.function("f", endpoint.Endpoint{URL: serve("shop", nil).url, Format: endpoint.FormatRaw, DeadLetter: "failed"})
		failed := e.queue("failed")
		e.publish(post{to: f, event: sample(`{"n":1}`)})
		before := e.defs.Snapshot()
		if err := catalog.NewTable[endpoint.Endpoint](e.defs, endpoint.FunctionTable).Delete(t.Context(), named("f")); err != nil {
			t.Fatal(err)
		}
		was := dispatch.Former{Kind: dispatch.KindFunction, Name: named("f"), At: before}
		d, err := dispatch.New(e.broker, e.defs, dispatch.Config{})
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Retire(t.Context(), f, was); err != nil {
			t.Fatal(err)
		}
		letters := e.contents(failed, queue.Standard)
		if len(letters) != 1 || string(letters[0].Message.Body) != `{"n":1}` {
			t.Fatalf("dead letters: %+v", letters)
		}
		if got := attributesOf(letters[0].Message)["TARGET_ARN"]; got != "arn:aws:lambda:us-east-1:000000000000:function:f" {
			t.Errorf("TARGET_ARN is %q", got)
		}
	})
}

// Shutting down in the midst of it, several times, loses nothing and attempts next to nothing twice.
func TestRestarts(t *testing.T) {
	virtual(t, func(t *testing.T, e *env, serve func(string, http.HandlerFunc) *collector) {
		c := serve("shop", func(http.ResponseWriter, *http.Request) { pass(100 * time.Millisecond) })
		f := e.function("f", endpoint.Endpoint{URL: c.url, MaxInFlight: 5})
		const n = 500
		var posts []post
		want := map[string]bool{}
		for i := range n {
			posts = append(posts, post{to: f, event: sample(`1`), group: fmt.Sprint(i % 50)})
		}
		for _, id := range e.publish(posts...) {
			want[id.String()] = true
		}
		for range 5 {
			e.start()
			over(1500 * time.Millisecond)
			e.stop()
		}
		e.start()
		over(time.Hour)
		for _, got := range c.got() {
			delete(want, got.header.Get("Webhook-Id"))
		}
		if len(want) != 0 || e.stats(f).Total() != 0 {
			t.Errorf("%d were not delivered, %d are left", len(want), e.stats(f).Total())
		}
		if twice := len(c.got()) - n; twice != 0 {
			t.Errorf("%d attempts too many: grace is enough for those under way", twice)
		}
	})
}

// What does not finish within the grace is cut off, not counted, and attempted again when its lease has ended.
func TestCutOff(t *testing.T) {
	virtual(t, func(t *testing.T, e *env, serve func(string, http.HandlerFunc) *collector) {
		c := serve("shop", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		f := e.function("f", endpoint.Endpoint{URL: c.url})
		e.cfg.Grace = 2 * time.Second
		e.start()
		ev := sample(`1`)
		e.publish(post{to: f, event: ev})
		over(time.Second)
		begun := time.Now()
		e.stop()
		if took := time.Since(begun).Round(100 * time.Millisecond); took != 2*time.Second {
			t.Errorf("Run took %v to end", took)
		}
		if all := e.recorded(ev.ID); len(all) != 0 {
			t.Errorf("recorded: %+v", all)
		}
		m := e.contents(f, queue.FIFO)[0]
		if m.Status != queue.InFlight || m.Message.State != nil {
			t.Errorf("the delivery: %+v", m)
		}
		e.start()
		over(time.Minute)
		calls := c.got()
		if len(calls) < 2 || calls[1].header.Get("Signalbox-Attempt") != "1" {
			t.Errorf("%d attempts", len(calls))
		}
	})
}

// A restart with a backlog begins gently: one attempt at a time, then more.
func TestSlowStart(t *testing.T) {
	virtual(t, func(t *testing.T, e *env, serve func(string, http.HandlerFunc) *collector) {
		c := serve("shop", func(http.ResponseWriter, *http.Request) { pass(time.Second) })
		f := e.function("f", endpoint.Endpoint{URL: c.url, MaxInFlight: 100})
		var posts []post
		for range 300 {
			posts = append(posts, post{to: f, event: sample(`1`)})
		}
		e.publish(posts...)
		e.start()
		var begun []int
		for seen := 0; len(begun) < 6; seen = len(c.got()) {
			over(time.Second + 50*time.Millisecond)
			begun = append(begun, len(c.got())-seen)
		}
		if begun[0] > 3 || begun[1] > 6 || begun[2] > 12 || begun[5] < 20 {
			t.Errorf("attempts begun in each second: %v", begun)
		}
		over(time.Minute)
		if n := len(c.got()); n != 300 || c.most.Load() > 100 {
			t.Errorf("%d attempts, up to %d at once", n, c.most.Load())
		}
	})
}
