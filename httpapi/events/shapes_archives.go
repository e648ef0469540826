package events

import (
	"time"

	"github.com/signalbox-mq/signalbox/httpapi/awsapi"
)

// archiveSettings is what can be changed of an archive.
type archiveSettings struct {
	// Description is nil for none.
	Description  awsapi.Text
	EventPattern string
	Retention    awsapi.Int
	KMSKey       string
}

func (s *archiveSettings) fields(f []field) []field {
	return append(f,
		optional("Description", &s.Description), optional("EventPattern", &s.EventPattern),
		optional("RetentionDays", &s.Retention), optional("KmsKeyIdentifier", &s.KMSKey),
	)
}

func (s *archiveSettings) constrain(c *awsapi.Constraints) {
	c.Optional("description", string(s.Description), oneLine)
	c.Optional("eventPattern", s.EventPattern, eventPattern)
	c.Number("retentionDays", s.Retention, 0, maxInteger)
	c.Optional("kmsKeyIdentifier", s.KMSKey, kmsKey)
}

// maxInteger is the largest of the model's integers.
const maxInteger = 1<<31 - 1

type createArchiveInput struct {
	Name, Source string
	archiveSettings
}

func (s *createArchiveInput) Fields(f []field) []field {
	return s.fields(append(f, required("ArchiveName", &s.Name), required("EventSourceArn", &s.Source)))
}

func (s *createArchiveInput) Constrain(c *awsapi.Constraints) {
	c.Text("archiveName", s.Name, archiveNameIs)
	c.Text("eventSourceArn", s.Source, resourceARN)
	s.constrain(c)
}

type updateArchiveInput struct {
	Name string
	archiveSettings
}

func (s *updateArchiveInput) Fields(f []field) []field {
	return s.fields(append(f, required("ArchiveName", &s.Name)))
}

func (s *updateArchiveInput) Constrain(c *awsapi.Constraints) {
	c.Text("archiveName", s.Name, archiveNameIs)
	s.constrain(c)
}

type changedArchiveOutput struct {
	ARN, State, Reason string
	Created            time.Time
}

func (s *changedArchiveOutput) Fields(f []field) []field {
	return append(f, optional("ArchiveArn", &s.ARN), optional("State", &s.State), optional("StateReason", &s.Reason), optional("CreationTime", &s.Created))
}

type onArchive struct{ Name string }

func (s *onArchive) Fields(f []field) []field { return append(f, required("ArchiveName", &s.Name)) }

func (s *onArchive) Constrain(c *awsapi.Constraints) { c.Text("archiveName", s.Name, archiveNameIs) }

// listedArchive is an archive as it is listed.
type listedArchive struct {
	Name, Source, State, Reason string
	Retention, Size, Count      awsapi.Int
	Created                     time.Time
}

func (s *listedArchive) Fields(f []field) []field {
	return append(f,
		optional("ArchiveName", &s.Name), optional("EventSourceArn", &s.Source), optional("State", &s.State), optional("StateReason", &s.Reason),
		optional("RetentionDays", &s.Retention), optional("SizeBytes", &s.Size), optional("EventCount", &s.Count), optional("CreationTime", &s.Created),
	)
}

type describeArchiveOutput struct {
	ARN string
	listedArchive
	Description, EventPattern, KMSKey string
}

func (s *describeArchiveOutput) Fields(f []field) []field {
	return append(s.listedArchive.Fields(append(f, optional("ArchiveArn", &s.ARN))),
		optional("Description", &s.Description), optional("EventPattern", &s.EventPattern), optional("KmsKeyIdentifier", &s.KMSKey),
	)
}

type listArchivesInput struct {
	Prefix, Source, State string
	paged
}

func (s *listArchivesInput) Fields(f []field) []field {
	return s.fields(append(f, optional("NamePrefix", &s.Prefix), optional("EventSourceArn", &s.Source), optional("State", &s.State)))
}

func (s *listArchivesInput) Constrain(c *awsapi.Constraints) {
	c.Optional("namePrefix", s.Prefix, archiveNameIs)
	c.Optional("eventSourceArn", s.Source, resourceARN)
	c.Optional("state", s.State, archiveState)
	s.constrain(c)
}

