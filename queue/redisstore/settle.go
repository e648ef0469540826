package redisstore

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/signalbox-mq/signalbox/queue"
)

// maxState is how long what a release leaves with a message may be, in bytes.
const maxState = 4 << 10

// Settle implements [queue.Store].
func (s *Store) Settle(ctx context.Context, now time.Time, settlements []queue.Settlement) ([]queue.SettleResult, error) {
	if err := s.begin(ctx); err != nil {
		return nil, err
	}
	defer s.end()
	results := make([]queue.SettleResult, len(settlements))
	todo := make([]*settling, 0, len(settlements))
	moves := false
	for i := range settlements {
		w := &settling{Settlement: &settlements[i], result: &results[i], order: i, shard: receiptShard(settlements[i].Receipt)}
		if w.result.Err = w.invalid(); w.result.Err != nil {
			continue
		}
		moves = moves || w.Action == queue.Move
		todo = append(todo, w)
	}
	if moves {
		var err error
		if todo, err = s.readMoves(ctx, todo); err != nil {
			return nil, err
		}
	}
	for _, w := range todo {
		s.enter(w)
	}
	var err error
	if s.c.scattered() {
		err = s.settleScattered(ctx, now, todo)
	} else if len(todo) > 0 {
		err = s.settleAt(ctx, now, todo[0].shard, todo)
	}
	if err != nil {
		return nil, err
	}
	return results, nil
}

// settling is a settlement in progress.
type settling struct {
	*queue.Settlement
	result *queue.SettleResult
	order  int // in the call
	shard  int
	// message is what a move takes along.
	message queue.Message
	// entries are the message in its new place and the record, as far as there are.
	entries []placed
}

func receiptShard(r queue.Receipt) int { return shardOf(r.Queue, int(r.Locator)) }

// invalid says what is wrong with a settlement whatever the store holds.
func (w *settling) invalid() error {
	switch {
	case w.Receipt.Sequence == 0 || w.Receipt.Queue == 0 || w.Receipt.Locator >= shardCount:
		return queue.ErrReceiptInvalid
	case w.Record != nil && w.Record.Kind != queue.Log, w.Action == queue.Move && w.To.Kind == queue.Log:
		return queue.ErrKind
	case len(w.State) > maxState:
		return &queue.InvalidError{Field: "state", Reason: fmt.Sprintf("must be at most %d bytes", maxState)}
	}
	return nil
}

// enter makes the entries.
func (s *Store) enter(w *settling) {
	var entries []queue.Entry
	if w.Action == queue.Move {
		entries = append(entries, w.moved())
	}
	if w.Record != nil {
		entries = append(entries, *w.Record)
	}
	w.entries = s.place(entries, "")
}

// keeps says that a moved message stays the same one, with its receive count.
func (w *settling) keeps() bool { return w.To.NewID == (queue.MessageID{}) }

// moved is the message in its new place.
func (w *settling) moved() queue.Entry {
	m, to := w.message, w.To
	if !w.keeps() {
		m.ID, m.Sent = to.NewID, time.Time{}
	} else if to.Kind != queue.Standard {
		m.Sent = time.Time{}
	}
	if to.Body != nil {
		m.Body = to.Body
	}
	if to.System != nil {
		m.System = to.System
	}
	for _, a := range to.Attributes {
		replaced := false
		for i := range m.Attributes {
			if m.Attributes[i].Name == a.Name {
				m.Attributes[i], replaced = a, true
			}
		}
		if !replaced {
			m.Attributes = append(m.Attributes, a)
		}
	}
	m.Source = w.Receipt.Queue
	if to.DropSource {
		m.Source = 0
	}
	return queue.Entry{Queue: to.Queue, Kind: to.Kind, Message: m, Delay: to.Delay, Key: to.Key}
}

// readMoves reads the messages that are to be moved. It returns what is left to do: those that are gone are done. A message does
// not change, so that it does no harm that this is a call before the one that moves.
func (s *Store) readMoves(ctx context.Context, todo []*settling) ([]*settling, error) {
	byShard := map[int][]*settling{}
	for _, w := range todo {
		if w.Action == queue.Move {
			byShard[w.shard] = append(byShard[w.shard], w)
		}
	}
	gone := map[*settling]bool{}
	for shard, group := range byShard {
		args := make([]any, 0, 2*len(group))
		for _, w := range group {
			args = append(args, s.base(w.Receipt.Queue, int(w.Receipt.Locator)), hex16(w.Receipt.Sequence))
		}
		reply, err := s.call(ctx, shard, "read", read, args...)
		if err != nil {
			return nil, err
		}
		a := answerOf(reply)
		for _, w := range group {
			sent, _, blob := a.text(), a.text(), a.text()
			if a.err != nil {
				return nil, a.err
			}
			if sent == "" {
				w.result.Gone = true
				gone[w] = true
				continue
			}
			if err := parseBlob(w.Receipt.Queue, w.Receipt.Sequence, blob, &w.message); err != nil {
				w.result.Err = err
				gone[w] = true
				continue
			}
			w.message.Sent = timeOf((&answer{values: []any{sent}}).number())
		}
	}
	left := todo[:0]
	for _, w := range todo {
		if !gone[w] {
			left = append(left, w)
		}
	}
	return left, nil
}

