package storetest

import (
	"math"
	"slices"

	"github.com/signalbox-mq/signalbox/queue"
)

// serve notes that a message of a tenant was taken: its next turn is after all that wait.
func (q *queueState) serve(m *message, ms int64) {
	if q.tenant(m) {
		q.placed++
		q.served[m.stored.Group] = turn{1, ms, q.placed}
		delete(q.loose, m.stored.Group)
	}
}

// line is what a receive from a standard queue chooses from, and takes from, one message after the other.
type line struct {
	ms int64
	// number is the last that orders tenants.
	number uint64
	free   []*message
	// tenants have the tenants' receivable messages, turns their turns. inFlight counts those before the receive and what it
	// took.
	tenants  map[string][]*message
	turns    map[string]span
	inFlight map[string]int
	noisy    map[string]bool
}

// lost notes that nobody knows what a store remembers of the tenants' turns, but that they were not later than now.
func (q *queueState) lost() {
	for _, m := range q.messages {
		if q.tenant(m) {
			q.placed++
			q.served[m.stored.Group], q.loose[m.stored.Group] = turn{1, q.latest, q.placed}, true
		}
	}
}

// span is from the earliest to the latest turn that something may have.
type span struct{ earliest, latest turn }

// newLine lines up what is receivable in a standard queue, and not too old.
func newLine(q *queueState, receivable []*message, ms int64) *line {
	l := &line{
		ms: ms, number: q.placed, tenants: map[string][]*message{}, turns: map[string]span{},
		inFlight: map[string]int{}, noisy: map[string]bool{},
	}
	for _, m := range receivable {
		if g := m.stored.Group; g == "" {
			l.free = append(l.free, m)
		} else {
			l.tenants[g] = append(l.tenants[g], m)
		}
	}
	all := 0
	for _, m := range q.messages {
		if s, _ := m.status(ms); s == queue.InFlight {
			all++
			l.inFlight[m.stored.Group]++
		}
	}
	for g := range l.tenants {
		n := l.inFlight[g]
		l.noisy[g] = n >= q.noisyFrom && n*10 > all
	}
	l.lineUp(q, receivable)
	return l
}

// lineUp finds the turns of tenants: since when each has something receivable, or when it was last served. The order within one
// millisecond is certain for what was served and for what was receivable when it was appended. What is too old may give
// the tenant an earlier turn, and need not.
func (l *line) lineUp(q *queueState, receivable []*message) {
	young := make(map[*message]bool, len(receivable))
	for _, m := range receivable {
		young[m] = true
	}
	for g := range l.tenants {
		l.turns[g] = span{turn{1, math.MaxInt64, 0}, turn{1, math.MaxInt64, 0}}
	}
	for _, m := range q.messages {
		s, stands := l.turns[m.stored.Group]
		if status, _ := m.status(l.ms); !stands || status != queue.Ready {
			continue
		}
		own := m.since(l.ms)
		s.earliest = sooner(s.earliest, own.earliest)
		if young[m] {
			s.latest = sooner(s.latest, own.latest)
		}
		l.turns[m.stored.Group] = s
	}
	for g, s := range l.turns {
		s = span{later(s.earliest, q.served[g]), later(s.latest, q.served[g])}
		if q.loose[g] {
			s.earliest = turn{}
		}
		l.turns[g] = s
	}
}

// since returns from when on a message of a tenant is receivable that is.
func (m *message) since(ms int64) span {
	switch {
	case m.vague:
		return span{turn{}, turn{1, ms, math.MaxUint64}}
	case m.released:
		return span{turn{1, m.notBefore, 0}, turn{1, m.notBefore, math.MaxUint64}}
	case m.held:
		return span{turn{1, m.deadline, 0}, turn{1, m.deadline, math.MaxUint64}}
	case m.delayed:
		return span{turn{1, m.due, 0}, turn{1, m.due, math.MaxUint64}}
	}
	return span{turn{1, m.due, m.number}, turn{1, m.due, m.number}}
}

func sooner(a, b turn) turn {
	if b.before(a) {
		return b
	}
	return a
}

func later(a, b turn) turn {
	if a.before(b) {
		return b
	}
	return a
}

// span returns the turns of the tenant of m, or of m itself.
func (l *line) span(m *message) span {
	if m.stored.Group != "" {
		return l.turns[m.stored.Group]
	}
	earliest, latest := m.turns()
	return span{earliest, latest}
}

// take takes a message that is next.
func (l *line) take(m *message) {
	g := m.stored.Group
	if g == "" {
		l.free = without(l.free, m)
		return
	}
	if l.tenants[g] = without(l.tenants[g], m); len(l.tenants[g]) == 0 {
		delete(l.tenants, g)
	}
	l.number++
	l.turns[g] = span{turn{1, l.ms, l.number}, turn{1, l.ms, l.number}}
	l.inFlight[g]++
}

// without leaves the list as it is and returns it without one message.
func without(list []*message, m *message) []*message {
	i := slices.Index(list, m)
	if i == 0 {
		return list[1:]
	}
	return slices.Concat(list[:i], list[i+1:])
}

// copy returns one that can be taken from without changing this one.
func (l *line) copy() *line {
	c := *l
	c.tenants, c.turns, c.inFlight = map[string][]*message{}, map[string]span{}, map[string]int{}
	for g := range l.tenants {
		c.tenants[g] = l.tenants[g]
	}
	for g := range l.turns {
		c.turns[g] = l.turns[g]
	}
	for g, n := range l.inFlight {
		c.inFlight[g] = n
	}
	return &c
}

// order is the Model's choice of an order, of the first n.
func (l *line) order(n int) (order []*message) {
	byTurn := func(a, b *message) int {
		if x, _ := a.turns(); x.before(first(b.turns())) {
			return -1
		}
		return 1
	}
	slices.SortFunc(l.free, byTurn)
	for g := range l.tenants {
		slices.SortFunc(l.tenants[g], byTurn)
	}
	for len(order) < n {
		m := l.next()
		if m == nil {
			break
		}
		l.take(m)
		order = append(order, m)
	}
	return order
}

// next is the Model's choice of what is next. All is sorted.
func (l *line) next() (next *message) {
	if len(l.free) > 0 {
		next = l.free[0]
	}
	var noisy *message
	for g, list := range l.tenants {
		m := list[0]
		switch {
		case !l.noisy[g]:
			if next == nil || l.span(m).earliest.before(l.span(next).earliest) {
				next = m
			}
		case noisy == nil || l.inFlight[g] < l.inFlight[noisy.stored.Group]:
			noisy = m
		}
	}
	if next == nil {
		return noisy
	}
	return next
}
