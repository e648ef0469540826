package events_test

import (
	"context"
	"strings"
	"testing"

	"github.com/signalbox-mq/signalbox/httpapi/awsapi/awstest"
)

// described is what DescribeRule answers.
type describedRule struct {
	Name, Arn, EventPattern, ScheduleExpression, State, Description, RoleArn, ManagedBy, EventBusName, CreatedBy string
}

func (e *env) describeRule(bus, name string) describedRule {
	e.TB.Helper()
	return awstest.Decode[describedRule](e.OK("DescribeRule", `{"Name":"`+name+`","EventBusName":"`+bus+`"}`))
}

func TestRules(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.OK("CreateEventBus", `{"Name":"b"}`)
	const pattern = `{ "source" : [ "shop" ], "detail": {"a<b>": [1.50, null, "é"]} }`
	const whole = `"Name":"r","EventPattern":` + "PATTERN" + `,"State":"DISABLED","Description":"d","RoleArn":"arn:aws:iam::000000000000:role/r"`
	input := strings.Replace(whole, "PATTERN", awstest.Quoted(pattern), 1)
	if got := e.OK("PutRule", `{`+input+`,"EventBusName":"b"}`).Body; got != `{"RuleArn":"`+arn("rule/b/r")+`"}` {
		t.Errorf("put: %s", got)
	}
	if got := e.OK("PutRule", `{`+input+`}`).Body; got != `{"RuleArn":"`+arn("rule/r")+`"}` {
		t.Errorf("put: %s", got)
	}
	for bus, says := range map[string]string{"b": "b", arn("event-bus/b"): "b", "": "default"} {
		want := describedRule{
			Name: "r", Arn: arn("rule/b/r"), EventPattern: pattern, State: "DISABLED", Description: "d", RoleArn: "arn:aws:iam::000000000000:role/r", EventBusName: says, CreatedBy: account,
		}
		if says == "default" {
			want.Arn = arn("rule/r")
		}
		if got := e.describeRule(bus, "r"); got != want {
			t.Errorf("%q: %+v", bus, got)
		}
		list := e.OK("ListRules", `{"EventBusName":"`+bus+`"}`)
		want.CreatedBy = ""
		if got := awstest.Decode[struct{ Rules []describedRule }](list).Rules; len(got) != 1 || got[0] != want {
			t.Errorf("%q lists %s", bus, list.Body)
		}
	}
	// What is not given is gone, but for targets and tags.
	e.queue("q")
	e.target("b", "r", `"Id":"q","Arn":"`+queueARN("q")+`"`)
	e.OK("TagResource", `{"ResourceARN":"`+arn("rule/b/r")+`","Tags":[{"Key":"k","Value":"v"}]}`)
	e.OK("PutRule", `{"Name":"r","EventBusName":"b","EventPattern":"{\"source\":[\"other\"]}","Tags":[{"Key":"new","Value":"v"}]}`)
	if got, want := e.describeRule("b", "r"), (describedRule{Name: "r", Arn: arn("rule/b/r"), EventPattern: `{"source":["other"]}`, State: "ENABLED", EventBusName: "b", CreatedBy: account}); got != want {
		t.Errorf("after a change: %+v", got)
	}
	if got := e.targets("b", "r"); len(got) != 1 {
		t.Errorf("the targets are %v", got)
	}
	if got := e.OK("ListTagsForResource", `{"ResourceARN":"`+arn("rule/b/r")+`"}`).Body; got != `{"Tags":[{"Key":"k","Value":"v"}]}` {
		t.Errorf("the tags are %s", got)
	}
	e.Refuse("DeleteRule", `{"Name":"r","EventBusName":"b"}`, validationError, "Rule can't be deleted since it has targets.")
	e.Refuse("DeleteRule", `{"Name":"r","EventBusName":"b","Force":true}`, validationError, "Rule can't be deleted since it has targets.")
	e.OK("RemoveTargets", `{"Rule":"r","EventBusName":"b","Ids":["q"]}`)
	for range 2 {
		e.OK("DeleteRule", `{"Name":"r","EventBusName":"b"}`)
	}
	for operation, members := range map[string]string{
		"DescribeRule": `"Name":"r"`, "EnableRule": `"Name":"r"`, "DisableRule": `"Name":"r"`, "ListTargetsByRule": `"Rule":"r"`, "RemoveTargets": `"Rule":"r","Ids":["1"]`,
		"PutTargets": `"Rule":"r","Targets":[{"Id":"1","Arn":"` + queueARN("q") + `"}]`,
	} {
		e.Refuse(operation, `{`+members+`,"EventBusName":"b"}`, noSuchThing, "Rule r does not exist on EventBus b.")
		e.Refuse(operation, `{`+members+`,"EventBusName":"nowhere"}`, noSuchThing, "Event bus nowhere does not exist.")
	}
	e.Refuse("DeleteRule", `{"Name":"r","EventBusName":"nowhere"}`, noSuchThing, "Event bus nowhere does not exist.")
	e.Refuse("PutRule", `{"Name":"r","EventBusName":"nowhere","EventPattern":"{\"source\":[\"x\"]}"}`, noSuchThing, "Event bus nowhere does not exist.")
	for input, told := range map[string]string{
		`"Name":"x"`: "Parameter(s) EventPattern or ScheduleExpression must be specified.",
		`"Name":"x","EventPattern":"","ScheduleExpression":""`:                                             "Parameter(s) EventPattern or ScheduleExpression must be specified.",
		`"Name":"x","ScheduleExpression":"at(2030-01-01T00:00:00)"`:                                        "Parameter ScheduleExpression is not valid.",
		`"Name":"x","EventBusName":"b","ScheduleExpression":"rate(1 day)"`:                                 "ScheduleExpression is supported only on the default event bus.",
		`"Name":"x","EventPattern":"{\"a\":[1]}","EventBusName":"b","ScheduleExpression":"rate(1 minute)"`: "ScheduleExpression is supported only on the default event bus.",
	} {
		e.Refuse("PutRule", `{`+input+`}`, validationError, told)
	}
	a := e.Call("PutRule", `{"Name":"x","EventPattern":"{\"source\":[]}"}`)
	a.Is("an empty list", "InvalidEventPatternException", "Event pattern is not valid. Reason: Empty arrays are not allowed\n at [Source: (String)\"{\"source\":[]}\"; line: 1, column: 13]")
	e.Refuse("PutRule", `{"Name":"a!","EventBusName":"b c","State":"ON"}`, validationError, "3 validation errors detected: "+
		`Value 'a!' at 'name' failed to satisfy constraint: Member must satisfy regular expression pattern: [\.\-_A-Za-z0-9]+; `+
		`Value 'b c' at 'eventBusName' failed to satisfy constraint: Member must satisfy regular expression pattern: (arn:aws[\w-]*:events:[a-z]+-[a-z]+-[\w-]+:[0-9]{12}:event-bus\/)?[/\.\-_A-Za-z0-9]+; `+
		`Value 'ON' at 'state' failed to satisfy constraint: Member must satisfy enum value set: [ENABLED, DISABLED, ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS]`)
}

