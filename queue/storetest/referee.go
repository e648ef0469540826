package storetest

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/signalbox-mq/signalbox/queue"
)

// referee plays a history on a store and judges each answer by its own copy of the state, which then follows the store's
// choices.
type referee struct {
	h     Harness
	data  Data
	store queue.Store
	ctx   context.Context
	state *state
	now   time.Time

	// incarnation counts, by slot, how often it was dropped.
	incarnation [len(slots)]int
	// solid is when each queue's clock was last moved by something durable.
	solid    map[queue.ID]int64
	receipts []queue.Receipt
	nonces   map[queue.Receipt]bool
	messages int
	// keys are all that were ever given to messages outside logs.
	keys []string
	// cursors are where the store says that the reader of each log is, and lastRead what it read last.
	cursors  map[queue.ID]queue.Position
	lastRead map[queue.ID]uint64
	// mixed marks queues with a message whose Sent is not its place in time, so that its oldest is not its first.
	mixed map[queue.ID]bool
	// passed says, by queue and group, which groups were served while that one waited and was not.
	passed map[queue.ID]map[string]map[string]bool
	watch  lookout
	// attempts counts, by queue and attempt, the names that were given up, because a crash left it open what a store knows of them.
	attempts map[queue.ID]map[int]int
}

// play runs a history on a fresh store and returns the first answer that the contract does not allow.
func play(h Harness, hist history) (err error) {
	data, err := h.New()
	if err != nil {
		return fmt.Errorf("new data: %w", err)
	}
	r := &referee{
		h: h, data: data, ctx: context.Background(), state: newState(), now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC),
		solid: map[queue.ID]int64{}, nonces: map[queue.Receipt]bool{}, cursors: map[queue.ID]queue.Position{}, lastRead: map[queue.ID]uint64{}, mixed: map[queue.ID]bool{},
		attempts: map[queue.ID]map[int]int{},
	}
	if err := r.open(); err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, r.store.Close(), data.Remove())
	}()
	for i, o := range hist {
		if err := r.step(o); err != nil {
			return fmt.Errorf("step %d (%s): %w", i, o.Verb, err)
		}
	}
	return r.finish()
}

// finish looks at everything, before and after a reopen, and once all time has passed.
func (r *referee) finish() error {
	for _, verb := range []string{"watch", "reopen", "wait"} {
		if verb == "wait" {
			r.now = r.now.Add(time.Hour)
		} else if err := r.step(op{Verb: verb}); err != nil {
			return fmt.Errorf("at the end, %s: %w", verb, err)
		}
		if err := r.stats(); err != nil {
			return fmt.Errorf("at the end, after %s: %w", verb, err)
		}
		for slot := range slots {
			looks := []op{{Verb: "scan", Slot: slot, Max: 3}}
			switch {
			case slots[slot] == queue.Log:
				// What is appended after the reader's end is read next, and nothing else.
				read := op{Verb: "read", Slot: slot, Max: 1000}
				more := op{Verb: "append", Entries: []opEntry{{Slot: slot}}}
				looks = append(looks, read, more, read, more, read)
			case verb == "wait":
				looks = append(looks, op{Verb: "receive", Slot: slot, Max: 1000, Visibility: 1})
			}
			for _, o := range looks {
				if err := r.step(o); err != nil {
					return fmt.Errorf("at the end, after %s, %s of slot %d: %w", verb, o.Verb, slot, err)
				}
			}
		}
	}
	return nil
}

func (r *referee) open() error {
	s, err := r.data.Open()
	if err != nil {
		return fmt.Errorf("open: %w", err)
	}
	r.store = s
	// Which group comes first after a restart is the store's choice.
	r.passed = map[queue.ID]map[string]map[string]bool{}
	for _, q := range r.state.queues {
		q.lost()
	}
	r.watchAll()
	return nil
}

// id is the present incarnation in a slot.
func (r *referee) id(slot int) queue.ID { return queue.ID(r.incarnation[slot]*len(slots) + slot + 1) }

func (r *referee) step(o op) error {
	switch o.Verb {
	case "append":
		return r.append(o)
	case "receive":
		return r.receive(o)
	case "flood":
		return r.flood(o)
	case "settle":
		return r.settle(o)
	case "extend":
		return r.extend(o)
	case "time":
		r.now = r.now.Add(time.Duration(o.By) * time.Second)
		return nil
	case "watch":
		return r.look()
	case "stats":
		return r.stats()
	case "scan":
		return r.scan(r.id(o.Slot), slots[o.Slot], o.Max, o.MaxBytes)
	case "read":
		return r.read(o)
	case "get":
		return r.get(o)
	case "expire":
		return r.expire(o)
	case "purge":
		return r.purge(o)
	case "drop":
		return r.drop(o)
	case "reopen":
		if err := r.store.Close(); err != nil {
			return fmt.Errorf("close: %w", err)
		}
		return r.open()
	case "crash":
		return r.crash()
	}
	return fmt.Errorf("no such verb: %q", o.Verb)
}

