package redisstore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/signalbox-mq/signalbox/queue"
)

// On a cluster no function reaches beyond one slot. What concerns several is done in steps that can be repeated.
//
// An append to queues in several shards first looks whether all of them can take it, and then appends in each. If that fails in
// between, some have it and the caller gets an error. With a token each shard remembers the token, and one that follows from the
// token remembers the results of all, so that a repetition does what is missing and no more.
//
// A settlement that moves a message to another shard, or writes a record there, first holds the message: it stays where it is,
// hidden, and an outbox in its shard remembers what is to be done. Then it appends there, under a token; then it finishes, or
// cancels if the other queue is gone. Whoever finds an old entry in the outbox goes on with it: finishOthers.

// parallel calls f for each key of a map at the same time and returns the errors.
func parallel[V any](groups map[int]V, f func(shard int, group V) error) error {
	if len(groups) == 1 {
		for shard, group := range groups {
			return f(shard, group)
		}
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	var first error
	for shard, group := range groups {
		wg.Go(func() {
			if err := f(shard, group); err != nil {
				mu.Lock()
				defer mu.Unlock()
				// What was refused is more useful to know than what could not be reached.
				if first == nil || errors.Is(first, queue.ErrUnavailable) {
					first = err
				}
			}
		})
	}
	wg.Wait()
	return first
}

func (s *Store) appendScattered(ctx context.Context, req queue.AppendRequest, entries []placed) (queue.AppendResult, error) {
	groups := map[int][]int{}
	for i := range entries {
		shard := entries[0].shard()
		if s.c.scattered() {
			shard = entries[i].shard()
		}
		groups[shard] = append(groups[shard], i)
	}
	if req.Token != "" {
		if res, done, err := s.appendDone(ctx, req); done || err != nil {
			return res, err
		}
	}
	pieces, _ := weigh(entries)
	if len(groups) > 1 || pieces > 1 || req.Token != "" {
		if err := s.checkAlive(ctx, entries, groups); err != nil {
			return queue.AppendResult{}, err
		}
	}
	res := queue.AppendResult{Results: make([]queue.Appended, len(entries))}
	if req.Token != "" {
		begun, err := s.beginAppend(ctx, req, pieces)
		if err != nil {
			return queue.AppendResult{}, err
		}
		// Another call is doing the same, or has broken off. What it has done is not done again.
		res.Repeated, pieces = begun.before, begun.pieces
	}
	var mu sync.Mutex
	err := parallel(groups, func(shard int, indexes []int) error {
		for number, piece := range split(entries, indexes, pieces) {
			part := make([]placed, len(piece))
			for k, i := range piece {
				part[k] = entries[i]
			}
			of := req
			of.Token = pieceToken(req.Token, number, pieces)
			got, err := s.appendTo(ctx, shard, of, part)
			if err != nil {
				return err
			}
			mu.Lock()
			for k, i := range piece {
				if k < len(got.Results) { // fewer if the token was used by a call that was different
					res.Results[i] = got.Results[k]
				}
			}
			mu.Unlock()
		}
		return nil
	})
	if err != nil {
		return queue.AppendResult{}, err
	}
	if req.Token != "" {
		results := putResults(res.Results)
		if !s.c.scattered() {
			results = putTexts(res.Results)
		}
		_, err = s.call(ctx, nameShard(req.Token), "once", durable|idempotent, s.time(req.Now), s.resultsKey(req.Token),
			millis(req.TokenWindow), req.Digest, results)
	}
	return res, err
}

// appendDone returns what an append under the same token has answered.
func (s *Store) appendDone(ctx context.Context, req queue.AppendRequest) (res queue.AppendResult, done bool, err error) {
	reply, err := s.call(ctx, nameShard(req.Token), "done", read, s.time(req.Now), s.resultsKey(req.Token), req.Digest)
	text, _ := reply.(string)
	if err != nil || text == "" {
		return queue.AppendResult{}, false, err
	}
	if s.c.scattered() {
		res, err = repeatedResults(text)
	} else {
		res, err = textResults(text)
	}
	return res, true, err
}

// checkAlive fails if one of the queues can not take anything, so that in most cases none gets something that another one
// refuses.
func (s *Store) checkAlive(ctx context.Context, entries []placed, groups map[int][]int) error {
	return parallel(groups, func(shard int, indexes []int) error {
		if s.c.full(shard) {
			return queue.ErrStoreFull
		}
		for some := range slices.Chunk(indexes, pieceEntries) {
			args := make([]any, 0, 2*len(some))
			for _, i := range some {
				args = append(args, s.base(entries[i].Queue, entries[i].partition), int(entries[i].Kind))
			}
			if _, err := s.call(ctx, shard, "alive", read, args...); err != nil {
				return err
			}
		}
		return nil
	})
}

// putResults writes results as the record of a token: 25 bytes each.
func putResults(results []queue.Appended) []byte {
	b := make([]byte, 0, 25*len(results))
	for _, r := range results {
		b = append(b, r.ID[:]...)
		b = binary.BigEndian.AppendUint64(b, r.Sequence)
		if r.Duplicate {
			b = append(b, 1)
		} else {
			b = append(b, 0)
		}
	}
	return b
}

func repeatedResults(text string) (queue.AppendResult, error) {
	if len(text)%25 != 0 {
		return queue.AppendResult{}, fmt.Errorf("results of a token: %w", queue.ErrCorrupt)
	}
	res := queue.AppendResult{Repeated: true}
	for b := []byte(text); len(b) > 0; b = b[25:] {
		var r queue.Appended
		copy(r.ID[:], b)
		r.Sequence, r.Duplicate = binary.BigEndian.Uint64(b[16:]), b[24] == 1
		res.Results = append(res.Results, r)
	}
	return res, nil
}
