package catalogtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/signalbox-mq/signalbox/queue/catalog"
)

// Harness makes an empty backend for one test. Reopen closes the one it returned last and returns another on the same
// data, as a restart would; nil if the backend cannot. What it opens it closes with tb.Cleanup.
type Harness func(tb TB) (backend catalog.Backend, reopen func() catalog.Backend)

// TB is what a [*testing.T] and a [*rapid.T] have in common.
type TB interface {
	rapid.TB
	Cleanup(func())
}

// Run tests a backend against the contract of [catalog.Backend], and of [catalog.Shared] if it implements that.
func Run(t *testing.T, harness Harness) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, *backend)
	}{
		{"Empty", testEmpty},
		{"RoundTrip", testRoundTrip},
		{"ReplaceAndDelete", testReplaceAndDelete},
		{"Names", testNames},
		{"WrongRevision", testWrongRevision},
		{"LastID", testLastID},
		{"YieldError", testYieldError},
		{"OwnMemory", testOwnMemory},
		{"LargeSet", testLargeSet},
		{"OneWins", testOneWins},
		{"Cancelled", testCancelled},
		{"Since", testSince},
		{"Restore", testRestore},
		{"Catalog", testCatalog},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b := &backend{tb: t}
			b.Backend, b.open = harness(t)
			test.run(t, b)
		})
	}
	t.Run("History", func(t *testing.T) {
		t.Parallel()
		rapid.Check(t, func(t *rapid.T) { testHistory(t, harness) })
	})
}

// backend is the one under test.
type backend struct {
	catalog.Backend
	tb   TB
	open func() catalog.Backend
}

// restart reopens if the backend can.
func (b *backend) restart() {
	if b.open != nil {
		b.Backend = b.open()
	}
}

type content struct {
	Revision, LastID uint64
	Records          []catalog.Record
}

func (b *backend) load() content {
	b.tb.Helper()
	var c content
	var err error
	c.Revision, c.LastID, err = b.Load(context.Background(), c.add)
	if err != nil {
		b.tb.Fatalf("Load: %v", err)
	}
	return c.sorted()
}

func (c *content) add(r catalog.Record) error {
	// A backend may use the memory of a value again after yield has returned.
	r.Value = bytes.Clone(r.Value)
	c.Records = append(c.Records, r)
	return nil
}

func (c content) sorted() content {
	slices.SortFunc(c.Records, func(a, b catalog.Record) int {
		if d := strings.Compare(a.Table, b.Table); d != 0 {
			return d
		}
		return a.Name.Compare(b.Name)
	})
	return c
}

func (b *backend) commit(revision, lastID uint64, records ...catalog.Record) {
	b.tb.Helper()
	if err := b.Commit(context.Background(), revision, lastID, records); err != nil {
		b.tb.Fatalf("Commit of revision %d: %v", revision, err)
	}
}

func (b *backend) has(want content) {
	b.tb.Helper()
	if diff := cmp.Diff(want.sorted(), b.load()); diff != "" {
		b.tb.Fatalf("content (-want +got):\n%s", diff)
	}
}

func record(table, name string, id, created, revision uint64, value string) catalog.Record {
	return catalog.Record{
		Table: table, Name: catalog.Name{Account: "000000000000", Region: "us-east-1", Name: name},
		ID: id, Created: created, Revision: revision, Value: []byte(value),
	}
}

func deleted(r catalog.Record, revision uint64) catalog.Record {
	r.Revision, r.Value, r.Deleted = revision, nil, true
	return r
}

func testEmpty(_ *testing.T, b *backend) {
	b.has(content{})
	b.restart()
	b.has(content{})
}

