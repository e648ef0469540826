package events_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/signalbox-mq/signalbox/httpapi/awsapi/awstest"
)

const (
	validationError = "ValidationException"
	noSuchThing     = "ResourceNotFoundException"
	thereAlready    = "ResourceAlreadyExistsException"
)

// described is what DescribeEventBus answers.
type described struct {
	Name, Arn, Description, Policy, KmsKeyIdentifier string
	DeadLetterConfig                                 *struct{ Arn string }
	LogConfig                                        *struct{ IncludeDetail, Level string }
	CreationTime, LastModifiedTime                   float64
}

func (e *env) bus(name string) described {
	e.TB.Helper()
	return awstest.Decode[described](e.OK("DescribeEventBus", `{"Name":"`+name+`"}`))
}

func TestBuses(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	const settings = `"Description":"d","KmsKeyIdentifier":"key","DeadLetterConfig":{"Arn":"arn:aws:sqs:us-east-1:000000000000:dead"},"LogConfig":{"IncludeDetail":"FULL","Level":"INFO"}`
	begun := time.Now()
	if got, want := e.OK("CreateEventBus", `{"Name":"b",`+settings+`,"Tags":[{"Key":"k","Value":"v"}]}`).Body, `{"EventBusArn":"`+arn("event-bus/b")+`",`+settings+`}`; got != want {
		t.Errorf("made: %s, want %s", got, want)
	}
	if got := e.OK("CreateEventBus", `{"Name":"plain"}`).Body; got != `{"EventBusArn":"`+arn("event-bus/plain")+`"}` {
		t.Errorf("made: %s", got)
	}
	for name, says := range map[string]string{"b": "b", arn("event-bus/b"): "b", "": "default", "default": "default"} {
		got := e.bus(name)
		if got.Name != says || got.Arn != arn("event-bus/"+says) || got.Policy != "" {
			t.Errorf("%q is %+v", name, got)
		}
		if says == "b" && (got.Description != "d" || got.KmsKeyIdentifier != "key" || got.DeadLetterConfig.Arn == "" || got.LogConfig.Level != "INFO" || got.CreationTime < float64(begun.Unix()) || got.LastModifiedTime < got.CreationTime) {
			t.Errorf("%q is %+v", name, got)
		}
	}
	// What is not given stays; an empty description is given.
	e.OK("UpdateEventBus", `{"Name":"b","KmsKeyIdentifier":"other"}`)
	if got := e.bus("b"); got.Description != "d" || got.KmsKeyIdentifier != "other" || got.LogConfig == nil {
		t.Errorf("after a change: %+v", got)
	}
	if got := e.OK("UpdateEventBus", `{"Name":"b","Description":"","LogConfig":{}}`).Body; got != `{"Arn":"`+arn("event-bus/b")+`","Name":"b","KmsKeyIdentifier":"other","DeadLetterConfig":{"Arn":"arn:aws:sqs:us-east-1:000000000000:dead"}}` {
		t.Errorf("changed: %s", got)
	}
	if got := e.bus("b"); got.Description != "" || got.LogConfig != nil {
		t.Errorf("after a change: %+v", got)
	}
	e.OK("UpdateEventBus", `{"Description":"of everybody"}`)
	if got := e.bus("default"); got.Description != "of everybody" {
		t.Errorf("the default bus: %+v", got)
	}
	for operation, cases := range map[string]map[string][2]string{
		"CreateEventBus": {
			`{"Name":"b"}`:       {thereAlready, "Event bus b already exists."},
			`{"Name":"default"}`: {thereAlready, "Event bus default already exists."},
			`{"Name":"a/b"}`:     {validationError, "Event bus name must not contain '/'."},
			`{"Name":"x","EventSourceName":"aws.partner/a/b"}`:                      {validationError, "Parameter EventSourceName is not supported: the router has no event sources of partners."},
			`{"Name":"x","Tags":[{"Key":"k","Value":"1"},{"Key":"k","Value":"2"}]}`: {validationError, "Duplicate tag keys are not allowed."},
			`{"Name":"x","Tags":[` + manyTags(51) + `]}`:                            {validationError, "A resource can have at most 50 tags."},
		},
		"DescribeEventBus": {
			`{"Name":"nowhere"}`: {noSuchThing, "Event bus nowhere does not exist."},
			`{"Name":"arn:aws:events:us-east-1:111111111111:event-bus/b"}`: {noSuchThing, "Event bus b does not exist."},
		},
		"UpdateEventBus": {`{"Name":"nowhere","Description":"d"}`: {noSuchThing, "Event bus nowhere does not exist."}},
		"DeleteEventBus": {`{"Name":"default"}`: {validationError, "Cannot delete event bus default."}},
		"ListEventBuses": {`{"NextToken":"*"}`: {validationError, "Parameter NextToken is not valid."}},
	} {
		for input, want := range cases {
			e.Refuse(operation, input, want[0], want[1])
		}
	}
	e.rule("b", "r", `{"source":["x"]}`)
	e.Refuse("DeleteEventBus", `{"Name":"b"}`, validationError, "Event bus b can't be deleted since it has rules or archives.")
	e.OK("DeleteRule", `{"Name":"r","EventBusName":"b"}`)
	for range 2 {
		if got := e.OK("DeleteEventBus", `{"Name":"b"}`).Body; got != `{}` {
			t.Errorf("deleted: %s", got)
		}
	}
	e.Refuse("DescribeEventBus", `{"Name":"b"}`, noSuchThing, "Event bus b does not exist.")
}

