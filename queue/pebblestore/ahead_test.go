package pebblestore_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/go-cmp/cmp"

	"github.com/signalbox-mq/signalbox/queue"
)

// TestReadAhead: what a receive read ahead is not handed out when it was removed meanwhile, and nothing is left out.
func TestReadAhead(t *testing.T) {
	t.Parallel()
	for name, between := range map[string]struct {
		do   func(*testing.T, queue.Store)
		want []string
	}{
		"nothing": {func(*testing.T, queue.Store) {}, []string{"b", "c", "d"}},
		"more": {func(t *testing.T, s queue.Store) {
			if _, err := send(s, start, 1, queue.Standard, "", "e"); err != nil {
				t.Fatal(err)
			}
		}, []string{"b", "c", "d", "e"}},
		"one expired": {func(t *testing.T, s queue.Store) {
			res, err := s.Expire(t.Context(), start, []queue.Expiry{{Queue: 1, Retention: time.Hour}})
			if err != nil || res[0].Messages != 1 {
				t.Fatalf("expire: %+v, %v", res, err)
			}
		}, []string{"b", "d"}},
		"purged": {func(t *testing.T, s queue.Store) {
			if _, err := s.Purge(t.Context(), start, 1); err != nil {
				t.Fatal(err)
			}
			if _, err := send(s, start, 1, queue.Standard, "", "f"); err != nil {
				t.Fatal(err)
			}
		}, []string{"f"}},
		"dropped": {func(t *testing.T, s queue.Store) {
			if err := s.Drop(t.Context(), start, []queue.ID{1}); err != nil {
				t.Fatal(err)
			}
		}, nil},
		"others read more": {func(t *testing.T, s queue.Store) {
			for id := range queue.ID(600) {
				if _, err := send(s, start, 10+id, queue.Standard, "", "x", "y"); err != nil {
					t.Fatal(err)
				}
				take(t, s, 10+id, 1)
			}
		}, []string{"b", "c", "d"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t, small(vfs.NewMem()))
			defer s.Close()
			var req queue.AppendRequest
			for i, body := range []string{"a", "b", "c", "d"} {
				m := queue.Message{ID: queue.NewMessageID(), Body: []byte(body), Sent: start.Add(-time.Duration(i%3) * time.Hour / 2)}
				req.Entries = append(req.Entries, queue.Entry{Queue: 1, Message: m})
			}
			req.Now = start
			if _, err := s.Append(t.Context(), req); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff([]string{"a"}, take(t, s, 1, 1)); d != "" {
				t.Fatal(d)
			}
			between.do(t, s)
			w := s.Watch()
			defer w.Close()
			w.Set([]queue.ID{1}, nil)
			for _, body := range between.want {
				if ready, _, err := w.Ready(t.Context(), start); err != nil || len(ready) != 1 {
					t.Fatalf("ready: %v, %v", ready, err)
				}
				if d := cmp.Diff([]string{body}, take(t, s, 1, 1)); d != "" {
					t.Fatal(d)
				}
			}
			if got := take(t, s, 1, 1); got != nil {
				t.Errorf("received %q from what should be empty", got)
			}
			if ready, _, err := w.Ready(t.Context(), start); err != nil || len(ready) != 0 {
				t.Errorf("ready: %v, %v", ready, err)
			}
			if _, err := s.Check(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

// take receives up to n messages and returns their bodies.
func take(t *testing.T, s queue.Store, id queue.ID, n int) (bodies []string) {
	t.Helper()
	res, err := s.Receive(t.Context(), queue.ReceiveRequest{Now: start, Queue: id, Max: n, Visibility: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range res.Messages {
		bodies = append(bodies, string(m.Body))
	}
	return bodies
}

// TestReadAheadLong: a long backlog comes in order, whatever the sizes of receives and messages.
func TestReadAheadLong(t *testing.T) {
	t.Parallel()
	s := open(t, small(vfs.NewMem()))
	defer s.Close()
	const n = 500
	bodies := make([]string, n)
	for i := range bodies {
		bodies[i] = fmt.Sprintf("%0*d", 4+i%7*3000, i)
	}
	if _, err := send(s, start, 1, queue.Standard, "", bodies...); err != nil {
		t.Fatal(err)
	}
	for i, size := 0, 1; i < n; size = size%9 + 1 {
		got := take(t, s, 1, size)
		if d := cmp.Diff(bodies[i:min(i+size, n)], got); d != "" {
			t.Fatal(d)
		}
		i += len(got)
	}
}
