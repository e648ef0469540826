package pebblestore

import (
	"encoding/binary"
	"hash/crc32"

	"github.com/signalbox-mq/signalbox/queue"
)

// Receive attempts: what a receive from a FIFO queue handed out under a name, so that the same can be handed out again.

// attemptRecord is what a z record holds: a version byte, expiry, per message its sequence and its lease's nonce and
// deadline, and a CRC-32C.
type attemptRecord struct {
	expires int64
	leases  []attemptedLease
}

type attemptedLease struct {
	seq, nonce uint64
	deadline   int64
}

const attemptFixed = 1 + 8 + 4

func (t *tx) putAttempt(l *lane, h h128, expires int64, leases []*lease) error {
	b := make([]byte, 0, attemptFixed+24*len(leases))
	b = binary.BigEndian.AppendUint64(append(b, 1), uint64(expires))
	for _, le := range leases {
		b = binary.BigEndian.AppendUint64(b, le.seq)
		b = binary.BigEndian.AppendUint64(b, le.nonce)
		b = binary.BigEndian.AppendUint64(b, uint64(le.deadline))
	}
	b = binary.BigEndian.AppendUint32(b, crc32.Checksum(b, crcTable()))
	if err := t.set(keyHash(t.key[:0], l.id, subAttempt, h), b); err != nil {
		return err
	}
	return t.set(keyExpiryAttempt(t.key[:0], expiryMinute(expires), l.id, h), nil)
}

func parseAttempt(v []byte, q queue.ID) (a attemptRecord, err error) {
	if len(v) < attemptFixed || (len(v)-attemptFixed)%24 != 0 {
		return a, corrupt(q, 0, "attempt record: wrong length")
	}
	if msg := checked(v, len(v)); msg != "" {
		return a, corrupt(q, 0, "attempt record: "+msg)
	}
	r := reader{b: v[1 : len(v)-4]}
	a.expires = r.i64()
	for len(r.b) > 0 {
		a.leases = append(a.leases, attemptedLease{seq: r.u64(), nonce: r.u64(), deadline: r.i64()})
	}
	return a, nil
}

// standing returns the leases that an attempt gave if it counts still and all of them stand as they were given, or none.
func (l *lane) standing(a *attemptRecord) (leases []*lease) {
	if a.expires <= l.state.clock {
		return nil
	}
	for _, given := range a.leases {
		le := l.leases[given.seq]
		if le == nil || le.nonce != given.nonce || le.deadline != given.deadline || le.deadline <= l.state.clock {
			return nil
		}
		leases = append(leases, le)
	}
	return leases
}

// repeat hands out again what an earlier receive with the same attempt did. If there is no such thing, what is known of the
// attempt is forgotten.
func (rx *receiver) repeat() (repeated bool, err error) {
	t, l, req := rx.t, rx.l, rx.req
	if req.Attempt == "" || req.Kind != queue.FIFO {
		return false, nil
	}
	rx.attempt = hash(req.Attempt)
	key := keyHash(nil, l.id, subAttempt, rx.attempt)
	v, err := t.getCopy(key)
	if err != nil || v == nil {
		return false, err
	}
	a, err := parseAttempt(v, l.id)
	if err != nil {
		return false, err
	}
	leases, visibility := l.standing(&a), req.Visibility.Milliseconds()
	if len(leases) == 0 || visibility <= 0 {
		for _, le := range leases {
			if err := t.endLease(l, le, rx.now); err != nil {
				return false, err
			}
		}
		return false, t.delete(key)
	}
	for _, le := range leases {
		l.setDeadline(le, addMillis(rx.now, visibility))
		if err := t.set(key1(t.key[:0], l.id, subLease, le.seq), putLease(t.val[:0], le)); err != nil {
			return false, err
		}
		record, _, err := rx.read(le.position())
		if err != nil {
			return false, err
		}
		m, err := rx.message(le, record)
		if err != nil {
			return false, err
		}
		rx.res.Messages = append(rx.res.Messages, m)
	}
	rx.given = leases
	return true, rx.remember()
}

// remember notes what a receive with an attempt handed out, Exceeded left out.
func (rx *receiver) remember() error {
	req := rx.req
	if req.Attempt == "" || req.Kind != queue.FIFO || len(rx.given) == 0 || req.Visibility.Milliseconds() <= 0 {
		return nil // leases of no length never stand
	}
	expires := addMillis(rx.now, max(req.AttemptWindow.Milliseconds(), 0))
	return rx.t.putAttempt(rx.l, rx.attempt, expires, rx.given)
}
