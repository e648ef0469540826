package storetest

import (
	"fmt"

	"github.com/signalbox-mq/signalbox/queue"
)

// attemptName is the present name of an attempt.
func (r *referee) attemptName(id queue.ID, attempt int) string {
	return fmt.Sprintf("attempt %d.%d", attempt, r.attempts[id][attempt])
}

// repeated judges a receive that must return what an earlier one with its Attempt did.
func (r *referee) repeated(q *queueState, again []*message, req queue.ReceiveRequest, res queue.ReceiveResult) error {
	want := q.repeat(again, req, q.latest)
	for i := range want {
		if i < len(res.Messages) {
			want[i].Receipt.Locator = res.Messages[i].Receipt.Locator
		}
	}
	if err := diff("repeated attempt", res, queue.ReceiveResult{Messages: want}); err != nil {
		return err
	}
	for _, m := range res.Messages {
		r.receipts = append(r.receipts, m.Receipt)
	}
	r.watch.received(q.id, millis(req.Delay), false)
	return nil
}

// doubtAttempts gives up the names of attempts of which a crash leaves it open whether a store knows them, or which of two
// receives with one name.
func (r *referee) doubtAttempts() {
	for id, q := range r.state.queues {
		for n := range 3 {
			if a := q.attempts[r.attemptName(id, n)]; a.forgotten || a.unsure {
				if r.attempts[id] == nil {
					r.attempts[id] = map[int]int{}
				}
				r.attempts[id][n]++
			}
		}
	}
}
