package pebblestore

import (
	"context"
	"math"

	"github.com/signalbox-mq/signalbox/queue"
)

// Append implements [queue.Store].
func (s *Store) Append(ctx context.Context, req queue.AppendRequest) (queue.AppendResult, error) {
	if err := s.begin(ctx); err != nil {
		return queue.AppendResult{}, err
	}
	defer s.end()
	if err := checkAppend(&req); err != nil {
		return queue.AppendResult{}, err
	}
	var token *tokenUse
	if req.Token != "" {
		token = useToken(&req)
		mu := &s.tokens[int(token.hash[0])%len(s.tokens)]
		mu.Lock()
		defer mu.Unlock()
	}
	now := req.Now.UnixMilli()
	t := s.newtx()
	defer t.close()
	ids := t.ids[:0]
	bytes, indexed := 0, token != nil
	for i := range req.Entries {
		e := &req.Entries[i]
		ids = append(ids, e.Queue)
		bytes += e.Message.Size() + 256
		indexed = indexed || e.Dedup != "" || e.Kind != queue.Log && e.Message.Group != ""
	}
	set, err := t.lockAll(ids, now)
	if err != nil {
		return queue.AppendResult{}, err
	}
	t.begin(indexed)
	res, refused, err := t.append(set, &req, token, bytes)
	if refused { // nothing was changed
		set.unlock()
		if err == nil {
			err = s.barrier(t.ticket)
		}
		return res, err
	}
	if err := t.finish(set, true, err); err != nil {
		return queue.AppendResult{}, err
	}
	return res, nil
}

func checkAppend(req *queue.AppendRequest) error {
	if len(req.Entries) == 0 {
		return &queue.InvalidError{Field: "entries", Reason: "must not be empty"}
	}
	if len(req.Token) > 256 {
		return &queue.InvalidError{Field: "token", Reason: "must be at most 256 bytes"}
	}
	for i := range req.Entries {
		if req.Entries[i].Queue == 0 {
			return &queue.InvalidError{Field: "queue", Reason: "must not be zero"}
		}
		if int64(len(req.Entries[i].Message.Body)) > math.MaxInt32 {
			return &queue.InvalidError{Field: "body", Reason: "must be below 2 GiB"}
		}
	}
	return nil
}

// append builds the batch. It says refused when the call is answered without one.
func (t *tx) append(set locked, req *queue.AppendRequest, token *tokenUse, bytes int) (res queue.AppendResult, refused bool, err error) {
	if token != nil {
		first, err := t.findToken(token, req.Now.UnixMilli())
		if err != nil {
			return res, true, err
		}
		if first != nil {
			for _, l := range set {
				t.ticket = max(t.ticket, l.ticket)
			}
			return queue.AppendResult{Repeated: true, Results: first}, true, nil
		}
	}
	for i := range req.Entries {
		e := &req.Entries[i]
		l := set.of(e.Queue)
		if l.state.dropped {
			return res, true, &queue.DroppedError{Queue: e.Queue}
		}
		if err := l.checkKind(e.Kind); err != nil {
			return res, true, err
		}
	}
	if err := t.s.space.admit(bytes); err != nil {
		return res, true, err
	}
	res.Results = make([]queue.Appended, len(req.Entries))
	for i := range req.Entries {
		e := &req.Entries[i]
		if res.Results[i], err = t.appendEntry(set.of(e.Queue), e); err != nil {
			return res, false, err
		}
	}
	if token != nil {
		if err := t.putToken(token, res.Results); err != nil {
			return res, false, err
		}
	}
	return res, false, t.putStates(set)
}

// putStates writes the states of all lanes of a call.
func (t *tx) putStates(set locked) error {
	if t.b.Empty() {
		return nil
	}
	for _, l := range set {
		if l.state.last == 0 && !l.state.dropped {
			continue
		}
		if err := t.putState(l); err != nil {
			return err
		}
	}
	return nil
}

// appendEntry adds one entry, unless it is a duplicate.
func (t *tx) appendEntry(l *lane, e *queue.Entry) (queue.Appended, error) {
	var dedup h128
	if e.Dedup != "" {
		dedup = hash(e.Dedup)
		first, err := t.findDedup(l, dedup)
		if err != nil || first.Duplicate {
			return first, err
		}
	}
	n := newMessage{
		message: &e.Message,
		kind:    e.Kind,
		delay:   e.Delay.Milliseconds(),
		key:     e.Key,
		header:  messageHeader{id: e.Message.ID, source: e.Message.Source, sent: e.Message.Sent.UnixMilli()},
	}
	if e.Message.Sent.IsZero() {
		n.header.sent = l.state.clock
	}
	if e.Prior != nil {
		n.prior(e.Prior)
	}
	done, err := t.add(l, &n)
	if err == nil && e.Dedup != "" {
		err = t.putDedup(l, dedup, done, addMillis(l.state.clock, e.DedupWindow.Milliseconds()))
	}
	return done, err
}

