package pattern_test

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/signalbox-mq/signalbox/rules/pattern"
	"github.com/signalbox-mq/signalbox/rules/pattern/internal/scalegen"
)

func compile(tb testing.TB, text string) *pattern.Pattern {
	tb.Helper()
	p, err := pattern.Compile([]byte(text))
	if err != nil {
		tb.Fatalf("%s: %v", text, err)
	}
	return p
}

func match(tb testing.TB, x *pattern.Index, event string) []pattern.ID {
	tb.Helper()
	ids, err := x.Match([]byte(event), nil)
	if err != nil {
		tb.Fatal(err)
	}
	return ids
}

func TestIndexChanges(t *testing.T) {
	t.Parallel()
	empty := pattern.NewIndex()
	one := empty.With(pattern.Change{ID: 5, Pattern: compile(t, `{"a":["x"]}`)})
	two := one.With(
		pattern.Change{ID: 9, Pattern: compile(t, `{"$or":[{"a":["x"]},{"b":["y"]}]}`)},
		pattern.Change{ID: 4, Pattern: compile(t, `{"a":["x","x","y"]}`)})
	moved := two.With(pattern.Change{ID: 5, Pattern: compile(t, `{"c":[1]}`)})
	gone := moved.With(pattern.Change{ID: 5}, pattern.Change{ID: 9}, pattern.Change{ID: 4}, pattern.Change{ID: 77})
	for _, c := range []struct {
		name  string
		index *pattern.Index
		want  []pattern.ID
		size  int
	}{{"empty", empty, nil, 0}, {"one", one, []pattern.ID{5}, 1}, {"two", two, []pattern.ID{4, 5, 9}, 3}, {"moved", moved, []pattern.ID{4, 9}, 3}, {"gone", gone, nil, 0}} {
		if diff := cmp.Diff(c.want, match(t, c.index, `{"a":"x","b":"y"}`)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
		if c.index.Len() != c.size || c.index.Has(4) != (c.size == 3) {
			t.Errorf("%s: Len %d, Has(4) %v", c.name, c.index.Len(), c.index.Has(4))
		}
	}
	dst := []pattern.ID{100}
	if got, err := two.Match([]byte(`{"a":`), dst); !errors.Is(err, pattern.ErrInvalidEvent) || !slices.Equal(got, dst) {
		t.Errorf("broken event: %v, %v", got, err)
	}
	if got, _ := two.Match([]byte(`{"a":"x"}`), dst); !slices.Equal(got, []pattern.ID{100, 4, 5, 9}) {
		t.Errorf("Match does not append: %v", got)
	}
}

// TestIndexManyPaths has more children per trie node and more signatures than the small cases of the code.
func TestIndexManyPaths(t *testing.T) {
	t.Parallel()
	const n = 1500
	var changes []pattern.Change
	for i := range n {
		changes = append(changes, pattern.Change{ID: pattern.ID(i), Pattern: compile(t, fmt.Sprintf(`{"s":["x"],"f%d":{"k":["v",{"prefix":"p%d-"}]}}`, i, i))})
	}
	index := pattern.NewIndex().With(changes...)
	for _, i := range []int{0, 7, 999, 1400, n - 1} {
		for _, v := range []string{"v", fmt.Sprintf("p%d-1", i)} {
			event := fmt.Sprintf(`{"f%d":{"k":%q},"s":"x"}`, i, v)
			if got := match(t, index, event); !slices.Equal(got, []pattern.ID{pattern.ID(i)}) {
				t.Errorf("%s matches %v, want %d", event, got, i)
			}
		}
	}
	for i := range n - 1 {
		index = index.With(pattern.Change{ID: pattern.ID(i)})
	}
	if got := match(t, index, `{"s":"x","f0":{"k":"v"},"f1499":{"k":"v"}}`); !slices.Equal(got, []pattern.ID{n - 1}) || index.Len() != 1 {
		t.Errorf("after removal: %v, %d rules", got, index.Len())
	}
}

// TestIndexHostileArrays bounds the time of an event whose arrays multiply: the deadline is thousands of times what it takes,
// and a thousandth of what trying all combinations would.
func TestIndexHostileArrays(t *testing.T) {
	t.Parallel()
	var changes []pattern.Change
	for i := range 200 {
		changes = append(changes, pattern.Change{ID: pattern.ID(i), Pattern: compile(t, fmt.Sprintf(`{"a":[%d],"b":[%d],"c":[%d],"d":[%d]}`, i, i, i, i))})
	}
	var fields []string
	for _, k := range []string{"p", "q", "r", "s", "t"} {
		fields = append(fields, fmt.Sprintf(`%q:{"x":["1"],"y":["1"]}`, k))
	}
	changes = append(changes, pattern.Change{ID: 1000, Pattern: compile(t, `{"o":{`+strings.Join(fields, ",")+`}}`)})
	index := pattern.NewIndex().With(changes...)
	many := strings.TrimSuffix(strings.Repeat("1,", 2000), ",")
	split := strings.TrimSuffix(strings.Repeat(`{"x":"1","y":"0"},{"x":"0","y":"1"},{"x":"1","y":"1"},`, 60), ",")
	last := strings.TrimSuffix(strings.Repeat(`{"x":"1","y":"0"},{"x":"0","y":"1"},`, 60), ",")
	event := fmt.Sprintf(`{"a":[%s],"b":[%s],"c":[%s],"d":[%s],"o":[{"p":[%s],"q":[%s],"r":[%s],"s":[%s],"t":[%s]}]}`, many, many, many, many, split, split, split, split, last)
	start := time.Now()
	if got := match(t, index, event); !slices.Equal(got, []pattern.ID{1}) {
		t.Errorf("matches %v, want 1", got)
	}
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("took %v", took)
	}
}

