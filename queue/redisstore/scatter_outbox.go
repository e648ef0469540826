package redisstore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/signalbox-mq/signalbox/queue"
)

// putPlan writes down what is to be sent: whether the first entry is the message itself, then how many entries, and the
// arguments of each.
func putPlan(w *settling, plan [][]any) []byte {
	keeps := byte(0)
	if w.Action == queue.Move && w.keeps() {
		keeps = 1
	}
	b := []byte{keeps, byte(len(plan))}
	for _, args := range plan {
		for _, arg := range args {
			switch arg := arg.(type) {
			case []byte:
				b = append(binary.AppendUvarint(b, uint64(len(arg))), arg...)
			default:
				b = appendString(b, fmt.Sprint(arg))
			}
		}
	}
	return b
}

var errPlan = fmt.Errorf("outbox: %w", queue.ErrCorrupt)

// readPlan reads what putPlan writes.
func readPlan(text string) (keeps bool, plan [][]any, err error) {
	if len(text) < 2 || text[1] > 2 {
		return false, nil, errPlan
	}
	r := reader{b: []byte(text[2:])}
	for range text[1] {
		args := make([]any, entrySize)
		for i := range args {
			args[i] = r.bytes()
		}
		plan = append(plan, args)
	}
	if r.bad || len(r.b) > 0 {
		return false, nil, errPlan
	}
	return text[0] == 1, plan, nil
}

const (
	// outboxEvery is how often a node looks whether others left something in an outbox, and outboxAge how old that must be.
	outboxEvery = 5 * time.Second
	outboxAge   = 15 * time.Second
	outboxLimit = 100
	// outboxLease names the lease of the node that looks.
	outboxLease = "redisstore/outbox"
)

// finishOthers goes on with what nodes that died, or that were cut off, left in the outboxes. One node looks; that two do is
// harmless.
func (s *Store) finishOthers(ctx context.Context) {
	tick := time.NewTicker(outboxEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if held, err := s.Lease(ctx, outboxLease, s.node, 3*outboxEvery); err != nil || !held {
			continue
		}
		for shard := range shardCount {
			if err := s.finishOld(ctx, shard, outboxAge); err != nil && ctx.Err() == nil {
				s.c.log(LogWarn, fmt.Sprintf("finishing what is in the outbox of shard %d: %v", shard, err))
			}
		}
	}
}

// Finish goes on with all moves that are half way, and so is for when no node is alive: those that nodes left that died. Otherwise
// nodes do so by and by.
func (s *Store) Finish(ctx context.Context) error {
	if err := s.begin(ctx); err != nil {
		return err
	}
	defer s.end()
	if !s.c.scattered() {
		return nil
	}
	for shard := range shardCount {
		if err := s.finishOld(ctx, shard, 0); err != nil {
			return fmt.Errorf("finishing moves: %w", err)
		}
	}
	return nil
}

// finishOld goes on with what is in the outbox of a shard for longer than age. What can not be reached does not keep the rest.
func (s *Store) finishOld(ctx context.Context, shard int, age time.Duration) error {
	var failed error
	for skip := 0; ; {
		reply, err := s.call(ctx, shard, "outbox", read, "", s.c.tag(shard), millis(age), skip, outboxLimit)
		if err != nil {
			return errors.Join(failed, err)
		}
		var all []*sending
		a := answerOf(reply)
		for a.more() {
			x := &sending{shard: shard, token: a.text()}
			plan, known := a.text(), a.text()
			keeps, args, err := readPlan(plan)
			if err != nil {
				return fmt.Errorf("%s: %w", x.token, err)
			}
			x.plan = args
			x.carry(keeps, known)
			all = append(all, x)
		}
		if a.err != nil || len(all) == 0 {
			return errors.Join(failed, a.err)
		}
		now := time.Now()
		if s.clock != nil {
			now = s.clock()
		}
		if err := s.deliver(ctx, now, all); err != nil {
			if failed == nil {
				failed = err
			}
			if ctx.Err() != nil {
				return failed
			}
			stuck := 0
			for _, x := range all {
				if x.stuck.Load() {
					stuck++
				}
			}
			if stuck == 0 { // what was delivered could not be ended, and would only be delivered again
				return failed
			}
			skip += stuck
		}
		if len(all) < outboxLimit {
			return failed
		}
	}
}
