package pebblestore

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/go-cmp/cmp"

	"github.com/signalbox-mq/signalbox/queue"
)

// appendFormat1 writes a message with a group to a standard queue as format 1 had it.
func appendFormat1(t *testing.T, s *Store, now time.Time, id queue.ID, group, body string) {
	t.Helper()
	l, err := s.lockOne(id, now.UnixMilli())
	if err != nil {
		t.Fatal(err)
	}
	tx := s.begintx(false)
	defer tx.close()
	m := queue.Message{ID: queue.NewMessageID(), Body: []byte(body), Group: group}
	seq := l.sequence(0)
	n := newMessage{message: &m, header: messageHeader{
		id: m.ID, flags: flagGrouped, group: hash(group), sent: l.state.clock, size: uint32(len(body)), body: uint32(len(body)),
	}}
	err = tx.putNew(l, &n, position{u64(l.state.clock), seq})
	l.state.count++
	l.state.appended++
	l.state.bytes += int64(len(body))
	l.nextMessage = 0
	if err == nil {
		err = tx.putState(l)
	}
	if err := tx.finish(locked{l}, true, err); err != nil {
		t.Fatal(err)
	}
}

// TestFormat1 checks that what format 1 wrote with a group to a standard queue is handed out, without being a tenant's, and
// that an older release does not open the store from then on.
func TestFormat1(t *testing.T) {
	t.Parallel()
	ctx, now, fs := t.Context(), time.UnixMilli(1_700_000_000_000), vfs.NewMem()
	s, err := Open("data", Options{FS: fs})
	if err != nil {
		t.Fatal(err)
	}
	for _, body := range []string{"a", "b", "c", "d"} {
		appendFormat1(t, s, now, 1, "group", body)
	}
	if err := s.db.Set([]byte{spaceFormat}, binary.BigEndian.AppendUint32(nil, 1), pebble.Sync); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err = Open("data", Options{FS: fs}); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	v, closer, err := s.db.Get([]byte{spaceFormat})
	if err != nil || binary.BigEndian.Uint32(v) != formatVersion {
		t.Errorf("format record: %v, %v; want %d", v, err, formatVersion)
	}
	if err := closer.Close(); err != nil {
		t.Fatal(err)
	}
	now = now.Add(time.Second)
	fresh := queue.Entry{Queue: 1, Message: queue.Message{ID: queue.NewMessageID(), Body: []byte("e"), Group: "group"}}
	if _, err := s.Append(ctx, queue.AppendRequest{Now: now, Entries: []queue.Entry{fresh}}); err != nil {
		t.Fatal(err)
	}
	receive := func(n int, visibility time.Duration) (got []queue.Message) {
		t.Helper()
		res, err := s.Receive(ctx, queue.ReceiveRequest{Now: now, Queue: 1, Max: n, Visibility: visibility})
		if err != nil {
			t.Fatal(err)
		}
		return res.Messages
	}
	check := func() {
		t.Helper()
		if _, err := s.Check(ctx); err != nil {
			t.Fatal(err)
		}
	}
	check()
	got := receive(3, time.Minute)
	check()
	if _, err := s.Settle(ctx, now, []queue.Settlement{
		{Receipt: got[0].Receipt},
		{Receipt: got[1].Receipt, Action: queue.Release, NotBefore: now.Add(time.Second)},
		{Receipt: got[2].Receipt, Action: queue.Move, To: &queue.Destination{Queue: 2}},
	}); err != nil {
		t.Fatal(err)
	}
	check()
	now = now.Add(2 * time.Second)
	var bodies []string
	for _, m := range receive(10, time.Minute) {
		bodies = append(bodies, string(m.Body))
	}
	if diff := cmp.Diff([]string{"d", "e", "b"}, bodies); diff != "" {
		t.Errorf("received (-want +got):\n%s", diff)
	}
	check()
	if x, err := s.Expire(ctx, now.Add(time.Hour), []queue.Expiry{{Queue: 1, Retention: time.Minute}}); err != nil || x[0].Messages != 3 {
		t.Errorf("expired: %+v, %v; want 3", x, err)
	}
	check()
}
