package catalog

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
)

// Set is a set of changes that happens as a whole, at one revision, or not at all.
type Set struct {
	// Changes, no two of one record.
	Changes []Change
	// Requires are conditions on records that the set does not change.
	Requires []Requirement
	// Guard, when set, is a condition on what Requires can not name, such as that no record refers to one that the set deletes. It
	// is given the catalog as it is just before the set, on whichever nodes that was made, and its error, as it is, refuses the set.
	// It may be called several times, from other goroutines, must depend on the snapshot only, and must not wait. A set with a Guard
	// shares its revision with no other.
	Guard func(at *Snapshot) error
	// Owner is who makes the changes: empty for an API, or the name under which a file's definitions are declared. Records
	// that are written get it. A set changes its owner's records only: it fails with a [*ManagedError] (an API's set) or a
	// [*TakenError] (an owner's) where the record is another's.
	Owner string
}

// Change writes or deletes one record.
type Change struct {
	Table string
	Name  Name
	// Value is the definition as JSON, nil to delete the record. Apply copies it.
	Value []byte
	// IfRevision is the revision that the record must have, or zero if it must not exist. Without it, a Value replaces
	// whatever is there.
	//
	// The set fails with ErrExists if the record exists but must not, with ErrNotFound if it is to be deleted or must have a
	// revision but does not exist, and with ErrConflict if it has another revision.
	IfRevision *uint64

	// owner, when set, is given to the record, whoever makes the change and whoever had it.
	owner *string
	err   error // of the encoding
}

// If returns the change under the condition that the record has that revision, or, for zero, does not exist.
func (ch Change) If(revision uint64) Change {
	ch.IfRevision = &revision
	return ch
}

// Requirement is a condition on a record: that it exists with that ID, or at that revision, or both. If both are zero, that
// it does not exist. The set fails with ErrNotFound, ErrExists or ErrConflict, as for a [Change].
type Requirement struct {
	Table string
	Name  Name
	// ID holds on to a record through its changes, such as the topic that a subscription is added to.
	ID       uint64
	Revision uint64
}

// Applied is what became of a set of changes.
type Applied struct {
	// Revision is the one at which the changes happened; with no changes, the newest one.
	Revision uint64
	// Records are the records as the changes left them, one for each, in order. Those deleted are marked so and have the ID
	// they had. Values are shared: do not change them.
	Records []Record
}

// InvalidError says what is wrong with a change or a declaration.
type InvalidError struct {
	Table  string
	Name   Name
	Reason string
}

func (e *InvalidError) Error() string {
	return fmt.Sprintf("invalid definition of %s %s: %s", noun(e.Table), e.Name, e.Reason)
}

type key struct {
	table string
	name  Name
}

// check tests what can be tested without the records, and copies the values.
func (set *Set) check() error {
	seen := make(map[key]bool, len(set.Changes))
	changes := make([]Change, len(set.Changes))
	copy(changes, set.Changes)
	for i := range changes {
		ch := &changes[i]
		reason := ch.Name.invalid()
		switch k := (key{ch.Table, ch.Name}); {
		case ch.err != nil:
			reason = ch.err.Error()
		case reason != "":
		case ch.Table == "":
			reason = "no table"
		case seen[k]:
			reason = "changed twice in one set"
		case ch.Value != nil && !json.Valid(ch.Value):
			reason = "not JSON"
		default:
			seen[k] = true
		}
		if reason != "" {
			return &InvalidError{Table: ch.Table, Name: ch.Name, Reason: reason}
		}
		ch.Value = bytes.Clone(ch.Value)
	}
	set.Changes = changes
	return nil
}

// plan returns the records that the set makes of a snapshot at a time, and the last ID it gave.
func (set *Set) plan(s *Snapshot, revision, lastID uint64, now time.Time) ([]*entry, uint64, error) {
	for _, q := range set.Requires {
		if err := q.test(s); err != nil {
			return nil, 0, err
		}
	}
	if set.Guard != nil {
		if err := set.Guard(s); err != nil {
			return nil, 0, err
		}
	}
	entries := make([]*entry, len(set.Changes))
	for i := range set.Changes {
		ch := &set.Changes[i]
		old := s.tables[ch.Table].get(&ch.Name)
		if err := set.allows(ch, old); err != nil {
			return nil, 0, err
		}
		if ch.Value == nil {
			entries[i] = trace(&old.rec, revision)
			continue
		}
		rec := Record{Table: ch.Table, Name: ch.Name, Revision: revision, Owner: set.Owner, Value: ch.Value}
		if ch.owner != nil {
			rec.Owner = *ch.owner
		}
		if old != nil {
			rec.Name, rec.ID, rec.Created, rec.CreatedAt = old.rec.Name, old.rec.ID, old.rec.Created, old.rec.CreatedAt
		} else {
			lastID++
			rec.ID, rec.Created, rec.CreatedAt = lastID, revision, now
		}
		rec.ModifiedAt = now
		if old != nil && bytes.Equal(old.rec.Value, rec.Value) {
			rec.ModifiedAt = old.rec.ModifiedAt // only its owner has changed, if anything
		}
		intern(&rec)
		entries[i] = &entry{rec: rec}
	}
	return entries, lastID, nil
}

// allows says why a change to a record (nil for none) may not be.
func (set *Set) allows(ch *Change, old *entry) error {
	switch {
	case old == nil && (ch.Value == nil || ch.IfRevision != nil && *ch.IfRevision != 0):
		return failed(ch.Table, ch.Name, ErrNotFound)
	case old == nil:
		return nil
	case ch.IfRevision != nil && *ch.IfRevision == 0:
		return failed(ch.Table, ch.Name, ErrExists)
	case old.rec.Owner == set.Owner || ch.owner != nil:
	case set.Owner == "":
		return &ManagedError{Table: ch.Table, Name: ch.Name, Owner: old.rec.Owner}
	default:
		return &TakenError{Table: ch.Table, Name: ch.Name, Owner: old.rec.Owner}
	}
	if ch.IfRevision != nil && *ch.IfRevision != old.rec.Revision {
		return failed(ch.Table, ch.Name, ErrConflict)
	}
	return nil
}

func (q *Requirement) test(s *Snapshot) error {
	e := s.tables[q.Table].get(&q.Name)
	switch absent := q.ID == 0 && q.Revision == 0; {
	case e == nil && absent:
		return nil
	case e == nil:
		return failed(q.Table, q.Name, ErrNotFound)
	case absent:
		return failed(q.Table, q.Name, ErrExists)
	case q.ID != 0 && q.ID != e.rec.ID:
		return failed(q.Table, q.Name, ErrNotFound)
	case q.Revision != 0 && q.Revision != e.rec.Revision:
		return failed(q.Table, q.Name, ErrConflict)
	}
	return nil
}

func failed(table string, name Name, err error) error {
	return fmt.Errorf("%s %s: %w", noun(table), name.Name, err)
}
