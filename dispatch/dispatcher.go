package dispatch

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/signalbox-mq/signalbox/dispatch/destination"
	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
)

// Dispatcher drains the delivery queues of all endpoints. All methods may be called concurrently.
type Dispatcher struct {
	cfg         Config
	broker      *queue.Broker
	store       queue.Store
	definitions *catalog.Catalog
	called      map[string]callees // by kind, those that are called over HTTP
	client      *endpoint.Client
	tokens      *destination.Tokens
	permits     queue.Shared // for rates over all nodes; nil if the store is for one
	settler     *settler

	kicked chan struct{} // of capacity one: the loop has something to do
	failed chan error    // of capacity one: the store has stopped

	// following is held while the lanes are made to be as the definitions are at the revision followed, zero if all are to be looked at.
	following sync.Mutex
	followed  uint64

	// mu guards all below, the lanes' fields included. It is held for moments only.
	mu      sync.Mutex
	lanes   map[queue.ID]*lane
	named   map[laneName]*lane
	retired map[queue.ID]*lane // definitions that are gone, for Retire
	used    int                // attempts of all lanes
	busy    int                // lanes that have attempts
	// line has the lanes that want to receive, in the order in which they began to.
	line []*lane
	// alarms has the lanes that want to receive at a later time.
	alarms alarms
	// watch and unwatch are queues that the loop is to add to the watcher's set and to remove from it.
	watch, unwatch []queue.ID
	stopping       bool
	started        bool

	work *workers // receives and attempts
}

type laneName struct {
	kind string
	name catalog.Name
}

// New returns a dispatcher over the delivery queues of everything that is defined in a catalog. It starts nothing.
func New(broker *queue.Broker, definitions *catalog.Catalog, cfg Config) (*Dispatcher, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg.ensureDefaults()
	permits, shared := broker.Store().(queue.Shared)
	cfg.Shared = cfg.Shared || shared
	d := &Dispatcher{
		cfg: cfg, broker: broker, store: broker.Store(), definitions: definitions,
		client:  endpoint.NewClient(cfg.Client),
		tokens:  cfg.Tokens,
		permits: permits,
		kicked:  make(chan struct{}, 1),
		work:    newWorkers(),
		failed:  make(chan error, 1),
		lanes:   map[queue.ID]*lane{}, named: map[laneName]*lane{}, retired: map[queue.ID]*lane{},
	}
	if d.tokens == nil {
		d.tokens = destination.NewTokens(d.client)
	}
	d.called = map[string]callees{
		KindFunction: d.callees(KindFunction), KindSubscription: d.callees(KindSubscription), KindDestination: d.destinations(),
	}
	d.settler = newSettler(d)
	return d, nil
}

// Run delivers until ctx ends, which is no error; it may be called once. When ctx ends it receives nothing more, gives the
// attempts that run Config.Grace to finish, cuts off those that have not, and returns when every result is in the
// store. What was cut off stays leased, uncounted, and is delivered when the lease ends. It fails when the store does
// (queue.ErrStoreClosed).
func (d *Dispatcher) Run(ctx context.Context) error {
	d.mu.Lock()
	if d.started {
		d.mu.Unlock()
		return errors.New("dispatch: Run was called before")
	}
	d.started = true
	d.mu.Unlock()
	defer d.client.Close()

	// Attempts outlive ctx, by Grace at most; the settling of their results outlives them.
	attempts, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	settling, abandon := context.WithCancel(context.WithoutCancel(ctx))
	defer abandon()
	watching, stop := context.WithCancel(ctx)
	defer stop()

	var parts sync.WaitGroup
	parts.Go(func() { d.settler.run(settling) })
	loaded := make(chan struct{})
	parts.Go(func() { d.follow(watching, sync.OnceFunc(func() { close(loaded) })) })
	select {
	case <-loaded:
	case <-ctx.Done():
	}
	err := d.loop(watching, attempts)

	d.mu.Lock()
	d.stopping = true
	for _, l := range d.lanes {
		d.flushLocked(l)
	}
	d.mu.Unlock()
	stop()
	if err == nil && d.cfg.Grace > 0 {
		grace := time.AfterFunc(d.cfg.Grace, cut)
		defer grace.Stop()
	} else {
		cut()
	}
	d.work.finish()
	if err != nil {
		abandon()
	} else {
		last := time.AfterFunc(settleGrace, abandon)
		defer last.Stop()
	}
	d.settler.finish()
	parts.Wait()
	if err == nil {
		select {
		case err = <-d.failed:
		default:
		}
	}
	return err
}

// settleGrace is how long a store that does not answer may hold up the end.
const settleGrace = 5 * time.Second

// kick makes the loop take a turn.
func (d *Dispatcher) kick() {
	select {
	case d.kicked <- struct{}{}:
	default:
	}
}

// fail makes Run end.
func (d *Dispatcher) fail(err error) {
	select {
	case d.failed <- err:
	default:
	}
}

