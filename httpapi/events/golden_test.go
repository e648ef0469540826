package events_test

import (
	"strings"
	"testing"

	"github.com/signalbox-mq/signalbox/httpapi/awsapi/awstest"
	"github.com/signalbox-mq/signalbox/queue"
)

// scenarios are the golden files of every operation: what it answers, and its errors. What is made of an example's input is there
// before.
func scenarios() map[string]awstest.Exchanges {
	call := awstest.Call
	const (
		busARN     = `"arn:aws:events:us-east-1:000000000000:event-bus/b"`
		ruleARN    = `"arn:aws:events:us-east-1:000000000000:rule/b/r"`
		connection = `"arn:aws:events:us-east-1:000000000000:connection/c/9d1e9f3e-5f0f-4c1b-a0a5-7f63f4e8f2f1"`
	)
	bus := call("CreateEventBus", `{"Name":"b","Description":"of the <shop> & others","Tags":[{"Key":"team","Value":"shop"}]}`)
	rule := call("PutRule", `{"Name":"r","EventBusName":"b","EventPattern":"{\"source\": [\"shop\"]}","Description":"d"}`)
	targets := call("PutTargets", `{"Rule":"r","EventBusName":"b","Targets":[{"Id":"1","Arn":"arn:aws:sqs:us-east-1:000000000000:q","InputTransformer":{"InputPathsMap":{"a":"$.detail.a"},"InputTemplate":"{\"a\": <a>}"},"RetryPolicy":{"MaximumRetryAttempts":3,"MaximumEventAgeInSeconds":60}},{"Id":"2","Arn":"arn:aws:lambda:us-east-1:000000000000:function:f:live"}]}`)
	archive := call("CreateArchive", `{"ArchiveName":"a","EventSourceArn":`+busARN+`,"EventPattern":"{\"source\": [\"shop\"]}","RetentionDays":7}`)
	replay := call("StartReplay", `{"ReplayName":"p","EventSourceArn":"arn:aws:events:us-east-1:000000000000:archive/a","EventStartTime":1700000000,"EventEndTime":1700000060,"Destination":{"Arn":`+busARN+`,"FilterArns":[`+ruleARN+`]}}`)
	connect := call("CreateConnection", `{"Name":"c","Description":"d",`+oauthAuth+`}`)
	basic := call("CreateConnection", `{"Name":"c",`+basicAuth+`}`)
	destination := call("CreateApiDestination", `{"Name":"d","ConnectionArn":`+connection+`,"InvocationEndpoint":"https://example.com/*","HttpMethod":"POST"}`)
	before := func(steps ...awstest.Step) []awstest.Step { return steps }
	on := func(b []awstest.Step, steps ...awstest.Step) awstest.Exchanges {
		return awstest.Exchanges{Before: b, Steps: steps}
	}
	named := func(operation, name string) awstest.Step { return call(operation, `{"Name":"`+name+`"}`) }
	ofRule := func(operation string) awstest.Exchanges {
		return on(before(bus, rule), call(operation, `{"Name":"r","EventBusName":"b"}`), named(operation, "r"), call(operation, `{"Name":"r","EventBusName":"nowhere"}`), call(operation, `{}`))
	}
	event := `{"Source":"shop","DetailType":"order.created","Detail":"{\"a\": 1}"}`
	put := call("PutEvents", `{"Entries":[`+event+`]}`)
	return map[string]awstest.Exchanges{
		"PutEvents": on(before(bus, rule, targets),
			put,
			call("PutEvents", `{"Entries":[{"Time":1700000000,"Source":"shop","DetailType":"t","Detail":"{}","Resources":["r"],"EventBusName":`+busARN+`,"TraceHeader":"Root=1"},{"Source":"shop"},{"Source":"aws.x","DetailType":"t","Detail":"{}"},{"Source":"s","DetailType":"t","Detail":"[]"},{"Source":"s","DetailType":"t","Detail":"{}","EventBusName":"nowhere"}]}`),
			call("PutEvents", `{"Entries":[]}`), call("PutEvents", `{}`), call("PutEvents", `{"Entries":[`+strings.Repeat(event+",", 10)+event+`]}`), call("PutEvents", `{"Entries":[{"EventBusName":"a b"}]}`),
			put.Failing(queue.ErrStoreFull), put.Failing(awstest.ErrSecret),
		),
		"TestEventPattern": on(nil,
			call("TestEventPattern", `{"EventPattern":"{\"source\":[\"shop\"]}","Event":"{\"id\":\"1\",\"account\":\"1\",\"source\":\"shop\",\"time\":\"t\",\"region\":\"r\",\"resources\":[],\"detail-type\":\"t\"}"}`),
			call("TestEventPattern", `{"EventPattern":"{\"source\":[]}","Event":"{}"}`), call("TestEventPattern", `{"EventPattern":"{\"source\":[\"shop\"]}","Event":"1"}`), call("TestEventPattern", `{}`),
		),
		"CreateEventBus":   on(nil, bus, bus, call("CreateEventBus", examples()["CreateEventBus"]), named("CreateEventBus", "a/b"), named("CreateEventBus", "a b"), call("CreateEventBus", `{}`)),
		"DescribeEventBus": on(before(bus), named("DescribeEventBus", "b"), call("DescribeEventBus", `{}`), named("DescribeEventBus", "nowhere")),
		"UpdateEventBus":   on(before(bus), call("UpdateEventBus", examples()["UpdateEventBus"]), named("UpdateEventBus", "nowhere")),
		"ListEventBuses":   on(before(bus), call("ListEventBuses", `{}`), call("ListEventBuses", `{"Limit":1}`), call("ListEventBuses", `{"NextToken":"Yg=="}`), call("ListEventBuses", `{"Limit":0,"NextToken":"*"}`)),
		"DeleteEventBus":   on(before(bus), named("DeleteEventBus", "b"), named("DeleteEventBus", "b"), named("DeleteEventBus", "default")),
		"PutPermission": on(before(bus),
			call("PutPermission", `{"EventBusName":"b","Action":"events:PutEvents","Principal":"111111111111","StatementId":"s"}`), named("DescribeEventBus", "b"), call("PutPermission", `{"EventBusName":"b"}`), call("PutPermission", examples()["PutPermission"]),
		),
		"RemovePermission": on(before(bus), call("RemovePermission", `{"EventBusName":"b","StatementId":"s"}`), call("RemovePermission", `{"RemoveAllPermissions":true}`)),
		"PutRule": on(before(bus),
			rule, call("PutRule", `{"Name":"r","EventPattern":"{\"source\":[\"shop\"]}","State":"DISABLED","RoleArn":"arn:aws:iam::000000000000:role/r"}`),
			call("PutRule", `{"Name":"r"}`), call("PutRule", examples()["PutRule"]), call("PutRule", `{"Name":"r","EventPattern":"{\"source\":\"shop\"}"}`), call("PutRule", `{"Name":"r","EventBusName":"nowhere","EventPattern":"{\"source\":[\"shop\"]}"}`), call("PutRule", `{"Name":"a!","State":"ON"}`),
		),
		"DescribeRule": ofRule("DescribeRule"), "EnableRule": ofRule("EnableRule"), "DisableRule": ofRule("DisableRule"),
		"DeleteRule": on(before(bus, rule, targets),
			call("DeleteRule", `{"Name":"r","EventBusName":"b"}`), call("RemoveTargets", `{"Rule":"r","EventBusName":"b","Ids":["1","2"]}`), call("DeleteRule", `{"Name":"r","EventBusName":"b"}`), call("DeleteRule", `{"Name":"r","EventBusName":"b"}`), call("DeleteRule", `{"Name":"r","EventBusName":"nowhere"}`),
		),
		"ListRules":             on(before(bus, rule), call("ListRules", `{"EventBusName":"b"}`), call("ListRules", `{}`), call("ListRules", `{"EventBusName":"nowhere"}`)),
		"ListRuleNamesByTarget": on(before(bus, rule, targets), call("ListRuleNamesByTarget", `{"EventBusName":"b","TargetArn":"arn:aws:sqs:us-east-1:000000000000:q"}`), call("ListRuleNamesByTarget", `{"EventBusName":"b","TargetArn":"x"}`)),
		"PutTargets": on(before(bus, rule),
			targets, call("PutTargets", examples()["PutTargets"]), call("PutTargets", `{"Rule":"r","EventBusName":"b","Targets":[{"Id":"1","Arn":"arn:aws:kinesis:us-east-1:000000000000:stream/s"}]}`),
			call("PutTargets", `{"Rule":"r","EventBusName":"b","Targets":[{"Id":"1","Arn":"arn:aws:sqs:us-east-1:000000000000:q.fifo"}]}`), call("PutTargets", `{"Rule":"none","EventBusName":"b","Targets":[{"Id":"1","Arn":"arn:aws:sqs:us-east-1:000000000000:q"}]}`), call("PutTargets", `{"Rule":"r","EventBusName":"b","Targets":[{}]}`),
		),
		"RemoveTargets":     on(before(bus, rule, targets), call("RemoveTargets", `{"Rule":"r","EventBusName":"b","Ids":["1","none"]}`), call("RemoveTargets", `{"Rule":"none","EventBusName":"b","Ids":["1"]}`)),
		"ListTargetsByRule": on(before(bus, rule, targets), call("ListTargetsByRule", `{"Rule":"r","EventBusName":"b"}`), call("ListTargetsByRule", `{"Rule":"r","EventBusName":"b","Limit":1}`), call("ListTargetsByRule", `{"Rule":"none","EventBusName":"b"}`)),

		"CreateArchive":   on(before(bus), archive, archive, call("CreateArchive", `{"ArchiveName":"x","EventSourceArn":"arn:aws:events:us-east-1:000000000000:event-bus/nowhere"}`), call("CreateArchive", `{"ArchiveName":"x!","EventSourceArn":"x"}`)),
		"DescribeArchive": on(before(bus, archive), call("DescribeArchive", `{"ArchiveName":"a"}`), call("DescribeArchive", `{"ArchiveName":"none"}`)),
		"UpdateArchive":   on(before(bus, archive), call("UpdateArchive", examples()["UpdateArchive"]), call("UpdateArchive", `{"ArchiveName":"a"}`), call("UpdateArchive", `{"ArchiveName":"none","Description":"d"}`)),
		"ListArchives":    on(before(bus, archive), call("ListArchives", `{}`), call("ListArchives", `{"NamePrefix":"x"}`), call("ListArchives", examples()["ListArchives"])),
		"DeleteArchive":   on(before(bus, archive), call("DeleteArchive", `{"ArchiveName":"a"}`), call("DeleteArchive", `{"ArchiveName":"a"}`)),
		"StartReplay":     on(before(bus, rule, archive), replay, replay, call("StartReplay", strings.Replace(examples()["StartReplay"], "1700000060", "1", 1)), call("StartReplay", `{}`)),
		"DescribeReplay":  on(before(bus, rule, archive, replay), call("DescribeReplay", `{"ReplayName":"p"}`), call("DescribeReplay", `{"ReplayName":"none"}`)),
		"ListReplays":     on(before(bus, rule, archive, replay), call("ListReplays", `{}`), call("ListReplays", `{"State":"FAILED"}`)),
		"CancelReplay":    on(before(bus, rule, archive, replay), call("CancelReplay", `{"ReplayName":"p"}`), call("CancelReplay", `{"ReplayName":"p"}`), call("CancelReplay", `{"ReplayName":"none"}`)),

		"CreateConnection":      on(nil, connect, connect, call("CreateConnection", examples()["CreateConnection"]), call("CreateConnection", `{"Name":"x","AuthorizationType":"BASIC","AuthParameters":{}}`), call("CreateConnection", `{"Name":"x","AuthorizationType":"NONE","AuthParameters":{"BasicAuthParameters":{"Password":"a:b"}}}`)),
		"DescribeConnection":    on(before(connect), named("DescribeConnection", "c"), named("DescribeConnection", "none")),
		"UpdateConnection":      on(before(basic), call("UpdateConnection", `{"Name":"c","AuthParameters":{"BasicAuthParameters":{"Username":"bob"}}}`), named("DescribeConnection", "c"), call("UpdateConnection", `{"Name":"none"}`)),
		"ListConnections":       on(before(connect), call("ListConnections", `{}`), call("ListConnections", `{"ConnectionState":"AUTHORIZED"}`)),
		"DeauthorizeConnection": on(before(basic), named("DeauthorizeConnection", "c"), named("DeauthorizeConnection", "none")),
		"DeleteConnection":      on(before(basic), named("DeleteConnection", "c"), named("DeleteConnection", "c")),

		"CreateApiDestination":   on(before(basic), destination, destination, call("CreateApiDestination", strings.Replace(destination.Input, "connection/c", "connection/none", 1)), call("CreateApiDestination", `{"Name":"x"}`)),
		"DescribeApiDestination": on(before(basic, destination), named("DescribeApiDestination", "d"), named("DescribeApiDestination", "none")),
		"UpdateApiDestination":   on(before(basic, destination), call("UpdateApiDestination", `{"Name":"d","InvocationRateLimitPerSecond":5}`), call("UpdateApiDestination", `{"Name":"d","InvocationRateLimitPerSecond":0}`), named("UpdateApiDestination", "none")),
		"ListApiDestinations":    on(before(basic, destination), call("ListApiDestinations", `{}`), call("ListApiDestinations", `{"NamePrefix":"x"}`)),
		"DeleteApiDestination":   on(before(basic, destination), named("DeleteApiDestination", "d"), named("DeleteApiDestination", "d")),

		"TagResource":         on(before(bus, rule), call("TagResource", `{"ResourceARN":`+ruleARN+`,"Tags":[{"Key":"k","Value":"<v>"}]}`), call("TagResource", `{"ResourceARN":"arn:aws:events:us-east-1:000000000000:rule/none","Tags":[{"Key":"k","Value":"v"}]}`), call("TagResource", `{"ResourceARN":"x","Tags":[{"Key":"","Value":"v"}]}`)),
		"UntagResource":       on(before(bus), call("UntagResource", `{"ResourceARN":`+busARN+`,"TagKeys":["team","none"]}`), call("UntagResource", `{"ResourceARN":"x","TagKeys":[""]}`)),
		"ListTagsForResource": on(before(bus, rule), call("ListTagsForResource", `{"ResourceARN":`+busARN+`}`), call("ListTagsForResource", `{"ResourceARN":`+ruleARN+`}`), call("ListTagsForResource", `{"ResourceARN":"x"}`)),

		"refused": on(nil, call("PutPartnerEvents", `{}`), call("ListEndpoints", `{}`), call("Fly", `{}`)),
	}
}

