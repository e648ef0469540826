package catalog

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

const (
	// Builtin owns the definitions that the router comes with.
	Builtin = "builtin"
	// filesTable has a record for each owner that declared something, see [declared].
	filesTable = "files"
)

// Declaration is a definition that a file, or the router itself, declares. [Table.Declaring] makes one.
type Declaration struct {
	Table string
	Name  Name
	Value []byte // as JSON

	err error
}

// DeclareOptions says how to treat what an owner declares no longer. The zero value deletes it.
type DeclareOptions struct {
	// Keep says whether a record that its owner declares no longer must not be deleted, such as a queue with messages. It
	// is called with no lock held, possibly again if the catalog is changed meanwhile. Nil keeps nothing. An error ends
	// the Declare.
	Keep func(ctx context.Context, r Record) (bool, error)
	// Prune deletes these too, and those kept before.
	Prune bool
	// Replaces are owners whose definitions, kept ones included, this owner takes over, as after a file was renamed.
	// What it does not declare is treated as if it had been its own.
	Replaces []string
}

// DeclareResult is what a Declare did. The records' Values are shared: do not change them.
type DeclareResult struct {
	// Revision is the one at which it happened, or the newest if nothing was to be changed.
	Revision uint64
	// Unchanged says that the owner has declared the same content before, so that nothing was looked at.
	Unchanged bool
	// Created, Updated (taken over, adopted again and given back ones included) and Deleted are in the order of table and
	// name. Deleted have the ID they had.
	Created, Updated, Deleted []Record
	// Kept are records that the owner declared once, that are no longer declared by anyone and that still exist: a warning.
	// They have no owner now, so that the APIs may delete them. An owner that declares one again gets it back.
	Kept []Record
}

// declared is the value of an owner's record in the table of files.
type declared struct {
	Hash string `json:"hash"`
	// Kept are what DeclareResult.Kept says.
	Kept []kept `json:"kept,omitempty"`
	// Values are what Builtin declares, to be put back when a file that has taken it over lets go.
	Values []value `json:"values,omitempty"`
}

type kept struct {
	Table string `json:"table"`
	Name  string `json:"name"` // as Name.String
	// ID tells the record from another of that name made later.
	ID uint64 `json:"id"`
}

type value struct {
	Table string          `json:"table"`
	Name  string          `json:"name"`
	Value json.RawMessage `json:"value"`
}

// Owners returns the owners whose last Declare left something, sorted. To make an end of one that is not configured any
// more, Declare nothing in its name, with an empty hash.
func (c *Catalog) Owners() []string {
	var owners []string
	for r := range c.Snapshot().Scan(filesTable, Query{}) {
		owners = append(owners, r.Name.Name)
	}
	return owners
}

// Declare makes the definitions of an owner be those declared, in one set of changes:
//
//   - What does not exist is created. What differs is updated; what is equal is not touched.
//   - What belongs to [Builtin] is taken over, and what the owner's Kept has is adopted again.
//   - What is another's, or was made through an API, is a [*TakenError]. All of these are joined, and nothing is changed.
//   - What the owner declared before and does not any more is given back to Builtin if that declares it, or kept without an
//     owner if Keep says so, or deleted.
//
// contentHash identifies the content: if it is not empty and that of the owner's last Declare, nothing is done, except to
// prune. What one Declare does is durable when it returns without an error.
//
// When the owner is Builtin, what is another's already is left alone instead of failing, and the hash is not looked at.
func (c *Catalog) Declare(ctx context.Context, owner, contentHash string, declarations []Declaration, opts DeclareOptions) (DeclareResult, error) {
	if owner == "" || slices.Contains(opts.Replaces, Builtin) {
		return DeclareResult{}, errors.New("declaring needs an owner, and nobody replaces the built-in one")
	}
	want := make(map[key]bool, len(declarations))
	for _, d := range declarations {
		k := key{d.Table, d.Name}
		reason := ""
		switch {
		case d.err != nil:
			reason = d.err.Error()
		case want[k]:
			reason = "declared twice"
		case d.Value == nil || d.Table == filesTable:
			reason = "cannot be declared"
		}
		if reason != "" {
			return DeclareResult{}, &InvalidError{Table: d.Table, Name: d.Name, Reason: reason}
		}
		want[k] = true
	}
	// What this owner has declared on another node counts, and so does what is not there any more.
	if err := c.Refresh(ctx); err != nil {
		return DeclareResult{}, err
	}
	for {
		p := declaring{at: c.Snapshot(), owner: owner, hash: contentHash, opts: opts, want: want}
		result, err := p.plan(ctx, declarations)
		if err != nil || len(p.changes) == 0 {
			return result, err
		}
		applied, err := c.Apply(ctx, Set{Changes: p.changes, Owner: owner})
		if err == nil {
			return p.result(applied, result), nil
		}
		raced := errors.Is(err, ErrConflict) || errors.Is(err, ErrExists) || errors.Is(err, ErrNotFound)
		if !raced || ctx.Err() != nil || c.Revision() == p.at.revision {
			return DeclareResult{}, err
		}
		// Someone else changed one of the records after the plan was made. Every change is bound to what the plan saw.
	}
}

