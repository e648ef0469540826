package destination

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"github.com/signalbox-mq/signalbox/queue/catalog"
)

// atOnce is how many connections are authorized at the same time.
const atOnce = 16

// Run authorizes connections that are to be, until ctx ends, which is no error. It goes on trying, for each at longer and longer
// intervals up to a minute, and the connection's Reason says why it was in vain. Several nodes may run it, but one is enough.
func (m *Manager) Run(ctx context.Context) error {
	a := &authorizer{m: m, slots: make(chan struct{}, atOnce), running: map[uint64]*authorizing{}}
	defer a.finish()
	for ctx.Err() == nil {
		snap := m.definitions.Snapshot()
		seen := map[uint64]bool{}
		for e, err := range m.connections.Scan(snap, catalog.Query{}) {
			if err == nil {
				seen[e.ID] = true
				a.look(ctx, &e)
			}
		}
		a.keep(seen)
		for records, err := range m.definitions.Watch(ctx, snap.Revision(), ConnectionTable) {
			if err != nil {
				break // too much has changed to be told one by one
			}
			for i := range records {
				a.changed(ctx, &records[i])
			}
		}
	}
	return nil
}

// authorizer has what is under way. Only the goroutine of Run uses running.
type authorizer struct {
	m       *Manager
	slots   chan struct{}
	running map[uint64]*authorizing // by record ID
	done    sync.WaitGroup
}

// authorizing is one connection that is being authorized, as it was said to be.
type authorizing struct {
	definition string
	stop       context.CancelFunc
}

// definition is what a connection is without what becomes of it.
func definition(c *Connection) string {
	told := *c
	told.Reason = ""
	text, _ := json.Marshal(told) // plain data always has a JSON form
	return string(text)
}

func (a *authorizer) changed(ctx context.Context, r *catalog.Record) {
	e, err := a.m.connections.Decode(*r)
	if err != nil {
		return
	}
	if r.Deleted {
		a.end(r.ID)
		return
	}
	a.look(ctx, &e)
}

// look begins to authorize a connection, or ends that, as it says.
func (a *authorizer) look(ctx context.Context, e *catalog.Entry[Connection]) {
	wanted := e.Value.State == Authorizing && e.Value.Token != nil && e.Owner == ""
	now := definition(&e.Value)
	if one := a.running[e.ID]; one != nil {
		if wanted && one.definition == now {
			return // only its reason is another
		}
		a.end(e.ID)
	}
	if !wanted {
		return
	}
	working, stop := context.WithCancel(ctx)
	a.running[e.ID] = &authorizing{definition: now, stop: stop}
	a.done.Go(func() {
		defer stop()
		a.work(working, *e)
	})
}

func (a *authorizer) end(id uint64) {
	if one := a.running[id]; one != nil {
		one.stop()
		delete(a.running, id)
	}
}

// keep ends what is not there any more.
func (a *authorizer) keep(seen map[uint64]bool) {
	for id := range a.running {
		if !seen[id] {
			a.end(id)
		}
	}
}

func (a *authorizer) finish() {
	for id := range a.running {
		a.end(id)
	}
	a.done.Wait()
}

// work tries until the connection is authorized or another one, or ctx ends.
func (a *authorizer) work(ctx context.Context, e catalog.Entry[Connection]) {
	was := definition(&e.Value)
	for pause := firstPause; ; pause = min(2*pause, longPause) {
		select {
		case a.slots <- struct{}{}:
		case <-ctx.Done():
			return
		}
		over := a.try(ctx, &e, was)
		<-a.slots
		if over {
			return
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return
		}
	}
}

// errOther says that a connection is not any more what was to be authorized.
var errOther = errors.New("the connection was changed")

// try asks for a token once, and writes down what came of it. It reports whether there is nothing more to do.
func (a *authorizer) try(ctx context.Context, e *catalog.Entry[Connection], was string) bool {
	_, err := a.m.tokens.get(ctx, sourceOf(e.ID, &e.Value, false))
	a.m.tokens.revise(a.m.connections, a.m.definitions.Snapshot(), e.Name, e.ID, e.Revision)
	if ctx.Err() != nil {
		return true
	}
	reason := ""
	if failed, ok := errors.AsType[*TokenError](err); ok {
		reason = failed.Reason
	}
	_, failed := a.m.connections.Update(ctx, e.Name, func(c *Connection) error {
		if definition(c) != was {
			return errOther
		}
		c.Reason = reason
		if err == nil {
			c.State, c.Authorized = Authorized, a.m.moment()
		}
		return nil
	})
	switch {
	case failed == nil:
		return err == nil
	case errors.Is(failed, errOther), errors.Is(failed, catalog.ErrNotFound):
		return true
	}
	_, managed := errors.AsType[*catalog.ManagedError](failed)
	return managed // or else the store will be there again
}
