package pattern_test

import (
	"fmt"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/signalbox-mq/signalbox/rules/pattern"
	"github.com/signalbox-mq/signalbox/rules/pattern/internal/scalegen"
)

// build compiles a corpus's patterns into an index whose rule numbers are their positions.
func build(tb testing.TB, patterns [][]byte) *pattern.Index {
	tb.Helper()
	changes := make([]pattern.Change, len(patterns))
	for i, text := range patterns {
		p, err := pattern.Compile(text)
		if err != nil {
			tb.Fatalf("%s: %v", text, err)
		}
		changes[i] = pattern.Change{ID: pattern.ID(i), Pattern: p}
	}
	return pattern.NewIndex().With(changes...)
}

func sum(ids []pattern.ID) (n int64) {
	for _, id := range ids {
		n += 31*int64(id) + 7
	}
	return n
}

// TestScaleSums compares the matches of 10,000 events with what two other engines found.
func TestScaleSums(t *testing.T) {
	if testing.Short() || raceEnabled {
		t.Skip("builds indexes of 10,000 rules")
	}
	t.Parallel()
	for _, c := range []struct {
		set  scalegen.Set
		want int64
	}{{scalegen.Std, 5679736317}, {scalegen.Full, 5692929854}} {
		t.Run(string(c.set), func(t *testing.T) {
			t.Parallel()
			corpus := scalegen.Generate(scalegen.Params{Set: c.set, Rules: 10000, Events: 10000, Seed: 1})
			index := build(t, corpus.Patterns)
			var got int64
			var ids []pattern.ID
			for _, e := range corpus.Events {
				var err error
				if ids, err = index.Match(e, ids[:0]); err != nil {
					t.Fatal(err)
				}
				got += sum(ids)
			}
			if got != c.want {
				t.Errorf("sum is %d, want %d", got, c.want)
			}
		})
	}
}

func BenchmarkIndex(b *testing.B) {
	for _, c := range []struct {
		set   scalegen.Set
		sizes []int
	}{
		{scalegen.Std, []int{1, 100, 10000}},
		{scalegen.Full, []int{1, 100, 10000}},
		{scalegen.Wild, []int{1, 10, 100, 1000}},
	} {
		for _, n := range c.sizes {
			b.Run(fmt.Sprintf("%s/rules=%d", c.set, n), func(b *testing.B) { benchmarkMatch(b, c.set, n, false) })
		}
	}
}

// BenchmarkIndexLarge is apart because making its rules takes longer than matching.
func BenchmarkIndexLarge(b *testing.B) {
	for _, set := range []scalegen.Set{scalegen.Std, scalegen.Full} {
		for _, unique := range []bool{false, true} {
			b.Run(fmt.Sprintf("%s/unique=%v/rules=100000", set, unique), func(b *testing.B) { benchmarkMatch(b, set, 100000, unique) })
		}
	}
}

func benchmarkMatch(b *testing.B, set scalegen.Set, rules int, unique bool) {
	corpus := scalegen.Generate(scalegen.Params{Set: set, Rules: rules, Events: 10000, Seed: 1, Unique: unique})
	measure(b, build(b, corpus.Patterns), corpus.Events)
}

// measure matches all events, one after another, in each operation. The figure is that of the median pass.
func measure(b *testing.B, index *pattern.Index, events [][]byte) {
	b.Helper()
	var ids []pattern.ID
	size, matches := 0, 0
	for _, e := range events { // grows the scratch memory
		size += len(e)
		ids, _ = index.Match(e, ids[:0])
		matches += len(ids)
	}
	b.SetBytes(int64(size))
	b.ReportAllocs()
	var passes []time.Duration
	for b.Loop() {
		start := cpuTime(b)
		for _, e := range events {
			var err error
			if ids, err = index.Match(e, ids[:0]); err != nil {
				b.Fatal(err)
			}
		}
		passes = append(passes, cpuTime(b)-start)
	}
	slices.Sort(passes)
	n := float64(len(events))
	b.ReportMetric(n/passes[len(passes)/2].Seconds(), "events/cpu-s")
	b.ReportMetric(float64(matches)/n, "matches/event")
}

// BenchmarkParallel matches on all of GOMAXPROCS at once: compare -cpu 1,2,4. Matching scales where an event costs no more
// processor time with more of them.
func BenchmarkParallel(b *testing.B) {
	corpus := scalegen.Generate(scalegen.Params{Set: scalegen.Full, Rules: 10000, Events: 10000, Seed: 1})
	index := build(b, corpus.Patterns)
	b.ReportAllocs()
	b.ResetTimer()
	start := cpuTime(b)
	b.RunParallel(func(pb *testing.PB) {
		var ids []pattern.ID
		for i := 0; pb.Next(); i++ {
			var err error
			if ids, err = index.Match(corpus.Events[i%len(corpus.Events)], ids[:0]); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64(b.N)/(cpuTime(b)-start).Seconds(), "events/cpu-s")
}

// BenchmarkAdd adds and removes one rule of an index of 100,000, making a snapshot each time.
func BenchmarkAdd(b *testing.B) {
	corpus := scalegen.Generate(scalegen.Params{Set: scalegen.Full, Rules: 100000, Events: 1, Seed: 1})
	full := build(b, corpus.Patterns)
	some, err := pattern.Compile(corpus.Patterns[50000])
	if err != nil {
		b.Fatal(err)
	}
	b.Run("add", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if full.With(pattern.Change{ID: 100000, Pattern: some}).Len() != 100001 {
				b.Fatal("not added")
			}
		}
	})
	b.Run("remove", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if full.With(pattern.Change{ID: 50000}).Len() != 99999 {
				b.Fatal("not removed")
			}
		}
	})
}

// BenchmarkBuild makes an index of 100,000 compiled rules at once, and reports what it weighs.
func BenchmarkBuild(b *testing.B) {
	for _, set := range []scalegen.Set{scalegen.Std, scalegen.Full} {
		b.Run(string(set), func(b *testing.B) {
			corpus := scalegen.Generate(scalegen.Params{Set: set, Rules: 100000, Events: 1, Seed: 1})
			before := heap()
			changes := make([]pattern.Change, len(corpus.Patterns))
			for i, text := range corpus.Patterns {
				p, err := pattern.Compile(text)
				if err != nil {
					b.Fatal(err)
				}
				changes[i] = pattern.Change{ID: pattern.ID(i), Pattern: p}
			}
			var index *pattern.Index
			for b.Loop() {
				index = pattern.NewIndex().With(changes...)
			}
			clear(changes) // of the patterns, only what the index shares with them counts
			b.ReportMetric(float64(heap()-before)/float64(index.Len()), "B/rule")
			runtime.KeepAlive(corpus)
			runtime.KeepAlive(index)
		})
	}
}

// heap is the live memory.
func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// cpuTime is the processor time of the process so far. Events per second of it is what the reference figures count, and it
// stays meaningful on a busy machine.
func cpuTime(tb testing.TB) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
