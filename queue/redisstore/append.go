package redisstore

import (
	"context"
	"fmt"

	"github.com/signalbox-mq/signalbox/queue"
)

// Append implements [queue.Store]. See scatter.go for queues in several slots of a cluster.
func (s *Store) Append(ctx context.Context, req queue.AppendRequest) (queue.AppendResult, error) {
	if len(req.Entries) == 0 {
		return queue.AppendResult{}, &queue.InvalidError{Field: "entries", Reason: "must not be empty"}
	}
	if err := s.begin(ctx); err != nil {
		return queue.AppendResult{}, err
	}
	defer s.end()
	entries := s.place(req.Entries, req.Token)
	home := entries[0].shard()
	scattered := s.c.scattered() && req.Token != ""
	if s.c.scattered() {
		for i := range entries {
			scattered = scattered || entries[i].shard() != home
		}
	}
	if scattered {
		return s.appendScattered(ctx, req, entries)
	}
	return s.appendTo(ctx, home, req, entries)
}

// appendTo appends with one call. The request's entries are those given.
func (s *Store) appendTo(ctx context.Context, shard int, req queue.AppendRequest, entries []placed) (queue.AppendResult, error) {
	if s.c.full(shard) {
		return queue.AppendResult{}, queue.ErrStoreFull
	}
	args := make([]any, 0, 4+entrySize*len(entries))
	args = append(args, s.time(req.Now), s.tokenKey(shard, req.Token), millis(req.TokenWindow), req.Digest)
	for i := range entries {
		args = s.appendEntry(args, &entries[i])
	}
	reply, err := s.call(ctx, shard, "append", durable, args...)
	if err != nil {
		return queue.AppendResult{}, err
	}
	a := answerOf(reply)
	res := queue.AppendResult{Repeated: a.number() == 1, Results: make([]queue.Appended, 0, len(entries))}
	for a.more() {
		var r queue.Appended
		if n := copy(r.ID[:], a.text()); n != len(r.ID) && a.err == nil {
			a.err = errReply
		}
		r.Sequence = a.sequence()
		r.Duplicate = a.number() == 1
		res.Results = append(res.Results, r)
	}
	if a.err != nil {
		return queue.AppendResult{}, fmt.Errorf("appending: %w", a.err)
	}
	return res, nil
}

// tokenKey returns the key of an idempotency token: on a cluster one in the shard that is appended to, elsewhere one that
// follows from the token alone.
func (s *Store) tokenKey(shard int, token string) string {
	if token == "" {
		return ""
	}
	if !s.c.scattered() {
		shard = nameShard(token)
	}
	return s.c.tag(shard) + ":t:" + digest(token)
}

// entrySize is how many arguments an entry takes; see 30_append.lua.
const entrySize = 12

func (s *Store) appendEntry(args []any, e *placed) []any {
	m := &e.Message
	var sent any = ""
	if !m.Sent.IsZero() {
		sent = m.Sent.UnixMilli()
	}
	group := ""
	if e.Kind != queue.Log {
		group = digest(m.Group)
	}
	return append(args, s.base(e.Queue, e.partition), int(e.Kind), millis(e.Delay), digest(e.Dedup), millis(e.DedupWindow), group, digest(e.Key),
		sent, m.Size(), len(m.Body), "", putBlob(e.Queue, m))
}
