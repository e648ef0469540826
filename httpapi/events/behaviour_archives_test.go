package events_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/signalbox-mq/signalbox/httpapi/awsapi/awstest"
	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/rules"
)

// describedArchive is what DescribeArchive answers.
type describedArchive struct {
	ArchiveArn, ArchiveName, EventSourceArn, Description, EventPattern, State, KmsKeyIdentifier string
	RetentionDays, SizeBytes, EventCount                                                        *int
	CreationTime                                                                                float64
}

func (e *env) archive(name string) describedArchive {
	e.TB.Helper()
	return awstest.Decode[describedArchive](e.OK("DescribeArchive", `{"ArchiveName":"`+name+`"}`))
}

func createArchive(name, bus, more string) string {
	return `{"ArchiveName":"` + name + `","EventSourceArn":"` + arn("event-bus/"+bus) + `"` + more + `}`
}

func TestArchives(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.OK("CreateEventBus", `{"Name":"b"}`)
	const pattern = `{ "source": ["shop"] }`
	made := awstest.Decode[describedArchive](e.OK("CreateArchive", createArchive("a", "b", `,"Description":"d","EventPattern":`+awstest.Quoted(pattern)+`,"RetentionDays":7,"KmsKeyIdentifier":"key"`)))
	if made.ArchiveArn != arn("archive/a") || made.State != "ENABLED" || made.CreationTime == 0 {
		t.Errorf("made %+v", made)
	}
	e.OK("CreateArchive", createArchive("plain", "default", ""))
	if got := e.archive("a"); got.ArchiveName != "a" || got.EventSourceArn != arn("event-bus/b") || got.Description != "d" || got.EventPattern != pattern || got.State != "ENABLED" ||
		got.KmsKeyIdentifier != "key" || *got.RetentionDays != 7 || *got.EventCount != 0 || *got.SizeBytes != 0 || got.CreationTime != made.CreationTime {
		t.Errorf("it is %+v", got)
	}
	e.put(entry(`"EventBusName":"b"`), entry(`"EventBusName":"b"`), strings.Replace(entry(`"EventBusName":"b"`), "shop", "other", 1), entry())
	if got := e.archive("a"); *got.EventCount != 2 || *got.SizeBytes == 0 {
		t.Errorf("with two events it has %d in %d bytes", *got.EventCount, *got.SizeBytes)
	}
	if got := e.archive("plain"); *got.EventCount != 1 || got.EventPattern != "" || *got.RetentionDays != 0 {
		t.Errorf("the other is %+v", got)
	}
	if got := awstest.Decode[describedArchive](e.OK("UpdateArchive", `{"ArchiveName":"a","RetentionDays":0}`)); got.ArchiveArn != arn("archive/a") || got.State != "ENABLED" {
		t.Errorf("changed: %+v", got)
	}
	e.OK("UpdateArchive", `{"ArchiveName":"a","Description":"","EventPattern":"{\"source\":[\"x\"]}"}`)
	if got := e.archive("a"); got.Description != "" || got.EventPattern != `{"source":["x"]}` || *got.RetentionDays != 0 || *got.EventCount != 2 {
		t.Errorf("changed, it is %+v", got)
	}
	for filter, want := range map[string]string{`"x":1`: "a plain", `"NamePrefix":"p"`: "plain", `"EventSourceArn":"` + arn("event-bus/b") + `"`: "a", `"State":"ENABLED"`: "a plain", `"State":"DISABLED"`: ""} {
		for limit := 1; limit < 4; limit++ {
			if got := strings.Join(pages(e, "ListArchives", `{`+filter+`}`, "Archives", "ArchiveName", limit), " "); got != want {
				t.Errorf("%s lists %s, want %s", filter, got, want)
			}
		}
	}
	e.Refuse("DeleteEventBus", `{"Name":"b"}`, validationError, "Event bus b can't be deleted since it has rules or archives.")
	for input, want := range map[string][2]string{
		createArchive("a", "b", ""):                                                 {thereAlready, "Archive a already exists."},
		createArchive("x", "nowhere", ""):                                           {noSuchThing, "Event bus nowhere does not exist."},
		strings.Replace(createArchive("x", "b", ""), account, other, 1):             {noSuchThing, "Event bus b does not exist."},
		strings.Replace(createArchive("x", "b", ""), "event-bus/b", "archive/a", 1): {validationError, "Parameter EventSourceArn is not valid. Reason: Must contain an event bus ARN."},
		createArchive("x", "b", `,"EventPattern":"1"`):                              {"InvalidEventPatternException", "Event pattern is not valid. Reason: Filter is not an object\n at [Source: (String)\"1\"; line: 1, column: 2]"},
		createArchive("x", "b", `,"RetentionDays":1000000`):                         {validationError, "Parameter RetentionDays is not valid. Reason: it can be at most 106751."},
	} {
		e.Refuse("CreateArchive", input, want[0], want[1])
	}
	e.Refuse("UpdateArchive", `{"ArchiveName":"a"}`, validationError, "At least one of EventPattern, RetentionDays or Description must be provided.")
	e.Refuse("ListArchives", `{"NamePrefix":"a","State":"ENABLED"}`, validationError, "At most one filter is allowed for ListArchives. Use either : State, EventSourceArn, or NamePrefix.")
	if got := e.OK("DeleteArchive", `{"ArchiveName":"a"}`).Body; got != `{}` {
		t.Errorf("deleted: %s", got)
	}
	for operation, more := range map[string]string{"DescribeArchive": "", "UpdateArchive": `,"Description":"d"`, "DeleteArchive": ""} {
		e.Refuse(operation, `{"ArchiveName":"a"`+more+`}`, noSuchThing, "Archive a does not exist.")
	}
}

