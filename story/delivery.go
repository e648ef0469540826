package story

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/signalbox-mq/signalbox/dispatch"
	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
	"github.com/signalbox-mq/signalbox/duration"
	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/rules"
	"github.com/signalbox-mq/signalbox/topic"
)

// delivery tells one that the event's own record names.
func (t *Teller) delivery(ctx context.Context, bus catalog.Name, origin, rule string, d rules.Delivery, attempts []dispatch.Attempt) (Delivery, error) {
	told := Delivery{ID: d.ID, Rule: rule, Target: d.Target, Kind: d.Kind, Name: d.Name}
	switch {
	case d.Error != "":
		there, err := t.find(ctx, d.Queue, d.ID)
		if err != nil {
			return told, err
		}
		told.Status, told.Reason = DeadLettered, d.Error
		told.DeadLetter = &DeadLetter{Queue: d.DeadLetter, There: there != nil}
		return told, nil
	case d.Kind == rules.KindQueue:
		return told, t.inQueue(ctx, bus, d.Queue, &told)
	}
	return told, t.toEndpoint(ctx, bus, origin, d.Queue, attempts, &told)
}

// inQueue tells what became of a message in a queue that is a target.
func (t *Teller) inQueue(ctx context.Context, at catalog.Name, q queue.ID, told *Delivery) error {
	found, err := t.find(ctx, q, told.ID)
	if err != nil {
		return err
	}
	if found != nil {
		switch found.Status {
		case queue.InFlight:
			told.Status = Received
			told.Next = &Next{At: found.Due, Reason: "it may be received again, unless it is deleted before"}
		case queue.Delayed:
			told.Status = Queued
			told.Next = &Next{At: found.Due, Reason: "it may be received"}
		default:
			told.Status = Queued
		}
		return nil
	}
	told.Status, told.Reason = Consumed, "it is not in the queue any more: deleted by a consumer, expired or purged"
	target, err := t.broker.Lookup(sibling(at, told.Name))
	if errors.Is(err, queue.ErrNotFound) || err == nil && target.ID != q {
		told.Reason = "the queue was deleted"
		return nil
	}
	if err != nil || target.Definition.DeadLetter == nil {
		return err
	}
	dead := target.Definition.DeadLetter.Queue
	if found, err = t.findNamed(ctx, sibling(at, dead), told.ID); err != nil || found == nil {
		return err
	}
	told.Status, told.Reason = DeadLettered, fmt.Sprintf("it was received %d times and not deleted", target.Definition.DeadLetter.MaxReceives)
	told.DeadLetter = &DeadLetter{Queue: dead, There: true}
	return nil
}

// duplicates says of deliveries that are not in their FIFO queue that another one of the event may be the reason. All of
// them that the publish, or one replay, made have the same deduplication ID.
func duplicates(all []Delivery) {
	for i := range all {
		d := &all[i]
		if d.Kind != rules.KindQueue || d.Status != Consumed {
			continue
		}
		for j := range all {
			if other := &all[j]; i != j && other.Replay == d.Replay && other.Kind == d.Kind && other.Name == d.Name && len(d.Name) > 5 && d.Name[len(d.Name)-5:] == ".fifo" {
				d.Reason += "; or never was in it, as a duplicate of delivery " + other.ID
				break
			}
		}
	}
}

// toEndpoint tells what became of a delivery to a function, an HTTP subscription, a topic or a bus. q is its delivery queue, zero if unknown.
func (t *Teller) toEndpoint(ctx context.Context, at catalog.Name, origin string, q queue.ID, attempts []dispatch.Attempt, told *Delivery) error {
	found, err := t.find(ctx, q, told.ID)
	if err != nil {
		return err
	}
	if found == nil {
		if !decided(attempts) {
			// It may have ended between the look at the attempts and that at the queue.
			recorded, err := t.recorded(ctx, origin)
			if err != nil {
				return err
			}
			attempts = recorded[told.ID]
		}
		told.Attempts = tellAttempts(attempts)
		return t.ended(ctx, sibling(at, told.Name), attempts, told)
	}
	told.Attempts = tellAttempts(attempts)
	return t.waiting(ctx, sibling(at, told.Name), q, found, told)
}

// decided says whether attempts came to an end.
func decided(attempts []dispatch.Attempt) bool { return decisive(attempts) != nil }

