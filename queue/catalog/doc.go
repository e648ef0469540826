// Package catalog keeps the router's definitions (queues, topics, subscriptions, rules, functions, schedules and so on) as
// versioned records in typed tables. It is a leaf: it knows nothing of what the definitions mean.
//
// [Open] reads a [Backend] into memory; [Table] reads and writes definitions of one type; a [Set] changes several at once;
// [Catalog.Declare] makes the definitions be those of a file; [View] derives an index from them.
//
//	API ─── Table.Create, Update, Delete ──┐                         ┌─► Table.Get, Snapshot: no lock
//	                                       ├─► Apply ─► Backend ─►  new Snapshot ─► View.Get: built when asked
//	file ── Declare: plan, then one set ───┘    commit   durable     └─► Changes, Watch: since a revision
//
// # Rules
//
//  1. A [Set] of changes happens as a whole or not at all: in the backend, in memory, and for every reader. It has one
//     revision, larger than all before. Sets that wait for the disk together share one; no two of these change the same
//     record, so a record at a revision has one value.
//  2. When [Catalog.Apply] returns without an error, the set is durable and every later read in this process has it: Get,
//     a new Snapshot, and [View.Get]. Before the backend has it, nobody sees it.
//  3. When Apply fails, memory is as before. If the backend failed, whether it has the set is unknown; if it has, the next
//     Apply or Refresh that succeeds brings it in.
//  4. A [Snapshot] is the whole catalog at one revision and never changes. Readers take no lock, and neither wait for
//     writers nor keep them waiting. What they are given is shared: record Values, and what a definition's maps, slices
//     and pointers lead to, are read only.
//  5. Records have an ID, given once and never again, in any table and after any restart. A record deleted and made anew
//     has another ID; one that is updated, declared, kept or given back keeps it.
//  6. Compare-and-set: a change can be bound to the revision its record must have ([Change.If]), zero for none, and a set
//     to conditions on other records ([Requirement]), or on all there are ([Set].Guard).
//  7. A record belongs to its Owner: the APIs (empty), a file, or [Builtin]. Changing what a file or Builtin has declared
//     through the APIs is a [*ManagedError]; declaring what another has is a [*TakenError].
//  8. [Catalog.Declare] is one set. What leaves a file is given back to Builtin, or kept without an owner if it must not
//     be deleted, or deleted. Its former owner gets a kept record back by declaring it; the same record only, not another of
//     that name.
//  9. Several nodes may share a backend. Of two that commit at the same revision one is refused; it reads what the other
//     has changed, validates its sets again from the start, and tries again. On a [Shared] backend a node also reads
//     before it refuses a set, and before it says that it does not know a name.
//  10. Where the nodes of a backend follow it ([Catalog.Follow], [Follower]), Apply returns when every one of them has the set:
//     what was made on one node is there on all. A node that is out of touch knows it ([Catalog.Stale]) and answers nothing that may
//     be out of date.
//  11. About the last 16,000 changes (and 16 MiB of them) are kept one by one. Who asks for older ones gets ErrCompacted and
//     starts from a Snapshot; a [View] does so by itself.
//
// # Cost
//
// A table is a B+ tree whose nodes are copied when they change, not the table: in a table of a million records a change
// copies four nodes, some 3 KiB, and a lookup is about twenty comparisons. (A map behind a lock would be faster to look up but
// gives no consistent state to derive a view from or to list in order while others write; a tree of versions under a lock
// needs cleaning up after the readers.) The whole is in memory: about 230 bytes and the Value for each record, and the
// decoded definition once it has been read by name.
package catalog
