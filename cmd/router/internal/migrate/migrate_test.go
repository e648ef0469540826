package migrate_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/signalbox-mq/signalbox/cmd/router/internal/migrate"
	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/queue/pebblestore"
)

type tester interface {
	Fatalf(format string, args ...any)
	Helper()
}

func open(t tester, fs vfs.FS, unfinished bool) *pebblestore.Store {
	t.Helper()
	s, err := pebblestore.Open("data", pebblestore.Options{FS: fs, Unfinished: unfinished, CacheBytes: 1 << 20, MemTableBytes: 1 << 20})
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	return s
}

// queues of the tests, by kind.
var queues = map[queue.ID]queue.Kind{8: queue.Standard, 16: queue.Standard, 24: queue.FIFO, 32: queue.FIFO, 40: queue.Log, 49: queue.Log}

// fill does random things to a store, as of some time ago.
func fill(t *rapid.T, s *pebblestore.Store, now time.Time) {
	ctx := t.Context()
	ids := slices.Sorted(func(yield func(queue.ID) bool) {
		for id := range queues {
			if !yield(id) {
				return
			}
		}
	})
	for range rapid.IntRange(1, 40).Draw(t, "steps") {
		id := rapid.SampledFrom(ids).Draw(t, "queue")
		kind := queues[id]
		switch verb := rapid.IntRange(0, 4).Draw(t, "verb"); {
		case verb < 3:
			req := queue.AppendRequest{Now: now}
			for i := range rapid.IntRange(1, 6).Draw(t, "entries") {
				e := queue.Entry{Queue: id, Kind: kind, Key: rapid.SampledFrom([]string{"", "k", "l"}).Draw(t, "key")}
				e.Message = queue.Message{
					ID: queue.NewMessageID(), Body: fmt.Appendf(nil, "%d %s", i, strings.Repeat("x", rapid.SampledFrom([]int{0, 10, 70_000}).Draw(t, "size"))),
					Group: rapid.SampledFrom([]string{"", "g", "h"}).Draw(t, "group"), DedupID: "d", Sender: "me", Source: 8,
					Attributes: []queue.Attribute{{Name: "a", Type: "Binary", Value: []byte{0, 255}}},
					System:     []queue.Attribute{{Name: "AWSTraceHeader", Type: "String", Value: []byte("r")}},
				}
				if kind == queue.Log {
					e.Message.Group = ""
				}
				e.Delay = time.Duration(rapid.IntRange(0, 2).Draw(t, "delay")) * time.Hour
				if rapid.Bool().Draw(t, "old") {
					e.Message.Sent = now.Add(-time.Hour)
				}
				req.Entries = append(req.Entries, e)
			}
			if _, err := s.Append(ctx, req); err != nil {
				t.Fatal(err)
			}
		case kind != queue.Log:
			res, err := s.Receive(ctx, queue.ReceiveRequest{Now: now, Queue: id, Kind: kind, Max: 4, Visibility: time.Duration(rapid.IntRange(0, 2).Draw(t, "visibility")) * time.Hour})
			if err != nil {
				t.Fatal(err)
			}
			var settle []queue.Settlement
			for _, m := range res.Messages {
				x := queue.Settlement{Receipt: m.Receipt, Action: queue.Release, NotBefore: now.Add(time.Duration(rapid.IntRange(0, 2).Draw(t, "later")) * time.Hour), State: []byte("state")}
				switch rapid.IntRange(0, 3).Draw(t, "settle") {
				case 0:
					x.Action = queue.Ack
				case 1:
					continue
				}
				settle = append(settle, x)
			}
			if _, err := s.Settle(ctx, now, settle); err != nil {
				t.Fatal(err)
			}
		}
		now = now.Add(time.Duration(rapid.IntRange(0, 90).Draw(t, "seconds")) * time.Second)
	}
	records := []catalog.Record{
		{Table: "queues", Name: catalog.Name{Account: "1", Region: "r", Name: "a"}, ID: 1, Created: 1, Revision: 1, CreatedAt: time.UnixMilli(5).UTC(), ModifiedAt: time.UnixMilli(6).UTC(), Owner: "file:x", Value: []byte(`{}`)},
		{Table: "rules", Name: catalog.Name{Account: "1", Region: "r", Name: "b"}, ID: 2, Created: 1, Revision: 1, Value: []byte(`{"x":1}`)},
	}
	if err := s.Commit(ctx, 1, 9, records); err != nil {
		t.Fatal(err)
	}
	records[1].Revision, records[1].Value = 2, []byte(`{"x":2}`)
	if err := s.Commit(ctx, 2, 11, records[1:]); err != nil {
		t.Fatal(err)
	}
}

