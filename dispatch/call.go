package dispatch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
	"github.com/signalbox-mq/signalbox/event"
	"github.com/signalbox-mq/signalbox/queue"
)

// delivery is a received message, read.
type delivery struct {
	lane    *lane
	spec    *spec
	message *queue.Message
	about   *endpoint.Delivery
	state   State
	id      string // the message's ID as text
	fault   error  // why it can not be read
	payload []byte // what is, or would be, sent
	policy  endpoint.RetryPolicy
	request endpoint.Request
	shown   Request // the request's head as it may be shown, once it was made
}

// read makes sense of a message in a delivery queue.
func read(l *lane, s *spec, m *queue.Message) *delivery {
	dv := &delivery{lane: l, spec: s, message: m, id: m.ID.String(), payload: m.Body, policy: s.endpoint.Retry}
	about, ok := m.SystemAttribute(endpoint.AttributeDelivery)
	if !ok {
		dv.fault = errors.New("the message does not say what it delivers")
	} else if dv.about, dv.fault = endpoint.DecodeDelivery(about.Value); dv.fault == nil && dv.about.Retry != nil {
		dv.policy = *dv.about.Retry
	}
	if dv.about == nil {
		dv.about = &endpoint.Delivery{Origin: dv.id, Account: l.name.Account, Region: l.name.Region, Published: m.Sent.UnixMilli()}
	}
	if dv.about.NoDeadLetter { // no message, but a confirmation: who answers that it is not found has not got it
		dv.policy.DeliveredBelow500 = false
	}
	// A state that can not be read is no reason to lose the delivery: its schedule starts anew.
	dv.state, _ = DecodeState(m.State)
	if l.kind == KindDestination { // whatever the target's policy is, what is tried again is what EventBridge does
		dv.policy.EventBridge = true
		dv.policy.PermanentAttempts = cmp.Or(dv.policy.PermanentAttempts, 1)
	}
	if dv.policy.EventBridge && dv.state.First.IsZero() {
		dv.state.First = m.Sent
	}
	return dv
}

// attempt makes one attempt and says what is to be done. It returns nil if the attempt was cut off.
func (d *Dispatcher) attempt(ctx context.Context, l *lane, s *spec, m *queue.Message) *outcome {
	dv := read(l, s, m)
	begun := d.broker.Now()
	if dv.fault != nil {
		return d.refuse(ctx, dv, begun, codeInvalidJSON, dv.fault)
	}
	if dv.policy.Expired(m.Sent, begun) {
		return d.expire(ctx, dv, begun)
	}
	res, err := d.try(ctx, dv)
	if permanent, ok := errors.AsType[*PermanentError](err); ok {
		return d.refuse(ctx, dv, begun, cmp.Or(permanent.Code, codeClient), permanent)
	}
	step := endpoint.Decide(res, dv.policy, dv.state.History, d.broker.Now(), rand.Float64)
	if err != nil {
		step.Verdict.Reason = cut(err.Error(), 1024)
	}
	d.learn(ctx, l, &res, &step)
	if step.Action == endpoint.ActionRelease {
		return nil
	}
	o := &outcome{lane: l, settlement: queue.Settlement{Receipt: m.Receipt}}
	a := d.record(dv, begun, &res, &step)
	switch step.Action {
	case endpoint.ActionDone:
		a.Outcome = OutcomeDelivered
		o.settlement.Action = queue.Ack
	case endpoint.ActionRetry:
		d.retryAt(o, a, dv, &step, &res, d.broker.Now().Add(step.Delay))
	case endpoint.ActionGiveUp:
		a.Outcome, a.GiveUp = OutcomeDeadLettered, step.GiveUp
		if step.Verdict.Kind == endpoint.Disable {
			a.Outcome = OutcomeDisabled
			d.disableGone(ctx, dv, step.Verdict.Reason)
		}
		a.Code = errorCode(&res)
		dl := &endpoint.DeadLetter{
			Code: a.Code, Message: step.Verdict.Reason, Attempts: step.History.Attempts,
			Exhausted: exhausted(step.GiveUp), Status: res.Status, Class: res.Class, Response: res.Body,
		}
		if err := d.giveUp(ctx, o, a, dv, dl); err != nil {
			// No dead-letter queue can be had now. It is not lost: the next attempt gives up again.
			d.cfg.OnFault(err)
			a.GiveUp, a.Code = "", ""
			d.retryAt(o, a, dv, &step, &res, d.broker.Now().Add(deadLetterPause))
		}
	}
	o.attempt = a
	return o
}

// try makes an attempt. An error that is a *PermanentError says why there can be none that makes sense, any other is the reason
// why it failed, which the result does not tell.
func (d *Dispatcher) try(ctx context.Context, dv *delivery) (endpoint.Result, error) {
	switch s := dv.spec; {
	case s.sender != nil:
		return d.pass(ctx, dv)
	case s.caller != nil:
		called, err := s.caller.Call(ctx, dv.about, dv.message.Body)
		if err != nil {
			return called.Result, &PermanentError{Code: codeParameter, Err: err}
		}
		dv.shown = Request{URL: called.URL, Header: called.Header}
		return called.Result, nil
	}
	if err := dv.prepare(); err != nil {
		return endpoint.Result{}, &PermanentError{Code: codeInvalidJSON, Err: err}
	}
	res := d.client.Do(ctx, dv.request)
	dv.shown = Request{URL: dv.spec.shownURL, Header: dv.spec.shownHeader(res.Sent)}
	return res, nil
}

