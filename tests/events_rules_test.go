package tests

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	ebtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"github.com/signalbox-mq/signalbox/tests/harness"
)

// TestEventBridge has one router for the scenarios that need nothing else.
func TestEventBridge(t *testing.T) {
	t.Parallel()
	functions := harness.NewCollector(t)
	r := harness.Start(t, harness.Options{Config: openEgress + fmt.Sprintf(`
functions:
  plain:  {url: "%s"}
  lambda: {url: "%s", format: lambda}
  broken: {url: "%s"}
`, functions.URL("/plain"), functions.URL(""), functions.URL("/broken"))})
	functions.Script("/broken", slices.Repeat([]harness.Reply{{Status: 400, Body: "no"}}, 10)...)
	for name, scenario := range map[string]func(t *testing.T, s *eventsScene){
		"buses": eventsBuses, "rules": eventsRules, "entries": eventsEntries, "inputs": eventsInputs, "fifo": eventsFIFO, "hops": eventsHops,
		"functions": func(t *testing.T, s *eventsScene) { eventsFunctions(t, s, functions) },
		"patterns":  eventsPatterns, "targets": eventsTargets,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			scenario(t, newEventsScene(t, r, name))
		})
	}
}

func eventsBuses(t *testing.T, s *eventsScene) {
	ctx := t.Context()
	_, err := s.CreateEventBus(ctx, &eventbridge.CreateEventBusInput{Name: &s.bus})
	s.refused(err, "a bus that is there", "ResourceAlreadyExistsException", "Event bus "+s.bus+" already exists.")
	if e := new(ebtypes.ResourceAlreadyExistsException); !errors.As(err, &e) {
		t.Errorf("the error is a %T", err)
	}
	_, err = s.DescribeEventBus(ctx, &eventbridge.DescribeEventBusInput{Name: aws.String("nowhere")})
	s.refused(err, "a bus that is not there", "ResourceNotFoundException", "Event bus nowhere does not exist.")
	_, err = s.DeleteEventBus(ctx, &eventbridge.DeleteEventBusInput{Name: aws.String("default")})
	s.refused(err, "deleting the default bus", "ValidationException", "Cannot delete event bus default.")
	bus, err := s.DescribeEventBus(ctx, &eventbridge.DescribeEventBusInput{})
	s.ok(err, "describing the default bus")
	if *bus.Name != "default" || *bus.Arn != "arn:aws:events:us-east-1:000000000000:event-bus/default" {
		t.Errorf("the default bus is %s %s", *bus.Name, *bus.Arn)
	}
	_, err = s.PutPermission(ctx, &eventbridge.PutPermissionInput{
		EventBusName: &s.bus, StatementId: aws.String("s"), Principal: aws.String("111111111111"), Action: aws.String("events:PutEvents"),
	})
	s.ok(err, "PutPermission")
	bus, err = s.DescribeEventBus(ctx, &eventbridge.DescribeEventBusInput{Name: &s.bus})
	s.ok(err, "DescribeEventBus")
	if !strings.Contains(aws.ToString(bus.Policy), `"Sid":"s"`) {
		t.Errorf("the policy is %s", aws.ToString(bus.Policy))
	}
	_, err = s.RemovePermission(ctx, &eventbridge.RemovePermissionInput{EventBusName: &s.bus, StatementId: aws.String("other")})
	s.refused(err, "removing what is not there", "ResourceNotFoundException", "Statement with the provided id does not exist.")
	_, err = s.RemovePermission(ctx, &eventbridge.RemovePermissionInput{EventBusName: &s.bus, StatementId: aws.String("s")})
	s.ok(err, "RemovePermission")
	_, err = s.TagResource(ctx, &eventbridge.TagResourceInput{ResourceARN: bus.Arn, Tags: []ebtypes.Tag{{Key: aws.String("k"), Value: aws.String("v")}}})
	s.ok(err, "TagResource")
	tags, err := s.ListTagsForResource(ctx, &eventbridge.ListTagsForResourceInput{ResourceARN: bus.Arn})
	s.ok(err, "ListTagsForResource")
	if len(tags.Tags) != 1 || *tags.Tags[0].Value != "v" {
		t.Errorf("the tags are %+v", tags.Tags)
	}
	_, err = s.UntagResource(ctx, &eventbridge.UntagResourceInput{ResourceARN: bus.Arn, TagKeys: []string{"k"}})
	s.ok(err, "UntagResource")
	var names []string
	for token := (*string)(nil); ; {
		page, err := s.ListEventBuses(ctx, &eventbridge.ListEventBusesInput{Limit: aws.Int32(2), NextToken: token})
		s.ok(err, "ListEventBuses")
		for _, bus := range page.EventBuses {
			names = append(names, *bus.Name)
		}
		if token = page.NextToken; token == nil {
			break
		}
	}
	if !slices.Contains(names, "default") || !slices.Contains(names, s.bus) {
		t.Errorf("the buses are %v", names)
	}
	_, err = s.DeleteEventBus(ctx, &eventbridge.DeleteEventBusInput{Name: &s.bus})
	s.ok(err, "DeleteEventBus")
}

