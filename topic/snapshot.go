package topic

import (
	"bytes"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/rules/pattern"
)

// snapshot is every topic with its compiled subscriptions, at one revision of the catalog. It is never changed.
type snapshot struct {
	topics map[catalog.Name]*topicState
	// feeding has the topics that have a replay under way.
	feeding map[catalog.Name]bool
}

// topicState is one topic. It is never changed either; the next one shares its indexes' unchanged parts.
type topicState struct {
	name catalog.Name
	id   uint64
	// revision is that of the record's last change, def what it has been since.
	revision uint64
	def      Topic
	policy   topicPolicy
	arn      string
	// subs has every subscription at its slot, by which the indexes number it; nil where free, as the list says.
	subs []*subscription
	free []int32
	// ids has the slots by ID, uuids those of the subscriptions whose UUID is not their ID, and receivers one subscription for
	// each receiver, the one that was made first.
	ids, uuids, receivers slotMap
	// How many subscriptions there are, in all and of those that match nothing because they are not confirmed.
	count, pending, removed int
	// urls is how many have a URL, feeds how many a replay is under way to, handovers those that publishers wait for.
	urls, feeds, handovers int
	// all are the subscriptions without a filter policy, by ID.
	all []*subscription
	// attributes and body have the others, by the scope of their policies.
	attributes, body *pattern.Index
}

// subscription is a subscription ready to match.
type subscription struct {
	id, uuid         string
	kind, name       string
	qualifier        string
	account, region  string // the receiver's; empty for the topic's
	raw, asSNS, bare bool
	pending, removed bool
	contentType      string // of what a URL gets
	// feed is set while a replay is under way. from and until are those of the Replay, if there is one: what is published at
	// until or later, if that is set, is not for it.
	feed              *Feed
	from, until       time.Time
	scope             pattern.Scope
	filter            *pattern.Pattern // nil passes everything
	retry             *endpoint.RetryPolicy
	deadLetter        string
	created, revision uint64
	// fault, when set, says why it can not be compiled, which only a newer release could have written. It matches nothing.
	fault error
}

// matches says whether it can match anything.
func (s *subscription) matches() bool { return s != nil && s.fault == nil && !s.pending }

func (s *subscription) unfiltered() bool { return s.matches() && s.filter == nil }

// receiver is the key of who gets what it matches, in a topic's receivers.
func (s *subscription) receiver() string {
	return receiverKey(s.kind, s.account, s.region, s.name, s.qualifier)
}

func receiverKey(kind, account, region, name, qualifier string) string {
	return kind + "\x00" + account + "\x00" + region + "\x00" + name + "\x00" + qualifier
}

