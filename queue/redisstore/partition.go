package redisstore

import (
	"context"
	"fmt"
	"hash/fnv"
	"maps"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/signalbox-mq/signalbox/queue"
)

// A queue may be spread over several partitions, each of which is a queue of its own in another shard: its messages are then
// in the order of one partition only, and counted together. A message of a FIFO group is in the partition that follows from
// the group's name; any other one is in whichever is next. A receipt says in its Locator which partition it is of.
//
// How many partitions a queue has is written down in the shard of the definitions, and known to all nodes a moment later; a node
// that knows the queue's definition knows at once. There are never fewer than before, so a node that does not know yet only leaves
// the new ones alone.

// partitions knows how many partitions queues have; most have one and are not in it.
type partitions struct {
	of atomic.Pointer[map[queue.ID]int]
	// planned is what [Store.Planned] was given.
	planned func(queue.ID) int
	// appends and receives count what takes the partitions in turn. Each has its own count: with one for both, somebody who does one
	// after the other would use every second partition.
	appends, receives atomic.Uint32
	loading           sync.Mutex
}

// count returns how many partitions a queue has.
func (p *partitions) count(id queue.ID) int {
	n := 1
	if p.planned != nil {
		n = min(p.planned(id), shardCount)
	}
	if all := p.of.Load(); all != nil {
		n = max(n, (*all)[id])
	}
	return n
}

// Planned implements [queue.Spreader].
func (s *Store) Planned(partitions func(queue.ID) int) { s.parts.planned = partitions }

// Spread implements [queue.Spreader].
func (s *Store) Spread(ctx context.Context, id queue.ID, kind queue.Kind, n int) error {
	switch {
	case n < 1 || n > shardCount:
		return &queue.InvalidError{Field: "partitions", Reason: fmt.Sprintf("must be between 1 and %d", shardCount)}
	case kind == queue.Log && n > 1:
		return &queue.InvalidError{Field: "partitions", Reason: "must be 1 for a log"}
	}
	if err := s.begin(ctx); err != nil {
		return err
	}
	defer s.end()
	if all := s.parts.of.Load(); all != nil && n <= (*all)[id] {
		return nil
	}
	if _, err := s.call(ctx, catalogShard, "spread", durable|idempotent, s.c.tag(catalogShard), strconv.FormatUint(uint64(id), 16), n); err != nil {
		return err
	}
	return s.loadPartitions(ctx)
}

// loadPartitions reads how many partitions queues have.
func (s *Store) loadPartitions(ctx context.Context) error {
	s.parts.loading.Lock()
	defer s.parts.loading.Unlock()
	reply, err := s.call(ctx, catalogShard, "partitions", read, s.c.tag(catalogShard))
	if err != nil {
		return err
	}
	all := map[queue.ID]int{}
	for a := answerOf(reply); a.more(); {
		id, err := strconv.ParseUint(a.text(), 16, 64)
		n := a.number()
		if err != nil || a.err != nil || n < 1 || n > shardCount {
			return fmt.Errorf("partitions of queues: %w", queue.ErrCorrupt)
		}
		all[queue.ID(id)] = int(n)
	}
	old := s.parts.of.Load()
	s.parts.of.Store(&all)
	if old == nil || !maps.Equal(*old, all) {
		for id := range all {
			s.watchers.wake(id) // there may be something in a partition that it was not looked for in
		}
	}
	return nil
}

// followPartitions keeps up with other nodes.
func (s *Store) followPartitions(ctx context.Context) {
	for {
		select {
		case <-s.spread:
		case <-ctx.Done():
			return
		}
		if err := s.loadPartitions(ctx); err != nil && ctx.Err() == nil {
			s.c.log(LogWarn, fmt.Sprintf("reading the partitions of queues; trying again: %v", err))
			if sleep(ctx, maxRetryPause) == nil {
				s.hint(s.spread)
			}
		}
	}
}

// placed is an entry with its partition.
type placed struct {
	queue.Entry
	partition int
}

func (p *placed) shard() int { return shardOf(p.Queue, p.partition) }

