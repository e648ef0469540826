package pebblestore

import (
	"context"
	"math"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/signalbox-mq/signalbox/queue"
)

// Scan implements [queue.Store].
func (s *Store) Scan(ctx context.Context, req queue.ScanRequest) (queue.ScanResult, error) {
	none := queue.ScanResult{Next: req.From}
	if err := s.begin(ctx); err != nil {
		return queue.ScanResult{}, err
	}
	defer s.end()
	if req.Limit < 1 {
		return queue.ScanResult{}, &queue.InvalidError{Field: "limit", Reason: "must be at least 1"}
	}
	l, err := s.lockOne(req.Queue, req.Now.UnixMilli())
	if err != nil {
		return queue.ScanResult{}, err
	}
	if err := l.checkKind(req.Kind); err != nil || !l.exists() {
		l.mu.Unlock()
		return none, err
	}
	if req.Kind == queue.Log {
		low, ticket := l.state.lowGroup, l.ticket
		l.mu.Unlock() // a log's entries do not change
		return s.scanLog(&req, l, low, ticket)
	}
	defer l.mu.Unlock()
	t := &tx{s: s}
	sc := scanner{t: t, l: l, req: &req, res: none}
	if l.state.grouped > 0 {
		low := position{0, max(l.state.lowGroup, l.lookFromGroup)}
		if err := sc.run(subMessage, low, position{0, math.MaxUint64}); err != nil {
			return queue.ScanResult{}, err
		}
	}
	if !sc.full {
		low := l.state.low
		if low.less(l.lookFrom) {
			low = l.lookFrom
		}
		low.at = max(low.at, 1)
		if err := sc.run(subMessage, low, nowhere); err != nil {
			return queue.ScanResult{}, err
		}
	}
	return sc.res, nil
}

// scanLog reads a log. Before it returns, what it read is durable: who goes on from Next must not miss an entry that
// takes the place of one lost in a crash.
func (s *Store) scanLog(req *queue.ScanRequest, l *lane, low, ticket uint64) (queue.ScanResult, error) {
	sc := scanner{t: &tx{s: s}, l: l, req: req, res: queue.ScanResult{Next: req.From}}
	if err := sc.run(subLog, position{0, low}, nowhere); err != nil {
		return queue.ScanResult{}, err
	}
	if len(sc.res.Messages) > 0 {
		if err := s.barrier(ticket); err != nil {
			return queue.ScanResult{}, err
		}
	}
	return sc.res, nil
}

// scanner collects the answer to a Scan.
type scanner struct {
	t     *tx
	l     *lane
	req   *queue.ScanRequest
	bytes int
	full  bool
	res   queue.ScanResult
}

// run reads what lies from low on and before high, as far as the request goes.
func (sc *scanner) run(sub byte, low, high position) (err error) {
	from := position{sc.req.From.At, sc.req.From.Sequence}
	until := position{sc.req.Until.At, sc.req.Until.Sequence}
	if low.less(from) {
		low = from
	}
	if until != (position{}) && until.less(high) {
		high = until
	}
	if !low.less(high) {
		return nil
	}
	var lower, upper []byte
	if sub == subLog {
		lower, upper = key1(nil, sc.l.id, sub, low.seq), key1(nil, sc.l.id, sub, high.seq)
	} else {
		lower, upper = key2(nil, sc.l.id, sub, low.at, low.seq), key2(nil, sc.l.id, sub, high.at, high.seq)
	}
	it, err := sc.t.iter(lower, upper)
	if err != nil {
		return err
	}
	defer closeIter(it, &err)
	for ok := it.First(); ok && !sc.full; ok = it.Next() {
		if err := sc.take(it, sub); err != nil {
			return err
		}
	}
	return nil
}

func (sc *scanner) take(it *pebble.Iterator, sub byte) error {
	p := position{0, tail8(it.Key())}
	if sub != subLog {
		p.at, p.seq = tail16(it.Key())
	}
	var h messageHeader
	if _, err := parseHeader(&h, it.Value(), sc.l.id, p.seq); err != nil {
		return err
	}
	sc.bytes += int(h.body)
	if n := len(sc.res.Messages); n == sc.req.Limit || n > 0 && sc.req.MaxBytes > 0 && sc.bytes > sc.req.MaxBytes {
		sc.res.More, sc.full = true, true
		return nil
	}
	peeked, err := sc.t.peek(sc.l, p, append([]byte(nil), it.Value()...))
	if err != nil {
		return err
	}
	sc.res.Messages = append(sc.res.Messages, peeked)
	sc.res.Next = queue.Position{At: p.at, Sequence: p.seq + 1}
	return nil
}

// peek makes what a Scan or Get returns of a message's record, which it takes over. Except for a log's, the lane is
// locked.
func (t *tx) peek(l *lane, p position, record []byte) (queue.Peeked, error) {
	out := queue.Peeked{Position: queue.Position{At: p.at, Sequence: p.seq}}
	m := &out.Message
	var h messageHeader
	if err := t.readMessage(m, &h, record, l.id, p.seq); err != nil {
		return out, err
	}
	out.Key = queue.KeyHash(h.key)
	if l.state.kind == queue.Log {
		return out, nil
	}
	le := l.leases[p.seq]
	switch {
	case le != nil:
		if le.deadline > l.state.clock {
			out.Status, out.Due = queue.InFlight, timeOf(le.deadline)
		}
	case p.at == 0:
		le = leaseOf(&h, p)
		if err := t.findInGroup(l, le); err != nil {
			return out, err
		}
		if le.waiting && le.deadline > l.state.clock {
			out.Status, out.Due = queue.Delayed, timeOf(le.deadline)
		}
	default:
		le = leaseOf(&h, p)
		if int64(p.at) > l.state.clock {
			out.Status, out.Due = queue.Delayed, timeOf(int64(p.at))
		}
	}
	m.Receives, m.FirstReceived = int(le.receives), timeOf(le.first)
	if le.flags&flagState != 0 {
		return out, t.readState(m, l.id, p.seq)
	}
	return out, nil
}

// Get implements [queue.Store].
func (s *Store) Get(ctx context.Context, now time.Time, id queue.ID, key string) (found []queue.Peeked, err error) {
	if err := s.begin(ctx); err != nil {
		return nil, err
	}
	defer s.end()
	l, err := s.lockOne(id, now.UnixMilli())
	if err != nil {
		return nil, err
	}
	defer l.mu.Unlock()
	if !l.exists() || key == "" {
		return nil, nil
	}
	t := &tx{s: s}
	h := hash(key)
	it, err := t.iter(keyHash1(nil, id, subKey, h, 0), keyHash1(nil, id, subKey, h, math.MaxUint64))
	if err != nil {
		return nil, err
	}
	defer closeIter(it, &err)
	for ok := it.First(); ok; ok = it.Next() {
		p := position{0, tail8(it.Key())}
		if p.at, err = parsePlace(it.Value(), id, p.seq); err != nil {
			return nil, err
		}
		k := key2(t.key[:0], id, subMessage, p.at, p.seq)
		if l.state.kind == queue.Log {
			k = key1(t.key[:0], id, subLog, p.seq)
		}
		record, err := t.getCopy(k)
		if err != nil {
			return nil, err
		}
		if record == nil {
			return nil, corrupt(id, p.seq, "the index by key names a message that is not there")
		}
		peeked, err := t.peek(l, p, record)
		if err != nil {
			return nil, err
		}
		found = append(found, peeked)
	}
	return found, nil
}
