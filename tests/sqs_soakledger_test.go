package tests

import (
	"fmt"
	"time"
)

// soakLedger is what the clients of TestSQSSoak know. It complains when
//
//   - a message comes back whose delete was acknowledged before the receive began, or one is gone in the end that was
//     acknowledged and never deleted;
//   - a message of a FIFO group comes while an earlier one is there, or two receivers have one at the same time;
//   - a message has a higher receive count than receives that clients saw, and one for each kill that cut off the answer of
//     one; or a lower one than receives that they saw, but for those to a standard queue in the moment before a kill.
type soakLedger struct {
	complaints
	messages map[soakKey]*soakMessage
	next     map[soakKey]int // the number to send next; the key has no number
	unsent   map[soakKey][]soakKey
	first    map[soakKey]int // of each group, the lowest number that may still be there
	counts   map[string]int  // receives that brought something, by queue
	left     map[string]int  // messages sent and not deleted, by queue
	lossy    map[string]int  // kills that cut off the answer of a receive, by queue
	lost     map[string]bool // receives were cut off in this round
	touched  map[soakKey]*soakMessage
	total    int
	removed  int
}

type soakKey struct {
	queue, group string
	number       int
}

// soakReceived is a message as a receive brought it.
type soakReceived struct {
	soakKey
	count  int
	handle string
}

// soakMessage is a message that was sent, or may have been.
type soakMessage struct {
	acked   bool
	begun   bool      // its delete was begun
	deleted time.Time // when that was acknowledged
	lossy   int       // kills of its queue that had cut off receives before it was sent
	seen    int       // receives that clients saw
	sure    int       // of those, the ones that no kill can have undone
	recent  []time.Time
	highest int // receive count
	// leased is when the last receive that brought it began, if its lease must still hold: zero when the client has given it
	// back or a kill may have undone it.
	leased time.Time
}

// undone is how long before a kill a receive from a standard queue may be, so that the kill can undo it: it is written in
// order and not waited for. Receives from FIFO queues are.
const undone = time.Second

func newSoakLedger() *soakLedger {
	return &soakLedger{
		messages: map[soakKey]*soakMessage{}, next: map[soakKey]int{}, unsent: map[soakKey][]soakKey{}, first: map[soakKey]int{},
		counts: map[string]int{}, left: map[string]int{}, lossy: map[string]int{}, lost: map[string]bool{}, touched: map[soakKey]*soakMessage{},
	}
}

func (l *soakLedger) backlog(queue string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.left[queue]
}

// sending returns the next n messages to send to a queue or a group. Of a group it is those that were not acknowledged, if
// there are any: the same ones again.
func (l *soakLedger) sending(queue, group string, n int) []soakKey {
	l.mu.Lock()
	defer l.mu.Unlock()
	base := soakKey{queue: queue, group: group}
	if again := l.unsent[base]; group != "" && len(again) > 0 {
		return again
	}
	keys := make([]soakKey, n)
	for i := range keys {
		l.next[base]++
		keys[i] = soakKey{queue, group, l.next[base]}
		l.messages[keys[i]] = &soakMessage{lossy: l.lossy[queue]}
	}
	l.unsent[base] = keys
	return keys
}

func (l *soakLedger) sent(keys []soakKey) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, k := range keys {
		l.messages[k].acked = true
		l.left[k.queue]++
		l.total++
	}
	delete(l.unsent, soakKey{queue: keys[0].queue, group: keys[0].group})
}

