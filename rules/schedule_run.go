package rules

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
)

const (
	// scheduleBatch is how many planned messages are received at once, and scheduleAtOnce how many of these are worked on.
	scheduleBatch  = 100
	scheduleAtOnce = 32
	// scheduleLease hides a message while it is worked on. If its node dies another one goes on after that.
	scheduleLease = 30 * time.Second
	// scheduleGrace is how long what has begun may take after ctx has ended.
	scheduleGrace = 4 * time.Second
)

// RunSchedules fires the rules of all buses when they are due by their schedules, until ctx ends, which is no error. To be run on
// every node. It fails when the store is closed.
//
// # What is kept
//
// Each rule with a schedule has a message in the queue of its bus (queue.Schedules), hidden until the rule is due, whose state says
// when that is. Whichever node receives it then looks at the rule as it is, publishes the event, and gives the message back with
// the next time in its state. The message of a rule that was changed, disabled or deleted goes when it is received, which it is once
// an hour at least; a rule that was made, changed or enabled gets a new one. So nothing is kept in memory, a node that dies is
// followed by another, and without rules that are due nothing is done.
//
// # Why each time is fired once
//
// Only the time that the state names is fired; to skip some, the state is changed first. The event of a time has an ID, and the
// publish a token, that follow from the rule, its schedule and the time. If a node dies after the publish, before the message is
// given back, the next one finds by the token that it was published, or, where the token is forgotten or time has moved on to another
// time that is due, by the ID in the log of the bus. (A log that is kept for less than a day may have forgotten. Then, if nobody was
// there for longer than an hour just after the publish, a time that is less than a day old is fired again.) A clock that is set
// back changes nothing: what the state names was not fired, and what it named before is not looked at.
//
// # What is skipped
//
// After a time in which nobody fired, only the latest time that was missed is fired, and none that is a day old or older. The others
// are counted, in the state and by OnScheduled.
func (e *Engine) RunSchedules(ctx context.Context) error {
	s := &scheduler{engine: e, kicked: make(chan struct{}, 1)}
	parts, ctx := errgroup.WithContext(ctx)
	parts.Go(func() error { return e.broker.Leases().Run(ctx, "schedules", s.plan) })
	parts.Go(func() error { return s.drive(ctx) })
	parts.Go(func() error { return s.watchBuses(ctx) })
	if err := parts.Wait(); err != nil {
		return fmt.Errorf("following schedules: %w", err)
	}
	return nil
}

// scheduler is what one RunSchedules does.
type scheduler struct {
	engine *Engine
	kicked chan struct{} // has room for one: buses have changed
}

func (s *scheduler) fault(ctx context.Context, err error) {
	if s.engine.config.OnFault != nil && ctx.Err() == nil {
		s.engine.config.OnFault(err)
	}
}

func (s *scheduler) sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// watchBuses has drive look at the buses when there are others.
func (s *scheduler) watchBuses(ctx context.Context) error {
	for ctx.Err() == nil {
		since := s.engine.definitions.Revision()
		s.kick()
		for _, err := range s.engine.definitions.Watch(ctx, since, BusTable) {
			if err != nil {
				break // too far behind: from anew
			}
			s.kick()
		}
	}
	return nil
}

func (s *scheduler) kick() {
	select {
	case s.kicked <- struct{}{}:
	default:
	}
}

// drive receives what is due and follows it, until ctx ends.
func (s *scheduler) drive(ctx context.Context) error {
	watcher := s.engine.broker.Store().Watch()
	defer watcher.Close()
	// What has begun is ended when ctx ends.
	working, abandon := context.WithCancel(context.WithoutCancel(ctx))
	defer abandon()
	defer context.AfterFunc(ctx, func() {
		s.sleep(working, scheduleGrace)
		abandon()
	})()
	timer := time.NewTimer(0)
	defer timer.Stop()
	var buses map[queue.ID]catalog.Name
	for ctx.Err() == nil {
		buses = s.look(watcher, buses)
		now := s.engine.broker.Now()
		ready, next, err := watcher.Ready(ctx, now)
		for _, id := range ready {
			if err == nil && ctx.Err() == nil {
				err = s.followSome(working, id, buses[id])
			}
		}
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, queue.ErrStoreClosed):
			return err
		case err != nil:
			s.fault(ctx, fmt.Errorf("receiving what is due: %w", err))
			s.sleep(ctx, scheduleAgain)
			continue
		case len(ready) > 0:
			continue // until a receive has found them empty
		}
		sleep := time.Hour
		if !next.IsZero() {
			sleep = max(next.Sub(now), 0) + time.Millisecond // rounded up, so as not to be too early
		}
		timer.Reset(sleep)
		select {
		case <-watcher.Wake():
		case <-s.kicked:
		case <-timer.C:
		case <-ctx.Done():
		}
	}
	return nil
}

// look has the watcher look at the queues of the buses that there are, and returns these.
func (s *scheduler) look(watcher queue.Watcher, before map[queue.ID]catalog.Name) map[queue.ID]catalog.Name {
	buses := map[queue.ID]catalog.Name{}
	for record := range s.engine.definitions.Snapshot().Scan(BusTable, catalog.Query{}) {
		buses[queue.IDFor(record.ID, queue.Schedules)] = record.Name
	}
	if maps.Equal(buses, before) {
		return before
	}
	var add, remove []queue.ID
	for id := range buses {
		if _, ok := before[id]; !ok {
			add = append(add, id)
		}
	}
	for id := range before {
		if _, ok := buses[id]; !ok {
			remove = append(remove, id)
		}
	}
	watcher.Set(add, remove)
	return buses
}

// followSome receives some of what is due of a bus, and follows it. A message that could not be followed or given back comes
// again when its lease has ended.
func (s *scheduler) followSome(ctx context.Context, id queue.ID, bus catalog.Name) error {
	e := s.engine
	res, err := e.broker.Store().Receive(ctx, queue.ReceiveRequest{
		Now: e.broker.Now(), Queue: id, Kind: queue.Standard, Max: scheduleBatch, Visibility: scheduleLease,
	})
	if err != nil || len(res.Messages) == 0 {
		return err
	}
	outcomes := make([]outcome, len(res.Messages))
	var work errgroup.Group
	work.SetLimit(scheduleAtOnce)
	for i := range res.Messages {
		work.Go(func() error {
			var err error
			outcomes[i], err = s.follow(ctx, bus, &res.Messages[i])
			return err
		})
	}
	closed := work.Wait()
	now := e.broker.Now()
	var settlements []queue.Settlement
	var settled []*outcome
	var fault error
	faults := 0
	for i := range outcomes {
		o := &outcomes[i]
		if o.fault != nil {
			fault = o.fault
			faults++
		}
		if !o.gone {
			settlements = append(settlements, queue.Settlement{
				Receipt: res.Messages[i].Receipt, Action: queue.Release, NotBefore: o.until, State: o.state,
			})
			settled = append(settled, o)
		}
	}
	if fault != nil {
		s.fault(ctx, fmt.Errorf("%d rules that are due: %w", faults, fault))
	}
	if len(settlements) == 0 {
		return closed
	}
	results, err := e.broker.Store().Settle(ctx, now, settlements)
	if err != nil {
		return errors.Join(closed, err)
	}
	for i, r := range results {
		if o := settled[i]; r.Err == nil && !r.Gone && o.told != nil && e.config.OnScheduled != nil {
			e.config.OnScheduled(*o.told)
		}
	}
	return closed
}
