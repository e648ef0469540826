package rules

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/signalbox-mq/signalbox/event"
	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
)

// TransferKind is the kind of the transfers that bring retained events to one rule.
const TransferKind = "rule"

// Backfill is the parameters of such a transfer: which of the retained events the rule is to get. The transfer's source is
// the log of the bus.
type Backfill struct {
	Bus  string `json:"bus"`
	Rule string `json:"rule"`
	// RuleID is the rule's catalog ID: a rule deleted and made anew is another.
	RuleID uint64 `json:"rule_id"`
	// Before, when not zero, is the revision at which the rule was made: it gets the events that were matched against older
	// definitions and lie at StartAt in the log or later.
	Before  uint64 `json:"before,omitempty"`
	StartAt uint64 `json:"start_at,omitempty"`
	// Windows are the ranges of revisions in which the rule was paused: it gets the events matched against these.
	Windows []Window `json:"windows,omitempty"`
}

// Window is a range of revisions, Until not included.
type Window struct {
	From  uint64 `json:"from"`
	Until uint64 `json:"until"`
	// Listed restricts it to events whose record says that the paused rule matched.
	Listed bool `json:"listed,omitempty"`
}

// wants says whether an event is the transfer's to bring, if the rule matches it. The event of a schedule is only its own
// rule's, which did not match it but is recorded with it.
func (b *Backfill) wants(match *Match, at queue.Position) bool {
	if match.Revision < b.Before { // what was replayed then is there as it was published, too
		return at.Sequence >= b.StartAt && match.Replay == "" && match.Schedule == ""
	}
	if !match.replayedTo(b.Rule) {
		return false
	}
	kept := false
	for i := range match.Rules {
		if match.Rules[i].Rule != b.Rule {
			continue
		}
		if !match.Rules[i].Paused {
			return false // it was delivered when it was published
		}
		kept = true
	}
	for _, w := range b.Windows {
		if w.From <= match.Revision && match.Revision < w.Until {
			return kept || !w.Listed && match.Schedule == ""
		}
	}
	return false
}

// Mappers returns what queue.NewTransfers needs to bring retained events to rules, and archived ones to buses.
func (e *Engine) Mappers() map[string]queue.Mapper {
	return map[string]queue.Mapper{
		TransferKind: {Copy: e.backfill},
		ReplayKind:   {Copy: e.copyArchived, Hold: e.holdReplay, Background: true},
	}
}

// backfill maps retained events to the deliveries of one rule, as it is now: what a publish would have made of them, with the
// same delivery IDs.
func (e *Engine) backfill(ctx context.Context, t *queue.Transfer, batch []queue.Peeked) ([]queue.Entry, error) {
	var params Backfill
	if err := json.Unmarshal(t.Params, &params); err != nil {
		return nil, fmt.Errorf("%w: its parameters can not be read: %w", queue.ErrTransferCancelled, err)
	}
	bus, rule, err := e.ruleOf(&params, t)
	if err != nil {
		return nil, err
	}
	var entries []queue.Entry
	for i := range batch {
		out := outgoing{engine: e, bus: bus.name, entries: entries}
		if _, err := out.backfill(ctx, &params, rule, &batch[i]); err != nil {
			return nil, err
		}
		entries = out.entries
	}
	return entries, nil
}

// ruleOf returns the rule that a transfer is for, with its bus.
func (e *Engine) ruleOf(params *Backfill, t *queue.Transfer) (*busState, *compiledRule, error) {
	snap, err := e.compiled.Get()
	if err != nil {
		return nil, nil, err
	}
	bus, ok := snap.buses[catalog.Name{Account: t.Name.Account, Region: t.Name.Region, Name: params.Bus}]
	if !ok || bus.log != t.Source {
		return nil, nil, fmt.Errorf("%w: the bus %s was deleted", queue.ErrTransferCancelled, params.Bus)
	}
	if rule := bus.rules.get(params.RuleID); rule != nil {
		return bus, rule, nil
	}
	if broken, ok := bus.broken[params.RuleID]; ok {
		return nil, nil, fmt.Errorf("the rule %s can not be compiled: %s", params.Rule, broken.reason)
	}
	return nil, nil, fmt.Errorf("%w: the rule %s was deleted", queue.ErrTransferCancelled, params.Rule)
}