// received takes note of what a receive brought that began at started.
func (l *soakLedger) received(list []soakReceived, started time.Time) {
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	inAnswer := map[soakKey]bool{}
	for _, r := range list {
		l.counts[r.queue]++
		m := l.messages[r.soakKey]
		if m == nil {
			l.complainLocked("%v came and was never sent", r.soakKey)
			continue
		}
		if r.group != "" {
			l.inOrderLocked(r.soakKey, inAnswer)
		}
		inAnswer[r.soakKey] = true
		if !m.deleted.IsZero() && m.deleted.Before(started) {
			l.complainLocked("%v came back: it was deleted %v before the receive began", r.soakKey, started.Sub(m.deleted))
		}
		// Leases are counted in whole milliseconds, rounded down.
		if !m.leased.IsZero() && now.Sub(m.leased) < soakVisibility-2*time.Millisecond {
			l.complainLocked("%v came twice within %v", r.soakKey, now.Sub(m.leased))
		}
		least := m.sure + 1
		for _, at := range m.recent {
			if at.Before(started) {
				least++
			}
		}
		if r.count < least {
			l.complainLocked("%v was received for the %d. time at least, its count is %d", r.soakKey, least, r.count)
		}
		m.seen++
		m.recent = append(m.recent, now)
		m.highest = max(m.highest, r.count)
		m.leased = started
		l.touched[r.soakKey] = m
	}
}

// inOrderLocked checks that each earlier message of the group has gone, or may have: its delete was begun, or it is in the
// same answer before this one.
func (l *soakLedger) inOrderLocked(k soakKey, inAnswer map[soakKey]bool) {
	base := soakKey{queue: k.queue, group: k.group}
	for n := l.first[base]; n < k.number; n++ {
		earlier := soakKey{k.queue, k.group, n}
		m := l.messages[earlier]
		if m == nil || m.begun || inAnswer[earlier] {
			continue
		}
		l.complainLocked("%v came before %d, which is there", k, n)
	}
}

// releasing takes note that messages will be given back, whenever that is.
func (l *soakLedger) releasing(list []soakReceived) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range list {
		if m := l.messages[r.soakKey]; m != nil {
			m.leased = time.Time{}
		}
	}
}

func (l *soakLedger) deleting(list []soakReceived) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range list {
		if m := l.messages[r.soakKey]; m != nil {
			m.begun = true
		}
	}
}

func (l *soakLedger) deleted(k soakKey) {
	l.mu.Lock()
	defer l.mu.Unlock()
	m := l.messages[k]
	if m == nil || !m.deleted.IsZero() {
		return // by two that have received it
	}
	m.deleted = time.Now()
	l.left[k.queue]--
	l.removed++
	// The group begins behind what is surely gone.
	base := soakKey{queue: k.queue, group: k.group}
	for k.group != "" {
		first := l.messages[soakKey{k.queue, k.group, l.first[base]}]
		if l.first[base] >= l.next[base] || first != nil && first.deleted.IsZero() {
			break
		}
		l.first[base]++
	}
}

// notDeleted takes note that a delete was refused because the lease had run out. An earlier one may have been done.
func (l *soakLedger) notDeleted(k soakKey) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if m := l.messages[k]; m != nil {
		m.leased = time.Time{}
	}
}

func (l *soakLedger) receiveLost(queue string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lost[queue] = true
}

// killed takes note of a kill that began at a time. All clients have ended.
func (l *soakLedger) killed(began time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for queue := range l.lost {
		l.lossy[queue]++
	}
	clear(l.lost)
	for k, m := range l.touched {
		for _, at := range m.recent {
			if isFIFO(k.queue) || at.Before(began.Add(-undone)) {
				m.sure++
			} else {
				m.leased = time.Time{}
			}
		}
		m.recent = nil
		// One receive for each kill: that its answer was cut off and the message received once more before the kill would take a
		// whole visibility timeout.
		if most := m.seen + l.lossy[k.queue] - m.lossy; m.highest > most {
			l.complainLocked("%v has the receive count %d after %d receives at most", k, m.highest, most)
		}
	}
	clear(l.touched)
}

// settle says what is wrong when everything was taken out.
func (l *soakLedger) settle() []string {
	l.killed(time.Now())
	l.mu.Lock()
	defer l.mu.Unlock()
	for k, m := range l.messages {
		if m.acked && !m.begun {
			l.complainLocked("%v was acknowledged, was not deleted, and is gone", k)
		}
	}
	faults := l.faults
	l.faults = nil
	return faults
}

func (l *soakLedger) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	received := 0
	for _, n := range l.counts {
		received += n
	}
	return fmt.Sprintf("%d messages were acknowledged, %d received, %d deleted", l.total, received, l.removed)
}
