package events_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
	"github.com/signalbox-mq/signalbox/httpapi/awsapi/awstest"
	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/rules"
)

// TestTargetsComeBack lists every kind of target as it was put.
func TestTargetsComeBack(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.OK("CreateEventBus", `{"Name":"b"}`)
	e.rule("b", "r", `{"source":["shop"]}`)
	e.rule("default", "r", `{"source":["shop"]}`)
	all := []string{
		`"Arn":"arn:aws:sqs:us-east-1:000000000000:q"`,
		`"Arn":"arn:aws:sqs:us-east-1:000000000000:q","SqsParameters":{"MessageGroupId":"tenant"}`,
		`"Arn":"arn:aws:sqs:us-east-1:000000000000:q.fifo","SqsParameters":{"MessageGroupId":"g"}`,
		`"Arn":"arn:aws:sqs:eu-west-1:111111111111:q"`,
		`"Arn":"arn:aws-cn:sqs:us-east-1:000000000000:q"`,
		`"Arn":"arn:aws:sns:us-east-1:000000000000:t"`,
		`"Arn":"arn:aws:sns:eu-west-1:000000000000:t"`,
		`"Arn":"arn:aws:lambda:us-east-1:000000000000:function:f"`,
		`"Arn":"arn:aws:lambda:us-east-1:000000000000:function:f:live"`,
		`"Arn":"arn:aws:lambda:us-east-1:111111111111:function:f:1"`,
		`"Arn":"arn:aws:events:us-east-1:000000000000:event-bus/other","RoleArn":"arn:aws:iam::000000000000:role/r"`,
		`"Arn":"arn:aws:events:eu-west-1:111111111111:event-bus/default"`,
		`"Arn":"arn:aws:events:us-east-1:000000000000:api-destination/d"`,
		`"Arn":"arn:aws:events:us-east-1:000000000000:api-destination/d/9d1e9f3e-5f0f-4c1b-a0a5-7f63f4e8f2f1"`,
		`"Arn":"arn:aws:events:us-east-1:000000000000:api-destination/d","HttpParameters":{"PathParameterValues":["$.detail.id","x"],"HeaderParameters":{"h":"1","i":"$.source"},"QueryStringParameters":{"q":"é"}}`,
	}
	const q = `"Arn":"arn:aws:sqs:us-east-1:000000000000:q",`
	all = append(all,
		q+`"Input":"{ \"a\" : [1.0, \"x y\"] }"`, q+`"Input":"\"text\""`, q+`"Input":"null"`, q+`"Input":"[\"<&>\"]"`, q+`"InputPath":"$.detail"`, q+`"InputPath":"$"`,
		q+`"InputTransformer":{"InputPathsMap":{"a":"$.detail.a","b-c_1":"$.source"},"InputTemplate":"{ \"x\": <a>,\n \"y\": \"<b-c_1> <aws.events.rule-name>\" }"}`,
		q+`"InputTransformer":{"InputTemplate":"\"fixed\""}`,
		q+`"DeadLetterConfig":{"Arn":"arn:aws:sqs:us-east-1:000000000000:dead"}`,
		q+`"RetryPolicy":{"MaximumRetryAttempts":0}`, q+`"RetryPolicy":{"MaximumEventAgeInSeconds":60}`, q+`"RetryPolicy":{"MaximumRetryAttempts":185,"MaximumEventAgeInSeconds":86400}`,
	)
	for _, bus := range []string{"b", "default"} {
		for i, members := range all {
			id := fmt.Sprint("t", i)
			put := `"Id":"` + id + `",` + members
			if got := e.OK("PutTargets", putTargets(bus, "r", put)).Body; got != `{"FailedEntryCount":0,"FailedEntries":[]}` {
				t.Errorf("put: %s", got)
			}
			var want map[string]any
			if err := json.Unmarshal([]byte("{"+put+"}"), &want); err != nil {
				t.Fatal(err)
			}
			for _, got := range e.targets(bus, "r") {
				if got["Id"] == id && !reflect.DeepEqual(got, want) {
					t.Errorf("listed %v\nput    %v", got, want)
				}
			}
			named := awstest.Decode[struct{ RuleNames []string }](e.OK("ListRuleNamesByTarget", `{"EventBusName":"`+bus+`","TargetArn":"`+want["Arn"].(string)+`"}`))
			if len(named.RuleNames) != 1 {
				t.Errorf("the rules with the target %v are %v", want["Arn"], named.RuleNames)
			}
		}
	}
	// Another one of the same id takes its place.
	e.target("b", "r", `"Id":"t15",`+all[0])
	for _, got := range e.targets("b", "r") {
		if got["Id"] == "t15" && len(got) != 2 {
			t.Errorf("replaced: %v", got)
		}
	}
}

