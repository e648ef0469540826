package pebblestore

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/go-cmp/cmp"

	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
)

func sample() (messageHeader, queue.Message) {
	h := messageHeader{
		flags: flagKeyed | flagGrouped, id: queue.MessageID{1, 2, 3}, sent: 1_700_000_000_123, receives: 2,
		first: 1_700_000_000_456, source: 9, key: hash("key"), group: hash("group"),
	}
	m := queue.Message{
		Body: []byte("body"), Group: "group", DedupID: "dedup", Sender: "me",
		Attributes: []queue.Attribute{{Name: "a", Type: "String", Value: []byte("v")}},
		System:     []queue.Attribute{{Name: "s", Type: "Number", Value: []byte("1")}},
	}
	h.size, h.body = uint32(m.Size()), uint32(len(m.Body))
	return h, m
}

func encode(h *messageHeader, m *queue.Message, q queue.ID, seq uint64) []byte {
	b := make([]byte, messageLen(h, m))
	putMessage(b, q, seq, h, m)
	return b
}

// TestGolden pins the format: whoever changes it on purpose raises formatVersion.
func TestGolden(t *testing.T) {
	t.Parallel()
	h, m := sample()
	le := leaseOf(&h, position{7, 8})
	le.deadline, le.received, le.nonce = 11, 12, 13
	state := make([]byte, stateSize)
	putState(state, 5, &stateRecord{kind: queue.FIFO, last: 1, clock: 2, cursor: position{3, 4}, count: 5, turn: 6})
	for name, got := range map[string][]byte{
		"state key":    keyState(nil, 5),
		"message key":  key2(nil, 5, subMessage, 6, 7),
		"group key":    keyGroup(nil, 5, hash("group"), 6, 7),
		"tenant key":   keyTenant(nil, 5, hash("group"), position{6, 7}),
		"body key":     keyBody(nil, 5, 6, 7),
		"dedup expiry": keyExpiryDedup(nil, 5, 6, hash("d")),
		"catalog key":  keyCatalog("queues", "a/b/c"),
		"message":      encode(&h, &m, 5, 8),
		"lease":        putLease(nil, le),
		"state":        state,
		"group":        putGroupRecord(nil, &groupRecord{flags: flagState, sent: 1, notBefore: 2, receives: 3, first: 4}),
		"ready":        putReadyRecord(nil, &readyRecord{group: hash("g"), head: head{1, 2, 3}}),
		"head":         putHeadRecord(nil, position{1, 2}, 3),
	} {
		if diff := cmp.Diff(goldenRecords()[name], hex.EncodeToString(got)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestMessageRoundTrip(t *testing.T) {
	t.Parallel()
	h, m := sample()
	var h2 messageHeader
	var m2 queue.Message
	if err := parseMessage(&m2, &h2, encode(&h, &m, 5, 8), 5, 8); err != nil {
		t.Fatal(err)
	}
	m.ID, m.Source, m.Sequence, m.Receives = h.id, h.source, 8, 2
	m.Sent, m.FirstReceived = time.UnixMilli(h.sent).UTC(), time.UnixMilli(h.first).UTC()
	if diff := cmp.Diff(m, m2); diff != "" {
		t.Errorf("message (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(h, h2, cmp.AllowUnexported(messageHeader{})); diff != "" {
		t.Errorf("header (-want +got):\n%s", diff)
	}
}

// TestMessageFlips checks that no single bit of a record can change, and no record be read in another's place.
func TestMessageFlips(t *testing.T) {
	t.Parallel()
	h, m := sample()
	record := encode(&h, &m, 5, 8)
	read := func(b []byte, q queue.ID, seq uint64) error {
		var h messageHeader
		var m queue.Message
		return parseMessage(&m, &h, b, q, seq)
	}
	for i := range len(record) * 8 {
		b := append([]byte(nil), record...)
		b[i/8] ^= 1 << (i % 8)
		if err := read(b, 5, 8); !errors.Is(err, queue.ErrCorrupt) {
			t.Fatalf("bit %d flipped: %v", i, err)
		}
	}
	for i := range record {
		if err := read(append([]byte(nil), record[:i]...), 5, 8); !errors.Is(err, queue.ErrCorrupt) {
			t.Fatalf("cut to %d: %v", i, err)
		}
	}
	if read(record, 6, 8) == nil || read(record, 5, 9) == nil {
		t.Error("read in the place of another message")
	}
}

func TestCatalogRoundTrip(t *testing.T) {
	t.Parallel()
	want := catalog.Record{
		Table: "queues", Name: catalog.Name{Account: "1", Region: "r", Name: "a/b"}, ID: 4, Created: 5, Revision: 6,
		CreatedAt: time.UnixMilli(7).UTC(), ModifiedAt: time.UnixMilli(8).UTC(), Owner: "file:x.yaml", Value: []byte(`{}`),
	}
	key := keyCatalog(want.Table, want.Name.String())
	value := putCatalog(key, &want, 6)
	got, err := parseCatalog(key, value)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	sealed := func(b []byte) []byte { return binary.BigEndian.AppendUint32(b, catalogCRC(key, b)) }
	// As an earlier release wrote it: without the times.
	old := append(append([]byte{1}, value[1:25]...), value[41:len(value)-4]...)
	was := want
	was.CreatedAt, was.ModifiedAt = time.Time{}, time.Time{}
	got, err = parseCatalog(key, sealed(old))
	if diff := cmp.Diff(was, got); err != nil || diff != "" {
		t.Errorf("version 1: %v (-want +got):\n%s", err, diff)
	}
	newer := append([]byte{catalogVersion + 1}, value[1:len(value)-4]...)
	if _, err := parseCatalog(key, sealed(newer)); !errors.Is(err, queue.ErrNewerFormat) {
		t.Errorf("a later version: %v, want ErrNewerFormat", err)
	}
	value[9]++
	if _, err := parseCatalog(key, value); !errors.Is(err, queue.ErrCorrupt) {
		t.Errorf("changed: %v", err)
	}
}

func TestNewerFormat(t *testing.T) {
	t.Parallel()
	fs := vfs.NewMem()
	s, err := Open("data", Options{FS: fs})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.db.Set([]byte{spaceFormat}, binary.BigEndian.AppendUint32(nil, 77), pebble.Sync); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = Open("data", Options{FS: fs})
	if !errors.Is(err, queue.ErrNewerFormat) || !strings.Contains(err.Error(), "77") || !strings.Contains(err.Error(), "up to 2") {
		t.Errorf("open: %v, want ErrNewerFormat with both versions", err)
	}
}

func FuzzRecords(f *testing.F) {
	h, m := sample()
	f.Add(encode(&h, &m, 5, 8))
	f.Add(putLease(nil, leaseOf(&h, position{7, 8})))
	f.Add(putGroupRecord(nil, &groupRecord{}))
	f.Add(putReadyRecord(nil, &readyRecord{}))
	f.Fuzz(func(_ *testing.T, b []byte) {
		// None may panic or take memory out of proportion; a checksum would hide most, so it is made right as well.
		fixed := append([]byte(nil), b...)
		if len(fixed) >= messageFixed {
			binary.BigEndian.PutUint32(fixed[6:], messageCRC(fixed, 5, 8))
		}
		tail := append([]byte(nil), b...)
		if len(tail) >= 4 {
			n := len(tail) - 4
			binary.BigEndian.PutUint32(tail[n:], valueCRC(0, tail[:n]))
		}
		for _, v := range [][]byte{b, fixed, tail} {
			var h messageHeader
			var m queue.Message
			_ = parseMessage(&m, &h, append([]byte(nil), v...), 5, 8)
			_, _, _ = parseLease(v, 5, 8)
			_ = parseGroupRecord(&groupRecord{}, v, 5, 8)
			_ = parseReadyRecord(&readyRecord{}, v, 5, 8)
			_, _, _ = parseHeadRecord(v, 5)
			_ = parseState(&stateRecord{}, v, 5)
			_, _, _, _ = parseToken(v)
			_, _, _ = parseDedup(v, 5)
			_, _ = parseAttempt(v, 5)
			_, _ = parseCatalog([]byte("cqueues\x00a/b/c"), v)
			_, _ = parsePlace(v, 5, 8)
		}
	})
}
