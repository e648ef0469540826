package sns

import "github.com/signalbox-mq/signalbox/httpapi/awsapi"

// The inputs and outputs of the operations, by the names of the service's model.

type field = awsapi.Field

func required(name string, to any) field { return field{Name: name, To: to, Required: true} }

func optional(name string, to any) field { return field{Name: name, To: to} }

// attributesField is a map of attributes, whose sides SNS writes small.
func attributesField(to *[]awsapi.TextEntry) field {
	return field{Name: "Attributes", Key: "key", Value: "value", To: to}
}

// onTopic is the input of operations on a topic that need nothing else.
type onTopic struct{ TopicARN string }

func (s *onTopic) Fields(f []field) []field { return append(f, required("TopicArn", &s.TopicARN)) }

// onResource is that of operations that call the topic a resource.
type onResource struct{ ResourceARN string }

func (s *onResource) Fields(f []field) []field {
	return append(f, required("ResourceArn", &s.ResourceARN))
}

// onSubscription is that of operations on a subscription.
type onSubscription struct{ SubscriptionARN string }

func (s *onSubscription) Fields(f []field) []field {
	return append(f, required("SubscriptionArn", &s.SubscriptionARN))
}

// done is the output of operations that have one, with nothing in it.
type done struct{}

func (*done) Fields(f []field) []field { return f }

type createTopicInput struct {
	Name           string
	Attributes     []awsapi.TextEntry
	Tags           []awsapi.Tag
	DataProtection string
}

func (s *createTopicInput) Fields(f []field) []field {
	return append(f,
		required("Name", &s.Name),
		attributesField(&s.Attributes),
		optional("Tags", awsapi.List(&s.Tags)),
		optional("DataProtectionPolicy", &s.DataProtection),
	)
}

type topicOutput struct{ TopicARN string }

func (s *topicOutput) Fields(f []field) []field { return append(f, optional("TopicArn", &s.TopicARN)) }

type listInput struct{ NextToken string }

func (s *listInput) Fields(f []field) []field { return append(f, optional("NextToken", &s.NextToken)) }

type listTopicsOutput struct {
	Topics    []topicOutput
	NextToken string
}

func (s *listTopicsOutput) Fields(f []field) []field {
	return append(f, field{Name: "Topics", To: awsapi.List(&s.Topics), Always: true}, optional("NextToken", &s.NextToken))
}

type attributesOutput struct{ Attributes []awsapi.TextEntry }

func (s *attributesOutput) Fields(f []field) []field {
	return append(f, attributesField(&s.Attributes))
}

type setTopicAttributesInput struct{ TopicARN, Name, Value string }

func (s *setTopicAttributesInput) Fields(f []field) []field {
	return append(f, required("TopicArn", &s.TopicARN), required("AttributeName", &s.Name), optional("AttributeValue", &s.Value))
}

type subscribeInput struct {
	TopicARN, Protocol, Endpoint string
	Attributes                   []awsapi.TextEntry
	ReturnARN                    bool
}

func (s *subscribeInput) Fields(f []field) []field {
	return append(f,
		required("TopicArn", &s.TopicARN),
		required("Protocol", &s.Protocol),
		optional("Endpoint", &s.Endpoint),
		attributesField(&s.Attributes),
		optional("ReturnSubscriptionArn", &s.ReturnARN),
	)
}

type subscriptionOutput struct{ SubscriptionARN string }

func (s *subscriptionOutput) Fields(f []field) []field {
	return append(f, optional("SubscriptionArn", &s.SubscriptionARN))
}

type confirmInput struct{ TopicARN, Token, AuthenticateOnUnsubscribe string }

func (s *confirmInput) Fields(f []field) []field {
	return append(f,
		required("TopicArn", &s.TopicARN), required("Token", &s.Token),
		optional("AuthenticateOnUnsubscribe", &s.AuthenticateOnUnsubscribe),
	)
}

type listByTopicInput struct{ TopicARN, NextToken string }

func (s *listByTopicInput) Fields(f []field) []field {
	return append(f, required("TopicArn", &s.TopicARN), optional("NextToken", &s.NextToken))
}

type listedSubscription struct{ SubscriptionARN, Owner, Protocol, Endpoint, TopicARN string }

func (s *listedSubscription) Fields(f []field) []field {
	return append(f,
		optional("SubscriptionArn", &s.SubscriptionARN), optional("Owner", &s.Owner), optional("Protocol", &s.Protocol),
		optional("Endpoint", &s.Endpoint), optional("TopicArn", &s.TopicARN),
	)
}

type listSubscriptionsOutput struct {
	Subscriptions []listedSubscription
	NextToken     string
}

func (s *listSubscriptionsOutput) Fields(f []field) []field {
	return append(f, field{Name: "Subscriptions", To: awsapi.List(&s.Subscriptions), Always: true}, optional("NextToken", &s.NextToken))
}

type setSubscriptionAttributesInput struct{ SubscriptionARN, Name, Value string }

func (s *setSubscriptionAttributesInput) Fields(f []field) []field {
	return append(f,
		required("SubscriptionArn", &s.SubscriptionARN), required("AttributeName", &s.Name), optional("AttributeValue", &s.Value),
	)
}

type addPermissionInput struct {
	TopicARN, Label     string
	Accounts, Operation []string
}

func (s *addPermissionInput) Fields(f []field) []field {
	return append(f,
		required("TopicArn", &s.TopicARN), required("Label", &s.Label), required("AWSAccountId", &s.Accounts), required("ActionName", &s.Operation),
	)
}

type removePermissionInput struct{ TopicARN, Label string }

func (s *removePermissionInput) Fields(f []field) []field {
	return append(f, required("TopicArn", &s.TopicARN), required("Label", &s.Label))
}

type tagInput struct {
	ResourceARN string
	Tags        []awsapi.Tag
}

func (s *tagInput) Fields(f []field) []field {
	return append(f, required("ResourceArn", &s.ResourceARN), required("Tags", awsapi.List(&s.Tags)))
}

type untagInput struct {
	ResourceARN string
	Keys        []string
}

func (s *untagInput) Fields(f []field) []field {
	return append(f, required("ResourceArn", &s.ResourceARN), required("TagKeys", &s.Keys))
}

type tagsOutput struct{ Tags []awsapi.Tag }

func (s *tagsOutput) Fields(f []field) []field {
	return append(f, field{Name: "Tags", To: awsapi.List(&s.Tags), Always: true})
}

type dataProtectionOutput struct{ Policy string }

func (s *dataProtectionOutput) Fields(f []field) []field {
	return append(f, optional("DataProtectionPolicy", &s.Policy))
}

type putDataProtectionInput struct{ ResourceARN, Policy string }

func (s *putDataProtectionInput) Fields(f []field) []field {
	return append(f, required("ResourceArn", &s.ResourceARN), required("DataProtectionPolicy", &s.Policy))
}
