package topic

import (
	"context"

	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
)

// maxRemovals is how many subscriptions are deleted at once. Those of a topic that is gone match nothing, and are never another
// topic's.
const maxRemovals = 1000

// removals returns the changes that delete the subscriptions of a topic that no file declares, with their endpoints, and
// whether there are more.
func (t *Topics) removals(at *catalog.Snapshot, topic catalog.Name, limit int) (changes []catalog.Change, more bool, err error) {
	query := catalog.Query{Account: topic.Account, Region: topic.Region, Prefix: topic.Name + "/", Limit: limit}
	records, more := at.List(SubscriptionTable, query)
	for i := range records {
		if records[i].Owner == "" {
			changes = append(changes, t.removal(at, &records[i])...)
		}
	}
	return changes, more, nil
}

// removal returns the changes that delete a subscription, if it has not been changed, and its endpoint.
func (t *Topics) removal(at *catalog.Snapshot, record *catalog.Record) []catalog.Change {
	changes := []catalog.Change{t.subscriptions.Deleting(record.Name).If(record.Revision)}
	if called, ok := at.Get(endpoint.SubscriptionTable, record.Name); ok {
		changes = append(changes, t.endpoints.Deleting(record.Name).If(called.Revision))
	}
	return changes
}

// removeLeft deletes the subscriptions of a topic that is gone.
func (t *Topics) removeLeft(ctx context.Context, topic catalog.Name) error {
	for {
		before := t.definitions.Snapshot()
		if _, exists := before.Get(Table, topic); exists {
			return nil // it was made anew, without them
		}
		changes, _, err := t.removals(before, topic, maxRemovals)
		if err != nil || len(changes) == 0 {
			return err
		}
		applied, err := t.definitions.Apply(ctx, catalog.Set{
			Changes: changes, Requires: []catalog.Requirement{{Table: Table, Name: topic}},
		})
		switch {
		case err == nil:
			t.deleted(ctx, applied.Records, before)
		case raced(err) && ctx.Err() == nil && t.definitions.Revision() != before.Revision():
		default:
			return err
		}
	}
}

// deleted has the queues ended of records that were deleted. What a crash keeps from being done here is done by who looks for
// queues of which no definition is left.
func (t *Topics) deleted(ctx context.Context, records []catalog.Record, before *catalog.Snapshot) {
	if len(records) == 0 {
		return
	}
	if t.Deleted != nil {
		t.Deleted(records, before)
		return
	}
	var ids []queue.ID
	for i := range records {
		switch {
		case !records[i].Deleted:
		case records[i].Table == Table:
			ids = append(ids, queue.IDFor(records[i].ID, queue.TopicLog))
		case records[i].Table == endpoint.SubscriptionTable:
			ids = append(ids, queue.IDFor(records[i].ID, queue.Deliveries))
		}
	}
	if len(ids) > 0 {
		_ = t.broker.Store().Drop(context.WithoutCancel(ctx), t.broker.Now(), ids) // or later
	}
}
