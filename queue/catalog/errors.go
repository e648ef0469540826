package catalog

import (
	"errors"
	"fmt"
	"strings"
)

var (
	// ErrNotFound says that the table has no record of that name.
	ErrNotFound = errors.New("no such definition")
	// ErrExists says that a record that was to be created exists.
	ErrExists = errors.New("definition already exists")
	// ErrConflict says that a record, or the catalog, has another revision than the one the change was made for. Read again
	// and retry.
	ErrConflict = errors.New("definition was changed meanwhile")
	// ErrCompacted says that the changes since the asked revision are no longer known one by one: read everything.
	ErrCompacted = errors.New("changes since that revision are no longer kept")
	// ErrUnavailable says that a backend on the network can not be reached, or did not confirm in time what it was asked to, or
	// that this node can not know what other nodes have changed. Trying again later helps.
	ErrUnavailable = errors.New("store is not available")
	// ErrLost, an ErrUnavailable, says that the backend holds no definitions where it had some: it lost all that it had. What this
	// process knew stays, and nothing is answered from it. A start that declares the definitions anew ends it, of any node.
	ErrLost = fmt.Errorf("%w: it has lost all definitions, and so all messages; start a router anew to begin with an empty store", ErrUnavailable)
)

// ManagedError says that a file declares the record, so that the APIs may not change or delete it.
type ManagedError struct {
	Table string
	Name  Name
	Owner string
}

func (e *ManagedError) Error() string {
	if e.Owner == Builtin {
		return fmt.Sprintf("%s %s is built in; declare it in a file to change it", noun(e.Table), e.Name.Name)
	}
	return fmt.Sprintf("%s %s is declared by %s and can only be changed there", noun(e.Table), e.Name.Name, e.Owner)
}

// TakenError says that a file declares a name that an API's record has.
type TakenError struct {
	Table string
	Name  Name
	// Owner is the record's: empty for an API's, or another file's.
	Owner string
}

func (e *TakenError) Error() string {
	by := "was created through the API"
	if e.Owner != "" {
		by = "is declared by " + e.Owner
	}
	return fmt.Sprintf("%s %s already exists: it %s", noun(e.Table), e.Name.Name, by)
}

// noun is what people call one record of a table, which is named in the plural.
func noun(table string) string {
	switch table {
	case "buses":
		return "bus"
	case "api-destinations":
		return "API destination"
	}
	return strings.ReplaceAll(strings.TrimSuffix(table, "s"), "-", " ")
}
