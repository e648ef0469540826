package pebblestore_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/pebblestore"
)

// TestTornLog damages the end of the write-ahead log as a power cut may: it is cut off, or ends in zeros or in garbage. The
// store opens with all that lies before the damage, in order and consistent, and goes on.
func TestTornLog(t *testing.T) {
	t.Parallel()
	const n = 50
	fs := vfs.NewCrashableMem()
	s := open(t, small(fs))
	for i := range n {
		id, kind := queue.ID(1+i%2), queue.Kind(i%2)
		if _, err := send(s, start, id, kind, "g", fmt.Sprintf("%d:%s", i, strings.Repeat("z", i*10))); err != nil {
			t.Fatal(err)
		}
	}
	snapshot := fs.CrashClone(vfs.CrashCloneCfg{})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	name, data := lastLog(t, snapshot)
	rng := rand.New(rand.NewPCG(5, 6))
	garbage := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(rng.Uint32())
		}
		return b
	}
	type damage struct {
		name string
		data []byte
		all  bool // nothing of what was written is damaged
	}
	cases := []damage{
		{"one zero after it", append(bytes.Clone(data), 0), true},
		{"zeros after it", append(bytes.Clone(data), make([]byte, 40_000)...), true},
		{"garbage after it", append(bytes.Clone(data), garbage(100)...), true},
		{"much garbage after it", append(bytes.Clone(data), garbage(70_000)...), true},
	}
	for _, k := range []int{1, 7, 11, 30, 300, 5000} {
		kept := data[:max(len(data)-k, 0)]
		lost := len(data) - len(kept)
		cases = append(cases,
			damage{fmt.Sprint("cut by ", k), kept, false},
			damage{fmt.Sprint("zeros over the last ", k), append(bytes.Clone(kept), make([]byte, lost)...), false},
			damage{fmt.Sprint("garbage over the last ", k), append(bytes.Clone(kept), garbage(lost)...), false},
		)
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			fs := snapshot.CrashClone(vfs.CrashCloneCfg{})
			overwrite(t, fs, name, c.data)
			s := open(t, small(fs))
			got := all(t, s)
			if c.all && len(got) != n {
				t.Errorf("%d messages, want %d", len(got), n)
			}
			if !c.all && len(got) >= n {
				t.Errorf("%d messages, though some were damaged", len(got))
			}
			for i, m := range got {
				if !strings.HasPrefix(m, fmt.Sprint(i, ":")) {
					t.Fatalf("message %d is %.10q: something before it is missing", i, m)
				}
			}
			if _, err := s.Check(t.Context()); err != nil {
				t.Error(err)
			}
			if _, err := send(s, start, 1, queue.Standard, "", "after"); err != nil {
				t.Error(err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = open(t, small(fs))
			defer s.Close()
			if again := all(t, s); len(again) != len(got)+1 {
				t.Errorf("%d messages after another start, want %d", len(again), len(got)+1)
			}
		})
	}
}

// all reads both queues, in order of what the bodies start with; what does not start with a number comes last.
func all(t *testing.T, s *pebblestore.Store) (bodies []string) {
	t.Helper()
	for id, kind := range map[queue.ID]queue.Kind{1: queue.Standard, 2: queue.FIFO} {
		res, err := s.Scan(t.Context(), queue.ScanRequest{Now: start, Queue: id, Kind: kind, Limit: 1000})
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range res.Messages {
			bodies = append(bodies, string(m.Message.Body))
		}
	}
	number := func(s string) (n int) {
		if _, err := fmt.Sscanf(s, "%d:", &n); err != nil {
			return 1 << 20
		}
		return n
	}
	slices.SortFunc(bodies, func(a, b string) int { return number(a) - number(b) })
	return bodies
}

// lastLog returns the newest log's name and what is in it.
func lastLog(t *testing.T, fs *vfs.MemFS) (name string, data []byte) {
	t.Helper()
	names, err := fs.List("data")
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	for _, n := range names {
		if strings.HasSuffix(n, ".log") {
			name = "data/" + n
		}
	}
	f, err := fs.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	data, err = io.ReadAll(f)
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	data = bytes.TrimRight(data, "\x00")
	if len(data) < 10_000 {
		t.Fatalf("%s has %d bytes: it is not where the messages are", name, len(data))
	}
	return name, data
}

func overwrite(t *testing.T, fs *vfs.MemFS, name string, data []byte) {
	t.Helper()
	f, err := fs.Create(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.Write(data)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		t.Fatal(err)
	}
}