// settleAt settles with one call.
func (s *Store) settleAt(ctx context.Context, now time.Time, shard int, todo []*settling) error {
	if plainAcks(todo) {
		return s.ackAt(ctx, now, shard, todo)
	}
	args := make([]any, 1, 1+8*len(todo))
	args[0] = s.time(now)
	for _, w := range todo {
		args = s.settlement(args, w, now)
		for i := range w.entries {
			args = s.appendEntry(args, &w.entries[i], now)
		}
	}
	reply, err := s.call(ctx, shard, "settle", durable, args...)
	if err != nil {
		return err
	}
	a := answerOf(reply)
	for _, w := range todo {
		w.read(a)
	}
	if a.err != nil {
		return fmt.Errorf("settling: %w", a.err)
	}
	return nil
}

// plainAcks says that all are acknowledgements in one partition of one queue, without a record.
func plainAcks(todo []*settling) bool {
	for _, w := range todo {
		first := todo[0].Receipt
		if w.Action != queue.Ack || len(w.entries) > 0 || w.Receipt.Queue != first.Queue || w.Receipt.Locator != first.Locator {
			return false
		}
	}
	return true
}

func (s *Store) ackAt(ctx context.Context, now time.Time, shard int, todo []*settling) error {
	first := todo[0].Receipt
	args := make([]any, 2, 2+len(todo))
	args[0], args[1] = s.time(now), s.base(first.Queue, int(first.Locator))
	for _, w := range todo {
		args = append(args, hex16(w.Receipt.Sequence)+hex16(w.Receipt.Nonce))
	}
	reply, err := s.call(ctx, shard, "ack", durable, args...)
	if err != nil {
		return err
	}
	letters, _ := reply.(string)
	if len(letters) != len(todo) {
		return fmt.Errorf("acknowledging: %w", errReply)
	}
	for i, w := range todo {
		switch letters[i] {
		case 'O':
		case 'G':
			w.result.Gone = true
		case 'E':
			w.result.Err = queue.ErrReceiptExpired
		case 'K':
			w.result.Err = queue.ErrKind
		default:
			return fmt.Errorf("acknowledging: %w", errReply)
		}
	}
	return nil
}

// settlement appends the arguments of a settlement but its entries.
func (s *Store) settlement(args []any, w *settling, now time.Time) []any {
	after, keep, state := int64(0), 1, ""
	switch w.Action {
	case queue.Release:
		if !w.NotBefore.IsZero() {
			after = max(0, w.NotBefore.UnixMilli()-now.UnixMilli())
		}
		if w.State != nil {
			keep, state = 0, string(w.State)
		}
	case queue.Move:
		if !w.keeps() {
			keep = 0
		}
	}
	return append(args, s.base(w.Receipt.Queue, int(w.Receipt.Locator)), hex16(w.Receipt.Sequence), hex16(w.Receipt.Nonce), int(w.Action),
		after, keep, state, len(w.entries))
}

// read takes over what became of it.
func (w *settling) read(a *answer) {
	what, place := a.text(), a.text()
	id, record, duplicate := a.text(), a.text(), a.number() == 1
	if a.err != nil {
		return
	}
	r := w.result
	switch what {
	case "OK":
		if place != "" {
			r.Moved.ID = w.entries[0].Message.ID
			r.Moved.Sequence, a.err = parse16(place)
		}
		if record != "" && a.err == nil {
			copy(r.Record.ID[:], id)
			r.Record.Duplicate = duplicate
			r.Record.Sequence, a.err = parse16(record)
		}
	case "GONE":
		r.Gone = true
	default:
		r.Err = meaning(strings.TrimSpace(what), errReply)
	}
}

// Extend implements [queue.Store].
func (s *Store) Extend(ctx context.Context, now time.Time, extensions []queue.Extension) ([]error, error) {
	if err := s.begin(ctx); err != nil {
		return nil, err
	}
	defer s.end()
	errs := make([]error, len(extensions))
	byShard := map[int][]int{}
	for i, x := range extensions {
		if x.Receipt.Sequence == 0 || x.Receipt.Queue == 0 || x.Receipt.Locator >= shardCount {
			errs[i] = queue.ErrNotInFlight
			continue
		}
		shard := 0
		if s.c.scattered() {
			shard = receiptShard(x.Receipt)
		}
		byShard[shard] = append(byShard[shard], i)
	}
	for shard, indexes := range byShard {
		args := make([]any, 1, 1+5*len(indexes))
		args[0] = s.time(now)
		for _, i := range indexes {
			x := &extensions[i]
			args = append(args, s.base(x.Receipt.Queue, int(x.Receipt.Locator)), hex16(x.Receipt.Sequence), hex16(x.Receipt.Nonce),
				millis(x.Visibility), millis(x.MaxTotal))
		}
		reply, err := s.call(ctx, shard, "extend", 0, args...)
		if err != nil {
			return nil, err
		}
		a := answerOf(reply)
		for _, i := range indexes {
			if what := a.text(); what != "OK" {
				errs[i] = meaning(what, errReply)
			}
		}
		if a.err != nil {
			return nil, fmt.Errorf("extending: %w", a.err)
		}
	}
	return errs, nil
}
