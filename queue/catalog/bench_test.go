package catalog_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/signalbox-mq/signalbox/queue/catalog"
)

// discard is a backend that keeps nothing, so that the catalog alone is measured.
type discard struct{ records int }

func (d discard) Load(_ context.Context, yield func(catalog.Record) error) (revision, lastID uint64, err error) {
	for i := range d.records {
		r := catalog.Record{Table: "queues", Name: benchName(i), ID: uint64(i + 1), Created: 1, Revision: 1, Value: []byte(`{"delay":5,"tags":{"team":"orders"}}`)}
		if err := yield(r); err != nil {
			return 0, 0, err
		}
	}
	return 1, uint64(d.records), nil
}

func (discard) Commit(context.Context, uint64, uint64, []catalog.Record) error { return nil }

func benchName(i int) catalog.Name { return named(fmt.Sprintf("queue-%07d", i)) }

func BenchmarkGet(b *testing.B) {
	for _, size := range []int{100, 100_000, 1_000_000} {
		c := open(b, discard{size})
		names := make([]catalog.Name, 1024)
		for i := range names {
			names[i] = benchName(rand.IntN(size))
		}
		queues := catalog.NewTable[definition](c, "queues")
		b.Run(fmt.Sprint("record/", size), func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if _, ok := c.Get("queues", names[i%len(names)]); !ok {
					b.Fatal("not found")
				}
			}
		})
		b.Run(fmt.Sprint("typed/", size), func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if _, err := queues.Get(names[i%len(names)]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkApply(b *testing.B) {
	ctx := context.Background()
	for _, size := range []int{100, 100_000, 1_000_000} {
		c := open(b, discard{size})
		queues := catalog.NewTable[definition](c, "queues")
		b.Run(fmt.Sprint("put/", size), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := queues.Put(ctx, benchName(rand.IntN(size)), definition{Delay: 1}); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprint("createdelete/", size), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				name := named(fmt.Sprint("queue-", rand.Uint64()))
				if _, err := queues.Create(ctx, name, definition{Delay: 1}); err != nil {
					b.Fatal(err)
				}
				if err := queues.Delete(ctx, name); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkView(b *testing.B) {
	ctx := context.Background()
	c := open(b, discard{100_000})
	queues := catalog.NewTable[definition](c, "queues")
	topics := catalog.NewTable[definition](c, "topics")
	view := catalog.NewView(c, []string{"queues"}, func(prev *int, changes []catalog.Record, at *catalog.Snapshot) (*int, error) {
		n := at.Len("queues")
		return &n, nil
	})
	get := func(b *testing.B) {
		if _, err := view.Get(); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("same", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			get(b)
		}
	})
	for name, table := range map[string]*catalog.Table[definition]{"change": queues, "otherchange": topics} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				if _, err := table.Put(ctx, benchName(rand.IntN(1000)), definition{Delay: 1}); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
				get(b)
			}
		})
	}
}

func BenchmarkOpen(b *testing.B) {
	const size = 1_000_000
	b.ReportAllocs()
	for b.Loop() {
		c := open(b, discard{size})
		b.StopTimer()
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		b.ReportMetric(float64(m.HeapAlloc)/size, "heap-B/record")
		runtime.KeepAlive(c)
		b.StartTimer()
	}
}

// BenchmarkDeclare changes one of 1,000 definitions of a file beside 100,000 of the API's.
func BenchmarkDeclare(b *testing.B) {
	ctx := context.Background()
	c := open(b, discard{100_000})
	rules := catalog.NewTable[int](c, "rules")
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		list := make([]catalog.Declaration, 1000)
		for j := range list {
			list[j] = rules.Declaring(benchName(j), j)
		}
		list[0] = rules.Declaring(benchName(0), i)
		if _, err := c.Declare(ctx, "file:f", fmt.Sprint(i), list, catalog.DeclareOptions{}); err != nil {
			b.Fatal(err)
		}
	}
}
