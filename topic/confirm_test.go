package topic_test

import (
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/topic"
)

const hookURL = "https://user:secret@example.com/hook?a=b"

func TestConfirmation(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.topics.PublicURL = "https://mq.example.com"
	ctx := t.Context()
	entry, created, err := e.topics.Subscribe(ctx, named("alerts"), topic.Subscription{URL: hookURL, Raw: new(false)})
	if err != nil || !created || entry.Subscription.Pending == nil {
		t.Fatalf("%+v, %v, %v", entry, created, err)
	}
	if got := e.publishOne(topic.Message{Body: []byte("x")}).Matched; len(got) != 0 {
		t.Errorf("a pending subscription matched: %v", got)
	}
	deliveries, _ := e.deliveries(&entry)
	m := e.only(deliveries, queue.FIFO)
	var body map[string]string
	if err := json.Unmarshal(m.Body, &body); err != nil {
		t.Fatal(err)
	}
	token := entry.Subscription.Pending.Token
	const arn = "arn:aws:sns:eu-west-1:123456789012:alerts"
	verify(t, body, "Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
	for _, member := range []string{"Timestamp", "Signature", "SigningCertURL"} {
		delete(body, member)
	}
	want := map[string]string{
		"Type": "SubscriptionConfirmation", "MessageId": m.ID.String(), "Token": token, "TopicArn": arn, "SignatureVersion": "1",
		"SubscribeURL": "https://mq.example.com/?Action=ConfirmSubscription&TopicArn=" + arn + "&Token=" + token,
		"Message": "You have chosen to subscribe to the topic " + arn +
			".\nTo confirm the subscription, visit the SubscribeURL included in this message.",
	}
	if diff := cmp.Diff(want, body); diff != "" {
		t.Error(diff)
	}
	d := delivery(t, &m)
	wantHeader := map[string]string{
		"x-amz-sns-message-type": "SubscriptionConfirmation", "x-amz-sns-message-id": m.ID.String(), "x-amz-sns-topic-arn": arn,
		"User-Agent": "Amazon Simple Notification Service Agent", "Accept-Encoding": "gzip,deflate",
	}
	if diff := cmp.Diff(wantHeader, d.Verbatim.Header); diff != "" || d.Verbatim.ContentType != "text/plain; charset=UTF-8" {
		t.Errorf("%s: %s", d.Verbatim.ContentType, diff)
	}
	if d.Topic != "alerts" || d.Subscription != entry.ID || d.Origin != m.ID.String() || !d.NoDeadLetter {
		t.Errorf("delivery %+v", d)
	}

	for _, bad := range []string{"", "x", strings.Repeat("0", len(token)), token[:len(token)-2] + "00", token + "00"} {
		if _, err := e.topics.Confirm(ctx, named("alerts"), bad, false); !errors.Is(err, topic.ErrToken) {
			t.Errorf("token %q: %v", bad, err)
		}
	}
	if _, err := e.topics.Confirm(ctx, named("none"), token, false); !errors.Is(err, topic.ErrNotFound) {
		t.Errorf("of no topic: %v", err)
	}
	e.create("other", topic.Topic{})
	if _, err := e.topics.Confirm(ctx, named("other"), token, false); !errors.Is(err, topic.ErrToken) {
		t.Errorf("of another topic: %v", err)
	}
	for range 2 {
		confirmed, err := e.topics.Confirm(ctx, named("alerts"), token, false)
		if err != nil || confirmed.UUID != entry.UUID || confirmed.Subscription.Pending != nil {
			t.Errorf("%+v, %v", confirmed, err)
		}
	}
	if got := e.publishOne(topic.Message{Body: []byte("x")}).Matched; len(got) != 1 {
		t.Errorf("confirmed: matched %v", got)
	}
}

func TestSubscribeAgainSendsAgain(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	first := e.add("alerts", topic.Subscription{URL: hookURL})
	again, created, err := e.topics.Subscribe(t.Context(), named("alerts"), topic.Subscription{URL: hookURL})
	if err != nil || created || again.UUID != first.UUID || again.Subscription.Pending.Token != first.Subscription.Pending.Token {
		t.Errorf("%+v, %v, %v", again, created, err)
	}
	deliveries, _ := e.deliveries(&first)
	if n := len(e.messages(deliveries, queue.FIFO)); n != 2 {
		t.Errorf("%d confirmations, want 2", n)
	}
}

// The process dies after the subscription was written and before its confirmation was.
func TestConfirmationIsHealed(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	fault := errors.New("crash")
	e.store.failAppend = fault
	if _, _, err := e.topics.Subscribe(t.Context(), named("alerts"), topic.Subscription{URL: hookURL}); !errors.Is(err, fault) {
		t.Fatalf("%v, want the store's error", err)
	}
	e.store.failAppend = nil
	entry, created, err := e.topics.Subscribe(t.Context(), named("alerts"), topic.Subscription{URL: hookURL})
	if err != nil || created || entry.Subscription.Pending == nil {
		t.Fatalf("%+v, %v, %v", entry, created, err)
	}
	deliveries, _ := e.deliveries(&entry)
	e.only(deliveries, queue.FIFO)
	if _, err := e.topics.Confirm(t.Context(), named("alerts"), entry.Subscription.Pending.Token, false); err != nil {
		t.Error(err)
	}
}

func TestUnsubscribeAndRestore(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	ctx := t.Context()
	entry := e.confirmed("alerts", topic.Subscription{URL: hookURL})
	for range 2 {
		if err := e.topics.Unsubscribe(ctx, named("alerts"), entry.UUID, true); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := e.topics.Subscription(ctx, named("alerts"), entry.UUID); !errors.Is(err, topic.ErrSubscriptionNotFound) {
		t.Errorf("%v", err)
	}
	if got := e.publishOne(topic.Message{}).Matched; len(got) != 0 {
		t.Errorf("matched %v", got)
	}
	deliveries, _ := e.deliveries(&entry)
	m := e.only(deliveries, queue.FIFO)
	body := object(t, m.Body)
	if body["Type"] != "UnsubscribeConfirmation" || !strings.Contains(body["Message"].(string), "deactivate subscription "+entry.ARN()) ||
		delivery(t, &m).Verbatim.Header["x-amz-sns-subscription-arn"] != entry.ARN() || !delivery(t, &m).NoDeadLetter {
		t.Errorf("%s", m.Body)
	}
	link, err := url.Parse(body["SubscribeURL"].(string))
	if err != nil {
		t.Fatal(err)
	}
	restored, err := e.topics.Confirm(ctx, named("alerts"), link.Query().Get("Token"), true)
	if err != nil || restored.UUID != entry.UUID {
		t.Fatalf("%+v, %v", restored, err)
	}
	if got := e.publishOne(topic.Message{}).Matched; len(got) != 1 {
		t.Errorf("restored: matched %v", got)
	}
	if err := e.topics.Unsubscribe(ctx, named("alerts"), entry.UUID, true); !errors.Is(err, topic.ErrUnsubscribeDenied) {
		t.Errorf("by its URL: %v", err)
	}
	if err := e.topics.Unsubscribe(ctx, named("alerts"), entry.UUID, false); err != nil {
		t.Error(err)
	}
	// What was unsubscribed is subscribed again: a new one, as far as anybody can see.
	again, created, err := e.topics.Subscribe(ctx, named("alerts"), topic.Subscription{URL: hookURL, Raw: new(false)})
	if err != nil || !created || again.Subscription.Pending == nil || again.Subscription.Pending.Removed || *again.Subscription.Raw {
		t.Errorf("%+v, %v, %v", again, created, err)
	}
}

// The process dies after a subscription was ended and before the confirmation was sent: whoever comes first, the one who asked
// again or Sweep, sends it, once.
func TestRemovalIsConfirmed(t *testing.T) {
	t.Parallel()
	for _, again := range []string{"Unsubscribe", "Sweep"} {
		t.Run(again, func(t *testing.T) {
			t.Parallel()
			e := newEnv(t)
			entry := e.confirmed("alerts", topic.Subscription{URL: hookURL})
			unsubscribe := func() error { return e.topics.Unsubscribe(t.Context(), named("alerts"), entry.UUID, false) }
			fault := errors.New("crash")
			e.store.failAppend = fault
			if err := unsubscribe(); !errors.Is(err, fault) {
				t.Fatalf("%v, want the store's error", err)
			}
			e.store.failAppend = nil
			deliveries, _ := e.deliveries(&entry)
			if again == "Unsubscribe" {
				if err := unsubscribe(); err != nil {
					t.Error(err)
				}
				e.only(deliveries, queue.FIFO)
			}
			var appends int64
			for range 2 {
				appends = e.store.appends.Load()
				if err := e.topics.Sweep(t.Context()); err != nil {
					t.Error(err)
				}
			}
			if n := e.store.appends.Load() - appends; n != 0 {
				t.Errorf("the second sweep made %d appends", n)
			}
			m := e.only(deliveries, queue.FIFO)
			body := object(t, m.Body)
			if _, err := e.topics.Confirm(t.Context(), named("alerts"), body["Token"].(string), false); err != nil || body["Type"] != "UnsubscribeConfirmation" {
				t.Errorf("%v, %s", err, m.Body)
			}
		})
	}
}

func TestPendingIsForgotten(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	ctx := t.Context()
	age := func(entry *topic.SubscriptionEntry, by time.Duration) {
		t.Helper()
		name := topic.SubscriptionName(entry.Topic, entry.ID)
		if _, err := e.subscriptions.Update(ctx, name, func(s *topic.Subscription) error {
			s.Pending.Since = s.Pending.Since.Add(-by)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	entry := e.add("alerts", topic.Subscription{URL: hookURL})
	token := entry.Subscription.Pending.Token
	age(&entry, topic.TokenLife)
	if err := e.topics.Sweep(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := e.topics.Confirm(ctx, named("alerts"), token, false); !errors.Is(err, topic.ErrToken) {
		t.Errorf("an old token: %v", err)
	}
	if _, err := e.topics.Subscription(ctx, named("alerts"), entry.UUID); err != nil {
		t.Errorf("before its time: %v", err)
	}
	// Another token is made, and it has all the time again.
	again := e.add("alerts", topic.Subscription{URL: hookURL})
	if again.UUID != entry.UUID || again.Subscription.Pending.Token == token {
		t.Errorf("%+v", again)
	}
	age(&entry, topic.PendingLife)
	if err := e.topics.Sweep(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := e.topics.Subscription(ctx, named("alerts"), entry.UUID); !errors.Is(err, topic.ErrSubscriptionNotFound) {
		t.Errorf("after its time: %v", err)
	}
	if _, ok := e.deliveries(&entry); ok {
		t.Error("its endpoint is left")
	}
}

const slowPolicy = `{"http":{"defaultHealthyRetryPolicy":{"minDelayTarget":1,"maxDelayTarget":60,"numRetries":7},` +
	`"defaultRequestPolicy":{"headerContentType":"application/json"}}}`

func TestEndpointsFollowThePolicy(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	ctx := t.Context()
	entry := e.confirmed("alerts", topic.Subscription{URL: hookURL, DeadLetter: "failed"})
	called := func() endpoint.Endpoint {
		t.Helper()
		got, err := e.topicsEndpoints().Get(topic.SubscriptionName(entry.Topic, entry.ID))
		if err != nil {
			t.Fatal(err)
		}
		if err := got.Value.Validate(); err != nil {
			t.Error(err)
		}
		return got.Value
	}
	attempts := func(n int) {
		t.Helper()
		if got := called(); len(got.Retry.Schedule) != n || got.URL != hookURL || got.Managed {
			t.Errorf("endpoint %+v, want %d retries", got, n)
		}
	}
	contentType := func(want string) {
		t.Helper()
		deliveries, _ := e.deliveries(&entry)
		if _, err := e.store.Purge(ctx, e.broker.Now(), deliveries); err != nil {
			t.Fatal(err)
		}
		e.publishOne(topic.Message{Body: []byte("x")})
		m := e.only(deliveries, queue.FIFO)
		if got := delivery(t, &m).Verbatim.ContentType; got != want {
			t.Errorf("content type %q, want %q", got, want)
		}
	}
	attempts(3)
	contentType("text/plain; charset=UTF-8")
	policy := func(text string) {
		t.Helper()
		_, err := e.topics.Update(ctx, named("alerts"), func(t *topic.Topic) error { t.DeliveryPolicy = []byte(text); return nil })
		if err != nil {
			t.Fatal(err)
		}
	}
	policy(slowPolicy)
	attempts(7)
	contentType("application/json")
	_, err := e.topics.UpdateSubscription(ctx, named("alerts"), entry.UUID, func(s *topic.Subscription) error {
		s.DeliveryPolicy = []byte(`{"healthyRetryPolicy":{"minDelayTarget":1,"maxDelayTarget":1,"numRetries":2}}`)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	attempts(2)
	contentType("application/json")
	policy("")
	attempts(2)
	contentType("text/plain; charset=UTF-8")
	// A topic's policy that was changed without its endpoints, as by a reload or a crash, is caught up with.
	if _, err := e.topics.UpdateSubscription(ctx, named("alerts"), entry.UUID, func(s *topic.Subscription) error {
		s.DeliveryPolicy = nil
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := e.defined.Put(ctx, named("alerts"), topic.Topic{DeliveryPolicy: []byte(slowPolicy)}); err != nil {
		t.Fatal(err)
	}
	attempts(3)
	if err := e.topics.Sweep(ctx); err != nil {
		t.Fatal(err)
	}
	attempts(7)
}