func eventsRules(t *testing.T, s *eventsScene) {
	ctx := t.Context()
	url, target := s.queue("q")
	arn := s.rule("r", `{"source":["shop"]}`, target)
	if want := "arn:aws:events:us-east-1:000000000000:rule/" + s.bus + "/r"; arn != want {
		t.Errorf("the rule is %s, want %s", arn, want)
	}
	got, err := s.DescribeRule(ctx, &eventbridge.DescribeRuleInput{Name: aws.String("r"), EventBusName: &s.bus})
	s.ok(err, "DescribeRule")
	if got.State != ebtypes.RuleStateEnabled || *got.EventPattern != `{"source":["shop"]}` || *got.EventBusName != s.bus || *got.CreatedBy != "000000000000" {
		t.Errorf("the rule is %+v", got)
	}
	_, err = s.DescribeRule(ctx, &eventbridge.DescribeRuleInput{Name: aws.String("no"), EventBusName: &s.bus})
	s.refused(err, "a rule that is not there", "ResourceNotFoundException", "Rule no does not exist on EventBus "+s.bus+".")
	_, err = s.PutRule(ctx, &eventbridge.PutRuleInput{Name: aws.String("r"), EventBusName: &s.bus})
	s.refused(err, "a rule without anything", "ValidationException", "Parameter(s) EventPattern or ScheduleExpression must be specified.")
	_, err = s.PutRule(ctx, &eventbridge.PutRuleInput{Name: aws.String("r"), EventBusName: &s.bus, ScheduleExpression: aws.String("rate(1 minute)")})
	s.refused(err, "a schedule on another bus", "ValidationException", "ScheduleExpression is supported only on the default event bus.")
	_, err = s.PutRule(ctx, &eventbridge.PutRuleInput{Name: aws.String("s"), ScheduleExpression: aws.String("rate(1 minutes)")})
	s.refused(err, "a bad schedule", "ValidationException", "Parameter ScheduleExpression is not valid.")

	id := s.put("a", `{}`)
	if e := s.received(url); e.ID != id || e.Source != "shop" || e.Account != "000000000000" || e.Region != "us-east-1" || len(e.Resources) != 0 {
		t.Errorf("received %+v, put %s", e, id)
	}
	_, err = s.DisableRule(ctx, &eventbridge.DisableRuleInput{Name: aws.String("r"), EventBusName: &s.bus})
	s.ok(err, "DisableRule")
	s.put("while-disabled", `{}`)
	_, err = s.EnableRule(ctx, &eventbridge.EnableRuleInput{Name: aws.String("r"), EventBusName: &s.bus})
	s.ok(err, "EnableRule")
	s.put("enabled", `{}`)
	if e := s.received(url); e.DetailType != "enabled" {
		t.Errorf("received %s", e.DetailType)
	}
	names, err := s.ListRuleNamesByTarget(ctx, &eventbridge.ListRuleNamesByTargetInput{TargetArn: target.Arn, EventBusName: &s.bus})
	s.ok(err, "ListRuleNamesByTarget")
	if !slices.Equal(names.RuleNames, []string{"r"}) {
		t.Errorf("the rules with the target are %v", names.RuleNames)
	}
	_, err = s.DeleteRule(ctx, &eventbridge.DeleteRuleInput{Name: aws.String("r"), EventBusName: &s.bus})
	s.refused(err, "deleting a rule with targets", "ValidationException", "Rule can't be deleted since it has targets.")
	removed, err := s.RemoveTargets(ctx, &eventbridge.RemoveTargetsInput{Rule: aws.String("r"), EventBusName: &s.bus, Ids: []string{*target.Id}})
	s.ok(err, "RemoveTargets")
	if removed.FailedEntryCount != 0 {
		t.Errorf("removing: %+v", removed.FailedEntries)
	}
	for range 2 {
		_, err = s.DeleteRule(ctx, &eventbridge.DeleteRuleInput{Name: aws.String("r"), EventBusName: &s.bus})
		s.ok(err, "DeleteRule")
	}
	for i := range 5 {
		s.rule(fmt.Sprintf("many%d", i), `{"source":["x"]}`)
	}
	var listed []string
	for token := (*string)(nil); ; {
		page, err := s.ListRules(ctx, &eventbridge.ListRulesInput{EventBusName: &s.bus, NamePrefix: aws.String("many"), Limit: aws.Int32(2), NextToken: token})
		s.ok(err, "ListRules")
		for _, rule := range page.Rules {
			listed = append(listed, *rule.Name)
		}
		if token = page.NextToken; token == nil {
			break
		}
	}
	if len(listed) != 5 || !slices.IsSorted(listed) {
		t.Errorf("listed %v", listed)
	}
}

