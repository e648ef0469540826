package dispatch

import (
	"context"
	"net/http"
	"strings"

	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
)

// Values of ERROR_CODE. All but LOOP are AWS's.
const (
	codeTimeout     = "TIMEOUT"
	codeConnection  = "CONNECTION_FAILURE"
	codeThrottling  = "THROTTLING"
	codePermissions = "NO_PERMISSIONS"
	codeResource    = "NO_RESOURCE"
	codeClient      = "SDK_CLIENT_ERROR"
	codeInvalidJSON = "INVALID_JSON"
	codeParameter   = "INVALID_PARAMETER"
	codeLoop        = "LOOP"
)

// errorCode is the ERROR_CODE of a failed attempt.
func errorCode(res *endpoint.Result) string {
	switch res.Class {
	case endpoint.ClassTimeout:
		return codeTimeout
	case endpoint.ClassDNS, endpoint.ClassRefused, endpoint.ClassUnreachable, endpoint.ClassReset, endpoint.ClassTLS,
		endpoint.ClassBody, endpoint.ClassProtocol:
		return codeConnection
	case endpoint.ClassEgress, endpoint.ClassAuthorization:
		return codePermissions
	}
	switch res.Status {
	case http.StatusTooManyRequests:
		return codeThrottling
	case http.StatusUnauthorized, http.StatusForbidden:
		return codePermissions
	case http.StatusNotFound, http.StatusGone:
		return codeResource
	}
	return codeClient
}

// exhausted is EXHAUSTED_RETRY_CONDITION, in AWS's words.
func exhausted(why endpoint.GiveUp) string {
	switch why {
	case endpoint.GiveUpAttempts:
		return "MaximumRetryAttempts"
	case endpoint.GiveUpAge:
		return "MaximumEventAgeInSeconds"
	}
	return ""
}

// giveUp completes a dead letter and makes the outcome a move to the dead-letter queue. A bare one is left as it is, but for
// the built-in queue: there it would be one of many that nobody could tell apart.
func (d *Dispatcher) giveUp(ctx context.Context, o *outcome, a *Attempt, dv *delivery, dl *endpoint.DeadLetter) error {
	name := dv.about.DeadLetter
	if name == "" {
		name = dv.spec.endpoint.DeadLetter
	}
	q, err := d.broker.DeadLetterQueue(ctx, dv.about.Account, dv.about.Region, name)
	if err != nil {
		return err
	}
	switch about := dv.about; {
	case about.Rule != "":
		dl.RuleARN = endpoint.RuleARN(about.Account, about.Region, about.Bus, about.Rule)
	case about.Topic != "":
		dl.RuleARN = endpoint.TopicARN(about.Account, about.Region, about.Topic)
	}
	dl.TargetARN = dv.lane.arn(dv.spec)
	dl.Origin, dl.Delivery = dv.about.Origin, dv.id
	to := &queue.Destination{
		Queue: q.ID, Kind: q.Definition.Kind(),
		// The same ID, given anew: so the letter's age and receive count begin where it arrives, and a delivery that was tried
		// for days does not expire there at once.
		NewID: dv.message.ID,
		Body:  dv.payload,
		Key:   dv.id,
	}
	if to.Body == nil {
		to.Body = []byte{} // an event without data; nil would leave the event
	}
	reasons := &to.Attributes
	if dv.about.Bare && q.Name.Name == dv.about.DeadLetter {
		reasons = &o.reasons
	}
	dl.Each(func(name, typ, value string) {
		*reasons = append(*reasons, queue.Attribute{Name: name, Type: typ, Value: []byte(value)})
	})
	o.settlement.Action, o.settlement.To = queue.Move, to
	o.fallback = catalog.Name{Account: dv.about.Account, Region: dv.about.Region}
	a.DeadLetter = q.Name.Name
	return nil
}

// arn is how a dead letter names the endpoint; empty if nobody knows any more what it was.
func (l *lane) arn(s *spec) string {
	n := l.name
	if n.Name == "" {
		return ""
	}
	if s.arn != "" {
		return s.arn
	}
	if l.kind != KindSubscription {
		return endpoint.TargetARN(n.Account, n.Region, l.kind, n.Name)
	}
	topic, id, _ := strings.Cut(n.Name, "/")
	if uuid := s.endpoint.Name; !strings.Contains(uuid, "/") && uuid != "" {
		id = uuid // which is not always the subscription's own ID
	}
	return endpoint.SubscriptionARN(n.Account, n.Region, topic, id)
}
