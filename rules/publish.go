package rules

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/signalbox-mq/signalbox/event"
	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
)

const (
	// MaxEvents is how many events one publish may hold.
	MaxEvents = 1000
	// MaxFanOut is how many bytes of deliveries one publish may make: bodies and attributes, once for each target, and once for
	// each archive. It bounds the one append that they are.
	MaxFanOut = 256 << 20
)

// Publish is a request to publish events to a bus.
type Publish struct {
	Bus catalog.Name
	// Events, 1 to 1000, are complete and valid, as package event's decoders leave them. Account and Region are set to
	// the bus's where they are empty.
	Events []event.Event
	// Traces has, for each of the events, the header X-Amzn-Trace-Id that targets get with it, empty for none; nil for none at
	// all. It is not kept with the event: a replay has none.
	Traces []string
	// Token, when not empty, makes the publish idempotent for Window (up to 7d): a repeat publishes nothing and gets the
	// first answer, with Duplicate set.
	Token  string
	Window time.Duration
	// Hops counts the topics and buses the events have passed through, Origin is the event that was passed on.
	Hops   int
	Origin string
}

// Published is the answer for one event.
type Published struct {
	// ID is the event's. For a duplicate, that of the event accepted first.
	ID string `json:"id"`
	// Matched names the rules whose pattern and condition held. Never nil.
	Matched []string `json:"matched"`
	// Duplicate says that the event was published before and nothing was done.
	Duplicate bool `json:"duplicate,omitempty"`
}

// Publish matches events against the rules of a bus and delivers them to the targets, durably: when it returns without an
// error, every event is in the bus's log and every delivery in its queue. All of it happens, or nothing; except that on a
// bus with Dedup, each event that has a producer's ID is a commit of its own.
//
// Errors: [ErrBusNotFound], an [*InvalidError], and the store's (queue.ErrStoreFull).
func (e *Engine) Publish(ctx context.Context, p Publish) ([]Published, error) {
	if len(p.Events) == 0 || len(p.Events) > MaxEvents {
		return nil, &InvalidError{Field: "events", Reason: "must be 1 to 1000"}
	}
	if p.Token != "" && (p.Window < time.Millisecond || p.Window > MaxDedup) {
		return nil, &InvalidError{Field: "window", Reason: "must be between 1ms and 7d"}
	}
	var done progress
	defer e.tell(p.Bus, &done) // what was committed before an error, too
	err := e.matching(ctx, p.Bus, func() error {
		if err := e.ensureBus(ctx, p.Bus); err != nil {
			return err
		}
		return e.publish(ctx, &p, &done)
	})
	if err != nil {
		return nil, fmt.Errorf("publishing to bus %s: %w", p.Bus.Name, err)
	}
	return done.published, nil
}

// matching calls publish, and again, against what is there then, if a deleted queue got in its way, or the one for dead letters
// was to be made first.
func (e *Engine) matching(ctx context.Context, bus catalog.Name, publish func() error) error {
	for attempt := 0; ; attempt++ {
		err := publish()
		if errors.Is(err, errNoDeadLetters) && attempt < 3 {
			if _, err = e.broker.EnsureDeadLetters(context.WithoutCancel(ctx), bus.Account, bus.Region); err == nil {
				continue
			}
		}
		if errors.Is(err, queue.ErrDropped) && attempt < 3 {
			continue
		}
		return err
	}
}

// tell tells OnPublished of what was committed.
func (e *Engine) tell(bus catalog.Name, done *progress) {
	for _, t := range done.told {
		e.config.OnPublished(bus, t.event, t.match)
	}
}

// progress is what of a publish has been committed.
type progress struct {
	// published are the answers, for the first of the events.
	published []Published
	told      []told
}

// told is an event that OnPublished is to be told of, once publishing is not held any more.
type told struct {
	event *event.Event
	match *Match
}

// publish publishes the events that are not done yet.
func (e *Engine) publish(ctx context.Context, p *Publish, done *progress) error {
	// Until the append is durable, so that Barrier can wait for publishes under older definitions. In between nothing may be
	// committed to the definitions: that waits for the barriers of the other nodes, where publishes may do the same.
	defer e.publishing.Leave(e.publishing.Enter())

	snap, bus, err := e.bus(ctx, p.Bus)
	if err != nil {
		return err
	}
	group := newCommit(e, snap, bus, p, done)
	rest := p.Events[len(done.published):]
	for i := range rest {
		ev, trace := &rest[i], ""
		if p.Traces != nil {
			trace = p.Traces[len(p.Events)-len(rest)+i]
		}
		if bus.def.Dedup == 0 || ev.ProducerID == "" || p.Token != "" {
			if err := group.add(ctx, ev, trace); err != nil {
				return err
			}
			continue
		}
		// Events before this one keep their place in the order of commits.
		if err := group.flush(ctx); err != nil {
			return err
		}
		one := newCommit(e, snap, bus, p, done)
		one.token, one.window = dedupToken(ev.Source, ev.ProducerID), time.Duration(bus.def.Dedup)
		if err := one.add(ctx, ev, trace); err != nil {
			return err
		}
		if err := one.flush(ctx); err != nil {
			return err
		}
	}
	return group.flush(ctx)
}

// commit collects what is appended at once.
type commit struct {
	engine *Engine
	snap   *snapshot
	bus    *busState
	now    time.Time
	token  string
	window time.Duration
	hops   int
	origin string
	// replay is the replay that publishes, nil for none, and name what it is called.
	replay *Replay
	name   string

	// logs has one entry per event, deliveries what their rules made of them. The logs go first, so that the answers of a
	// repeated append tell which events it was.
	logs       []queue.Entry
	deliveries []queue.Entry
	published  []Published
	told       []told
	bytes      int

	// done is where the answers go after the commit.
	done *progress
}

