// Package story tells what became of an event: which rules matched and why others did not, every delivery with its
// attempts, and what happens next. It keeps nothing: everything is read from the logs and queues when asked for.
package story

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/signalbox-mq/signalbox/dispatch"
	"github.com/signalbox-mq/signalbox/dispatch/destination"
	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
	"github.com/signalbox-mq/signalbox/event"
	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/rules"
	"github.com/signalbox-mq/signalbox/topic"
)

// ErrNotFound says that the account and region have no trace of an event, message or delivery of that ID: there never was
// one, or it is past what is retained.
var ErrNotFound = errors.New("no such event is retained")

// Teller tells stories. It is safe for concurrent use. A story is read in several steps while things go on: what ends
// between two of them may be told as it was before or after.
type Teller struct {
	broker        *queue.Broker
	engine        *rules.Engine
	called        map[string]*catalog.Table[endpoint.Endpoint] // by kind, the endpoints that are called over HTTP, but for API destinations
	destinations  *catalog.Table[destination.Destination]
	subscriptions *catalog.Table[topic.Subscription]
	definitions   *catalog.Catalog
	endpoints     Endpoints
	attempts      queue.ID
}

// Endpoints says how an endpoint is doing. Dispatcher implements it.
type Endpoints interface {
	// Status fails with catalog.ErrNotFound.
	Status(ctx context.Context, kind string, name catalog.Name) (dispatch.Status, error)
}

// New returns a teller. attempts is the log of attempts.
func New(broker *queue.Broker, definitions *catalog.Catalog, engine *rules.Engine, endpoints Endpoints, attempts queue.ID) *Teller {
	return &Teller{
		broker: broker, engine: engine, endpoints: endpoints, attempts: attempts, definitions: definitions,
		called: map[string]*catalog.Table[endpoint.Endpoint]{
			dispatch.KindFunction:     catalog.NewTable[endpoint.Endpoint](definitions, endpoint.FunctionTable),
			dispatch.KindSubscription: catalog.NewTable[endpoint.Endpoint](definitions, endpoint.SubscriptionTable),
		},
		destinations:  catalog.NewTable[destination.Destination](definitions, destination.Table),
		subscriptions: catalog.NewTable[topic.Subscription](definitions, topic.SubscriptionTable),
	}
}

// canonical returns an ID as keys have it, or an error wrapping ErrNotFound for what is no UUID in its usual form.
func canonical(id string) (string, error) {
	parsed, err := uuid.Parse(id)
	if err != nil || len(id) != len(uuid.Nil.String()) {
		return "", fmt.Errorf("%w: %q is no ID", ErrNotFound, id)
	}
	return parsed.String(), nil
}

// Event tells the story of an event that a bus of the account and region retains. Of one that is past its bus's retention,
// and of a message that was published to a topic, it tells what the records of attempts and the queues still know; those
// are looked for under at most 1000 subscriptions. It fails with [ErrNotFound].
func (t *Teller) Event(ctx context.Context, account, region, id string) (*Story, error) {
	id, err := canonical(id)
	if err != nil {
		return nil, err
	}
	if account == "" || region == "" { // in a query they would mean all of them
		return nil, fmt.Errorf("%w: %s", ErrNotFound, id)
	}
	s, err := t.retained(ctx, account, region, id)
	if s == nil && err == nil {
		s, err = t.message(ctx, account, region, id)
	}
	if s == nil && err == nil {
		err = fmt.Errorf("%w: %s", ErrNotFound, id)
	}
	return s, err
}

// retained tells an event that is in its bus's log; nil if it is in none.
func (t *Teller) retained(ctx context.Context, account, region, id string) (*Story, error) {
	buses, err := t.engine.Buses(catalog.Query{Account: account, Region: region})
	if err != nil {
		return nil, err
	}
	for _, bus := range buses {
		log, err := t.engine.LogOf(bus)
		if errors.Is(err, rules.ErrBusNotFound) { // deleted meanwhile
			continue
		}
		if err != nil {
			return nil, err
		}
		kept, err := t.findAll(ctx, log, id)
		if err != nil {
			return nil, err
		}
		if len(kept) == 0 {
			continue
		}
		s, err := t.tell(ctx, bus, kept)
		if errors.Is(err, rules.ErrBusNotFound) {
			continue
		}
		return s, err
	}
	return nil, nil
}

// entry is one of the entries of an event in its bus's log: the publish made one, and each replay another.
type entry struct {
	kept  *queue.Peeked
	match *rules.Match
}

