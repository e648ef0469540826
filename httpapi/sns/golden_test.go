package sns_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/signalbox-mq/signalbox/httpapi/awsapi/awstest"
	"github.com/signalbox-mq/signalbox/queue"
)

// scenarios are those of every operation: what it answers, and its errors.
func scenarios() map[string]awstest.Exchanges {
	call := awstest.Call
	const (
		text  = `line\r\nline\ttab \"quoted\" <b>&amp; é \ud83d\ude00`
		topic = `"TopicArn":"arn:aws:sns:us-east-1:000000000000:t"`
		none  = `"TopicArn":"arn:aws:sns:us-east-1:000000000000:none"`
		fifo  = `"TopicArn":"arn:aws:sns:us-east-1:000000000000:f.fifo"`
		of    = `"ResourceArn":"arn:aws:sns:us-east-1:000000000000:t"`
		ofNo  = `"ResourceArn":"arn:aws:sns:us-east-1:000000000000:none"`
		queue = `"Protocol":"sqs","Endpoint":"arn:aws:sqs:us-east-1:000000000000:q"`
	)
	topics := []awstest.Step{
		call("CreateTopic", `{"Name":"t","Attributes":{"DisplayName":"Alerts <&>"},"Tags":[{"Key":"team","Value":"shop"},{"Key":"empty","Value":""}]}`),
		call("CreateTopic", `{"Name":"f.fifo","Attributes":{"FifoTopic":"true","ContentBasedDeduplication":"true"}}`),
	}
	with := func(more ...awstest.Step) []awstest.Step { return append(topics[:2:2], more...) }
	subscribe := call("Subscribe", `{`+topic+`,`+queue+`,"Attributes":{"FilterPolicy":"{\"a\": [\"b\"]}","RawMessageDelivery":"true"}}`)
	overHTTP := call("Subscribe", `{`+topic+`,"Protocol":"https","Endpoint":"https://example.com/?a=b&c=d","ReturnSubscriptionArn":true}`)
	const attributes = `"MessageAttributes":{"a":{"DataType":"String","StringValue":"b"},"bytes":{"DataType":"Binary.png","BinaryValue":"AP+J"},"list":{"DataType":"String.Array","StringValue":"[\"` + `x` + `\"]"}}`
	publish := call("Publish", `{`+topic+`,"Message":"m"}`)
	return map[string]awstest.Exchanges{
		"CreateTopic": {Before: topics, Steps: []awstest.Step{
			call("CreateTopic", `{"Name":"new"}`),
			call("CreateTopic", `{"Name":"t"}`),
			call("CreateTopic", `{"Name":"t","Attributes":{"DisplayName":"other"}}`),
			call("CreateTopic", `{"Name":"t","Tags":[{"Key":"team","Value":"other"}]}`),
			call("CreateTopic", `{"Name":"new.fifo","Attributes":{"FifoTopic":"true"},"DataProtectionPolicy":"{}"}`),
			call("CreateTopic", `{"Name":"a.b"}`),
			call("CreateTopic", `{}`),
		}},
		"DeleteTopic": {Before: topics, Steps: []awstest.Step{
			call("DeleteTopic", `{`+topic+`}`), call("DeleteTopic", `{`+topic+`}`), call("DeleteTopic", `{"TopicArn":"t"}`),
		}},
		"ListTopics": {Steps: append([]awstest.Step{call("ListTopics", `{}`)}, append(topics[:2:2],
			call("ListTopics", `{}`), call("ListTopics", `{"NextToken":"Zi5maWZv"}`), call("ListTopics", `{"NextToken":"*"}`))...)},
		"GetTopicAttributes": {Before: topics, Steps: []awstest.Step{
			call("GetTopicAttributes", `{`+topic+`}`), call("GetTopicAttributes", `{`+fifo+`}`), call("GetTopicAttributes", `{`+none+`}`),
			call("GetTopicAttributes", `{"TopicArn":"arn:aws:sns:eu-west-1:000000000000:t"}`),
		}},
		"SetTopicAttributes": {Before: topics, Steps: []awstest.Step{
			call("SetTopicAttributes", `{`+topic+`,"AttributeName":"DisplayName","AttributeValue":"`+text+`"}`),
			call("SetTopicAttributes", `{`+topic+`,"AttributeName":"DeliveryPolicy","AttributeValue":"{\"http\":{\"defaultThrottlePolicy\":{\"maxReceivesPerSecond\":5}}}"}`),
			call("GetTopicAttributes", `{`+topic+`}`),
			call("SetTopicAttributes", `{`+topic+`,"AttributeName":"Colour","AttributeValue":"red"}`),
			call("SetTopicAttributes", `{`+topic+`}`),
		}},
		"AddPermission": {Before: topics, Steps: []awstest.Step{
			call("AddPermission", `{`+topic+`,"Label":"l","AWSAccountId":["111111111111","222222222222"],"ActionName":["Publish"]}`),
			call("AddPermission", `{`+topic+`,"Label":"l","AWSAccountId":["111111111111"],"ActionName":["Publish"]}`),
			call("AddPermission", `{`+topic+`,"Label":"x","AWSAccountId":["111111111111"],"ActionName":["Fly"]}`),
		}},
		"RemovePermission": {Before: topics, Steps: []awstest.Step{call("RemovePermission", `{`+topic+`,"Label":"l"}`), call("RemovePermission", `{`+none+`,"Label":"l"}`)}},
		"TagResource": {Before: topics, Steps: []awstest.Step{
			call("TagResource", `{`+of+`,"Tags":[{"Key":"k","Value":"<v>"}]}`),
			call("TagResource", `{`+of+`,"Tags":[{"Key":"k","Value":"v"},{"Key":"k","Value":"v"}]}`),
			call("TagResource", `{`+of+`,"Tags":[{"Key":"","Value":"v"}]}`),
			call("TagResource", `{`+ofNo+`,"Tags":[{"Key":"k","Value":"v"}]}`),
		}},
		"UntagResource": {Before: topics, Steps: []awstest.Step{
			call("UntagResource", `{`+of+`,"TagKeys":["team","none"]}`), call("UntagResource", `{`+ofNo+`,"TagKeys":["team"]}`),
		}},
		"ListTagsForResource": {Before: topics, Steps: []awstest.Step{
			call("ListTagsForResource", `{`+of+`}`), call("ListTagsForResource", `{"ResourceArn":"arn:aws:sns:us-east-1:000000000000:f.fifo"}`), call("ListTagsForResource", `{`+ofNo+`}`),
		}},
		"PutDataProtectionPolicy": {Before: topics, Steps: []awstest.Step{
			call("PutDataProtectionPolicy", `{`+of+`,"DataProtectionPolicy":"{\"Name\":\"p\"}"}`), call("PutDataProtectionPolicy", `{`+of+`,"DataProtectionPolicy":"p"}`),
		}},
		"GetDataProtectionPolicy": {Before: with(call("PutDataProtectionPolicy", `{`+of+`,"DataProtectionPolicy":"{\"Name\":\"p\"}"}`)), Steps: []awstest.Step{
			call("GetDataProtectionPolicy", `{`+of+`}`), call("GetDataProtectionPolicy", `{"ResourceArn":"arn:aws:sns:us-east-1:000000000000:f.fifo"}`),
		}},
		"Subscribe": {Before: topics, Steps: []awstest.Step{
			subscribe,
			call("Subscribe", `{`+topic+`,`+queue+`,"Attributes":{"RawMessageDelivery":"false"}}`),
			overHTTP,
			call("Subscribe", `{`+topic+`,"Protocol":"https","Endpoint":"https://example.com/?a=b&c=d"}`),
			call("Subscribe", `{`+topic+`,"Protocol":"sqs","Endpoint":"http://router.test/000000000000/q"}`),
			call("Subscribe", `{`+topic+`,"Protocol":"email","Endpoint":"a@example.com"}`),
			call("Subscribe", `{`+topic+`,"Protocol":"sqs","Endpoint":"arn:aws:sqs:us-east-1:000000000000:p","Attributes":{"FilterPolicy":"{\"a\":[{\"numeric\":[\">\",\"x\"]}]}"}}`),
			call("Subscribe", `{`+none+`,`+queue+`}`),
			call("Subscribe", `{`+topic+`}`),
		}},
		"ConfirmSubscription": {Before: with(overHTTP), Steps: []awstest.Step{
			call("ConfirmSubscription", `{`+topic+`,"Token":"x"}`),
			call("ConfirmSubscription", `{`+topic+`,"Token":"{{token}}"}`),
			call("ConfirmSubscription", `{`+topic+`,"Token":"{{token}}"}`),
			call("ConfirmSubscription", `{"TopicArn":"t","Token":"x"}`),
		}},
		"Unsubscribe": {Before: with(subscribe), Steps: []awstest.Step{
			call("Unsubscribe", `{"SubscriptionArn":"{{subscription}}"}`), call("Unsubscribe", `{"SubscriptionArn":"{{subscription}}"}`),
			call("Unsubscribe", `{"SubscriptionArn":"x"}`), call("Unsubscribe", `{"SubscriptionArn":"arn:aws:sns:us-east-1:000000000000:t"}`),
		}},
		"ListSubscriptions":        {Before: topics, Steps: []awstest.Step{call("ListSubscriptions", `{}`), subscribe, call("ListSubscriptions", `{}`)}},
		"ListSubscriptionsByTopic": {Before: with(overHTTP), Steps: []awstest.Step{call("ListSubscriptionsByTopic", `{`+topic+`}`), call("ListSubscriptionsByTopic", `{`+fifo+`}`), call("ListSubscriptionsByTopic", `{`+none+`}`)}},
		"GetSubscriptionAttributes": {Before: with(subscribe), Steps: []awstest.Step{
			call("GetSubscriptionAttributes", `{"SubscriptionArn":"{{subscription}}"}`),
			call("GetSubscriptionAttributes", `{"SubscriptionArn":"arn:aws:sns:us-east-1:000000000000:t:8a21d249-4329-4871-acc6-7be709c6ea7f"}`),
		}},
		"SetSubscriptionAttributes": {Before: with(subscribe), Steps: []awstest.Step{
			call("SetSubscriptionAttributes", `{"SubscriptionArn":"{{subscription}}","AttributeName":"RawMessageDelivery","AttributeValue":"false"}`),
			call("SetSubscriptionAttributes", `{"SubscriptionArn":"{{subscription}}","AttributeName":"FilterPolicy","AttributeValue":"{\"a\":\"b\"}"}`),
			call("SetSubscriptionAttributes", `{"SubscriptionArn":"{{subscription}}","AttributeName":"Colour","AttributeValue":"red"}`),
		}},
		"Publish": {Before: with(subscribe), Steps: []awstest.Step{
			publish,
			call("Publish", `{`+topic+`,"Message":"`+text+`","Subject":"s",`+attributes+`,"MessageGroupId":"tenant"}`),
			call("Publish", `{`+fifo+`,"Message":"m","MessageGroupId":"g"}`),
			call("Publish", `{`+fifo+`,"Message":"m"}`),
			call("Publish", `{`+topic+`,"Message":""}`),
			call("Publish", `{`+topic+`}`),
			call("Publish", `{`+topic+`,"Message":"m","MessageAttributes":{"a":{"DataType":"Number","BinaryValue":"AA=="}}}`),
			call("Publish", `{`+none+`,"Message":"m"}`),
			call("Publish", `{`+topic+`,"Message":"m","MessageAttributes":{"a":{"DataType":"String","StringValue":"b"}}}`).Failing(errFull),
			call("Publish", `{`+topic+`,"Message":"m","MessageAttributes":{"a":{"DataType":"String","StringValue":"b"}}}`).Failing(awstest.ErrSecret),
		}},
		"PublishBatch": {Before: topics, Steps: []awstest.Step{
			call("PublishBatch", `{`+topic+`,"PublishBatchRequestEntries":[{"Id":"1","Message":"m",`+attributes+`},{"Id":"2","Message":""}]}`),
			call("PublishBatch", `{`+fifo+`,"PublishBatchRequestEntries":[{"Id":"1","Message":"m","MessageGroupId":"g"}]}`),
			call("PublishBatch", `{`+topic+`,"PublishBatchRequestEntries":[{"Id":"1","Message":"m"},{"Id":"1","Message":"m"}]}`),
			call("PublishBatch", `{`+topic+`,"PublishBatchRequestEntries":[]}`),
		}},
		// For clients that take nothing else.
		"AcceptJSON": {Before: topics, Steps: []awstest.Step{
			call("Publish", `{`+topic+`,"Message":"m"}`, "Accept", "application/json"),
			call("GetTopicAttributes", `{`+topic+`}`, "Accept", "application/json"),
			call("DeleteTopic", `{`+topic+`}`, "Accept", "application/json"),
			call("GetTopicAttributes", `{`+topic+`}`, "Accept", "application/json"),
		}},
	}
}

