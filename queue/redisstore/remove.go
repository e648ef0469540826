package redisstore

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/signalbox-mq/signalbox/queue"
)

// Purge implements [queue.Store].
func (s *Store) Purge(ctx context.Context, now time.Time, id queue.ID) (int64, error) {
	if err := s.begin(ctx); err != nil {
		return 0, err
	}
	defer s.end()
	n := int64(0)
	for p := range s.parts.count(id) {
		reply, err := s.call(ctx, shardOf(id, p), "purge", durable, s.time(now), s.base(id, p))
		if err != nil {
			return 0, err
		}
		a := &answer{values: []any{reply}}
		if n += a.number(); a.err != nil {
			return 0, a.err
		}
	}
	return n, nil
}

// Drop implements [queue.Store]. What lies in several slots of a cluster is dropped one slot after the other.
func (s *Store) Drop(ctx context.Context, _ time.Time, ids []queue.ID) error {
	if err := s.begin(ctx); err != nil {
		return err
	}
	defer s.end()
	err := s.byPart(ids, func(shard int, parts []part) error {
		args := make([]any, 0, len(parts))
		for _, p := range parts {
			args = append(args, s.base(ids[p.index], p.partition))
		}
		_, err := s.call(ctx, shard, "drop", durable|idempotent, args...)
		return err
	})
	if err != nil {
		return err
	}
	// That they are dropped is remembered by each partition. This only keeps the list from growing for ever.
	for _, id := range ids {
		if all := s.parts.of.Load(); all != nil && (*all)[id] > 1 {
			if _, err := s.call(ctx, catalogShard, "spread", idempotent, s.c.tag(catalogShard), strconv.FormatUint(uint64(id), 16), 0); err != nil {
				s.c.log(LogWarn, fmt.Sprintf("forgetting the partitions of queue %d, which is dropped: %v", id, err))
			}
		}
	}
	return nil
}

// DropEmpty implements [queue.Store]. Of a queue with several partitions those that are empty may be dropped while another one is
// not: then it returns false, and appends fail in the meantime, or go to the other one.
func (s *Store) DropEmpty(ctx context.Context, _ time.Time, id queue.ID) (bool, error) {
	if err := s.begin(ctx); err != nil {
		return false, err
	}
	defer s.end()
	all := true
	for p := range s.parts.count(id) {
		reply, err := s.call(ctx, shardOf(id, p), "drop_empty", durable|idempotent, s.base(id, p))
		if err != nil {
			return false, err
		}
		a := &answer{values: []any{reply}}
		if all = a.number() == 1 && all; a.err != nil {
			return false, a.err
		}
	}
	return all, nil
}

// expireLimit is how many messages one call of the function removes at most.
const expireLimit = 500

// Expire implements [queue.Store].
func (s *Store) Expire(ctx context.Context, now time.Time, expiries []queue.Expiry) ([]queue.Expired, error) {
	if err := s.begin(ctx); err != nil {
		return nil, err
	}
	defer s.end()
	ids := make([]queue.ID, len(expiries))
	for i := range expiries {
		ids[i] = expiries[i].Queue
	}
	all := make([]queue.Expired, len(expiries))
	var mu sync.Mutex
	err := s.byPart(ids, func(shard int, parts []part) error {
		// A call must not take long, as Redis does nothing else meanwhile.
		for some := range slices.Chunk(parts, 32) {
			args := make([]any, 2, 2+3*len(some))
			args[0], args[1] = s.time(now), expireLimit
			for _, p := range some {
				e := &expiries[p.index]
				args = append(args, s.base(e.Queue, p.partition), millis(e.Retention), max(e.MaxBytes, 0))
			}
			reply, err := s.call(ctx, shard, "expire", 0, args...)
			if err != nil {
				return err
			}
			a := answerOf(reply)
			mu.Lock()
			for _, p := range some {
				x := &all[p.index]
				x.Messages, x.Bytes = x.Messages+a.number(), x.Bytes+a.number()
				x.More = a.number() == 1 || x.More
			}
			mu.Unlock()
			if a.err != nil {
				return a.err
			}
		}
		return nil
	})
	return all, err
}
