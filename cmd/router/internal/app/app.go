// Package app puts the router together: it opens the store, builds the parts on it, applies the definitions of the
// operator's file, and runs everything until its context ends.
package app

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"runtime"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"github.com/signalbox-mq/signalbox/cmd/router/internal/config"
	"github.com/signalbox-mq/signalbox/dispatch"
	"github.com/signalbox-mq/signalbox/dispatch/destination"
	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
	"github.com/signalbox-mq/signalbox/event"
	"github.com/signalbox-mq/signalbox/httpapi"
	"github.com/signalbox-mq/signalbox/httpapi/ingest"
	"github.com/signalbox-mq/signalbox/httpapi/native"
	"github.com/signalbox-mq/signalbox/httpapi/problem"
	"github.com/signalbox-mq/signalbox/httpapi/sns"
	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/rules"
	"github.com/signalbox-mq/signalbox/story"
	"github.com/signalbox-mq/signalbox/topic"
)

// Options are what the command line decides.
type Options struct {
	// Config is the path of the operator's YAML file, empty for none.
	Config string
	// Listen is the address to answer HTTP on, such as 127.0.0.1:4566. Port 0 takes a free one.
	Listen string
	// Data is the directory of the embedded store.
	Data string
	// Store is "pebble" (the default), "memory", or the address of a shared store; see redisstore.Options.
	Store string
	// PublicURL is how clients reach the router, if not by the address it listens on.
	PublicURL string
	// DebugListen is an address to serve Go profiles on, empty for none.
	DebugListen string
	// Prune deletes queues that left the file although they have messages.
	Prune bool
	// MinFree is how many bytes of disk must be free for the store to take something new, 0 for any; nil is the default of
	// 256 MiB.
	MinFree *int64
	// Drain is for how long requests are still taken after ctx ended, while /readyz answers 503.
	Drain time.Duration
	// Dev, when set, makes it the router of a developer: see Dev.
	Dev *Dev
	// Version goes into the User-Agent of deliveries.
	Version string
	Log     zerolog.Logger
}

// The stages of a shutdown after Options.Drain, which together stay below ten seconds: requests in progress, then deliveries in progress, then
// the store.
const (
	requestGrace  = 4 * time.Second
	deliveryGrace = 4 * time.Second
)

// IsFault reports whether Run ended because the store could not go on safely, such as after a failed fsync. What was
// acknowledged is on disk; a new start tells what else is.
func IsFault(err error) bool { return errors.Is(err, queue.ErrStoreClosed) }

// router is everything that runs.
type router struct {
	opts Options
	log  zerolog.Logger
	addr net.Addr
	// fault receives what the store can not survive.
	fault chan error
	// account and region are the defaults, which the file may set when the router starts.
	account, region string
	// aws has the settings of the AWS protocols, as the router started with them.
	aws config.AWS

	store       store
	clock       *queue.Clock
	space       func() space
	definitions *catalog.Catalog
	broker      *queue.Broker
	rules       *rules.Engine
	topics      *topic.Topics
	transfers   *queue.Transfers
	redrives    *queue.Redrives
	dispatcher  *dispatch.Dispatcher
	// destinations has API destinations and connections, calling asks for their tokens.
	destinations *destination.Manager
	calling      *endpoint.Client
	metrics      *httpapi.Metrics
	server       *httpapi.Server
	loaded       *loaded
	retirements  *retirements
	sweeper      *queue.Sweeper
}

// Run builds the router and runs it until ctx ends; then it shuts down in stages and returns nil. ready, when not nil, is
// called with the address once requests are answered.
func Run(ctx context.Context, opts Options, ready func(address string)) (err error) {
	ballast := newBallast()
	defer runtime.KeepAlive(ballast)
	if opts.Dev != nil {
		defer opts.Dev.start()()
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", opts.Listen)
	if err != nil {
		return fmt.Errorf("%w; choose another address with --listen", err) // it says which
	}
	closeListener := true
	defer func() {
		if closeListener {
			_ = listener.Close()
		}
	}()
	r := &router{opts: opts, log: opts.Log, addr: listener.Addr(), fault: make(chan error, 1)}
	file, err := r.readFile() // first, so that a mistake in it leaves no data directory behind
	if err != nil {
		return err
	}
	if err := r.openStore(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.closeStore()) }()
	if err := r.build(ctx, file); err != nil {
		return err
	}
	closeListener = false // Serve closes it
	return r.run(ctx, listener, ready)
}

