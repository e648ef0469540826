package catalog

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"time"
)

// Table is a table whose definitions are of type T, kept as encoding/json writes them. Several may be of one table.
type Table[T any] struct {
	c    *Catalog
	name string
}

// Entry is a definition with what the catalog knows of it.
type Entry[T any] struct {
	Name Name
	// These are as in Record.
	ID, Created, Revision uint64
	CreatedAt, ModifiedAt time.Time
	Owner                 string
	// Value is a copy, but what its maps, slices and pointers lead to is shared with other readers: do not change that.
	Value T
}

// NewTable returns the table of that name, which need not exist.
func NewTable[T any](c *Catalog, name string) *Table[T] { return &Table[T]{c: c, name: name} }

// Name is the table's.
func (t *Table[T]) Name() string { return t.name }

// Get returns the newest definition of that name. It fails with ErrNotFound, after a look at the backend if that is [Shared],
// and with ErrUnavailable if that can not be, or while the catalog is stale. A definition is decoded once, at the first Get or
// At of each of its revisions.
func (t *Table[T]) Get(name Name) (Entry[T], error) {
	if err := t.c.fresh(); err != nil {
		return Entry[T]{}, err
	}
	e, err := t.At(t.c.snap.Load(), name)
	if t.c.shared == nil || !errors.Is(err, ErrNotFound) {
		return e, err
	}
	if err := t.c.LookAgain(context.Background()); err != nil {
		return Entry[T]{}, err
	}
	return t.At(t.c.snap.Load(), name)
}

// At is Get in a snapshot.
func (t *Table[T]) At(s *Snapshot, name Name) (Entry[T], error) {
	e := s.tables[t.name].get(&name)
	if e == nil {
		return Entry[T]{}, failed(t.name, name, ErrNotFound)
	}
	return t.read(e, true)
}

// List returns the definitions that q selects in the newest state, in the order of their names, and whether its Limit left
// some out. The slice is the caller's. While the catalog is stale it fails with ErrUnavailable.
func (t *Table[T]) List(q Query) (entries []Entry[T], more bool, err error) {
	if err := t.c.fresh(); err != nil {
		return nil, false, err
	}
	limit := q.Limit
	if limit > 0 {
		q.Limit++
	}
	for e, err := range t.Scan(t.c.snap.Load(), q) {
		if err != nil {
			return nil, false, err
		}
		if limit > 0 && len(entries) == limit {
			return entries, true, nil
		}
		entries = append(entries, e)
	}
	return entries, false, nil
}

// Scan goes through the definitions that q selects in a snapshot, in the order of their names. A definition that cannot be
// decoded is yielded as an error, with its names set, and the scan goes on. What it decodes is not kept.
func (t *Table[T]) Scan(s *Snapshot, q Query) iter.Seq2[Entry[T], error] {
	return func(yield func(Entry[T], error) bool) {
		s.scan(t.name, q, func(e *entry) bool { return yield(t.read(e, false)) })
	}
}

// Decode reads a record, such as one of a list of changes. The Value of a deleted one is T's zero.
func (t *Table[T]) Decode(r Record) (Entry[T], error) {
	out := entryOf[T](&r)
	if r.Deleted {
		return out, nil
	}
	if err := json.Unmarshal(r.Value, &out.Value); err != nil {
		return entryOf[T](&r), fmt.Errorf("decoding %s %s: %w", noun(r.Table), r.Name, err)
	}
	return out, nil
}

// Create adds a definition. It fails with ErrExists.
func (t *Table[T]) Create(ctx context.Context, name Name, value T) (Entry[T], error) {
	return t.apply(ctx, t.Creating(name, value), value)
}

// Put adds a definition or replaces it. It fails with a [*ManagedError] if a file declares it.
func (t *Table[T]) Put(ctx context.Context, name Name, value T) (Entry[T], error) {
	return t.apply(ctx, t.Putting(name, value), value)
}

