// Package agenda tells the watchers of the stores which of their queues to look at when.
package agenda

import (
	"container/heap"

	"github.com/signalbox-mq/signalbox/queue"
)

// Agenda holds queues, each at most once, by the time at which they are to be looked at, in Unix milliseconds. The zero value is
// empty. It is not safe for concurrent use.
type Agenda struct{ due dueHeap }

// Put adds a queue, or changes its time.
func (a *Agenda) Put(id queue.ID, at int64) {
	if i, ok := a.due.index[id]; ok {
		a.due.queues[i].at = at
		heap.Fix(&a.due, i)
		return
	}
	heap.Push(&a.due, entry{id, at})
}

// Remove removes a queue if it is there.
func (a *Agenda) Remove(id queue.ID) {
	if i, ok := a.due.index[id]; ok {
		heap.Remove(&a.due, i)
	}
}

// First returns the earliest time; ok is false when there is none.
func (a *Agenda) First() (at int64, ok bool) {
	if len(a.due.queues) == 0 {
		return 0, false
	}
	return a.due.queues[0].at, true
}

// Pop removes and returns the queue with the earliest time, if that is not after now.
func (a *Agenda) Pop(now int64) (id queue.ID, ok bool) {
	if at, ok := a.First(); !ok || at > now {
		return 0, false
	}
	return heap.Pop(&a.due).(entry).id, true //nolint:errcheck // it holds nothing else
}

type entry struct {
	id queue.ID
	at int64
}

// dueHeap implements heap.Interface.
type dueHeap struct {
	queues []entry
	index  map[queue.ID]int // in queues
}

func (h *dueHeap) Len() int           { return len(h.queues) }
func (h *dueHeap) Less(i, j int) bool { return h.queues[i].at < h.queues[j].at }
func (h *dueHeap) Swap(i, j int) {
	h.queues[i], h.queues[j] = h.queues[j], h.queues[i]
	h.index[h.queues[i].id], h.index[h.queues[j].id] = i, j
}

func (h *dueHeap) Push(x any) {
	if h.index == nil {
		h.index = make(map[queue.ID]int)
	}
	e := x.(entry) //nolint:errcheck // only Put pushes
	h.index[e.id] = len(h.queues)
	h.queues = append(h.queues, e)
}

func (h *dueHeap) Pop() any {
	last := h.queues[len(h.queues)-1]
	h.queues = h.queues[:len(h.queues)-1]
	delete(h.index, last.id)
	return last
}
