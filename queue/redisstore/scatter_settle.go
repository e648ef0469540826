package redisstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/signalbox-mq/signalbox/queue"
)

// settleScattered settles on a cluster: what stays within a shard with one call for each, the rest by way of the outbox. The
// settlements of one call for one message keep their order.
func (s *Store) settleScattered(ctx context.Context, now time.Time, todo []*settling) error {
	for len(todo) > 0 {
		// As many as can be done at once: no two for one message, and none that stays in its shard and puts something where one
		// before it does by way of the outbox, which takes longer.
		seen := map[queue.Receipt]bool{}
		sent := map[queue.ID]bool{}
		n := slices.IndexFunc(todo, func(w *settling) bool {
			r := w.Receipt
			r.Nonce = 0
			again := seen[r]
			seen[r] = true
			leaves := w.leaves()
			for i := range w.entries {
				again = again || !leaves && sent[w.entries[i].Queue]
				sent[w.entries[i].Queue] = sent[w.entries[i].Queue] || leaves
			}
			return again
		})
		if n < 0 {
			n = len(todo)
		}
		if err := s.settleRound(ctx, now, todo[:n]); err != nil {
			return err
		}
		todo = todo[n:]
	}
	return nil
}

// leaves says that something of a settlement goes to another shard.
func (w *settling) leaves() bool {
	return slices.ContainsFunc(w.entries, func(e placed) bool { return e.shard() != w.shard })
}

func (s *Store) settleRound(ctx context.Context, now time.Time, todo []*settling) error {
	inside, outside := map[int][]*settling{}, map[int][]*settling{}
	for _, w := range todo {
		if w.leaves() {
			outside[w.shard] = append(outside[w.shard], w)
		} else {
			inside[w.shard] = append(inside[w.shard], w)
		}
	}
	err := parallel(inside, func(shard int, group []*settling) error { return s.settleAt(ctx, now, shard, group) })
	if err != nil {
		return err
	}
	return s.settleOutside(ctx, now, outside)
}

// sending is a settlement on its way through the outbox.
type sending struct {
	w     *settling // nil for one that was found in the outbox
	shard int
	token string
	plan  [][]any // the arguments of the entries
	// err is why it must be cancelled.
	err error
	// stuck says that it is not known how far it is.
	stuck atomic.Bool
}

// sendWindow is for how long a token of the outbox is remembered where it was used: longer than any outage after which what is
// in an outbox would be sent again.
const sendWindow = 7 * 24 * time.Hour

func (s *Store) settleOutside(ctx context.Context, now time.Time, groups map[int][]*settling) error {
	if len(groups) == 0 {
		return nil
	}
	var mu sync.Mutex
	var all []*sending
	err := parallel(groups, func(shard int, group []*settling) error {
		held, err := s.hold(ctx, now, shard, group)
		mu.Lock()
		defer mu.Unlock()
		all = append(all, held...)
		return err
	})
	if err != nil {
		return err // what is held is finished later: it is not known which was
	}
	// In the order of the call, in which what is moved to one queue gets its place there.
	slices.SortFunc(all, func(a, b *sending) int { return a.w.order - b.w.order })
	return s.deliver(ctx, now, all)
}

// hold puts settlements of one shard into its outbox. It returns those that were good.
func (s *Store) hold(ctx context.Context, now time.Time, shard int, group []*settling) ([]*sending, error) {
	args := make([]any, 1, 1+9*len(group))
	args[0] = s.time(now)
	all := make([]*sending, len(group))
	for i, w := range group {
		x := &sending{w: w, shard: shard, token: uuid.NewString()}
		for e := range w.entries {
			x.plan = append(x.plan, s.appendEntry(nil, &w.entries[e], now))
		}
		all[i] = x
		full := s.settlement(nil, w, now)
		args = append(args, full[:len(full)-1]...)
		args = append(args, x.token, putPlan(w, x.plan))
	}
	reply, err := s.call(ctx, shard, "hold", durable, args...)
	if err != nil {
		return nil, err
	}
	a := answerOf(reply)
	held := all[:0]
	for _, x := range all {
		what, known := a.text(), a.text()
		switch what {
		case "OK":
			x.carry(x.w.Action == queue.Move && x.w.keeps(), known)
			held = append(held, x)
		case "GONE":
			x.w.result.Gone = true
		default:
			x.w.result.Err = meaning(what, errReply)
		}
	}
	return held, a.err
}

