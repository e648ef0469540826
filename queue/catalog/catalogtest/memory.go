// Package catalogtest has the conformance suite for backends of the catalog, and one in memory. It is for tests only.
package catalogtest

import (
	"bytes"
	"context"
	"sync"

	"github.com/signalbox-mq/signalbox/queue/catalog"
)

// Memory is a backend that several catalogs may share, as nodes that do not tell each other of changes; those of its Node do. Its
// zero value is empty and ready.
type Memory struct {
	// Fail, when set, is called before each commit; its error is returned, with nothing written. Set it before use.
	Fail func(revision uint64) error
	// Lose, when set, is called after each commit; its error is returned although all is written. Set it before use.
	Lose func(revision uint64) error
	// Keep is how many traces of deletions LoadSince remembers; zero for all.
	Keep int

	mu       sync.Mutex
	revision uint64
	lastID   uint64
	records  map[memoryKey]catalog.Record
	// gone are the deletions, oldest first; those up to floor may be missing.
	gone  []catalog.Record
	floor uint64

	nodes []*Node
	// changed is closed and replaced when something has changed that a commit waits for; nil before the first Node.
	changed chan struct{}
}

type memoryKey struct {
	table string
	name  catalog.Name
}

var (
	_ catalog.Shared   = (*Memory)(nil)
	_ catalog.Restorer = (*Memory)(nil)
)

// Load implements catalog.Backend.
func (m *Memory) Load(ctx context.Context, yield func(catalog.Record) error) (revision, lastID uint64, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range m.records {
		if err := yield(r); err != nil {
			return 0, 0, err
		}
	}
	return m.revision, m.lastID, ctx.Err()
}

// LoadSince implements catalog.Shared.
func (m *Memory) LoadSince(ctx context.Context, since uint64, yield func(catalog.Record) error) (revision, lastID uint64, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if since < m.floor || since > m.revision {
		return 0, 0, catalog.ErrCompacted
	}
	for _, r := range m.records {
		if r.Revision > since {
			if err := yield(r); err != nil {
				return 0, 0, err
			}
		}
	}
	for _, r := range m.gone {
		_, again := m.records[memoryKey{r.Table, r.Name}]
		if r.Revision > since && !again {
			if err := yield(r); err != nil {
				return 0, 0, err
			}
		}
	}
	return m.revision, m.lastID, ctx.Err()
}

// Commit implements catalog.Backend.
func (m *Memory) Commit(ctx context.Context, revision, lastID uint64, records []catalog.Record) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if m.Fail != nil {
		if err := m.Fail(revision); err != nil {
			return err
		}
	}
	if err := m.commit(revision, lastID, records); err != nil {
		return err
	}
	if m.Lose != nil {
		return m.Lose(revision)
	}
	return nil
}

func (m *Memory) commit(revision, lastID uint64, records []catalog.Record) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if revision != m.revision+1 {
		return catalog.ErrConflict
	}
	if m.records == nil {
		m.records = map[memoryKey]catalog.Record{}
	}
	for _, r := range records {
		k := memoryKey{r.Table, r.Name}
		if r.Deleted {
			delete(m.records, k)
			m.gone = append(m.gone, r)
			continue
		}
		r.Value = bytes.Clone(r.Value)
		m.records[k] = r
	}
	for m.Keep > 0 && len(m.gone) > m.Keep {
		m.floor = m.gone[0].Revision
		m.gone = m.gone[1:]
	}
	m.revision, m.lastID = revision, lastID
	return nil
}

// Restore implements catalog.Restorer.
func (m *Memory) Restore(ctx context.Context, revision, lastID uint64, records []catalog.Record) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.revision != 0 {
		return catalog.ErrConflict
	}
	if m.records == nil {
		m.records = map[memoryKey]catalog.Record{}
	}
	for _, r := range records {
		r.Value = bytes.Clone(r.Value)
		m.records[memoryKey{r.Table, r.Name}] = r
	}
	if revision != 0 {
		m.revision, m.lastID, m.floor = revision, lastID, revision
	}
	return nil
}

// Exclusive hides that a backend can be shared.
type Exclusive struct{ catalog.Backend }
