package destination

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/signalbox-mq/signalbox/queue/catalog"
)

// Errors of a [Manager].
var (
	ErrExists   = errors.New("a connection or API destination of that name exists")
	ErrNotFound = errors.New("no connection or API destination of that name exists")
)

// InvalidError says what is wrong with a field of a definition. Nothing was changed.
type InvalidError struct{ Field, Reason string }

func (e *InvalidError) Error() string { return e.Field + " " + e.Reason }

// Manager makes and changes connections and API destinations. Its methods may be called concurrently, and what they have changed is
// in force on every node when they return.
type Manager struct {
	definitions  *catalog.Catalog
	connections  *catalog.Table[Connection]
	destinations *catalog.Table[Destination]
	now          func() time.Time
	tokens       *Tokens
}

// New returns a manager of what a catalog has. now is the store's clock; tokens are had for connections that are to be authorized.
// It starts nothing.
func New(definitions *catalog.Catalog, now func() time.Time, tokens *Tokens) *Manager {
	return &Manager{
		definitions:  definitions,
		connections:  catalog.NewTable[Connection](definitions, ConnectionTable),
		destinations: catalog.NewTable[Destination](definitions, Table),
		now:          now, tokens: tokens,
	}
}

func notFound(name catalog.Name) error { return fmt.Errorf("%w: %s", ErrNotFound, name.Name) }

// named gives the catalog's errors this package's names.
func named(err error, name catalog.Name) error {
	switch {
	case errors.Is(err, catalog.ErrNotFound):
		return notFound(name)
	case errors.Is(err, catalog.ErrExists):
		return fmt.Errorf("%w: %s", ErrExists, name.Name)
	}
	return err
}

// moment is now as the catalog keeps it.
func (m *Manager) moment() time.Time { return m.now().UTC().Truncate(time.Millisecond) }

// ConnectionEntry is a connection with what the catalog knows of it. What Connection's slices, maps and pointers lead to is shared:
// do not change it.
type ConnectionEntry struct {
	Name             catalog.Name
	Connection       Connection
	Created, Updated time.Time
	// Managed says that the operator's file declares it.
	Managed bool
}

func connectionEntry(e catalog.Entry[Connection]) ConnectionEntry {
	c := ConnectionEntry{Name: e.Name, Connection: e.Value, Created: e.CreatedAt, Updated: e.ModifiedAt, Managed: e.Owner != ""}
	if c.Connection.State == "" {
		c.Connection.State = Authorized
	}
	return c
}

// begin makes a connection what it is before its first call.
func (m *Manager) begin(c *Connection) {
	c.Generation++
	c.Reason = ""
	if c.Authorization == OAuth {
		c.State = Authorizing
		return
	}
	c.State, c.Authorized = Authorized, m.moment()
}

// CreateConnection makes a connection. Basic and APIKey ones are authorized at once; an OAuth one is authorizing until
// [Manager.Run] has a token. Errors: ErrExists, joined [*InvalidError]s.
func (m *Manager) CreateConnection(ctx context.Context, name catalog.Name, def Connection) (ConnectionEntry, error) {
	def.tidy()
	def.State = ""
	if err := def.Validate(name.Name); err != nil {
		return ConnectionEntry{}, err
	}
	def.UUID, def.Authorized, def.Generation = uuid.NewString(), time.Time{}, 0
	m.begin(&def)
	e, err := m.connections.Create(ctx, name, def)
	if err != nil {
		return ConnectionEntry{}, named(err, name)
	}
	return connectionEntry(e), nil
}

// Connection returns a connection, secrets included. It fails with ErrNotFound.
func (m *Manager) Connection(_ context.Context, name catalog.Name) (ConnectionEntry, error) {
	e, err := m.connections.Get(name)
	if err != nil {
		return ConnectionEntry{}, named(err, name)
	}
	return connectionEntry(e), nil
}

// Connections returns those that q selects in the order of their names, and whether its Limit left some out.
func (m *Manager) Connections(_ context.Context, q catalog.Query) (entries []ConnectionEntry, more bool, err error) {
	all, more, err := m.connections.List(q)
	if err != nil {
		return nil, false, err
	}
	entries = make([]ConnectionEntry, len(all))
	for i := range all {
		entries[i] = connectionEntry(all[i])
	}
	return entries, more, nil
}

// UpdateConnection calls change with a definition of its own and makes the connection be what that has become, authorized anew. One
// that was deauthorized stays so while it has no password, key or client secret; it is not to have that without the other secrets that
// were forgotten. change is called again if the definition was changed meanwhile. Errors: ErrNotFound, a [*catalog.ManagedError], joined
// [*InvalidError]s, and change's own.
func (m *Manager) UpdateConnection(ctx context.Context, name catalog.Name, change func(*Connection) error) (ConnectionEntry, error) {
	return m.changeConnection(ctx, name, func(c *Connection) error {
		id, generation, state := c.UUID, c.Generation, c.State
		if err := change(c); err != nil {
			return err
		}
		c.tidy()
		c.UUID, c.Generation, c.State = id, generation, state
		if c.usable() || c.hasSecret() {
			m.begin(c)
		}
		return c.Validate(name.Name)
	})
}

// DeauthorizeConnection forgets the secrets of a connection, which is of no use until it is updated. Errors as UpdateConnection.
func (m *Manager) DeauthorizeConnection(ctx context.Context, name catalog.Name) (ConnectionEntry, error) {
	return m.changeConnection(ctx, name, func(c *Connection) error {
		c.Password, c.KeyValue = "", ""
		if c.Token != nil {
			c.Token.ClientSecret = ""
			c.Token.Parameters.forget()
		}
		c.Parameters.forget()
		c.State, c.Reason = Deauthorized, ""
		return nil
	})
}

// forget makes secret values empty.
func (ps *Parameters) forget() {
	for _, list := range [][]Parameter{ps.Header, ps.Query, ps.Body} {
		for i := range list {
			if list[i].Secret {
				list[i].Value = ""
			}
		}
	}
}

func (m *Manager) changeConnection(ctx context.Context, name catalog.Name, change func(*Connection) error) (ConnectionEntry, error) {
	e, err := m.connections.Update(ctx, name, change)
	if err != nil {
		return ConnectionEntry{}, named(err, name)
	}
	m.tokens.Changed(e.ID, &e)
	return connectionEntry(e), nil
}

// DeleteConnection removes a connection and returns what it was; its destinations are inactive then. Errors: ErrNotFound, a
// [*catalog.ManagedError].
func (m *Manager) DeleteConnection(ctx context.Context, name catalog.Name) (ConnectionEntry, error) {
	for {
		e, err := m.connections.Get(name)
		if err != nil {
			return ConnectionEntry{}, named(err, name)
		}
		_, err = m.definitions.Apply(ctx, catalog.Set{Changes: []catalog.Change{m.connections.Deleting(name).If(e.Revision)}})
		if err == nil {
			m.tokens.Changed(e.ID, nil)
			return connectionEntry(e), nil
		}
		if !errors.Is(err, catalog.ErrConflict) || ctx.Err() != nil {
			return ConnectionEntry{}, named(err, name)
		}
	}
}
