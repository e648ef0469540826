package topic_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/topic"
	"github.com/signalbox-mq/signalbox/topic/signing"
)

// signedMembers are those of a Notification, in the order in which they are signed.
func signedMembers() []string {
	return []string{"Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"}
}

// members are those of an envelope that are text.
func members(tb testing.TB, body []byte) map[string]string {
	tb.Helper()
	out := map[string]string{}
	for name, value := range object(tb, body) {
		if text, ok := value.(string); ok {
			out[name] = text
		}
	}
	return out
}

func TestPublishToURL(t *testing.T) {
	t.Parallel()
	for _, raw := range []bool{true, false} {
		t.Run(fmt.Sprint("raw ", raw), func(t *testing.T) {
			t.Parallel()
			e := newEnv(t)
			entry := e.confirmed("alerts", topic.Subscription{URL: hookURL, Raw: &raw, DeadLetter: "failed", Bare: true})
			attrs := []queue.Attribute{text("a", "b")}
			got := e.publishOne(topic.Message{Body: []byte("hello"), Subject: "S", Attributes: attrs, Group: "g"})
			deliveries, _ := e.deliveries(&entry)
			m := e.only(deliveries, queue.FIFO)
			d := delivery(t, &m)
			want := &endpoint.Delivery{
				Origin: got.ID, Account: account, Region: region, Topic: "alerts", Subscription: entry.ID, Published: d.Published,
				DeadLetter: "failed", Bare: true,
				Verbatim: &endpoint.Verbatim{ContentType: "text/plain; charset=UTF-8", Header: map[string]string{
					"x-amz-sns-message-type": "Notification", "x-amz-sns-message-id": got.ID,
					"x-amz-sns-topic-arn":        "arn:aws:sns:eu-west-1:123456789012:alerts",
					"x-amz-sns-subscription-arn": entry.ARN(),
					"User-Agent":                 "Amazon Simple Notification Service Agent", "Accept-Encoding": "gzip,deflate",
				}},
			}
			if raw {
				want.Verbatim.Header["x-amz-sns-rawdelivery"] = "true"
			}
			if diff := cmp.Diff(want, d); diff != "" {
				t.Error(diff)
			}
			if m.Group != "" {
				t.Errorf("group %q: a URL that fails would hold up the others", m.Group)
			}
			if raw {
				if string(m.Body) != "hello" || len(m.Attributes) != 1 {
					t.Errorf("body %s, attributes %v", m.Body, m.Attributes)
				}
				return
			}
			verify(t, members(t, m.Body), signedMembers()...)
			if len(m.Attributes) != 0 || object(t, m.Body)["UnsubscribeURL"] !=
				topic.DefaultPublicURL+"/?Action=Unsubscribe&SubscriptionArn="+entry.ARN() {
				t.Errorf("body %s, attributes %v", m.Body, m.Attributes)
			}
		})
	}
}

// What several subscriptions get differs in one URL, and is signed once.
func TestSignedOnce(t *testing.T) {
	t.Parallel()
	for version := range 3 {
		t.Run(fmt.Sprint("version ", version), func(t *testing.T) {
			t.Parallel()
			e := newEnv(t)
			e.create("t", topic.Topic{SignatureVersion: version})
			var bodies []map[string]string
			for i := range 3 {
				q := e.queue(fmt.Sprint("q", i), queue.Definition{})
				e.add("t", topic.Subscription{Queue: q.Name.Name, Raw: new(false)})
			}
			e.publish(topic.Publish{Topic: named("t"), Messages: []topic.Message{{Body: []byte("<é>")}}})
			urls := map[string]bool{}
			for i := range 3 {
				q, err := e.broker.Lookup(named(fmt.Sprint("q", i)))
				if err != nil {
					t.Fatal(err)
				}
				m := e.only(q.ID, queue.Standard)
				body := members(t, m.Body)
				urls[body["UnsubscribeURL"]] = true
				delete(body, "UnsubscribeURL")
				bodies = append(bodies, body)
			}
			if bodies[0]["SignatureVersion"] != fmt.Sprint(max(version, 1)) {
				t.Errorf("signature version %s", bodies[0]["SignatureVersion"])
			}
			verify(t, bodies[0], signedMembers()...)
			if diff := cmp.Diff(bodies[0], bodies[1]); diff != "" || len(urls) != 3 {
				t.Errorf("%d URLs, %s", len(urls), diff)
			}
			path := strings.TrimPrefix(bodies[0]["SigningCertURL"], topic.DefaultPublicURL)
			if pem, err := e.topics.Certificate(t.Context(), path); err != nil || !strings.Contains(string(pem), "BEGIN CERTIFICATE") {
				t.Errorf("certificate at %s: %s, %v", path, pem, err)
			}
		})
	}
}

