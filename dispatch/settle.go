package dispatch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
)

// outcome is the end of one lease on its way into the store.
type outcome struct {
	lane       *lane
	settlement queue.Settlement
	// attempt is what to record; nil if none was made.
	attempt *Attempt
	// fallback is the account and region whose built-in queue takes a dead letter if its queue goes meanwhile.
	fallback catalog.Name
	// reasons are what a bare dead letter gets if it goes there.
	reasons []queue.Attribute
	// frees says that the lane's slot goes with it, settling that the slot went before.
	frees, settling bool
	// done, of capacity one, is told whether the delivery has come to its end: it will not be attempted again.
	done chan bool

	encoded *[]byte
	record  queue.Entry
}

// settler ends leases: what has finished while one call was waiting for the disk goes into the next, whatever endpoints it
// is about.
type settler struct {
	d      *Dispatcher
	kicked chan struct{} // of capacity one

	hook sync.Mutex // held while calling OnAttempt, and for nothing else

	mu       sync.Mutex // guards what follows
	pending  []*outcome
	finished bool
}

// settleBatch bounds one call.
const settleBatch = 512

func newSettler(d *Dispatcher) *settler { return &settler{d: d, kicked: make(chan struct{}, 1)} }

// put hands over outcomes, to be settled in order.
func (s *settler) put(outcomes ...*outcome) {
	for _, o := range outcomes {
		s.encode(o)
	}
	s.mu.Lock()
	s.pending = append(s.pending, outcomes...)
	s.mu.Unlock()
	s.kick()
}

func (s *settler) kick() {
	select {
	case s.kicked <- struct{}{}:
	default:
	}
}

// finish lets run return when all that was put is settled.
func (s *settler) finish() {
	s.mu.Lock()
	s.finished = true
	s.mu.Unlock()
	s.kick()
}

// settlers is how many calls may be waiting for the disk at once.
const settlers = 2

// run settles until finish, or until the store fails.
func (s *settler) run(ctx context.Context) {
	var parts sync.WaitGroup
	for range settlers {
		parts.Go(func() { s.work(ctx) })
	}
	parts.Wait()
}

func (s *settler) work(ctx context.Context) {
	var batch []*outcome
	for {
		s.mu.Lock()
		n := min(len(s.pending), settleBatch)
		batch = append(batch[:0], s.pending[:n]...)
		rest := copy(s.pending, s.pending[n:])
		clear(s.pending[rest:])
		s.pending = s.pending[:rest]
		finished := s.finished
		s.mu.Unlock()
		if n > 0 {
			s.settle(ctx, batch)
			clear(batch)
			continue
		}
		if finished {
			s.kick() // the other one
			return
		}
		<-s.kicked
	}
}

// buffers holds the memory that records are encoded in.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

// maxPooled keeps the records of large answers from staying in memory.
const maxPooled = 16 << 10

// encode writes the record, in the goroutine that made the attempt.
func (s *settler) encode(o *outcome) {
	if o.attempt == nil || s.d.cfg.Attempts == 0 {
		return
	}
	if o.encoded == nil {
		o.encoded = buffers.Get().(*[]byte) //nolint:errcheck // it holds nothing else
	}
	*o.encoded = o.attempt.Append((*o.encoded)[:0])
	o.record = queue.Entry{
		Queue: s.d.cfg.Attempts, Kind: queue.Log, Key: o.attempt.Origin,
		Message: queue.Message{ID: queue.NewMessageID(), Body: *o.encoded},
	}
	o.settlement.Record = &o.record
}

// settle ends a batch of leases. It goes on until the store has taken them, or ctx ends or the store fails.
func (s *settler) settle(ctx context.Context, batch []*outcome) {
	var late []*outcome // those whose record is still to be written
	todo := batch
	var err error
	for round := 0; len(todo) > 0 && err == nil; round++ {
		settlements := make([]queue.Settlement, len(todo))
		for i, o := range todo {
			settlements[i] = o.settlement
		}
		var results []queue.SettleResult
		var repeated bool
		if results, repeated, err = s.persist(ctx, settlements); err != nil {
			break
		}
		var again []*outcome
		for i, res := range results {
			o := todo[i]
			if dropped, ok := errors.AsType[*queue.DroppedError](res.Err); ok && round < maxRedirects && s.redirect(ctx, o, dropped.Queue) {
				again = append(again, o)
				continue
			}
			if repeated && (res.Err != nil || res.Gone) && s.happened(ctx, o) {
				res = queue.SettleResult{}
			}
			if res.Err != nil || res.Gone {
				s.lost(o, res.Err != nil)
				late = append(late, o)
			}
			o.tell(res.Gone || (res.Err == nil && o.settlement.Action != queue.Release))
		}
		todo = again
	}
	for _, o := range todo {
		o.tell(false)
	}
	s.appendLate(ctx, late)
	s.release(batch)
	s.hook.Lock()
	defer s.hook.Unlock()
	for _, o := range batch {
		if err == nil && o.attempt != nil {
			s.d.cfg.OnAttempt(*o.attempt)
		}
		if o.encoded != nil && cap(*o.encoded) <= maxPooled {
			buffers.Put(o.encoded)
		}
		o.encoded = nil
	}
}