func golden() *awstest.Golden {
	return &awstest.Golden{
		Headers: []string{"X-Amz-Target", "Content-Type"},
		Masks:   []awstest.Mask{awstest.MaskUUID(), awstest.NewMask(`("(?:CreationTime|LastModifiedTime|LastAuthorizedTime|ReplayStartTime|ReplayEndTime)":)[0-9.]+`, "$1{time}")},
	}
}

func TestGolden(t *testing.T) {
	t.Parallel()
	for name, x := range scenarios() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			golden().Run(t, newEnv(t).Client, name, x)
		})
	}
}

// TestScenariosAreComplete keeps the scenarios in step with the table of operations.
func TestScenariosAreComplete(t *testing.T) {
	t.Parallel()
	all := scenarios()
	for _, op := range newEnv(t).Service.Operations {
		if _, ok := all[op.Name]; !ok {
			t.Errorf("%s has no golden file", op.Name)
		}
	}
}

// TestGoldenOfTheProtocol writes what is answered to requests that are not the usual ones.
func TestGoldenOfTheProtocol(t *testing.T) {
	t.Parallel()
	e, g := newEnv(t), golden()
	var b strings.Builder
	for _, x := range []struct{ body, operation string }{
		{"", "ListEventBuses"}, {"{", "ListEventBuses"}, {"[]", "ListEventBuses"}, {`{"Limit":"1"}`, "ListEventBuses"}, {`{"NamePrefix":null}`, "ListEventBuses"}, {`{"Name":"r","Tags":{}}`, "PutRule"}, {`{"Entries":[{"Time":"2026-01-01T00:00:00Z"}]}`, "PutEvents"}, {`{"Entries":[1]}`, "PutEvents"},
	} {
		g.Ask(&b, e.Client, "POST", "/", x.body, "X-Amz-Target", "AWSEvents."+x.operation, "Content-Type", "application/json")
	}
	g.File(t, "protocol", b.String())
}