func TestLambdaEvent(t *testing.T) {
	t.Parallel()
	for _, format := range []endpoint.Format{endpoint.FormatLambda, endpoint.FormatCloudEvent} {
		t.Run(string(format), func(t *testing.T) {
			t.Parallel()
			e := newEnv(t)
			url := "http://127.0.0.1:1/2015-03-31/functions/f/invocations"
			fn, err := e.functions.Create(t.Context(), named("f"), endpoint.Endpoint{Name: "f", URL: url, Format: format})
			if err != nil {
				t.Fatal(err)
			}
			entry := e.add("alerts", topic.Subscription{Function: "f", AsSNS: true})
			got := e.publishOne(topic.Message{Body: []byte("hello"), Attributes: []queue.Attribute{{Name: "bin", Type: "Binary", Value: []byte{0xff}}}})
			m := e.only(queue.IDFor(fn.ID, queue.Deliveries), queue.FIFO)
			var ev struct {
				Records []struct {
					EventSource, EventVersion, EventSubscriptionArn string
					Sns                                             map[string]any
				}
			}
			if err := json.Unmarshal(m.Body, &ev); err != nil || len(ev.Records) != 1 {
				t.Fatalf("%v in %s", err, m.Body)
			}
			r := ev.Records[0]
			signed := map[string]string{"SignatureVersion": "1"}
			for _, name := range append(signedMembers(), "Signature") {
				if value, ok := r.Sns[name].(string); ok {
					signed[name] = value
				}
			}
			verify(t, signed, signedMembers()...)
			for _, name := range []string{"Timestamp", "Signature", "SigningCertUrl", "UnsubscribeUrl"} {
				if r.Sns[name] == "" {
					t.Errorf("no %s", name)
				}
				delete(r.Sns, name)
			}
			want := map[string]any{
				"Type": "Notification", "MessageId": got.ID, "TopicArn": "arn:aws:sns:eu-west-1:123456789012:alerts", "Subject": nil,
				"Message": "hello", "SignatureVersion": "1",
				"MessageAttributes": map[string]any{"bin": map[string]any{"Type": "Binary", "Value": "/w=="}},
			}
			if diff := cmp.Diff(want, r.Sns); diff != "" || r.EventSource != "aws:sns" || r.EventVersion != "1.0" || r.EventSubscriptionArn != entry.ARN() {
				t.Errorf("%s %s %s: %s", r.EventSource, r.EventVersion, r.EventSubscriptionArn, diff)
			}
			// In Lambda's own format the body is sent as it is, to a URL that the format makes.
			if v := delivery(t, &m).Verbatim; (v == nil) != (format == endpoint.FormatLambda) {
				t.Errorf("verbatim %+v", v)
			}
		})
	}
}