type listArchivesOutput struct {
	Archives  []listedArchive
	NextToken string
}

func (s *listArchivesOutput) Fields(f []field) []field {
	return append(f, always("Archives", awsapi.List(&s.Archives)), optional("NextToken", &s.NextToken))
}

type startReplayInput struct {
	Name, Description, Source string
	From, Until               time.Time
	Destination               *replayDestination
}

func (s *startReplayInput) Fields(f []field) []field {
	return append(f,
		required("ReplayName", &s.Name), optional("Description", &s.Description), required("EventSourceArn", &s.Source),
		required("EventStartTime", &s.From), required("EventEndTime", &s.Until), required("Destination", awsapi.Part(&s.Destination)),
	)
}

func (s *startReplayInput) Constrain(c *awsapi.Constraints) {
	c.Text("replayName", s.Name, name64)
	c.Optional("description", s.Description, oneLine)
	c.Text("eventSourceArn", s.Source, resourceARN)
	if d := s.Destination; d != nil {
		c.Text("destination.arn", d.ARN, anyARN)
		texts(c, "destination.filterArns", d.Filters, anyARN)
	}
}

type replayDestination struct {
	ARN     string
	Filters []string
}

func (s *replayDestination) Fields(f []field) []field {
	return append(f, required("Arn", &s.ARN), optional("FilterArns", &s.Filters))
}

type startReplayOutput struct {
	ARN, State, Reason string
	Started            time.Time
}

func (s *startReplayOutput) Fields(f []field) []field {
	return append(f, optional("ReplayArn", &s.ARN), optional("State", &s.State), optional("StateReason", &s.Reason), optional("ReplayStartTime", &s.Started))
}

type onReplay struct{ Name string }

func (s *onReplay) Fields(f []field) []field { return append(f, required("ReplayName", &s.Name)) }

func (s *onReplay) Constrain(c *awsapi.Constraints) { c.Text("replayName", s.Name, name64) }

type cancelReplayOutput struct{ ARN, State, Reason string }

func (s *cancelReplayOutput) Fields(f []field) []field {
	return append(f, optional("ReplayArn", &s.ARN), optional("State", &s.State), optional("StateReason", &s.Reason))
}

// listedReplay is a replay as it is listed.
type listedReplay struct {
	Name, Source, State, Reason       string
	From, Until, Last, Started, Ended time.Time
}

func (s *listedReplay) Fields(f []field) []field {
	return append(f,
		optional("ReplayName", &s.Name), optional("EventSourceArn", &s.Source), optional("State", &s.State), optional("StateReason", &s.Reason),
		optional("EventStartTime", &s.From), optional("EventEndTime", &s.Until), optional("EventLastReplayedTime", &s.Last),
		optional("ReplayStartTime", &s.Started), optional("ReplayEndTime", &s.Ended),
	)
}

type describeReplayOutput struct {
	listedReplay
	ARN, Description string
	Destination      *replayDestination
}

func (s *describeReplayOutput) Fields(f []field) []field {
	return append(s.listedReplay.Fields(f), optional("ReplayArn", &s.ARN), optional("Description", &s.Description), optional("Destination", awsapi.Part(&s.Destination)))
}

type listReplaysInput struct {
	Prefix, Source, State string
	paged
}

func (s *listReplaysInput) Fields(f []field) []field {
	return s.fields(append(f, optional("NamePrefix", &s.Prefix), optional("EventSourceArn", &s.Source), optional("State", &s.State)))
}

func (s *listReplaysInput) Constrain(c *awsapi.Constraints) {
	c.Optional("namePrefix", s.Prefix, name64)
	c.Optional("eventSourceArn", s.Source, resourceARN)
	c.Optional("state", s.State, replayState)
	s.constrain(c)
}

type listReplaysOutput struct {
	Replays   []listedReplay
	NextToken string
}

func (s *listReplaysOutput) Fields(f []field) []field {
	return append(f, always("Replays", awsapi.List(&s.Replays)), optional("NextToken", &s.NextToken))
}