var errFull = fmt.Errorf("no room: %w", queue.ErrStoreFull)

var subscriptionPattern = regexp.MustCompile(`<SubscriptionArn>(arn:[^<]+)<`)

// golden is how the golden files are written. {{subscription}} in an input stands for the last subscription's ARN that was answered,
// {{token}} for the token that the endpoint of an HTTP subscription was sent last.
func golden(e *env) *awstest.Golden {
	subscription := ""
	return &awstest.Golden{
		Headers:    []string{"Accept"},
		Masks:      []awstest.Mask{awstest.MaskUUID(), awstest.NewMask(`\b[0-9a-f]{128}\b`, "{token}"), awstest.NewMask(`\b\d{20}\b`, "{sequence}")},
		ShowFilled: true,
		Fill: func(input string) string {
			input = strings.ReplaceAll(input, "{{subscription}}", subscription)
			if strings.Contains(input, "{{token}}") {
				input = strings.ReplaceAll(input, "{{token}}", e.sent(subscription)[0]["Token"])
			}
			return input
		},
		Learn: func(a *awstest.Answer) {
			if m := subscriptionPattern.FindStringSubmatch(a.Body); m != nil {
				subscription = m[1]
			}
		},
	}
}

// TestGolden writes what every operation answers, and its errors.
func TestGolden(t *testing.T) {
	t.Parallel()
	for name, x := range scenarios() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEnv(t)
			golden(e).Run(t, e.client, name, x)
		})
	}
}

