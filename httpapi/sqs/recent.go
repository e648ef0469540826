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
	if wait <= 0 {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	at, ok := r.at[name]
	return ok && now.Sub(at) < wait
}

// done notes that it was done now.
func (r *recent) done(name queue.Name, now time.Time, wait time.Duration) {
	if wait <= 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
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
