package topic

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestSequenceIDs(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a := rapid.Uint64Range(0, 1<<63).Draw(t, "number")
		id := sequenceID(a)
		if sequenceOf(id) != a || id.Version() != 7 || id.Variant().String() != "RFC4122" {
			t.Fatalf("%d became %s, which is %d", a, id, sequenceOf(id))
		}
		b := a + rapid.Uint64Range(1, 1<<40).Draw(t, "more")
		if later := sequenceID(b); id.String() >= later.String() || sequenceText(a) >= sequenceText(b) {
			t.Fatalf("%s is not before %s", id, later)
		}
	})
}

// The clock stands still, or goes back: the numbers go on.
func TestSequencer(t *testing.T) {
	t.Parallel()
	var s sequencer
	at := time.UnixMilli(1_800_000_000_000)
	last := uint64(0)
	for _, now := range []time.Time{at, at, at.Add(-time.Hour), at.Add(time.Millisecond), at} {
		next := s.next(now)
		if next <= last {
			t.Errorf("%d after %d", next, last)
		}
		last = next
	}
	if got := time.UnixMilli(int64(last >> sequenceBits)); !got.Equal(at.Add(time.Millisecond)) {
		t.Errorf("the last is of %v", got)
	}
}