func startReplay(name, archive, bus, more string) string {
	return `{"ReplayName":"` + name + `","EventSourceArn":"` + arn("archive/"+archive) + `","EventStartTime":1700000000,"EventEndTime":1700000060.5,"Destination":{"Arn":"` + arn("event-bus/"+bus) + `"` + more + `}}`
}

func TestReplays(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	for _, bus := range []string{"b", "c"} {
		e.OK("CreateEventBus", `{"Name":"`+bus+`"}`)
		e.rule(bus, "r", `{"source":["shop"]}`)
	}
	e.OK("CreateArchive", createArchive("a", "b", ""))
	e.OK("CreateArchive", createArchive("d", "default", ""))
	e.rule("default", "r", `{"source":["shop"]}`)
	type replay struct {
		ReplayArn, ReplayName, Description, EventSourceArn, State, StateReason string
		Destination                                                            struct {
			Arn        string
			FilterArns []string
		}
		EventStartTime, EventEndTime, ReplayStartTime, ReplayEndTime, EventLastReplayedTime float64
	}
	describe := func(name string) replay {
		return awstest.Decode[replay](e.OK("DescribeReplay", `{"ReplayName":"`+name+`"}`))
	}
	made := awstest.Decode[replay](e.OK("StartReplay", startReplay("p", "a", "b", `,"FilterArns":["`+arn("rule/b/r")+`","`+arn("rule/b/r")+`"]`)))
	if made.ReplayArn != arn("replay/p") || made.State != "STARTING" || made.ReplayStartTime == 0 {
		t.Errorf("started %+v", made)
	}
	if got := describe("p"); got.ReplayArn != made.ReplayArn || got.ReplayName != "p" || got.State != "STARTING" || got.EventSourceArn != arn("archive/a") || got.Destination.Arn != arn("event-bus/b") ||
		fmt.Sprint(got.Destination.FilterArns) != "["+arn("rule/b/r")+"]" || got.EventStartTime != 1700000000 || got.EventEndTime != 1700000060.5 || got.ReplayStartTime != made.ReplayStartTime || got.ReplayEndTime != 0 {
		t.Errorf("it is %+v", got)
	}
	// What was put later in the second of the start is in the replay: its time is that second.
	e.OK("StartReplay", strings.Replace(startReplay("whole", "a", "b", ``), `"EventStartTime":1700000000`, `"EventStartTime":1700000000.75`, 1))
	if got := describe("whole"); got.EventStartTime != 1700000000 {
		t.Errorf("it starts at %f", got.EventStartTime)
	}
	e.OK("StartReplay", strings.Replace(startReplay("of-default", "d", "default", `,"FilterArns":["`+arn("rule/r")+`"]`), `{`, `{"Description":"d",`, 1))
	if got := describe("of-default"); got.Description != "d" || fmt.Sprint(got.Destination.FilterArns) != "["+arn("rule/r")+"]" {
		t.Errorf("of the default bus: %+v", got)
	}
	if got := awstest.Decode[replay](e.OK("CancelReplay", `{"ReplayName":"p"}`)); got.State != "CANCELLING" || got.ReplayArn != arn("replay/p") {
		t.Errorf("cancelled: %+v", got)
	}
	e.Refuse("CancelReplay", `{"ReplayName":"p"}`, "IllegalStatusException", "Replay p is not in a valid state for this operation.")
	for filter, want := range map[string]string{
		`"x":1`: "of-default p whole", `"NamePrefix":"w"`: "whole", `"EventSourceArn":"` + arn("archive/a") + `"`: "p whole", `"State":"STARTING"`: "of-default whole", `"State":"CANCELLING"`: "p", `"State":"FAILED"`: "",
	} {
		for limit := 1; limit < 5; limit++ {
			if got := strings.Join(pages(e, "ListReplays", `{`+filter+`}`, "Replays", "ReplayName", limit), " "); got != want {
				t.Errorf("%s lists %s, want %s", filter, got, want)
			}
		}
	}
	const (
		filters = "Parameter Destination.FilterArns is not valid. Reason: "
		to      = "Parameter Destination.Arn is not valid. Reason: "
		from    = "Parameter EventSourceArn is not valid. Reason: "
		order   = "Parameter EventEndTime is not valid. Reason: EventStartTime must be before EventEndTime."
	)
	backwards := func(input, end string) string {
		return strings.Replace(input, `"EventEndTime":1700000060.5`, `"EventEndTime":`+end, 1)
	}
	for input, want := range map[string][2]string{
		startReplay("p", "a", "b", ``):                                                 {thereAlready, "Replay p already exists."},
		startReplay("x", "none", "b", ``):                                              {validationError, from + "Archive none does not exist."},
		startReplay("x", "a", "c", ``):                                                 {validationError, to + "Cross event bus replay is not permitted."},
		startReplay("x", "a", "nowhere", ``):                                           {validationError, to + "Cross event bus replay is not permitted."},
		strings.Replace(startReplay("x", "a", "b", ``), "archive/a", "event-bus/b", 1): {validationError, from + "Must contain an archive ARN."},
		strings.Replace(startReplay("x", "a", "b", ``), "event-bus/b", "rule/r", 1):    {validationError, to + "Must contain an event bus ARN."},
		backwards(startReplay("x", "a", "c", ``), "1700000000"):                        {validationError, order},
		backwards(startReplay("x", "none", "c", ``), "1699999999"):                     {validationError, order},
		startReplay("x", "a", "b", `,"FilterArns":["`+arn("rule/c/r")+`"]`):            {validationError, filters + arn("rule/c/r") + " is not the ARN of a rule of the destination."},
		startReplay("x", "a", "b", `,"FilterArns":["x"]`):                              {validationError, filters + "x is not the ARN of a rule of the destination."},
		startReplay("x", "a", "b", `,"FilterArns":["`+arn("rule/b/none")+`"]`):         {validationError, filters + "a rule does not exist on EventBus b."},
	} {
		e.Refuse("StartReplay", input, want[0], want[1])
	}
	for i := range rules.MaxReplays - 3 {
		e.OK("StartReplay", startReplay(fmt.Sprint("more", i), "a", "b", ``))
	}
	e.Refuse("StartReplay", startReplay("eleventh", "a", "b", ``), "LimitExceededException", "The requested resource exceeds the maximum number allowed.")
	e.Refuse("ListReplays", `{"EventSourceArn":"`+arn("archive/a")+`","State":"RUNNING"}`, validationError, "At most one filter is allowed for ListReplays. Use either : State, EventSourceArn, or NamePrefix.")
	for _, operation := range []string{"DescribeReplay", "CancelReplay"} {
		e.Refuse(operation, `{"ReplayName":"none"}`, noSuchThing, "Replay none does not exist.")
	}
}

// TestArchivesOfTheFile are listed, and can not be changed.
func TestArchivesOfTheFile(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	bus := catalog.Name{Account: account, Region: region, Name: "filed"}
	e.declare(declaration(t, rules.BusTable, bus, rules.Bus{}), declaration(t, rules.ArchiveTable, named("a"), rules.Archive{Bus: "filed"}))
	if got := e.archive("a"); got.EventSourceArn != arn("event-bus/filed") {
		t.Errorf("it is %+v", got)
	}
	for operation, input := range map[string]string{"UpdateArchive": `{"ArchiveName":"a","Description":"x"}`, "DeleteArchive": `{"ArchiveName":"a"}`} {
		e.Refuse(operation, input, "AccessDeniedException", "archive a is declared by file:router.yaml and can only be changed there.")
	}
}