func newCommit(e *Engine, snap *snapshot, bus *busState, p *Publish, done *progress) *commit {
	return &commit{
		engine: e, snap: snap, bus: bus, done: done, now: e.broker.Now(),
		token: p.Token, window: p.Window, hops: p.Hops, origin: p.Origin,
	}
}

// add matches one event and adds its log entry and its deliveries.
func (c *commit) add(ctx context.Context, ev *event.Event, trace string) error {
	if ev.Account == "" {
		ev.Account = c.bus.name.Account
	}
	if ev.Region == "" {
		ev.Region = c.bus.name.Region
	}
	eventJSON := envelope(ev)
	match := &Match{Revision: c.snap.revision, Hops: c.hops, Origin: c.origin}
	if c.replay != nil {
		match.Replay, match.ReplayID, match.ReplayRules = c.name, c.replay.ID, c.replay.Rules
	}
	matched, archives, err := c.bus.match(ev, eventJSON, match)
	if err != nil {
		return err
	}
	return c.put(ctx, &outgoing{event: ev, json: eventJSON, trace: trace}, match, matched, archives)
}

// put adds the log entry of an event, the deliveries to the targets of its rules, which it adds to the match, and its copies in
// archives. Of what goes out it is given the event, its JSON and its trace.
func (c *commit) put(ctx context.Context, out *outgoing, match *Match, matched []*compiledRule, archives []*compiledArchive) (err error) {
	ev := out.event
	out.engine, out.bus, out.now, out.hops, out.replay = c.engine, c.bus.name, c.now, c.hops, match.space()
	out.entries, out.publishing = c.deliveries, true
	for _, rule := range matched {
		m := MatchedRule{Rule: rule.name, Paused: rule.paused}
		if !rule.paused {
			m.Deliveries = make([]Delivery, len(rule.targets))
			for i := range rule.targets {
				if m.Deliveries[i], err = out.deliver(ctx, rule, &rule.targets[i]); err != nil {
					return err
				}
			}
		}
		match.Rules = append(match.Rules, m)
	}
	id, err := uuid.Parse(ev.ID)
	if err != nil {
		return &InvalidError{Field: "id", Reason: "must be a UUID"}
	}
	if c.replay != nil {
		id = deliveryID(ev.ID, "", "", out.replay) // another entry of the log
	}
	for _, archive := range archives {
		out.entries = append(out.entries, archive.entry(id, out.json, match))
	}
	for _, entry := range out.entries[len(c.deliveries):] {
		c.bytes += entry.Message.Size()
	}
	if c.bytes > MaxFanOut {
		return &InvalidError{Field: "events", Reason: fmt.Sprintf("make more than %d bytes of deliveries to the targets of the bus's rules, and of copies in its archives; publish fewer at a time", MaxFanOut)}
	}
	c.deliveries = out.entries
	c.logs = append(c.logs, queue.Entry{
		Queue: c.bus.log, Kind: queue.Log, Key: ev.ID,
		Message: queue.Message{ID: id, Body: out.json, System: []queue.Attribute{match.attribute()}},
	})
	c.published = append(c.published, Published{ID: ev.ID, Matched: match.Names()})
	c.told = append(c.told, told{ev, match})
	return nil
}

// envelope returns the EventBridge form of an event, made in one piece.
func envelope(ev *event.Event) []byte {
	return ev.AppendEventBridge(make([]byte, 0, 384+len(ev.Detail)))
}

// flush appends what was added and adds its answers to what is done.
func (c *commit) flush(ctx context.Context) error {
	if len(c.logs) == 0 {
		return nil
	}
	req := queue.AppendRequest{Now: c.now, Entries: append(c.logs, c.deliveries...)}
	if c.token != "" {
		sum := sha256.Sum256([]byte(c.token))
		req.Token = fmt.Sprintf("publish/%d/%s", c.bus.log, hex.EncodeToString(sum[:]))
		req.TokenWindow = c.window
		// A repeat may differ in anything but in how many answers it needs.
		req.Digest = strconv.Itoa(len(c.logs))
	}
	res, err := c.engine.broker.Store().Append(ctx, req)
	if err != nil {
		return err
	}
	if res.Repeated {
		if err := c.repeated(ctx, res.Results); err != nil {
			return err
		}
	} else if c.engine.config.OnPublished != nil {
		c.done.told = append(c.done.told, c.told...)
	}
	c.done.published = append(c.done.published, c.published...)
	c.logs, c.deliveries, c.published, c.told, c.bytes = nil, nil, nil, nil, 0
	return nil
}

// repeated puts the first call's answers in place of ours.
func (c *commit) repeated(ctx context.Context, first []queue.Appended) error {
	for i := range min(len(c.published), len(first)) {
		p := Published{ID: first[i].ID.String(), Matched: []string{}, Duplicate: true}
		kept, err := c.engine.broker.Store().Get(ctx, c.now, c.bus.log, p.ID)
		if err != nil {
			return err
		}
		if len(kept) > 0 { // it may be past the bus's retention
			match, err := DecodeMatch(&kept[0].Message)
			if err != nil {
				return err
			}
			if match.Replay == "" { // or only what a replay made of it is left
				p.Matched = match.Names()
			}
		}
		c.published[i] = p
	}
	return nil
}

func dedupToken(source, id string) string {
	return strings.Join([]string{"cloudevent", source, id}, "\x00")
}

// ErrBusNotFound says that the account and region have no bus of that name.
var ErrBusNotFound = errors.New("event bus does not exist")
