package rules

import (
	"encoding/json"
	"fmt"

	"github.com/google/uuid"

	"github.com/signalbox-mq/signalbox/event"
	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/rules/pattern"
)

// compiledArchive is an archive ready to match. One with a pattern is in the index of its bus, beside the rules: that reads an
// event once for all of them. One without costs no matching.
type compiledArchive struct {
	id, revision uint64
	log          queue.ID
	pattern      *pattern.Pattern // nil for every event
}

// busArchives are the archives of one bus. They are never changed.
type busArchives struct {
	byID map[uint64]*compiledArchive
	// all take every event.
	all []*compiledArchive
}

// match returns the archives that take an event, of which the index has found some. Those that a replay or a hop brings, which
// were archived before, none takes.
func (a *busArchives) match(ev *event.Event, found []pattern.ID) []*compiledArchive {
	if ev.ReplayName != "" || len(a.byID) == 0 {
		return nil
	}
	taking := a.all[:len(a.all):len(a.all)]
	for _, id := range found {
		if archive := a.byID[uint64(id)]; archive != nil {
			taking = append(taking, archive)
		}
	}
	return taking
}

// buildArchives brings the archives of the buses of an account and region up to date. One that can not be compiled, which only
// a newer release could have written, takes nothing.
func (e *Engine) buildArchives(next *snapshot, of catalog.Name, at *catalog.Snapshot) {
	byBus := map[string]*busArchives{}
	for entry, err := range e.archives.Scan(at, catalog.Query{Account: of.Account, Region: of.Region}) {
		if err != nil {
			continue
		}
		bus, ok := next.buses[catalog.Name{Account: of.Account, Region: of.Region, Name: entry.Value.Bus}]
		if !ok {
			continue // it waits for the bus to be made anew
		}
		archive := bus.archives.byID[entry.ID]
		if archive == nil || archive.revision != entry.Revision {
			when, err := compileArchive(entry.Name.Name, &entry.Value)
			if err != nil {
				continue
			}
			archive = &compiledArchive{id: entry.ID, revision: entry.Revision, log: queue.IDFor(entry.ID, queue.Own), pattern: when}
		}
		archives := byBus[entry.Value.Bus]
		if archives == nil {
			archives = &busArchives{byID: map[uint64]*compiledArchive{}}
			byBus[entry.Value.Bus] = archives
		}
		archives.byID[archive.id] = archive
		if archive.pattern == nil {
			archives.all = append(archives.all, archive)
		}
	}
	for name, bus := range next.buses {
		if name.Account != of.Account || name.Region != of.Region {
			continue
		}
		archives := byBus[name.Name]
		if archives == nil {
			archives = &busArchives{}
		}
		if changes, changed := bus.archives.changes(archives); changed {
			with := *bus
			with.archives, with.index = *archives, bus.index.With(changes...)
			next.buses[name] = &with
		}
	}
}

// changes returns what is to be changed in the index, and whether anything is other than it was.
func (a *busArchives) changes(next *busArchives) (changes []pattern.Change, changed bool) {
	changed = len(a.byID) != len(next.byID)
	for id, archive := range a.byID {
		if next.byID[id] == nil && archive.pattern != nil {
			changes = append(changes, pattern.Change{ID: pattern.ID(id)})
		}
	}
	for id, archive := range next.byID {
		was := a.byID[id]
		if was == archive {
			continue
		}
		changed = true
		if archive.pattern != nil || was != nil && was.pattern != nil {
			changes = append(changes, pattern.Change{ID: pattern.ID(id), Pattern: archive.pattern})
		}
	}
	return changes, changed
}

// attributeArchived is the system attribute, of type "String", in which an archived event carries what is not in its envelope,
// if there is anything.
const attributeArchived = "router.archived"

// passed is how an event came to its bus.
type passed struct {
	Hops   int    `json:"hops,omitempty"`
	Origin string `json:"origin,omitempty"`
}

// entry is what an archive keeps of an event.
func (a *compiledArchive) entry(id uuid.UUID, body []byte, match *Match) queue.Entry {
	entry := queue.Entry{Queue: a.log, Kind: queue.Log, Message: queue.Message{ID: id, Body: body}}
	if match.Hops != 0 || match.Origin != "" {
		value, _ := json.Marshal(passed{match.Hops, match.Origin}) // a number and a text always have a JSON form
		entry.Message.System = []queue.Attribute{{Name: attributeArchived, Type: "String", Value: value}}
	}
	return entry
}

// fromArchive reads what an archive keeps.
func fromArchive(m *queue.Message) (event.Event, passed, error) {
	var how passed
	if a, ok := m.SystemAttribute(attributeArchived); ok {
		if err := json.Unmarshal(a.Value, &how); err != nil {
			return event.Event{}, how, fmt.Errorf("reading archived event %s: %w", m.ID, err)
		}
	}
	ev, err := event.Parse(m.Body)
	if err != nil {
		return event.Event{}, how, fmt.Errorf("reading archived event %s: %w", m.ID, err)
	}
	return ev, how, nil
}
