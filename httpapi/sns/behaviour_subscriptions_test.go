package sns_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/signalbox-mq/signalbox/httpapi/awsapi/awstest"
	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/topic"
)

func subscribeInput(topicName, protocol, endpoint, more string) string {
	return `{"TopicArn":"` + topicARN(topicName) + `","Protocol":"` + protocol + `","Endpoint":` + awstest.Quoted(endpoint) + more + `}`
}

// TestWhoCanNotSubscribe has protocols and endpoints that are refused.
func TestWhoCanNotSubscribe(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.topic("t")
	e.topic("f.fifo")
	row := func(topicName, protocol, endpoint, message string) refusal {
		return refusal{"Subscribe", subscribeInput(topicName, protocol, endpoint, ""), invalidParameter, "Invalid parameter: " + message}
	}
	rows := []refusal{
		row("t", "fax", "1", "Amazon SNS does not support this protocol string: fax"),
		row("t", "", "1", "Amazon SNS does not support this protocol string: "),
		row("t", "sqs", "http://localhost/000000000000/q", "SQS endpoint ARN"),
		row("t", "sqs", topicARN("q"), "SQS endpoint ARN"),
		row("t", "sqs", "", "Endpoint"),
		row("t", "sqs", queueARN("q.fifo"), "Invalid parameter: Endpoint Reason: FIFO SQS Queues can not be subscribed to standard SNS topics"),
		row("t", "lambda", "f", "Lambda endpoint ARN"),
		row("t", "lambda", "arn:aws:lambda:us-east-1:000000000000:layer:f", "Lambda endpoint ARN"),
		row("t", "http", "https://example.com/", "Endpoint must match the specified protocol"),
		row("t", "https", "http://example.com/", "Endpoint must match the specified protocol"),
		row("f.fifo", "lambda", "arn:aws:lambda:us-east-1:000000000000:function:f", "Invalid protocol type: lambda"),
		row("f.fifo", "https", "https://example.com/", "Invalid protocol type: https"),
	}
	for protocol, reason := range map[string]string{
		"email": "the router sends no mail", "email-json": "the router sends no mail", "sms": "the router sends no text messages",
		"application": "the router sends no push notifications to mobile devices", "firehose": "the router has no delivery streams",
	} {
		rows = append(rows, row("t", protocol, "x", "Protocol Reason: The protocol "+protocol+" is not supported: "+reason+"."))
	}
	e.refuse(rows)
	if a := e.call("Subscribe", subscribeInput("t", "http", "http://", "")); a.Code != invalidParameter || !strings.HasPrefix(a.Message, "Invalid parameter: Endpoint Reason: ") {
		t.Errorf("a URL without a host: %s %s", a.Code, a.Message)
	}
}

