package redisfaults

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/signalbox-mq/signalbox/queue"
)

// ledger holds what the workers did and what they were told, message by message, and what of it turned out to be wrong.
type ledger struct {
	mu     sync.Mutex // guards what follows
	now    int64      // counts events
	fates  map[string]*fate
	groups map[string][]*fate // of the messages of each FIFO group, in order
	// overtaken are pairs of one FIFO group of which the later message came out first.
	overtaken []overtaking
	progress  int // sends that were acknowledged
	received  int
	outage    time.Duration
	longest   time.Duration // call
	faults    map[string]int
	unknown   map[string]int
}

type overtaking struct {
	earlier, later *fate
	at             int64
}

// outcome is what a worker knows of something it did.
type outcome uint8

const (
	untried outcome = iota
	unknown         // the call failed: it may have happened or not
	told            // it was acknowledged
)

// fate is what became of one message.
type fate struct {
	name  string
	queue queue.ID
	fifo  bool
	sent  outcome
	// again says that it was sent once more, since nothing was known of the first time.
	again bool
	// ended is what is known of the acks and moves, and endedAt when the first was acknowledged, by sequence number.
	ended   outcome
	endedAt map[uint64]int64
	moved   outcome
	// receives counts, and receive is the last of them.
	receives, resurrected int
	receive               int64
	// places are the sequence numbers under which it was seen, by queue.
	places map[queue.ID][]uint64
	// records is how often the log of moves names it.
	records int
}

func newLedger() *ledger {
	return &ledger{fates: map[string]*fate{}, groups: map[string][]*fate{}, faults: map[string]int{}, unknown: map[string]int{}}
}

// nameOf and bodyOf make a message recognizable: a name, and then so much that every message has another length or text.
func nameOf(q queue.ID, group string, n int) string { return fmt.Sprintf("%d/%s/%d", q, group, n) }

func bodyOf(name string) []byte {
	return []byte(name + "|" + strings.Repeat(name+",", 1+len(name)%7))
}

// write notes that a message is about to be sent.
func (l *ledger) write(q queue.ID, group string, n int, fifo bool) *fate {
	l.mu.Lock()
	defer l.mu.Unlock()
	f := &fate{name: nameOf(q, group, n), queue: q, fifo: fifo, endedAt: map[uint64]int64{}, places: map[queue.ID][]uint64{}}
	l.fates[f.name] = f
	if fifo {
		g := fmt.Sprint(q, "/", group)
		l.groups[g] = append(l.groups[g], f)
	}
	return f
}

// sent notes how the sending of messages went.
func (l *ledger) sent(fs []*fate, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, f := range fs {
		f.again = f.again || err != nil
		switch {
		case err == nil:
			if f.sent != told {
				l.progress++
			}
			f.sent = told
		case f.sent == untried && !errors.Is(err, queue.ErrStoreFull):
			f.sent = unknown
		}
	}
}

// begin returns the time at which a receive begins.
func (l *ledger) begin() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.now++
	return l.now
}

// took notes what a receive that began at a time returned, and returns the fates.
func (l *ledger) took(q queue.ID, began int64, messages []queue.Message) []*fate {
	l.mu.Lock()
	defer l.mu.Unlock()
	fs := make([]*fate, len(messages))
	for i := range messages {
		m := &messages[i]
		name, _, _ := strings.Cut(string(m.Body), "|")
		f := l.fates[name]
		if f == nil || string(m.Body) != string(bodyOf(name)) || q != deadLetters && f.queue != q {
			l.fault("a message that nobody sent: %.60q in queue %d", m.Body, q)
			continue
		}
		fs[i] = f
		f.receives++
		l.received++
		if !slices.Contains(f.places[q], m.Sequence) {
			f.places[q] = append(f.places[q], m.Sequence)
		}
		if q != deadLetters {
			// Under another number it is what was sent once more, which judge looks at.
			if at := f.endedAt[m.Sequence]; at != 0 && at < began {
				f.resurrected++
			}
			l.overtakes(f, m.Group, began)
		}
		f.receive = began
	}
	return fs
}

// overtakes notes those before a message of a group that should have come first: that are in the queue for all that anybody
// knows, and were not in the same receive.
func (l *ledger) overtakes(f *fate, group string, began int64) {
	for _, earlier := range l.groups[fmt.Sprint(f.queue, "/", group)] {
		if earlier == f {
			return
		}
		if earlier.sent == told && earlier.ended == untried && earlier.receive != began {
			l.overtaken = append(l.overtaken, overtaking{earlier, f, began})
		}
	}
}

// ending notes that a message is about to be acknowledged or moved.
func (l *ledger) ending(f *fate, move bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f.ended = max(f.ended, unknown)
	if move {
		f.moved = max(f.moved, unknown)
	}
}