// pass makes an attempt to pass an event on to a topic or a bus.
func (d *Dispatcher) pass(ctx context.Context, dv *delivery) (res endpoint.Result, err error) {
	if dv.about.Hops+1 > endpoint.MaxHops {
		return res, &PermanentError{Code: codeLoop, Err: fmt.Errorf(
			"the event has passed through %d topics and buses, which is taken for a loop", dv.about.Hops)}
	}
	ev, err := event.Parse(dv.message.Body)
	if err != nil {
		return res, &PermanentError{Code: codeInvalidJSON, Err: err}
	}
	err = d.send(ctx, dv, ev, &res)
	switch _, permanent := errors.AsType[*PermanentError](err); {
	case err == nil:
	case ctx.Err() != nil:
		res.Class = endpoint.ClassInterrupted
		err = nil
	case !permanent:
		err = fmt.Errorf("%s %s did not take the event: %w", dv.lane.kind, dv.lane.name.Name, err)
	}
	return res, err
}

// deadLetterPause is how long a delivery waits that could not be dead-lettered.
const deadLetterPause = 10 * time.Second

func (d *Dispatcher) retryAt(o *outcome, a *Attempt, dv *delivery, step *endpoint.Step, res *endpoint.Result, at time.Time) {
	a.Outcome, a.Next = OutcomeRetry, at
	o.settlement.Action, o.settlement.NotBefore = queue.Release, at
	o.settlement.State = State{
		History: step.History, Due: at,
		Status: res.Status, Class: res.Class, Reason: step.Verdict.Reason, At: d.broker.Now(),
	}.encode()
}

// send passes an event on to a topic or a bus.
func (d *Dispatcher) send(ctx context.Context, dv *delivery, ev event.Event, res *endpoint.Result) error {
	hop := *dv.about
	hop.Hops++
	start := time.Now()
	sending, cancel := context.WithTimeout(ctx, senderTimeout)
	defer cancel()
	err := dv.spec.sender.Send(sending, dv.lane.name, ev, &hop, dv.id)
	res.Phases.Total = time.Since(start)
	if err != nil {
		res.Class, res.Err = endpoint.ClassLocal, err
	}
	return err
}

// learn draws conclusions about the endpoint from an attempt.
func (d *Dispatcher) learn(ctx context.Context, l *lane, res *endpoint.Result, step *endpoint.Step) {
	now := time.Now()
	var waiting int64 = -1
	var opened, closed bool
	d.mu.Lock()
	if l.pace == 0 {
		l.pace = res.Phases.Total
	}
	l.pace += (res.Phases.Total - l.pace) / paceWeight
	switch {
	case step.Verdict.Kind == endpoint.Interrupted:
	case step.Verdict.Kind == endpoint.Delivered:
		l.delivered++
		closed = l.breaker.success(now)
	default:
		l.failed++
		l.lastFailure = Failure{At: now, Status: res.Status, Class: res.Class, Reason: step.Verdict.Reason}
		switch {
		case step.Verdict.Kind == endpoint.Retry && res.Class.EndpointAtFault():
			opened = l.breaker.failure(now)
			if opened {
				l.window = 1
				d.flushLocked(l)
			}
		case step.Verdict.Kind == endpoint.Permanent && res.Status != 0:
			// It refused this delivery, quickly and on purpose: it is alive.
			closed = l.breaker.success(now)
		}
	}
	switch {
	case step.Verdict.Kind == endpoint.Delivered || (step.Verdict.Kind == endpoint.Permanent && res.Status != 0):
		l.window = min(l.window+1, l.spec.limit)
	case overloaded(res.Status):
		l.window = max(l.window/2, 1)
	}
	probed := l.breaker.open && !opened
	if probed {
		l.breaker.space(now, 1)
		waiting = 0
	}
	until := l.breaker.until
	d.mu.Unlock()

	if probed {
		// How many wait decides how soon the next probe may be. Until that is known the pause is the long one.
		if stats, err := d.store.Stats(ctx, d.broker.Now(), []queue.ID{l.id}); err == nil {
			waiting = stats[0].Ready
		}
		d.mu.Lock()
		if l.breaker.open && l.breaker.until.Equal(until) {
			l.breaker.space(now, waiting)
		}
		d.mu.Unlock()
	}
	change := StateChange{Kind: l.kind, Name: l.name, Reason: step.Verdict.Reason, At: d.broker.Now()}
	switch {
	case opened:
		change.Change = BreakerOpened
	case closed:
		change.Change = BreakerClosed
	default:
		return
	}
	d.cfg.OnStateChange(change)
}

