package sns_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/signalbox-mq/signalbox/httpapi/awsapi/awstest"
)

// TestFilterPolicyFaults has the text of each fault: with one prefix where it is subscribed, with another where it is set, and
// with the place where AWS's parser stood.
func TestFilterPolicyFaults(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.topic("t")
	e.queue("q")
	e.queue("other")
	subscription := e.subscribe("t", "q", `"Attributes":{"FilterPolicyScope":"MessageBody","FilterPolicy":"{\"kept\":[\"a\"]}"}`)
	at := func(policy string, column int) string {
		return fmt.Sprintf("\n at [Source: (String)\"%s\"; line: 1, column: %d]", policy, column)
	}
	const values = `"1","2","3","4","5","6","7","8","9","10","11","12","13"`
	for _, x := range []struct {
		policy, fault string
		column        int
	}{
		{`{"key":"v"}`, `"key" must be an object or an array`, 9},
		{`{"k":[]}`, "Empty arrays are not allowed", 8},
		{`{"k":[["a"]]}`, "Match value must be String, number, true, false, or null", 8},
		{`{"k":[{"suffixes":"a"}]}`, "Unrecognized match type suffixes", 20},
		{`{"k":[{"prefix":1}]}`, "prefix match pattern must be a string", 18},
		{`{"k":[{"prefix":"a","suffix":"b"}]}`, "Only one key allowed in match expression", 31},
		{`{"k":[{"numeric":["=","a"]}]}`, "Value of equals must be numeric", 24},
		{`{"k":[{"numeric":["<",1,">",0]}]}`, "Too many elements in numeric expression", 26},
		{`{"k":[{"numeric":[">",5,"<",1]}]}`, "Bottom must be less than top", 31},
		{`{"k":[{"exists":"x"}]}`, "exists match pattern must be either true or false.", 18},
		{`{"k":[{"cidr":"a"}]}`, "Malformed CIDR, one '/' required", 18},
		{`{"k":[{"anything-but":{"foo":"a"}}]}`, "Unsupported anything-but pattern: foo", 31},
		{`[]`, "Filter is not an object", 2},
		{`{"a":["1"],"b":["1"],"c":["1"],"d":["1"],"e":["1"],"f":["1"]}`, "Filter policy can not have more than 5 keys", 0},
		{`{"k":[` + values + `],"j":[` + values[:len(values)-5] + `]}`, "Filter policy is too complex", 0},
		{`{"k":`, "failed to parse JSON.", 0},
		{`{"k":["` + strings.Repeat("a", 256<<10) + `"]}`, "Filter policy is too large", 0},
	} {
		want := "FilterPolicy: " + x.fault
		if x.column > 0 {
			want += at(x.policy, x.column)
		}
		for _, scope := range []string{"MessageAttributes", "MessageBody"} {
			e.call("Subscribe", `{"TopicArn":"`+topicARN("t")+`","Protocol":"sqs","Endpoint":"`+queueARN("other")+`","Attributes":{"FilterPolicy":`+awstest.Quoted(x.policy)+`,"FilterPolicyScope":"`+scope+`"}}`).
				Is("subscribing with "+awstest.Short(x.policy), invalidParameter, "Invalid parameter: Attributes Reason: "+want)
		}
		e.call("SetSubscriptionAttributes", `{"SubscriptionArn":"`+subscription+`","AttributeName":"FilterPolicy","AttributeValue":`+awstest.Quoted(x.policy)+`}`).
			Is("setting "+awstest.Short(x.policy), invalidParameter, "Invalid parameter: "+want)
	}
	if got := e.attributes(subscription)["FilterPolicy"]; got != `{"kept":["a"]}` {
		t.Errorf("the policy is now %s", got)
	}
	if got := e.ok("ListSubscriptions", `{}`).Texts("Endpoint"); len(got) != 1 {
		t.Errorf("refused subscriptions are there: %v", got)
	}
}

// TestFilterPolicyScope: nesting needs the scope of bodies, and the scope shows with a policy only.
func TestFilterPolicyScope(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.topic("t")
	e.queue("q")
	subscription := e.subscribe("t", "q")
	set := func(name, value string) string {
		return `{"SubscriptionArn":"` + subscription + `","AttributeName":"` + name + `","AttributeValue":` + awstest.Quoted(value) + `}`
	}
	const nested = "Filter policy scope MessageAttributes does not support nested filter policy"
	e.call("Subscribe", `{"TopicArn":"`+topicARN("t")+`","Protocol":"sqs","Endpoint":"`+queueARN("x")+`","Attributes":{"FilterPolicy":"{\"a\":{\"b\":[1]}}"}}`).
		Is("nested", invalidParameter, "Invalid parameter: Attributes Reason: "+nested)
	e.refuse([]refusal{
		{"SetSubscriptionAttributes", set("FilterPolicy", `{"a":{"b":[1]}}`), invalidParameter, "Invalid parameter: " + nested},
		{"SetSubscriptionAttributes", set("FilterPolicyScope", "Body"), invalidParameter, "Invalid parameter: FilterPolicyScope: Invalid value [Body]. Please use either MessageBody or MessageAttributes"},
	})
	has := func(policy, scope string) {
		t.Helper()
		if got := e.attributes(subscription); got["FilterPolicy"] != policy || got["FilterPolicyScope"] != scope {
			t.Errorf("the policy is %q, its scope %q; want %q, %q", got["FilterPolicy"], got["FilterPolicyScope"], policy, scope)
		}
	}
	has("", "")
	e.ok("SetSubscriptionAttributes", set("FilterPolicyScope", "MessageBody"))
	has("", "")
	e.ok("SetSubscriptionAttributes", set("FilterPolicy", `{ "a": {"b": ["<x>"]} }`))
	has(`{ "a": {"b": ["<x>"]} }`, "MessageBody")
	e.call("SetSubscriptionAttributes", set("FilterPolicyScope", "MessageAttributes")).Is("under a nested policy", invalidParameter, "Invalid parameter: "+nested)
	e.ok("SetSubscriptionAttributes", set("FilterPolicy", `{}`))
	has("", "")
	e.ok("SetSubscriptionAttributes", set("FilterPolicyScope", "MessageAttributes"))
	e.ok("SetSubscriptionAttributes", set("FilterPolicy", `{"a":["b"]}`))
	has(`{"a":["b"]}`, "MessageAttributes")
	e.ok("SetSubscriptionAttributes", set("FilterPolicy", ``))
	has("", "")
}
