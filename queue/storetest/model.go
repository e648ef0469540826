package storetest

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/signalbox-mq/signalbox/queue"
)

// Model is a [queue.Store] in memory: the contract, executable. Where the contract leaves a choice it takes the simplest.
// Every call is one critical section.
type Model struct {
	mu       sync.Mutex
	state    *state
	watchers map[*modelWatcher]bool
	closed   bool
}

var _ queue.Store = (*Model)(nil)

// NewModel returns an empty store.
func NewModel() *Model { return openModel(newState()) }

func openModel(s *state) *Model { return &Model{state: s, watchers: map[*modelWatcher]bool{}} }

// begin locks the model for one call; the caller unlocks it if begin returned nil.
func (m *Model) begin(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	if m.closed {
		m.mu.Unlock()
		return queue.ErrStoreClosed
	}
	return nil
}

// next is the Model's choice of a sequence number.
func next(q *queueState, ms int64) uint64 {
	if q.kept > 0 {
		return q.kept
	}
	return max(q.lastSeq+1, uint64(ms)<<20)
}

// Append implements [queue.Store].
func (m *Model) Append(ctx context.Context, req queue.AppendRequest) (queue.AppendResult, error) {
	if err := m.begin(ctx); err != nil {
		return queue.AppendResult{}, err
	}
	defer m.mu.Unlock()
	ms, sum := req.Now.UnixMilli(), req.Digest
	if rec, ok := m.state.tokens[req.Token]; ok && req.Token != "" && ms < rec.expires {
		if rec.digest != sum {
			return queue.AppendResult{}, queue.ErrTokenReused
		}
		return queue.AppendResult{Repeated: true, Results: slices.Clone(rec.results)}, nil
	}
	for _, e := range req.Entries {
		if m.state.dropped[e.Queue] {
			return queue.AppendResult{}, &queue.DroppedError{Queue: e.Queue}
		}
	}
	var out queue.AppendResult
	for _, e := range req.Entries {
		q := m.state.need(e.Queue, e.Kind)
		out.Results = append(out.Results, m.state.push(e, q.clock(req.Now), next))
	}
	if req.Token != "" {
		rec := tokenRecord{digest: sum, expires: ms + millis(req.TokenWindow), results: slices.Clone(out.Results)}
		m.state.tokens[req.Token] = rec
	}
	m.wakeLocked()
	return out, nil
}

// Receive implements [queue.Store].
func (m *Model) Receive(ctx context.Context, req queue.ReceiveRequest) (queue.ReceiveResult, error) {
	var out queue.ReceiveResult
	if err := m.begin(ctx); err != nil {
		return out, err
	}
	defer m.mu.Unlock()
	if req.Kind == queue.Log {
		return out, queue.ErrKind
	}
	q := m.state.get(req.Queue)
	if q == nil {
		return out, nil
	}
	ms := q.clock(req.Now)
	if req.Kind == queue.FIFO && len(req.Attempt) > queue.MaxAttempt {
		return out, &queue.InvalidError{Field: "attempt", Reason: "must be at most 128 bytes"}
	}
	if again := q.startAttempt(req, ms); again != nil {
		return queue.ReceiveResult{Messages: q.repeat(again, req, ms)}, nil
	}
	free, groups := q.receivable(ms, millis(req.Delay))
	old := func(o *message) bool { return tooOld(o, ms, req.Retention) }
	for _, o := range slices.Clone(q.messages) {
		if old(o) && (slices.Contains(free, o) || slices.Contains(groups[o.stored.Group], o)) {
			q.remove(o)
			q.expired++
			out.Expired++
		}
	}
	var order []*message
	if q.kind == queue.Standard {
		order = newLine(q, slices.DeleteFunc(free, old), ms).order(req.Max + 1)
	} else {
		order = q.deliveryOrder(free, groups, old)
	}
	room := len(order)
	if req.MaxInFlight > 0 {
		room = max(0, req.MaxInFlight-q.inFlight(ms))
	}
	total := 0
	for i, o := range order {
		total += len(o.stored.Body)
		if i == req.Max || i > 0 && req.MaxBytes > 0 && total > req.MaxBytes {
			break
		}
		if i == room {
			out.OverLimit = true
			break
		}
		m.state.nonce++
		handed, exceeded := q.lease(o, ms, req, m.state.nonce)
		if exceeded {
			out.Exceeded = append(out.Exceeded, handed)
		} else {
			out.Messages = append(out.Messages, handed)
		}
		q.serve(o, ms)
		if g := o.stored.Group; q.grouped(o) && q.turns[len(q.turns)-1] != g {
			q.turns = append(slices.DeleteFunc(q.turns, func(o string) bool { return o == g }), g)
		}
	}
	q.remember(req, ms, out.Messages)
	m.wakeLocked()
	return out, nil
}

// deliveryOrder is the Model's choice of an order: free messages by their turn, groups by theirs, and between a free message
// and a group the one appended first.
func (q *queueState) deliveryOrder(free []*message, groups map[string][]*message, skip func(*message) bool) []*message {
	free = slices.DeleteFunc(free, skip)
	slices.SortFunc(free, func(a, b *message) int {
		if x, _ := a.turns(); x.before(first(b.turns())) {
			return -1
		}
		return 1
	})
	var order []*message
	for _, g := range q.turns {
		batch := slices.DeleteFunc(groups[g], skip)
		for len(batch) > 0 && len(free) > 0 && free[0].stored.Sequence < batch[0].stored.Sequence {
			order, free = append(order, free[0]), free[1:]
		}
		order = append(order, batch...)
	}
	return append(order, free...)
}