// build makes the snapshot that follows prev, by the rules of catalog.Build.
func (t *Topics) build(prev *snapshot, changes []catalog.Record, at *catalog.Snapshot) (*snapshot, error) {
	next := &snapshot{topics: map[catalog.Name]*topicState{}}
	if prev == nil {
		changes = slices.Collect(at.Scan(Table, catalog.Query{}))
	} else {
		maps.Copy(next.topics, prev.topics)
		next.feeding = prev.feeding
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
	defer next.settle(fresh, touched)
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

// settle brings feeding up to date for topics that may have changed.
func (s *snapshot) settle(fresh map[catalog.Name]bool, touched map[catalog.Name][]catalog.Name) {
	changed := maps.Clone(s.feeding)
	look := func(name catalog.Name) {
		if state, ok := s.topics[name]; ok && state.feeds > 0 {
			if changed == nil {
				changed = map[catalog.Name]bool{}
			}
			changed[name] = true
		} else {
			delete(changed, name)
		}
	}
	for name := range fresh {
		look(name)
	}
	for name := range touched {
		look(name)
	}
	for name := range s.feeding { // or their topic is gone
		look(name)
	}
	s.feeding = changed
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
	policy, err := parseTopicPolicy(entry.Value.DeliveryPolicy)
	if err != nil {
		policy = topicPolicy{} // which only a newer release could have written
	}
	if old, ok := next.topics[name]; ok && old.id == entry.ID {
		changed := *old
		changed.revision, changed.def, changed.policy = entry.Revision, entry.Value, policy
		next.topics[name] = &changed
		if changed.urls > 0 && !bytes.Equal(old.def.DeliveryPolicy, entry.Value.DeliveryPolicy) {
			next.topics[name], err = t.withSubscriptions(&changed, changed.names(KindHTTP), at)
		}
		return false, err
	}
	state := &topicState{
		name: name, id: entry.ID, revision: entry.Revision, def: entry.Value, policy: policy,
		arn:        endpoint.TopicARN(name.Account, name.Region, name.Name),
		attributes: pattern.NewIndex(), body: pattern.NewIndex(),
	}
	// Subscriptions may have been there before their topic was made anew.
	var names []catalog.Name
	for r := range at.Scan(SubscriptionTable, catalog.Query{Account: name.Account, Region: name.Region, Prefix: name.Name + "/"}) {
		names = append(names, r.Name)
	}
	next.topics[name], err = t.withSubscriptions(state, names, at)
	return true, err
}

// names are the catalog names of the subscriptions of a kind.
func (s *topicState) names(kind string) []catalog.Name {
	var names []catalog.Name
	for _, sub := range s.subs {
		if sub != nil && sub.kind == kind {
			names = append(names, SubscriptionName(s.name, sub.id))
		}
	}
	return names
}

// byUUID returns the subscription whose ARN ends so, nil if there is none.
func (s *topicState) byUUID(uuid string) *subscription {
	slot, ok := s.ids.get(uuid)
	if !ok || s.subs[slot].uuid != uuid {
		if slot, ok = s.uuids.get(uuid); !ok {
			return nil
		}
	}
	return s.subs[slot]
}

// bySubscription returns the subscription with an ID, nil if there is none.
func (s *topicState) bySubscription(id string) *subscription {
	if slot, ok := s.ids.get(id); ok {
		return s.subs[slot]
	}
	return nil
}

// byReceiver returns the subscription of a receiver that was made first, nil if there is none.
func (s *topicState) byReceiver(key string) *subscription {
	if slot, ok := s.receivers.get(key); ok {
		return s.subs[slot]
	}
	return nil
}

// withSubscriptions returns the topic with the named subscriptions as they are in a snapshot of the catalog.
func (t *Topics) withSubscriptions(state *topicState, names []catalog.Name, at *catalog.Snapshot) (*topicState, error) {
	next := *state
	e := stateEdit{
		next: &next, ids: slotEdit{m: state.ids}, uuids: slotEdit{m: state.uuids}, receivers: slotEdit{m: state.receivers},
	}
	next.subs, next.free = slices.Clone(state.subs), slices.Clone(state.free)
	for _, full := range names {
		_, id := SplitSubscriptionName(full)
		var sub *subscription
		entry, err := t.subscriptions.At(at, full)
		switch {
		case err == nil:
			// The record's name counts, whatever the definition says.
			entry.Value.ID = id
			sub, err = compile(&entry.Value, &next.def)
			sub.id, sub.fault, sub.created, sub.revision = id, err, entry.Created, entry.Revision
			sub.uuid = subscriptionUUID(next.name, id)
			if sub.kind == KindHTTP {
				sub.contentType = next.policy.of(&entry.Value).ContentType(endpoint.DefaultPolicyContentType)
			}
		case !errors.Is(err, catalog.ErrNotFound):
			return nil, err
		}
		e.put(id, sub)
	}
	next.ids, next.uuids, next.receivers = e.ids.m, e.uuids.m, e.receivers.m
	if len(e.attributes) > 0 {
		next.attributes = state.attributes.With(e.attributes...)
	}
	if len(e.body) > 0 {
		next.body = state.body.With(e.body...)
	}
	if e.unfiltered {
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

// stateEdit makes a topic's next state.
type stateEdit struct {
	next                  *topicState
	ids, uuids, receivers slotEdit
	// attributes and body are what is to change in the indexes; unfiltered says that the list of the others changes.
	attributes, body []pattern.Change
	unfiltered       bool
}

// put makes the subscription with an ID be sub, or none if that is nil.
func (e *stateEdit) put(id string, sub *subscription) {
	next := e.next
	slot, had := e.ids.m.get(id)
	switch {
	case !had && sub == nil:
		return
	case !had:
		slot = next.take()
		e.ids.set(id, slot)
	}
	old := next.subs[slot]
	next.subs[slot] = sub
	next.tally(old, -1)
	next.tally(sub, 1)
	e.unfiltered = e.unfiltered || old.unfiltered() || sub.unfiltered()
	if old != nil && (sub == nil || old.receiver() != sub.receiver()) {
		e.leave(old.receiver(), slot)
	}
	inAttributes, inBody := pattern.Change{ID: pattern.ID(slot)}, pattern.Change{ID: pattern.ID(slot)}
	if sub == nil {
		e.ids.remove(id)
		if old.uuid != id {
			e.uuids.remove(old.uuid)
		}
		next.free = append(next.free, slot)
	} else {
		if sub.uuid != id {
			e.uuids.set(sub.uuid, slot)
		}
		e.join(sub, slot)
		switch {
		case !sub.matches():
		case sub.scope == pattern.ScopeBody:
			inBody.Pattern = sub.filter
		default:
			inAttributes.Pattern = sub.filter
		}
	}
	if inAttributes.Pattern != nil || next.attributes.Has(inAttributes.ID) {
		e.attributes = append(e.attributes, inAttributes)
	}
	if inBody.Pattern != nil || next.body.Has(inBody.ID) {
		e.body = append(e.body, inBody)
	}
}

// join makes a subscription its receiver's, unless there is one that was made before.
func (e *stateEdit) join(sub *subscription, slot int32) {
	if sub.kind == "" {
		return
	}
	key := sub.receiver()
	if other, ok := e.receivers.m.get(key); !ok || e.next.subs[other] == nil || !e.next.subs[other].before(sub) {
		e.receivers.set(key, slot)
	}
}

// before says whether a subscription was made before another, or in the same set of changes and comes first by its ID.
func (s *subscription) before(other *subscription) bool {
	return s.created < other.created || s.created == other.created && s.id < other.id
}

// leave makes another subscription the receiver's, if it was this one.
func (e *stateEdit) leave(key string, slot int32) {
	if now, ok := e.receivers.m.get(key); !ok || now != slot {
		return
	}
	e.receivers.remove(key)
	for i, s := range e.next.subs {
		if s != nil && int32(i) != slot && s.receiver() == key {
			e.join(s, int32(i))
		}
	}
}

// tally counts a subscription, or takes it out of the counts.
func (s *topicState) tally(sub *subscription, n int) {
	if sub == nil {
		return
	}
	s.count += n
	if sub.kind == KindHTTP {
		s.urls += n
	}
	if sub.feed != nil {
		s.feeds += n
		if sub.feed.Handover {
			s.handovers += n
		}
	}
	switch {
	case sub.removed:
		s.removed += n
	case sub.pending:
		s.pending += n
	}
}

// take gives a subscription a free slot.
func (s *topicState) take() int32 {
	if n := len(s.free); n > 0 {
		slot := s.free[n-1]
		s.free = s.free[:n-1]
		return slot
	}
	s.subs = append(s.subs, nil)
	return int32(len(s.subs) - 1)
}

// match returns the subscriptions whose filter policy a message passes, in the order of their IDs. The slice is shared: do
// not change it.
func (s *topicState) match(m *Message) []*subscription {
	var ids []pattern.ID
	if s.attributes.Len() > 0 {
		ids = s.attributes.MatchAttributes(patternAttributes(m), ids)
	}
	if s.body.Len() > 0 {
		ids = s.matchBodies(m, ids)
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

// matchBodies appends the subscriptions with a policy on the body that what they get passes: the body, or their protocol's
// variant of it.
func (s *topicState) matchBodies(m *Message, ids []pattern.ID) []pattern.ID {
	before := len(ids)
	ids = s.matchBody(m.Body, ids)
	if len(m.Variants) == 0 {
		return ids
	}
	kept := slices.DeleteFunc(ids[before:], func(id pattern.ID) bool {
		_, own := m.Variants[s.subs[id].protocol()]
		return own
	})
	ids = ids[:before+len(kept)]
	for _, protocol := range protocols() {
		variant, ok := m.Variants[protocol]
		if !ok {
			continue
		}
		for _, id := range s.matchBody(variant, nil) {
			if s.subs[id].protocol() == protocol {
				ids = append(ids, id)
			}
		}
	}
	return ids
}

// matchBody appends those whose policy a body passes. One that is no JSON object passes none.
func (s *topicState) matchBody(body []byte, ids []pattern.ID) []pattern.ID {
	if pattern.ValidateEvent(body) != nil {
		return ids
	}
	if in, err := s.body.Match(body, ids); err == nil {
		return in
	}
	return ids
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
