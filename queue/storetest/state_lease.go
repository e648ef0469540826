package storetest

import (
	"errors"
	"time"

	"github.com/signalbox-mq/signalbox/queue"
)

// lease hands a message out at ms under a nonce, as a receive does. It reports whether the message had exceeded max receives.
func (q *queueState) lease(m *message, ms int64, req queue.ReceiveRequest, nonce uint64) (out queue.Message, exceeded bool) {
	exceeded = req.MaxReceives > 0 && m.stored.Receives >= req.MaxReceives
	if !exceeded {
		m.stored.Receives++
		if m.stored.FirstReceived.IsZero() {
			m.stored.FirstReceived = at(ms)
		}
	}
	m.held, m.undone, m.uncounted = true, false, exceeded
	visibility := req.Visibility
	if exceeded {
		visibility = max(visibility, queue.ExceededLease)
	}
	m.nonce, m.leased, m.deadline = nonce, ms, ms+millis(visibility)
	m.released, m.notBefore = false, 0
	m.vague = m.deadline == ms
	out = clone(m.stored)
	out.Receipt = queue.Receipt{Queue: q.id, Sequence: m.stored.Sequence, Nonce: nonce}
	out.Deadline = at(m.deadline)
	return out, exceeded
}

// tooOld says whether retention has passed for m.
func tooOld(m *message, ms int64, retention time.Duration) bool {
	return retention > 0 && m.stored.Sent.UnixMilli()+millis(retention) <= ms
}

// verdict is one outcome of a settlement or an extension: nil error is success.
type verdict struct {
	err  error
	gone bool
}

func succeeds() verdict       { return verdict{} }
func isGone() verdict         { return verdict{gone: true} }
func fails(err error) verdict { return verdict{err: err} }

func (v verdict) String() string {
	switch {
	case v.gone:
		return "gone"
	case v.err == nil:
		return "success"
	}
	return v.err.Error()
}

// matches says whether an answer is this verdict.
func (v verdict) matches(err error, gone bool) bool {
	if v.err == nil {
		return err == nil && gone == v.gone
	}
	var want, got *queue.DroppedError
	if errors.As(v.err, &want) {
		return errors.As(err, &got) && got.Queue == want.Queue && errors.Is(err, queue.ErrDropped) && !gone
	}
	return errors.Is(err, v.err) && !gone
}

// judge lists what may come of a settlement at now; the first is what the Model does. There is more than one only where the
// contract does not decide.
func (s *state) judge(now time.Time, st queue.Settlement) []verdict {
	r := st.Receipt
	q := s.get(r.Queue)
	// Reading: a move to a log, or a record that is none, is wrong whether or not the message is there.
	missing := []verdict{isGone()}
	for _, v := range s.refusals(st) {
		if v.err == queue.ErrKind {
			missing = append(missing, v)
		}
	}
	switch {
	case s.dropped[r.Queue]:
		return missing
	case q == nil || r.Sequence == 0:
		// Reading: a receipt that no receive can have given is invalid; a store may also just not find the message.
		return append(missing, fails(queue.ErrReceiptInvalid))
	case q.kind == queue.Log:
		return []verdict{fails(queue.ErrKind), fails(queue.ErrReceiptInvalid), isGone()}
	}
	ms := q.clock(now)
	m := q.find(r.Sequence)
	if m == nil {
		return missing
	}
	latest := m.held && m.nonce == r.Nonce
	bad := s.refusals(st)
	switch {
	case q.grouped(m):
		if !latest || m.deadline <= ms {
			return append([]verdict{fails(queue.ErrReceiptExpired)}, bad...)
		}
	case st.Action == queue.Ack:
	case !latest && !m.undone:
		return append([]verdict{fails(queue.ErrReceiptExpired)}, bad...)
	}
	if len(bad) == 0 {
		bad = []verdict{succeeds()}
	}
	if st.Action != queue.Ack && (m.released || m.undone) {
		// Reading: a release ends the lease, so its receipt is expired for a second one; but it is also still the latest.
		return append([]verdict{fails(queue.ErrReceiptExpired)}, bad...)
	}
	return bad
}

