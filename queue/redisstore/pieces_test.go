package redisstore

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/tests/redistest"
)

// fanOut makes entries of a size for n queues from the one given on.
func fanOut(from queue.ID, n, size int) []queue.Entry {
	body := bytes.Repeat([]byte("x"), size)
	entries := make([]queue.Entry, n)
	for i := range entries {
		entries[i] = queue.Entry{Queue: from + queue.ID(i), Message: queue.Message{ID: queue.NewMessageID(), Body: body}}
	}
	return entries
}

// idsOf are the queues of entries.
func idsOf(entries []queue.Entry) []queue.ID {
	ids := make([]queue.ID, len(entries))
	for i := range entries {
		ids[i] = entries[i].Queue
	}
	return ids
}

// holdOne checks that each queue holds one message.
func holdOne(t *testing.T, s *Store, now time.Time, what string, ids []queue.ID) {
	t.Helper()
	stats, err := s.Stats(t.Context(), now, ids)
	if err != nil {
		t.Fatal(err)
	}
	wrong := map[int64]int{}
	for i := range stats {
		if n := stats[i].Total(); n != 1 {
			wrong[n]++
		}
	}
	if len(wrong) > 0 {
		t.Errorf("%s: so many queues hold another number of messages than one: %v", what, wrong)
	}
}

// An append to many queues is made in pieces, with one answer.
func TestLargeAppendsAreInPieces(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t, inMemory)
	s := openAt(t, srv)
	for _, c := range []struct {
		name         string
		entries      []queue.Entry
		least, calls int
	}{
		{"as many as one call takes", fanOut(1, pieceEntries, 10), 1, 1},
		{"many", fanOut(10_000, 5000, 10), 6, 16},
		{"large", fanOut(20_000, 40, 512<<10), 3, 8},
	} {
		for _, token := range []string{"", c.name} {
			entries := slices.Clone(c.entries)
			for i := range entries {
				entries[i].Queue += queue.ID(len(token)) * 100_000
			}
			req := queue.AppendRequest{Now: testTime, Token: token, TokenWindow: time.Hour, Entries: entries}
			var got queue.AppendResult
			var err error
			calls := monitor(t, srv, func() { got, err = s.Append(t.Context(), req) })
			if err != nil || got.Repeated {
				t.Fatalf("%s: %v, repeated %v", c.name, err, got.Repeated)
			}
			for i := range entries {
				if got.Results[i].ID != entries[i].Message.ID || got.Results[i].Sequence == 0 {
					t.Fatalf("%s: result %d is %+v", c.name, i, got.Results[i])
				}
			}
			appends := 0
			for i := range calls {
				if calls[i].is("append") {
					appends++
				}
				size := 0
				for _, arg := range calls[i].args {
					size += len(arg)
				}
				n := calls[i].sum(among("XADD"))
				alive := 0
				if calls[i].is("alive") {
					alive = calls[i].sum(among("GET"))
				}
				if n > pieceEntries || alive > pieceEntries || size > pieceBytes+1<<20 {
					t.Errorf("%s: one call of %s appends %d messages, or looks at %d queues, with %d bytes", c.name, calls[i].args[1], n, alive, size)
				}
			}
			if appends < c.least || appends > c.calls {
				t.Errorf("%s: %d calls, want %d to %d", c.name, appends, c.least, c.calls)
			}
			holdOne(t, s, testTime, c.name, idsOf(entries))
		}
	}
}

// Nothing is appended anywhere if one of many queues is dropped.
func TestLargeAppendToADroppedQueue(t *testing.T) {
	t.Parallel()
	s := openAt(t, redistest.Start(t, inMemory))
	entries := fanOut(1, 3000, 10)
	if err := s.Drop(t.Context(), testTime, []queue.ID{2500}); err != nil {
		t.Fatal(err)
	}
	for _, token := range []string{"", "token"} {
		_, err := s.Append(t.Context(), queue.AppendRequest{Now: testTime, Token: token, TokenWindow: time.Hour, Entries: entries})
		if dropped, ok := errors.AsType[*queue.DroppedError](err); !ok || dropped.Queue != 2500 {
			t.Fatalf("with token %q: %v", token, err)
		}
	}
	stats, err := s.Stats(t.Context(), testTime, idsOf(entries))
	if err != nil || slices.ContainsFunc(stats, func(s queue.Stats) bool { return s.Total() > 0 }) {
		t.Errorf("some have it: %v", err)
	}
}