func TestBareDeadLetter(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	failed := e.queue("failed", queue.Definition{})
	e.add("alerts", topic.Subscription{Queue: "gone", Raw: new(true), DeadLetter: "failed", Bare: true})
	attrs := []queue.Attribute{text("a", "b")}
	e.publishOne(topic.Message{Body: []byte("x"), Attributes: attrs})
	m := e.only(failed.ID, queue.Standard)
	if diff := cmp.Diff(attrs, m.Attributes); diff != "" || string(m.Body) != "x" {
		t.Errorf("%s: %s", m.Body, diff)
	}
	// In the built-in queue, where it ends if its own is gone, it says why.
	if err := e.broker.Delete(t.Context(), named("failed")); err != nil {
		t.Fatal(err)
	}
	e.publishOne(topic.Message{Body: []byte("x"), Attributes: attrs})
	if all := e.deadLetters(); len(all) != 1 || attributeText(&all[0], "ERROR_CODE") != "NO_RESOURCE" {
		t.Errorf("dead letters %+v", all)
	}
}

func TestRawAttributes(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	raw, wrapped := e.queue("raw", queue.Definition{}), e.queue("wrapped", queue.Definition{})
	e.add("alerts", topic.Subscription{Queue: "raw"})
	e.add("alerts", topic.Subscription{Queue: "wrapped", Raw: new(false)})
	var attrs []queue.Attribute
	for i := range 10 {
		attrs = append(attrs, text(fmt.Sprint("a", i), "x"))
	}
	e.publishOne(topic.Message{Body: []byte("ten"), Attributes: attrs})
	e.publishOne(topic.Message{Body: []byte("eleven"), Attributes: append(attrs, text("a10", "x"))})
	if got := e.messages(raw.ID, queue.Standard); len(got) != 1 || len(got[0].Attributes) != 10 {
		t.Errorf("raw has %d", len(got))
	}
	if n := len(e.messages(wrapped.ID, queue.Standard)); n != 2 {
		t.Errorf("wrapped has %d", n)
	}
	if all := e.deadLetters(); len(all) != 1 || string(all[0].Body) != "eleven" || attributeText(&all[0], "ERROR_CODE") != "INVALID_PARAMETER" {
		t.Errorf("dead letters %+v", all)
	}
}

func TestElsewhere(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	there := catalog.Name{Account: "999999999999", Region: "us-east-2", Name: "q"}
	q, _, err := e.broker.Create(t.Context(), there, queue.Definition{})
	if err != nil {
		t.Fatal(err)
	}
	e.add("alerts", topic.Subscription{Queue: "q", Account: there.Account, Region: there.Region})
	e.add("alerts", topic.Subscription{Queue: "none", Account: there.Account})
	e.publishOne(topic.Message{Body: []byte("x"), Trace: "Root=1-2"})
	m := e.only(q.ID, queue.Standard)
	if a, ok := m.SystemAttribute("AWSTraceHeader"); !ok || string(a.Value) != "Root=1-2" || a.Type != "String" {
		t.Errorf("trace %+v", a)
	}
	if all := e.deadLetters(); len(all) != 1 || attributeText(&all[0], "TARGET_ARN") != "arn:aws:sqs:eu-west-1:999999999999:none" {
		t.Errorf("dead letters %+v", all)
	}
}

func TestVariants(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	raw, wrapped := e.queue("raw", queue.Definition{}), e.queue("wrapped", queue.Definition{})
	pager := e.function("pager")
	e.add("alerts", topic.Subscription{Queue: "raw"})
	e.add("alerts", topic.Subscription{Queue: "wrapped", Raw: new(false)})
	e.add("alerts", topic.Subscription{Function: "pager"})
	hooks := map[string]topic.SubscriptionEntry{}
	for _, scheme := range []string{"http", "https"} {
		hooks[scheme] = e.confirmed("alerts", topic.Subscription{URL: scheme + "://example.com"})
	}
	e.publishOne(topic.Message{Body: []byte("plain"), Variants: map[string][]byte{"sqs": []byte("for queues"), "https": []byte("for https"), "sms": []byte("ignored")}})
	if m := e.only(raw.ID, queue.Standard); string(m.Body) != "for queues" {
		t.Errorf("raw: %s", m.Body)
	}
	m := e.only(wrapped.ID, queue.Standard)
	body := members(t, m.Body)
	if body["Message"] != "for queues" {
		t.Errorf("wrapped: %s", m.Body)
	}
	verify(t, body, signedMembers()...)
	if m := e.only(pager, queue.FIFO); object(t, m.Body)["detail"] != "plain" {
		t.Errorf("function: %s", m.Body)
	}
	for scheme, want := range map[string]string{"http": "plain", "https": "for https"} {
		entry := hooks[scheme]
		deliveries, _ := e.deliveries(&entry)
		if m := e.only(deliveries, queue.FIFO); string(m.Body) != want {
			t.Errorf("%s: %s", scheme, m.Body)
		}
	}
}

