package queue

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// pollers are the long polls that wait, in line by queue. Only the first of each line listens to the store and receives; when
// it has got something, or gives up, the next one takes its place. So a message wakes one of them, however many wait.
type pollers struct {
	mu    sync.Mutex
	lines map[ID]*pollLine
}

// pollLine is the line of one queue. It exists as long as somebody stands in it.
type pollLine struct {
	// watcher is used by whoever is first, and handed on; nil until the first has made it.
	watcher Watcher
	// changed is closed when the queue was changed or deleted.
	changed chan struct{}
	// waiting are those behind the first. A poller is told that it is first by its channel being closed. Guarded by
	// pollers.mu.
	waiting []chan struct{}
}

// tell has the pollers of a queue look it up again.
func (p *pollers) tell(id ID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if line := p.lines[id]; line != nil {
		close(line.changed)
		delete(p.lines, id) // whoever joins now stands in another
	}
}

// join puts a poller in line. The channel is closed when it is first.
func (p *pollers) join(id ID) (*pollLine, chan struct{}) {
	first := make(chan struct{})
	p.mu.Lock()
	defer p.mu.Unlock()
	line := p.lines[id]
	if line != nil {
		line.waiting = append(line.waiting, first)
		return line, first
	}
	line = &pollLine{changed: make(chan struct{})}
	if p.lines == nil {
		p.lines = make(map[ID]*pollLine)
	}
	p.lines[id] = line
	close(first)
	return line, first
}

// leave takes a poller out of its line, wherever it stands.
func (p *pollers) leave(id ID, line *pollLine, me chan struct{}) {
	if p.step(id, line, me) && line.watcher != nil {
		line.watcher.Close()
	}
}

// step says whether the poller was the last of its line.
func (p *pollers) step(id ID, line *pollLine, me chan struct{}) (last bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if i := slices.Index(line.waiting, me); i >= 0 {
		line.waiting = slices.Delete(line.waiting, i, i+1)
		return false
	}
	if len(line.waiting) == 0 {
		if p.lines[id] == line {
			delete(p.lines, id)
		}
		return true
	}
	close(line.waiting[0])
	line.waiting = slices.Delete(line.waiting, 0, 1)
	return false
}

// await waits for a first message. It asks the store to be told when there may be one; the store's Next covers what
// becomes due by itself. changed says that the queue was changed, or deleted, meanwhile: look it up again.
func (b *Broker) await(ctx context.Context, name Name, q *Queue, req ReceiveRequest, wait time.Duration) (messages []Message, changed bool, err error) {
	deadline := time.NewTimer(wait)
	defer deadline.Stop()
	line, first := b.pollers.join(q.ID)
	defer b.pollers.leave(q.ID, line, first)
	select {
	case <-first:
	case <-line.changed:
		return nil, true, nil
	case <-deadline.C:
		return nil, false, nil
	case <-ctx.Done():
		return nil, false, ctx.Err()
	}
	if line.watcher == nil {
		line.watcher = b.store.Watch()
		line.watcher.Set([]ID{q.ID}, nil)
	}
	due := time.NewTimer(wait)
	defer due.Stop()
	vain := time.Duration(0) // how long to look away after a receive in vain; it grows with each in a row
	for {
		// What changed it may not have told, such as a file or another node.
		if is, err := b.Lookup(name); err != nil || is.ID != q.ID || is.Revision != q.Revision {
			return nil, true, nil
		}
		now := b.Now()
		ready, next, err := line.watcher.Ready(ctx, now)
		if err != nil {
			return nil, false, fmt.Errorf("waiting for %s: %w", name.Name, err)
		}
		sleep, wake := wait, line.watcher.Wake()
		if !next.IsZero() {
			// Rounded up, so that the timer does not fire just before the due time.
			sleep = min(sleep, next.Sub(now)+time.Millisecond)
		}
		if len(ready) > 0 {
			messages, _, err := b.receiveNow(ctx, q, req)
			if err != nil || len(messages) > 0 {
				return messages, false, err
			}
			// Ready in vain: another receiver was faster, or an in-flight limit or a delay applied at receive holds the
			// messages back. The first time it is worth listening on; after that it is not, for a while.
			if vain > 0 {
				sleep, wake = min(sleep, vain), nil
			}
			vain = min(max(2*vain, vainPause), vainPauseMax)
		} else {
			vain = 0
		}
		due.Reset(max(sleep, time.Millisecond))
		select {
		case <-wake:
		case <-due.C:
		case <-line.changed:
			return nil, true, nil
		case <-deadline.C:
			return nil, false, nil
		case <-ctx.Done():
			return nil, false, ctx.Err()
		}
	}
}

const (
	vainPause    = time.Millisecond
	vainPauseMax = 100 * time.Millisecond
)
