package events

import (
	"context"

	"github.com/signalbox-mq/signalbox/httpapi/awsapi"
	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/rules"
)

var tagRules = awsapi.TagRules{
	Twice:   func() *awsapi.Error { return validation("Duplicate tag keys are not allowed.") },
	TooMany: func() *awsapi.Error { return validation("A resource can have at most %d tags.", awsapi.MaxTags) },
}

// tagged is a rule or, if it has no name, a bus.
type tagged struct {
	bus  catalog.Name
	rule string
}

// taggedBy is what the ARN of a resource names.
func taggedBy(text string) (tagged, error) {
	if of, rule, ok := ruleOfARN(text); ok {
		return tagged{of, rule}, nil
	}
	if of, ok := resourceName(text, busResource); ok {
		return tagged{bus: of}, nil
	}
	return tagged{}, validation("Parameter ResourceARN is not valid. Reason: it must be the ARN of a rule or an event bus.")
}

// changeTags changes the tags of a rule or bus.
func (a *API) changeTags(ctx context.Context, of tagged, change func(tags map[string]string) (map[string]string, error)) (err error) {
	if of.rule == "" {
		_, err = a.rules.UpdateBus(ctx, of.bus, func(def *rules.Bus) error {
			def.Tags, err = change(def.Tags)
			return err
		})
		return aboutBus(err, of.bus)
	}
	_, err = a.rules.UpdateRule(ctx, of.bus, of.rule, func(def *rules.Rule) error {
		def.Tags, err = change(def.Tags)
		return err
	})
	return aboutRule(err, of.bus, of.rule)
}

func (a *API) tagResource(ctx context.Context, _ *awsapi.Request, in *tagInput) (*done, error) {
	of, err := taggedBy(in.ResourceARN)
	if err != nil {
		return nil, err
	}
	tags, err := tagRules.Read(in.Tags)
	if err != nil {
		return nil, err
	}
	return nil, a.changeTags(ctx, of, func(has map[string]string) (map[string]string, error) { return tagRules.Merge(has, tags) })
}

func (a *API) untagResource(ctx context.Context, _ *awsapi.Request, in *untagInput) (*done, error) {
	of, err := taggedBy(in.ResourceARN)
	if err != nil {
		return nil, err
	}
	return nil, a.changeTags(ctx, of, func(has map[string]string) (map[string]string, error) {
		for _, key := range in.Keys {
			delete(has, key)
		}
		return has, nil
	})
}

func (a *API) listTags(ctx context.Context, _ *awsapi.Request, in *onResource) (*tagsOutput, error) {
	of, err := taggedBy(in.ResourceARN)
	if err != nil {
		return nil, err
	}
	if of.rule == "" {
		e, err := a.rules.Bus(ctx, of.bus)
		if err != nil {
			return nil, aboutBus(err, of.bus)
		}
		return &tagsOutput{awsapi.TagList(e.Bus.Tags)}, nil
	}
	e, err := a.rules.Rule(ctx, of.bus, of.rule)
	if err != nil {
		return nil, aboutRule(err, of.bus, of.rule)
	}
	return &tagsOutput{awsapi.TagList(e.Rule.Tags)}, nil
}
