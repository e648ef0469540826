package story

import (
	"encoding/json"
	"time"

	"github.com/signalbox-mq/signalbox/dispatch"
	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
)

// Kinds of stories.
const (
	KindEvent   = "event"
	KindMessage = "message"
)

// Story is what became of one event, or of one message of a topic. Its JSON form is the answer of GET /v1/events/{id}.
type Story struct {
	ID string `json:"id"`
	// Kind is KindEvent or KindMessage.
	Kind string `json:"kind"`
	// Bus has the event, Topic the message; one of them is set.
	Bus   string `json:"bus,omitempty"`
	Topic string `json:"topic,omitempty"`
	// Published is that of the ID where nothing else says it any more, and zero where the ID says none either.
	Published time.Time `json:"published_at,omitzero"`
	// Note says what this story can not tell, and why.
	Note string `json:"note,omitempty"`
	// Event is the event in EventBridge form; nil where it is not kept any more, and for messages.
	Event json.RawMessage `json:"event,omitempty"`
	// Revision is that of the definitions the event was matched against.
	Revision uint64 `json:"revision,omitempty"`
	// Origin is the event that a topic or bus passed on as this one, Hops how many of them it passed.
	Origin string `json:"origin,omitempty"`
	Hops   int    `json:"hops,omitempty"`
	// Rules are those that the bus has now, and those that matched and are gone, in the order of their names. Never nil.
	Rules []Rule `json:"rules"`
	// Replays are those that published it again and are retained, in their order.
	Replays []Replay `json:"replays,omitempty"`
	// Deliveries are in the order of rule (or subscription), target, replay and ID. Never nil.
	Deliveries []Delivery `json:"deliveries"`
}

// Replay is what a replay made of the event.
type Replay struct {
	Replay   string    `json:"replay"`
	Replayed time.Time `json:"replayed_at"`
	// Revision is that of the definitions it was matched against then.
	Revision uint64 `json:"revision"`
	// Matched names the rules that matched then. Only are those that the replay was for, none for all.
	Matched []string `json:"matched"`
	Only    []string `json:"only,omitempty"`
}

// Change is what happened to a rule since an event was published.
type Change string

// Changes of rules. The zero value is for none.
const (
	// Created: the rule was not there yet.
	Created Change = "created"
	// Changed: it was another.
	Changed Change = "changed"
	// Replaced: it was deleted and one of the same name made.
	Replaced Change = "replaced"
	// Deleted: it is not there any more.
	Deleted Change = "deleted"
)

// Rule is what one rule made of the event.
type Rule struct {
	Rule string `json:"rule"`
	// Matched says that the pattern and the condition held when the event was published.
	Matched bool `json:"matched"`
	// Field is the first field that the pattern failed on, or "if" for the condition. Reason says why, for people.
	Field  string `json:"field,omitempty"`
	Reason string `json:"reason,omitempty"`
	// Paused says that the rule was paused, so that its deliveries were kept back.
	Paused bool `json:"paused,omitempty"`
	// Since says that the rule is not what it was. Unless Matched, Field and Reason are then about the rule as it is now.
	Since Change `json:"since,omitempty"`
	// Note says for people what Since and Paused mean here.
	Note string `json:"note,omitempty"`
}

// Status is where a delivery is in its life.
type Status string

const (
	// Pending: not made yet. A transfer brings the event to its rule, which came with a start before it or was paused.
	Pending Status = "pending"
	// Waiting: for its first attempt.
	Waiting Status = "waiting"
	// InFlight: an attempt is being made.
	InFlight Status = "in-flight"
	// Retrying: for another attempt; Next says when.
	Retrying Status = "retrying"
	// Delivered: the endpoint has it.
	Delivered Status = "delivered"
	// DeadLettered: given up; DeadLetter says where it is.
	DeadLettered Status = "dead-lettered"
	// Queued: in the queue that is the target, where it may be received.
	Queued Status = "queued"
	// Received: leased by a consumer of the queue that is the target.
	Received Status = "received"
	// Consumed: gone from the queue that is the target: acknowledged, expired or purged.
	Consumed Status = "consumed"
	// Unknown: neither waiting nor recorded as ended. Reason says what that means.
	Unknown Status = "unknown"
)

