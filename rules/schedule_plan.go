package rules

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
)

const (
	// scheduleLook is how often a planned message is looked at, at least, for whether its rule still wants it. So what is left of
	// a rule that was changed or deleted does not lie there for years.
	scheduleLook = time.Hour
	// scheduleAgain is when something is tried again that the store did not do.
	scheduleAgain = time.Second
	// schedulePage is how many planned messages are read at once.
	schedulePage = 1000
)

// plan has a message for every rule with a schedule: at first for all of them, and then as rules change, until ctx ends, which
// is no error. One node does it at a time; that two do it for a moment does no harm. It fails when the store is closed.
func (s *scheduler) plan(ctx context.Context) error {
	since := uint64(0) // the revision up to which rules have their messages
	for ctx.Err() == nil {
		reached, err := s.planSince(ctx, since)
		switch {
		case errors.Is(err, queue.ErrStoreClosed):
			return err
		case err != nil:
			s.fault(ctx, fmt.Errorf("planning schedules: %w", err))
			s.sleep(ctx, scheduleAgain)
		default:
			since = reached
			_ = s.engine.definitions.Wait(ctx, reached) // or ctx ends
		}
	}
	return nil
}

// planSince has messages for the rules that have changed since a revision, zero for all rules. It returns the revision up to which it
// has done so.
func (s *scheduler) planSince(ctx context.Context, since uint64) (uint64, error) {
	e := s.engine
	changes, reached, err := e.definitions.Changes(since, BusTable, RuleTable)
	all := since == 0 || errors.Is(err, catalog.ErrCompacted)
	if all {
		reached, err = e.definitions.Revision(), nil
	}
	if err != nil {
		return 0, err
	}
	snap, err := e.compiled.Get()
	if err != nil {
		return 0, err
	}
	if all {
		for _, bus := range snap.buses {
			if err := s.planBus(ctx, bus); err != nil {
				return 0, err
			}
		}
		return reached, nil
	}
	for _, record := range changes {
		name := record.Name
		if record.Table == RuleTable {
			name, _ = SplitRuleName(name)
		}
		bus, ok := snap.buses[name]
		switch {
		case !ok || record.Deleted:
		case record.Table == RuleTable:
			err = s.planRule(ctx, bus, bus.rule(record.ID))
		case record.Created == record.Revision: // a new bus, of which there may have been rules before
			err = s.planBus(ctx, bus)
		}
		if err != nil {
			return 0, err
		}
	}
	return reached, nil
}

// planBus has messages for all rules of a bus.
func (s *scheduler) planBus(ctx context.Context, bus *busState) error {
	missing := map[queue.KeyHash]*compiledRule{}
	for rule := range bus.rules.all() {
		if rule.scheduled() {
			sum := sha256.Sum256([]byte(rule.timetable.key))
			missing[queue.KeyHash(sum[:16])] = rule
		}
	}
	if len(missing) == 0 {
		return nil
	}
	req := queue.ScanRequest{Now: s.engine.broker.Now(), Queue: bus.schedules(), Kind: queue.Standard, Limit: schedulePage}
	for {
		res, err := s.engine.broker.Store().Scan(ctx, req)
		if err != nil {
			return err
		}
		for i := range res.Messages {
			delete(missing, res.Messages[i].Key)
		}
		if !res.More {
			break
		}
		req.From = res.Next
	}
	for _, rule := range missing { // a scan may miss what moves, so each is looked for again
		if err := s.planRule(ctx, bus, rule); err != nil {
			return err
		}
	}
	return nil
}

// planRule has a message for a rule, if it has a schedule and is due at all. Two nodes that do it at the same time may make two
// messages: then the later one goes when it is received; see follow.
func (s *scheduler) planRule(ctx context.Context, bus *busState, rule *compiledRule) error {
	if !rule.scheduled() {
		return nil
	}
	e, t := s.engine, rule.timetable
	now := e.broker.Now()
	found, err := e.broker.Store().Get(ctx, now, bus.schedules(), t.key)
	if err != nil || len(found) > 0 {
		return err
	}
	from := t.from
	if record, ok := e.definitions.Get(BusTable, bus.name); ok && record.CreatedAt.After(from) {
		from = record.CreatedAt
	}
	if from.IsZero() || from.After(now) {
		from = now
	}
	due := t.next(from)
	if due.IsZero() {
		return nil
	}
	body, err := json.Marshal(planned{Rule: rule.name, RuleID: rule.id, Key: t.key, First: due.Unix()})
	if err != nil {
		return err
	}
	_, err = e.broker.Store().Append(ctx, queue.AppendRequest{Now: now, Entries: []queue.Entry{{
		Queue: bus.schedules(), Kind: queue.Standard, Key: t.key, Delay: min(due.Sub(now), scheduleLook),
		Message: queue.Message{ID: queue.NewMessageID(), Body: body},
	}}})
	if errors.Is(err, queue.ErrDropped) {
		return nil // the bus was deleted
	}
	return err
}
