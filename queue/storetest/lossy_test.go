package storetest

import (
	"context"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/signalbox-mq/signalbox/queue"
)

// lossyData is a Memory that loses, when it crashes, some or all of what it may lose: what came last, and was neither waited
// for nor before something that was.
type lossyData struct {
	state *state
	// kept are copies of what it was, the oldest after the last durable call.
	kept   []*state
	rng    *rand.Rand
	nonces uint64
}

func newLossy() (Data, error) {
	return &lossyData{state: newState(), kept: []*state{newState()}, rng: rand.New(rand.NewPCG(1, 2))}, nil
}

func (d *lossyData) Open() (queue.Store, error) { return &lossy{openModel(d.state), d}, nil }
func (d *lossyData) Remove() error              { return nil }

func (d *lossyData) Crash() error {
	d.state = d.kept[d.rng.IntN(len(d.kept))].copy()
	d.kept = []*state{d.state.copy()}
	return nil
}

// keep notes what a call left.
func (d *lossyData) keep(durable bool) {
	if durable {
		d.kept = nil
	}
	d.kept = append(d.kept, d.state.copy())
}

func (s *state) copy() *state {
	out := &state{queues: map[queue.ID]*queueState{}, dropped: maps.Clone(s.dropped), tokens: maps.Clone(s.tokens), nonce: s.nonce}
	for id, q := range s.queues {
		c := *q
		c.dedup, c.groups, c.turns = maps.Clone(q.dedup), maps.Clone(q.groups), slices.Clone(q.turns)
		c.attempts = maps.Clone(q.attempts)
		c.served, c.loose = maps.Clone(q.served), maps.Clone(q.loose)
		c.messages = nil
		for _, m := range q.messages {
			n := *m
			n.stored = clone(m.stored)
			c.messages = append(c.messages, &n)
		}
		out.queues[id] = &c
	}
	return out
}

// lossy is a Model on lossyData. No nonce comes twice, crash or not.
type lossy struct {
	*Model
	data *lossyData
}

func (l *lossy) Append(ctx context.Context, req queue.AppendRequest) (queue.AppendResult, error) {
	defer l.data.keep(true)
	return l.Model.Append(ctx, req)
}

func (l *lossy) Receive(ctx context.Context, req queue.ReceiveRequest) (queue.ReceiveResult, error) {
	l.state.nonce = l.data.nonces
	res, err := l.Model.Receive(ctx, req)
	l.data.nonces = l.state.nonce
	grouped := func(m queue.Message) bool { return req.Kind == queue.FIFO && m.Group != "" }
	l.data.keep(res.Expired > 0 || slices.ContainsFunc(res.Messages, grouped) || slices.ContainsFunc(res.Exceeded, grouped))
	return res, err
}

func (l *lossy) Settle(ctx context.Context, now time.Time, s []queue.Settlement) ([]queue.SettleResult, error) {
	defer l.data.keep(true)
	return l.Model.Settle(ctx, now, s)
}

func (l *lossy) Extend(ctx context.Context, now time.Time, x []queue.Extension) ([]error, error) {
	defer l.data.keep(false)
	return l.Model.Extend(ctx, now, x)
}

func (l *lossy) Purge(ctx context.Context, now time.Time, id queue.ID) (int64, error) {
	defer l.data.keep(true)
	return l.Model.Purge(ctx, now, id)
}

func (l *lossy) Drop(ctx context.Context, now time.Time, ids []queue.ID) error {
	defer l.data.keep(true)
	return l.Model.Drop(ctx, now, ids)
}

func (l *lossy) DropEmpty(ctx context.Context, now time.Time, id queue.ID) (bool, error) {
	defer l.data.keep(true)
	return l.Model.DropEmpty(ctx, now, id)
}

func (l *lossy) Expire(ctx context.Context, now time.Time, x []queue.Expiry) ([]queue.Expired, error) {
	defer l.data.keep(true)
	return l.Model.Expire(ctx, now, x)
}

func (l *lossy) Close() error {
	l.data.keep(true)
	return l.Model.Close()
}

// TestLossyModel: the referee allows all that a crash may do.
func TestLossyModel(t *testing.T) {
	t.Parallel()
	Histories(t, Harness{New: newLossy})
}

// TestRefereeAllows are histories that the contract allows and a referee once did not.
func TestRefereeAllows(t *testing.T) {
	t.Parallel()
	put := func(slot, group, age int) op {
		return op{Verb: "append", Entries: []opEntry{{Slot: slot, Group: group, Age: age}}}
	}
	ack := op{Verb: "settle", Settle: []opSettle{{}}}
	// back releases by the receipt before the last.
	back := op{Verb: "settle", Settle: []opSettle{{Receipt: 1, Action: queue.Release}}}
	take := func(visibility, receives int) op {
		return op{Verb: "receive", Max: 1, Visibility: visibility, MaxReceives: receives}
	}
	takeGroup := op{Verb: "receive", Slot: 2, Max: 1, Visibility: 20}
	for name, hist := range map[string]history{
		// The lease that did not count ended, and then a crash undid it, which nobody sees but by the receipt before it.
		"an uncounted lease undone after its end": {
			put(0, 0, 0), take(1, 0), put(1, 0, 0), {Verb: "time", By: 2}, take(1, 1), {Verb: "time", By: 20}, {Verb: "crash"}, back,
		},
		// Two leases ended one after the other; without the extension it is the other way around.
		"an extension undone after its end": {
			put(0, 0, 0), put(0, 0, 0), take(1, 0), take(2, 0), put(1, 0, 0),
			{Verb: "extend", Extend: []opExtend{{Receipt: 1, Visibility: 5}}}, {Verb: "time", By: 9}, {Verb: "crash"}, take(1, 0),
		},
		// A group that waited while another was served was emptied by its age and begins anew behind that one.
		"a group that waited is emptied by expire": {
			put(2, 1, 0), put(2, 2, 9), put(2, 1, 0), takeGroup, ack, {Verb: "expire", Retention: 5}, put(2, 2, 0), takeGroup,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			never := func() (Data, error) {
				data, err := newLossy()
				data.(*lossyData).rng = rand.New(zero{}) // a crash loses all that it may
				return data, err
			}
			if err := play(Harness{New: never}, hist); err != nil {
				t.Errorf("%v\n%v", err, hist)
			}
		})
	}
}

// zero is a source of zeros.
type zero struct{}

func (zero) Uint64() uint64 { return 0 }
