package agenda_test

import (
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/agenda"
)

// TestAgenda compares an agenda with a plain map.
func TestAgenda(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var a agenda.Agenda
		want := map[queue.ID]int64{}
		ids, times := rapid.Map(rapid.Uint64Range(0, 12), func(n uint64) queue.ID { return queue.ID(n) }), rapid.Int64Range(-2, 20)
		pop := func(now int64) (popped bool) {
			id, ok := a.Pop(now)
			if !ok {
				return false
			}
			if at, has := want[id]; !has || at > now || at != earliest(want) {
				t.Fatalf("Pop(%d) is %d of %v", now, id, want)
			}
			delete(want, id)
			return true
		}
		t.Repeat(map[string]func(*rapid.T){
			"Put": func(t *rapid.T) {
				id, at := ids.Draw(t, "id"), times.Draw(t, "at")
				a.Put(id, at)
				want[id] = at
			},
			"Remove": func(t *rapid.T) {
				id := ids.Draw(t, "id")
				a.Remove(id)
				delete(want, id)
			},
			"Pop": func(t *rapid.T) {
				now := times.Draw(t, "now")
				due := len(want) > 0 && earliest(want) <= now
				if pop(now) != due {
					t.Fatalf("Pop(%d) found something: %v, of %v", now, !due, want)
				}
			},
			"": func(t *rapid.T) {
				if at, ok := a.First(); ok != (len(want) > 0) || ok && at != earliest(want) {
					t.Fatalf("First is %d, %v, of %v", at, ok, want)
				}
			},
		})
		for pop(20) { // each once, in order
		}
		if len(want) > 0 {
			t.Fatalf("%v are left", want)
		}
	})
}

func earliest(of map[queue.ID]int64) int64 {
	return slices.Min(slices.Collect(maps.Values(of)))
}
