package topic

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
	"github.com/signalbox-mq/signalbox/queue"
)

// Types of what is sent over HTTP, as SNS names them.
const (
	typeNotification = "Notification"
	confirmSubscribe = "SubscriptionConfirmation"
	confirmRemoval   = "UnsubscribeConfirmation"
)

// sendConfirmation puts the confirmation that a pending subscription waits for into its delivery queue. It is never a dead letter:
// whoever may read the queue could confirm with its token what only the endpoint may confirm. An UnsubscribeConfirmation is sent
// once for a token, however often this is called as long as that is good.
func (t *Topics) sendConfirmation(ctx context.Context, e *SubscriptionEntry, kind string) error {
	state, err := t.topic(ctx, e.Topic)
	if err != nil {
		return err
	}
	record, ok, err := t.definitions.Find(ctx, endpoint.SubscriptionTable, SubscriptionName(e.Topic, e.ID))
	if err != nil {
		return err
	}
	if !ok {
		return nil // unsubscribed meanwhile
	}
	id, now := queue.NewMessageID(), t.broker.Now()
	body, err := t.confirmation(ctx, state, e, kind, id.String(), now)
	if err != nil {
		return err
	}
	header := httpHeader(kind, id.String(), state.arn)
	if kind != confirmSubscribe {
		header[headerSubscription] = e.ARN()
	}
	delivery := endpoint.Delivery{
		Origin: id.String(), Account: e.Topic.Account, Region: e.Topic.Region, Topic: e.Topic.Name, Subscription: e.ID,
		Published: now.UnixMilli(), NoDeadLetter: true, Verbatim: &endpoint.Verbatim{ContentType: endpoint.DefaultPolicyContentType, Header: header},
	}
	req := queue.AppendRequest{Now: now, Entries: []queue.Entry{{
		Queue: queue.IDFor(record.ID, queue.Deliveries), Kind: queue.FIFO, Key: id.String(),
		Message: queue.Message{ID: id, Body: body, System: []queue.Attribute{
			{Name: endpoint.AttributeDelivery, Type: "String", Value: delivery.Encode()},
		}},
	}}}
	if kind == confirmRemoval {
		token := sha256.Sum256([]byte(e.Subscription.Pending.Token))
		req.Token, req.TokenWindow = fmt.Sprintf("topic/%d/removal/%s", state.id, hex.EncodeToString(token[:])), MaxWindow
	}
	if _, err = t.broker.Store().Append(ctx, req); err != nil {
		return fmt.Errorf("sending a %s of topic %s: %w", kind, e.Topic.Name, err)
	}
	return nil
}

// confirmation is the body of a confirmation.
func (t *Topics) confirmation(ctx context.Context, state *topicState, e *SubscriptionEntry, kind, id string, now time.Time) ([]byte, error) {
	token := e.Subscription.Pending.Token
	url := t.publicURL() + "/?Action=ConfirmSubscription&TopicArn=" + state.arn + "&Token=" + token
	text := "You have chosen to subscribe to the topic " + state.arn +
		".\nTo confirm the subscription, visit the SubscribeURL included in this message."
	if kind == confirmRemoval {
		text = "You have chosen to deactivate subscription " + e.ARN() +
			".\nTo cancel this operation and restore the subscription, visit the SubscribeURL included in this message."
	}
	timestamp := now.UTC().Format(timestampLayout)
	var canonical strings.Builder
	for _, member := range [...][2]string{
		{"Message", text}, {"MessageId", id}, {"SubscribeURL", url}, {"Timestamp", timestamp}, {"Token", token},
		{"TopicArn", state.arn}, {"Type", kind},
	} {
		canonical.WriteString(member[0] + "\n" + member[1] + "\n")
	}
	signed, err := t.sign(ctx, state, []byte(canonical.String()))
	if err != nil {
		return nil, err
	}
	var w envelopeWriter
	w.member("Type", kind)
	w.member("MessageId", id)
	w.member("Token", token)
	w.member("TopicArn", state.arn)
	w.member("Message", text)
	w.member("SubscribeURL", url)
	w.member("Timestamp", timestamp)
	w.signature(signed)
	return w.end(), nil
}