func TestSubscriptionAttributeFaults(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.topic("t")
	e.topic("f.fifo")
	e.queue("q")
	e.queue("q.fifo")
	type fault struct{ topicName, protocol, endpoint, name, value, message string }
	const function = "arn:aws:lambda:us-east-1:000000000000:function:f"
	for _, x := range []fault{
		{"t", "sqs", queueARN("q"), "Colour", "red", "AttributeName"},
		{"t", "sqs", queueARN("q"), "TopicArn", "x", "AttributeName"},
		{"t", "sqs", queueARN("q"), "RawMessageDelivery", "yes", "RawMessageDelivery: Invalid value [yes]. Must be true or false."},
		{"t", "lambda", function, "RawMessageDelivery", "true", "RawMessageDelivery: Delivery protocol [lambda] does not support raw message delivery."},
		{"t", "sqs", queueARN("q"), "DeliveryPolicy", "{}", "DeliveryPolicy: Delivery protocol [sqs] does not support delivery policies."},
		{"t", "http", "http://example.com/", "DeliveryPolicy", "x", "DeliveryPolicy: is not a JSON object"},
		{"t", "sqs", queueARN("q"), "RedrivePolicy", "x", "RedrivePolicy: failed to parse JSON."},
		{"t", "sqs", queueARN("q"), "RedrivePolicy", `{"deadLetterTargetArn":"x"}`, "RedrivePolicy: deadLetterTargetArn is an invalid arn"},
		{"t", "sqs", queueARN("q"), "RedrivePolicy", `{"a":"x"}`, "RedrivePolicy: deadLetterTargetArn is an invalid arn"},
		{"t", "sqs", queueARN("q"), "RedrivePolicy", `{"deadLetterTargetArn":"` + topicARN("t") + `"}`, "RedrivePolicy: deadLetterTargetArn is an invalid arn"},
		{"t", "sqs", queueARN("q"), "RedrivePolicy", `{"deadLetterTargetArn":"arn:aws:sqs:eu-west-1:000000000000:d"}`, "RedrivePolicy: deadLetterTargetArn must be in the account and region of the subscription"},
		{"f.fifo", "sqs", queueARN("q.fifo"), "RedrivePolicy", `{"deadLetterTargetArn":"` + queueARN("q") + `"}`, "RedrivePolicy: must use a FIFO queue as DLQ for a FIFO Subscription to a FIFO Topic."},
		{"t", "sqs", queueARN("q"), "ReplayPolicy", `{"PointType":"Timestamp","StartingPoint":"2026-01-01T00:00:00.000Z"}`, "ReplayPolicy: can only be set for FIFO topics"},
		{"f.fifo", "sqs", queueARN("q.fifo"), "ReplayPolicy", `{"PointType":"Timestamp","StartingPoint":"2026-01-01T00:00:00.000Z"}`, "ReplayPolicy: can only be set while the topic has an ArchivePolicy"},
	} {
		e.call("Subscribe", subscribeInput(x.topicName, x.protocol, x.endpoint, `,"Attributes":{"`+x.name+`":`+awstest.Quoted(x.value)+`}`)).
			Is("subscribing with "+x.name+" "+x.value, invalidParameter, "Invalid parameter: Attributes Reason: "+x.message)
		arn := e.ok("Subscribe", subscribeInput(x.topicName, x.protocol, x.endpoint, `,"ReturnSubscriptionArn":true`)).Text("SubscriptionArn")
		e.call("SetSubscriptionAttributes", `{"SubscriptionArn":"`+arn+`","AttributeName":"`+x.name+`","AttributeValue":`+awstest.Quoted(x.value)+`}`).
			Is("setting "+x.name+" "+x.value, invalidParameter, "Invalid parameter: "+x.message)
		e.ok("Unsubscribe", `{"SubscriptionArn":"`+arn+`"}`)
	}
}

// TestSubscriptionAttributes has all of them of each protocol.
func TestSubscriptionAttributes(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.topic("t")
	redrive := `{"deadLetterTargetArn": "` + queueARN("dead") + `"}`
	const effective = `{"healthyRetryPolicy":{"minDelayTarget":20,"maxDelayTarget":20,"numRetries":2,"numMaxDelayRetries":0,"numNoDelayRetries":0,"numMinDelayRetries":0,"backoffFunction":"linear"},"requestPolicy":{"headerContentType":"text/plain; charset=UTF-8"}}`
	for _, x := range []struct {
		protocol, endpoint string
		given, more        map[string]string
	}{
		{"sqs", queueARN("q"), nil, map[string]string{"RawMessageDelivery": "false"}},
		{"sqs", queueARN("q2"), map[string]string{"RawMessageDelivery": "true", "RedrivePolicy": redrive, "SubscriptionRoleArn": "arn:r"}, map[string]string{}},
		{"sqs", "arn:aws:sqs:eu-west-1:111111111111:q", nil, map[string]string{"RawMessageDelivery": "false"}},
		{"lambda", "arn:aws:lambda:us-east-1:000000000000:function:f", nil, map[string]string{"RawMessageDelivery": "false"}},
		{"lambda", "arn:aws:lambda:us-east-1:000000000000:function:g:live", nil, map[string]string{"RawMessageDelivery": "false"}},
		{
			"https", "https://example.com/hook?a=b", map[string]string{"DeliveryPolicy": `{"healthyRetryPolicy": {"numRetries": 2}}`},
			map[string]string{"RawMessageDelivery": "false", "PendingConfirmation": "true", "ConfirmationWasAuthenticated": "false", "EffectiveDeliveryPolicy": effective},
		},
	} {
		given := map[string]any{}
		for k, v := range x.given {
			given[k] = v
		}
		attributes, err := json.Marshal(given)
		if err != nil {
			t.Fatal(err)
		}
		arn := e.ok("Subscribe", subscribeInput("t", x.protocol, x.endpoint, `,"ReturnSubscriptionArn":true,"Attributes":`+string(attributes))).Text("SubscriptionArn")
		want := map[string]string{
			"SubscriptionArn": arn, "TopicArn": topicARN("t"), "Owner": account, "Protocol": x.protocol, "Endpoint": x.endpoint, "PendingConfirmation": "false",
			"ConfirmationWasAuthenticated": "true", "SubscriptionPrincipal": "arn:aws:iam::000000000000:user/AKIDEXAMPLE",
		}
		maps.Copy(want, x.given)
		maps.Copy(want, x.more)
		if got := e.attributes(arn); !maps.Equal(got, want) {
			t.Errorf("%s %s has %v\nwant %v", x.protocol, x.endpoint, got, want)
		}
	}
	a := e.ok("ListSubscriptions", `{}`)
	if arns := a.Texts("SubscriptionArn"); len(arns) != 6 || strings.Count(a.Body, ">PendingConfirmation<") != 1 {
		t.Errorf("listed %s", a.Body)
	}
}

