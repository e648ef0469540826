package sqs

import (
	"context"
	"encoding/base64"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/signalbox-mq/signalbox/httpapi/awsapi"
	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
)

func (a *API) createQueue(ctx context.Context, r *awsapi.Request, in *createQueueInput) (*queueURLOutput, error) {
	name := queue.Name{Account: r.Account, Region: r.Region, Name: in.QueueName}
	def := queue.Definition{FIFO: in.Attributes["FifoQueue"] == "true", Tags: in.Tags}
	if err := checkName(in.QueueName, def.FIFO); err != nil {
		return nil, err
	}
	if err := checkTags(in.QueueName, in.Tags); err != nil {
		return nil, err
	}
	if err := setAttributes(&def, name, in.Attributes, creating); err != nil {
		return nil, err
	}
	for {
		q, err := a.broker.Lookup(name)
		if err == nil {
			if err := sameAttributes(&q, in.Attributes); err != nil {
				return nil, err
			}
			return &queueURLOutput{urlOf(r, name)}, nil
		}
		if !errors.Is(err, queue.ErrNotFound) {
			return nil, err
		}
		if a.deleted.since(name, a.broker.Now(), a.waits.Recreate) {
			return nil, modelled("QueueDeletedRecently", "You must wait 60 seconds after deleting a queue before you can create another with the same name.")
		}
		_, _, err = a.broker.Create(ctx, name, def)
		if errors.Is(err, queue.ErrExists) {
			continue // somebody else was first: what counts is what it has
		}
		if err != nil {
			return nil, attributeFault(err, in.Attributes)
		}
		return &queueURLOutput{urlOf(r, name)}, nil
	}
}

func checkName(name string, fifo bool) error {
	if queue.ValidateName(name, fifo) == nil {
		return nil
	}
	if fifo {
		return awsapi.InvalidParameterValue("The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, must end with .fifo suffix and be 1 to 80 in length.")
	}
	return awsapi.InvalidParameterValue("Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length")
}

// sameAttributes makes sure that each of the given attributes is as the queue has it, in what clients are shown of it. What is
// not given does not matter.
func sameAttributes(q *queue.Queue, in map[string]string) error {
	for _, name := range slices.Sorted(maps.Keys(in)) {
		as := *q
		as.Definition = q.Definition.Clone()
		if err := setAttributes(&as.Definition, q.Name, map[string]string{name: in[name]}, comparing); err != nil {
			return err
		}
		row, _ := findAttribute(name) // setAttributes refuses any other
		shown, given := row.get(&facts{queue: q}), row.get(&facts{queue: &as})
		if name == "SqsManagedSseEnabled" {
			given = in[name] // what is shown follows from the key, whatever is given
		}
		if shown != given {
			return queueNameExists(name)
		}
	}
	return nil
}

func (a *API) deleteQueue(ctx context.Context, r *awsapi.Request, in *onQueue) (*awsapi.Empty, error) {
	name, err := queueName(r, in.QueueURL)
	if err != nil {
		return nil, err
	}
	if err := a.broker.Delete(ctx, name); err != nil {
		return nil, err
	}
	a.deleted.done(name, a.broker.Now(), a.waits.Recreate)
	return nil, nil
}

func (a *API) getQueueURL(_ context.Context, r *awsapi.Request, in *getQueueURLInput) (*queueURLOutput, error) {
	name := queue.Name{Account: r.Account, Region: r.Region, Name: in.QueueName}
	if owner := in.QueueOwnerAWSAccountID; owner != "" {
		if !awsapi.IsAccount(owner) {
			return nil, invalidValue(owner, "QueueOwnerAWSAccountId", "Must be an account id of 12 digits.")
		}
		name.Account = owner
	}
	if _, err := a.broker.Lookup(name); err != nil {
		return nil, err
	}
	return &queueURLOutput{urlOf(r, name)}, nil
}

// maxPage is the most that a page of queues holds.
const maxPage = 1000