func testRoundTrip(_ *testing.T, b *backend) {
	r := record("queues", "orders", 1, 1, 1, `{"fifo":true,"text":"ü\u0000\n"}`)
	r.Owner = "file:orders.yaml"
	r.CreatedAt, r.ModifiedAt = time.UnixMilli(1_700_000_000_123).UTC(), time.UnixMilli(1_800_000_000_456).UTC()
	big := record("queues", "big", 2, 1, 1, `"`+strings.Repeat("x", 300_000)+`"`)
	b.commit(1, 2, r, big)
	want := content{Revision: 1, LastID: 2, Records: []catalog.Record{r, big}}
	b.has(want)
	b.restart()
	b.has(want)
}

func testReplaceAndDelete(_ *testing.T, b *backend) {
	one, two := record("queues", "a", 1, 1, 1, `1`), record("queues", "b", 2, 1, 1, `1`)
	one.Owner = "file:x"
	b.commit(1, 2, one, two)
	one.Revision, one.Value, one.Owner, one.ModifiedAt = 2, []byte(`{"longer":2}`), "", time.UnixMilli(1_800_000_000_000).UTC()
	b.commit(2, 2, one, deleted(two, 2))
	b.has(content{2, 2, []catalog.Record{one}})
	b.restart()
	b.has(content{2, 2, []catalog.Record{one}})
	again := record("queues", "b", 3, 3, 3, `3`)
	b.commit(3, 3, again, deleted(one, 3))
	b.has(content{3, 3, []catalog.Record{again}})
	b.commit(4, 3, deleted(again, 4))
	b.has(content{4, 3, nil})
	b.restart()
	b.has(content{4, 3, nil})
}

func testNames(_ *testing.T, b *backend) {
	name := func(account, region, name string) catalog.Name {
		return catalog.Name{Account: account, Region: region, Name: name}
	}
	want := content{Revision: 1}
	for _, table := range []string{"queues", "queue", "queues2", "q"} {
		for _, n := range []catalog.Name{
			name("1", "r", "a"), name("1", "r", "ab"), name("1", "r", "a/b"), name("1", "r", "/"),
			name("1", "ra", "b"), name("11", "r", "a"), name("-", "-", "file:/etc/x y.yaml"),
			name("1", "r", "größe €"), name("1", "r", "a\x00b"), name("1", "r", "a:b{c}|d*?[]"),
			name("1", "r", strings.Repeat("n", 1000)),
		} {
			want.LastID++
			want.Records = append(want.Records, catalog.Record{
				Table: table, Name: n, ID: want.LastID, Created: 1, Revision: 1, Value: fmt.Append(nil, want.LastID),
			})
		}
	}
	b.commit(1, want.LastID, want.Records...)
	b.has(want)
	// Each can be deleted without its neighbours.
	for want.Revision < 20 {
		want.Revision++
		i := int(want.Revision) * 7 % len(want.Records)
		b.commit(want.Revision, want.LastID, deleted(want.Records[i], want.Revision))
		want.Records = slices.Delete(want.Records, i, i+1)
		b.has(want)
	}
}

func testWrongRevision(_ *testing.T, b *backend) {
	r := record("queues", "a", 1, 1, 1, `1`)
	for _, revision := range []uint64{0, 2, 3, 1 << 62} {
		r.Revision = revision
		if err := b.Commit(context.Background(), revision, 1, []catalog.Record{r}); !errors.Is(err, catalog.ErrConflict) {
			b.tb.Fatalf("Commit of revision %d on an empty catalog: %v, want ErrConflict", revision, err)
		}
		b.has(content{})
	}
	r.Revision = 1
	b.commit(1, 1, r)
	want := content{1, 1, []catalog.Record{r}}
	for _, revision := range []uint64{0, 1, 3} {
		other := record("queues", "b", 2, revision, revision, `2`)
		gone := deleted(r, revision)
		if err := b.Commit(context.Background(), revision, 2, []catalog.Record{other, gone}); !errors.Is(err, catalog.ErrConflict) {
			b.tb.Fatalf("Commit of revision %d after 1: %v, want ErrConflict", revision, err)
		}
		b.has(want)
	}
	b.restart()
	b.has(want)
	b.commit(2, 2, record("queues", "b", 2, 2, 2, `2`))
}

