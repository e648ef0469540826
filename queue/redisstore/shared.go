package redisstore

import (
	"context"
	"math"
	"strconv"
	"time"

	"github.com/signalbox-mq/signalbox/queue"
)

// Lease implements [queue.Shared].
func (s *Store) Lease(ctx context.Context, name, holder string, ttl time.Duration) (bool, error) {
	if ttl < time.Second || ttl > time.Hour {
		return false, &queue.InvalidError{Field: "ttl", Reason: "must be between 1s and 1h"}
	}
	if err := s.begin(ctx); err != nil {
		return false, err
	}
	defer s.end()
	shard := nameShard(name)
	reply, err := s.call(ctx, shard, "lease", durable|idempotent, s.leaseKey(shard, name), holder, millis(ttl))
	if err != nil {
		return false, err
	}
	a := &answer{values: []any{reply}}
	return a.number() == 1, a.err
}

// Unlease implements [queue.Shared].
func (s *Store) Unlease(ctx context.Context, name, holder string) error {
	if err := s.begin(ctx); err != nil {
		return err
	}
	defer s.end()
	shard := nameShard(name)
	_, err := s.call(ctx, shard, "unlease", durable|idempotent, s.leaseKey(shard, name), holder)
	return err
}

func (s *Store) leaseKey(shard int, name string) string { return s.c.tag(shard) + ":lease:" + name }

// Permit implements [queue.Shared].
func (s *Store) Permit(ctx context.Context, now time.Time, id queue.ID, rate float64, burst, n int) (granted int, next time.Time, err error) {
	if !(rate > 0) || math.IsInf(rate, 0) || burst < 1 {
		return 0, time.Time{}, &queue.InvalidError{Field: "rate", Reason: "must be above 0, and burst at least 1"}
	}
	if err := s.begin(ctx); err != nil {
		return 0, time.Time{}, err
	}
	defer s.end()
	reply, err := s.call(ctx, shardOf(id, 0), "permit", 0, s.time(now), s.base(id, 0)+"rate", strconv.FormatFloat(rate, 'g', -1, 64), burst, n)
	if err != nil {
		return 0, time.Time{}, err
	}
	a := answerOf(reply)
	local := momentOf(now, a.number())
	granted, next = int(a.number()), local.at(a.number())
	return granted, next, a.err
}