// eventsEntries puts good and bad entries in one call.
func eventsEntries(t *testing.T, s *eventsScene) {
	ctx := t.Context()
	url, target := s.queue("q")
	s.rule("r", `{"source":[{"prefix":""}]}`, target)
	text := aws.String
	when := time.Date(2026, 5, 4, 3, 2, 1, 999, time.UTC)
	entry := func(change func(e *ebtypes.PutEventsRequestEntry)) ebtypes.PutEventsRequestEntry {
		e := ebtypes.PutEventsRequestEntry{EventBusName: &s.bus, Source: text("shop"), DetailType: text("t"), Detail: text(`{"a": 1}`)}
		change(&e)
		return e
	}
	arn := "arn:aws:events:us-east-1:000000000000:event-bus/" + s.bus
	out, err := s.PutEvents(ctx, &eventbridge.PutEventsInput{Entries: []ebtypes.PutEventsRequestEntry{
		entry(func(e *ebtypes.PutEventsRequestEntry) {
			e.Time, e.Resources, e.EventBusName = &when, []string{"arn:aws:x"}, &arn
		}),
		entry(func(e *ebtypes.PutEventsRequestEntry) { e.Source = nil }),
		entry(func(e *ebtypes.PutEventsRequestEntry) { e.DetailType = nil }),
		entry(func(e *ebtypes.PutEventsRequestEntry) { e.Detail = nil }),
		entry(func(e *ebtypes.PutEventsRequestEntry) { e.Detail = text(`{"a":`) }),
		entry(func(e *ebtypes.PutEventsRequestEntry) { e.Detail = text(`[1]`) }),
		entry(func(e *ebtypes.PutEventsRequestEntry) { e.Source = text("aws.s3") }),
		entry(func(e *ebtypes.PutEventsRequestEntry) { e.EventBusName = text("nowhere") }),
		entry(func(e *ebtypes.PutEventsRequestEntry) { e.DetailType = text("last") }),
	}})
	s.ok(err, "PutEvents")
	var codes []string
	for _, e := range out.Entries {
		codes = append(codes, aws.ToString(e.ErrorCode)+aws.ToString(e.ErrorMessage))
		if (e.EventId == nil) == (e.ErrorCode == nil) {
			t.Errorf("an entry is answered with %+v", e)
		}
	}
	want := []string{
		"",
		"InvalidArgumentParameter Source is not valid. Reason: Source is a required argument.",
		"InvalidArgumentParameter DetailType is not valid. Reason: DetailType is a required argument.",
		"InvalidArgumentParameter Detail is not valid. Reason: Detail is a required argument.",
		"MalformedDetailDetail is malformed.", "MalformedDetailDetail is malformed.",
		"NotAuthorizedForSourceException" + strings.TrimPrefix(codes[6], "NotAuthorizedForSourceException"), "", "",
	}
	if !slices.Equal(codes, want) {
		t.Errorf("answered\n%s\nwant\n%s", strings.Join(codes, "\n"), strings.Join(want, "\n"))
	}
	if out.FailedEntryCount != 6 {
		t.Errorf("%d failed", out.FailedEntryCount)
	}
	got := map[string]busEvent{}
	for range 2 {
		e := s.received(url)
		got[e.ID] = e
	}
	first := got[*out.Entries[0].EventId]
	if first.Time != "2026-05-04T03:02:01Z" || !slices.Equal(first.Resources, []string{"arn:aws:x"}) || string(first.Detail) != `{"a":1}` {
		t.Errorf("the first event arrived as %+v", first)
	}
	if last := got[*out.Entries[8].EventId]; last.DetailType != "last" {
		t.Errorf("the last event arrived as %+v", last)
	}
	_, err = s.PutEvents(ctx, &eventbridge.PutEventsInput{Entries: slices.Repeat([]ebtypes.PutEventsRequestEntry{entry(func(*ebtypes.PutEventsRequestEntry) {})}, 11)})
	if err == nil {
		t.Error("eleven entries were taken")
	}
}

