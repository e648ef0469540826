package sns

import (
	"context"
	"fmt"
	"net/http"

	"github.com/signalbox-mq/signalbox/httpapi/awsapi"
	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/topic"
)

const maxResource = 1011

var tagRules = awsapi.TagRules{
	Twice: func() *awsapi.Error { return invalidParameter("Duplicated keys are not allowed.") },
	TooMany: func() *awsapi.Error {
		return modelled("TagLimitExceeded", http.StatusBadRequest, fmt.Sprintf("A topic can have at most %d tags.", awsapi.MaxTags))
	},
}

func (a *API) tagResource(ctx context.Context, r *awsapi.Request, in *tagInput) (*done, error) {
	name, err := resourceName(r, in.ResourceARN)
	if err != nil {
		return nil, err
	}
	tags, err := tagRules.Read(in.Tags)
	if err != nil {
		return nil, err
	}
	return nil, asResource(a.topics.Update(ctx, name, func(def *topic.Topic) error {
		var err error
		def.Tags, err = tagRules.Merge(def.Tags, tags)
		return err
	}))
}

func (a *API) untagResource(ctx context.Context, r *awsapi.Request, in *untagInput) (*done, error) {
	name, err := resourceName(r, in.ResourceARN)
	if err != nil {
		return nil, err
	}
	return nil, asResource(a.topics.Update(ctx, name, func(def *topic.Topic) error {
		for _, key := range in.Keys {
			delete(def.Tags, key)
		}
		return nil
	}))
}

func (a *API) listTags(ctx context.Context, r *awsapi.Request, in *onResource) (*tagsOutput, error) {
	name, err := resourceName(r, in.ResourceARN)
	if err != nil {
		return nil, err
	}
	e, err := a.topics.Get(ctx, name)
	if err := asResource(e, err); err != nil {
		return nil, err
	}
	return &tagsOutput{Tags: awsapi.TagList(e.Topic.Tags)}, nil
}

// resourceName is the topic that the ARN of a resource names. Only topics have tags.
func resourceName(r *awsapi.Request, arn string) (catalog.Name, error) {
	var c awsapi.Constraints
	c.Length("resourceArn", arn, len(arn), 1, maxResource)
	if err := c.Err(); err != nil {
		return catalog.Name{}, err
	}
	return topicName(r, "ResourceArn", arn)
}

// asResource tells that there is no topic in the words that operations on resources have.
func asResource(_ topic.Entry, err error) error {
	if e := errorOf(err); e != nil && e.Code == "NotFound" {
		return resourceDoesNotExist()
	}
	return err
}