type content struct {
	Revision, LastID uint64
	Records          []catalog.Record
	Queues           map[queue.ID][]queue.Peeked
}

func read(t tester, ctx context.Context, s *pebblestore.Store, now time.Time) (c content) {
	t.Helper()
	var err error
	c.Revision, c.LastID, err = s.Load(ctx, func(r catalog.Record) error { c.Records = append(c.Records, r); return nil })
	if err != nil {
		t.Fatalf("load: %v", err)
	}
	c.Queues = map[queue.ID][]queue.Peeked{}
	for id, kind := range queues {
		for from := (queue.Position{}); ; {
			res, err := s.Scan(ctx, queue.ScanRequest{Now: now, Queue: id, Kind: kind, From: from, Limit: 100})
			if err != nil {
				t.Fatalf("scan: %v", err)
			}
			c.Queues[id] = append(c.Queues[id], res.Messages...)
			if from = res.Next; !res.More {
				break
			}
		}
	}
	return c
}

// asCopied turns what a source holds into what its copy must.
func asCopied(c content) content {
	for id, messages := range c.Queues {
		for i := range messages {
			p := &messages[i]
			p.Message.Body = fmt.Appendf(nil, "%x", sha256.Sum256(p.Message.Body)) // which is quicker to compare
			if queues[id] == queue.Log {
				continue
			}
			if p.Status == queue.InFlight {
				p.Status = queue.Delayed
			}
			p.Position, p.Message.Sequence = queue.Position{}, 0
		}
		if queues[id] == queue.Log {
			continue
		}
		slices.SortFunc(messages, func(a, b queue.Peeked) int { return strings.Compare(a.Message.ID.String(), b.Message.ID.String()) })
	}
	return c
}

func TestCopy(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		ctx := t.Context()
		begun := time.Now()
		from, fs := open(t, vfs.NewMem(), false), vfs.NewMem()
		to := open(t, fs, true)
		defer func() { _ = errors.Join(from.Close(), to.Close()) }()
		fill(t, from, begun.Add(-2*time.Hour))
		latest, err := from.Latest(ctx, begun.Add(24*time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		opts := migrate.Options{From: "there", Ahead: max(0, time.Until(latest))}
		counted, err := migrate.Count(ctx, from, opts)
		if err != nil {
			t.Fatal(err)
		}
		report, err := migrate.Run(ctx, from, to, opts)
		if err != nil {
			t.Fatal(err)
		}
		if report.Messages != counted.Messages || report.Copied != report.Messages || report.Done != report.Queues || report.Definitions != 2 {
			t.Fatalf("reports %+v and %+v", counted, report)
		}
		if err := to.Close(); err != nil {
			t.Fatal(err)
		}
		to = open(t, fs, false)
		// A lease that ends in the moment of the copy is ready in both a moment later.
		now := time.Now().Add(time.Second)
		was, is := read(t, ctx, from, now), read(t, ctx, to, now)
		if diff := cmp.Diff(orders(was), orders(is)); diff != "" {
			t.Fatalf("the order in groups (-want +got):\n%s", diff)
		}
		want, got := asCopied(was), asCopied(is)
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty(), cmpopts.EquateApproxTime(time.Second)); diff != "" {
			t.Fatalf("the copy (-want +got):\n%s", diff)
		}
		if report, err := to.Check(ctx); err != nil {
			t.Fatalf("check: %+v, %v", report, err)
		}
	})
}

