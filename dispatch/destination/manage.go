package destination

import (
	"context"
	"errors"
	"time"

	"github.com/signalbox-mq/signalbox/queue/catalog"
)

// Errors of a [Manager].
var (
	ErrExists        = errors.New("a connection or API destination of that name exists")
	ErrNotFound      = errors.New("no connection or API destination of that name exists")
	ErrInUse         = errors.New("the connection is used by API destinations")
	errNotBuilt      = errors.New("not there yet")
	ErrNotAuthorized = errors.New("the connection is not authorized")
)

// ConnectionEntry is a connection with what the catalog knows of it.
type ConnectionEntry struct {
	Name             catalog.Name
	Connection       Connection
	Created, Updated time.Time
	// Managed says that the operator's file declares it.
	Managed bool
}

// Entry is a destination with what the catalog knows of it.
type Entry struct {
	Name             catalog.Name
	Destination      Destination
	Created, Updated time.Time
	Managed          bool
	// Active says that its connection is there and authorized.
	Active bool
}

// InvalidError says what is wrong with a field of a definition. Nothing was changed.
type InvalidError struct{ Field, Reason string }

func (e *InvalidError) Error() string { return e.Field + " " + e.Reason }

// Manager makes and changes connections and API destinations.
type Manager struct{}

// CreateConnection makes a connection. Basic and APIKey ones are authorized at once; an OAuth one is authorizing until
// [Manager.Run] has a token. Errors: ErrExists, joined [*InvalidError]s.
func (m *Manager) CreateConnection(ctx context.Context, name catalog.Name, def Connection) (ConnectionEntry, error) {
	return ConnectionEntry{}, errNotBuilt
}

// Connection returns a connection, secrets included. It fails with ErrNotFound.
func (m *Manager) Connection(ctx context.Context, name catalog.Name) (ConnectionEntry, error) {
	return ConnectionEntry{}, errNotBuilt
}

// Connections returns those that q selects in the order of their names, and whether its Limit left some out.
func (m *Manager) Connections(ctx context.Context, q catalog.Query) (entries []ConnectionEntry, more bool, err error) {
	return nil, false, errNotBuilt
}

// UpdateConnection calls change with a definition of its own and makes the connection be what that has become, authorized anew.
// change is called again if the definition was changed meanwhile. Errors: ErrNotFound, a [*catalog.ManagedError], joined
// [*InvalidError]s, and change's own.
func (m *Manager) UpdateConnection(ctx context.Context, name catalog.Name, change func(*Connection) error) (ConnectionEntry, error) {
	return ConnectionEntry{}, errNotBuilt
}

// DeauthorizeConnection forgets the secrets of a connection, which is of no use until it is updated. Errors as UpdateConnection.
func (m *Manager) DeauthorizeConnection(ctx context.Context, name catalog.Name) (ConnectionEntry, error) {
	return ConnectionEntry{}, errNotBuilt
}

// DeleteConnection removes a connection and returns what it was; its destinations are inactive then. Errors: ErrNotFound, a
// [*catalog.ManagedError].
func (m *Manager) DeleteConnection(ctx context.Context, name catalog.Name) (ConnectionEntry, error) {
	return ConnectionEntry{}, errNotBuilt
}

// Create makes a destination. Errors: ErrExists, ErrNotFound for its connection, joined [*InvalidError]s.
func (m *Manager) Create(ctx context.Context, name catalog.Name, def Destination) (Entry, error) {
	return Entry{}, errNotBuilt
}

// Get returns a destination. It fails with ErrNotFound.
func (m *Manager) Get(ctx context.Context, name catalog.Name) (Entry, error) {
	return Entry{}, errNotBuilt
}

// List returns those that q selects in the order of their names, and whether its Limit left some out.
func (m *Manager) List(ctx context.Context, q catalog.Query) (entries []Entry, more bool, err error) {
	return nil, false, errNotBuilt
}

// Update is as UpdateConnection.
func (m *Manager) Update(ctx context.Context, name catalog.Name, change func(*Destination) error) (Entry, error) {
	return Entry{}, errNotBuilt
}

// Delete removes a destination; what waits for it becomes dead letters. It does nothing if there is none. Errors: a
// [*catalog.ManagedError].
func (m *Manager) Delete(ctx context.Context, name catalog.Name) error { return errNotBuilt }

// Run authorizes connections that are to be, until ctx ends, which is no error.
func (m *Manager) Run(ctx context.Context) error { return errNotBuilt }
