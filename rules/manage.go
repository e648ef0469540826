package rules

import (
	"context"
	"errors"
	"time"

	"github.com/signalbox-mq/signalbox/queue/catalog"
)

// Errors of buses and rules, besides [ErrBusNotFound].
var (
	ErrBusExists      = errors.New("event bus exists")
	ErrBusInUse       = errors.New("event bus has rules")
	ErrDefaultBus     = errors.New("the default event bus can not be deleted")
	ErrRuleNotFound   = errors.New("rule does not exist")
	ErrRuleHasTargets = errors.New("rule has targets")
)

// BusEntry is a bus with what the catalog knows of it. What Bus's maps and slices lead to is shared: do not change it.
type BusEntry struct {
	Name catalog.Name
	Bus  Bus
	// Created and Updated are when it was made and last changed; zero if that was under a release that did not write it down.
	Created, Updated time.Time
	// Managed says that the operator's file declares it.
	Managed bool
}

// RuleEntry is a rule with what the catalog knows of it. What Rule's slices and maps lead to is shared: do not change it.
type RuleEntry struct {
	Bus              catalog.Name
	Name             string
	Rule             Rule
	Created, Updated time.Time
	Managed          bool
}

// CreateBus makes a bus. Errors: ErrBusExists, joined [*InvalidError]s.
func (e *Engine) CreateBus(ctx context.Context, name catalog.Name, def Bus) (BusEntry, error) {
	return BusEntry{}, errNotBuilt
}

// Bus returns a bus. The default one is made when it is first asked for. It fails with [ErrBusNotFound].
func (e *Engine) Bus(ctx context.Context, name catalog.Name) (BusEntry, error) {
	return BusEntry{}, errNotBuilt
}

// ListBuses returns those that q selects in the order of their names, and whether its Limit left some out. The default bus of
// q's account and region is among them.
func (e *Engine) ListBuses(ctx context.Context, q catalog.Query) (entries []BusEntry, more bool, err error) {
	return nil, false, errNotBuilt
}

// UpdateBus calls change with a definition of its own and makes the bus be what that has become; change is called again if the
// definition was changed meanwhile. Errors: [ErrBusNotFound], a [*catalog.ManagedError] for a bus that a file declares, joined
// [*InvalidError]s, and change's own as it is. The built-in default bus can be changed.
func (e *Engine) UpdateBus(ctx context.Context, name catalog.Name, change func(*Bus) error) (BusEntry, error) {
	return BusEntry{}, errNotBuilt
}

// DeleteBus removes a bus with its retained events. It does nothing if there is no such bus. Errors: ErrDefaultBus, ErrBusInUse,
// a [*catalog.ManagedError].
func (e *Engine) DeleteBus(ctx context.Context, name catalog.Name) error { return errNotBuilt }

// PutRule calls change with the rule's definition, or with an empty one and created set, and makes the rule be what that has
// become, made if it was not there. It sets ScheduledSince. It returns when every node matches by it. Errors: [ErrBusNotFound],
// a [*catalog.ManagedError], joined [*InvalidError]s ("when", "schedule", "targets[0].group"), and change's own as it is.
func (e *Engine) PutRule(ctx context.Context, bus catalog.Name, rule string, change func(r *Rule, created bool) error) (RuleEntry, error) {
	return RuleEntry{}, errNotBuilt
}

// UpdateRule is PutRule for a rule that is there; otherwise it fails with ErrRuleNotFound.
func (e *Engine) UpdateRule(ctx context.Context, bus catalog.Name, rule string, change func(*Rule) error) (RuleEntry, error) {
	return RuleEntry{}, errNotBuilt
}

// Rule returns a rule. Errors: [ErrBusNotFound], ErrRuleNotFound.
func (e *Engine) Rule(ctx context.Context, bus catalog.Name, rule string) (RuleEntry, error) {
	return RuleEntry{}, errNotBuilt
}

// ListRules returns the bus's rules of which the names begin with prefix and come after the given one, in the order of their
// names, at most limit (0 for all), and whether that left some out. It fails with [ErrBusNotFound].
func (e *Engine) ListRules(ctx context.Context, bus catalog.Name, prefix, after string, limit int) (entries []RuleEntry, more bool, err error) {
	return nil, false, errNotBuilt
}

// DeleteRule removes a rule. It does nothing if there is no such rule. Errors: [ErrBusNotFound], ErrRuleHasTargets, a
// [*catalog.ManagedError].
func (e *Engine) DeleteRule(ctx context.Context, bus catalog.Name, rule string) error {
	return errNotBuilt
}