// TestTargetsAreMade looks at what is made of them.
func TestTargetsAreMade(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.rule("default", "r", `{"source":["shop"]}`)
	e.target("default", "r", `"Id":"1","Arn":"arn:aws:sqs:eu-west-1:111111111111:q","RetryPolicy":{"MaximumRetryAttempts":3},"InputPath":"$.detail"`)
	e.target("default", "r", `"Id":"2","Arn":"arn:aws:lambda:us-east-1:000000000000:function:f:live","DeadLetterConfig":{"Arn":"`+queueARN("dead")+`"},"RetryPolicy":{"MaximumEventAgeInSeconds":90}`)
	r, err := e.rules.Rule(t.Context(), named("default"), "r")
	if err != nil {
		t.Fatal(err)
	}
	one, two := r.Rule.Targets[0], r.Rule.Targets[1]
	if one.Queue != "q" || one.Account != other || one.Region != "eu-west-1" || !one.AsEventBridge || one.Transform.InputPath != "$.detail" || !reflect.DeepEqual(*one.Retry, endpoint.EventBridgeRetry(3, endpoint.EventBridgeMaxAge)) {
		t.Errorf("the first is %+v", one)
	}
	if two.Function != "f" || two.Account != "" || !two.AsEventBridge || two.DeadLetter != "dead" || !reflect.DeepEqual(*two.Retry, endpoint.EventBridgeRetry(185, 90e9)) {
		t.Errorf("the second is %+v", two)
	}
}

