package events

import (
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/signalbox-mq/signalbox/httpapi/awsapi"
)

type putEventsInput struct {
	Entries    []entry
	EndpointID string
}

func (s *putEventsInput) Fields(f []field) []field {
	return append(f, required("Entries", awsapi.List(&s.Entries)), optional("EndpointId", &s.EndpointID))
}

func (s *putEventsInput) Constrain(c *awsapi.Constraints) {
	c.Optional("endpointId", s.EndpointID, endpointID)
	if len(s.Entries) == 0 {
		c.Length("entries", "[]", 0, 1, maxEntries)
	}
	if len(s.Entries) > maxEntries {
		return // which the operation tells at length
	}
	for i := range s.Entries {
		s.Entries[i].constrain(c, i)
	}
}

// entry is an event that is put.
type entry struct {
	// Time is zero for none. The texts are nil for those that are not there.
	Time                       time.Time
	Source, DetailType, Detail awsapi.Text
	Resources                  []string
	BusName, TraceHeader       awsapi.Text
}

func (s *entry) Fields(f []field) []field {
	return append(f,
		optional("Time", &s.Time),
		optional("Source", &s.Source),
		optional("Resources", &s.Resources),
		optional("DetailType", &s.DetailType),
		optional("Detail", &s.Detail),
		optional("EventBusName", &s.BusName),
		optional("TraceHeader", &s.TraceHeader),
	)
}

// constrain holds an entry against the model. It makes nothing of an entry in which nothing is wrong.
func (s *entry) constrain(c *awsapi.Constraints, i int) {
	at := func(member string) string { return fmt.Sprintf("entries.%d.member.%s", i+1, member) }
	if n := utf8.RuneCount(s.BusName); n > maxARN {
		c.Length(at("eventBusName"), string(s.BusName), n, 1, maxARN)
	}
	if len(s.BusName) > 0 && !isBus(s.BusName, "") {
		value := string(s.BusName)
		c.Add(awsapi.Violation{Path: at("eventBusName"), Value: &value, Must: "Member must satisfy regular expression pattern: " + ownBusPattern})
	}
	if n := utf8.RuneCount(s.TraceHeader); n > maxTraceHeader {
		c.Length(at("traceHeader"), string(s.TraceHeader), n, 1, maxTraceHeader)
	}
	for _, resource := range s.Resources {
		if utf8.RuneCountInString(resource) > maxResourceText {
			texts(c, at("resources"), s.Resources, resourceText)
			break
		}
	}
}

type putEventsOutput struct {
	FailedCount awsapi.Int
	Entries     []putEntry
}

func (s *putEventsOutput) Fields(f []field) []field {
	return append(f, optional("FailedEntryCount", &s.FailedCount), always("Entries", awsapi.List(&s.Entries)))
}

// putEntry is what the publisher is told of an entry.
type putEntry struct{ EventID, Code, Message string }

func (s *putEntry) Fields(f []field) []field {
	return append(f, optional("EventId", &s.EventID), optional("ErrorCode", &s.Code), optional("ErrorMessage", &s.Message))
}

type testPatternInput struct{ EventPattern, Event string }

func (s *testPatternInput) Fields(f []field) []field {
	return append(f, required("EventPattern", &s.EventPattern), required("Event", &s.Event))
}

func (s *testPatternInput) Constrain(c *awsapi.Constraints) {
	c.Text("eventPattern", s.EventPattern, eventPattern)
}

type testPatternOutput struct{ Result bool }

func (s *testPatternOutput) Fields(f []field) []field {
	return append(f, optional("Result", &s.Result))
}
