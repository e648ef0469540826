package rules

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/signalbox-mq/signalbox/queue/catalog"
)

// Errors of rules.
var (
	// ErrRuleNotFound says that the bus has no rule of that name.
	ErrRuleNotFound = errors.New("rule does not exist")
	// ErrRuleHasTargets says that a rule can not be deleted before its targets are removed.
	ErrRuleHasTargets = errors.New("rule has targets")
)

// RuleEntry is a rule with what the catalog knows of it. What Rule's slices and maps lead to is shared: do not change it.
type RuleEntry struct {
	Bus  catalog.Name
	Name string
	Rule Rule
	// Created and Updated are as a BusEntry's.
	Created, Updated time.Time
	// Managed says that the operator's file declares it.
	Managed bool
}

func ruleEntryOf(r catalog.Entry[Rule]) RuleEntry {
	entry := RuleEntry{Rule: r.Value, Created: r.CreatedAt, Updated: r.ModifiedAt, Managed: r.Owner != ""}
	entry.Bus, entry.Name = SplitRuleName(r.Name)
	if entry.Rule.Schedule != "" && !entry.Rule.Disabled && entry.Rule.ScheduledSince.IsZero() {
		entry.Rule.ScheduledSince = r.CreatedAt // what a file declares does not say
	}
	return entry
}

// PutRule calls change with the rule's definition, or with an empty one and created set, and makes the rule be what that has
// become, made if it was not there; change is called again if the definition was changed meanwhile. A rule without targets is
// one that does nothing yet. It returns when every node matches by it. Errors: [ErrBusNotFound], a [*catalog.ManagedError],
// joined [*InvalidError]s ("when", "schedule", "targets[0].group"), and change's own as it is.
func (e *Engine) PutRule(ctx context.Context, bus catalog.Name, rule string, change func(r *Rule, created bool) error) (RuleEntry, error) {
	full := RuleName(bus, rule)
	for {
		owner, err := e.busRecord(ctx, bus)
		if err != nil {
			return RuleEntry{}, err
		}
		old, err := e.rules.Get(full)
		if err != nil && !errors.Is(err, catalog.ErrNotFound) {
			return RuleEntry{}, err
		}
		if old.Owner != "" {
			return RuleEntry{}, &catalog.ManagedError{Table: RuleTable, Name: full, Owner: old.Owner}
		}
		created := old.Revision == 0
		next := old.Value.Clone()
		if err := change(&next, created); err != nil {
			return RuleEntry{}, err
		}
		e.schedule(&old.Value, &next, created)
		if err := next.Validate(rule); err != nil {
			return RuleEntry{}, err
		}
		applied, err := e.definitions.Apply(ctx, catalog.Set{
			Changes:  []catalog.Change{e.rules.Putting(full, next).If(old.Revision)},
			Requires: []catalog.Requirement{{Table: BusTable, Name: bus, ID: owner}},
		})
		if err == nil {
			r, err := e.rules.Decode(applied.Records[0])
			return ruleEntryOf(r), err
		}
		if !raced(err) || ctx.Err() != nil {
			return RuleEntry{}, err
		}
	}
}

// schedule says since when a changed rule's schedule counts.
func (e *Engine) schedule(old, next *Rule, created bool) {
	switch {
	case next.Schedule == "" || next.Disabled:
		next.ScheduledSince = time.Time{}
	case created, next.Schedule != old.Schedule, old.Disabled:
		next.ScheduledSince = e.broker.Now()
	default:
		next.ScheduledSince = old.ScheduledSince
	}
}

// raced says that a set of changes was made for another state of the catalog than there was.
func raced(err error) bool {
	return errors.Is(err, catalog.ErrConflict) || errors.Is(err, catalog.ErrExists) || errors.Is(err, catalog.ErrNotFound)
}

// busRecord returns the catalog ID of a bus.
func (e *Engine) busRecord(ctx context.Context, bus catalog.Name) (uint64, error) {
	if err := e.ensureBus(ctx, bus); err != nil {
		return 0, err
	}
	record, ok, err := e.definitions.Find(ctx, BusTable, bus)
	if err == nil && !ok {
		err = busNotFound(bus, false)
	}
	return record.ID, err
}

// errNoRule ends a PutRule that must not make a rule.
var errNoRule = errors.New("no rule")

// UpdateRule is PutRule for a rule that is there; otherwise it fails with [ErrRuleNotFound].
func (e *Engine) UpdateRule(ctx context.Context, bus catalog.Name, rule string, change func(*Rule) error) (RuleEntry, error) {
	entry, err := e.PutRule(ctx, bus, rule, func(r *Rule, created bool) error {
		if created {
			return errNoRule
		}
		return change(r)
	})
	if errors.Is(err, errNoRule) {
		return RuleEntry{}, fmt.Errorf("%w: %s", ErrRuleNotFound, rule)
	}
	return entry, err
}

// Rule returns a rule. Errors: [ErrBusNotFound], [ErrRuleNotFound].
func (e *Engine) Rule(ctx context.Context, bus catalog.Name, rule string) (RuleEntry, error) {
	if _, err := e.busRecord(ctx, bus); err != nil {
		return RuleEntry{}, err
	}
	record, ok, err := e.definitions.Find(ctx, RuleTable, RuleName(bus, rule))
	if err == nil && !ok {
		err = fmt.Errorf("%w: %s", ErrRuleNotFound, rule)
	}
	if err != nil {
		return RuleEntry{}, err
	}
	r, err := e.rules.Decode(record)
	return ruleEntryOf(r), err
}

// ListRules returns the bus's rules of which the names begin with prefix and come after the given one, in the order of their
// names, at most limit (0 for all), and whether that left some out. It fails with [ErrBusNotFound].
func (e *Engine) ListRules(ctx context.Context, bus catalog.Name, prefix, after string, limit int) (entries []RuleEntry, more bool, err error) {
	if _, err := e.busRecord(ctx, bus); err != nil {
		return nil, false, err
	}
	q := catalog.Query{Account: bus.Account, Region: bus.Region, Prefix: bus.Name + "/" + prefix}
	if after != "" {
		q.After = RuleName(bus, after)
	}
	for r, err := range e.rules.Scan(e.definitions.Snapshot(), q) {
		if err != nil {
			return nil, false, err
		}
		entry := ruleEntryOf(r)
		if entry.Bus != bus || !strings.HasPrefix(entry.Name, prefix) {
			continue // of a bus whose name goes on after a slash
		}
		if limit > 0 && len(entries) == limit {
			return entries, true, nil
		}
		entries = append(entries, entry)
	}
	return entries, false, nil
}

// DeleteRule removes a rule; what waits for its targets is delivered. It does nothing if there is no such rule. Errors:
// [ErrBusNotFound], [ErrRuleHasTargets], a [*catalog.ManagedError].
func (e *Engine) DeleteRule(ctx context.Context, bus catalog.Name, rule string) error {
	full := RuleName(bus, rule)
	for {
		if _, err := e.busRecord(ctx, bus); err != nil {
			return err
		}
		r, err := e.rules.Get(full)
		switch {
		case errors.Is(err, catalog.ErrNotFound):
			return nil
		case err != nil:
			return err
		case r.Owner == "" && len(r.Value.Targets) > 0:
			return fmt.Errorf("%w: %s", ErrRuleHasTargets, rule)
		}
		_, err = e.definitions.Apply(ctx, catalog.Set{Changes: []catalog.Change{e.rules.Deleting(full).If(r.Revision)}})
		if err == nil || !raced(err) || ctx.Err() != nil {
			return err
		}
	}
}