// TestSubscribeAgain: the same endpoint is the same subscription, with other attributes it is refused.
func TestSubscribeAgain(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.topic("t")
	e.queue("q")
	const raw = `"Attributes":{"RawMessageDelivery":"true","FilterPolicy":"{\"a\":[\"b\"]}"}`
	arn := e.subscribe("t", "q", raw)
	for _, again := range []string{"", raw, `"Attributes":{"RawMessageDelivery":"true"}`, `"Attributes":{"FilterPolicy":"{ \"a\": [\"b\"] }"}`} {
		more := []string{again}
		if again == "" {
			more = nil
		}
		if got := e.subscribe("t", "q", more...); got != arn {
			t.Errorf("again with %q it is %s, at first %s", again, got, arn)
		}
	}
	for _, other := range []string{`"RawMessageDelivery":"false"`, `"FilterPolicy":"{\"a\":[\"c\"]}"`, `"FilterPolicyScope":"MessageBody"`, `"SubscriptionRoleArn":"arn:r"`} {
		e.call("Subscribe", subscribeInput("t", "sqs", queueARN("q"), `,"Attributes":{`+other+`}`)).
			Is("with "+other, invalidParameter, "Invalid parameter: Attributes Reason: Subscription already exists with different attributes")
	}
}

// TestSubscribeQualified: a version or alias of a function is another endpoint than the function and than the next one.
func TestSubscribeQualified(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.topic("t")
	const function = "arn:aws:lambda:us-east-1:000000000000:function:f"
	seen := map[string]string{}
	for range 2 {
		for _, endpoint := range []string{function, function + ":1", function + ":live", function + ":$LATEST"} {
			arn := e.ok("Subscribe", subscribeInput("t", "lambda", endpoint, "")).Text("SubscriptionArn")
			if was, again := seen[arn]; again && was != endpoint {
				t.Errorf("%s is the subscription of %s", endpoint, was)
			}
			seen[arn] = endpoint
			if got := e.attributes(arn)["Endpoint"]; got != endpoint {
				t.Errorf("%s has the endpoint %s", endpoint, got)
			}
		}
	}
	if len(seen) != 4 {
		t.Errorf("the subscriptions are %v", seen)
	}
	for _, endpoint := range []string{function + ":", function + ":a:b", function + ":a b"} {
		e.call("Subscribe", subscribeInput("t", "lambda", endpoint, "")).Is(endpoint, invalidParameter, "Invalid parameter: Lambda endpoint ARN")
	}
}

// TestSubscribeQualifiedBefore: one that was made when the qualifier was but in the ARN that was kept is the same subscription still.
func TestSubscribeQualifiedBefore(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.topic("t")
	const function, id = "arn:aws:lambda:us-east-1:000000000000:function:f", "7b0d3a52-5d0c-4f0e-9b55-0d4c2a1f9e11"
	name := topic.SubscriptionName(catalog.Name{Account: account, Region: region, Name: "t"}, id)
	before := topic.Subscription{ID: id, Function: "f", AsSNS: true, Kept: map[string]string{"Endpoint": function + ":1"}}
	if _, err := catalog.NewTable[topic.Subscription](e.defs, topic.SubscriptionTable).Create(t.Context(), name, before); err != nil {
		t.Fatal(err)
	}
	for endpoint, same := range map[string]bool{function + ":1": true, function: false, function + ":2": false} {
		arn := e.ok("Subscribe", subscribeInput("t", "lambda", endpoint, "")).Text("SubscriptionArn")
		if strings.HasSuffix(arn, ":"+id) != same || e.attributes(arn)["Endpoint"] != endpoint {
			t.Errorf("%s is subscribed as %s to %s", endpoint, arn, e.attributes(arn)["Endpoint"])
		}
	}
}