func (a *API) listQueues(_ context.Context, r *awsapi.Request, in *listQueuesInput) (*listQueuesOutput, error) {
	limit, after, err := page(in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	query := catalog.Query{Account: r.Account, Region: r.Region, Prefix: in.QueueNamePrefix, Limit: limit}
	if after != "" {
		query.After = queue.Name{Account: r.Account, Region: r.Region, Name: after}
	}
	queues, more, err := a.broker.List(query)
	if err != nil {
		return nil, err
	}
	out := &listQueuesOutput{}
	for i := range queues {
		out.QueueURLs = append(out.QueueURLs, urlOf(r, queues[i].Name))
	}
	if more && in.MaxResults.Given {
		out.NextToken = pages.Token(queues[len(queues)-1].Name.Name)
	}
	return out, nil
}

var pages = awsapi.Pages{
	Encoding: base64.RawURLEncoding,
	Invalid:  func() *awsapi.Error { return awsapi.InvalidParameterValue("Invalid or expired next token.") },
}

// page reads what says where a page of a list begins and how long it is.
func page(maxResults awsapi.Int, token string) (limit int, after string, err error) {
	limit = int(maxResults.Or(maxPage))
	if limit < 1 || limit > maxPage {
		return 0, "", invalidValue(strconv.Itoa(limit), "MaxResults", "Must be between 1 and 1000, if provided.")
	}
	after, err = pages.After(token)
	return limit, after, err
}

func (a *API) listDeadLetterSourceQueues(_ context.Context, r *awsapi.Request, in *listSourcesInput) (*listSourcesOutput, error) {
	name, err := queueName(r, in.QueueURL)
	if err != nil {
		return nil, err
	}
	limit, after, err := page(in.MaxResults, in.NextToken)
	if err != nil {
		return nil, err
	}
	if _, err := a.broker.Lookup(name); err != nil {
		return nil, err
	}
	sources, err := a.broker.DeadLetterSourceQueues(name)
	if err != nil {
		return nil, err
	}
	out := &listSourcesOutput{}
	for i := range sources {
		if sources[i].Name.Name <= after {
			continue
		}
		if len(out.QueueURLs) == limit {
			if in.MaxResults.Given {
				_, last := cutLast(out.QueueURLs[limit-1])
				out.NextToken = pages.Token(last)
			}
			break
		}
		out.QueueURLs = append(out.QueueURLs, urlOf(r, sources[i].Name))
	}
	return out, nil
}

func (a *API) purgeQueue(ctx context.Context, r *awsapi.Request, in *onQueue) (*awsapi.Empty, error) {
	q, err := a.lookup(r, in.QueueURL)
	if err != nil {
		return nil, err
	}
	if !a.purged.claim(q.Name, a.broker.Now(), a.waits.Purge) {
		e := modelled("PurgeQueueInProgress", "Only one PurgeQueue operation on "+q.Name.Name+" is allowed every 60 seconds.")
		e.Status = http.StatusForbidden
		return nil, e
	}
	if _, err := a.broker.Purge(ctx, q.Name); err != nil {
		a.purged.forget(q.Name)
		return nil, err
	}
	return nil, nil
}

func (a *API) getQueueAttributes(ctx context.Context, r *awsapi.Request, in *getQueueAttributesInput) (*attributesOutput, error) {
	q, err := a.lookup(r, in.QueueURL)
	if err != nil {
		return nil, err
	}
	rows, err := rowsFor(in.AttributeNames)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	facts := facts{queue: &q}
	if slices.ContainsFunc(rows, func(row *attributeRow) bool { return row.counted }) {
		if facts.stats, err = a.broker.Stats(ctx, q.Name); err != nil {
			return nil, err
		}
	}
	out := &attributesOutput{Attributes: make(map[string]string, len(rows))}
	for _, row := range rows {
		if value := row.get(&facts); value != "" {
			out.Attributes[row.name] = value
		}
	}
	return out, nil
}

func (a *API) setQueueAttributes(ctx context.Context, r *awsapi.Request, in *setQueueAttributesInput) (*awsapi.Empty, error) {
	name, err := queueName(r, in.QueueURL)
	if err != nil {
		return nil, err
	}
	_, err = a.broker.Update(ctx, name, func(def *queue.Definition) error {
		return setAttributes(def, name, in.Attributes, changing)
	})
	return nil, attributeFault(err, in.Attributes)
}

// attributeFault tells what a queue does not take of a definition in the terms of its attributes: another queue that can not be
// its dead-letter queue.
func attributeFault(err error, given map[string]string) error {
	if e, ok := errors.AsType[*queue.InvalidError](err); ok && strings.HasPrefix(e.Field, "dead_letter") {
		return invalidValue(given["RedrivePolicy"], "RedrivePolicy", "Dead letter target "+e.Reason+".")
	}
	return err
}

func checkTags(queueName string, tags map[string]string) error {
	if len(tags) > awsapi.MaxTags {
		return awsapi.InvalidParameterValue("Too many tags added for queue %s.", queueName)
	}
	for key, value := range tags {
		switch {
		case key == "" || len([]rune(key)) > awsapi.MaxTagKey:
			return awsapi.InvalidParameterValue("Tag keys must be between 1 and 128 characters in length.")
		case len([]rune(value)) > awsapi.MaxTagValue:
			return awsapi.InvalidParameterValue("Tag values must be between 0 and 256 characters in length.")
		}
	}
	return nil
}

func (a *API) tagQueue(ctx context.Context, r *awsapi.Request, in *tagQueueInput) (*awsapi.Empty, error) {
	name, err := queueName(r, in.QueueURL)
	if err != nil {
		return nil, err
	}
	_, err = a.broker.Update(ctx, name, func(def *queue.Definition) error {
		if def.Tags == nil {
			def.Tags = make(map[string]string)
		}
		maps.Copy(def.Tags, in.Tags)
		return checkTags(name.Name, def.Tags)
	})
	return nil, err
}

func (a *API) untagQueue(ctx context.Context, r *awsapi.Request, in *untagQueueInput) (*awsapi.Empty, error) {
	name, err := queueName(r, in.QueueURL)
	if err != nil {
		return nil, err
	}
	_, err = a.broker.Update(ctx, name, func(def *queue.Definition) error {
		for _, key := range in.TagKeys {
			delete(def.Tags, key)
		}
		return nil
	})
	return nil, err
}

func (a *API) listQueueTags(_ context.Context, r *awsapi.Request, in *onQueue) (*tagsOutput, error) {
	q, err := a.lookup(r, in.QueueURL)
	if err != nil {
		return nil, err
	}
	return &tagsOutput{Tags: q.Definition.Tags}, nil
}