// Update calls change with a definition of the caller's own and stores what it has become, unless that is the same. If the
// definition was changed meanwhile, it does so again with the newer one. It fails with ErrNotFound, with a [*ManagedError]
// if a file declares it, and with change's error as it is.
func (t *Table[T]) Update(ctx context.Context, name Name, change func(value *T) error) (Entry[T], error) {
	for {
		r, ok, err := t.c.Find(ctx, t.name, name)
		if err != nil {
			return Entry[T]{}, err
		}
		if !ok {
			return Entry[T]{}, failed(t.name, name, ErrNotFound)
		}
		if r.Owner != "" {
			return Entry[T]{}, &ManagedError{Table: t.name, Name: name, Owner: r.Owner}
		}
		e, err := t.Decode(r)
		if err != nil {
			return Entry[T]{}, err
		}
		if err := change(&e.Value); err != nil {
			return Entry[T]{}, err
		}
		ch := t.Putting(name, e.Value).If(r.Revision)
		if ch.err == nil && bytes.Equal(ch.Value, r.Value) {
			return e, nil
		}
		e, err = t.apply(ctx, ch, e.Value)
		if !errors.Is(err, ErrConflict) || ctx.Err() != nil {
			return e, err
		}
		if now, ok := t.c.Get(t.name, name); ok && now.Revision == r.Revision {
			return e, err // not because of this record: trying again would not end
		}
	}
}

// Delete removes a definition. It fails with ErrNotFound, and with a [*ManagedError] if a file declares it.
func (t *Table[T]) Delete(ctx context.Context, name Name) error {
	_, err := t.c.Apply(ctx, Set{Changes: []Change{t.Deleting(name)}})
	return err
}

// Creating returns the change that Create makes, to be part of a set.
func (t *Table[T]) Creating(name Name, value T) Change { return t.Putting(name, value).If(0) }

// Putting returns the change that Put makes, to be part of a set. With If, it replaces one revision only. A value that cannot
// be encoded makes Apply fail.
func (t *Table[T]) Putting(name Name, value T) Change {
	b, err := encode(value)
	return Change{Table: t.name, Name: name, Value: b, err: err}
}

// Deleting returns the change that Delete makes, to be part of a set.
func (t *Table[T]) Deleting(name Name) Change { return Change{Table: t.name, Name: name} }

// Declaring returns a declaration of the definition, for [Catalog.Declare].
func (t *Table[T]) Declaring(name Name, value T) Declaration {
	b, err := encode(value)
	return Declaration{Table: t.name, Name: name, Value: b, err: err}
}

func (t *Table[T]) apply(ctx context.Context, ch Change, value T) (Entry[T], error) {
	applied, err := t.c.Apply(ctx, Set{Changes: []Change{ch}})
	if err != nil {
		return Entry[T]{}, err
	}
	e := entryOf[T](&applied.Records[0])
	e.Value = value
	return e, nil
}

// encode is json.Marshal without its escapes for HTML: a definition may hold text such as an event pattern, which people are
// shown as they wrote it.
func encode(value any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(value); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// read decodes an entry unless someone has.
func (t *Table[T]) read(e *entry, keep bool) (Entry[T], error) {
	out := entryOf[T](&e.rec)
	if p := e.decoded.Load(); p != nil {
		if v, ok := (*p).(*T); ok {
			out.Value = *v
			return out, nil
		}
	}
	v := new(T)
	if err := json.Unmarshal(e.rec.Value, v); err != nil {
		return out, fmt.Errorf("decoding %s %s: %w", noun(e.rec.Table), e.rec.Name, err)
	}
	if keep {
		boxed := any(v)
		e.decoded.Store(&boxed)
	}
	out.Value = *v
	return out, nil
}

func entryOf[T any](r *Record) Entry[T] {
	return Entry[T]{
		Name: r.Name, ID: r.ID, Created: r.Created, Revision: r.Revision,
		CreatedAt: r.CreatedAt, ModifiedAt: r.ModifiedAt, Owner: r.Owner,
	}
}