// TestSubscribePendingAgain: a URL that is pending is sent another confirmation, unless it is subscribed with other attributes: then
// nothing happens at all.
func TestSubscribePendingAgain(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.topic("t")
	input := func(raw string) string {
		return subscribeInput("t", "https", "https://example.com/", `,"ReturnSubscriptionArn":true,"Attributes":{"RawMessageDelivery":"`+raw+`"}`)
	}
	arn := e.ok("Subscribe", input("true")).Text("SubscriptionArn")
	revision := e.defs.Revision()
	e.call("Subscribe", input("false")).
		Is("with another", invalidParameter, "Invalid parameter: Attributes Reason: Subscription already exists with different attributes")
	if n := len(e.sent(arn)); n != 1 || e.defs.Revision() != revision {
		t.Errorf("%d confirmations, and revision %d after %d", n, e.defs.Revision(), revision)
	}
	if again := e.ok("Subscribe", input("true")).Text("SubscriptionArn"); again != arn || len(e.sent(arn)) != 2 {
		t.Errorf("%s after %s, %d confirmations", again, arn, len(e.sent(arn)))
	}
}

// TestSubscriptionLimit: a FIFO topic takes a hundred subscriptions, a standard one any number.
func TestSubscriptionLimit(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.topic("t")
	e.topic("t.fifo")
	for i := range topic.MaxFIFOSubscriptions {
		e.subscribe("t", fmt.Sprint("q", i))
		e.subscribe("t.fifo", fmt.Sprint("q", i))
	}
	e.subscribe("t", "q")
	e.call("Subscribe", subscribeInput("t.fifo", "sqs", queueARN("q"), "")).
		Is("one more", "SubscriptionLimitExceeded", "A FIFO topic takes 100 subscriptions.")
	e.subscribe("t.fifo", "q0")
}

// TestNamesOfSubscriptions: an ARN can be wrong in three ways, and ending what is not there is no error.
func TestNamesOfSubscriptions(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.topic("t")
	const reason = "Invalid parameter: SubscriptionArn Reason: An ARN must have at least 6 elements, not "
	for operation, more := range map[string]string{"Unsubscribe": "", "GetSubscriptionAttributes": "", "SetSubscriptionAttributes": `,"AttributeName":"RawMessageDelivery","AttributeValue":"true"`} {
		call := func(arn string) *awstest.Answer { return e.call(operation, `{"SubscriptionArn":"`+arn+`"`+more+`}`) }
		call("random").Is(operation, invalidParameter, reason+"1")
		call("PendingConfirmation").Is(operation, invalidParameter, reason+"1")
		call("arn:aws:sns:us-east-1:random").Is(operation, invalidParameter, reason+"5")
		call(topicARN("t")).Is(operation, invalidParameter, "Invalid parameter: SubscriptionId")
		for _, absent := range []string{topicARN("t"), topicARN("none")} {
			a := call(absent + ":8a21d249-4329-4871-acc6-7be709c6ea7f")
			if operation == "Unsubscribe" {
				a.Is(operation, "", "")
			} else {
				a.Is(operation, notFound, "Subscription does not exist")
			}
		}
	}
}

