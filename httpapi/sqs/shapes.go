package sqs

import "github.com/signalbox-mq/signalbox/httpapi/awsapi"

// The inputs and outputs of the operations, by the names of the service's model. A member that Query calls otherwise says how.

type field = awsapi.Field

func queueURL(to *string) field { return field{Name: "QueueUrl", To: to, Required: true} }

// onQueue is the input of operations on a queue that need nothing else.
type onQueue struct{ QueueURL string }

func (s *onQueue) Fields(f []field) []field { return append(f, queueURL(&s.QueueURL)) }

type createQueueInput struct {
	QueueName  string
	Attributes map[string]string
	Tags       map[string]string
}

func (s *createQueueInput) Fields(f []field) []field {
	return append(f,
		field{Name: "QueueName", To: &s.QueueName, Required: true},
		field{Name: "Attributes", Wire: "Attribute", To: &s.Attributes},
		field{Name: "tags", Wire: "Tag", Key: "Key", Value: "Value", To: &s.Tags},
	)
}

type queueURLOutput struct{ QueueURL string }

func (s *queueURLOutput) Fields(f []field) []field {
	return append(f, field{Name: "QueueUrl", To: &s.QueueURL})
}

type getQueueURLInput struct{ QueueName, QueueOwnerAWSAccountID string }

func (s *getQueueURLInput) Fields(f []field) []field {
	return append(f,
		field{Name: "QueueName", To: &s.QueueName, Required: true},
		field{Name: "QueueOwnerAWSAccountId", To: &s.QueueOwnerAWSAccountID},
	)
}

type listQueuesInput struct {
	QueueNamePrefix, NextToken string
	MaxResults                 awsapi.Int
}

func (s *listQueuesInput) Fields(f []field) []field {
	return append(f,
		field{Name: "QueueNamePrefix", To: &s.QueueNamePrefix},
		field{Name: "NextToken", To: &s.NextToken},
		field{Name: "MaxResults", To: &s.MaxResults},
	)
}

type listQueuesOutput struct {
	QueueURLs []string
	NextToken string
}

func (s *listQueuesOutput) Fields(f []field) []field {
	return append(f,
		field{Name: "QueueUrls", Wire: "QueueUrl", To: &s.QueueURLs},
		field{Name: "NextToken", To: &s.NextToken},
	)
}

type listSourcesInput struct {
	QueueURL, NextToken string
	MaxResults          awsapi.Int
}

func (s *listSourcesInput) Fields(f []field) []field {
	return append(f,
		queueURL(&s.QueueURL),
		field{Name: "NextToken", To: &s.NextToken},
		field{Name: "MaxResults", To: &s.MaxResults},
	)
}

type listSourcesOutput struct {
	QueueURLs []string
	NextToken string
}

func (s *listSourcesOutput) Fields(f []field) []field {
	return append(f,
		field{Name: "queueUrls", Wire: "QueueUrl", To: &s.QueueURLs, Always: true},
		field{Name: "NextToken", To: &s.NextToken},
	)
}

type getQueueAttributesInput struct {
	QueueURL       string
	AttributeNames []string
}

func (s *getQueueAttributesInput) Fields(f []field) []field {
	return append(f, queueURL(&s.QueueURL), field{Name: "AttributeNames", Wire: "AttributeName", To: &s.AttributeNames})
}

type attributesOutput struct{ Attributes map[string]string }

func (s *attributesOutput) Fields(f []field) []field {
	return append(f, field{Name: "Attributes", Wire: "Attribute", To: &s.Attributes})
}

type setQueueAttributesInput struct {
	QueueURL   string
	Attributes map[string]string
}

func (s *setQueueAttributesInput) Fields(f []field) []field {
	return append(f, queueURL(&s.QueueURL), field{Name: "Attributes", Wire: "Attribute", To: &s.Attributes, Required: true})
}

type addPermissionInput struct {
	QueueURL, Label        string
	AWSAccountIDs, Actions []string
}

func (s *addPermissionInput) Fields(f []field) []field {
	return append(f,
		queueURL(&s.QueueURL),
		field{Name: "Label", To: &s.Label, Required: true},
		field{Name: "AWSAccountIds", Wire: "AWSAccountId", To: &s.AWSAccountIDs, Required: true},
		field{Name: "Actions", Wire: "ActionName", To: &s.Actions, Required: true},
	)
}

type removePermissionInput struct{ QueueURL, Label string }

