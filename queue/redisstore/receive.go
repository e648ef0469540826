package redisstore

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/signalbox-mq/signalbox/queue"
)

// Receive implements [queue.Store].
func (s *Store) Receive(ctx context.Context, req queue.ReceiveRequest) (queue.ReceiveResult, error) {
	switch {
	case req.Kind == queue.Log:
		return queue.ReceiveResult{}, queue.ErrKind
	case req.Max < 1:
		return queue.ReceiveResult{}, &queue.InvalidError{Field: "max", Reason: "must be at least 1"}
	case req.Kind == queue.FIFO && len(req.Attempt) > queue.MaxAttempt:
		return queue.ReceiveResult{}, &queue.InvalidError{Field: "attempt", Reason: fmt.Sprintf("must be at most %d bytes", queue.MaxAttempt)}
	}
	if err := s.begin(ctx); err != nil {
		return queue.ReceiveResult{}, err
	}
	defer s.end()
	req.MaxBytes = max(req.MaxBytes, 0)
	if n := s.parts.count(req.Queue); n > 1 {
		return s.receivePartitions(ctx, req, n)
	}
	res, dry, err := s.receiveFrom(ctx, 0, req)
	if dry.is {
		s.watchers.dry(req.Queue, dry.next)
	}
	return res, err
}

// dryness says that a receive has left nothing that is receivable, and when there will be something: zero for never.
type dryness struct {
	is   bool
	next time.Time
}

// allDry is that of no partitions.
var allDry = dryness{is: true}

// and is that of two partitions together.
func (d dryness) and(o dryness) dryness {
	if d.next.IsZero() || !o.next.IsZero() && o.next.Before(d.next) {
		d.next = o.next
	}
	d.is = d.is && o.is
	return d
}

// receiveFrom receives from one partition. A MaxBytes of -n-1 is n, which the first message must keep too; then the caller has
// received something already.
//
// A call of the function removes some hundreds of old messages, or goes past a thousand groups that must wait, and then ends, be
// there more or not, so that Redis comes to do what others ask for. An answer for which nobody knows whether it is all there is
// says so. One without messages is no answer to the caller, who would take the queue for empty.
func (s *Store) receiveFrom(ctx context.Context, partition int, req queue.ReceiveRequest) (queue.ReceiveResult, dryness, error) {
	for expired := 0; ; {
		res, dry, worn, err := s.receiveOnce(ctx, partition, req)
		if err != nil {
			return queue.ReceiveResult{}, dryness{}, err
		}
		expired += res.Expired
		if !worn || len(res.Messages)+len(res.Exceeded) > 0 || req.MaxBytes < 0 {
			res.Expired = expired
			return res, dry, nil
		}
	}
}

// receiveOnce calls the function. It is worn if it has ended before it has found out what there is.
func (s *Store) receiveOnce(ctx context.Context, partition int, req queue.ReceiveRequest) (res queue.ReceiveResult, dry dryness, worn bool, err error) {
	flags := callFlags(0)
	if req.Kind == queue.FIFO {
		flags = durable // or a crash would break the order within a group
	}
	reply, err := s.call(ctx, shardOf(req.Queue, partition), "receive", flags, s.time(req.Now), s.base(req.Queue, partition), req.Max,
		req.MaxBytes, millis(req.Visibility), max(req.MaxReceives, 0), max(req.MaxInFlight, 0), millis(req.Delay),
		millis(req.Retention), digest(req.Attempt), millis(req.AttemptWindow), int(req.Kind))
	if err != nil {
		return queue.ReceiveResult{}, dryness{}, false, err
	}
	a := answerOf(reply)
	local := momentOf(req.Now, a.number())
	a.number() // the queue's own time
	res = queue.ReceiveResult{Expired: int(a.number()), OverLimit: a.number() == 1}
	is, next := a.number(), a.number()
	var firstErr error
	for a.more() {
		var m queue.Message
		exceeded, err := readHandedOut(a.text(), local, &m)
		if err != nil && a.err == nil {
			a.err = err
		}
		m.Receipt.Queue, m.Receipt.Locator = req.Queue, uint64(partition)
		if err := parseBlob(req.Queue, m.Sequence, a.text(), &m); err != nil && firstErr == nil {
			firstErr = err
		}
		if exceeded {
			res.Exceeded = append(res.Exceeded, m)
		} else {
			res.Messages = append(res.Messages, m)
		}
	}
	if a.err != nil {
		return queue.ReceiveResult{}, dryness{}, false, fmt.Errorf("receiving: %w", a.err)
	}
	if firstErr != nil {
		return queue.ReceiveResult{}, dryness{}, false, firstErr
	}
	return res, dryness{is == 1, local.at(next)}, is == 2, nil
}

// handedOut is the length of what hand_out in 40_receive.lua writes, without the state at its end.
const handedOut = 16 + 16 + 4 + 8 + 8 + 1 + 8 + 4

// readHandedOut reads what the functions know of a message that they hand out.
func readHandedOut(text string, local moment, m *queue.Message) (exceeded bool, err error) {
	if len(text) < handedOut {
		return false, errReply
	}
	if m.Sequence, err = parse16(text[:16]); err != nil {
		return false, err
	}
	m.Receipt.Sequence = m.Sequence
	if m.Receipt.Nonce, err = parse16(text[16:32]); err != nil {
		return false, err
	}
	b := []byte(text[32:])
	m.Receives = int(binary.BigEndian.Uint32(b))
	m.FirstReceived = timeOf(int64(binary.BigEndian.Uint64(b[4:])))
	m.Deadline = local.at(int64(binary.BigEndian.Uint64(b[12:])))
	m.Sent = timeOf(int64(binary.BigEndian.Uint64(b[21:])))
	if state := b[33:]; len(state) > 0 {
		m.State = state
	}
	return b[20] == 1, nil
}
