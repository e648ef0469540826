package queue

import (
	"context"
	"time"
)

// Shared is the ability of a [Store] that several nodes use at once: what they need to divide work between them. A store
// that only one process opens has no use for it and does not implement it. Times are the store's own: the nodes' clocks do
// not have to agree.
type Shared interface {
	// Lease gives a name to holder for ttl (1s to 1h) from now, or for longer if it has it already, and returns true; or returns
	// false, with nothing changed, while another holder has it. It is durable like an Append. What a lease protects must bear that
	// two do it for a moment: a holder that was stopped for longer than ttl finds out late.
	Lease(ctx context.Context, name, holder string, ttl time.Duration) (held bool, err error)
	// Unlease gives a name back before its time. If holder does not have it nothing happens.
	Unlease(ctx context.Context, name, holder string) error
	// Permit takes up to n permits of a queue's rate, which all nodes share: a bucket that holds burst (at least 1) and fills at
	// rate (above 0) per second. granted may be zero; then next is when there is one, by the clock that the caller gives now of. A
	// negative n gives permits back that were not used; granted is then zero. The queue need not exist. What is granted last
	// may be forgotten in a fault of the store.
	Permit(ctx context.Context, now time.Time, queue ID, rate float64, burst, n int) (granted int, next time.Time, err error)
}

// Spreader is the ability of a [Store] on several machines to spread one queue over them.
type Spreader interface {
	// Spread spreads a queue over n partitions, at least 1, or does nothing if there are as many already. What is appended from then
	// on, by any node a moment later, goes to all of them. A queue with more than one keeps order within message groups of a FIFO
	// queue only, its tenants take turns within partitions, and an in-flight limit is kept by each partition with its share.
	// It fails with an [*InvalidError] for more partitions than the store has and for a log. A FIFO queue that has had a message
	// keeps the order of its groups only if all nodes knew of the partitions before; see Planned. A message with a DedupID is
	// compared with those of its partition, so for a FIFO queue the group must be part of Entry.Dedup.
	Spread(ctx context.Context, queue ID, kind Kind, n int) error

	// Planned gives the store a function that tells over how many partitions a queue is to be spread by its definition, 1 if that is
	// not known. A queue has as many even before Spread: a node that knows a definition puts no message elsewhere than the
	// next one does. It is called once, before anything else.
	Planned(partitions func(queue ID) int)
}