func testLastID(_ *testing.T, b *backend) {
	r := record("queues", "a", 7, 1, 1, `1`)
	b.commit(1, 1<<40, r)
	b.commit(2, 1<<40, deleted(r, 2))
	b.restart()
	b.has(content{2, 1 << 40, nil})
}

func testRestore(t *testing.T, b *backend) {
	restorer := func() catalog.Restorer {
		r, ok := b.Backend.(catalog.Restorer)
		if !ok {
			t.Skip("the backend is no Restorer")
		}
		return r
	}
	ctx := t.Context()
	x, y, z := record("queues", "a", 3, 2, 7, `1`), record("topics", "b", 9, 4, 4, `{}`), record("rules", "c", 11, 900, 1000, `{"c":1}`)
	y.Owner = "file:x.yaml"
	x.CreatedAt, x.ModifiedAt = time.UnixMilli(1000).UTC(), time.UnixMilli(2000).UTC()
	if err := restorer().Restore(ctx, 0, 0, []catalog.Record{x, y}); err != nil {
		t.Fatal(err)
	}
	b.restart()
	b.has(content{0, 0, []catalog.Record{x, y}})
	if err := restorer().Restore(ctx, 1000, 77, []catalog.Record{z}); err != nil {
		t.Fatal(err)
	}
	want := content{1000, 77, []catalog.Record{x, y, z}}
	b.has(want)
	b.restart()
	b.has(want)
	for _, revision := range []uint64{0, 1000, 1001} {
		if err := restorer().Restore(ctx, revision, 1, []catalog.Record{record("queues", "d", 78, 1, 1, `1`)}); !errors.Is(err, catalog.ErrConflict) {
			t.Fatalf("Restore of revision %d into a catalog: %v, want ErrConflict", revision, err)
		}
	}
	b.has(want)
	if s, ok := b.Backend.(catalog.Shared); ok {
		if _, _, err := s.LoadSince(ctx, 999, func(catalog.Record) error { return nil }); !errors.Is(err, catalog.ErrCompacted) {
			t.Fatalf("LoadSince before the revision that was restored: %v, want ErrCompacted", err)
		}
	}
	d := record("queues", "d", 78, 1001, 1001, `1`)
	b.commit(1001, 78, d, deleted(y, 1001))
	b.has(content{1001, 78, []catalog.Record{x, z, d}})
}

func testYieldError(_ *testing.T, b *backend) {
	b.commit(1, 2, record("queues", "a", 1, 1, 1, `1`), record("queues", "b", 2, 1, 1, `1`))
	stop, calls := errors.New("stop"), 0
	_, _, err := b.Load(context.Background(), func(catalog.Record) error { calls++; return stop })
	if !errors.Is(err, stop) || calls != 1 {
		b.tb.Fatalf("Load whose yield failed: %v after %d calls", err, calls)
	}
}

func testOwnMemory(_ *testing.T, b *backend) {
	r := record("queues", "a", 1, 1, 1, `"mine"`)
	records := []catalog.Record{r}
	records[0].Value = bytes.Clone(r.Value)
	b.commit(1, 1, records...)
	copy(records[0].Value, `"your"`)
	records[0].Name.Name = "other"
	b.has(content{1, 1, []catalog.Record{r}})
}

func testLargeSet(_ *testing.T, b *backend) {
	const n = 5000
	want := content{Revision: 1, LastID: n}
	for i := range n {
		want.Records = append(want.Records, record("rules", fmt.Sprintf("rule-%d", i), uint64(i+1), 1, 1, `{"a":[1,2,3]}`))
	}
	b.commit(1, n, want.Records...)
	b.has(want)
	var gone []catalog.Record
	for _, r := range want.Records[10:] {
		gone = append(gone, deleted(r, 2))
	}
	b.commit(2, n, gone...)
	want.Revision, want.Records = 2, want.Records[:10]
	b.restart()
	b.has(want)
}

