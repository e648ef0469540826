package queue

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// LeaseTTL is how long a lease of a [Leases] lasts unless it is renewed, which happens at a third of it. So another node goes
// on within four thirds of it when one has died.
const LeaseTTL = 9 * time.Second

// leaseMargin is the part of its time, one in so many, before the end of which a lease that could not be renewed counts as lost.
const leaseMargin = 6

// ErrLeaseLost is the cause of the end of the context of work whose lease another node may have by now.
var ErrLeaseLost = errors.New("lease was lost")

// Leases has each piece of work done by one of the nodes that share a store. On a store that is not [Shared] this process is
// alone, and everything is its own at once. All methods may be called concurrently.
//
//	        another has it, or the store can not be reached: again after a third of the time
//	            ┌──────┐
//	            ▼      │
//	Run ──►  waiting ──┴──► working, renewing ──► the work is done: the lease is given back
//	            ▲                 │
//	            └─────────────────┘ lost: another got it, or it could not be renewed in time. The work's context ends,
//	                                and Run goes on when the work has
//
// By the clock argument, a node counts from before it asked, the store from after: the node's lease ends first, unless its
// process was stopped. So the work must bear that two do it for a moment.
type Leases struct {
	// OnFault, when not nil, is told what a store answers but that it is not available or closed. Set it before use.
	OnFault func(error)

	shared Shared // nil for a process that is alone
	holder string
}

func newLeases(store Store, holder string) *Leases {
	shared, _ := store.(Shared)
	return &Leases{shared: shared, holder: holder}
}

// Alone says that no other node shares the store.
func (l *Leases) Alone() bool { return l.shared == nil }

// Holder is this process's name among the nodes, another one after each start.
func (l *Leases) Holder() string { return l.holder }

// Run does the work as soon as this node has the lease of that name, and again each time that it had lost the lease and got
// it back. It returns what the work returns while it has the lease, and nil when ctx ends before. A name is used by one caller
// in a process at a time. It fails when the store is closed.
func (l *Leases) Run(ctx context.Context, name string, work func(ctx context.Context) error) error {
	for {
		held, err := l.Try(ctx, name, work)
		switch {
		case held && !errors.Is(err, ErrLeaseLost), errors.Is(err, ErrStoreClosed):
			return err
		case ctx.Err() != nil:
			return nil
		}
		sleep(ctx, LeaseTTL/3)
	}
}

// Try does the work if this node gets the lease of that name at once. held says whether it did; then err is what the work
// returned, or [ErrLeaseLost]. Without it, err is the store's, nil if another node has the lease.
func (l *Leases) Try(ctx context.Context, name string, work func(ctx context.Context) error) (held bool, err error) {
	if l.shared == nil {
		return true, work(ctx)
	}
	asked := time.Now()
	held, err = l.shared.Lease(ctx, name, l.holder, LeaseTTL)
	if err != nil || !held {
		l.fault(name, err)
		return false, err
	}
	return true, l.hold(ctx, name, asked, work)
}

func (l *Leases) fault(name string, err error) {
	expected := err == nil || errors.Is(err, ErrUnavailable) || errors.Is(err, ErrStoreClosed) || errors.Is(err, context.Canceled)
	if l.OnFault != nil && !expected {
		l.OnFault(fmt.Errorf("leasing %s: %w", name, err))
	}
}

// hold does the work under a lease that was asked for at that time.
func (l *Leases) hold(ctx context.Context, name string, asked time.Time, work func(context.Context) error) error {
	working, lose := context.WithCancelCause(ctx)
	defer lose(nil)
	// It is renewed until the work has ended, which after the end of ctx may take a while.
	renewing, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	renewed := make(chan bool)
	go func() {
		kept := l.renew(renewing, name, asked)
		if !kept {
			lose(ErrLeaseLost)
		}
		renewed <- kept
	}()
	err := work(working)
	stop()
	if kept := <-renewed; !kept {
		if errors.Is(err, ErrStoreClosed) {
			return err
		}
		return ErrLeaseLost
	}
	last, end := context.WithTimeout(context.WithoutCancel(ctx), LeaseTTL/3)
	defer end()
	l.fault(name, l.shared.Unlease(last, name, l.holder)) // or it ends by itself
	return err
}

// renew renews a lease until ctx ends. It returns false if it is lost.
func (l *Leases) renew(ctx context.Context, name string, asked time.Time) (kept bool) {
	for {
		valid := asked.Add(LeaseTTL - LeaseTTL/leaseMargin)
		sleep(ctx, time.Until(asked.Add(LeaseTTL/3)))
		for done := false; !done; {
			now := time.Now()
			if ctx.Err() != nil {
				return true
			}
			if !now.Before(valid) {
				return false
			}
			calling, end := context.WithDeadline(ctx, valid)
			held, err := l.shared.Lease(calling, name, l.holder, LeaseTTL)
			end()
			switch {
			case ctx.Err() != nil:
				return true
			case err == nil && !held, errors.Is(err, ErrStoreClosed):
				return false
			case err == nil:
				asked, done = now, true
			default:
				l.fault(name, err)
				sleep(ctx, min(LeaseTTL/20, time.Until(valid)))
			}
		}
	}
}