func TestBadTargets(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.rule("default", "r", `{"source":["shop"]}`)
	const (
		q      = `"Id":"T","Arn":"arn:aws:sqs:us-east-1:000000000000:q"`
		format = "Parameter %s is not valid. Reason: Provided Arn is not in correct format."
		none   = "Parameter %s is not valid. Reason: The router has no targets of the service %s: it has queues of SQS, topics of SNS, functions of Lambda, event buses and API destinations."
	)
	for _, bad := range []string{
		"x", "arn", "arn:aws:sqs:us-east-1:000000000000:", "arn:aws:sqs:us-east-1:000000000000", "arn:aws:sqs::000000000000:q", "arn:aws:sqs:us-east-1:1:q", "arn:aws:sqs:us-east-1:000000000000:a/b",
		"arn:aws:sqs:us-east-1:000000000000:a b", "urn:aws:sqs:us-east-1:000000000000:q", "http://router.test/000000000000/q",
		"arn:aws:sns:us-east-1:000000000000:t:u", "arn:aws:lambda:us-east-1:000000000000:f", "arn:aws:lambda:us-east-1:000000000000:function:", "arn:aws:lambda:us-east-1:000000000000:function::x",
		"arn:aws:events:us-east-1:000000000000:b", "arn:aws:events:us-east-1:000000000000:event-bus/", "arn:aws:events:us-east-1:000000000000:event-bus/a b", "arn:aws:events:us-east-1:000000000000:api-destination/",
		"arn:aws:events:us-east-1:000000000000:api-destination//x", "arn:aws:events:us-east-1:000000000000:rule/r",
	} {
		e.Refuse("PutTargets", putTargets("default", "r", `"Id":"T","Arn":"`+bad+`"`), validationError, fmt.Sprintf(format, bad))
	}
	for _, service := range []string{"kinesis", "firehose", "states", "ecs", "logs", "codebuild", "ssm"} {
		bad := "arn:aws:" + service + ":us-east-1:000000000000:x/y"
		e.Refuse("PutTargets", putTargets("default", "r", `"Id":"T","Arn":"`+bad+`"`), validationError, fmt.Sprintf(none, bad, service))
	}
	for members, told := range map[string]string{
		`"Id":"T","Arn":"arn:aws:sns:us-east-1:000000000000:t.fifo"`:                                          "Parameter arn:aws:sns:us-east-1:000000000000:t.fifo is not valid. Reason: FIFO topics can not be targets.",
		`"Id":"T","Arn":"arn:aws:sqs:us-east-1:000000000000:q.fifo"`:                                          "Parameter(s) SqsParameters must be specified for target: T.",
		`"Id":"T","Arn":"arn:aws:sqs:us-east-1:000000000000:q.fifo","SqsParameters":{}`:                       "Parameter(s) SqsParameters must be specified for target: T.",
		`"Id":"T","Arn":"arn:aws:sqs:us-east-1:000000000000:q.fifo","SqsParameters":{"MessageGroupId":"a b"}`: "Parameter SqsParameters of target T is not valid. Reason: MessageGroupId can only include alphanumeric and punctuation characters.",
		`"Id":"T","Arn":"arn:aws:sns:us-east-1:000000000000:t","SqsParameters":{"MessageGroupId":"g"}`:        "Parameter SqsParameters of target T is not valid. Reason: the target is not an SQS queue.",
		q + `,"HttpParameters":{}`: "Parameter HttpParameters of target T is not valid. Reason: the target is not an API destination.",
		`"Id":"T","Arn":"arn:aws:events:us-east-1:000000000000:api-destination/d","HttpParameters":{"QueryStringParameters":{"q":"$.a[x]"}}`: "Parameter HttpParameters of target T is not valid. Reason: $.a[x]: ",
		q + `,"Input":"1","InputPath":"$"`:                                  "Only one of Input, InputPath, or InputTransformer must be provided for target T.",
		q + `,"InputPath":"$","InputTransformer":{"InputTemplate":"\"x\""}`: "Only one of Input, InputPath, or InputTransformer must be provided for target T.",
		q + `,"Input":"1","InputTransformer":{"InputTemplate":"\"x\""}`:     "Only one of Input, InputPath, or InputTransformer must be provided for target T.",
		q + `,"Input":"{"`:          "JSON syntax error in input for target T.",
		q + `,"Input":"text"`:       "JSON syntax error in input for target T.",
		q + `,"InputPath":"detail"`: "Parameter InputPath of target T is not valid. Reason: input_path ",
		q + `,"InputTransformer":{"InputTemplate":"{\"a\":<who>}"}`:                           "InputTemplate for target T contains invalid placeholder who.",
		q + `,"InputTransformer":{"InputPathsMap":{"a":"$.a"},"InputTemplate":"\"<a> <b>\""}`: "InputTemplate for target T contains invalid placeholder b.",
		q + `,"InputTransformer":{"InputTemplate":"\"<aws.events.other>\""}`:                  "InputTemplate for target T contains invalid placeholder aws.events.other.",
		q + `,"InputTransformer":{"InputTemplate":"text"}`:                                    "Parameter InputTransformer of target T is not valid. Reason: template is not valid JSON once its placeholders are filled in",
		q + `,"InputTransformer":{"InputPathsMap":{"a":"x"},"InputTemplate":"<a>"}`:           "Parameter InputTransformer of target T is not valid. Reason: paths.a ",
		q + `,"InputTransformer":{"InputPathsMap":{"AWSx":"$.a"},"InputTemplate":"1"}`:        "Parameter InputTransformer of target T is not valid. Reason: paths.AWSx ",
		`"Id":"T","Arn":"arn:aws:events:us-east-1:111111111111:event-bus/b","InputPath":"$"`:  "Input, InputPath and InputTransformer can not be provided for target T, an event bus of another account.",
		q + `,"DeadLetterConfig":{"Arn":"x"}`:                                                 "Parameter DeadLetterConfig.Arn of target T is not valid. Reason: it must be the ARN of an SQS queue.",
		q + `,"DeadLetterConfig":{"Arn":"arn:aws:sns:us-east-1:000000000000:t"}`:              "Parameter DeadLetterConfig.Arn of target T is not valid. Reason: it must be the ARN of an SQS queue.",
		q + `,"DeadLetterConfig":{"Arn":"arn:aws:sqs:us-east-1:000000000000:q.fifo"}`:         "Parameter DeadLetterConfig.Arn of target T is not valid. Reason: it must be the ARN of a standard SQS queue, not of a FIFO queue.",
		q + `,"DeadLetterConfig":{"Arn":"arn:aws:sqs:eu-west-1:000000000000:dead"}`:           "Parameter DeadLetterConfig.Arn of target T is not valid. Reason: the queue must be in the account and region of the rule.",
		q + `},{"Id":"T","Arn":"arn:aws:sqs:us-east-1:000000000000:q"`:                        "Target Id T is in the request more than once.",
		q + `,"KinesisParameters":{"PartitionKeyPath":"$.a"}`:                                 "Parameter KinesisParameters of target T is not supported: the router has no Kinesis streams.",
		q + `,"EcsParameters":{"TaskDefinitionArn":"x","Anything":[{}]}`:                      "Parameter EcsParameters of target T is not supported: the router has no tasks of ECS.",
		q + `,"RunCommandParameters":{}`:                                                      "Parameter RunCommandParameters of target T is not supported: the router has no commands of Systems Manager.",
	} {
		a := e.Call("PutTargets", putTargets("default", "r", `"Id":"good","Arn":"`+queueARN("q")+`"`, members))
		if a.Shape != validationError || !strings.HasPrefix(a.Message, told) || len(a.Message) > len(told) && strings.HasSuffix(told, ".") {
			t.Errorf("%s\nanswered %d %s\nwant     %s", members, a.Status, a.Message, told)
		}
	}
	if got := e.targets("default", "r"); len(got) != 0 {
		t.Errorf("something was put: %v", got)
	}
	const constraint = " failed to satisfy constraint: "
	for members, told := range map[string]string{
		`"Id":"a b","Arn":"x"`:                             `Value 'a b' at 'targets.2.member.id'` + constraint + `Member must satisfy regular expression pattern: [\.\-_A-Za-z0-9]+`,
		`"Id":"` + strings.Repeat("a", 65) + `","Arn":"x"`: `Value '` + strings.Repeat("a", 65) + `' at 'targets.2.member.id'` + constraint + `Member must have length less than or equal to 64`,
		q + `,"InputTransformer":{"InputPathsMap":{"a b":"$.a","c":"$.c"},"InputTemplate":"1"}`: `Value '{a b=$.a, c=$.c}' at 'targets.2.member.inputTransformer.inputPathsMap'` + constraint +
			`Map keys must satisfy constraint: [Member must have length less than or equal to 256, Member must have length greater than or equal to 1, Member must satisfy regular expression pattern: [A-Za-z0-9\_\-]+]`,
		q + `,"HttpParameters":{"PathParameterValues":["x"," "]}`: `Value '[x,  ]' at 'targets.2.member.httpParameters.pathParameterValues'` + constraint + `Member must satisfy constraint: [Member must satisfy regular expression pattern: ^(?!\s*$).+]`,
		q + `,"HttpParameters":{"HeaderParameters":{"a":"é"}}`: `Value '{a=é}' at 'targets.2.member.httpParameters.headerParameters'` + constraint +
			`Map value must satisfy constraint: [Member must have length less than or equal to 512, Member must satisfy regular expression pattern: ^[ \t]*[\x20-\x7E]+([ \t]+[\x20-\x7E]+)*[ \t]*$]`,
	} {
		e.Refuse("PutTargets", putTargets("default", "r", `"Id":"1","Arn":"x"`, members), validationError, "1 validation error detected: "+told)
	}
}