func manyTags(n int) string {
	tags := make([]string, n)
	for i := range tags {
		tags[i] = fmt.Sprintf(`{"Key":"k%d","Value":"v"}`, i)
	}
	return strings.Join(tags, ",")
}

// pages lists everything, so many at a time, and checks that no page has more.
func pages(e *env, operation, input, list, name string, limit int) []string {
	e.TB.Helper()
	var all []string
	token := ""
	for range 1000 {
		a := e.OK(operation, strings.TrimSuffix(input, "}")+fmt.Sprintf(`,"Limit":%d%s}`, limit, token))
		var out map[string]any = awstest.Decode[map[string]any](a)
		listed, ok := out[list].([]any)
		if !ok || len(listed) > limit {
			e.TB.Fatalf("%s: a page is %s", operation, a.Body)
		}
		for _, one := range listed {
			if text, ok := one.(string); ok {
				all = append(all, text)
			} else {
				all = append(all, one.(map[string]any)[name].(string))
			}
		}
		next, more := out["NextToken"].(string)
		if !more {
			return all
		}
		token = `,"NextToken":"` + next + `"`
	}
	e.TB.Fatalf("%s does not end", operation)
	return nil
}

// TestListings have pages of any size, and begin where they are told to.
func TestListings(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	var buses, rules, byTarget, targets []string
	for i := range 7 {
		name := fmt.Sprint("n", i)
		buses, rules = append(buses, name), append(rules, name)
		e.OK("CreateEventBus", `{"Name":"`+name+`"}`)
		e.rule("n0", name, `{"source":["x"]}`)
		targets = append(targets, name)
		if i%2 == 0 {
			e.target("n0", name, `"Id":"same","Arn":"`+queueARN("same")+`"`)
			byTarget = append(byTarget, name)
		}
	}
	for _, name := range targets {
		e.target("n0", "n3", `"Id":"`+name+`","Arn":"`+queueARN(name)+`"`)
	}
	e.OK("CreateEventBus", `{"Name":"other"}`)
	e.rule("n0", "other", `{"source":["x"]}`)
	for limit := 1; limit <= 9; limit++ {
		for _, c := range []struct {
			operation, input, list, name string
			want                         []string
		}{
			{"ListEventBuses", `{"NamePrefix":"n"}`, "EventBuses", "Name", buses},
			{"ListEventBuses", `{"x":1}`, "EventBuses", "Name", append(append([]string{"default"}, buses...), "other")},
			{"ListRules", `{"EventBusName":"n0","NamePrefix":"n"}`, "Rules", "Name", rules},
			{"ListRules", `{"EventBusName":"n0"}`, "Rules", "Name", append(slices.Clone(rules), "other")},
			{"ListRules", `{"EventBusName":"n1"}`, "Rules", "Name", nil},
			{"ListRuleNamesByTarget", `{"EventBusName":"n0","TargetArn":"` + queueARN("same") + `"}`, "RuleNames", "", byTarget},
			{"ListRuleNamesByTarget", `{"EventBusName":"n0","TargetArn":"` + queueARN("n6") + `"}`, "RuleNames", "", []string{"n3"}},
			{"ListRuleNamesByTarget", `{"EventBusName":"n0","TargetArn":"nothing"}`, "RuleNames", "", nil},
			{"ListTargetsByRule", `{"EventBusName":"n0","Rule":"n3"}`, "Targets", "Id", targets},
		} {
			if got := pages(e, c.operation, c.input, c.list, c.name, limit); !slices.Equal(got, c.want) {
				t.Errorf("%s %s by %d: %v, want %v", c.operation, c.input, limit, got, c.want)
			}
		}
	}
	e.Refuse("ListTargetsByRule", `{"EventBusName":"n0","Rule":"n3","NextToken":"Z29uZQ=="}`, validationError, "Parameter NextToken is not valid.")
	for _, operation := range []string{"ListRules", "ListRuleNamesByTarget"} {
		e.Refuse(operation, `{"EventBusName":"nowhere","TargetArn":"x"}`, noSuchThing, "Event bus nowhere does not exist.")
	}
}

