package redisstore

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/signalbox-mq/signalbox/queue"
)

// Queues implements [queue.Lister].
func (s *Store) Queues(ctx context.Context) ([]queue.ID, error) {
	if err := s.begin(ctx); err != nil {
		return nil, err
	}
	defer s.end()
	var ids []queue.ID
	seen := map[queue.ID]bool{}
	for shard := range shardCount {
		reply, err := s.call(ctx, shard, "queues", read, s.c.tag(shard))
		if err != nil {
			return nil, err
		}
		for a := answerOf(reply); a.more(); {
			number, _, _ := strings.Cut(a.text(), ".")
			n, err := strconv.ParseUint(number, 16, 64)
			if id := queue.ID(n); err == nil && !seen[id] {
				seen[id] = true
				ids = append(ids, id)
			}
		}
	}
	return ids, nil
}

// Time returns the server's time; on a cluster, that of the master of the definitions.
func (s *Store) Time(ctx context.Context) (time.Time, error) {
	if err := s.begin(ctx); err != nil {
		return time.Time{}, err
	}
	defer s.end()
	m, err := s.c.master(ctx, catalogShard)
	if err != nil {
		return time.Time{}, unavailable(err)
	}
	t, err := m.node.Time(ctx).Result()
	if err != nil {
		return time.Time{}, unavailable(err)
	}
	return t, nil
}