func eventsInputs(t *testing.T, s *eventsScene) {
	for name, test := range map[string]struct {
		target ebtypes.Target
		want   string
	}{
		"input": {ebtypes.Target{Input: aws.String(`{"fixed": true}`)}, `{"fixed":true}`},
		"path":  {ebtypes.Target{InputPath: aws.String("$.detail.name")}, `"it's \"x\""`},
		"json": {ebtypes.Target{InputTransformer: &ebtypes.InputTransformer{
			InputPathsMap: map[string]string{"n": "$.detail.n", "list": "$.detail.list", "name": "$.detail.who", "no": "$.detail.no"},
			InputTemplate: aws.String(`{"n": <n>, "text": "n is <n>", "list": <list>, "name": <name>, "no": <no>, "rule": <aws.events.rule-name>}`),
		}}, `{"n":7,"text":"n is 7","list":[1,2],"name":"ann","no":"","rule":"json"}`},
		"text": {ebtypes.Target{InputTransformer: &ebtypes.InputTransformer{
			InputPathsMap: map[string]string{"n": "$.detail.n", "o": "$.detail.o"}, InputTemplate: aws.String(`"n is <n>, o is <o>"`),
		}}, `"n is 7, o is {a:b}"`},
	} {
		t.Run(name, func(t *testing.T) {
			url, target := s.queue(name)
			target.Input, target.InputPath, target.InputTransformer = test.target.Input, test.target.InputPath, test.target.InputTransformer
			s.rule(name, `{"detail-type":["`+name+`"]}`, target)
			s.put(name, `{"name": "it's \"x\"", "n": 7, "list": [1, 2], "who": "ann", "o": {"a": "b"}}`)
			if body, _, _ := s.sns.receiveWhole(url); body != test.want {
				t.Errorf("received %s, want %s", body, test.want)
			}
		})
	}
	_, err := s.PutTargets(t.Context(), &eventbridge.PutTargetsInput{Rule: aws.String("json"), EventBusName: &s.bus, Targets: []ebtypes.Target{{
		Id: aws.String("t"), Arn: aws.String(s.queues.arn("json")),
		InputTransformer: &ebtypes.InputTransformer{InputTemplate: aws.String(`{"a": <b>}`)},
	}}})
	s.refused(err, "an unknown placeholder", "ValidationException", "InputTemplate for target t contains invalid placeholder b.")
	_, err = s.PutTargets(t.Context(), &eventbridge.PutTargetsInput{Rule: aws.String("json"), EventBusName: &s.bus, Targets: []ebtypes.Target{{
		Id: aws.String("t"), Arn: aws.String(s.queues.arn("json")), Input: aws.String("{}"), InputPath: aws.String("$"),
	}}})
	s.refused(err, "two inputs", "ValidationException", "Only one of Input, InputPath, or InputTransformer must be provided for target t.")
}

