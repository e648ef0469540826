package catalog

import (
	"iter"
	"maps"
	"slices"
	"sort"
	"strings"
)

const (
	// keptChanges and keptBytes bound the changes that are remembered one by one, with their values. Between half of it
	// and all of it is kept.
	keptChanges = 16384
	keptBytes   = 16 << 20
)

// Snapshot is the whole catalog at one revision. It never changes, and may be read by any number of goroutines. It keeps
// what it holds in memory, so let go of it.
type Snapshot struct {
	revision uint64
	// epoch counts how often the backend was found with an older revision than one seen before.
	epoch  uint64
	tables map[string]tree
	// changes are the latest, by revision; all those after floor are among them. Snapshots share the array, of which each
	// sees the part up to its own revision.
	changes []*entry
	bytes   int
	floor   uint64
	// next is closed when there is a newer snapshot.
	next chan struct{}
}

// Query selects records of a table. The zero Query selects all.
type Query struct {
	// Account and Region, when not empty, select these; Region only together with Account.
	Account, Region string
	// Prefix is what the names begin with; only together with Account and Region.
	Prefix string
	// After, when not zero, leaves out that name and all before it.
	After Name
	// Limit is the most records to return; zero or less for no limit.
	Limit int
}

func (q Query) selects(n *Name) bool {
	switch {
	case q.Account == "":
		return true
	case n.Account != q.Account:
		return false
	case q.Region == "":
		return true
	}
	return n.Region == q.Region && strings.HasPrefix(n.Name, q.Prefix)
}

// from is the first name that the query may select.
func (q Query) from() Name {
	var n Name
	if q.Account != "" {
		n.Account = q.Account
		if q.Region != "" {
			n.Region, n.Name = q.Region, q.Prefix
		}
	}
	if q.After.Compare(n) > 0 {
		return q.After
	}
	return n
}

// Revision is that of the last set of changes in the snapshot.
func (s *Snapshot) Revision() uint64 { return s.revision }

// Get returns the record of that name. Its Value is shared: do not change it.
func (s *Snapshot) Get(table string, name Name) (Record, bool) {
	if e := s.tables[table].get(&name); e != nil {
		return e.rec, true
	}
	return Record{}, false
}

// Len is the number of records of a table.
func (s *Snapshot) Len(table string) int { return s.tables[table].n }

// Tables returns the names of the tables that hold records, sorted. The slice is the caller's.
func (s *Snapshot) Tables() []string {
	return slices.Sorted(maps.Keys(s.tables))
}

// Scan goes through the records that q selects, in the order of their names. Their Values are shared: do not change them.
func (s *Snapshot) Scan(table string, q Query) iter.Seq[Record] {
	return func(yield func(Record) bool) {
		s.scan(table, q, func(e *entry) bool { return yield(e.rec) })
	}
}

func (s *Snapshot) scan(table string, q Query, yield func(*entry) bool) {
	from, n := q.from(), 0
	s.tables[table].root.ascend(&from, func(e *entry) bool {
		if e.rec.Name == q.After {
			return true
		}
		if !q.selects(&e.rec.Name) {
			return false // the selected ones are next to each other, and this one is behind them
		}
		n++
		return yield(e) && n != q.Limit
	})
}

// List returns the records that Scan goes through, and whether Limit left some out. The slice is the caller's.
func (s *Snapshot) List(table string, q Query) (records []Record, more bool) {
	limit := q.Limit
	if limit > 0 {
		q.Limit++
	}
	s.scan(table, q, func(e *entry) bool {
		if more = limit > 0 && len(records) == limit; !more {
			records = append(records, e.rec)
		}
		return !more
	})
	return records, more
}

// since returns the changes after a revision, of all tables if none is given. It returns false if they are not all known.
func (s *Snapshot) since(revision uint64, tables []string) ([]Record, bool) {
	if revision < s.floor || revision > s.revision {
		return nil, false
	}
	i := sort.Search(len(s.changes), func(i int) bool { return s.changes[i].rec.Revision > revision })
	var records []Record
	for _, e := range s.changes[i:] {
		if len(tables) == 0 || slices.Contains(tables, e.rec.Table) {
			records = append(records, e.rec)
		}
	}
	return records, true
}

// with returns the snapshot that follows s by a set of changes in the order of their revisions.
func (s *Snapshot) with(revision uint64, changes []*entry) *Snapshot {
	next := &Snapshot{
		revision: revision,
		epoch:    s.epoch,
		tables:   maps.Clone(s.tables),
		bytes:    s.bytes,
		floor:    s.floor,
		next:     make(chan struct{}),
	}
	ed := new(edit)
	for _, e := range changes {
		next.set(e, ed)
		next.bytes += len(e.rec.Value)
	}
	// Only the newest snapshot is ever appended to, by one writer, so this never overwrites what another sees.
	next.changes = append(s.changes, changes...)
	next.trim()
	return next
}

// set puts or removes one record. Only for a snapshot that is not published yet.
func (s *Snapshot) set(e *entry, ed *edit) {
	t := s.tables[e.rec.Table]
	if e.rec.Deleted {
		t = t.remove(&e.rec.Name, ed)
	} else {
		t = t.put(e, ed)
	}
	if t.n == 0 {
		delete(s.tables, e.rec.Table)
		return
	}
	s.tables[e.rec.Table] = t
}

// trim forgets the older half of the changes when there are too many. It copies the rest, so each change is copied
// about once.
func (s *Snapshot) trim() {
	if len(s.changes) <= keptChanges && s.bytes <= keptBytes {
		return
	}
	i := 0
	for n := len(s.changes); i < n && (n-i > keptChanges/2 || s.bytes > keptBytes/2); i++ {
		s.bytes -= len(s.changes[i].rec.Value)
		s.floor = s.changes[i].rec.Revision
	}
	// A set of changes is known as a whole or not at all.
	for ; i < len(s.changes) && s.changes[i].rec.Revision == s.floor; i++ {
		s.bytes -= len(s.changes[i].rec.Value)
	}
	s.changes = slices.Clone(s.changes[i:])
}
