package sns

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"unicode/utf8"

	"github.com/signalbox-mq/signalbox/httpapi/awsapi"
	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/topic"
)

// Limits of tags, as the service's model has them but for their number.
const (
	maxTags     = 50
	maxTagKey   = 128
	maxTagValue = 256
	maxResource = 1011
)

func (a *API) tagResource(ctx context.Context, r *awsapi.Request, in *tagInput) (*done, error) {
	name, err := resourceName(r, in.ResourceARN)
	if err != nil {
		return nil, err
	}
	tags, err := readTags(in.Tags)
	if err != nil {
		return nil, err
	}
	return nil, asResource(a.topics.Update(ctx, name, func(def *topic.Topic) error {
		if def.Tags == nil {
			def.Tags = make(map[string]string, len(tags))
		}
		maps.Copy(def.Tags, tags)
		return checkTagCount(def.Tags)
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
	out := &tagsOutput{}
	for _, key := range slices.Sorted(maps.Keys(e.Topic.Tags)) {
		out.Tags = append(out.Tags, tag{key, e.Topic.Tags[key]})
	}
	return out, nil
}

// resourceName is the topic that the ARN of a resource names. Only topics have tags.
func resourceName(r *awsapi.Request, arn string) (catalog.Name, error) {
	if n := len(arn); n < 1 || n > maxResource {
		return catalog.Name{}, awsapi.ValidationError(lengthBetween("resourceArn", arn, n, 1, maxResource))
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

// readTags checks the tags of a request.
func readTags(given []tag) (map[string]string, error) {
	tags := make(map[string]string, len(given))
	for i, t := range given {
		if n := utf8.RuneCountInString(t.Key); n < 1 || n > maxTagKey {
			return nil, awsapi.ValidationError(lengthBetween(fmt.Sprintf("tags.%d.member.key", i+1), t.Key, n, 1, maxTagKey))
		}
		if n := utf8.RuneCountInString(t.Value); n > maxTagValue {
			return nil, awsapi.ValidationError(lengthBetween(fmt.Sprintf("tags.%d.member.value", i+1), t.Value, n, 0, maxTagValue))
		}
		if _, twice := tags[t.Key]; twice {
			return nil, invalidParameter("Duplicated keys are not allowed.")
		}
		tags[t.Key] = t.Value
	}
	return tags, checkTagCount(tags)
}

func checkTagCount(tags map[string]string) error {
	if len(tags) > maxTags {
		return modelled("TagLimitExceeded", http.StatusBadRequest, fmt.Sprintf("A topic can have at most %d tags.", maxTags))
	}
	return nil
}

// lengthBetween is the violation of a length that is below least or above most.
func lengthBetween(path, value string, n, least, most int) awsapi.Violation {
	v := awsapi.Violation{Path: path, Value: &value, Must: fmt.Sprintf("Member must have length less than or equal to %d", most)}
	if n < least {
		v.Must = fmt.Sprintf("Member must have length greater than or equal to %d", least)
	}
	return v
}
