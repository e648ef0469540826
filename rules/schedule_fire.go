package rules

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
	"github.com/signalbox-mq/signalbox/event"
	"github.com/signalbox-mq/signalbox/queue/catalog"
)

// What the event of a schedule says, as in EventBridge.
const (
	scheduledSource = "aws.events"
	scheduledType   = "Scheduled Event"
)

// fireWindow is for how long it is known that a time was fired, apart from the log of the bus. It bounds what there is to remember.
const fireWindow = time.Hour

// errNotScheduled says that the rule is not due by that timetable any more.
var errNotScheduled = errors.New("rule has another schedule")

// fire publishes the event of one time at which a rule was due, durably, to the rule alone. Within fireWindow of the first
// call it does nothing the next time. It fails with errNotScheduled if the rule has changed meanwhile.
func (e *Engine) fire(ctx context.Context, bus catalog.Name, plan *planned, due time.Time) error {
	var done progress
	defer e.tell(bus, &done)
	err := e.matching(ctx, bus, func() error { return e.fireOnce(ctx, bus, plan, due, &done) })
	if err != nil {
		return fmt.Errorf("firing rule %s of bus %s: %w", plan.Rule, bus.Name, err)
	}
	return nil
}

func (e *Engine) fireOnce(ctx context.Context, name catalog.Name, plan *planned, due time.Time, done *progress) error {
	// As of a publish, so that nothing is fired by an older rule once the change of it is answered. See publish.
	defer e.publishing.Leave(e.publishing.Enter())

	snap, bus, err := e.bus(ctx, name)
	if err != nil {
		return err
	}
	rule := bus.rule(plan.RuleID)
	if !rule.scheduled() || rule.timetable.key != plan.Key {
		return errNotScheduled
	}
	ev := event.Event{
		ID: dueID(plan.Key, due), Source: scheduledSource, Type: scheduledType, Time: due.UTC(),
		Account: name.Account, Region: name.Region, Detail: json.RawMessage("{}"),
		Resources: []string{endpoint.RuleARN(name.Account, name.Region, name.Name, rule.name)},
	}
	one := newCommit(e, snap, bus, &Publish{Token: "schedule\x00" + ev.ID, Window: fireWindow}, done)
	match := &Match{Revision: snap.revision, Schedule: rule.timetable.expression.String()}
	if err := one.put(ctx, &outgoing{event: &ev, json: envelope(&ev)}, match, []*compiledRule{rule}, nil); err != nil {
		return err
	}
	return one.flush(ctx)
}

// dueID is the ID of the event of a time at which a rule was due: the same however often it is computed, so that the log of the
// bus knows whether it was fired. It is a UUIDv7 of that time.
func dueID(key string, due time.Time) string {
	seconds := due.Unix()
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%d", key, seconds))
	id := uuid.UUID(sum[:16])
	var ms [8]byte
	binary.BigEndian.PutUint64(ms[:], uint64(seconds*1000)<<16)
	copy(id[:6], ms[:6])
	id[6] = id[6]&0x0f | 0x70
	id[8] = id[8]&0x3f | 0x80
	return id.String()
}