// A filter policy on the body is about what the subscription gets.
func TestFilterOnVariants(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.queue("q", queue.Definition{})
	e.function("f")
	filter := topic.Subscription{Filter: []byte(`{"a":["x"]}`), FilterScope: topic.ScopeBody}
	toQueue, toFunction := filter, filter
	toQueue.Queue, toFunction.Function = "q", "f"
	q, f := e.add("alerts", toQueue).ID, e.add("alerts", toFunction).ID
	x, y := []byte(`{"a":"x"}`), []byte(`{"a":"y"}`)
	for _, c := range []struct {
		body     []byte
		variants map[string][]byte
		want     []string
	}{
		{x, nil, []string{q, f}}, {y, nil, []string{}},
		{x, map[string][]byte{"sqs": y}, []string{f}}, {y, map[string][]byte{"sqs": x}, []string{q}},
		{y, map[string][]byte{"sqs": x, "lambda": x}, []string{q, f}}, {x, map[string][]byte{"sqs": []byte("no JSON"), "lambda": y}, []string{}},
	} {
		got := e.publishOne(topic.Message{Body: c.body, Variants: c.variants}).Matched
		slices.Sort(c.want)
		if !slices.Equal(got, c.want) {
			t.Errorf("%s with %q matched %v, want %v", c.body, c.variants, got, c.want)
		}
	}
}

// What comes in a file counts at once: nobody has to confirm it.
func TestDeclaredURL(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	s, def := topic.Subscription{URL: "https://example.com/a?b=c"}, topic.Topic{DeliveryPolicy: []byte(slowPolicy)}
	if !strings.HasPrefix(s.SubscriptionID(), "url:") || s.Validate(&def) != nil {
		t.Errorf("ID %q, %v", s.SubscriptionID(), s.Validate(&def))
	}
	name := topic.SubscriptionName(named("filed"), s.SubscriptionID())
	called := topic.EndpointOf(named("filed"), &def, &s, true)
	if err := called.Validate(); err != nil || !called.Managed || len(called.Retry.Schedule) != 7 {
		t.Errorf("%+v, %v", called, err)
	}
	for success, below500 := range map[string]bool{topic.Success2xx: false, topic.SuccessBelow500: true} {
		s := topic.Subscription{URL: s.URL, Success: success}
		if e := topic.EndpointOf(named("filed"), &def, &s, true); called.Retry.DeliveredBelow500 || e.Retry.DeliveredBelow500 != below500 {
			t.Errorf("%s: %+v", success, e.Retry)
		}
	}
	e.declare(e.defined.Declaring(named("filed"), def), e.subscriptions.Declaring(name, s), e.topicsEndpoints().Declaring(name, called))
	got := e.publish(topic.Publish{Topic: named("filed"), Messages: []topic.Message{{Body: []byte("x")}}})[0]
	record, _ := e.definitions.Get(endpoint.SubscriptionTable, name)
	m := e.only(queue.IDFor(record.ID, queue.Deliveries), queue.FIFO)
	if d := delivery(t, &m); d.Origin != got.ID || d.Verbatim.ContentType != "application/json" {
		t.Errorf("%+v", d)
	}
	if err := e.topics.Sweep(t.Context()); err != nil {
		t.Error(err)
	}
}