func (s *removePermissionInput) Fields(f []field) []field {
	return append(f, queueURL(&s.QueueURL), field{Name: "Label", To: &s.Label, Required: true})
}

type tagQueueInput struct {
	QueueURL string
	Tags     map[string]string
}

func (s *tagQueueInput) Fields(f []field) []field {
	return append(f, queueURL(&s.QueueURL), field{Name: "Tags", Wire: "Tag", Key: "Key", Value: "Value", To: &s.Tags, Required: true})
}

type untagQueueInput struct {
	QueueURL string
	TagKeys  []string
}

func (s *untagQueueInput) Fields(f []field) []field {
	return append(f, queueURL(&s.QueueURL), field{Name: "TagKeys", Wire: "TagKey", To: &s.TagKeys, Required: true})
}

type tagsOutput struct{ Tags map[string]string }

func (s *tagsOutput) Fields(f []field) []field {
	return append(f, field{Name: "Tags", Wire: "Tag", Key: "Key", Value: "Value", To: &s.Tags})
}

// attributeValue is an attribute of a message with its name.
type attributeValue struct {
	Name             string
	DataType         string
	StringValue      awsapi.Text
	BinaryValue      awsapi.Blob
	StringListValues []string
	BinaryListValues []string
}

func (s *attributeValue) EntryKey() *string { return &s.Name }

func (s *attributeValue) Fields(f []field) []field {
	return append(f,
		field{Name: "StringValue", To: &s.StringValue},
		field{Name: "BinaryValue", To: &s.BinaryValue},
		field{Name: "StringListValues", Wire: "StringListValue", To: &s.StringListValues},
		field{Name: "BinaryListValues", Wire: "BinaryListValue", To: &s.BinaryListValues},
		field{Name: "DataType", To: &s.DataType},
	)
}

// outgoing is a message to send, alone or as part of a batch.
type outgoing struct {
	Body             awsapi.Text
	DelaySeconds     awsapi.Int
	Attributes       []attributeValue
	SystemAttributes []attributeValue
	DedupID, GroupID string
}

func (s *outgoing) fields(f []field) []field {
	return append(f,
		field{Name: "MessageBody", To: &s.Body, Required: true},
		field{Name: "DelaySeconds", To: &s.DelaySeconds},
		field{Name: "MessageAttributes", Wire: "MessageAttribute", To: awsapi.Map(&s.Attributes)},
		field{Name: "MessageSystemAttributes", Wire: "MessageSystemAttribute", To: awsapi.Map(&s.SystemAttributes)},
		field{Name: "MessageDeduplicationId", To: &s.DedupID},
		field{Name: "MessageGroupId", To: &s.GroupID},
	)
}

type sendMessageInput struct {
	QueueURL string
	outgoing
}

func (s *sendMessageInput) Fields(f []field) []field {
	return s.fields(append(f, queueURL(&s.QueueURL)))
}

// accepted is what the sender of a message is told.
type accepted struct {
	MessageID             string
	MD5OfBody             string
	MD5OfAttributes       string
	MD5OfSystemAttributes string
	SequenceNumber        string
}

func (s *accepted) Fields(f []field) []field {
	return append(f,
		field{Name: "MD5OfMessageBody", To: &s.MD5OfBody},
		field{Name: "MD5OfMessageAttributes", To: &s.MD5OfAttributes},
		field{Name: "MD5OfMessageSystemAttributes", To: &s.MD5OfSystemAttributes},
		field{Name: "MessageId", To: &s.MessageID},
		field{Name: "SequenceNumber", To: &s.SequenceNumber},
	)
}

type sendEntry struct {
	ID string
	outgoing
}

func (s *sendEntry) Fields(f []field) []field {
	return s.fields(append(f, field{Name: "Id", To: &s.ID, Required: true}))
}

type sendMessageBatchInput struct {
	QueueURL string
	Entries  []sendEntry
}

func (s *sendMessageBatchInput) Fields(f []field) []field {
	return append(f, queueURL(&s.QueueURL), field{Name: "Entries", Wire: "SendMessageBatchRequestEntry", To: awsapi.List(&s.Entries)})
}

type acceptedEntry struct {
	ID string
	accepted
}

func (s *acceptedEntry) Fields(f []field) []field {
	return s.accepted.Fields(append(f, field{Name: "Id", To: &s.ID}))
}

type sendMessageBatchOutput struct {
	Successful []acceptedEntry
	Failed     []failedEntry
}

