package rules

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
	"github.com/signalbox-mq/signalbox/event"
	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/rules/pattern"
)

// snapshot is every bus with its compiled rules, at one revision of the catalog. It is never changed.
type snapshot struct {
	revision uint64
	buses    map[catalog.Name]*busState
	// at is the catalog at that revision.
	at *catalog.Snapshot
}

// busState is one bus. What it has of rules is shared between snapshots, but for those that changed.
type busState struct {
	name catalog.Name
	id   uint64
	log  queue.ID
	def  Bus
	// index has every rule by its catalog ID, with its *compiledRule as value.
	index *pattern.Index
	// broken are rules that can not be compiled, which only a newer release could have written.
	broken map[uint64]*brokenRule
}

// rule returns the rule of a catalog ID, nil if there is none or it is broken.
func (b *busState) rule(id uint64) *compiledRule {
	v, _ := b.index.Value(pattern.ID(id))
	rule, _ := v.(*compiledRule)
	return rule
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
}

type compiledTarget struct {
	id, kind, name string
	group          *Path // nil for none
	transform      *CompiledTransform
	retry          *endpoint.RetryPolicy
	deadLetter     string
}

// everything is the pattern of a rule without one: any event has an id.
const everything = `{"id":[{"exists":true}]}`

// build makes the snapshot that follows prev, by the rules of catalog.Build.
func (e *Engine) build(prev *snapshot, changes []catalog.Record, at *catalog.Snapshot) (*snapshot, error) {
	next := &snapshot{revision: at.Revision(), buses: map[catalog.Name]*busState{}, at: at}
	var before *catalog.Snapshot
	if prev == nil {
		changes = slices.AppendSeq(slices.Collect(at.Scan(BusTable, catalog.Query{})), at.Scan(RuleTable, catalog.Query{}))
	} else {
		maps.Copy(next.buses, prev.buses)
		before = prev.at
	}
	// Buses first: a rule may come with its bus in one set of changes. Only names count: the snapshot says what is there.
	touched := map[catalog.Name][]catalog.Name{}
	fresh := map[catalog.Name]bool{}
	for _, c := range changes {
		switch c.Table {
		case BusTable:
			isFresh, err := e.buildBus(next, c.Name, at)
			if err != nil {
				return nil, err
			}
			fresh[c.Name] = fresh[c.Name] || isFresh
		case RuleTable:
			bus, _ := SplitRuleName(c.Name)
			touched[bus] = append(touched[bus], c.Name)
		}
	}
	for name, names := range touched {
		if bus, ok := next.buses[name]; ok && !fresh[name] {
			changed, err := e.buildRules(bus, names, before, at)
			if err != nil {
				return nil, err
			}
			next.buses[name] = changed
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
		index: pattern.NewIndex(),
	}
	// Rules may have been there before their bus was made anew.
	var names []catalog.Name
	prefix := catalog.Query{Account: name.Account, Region: name.Region, Prefix: name.Name + "/"}
	for r := range at.Scan(RuleTable, prefix) {
		if bus, _ := SplitRuleName(r.Name); bus == name {
			names = append(names, r.Name)
		}
	}
	bus, err := e.buildRules(empty, names, nil, at)
	if err != nil {
		return false, err
	}
	next.buses[name] = bus
	return true, nil
}

// buildRules returns the bus with the named rules as they are in a snapshot of the catalog. The bus has the rules of an earlier
// snapshot, or none if that is nil.
func (e *Engine) buildRules(bus *busState, names []catalog.Name, before, at *catalog.Snapshot) (*busState, error) {
	next := *bus
	next.broken = maps.Clone(bus.broken)
	var changes []pattern.Change
	for _, full := range names {
		_, name := SplitRuleName(full)
		entry, err := e.rules.At(at, full)
		gone := errors.Is(err, catalog.ErrNotFound)
		if before != nil {
			if old, had := before.Get(RuleTable, full); had && (gone || old.ID != entry.ID) {
				delete(next.broken, old.ID)
				changes = append(changes, pattern.Change{ID: pattern.ID(old.ID)})
			}
		}
		if gone {
			continue
		}
		delete(next.broken, entry.ID)
		change := pattern.Change{ID: pattern.ID(entry.ID)}
		var rule *compiledRule
		if err == nil {
			rule, err = compileRule(name, &entry.Value)
		}
		if err == nil {
			rule.id, rule.created, rule.revision = entry.ID, entry.Created, entry.Revision
			change.Pattern, change.Value = rule.pattern, rule
		} else { // it must not keep the others from working
			if next.broken == nil {
				next.broken = map[uint64]*brokenRule{}
			}
			next.broken[entry.ID] = &brokenRule{
				name: name, created: entry.Created, revision: entry.Revision, reason: err.Error(),
			}
		}
		changes = append(changes, change)
	}
	next.index = bus.index.With(changes...)
	return &next, nil
}

// match returns the rules that match an event, in the order of their names, and adds to the match those whose condition
// failed.
func (b *busState) match(ev *event.Event, eventJSON []byte, match *Match) ([]*compiledRule, error) {
	ids, err := b.index.Match(eventJSON, nil)
	if err != nil {
		return nil, &InvalidError{Field: "events", Reason: "can not be matched: " + err.Error()}
	}
	matched := make([]*compiledRule, 0, len(ids))
	var env *Env
	for _, id := range ids {
		rule := b.rule(uint64(id))
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
	return matched, nil
}

// compileRule compiles a rule, or returns all of its faults.
func compileRule(name string, def *Rule) (*compiledRule, error) {
	r := &compiledRule{name: name, paused: def.Paused}
	var errs []error
	bad := func(field, format string, args ...any) {
		errs = append(errs, &InvalidError{Field: field, Reason: fmt.Sprintf(format, args...)})
	}
	if !validName(name, 64, "") {
		bad("name", "%q must be 1 to 64 letters, digits, dots, hyphens and underscores", name)
	}
	when := []byte(def.When)
	if len(when) == 0 {
		when = []byte(everything)
	}
	var err error
	if r.pattern, err = pattern.Compile(when); err != nil {
		errs = append(errs, patternError("when", err))
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
	if len(def.Targets) == 0 {
		bad("targets", "must have at least one target")
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

func compileTarget(field string, def *Target) (compiledTarget, []error) {
	var errs []error
	t := compiledTarget{id: def.TargetID(), retry: def.Retry, deadLetter: def.DeadLetter}
	if t.kind, t.name = def.Receiver(); t.kind == "" {
		errs = append(errs, &InvalidError{Field: field, Reason: "must have exactly one of function, queue, topic and bus"})
	}
	if t.kind == KindQueue && strings.HasSuffix(t.name, ".fifo") && def.Group == "" {
		errs = append(errs, &InvalidError{Field: field + ".group", Reason: "is required for a FIFO queue"})
	}
	if def.Group != "" {
		var err error
		if t.group, err = CompilePath(def.Group); err != nil {
			errs = append(errs, &InvalidError{Field: field + ".group", Reason: err.Error()})
		}
	}
	if def.Transform != nil {
		var err error
		if t.transform, err = CompileTransform(*def.Transform); err != nil {
			errs = append(errs, transformErrors(field+".transform", err)...)
		}
	}
	if def.Retry != nil {
		if err := def.Retry.Validate(); err != nil {
			errs = append(errs, fieldErrors(field+".retry.", err)...)
		}
	}
	return t, errs
}