func eventsFIFO(t *testing.T, s *eventsScene) {
	url, target := s.queue("q.fifo", "FifoQueue", "true", "ContentBasedDeduplication", "true")
	_, err := s.PutRule(t.Context(), &eventbridge.PutRuleInput{Name: aws.String("r"), EventBusName: &s.bus, EventPattern: aws.String(`{"source":["shop"]}`)})
	s.ok(err, "PutRule")
	target.SqsParameters = &ebtypes.SqsParameters{MessageGroupId: aws.String("g")}
	s.targets("r", target)
	var want []string
	for i := range 5 {
		want = append(want, s.put(fmt.Sprint(i), `{}`))
	}
	for i, id := range want {
		body, _, system := s.sns.receiveWhole(url)
		if system["MessageGroupId"] != "g" || !strings.Contains(body, id) {
			t.Errorf("message %d is %s in group %s, want event %s", i, body, system["MessageGroupId"], id)
		}
	}
}

// eventsHops passes events on to a topic and to another bus, and in a circle.
func eventsHops(t *testing.T, s *eventsScene) {
	ctx := t.Context()
	topic := s.sns.topic("t")
	viaTopic := s.sns.queue(topic, "via-topic", "RawMessageDelivery", "true")
	other := s.bus + "-other"
	out, err := s.CreateEventBus(ctx, &eventbridge.CreateEventBusInput{Name: &other})
	s.ok(err, "CreateEventBus")
	s.rule("to", `{"source":["shop"]}`,
		ebtypes.Target{Id: aws.String("topic"), Arn: &topic}, ebtypes.Target{Id: aws.String("bus"), Arn: out.EventBusArn})
	url, target := s.queue("via-bus")
	here := s.bus
	s.bus = other
	s.rule("there", `{"source":["shop"]}`, target)
	s.bus = here
	id := s.put("hop", `{"n":1}`)
	if e := s.received(viaTopic); e.ID != id || e.DetailType != "hop" {
		t.Errorf("the topic passed on %+v", e)
	}
	if e := s.received(url); e.DetailType != "hop" || string(e.Detail) != `{"n":1}` {
		t.Errorf("the bus passed on %+v", e)
	}
}