// TestConfirmation follows an HTTP subscription through its life: pending, confirmed by its URL, ended by its URL, restored.
func TestConfirmation(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	topicOf := e.topic("t")
	e.topic("other")
	input := subscribeInput("t", "https", "https://example.com/", "")
	if got := e.ok("Subscribe", input).Text("SubscriptionArn"); got != "pending confirmation" {
		t.Errorf("answered %s", got)
	}
	arn := e.ok("Subscribe", subscribeInput("t", "https", "https://example.com/", `,"ReturnSubscriptionArn":true`)).Text("SubscriptionArn")
	if got := e.ok("ListSubscriptionsByTopic", `{"TopicArn":"`+topicOf+`"}`).Texts("SubscriptionArn"); len(got) != 1 || got[0] != "PendingConfirmation" {
		t.Errorf("listed %v", got)
	}
	counts := func() string {
		a := e.attributes(topicOf)
		return a["SubscriptionsConfirmed"] + a["SubscriptionsPending"] + a["SubscriptionsDeleted"]
	}
	if got := counts(); got != "010" {
		t.Errorf("counted %s", got)
	}
	sent := e.sent(arn)
	if len(sent) != 2 || sent[0]["Type"] != "SubscriptionConfirmation" || sent[0]["Token"] != sent[1]["Token"] {
		t.Fatalf("the endpoint is to get %v", sent)
	}
	token, visit := sent[0]["Token"], sent[0]["SubscribeURL"]
	if want := base + "/?Action=ConfirmSubscription&TopicArn=" + topicOf + "&Token=" + token; visit != want {
		t.Errorf("the URL is %s, want %s", visit, want)
	}
	confirm := func(topic, token, more string) string {
		return `{"TopicArn":"` + topic + `","Token":"` + token + `"` + more + `}`
	}
	e.refuse([]refusal{
		{"ConfirmSubscription", confirm(topicOf, "x", ""), invalidParameter, "Invalid parameter: Token"},
		{"ConfirmSubscription", confirm(topicOf, strings.Repeat("0", len(token)), ""), invalidParameter, "Invalid parameter: Token"},
		{"ConfirmSubscription", confirm(topicARN("other"), token, ""), invalidParameter, "Invalid parameter: Token"},
		{"ConfirmSubscription", confirm(topicARN("none"), token, ""), invalidParameter, "Invalid parameter: Topic"},
		{"ConfirmSubscription", confirm("t", token, ""), invalidParameter, "Invalid parameter: Topic"},
		{"ConfirmSubscription", confirm(strings.Replace(topicOf, region, "eu-west-1", 1), token, ""), invalidParameter, "Invalid parameter: Topic"},
	})
	for range 2 { // confirming again is no error
		if got := e.get(visit); got.Status != 200 || got.Text("SubscriptionArn") != arn || !strings.Contains(got.Body, "<ConfirmSubscriptionResponse xmlns=") {
			t.Fatalf("the URL answered %s", got.Body)
		}
	}
	if got := e.attributes(arn); got["PendingConfirmation"] != "false" || counts() != "100" {
		t.Errorf("confirmed it has %v, counted %s", got, counts())
	}
	if got := e.ok("Subscribe", input).Text("SubscriptionArn"); got != arn {
		t.Errorf("subscribed again it is %s", got)
	}
	e.ok("Publish", `{"TopicArn":"`+topicOf+`","Message":"m"}`)
	sent = e.sent(arn)
	notification := sent[len(sent)-1]
	if notification["Type"] != "Notification" || notification["Message"] != "m" {
		t.Fatalf("the endpoint is to get %v", notification)
	}
	if got := e.get(notification["UnsubscribeURL"]); got.Status != 200 || !strings.Contains(got.Body, "<UnsubscribeResponse xmlns=") {
		t.Fatalf("the URL answered %s", got.Body)
	}
	e.call("GetSubscriptionAttributes", `{"SubscriptionArn":"`+arn+`"}`).Is("when it has ended", notFound, "Subscription does not exist")
	sent = e.sent(arn)
	last := sent[len(sent)-1]
	if last["Type"] != "UnsubscribeConfirmation" || last["Token"] == token || last["Token"] == "" {
		t.Fatalf("the endpoint is to get %v", last)
	}
	if got := e.get(last["SubscribeURL"]).Text("SubscriptionArn"); got != arn || counts() != "100" {
		t.Errorf("restored it is %s, counted %s", got, counts())
	}
}

// TestAuthenticatedUnsubscribe: who asked for it is not unsubscribed by a URL alone.
func TestAuthenticatedUnsubscribe(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	topicOf := e.topic("t")
	arn := e.ok("Subscribe", subscribeInput("t", "http", "http://example.com/", `,"ReturnSubscriptionArn":true`)).Text("SubscriptionArn")
	e.ok("ConfirmSubscription", `{"TopicArn":"`+topicOf+`","Token":"`+e.sent(arn)[0]["Token"]+`","AuthenticateOnUnsubscribe":"true"}`)
	if got := e.attributes(arn)["ConfirmationWasAuthenticated"]; got != "true" {
		t.Errorf("ConfirmationWasAuthenticated is %s", got)
	}
	if a := e.get(base + "/?Action=Unsubscribe&SubscriptionArn=" + arn); a.Status != 403 || a.Code != "AuthorizationError" {
		t.Errorf("the URL answered %d %s", a.Status, a.Body)
	}
	e.ok("Unsubscribe", `{"SubscriptionArn":"`+arn+`"}`)
}

