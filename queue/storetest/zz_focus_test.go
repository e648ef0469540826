package storetest

import (
	"math/rand/v2"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"pgregory.net/rapid"

	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/pebblestore"
)

type fplace struct {
	fs  *vfs.MemFS
	s   *pebblestore.Store
	rng *rand.Rand
}

func (p *fplace) Open() (queue.Store, error) {
	s, err := pebblestore.Open("data", pebblestore.Options{FS: p.fs, CacheBytes: 1 << 20, MemTableBytes: 256 << 10})
	p.s = s
	return s, err
}
func (p *fplace) Remove() error { return nil }
func (p *fplace) Crash() error {
	percent := []int{0, 50, 100}[p.rng.IntN(3)]
	c := p.fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: p.rng})
	err := p.s.Close()
	p.fs = c
	return err
}

func TestZZFocus(t *testing.T) {
	gen := rapid.Map(histories(), func(h history) history {
		var out history
		for _, o := range h {
			switch o.Verb {
			case "stats", "get", "drop":
				o = op{Verb: "watch"}
			case "scan", "read":
				o = op{Verb: "crash"}
			case "purge":
				o = op{Verb: "reopen"}
			}
			o.Slot = 2
			for i := range o.Entries {
				o.Entries[i].Slot = 2
				if o.Entries[i].Group == 0 {
					o.Entries[i].Group = 1
				}
			}
			for i := range o.Settle {
				if o.Settle[i].Action == queue.Move {
					o.Settle[i].To.Slot = 2
				}
				o.Settle[i].Receipt %= 4
			}
			out = append(out, o)
			if o.Verb == "crash" || o.Verb == "reopen" {
				out = append(out, op{Verb: "watch"})
			}
		}
		return out
	})
	h := Harness{New: func() (Data, error) {
		return &fplace{fs: vfs.NewCrashableMem(), rng: rand.New(rand.NewPCG(1, 2))}, nil
	}}
	rapid.Check(t, func(rt *rapid.T) {
		hist := gen.Draw(rt, "history")
		if err := play(h, hist); err != nil {
			rt.Logf("%v\nhistory:\n%v", err, hist)
			rt.Fatalf("bad")
		}
	})
}
