package pebblestore

import "sync"

// Read-ahead: a receive that takes from a backlog goes on reading a little and keeps the records in its lane for the next
// receives, since finding the place costs much more than reading on from it.
//
// What is kept are the m records that follow the cursor, in their order, none left out. It stays so by itself when messages
// are added: a new place lies after everything that was receivable when it was read. A message that is removed and was not
// leased may be among them; then all are forgotten (see tx.remove).

const (
	// aheadRecords and aheadBytes bound what one queue reads ahead.
	aheadRecords = 64
	aheadBytes   = 64 << 10
	// aheadLanes is how many queues may have something read ahead; with the bytes it bounds the memory, to 16 MiB.
	aheadLanes = 256
)

// aheadRecord is a message's record that was read ahead.
type aheadRecord struct {
	position
	record []byte
}

// aheadTable says which lanes may read ahead. The one that was let in first goes first.
type aheadTable struct {
	mu    sync.Mutex
	lanes [aheadLanes]*lane
	next  int
}

// admit says whether a locked lane may read ahead, for which another may have to forget what it has.
func (a *aheadTable) admit(l *lane) bool {
	if l.aheadSlot != 0 {
		return true
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	slot := a.next
	if old := a.lanes[slot]; old != nil {
		if !old.mu.TryLock() {
			return false // it is in use, and to wait for it with a lane locked might be for ever
		}
		old.ahead, old.aheadSlot = nil, 0
		old.mu.Unlock()
	}
	a.next = (slot + 1) % len(a.lanes)
	a.lanes[slot], l.aheadSlot = l, slot+1
	return true
}

// readAhead keeps what follows the place where a receive ended.
func (rx *receiver) readAhead() {
	l := rx.l
	if rx.free == nil || len(l.ahead) > 0 || !rx.tookFree || !rx.free.Valid() || !rx.t.s.ahead.admit(l) {
		return
	}
	l.ahead = make([]aheadRecord, 0, aheadRecords)
	bytes := 0
	for ; rx.free.Valid() && len(l.ahead) < aheadRecords; rx.free.Next() {
		value := rx.free.Value()
		if bytes += len(value); bytes > aheadBytes {
			break
		}
		at, seq := tail16(rx.free.Key())
		l.ahead = append(l.ahead, aheadRecord{position{at, seq}, append([]byte(nil), value...)})
	}
}