// build makes the parts in the order in which they need each other. It starts nothing.
func (r *router) build(ctx context.Context, file *config.Config) error {
	var err error
	err = r.insist(ctx, "reading definitions", func() error {
		r.definitions, err = catalog.Open(ctx, r.store)
		return err
	})
	if err != nil {
		return err
	}
	account, region := file.Account, file.Region
	r.account, r.region, r.aws = account, region, file.AWS
	egress := file.Egress
	if r.opts.Dev != nil {
		egress.Loopback = true
		if !r.aws.PurgeGiven {
			r.aws.PurgeWait = 0 // who tries things out does not want to wait
		}
	}
	err = r.insist(ctx, "declaring what is built in", func() error {
		_, err := r.definitions.Declare(ctx, catalog.Builtin, "", config.Builtins(account, region), catalog.DeclareOptions{})
		return err
	})
	if err != nil {
		return err
	}
	attempts, ok := r.definitions.Get(config.LogTable, catalog.Name{Account: account, Region: region, Name: config.AttemptsLog})
	if !ok {
		return errors.New("the definition of the attempts log is missing")
	}
	attemptsLog := queue.IDFor(attempts.ID, queue.Own)

	r.metrics = httpapi.NewMetrics()
	r.broker = queue.NewBroker(r.store, r.definitions, r.clock)
	r.broker.Leases().OnFault = func(err error) { r.log.Error().Err(err).Str("component", "store").Msg("dividing work between nodes") }
	r.metrics.WatchQueues(r.broker)
	r.metrics.WatchStore(func() (full bool, free uint64, known bool) {
		s := r.space()
		return s.full, s.free, s.known
	})
	r.rules = rules.New(r.broker, r.definitions, rules.Config{
		OnPublished: r.published,
		OnScheduled: r.scheduled,
		OnDeleted:   func(records []catalog.Record, before *catalog.Snapshot) { r.retirements.addDeleted(records, before) },
		OnFault: func(err error) {
			r.log.Error().Err(err).Str("component", "rules").Msg("a schedule or a replay does not go on; trying again")
		},
	})
	r.topics = topic.New(r.broker, r.definitions)
	r.topics.PublicURL = r.url()
	r.topics.SignHTTPOnly = r.aws.Signatures == topic.SignHTTP
	r.warnOfURL()
	r.topics.OnFault = func(err error) {
		r.log.Error().Err(err).Str("component", "topics").Msg("a replay does not go on; trying again")
	}
	r.redrives = queue.NewRedrives(r.broker, r.definitions)
	mappers := r.rules.Mappers()
	maps.Copy(mappers, r.topics.Mappers())
	mappers[queue.RedriveKind] = r.redrives.Mapper()
	r.transfers = queue.NewTransfers(r.broker, r.definitions, mappers)
	r.transfers.Ended = r.transferred
	calls := endpoint.ClientConfig{Version: r.opts.Version, Guard: endpoint.NewGuard(egress)}
	r.calling = endpoint.NewClient(calls)
	tokens := destination.NewTokens(r.calling)
	r.destinations = destination.New(r.definitions, r.broker.Now, tokens)
	r.dispatcher, err = dispatch.New(r.broker, r.definitions, dispatch.Config{
		Attempts:          attemptsLog,
		Client:            calls,
		DeliveredBelow500: r.aws.HTTPSuccess == topic.SuccessBelow500,
		Tokens:            tokens,
		Senders:           map[string]dispatch.Sender{dispatch.KindTopic: hop{r.topics}, dispatch.KindBus: hop{r.rules}},
		Grace:             deliveryGrace,
		OnAttempt:         r.attempted,
		OnStateChange:     r.stateChanged,
		OnRemoved:         r.removed,
		OnFault:           func(err error) { r.log.Error().Err(err).Str("component", "dispatch").Msg("store failed; trying again") },
	})
	if err != nil {
		return err
	}
	r.metrics.WatchEndpoints(r.dispatcher)
	// Once before the file is applied: what a crash left between a change of a rule and its reconciling is settled before
	// the rule may change again, so that no pause comes and goes unseen.
	if err := r.insist(ctx, "reconciling rules", func() error { return r.rules.Reconcile(ctx) }); err != nil {
		return err
	}
	r.retirements = newRetirements(r)
	r.topics.Deleted = r.retirements.addDeleted
	r.loaded = &loaded{router: r, egress: file.Egress, kept: map[uint64]bool{}}
	if err := r.insist(ctx, "applying the file", func() error { return r.loaded.apply(ctx, file) }); err != nil {
		return err
	}
	if err := r.retireOrphans(ctx); err != nil {
		return err
	}
	r.sweeper = queue.NewSweeper(r.store, r.broker.Clock(), r.broker.Expiries, r.rules.Expiries, r.topics.Expiries, r.dispatcher.Expiries)
	r.sweeper.Removed = func(_ queue.ID, e queue.Expired) { r.metrics.Expired(e.Messages) }
	teller := story.New(r.broker, r.definitions, r.rules, r.dispatcher, attemptsLog)
	api := native.New(native.Services{
		Broker: r.broker, Rules: r.rules, Topics: r.topics, Story: teller, Functions: r.dispatcher, Transfers: r.transfers,
		Redrives: r.redrives,
	}, account, region, r.log.With().Str("component", "http").Logger())
	hooks := ingest.New(r.loaded.webhook, &hookPublisher{r: r, account: account, region: region}, ingest.Config{
		WriteError: hookErrors(api), Observe: r.metrics.Hook,
	})
	r.server = httpapi.New(httpapi.Parts{
		Native: api, AWS: r.awsHandler(), Certificate: sns.Certificate(r.topics, r.log.With().Str("component", "aws").Logger()), Hooks: hooks, Metrics: r.metrics.Handler(), Observe: r.metrics.Request, Extra: r.devHandler(),
		Stale: r.definitions.Stale, Drain: r.opts.Drain,
	}, r.log.With().Str("component", "http").Logger())
	return nil
}