// at is the time to give to a call on one queue: sometimes earlier than the latest, where the store must remember that.
func (r *referee) at(back int, ids ...queue.ID) time.Time {
	if r.h.Partitioned {
		return r.now // each partition has a clock of its own
	}
	for _, id := range ids {
		if q := r.state.get(id); q == nil || r.solid[id] != q.latest || q.latest != r.now.UnixMilli() {
			return r.now
		}
	}
	return r.now.Add(-time.Duration(back) * time.Second)
}

// newID makes message IDs that are the same in each run of a history.
func (r *referee) newID() (id queue.MessageID) {
	r.messages++
	binary.BigEndian.PutUint64(id[8:], uint64(r.messages))
	id[6], id[8] = 0x70, 0x80
	return id
}

// entry builds what an opEntry describes. Everything but ID, key and age is a function of the description and shows in the
// body, so that two calls with one token are the same or differ in what everybody takes for a difference.
func (r *referee) entry(o opEntry, token bool) queue.Entry {
	e := queue.Entry{Queue: r.id(o.Slot), Kind: slots[o.Slot]}
	if o.Dropped && r.incarnation[o.Slot] > 0 {
		e.Queue -= queue.ID(len(slots))
	}
	e.Message.ID = r.newID()
	if o.Group > 0 {
		e.Message.Group = fmt.Sprint("g", o.Group)
	}
	e.Delay = time.Duration(o.Delay) * time.Second
	if o.Dedup > 0 && !(r.h.Partitioned && e.Kind == queue.Standard) {
		e.Dedup, e.DedupWindow, e.Message.DedupID = fmt.Sprint("d", o.Dedup), 3*time.Second, fmt.Sprint("d", o.Dedup)
	}
	switch {
	case e.Kind == queue.Log && o.Key > 0:
		e.Key = fmt.Sprint("k", o.Key)
	case e.Kind != queue.Log && o.Key > 0 && !token:
		e.Key = fmt.Sprint("m", r.messages)
		r.keys = append(r.keys, e.Key)
	}
	if o.Age > 0 && !token && e.Kind != queue.Log {
		e.Message.Sent = r.now.Add(-time.Duration(o.Age) * time.Second)
		r.mixed[e.Queue] = true
	}
	e.Message.Body = fmt.Appendf(nil, "b%d w%d d%d k%d", o.Body, o.Delay, o.Dedup, o.Key)[:3+4*o.Body]
	if token {
		e.Message.Body = fmt.Appendf(nil, "b%d w%d d%d k%d", o.Body, o.Delay, o.Dedup, o.Key)
	}
	if !token {
		e.Prior = r.prior(e, o)
	}
	if o.Body == 1 {
		e.Message.Attributes = []queue.Attribute{{Name: "n", Type: "String", Value: []byte("v")}}
		e.Message.System = []queue.Attribute{{Name: "s", Type: "String", Value: []byte("w")}}
		e.Message.Sender = "me"
	}
	return e
}

// prior builds what an opEntry says that a message has behind it: nil for nothing.
func (r *referee) prior(e queue.Entry, o opEntry) *queue.Prior {
	if o.Had == 0 && o.Until == 0 && o.Place == 0 {
		return nil
	}
	p := &queue.Prior{Receives: o.Had}
	if o.Had > 0 {
		p.FirstReceived = r.now.Add(-time.Duration(o.Had) * time.Second)
	}
	if o.Had == 2 {
		p.State = []byte("had")
	}
	if o.Until > 0 {
		p.Due = r.now.Add(time.Duration(o.Until-1) * time.Second)
	}
	if o.Place > 0 {
		// Before, at and after the last entry, or ahead of the time.
		if q := r.state.get(e.Queue); q != nil {
			p.Sequence = q.lastSeq + uint64(o.Place) - 2
		}
		if o.Place == 4 {
			p.Sequence = uint64(r.now.Add(time.Second).UnixMilli())<<20 + 3
		}
		p.Key = keyHash(fmt.Sprint("k", o.Place))
	}
	return p
}

// sequenced checks a sequence number that the store chose and passes it on.
func (r *referee) sequenced(got uint64, bad *error) sequencer {
	return func(q *queueState, ms int64) uint64 {
		unordered := r.h.Partitioned && q.kind == queue.Standard
		lead := uint64(ms)
		if q.kind == queue.Log {
			lead = max(lead, q.lastSeq>>20) // which may be later than now if it was kept
		}
		if q.kept > 0 {
			lead = q.kept >> 20
		}
		if got <= q.lastSeq && !unordered || got>>20 != lead || q.find(got) != nil || q.kept > 0 && got != q.kept {
			*bad = fmt.Errorf("queue %d: sequence %d (time %d) at time %d after sequence %d", q.id, got, got>>20, ms, q.lastSeq)
		}
		return got
	}
}

// diff compares, nil and empty slices being equal, and the order of attributes, which a move may change, being free.
func diff(what string, got, want any) error {
	if reflect.DeepEqual(got, want) {
		return nil // Much faster than a Diff.
	}
	if d := cmp.Diff(want, got, cmpopts.EquateEmpty(), cmpopts.SortSlices(func(a, b queue.Attribute) bool { return a.Name < b.Name })); d != "" {
		return fmt.Errorf("%s (-want +got):\n%s", what, d)
	}
	return nil
}