func testOneWins(_ *testing.T, b *backend) {
	const writers, revisions = 8, 10
	for revision := uint64(1); revision <= revisions; revision++ {
		var wg sync.WaitGroup
		errs := make([]error, writers)
		for i := range writers {
			wg.Go(func() {
				// Each writes two records, so that a mixture would show.
				value := fmt.Sprint(i)
				errs[i] = b.Commit(context.Background(), revision, revision*2, []catalog.Record{
					record("queues", "a", 1, 1, revision, value), record("queues", "b", 2, 1, revision, value),
				})
			})
		}
		wg.Wait()
		winner := -1
		for i, err := range errs {
			switch {
			case err == nil && winner < 0:
				winner = i
			case err == nil:
				b.tb.Fatalf("revision %d was committed by %d and %d", revision, winner, i)
			case !errors.Is(err, catalog.ErrConflict):
				b.tb.Fatalf("Commit of revision %d by the slower one: %v, want ErrConflict", revision, err)
			}
		}
		if winner < 0 {
			b.tb.Fatalf("nobody committed revision %d: %v", revision, errs)
		}
		value := fmt.Sprint(winner)
		b.has(content{revision, revision * 2, []catalog.Record{
			record("queues", "a", 1, 1, revision, value), record("queues", "b", 2, 1, revision, value),
		}})
	}
}

func testCancelled(_ *testing.T, b *backend) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	r := record("queues", "a", 1, 1, 1, `1`)
	switch err := b.Commit(ctx, 1, 1, []catalog.Record{r}); {
	case err == nil:
		b.has(content{1, 1, []catalog.Record{r}})
	case errors.Is(err, catalog.ErrConflict):
		b.tb.Fatalf("cancelled Commit: %v", err)
	default: // unknown whether it happened, but it is one of the two
		if got := b.load(); got.Revision != 0 {
			b.has(content{1, 1, []catalog.Record{r}})
		}
	}
}

func testSince(t *testing.T, b *backend) {
	shared, ok := b.Backend.(catalog.Shared)
	if !ok {
		t.Skip("the backend is not a catalog.Shared")
	}
	since := func(revision uint64) (c content, err error) {
		c.Revision, c.LastID, err = shared.LoadSince(context.Background(), revision, c.add)
		return c.sorted(), err
	}
	a, z := record("queues", "a", 1, 1, 1, `1`), record("topics", "z", 2, 1, 1, `1`)
	b.commit(1, 2, a, z)
	c := record("queues", "c", 3, 2, 2, `2`)
	b.commit(2, 3, c, deleted(a, 2))
	a2 := record("queues", "a", 4, 3, 3, `3`)
	b.commit(3, 4, a2)
	gone := deleted(z, 4)
	b.commit(4, 4, gone)
	for revision, want := range map[uint64][]catalog.Record{
		0: {a2, c, gone}, 1: {a2, c, gone}, 2: {a2, gone}, 3: {gone}, 4: nil,
	} {
		got, err := since(revision)
		if errors.Is(err, catalog.ErrCompacted) && revision < 4 {
			continue
		}
		if err != nil {
			t.Fatalf("LoadSince %d: %v", revision, err)
		}
		if revision == 0 {
			// A trace of what did not exist then may be left out or not.
			got.Records = slices.DeleteFunc(got.Records, func(r catalog.Record) bool { return r.Deleted })
			want = []catalog.Record{a2, c}
		}
		if diff := cmp.Diff(content{4, 4, want}.sorted(), got); diff != "" {
			t.Errorf("LoadSince %d (-want +got):\n%s", revision, diff)
		}
	}
	if _, err := since(5); !errors.Is(err, catalog.ErrCompacted) {
		t.Errorf("LoadSince a revision ahead: %v, want ErrCompacted", err)
	}
}

