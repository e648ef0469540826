package dispatch

import (
	"container/heap"
	"time"
)

// alarms is a queue of lanes by the time at which they want to be looked at. A lane may be in it more than once; to look
// at one too often does no harm.
type alarms struct{ heap alarmHeap }

type alarm struct {
	at   time.Time
	lane *lane
}

func (a *alarms) set(l *lane, at time.Time) { heap.Push(&a.heap, alarm{at, l}) }

// due removes and returns the lanes whose time has come.
func (a *alarms) due(now time.Time) (lanes []*lane) {
	for len(a.heap) > 0 && !a.heap[0].at.After(now) {
		lanes = append(lanes, heap.Pop(&a.heap).(alarm).lane) //nolint:errcheck // it holds nothing else
	}
	return lanes
}

// next is the earliest time, zero for none.
func (a *alarms) next() time.Time {
	if len(a.heap) == 0 {
		return time.Time{}
	}
	return a.heap[0].at
}

// alarmHeap implements heap.Interface.
type alarmHeap []alarm

func (h alarmHeap) Len() int           { return len(h) }
func (h alarmHeap) Less(i, j int) bool { return h[i].at.Before(h[j].at) }
func (h alarmHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *alarmHeap) Push(x any)        { *h = append(*h, x.(alarm)) } //nolint:errcheck // only set pushes
func (h *alarmHeap) Pop() any {
	old := *h
	last := old[len(old)-1]
	old[len(old)-1] = alarm{}
	*h = old[:len(old)-1]
	return last
}
