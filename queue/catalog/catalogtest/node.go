package catalogtest

import (
	"context"
	"fmt"
	"time"

	"github.com/signalbox-mq/signalbox/queue/catalog"
)

// Node is the backend of one of several nodes over a [Memory]. It is a [catalog.Follower].
type Node struct {
	*Memory
	// These are guarded by Memory.mu.
	cut       bool
	following bool
	gone      bool // others do not wait for it
	has       uint64
	stale     func(bool)
	told      chan struct{} // of capacity one
}

var _ catalog.Follower = (*Node)(nil)

// lease is how long others wait for a node.
const lease = 3 * time.Second

// Node returns the backend of another node.
func (m *Memory) Node() *Node {
	n := &Node{Memory: m, told: make(chan struct{}, 1)}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.nodes = append(m.nodes, n)
	if m.changed == nil {
		m.changed = make(chan struct{})
	}
	return n
}

// Cut makes the memory unreachable for the node, or reachable again.
func (n *Node) Cut(cut bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cut = cut
	if cut && n.following {
		n.loseLocked()
	}
	n.tell()
}

func (n *Node) reachable() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.cut {
		return fmt.Errorf("this node is cut off: %w", catalog.ErrUnavailable)
	}
	return nil
}

// Load implements catalog.Backend.
func (n *Node) Load(ctx context.Context, yield func(catalog.Record) error) (revision, lastID uint64, err error) {
	if err := n.reachable(); err != nil {
		return 0, 0, err
	}
	return n.Memory.Load(ctx, yield)
}

// LoadSince implements catalog.Shared.
func (n *Node) LoadSince(ctx context.Context, since uint64, yield func(catalog.Record) error) (revision, lastID uint64, err error) {
	if err := n.reachable(); err != nil {
		return 0, 0, err
	}
	return n.Memory.LoadSince(ctx, since, yield)
}

// Commit implements catalog.Backend and what catalog.Follower says of it.
func (n *Node) Commit(ctx context.Context, revision, lastID uint64, records []catalog.Record) error {
	if err := n.reachable(); err != nil {
		return err
	}
	if err := n.Memory.Commit(ctx, revision, lastID, records); err != nil {
		return err
	}
	expired := time.NewTimer(lease)
	defer expired.Stop()
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, other := range n.nodes {
		other.tell()
	}
	for late := false; ; {
		behind := false
		for _, other := range n.nodes {
			if other == n || !other.following || other.gone || other.has >= revision {
				continue
			}
			if behind = true; late {
				other.loseLocked()
			}
		}
		if !behind || late {
			return nil
		}
		changed := n.changed
		n.mu.Unlock()
		select {
		case <-changed:
		case <-expired.C:
			late = true
		case <-ctx.Done():
			n.mu.Lock()
			return ctx.Err()
		}
		n.mu.Lock()
	}
}

// Follow implements catalog.Follower.
func (n *Node) Follow(ctx context.Context, caughtUp func(context.Context, uint64) (uint64, error), stale func(bool)) error {
	n.mu.Lock()
	n.following, n.gone, n.has, n.stale = true, false, 0, stale
	if n.cut {
		n.loseLocked()
	}
	n.mu.Unlock()
	defer func() {
		n.mu.Lock()
		n.following = false
		n.broadcastLocked()
		n.mu.Unlock()
	}()
	for announced := uint64(0); ; {
		has, err := caughtUp(ctx, announced)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			announced = 0
			select {
			case <-n.told:
			case <-time.After(lease / 100):
			case <-ctx.Done():
				return nil
			}
			continue
		}
		if announced = n.report(has); announced > has {
			continue
		}
		select {
		case <-n.told:
			announced = n.newest()
		case <-ctx.Done():
			return nil
		}
	}
}

// report takes what a node has and returns what it should have.
func (n *Node) report(has uint64) uint64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.has = has
	if n.gone && !n.cut && has >= n.revision {
		n.gone = false
		n.stale(false)
	}
	n.broadcastLocked()
	return n.revision
}

// newest is what is committed, zero if the node can not know.
func (n *Node) newest() uint64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.gone {
		return 0
	}
	return n.revision
}

// loseLocked has nobody wait for the node any more.
func (n *Node) loseLocked() {
	if n.gone {
		return
	}
	n.gone = true
	n.stale(true)
	n.tell() // so that it catches up
	n.broadcastLocked()
}

func (n *Node) tell() {
	select {
	case n.told <- struct{}{}:
	default:
	}
}

func (m *Memory) broadcastLocked() {
	close(m.changed)
	m.changed = make(chan struct{})
}
