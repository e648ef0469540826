// Package redisstore is the shared store: a [queue.Store] and a [catalog.Backend] on Redis 7.0 or later, or Valkey, alone, with
// Sentinel or as a cluster. Any number of nodes use one at the same time.
//
// # How it works
//
// Each operation is one call of one function of the library in lua/, which Redis carries out alone and as a whole. The
// functions hold all of the semantics; this side encodes messages, batches calls, waits for replicas or the disk, and puts
// together what concerns several hash slots of a cluster (scatter.go).
//
//	Store ──► client.call ──► line, one per master: batches ──► FCALL … FCALL, WAIT ──► Redis
//	  ▲                                                                                   │
//	  └── watchers ◄── listen: one subscription per master ◄── SPUBLISH {tag}:wake ◄───────┘
//
// Time is the server's. A function takes now from its caller only in tests (see Open); a queue's own clock never runs backwards,
// so that a failover to a server whose clock is behind does not.
//
// # Keys
//
// Everything lies in one of 64 shards, each in a hash slot of its own: {tag} stands for the shard's hash tag, such as {sb12}, where
// "sb" is the namespace. A queue's shard follows from its ID. No number of messages, groups or tenants makes more than these
// keys, so that purging and deleting a queue is unlinking eighteen keys. (The names in quotes are bytes; <q> is the queue's ID in
// hexadecimal.)
//
//	{tag}:q<q>:s     string  state: kind, clock, last sequence, counters, cursor; see load_state in lua/10_base.lua
//	{tag}:q<q>:m     stream  messages that were receivable at once, and all entries of a log. Field h: header, b: blob
//	{tag}:q<q>:n     stream  all other messages
//	{tag}:q<q>:i     hash    sequence → receive count, first receive, nonce, state: once a message was received
//	{tag}:q<q>:l     zset    sequences of leased messages without a group, by deadline; L: with a group
//	{tag}:q<q>:w     zset    sequences of waiting messages without a group, by due time; W: with a group
//	{tag}:q<q>:g     zset    messages in groups, by bytes; see lua/20_groups.lua
//	{tag}:q<q>:t     zset    groups that have something to receive, by turn; hash tt: tenant → turn
//	{tag}:q<q>:d     zset    groups that will have something, by when; y: FIFO groups held back by a delay given at receive
//	{tag}:q<q>:k     zset    key and sequence, by bytes, of messages that have a key
//	{tag}:q<q>:o     zset    sequences of messages whose Sent is not their place in time, by Sent
//	{tag}:q<q>:x     hash    deduplication ID → until when, ID, sequence; zset xt: by until when
//	{tag}:q<q>:a     hash    receive attempt → until when, leases; zset at: by until when
//	{tag}:q<q>:rate  string  tokens of a rate limit that all nodes share
//	{tag}:queues     set     queues that hold something
//	{tag}:t:<token>  string  what an append with that token answered; {tag}:T:<token> for all shards of a cluster
//	{tag}:p:<token>  string  in how many pieces an append with that token is made; see pieces.go
//	{tag}:o          hash    outbox: what is on its way to another shard; zset ot: by since when
//	{tag}:lease:<n>  string  holder of a lease
//	{tag}:wake       channel IDs of queues worth a look; "@" and a revision of the definitions
//
// and in shard 0
//
//	{tag}:cat        hash    definitions by table and name; zset catrev, catgone, hash catmeta: see lua/80_shared.lua
//	{tag}:nodes      zset    nodes, by until when each is taken to be alive; hash noderev: the revision each has
//	{tag}:shards     string  how many shards there are
//	{tag}:parts      hash    how many partitions queues have that have more than one
//	{tag}:import     string  from where a migration copies to this store, as long as that has not ended
//
// A sequence number is a stream ID in another notation, so that a message is found without an index. A message without a group
// that is ready costs its entry in stream m and nothing else: receiving goes through m with a cursor, and what it handed out is in
// l. A lease is one entry with a deadline, not a place in one list or another: nothing has to be moved back when it ends, and
// no two structures can disagree about it.
//
// # What a crash of Redis may undo
//
// What the durability promises holds for Append, Settle, Purge, Drop, definitions and FIFO receives. A standard receive and
// an Extend are not confirmed by replicas: after a failover the message may be handed out again at once, with a receive count that
// is too low. With durability async all of the last moments may be lost. docs/scaling.md has the table.
//
// With durability replicas:N an acknowledged write is lost if a replica is promoted that has not confirmed it. Sentinel promotes
// the one that has received most, among those that it reaches, by what they last said; that is what they had when the master
// was gone if down-after-milliseconds is 5000 or more; with less, what they said may be older than that. In a cluster the one that
// has received most stands for election first, and is elected unless it is late by a second. So a write survives the loss of the
// master, and of replicas as long as one that confirmed it is there. It does not survive a network that comes apart with all that
// have confirmed it on the smaller side, unless N is all replicas.
//
// A standard receive may hand out a message before it is confirmed. If the message then is lost with its master, and its sender, who
// was told that nothing is known, sends it again, be it under its token, it is handed out again with another sequence number.
//
// # How long a call takes
//
// As long as a function runs, Redis does nothing else. So each does a piece of work that does not grow with what a queue holds, nor
// with how large its messages are: it returns, reads or removes some hundreds of messages, or some MiB, and the store calls again for
// the rest. bounds_test.go counts. The exceptions are what a caller puts into one call for one queue, and the rebuilding of a queue
// that somebody has damaged, below: that takes one to three seconds for 100,000 messages. It is not done in slices, as nobody can use
// the queue before it has ended, and each function would have to know of queues that are half done.
//
// # When somebody overwrites a key
//
// Redis does not undo what a function wrote before an error. A call that meets a key of another type, or a record that it can not
// read, fails with queue.ErrCorrupt, and then it is unknown whether it happened. Its queues are marked, and rebuilt by the next call;
// see lua/25_rebuild.lua. As long as the key is there all calls that write to the queue fail, and calls on others do not, except that
// Stats of several fails for all. When the key is deleted the queue goes on, with what was not in it.
package redisstore
