package rules

import (
	"context"
	"errors"
	"time"

	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
)

const (
	// MaxLate is how late a rule may fire. What it missed longer ago is skipped.
	MaxLate = 24 * time.Hour
	// scheduleRetry is when a time is tried again that could not be fired.
	scheduleRetry = 5 * time.Second
)

// outcome is what is to become of a planned message.
type outcome struct {
	// gone says that the message is not to be given back.
	gone bool
	// until is when it is to be received again; a time in the past for at once.
	until time.Time
	// state is what it is given back with; nil for what it has.
	state []byte
	// told is what OnScheduled is told of once it is given back; nil for nothing.
	told *Scheduled
	// fault is what kept it from being followed.
	fault error
}

// follow does what is next for a planned message that has been received. It fails only if the store is closed.
func (s *scheduler) follow(ctx context.Context, bus catalog.Name, m *queue.Message) (outcome, error) {
	now := s.engine.broker.Now()
	o, err := s.followOne(ctx, bus, m, now)
	switch {
	case errors.Is(err, queue.ErrStoreClosed):
		return outcome{gone: true}, err
	case errors.Is(err, errNotScheduled): // changed just now: to be looked at again
		return outcome{until: now}, nil
	case err != nil:
		return outcome{until: now.Add(scheduleRetry), fault: err}, nil
	}
	return o, nil
}

func (s *scheduler) followOne(ctx context.Context, bus catalog.Name, m *queue.Message, now time.Time) (outcome, error) {
	later := now.Add(scheduleLook)
	plan, state, fresh, err := decodePlanned(m)
	if err != nil { // written by a newer release
		return outcome{until: later, fault: err}, nil
	}
	t, err := s.wanted(ctx, bus, m, &plan, fresh)
	switch {
	case errors.Is(err, errBrokenRule):
		return outcome{until: later}, nil
	case err != nil:
		return outcome{}, err
	case t == nil:
		return outcome{gone: true}, nil
	}
	p := &step{scheduler: s, bus: bus, plan: &plan, timetable: t, state: state, now: now}
	told, err := p.take(ctx)
	if err != nil {
		return outcome{}, err
	}
	o := outcome{until: p.state.due(), state: p.state.encode(), told: told}
	if p.state.Due == 0 || o.until.After(later) {
		o.until = later
	}
	return o, nil
}

// errBrokenRule says that a rule can not be compiled by this release.
var errBrokenRule = errors.New("rule can not be compiled")

// wanted returns the timetable that a message is for. If its rule has another one, or none, or the message is a second one, it
// makes an end of the message, and returns nil.
func (s *scheduler) wanted(ctx context.Context, bus catalog.Name, m *queue.Message, plan *planned, fresh bool) (*timetable, error) {
	_, t, err := s.timetable(bus, plan)
	if err == nil && t == nil {
		// Another node may know better.
		if err = s.engine.definitions.Refresh(ctx); err == nil {
			_, t, err = s.timetable(bus, plan)
		}
	}
	if err != nil {
		return nil, err
	}
	store := s.engine.broker.Store()
	if t != nil && fresh {
		found, err := store.Get(ctx, s.engine.broker.Now(), m.Receipt.Queue, plan.Key)
		if err != nil {
			return nil, err
		}
		if len(found) > 1 && oldest(found).Message.Sequence < m.Sequence {
			t = nil
		}
	}
	if t != nil {
		return t, nil
	}
	results, err := store.Settle(ctx, s.engine.broker.Now(), []queue.Settlement{{Receipt: m.Receipt, Action: queue.Ack}})
	if err == nil {
		err = results[0].Err
	}
	if err != nil {
		return nil, err
	}
	// If the rule has become as it was meanwhile, whoever plans may have seen the message and made no other.
	if err := s.engine.definitions.Refresh(ctx); err != nil {
		return nil, err
	}
	state, t, err := s.timetable(bus, plan)
	if err != nil || t == nil {
		return nil, err
	}
	return nil, s.planRule(ctx, state, state.rule(plan.RuleID))
}

// timetable returns the timetable of the message's rule as it is now, nil if that is not the message's. It fails with
// errBrokenRule if that can not be known.
func (s *scheduler) timetable(name catalog.Name, plan *planned) (*busState, *timetable, error) {
	snap, err := s.engine.compiled.Get()
	if err != nil {
		return nil, nil, err
	}
	bus, ok := snap.buses[name]
	if !ok {
		return nil, nil, nil
	}
	if _, broken := bus.broken[plan.RuleID]; broken {
		return nil, nil, errBrokenRule
	}
	rule := bus.rule(plan.RuleID)
	if !rule.scheduled() || rule.timetable.key != plan.Key {
		return bus, nil, nil
	}
	return bus, rule.timetable, nil
}

// step is what is done with a message between its receive and its being given back.
type step struct {
	*scheduler
	bus       catalog.Name
	plan      *planned
	timetable *timetable
	state     progressed
	now       time.Time
}

// take fires or skips what the state names, if it is due, changes the state, and returns what is to be told of that, nil for
// nothing.
func (p *step) take(ctx context.Context) (*Scheduled, error) {
	due := p.state.due()
	if due.IsZero() || p.now.Before(due) {
		return nil, nil
	}
	latest, n := p.timetable.expression.Latest(due.Add(-time.Second), p.now)
	if n == 0 { // a release that counts otherwise
		p.state.dueAt(p.timetable.next(p.now))
		return nil, nil
	}
	recent := p.now.Sub(due) < fireWindow
	if latest.Equal(due) && recent {
		return p.fire(ctx, due)
	}
	// Somebody is late. Has somebody fired it who then did not give the message back?
	fired, err := p.fired(ctx, due)
	switch {
	case err != nil:
		return nil, err
	case fired && recent: // on a cluster some of the targets may not have it: the token knows
		return p.fire(ctx, due)
	case fired:
		return p.done(due), nil
	case latest.After(due):
		last, _ := p.timetable.expression.Latest(due.Add(-time.Second), latest.Add(-time.Second))
		p.state.dueAt(latest)
		return p.skip(last, n-1), nil
	case p.now.Sub(due) >= MaxLate:
		p.state.dueAt(p.timetable.next(due))
		return p.skip(due, 1), nil
	}
	return p.fire(ctx, due)
}

// fired says whether the log of the bus has the event of a time.
func (p *step) fired(ctx context.Context, due time.Time) (bool, error) {
	log, err := p.engine.LogOf(p.bus)
	if err != nil {
		return false, err
	}
	kept, err := p.engine.broker.Store().Get(ctx, p.now, log, dueID(p.plan.Key, due))
	return len(kept) > 0, err
}

func (p *step) fire(ctx context.Context, due time.Time) (*Scheduled, error) {
	if err := p.engine.fire(ctx, p.bus, p.plan, due); err != nil {
		return nil, err
	}
	return p.done(due), nil
}

// done counts a time that was fired, and goes on to the next one.
func (p *step) done(due time.Time) *Scheduled {
	p.state.Totals.Fired++
	p.state.dueAt(p.timetable.next(due))
	return &Scheduled{Rule: RuleName(p.bus, p.plan.Rule), Due: due, Fired: true, Totals: p.state.Totals}
}

// skip counts times that are skipped, of which it is given the last.
func (p *step) skip(last time.Time, n int64) *Scheduled {
	p.state.Totals.Skipped += n
	return &Scheduled{Rule: RuleName(p.bus, p.plan.Rule), Due: last, Skipped: n, Totals: p.state.Totals}
}
