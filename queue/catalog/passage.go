package catalog

import (
	"context"
	"sync"
)

// Passages lets others wait for those who are in the midst of something, without keeping new ones from beginning. It is for
// what goes by a state of the catalog: who enters before reading that has left when all who enter later have a newer one.
type Passages struct {
	mu sync.Mutex
	// now has those who have come since the last wait, earlier those who came before it and are not all gone.
	now     *Passage
	earlier []*Passage
}

// Passage counts those who came between two waits.
type Passage struct {
	n    int
	over bool          // nobody comes any more
	done chan struct{} // closed when it is over and all are gone
}

// NewPassages returns passages that nobody is in.
func NewPassages() *Passages { return &Passages{now: newPassage()} }

func newPassage() *Passage { return &Passage{done: make(chan struct{})} }

// Enter begins; what it returns is for Leave.
func (p *Passages) Enter() *Passage {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now.n++
	return p.now
}

// Leave ends what Enter began.
func (p *Passages) Leave(g *Passage) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if g.n--; g.n == 0 && g.over {
		close(g.done)
	}
}

// Wait returns when all who entered before it have left. It fails with ctx's error.
func (p *Passages) Wait(ctx context.Context) error {
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
func (p *Passages) turn() []*Passage {
	p.mu.Lock()
	defer p.mu.Unlock()
	var open []*Passage
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