// decisive returns the attempt that ended a delivery.
func decisive(attempts []dispatch.Attempt) *dispatch.Attempt {
	for i := len(attempts) - 1; i >= 0; i-- {
		switch attempts[i].Outcome {
		case dispatch.OutcomeDelivered, dispatch.OutcomeDeadLettered, dispatch.OutcomeDropped, dispatch.OutcomeDisabled:
			return &attempts[i]
		}
	}
	return nil
}

// waiting tells a delivery that is in its delivery queue.
func (t *Teller) waiting(ctx context.Context, name catalog.Name, q queue.ID, found *queue.Peeked, told *Delivery) error {
	// What can not be read tells nothing; the dispatcher goes on without it too.
	state, _ := dispatch.DecodeState(found.Message.State)
	told.Next = &Next{}
	if found.Due.After(t.broker.Now()) {
		told.Next.At = found.Due
	}
	made := max(state.Attempts, 0)
	switch {
	case found.Status == queue.InFlight:
		told.Status = InFlight
		told.Next.Reason = "an attempt is running, or about to; it is made again if nothing is heard of it by then"
		return nil
	case made > 0:
		told.Status, told.Reason = Retrying, state.Reason
	default:
		told.Status = Waiting
	}
	if told.Next.At.IsZero() {
		told.Next.Reason = "due now; what came before it and its endpoint's limits may hold it back"
		if found.Message.Group != "" {
			told.Next.Reason = "due now, after what came before it in its group; its endpoint's limits may hold it back"
		}
	}
	t.timetable(name, told, &found.Message, &state)

	id, ok := t.endpointID(told.Kind, name)
	if !ok || queue.IDFor(id, queue.Deliveries) != q {
		told.Next = &Next{Reason: fmt.Sprintf("the %s was deleted; what waits for it goes to the dead-letter queue", told.Kind)}
		return nil
	}
	status, err := t.endpoints.Status(ctx, told.Kind, name)
	if errors.Is(err, catalog.ErrNotFound) { // not dispatched here, or not yet
		return nil
	}
	if err != nil {
		return err
	}
	heldBack(&status, told.Next, t.broker.Now())
	return nil
}

// heldBack says what keeps an endpoint's deliveries waiting for longer than they have to.
func heldBack(status *dispatch.Status, next *Next, now time.Time) {
	switch due := !next.At.After(now); {
	case status.Disabled != nil:
		next.At = time.Time{}
		next.Reason = fmt.Sprintf("the %s is disabled", status.Kind)
		if !status.Disabled.Since.IsZero() {
			next.Reason += " since " + status.Disabled.Since.UTC().Format(time.RFC3339)
		}
		if status.Disabled.Reason != "" {
			next.Reason += " (" + status.Disabled.Reason + ")"
		}
		next.Reason += "; its deliveries wait until it is enabled"
	case status.Breaker.State == dispatch.BreakerIsOpen && (due || status.Breaker.Until.After(next.At)):
		next.At = status.Breaker.Until.UTC().Round(0)
		next.Reason = fmt.Sprintf("the breaker is open after %d failures in a row; then one attempt at a time is made until one succeeds", status.Breaker.Consecutive)
	case status.Breaker.State == dispatch.BreakerIsHalfOpen && due:
		next.Reason = fmt.Sprintf("the breaker is half-open after %d failures in a row: one attempt at a time is made until one succeeds", status.Breaker.Consecutive)
	}
}

// maxAfter is how many of the delays are told: EventBridge's policies have 185.
const maxAfter = 20

// timetable adds the attempts that are left.
func (t *Teller) timetable(name catalog.Name, told *Delivery, m *queue.Message, state *dispatch.State) {
	policy := endpoint.RetryPolicy{}
	if e := t.calledBy(told.Kind, name); e != nil {
		policy = e.Retry
	}
	if a, ok := m.SystemAttribute(endpoint.AttributeDelivery); ok {
		if d, err := endpoint.DecodeDelivery(a.Value); err == nil && d.Retry != nil {
			policy = *d.Retry
		}
	}
	policy = policy.WithDefaults()
	delays := policy.Delays()
	delays = delays[min(max(state.Attempts, 0), len(delays)):]
	if state.Permanent > 0 {
		delays = delays[:min(len(delays), max(policy.PermanentAttempts-state.Permanent-1, 0))]
	}
	told.Next.AttemptsLeft = 1 + len(delays)
	for _, d := range delays[:min(len(delays), maxAfter)] {
		told.Next.After = append(told.Next.After, duration.Of(d).String())
	}
	if policy.MaxAge > 0 && !state.First.IsZero() {
		told.Next.Until = state.First.Add(policy.MaxAge.Std()).UTC()
	}
}