// refusals lists what is wrong with a settlement whatever its receipt. Which of several errors is named is the store's choice.
func (s *state) refusals(st queue.Settlement) (bad []verdict) {
	if st.Record != nil {
		if st.Record.Kind != queue.Log {
			bad = append(bad, fails(queue.ErrKind))
		}
		if s.dropped[st.Record.Queue] {
			bad = append(bad, fails(&queue.DroppedError{Queue: st.Record.Queue}))
		}
	}
	if st.Action == queue.Move {
		if st.To.Kind == queue.Log {
			bad = append(bad, fails(queue.ErrKind))
		}
		if s.dropped[st.To.Queue] {
			bad = append(bad, fails(&queue.DroppedError{Queue: st.To.Queue}))
		}
	}
	return bad
}

// settle carries out a settlement that succeeded and whose message was not gone.
func (s *state) settle(now time.Time, st queue.Settlement, move, record sequencer) (out queue.SettleResult) {
	q := s.get(st.Receipt.Queue)
	ms := q.clock(now)
	m := q.find(st.Receipt.Sequence)
	switch st.Action {
	case queue.Ack:
		q.remove(m)
		q.acked++
	case queue.Release:
		q.loosen(m)
		m.deadline, m.released, m.vague = 0, true, false
		m.notBefore = ms
		if n := st.NotBefore.UnixMilli(); !st.NotBefore.IsZero() && n > ms {
			m.notBefore = n
		}
		if st.State != nil {
			m.stored.State = append([]byte{}, st.State...)
		}
	case queue.Move:
		q.remove(m)
		q.moved++
		to := s.need(st.To.Queue, st.To.Kind)
		at := to.clock(now)
		n := moved(q.id, m, st.To, at)
		n.stored.Sequence = move(to, at)
		s.place(to, n, millis(st.To.Delay), 0, at)
		out.Moved = queue.Appended{ID: n.stored.ID, Sequence: n.stored.Sequence}
	}
	if st.Record != nil {
		log := s.need(st.Record.Queue, st.Record.Kind)
		out.Record = s.push(*st.Record, log.clock(now), record)
	}
	return out
}

// judgeExtension lists what may come of an extension.
func (s *state) judgeExtension(now time.Time, x queue.Extension) []verdict {
	r := x.Receipt
	q := s.get(r.Queue)
	switch {
	case q == nil || r.Sequence == 0:
		return []verdict{fails(queue.ErrNotInFlight), fails(queue.ErrReceiptInvalid)}
	case q.kind == queue.Log:
		return []verdict{fails(queue.ErrKind), fails(queue.ErrNotInFlight), fails(queue.ErrReceiptInvalid)}
	}
	ms := q.clock(now)
	m := q.find(r.Sequence)
	if m == nil {
		return []verdict{fails(queue.ErrNotInFlight)}
	}
	latest := m.held && m.nonce == r.Nonce
	held := m.deadline > ms
	either := []verdict{fails(queue.ErrNotInFlight), fails(queue.ErrReceiptExpired)}
	switch {
	case !latest && m.undone:
		// The lease before the undone one may be the latest again.
		return append(either, succeeds(), fails(queue.ErrVisibilityLimit))
	case !latest && held && !q.grouped(m):
		return either[:1]
	case !latest:
		// Another receive had it and holds it no more, or holds it and the receipt's own deadline passed too: both names fit.
		return either
	case q.grouped(m) && m.released:
		return either
	case q.grouped(m) && !held:
		return either[1:]
	}
	var out []verdict
	if m.released || m.undone {
		// Reading: after a release there is no lease to extend, yet nobody received the message since.
		out = either
	}
	if x.MaxTotal > 0 && ms+millis(x.Visibility) > m.leased+millis(x.MaxTotal) {
		out = append(out, fails(queue.ErrVisibilityLimit))
		if x.Visibility > 0 {
			return out
		}
	}
	return append([]verdict{succeeds()}, out...)
}

// extend carries out an extension that succeeded.
func (s *state) extend(now time.Time, x queue.Extension) {
	q := s.get(x.Receipt.Queue)
	ms := q.clock(now)
	m := q.find(x.Receipt.Sequence)
	q.loosen(m)
	m.deadline = ms + millis(x.Visibility)
	m.released, m.notBefore = false, 0
	m.vague = m.deadline == ms
}
