package queue

import "context"

// Importer is the ability of a [Store] to be what a migration copies to.
type Importer interface {
	// BeginImport marks an empty store as one that something is being copied to; from says from where, for people. Until
	// EndImport the store can not be opened but by a migration: others get ErrUnfinished. It fails with ErrNotEmpty if the store
	// holds definitions or queues, and with ErrUnfinished if it is marked already. With restart, all that a marked store holds
	// is erased and the import begins anew; one that is not marked is never erased.
	BeginImport(ctx context.Context, from string, restart bool) error
	// EndImport removes the mark, when everything before it is durable.
	EndImport(ctx context.Context) error
}
