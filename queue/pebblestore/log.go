package pebblestore

// trim removes the oldest entries of a log, by age and size, with one range tombstone for their records.
func (x *expirer) trim() (err error) {
	t, l := x.t, x.l
	from := l.state.lowGroup
	it, err := t.iter(key1(nil, l.id, subLog, from), keySubEnd(nil, l.id, subLog))
	if err != nil {
		return err
	}
	defer closeIter(it, &err)
	low, clean := from, true // all entries from from to low go
	for ok := it.First(); ok; ok = it.Next() {
		seq := tail8(it.Key())
		big := x.e.MaxBytes > 0 && l.state.bytes > x.e.MaxBytes
		if !big && (x.cutoff < 0 || int64(seq>>20) > x.cutoff) {
			break
		}
		var h messageHeader
		if _, err := parseHeader(&h, it.Value(), l.id, seq); err != nil {
			return err
		}
		if !big && h.sent > x.cutoff {
			clean = false
			continue
		}
		if x.left--; x.left < 0 {
			x.res.More = true
			break
		}
		if err := x.entry(&h, seq); err != nil {
			return err
		}
		if clean {
			low = seq + 1
		} else if err := t.delete(key1(t.key[:0], l.id, subLog, seq)); err != nil {
			return err
		}
	}
	if low == from {
		return nil
	}
	l.state.lowGroup = low
	return t.b.DeleteRange(key1(nil, l.id, subLog, from), key1(nil, l.id, subLog, low), nil)
}

// entry removes all of a log's entry but its own record.
func (x *expirer) entry(h *messageHeader, seq uint64) error {
	t, l := x.t, x.l
	if err := t.eraseIndexes(l, leaseOf(h, position{0, seq})); err != nil {
		return err
	}
	l.state.count--
	l.state.bytes -= int64(h.size)
	x.res.Messages++
	x.res.Bytes += int64(h.size)
	return nil
}

// removeEntry removes an entry from the middle of a log.
func (x *expirer) removeEntry(seq uint64) error {
	t, l := x.t, x.l
	key := key1(nil, l.id, subLog, seq)
	v, closer, err := t.get(key)
	if err != nil {
		return err
	}
	if closer == nil {
		return corrupt(l.id, seq, "the index by sent time names an entry that is not there")
	}
	var h messageHeader
	_, err = parseHeader(&h, v, l.id, seq)
	if e := closer.Close(); err == nil {
		err = e
	}
	if err != nil {
		return err
	}
	if err := x.entry(&h, seq); err != nil {
		return err
	}
	return t.delete(key)
}