// place chooses partitions. Of the messages of one call for one queue all that have a choice go into the same one, which follows
// from the token if there is one: a repetition must find it.
func (s *Store) place(entries []queue.Entry, token string) []placed {
	list := make([]placed, len(entries))
	turn := s.parts.appends.Add(1)
	if token != "" {
		turn = hash(token)
	}
	for i := range entries {
		list[i].Entry = entries[i]
		if n := s.parts.count(entries[i].Queue); n > 1 {
			list[i].partition = int(turn % uint32(n))
			if e := &entries[i]; e.Kind == queue.FIFO && e.Message.Group != "" {
				list[i].partition = int(hash(e.Message.Group) % uint32(n))
			}
		}
	}
	return list
}

// hash is the same on all nodes and in all releases.
func hash(text string) uint32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(text))
	return h.Sum32()
}

// part is one partition of a queue that a caller has at an index.
type part struct{ index, partition int }

// byPart calls f for each shard with the partitions of queues that lie there, at the same time, or once where all shards are in
// one place.
func (s *Store) byPart(ids []queue.ID, f func(shard int, parts []part) error) error {
	groups := map[int][]part{}
	for i, id := range ids {
		for p := range s.parts.count(id) {
			shard := 0
			if s.c.scattered() {
				shard = shardOf(id, p)
			}
			groups[shard] = append(groups[shard], part{i, p})
		}
	}
	if len(groups) == 0 {
		return nil
	}
	return parallel(groups, f)
}

// receivePartitions receives from the partitions in turn until there is enough.
func (s *Store) receivePartitions(ctx context.Context, req queue.ReceiveRequest, n int) (queue.ReceiveResult, error) {
	if req.MaxInFlight > 0 {
		req.MaxInFlight = max(1, (req.MaxInFlight+n-1)/n) // each keeps its share
	}
	first := int(s.parts.receives.Add(1)) % n
	attempt := req.Kind == queue.FIFO && req.Attempt != ""
	if attempt {
		p, known, err := s.attempted(ctx, req, n)
		if err != nil {
			return queue.ReceiveResult{}, err
		}
		if known {
			first = p
		}
	}
	var all queue.ReceiveResult
	dry := allDry
	bytes := 0
	for k := range n {
		p := (first + k) % s.parts.count(req.Queue)
		part := req
		part.Max -= len(all.Messages) + len(all.Exceeded)
		if req.MaxBytes > 0 {
			// What is too old in the other partitions is removed even if there is no room for another message.
			if part.MaxBytes = max(req.MaxBytes-bytes, 0); len(all.Messages) > 0 {
				part.MaxBytes = -part.MaxBytes - 1
			}
		}
		res, d, err := s.receiveFrom(ctx, p, part)
		if err != nil {
			if len(all.Messages) > 0 {
				break // they are leased, so they are handed out
			}
			return queue.ReceiveResult{}, err
		}
		dry = dry.and(d)
		for i := range res.Messages {
			bytes += len(res.Messages[i].Body)
		}
		all.Messages = append(all.Messages, res.Messages...)
		all.Exceeded = append(all.Exceeded, res.Exceeded...)
		all.Expired += res.Expired
		all.OverLimit = all.OverLimit || res.OverLimit
		if len(all.Messages)+len(all.Exceeded) >= req.Max || attempt && len(res.Messages) > 0 {
			if k < n-1 {
				dry = dryness{}
			}
			break
		}
	}
	if dry.is {
		s.watchers.dry(req.Queue, dry.next)
	}
	return all, nil
}

// attempted returns in which partition a receive with the same Attempt was served.
func (s *Store) attempted(ctx context.Context, req queue.ReceiveRequest, n int) (partition int, known bool, err error) {
	groups := map[int]int{}
	for p := range n {
		groups[p] = shardOf(req.Queue, p)
	}
	var mu sync.Mutex
	err = parallel(groups, func(p, shard int) error {
		reply, err := s.call(ctx, shard, "attempted", read, s.base(req.Queue, p), digest(req.Attempt))
		if err != nil {
			return err
		}
		if is, _ := reply.(int64); is == 1 {
			mu.Lock()
			defer mu.Unlock()
			partition, known = p, true
		}
		return nil
	})
	return partition, known, err
}