// newMessage is a message on its way into a queue.
type newMessage struct {
	message *queue.Message // its sender's fields
	kind    queue.Kind
	delay   int64
	key     string
	keyHash h128 // what key is, where that is not known
	state   []byte
	header  messageHeader // id, source, sent, receives, first
	due     int64         // until when it waits, also in a FIFO group; 0 for not
	seq     uint64        // in a log, the sequence to keep if it is higher than the last; 0 for none
}

// prior takes over what a message has behind it in another store.
func (n *newMessage) prior(p *queue.Prior) {
	if n.key == "" {
		n.keyHash = h128(p.Key)
	}
	if n.kind == queue.Log {
		n.seq = p.Sequence
		return
	}
	n.header.receives, n.header.first, n.due = uint32(p.Receives), millis(p.FirstReceived), millis(p.Due)
	if len(p.State) > 0 {
		n.state = p.State
	}
}

// add writes a message with all its index records, and counts it.
func (t *tx) add(l *lane, n *newMessage) (queue.Appended, error) {
	m, h, st := n.message, &n.header, &l.state
	if st.last == 0 {
		st.kind = n.kind
		l.nextMessage, l.nextReady, l.exactMessage, l.exactReady = never, never, true, true
	}
	seq := l.sequence(n.seq)
	grouped := n.kind != queue.Log && m.Group != ""
	at := position{0, seq}
	told := int64(seq >> 20) // the sent time that the key tells
	due := max(u64(addMillis(st.clock, max(n.delay, 0))), u64(n.due), 1)
	if n.kind != queue.Log && !grouped {
		at.at = due
		told = int64(at.at)
	}
	h.size, h.body = uint32(m.Size()), uint32(len(m.Body))
	if len(m.Body) > chunkSize {
		h.flags |= flagChunked
	}
	if h.sent != told {
		h.flags |= flagSent
	}
	if n.key != "" {
		n.keyHash = hash(n.key)
	}
	if n.keyHash != (h128{}) {
		h.flags |= flagKeyed
		h.key = n.keyHash
	}
	if m.Group != "" && n.kind != queue.Log {
		h.flags |= flagGrouped
		h.group = hash(m.Group)
	}
	if n.state != nil {
		h.flags |= flagState
	}
	if err := t.putNew(l, n, at); err != nil {
		return queue.Appended{}, err
	}
	if grouped {
		st.grouped++
		var err error
		if n.kind == queue.FIFO {
			err = t.enqueueGroup(l, h, seq, n.due)
		} else {
			err = t.enqueueTenant(l, h, position{due, seq})
		}
		if err != nil {
			return queue.Appended{}, err
		}
	} else if n.kind != queue.Log {
		l.nextMessage = min(l.nextMessage, int64(at.at))
		if int64(at.at) > st.clock {
			l.delayed.add(int64(at.at))
		}
	}
	if h.flags&flagSent != 0 {
		l.sentFrom = min(l.sentFrom, u64(h.sent))
	}
	l.stirred = true
	st.count++
	st.appended++
	st.bytes += int64(h.size)
	return queue.Appended{ID: h.id, Sequence: seq}, nil
}

// putNew writes a new message's own record and its index records.
func (t *tx) putNew(l *lane, n *newMessage, at position) error {
	h, m := &n.header, n.message
	var key []byte
	if n.kind == queue.Log {
		key = key1(t.key[:0], l.id, subLog, at.seq)
	} else {
		key = key2(t.key[:0], l.id, subMessage, at.at, at.seq)
	}
	op := t.b.SetDeferred(len(key), messageLen(h, m))
	copy(op.Key, key)
	putMessage(op.Value, l.id, at.seq, h, m)
	if err := op.Finish(); err != nil {
		return err
	}
	for i := range chunks(len(m.Body)) {
		if err := t.putChunk(l, at.seq, i, m.Body[i*chunkSize:min((i+1)*chunkSize, len(m.Body))]); err != nil {
			return err
		}
	}
	if h.flags&flagState != 0 {
		if err := t.set(key1(t.key[:0], l.id, subState, at.seq), n.state); err != nil {
			return err
		}
	}
	return t.putIndexes(l, h, at)
}

// putIndexes writes the t and k records of a message, and the g record of one that format 1 left on a standard queue.
func (t *tx) putIndexes(l *lane, h *messageHeader, at position) error {
	where := putPlace(t.val[:0], at.at)
	if h.flags&flagSent != 0 {
		if err := t.set(key2(t.key[:0], l.id, subSent, u64(h.sent), at.seq), where); err != nil {
			return err
		}
	}
	if h.flags&flagKeyed != 0 {
		if err := t.set(keyHash1(t.key[:0], l.id, subKey, h.key, at.seq), where); err != nil {
			return err
		}
	}
	if h.flags&flagGrouped != 0 && at.at != 0 {
		return t.set(keyGroup(t.key[:0], l.id, h.group, at.at, at.seq), nil)
	}
	return nil
}

func (t *tx) putChunk(l *lane, seq uint64, n int, piece []byte) error {
	op := t.b.SetDeferred(len(keyBody(t.key[:0], l.id, seq, n)), 4+len(piece))
	keyBody(op.Key[:0], l.id, seq, n)
	copy(op.Value[4:], piece)
	putChunkCRC(op.Value, l.id, seq, n)
	return op.Finish()
}
