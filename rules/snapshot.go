package rules

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/signalbox-mq/signalbox/event"
	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/rules/pattern"
)

// snapshot is every bus with its compiled rules, at one revision of the catalog. It is never changed.
type snapshot struct {
	revision uint64
	buses    map[catalog.Name]*busState
}

// busState is one bus. Its rules are shared between snapshots as long as they stay the same.
type busState struct {
	name catalog.Name
	id   uint64
	log  queue.ID
	def  Bus
	// index has every rule, and every archive with a pattern, by its catalog ID.
	index *pattern.Index
	rules *ruleSet
	// broken, by catalog ID, are rules that can not be compiled, which only a newer release could have written.
	broken map[uint64]*brokenRule

	archives busArchives
}

type brokenRule struct {
	name              string
	created, revision uint64
	reason            string
}

// compiledRule is a rule ready to match.
type compiledRule struct {
	name      string
	id        uint64
	created   uint64
	revision  uint64
	pattern   *pattern.Pattern
	condition *Condition // nil for none
	targets   []compiledTarget
	paused    bool
	disabled  bool
	timetable *timetable // nil for a rule without a schedule
}

// matching says whether published events are matched against the rule.
func (r *compiledRule) matching() bool { return r.pattern != nil && !r.disabled }

// everything is the pattern of a rule without one: any event has an id.
const everything = `{"id":[{"exists":true}]}`

// build makes the snapshot that follows prev, by the rules of catalog.Build.
func (e *Engine) build(prev *snapshot, changes []catalog.Record, at *catalog.Snapshot) (*snapshot, error) {
	next := &snapshot{revision: at.Revision(), buses: map[catalog.Name]*busState{}}
	if prev == nil {
		changes = slices.AppendSeq(slices.Collect(at.Scan(BusTable, catalog.Query{})), at.Scan(RuleTable, catalog.Query{}))
	} else {
		maps.Copy(next.buses, prev.buses)
	}
	// Buses first: a rule may come with its bus in one set of changes. Only names count: the snapshot says what is there.
	touched := map[catalog.Name][]catalog.Name{}
	fresh := map[catalog.Name]bool{}
	archiving := map[catalog.Name]bool{} // accounts and regions of which the archives may be others
	for _, c := range changes {
		region := catalog.Name{Account: c.Name.Account, Region: c.Name.Region}
		switch c.Table {
		case BusTable:
			isFresh, err := e.buildBus(next, c.Name, at)
			if err != nil {
				return nil, err
			}
			fresh[c.Name] = fresh[c.Name] || isFresh
			archiving[region] = archiving[region] || isFresh
		case ArchiveTable:
			archiving[region] = true
		case RuleTable:
			bus, _ := SplitRuleName(c.Name)
			touched[bus] = append(touched[bus], c.Name)
		}
	}
	for name, names := range touched {
		if bus, ok := next.buses[name]; ok && !fresh[name] {
			changed, err := e.buildRules(bus, names, at)
			if err != nil {
				return nil, err
			}
			next.buses[name] = changed
		}
	}
	for region, changed := range archiving {
		if changed {
			e.buildArchives(next, region, at)
		}
	}
	return next, nil
}

// buildBus brings one bus up to date. A fresh one comes with its rules.
func (e *Engine) buildBus(next *snapshot, name catalog.Name, at *catalog.Snapshot) (fresh bool, err error) {
	entry, err := e.buses.At(at, name)
	if errors.Is(err, catalog.ErrNotFound) {
		delete(next.buses, name)
		return false, nil
	}
	if err != nil {
		return false, err
	}
	old, ok := next.buses[name]
	if ok && old.id == entry.ID {
		changed := *old
		changed.def = entry.Value
		next.buses[name] = &changed
		return false, nil
	}
	empty := &busState{
		name: name, id: entry.ID, log: queue.IDFor(entry.ID, queue.Own), def: entry.Value,
		index: pattern.NewIndex(), rules: &ruleSet{}, broken: map[uint64]*brokenRule{},
	}
	// Rules may have been there before their bus was made anew.
	var names []catalog.Name
	prefix := catalog.Query{Account: name.Account, Region: name.Region, Prefix: name.Name + "/"}
	for r := range at.Scan(RuleTable, prefix) {
		if bus, _ := SplitRuleName(r.Name); bus == name {
			names = append(names, r.Name)
		}
	}
	bus, err := e.buildRules(empty, names, at)
	if err != nil {
		return false, err
	}
	next.buses[name] = bus
	return true, nil
}

