package storetest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/signalbox-mq/signalbox/queue"
)

// slots are the queues of a history: a slot has one incarnation at a time, and others before it once it was dropped.
var slots = [...]queue.Kind{queue.Standard, queue.Standard, queue.FIFO, queue.FIFO, queue.Log, queue.Log}

// op is one step of a history. All numbers are small and zero is the plain case, so that a failing history shrinks to
// something that can be read. Times are seconds; receipts are counted back from the last one handed out.
type op struct {
	Verb        string     `json:"op"`
	Slot        int        `json:"slot,omitempty"`
	Token       int        `json:"token,omitempty"`
	Digest      int        `json:"digest,omitempty"`
	Entries     []opEntry  `json:"entries,omitempty"`
	Max         int        `json:"max,omitempty"`
	MaxBytes    int        `json:"bytes,omitempty"`
	Visibility  int        `json:"visibility,omitempty"`
	MaxReceives int        `json:"receives,omitempty"`
	MaxInFlight int        `json:"inflight,omitempty"`
	Delay       int        `json:"delay,omitempty"`
	Retention   int        `json:"retention,omitempty"`
	Settle      []opSettle `json:"settle,omitempty"`
	Extend      []opExtend `json:"extend,omitempty"`
	Attempt     int        `json:"attempt,omitempty"`
	Key         int        `json:"key,omitempty"`
	By          int        `json:"by,omitempty"`
	Back        int        `json:"back,omitempty"`
}

// opEntry is one message to append.
type opEntry struct {
	Slot    int  `json:"slot"`
	Group   int  `json:"group,omitempty"`
	Body    int  `json:"body,omitempty"`
	Delay   int  `json:"delay,omitempty"`
	Dedup   int  `json:"dedup,omitempty"`
	Key     int  `json:"key,omitempty"`
	Age     int  `json:"age,omitempty"`
	Had     int  `json:"had,omitempty"`
	Until   int  `json:"until,omitempty"`
	Place   int  `json:"place,omitempty"`
	Dropped bool `json:"dropped,omitempty"`
}

// opSettle is one settlement.
type opSettle struct {
	Receipt int          `json:"receipt"`
	Action  queue.Action `json:"action"`
	Wait    int          `json:"wait,omitempty"`
	State   int          `json:"state,omitempty"`
	Record  *opEntry     `json:"record,omitempty"`
	To      opEntry      `json:"to"`
	NewID   bool         `json:"new,omitempty"`
	Change  bool         `json:"change,omitempty"`
}

// opExtend is one extension.
type opExtend struct {
	Receipt    int `json:"receipt"`
	Visibility int `json:"visibility,omitempty"`
	MaxTotal   int `json:"total,omitempty"`
}

// history is a sequence of steps.
type history []op

// String prints one step per line, as JSON.
func (h history) String() string {
	var b strings.Builder
	for i, o := range h {
		line, err := json.Marshal(o)
		if err != nil {
			line = []byte(err.Error())
		}
		fmt.Fprintf(&b, "%3d %s\n", i, line)
	}
	return b.String()
}

// GoString keeps rapid's log short; the failure prints the steps.
func (h history) GoString() string { return fmt.Sprintf("history of %d steps", len(h)) }

