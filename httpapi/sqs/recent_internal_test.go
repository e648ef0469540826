package sqs

import (
	"strconv"
	"testing"
	"time"

	"github.com/signalbox-mq/signalbox/queue"
)

func TestRecent(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_700_000_000, 0)
	const wait = time.Minute
	var r recent
	q := queue.Name{Name: "q"}
	r.done(q, now, 0)
	if r.since(q, now, wait) || r.at != nil {
		t.Error("what nobody waits for was noted")
	}
	r.done(q, now, wait)
	if !r.since(q, now.Add(wait-1), wait) || r.since(q, now.Add(wait), wait) || r.since(queue.Name{Name: "p"}, now, wait) || r.since(q, now, 0) {
		t.Error("the wait is not a minute of one queue")
	}
	for i := range maxRecent + 10 {
		r.done(queue.Name{Name: strconv.Itoa(i)}, now, wait)
	}
	if len(r.at) != maxRecent {
		t.Errorf("remembers %d queues", len(r.at))
	}
	later := queue.Name{Name: "later"}
	r.done(later, now.Add(wait), wait)
	if len(r.at) != 1 || !r.since(later, now.Add(wait), wait) {
		t.Errorf("remembers %d queues", len(r.at))
	}
}
