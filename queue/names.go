package queue

import (
	"maps"

	"github.com/signalbox-mq/signalbox/queue/catalog"
)

// names leads from the incarnations of queues that exist to their names.
type names map[ID]Name

func buildNames(prev *names, changes []catalog.Record, at *catalog.Snapshot) (*names, error) {
	if prev == nil {
		built := make(names)
		for r := range at.Scan(Table, catalog.Query{}) {
			built[IDFor(r.ID, Own)] = r.Name
		}
		return &built, nil
	}
	built := *prev
	own := false
	for _, r := range changes {
		id := IDFor(r.ID, Own)
		if _, known := built[id]; known != r.Deleted {
			continue // a queue that was changed keeps its name
		}
		if !own {
			built, own = maps.Clone(built), true
		}
		if r.Deleted {
			delete(built, id)
		} else {
			built[id] = r.Name
		}
	}
	return &built, nil
}

// NameOf returns the name of the queue with the given incarnation; ok is false when it is not, or not any more, that of a
// queue.
func (b *Broker) NameOf(id ID) (name Name, ok bool, err error) {
	all, err := b.names.Get()
	if err != nil {
		return Name{}, false, err
	}
	name, ok = (*all)[id]
	return name, ok, nil
}