// histories generates them.
func histories() *rapid.Generator[history] {
	verbs := []string{}
	for _, w := range []struct {
		verb   string
		weight int
	}{
		{"append", 6}, {"receive", 6}, {"flood", 1}, {"settle", 5}, {"extend", 2}, {"time", 4}, {"watch", 3}, {"stats", 2}, {"scan", 2}, {"read", 2},
		{"get", 1}, {"expire", 1}, {"reopen", 1}, {"purge", 1}, {"drop", 1}, {"crash", 1},
	} {
		for range w.weight {
			verbs = append(verbs, w.verb)
		}
	}
	// often is zero half the time: most messages are plain.
	often := func(t *rapid.T, top int, label string) int {
		return max(0, rapid.IntRange(-top, top).Draw(t, label))
	}
	rarely := func(t *rapid.T, top int, label string) int {
		return max(0, rapid.IntRange(-4*top, top).Draw(t, label))
	}
	upTo := func(t *rapid.T, top int, label string) int { return rapid.IntRange(0, top).Draw(t, label) }
	drawEntry := func(t *rapid.T) opEntry {
		return opEntry{
			Slot: upTo(t, len(slots)-1, "slot"), Group: upTo(t, 3, "group"), Body: upTo(t, 2, "body"), Delay: often(t, 3, "delay"),
			Dedup: often(t, 2, "dedup"), Key: upTo(t, 2, "key"), Age: often(t, 4, "age"),
			Had: rarely(t, 3, "had"), Until: rarely(t, 3, "until"), Place: rarely(t, 4, "place"), Dropped: upTo(t, 20, "dropped") == 20,
		}
	}
	drawSettle := func(t *rapid.T) opSettle {
		s := opSettle{Receipt: upTo(t, 9, "receipt"), Action: queue.Action(upTo(t, 2, "action"))}
		switch s.Action {
		case queue.Release:
			s.Wait, s.State = upTo(t, 3, "wait"), upTo(t, 2, "state")
		case queue.Move:
			s.To, s.NewID, s.Change = drawEntry(t), upTo(t, 1, "new") == 1, upTo(t, 1, "change") == 1
		}
		if upTo(t, 3, "record") == 3 {
			r := drawEntry(t)
			r.Slot = 4 + r.Slot%2
			if upTo(t, 9, "no log") == 9 {
				r.Slot = 0
			}
			s.Record = &r
		}
		return s
	}
	step := rapid.Custom(func(t *rapid.T) op {
		o := op{Verb: rapid.SampledFrom(verbs).Draw(t, "verb")}
		switch o.Verb {
		case "append":
			o.Token, o.Digest, o.Back = often(t, 2, "token"), often(t, 1, "digest"), often(t, 1, "back")
			o.Entries = rapid.SliceOfN(rapid.Custom(drawEntry), 1, 4).Draw(t, "entries")
		case "receive":
			o.Slot = upTo(t, 3, "slot")
			o.Max, o.MaxBytes, o.Visibility = 1+upTo(t, 4, "max"), often(t, 20, "bytes"), upTo(t, 4, "visibility")
			o.MaxReceives, o.MaxInFlight = often(t, 2, "receives"), often(t, 3, "inflight")
			o.Attempt = upTo(t, 1, "attempt")
			o.Delay, o.Retention, o.Back = often(t, 2, "delay"), often(t, 6, "retention"), often(t, 1, "back")
		case "flood":
			o.Slot, o.Key, o.Visibility = upTo(t, 1, "slot"), 1+upTo(t, 2, "group"), 1+upTo(t, 4, "visibility")
		case "settle":
			o.Settle = rapid.SliceOfN(rapid.Custom(drawSettle), 1, 3).Draw(t, "settlements")
		case "extend":
			o.Extend = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) opExtend {
				return opExtend{Receipt: upTo(t, 9, "receipt"), Visibility: upTo(t, 4, "visibility"), MaxTotal: often(t, 6, "total")}
			}), 1, 2).Draw(t, "extensions")
		case "time":
			o.By = upTo(t, 4, "by")
		case "scan", "read":
			o.Slot, o.Max, o.MaxBytes = upTo(t, len(slots)-1, "slot"), 1+upTo(t, 4, "max"), often(t, 20, "bytes")
			if o.Verb == "read" {
				// A reader is mostly at the end of its log.
				o.Slot, o.Max = 4+o.Slot%2, o.Max*4
			}
		case "get":
			o.Slot, o.Key = upTo(t, len(slots)-1, "slot"), upTo(t, 9, "key")
		case "expire":
			o.Retention, o.MaxBytes = often(t, 6, "retention"), often(t, 40, "bytes")
		case "purge", "drop":
			o.Slot = upTo(t, len(slots)-1, "slot")
		}
		return o
	})
	// rapid draws some six elements of a slice: a slice of slices has some 36 steps, and shrinks by chunks and by steps.
	chunks := rapid.SliceOfN(rapid.SliceOfN(step, 1, 16), 1, 16)
	return rapid.Map(chunks, func(chunks [][]op) history { return slices.Concat(chunks...) })
}

// Histories checks that every answer of a store to random histories is one that the contract allows. rapid prints the
// seed and the shrunk history of a failure.
func Histories(t *testing.T, h Harness) {
	t.Helper()
	gen := histories()
	rapid.Check(t, func(rt *rapid.T) {
		hist := gen.Draw(rt, "history")
		if err := play(h, hist); err != nil {
			// rapid shrinks as long as one input gives one text: nonces and the like must not be in it.
			rt.Logf("%v\nhistory:\n%v", err, hist)
			rt.Fatalf("the store gave an answer that the contract does not allow; the log says which")
		}
	})
}