// A call under a token breaks off after some pieces. The next one, for other queues as it may be, does what is missing: no queue gets
// it twice, and none that both are for goes without.
func TestLargeAppendIsRepeated(t *testing.T) {
	t.Parallel()
	single := redistest.Start(t, inMemory)
	nodes := redistest.Cluster(t, 3, 0, inMemory).Nodes
	for i, url := range []string{urlOf(single), urlOf(nodes[0])} {
		for k, c := range []struct {
			name        string
			first, then int // how many queues
			done        int // pieces, of each shard
		}{
			{"the same", 3000, 3000, 2},
			{"fewer", 3000, 1900, 2},
			{"more", 3000, 4500, 2},
			{"not too many any more", 1100, 700, 1},
			{"none is missing", 3000, 3000, 1 << 20},
			{"small before, and more now", 1000, 3000, 0},
			{"small before, and as many", 700, 700, 0},
		} {
			name := fmt.Sprintf("%s, %d", c.name, i)
			s, err := Open(t.Context(), Options{URL: fmt.Sprintf("%s?durability=async&namespace=p%d-", url, k)}, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			first := fanOut(1, c.first, 10)
			req := queue.AppendRequest{Now: testTime, Token: "token", TokenWindow: time.Hour, Digest: "digest", Entries: first}
			if c.done > 0 {
				entries := s.place(first, req.Token)
				pieces, _ := weigh(entries)
				begun, err := s.beginAppend(t.Context(), req, pieces)
				if err != nil || begun.before || begun.pieces < 2 {
					t.Fatal(begun, err)
				}
				done := 0
				groups := map[int][]int{}
				for i := range entries {
					shard := 0
					if s.c.scattered() {
						shard = entries[i].shard()
					}
					groups[shard] = append(groups[shard], i)
				}
				for shard, indexes := range groups {
					parts := split(entries, indexes, begun.pieces)
					for number := range min(c.done, begun.pieces) {
						var part []placed
						for _, i := range parts[number] {
							part = append(part, entries[i])
						}
						if len(part) == 0 {
							continue
						}
						of := req
						of.Token = pieceToken(req.Token, number, begun.pieces)
						if _, err := s.appendTo(t.Context(), shard, of, part); err != nil {
							t.Fatal(err)
						}
						done += len(part)
					}
				}
				if done == 0 || c.done < 100 && done == len(entries) {
					t.Fatalf("%s: %d of %d were appended", name, done, len(entries))
				}
			} else if _, err := s.Append(t.Context(), req); err != nil {
				t.Fatal(err)
			}
			again := req
			again.Entries = fanOut(1, c.then, 10)
			got, err := s.Append(t.Context(), again)
			if err != nil || !got.Repeated {
				t.Fatalf("%s: %v, repeated %v", name, err, got.Repeated)
			}
			both := min(c.first, c.then)
			holdOne(t, s, testTime, name, idsOf(first[:both]))
			other := again
			other.Digest = "other"
			if _, err := s.Append(t.Context(), other); !errors.Is(err, queue.ErrTokenReused) {
				t.Errorf("%s: with another digest: %v", name, err)
			}
			for _, n := range []int{c.then, 1, 5000} {
				again.Entries = fanOut(1, n, 10)
				third, err := s.Append(t.Context(), again)
				if err != nil || !third.Repeated || !slices.Equal(third.Results, got.Results) {
					t.Errorf("%s: a third time, to %d queues: %v, repeated %v, %d results, want %d", name, n, err, third.Repeated, len(third.Results), len(got.Results))
				}
			}
			holdOne(t, s, testTime, name, idsOf(first[:both]))
		}
	}
}
