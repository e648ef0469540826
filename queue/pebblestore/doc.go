// Package pebblestore is the embedded storage engine: [queue.Store] and [catalog.Backend] on Pebble, one directory, one
// process. On an in-memory file system it is the memory store.
//
// The schema is in keys.go. Three rules carry the rest:
//
//  1. A message exists if and only if its m (or, in a log, a) record does. Everything else about it is written in the
//     same batch, so that a crash leaves all of it or nothing.
//  2. A call locks the lanes (one per queue) it touches, in the order of their IDs, builds one batch, applies it while it
//     holds the locks, lets go, and then waits for the sync. So the order in the log is the order in memory, and
//     Pebble's commit pipeline shares one fsync among all that wait.
//  3. What a lane holds in memory is a cache of its records. A call that fails half way throws the lane's memory away,
//     and the next one loads it again.
//
// Memory is bounded by what is in flight, and by 16 MiB for what is read ahead: the backlog is never read but from a cursor,
// and never to its end.
package pebblestore