// Delivery is one message that the event became. Its JSON form is the answer of GET /v1/deliveries/{id}.
type Delivery struct {
	// ID is the delivery's, and the webhook-id of every attempt.
	ID string `json:"id"`
	// Event is the ID of the event or message it is of. Only [Teller.Delivery] sets it; it may be unknown.
	Event string `json:"event,omitempty"`
	// Rule and Target say what made it.
	Rule   string `json:"rule,omitempty"`
	Target string `json:"target,omitempty"`
	// Topic and Subscription do, for one that a topic made.
	Topic        string `json:"topic,omitempty"`
	Subscription string `json:"subscription,omitempty"`
	// Kind and Name say where it goes; empty where only a dead letter is left.
	Kind   string `json:"kind,omitempty"`
	Name   string `json:"name,omitempty"`
	Status Status `json:"status"`
	// Later says that it was not made when the event was published: a rule that came with a start before the event, or
	// that went on after a pause, made it.
	Later bool `json:"later,omitempty"`
	// Replay is the replay that made it, empty for none.
	Replay string `json:"replay,omitempty"`
	// Reason says why, for people: why it could not be delivered, why it waits.
	Reason   string    `json:"reason,omitempty"`
	Attempts []Attempt `json:"attempts,omitempty"`
	// Next is what happens next; nil when nothing does.
	Next *Next `json:"next,omitempty"`
	// DeadLetter is set for one that was given up.
	DeadLetter *DeadLetter `json:"dead_letter,omitempty"`
	// PassedOn is what a topic made of it: another story. What a bus made of it is not known from here.
	PassedOn *PassedOn `json:"passed_on,omitempty"`
}

// Next is what happens next to a delivery.
type Next struct {
	// At is when the next attempt is due, or a running one ends at the latest; zero when it is due now, or when something
	// else must happen first, which Reason says.
	At     time.Time `json:"at,omitzero"`
	Reason string    `json:"reason,omitempty"`
	// After are the delays, before jitter, of the attempts that follow if that one fails as the last one did, 20 at most.
	After []string `json:"after,omitempty"`
	// AttemptsLeft counts that one and those.
	AttemptsLeft int `json:"attempts_left,omitempty"`
	// Until is when the retry policy's max_age ends the attempts, however many are left; zero for never.
	Until time.Time `json:"until,omitzero"`
}

// DeadLetter is where a delivery went that was given up.
type DeadLetter struct {
	Queue string `json:"queue"`
	// There says that it still is there.
	There bool `json:"still_there"`
}

// PassedOn names the message that a delivery to a topic became.
type PassedOn struct {
	// Kind is KindEvent or KindMessage.
	Kind string `json:"kind"`
	ID   string `json:"id"`
}

// Attempt is one attempt, as its record has it.
type Attempt struct {
	// Number counts from 1; 0 is for a record without an attempt: the endpoint was gone, or the event in a loop.
	Number  int              `json:"number"`
	Started time.Time        `json:"started_at"`
	Outcome dispatch.Outcome `json:"outcome"`
	// Status is that of HTTP, 0 without an answer.
	Status int    `json:"status,omitempty"`
	Class  string `json:"error_class,omitempty"`
	Reason string `json:"reason,omitempty"`
	// Code is the dead letter's ERROR_CODE, GaveUp the limit that ended the delivery.
	Code   string          `json:"code,omitempty"`
	GaveUp endpoint.GiveUp `json:"gave_up,omitempty"`
	// LeaseLost says that the result came too late to count.
	LeaseLost bool               `json:"lease_lost,omitempty"`
	Next      time.Time          `json:"next_at,omitzero"`
	Durations dispatch.Durations `json:"durations"`
	Remote    string             `json:"remote,omitempty"`
	Request   dispatch.Request   `json:"request,omitzero"`
	Response  *Response          `json:"response,omitempty"`
}

// Response is an answer: Body as text, or as base64 when Encoding says so.
type Response struct {
	Header    map[string][]string `json:"header,omitempty"`
	Body      string              `json:"body,omitempty"`
	Encoding  string              `json:"body_encoding,omitempty"`
	Truncated bool                `json:"truncated,omitempty"`
}
