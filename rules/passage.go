package rules

import (
	"context"
	"sync"
)

// passages lets others wait for those who are in the midst of something, without keeping new ones from beginning.
type passages struct {
	mu sync.Mutex
	// now has those who have come since the last wait, earlier those who came before it and are not all gone.
	now     *passage
	earlier []*passage
}

// passage counts those who came between two waits.
type passage struct {
	n    int
	over bool          // nobody comes any more
	done chan struct{} // closed when it is over and all are gone
}

func newPassages() *passages { return &passages{now: newPassage()} }

func newPassage() *passage { return &passage{done: make(chan struct{})} }

// enter begins; what it returns is for leave.
func (p *passages) enter() *passage {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now.n++
	return p.now
}

func (p *passages) leave(g *passage) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if g.n--; g.n == 0 && g.over {
		close(g.done)
	}
}

// wait returns when all who entered before it have left. It fails with ctx's error.
func (p *passages) wait(ctx context.Context) error {
	for _, g := range p.turn() {
		select {
		case <-g.done:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// turn begins a new passage and returns those that are not over.
func (p *passages) turn() []*passage {
	p.mu.Lock()
	defer p.mu.Unlock()
	var open []*passage
	for _, g := range p.earlier {
		if g.n > 0 {
			open = append(open, g)
		}
	}
	if p.now.n > 0 {
		p.now.over = true
		open = append(open, p.now)
		p.now = newPassage()
	}
	p.earlier = open
	return open
}