// TestSmallChange pins that a change of one rule copies little, however many there are, and what a rule weighs: both are
// far below what a copy, or another design, would take.
func TestSmallChange(t *testing.T) {
	if testing.Short() || raceEnabled {
		t.Skip("weighs an index of 20,000 rules")
	}
	corpus := scalegen.Generate(scalegen.Params{Set: scalegen.Full, Rules: 20000, Events: 1, Seed: 3})
	before := heap()
	index := build(t, corpus.Patterns)
	if each := (heap() - before) / int64(index.Len()); each > 500 {
		t.Errorf("%d bytes for each rule", each)
	}
	p := compile(t, string(corpus.Patterns[777]))
	var a, b runtime.MemStats
	const n = 100
	runtime.ReadMemStats(&a)
	for i := range n {
		index = index.With(pattern.Change{ID: pattern.ID(50000 + i), Pattern: p})
	}
	runtime.ReadMemStats(&b)
	if each := (b.TotalAlloc - a.TotalAlloc) / n; each > 64<<10 {
		t.Errorf("adding a rule to %d allocates %d bytes", index.Len(), each)
	}
	runtime.KeepAlive(corpus)
}

// TestMatchAllocates pins that matching allocates nothing in the steady state.
func TestMatchAllocates(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector empties pools at random")
	}
	corpus := scalegen.Generate(scalegen.Params{Set: scalegen.Full, Rules: 1000, Events: 200, Seed: 1})
	index := build(t, corpus.Patterns)
	ids := make([]pattern.ID, 0, 100)
	pass := func() {
		for _, e := range corpus.Events {
			ids, _ = index.Match(e, ids[:0])
		}
	}
	pass()
	if n := testing.AllocsPerRun(20, pass); n > 1 { // a garbage collection may empty the pool
		t.Errorf("%v allocations for %d events", n, len(corpus.Events))
	}
}

// TestConcurrentUse matches on all goroutines while one publishes new snapshots, as a server does.
func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	corpus := scalegen.Generate(scalegen.Params{Set: scalegen.Full, Rules: 300, Events: 100, Seed: 2})
	var changes []pattern.Change
	for i, text := range corpus.Patterns {
		changes = append(changes, pattern.Change{ID: pattern.ID(i), Pattern: compile(t, string(text))})
	}
	half := len(changes) / 2
	fixed := pattern.NewIndex().With(changes[:half]...)
	var want [][]pattern.ID
	for _, e := range corpus.Events {
		want = append(want, match(t, fixed, string(e)))
	}
	var current atomic.Pointer[pattern.Index]
	current.Store(fixed)
	done := make(chan struct{})
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for {
				for i, e := range corpus.Events {
					got, err := current.Load().Match(e, nil)
					if err != nil {
						t.Error(err)
						return
					}
					got = slices.DeleteFunc(got, func(id pattern.ID) bool { return int(id) >= half })
					if !slices.Equal(got, want[i]) {
						t.Errorf("event %d: %v, want %v", i, got, want[i])
						return
					}
				}
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	for range 3 {
		for _, c := range changes[half:] {
			current.Store(current.Load().With(c))
		}
		for _, c := range changes[half:] {
			current.Store(current.Load().With(pattern.Change{ID: c.ID}))
		}
	}
	close(done)
	readers.Wait()
}