// parcel is an entry of one sending.
type parcel struct {
	*sending
	entry int
}

// shard is where it goes.
func (p parcel) shard() (int, error) { return shardOfBase(p.plan[p.entry][0]) }

// deliver appends what is held where it belongs and ends the holding. If some of it can not be reached, the rest is done all the
// same, and what was not is left as it is.
//
// A message goes to its destination before its record goes to the log, and only if both queues are there, so that a settlement
// that fails has done nothing. A log that is dropped after that takes no record, as if it had been dropped after the settlement.
func (s *Store) deliver(ctx context.Context, now time.Time, all []*sending) error {
	var both, first, second []parcel
	for _, x := range all {
		if len(x.plan) > 1 {
			both = append(both, parcel{x, 0}, parcel{x, 1})
		}
	}
	var mu sync.Mutex
	there := map[*sending]bool{} // that are at their destination already: a node got so far before it died
	failed := s.accept(ctx, now, 0, both, func(p parcel, err error, got queue.Appended) {
		mu.Lock()
		defer mu.Unlock()
		if p.err == nil {
			p.err = err
		}
		there[p.sending] = there[p.sending] || p.entry == 0 && err == nil && got.ID != queue.MessageID{}
	})
	for _, x := range all {
		if there[x] {
			x.err = nil
		}
		if x.err == nil && !x.stuck.Load() && !x.records() {
			first = append(first, parcel{x, 0})
		}
	}
	failed = errors.Join(failed, s.accept(ctx, now, sendWindow, first, parcel.accepted))
	for _, x := range all {
		if x.err == nil && !x.stuck.Load() && (x.records() || len(x.plan) > 1) {
			second = append(second, parcel{x, len(x.plan) - 1})
		}
	}
	failed = errors.Join(failed, s.accept(ctx, now, sendWindow, second, func(p parcel, err error, got queue.Appended) {
		if err == nil || p.entry == 0 {
			p.accepted(err, got)
		}
	}))
	ends := map[int][]*sending{}
	for _, x := range all {
		if !x.stuck.Load() {
			ends[x.shard] = append(ends[x.shard], x)
		}
	}
	return errors.Join(failed, parallel(ends, func(shard int, group []*sending) error { return s.endHolding(ctx, now, shard, group) }))
}

