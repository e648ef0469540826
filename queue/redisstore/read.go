package redisstore

import (
	"context"
	"fmt"
	"time"

	"github.com/signalbox-mq/signalbox/queue"
)

// Get implements [queue.Store].
func (s *Store) Get(ctx context.Context, now time.Time, id queue.ID, key string) ([]queue.Peeked, error) {
	if err := s.begin(ctx); err != nil {
		return nil, err
	}
	defer s.end()
	if key == "" {
		return nil, nil
	}
	reply, err := s.call(ctx, shardOf(id, 0), "get", read, s.time(now), s.base(id, 0), digest(key))
	if err != nil {
		return nil, err
	}
	a := answerOf(reply)
	return readPeeked(a, momentOf(now, a.number()), id)
}

func readPeeked(a *answer, local moment, id queue.ID) (all []queue.Peeked, err error) {
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
		if err := parseBlob(id, m.Sequence, a.text(), m); err != nil && a.err == nil {
			return nil, err
		}
		p.Position = queue.Position{Sequence: m.Sequence}
		all = append(all, p)
	}
	if a.err != nil {
		return nil, fmt.Errorf("reading queue %d: %w", id, a.err)
	}
	return all, nil
}

// scanLimit bounds what one call of the function reads, during which Redis does nothing else.
const scanLimit = 500

// Scan implements [queue.Store].
func (s *Store) Scan(ctx context.Context, req queue.ScanRequest) (queue.ScanResult, error) {
	if err := s.begin(ctx); err != nil {
		return queue.ScanResult{}, err
	}
	defer s.end()
	if req.Limit < 1 {
		return queue.ScanResult{}, &queue.InvalidError{Field: "limit", Reason: "must be at least 1"}
	}
	res := queue.ScanResult{Next: req.From}
	if req.Until != (queue.Position{}) && req.Until.Sequence <= req.From.Sequence {
		return res, nil
	}
	until := ""
	if req.Until != (queue.Position{}) {
		until = hex16(req.Until.Sequence)
	}
	bytes := 0
	for len(res.Messages) < req.Limit {
		most := 0
		if req.MaxBytes > 0 {
			if most = req.MaxBytes - bytes; most <= 0 && len(res.Messages) > 0 {
				// Whether there is more is asked with the smallest question.
				most = 1
			}
		}
		reply, err := s.call(ctx, shardOf(req.Queue, 0), "scan", read, s.time(req.Now), s.base(req.Queue, 0), hex16(res.Next.Sequence), until,
			min(req.Limit-len(res.Messages), scanLimit), most)
		if err != nil {
			return queue.ScanResult{}, err
		}
		a := answerOf(reply)
		local := momentOf(req.Now, a.number())
		res.More = a.number() == 1
		page, err := readPeeked(a, local, req.Queue)
		if err != nil {
			return queue.ScanResult{}, err
		}
		for _, p := range page {
			size := len(p.Message.Body)
			if len(res.Messages) > 0 && req.MaxBytes > 0 && bytes+size > req.MaxBytes {
				res.More = true
				return res, nil
			}
			bytes += size
			res.Messages = append(res.Messages, p)
			res.Next = queue.Position{Sequence: p.Message.Sequence + 1}
		}
		if !res.More {
			break
		}
	}
	return res, nil
}

// Stats implements [queue.Store].
func (s *Store) Stats(ctx context.Context, now time.Time, ids []queue.ID) ([]queue.Stats, error) {
	if err := s.begin(ctx); err != nil {
		return nil, err
	}
	defer s.end()
	all := make([]queue.Stats, len(ids))
	err := s.byShard(ids, func(shard int, indexes []int) error {
		args := make([]any, 1, 1+len(indexes))
		args[0] = s.time(now)
		for _, i := range indexes {
			args = append(args, s.base(ids[i], 0))
		}
		reply, err := s.call(ctx, shard, "stats", read, args...)
		if err != nil {
			return err
		}
		a := answerOf(reply)
		a.number()
		for _, i := range indexes {
			st := &all[i]
			st.Ready, st.Delayed, st.InFlight, st.Bytes = a.number(), a.number(), a.number(), a.number()
			st.OldestSent = timeOf(a.number())
			first, last := a.text(), a.text()
			st.Appended, st.Acked, st.Moved, st.Expired = a.number(), a.number(), a.number(), a.number()
			if last != "0" && a.err == nil {
				logEnds(st, first, last, a)
			}
		}
		return a.err
	})
	return all, err
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

// byShard calls f for each shard that queues lie on, or once where all shards are in one place.
func (s *Store) byShard(ids []queue.ID, f func(shard int, indexes []int) error) error {
	if len(ids) == 0 {
		return nil
	}
	groups := map[int][]int{}
	for i, id := range ids {
		shard := 0
		if s.c.scattered() {
			shard = shardOf(id, 0)
		}
		groups[shard] = append(groups[shard], i)
	}
	for shard, indexes := range groups {
		if err := f(shard, indexes); err != nil {
			return err
		}
	}
	return nil
}