func testCatalog(_ *testing.T, b *backend) {
	ctx := context.Background()
	open := func() *catalog.Catalog {
		c, err := catalog.Open(ctx, b.Backend)
		if err != nil {
			b.tb.Fatal(err)
		}
		return c
	}
	name := func(i int) catalog.Name {
		return catalog.Name{Account: "000000000000", Region: "us-east-1", Name: fmt.Sprint("q", i)}
	}
	c := open()
	queues := catalog.NewTable[int](c, "queues")
	for i := range 20 {
		if _, err := queues.Create(ctx, name(i), i); err != nil {
			b.tb.Fatal(err)
		}
	}
	for i := range 10 {
		if err := queues.Delete(ctx, name(2*i)); err != nil {
			b.tb.Fatal(err)
		}
	}
	b.restart()
	c2 := open()
	want, _ := c.List("queues", catalog.Query{})
	got, _ := c2.List("queues", catalog.Query{})
	if diff := cmp.Diff(want, got); diff != "" || c.Revision() != c2.Revision() || len(got) != 10 {
		b.tb.Fatalf("after reopening at %d, was %d (-want +got):\n%s", c2.Revision(), c.Revision(), diff)
	}
	e, err := catalog.NewTable[int](c2, "queues").Create(ctx, name(0), 1)
	if err != nil || e.ID != 21 {
		b.tb.Fatalf("created %+v, %v; want ID 21", e, err)
	}
}

// testHistory runs random commits, wrong ones too, against a map.
func testHistory(t *rapid.T, harness Harness) {
	b := &backend{tb: t}
	b.Backend, b.open = harness(t)
	model := map[catalog.Name]catalog.Record{}
	var want content
	names := rapid.SampledFrom([]string{"a", "b", "c", "a/b", "ab"})
	accounts := rapid.SampledFrom([]string{"1", "2"})
	for range rapid.IntRange(1, 12).Draw(t, "steps") {
		switch rapid.IntRange(0, 9).Draw(t, "step") {
		case 0:
			b.restart()
		case 1:
			wrong := rapid.Uint64Range(0, 20).Draw(t, "wrong")
			if wrong == want.Revision+1 {
				continue
			}
			r := record("queues", "a", 1, wrong, wrong, `1`)
			if err := b.Commit(context.Background(), wrong, 99, []catalog.Record{r}); !errors.Is(err, catalog.ErrConflict) {
				t.Fatalf("Commit of revision %d after %d: %v", wrong, want.Revision, err)
			}
		default:
			want.Revision++
			var records []catalog.Record
			used := map[catalog.Name]bool{}
			for range rapid.IntRange(1, 4).Draw(t, "records") {
				n := catalog.Name{Account: accounts.Draw(t, "account"), Region: "r", Name: names.Draw(t, "name")}
				r, ok := model[n]
				switch {
				case used[n]:
					continue
				case ok && rapid.Bool().Draw(t, "delete"):
					r = deleted(r, want.Revision)
					delete(model, n)
				case !ok:
					want.LastID++
					r = catalog.Record{Table: "queues", Name: n, ID: want.LastID, Created: want.Revision}
					fallthrough
				default:
					r.Revision = want.Revision
					r.Owner = rapid.SampledFrom([]string{"", "file:x"}).Draw(t, "owner")
					r.Value = fmt.Append(nil, rapid.Int().Draw(t, "value"))
					r.ModifiedAt = time.UnixMilli(rapid.Int64Range(1, 1<<42).Draw(t, "modified")).UTC()
					model[n] = r
				}
				used[n] = true
				records = append(records, r)
			}
			b.commit(want.Revision, want.LastID, records...)
		}
		want.Records = nil
		for _, r := range model {
			want.Records = append(want.Records, r)
		}
		b.has(want)
	}
}