// backfill adds the deliveries of a retained event for one rule and returns their records, none if it is not to have it.
func (o *outgoing) backfill(ctx context.Context, params *Backfill, rule *compiledRule, kept *queue.Peeked) ([]Delivery, error) {
	m := &kept.Message
	match, err := DecodeMatch(m)
	if err != nil {
		return nil, err
	}
	if !params.wants(match, kept.Position) {
		return nil, nil
	}
	ev, err := event.Parse(m.Body)
	if err != nil {
		return nil, fmt.Errorf("reading retained event %s: %w", m.ID, err)
	}
	holds := !rule.disabled
	if match.Schedule == "" {
		holds, err = rule.matches(&ev, m.Body)
	}
	if err != nil || !holds {
		return nil, err
	}
	o.event, o.json, o.now, o.hops, o.replay = &ev, m.Body, m.Sent, match.Hops, match.space()
	deliveries := make([]Delivery, len(rule.targets))
	for i := range rule.targets {
		if deliveries[i], err = o.deliver(ctx, rule, &rule.targets[i]); err != nil {
			return nil, err
		}
	}
	return deliveries, nil
}

// matches says whether one rule matches an event. A condition that can not be evaluated does not hold.
func (r *compiledRule) matches(ev *event.Event, eventJSON []byte) (bool, error) {
	if !r.matching() {
		return false, nil
	}
	matched, err := r.pattern.Matches(eventJSON)
	if err != nil || !matched {
		return false, err
	}
	if r.condition == nil {
		return true, nil
	}
	holds, err := r.condition.Eval(NewEnv(ev))
	return holds && err == nil, nil
}

// Later is what a transfer makes, or has made, of a retained event for a rule that did not get it when it was published.
type Later struct {
	Rule string
	// Replay is the replay that published the event, empty if it was not one.
	Replay string
	// Transfer is the transfer's ID.
	Transfer string
	// Pending says that the transfer has not come to the event yet.
	Pending bool
	// Failed says why the transfer can not go on to it unless it is resumed; empty if it can.
	Failed string
	// Deliveries are those that the rule makes of the event as it is now. Each is found, by queue.Store.Get, under its ID in
	// its Queue, as long as it is there.
	Deliveries []Delivery
}

// Later returns what transfers make of a retained event, for those transfers that are still known. It needs no record of its
// own: delivery IDs follow from event, rule and target, and a transfer says what it is to bring and how far it has come.
// What a forgotten transfer has delivered to an endpoint is still told by the record of the attempts, under the event's ID.
func (e *Engine) Later(ctx context.Context, bus catalog.Name, kept *queue.Peeked) ([]Later, error) {
	match, err := DecodeMatch(&kept.Message)
	if err != nil {
		return nil, err
	}
	snap := e.definitions.Snapshot()
	query := catalog.Query{Account: bus.Account, Region: bus.Region, Prefix: transferPrefix}
	var all []Later
	for t, err := range catalog.NewTable[queue.Transfer](e.definitions, queue.TransferTable).Scan(snap, query) {
		if err != nil {
			return nil, err
		}
		t.Value.Name = t.Name
		var params Backfill
		if t.Value.Kind != TransferKind || json.Unmarshal(t.Value.Params, &params) != nil || params.Bus != bus.Name ||
			kept.Position.Sequence >= t.Value.Until.Sequence {
			continue
		}
		pending := kept.Position.Sequence >= t.Value.Cursor.Sequence
		failed := ""
		if pending && t.Value.State.Ended() {
			if t.Value.State != queue.TransferFailed {
				continue
			}
			failed = cmp.Or(t.Value.Error, "no reason is known") // it may be resumed, so what it owes is still owed
		}
		_, rule, err := e.ruleOf(&params, &t.Value)
		if errors.Is(err, queue.ErrTransferCancelled) {
			continue // the rule is gone, and with it what it would have made
		}
		if err != nil {
			return nil, err
		}
		out := outgoing{engine: e, bus: bus}
		deliveries, err := out.backfill(ctx, &params, rule, kept)
		if err != nil {
			return nil, err
		}
		if len(deliveries) > 0 {
			all = append(all, Later{
				Rule: params.Rule, Replay: match.Replay, Transfer: t.Name.Name, Pending: pending, Failed: failed, Deliveries: deliveries,
			})
		}
	}
	return all, nil
}

// transferPrefix begins the names of rules' transfers.
const transferPrefix = "rule-"

// transferName names the transfer that a rule gets at one of its revisions.
func transferName(rule catalog.Name, id, revision uint64) catalog.Name {
	return catalog.Name{
		Account: rule.Account, Region: rule.Region,
		Name: fmt.Sprintf("%s%d-%d", transferPrefix, id, revision),
	}
}

// startAt returns the position from which a new rule gets retained events, and whether it gets any.
func (r *Rule) startAt() (queue.Position, bool) {
	switch start := strings.TrimSpace(r.Start); start {
	case "", "latest":
		return queue.Position{}, false
	case "earliest":
		return queue.Position{}, true
	default:
		at, err := parseStart(start)
		return queue.PositionAt(at), err == nil
	}
}
