// Package queue holds the one durable thing of the router: queues of messages.
//
// A queue has a [Kind]. A standard queue hands its messages out in about the order they came, a FIFO queue in exact
// order within a message group, and a log only grows: it is read by position or time and trimmed by age and size.
//
// [Broker] is what the rest of the router uses: it knows queue definitions (kept in the catalog), validates, applies
// defaults and limits, waits, and moves dead letters. [Store] is what a storage engine implements: only that which must
// be atomic. Every store passes the suite in queue/storetest, which is the definition of correct.
//
// # The life of a message
//
//	              Append
//	                │
//	   delay > 0 ┌──┴──┐ no delay
//	             ▼     ▼
//	       delayed ──► ready ◄───────────────┐
//	      (until due)   │ Receive            │ the lease's deadline passes,
//	           ▲        ▼                    │ or Extend to 0
//	           │      in flight ─────────────┘
//	           │        │   │   │
//	  Release  └────────┘   │   └──► Ack: gone
//	(until later,           └──────► Move: in another queue
//	 with a state)
//
// # What is promised
//
//  1. Append, Settle, Purge, Drop and a Receive that hands out messages of FIFO groups have happened durably when they
//     return without error. Any other Receive and an Extend are written in the same stream but not waited for: a crash
//     may undo the last of them, never anything else. A message whose receive was undone comes back early and its receive count
//     may be too low, never too high.
//  2. A message acknowledged or moved never comes back in the queue it left.
//  3. Within a message group of a FIFO queue, a message is handed out only when no earlier message of the group is
//     delayed or in flight in another receive.
//  4. In a standard queue a message group is a tenant: tenants take turns, and one that holds many messages in flight is
//     passed over while others have something (fair queues). A flood of one does not make another wait.
//  5. An Append names any number of queues and happens in all of them or in none.
//  6. Memory is bounded by what is in flight, never by the backlog.
package queue