// TestManyTargets are as many as a rule may have.
func TestManyTargets(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.rule("default", "r", `{"source":["shop"]}`)
	many := func(from, n int) string {
		all := make([]string, n)
		for i := range all {
			all[i] = fmt.Sprintf(`"Id":"%d","Arn":"%s"`, from+i, queueARN("q"))
		}
		return putTargets("default", "r", all...)
	}
	e.Refuse("PutTargets", many(0, 101), validationError, "1 validation error detected: Value '[101 targets]' at 'targets' failed to satisfy constraint: Member must have length less than or equal to 100")
	e.Refuse("PutTargets", `{"Rule":"r","Targets":[]}`, validationError, "1 validation error detected: Value '[0 targets]' at 'targets' failed to satisfy constraint: Member must have length greater than or equal to 1")
	e.OK("PutTargets", many(0, 99))
	e.OK("PutTargets", many(50, 50))
	e.Refuse("PutTargets", many(99, 2), "LimitExceededException", "The requested resource exceeds the maximum number allowed.")
	if got := len(e.targets("default", "r")); got != 100 {
		t.Errorf("%d targets are listed", got)
	}
}

func TestRemoveTargets(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.rule("default", "r", `{"source":["shop"]}`, "a", "b", "c")
	if got := e.OK("RemoveTargets", `{"Rule":"r","Ids":["b","none","a"]}`).Body; got !=
		`{"FailedEntryCount":1,"FailedEntries":[{"TargetId":"none","ErrorCode":"ResourceNotFoundException","ErrorMessage":"Rule 'r' does not have a target with the Id 'none'."}]}` {
		t.Errorf("answered %s", got)
	}
	if got := e.targets("default", "r"); len(got) != 1 || got[0]["Id"] != "c" {
		t.Errorf("left are %v", got)
	}
	e.Refuse("RemoveTargets", `{"Rule":"r","Ids":[]}`, validationError, "1 validation error detected: Value '[]' at 'ids' failed to satisfy constraint: Member must have length greater than or equal to 1")
	e.Refuse("RemoveTargets", `{"Rule":"r","Ids":["a!"]}`, validationError,
		`1 validation error detected: Value '[a!]' at 'ids' failed to satisfy constraint: Member must satisfy constraint: [Member must have length less than or equal to 64, Member must have length greater than or equal to 1, Member must satisfy regular expression pattern: [\.\-_A-Za-z0-9]+]`)
}