// TestLongPatterns are taken up to what the model allows.
func TestLongPatterns(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	for n, ok := range map[int]bool{2049: true, 4096: true, 4097: false} {
		pattern := `{"source":["` + strings.Repeat("é", n-len(`{"source":[""]}`)) + `"]}`
		a := e.Call("PutRule", `{"Name":"r","EventPattern":`+awstest.Quoted(pattern)+`}`)
		if ok != (a.Status == 200) {
			t.Errorf("%d characters: %s", n, awstest.Short(a.Body))
		}
		if ok && e.describeRule("", "r").EventPattern != pattern {
			t.Errorf("%d characters are another pattern", n)
		}
	}
}

func TestStates(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.queue("q")
	e.rule("default", "r", `{"source":["shop"]}`, "q")
	const all = "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"
	n := 0
	for _, step := range []struct {
		operation, state, want string
		matches                bool
	}{
		{"DisableRule", "", "DISABLED", false}, {"EnableRule", "", "ENABLED", true}, {"EnableRule", "", "ENABLED", true},
		{"PutRule", all, all, true}, {"DisableRule", "", "DISABLED", false}, {"EnableRule", "", "ENABLED", true},
		{"PutRule", "DISABLED", "DISABLED", false}, {"PutRule", "ENABLED", "ENABLED", true}, {"PutRule", "DISABLED", "DISABLED", false}, {"PutRule", "", "ENABLED", true},
	} {
		input := `{"Name":"r"}`
		if step.operation == "PutRule" {
			input = `{"Name":"r","EventPattern":"{\"source\":[\"shop\"]}","State":"` + step.state + `"}`
		}
		e.OK(step.operation, input)
		if got := e.describeRule("", "r").State; got != step.want {
			t.Errorf("after %s %s: %s", step.operation, step.state, got)
		}
		e.put(entry())
		if step.matches {
			n++
		}
		if got := len(e.messages("q")); got != n {
			t.Fatalf("after %s %s: %d events arrived, want %d", step.operation, step.state, got, n)
		}
	}
}

// TestChangesAtTheSameTime lose nothing.
func TestChangesAtTheSameTime(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.rule("default", "r", `{"source":["shop"]}`)
	const n = 20
	done := make(chan string)
	for i := range n {
		go func() {
			id := string(rune('a' + i))
			done <- e.Call("PutTargets", putTargets("default", "r", `"Id":"`+id+`","Arn":"`+queueARN("q")+`"`)).Body
		}()
	}
	for range n {
		if got := <-done; got != `{"FailedEntryCount":0,"FailedEntries":[]}` {
			t.Errorf("answered %s", got)
		}
	}
	if got := len(e.targets("default", "r")); got != n {
		t.Errorf("%d targets are there", got)
	}
	if _, err := e.rules.Rule(context.Background(), named("default"), "r"); err != nil {
		t.Error(err)
	}
}