// tell tells an event by its entries, the oldest first.
func (t *Teller) tell(ctx context.Context, bus catalog.Name, kept []queue.Peeked) (*Story, error) {
	entries := make([]entry, len(kept))
	first := 0 // the one of the publish, unless that is past the bus's retention
	for i := range kept {
		match, err := rules.DecodeMatch(&kept[i].Message)
		if err != nil {
			return nil, err
		}
		if entries[i] = (entry{&kept[i], match}); match.Replay == "" {
			first = i
		}
	}
	m, match := &kept[first].Message, entries[first].match
	ev, err := event.Parse(m.Body)
	if err != nil {
		return nil, fmt.Errorf("reading retained event %s: %w", m.ID, err)
	}
	verdicts, err := t.engine.Explain(ctx, bus, &ev)
	if err != nil {
		return nil, err
	}
	recorded, err := t.recorded(ctx, ev.ID)
	if err != nil {
		return nil, err
	}
	s := &Story{
		ID: ev.ID, Kind: KindEvent, Bus: bus.Name, Published: m.Sent.UTC(), Event: m.Body,
		Revision: match.Revision, Origin: match.Origin, Hops: match.Hops,
		Rules: tellRules(match, verdicts), Deliveries: []Delivery{},
	}
	if match.Replay != "" {
		s.Published = time.Time{}
		if made, err := event.IDTime(ev.ID); err == nil {
			s.Published = made.UTC()
		}
		s.Note = "what was made of it when it was published is not retained any more; the rules are told as of replay " + match.Replay
	}
	told := map[string]bool{}
	var transferred []rules.Later
	for _, of := range entries {
		if err := t.entry(ctx, s, bus, of, told, recorded); err != nil {
			return nil, err
		}
		later, err := t.engine.Later(ctx, bus, of.kept)
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, queue.ErrStoreClosed) {
				return nil, err
			}
			// One rule that can not be read is no reason to tell nothing.
			s.Note = "what rules got later may be missing: " + err.Error()
		}
		transferred = append(transferred, later...)
	}
	later, err := t.later(ctx, bus, ev.ID, transferred, told, recorded)
	if err != nil {
		return nil, err
	}
	s.Deliveries = append(s.Deliveries, later...)
	duplicates(s.Deliveries)
	s.finish()
	return s, nil
}

// entry adds what one of the event's entries tells.
func (t *Teller) entry(ctx context.Context, s *Story, bus catalog.Name, of entry, told map[string]bool, recorded map[string][]dispatch.Attempt) error {
	if match := of.match; match.Replay != "" {
		s.Replays = append(s.Replays, Replay{
			Replay: match.Replay, Replayed: of.kept.Message.Sent.UTC(), Revision: match.Revision,
			Matched: match.Names(), Only: match.ReplayRules,
		})
	}
	for _, rule := range of.match.Rules {
		for _, d := range rule.Deliveries {
			one, err := t.delivery(ctx, bus, s.ID, rule.Rule, d, recorded[d.ID])
			if err != nil {
				return err
			}
			one.Replay = of.match.Replay
			s.Deliveries = append(s.Deliveries, one)
			told[d.ID] = true
		}
	}
	return nil
}

// maxAnswers is how many bytes of answers' bodies a story has at most. Each may have 64 KiB, and there may be thousands.
const maxAnswers = 4 << 20

// finish sorts the deliveries and bounds the answers: the last ones of each delivery are kept.
func (s *Story) finish() {
	sortDeliveries(s.Deliveries)
	left := maxAnswers
	for back := 1; ; back++ {
		more := false
		for i := range s.Deliveries {
			attempts := s.Deliveries[i].Attempts
			if back > len(attempts) {
				continue
			}
			more = true
			r := attempts[len(attempts)-back].Response
			if r == nil {
				continue
			}
			if left -= len(r.Body); left < 0 && r.Body != "" {
				r.Body, r.Encoding, r.Truncated = "", "", true
			}
		}
		if !more {
			return
		}
	}
}

func sortDeliveries(all []Delivery) {
	slices.SortFunc(all, func(a, b Delivery) int {
		return cmp.Or(
			strings.Compare(a.Rule, b.Rule), strings.Compare(a.Subscription, b.Subscription),
			strings.Compare(a.Target, b.Target), strings.Compare(a.Replay, b.Replay), strings.Compare(a.ID, b.ID),
		)
	})
}

// recorded returns the recorded attempts of an event or topic message, by delivery, in the order in which they began.
func (t *Teller) recorded(ctx context.Context, origin string) (map[string][]dispatch.Attempt, error) {
	byDelivery := map[string][]dispatch.Attempt{}
	if t.attempts == 0 {
		return byDelivery, nil
	}
	entries, err := t.broker.Store().Get(ctx, t.broker.Now(), t.attempts, origin)
	if errors.Is(err, queue.ErrDropped) {
		return byDelivery, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the attempts of %s: %w", origin, err)
	}
	for i := range entries {
		a, err := dispatch.DecodeAttempt(entries[i].Message.Body)
		if err != nil {
			return nil, fmt.Errorf("reading the attempts of %s: %w", origin, err)
		}
		if a.Origin == origin { // keys are compared by their hash
			byDelivery[a.Delivery] = append(byDelivery[a.Delivery], a)
		}
	}
	for _, attempts := range byDelivery {
		// One that lost its lease is recorded late.
		slices.SortStableFunc(attempts, func(a, b dispatch.Attempt) int { return a.Started.Compare(b.Started) })
	}
	return byDelivery, nil
}

// find returns what was appended to a queue under a key; nil if it is not, or not any more, there.
func (t *Teller) find(ctx context.Context, q queue.ID, key string) (*queue.Peeked, error) {
	found, err := t.findAll(ctx, q, key)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return &found[0], nil
}

// findAll is find where there may be several, the oldest first.
func (t *Teller) findAll(ctx context.Context, q queue.ID, key string) ([]queue.Peeked, error) {
	if q == 0 {
		return nil, nil
	}
	found, err := t.broker.Store().Get(ctx, t.broker.Now(), q, key)
	if errors.Is(err, queue.ErrDropped) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("looking for %s: %w", key, err)
	}
	return found, nil
}

// findNamed is find in a queue by its name, which need not exist.
func (t *Teller) findNamed(ctx context.Context, name catalog.Name, key string) (*queue.Peeked, error) {
	q, err := t.broker.Lookup(name)
	if errors.Is(err, queue.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return t.find(ctx, q.ID, key)
}

// sibling names what is in the same account and region.
func sibling(of catalog.Name, name string) catalog.Name {
	return catalog.Name{Account: of.Account, Region: of.Region, Name: name}
}
