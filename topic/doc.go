// Package topic publishes messages to many receivers: what is published to a topic goes to every subscription whose filter
// policy it passes. docs/topics.md describes it for its users.
//
//	Publish ─► validate ─► filter: one index per scope ─► entries ─► ONE Append ─► answer
//	                       (an immutable snapshot)        │
//	                                                      ├─ queue:    the body and its attributes, or the SNS envelope
//	                                                      ├─ function: an event, or SNS's Lambda event, in its delivery queue
//	                                                      ├─ URL:      a request as it is to be sent, in its delivery queue
//	                                                      ├─ none of them possible: a dead letter with the reason
//	                                                      └─ a FIFO topic's own log: the message, for repeats and replays
//
// A [Topics] keeps no message but in the logs of FIFO topics. What is durable is in the receivers' queues, and attempts to
// deliver to functions and URLs are recorded under the message's ID.
//
// Topics and subscriptions are records of the catalog, made by a file or by the methods of [Topics]. An HTTP subscription has a
// second record, the endpoint by which package dispatch calls it; both are written together.
//
//	Subscribe ──► pending ── Confirm ──► confirmed ── Unsubscribe ──► removed ──┐ 3 days
//	                 │                       ▲                           │      ▼
//	                 │ 3 days                └───────── Confirm ─────────┘    gone
//	                 └──► gone                  (queues and functions are confirmed, and gone, at once)
//
// # What is promised
//
//  1. When [Topics.Publish] returns without an error, every subscription that a message matched has it durably, in its queue
//     or in a dead-letter queue. With an error, none has it, except as [Publish] says of messages with a DedupID.
//  2. A publish sees all subscriptions whose creation had been answered when it began.
//  3. Matching costs what the message's attributes and the matching subscriptions do, not the number of subscriptions.
//  4. The ID of a delivery depends on the message, the topic and the subscription only. A message that comes a second time
//     under the same ID (see [Publish] on tokens) makes deliveries with the same IDs.
//  5. Messages of one group reach each function, and each queue, in the order in which they were published, as far as the
//     receiver keeps an order: deliveries to a function wait for each other within a group, standard queues only use the
//     group for fairness. URLs keep no order.
//  6. What is signed is signed once, however many subscriptions get it, and nothing is signed that nobody gets in a signed form.
//  7. A replay of a FIFO topic loses and repeats nothing of what is published while it goes on; see replay.go. There is one
//     exception: a publish that began before the replay, on a node that the others take as gone meanwhile, and that succeeds
//     all the same.
package topic