// TestPagesOfSubscriptions: pages hold 100, of one topic and of all.
func TestPagesOfSubscriptions(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.topic("a")
	e.topic("b")
	for i := range 120 {
		e.subscribe("a", fmt.Sprintf("q%d", i))
	}
	e.subscribe("b", "q0")
	for operation, x := range map[string]struct {
		of   string
		want int
	}{"ListSubscriptions": {"", 21}, "ListSubscriptionsByTopic": {`"TopicArn":"` + topicARN("a") + `",`, 20}} {
		first := e.ok(operation, `{`+x.of+`"NextToken":""}`)
		token := first.Text("NextToken")
		if _, err := base64.StdEncoding.DecodeString(token); err != nil {
			t.Errorf("%s: the token is %q", operation, token)
		}
		second := e.ok(operation, `{`+x.of+`"NextToken":"`+token+`"}`)
		seen := map[string]bool{}
		for _, arn := range append(first.Texts("SubscriptionArn"), second.Texts("SubscriptionArn")...) {
			seen[arn] = true
		}
		if n := len(second.Texts("SubscriptionArn")); len(first.Texts("SubscriptionArn")) != 100 || n != x.want || len(seen) != 100+x.want || len(second.Texts("NextToken")) != 0 {
			t.Errorf("%s: the second page has %d, both %d", operation, n, len(seen))
		}
	}
}

// TestWhatIsRefused has every operation that the router does not have.
func TestWhatIsRefused(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	if len(e.service.Refused) != 21 {
		t.Errorf("%d operations are refused", len(e.service.Refused))
	}
	for name, reason := range e.service.Refused {
		e.call(name, `{}`).Is(name, "UnsupportedOperation", "The operation "+name+" is not supported: "+reason+".")
	}
}

// TestReplayPolicy: a subscription to a FIFO topic with an archive may ask for what was published before.
func TestReplayPolicy(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	topicOf := e.topic("f.fifo")
	e.queue("q.fifo")
	e.ok("SetTopicAttributes", `{"TopicArn":"`+topicOf+`","AttributeName":"ArchivePolicy","AttributeValue":"{\"MessageRetentionPeriod\":\"1\"}"}`)
	e.ok("Publish", `{"TopicArn":"`+topicOf+`","Message":"before","MessageGroupId":"g"}`)
	const policy = `{"PointType": "Timestamp", "StartingPoint": "2026-01-01T00:00:00.000Z"}`
	for _, x := range []struct{ value, message string }{
		{`x`, "failed to parse JSON."}, {`{"PointType":"Timestamp"}`, "PointType and StartingPoint are required"}, {`{"PointType":"Offset","StartingPoint":"2026-01-01T00:00:00Z"}`, "PointType must be Timestamp"},
		{`{"PointType":"Timestamp","StartingPoint":"yesterday"}`, "StartingPoint must be a time in ISO 8601"}, {`{"Colour":"red"}`, "unknown member Colour"},
		{`{"PointType":"Timestamp","StartingPoint":"2026-01-01T00:00:00Z","EndingPoint":"2026-01-01T00:00:00Z"}`, "EndingPoint must be after StartingPoint"},
	} {
		e.call("Subscribe", subscribeInput("f.fifo", "sqs", queueARN("q.fifo"), `,"Attributes":{"ReplayPolicy":`+awstest.Quoted(x.value)+`}`)).
			Is(x.value, invalidParameter, "Invalid parameter: Attributes Reason: ReplayPolicy: "+x.message)
	}
	arn := e.subscribe("f.fifo", "q.fifo", `"Attributes":{"ReplayPolicy":`+awstest.Quoted(policy)+`}`)
	if got := e.attributes(arn); got["ReplayPolicy"] != policy || got["ReplayStatus"] != "Pending" {
		t.Errorf("it has %v", got)
	}
	uuid := arn[strings.LastIndexByte(arn, ':')+1:]
	if made, err := e.topics.Subscription(t.Context(), named("f.fifo"), uuid); err != nil || made.Subscription.Feed == nil || made.Subscription.Feed.Transfer != "" {
		t.Errorf("made in one step it is %+v, %v", made.Subscription, err)
	}
	e.subscribe("f.fifo", "q.fifo", `"Attributes":{"ReplayPolicy":`+awstest.Quoted(policy)+`}`)
	e.ok("SetSubscriptionAttributes", `{"SubscriptionArn":"`+arn+`","AttributeName":"ReplayPolicy","AttributeValue":"{}"}`)
	if got := e.attributes(arn); got["ReplayPolicy"] != "" || got["ReplayStatus"] != "" {
		t.Errorf("without a replay it has %v", got)
	}
}
