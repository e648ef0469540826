package redistest

import (
	"fmt"
	"testing"

	"github.com/signalbox-mq/signalbox/tests/harness"
)

// Move is a slot on its way from one master to another. Until [Move.Finish], clients that ask the old one for a key that has
// gone are told to ask the new one, this once (ASK).
type Move struct {
	t        testing.TB
	g        *ClusterGroup
	slot     int
	from, to *Server
}

// Reshard moves a slot with all its keys, and waits until all nodes know.
func (g *ClusterGroup) Reshard(slot int, from, to *Server) {
	g.t.Helper()
	m := g.StartMove(slot, from, to)
	for m.Step(100) > 0 {
		continue
	}
	m.Finish()
}

// StartMove begins to move a slot: no key has gone yet, and new ones are made at the new place.
func (g *ClusterGroup) StartMove(slot int, from, to *Server) *Move {
	g.t.Helper()
	to.must("CLUSTER", "SETSLOT", slot, "IMPORTING", g.ID(from))
	from.must("CLUSTER", "SETSLOT", slot, "MIGRATING", g.ID(to))
	return &Move{t: g.t, g: g, slot: slot, from: from, to: to}
}

// Step moves up to n keys and returns how many there were.
func (m *Move) Step(n int) int {
	m.t.Helper()
	keys, _ := m.from.must("CLUSTER", "GETKEYSINSLOT", m.slot, n).([]any)
	if len(keys) == 0 {
		return 0
	}
	m.from.must(append([]any{"MIGRATE", m.to.Host, m.to.Port, "", 0, harness.Limit.Milliseconds(), "KEYS"}, keys...)...)
	return len(keys)
}

// Finish gives the slot to the new master, which must have all its keys, and waits until all nodes know.
func (m *Move) Finish() {
	m.t.Helper()
	// First the new owner, then the old one: else, for a moment, each would send clients to the other.
	for _, s := range []*Server{m.to, m.from} {
		s.must("CLUSTER", "SETSLOT", m.slot, "NODE", m.g.ID(m.to))
	}
	harness.Until(m.t, "a slot at its new place", func() (bool, string) {
		views, state := m.g.views(nil)
		for _, v := range views {
			claims := make([]claim, Slots)
			v.claim(claims)
			if claims[m.slot].node != m.g.ID(m.to) {
				return false, fmt.Sprint(views)
			}
		}
		return views != nil, state
	})
}