// declaring is one attempt at a Declare.
type declaring struct {
	at      *Snapshot
	owner   string
	hash    string
	opts    DeclareOptions
	want    map[key]bool
	changes []Change
	// created counts the changes that create: they come first.
	created int
	kept    []kept
}

func fileName(owner string) Name { return Name{Account: "-", Region: "-", Name: owner} }

// file reads the record of an owner; its revision is zero if there is none.
func (p *declaring) file(owner string) (declared, uint64, error) {
	r, ok := p.at.Get(filesTable, fileName(owner))
	if !ok {
		return declared{}, 0, nil
	}
	var d declared
	if err := json.Unmarshal(r.Value, &d); err != nil {
		return d, 0, fmt.Errorf("decoding what %s declared: %w", owner, err)
	}
	return d, r.Revision, nil
}

// plan works out the changes, each bound to the revision of the record that it saw.
func (p *declaring) plan(ctx context.Context, declarations []Declaration) (DeclareResult, error) {
	result := DeclareResult{Revision: p.at.revision}
	mine, revision, err := p.file(p.owner)
	if err != nil {
		return result, err
	}
	before := mine.Kept
	var ended []Change
	for _, old := range p.opts.Replaces {
		d, rev, err := p.file(old)
		if err != nil {
			return result, err
		}
		if rev != 0 && old != p.owner {
			before = append(before, d.Kept...)
			ended = append(ended, p.change(filesTable, fileName(old), nil, rev, ""))
		}
	}
	if p.owner != Builtin && revision != 0 && p.hash != "" && p.hash == mine.Hash && len(ended) == 0 &&
		(!p.opts.Prune || len(before) == 0) {
		result.Unchanged = true
		result.Kept = p.still(before, func(Record, kept) {})
		return result, nil
	}
	builtin, err := p.builtins()
	if err != nil {
		return result, err
	}
	if err := p.declare(declarations, before); err != nil {
		return result, err
	}
	if err := p.leave(ctx, builtin); err != nil {
		return result, err
	}
	left := p.still(before, func(r Record, k kept) {
		if p.opts.Prune {
			p.changes = append(p.changes, p.change(r.Table, r.Name, nil, r.Revision, ""))
		} else {
			p.kept = append(p.kept, k)
		}
	})
	if !p.opts.Prune {
		result.Kept = left
	}
	sortChanges(p.changes[:p.created])
	sortChanges(p.changes[p.created:])
	p.changes = append(p.changes, ended...)
	return result, p.remember(mine, revision, declarations)
}

// change binds a change to a revision and gives the record to an owner, whoever has it.
func (p *declaring) change(table string, name Name, value []byte, revision uint64, owner string) Change {
	return Change{Table: table, Name: name, Value: value, IfRevision: &revision, owner: &owner}
}

// ours tells whether an owner's definitions are this one's to change.
func (p *declaring) ours(owner string) bool {
	return owner == p.owner || owner != "" && slices.Contains(p.opts.Replaces, owner)
}

// declare plans the creations and the updates.
func (p *declaring) declare(declarations []Declaration, before []kept) error {
	adoptable := make(map[uint64]bool, len(before))
	for _, k := range before {
		adoptable[k.ID] = true
	}
	var updates []Change
	var taken []error
	for _, d := range declarations {
		r, exists := p.at.Get(d.Table, d.Name)
		switch {
		case !exists:
			p.changes = append(p.changes, p.change(d.Table, d.Name, d.Value, 0, p.owner))
		case r.Owner == p.owner && bytes.Equal(r.Value, d.Value):
		case p.ours(r.Owner), r.Owner == Builtin, r.Owner == "" && adoptable[r.ID]:
			updates = append(updates, p.change(d.Table, d.Name, d.Value, r.Revision, p.owner))
		case p.owner == Builtin:
			// There is one of that name, which is what matters. See Values for when its owner lets go.
		default:
			taken = append(taken, &TakenError{Table: d.Table, Name: d.Name, Owner: r.Owner})
		}
	}
	p.created = len(p.changes)
	p.changes = append(p.changes, updates...)
	return errors.Join(taken...)
}

