package storetest

import "github.com/signalbox-mq/signalbox/queue"

// attempt is what a receive with an Attempt handed out.
type attempt struct {
	expires int64
	leases  []attemptedLease
	// forgotten says that it was forgotten by a receive that a crash may undo. unsure says that a crash may undo the receive
	// that handed the messages out, too.
	forgotten, unsure bool
}

// attemptedLease is a lease as it was given.
type attemptedLease struct {
	sequence, nonce uint64
	deadline        int64
}

// startAttempt returns the messages that the receive must return again. If there are none it forgets the attempt; leases that
// stand end if the receive gives none of any length.
func (q *queueState) startAttempt(req queue.ReceiveRequest, ms int64) []*message {
	if q.kind != queue.FIFO || req.Attempt == "" {
		return nil
	}
	a, known := q.attempts[req.Attempt]
	if !known {
		return nil
	}
	var again []*message
	if !a.forgotten && ms < a.expires {
		for _, given := range a.leases {
			m := q.find(given.sequence)
			if m == nil || m.nonce != given.nonce || m.deadline != given.deadline || m.deadline <= ms {
				again = nil
				break
			}
			again = append(again, m)
		}
	}
	if again != nil && millis(req.Visibility) > 0 {
		return again
	}
	for _, m := range again {
		m.deadline, m.vague = ms, true
	}
	a.forgotten = true
	q.attempts[req.Attempt] = a
	return nil
}

// repeat returns messages again.
func (q *queueState) repeat(again []*message, req queue.ReceiveRequest, ms int64) (out []queue.Message) {
	for _, m := range again {
		m.deadline = ms + millis(req.Visibility)
		o := clone(m.stored)
		o.Receipt = queue.Receipt{Queue: q.id, Sequence: m.stored.Sequence, Nonce: m.nonce}
		o.Deadline = at(m.deadline)
		out = append(out, o)
	}
	q.remember(req, ms, out)
	return out
}

// remember notes what a receive with an Attempt handed out.
func (q *queueState) remember(req queue.ReceiveRequest, ms int64, messages []queue.Message) {
	if q.kind != queue.FIFO || req.Attempt == "" || len(messages) == 0 {
		return
	}
	a := attempt{expires: ms + millis(req.AttemptWindow)}
	for _, m := range messages {
		a.leases = append(a.leases, attemptedLease{m.Sequence, m.Receipt.Nonce, m.Deadline.UnixMilli()})
		a.unsure = a.unsure || m.Group == ""
	}
	q.attempts[req.Attempt] = a
}

// forgetAttempts forgets those whose window has passed.
func (q *queueState) forgetAttempts() {
	for name, a := range q.attempts {
		if a.expires <= q.latest {
			delete(q.attempts, name)
		}
	}
}
