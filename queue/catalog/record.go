package catalog

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// Name names a definition: an account, a region and a name within them. Accounts and regions are separate name spaces.
type Name struct {
	Account string // 12 digits
	Region  string
	Name    string
}

// String returns "account/region/name".
func (n Name) String() string { return n.Account + "/" + n.Region + "/" + n.Name }

// ParseName reads what String wrote. The name itself may contain slashes.
func ParseName(s string) (Name, error) {
	account, rest, ok1 := strings.Cut(s, "/")
	region, name, ok2 := strings.Cut(rest, "/")
	if !ok1 || !ok2 || account == "" || region == "" || name == "" {
		return Name{}, fmt.Errorf("%q is not account/region/name", s)
	}
	return Name{Account: account, Region: region, Name: name}, nil
}

// Record is one definition in a table, as the backend keeps it.
type Record struct {
	// Table names the kind of definition: "queues", "topics", "rules".
	Table string
	Name  Name
	// ID is given to the record when it is created and to no other record ever, in any table. A record deleted and made
	// anew has another.
	ID uint64
	// Created and Revision are the revisions of the set of changes that created the record and that last changed it.
	Created, Revision uint64
	// CreatedAt is when that first set was applied, and ModifiedAt when the Value was last given or changed, by the wall clock,
	// in whole milliseconds and UTC. They are for people: nothing is decided by them. Zero if a release applied it that did
	// not write them down.
	CreatedAt, ModifiedAt time.Time
	// Owner is empty for what an API made, and names the declaring file ("file:orders.yaml") otherwise.
	Owner string
	// Value is the definition as JSON.
	Value []byte
	// Deleted marks the trace of a deleted record in a list of changes; Value is nil then.
	Deleted bool
}

// Backend keeps records durably. Both stores implement it.
type Backend interface {
	// Load calls yield for every live record, in any order, and returns the revision they stand at (zero for an empty
	// catalog) and the highest ID ever given.
	Load(ctx context.Context, yield func(Record) error) (revision, lastID uint64, err error)
	// Commit writes a set of changes, all or nothing, and returns when it is durable. Each record carries revision and is
	// stored under its table and name, or removed if it is Deleted. lastID is kept for the next Load. It fails with
	// ErrConflict, changing nothing, unless the current revision is revision-1.
	Commit(ctx context.Context, revision, lastID uint64, records []Record) error
}

// Restorer is an optional ability of a Backend, for migration: to take a catalog over as it stands elsewhere.
type Restorer interface {
	// Restore writes records with the revisions that they carry into a catalog whose revision is zero; otherwise it fails with
	// ErrConflict, changing nothing. With revision zero the catalog's stays zero, so that a large one can be written in pieces;
	// with another it is that from then on, and lastID the highest ID ever given. It returns when that is durable. None of the
	// records is Deleted: who asks for what has changed since an earlier revision gets ErrCompacted.
	Restore(ctx context.Context, revision, lastID uint64, records []Record) error
}
