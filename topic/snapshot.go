package topic

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/rules/pattern"
)

// snapshot is every topic with its compiled subscriptions, at one revision of the catalog. It is never changed.
type snapshot struct {
	topics map[catalog.Name]*topicState
}

// topicState is one topic. It is never changed either; the next one shares its indexes' unchanged parts.
type topicState struct {
	name catalog.Name
	id   uint64
	arn  string
	// subs has every subscription at its slot, by which the indexes number it; nil where free, as the list says. slots
	// has them by ID.
	subs  []*subscription
	free  []int32
	slots map[string]int32
	// all are the subscriptions without a filter policy, by ID.
	all []*subscription
	// attributes and body have the others, by the scope of their policies.
	attributes, body *pattern.Index
}

// subscription is a subscription ready to match.
type subscription struct {
	id, kind, name    string
	raw               bool
	scope             pattern.Scope
	filter            *pattern.Pattern // nil passes everything
	retry             *endpoint.RetryPolicy
	deadLetter        string
	created, revision uint64
	// fault, when set, says why it can not be compiled, which only a newer release could have written. It matches nothing.
	fault error
}

func (s *subscription) unfiltered() bool { return s != nil && s.filter == nil && s.fault == nil }

// build makes the snapshot that follows prev, by the rules of catalog.Build.
func (t *Topics) build(prev *snapshot, changes []catalog.Record, at *catalog.Snapshot) (*snapshot, error) {
	next := &snapshot{topics: map[catalog.Name]*topicState{}}
	if prev == nil {
		changes = slices.Collect(at.Scan(Table, catalog.Query{}))
	} else {
		maps.Copy(next.topics, prev.topics)
	}
	// Topics first: a subscription may come with its topic in one set of changes. Only names count: the snapshot says what
	// is there.
	touched := map[catalog.Name][]catalog.Name{}
	fresh := map[catalog.Name]bool{}
	for _, c := range changes {
		switch c.Table {
		case Table:
			made, err := t.buildTopic(next, c.Name, at)
			if err != nil {
				return nil, err
			}
			if made {
				fresh[c.Name] = true
			}
		case SubscriptionTable:
			topic, _ := SplitSubscriptionName(c.Name)
			touched[topic] = append(touched[topic], c.Name)
		}
	}
	for name, names := range touched {
		// A fresh one has read all of its subscriptions.
		if state, ok := next.topics[name]; ok && !fresh[name] {
			changed, err := t.withSubscriptions(state, names, at)
			if err != nil {
				return nil, err
			}
			next.topics[name] = changed
		}
	}
	return next, nil
}

// buildTopic puts a topic into next as it is in a snapshot of the catalog. It says whether it is a new one.
func (t *Topics) buildTopic(next *snapshot, name catalog.Name, at *catalog.Snapshot) (made bool, err error) {
	entry, err := t.topics.At(at, name)
	if errors.Is(err, catalog.ErrNotFound) {
		delete(next.topics, name)
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if old, ok := next.topics[name]; ok && old.id == entry.ID {
		return false, nil // nothing that a publish looks at can change
	}
	state := &topicState{
		name: name, id: entry.ID, arn: endpoint.TopicARN(name.Account, name.Region, name.Name),
		slots: map[string]int32{}, attributes: pattern.NewIndex(), body: pattern.NewIndex(),
	}
	// Subscriptions may have been there before their topic was made anew.
	var names []catalog.Name
	for r := range at.Scan(SubscriptionTable, catalog.Query{Account: name.Account, Region: name.Region, Prefix: name.Name + "/"}) {
		names = append(names, r.Name)
	}
	next.topics[name], err = t.withSubscriptions(state, names, at)
	return true, err
}

// withSubscriptions returns the topic with the named subscriptions as they are in a snapshot of the catalog.
func (t *Topics) withSubscriptions(state *topicState, names []catalog.Name, at *catalog.Snapshot) (*topicState, error) {
	next := *state
	next.subs, next.free, next.slots = slices.Clone(state.subs), slices.Clone(state.free), maps.Clone(state.slots)
	var attributes, body []pattern.Change
	unfiltered := false
	for _, full := range names {
		_, id := SplitSubscriptionName(full)
		var sub *subscription
		entry, err := t.subscriptions.At(at, full)
		switch {
		case err == nil:
			// The record's name counts, whatever the definition says.
			sub, err = compile(&entry.Value)
			sub.id, sub.fault, sub.created, sub.revision = id, err, entry.Created, entry.Revision
		case !errors.Is(err, catalog.ErrNotFound):
			return nil, err
		}
		slot, had := next.slots[id]
		if !had && sub == nil {
			continue
		}
		if !had {
			slot = next.take(id)
		}
		unfiltered = unfiltered || next.subs[slot].unfiltered() || sub.unfiltered()
		next.subs[slot] = sub
		inAttributes, inBody := pattern.Change{ID: pattern.ID(slot)}, pattern.Change{ID: pattern.ID(slot)}
		switch {
		case sub == nil:
			delete(next.slots, id)
			next.free = append(next.free, slot)
		case sub.fault != nil:
		case sub.scope == pattern.ScopeBody:
			inBody.Pattern = sub.filter
		default:
			inAttributes.Pattern = sub.filter
		}
		if inAttributes.Pattern != nil || next.attributes.Has(inAttributes.ID) {
			attributes = append(attributes, inAttributes)
		}
		if inBody.Pattern != nil || next.body.Has(inBody.ID) {
			body = append(body, inBody)
		}
	}
	if len(attributes) > 0 {
		next.attributes = state.attributes.With(attributes...)
	}
	if len(body) > 0 {
		next.body = state.body.With(body...)
	}
	if unfiltered {
		next.all = nil
		for _, s := range next.subs {
			if s.unfiltered() {
				next.all = append(next.all, s)
			}
		}
		sortByID(next.all)
	}
	return &next, nil
}

// take gives a subscription a free slot.
func (s *topicState) take(id string) int32 {
	var slot int32
	if n := len(s.free); n > 0 {
		slot, s.free = s.free[n-1], s.free[:n-1]
	} else {
		slot = int32(len(s.subs))
		s.subs = append(s.subs, nil)
	}
	s.slots[id] = slot
	return slot
}

// match returns the subscriptions whose filter policy a message passes, in the order of their IDs. The slice is shared: do
// not change it.
func (s *topicState) match(m *Message) []*subscription {
	var ids []pattern.ID
	if s.attributes.Len() > 0 {
		ids = s.attributes.MatchAttributes(patternAttributes(m), ids)
	}
	if s.body.Len() > 0 && pattern.ValidateEvent(m.Body) == nil {
		// A body that is no JSON object passes no policy on the body.
		if in, err := s.body.Match(m.Body, ids); err == nil {
			ids = in
		}
	}
	if len(ids) == 0 {
		return s.all
	}
	matched := make([]*subscription, 0, len(s.all)+len(ids))
	matched = append(matched, s.all...)
	for _, id := range ids {
		matched = append(matched, s.subs[id])
	}
	sortByID(matched)
	return matched
}

// patternAttributes is a message's attributes as a filter policy sees them.
func patternAttributes(m *Message) []pattern.Attribute {
	attrs := make([]pattern.Attribute, len(m.Attributes))
	for i, a := range m.Attributes {
		attrs[i] = pattern.Attribute(a)
	}
	return attrs
}

func sortByID(subs []*subscription) {
	slices.SortFunc(subs, func(a, b *subscription) int { return strings.Compare(a.id, b.id) })
}