func eventsFunctions(t *testing.T, s *eventsScene, functions *harness.Collector) {
	arn := func(name string) *string { return aws.String("arn:aws:lambda:us-east-1:000000000000:function:" + name) }
	dead, _ := s.queue("dead")
	ruleARN := s.rule("r", `{"source":["shop"]}`,
		ebtypes.Target{Id: aws.String("1"), Arn: arn("plain")},
		ebtypes.Target{Id: aws.String("2"), Arn: arn("lambda"), Input: aws.String(`{"only":"this"}`)},
		ebtypes.Target{
			Id: aws.String("3"), Arn: arn("broken"), RetryPolicy: &ebtypes.RetryPolicy{MaximumRetryAttempts: aws.Int32(0), MaximumEventAgeInSeconds: aws.Int32(60)},
			DeadLetterConfig: &ebtypes.DeadLetterConfig{Arn: aws.String(s.queues.arn("dead"))},
		})
	id := s.put("f", `{}`)
	plain := functions.Wait("/plain", 1)[0]
	var e busEvent
	if err := json.Unmarshal([]byte(plain.Body), &e); err != nil || e.ID != id {
		t.Errorf("the function got %s, %v", plain.Body, err)
	}
	if got := functions.Wait("/2015-03-31/functions/lambda/invocations", 1)[0]; got.Body != `{"only":"this"}` {
		t.Errorf("the Lambda function got %s", got.Body)
	}
	body, attributes, _ := s.sns.receiveWhole(dead)
	if json.Unmarshal([]byte(body), &e) != nil || e.ID != id {
		t.Errorf("the dead letter is %s", body)
	}
	if attributes["RULE_ARN"] != ruleARN || attributes["TARGET_ARN"] != *arn("broken") || attributes["ERROR_CODE"] == "" || attributes["ERROR_MESSAGE"] == "" {
		t.Errorf("the dead letter has %v", attributes)
	}
}

func eventsPatterns(t *testing.T, s *eventsScene) {
	ctx := t.Context()
	event := `{"id":"1","account":"123456789012","source":"shop","time":"2026-01-01T00:00:00Z","region":"us-east-1","resources":[],"detail-type":"t","detail":{"n":5}}`
	for pattern, want := range map[string]bool{
		`{"source":["shop"],"detail":{"n":[{"numeric":[">",4]}]}}`: true, `{"detail":{"n":[{"anything-but":5}]}}`: false,
	} {
		out, err := s.TestEventPattern(ctx, &eventbridge.TestEventPatternInput{Event: &event, EventPattern: &pattern})
		s.ok(err, "TestEventPattern")
		if out.Result != want {
			t.Errorf("%s matches: %v", pattern, out.Result)
		}
	}
	_, err := s.TestEventPattern(ctx, &eventbridge.TestEventPatternInput{Event: aws.String(`{"id":"1"}`), EventPattern: aws.String(`{"id":["1"]}`)})
	if e := new(ebtypes.InvalidEventPatternException); err == nil || errors.As(err, &e) {
		t.Errorf("an event that lacks members: %v", err)
	}
	_, err = s.PutRule(ctx, &eventbridge.PutRuleInput{Name: aws.String("bad"), EventBusName: &s.bus, EventPattern: aws.String(`{"source":"shop"}`)})
	invalid := new(ebtypes.InvalidEventPatternException)
	if !errors.As(err, &invalid) || !strings.HasPrefix(*invalid.Message, `Event pattern is not valid. Reason: "source" must be an object or an array`) {
		t.Errorf("a bad pattern: %v", err)
	}
}

// eventsTargets puts targets that can not be.
func eventsTargets(t *testing.T, s *eventsScene) {
	s.rule("r", `{"source":["shop"]}`)
	s.queue("q.fifo", "FifoQueue", "true")
	for name, target := range map[string]ebtypes.Target{
		"kind":     {Arn: aws.String("arn:aws:kinesis:us-east-1:000000000000:stream/s")},
		"no ARN":   {Arn: aws.String("q")},
		"no group": {Arn: aws.String(s.queues.arn("q.fifo"))},
	} {
		target.Id = aws.String("t")
		out, err := s.PutTargets(t.Context(), &eventbridge.PutTargetsInput{Rule: aws.String("r"), EventBusName: &s.bus, Targets: []ebtypes.Target{target}})
		if err == nil && out.FailedEntryCount == 0 {
			t.Errorf("%s: it was put", name)
		}
	}
	listed, err := s.ListTargetsByRule(t.Context(), &eventbridge.ListTargetsByRuleInput{Rule: aws.String("r"), EventBusName: &s.bus})
	s.ok(err, "ListTargetsByRule")
	if len(listed.Targets) != 0 {
		t.Errorf("the targets are %+v", listed.Targets)
	}
}