// run runs all parts until ctx ends or one fails, and then ends them in stages: first no more requests, then no more
// deliveries. The caller closes the store.
func (r *router) run(ctx context.Context, listener net.Listener, ready func(string)) error {
	// Background work outlives the requests: what they publish last is still dispatched, or waits in its queue.
	background, stopBackground := context.WithCancel(context.WithoutCancel(ctx))
	defer stopBackground()
	serving, stopServing := context.WithCancel(ctx)
	defer stopServing()

	var parts errgroup.Group
	part := func(name string, run func(context.Context) error) {
		parts.Go(func() error {
			// A part that ends early takes the others with it.
			defer stopServing()
			if err := run(background); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			return nil
		})
	}
	// Before anything else, so that other nodes wait for this one from now on, and nothing is answered by what it knew before.
	following := make(chan struct{})
	first := sync.OnceFunc(func() { close(following) })
	part("definitions", func(ctx context.Context) error {
		return r.definitions.Follow(ctx, func(ctx context.Context) error {
			if err := errors.Join(r.rules.Barrier(ctx), r.topics.Barrier(ctx)); err != nil {
				return err
			}
			first()
			return nil
		})
	})
	select {
	case <-following:
	case <-serving.Done():
	}
	part("dispatch", r.dispatcher.Run)
	part("connections", func(ctx context.Context) error { return r.broker.Leases().Run(ctx, "connections", r.destinations.Run) })
	part("transfers", r.transfers.Run)
	part("sweeping", func(ctx context.Context) error { return r.broker.Leases().Run(ctx, "sweep", r.sweeper.Run) })
	part("retiring", r.retirements.Run)
	part("schedules", r.rules.RunSchedules)
	part("replays", func(ctx context.Context) error { return r.broker.Leases().Run(ctx, "replays", r.topics.Replay) })
	part("archives", func(ctx context.Context) error { return r.broker.Leases().Run(ctx, "archives", r.rules.RunReplays) })
	part("topics", func(ctx context.Context) error { return r.broker.Leases().Run(ctx, "topics", r.sweepTopics) })
	if !r.broker.Leases().Alone() {
		part("tidying", func(ctx context.Context) error { return r.broker.Leases().Run(ctx, "tidy", r.tidy) })
	}
	part("file", r.loaded.watch)
	part("debug", r.serveProfiles)
	part("space", r.watchSpace)
	part("store", func(ctx context.Context) error {
		select {
		case err := <-r.fault:
			return fmt.Errorf("%w: %w", queue.ErrStoreClosed, err)
		case <-ctx.Done():
			return nil
		}
	})
	if ready != nil {
		ready(listener.Addr().String())
	}
	err := r.server.Serve(serving, listener, requestGrace)
	stopBackground()
	err = errors.Join(err, parts.Wait())
	r.calling.Close()
	return err
}