// TestScenariosAreComplete keeps the scenarios in awstest.Step with the table of operations.
func TestScenariosAreComplete(t *testing.T) {
	t.Parallel()
	all := scenarios()
	for _, op := range newEnv(t).service.Operations {
		if _, ok := all[op.Name]; !ok {
			t.Errorf("%s has no golden file", op.Name)
		}
	}
}

// TestGoldenOfTheProtocol writes what is answered to requests that are not the usual ones.
func TestGoldenOfTheProtocol(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	arn := e.topic("t")
	var b strings.Builder
	for _, x := range []struct{ method, target, body string }{
		{"GET", "/?Action=ListTopics&Version=2010-03-31", ""},
		{"GET", "/?Action=Publish&TopicArn=" + arn + "&Message=a%20b", ""},
		{"GET", "/?Action=Unsubscribe&SubscriptionArn=x", ""},
		{"GET", "/?Action=ConfirmSubscription&TopicArn=" + arn + "&Token=x", ""},
		{"POST", "/", "Action=Publish&Version=2010-03-31&TopicArn=" + arn},
		{"POST", "/", "Action=Publish&Version=2010-03-31&TopicArn=" + arn + "&Message=m&MessageAttributes.entry.1.Value.DataType=String"},
		{"POST", "/", "Action=Subscribe&Version=2010-03-31&TopicArn=" + arn + "&Protocol=sqs&ReturnSubscriptionArn=yes"},
		{"POST", "/", "Action=Fly&Version=2010-03-31"},
		{"POST", "/", "Action=ListPlatformApplications&Version=2010-03-31"},
		{"POST", "/", "Action=ListTopics&Version=1999-01-01"},
		{"POST", "/", "Action=ListQueues&Version=2010-03-31"},
		{"POST", "/", "Version=2010-03-31"},
	} {
		golden(e).Ask(&b, e.client, x.method, x.target, x.body)
	}
	golden(e).File(t, "protocol", b.String())
}