// TestWhatQueuesGet is the event, or what the target makes of it.
func TestWhatQueuesGet(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	detail := `"Detail":"{\"name\":\"it's \\\"x\\\"\",\"n\":7,\"list\":[\"A\",2],\"o\":{\"a\":\"b\"},\"yes\":true}"`
	cases := map[string]struct{ members, want string }{
		"input":   {`"Input":"{ \"fixed\": true }"`, `{"fixed":true}`},
		"path":    {`"InputPath":"$.detail.name"`, `"it's \"x\""`},
		"missing": {`"InputTransformer":{"InputPathsMap":{"no":"$.detail.no"},"InputTemplate":"{\"a\":<no>}"}`, `{"a":""}`},
		"json": {
			`"InputTransformer":{"InputPathsMap":{"n":"$.detail.n","l":"$.detail.list","y":"$.detail.yes"},"InputTemplate":"{\"n\": <n>, \"text\": \"<n> <y>\", \"l\": <l>}"}`,
			`{"n":7,"text":"7 true","l":["A",2]}`,
		},
		"text": {`"InputTransformer":{"InputPathsMap":{"o":"$.detail.o","l":"$.detail.list"},"InputTemplate":"\"o is <o>, l is <l>\""}`, `"o is {a:b}, l is [A,2]"`},
		"rule": {`"InputTransformer":{"InputTemplate":"{\"rule\": <aws.events.rule-arn>, \"name\": \"<aws.events.rule-name>\"}"}`, `{"rule":"` + arn("rule/rule") + `","name":"rule"}`},
	}
	for name, c := range cases {
		e.queue(name)
		e.rule("default", name, `{"source":["shop"]}`)
		e.target("default", name, `"Id":"1","Arn":"`+queueARN(name)+`",`+c.members)
	}
	e.put(`{"Source":"shop","DetailType":"t",` + detail + `}`)
	for name, c := range cases {
		if got := e.messages(name); len(got) != 1 || string(got[0].Body) != c.want {
			t.Errorf("%s got %s, want %s", name, got[0].Body, c.want)
		}
	}
}

// TestFIFOTargets get the event in its group, and a standard queue too.
func TestFIFOTargets(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.queue("q.fifo")
	e.queue("q")
	e.rule("default", "r", `{"source":["shop"]}`)
	e.target("default", "r", `"Id":"1","Arn":"`+queueARN("q.fifo")+`","SqsParameters":{"MessageGroupId":"g"}`)
	e.target("default", "r", `"Id":"2","Arn":"`+queueARN("q")+`","SqsParameters":{"MessageGroupId":"tenant"}`)
	e.put(entry(), entry())
	if got := e.messages("q.fifo"); len(got) != 2 || got[0].Group != "g" {
		t.Errorf("the FIFO queue has %+v", got)
	}
	if got := e.messages("q"); len(got) != 2 || got[0].Group != "tenant" {
		t.Errorf("the standard queue has %+v", got)
	}
}