// loop starts receives as lanes become ready and have room, until ctx ends or the store fails.
func (d *Dispatcher) loop(ctx, attempts context.Context) error {
	watcher := d.store.Watch()
	defer watcher.Close()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	look := true // ask the watcher
	var due time.Time
	for {
		if d.updateWatch(watcher) {
			look = true
		}
		if look {
			now := d.broker.Now()
			ready, next, err := watcher.Ready(ctx, now)
			switch {
			case ctx.Err() != nil:
				return nil
			case errors.Is(err, queue.ErrStoreClosed):
				return fmt.Errorf("dispatching: %w", err)
			case err != nil:
				d.cfg.OnFault(fmt.Errorf("asking for deliveries: %w", err))
				next = now.Add(time.Second)
			}
			// The times of the store are its clock's, those of lanes the process's.
			due = time.Time{}
			if !next.IsZero() {
				due = time.Now().Add(max(next.Sub(now), 0) + time.Millisecond)
			}
			d.markReady(ready)
		}
		wake := d.turn(attempts, time.Now())
		if !due.IsZero() && (wake.IsZero() || due.Before(wake)) {
			wake = due
		}
		sleep := time.Hour
		if !wake.IsZero() {
			sleep = max(time.Until(wake), 0)
		}
		timer.Reset(sleep)
		select {
		case <-watcher.Wake():
			look = true
		case <-d.kicked:
			look = false
		case <-timer.C:
			look = !due.IsZero() && !time.Now().Before(due)
		case err := <-d.failed:
			return err
		case <-ctx.Done():
			return nil
		}
	}
}

// updateWatch tells the watcher which queues to look at. It reports whether any were added.
func (d *Dispatcher) updateWatch(w queue.Watcher) bool {
	d.mu.Lock()
	add, remove := d.watch, d.unwatch
	d.watch, d.unwatch = nil, nil
	d.mu.Unlock()
	if len(add)+len(remove) == 0 {
		return false
	}
	// One that was removed and added since the last turn must stay, one that was added and removed must go.
	d.mu.Lock()
	wanted := func(id queue.ID) bool { l := d.lanes[id]; return l != nil && !l.unwatched }
	var in, out []queue.ID
	for _, id := range append(add, remove...) {
		if wanted(id) {
			in = append(in, id)
		} else {
			out = append(out, id)
		}
	}
	d.mu.Unlock()
	w.Set(in, out)
	return len(in) > 0
}

func (d *Dispatcher) markReady(ids []queue.ID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, id := range ids {
		l := d.lanes[id]
		if l == nil {
			continue
		}
		if l.receiving {
			l.again = true
			continue
		}
		l.ready = true
		if l.disabled != nil {
			d.unwatchLocked(l)
		}
		d.wantLocked(l)
	}
}

// unwatchLocked spares the watcher a lane that is ready but blocked. The next receive that finds it empty ends that.
func (d *Dispatcher) unwatchLocked(l *lane) {
	if !l.unwatched {
		l.unwatched = true
		d.unwatch = append(d.unwatch, l.id)
	}
}

// wantLocked puts a lane into the line if it is ready, or has something in its buffer.
func (d *Dispatcher) wantLocked(l *lane) {
	if (l.ready || len(l.buffer) > 0) && !l.queued && !l.receiving && !l.gone && l.disabled == nil {
		l.queued = true
		d.line = append(d.line, l)
	}
}

// longBlock is for how long a lane must be blocked for the watcher to be spared it.
const longBlock = 100 * time.Millisecond

// turn starts a receive for each lane in the line that has room, first come first served. It returns when the next one
// that is blocked by time has room; zero for none.
func (d *Dispatcher) turn(attempts context.Context, now time.Time) (wake time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, l := range d.alarms.due(now) {
		l.alarm = time.Time{}
		d.wantLocked(l)
	}
	line := d.line
	d.line = nil
	for i, l := range line {
		if d.used >= d.cfg.MaxInFlight {
			d.line = append(d.line, line[i:]...)
			break
		}
		l.queued = false
		d.fillLocked(attempts, l)
		n, until := l.room(now)
		if n > 0 {
			if n = min(n, d.shareLocked(l)); n == 0 {
				l.queued = true
				d.line = append(d.line, l) // its turn comes when others have finished
				continue
			}
			d.startLocked(attempts, l, n, d.aheadLocked(l))
			continue
		}
		if ahead := d.aheadLocked(l); ahead > 0 && until.IsZero() && l.mayReceive() {
			d.startLocked(attempts, l, 0, ahead)
			continue
		}
		if !until.IsZero() {
			if l.alarm.IsZero() || until.Before(l.alarm) {
				l.alarm = until
				d.alarms.set(l, until)
			}
			if until.Sub(now) >= longBlock {
				d.unwatchLocked(l)
			}
		}
	}
	return d.alarms.next()
}

// shareLocked bounds what one lane may take of the node's capacity. A first slot it gets whenever there is one; beyond
// that it leaves one for each idle lane (up to a quarter of the capacity), and beyond an equal share it takes only half of
// what is left. So endpoints that hang can not take what the others need.
func (d *Dispatcher) shareLocked(l *lane) int {
	free := d.cfg.MaxInFlight - d.used
	idle := len(d.lanes) - d.busy
	first := 0
	if l.running == 0 {
		first = min(free, 1)
		idle--
	}
	spare := free - min(max(idle, 0), d.cfg.MaxInFlight/4)
	equal := d.cfg.MaxInFlight / (d.busy + 1)
	return max(first, min(spare, max(equal-l.running, spare/2)))
}

// startLocked begins a receive of up to n messages to attempt at once, and as many ahead.
func (d *Dispatcher) startLocked(attempts context.Context, l *lane, n, ahead int) {
	l.receiving, l.again = true, false
	d.takeLocked(l, n)
	s := l.spec
	d.work.start(func() { d.receive(attempts, l, s, n, ahead) })
}

// takeLocked takes slots for a lane.
func (d *Dispatcher) takeLocked(l *lane, n int) {
	if l.running == 0 && n > 0 {
		d.busy++
	}
	l.running += n
	d.used += n
}

// releaseLocked gives back slots of a lane.
func (d *Dispatcher) releaseLocked(l *lane, n int) {
	if n == 0 {
		return
	}
	l.running -= n
	d.used -= n
	if l.running == 0 {
		d.busy--
	}
	d.wantLocked(l)
}
