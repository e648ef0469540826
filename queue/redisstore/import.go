package redisstore

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/signalbox-mq/signalbox/queue"
)

var _ queue.Importer = (*Store)(nil)

func (c *client) importKey() string { return c.tag(catalogShard) + ":import" }

// marked returns the mark of a migration that has not ended, empty for none.
func (c *client) marked(ctx context.Context) (string, error) {
	from, err := c.any().Get(ctx, c.importKey()).Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		return "", unavailable(permanent(err))
	}
	return from, nil
}

// checkImport refuses a store to which a migration has not ended.
func (c *client) checkImport(ctx context.Context) error {
	if c.unfinished {
		return nil
	}
	from, err := c.marked(ctx)
	if err != nil || from == "" {
		return err
	}
	return unfinished(from)
}

func unfinished(from string) error {
	return &refusal{reason: fmt.Sprintf("%v: it holds a part of %s", queue.ErrUnfinished, from), is: queue.ErrUnfinished}
}

// BeginImport implements [queue.Importer].
func (s *Store) BeginImport(ctx context.Context, from string, restart bool) error {
	if err := s.begin(ctx); err != nil {
		return err
	}
	defer s.end()
	old, err := s.c.marked(ctx)
	switch {
	case err != nil:
		return err
	case old != "" && !restart:
		return unfinished(old)
	case old != "":
		if err := s.erase(ctx); err != nil {
			return err
		}
		if err := s.loadPartitions(ctx); err != nil {
			return err
		}
	default:
		if err := s.empty(ctx); err != nil {
			return err
		}
	}
	return unavailableOr(s.c.any().Set(ctx, s.c.importKey(), from, 0).Err())
}

// unavailableOr wraps an error of a plain command.
func unavailableOr(err error) error {
	if err == nil {
		return nil
	}
	return unavailable(permanent(err))
}

// empty fails unless the store holds no definitions and no queues.
func (s *Store) empty(ctx context.Context) error {
	for shard := range shardCount {
		reply, err := s.call(ctx, shard, "queues", read, s.c.tag(shard))
		if err != nil {
			return err
		}
		if answerOf(reply).more() {
			return queue.ErrNotEmpty
		}
	}
	n, err := s.c.any().Exists(ctx, s.c.tag(catalogShard)+":catmeta").Result()
	if err == nil && n > 0 {
		return queue.ErrNotEmpty
	}
	return unavailableOr(err)
}

// erasePage is about how many keys one step of erase looks at.
const erasePage = 1000

// erase removes all keys of the namespace but the mark of the migration and the number of shards.
func (s *Store) erase(ctx context.Context) error {
	tags := map[string]bool{}
	for _, tag := range s.c.names.tags {
		tags[tag] = true
	}
	keep := map[string]bool{s.c.importKey(): true, s.c.tag(0) + ":shards": true}
	return unavailableOr(s.c.each(ctx, func(ctx context.Context, m *master) error {
		for cursor := uint64(0); ; {
			keys, next, err := m.node.Scan(ctx, cursor, "{"+s.c.namespace+"*}:*", erasePage).Result()
			if err != nil {
				return err
			}
			pipe := m.node.Pipeline()
			for _, key := range keys {
				tag, _, _ := strings.Cut(key, "}")
				if tags[tag+"}"] && !keep[key] {
					pipe.Unlink(ctx, key) // one by one: they are in different slots
				}
			}
			if pipe.Len() > 0 {
				if _, err := pipe.Exec(ctx); err != nil {
					return err
				}
			}
			if cursor = next; cursor == 0 {
				return nil
			}
		}
	}))
}

// EndImport implements [queue.Importer].
func (s *Store) EndImport(ctx context.Context) error {
	if err := s.begin(ctx); err != nil {
		return err
	}
	defer s.end()
	return unavailableOr(s.c.any().Del(ctx, s.c.importKey()).Err())
}

// Nodes returns how many routers use the store at the moment: those that were heard of in the last seconds.
func (s *Store) Nodes(ctx context.Context) (int, error) {
	now, err := s.Time(ctx)
	if err != nil {
		return 0, err
	}
	if err := s.begin(ctx); err != nil {
		return 0, err
	}
	defer s.end()
	n, err := s.c.any().ZCount(ctx, s.c.tag(catalogShard)+":nodes", "("+strconv.FormatInt(now.UnixMilli(), 10), "+inf").Result()
	return int(n), unavailableOr(err)
}