// maxRedirects bounds how often a dead letter is sent after queues that go away under it.
const maxRedirects = 3

func (o *outcome) tell(over bool) {
	if o.done != nil {
		o.done <- over
	}
}

// redirect changes an outcome that names a queue that was dropped meanwhile. It reports whether it could.
func (s *settler) redirect(ctx context.Context, o *outcome, dropped queue.ID) bool {
	if dropped == s.d.cfg.Attempts {
		o.settlement.Record = nil // somebody removed the log; the delivery goes on without
		return true
	}
	if o.settlement.To == nil || o.settlement.To.Queue != dropped {
		return false
	}
	q, err := s.d.broker.EnsureDeadLetters(context.WithoutCancel(ctx), o.fallback.Account, o.fallback.Region)
	if err != nil {
		s.d.cfg.OnFault(fmt.Errorf("making the dead-letter queue: %w", err))
		return false
	}
	o.settlement.To.Queue, o.settlement.To.Kind = q.ID, q.Definition.Kind()
	o.settlement.To.Attributes, o.reasons = append(o.settlement.To.Attributes, o.reasons...), nil
	if o.attempt != nil {
		o.attempt.DeadLetter = q.Name.Name
		s.encode(o)
	}
	return true
}

// lost notes that a result could not be applied: another attempt has the lease, or the message is gone.
func (s *settler) lost(o *outcome, leased bool) {
	if o.attempt == nil {
		return
	}
	o.attempt.LeaseLost = leased
	if o.attempt.Outcome != OutcomeDelivered {
		o.attempt.Outcome, o.attempt.DeadLetter, o.attempt.Next = OutcomeLost, "", time.Time{}
	}
	s.encode(o)
}

// appendLate records attempts whose settlement did not.
func (s *settler) appendLate(ctx context.Context, late []*outcome) {
	var entries []queue.Entry
	for _, o := range late {
		if o.settlement.Record != nil {
			entries = append(entries, *o.settlement.Record)
		}
	}
	if len(entries) == 0 {
		return
	}
	// The token is for a call whose answer is lost.
	token := "attempts/" + entries[0].Message.ID.String()
	err := s.insist(ctx, "recording attempts", unavailable, func() error {
		_, err := s.d.store.Append(ctx, queue.AppendRequest{
			Now: s.d.broker.Now(), Entries: entries, Token: token, TokenWindow: lateWindow,
		})
		return err
	})
	if err != nil {
		s.d.cfg.OnFault(fmt.Errorf("recording attempts: %w", err))
	}
}

// lateWindow is longer than a store is called again and again.
const lateWindow = time.Hour

// release gives back the slots of a batch.
func (s *settler) release(batch []*outcome) {
	s.d.mu.Lock()
	for _, o := range batch {
		if o.settling {
			o.lane.settling--
		}
		if o.frees {
			s.d.releaseLocked(o.lane, 1)
		}
	}
	kick := len(s.d.line) > 0
	s.d.mu.Unlock()
	if kick {
		s.d.kick()
	}
}

// persist calls the store until it answers. repeated says that an earlier call may have done it and its answer was lost.
func (s *settler) persist(ctx context.Context, settlements []queue.Settlement) (results []queue.SettleResult, repeated bool, err error) {
	whatever := func(error) bool { return true }
	err = s.insist(ctx, "settling deliveries", whatever, func() error {
		got, err := s.d.store.Settle(ctx, s.d.broker.Now(), settlements)
		results = got
		repeated = repeated || unavailable(err)
		return err
	})
	return results, repeated, err
}

// happened says whether a settlement that failed was made by an earlier call: then the record of the attempt is there.
func (s *settler) happened(ctx context.Context, o *outcome) bool {
	r := o.settlement.Record
	if r == nil {
		return false
	}
	var kept []queue.Peeked
	err := s.insist(ctx, "looking for an attempt", unavailable, func() (err error) {
		kept, err = s.d.store.Get(ctx, s.d.broker.Now(), r.Queue, r.Key)
		return err
	})
	return err == nil && slices.ContainsFunc(kept, func(p queue.Peeked) bool { return p.Message.ID == r.Message.ID })
}

func unavailable(err error) bool { return errors.Is(err, queue.ErrUnavailable) }

// insist calls the store until it answers, or fails with what does not call for another try. When the store is closed, so is
// the dispatcher.
func (s *settler) insist(ctx context.Context, what string, again func(error) bool, call func() error) error {
	for pause := 50 * time.Millisecond; ; pause = min(2*pause, 2*time.Second) {
		err := call()
		switch {
		case err == nil:
			return nil
		case errors.Is(err, queue.ErrStoreClosed):
			s.d.fail(fmt.Errorf("%s: %w", what, err))
			return err
		case ctx.Err() != nil, !again(err):
			return err
		}
		s.d.cfg.OnFault(fmt.Errorf("%s: %w", what, err))
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