// endHolding finishes or cancels what one shard holds.
func (s *Store) endHolding(ctx context.Context, now time.Time, shard int, group []*sending) error {
	finish, cancel := []any{s.time(now), s.c.tag(shard)}, []any{s.time(now), s.c.tag(shard)}
	for _, x := range group {
		if x.err == nil {
			finish = append(finish, x.token)
			continue
		}
		cancel = append(cancel, x.token)
		if x.w != nil {
			*x.w.result = queue.SettleResult{Err: x.err}
		}
	}
	var errs []error
	if len(finish) > 2 {
		_, err := s.call(ctx, shard, "finish", durable|idempotent, finish...)
		if err == nil {
			s.spend(group)
		}
		errs = append(errs, err)
	}
	if len(cancel) > 2 {
		_, err := s.call(ctx, shard, "cancel", durable|idempotent, cancel...)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// sendToken is what keeps an entry from being appended twice. Each has one of its own, so that whoever goes on with one need not
// know which others went with it.
func (s *Store) sendToken(shard int, p parcel) string {
	return s.c.tag(shard) + ":t:" + digest(fmt.Sprint("outbox ", p.token, " ", p.entry))
}

// spent are tokens of the outbox that have been of use, by shard: what goes to the shard next takes them along, to be forgotten
// soon. Those that are never taken along, because the process ends, are forgotten after sendWindow.
type spent struct {
	mu     sync.Mutex
	tokens map[int][]any
}

const (
	maxSpent      = 10_000 // that wait for one shard
	maxSpentAlong = 256
)

// spend notes the tokens of sendings that are finished.
func (s *Store) spend(group []*sending) {
	s.spent.mu.Lock()
	defer s.spent.mu.Unlock()
	if s.spent.tokens == nil {
		s.spent.tokens = map[int][]any{}
	}
	for _, x := range group {
		for e := range x.plan {
			p := parcel{x, e}
			if shard, err := p.shard(); err == nil && x.err == nil && len(s.spent.tokens[shard]) < maxSpent {
				s.spent.tokens[shard] = append(s.spent.tokens[shard], s.sendToken(shard, p))
			}
		}
	}
}

func (s *spent) take(shard int) []any {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.tokens[shard]
	n := min(len(all), maxSpentAlong)
	if n == 0 {
		return nil
	}
	some := slices.Clone(all[:n])
	s.tokens[shard] = append(all[:0], all[n:]...)
	return some
}

// accept appends entries of sendings, or with a window of 0 says what would become of them: an error, or where a repetition finds
// the entry already. Those whose shard can not be reached are stuck.
func (s *Store) accept(ctx context.Context, now time.Time, window time.Duration, parcels []parcel, became func(parcel, error, queue.Appended)) error {
	groups := map[int][]parcel{}
	for _, p := range parcels {
		shard, err := p.shard()
		if err != nil {
			p.stuck.Store(true)
			return err
		}
		groups[shard] = append(groups[shard], p)
	}
	return parallel(groups, func(shard int, group []parcel) error {
		err := s.acceptAt(ctx, now, shard, window, group, became)
		if err != nil {
			for _, p := range group {
				p.stuck.Store(true)
			}
		}
		return err
	})
}

func (s *Store) acceptAt(ctx context.Context, now time.Time, shard int, window time.Duration, group []parcel, became func(parcel, error, queue.Appended)) error {
	var along []any
	if window > 0 {
		along = s.spent.take(shard)
	}
	args := make([]any, 3, 3+len(along)+(entrySize+1)*len(group))
	args[0], args[1], args[2] = s.time(now), millis(window), len(along)
	args = append(args, along...)
	for _, p := range group {
		args = append(args, s.sendToken(shard, p))
		args = append(args, p.plan[p.entry]...)
	}
	reply, err := s.call(ctx, shard, "accept", durable|idempotent, args...)
	if err != nil {
		return err
	}
	a := answerOf(reply)
	for _, p := range group {
		what := a.text()
		var got queue.Appended
		copy(got.ID[:], a.text())
		seq, duplicate := a.text(), a.number() == 1
		if a.err != nil {
			break
		}
		if what != "OK" {
			became(p, meaning(what, errReply), queue.Appended{})
			continue
		}
		if seq != "" {
			got.Sequence, a.err = parse16(seq)
			got.Duplicate = duplicate
		}
		became(p, nil, got)
	}
	return a.err
}

// accepted takes over what became of an entry. No two goroutines do so for one sending.
func (p parcel) accepted(err error, got queue.Appended) {
	switch {
	case err != nil:
		p.err = err
	case p.w == nil:
	case p.w.Action == queue.Move && p.entry == 0:
		p.w.result.Moved = got
	default:
		p.w.result.Record = got
	}
}

// records says that all there is to send is a record. Of one that was found in the outbox that is not known, nor does it matter:
// it tells only in which order results come.
func (x *sending) records() bool { return x.w != nil && x.w.Action != queue.Move }

// knownAt is which argument of an entry says what is known of the message.
const knownAt = 10

// carry puts what is known of the message into the entry that is its new place.
func (x *sending) carry(keeps bool, known string) {
	if keeps {
		x.plan[0][knownAt] = known
	}
}