// leave plans what becomes of the definitions that are not declared any more.
func (p *declaring) leave(ctx context.Context, builtin map[key][]byte) error {
	for _, table := range p.at.Tables() {
		if table == filesTable {
			continue
		}
		for r := range p.at.Scan(table, Query{}) {
			k := key{table, r.Name}
			if r.Owner == "" || p.want[k] || !p.ours(r.Owner) {
				continue
			}
			if value, ok := builtin[k]; ok && p.owner != Builtin {
				p.changes = append(p.changes, p.change(table, r.Name, value, r.Revision, Builtin))
				continue
			}
			keep := false
			if p.opts.Keep != nil && !p.opts.Prune {
				var err error
				if keep, err = p.opts.Keep(ctx, r); err != nil {
					return fmt.Errorf("whether to keep %s %s: %w", noun(table), r.Name.Name, err)
				}
			}
			if !keep {
				p.changes = append(p.changes, p.change(table, r.Name, nil, r.Revision, ""))
				continue
			}
			p.changes = append(p.changes, p.change(table, r.Name, r.Value, r.Revision, ""))
			p.kept = append(p.kept, kept{Table: table, Name: r.Name.String(), ID: r.ID})
		}
	}
	return nil
}

// still returns those of the kept records that still are without an owner and not declared, and calls each for them.
func (p *declaring) still(before []kept, each func(Record, kept)) []Record {
	var records []Record
	for _, k := range before {
		name, err := ParseName(k.Name)
		if err != nil {
			continue
		}
		r, ok := p.at.Get(k.Table, name)
		if ok && r.ID == k.ID && r.Owner == "" && !p.want[key{k.Table, name}] {
			records = append(records, r)
			each(r, k)
		}
	}
	return records
}

func (p *declaring) builtins() (map[key][]byte, error) {
	d, _, err := p.file(Builtin)
	if err != nil {
		return nil, err
	}
	values := make(map[key][]byte, len(d.Values))
	for _, v := range d.Values {
		if name, err := ParseName(v.Name); err == nil {
			values[key{v.Table, name}] = v.Value
		}
	}
	return values, nil
}

// remember plans the owner's own record, last of all changes.
func (p *declaring) remember(mine declared, revision uint64, declarations []Declaration) error {
	next := declared{Hash: p.hash, Kept: p.kept}
	if p.owner == Builtin {
		for _, d := range declarations {
			next.Values = append(next.Values, value{Table: d.Table, Name: d.Name.String(), Value: d.Value})
		}
	}
	if len(declarations) == 0 && len(p.kept) == 0 && p.hash == "" {
		if revision != 0 {
			p.changes = append(p.changes, p.change(filesTable, fileName(p.owner), nil, revision, ""))
		}
		return nil
	}
	b, err := json.Marshal(next)
	if err != nil {
		return &InvalidError{Table: filesTable, Name: fileName(p.owner), Reason: err.Error()}
	}
	was, err := json.Marshal(mine)
	if err != nil {
		return err
	}
	if revision == 0 || !bytes.Equal(b, was) {
		p.changes = append(p.changes, p.change(filesTable, fileName(p.owner), b, revision, p.owner))
	}
	return nil
}

// result sorts the records of the applied changes into what was planned.
func (p *declaring) result(applied Applied, result DeclareResult) DeclareResult {
	result.Revision = applied.Revision
	for i, r := range applied.Records {
		switch {
		case r.Table == filesTable:
		case i < p.created:
			result.Created = append(result.Created, r)
		case r.Deleted:
			result.Deleted = append(result.Deleted, r)
		case r.Owner == "":
			result.Kept = append(result.Kept, r)
		default:
			result.Updated = append(result.Updated, r)
		}
	}
	return result
}

func sortChanges(changes []Change) {
	slices.SortFunc(changes, func(a, b Change) int {
		return cmp.Or(strings.Compare(a.Table, b.Table), a.Name.Compare(b.Name))
	})
}
