package event_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/signalbox-mq/signalbox/event"
)

func TestIDsIncreaseAndCarryTheirTime(t *testing.T) {
	t.Parallel()
	var ids event.IDs
	steps := []time.Duration{0, 0, time.Nanosecond, 300 * time.Nanosecond, time.Microsecond, time.Millisecond,
		-time.Hour, 0, time.Hour, 24 * time.Hour, -time.Millisecond}
	now, last := arrival, ""
	for i := range 5000 {
		now = now.Add(steps[i%len(steps)])
		id := ids.New(now)
		if id <= last {
			t.Fatalf("id %s follows %s", id, last)
		}
		last = id
		parsed, err := uuid.Parse(id)
		if err != nil || parsed.Version() != 7 || parsed.Variant() != uuid.RFC4122 || parsed.String() != id {
			t.Fatalf("id %s is no canonical UUIDv7 (version %v, %v)", id, parsed.Version(), err)
		}
	}

	var fresh event.IDs
	got, err := event.IDTime(fresh.New(arrival))
	if err != nil {
		t.Fatal(err)
	}
	if want := arrival.Truncate(time.Millisecond); !got.Equal(want) || got.Location() != time.UTC {
		t.Errorf("IDTime is %v, want %v", got, want)
	}
}

func TestIDOrderWithinAMillisecond(t *testing.T) {
	t.Parallel()
	// Two nodes: ids of one instant and of one microsecond later sort by time even within a millisecond.
	var a, b event.IDs
	for us := range 999 {
		at := arrival.Truncate(time.Millisecond).Add(time.Duration(us) * time.Microsecond)
		early, late := a.New(at), b.New(at.Add(time.Microsecond))
		if early >= late {
			t.Fatalf("at %v: %s is not before %s", at, early, late)
		}
	}
}

func TestIDExtremeTimes(t *testing.T) {
	t.Parallel()
	var ids event.IDs
	last := ""
	for _, now := range []time.Time{{}, time.Unix(-1, 999_999_999), time.Unix(0, 0), time.UnixMilli(1<<48 - 1)} {
		id := ids.New(now)
		if id <= last {
			t.Errorf("%v: %s follows %s", now, id, last)
		}
		last = id
		if _, err := event.IDTime(id); err != nil {
			t.Errorf("%v: %v", now, err)
		}
	}
	if got, _ := event.IDTime(last); !got.Equal(time.UnixMilli(1<<48 - 1)) {
		t.Errorf("the last expressible time became %v", got)
	}
}

func TestNewIDConcurrently(t *testing.T) {
	t.Parallel()
	const workers, each = 8, 2000
	lists := make([][]string, workers)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for range each {
				lists[w] = append(lists[w], event.NewID(arrival))
			}
		})
	}
	wg.Wait()
	seen := make(map[string]bool)
	for _, list := range lists {
		for i, id := range list {
			if i > 0 && list[i-1] >= id {
				t.Fatalf("%s follows %s in one goroutine", id, list[i-1])
			}
			// The first 64 bits alone must differ: order does not rest on the random part.
			if prefix := id[:18]; seen[prefix] {
				t.Fatalf("%s shares its time and counter with another", id)
			} else {
				seen[prefix] = true
			}
		}
	}
}

func TestIDTimeRefusesOtherText(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"", "x", "A234",
		"019aB2c0-0000-7000-8000-000000000000",          // upper case
		"019ab2c0000070008000000000000000",              // no dashes
		"{019ab2c0-0000-7000-8000-000000000000}",        // braces
		"urn:uuid:019ab2c0-0000-7000-8000-000000000000", // a URN
		"019ab2c0-0000-4000-8000-000000000000",          // version 4
		"019ab2c0-0000-7000-c000-000000000000",          // another variant
	} {
		if _, err := event.IDTime(id); !errors.Is(err, event.ErrInvalidID) {
			t.Errorf("IDTime(%q): error is %v", id, err)
		}
	}
	if _, err := event.IDTime("019ab2c0-0000-7000-8000-000000000000"); err != nil {
		t.Error(err)
	}
}