func TestPermissions(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.OK("CreateEventBus", `{"Name":"b"}`)
	allow := func(sid, principal, more string) string {
		return `{"Sid":"` + sid + `","Effect":"Allow","Principal":` + principal + `,"Action":"events:PutEvents","Resource":"` + arn("event-bus/b") + `"` + more + `}`
	}
	policy := func(statements ...string) string {
		return `{"Version":"2012-10-17","Statement":[` + strings.Join(statements, ",") + `]}`
	}
	const (
		account1 = `{"AWS":"arn:aws:iam::111111111111:root"}`
		account2 = `{"AWS":"arn:aws:iam::222222222222:root"}`
	)
	for _, c := range []struct{ operation, input, want string }{
		{"PutPermission", `"Action":"events:PutEvents","Principal":"111111111111","StatementId":"one"`, policy(allow("one", account1, ""))},
		{"PutPermission", `"Action":"events:PutEvents","Principal":"*","StatementId":"all","Condition":{"Type":"StringEquals","Key":"aws:PrincipalOrgID","Value":"o-1"}`,
			policy(allow("one", account1, ""), allow("all", `"*"`, `,"Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-1"}}`))},
		// One of the same id takes its place.
		{"PutPermission", `"Action":"events:PutEvents","Principal":"222222222222","StatementId":"one"`,
			policy(allow("all", `"*"`, `,"Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-1"}}`), allow("one", account2, ""))},
		{"RemovePermission", `"StatementId":"all"`, policy(allow("one", account2, ""))},
		{"RemovePermission", `"StatementId":"one"`, ``},
		{"PutPermission", `"Policy":"{ \"Statement\": {\"Sid\":\"x\", \"Action\":\"<&>\"}}"`, `{ "Statement": {"Sid":"x", "Action":"<&>"}}`},
		{"PutPermission", `"Policy":"{}"`, `{}`},
		{"RemovePermission", `"RemoveAllPermissions":true`, ``},
		{"RemovePermission", `"RemoveAllPermissions":true`, ``},
	} {
		if got := e.OK(c.operation, `{"EventBusName":"b",`+c.input+`}`).Body; got != `{}` {
			t.Errorf("%s answered %s", c.operation, got)
		}
		if got := e.bus("b").Policy; got != c.want {
			t.Errorf("%s %s: the policy is\n%s, want\n%s", c.operation, c.input, got, c.want)
		}
	}
	e.OK("PutPermission", `{"Action":"events:PutEvents","Principal":"*","StatementId":"s"}`)
	if got := e.bus("default").Policy; !strings.Contains(got, `"Sid":"s"`) {
		t.Errorf("the default bus has %s", got)
	}
	const whole = `"Action":"events:PutEvents","Principal":"*","StatementId":"s"`
	for input, want := range map[string][2]string{
		`"EventBusName":"nowhere",` + whole:                                                 {noSuchThing, "Event bus nowhere does not exist."},
		`"Principal":"*","StatementId":"s"`:                                                 {validationError, "Parameter Action must be specified."},
		`"Action":"events:PutEvents","StatementId":"s"`:                                     {validationError, "Parameter Principal must be specified."},
		`"Action":"events:PutEvents","Principal":"*"`:                                       {validationError, "Parameter StatementId must be specified."},
		`"Action":"events:PutRule","Principal":"*","StatementId":"s"`:                       {validationError, "Provided value in parameter 'action' is not supported."},
		whole + `,"Policy":"{}"`:                                                            {validationError, "Combination of policy with other arguments is not allowed"},
		whole + `,"Condition":{"Type":"StringLike","Key":"aws:PrincipalOrgID","Value":"x"}`: {validationError, "Parameter Condition is not valid. Reason: it can only be StringEquals on aws:PrincipalOrgID."},
		`"Policy":"[]"`: {validationError, "Parameter Policy is not valid. Reason: it must be a JSON object."},
		`"Policy":"{\"a\":\"` + strings.Repeat("x", 10_240) + `\"}"`: {"PolicyLengthExceededException", "The policy has 10248 bytes, the limit is 10240."},
	} {
		e.Refuse("PutPermission", `{`+input+`}`, want[0], want[1])
	}
	const gone = "Statement with the provided id does not exist."
	e.Refuse("RemovePermission", `{"StatementId":"other"}`, noSuchThing, gone)
	e.Refuse("RemovePermission", `{"EventBusName":"b","StatementId":"other"}`, noSuchThing, gone)
	e.Refuse("RemovePermission", `{"EventBusName":"nowhere","StatementId":"other"}`, noSuchThing, "Event bus nowhere does not exist.")
	e.Refuse("RemovePermission", `{}`, validationError, "Parameter StatementId must be specified.")
	e.OK("PutPermission", `{"EventBusName":"b","Policy":"{\"Other\":1}"}`)
	e.Refuse("PutPermission", `{"EventBusName":"b",`+whole+`}`, validationError, "The policy of the event bus has another form than statements can be added to or removed from: put it as a whole.")
}