// What nobody gets in a signed form is not signed: there is not even a key.
func TestNothingToSign(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	if err := catalog.NewTable[signing.Key](e.definitions, signing.Table).Delete(t.Context(), signing.Name()); err != nil {
		t.Fatal(err)
	}
	e.queue("q", queue.Definition{})
	e.function("f")
	e.add("alerts", topic.Subscription{Queue: "q"})
	e.add("alerts", topic.Subscription{Function: "f"})
	e.create("t.fifo", topic.Topic{FIFO: true})
	e.add("t.fifo", topic.Subscription{Queue: "q", Raw: new(false)})
	two := []topic.Message{{Body: []byte("x"), Group: "g", DedupID: "1"}, {Body: []byte("y"), Group: "g", DedupID: "2"}}
	e.publish(topic.Publish{Messages: two})
	e.publish(topic.Publish{Messages: two, Token: "t"})
	e.publish(topic.Publish{Topic: named("t.fifo"), Messages: two})
	if n := e.definitions.Snapshot().Len(signing.Table); n != 0 {
		t.Error("a key was made")
	}
}

// With signatures for URLs only, queues and functions get the form of SNS without them, and the URL beside them what it verifies.
func TestSignHTTPOnly(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 2} { // a single message is signed when it is first needed, several beforehand
		e := newEnv(t)
		e.topics.SignHTTPOnly = true
		q := e.queue("q", queue.Definition{})
		f := e.function("f")
		e.add("alerts", topic.Subscription{Queue: "q", Raw: new(false)})
		e.add("alerts", topic.Subscription{Function: "f", AsSNS: true})
		hook := e.confirmed("alerts", topic.Subscription{URL: hookURL, Raw: new(false)})
		messages := make([]topic.Message, n)
		for i := range messages {
			messages[i] = topic.Message{Body: fmt.Append(nil, i)}
		}
		e.publish(topic.Publish{Messages: messages})
		deliveries, _ := e.deliveries(&hook)
		for _, m := range e.messages(deliveries, queue.FIFO) {
			verify(t, members(t, m.Body), signedMembers()...)
		}
		queued, called := e.messages(q.ID, queue.Standard), e.messages(f, queue.FIFO)
		if len(queued) != n || len(called) != n {
			t.Fatalf("%d messages for the queue and %d for the function, want %d", len(queued), len(called), n)
		}
		for _, m := range queued {
			if body := members(t, m.Body); body["Type"] != "Notification" || body["UnsubscribeURL"] == "" || body["Signature"]+body["SignatureVersion"]+body["SigningCertURL"] != "" {
				t.Errorf("the queue has %s", m.Body)
			}
		}
		for _, m := range called {
			if !bytes.Contains(m.Body, []byte(`"UnsubscribeUrl"`)) || bytes.Contains(m.Body, []byte("Sign")) {
				t.Errorf("the function gets %s", m.Body)
			}
		}
	}
}

// The messages of one publish are signed each for itself, and each variant.
func TestManyAreSigned(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	q := e.queue("q", queue.Definition{})
	e.add("alerts", topic.Subscription{Queue: "q", Raw: new(false)})
	hook := e.confirmed("alerts", topic.Subscription{URL: hookURL, Raw: new(false)})
	messages := make([]topic.Message, 10)
	for i := range messages {
		messages[i] = topic.Message{Body: fmt.Append(nil, i), Variants: map[string][]byte{"https": fmt.Append(nil, "variant ", i)}}
	}
	published := e.publish(topic.Publish{Messages: messages})
	deliveries, _ := e.deliveries(&hook)
	for prefix, got := range map[string][]queue.Message{"": e.messages(q.ID, queue.Standard), "variant ": e.messages(deliveries, queue.FIFO)} {
		for i := range messages {
			body := members(t, got[i].Body)
			if body["Message"] != fmt.Sprint(prefix, i) || body["MessageId"] != published[i].ID {
				t.Errorf("place %d has %s", i, got[i].Body)
			}
			verify(t, body, signedMembers()...)
		}
	}
}
