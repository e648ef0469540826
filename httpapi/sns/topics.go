package sns

import (
	"context"
	"maps"

	"github.com/signalbox-mq/signalbox/httpapi/awsapi"
	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/topic"
)

const fifoTopic = "FifoTopic"

func (a *API) createTopic(ctx context.Context, r *awsapi.Request, in *createTopicInput) (*topicOutput, error) {
	def := topic.Topic{}
	for _, given := range in.Attributes {
		if given.Key == fifoTopic {
			def.FIFO = given.Value == textTrue
		}
	}
	if topic.ValidateName(in.Name, def.FIFO) != nil {
		return nil, invalidParameter("Topic Name")
	}
	tags, err := tagRules.Read(in.Tags)
	if err != nil {
		return nil, err
	}
	if len(tags) > 0 {
		def.Tags = tags
	}
	for _, given := range in.Attributes {
		if given.Key == fifoTopic {
			if given.Value != textTrue && given.Value != textFalse {
				return nil, invalidParameter("Attributes Reason: FifoTopic: " + notBoolean(given.Value))
			}
			continue
		}
		if fault := setTopicAttribute(&def, given.Key, given.Value); fault != nil {
			return nil, invalidParameter("Attributes Reason: " + fault.text(given.Key))
		}
	}
	if in.DataProtection != "" {
		if def.DataProtection, err = readDataProtection(in.DataProtection); err != nil {
			return nil, err
		}
	}
	name := catalog.Name{Account: r.Account, Region: r.Region, Name: in.Name}
	e, created, err := a.topics.Create(ctx, name, def)
	if err != nil {
		return nil, err
	}
	if !created {
		if err := sameTopic(&e, &def, in); err != nil {
			return nil, err
		}
	}
	return &topicOutput{arnOf(name)}, nil
}

// sameTopic makes sure that each of the given attributes is as the topic has it, in what clients are shown of it, and the tags.
// What is not given does not matter.
func sameTopic(e *topic.Entry, given *topic.Topic, in *createTopicInput) error {
	has, asGiven := &topicFacts{Entry: e}, &topicFacts{Entry: &topic.Entry{Name: e.Name, Topic: *given}}
	for _, attribute := range in.Attributes {
		row, _ := findTopicAttribute(attribute.Key) // setTopicAttribute refuses any other
		if row.get(has) != row.get(asGiven) {
			return invalidParameter("Attributes Reason: Topic already exists with different attributes")
		}
	}
	if len(in.Tags) > 0 && !maps.Equal(e.Topic.Tags, given.Tags) {
		return invalidParameter("Tags Reason: Topic already exists with different tags")
	}
	return nil
}

func (a *API) deleteTopic(ctx context.Context, r *awsapi.Request, in *onTopic) (*awsapi.Empty, error) {
	name, err := topicName(r, "TopicArn", in.TopicARN)
	if err != nil {
		return nil, err
	}
	return nil, a.topics.Delete(ctx, name)
}

func (a *API) listTopics(ctx context.Context, r *awsapi.Request, in *listInput) (*listTopicsOutput, error) {
	after, err := pages.After(in.NextToken)
	if err != nil {
		return nil, err
	}
	query := catalog.Query{Account: r.Account, Region: r.Region, Limit: pageSize}
	if after != "" {
		query.After = catalog.Name{Account: r.Account, Region: r.Region, Name: after}
	}
	entries, more, err := a.topics.List(ctx, query)
	if err != nil {
		return nil, err
	}
	out := &listTopicsOutput{}
	for i := range entries {
		out.Topics = append(out.Topics, topicOutput{arnOf(entries[i].Name)})
	}
	if more {
		out.NextToken = pages.Token(entries[len(entries)-1].Name.Name)
	}
	return out, nil
}

func (a *API) getTopicAttributes(ctx context.Context, r *awsapi.Request, in *onTopic) (*attributesOutput, error) {
	name, err := topicName(r, "TopicArn", in.TopicARN)
	if err != nil {
		return nil, err
	}
	e, err := a.topics.Get(ctx, name)
	if err != nil {
		return nil, err
	}
	facts := &topicFacts{Entry: &e}
	if facts.confirmed, facts.pending, facts.deleted, err = a.topics.Counts(ctx, name); err != nil {
		return nil, err
	}
	out := &attributesOutput{}
	for i := range topicAttributes {
		row := &topicAttributes[i]
		if value := row.get(facts); value != "" || row.always {
			out.Attributes = append(out.Attributes, awsapi.TextEntry{Key: row.name, Value: value})
		}
	}
	return out, nil
}

func (a *API) setTopicAttributes(ctx context.Context, r *awsapi.Request, in *setTopicAttributesInput) (*awsapi.Empty, error) {
	name, err := topicName(r, "TopicArn", in.TopicARN)
	if err != nil {
		return nil, err
	}
	_, err = a.topics.Update(ctx, name, func(def *topic.Topic) error {
		if fault := setTopicAttribute(def, in.Name, in.Value); fault != nil {
			return invalidParameter(fault.text(in.Name))
		}
		return nil
	})
	return nil, err
}