// ended notes that this was acknowledged, of the message under a sequence number.
func (l *ledger) ended(f *fate, sequence uint64, move, gone bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.now++
	f.ended = told
	if f.endedAt[sequence] == 0 {
		f.endedAt[sequence] = l.now
	}
	if move && !gone {
		f.moved = told
	}
}

// limit is how long a worker lets one call take.
const limit = 20 * time.Second

// call notes how long a call took and whether its error is one that there may be.
func (l *ledger) call(what string, took time.Duration, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.longest = max(l.longest, took)
	if took > limit+2*time.Second {
		l.fault("%s takes longer than its context lets it", what)
	}
	switch {
	case err == nil:
	case errors.Is(err, queue.ErrUnavailable), errors.Is(err, queue.ErrStoreFull),
		errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		l.unknown[what]++
	default:
		l.fault("%s: %v", what, err)
	}
}

// fault notes something that must not be. The lock is held.
func (l *ledger) fault(format string, args ...any) {
	if len(l.faults) < 20 {
		l.faults[fmt.Sprintf(format, args...)]++
	}
}

func (l *ledger) silent(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.outage = max(l.outage, d)
}

func (l *ledger) sends() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.progress
}

// recorded notes that the log of moves names a message, or that a log holds it.
func (l *ledger) recorded(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if f := l.fates[name]; f != nil {
		f.records++
		return
	}
	l.fault("a record of a message that nobody sent: %.60q", name)
}

// result is the judgement.
type result struct {
	Acknowledged, Unknown, Received int
	// Lost are acknowledged sends of which nothing was seen since: not received, not acknowledged, not in the dead-letter queue or
	// in their log; and acknowledged moves whose message is not in the dead-letter queue.
	Lost int
	// Resurrected were received by a receive that began after they had been acknowledged.
	Resurrected int
	// Twice were appended twice by one send, or are at two places after a move.
	Twice int
	// Early were received from a standard queue before they were confirmed, which they never were, and then sent again: receives
	// from standard queues are not confirmed. Their acks may have been: to the next master that is an ack of what is gone already.
	Early int
	// Disordered came out of a FIFO group after later ones.
	Disordered int
	// Records that are missing, or that are there twice.
	Records int
	// Again are messages that were received more than once, for whatever reason.
	Again int
	// Outage is the longest time for which a worker had no success, Longest the longest call.
	Outage, Longest  time.Duration
	Faults, Examples []string
	// UnknownCalls failed, by what they were.
	UnknownCalls map[string]int
}

func (l *ledger) judge() result {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := result{Received: l.received, Outage: l.outage, Longest: l.longest, UnknownCalls: l.unknown}
	note := func(what string, f *fate) {
		if len(r.Examples) < 10 {
			r.Examples = append(r.Examples, fmt.Sprintf("%s: %+v", what, *f))
		}
	}
	for _, f := range l.fates {
		switch f.sent {
		case told:
			r.Acknowledged++
		case unknown:
			r.Unknown++
		}
		dead := len(f.places[deadLetters])
		isLog := f.queue == theLog
		switch {
		case isLog && f.sent == told && f.records == 0, !isLog && f.sent == told && f.receives == 0 && f.ended == untried:
			r.Lost++
			note("lost", f)
		case f.moved == told && dead == 0:
			r.Lost++
			note("lost by a move", f)
		}
		if f.receives > 1 {
			r.Again++
		}
		if f.resurrected > 0 {
			r.Resurrected++
			note("resurrected", f)
		}
		switch {
		case !isLog && !f.fifo && f.again && dead <= 1 && len(f.places[f.queue]) > 1:
			r.Early++
		case len(f.places[f.queue]) > 1, dead > 1, isLog && f.records > 1:
			r.Twice++
			note("twice", f)
		}
		if !isLog && f.records != dead {
			r.Records++
			note("records", f)
		}
	}
	for _, o := range l.overtaken {
		if o.earlier.receive > o.at { // else it was lost, and did not come out at all
			r.Disordered++
			note("overtaken", o.earlier)
			note("by", o.later)
		}
	}
	for text, n := range l.faults {
		r.Faults = append(r.Faults, fmt.Sprintf("%d× %s", n, text))
	}
	return r
}

func (r result) String() string {
	return fmt.Sprintf("acknowledged %d, unknown %d, lost %d, resurrected %d, twice %d, disordered %d, records amiss %d, "+
		"received early %d, received again %d; longest outage of a worker %v, longest call %v", r.Acknowledged, r.Unknown, r.Lost, r.Resurrected, r.Twice,
		r.Disordered, r.Records, r.Early, r.Again, r.Outage.Round(10*time.Millisecond), r.Longest.Round(10*time.Millisecond))
}
