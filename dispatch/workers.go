package dispatch

import (
	"sync"
	"sync/atomic"
)

// maxIdle bounds the goroutines that wait for work.
const maxIdle = 128

// workers run receives and attempts, each in a goroutine of its own. Some goroutines are kept for what comes next: what an
// attempt calls goes deep, and a new goroutine would grow its stack, and copy it, for every delivery.
type workers struct {
	tasks chan func() // taken by those that are idle
	over  chan struct{}
	idle  atomic.Int32

	running    sync.WaitGroup // tasks
	goroutines sync.WaitGroup
}

func newWorkers() *workers { return &workers{tasks: make(chan func()), over: make(chan struct{})} }

// start runs a task. It does not wait.
func (w *workers) start(task func()) {
	w.running.Add(1)
	select {
	case w.tasks <- task:
	default:
		w.goroutines.Add(1)
		go w.work(task) // no closure, which would keep the first task for good
	}
}

func (w *workers) work(task func()) {
	defer w.goroutines.Done()
	for {
		task()
		w.running.Done()
		if w.idle.Add(1) > maxIdle {
			w.idle.Add(-1)
			return
		}
		select {
		case task = <-w.tasks:
			w.idle.Add(-1)
		case <-w.over:
			return
		}
	}
}

// finish returns when all tasks have ended, those too that tasks have started. It may be called once, and start not after it.
func (w *workers) finish() {
	w.running.Wait()
	close(w.over)
	w.goroutines.Wait()
}
