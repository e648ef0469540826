// Package dispatch delivers: it drains the delivery queues of endpoints (functions, the HTTP subscriptions of topics,
// API destinations, and the topics and buses that are targets of rules), attempts each delivery, and decides what becomes of it. It keeps nothing
// durable outside the store.
//
// [Dispatcher.Run] is one loop that starts receives, a goroutine for each attempt, and a settler that ends leases. How an
// attempt is made and judged is package endpoint's, how an API destination is called package destination's; what a delivery is, endpoint.Delivery says.
//
// # The life of a delivery
//
//	             publish (rules, topic): one append
//	                          │
//	                          ▼
//	   ┌──────────────►   waiting  ◄──────────────────────────────┐
//	   │ due              (ready)                                 │ the lease ends: the node died, or
//	   │                      │ receive: one lease of             │ its grace was over; not counted
//	   │                      ▼ timeout + 10s                     │
//	delayed               attempted ──────────────────────────────┘
//	(State: History,          │
//	 last outcome)            │ endpoint.Decide, then ONE commit with the record of the attempt
//	   ▲                      │
//	   │      retry           ├──► delivered: acknowledged, gone
//	   └──────────────────────┤
//	     release, not before  └──► given up: moved to the dead-letter queue, with its reason unless it is to be bare
//	                                 (schedule used up, max_age, permanent, 410, loop, unreadable, endpoint deleted)
//
// While an endpoint is disabled, or its breaker is open, deliveries stay waiting; that is no attempt.
//
// # What is promised
//
//  1. At least once. A delivery leaves its queue only by a commit that follows a successful attempt, or that puts it into a
//     dead-letter queue. A crash between the answer and the commit repeats the attempt, with the same ID (webhook-id).
//  2. Every attempt that ended is in the attempts log under its event's ID, in the same commit as its consequence; one
//     whose lease was lost meanwhile is recorded by itself, marked so. An attempt that this side broke off is not recorded
//     and does not count.
//  3. An endpoint never has more than its max_in_flight attempts running, and never more than its rate (with a burst of one
//     second's worth), over all nodes that share the store (Config.Shared).
//  4. Endpoints do not wait for each other. There are no workers to be used up: each endpoint has its own slots. When all of
//     the node's are taken (Config.MaxInFlight), lanes are served in turn, an idle one always finds a slot as long
//     as idle ones are fewer than a quarter of all, and one beyond its equal share takes no more than half of what is left.
//  5. Deliveries of one group are attempted in order, one after the other: the next begins when the one before is settled
//     as delivered or dead-lettered. A delivery that waits for its retry keeps its group waiting, nobody else.
//  6. Retries come by the policy, never earlier. They may come later: while the endpoint is at its limits or disabled, and
//     by up to 30s ([BreakerMaxPause]) while its breaker is open. A breaker never keeps a delivery from running through its
//     schedule: an open one lets one attempt at a time through, spaced so that all that wait have their turn within the
//     pause. Each node has a breaker of its own.
//  7. A node begins gently, with one attempt per endpoint, and adds one for each that succeeds. An endpoint that
//     answers 429, 502, 503 or 504 is halved. Each node counts for itself.
//  8. Operational state, such as disabled by a 410, is in the catalog tables [StateTable], [SubscriptionStateTable] and [DestinationStateTable],
//     which no configuration file touches. It ends by Enable, or, after a 410, by another URL.
//  9. An endpoint that idles costs a few hundred bytes and no goroutine.
//
// # Locks
//
// Dispatcher.mu guards the lanes and is held for moments, never over I/O or a hook. settler.mu guards its list, and may be
// taken while Dispatcher.mu is held, not the other way round.
package dispatch
