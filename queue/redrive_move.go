package queue

import (
	"context"
	"errors"
	"fmt"

	"github.com/signalbox-mq/signalbox/queue/catalog"
)

// Mapper is what [NewTransfers] needs under [RedriveKind].
func (rs *Redrives) Mapper() Mapper { return Mapper{Move: rs.move, MayMove: rs.mayMove} }

// mayMove ends one that failed and was resumed after another was started, before it leases what that one is to move.
func (rs *Redrives) mayMove(t *Transfer) error {
	r, ok := RedriveOf(t)
	if !ok {
		return fmt.Errorf("%w: its parameters can not be read", ErrTransferFailed)
	}
	replaced, err := rs.replaced(&r)
	if err == nil && replaced {
		err = fmt.Errorf("%w: another redrive of the queue has been started since", ErrTransferCancelled)
	}
	return err
}

func (rs *Redrives) move(_ context.Context, t *Transfer, batch []Message) ([]*Destination, error) {
	r, ok := RedriveOf(t)
	if !ok {
		return nil, fmt.Errorf("%w: its parameters can not be read", ErrTransferFailed)
	}
	if r.Destination != nil {
		return rs.moveTo(*r.Destination, len(batch))
	}
	return rs.moveBack(t, batch)
}

// moveTo returns the same destination n times.
func (rs *Redrives) moveTo(name Name, n int) ([]*Destination, error) {
	q, err := rs.broker.Lookup(name)
	if errors.Is(err, ErrNotFound) {
		return nil, fmt.Errorf("%w: the destination %s was deleted", ErrTransferFailed, name.Name)
	}
	if err != nil {
		return nil, err
	}
	to := make([]*Destination, n)
	for i := range to {
		to[i] = redriven(&q)
	}
	return to, nil
}

// moveBack returns the way back for each message, up to one that has none.
func (rs *Redrives) moveBack(t *Transfer, batch []Message) ([]*Destination, error) {
	queues, err := rs.sources(t.Name, batch)
	if err != nil {
		return nil, err
	}
	to := make([]*Destination, 0, len(batch))
	for i := range batch {
		m := &batch[i]
		q, ok := queues[m.Source]
		if !ok {
			reason := "the queue it came from was deleted"
			if _, role := m.Source.RecordID(); m.Source == 0 || role != Own {
				reason = "it did not come from a queue"
			}
			return to, fmt.Errorf("%w: message %s has no way back, as %s; name a destination", ErrTransferFailed, m.ID, reason)
		}
		to = append(to, redriven(q))
	}
	return to, nil
}

// sources finds the queues that messages came from, among those of an account and region.
func (rs *Redrives) sources(in Name, batch []Message) (map[ID]*Queue, error) {
	queues := map[ID]*Queue{}
	wanted := map[ID]bool{}
	for i := range batch {
		if _, role := batch[i].Source.RecordID(); batch[i].Source != 0 && role == Own {
			wanted[batch[i].Source] = true
		}
	}
	// There is no index by incarnation. Records are decoded only where they are found.
	for record := range rs.definitions.Snapshot().Scan(Table, catalog.Query{Account: in.Account, Region: in.Region}) {
		if len(wanted) == 0 {
			break
		}
		id := IDFor(record.ID, Own)
		if !wanted[id] {
			continue
		}
		delete(wanted, id)
		e, err := rs.broker.queues.Decode(record)
		if err != nil {
			return nil, err
		}
		queues[id] = new(fromEntry(e))
	}
	return queues, nil
}

// redriven is where a message goes as a new one.
func redriven(q *Queue) *Destination {
	to := &Destination{Queue: q.ID, Kind: q.Definition.Kind(), NewID: NewMessageID(), DropSource: true}
	if !q.Definition.FIFO { // that of a FIFO queue counts when it is received
		to.Delay = q.Definition.Delay.Std()
	}
	return to
}
