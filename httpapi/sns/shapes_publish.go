package sns

import "github.com/signalbox-mq/signalbox/httpapi/awsapi"

// attributeValue is an attribute of a message with its name.
type attributeValue struct {
	Name        string
	DataType    string
	StringValue awsapi.Text
	BinaryValue awsapi.Blob
}

func (s *attributeValue) EntryKey() *string { return &s.Name }

func (s *attributeValue) Fields(f []field) []field {
	return append(f, required("DataType", &s.DataType), optional("StringValue", &s.StringValue), optional("BinaryValue", &s.BinaryValue))
}

// outgoing is a message to publish, alone or as part of a batch. Subject is nil for none; an empty one is refused.
type outgoing struct {
	Message          awsapi.Text
	Subject          awsapi.Text
	Structure        string
	Attributes       []attributeValue
	DedupID, GroupID string
}

func (s *outgoing) fields(f []field) []field {
	return append(f,
		required("Message", &s.Message),
		optional("Subject", &s.Subject),
		optional("MessageStructure", &s.Structure),
		optional("MessageAttributes", awsapi.Map(&s.Attributes)),
		optional("MessageDeduplicationId", &s.DedupID),
		optional("MessageGroupId", &s.GroupID),
	)
}

type publishInput struct {
	TopicARN, TargetARN, PhoneNumber string
	outgoing
}

func (s *publishInput) Fields(f []field) []field {
	return s.fields(append(f,
		optional("TopicArn", &s.TopicARN), optional("TargetArn", &s.TargetARN), optional("PhoneNumber", &s.PhoneNumber),
	))
}

// accepted is what the publisher is told of a message.
type accepted struct{ MessageID, SequenceNumber string }

func (s *accepted) Fields(f []field) []field {
	return append(f, optional("MessageId", &s.MessageID), optional("SequenceNumber", &s.SequenceNumber))
}

type publishBatchInput struct {
	TopicARN string
	Entries  []batchEntry
}

func (s *publishBatchInput) Fields(f []field) []field {
	return append(f, required("TopicArn", &s.TopicARN), required("PublishBatchRequestEntries", awsapi.List(&s.Entries)))
}

type batchEntry struct {
	ID string
	outgoing
}

func (s *batchEntry) Fields(f []field) []field { return s.fields(append(f, required("Id", &s.ID))) }

type publishBatchOutput struct {
	Successful []acceptedEntry
	Failed     []failedEntry
}

func (s *publishBatchOutput) Fields(f []field) []field {
	return append(f,
		field{Name: "Successful", To: awsapi.List(&s.Successful), Always: true},
		field{Name: "Failed", To: awsapi.List(&s.Failed), Always: true},
	)
}

type acceptedEntry struct {
	ID string
	accepted
}

func (s *acceptedEntry) Fields(f []field) []field {
	return s.accepted.Fields(append(f, optional("Id", &s.ID)))
}

type failedEntry struct {
	ID, Code, Message string
	SenderFault       bool
}

func (s *failedEntry) Fields(f []field) []field {
	return append(f,
		required("Id", &s.ID), required("Code", &s.Code), optional("Message", &s.Message), required("SenderFault", &s.SenderFault),
	)
}
