package events

import (
	"context"
	"errors"
	"time"

	"github.com/signalbox-mq/signalbox/event"
	"github.com/signalbox-mq/signalbox/httpapi/awsapi"
	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/rules"
)

func (a *API) putEvents(ctx context.Context, r *awsapi.Request, in *putEventsInput) (*putEventsOutput, error) {
	if in.EndpointID != "" {
		return nil, notSupported("EndpointId", "the router has no global endpoints")
	}
	if len(in.Entries) > maxEntries {
		return nil, validation("1 validation error detected: Value '%s' at 'entries' failed to satisfy constraint: Member must have length less than or equal to %d", javaList(in.Entries), maxEntries)
	}
	size := 0
	for i := range in.Entries {
		size += in.Entries[i].size()
	}
	if size > event.MaxSize {
		return nil, validation("Total size of the entries in the request is over the limit.")
	}
	p := putting{
		api: a, entries: in.Entries,
		intake:  event.Intake{Now: a.broker.Now(), Account: r.Account, Region: r.Region},
		answers: make([]putEntry, len(in.Entries)),
		events:  make([]event.Event, 0, len(in.Entries)),
		memory:  make([]byte, 0, size),
	}
	traced := r.Trace != "" && len(r.Trace) <= maxTraceHeader
	for i := range p.entries {
		p.bus[i] = p.busOf(r, i)
		traced = traced || p.entries[i].TraceHeader != nil
	}
	if traced {
		p.traces = make([]string, 0, len(in.Entries))
	}
	for i := range p.entries {
		if p.done[i] {
			continue
		}
		if err := p.put(ctx, r, i); err != nil {
			return nil, err
		}
	}
	out := &putEventsOutput{Entries: p.answers}
	failed := 0
	for i := range p.answers {
		if p.answers[i].EventID == "" {
			failed++
		}
	}
	out.FailedCount = awsapi.IntOf(int64(failed))
	return out, nil
}

// putting is a request to put events, on its way.
type putting struct {
	api     *API
	entries []entry
	intake  event.Intake
	answers []putEntry
	// events are those of all buses, and memory what their details are in: the request's is used again, and events are told of.
	events []event.Event
	memory []byte
	// traces are the headers X-Amzn-Trace-Id of the events; nil if none has one.
	traces []string
	bus    [maxEntries]catalog.Name
	done   [maxEntries]bool
}

// busOf is the bus of an entry.
func (p *putting) busOf(r *awsapi.Request, i int) catalog.Name {
	if i > 0 && string(p.entries[i].BusName) == string(p.entries[i-1].BusName) {
		return p.bus[i-1]
	}
	return busName(r, string(p.entries[i].BusName))
}

// put puts all entries for the bus of the first one that is not done.
func (p *putting) put(ctx context.Context, r *awsapi.Request, first int) error {
	var at [maxEntries]int
	begin := len(p.events)
	for i := first; i < len(p.entries); i++ {
		if p.done[i] || p.bus[i] != p.bus[first] {
			continue
		}
		p.done[i] = true
		ev, fault := p.event(i)
		if fault.Code != "" {
			p.answers[i] = fault
			continue
		}
		at[len(p.events)-begin] = i
		p.events = append(p.events, ev)
		if p.traces != nil {
			p.traces = append(p.traces, traceOf(r, &p.entries[i]))
		}
	}
	events := p.events[begin:]
	if len(events) == 0 {
		return nil
	}
	publish := rules.Publish{Bus: p.bus[first], Events: events}
	if p.traces != nil {
		publish.Traces = p.traces[begin:]
	}
	return p.publish(ctx, r, publish, at[:len(events)])
}

// traceOf is the header that goes along with an entry: its own, or else the request's.
func traceOf(r *awsapi.Request, e *entry) string {
	switch {
	case len(e.TraceHeader) > 0:
		return string(e.TraceHeader)
	case len(r.Trace) <= maxTraceHeader:
		return r.Trace
	}
	return ""
}

// publish publishes events to a bus, and answers the entries where they are at.
func (p *putting) publish(ctx context.Context, r *awsapi.Request, all rules.Publish, at []int) error {
	published, err := p.api.rules.Publish(ctx, all)
	if err == nil {
		for i := range published {
			p.answers[at[i]].EventID = published[i].ID
		}
		return nil
	}
	_, invalid := errors.AsType[*rules.InvalidError](err)
	switch {
	case ctx.Err() != nil:
		return err
	case errors.Is(err, rules.ErrBusNotFound): // it vanishes, as on AWS
		for i := range all.Events {
			p.answers[at[i]].EventID = all.Events[i].ID
		}
		return nil
	case invalid && len(all.Events) > 1: // one of them is at fault, or only all together
		for i := range all.Events {
			one := rules.Publish{Bus: all.Bus, Events: all.Events[i : i+1]}
			if all.Traces != nil {
				one.Traces = all.Traces[i : i+1]
			}
			if err := p.publish(ctx, r, one, at[i:i+1]); err != nil {
				return err
			}
		}
		return nil
	}
	fault := p.api.putFault(r, err)
	for _, i := range at {
		p.answers[i] = fault
	}
	return nil
}

// putFault is what the publisher is told of a bus that did not take an entry.
func (a *API) putFault(r *awsapi.Request, err error) putEntry {
	if e, ok := errors.AsType[*rules.InvalidError](err); ok {
		return putEntry{Code: "InvalidArgument", Message: awsapi.Clip(e.Error()) + "."}
	}
	e := errorOf(err)
	switch {
	case errors.Is(err, queue.ErrStoreFull):
		return putEntry{Code: "ThrottlingException", Message: e.Message}
	case e == nil:
		a.log.Error().Err(err).Str("request_id", r.ID).Str("operation", "PutEvents").Msg("entries failed")
		e = awsapi.InternalFailure()
	}
	return putEntry{Code: "InternalFailure", Message: e.Message}
}

// event makes an event of an entry, or says what is wrong with it.
func (p *putting) event(i int) (event.Event, putEntry) {
	given := &p.entries[i]
	if fault := given.fault(); fault.Code != "" {
		return event.Event{}, fault
	}
	begin := len(p.memory)
	p.memory = append(p.memory, given.Detail...)
	detail, err := event.CompactJSON(p.memory[begin:len(p.memory):len(p.memory)])
	if err != nil || detail[0] != '{' {
		return event.Event{}, putEntry{Code: "MalformedDetail", Message: "Detail is malformed."}
	}
	ev := event.Event{Detail: detail, Resources: given.Resources, Time: given.Time.Truncate(time.Second)}
	if n := len(p.events); n > 0 { // many have the same
		ev.Source, ev.Type = p.events[n-1].Source, p.events[n-1].Type
	}
	if ev.Source != string(given.Source) {
		ev.Source = string(given.Source)
	}
	if ev.Type != string(given.DetailType) {
		ev.Type = string(given.DetailType)
	}
	p.intake.Stamp(&ev)
	return ev, putEntry{}
}