// insistEvery is how often a start tries again what a store did not do that is not available.
const insistEvery = time.Second

// insist does something until the store is available, or ctx ends.
func (r *router) insist(ctx context.Context, what string, op func() error) error {
	for {
		err := op()
		if err == nil || !errors.Is(err, queue.ErrUnavailable) {
			return err
		}
		r.log.Warn().Err(err).Str("component", "store").Msg(what + ": the store is not available; trying again")
		select {
		case <-time.After(insistEvery):
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		}
	}
}

// hookErrors answers what ingest refuses by its own table, and what the router refuses by the API's.
func hookErrors(api *native.API) func(http.ResponseWriter, *http.Request, error) {
	return func(w http.ResponseWriter, r *http.Request, err error) {
		if p, ok := ingest.ProblemOf(err); ok {
			problem.Write(w, p)
			return
		}
		api.WriteError(w, r, err)
	}
}

// hookPublisher publishes what provider webhooks bring.
type hookPublisher struct {
	r               *router
	account, region string
}

// PublishHook is ingest.Publisher's.
func (p *hookPublisher) PublishHook(ctx context.Context, bus string, ev event.Event, token string, window time.Duration) (ingest.PublishedEvent, error) {
	event.Intake{Now: p.r.broker.Now(), Account: p.account, Region: p.region}.Stamp(&ev)
	published, err := p.r.rules.Publish(ctx, rules.Publish{
		Bus:    catalog.Name{Account: p.account, Region: p.region, Name: bus},
		Events: []event.Event{ev}, Token: token, Window: window,
	})
	if err != nil {
		return ingest.PublishedEvent{}, err
	}
	return ingest.PublishedEvent{ID: published[0].ID, Matched: published[0].Matched, Duplicate: published[0].Duplicate}, nil
}

func (r *router) published(bus catalog.Name, ev *event.Event, match *rules.Match) {
	failed := make([]string, len(match.Failed))
	for i, f := range match.Failed {
		failed[i] = f.Rule
	}
	r.metrics.Published(bus.Name, match.Names(), failed)
	if r.opts.Dev != nil {
		r.opts.Dev.event(bus, ev, match)
	}
}

func (r *router) attempted(a dispatch.Attempt) {
	r.metrics.Attempt(measured(&a), string(a.Outcome), string(a.Class), a.Durations.Total)
	if r.opts.Dev != nil {
		r.opts.Dev.attempt(&a)
	}
}

// measured is the endpoint by which an attempt is counted. Subscriptions come and go, and a series stays: those of a topic
// have one together.
func measured(a *dispatch.Attempt) string {
	if a.Kind == dispatch.KindSubscription {
		return a.Kind + ":" + a.Topic
	}
	return a.Kind + ":" + a.Endpoint
}

func (r *router) stateChanged(c dispatch.StateChange) {
	r.log.Warn().Str("component", "dispatch").Str(c.Kind, c.Name.Name).Str("state", string(c.Change)).Str("reason", c.Reason).
		Msg("endpoint changed its state")
	if r.opts.Dev != nil {
		r.opts.Dev.state(c)
	}
}