// orders returns the message IDs of each group of the FIFO queues, in order.
func orders(c content) map[string][]string {
	all := map[string][]string{}
	for id, messages := range c.Queues {
		for _, p := range messages {
			if g := p.Message.Group; g != "" && queues[id] == queue.FIFO {
				key := fmt.Sprint(id, g)
				all[key] = append(all[key], p.Message.ID.String())
			}
		}
	}
	return all
}

// cut is a store that fails to append after some calls.
type cut struct {
	*pebblestore.Store
	left int
}

var errCut = errors.New("cut")

func (c *cut) Append(ctx context.Context, req queue.AppendRequest) (queue.AppendResult, error) {
	if c.left--; c.left < 0 {
		return queue.AppendResult{}, errCut
	}
	return c.Store.Append(ctx, req)
}

func TestBrokenOff(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	from, fs := open(t, vfs.NewMem(), false), vfs.NewMem()
	defer from.Close()
	for id, kind := range queues {
		for range 3 {
			e := queue.Entry{Queue: id, Kind: kind, Message: queue.Message{ID: queue.NewMessageID(), Body: []byte("a")}}
			if _, err := from.Append(ctx, queue.AppendRequest{Now: time.Now(), Entries: []queue.Entry{e}}); err != nil {
				t.Fatal(err)
			}
		}
	}
	to := open(t, fs, true)
	if _, err := migrate.Run(ctx, from, &cut{to, 4}, migrate.Options{From: "there"}); !errors.Is(err, errCut) {
		t.Fatalf("got %v", err)
	}
	if err := to.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := pebblestore.Open("data", pebblestore.Options{FS: fs}); !errors.Is(err, queue.ErrUnfinished) {
		t.Fatalf("the half of a copy can be opened: %v", err)
	}
	to = open(t, fs, true)
	defer to.Close()
	if _, err := migrate.Run(ctx, from, to, migrate.Options{From: "there"}); !errors.Is(err, queue.ErrUnfinished) {
		t.Fatalf("going on: %v", err)
	}
	if _, err := migrate.Run(ctx, from, to, migrate.Options{From: "there", Restart: true}); err != nil {
		t.Fatal(err)
	}
	if got := read(t, ctx, to, time.Now()); len(got.Queues[40]) != 3 || len(got.Queues[8]) != 3 {
		t.Fatalf("%+v", got)
	}
	if _, err := migrate.Run(ctx, from, to, migrate.Options{From: "there", Restart: true}); !errors.Is(err, queue.ErrNotEmpty) {
		t.Fatalf("into a store that holds something: %v", err)
	}
}

// lossy is a store that leaves entries out.
type lossy struct{ *pebblestore.Store }

func (l *lossy) Append(ctx context.Context, req queue.AppendRequest) (queue.AppendResult, error) {
	all := req.Entries
	req.Entries = all[:1]
	res, err := l.Store.Append(ctx, req)
	for range all[1:] {
		res.Results = append(res.Results, res.Results[0])
	}
	return res, err
}

func TestMismatch(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	from, to := open(t, vfs.NewMem(), false), open(t, vfs.NewMem(), true)
	defer func() { _ = errors.Join(from.Close(), to.Close()) }()
	for range 2 {
		e := queue.Entry{Queue: 8, Message: queue.Message{ID: queue.NewMessageID(), Body: []byte("a")}}
		if _, err := from.Append(ctx, queue.AppendRequest{Now: time.Now(), Entries: []queue.Entry{e}}); err != nil {
			t.Fatal(err)
		}
	}
	_, err := migrate.Run(ctx, from, &lossy{to}, migrate.Options{})
	mismatch, ok := errors.AsType[*migrate.MismatchError](err)
	if !ok || len(mismatch.Queues) != 1 || !strings.Contains(err.Error(), "1 messages of 1 bytes, want 2 of 2") {
		t.Fatalf("got %v", err)
	}
	busy := errors.New("a router runs")
	if _, err := migrate.Run(ctx, from, to, migrate.Options{Idle: func(context.Context) error { return busy }}); !errors.Is(err, busy) {
		t.Fatalf("got %v", err)
	}
}
