package redisstore

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/signalbox-mq/signalbox/queue"
)

// Append implements [queue.Store]. See scatter.go for queues in several slots of a cluster, and pieces.go for very many.
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
	// What may have been a larger append when it was called under its token before is treated like one.
	if pieces, near := weigh(entries); scattered || pieces > 1 || near && req.Token != "" {
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
		args = s.appendEntry(args, &entries[i], req.Now)
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

func (s *Store) appendEntry(args []any, e *placed, now time.Time) []any {
	m := &e.Message
	var sent any = ""
	if !m.Sent.IsZero() {
		sent = m.Sent.UnixMilli()
	}
	group := ""
	if e.Kind != queue.Log {
		group = digest(m.Group)
	}
	key, known := digest(e.Key), []byte(nil)
	if e.Prior != nil {
		known = putPrior(e.Prior, e.Kind, now)
		if key == "" && e.Prior.Key != (queue.KeyHash{}) {
			key = digestOf(e.Prior.Key)
		}
	}
	return append(args, s.base(e.Queue, e.partition), int(e.Kind), millis(e.Delay), digest(e.Dedup), millis(e.DedupWindow), group, key,
		sent, m.Size(), len(m.Body), known, putBlob(e.Queue, m))
}

// putPrior writes what a message has behind it as the functions read it: see unpack_known in 30_append.lua. Until when it waits is
// written as for how long from now on.
func putPrior(p *queue.Prior, kind queue.Kind, now time.Time) []byte {
	if kind == queue.Log {
		return appendPrior(nil, &queue.Prior{}, 0, p.Sequence)
	}
	wait := int64(0)
	if !p.Due.IsZero() {
		wait = max(0, p.Due.UnixMilli()-now.UnixMilli())
	}
	return appendPrior(nil, p, wait, 0)
}

func appendPrior(b []byte, p *queue.Prior, wait int64, sequence uint64) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(p.Receives))
	b = binary.BigEndian.AppendUint64(b, uint64(unix(p.FirstReceived)))
	b = binary.BigEndian.AppendUint32(b, uint32(len(p.State)))
	b = append(b, p.State...)
	b = binary.BigEndian.AppendUint64(b, uint64(wait))
	if sequence == 0 {
		return b
	}
	return append(b, hex16(sequence)...)
}