// buildRules returns the bus with the named rules as they are in a snapshot of the catalog.
func (e *Engine) buildRules(bus *busState, names []catalog.Name, at *catalog.Snapshot) (*busState, error) {
	next := *bus
	rules := bus.rules.edit()
	next.broken = maps.Clone(bus.broken)
	brokenIDs := make(map[string]uint64, len(bus.broken))
	for id, r := range bus.broken {
		brokenIDs[r.name] = id
	}
	var changes []pattern.Change
	for _, full := range names {
		_, name := SplitRuleName(full)
		entry, err := e.rules.At(at, full)
		gone := errors.Is(err, catalog.ErrNotFound)
		// What was there of that name, which may have been another rule.
		if old := rules.named(name); old != nil {
			rules.remove(old)
			changes = append(changes, pattern.Change{ID: pattern.ID(old.id)})
		}
		if id, had := brokenIDs[name]; had {
			delete(next.broken, id)
			delete(brokenIDs, name)
		}
		if gone {
			continue
		}
		var rule *compiledRule
		if err == nil {
			rule, err = compileRule(name, &entry.Value)
		}
		if err != nil { // it must not keep the others from working
			next.broken[entry.ID] = &brokenRule{
				name: name, created: entry.Created, revision: entry.Revision, reason: err.Error(),
			}
			brokenIDs[name] = entry.ID
			continue
		}
		rule.id, rule.created, rule.revision = entry.ID, entry.Created, entry.Revision
		rule.timetable.count(&entry)
		rules.put(rule)
		if rule.matching() {
			changes = append(changes, pattern.Change{ID: pattern.ID(entry.ID), Pattern: rule.pattern})
		}
	}
	next.rules = rules.done()
	next.index = bus.index.With(changes...)
	return &next, nil
}

// match returns the rules that match an event, in the order of their names, and the archives that take it. It adds to the
// match the rules whose condition failed.
func (b *busState) match(ev *event.Event, eventJSON []byte, match *Match) ([]*compiledRule, []*compiledArchive, error) {
	ids, err := b.index.Match(eventJSON, nil)
	if err != nil {
		return nil, nil, &InvalidError{Field: "events", Reason: "can not be matched: " + err.Error()}
	}
	matched := make([]*compiledRule, 0, len(ids))
	var env *Env
	for _, id := range ids {
		rule := b.rules.get(uint64(id))
		if rule == nil || !match.replayedTo(rule.name) {
			continue // an archive, or none of those that a replay is for
		}
		if rule.condition != nil {
			if env == nil {
				env = NewEnv(ev) // once for all conditions
			}
			holds, err := rule.condition.Eval(env)
			if err != nil {
				match.Failed = append(match.Failed, FailedRule{Rule: rule.name, Reason: err.Error()})
				continue
			}
			if !holds {
				continue
			}
		}
		matched = append(matched, rule)
	}
	slices.SortFunc(matched, func(a, b *compiledRule) int { return strings.Compare(a.name, b.name) })
	return matched, b.archives.match(ev, ids), nil
}

// compileRule compiles a rule, or returns all of its faults.
func compileRule(name string, def *Rule) (*compiledRule, error) {
	r := &compiledRule{name: name, paused: def.Paused, disabled: def.Disabled}
	var errs []error
	bad := func(field, format string, args ...any) {
		errs = append(errs, &InvalidError{Field: field, Reason: fmt.Sprintf(format, args...)})
	}
	if !validName(name, 64, "") {
		bad("name", "%q must be 1 to 64 letters, digits, dots, hyphens and underscores", name)
	}
	var err error
	if r.timetable, err = compileSchedule(def); err != nil {
		errs = append(errs, joined(err)...)
	}
	when := []byte(def.When)
	if len(when) == 0 && def.Schedule == "" {
		when = []byte(everything)
	}
	if len(when) > 0 {
		if r.pattern, err = pattern.Compile(when); err != nil {
			errs = append(errs, patternError("when", err))
		}
	}
	if strings.TrimSpace(def.If) != "" {
		if r.condition, err = CompileCondition(def.If); err != nil {
			errs = append(errs, conditionFault(err))
		}
	}
	switch def.Start {
	case "", "latest", "earliest":
	default:
		if _, err := time.Parse(time.RFC3339, def.Start); err != nil {
			bad("start", `must be "latest", "earliest" or an RFC 3339 time, not %q`, def.Start)
		}
	}
	ids := map[string]bool{}
	for i := range def.Targets {
		field := fmt.Sprintf("targets[%d]", i)
		t, faults := compileTarget(field, &def.Targets[i])
		errs = append(errs, faults...)
		if ids[t.id] {
			bad(field+".id", "%q is the ID of an earlier target too; give one of them an id", t.id)
		}
		ids[t.id] = true
		r.targets = append(r.targets, t)
	}
	return r, errors.Join(errs...)
}