func first(a, _ turn) turn { return a }

// Settle implements [queue.Store].
func (m *Model) Settle(ctx context.Context, now time.Time, settlements []queue.Settlement) ([]queue.SettleResult, error) {
	if err := m.begin(ctx); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	out := make([]queue.SettleResult, len(settlements))
	for i, s := range settlements {
		switch v := m.state.judge(now, s)[0]; {
		case v.err != nil:
			out[i].Err = v.err
		case v.gone:
			out[i].Gone = true
		default:
			out[i] = m.state.settle(now, s, next, next)
		}
	}
	m.wakeLocked()
	return out, nil
}

// Extend implements [queue.Store].
func (m *Model) Extend(ctx context.Context, now time.Time, extensions []queue.Extension) ([]error, error) {
	if err := m.begin(ctx); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	out := make([]error, len(extensions))
	for i, x := range extensions {
		if out[i] = m.state.judgeExtension(now, x)[0].err; out[i] == nil {
			m.state.extend(now, x)
		}
	}
	m.wakeLocked()
	return out, nil
}

// Get implements [queue.Store].
func (m *Model) Get(ctx context.Context, now time.Time, id queue.ID, key string) ([]queue.Peeked, error) {
	if err := m.begin(ctx); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	q := m.state.get(id)
	if q == nil {
		return nil, nil
	}
	var out []queue.Peeked
	for _, o := range q.messages {
		if key != "" && o.key == keyHash(key) {
			out = append(out, q.peek(o, q.clock(now)))
		}
	}
	return out, nil
}

// Scan implements [queue.Store]: every queue is kept in order of sequence.
func (m *Model) Scan(ctx context.Context, req queue.ScanRequest) (queue.ScanResult, error) {
	out := queue.ScanResult{Next: req.From}
	if err := m.begin(ctx); err != nil {
		return queue.ScanResult{}, err
	}
	defer m.mu.Unlock()
	q := m.state.get(req.Queue)
	if q == nil {
		return out, nil
	}
	if q.kind != req.Kind {
		return queue.ScanResult{}, queue.ErrKind
	}
	ms, total := q.clock(req.Now), 0
	for _, o := range q.messages {
		p := queue.Position{Sequence: o.stored.Sequence}
		if p.Sequence < req.From.Sequence {
			continue
		}
		if req.Until != (queue.Position{}) && p.Sequence >= req.Until.Sequence {
			break
		}
		total += len(o.stored.Body)
		if n := len(out.Messages); n == req.Limit || n > 0 && req.MaxBytes > 0 && total > req.MaxBytes {
			out.More = true
			break
		}
		out.Messages = append(out.Messages, q.peek(o, ms))
		out.Next = queue.Position{Sequence: p.Sequence + 1}
	}
	return out, nil
}

// Purge implements [queue.Store].
func (m *Model) Purge(ctx context.Context, now time.Time, id queue.ID) (int64, error) {
	if err := m.begin(ctx); err != nil {
		return 0, err
	}
	defer m.mu.Unlock()
	q := m.state.get(id)
	if q == nil {
		return 0, nil
	}
	q.clock(now)
	return q.purge(), nil
}

// Drop implements [queue.Store].
func (m *Model) Drop(ctx context.Context, _ time.Time, ids []queue.ID) error {
	if err := m.begin(ctx); err != nil {
		return err
	}
	defer m.mu.Unlock()
	for _, id := range ids {
		delete(m.state.queues, id)
		m.state.dropped[id] = true
	}
	return nil
}

// DropEmpty implements [queue.Store].
func (m *Model) DropEmpty(ctx context.Context, _ time.Time, id queue.ID) (bool, error) {
	if err := m.begin(ctx); err != nil {
		return false, err
	}
	defer m.mu.Unlock()
	if q := m.state.get(id); q != nil && len(q.messages) > 0 {
		return false, nil
	}
	delete(m.state.queues, id)
	m.state.dropped[id] = true
	return true, nil
}

// Stats implements [queue.Store].
func (m *Model) Stats(ctx context.Context, now time.Time, ids []queue.ID) ([]queue.Stats, error) {
	if err := m.begin(ctx); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	out := make([]queue.Stats, len(ids))
	for i, id := range ids {
		if q := m.state.get(id); q != nil {
			out[i] = q.stats(q.clock(now))
		}
	}
	return out, nil
}

// Expire implements [queue.Store].
func (m *Model) Expire(ctx context.Context, now time.Time, expiries []queue.Expiry) ([]queue.Expired, error) {
	if err := m.begin(ctx); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	out := make([]queue.Expired, len(expiries))
	for i, e := range expiries {
		if q := m.state.get(e.Queue); q != nil {
			out[i] = q.expire(now, e)
			q.forgetAttempts()
		}
	}
	for token, rec := range m.state.tokens {
		if rec.expires <= now.UnixMilli() {
			delete(m.state.tokens, token)
		}
	}
	m.wakeLocked()
	return out, nil
}

// Close implements [queue.Store].
func (m *Model) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	m.wakeLocked()
	return nil
}