// overloaded says whether a status means "less, please".
func overloaded(status int) bool {
	return status == 429 || status == 502 || status == 503 || status == 504
}

// record describes an attempt, but for its outcome.
func (d *Dispatcher) record(dv *delivery, begun time.Time, res *endpoint.Result, step *endpoint.Step) *Attempt {
	a := d.describe(dv, begun)
	a.Number = step.History.Attempts
	a.Status, a.Class, a.Reason = res.Status, res.Class, step.Verdict.Reason
	a.Durations.DNS, a.Durations.Connect, a.Durations.TLS = res.Phases.DNS, res.Phases.Connect, res.Phases.TLS
	a.Durations.TTFB, a.Durations.Total = res.Phases.TTFB, res.Phases.Total
	a.Remote, a.Resent = res.Phases.Remote, res.Phases.Resent
	if dv.spec.sender == nil {
		a.Request = dv.shown
		a.Response = Response{Header: res.Header, Body: res.Body, Truncated: res.Truncated}
	}
	return a
}

// describe says what a delivery is and where it goes.
func (d *Dispatcher) describe(dv *delivery, begun time.Time) *Attempt {
	due := dv.state.Due
	if due.IsZero() {
		due = dv.about.PublishedAt()
	}
	return &Attempt{
		Delivery: dv.id, Origin: dv.about.Origin,
		Kind: dv.lane.kind, Endpoint: dv.lane.name.Name, Account: dv.lane.name.Account, Region: dv.lane.name.Region,
		Bus: dv.about.Bus, Rule: dv.about.Rule, Target: dv.about.Target,
		Topic: dv.about.Topic, Subscription: dv.about.Subscription, Group: dv.message.Group,
		Started: begun, Durations: Durations{Wait: max(begun.Sub(due), 0)},
	}
}

// refuse dead-letters a delivery for which no attempt can be made, or none that makes sense.
func (d *Dispatcher) refuse(ctx context.Context, dv *delivery, begun time.Time, code string, reason error) *outcome {
	a := d.describe(dv, begun)
	a.Code, a.Reason = code, cut(reason.Error(), 1024)
	return d.bury(ctx, dv, a, &endpoint.DeadLetter{Code: code, Message: a.Reason, Attempts: dv.state.Attempts})
}

// expire dead-letters a delivery that has become too old while it waited for an attempt.
func (d *Dispatcher) expire(ctx context.Context, dv *delivery, begun time.Time) *outcome {
	a := d.describe(dv, begun)
	a.GiveUp, a.Code = endpoint.GiveUpAge, codeThrottling
	a.Reason = fmt.Sprintf("it has waited for longer than %s", dv.policy.MaxAge)
	if s := &dv.state; s.Attempts > 0 {
		a.Code = errorCode(&endpoint.Result{Status: s.Status, Class: s.Class})
		a.Reason = cut(a.Reason+"; the last attempt: "+s.Reason, 1024)
	}
	return d.bury(ctx, dv, a, &endpoint.DeadLetter{
		Code: a.Code, Message: a.Reason, Attempts: dv.state.Attempts, Exhausted: exhausted(a.GiveUp),
		Status: dv.state.Status, Class: dv.state.Class,
	})
}

// bury dead-letters a delivery without an attempt.
func (d *Dispatcher) bury(ctx context.Context, dv *delivery, a *Attempt, dl *endpoint.DeadLetter) *outcome {
	o := &outcome{lane: dv.lane, settlement: queue.Settlement{Receipt: dv.message.Receipt}}
	a.Outcome = OutcomeDeadLettered
	if err := d.giveUp(ctx, o, a, dv, dl); err != nil {
		d.cfg.OnFault(err)
		o.settlement = queue.Settlement{
			Receipt: dv.message.Receipt, Action: queue.Release, NotBefore: d.broker.Now().Add(deadLetterPause),
		}
		return o
	}
	o.attempt = a
	return o
}

// disableGone disables an endpoint that answered 410.
func (d *Dispatcher) disableGone(ctx context.Context, dv *delivery, reason string) {
	recordID, _ := dv.lane.id.RecordID()
	disabled := &Disabling{
		By: ByEndpoint, Reason: reason, Since: d.broker.Now(), URL: digestURL(dv.spec.endpoint.URL),
	}
	d.mu.Lock()
	// At once here, so that nothing else is sent while it is written.
	current := dv.lane.spec.endpoint.URL == dv.spec.endpoint.URL && dv.lane.disabled == nil
	if current {
		dv.lane.disabled = disabled
		d.flushLocked(dv.lane)
	}
	d.mu.Unlock()
	if !current {
		return
	}
	d.cfg.OnStateChange(StateChange{
		Kind: dv.lane.kind, Name: dv.lane.name, Change: Disabled, Reason: reason, At: disabled.Since,
	})
	if err := d.setDisabled(ctx, dv.lane.kind, dv.lane.name, disabled, recordID); err != nil && ctx.Err() == nil {
		d.cfg.OnFault(fmt.Errorf("disabling %s %s: %w", dv.lane.kind, dv.lane.name.Name, err))
	}
}