// TestTargetsOfTheFile are shown as far as EventBridge can, and nothing of the file can be changed.
func TestTargetsOfTheFile(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	bus := catalog.Name{Account: account, Region: region, Name: "filed"}
	e.declare(
		declaration(t, rules.BusTable, bus, rules.Bus{Description: "d"}),
		declaration(t, rules.RuleTable, rules.RuleName(bus, "r"), rules.Rule{
			When: []byte(`{"source":["shop"]}`), If: "true",
			Targets: []rules.Target{
				{Queue: "q", DeadLetter: "dead"}, {Function: "f", Transform: &rules.Transform{Input: []byte(`{"a":1}`)}}, {Queue: "q.fifo", Group: "$.detail.id"}, {ID: "b", Bus: "default"},
				{Topic: "t", Transform: &rules.Transform{Template: `{"a":<a>}`, Paths: map[string]string{"a": "$.detail.a"}}},
			},
		}),
	)
	want := []string{
		`{"Id":"queue:q","Arn":"arn:aws:sqs:us-east-1:000000000000:q","DeadLetterConfig":{"Arn":"arn:aws:sqs:us-east-1:000000000000:dead"}}`,
		`{"Id":"function:f","Arn":"arn:aws:lambda:us-east-1:000000000000:function:f","Input":"{\"a\":1}"}`,
		`{"Id":"queue:q.fifo","Arn":"arn:aws:sqs:us-east-1:000000000000:q.fifo","SqsParameters":{"MessageGroupId":"$.detail.id"}}`,
		`{"Id":"b","Arn":"arn:aws:events:us-east-1:000000000000:event-bus/default"}`,
		`{"Id":"topic:t","Arn":"arn:aws:sns:us-east-1:000000000000:t","InputTransformer":{"InputPathsMap":{"a":"$.detail.a"},"InputTemplate":"{\"a\":<a>}"}}`,
	}
	if got := e.OK("ListTargetsByRule", `{"Rule":"r","EventBusName":"filed"}`).Body; got != `{"Targets":[`+strings.Join(want, ",")+`]}` {
		t.Errorf("listed %s", got)
	}
	if got := e.describeRule("filed", "r"); got.ManagedBy != "router" || got.EventPattern != `{"source":["shop"]}` || got.State != "ENABLED" {
		t.Errorf("the rule is %+v", got)
	}
	for operation, input := range map[string]string{
		"PutRule":       `{"Name":"r","EventBusName":"filed","EventPattern":"{\"source\":[\"x\"]}"}`,
		"EnableRule":    `{"Name":"r","EventBusName":"filed"}`,
		"DisableRule":   `{"Name":"r","EventBusName":"filed"}`,
		"DeleteRule":    `{"Name":"r","EventBusName":"filed","Force":true}`,
		"PutTargets":    putTargets("filed", "r", `"Id":"1","Arn":"`+queueARN("q")+`"`),
		"RemoveTargets": `{"Rule":"r","EventBusName":"filed","Ids":["b"],"Force":true}`,
		"TagResource":   `{"ResourceARN":"` + arn("rule/filed/r") + `","Tags":[{"Key":"a","Value":"b"}]}`,
		"UntagResource": `{"ResourceARN":"` + arn("rule/filed/r") + `","TagKeys":["a"]}`,
	} {
		e.Refuse(operation, input, "ManagedRuleException", "rule filed/r is declared by file:router.yaml and can only be changed there.")
	}
	for operation, input := range map[string]string{
		"UpdateEventBus":   `{"Name":"filed","Description":"x"}`,
		"PutPermission":    `{"EventBusName":"filed","Policy":"{}"}`,
		"RemovePermission": `{"EventBusName":"filed","RemoveAllPermissions":true}`,
		"TagResource":      `{"ResourceARN":"` + arn("event-bus/filed") + `","Tags":[{"Key":"a","Value":"b"}]}`,
	} {
		e.Refuse(operation, input, "AccessDeniedException", "bus filed is declared by file:router.yaml and can only be changed there.")
	}
	// A rule of its own on the file's bus is nobody else's business.
	e.rule("filed", "own", `{"source":["shop"]}`)
	e.OK("DeleteRule", `{"Name":"own","EventBusName":"filed"}`)
	e.Refuse("DeleteEventBus", `{"Name":"filed"}`, validationError, "Event bus filed can't be deleted since it has rules or archives.")
}