func (s *sendMessageBatchOutput) Fields(f []field) []field {
	return append(f,
		field{Name: "Successful", Wire: "SendMessageBatchResultEntry", To: awsapi.List(&s.Successful), Always: true},
		field{Name: "Failed", Wire: "BatchResultErrorEntry", To: awsapi.List(&s.Failed), Always: true},
	)
}

// failedEntry says why an entry of a batch failed.
type failedEntry struct {
	ID          string
	SenderFault bool
	Code        string
	Message     string
}

func (s *failedEntry) Fields(f []field) []field {
	return append(f,
		field{Name: "Id", To: &s.ID},
		field{Name: "SenderFault", To: &s.SenderFault},
		field{Name: "Code", To: &s.Code},
		field{Name: "Message", To: &s.Message},
	)
}

type receiveMessageInput struct {
	QueueURL                                                    string
	AttributeNames, SystemAttributeNames, MessageAttributeNames []string
	Max, VisibilityTimeout, WaitTimeSeconds                     awsapi.Int
	AttemptID                                                   string
}

func (s *receiveMessageInput) Fields(f []field) []field {
	return append(f,
		queueURL(&s.QueueURL),
		field{Name: "AttributeNames", Wire: "AttributeName", To: &s.AttributeNames},
		field{Name: "MessageSystemAttributeNames", Wire: "MessageSystemAttributeName", To: &s.SystemAttributeNames},
		field{Name: "MessageAttributeNames", Wire: "MessageAttributeName", To: &s.MessageAttributeNames},
		field{Name: "MaxNumberOfMessages", To: &s.Max},
		field{Name: "VisibilityTimeout", To: &s.VisibilityTimeout},
		field{Name: "WaitTimeSeconds", To: &s.WaitTimeSeconds},
		field{Name: "ReceiveRequestAttemptId", To: &s.AttemptID},
	)
}

// incoming is a message received.
type incoming struct {
	MessageID, ReceiptHandle, MD5OfBody string
	Body                                awsapi.Text
	System                              []systemAttribute
	MD5OfAttributes                     string
	Attributes                          []attributeValue
}

func (s *incoming) Fields(f []field) []field {
	return append(f,
		field{Name: "MessageId", To: &s.MessageID},
		field{Name: "ReceiptHandle", To: &s.ReceiptHandle},
		field{Name: "MD5OfBody", To: &s.MD5OfBody},
		field{Name: "Body", To: &s.Body},
		field{Name: "Attributes", Wire: "Attribute", To: &s.System},
		field{Name: "MD5OfMessageAttributes", To: &s.MD5OfAttributes},
		field{Name: "MessageAttributes", Wire: "MessageAttribute", To: awsapi.Map(&s.Attributes)},
	)
}

// systemAttribute is an attribute of a message that its queue gave it.
type systemAttribute = awsapi.TextEntry

type receiveMessageOutput struct{ Messages []incoming }

func (s *receiveMessageOutput) Fields(f []field) []field {
	return append(f, field{Name: "Messages", Wire: "Message", To: awsapi.List(&s.Messages)})
}

type deleteMessageInput struct{ QueueURL, ReceiptHandle string }

func (s *deleteMessageInput) Fields(f []field) []field {
	return append(f, queueURL(&s.QueueURL), field{Name: "ReceiptHandle", To: &s.ReceiptHandle, Required: true})
}

type deleteEntry struct{ ID, ReceiptHandle string }

func (s *deleteEntry) Fields(f []field) []field {
	return append(f,
		field{Name: "Id", To: &s.ID, Required: true},
		field{Name: "ReceiptHandle", To: &s.ReceiptHandle, Required: true},
	)
}

type deleteMessageBatchInput struct {
	QueueURL string
	Entries  []deleteEntry
}

func (s *deleteMessageBatchInput) Fields(f []field) []field {
	return append(f, queueURL(&s.QueueURL), field{Name: "Entries", Wire: "DeleteMessageBatchRequestEntry", To: awsapi.List(&s.Entries)})
}

// doneEntry is an entry of a batch that succeeded.
type doneEntry struct{ ID string }

func (s *doneEntry) Fields(f []field) []field { return append(f, field{Name: "Id", To: &s.ID}) }

type deleteMessageBatchOutput struct {
	Successful []doneEntry
	Failed     []failedEntry
}

