package sqs

import (
	"sync"
	"time"

	"github.com/signalbox-mq/signalbox/queue"
)

// recent remembers when something was last done to a queue.
type recent struct {
	mu sync.Mutex
	at map[queue.Name]time.Time
}

// maxRecent bounds how many queues are remembered.
const maxRecent = 10_000

// since says whether it was done less than wait ago.
func (r *recent) since(name queue.Name, now time.Time, wait time.Duration) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.sinceLocked(name, now, wait)
}

func (r *recent) sinceLocked(name queue.Name, now time.Time, wait time.Duration) bool {
	at, ok := r.at[name]
	return ok && now.Sub(at) < wait
}

// claim notes that it is done now, unless it was done less than wait ago.
func (r *recent) claim(name queue.Name, now time.Time, wait time.Duration) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.sinceLocked(name, now, wait) {
		return false
	}
	r.noteLocked(name, now, wait)
	return true
}

// forget takes a claim back.
func (r *recent) forget(name queue.Name) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.at, name)
}

// done notes that it was done now.
func (r *recent) done(name queue.Name, now time.Time, wait time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.noteLocked(name, now, wait)
}

func (r *recent) noteLocked(name queue.Name, now time.Time, wait time.Duration) {
	if wait <= 0 {
		return
	}
	if r.at == nil {
		r.at = make(map[queue.Name]time.Time)
	}
	if len(r.at) >= maxRecent {
		for n, at := range r.at {
			if now.Sub(at) >= wait {
				delete(r.at, n)
			}
		}
	}
	if len(r.at) < maxRecent {
		r.at[name] = now
	}
}
