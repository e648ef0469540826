package redisstore

import (
	"context"
	"time"

	"github.com/signalbox-mq/signalbox/queue"
)

// Purge implements [queue.Store].
func (s *Store) Purge(ctx context.Context, now time.Time, id queue.ID) (int64, error) {
	if err := s.begin(ctx); err != nil {
		return 0, err
	}
	defer s.end()
	reply, err := s.call(ctx, shardOf(id, 0), "purge", durable, s.time(now), s.base(id, 0))
	if err != nil {
		return 0, err
	}
	a := &answer{values: []any{reply}}
	return a.number(), a.err
}

// Drop implements [queue.Store]. On a cluster, queues in several slots are dropped one slot after the other.
func (s *Store) Drop(ctx context.Context, _ time.Time, ids []queue.ID) error {
	if err := s.begin(ctx); err != nil {
		return err
	}
	defer s.end()
	return s.byShard(ids, func(shard int, indexes []int) error {
		args := make([]any, 0, len(indexes))
		for _, i := range indexes {
			args = append(args, s.base(ids[i], 0))
		}
		_, err := s.call(ctx, shard, "drop", durable|idempotent, args...)
		return err
	})
}

// DropEmpty implements [queue.Store].
func (s *Store) DropEmpty(ctx context.Context, _ time.Time, id queue.ID) (bool, error) {
	if err := s.begin(ctx); err != nil {
		return false, err
	}
	defer s.end()
	reply, err := s.call(ctx, shardOf(id, 0), "drop_empty", durable|idempotent, s.base(id, 0))
	if err != nil {
		return false, err
	}
	a := &answer{values: []any{reply}}
	return a.number() == 1, a.err
}

// expireLimit is how many messages of a queue one call removes at most.
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
	err := s.byShard(ids, func(shard int, indexes []int) error {
		// A call must not take long, as Redis does nothing else meanwhile.
		for len(indexes) > 0 {
			some := indexes[:min(len(indexes), 32)]
			indexes = indexes[len(some):]
			args := make([]any, 2, 2+3*len(some))
			args[0], args[1] = s.time(now), expireLimit
			for _, i := range some {
				e := &expiries[i]
				args = append(args, s.base(e.Queue, 0), millis(e.Retention), max(e.MaxBytes, 0))
			}
			reply, err := s.call(ctx, shard, "expire", 0, args...)
			if err != nil {
				return err
			}
			a := answerOf(reply)
			for _, i := range some {
				all[i].Messages, all[i].Bytes, all[i].More = a.number(), a.number(), a.number() == 1
			}
			if a.err != nil {
				return a.err
			}
		}
		return nil
	})
	return all, err
}
