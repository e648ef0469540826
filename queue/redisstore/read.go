package redisstore

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/signalbox-mq/signalbox/queue"
)

// getLimit is how many messages one call of the function reads at most. It also ends at some MiB.
const getLimit = 1000

// Get implements [queue.Store].
func (s *Store) Get(ctx context.Context, now time.Time, id queue.ID, key string) ([]queue.Peeked, error) {
	if err := s.begin(ctx); err != nil {
		return nil, err
	}
	defer s.end()
	if key == "" {
		return nil, nil
	}
	var all []queue.Peeked
	for p := range s.parts.count(id) {
		for after, more := "", true; more; more = after != "" {
			reply, err := s.call(ctx, shardOf(id, p), "get", read, s.time(now), s.base(id, p), digest(key), getLimit, after)
			if err != nil {
				return nil, err
			}
			a := answerOf(reply)
			local := momentOf(now, a.number())
			after = a.text()
			some, err := readPeeked(a, local, id, p)
			if err != nil {
				return nil, err
			}
			all = append(all, some...)
		}
	}
	return all, nil
}

func readPeeked(a *answer, local moment, id queue.ID, partition int) (all []queue.Peeked, err error) {
	for a.more() {
		var p queue.Peeked
		m := &p.Message
		m.Sequence = a.sequence()
		m.Sent = timeOf(a.number())
		m.Receives = int(a.number())
		m.FirstReceived = timeOf(a.number())
		if state := a.text(); state != "" {
			m.State = []byte(state)
		}
		p.Status = queue.Status(a.number())
		p.Due = local.at(a.number())
		key, err := hashOf(a.text())
		if err != nil {
			return nil, err
		}
		p.Key = key
		if err := parseBlob(id, m.Sequence, a.text(), m); err != nil && a.err == nil {
			return nil, err
		}
		p.Position = queue.Position{At: uint64(partition), Sequence: m.Sequence}
		all = append(all, p)
	}
	if a.err != nil {
		return nil, fmt.Errorf("reading queue %d: %w", id, a.err)
	}
	return all, nil
}

// scanLimit and scanBytes bound what one call of the function reads, during which Redis does nothing else.
const (
	scanLimit = 500
	scanBytes = 4 << 20
)

// Scan implements [queue.Store].
func (s *Store) Scan(ctx context.Context, req queue.ScanRequest) (queue.ScanResult, error) {
	if err := s.begin(ctx); err != nil {
		return queue.ScanResult{}, err
	}
	defer s.end()
	if req.Limit < 1 {
		return queue.ScanResult{}, &queue.InvalidError{Field: "limit", Reason: "must be at least 1"}
	}
	if req.Kind == queue.Log {
		req.From.At, req.Until.At = 0, 0
	}
	return s.scan(ctx, req)
}

// scan reads one partition after the other: Position.At is which.
func (s *Store) scan(ctx context.Context, req queue.ScanRequest) (queue.ScanResult, error) {
	res := queue.ScanResult{Next: req.From}
	bytes, last := 0, s.parts.count(req.Queue)-1
	for {
		p := int(res.Next.At)
		until, ends := "", req.Until != (queue.Position{})
		if p > last || ends && (req.Until.At < res.Next.At || req.Until.At == res.Next.At && req.Until.Sequence <= res.Next.Sequence) {
			return res, nil
		}
		if ends && req.Until.At == res.Next.At {
			until = hex16(req.Until.Sequence)
		}
		limit, most := req.Limit-len(res.Messages), scanBytes
		if limit == 0 || req.MaxBytes > 0 && bytes >= req.MaxBytes && len(res.Messages) > 0 {
			limit, most = 1, 1 // whether there is more is asked with the smallest question
		} else if req.MaxBytes > 0 {
			most = min(most, max(req.MaxBytes-bytes, 1))
		}
		reply, err := s.call(ctx, shardOf(req.Queue, p), "scan", read, s.time(req.Now), s.base(req.Queue, p), hex16(res.Next.Sequence), until,
			min(limit, scanLimit), most, int(req.Kind))
		if err != nil {
			return queue.ScanResult{}, err
		}
		a := answerOf(reply)
		local := momentOf(req.Now, a.number())
		more := a.number() == 1
		page, err := readPeeked(a, local, req.Queue, p)
		if err != nil {
			return queue.ScanResult{}, err
		}
		for _, m := range page {
			size := len(m.Message.Body)
			if len(res.Messages) == req.Limit || len(res.Messages) > 0 && req.MaxBytes > 0 && bytes+size > req.MaxBytes {
				res.More = true
				return res, nil
			}
			bytes += size
			res.Messages = append(res.Messages, m)
			res.Next.Sequence = m.Message.Sequence + 1
		}
		if !more {
			if p == last {
				return res, nil
			}
			res.Next = queue.Position{At: uint64(p) + 1}
		}
	}
}

// statsBatch is how many queues one call counts.
const statsBatch = 100

// Stats implements [queue.Store].
func (s *Store) Stats(ctx context.Context, now time.Time, ids []queue.ID) ([]queue.Stats, error) {
	if err := s.begin(ctx); err != nil {
		return nil, err
	}
	defer s.end()
	all := make([]queue.Stats, len(ids))
	var mu sync.Mutex
	err := s.byPart(ids, func(shard int, parts []part) error {
		for some := range slices.Chunk(parts, statsBatch) {
			args := make([]any, 1, 1+len(some))
			args[0] = s.time(now)
			for _, p := range some {
				args = append(args, s.base(ids[p.index], p.partition))
			}
			reply, err := s.call(ctx, shard, "stats", read, args...)
			if err != nil {
				return err
			}
			a := answerOf(reply)
			a.number()
			mu.Lock()
			for _, p := range some {
				addStats(&all[p.index], a)
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

// addStats adds what one partition has.
func addStats(st *queue.Stats, a *answer) {
	add := func(to *int64) { *to += a.number() }
	add(&st.Ready)
	add(&st.Delayed)
	add(&st.InFlight)
	add(&st.Bytes)
	if oldest := timeOf(a.number()); !oldest.IsZero() && (st.OldestSent.IsZero() || oldest.Before(st.OldestSent)) {
		st.OldestSent = oldest
	}
	first, last := a.text(), a.text()
	add(&st.Appended)
	add(&st.Acked)
	add(&st.Moved)
	add(&st.Expired)
	if last != "0" && a.err == nil {
		logEnds(st, first, last, a)
	}
}

// logEnds sets where a log begins and ends, from the sequences of its first entry, if it has any, and of its last.
func logEnds(st *queue.Stats, first, last string, a *answer) {
	end, err := parse16(last)
	if err != nil {
		a.err = err
		return
	}
	st.End = queue.Position{Sequence: end + 1}
	st.First = st.End
	if first != "" {
		begin, err := parse16(first)
		if err != nil {
			a.err = err
			return
		}
		st.First = queue.Position{Sequence: begin}
	}
}