// ended tells a delivery that is not in its queue: its last attempt says how it ended.
func (t *Teller) ended(ctx context.Context, name catalog.Name, attempts []dispatch.Attempt, told *Delivery) error {
	last := decisive(attempts)
	if last == nil {
		return t.lost(ctx, name, attempts, told)
	}
	told.Reason = last.Reason
	if last.Outcome == dispatch.OutcomeDelivered {
		told.Status = Delivered
		if last.Class == endpoint.ClassNone {
			told.Reason = "" // otherwise it says why such an answer counts
		}
		if told.Kind == rules.KindTopic {
			told.PassedOn = &PassedOn{Kind: KindMessage, ID: topic.PassedOnID(told.ID).String()}
		}
		return nil
	}
	if last.DeadLetter == "" {
		told.Status = Dropped
		return nil
	}
	there, err := t.findNamed(ctx, sibling(name, last.DeadLetter), told.ID)
	if err != nil {
		return err
	}
	told.Status = DeadLettered
	told.DeadLetter = &DeadLetter{Queue: last.DeadLetter, There: there != nil}
	return nil
}

// lost tells a delivery that neither is in its queue nor has a record of its end.
func (t *Teller) lost(ctx context.Context, name catalog.Name, attempts []dispatch.Attempt, told *Delivery) error {
	places := []string{queue.BuiltinDeadLetters}
	if e := t.calledBy(told.Kind, name); e != nil && e.DeadLetter != "" {
		places = append(places, e.DeadLetter)
	}
	if found, err := t.letter(ctx, name, places, told); found || err != nil {
		return err
	}
	told.Status = Unknown
	told.Reason = "it is not waiting any more and no attempt is recorded: its queue was purged, or the record is past its retention"
	if len(attempts) > 0 {
		told.Reason = "it is not waiting for another attempt any more: its queue was purged, or the record is past its retention"
	}
	if _, ok := t.endpointID(told.Kind, name); !ok && told.Kind != "" {
		told.Reason = fmt.Sprintf("the %s was deleted; what waited for it goes to the dead-letter queue", told.Kind)
	}
	return nil
}

// letter looks for a delivery's dead letter in queues by their names and tells it. It reports whether there is one.
func (t *Teller) letter(ctx context.Context, at catalog.Name, places []string, told *Delivery) (bool, error) {
	for _, place := range places {
		found, err := t.findNamed(ctx, sibling(at, place), told.ID)
		if err != nil {
			return false, err
		}
		if found != nil {
			told.Status, told.DeadLetter = DeadLettered, &DeadLetter{Queue: place, There: true}
			told.Reason = attribute(&found.Message, "ERROR_MESSAGE")
			return true, nil
		}
	}
	return false, nil
}

func attribute(m *queue.Message, name string) string {
	a, _ := m.Attribute(name)
	return string(a.Value)
}

func tellAttempts(recorded []dispatch.Attempt) []Attempt {
	told := make([]Attempt, len(recorded))
	for i := range recorded {
		a := &recorded[i]
		told[i] = Attempt{
			Number: a.Number, Started: a.Started.UTC().Truncate(time.Microsecond), Outcome: a.Outcome, Status: a.Status,
			Class: string(a.Class), Reason: a.Reason, Code: a.Code, GaveUp: a.GiveUp, LeaseLost: a.LeaseLost,
			Durations: a.Durations, Remote: a.Remote, Request: a.Request,
		}
		if !a.Next.IsZero() {
			told[i].Next = a.Next.UTC().Truncate(time.Microsecond)
		}
		if !a.Response.IsZero() {
			r := &Response{Header: a.Response.Header, Body: string(a.Response.Body), Truncated: a.Response.Truncated}
			if !utf8.Valid(a.Response.Body) {
				r.Body, r.Encoding = base64.StdEncoding.EncodeToString(a.Response.Body), "base64"
			}
			told[i].Response = r
		}
	}
	return told
}