func (s *deleteMessageBatchOutput) Fields(f []field) []field {
	return append(f,
		field{Name: "Successful", Wire: "DeleteMessageBatchResultEntry", To: awsapi.List(&s.Successful), Always: true},
		field{Name: "Failed", Wire: "BatchResultErrorEntry", To: awsapi.List(&s.Failed), Always: true},
	)
}

type changeVisibilityInput struct {
	QueueURL, ReceiptHandle string
	VisibilityTimeout       awsapi.Int
}

func (s *changeVisibilityInput) Fields(f []field) []field {
	return append(f,
		queueURL(&s.QueueURL),
		field{Name: "ReceiptHandle", To: &s.ReceiptHandle, Required: true},
		field{Name: "VisibilityTimeout", To: &s.VisibilityTimeout, Required: true},
	)
}

type visibilityEntry struct {
	ID, ReceiptHandle string
	VisibilityTimeout awsapi.Int
}

func (s *visibilityEntry) Fields(f []field) []field {
	return append(f,
		field{Name: "Id", To: &s.ID, Required: true},
		field{Name: "ReceiptHandle", To: &s.ReceiptHandle, Required: true},
		field{Name: "VisibilityTimeout", To: &s.VisibilityTimeout},
	)
}

type changeVisibilityBatchInput struct {
	QueueURL string
	Entries  []visibilityEntry
}

func (s *changeVisibilityBatchInput) Fields(f []field) []field {
	return append(f, queueURL(&s.QueueURL), field{Name: "Entries", Wire: "ChangeMessageVisibilityBatchRequestEntry", To: awsapi.List(&s.Entries)})
}

type changeVisibilityBatchOutput struct {
	Successful []doneEntry
	Failed     []failedEntry
}

func (s *changeVisibilityBatchOutput) Fields(f []field) []field {
	return append(f,
		field{Name: "Successful", Wire: "ChangeMessageVisibilityBatchResultEntry", To: awsapi.List(&s.Successful), Always: true},
		field{Name: "Failed", Wire: "BatchResultErrorEntry", To: awsapi.List(&s.Failed), Always: true},
	)
}

type startMoveInput struct {
	SourceARN, DestinationARN string
	Rate                      awsapi.Int
}

func (s *startMoveInput) Fields(f []field) []field {
	return append(f,
		field{Name: "SourceArn", To: &s.SourceARN, Required: true},
		field{Name: "DestinationArn", To: &s.DestinationARN},
		field{Name: "MaxNumberOfMessagesPerSecond", To: &s.Rate},
	)
}

type taskHandle struct{ TaskHandle string }

func (s *taskHandle) Fields(f []field) []field {
	return append(f, field{Name: "TaskHandle", To: &s.TaskHandle, Required: true})
}

type cancelMoveOutput struct{ Moved awsapi.Int }

func (s *cancelMoveOutput) Fields(f []field) []field {
	return append(f, field{Name: "ApproximateNumberOfMessagesMoved", To: &s.Moved})
}

type listMovesInput struct {
	SourceARN  string
	MaxResults awsapi.Int
}

func (s *listMovesInput) Fields(f []field) []field {
	return append(f, field{Name: "SourceArn", To: &s.SourceARN, Required: true}, field{Name: "MaxResults", To: &s.MaxResults})
}

type listMovesOutput struct{ Results []moveTask }

func (s *listMovesOutput) Fields(f []field) []field {
	return append(f, field{Name: "Results", Wire: "ListMessageMoveTasksResultEntry", To: awsapi.List(&s.Results), Always: true})
}

type moveTask struct {
	TaskHandle, Status, SourceARN, DestinationARN string
	Rate, Moved, ToMove, Started                  awsapi.Int
	FailureReason                                 string
}

func (s *moveTask) Fields(f []field) []field {
	return append(f,
		field{Name: "TaskHandle", To: &s.TaskHandle},
		field{Name: "Status", To: &s.Status},
		field{Name: "SourceArn", To: &s.SourceARN},
		field{Name: "DestinationArn", To: &s.DestinationARN},
		field{Name: "MaxNumberOfMessagesPerSecond", To: &s.Rate},
		field{Name: "ApproximateNumberOfMessagesMoved", To: &s.Moved},
		field{Name: "ApproximateNumberOfMessagesToMove", To: &s.ToMove},
		field{Name: "FailureReason", To: &s.FailureReason},
		field{Name: "StartedTimestamp", To: &s.Started},
	)
}