func TestTags(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.OK("CreateEventBus", `{"Name":"b","Tags":[{"Key":"made","Value":"1"}]}`)
	e.OK("PutRule", `{"Name":"r","EventBusName":"b","EventPattern":"{\"source\":[\"x\"]}","Tags":[{"Key":"made","Value":"1"}]}`)
	e.rule("default", "r", `{"source":["x"]}`)
	for resource, made := range map[string]string{"event-bus/b": `{"Key":"made","Value":"1"}`, "rule/b/r": `{"Key":"made","Value":"1"}`, "rule/r": "", "event-bus/default": ""} {
		of := `"ResourceARN":"` + arn(resource) + `"`
		list := func() string { return e.OK("ListTagsForResource", `{`+of+`}`).Body }
		if got := list(); got != `{"Tags":[`+made+`]}` {
			t.Errorf("%s has %s", resource, got)
		}
		for _, step := range []struct{ operation, input, want string }{
			{"UntagResource", `"TagKeys":["made","none"]`, `[]`},
			{"TagResource", `"Tags":[{"Key":"b","Value":"2"},{"Key":"a","Value":""}]`, `[{"Key":"a","Value":""},{"Key":"b","Value":"2"}]`},
			{"TagResource", `"Tags":[{"Key":"a","Value":"3"}]`, `[{"Key":"a","Value":"3"},{"Key":"b","Value":"2"}]`},
			{"UntagResource", `"TagKeys":["b"]`, `[{"Key":"a","Value":"3"}]`},
		} {
			if got := e.OK(step.operation, `{`+of+`,`+step.input+`}`).Body; got != `{}` {
				t.Errorf("%s answered %s", step.operation, got)
			}
			if got := list(); got != `{"Tags":`+step.want+`}` {
				t.Errorf("%s: after %s %s it has %s", resource, step.operation, step.input, got)
			}
		}
		e.Refuse("TagResource", `{`+of+`,"Tags":[`+manyTags(50)+`]}`, validationError, "A resource can have at most 50 tags.")
	}
	for resource, told := range map[string]string{
		arn("rule/none"):    "Rule none does not exist on EventBus default.",
		arn("rule/b/none"):  "Rule none does not exist on EventBus b.",
		arn("rule/x/none"):  "Event bus x does not exist.",
		arn("event-bus/no"): "Event bus no does not exist.",
	} {
		of := `"ResourceARN":"` + resource + `"`
		e.Refuse("ListTagsForResource", `{`+of+`}`, noSuchThing, told)
		e.Refuse("TagResource", `{`+of+`,"Tags":[{"Key":"k","Value":"v"}]}`, noSuchThing, told)
		e.Refuse("UntagResource", `{`+of+`,"TagKeys":["k"]}`, noSuchThing, told)
	}
	for _, resource := range []string{"x", arn("archive/a"), queueARN("q"), arn("rule/"), "arn:aws:events::000000000000:rule/r"} {
		e.Refuse("ListTagsForResource", `{"ResourceARN":"`+resource+`"}`, validationError, "Parameter ResourceARN is not valid. Reason: it must be the ARN of a rule or an event bus.")
	}
}
