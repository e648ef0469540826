// Package storetest is the definition of correct for every [queue.Store].
//
// It has four parts:
//
//   - [Model], a store in memory that is plain enough to be read as a specification: slices, maps, one mutex, linear scans.
//     [Memory] keeps what it holds while it is closed.
//   - [Run], a suite of named rules. Each opens a store of its own, does one thing and states what must come of it. A rule's
//     comment cites or reads the contract in queue/store.go; where that leaves a choice, the comment starts with "Reading:".
//   - [Histories], random sequences of all operations over few queues, groups, keys and tokens, so that they collide. A
//     referee holds the model's state beside the store and checks that every answer is one that the contract allows; where
//     the contract leaves the store a choice (which group comes first, sequence numbers, nonces), the referee checks the choice
//     and adopts it.
//   - [Benchmark], the same measurements for every engine.
//
// Nothing here assumes that a store lives in this process or has a clock: time is a value in every call.
//
// The package is for tests only. A store's own test is a few lines:
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, storetest.Harness{New: func() (storetest.Data, error) { … }})
//	}
package storetest
