// Package pattern is the language of EventBridge event patterns and SNS filter policies: it compiles patterns and finds,
// among very many of them, those that an event matches. docs/patterns.md describes the language for its users.
//
// The package imports nothing of ours, does no I/O and logs nothing. Pattern and Index are immutable and safe for
// concurrent use.
//
// # From text to rules
//
// Compile reads the text with a tokenizer that stands where Jackson's would (tokens.go), because error columns are part of
// what AWS clients see. The compiler expands $or into conjunctions: a rule is a list of fields, a field a path and its
// alternatives (test.go). Paths are joined with dots, as AWS does; "a.b" and a→b are one path.
//
// # One event
//
// An event is walked once, guided by a trie of the wanted paths (scan.go, trie.go). What no rule asks for is skipped by its
// quotes and brackets (skip.go), and not even that once every wanted name was met and none comes again (stop.go). Wanted
// scalars become leaves: a slice of the event, decoded only if it has escapes; numbers, case
// folds and addresses are computed when a test asks (leaf.go). Each leaf knows the innermost array element around it, and so
// the chain of all of them.
//
// A conjunction is evaluated field by field. If every path has one leaf outside arrays of objects that is all; otherwise
// consistent.go searches leaves that agree on array elements.
//
// # Many rules
//
// An Index finds candidates by hashing and evaluates only those. The levels, from the outside in:
//
//  1. A signature (signature.go) is a set of paths, each with a way to turn its value into a key (access.go): the value, its
//     first n bytes, its last n, its case fold, its network. All conjunctions with tests on the same paths of the same kinds
//     share a signature; real rule sets have few. An event costs one hash and one probe per signature all of whose paths it
//     has. Signatures hang at one of their paths, so those of absent paths cost nothing.
//  2. A bucket (bucket.go) holds the conjunctions with the same keys. Up to 16 are tried one after another. Beyond, those
//     with a numeric range or a wildcard are found through a tree of intervals (ranges.go) or by pieces of their literals
//     (grams.go).
//  3. Conjunctions without anything to hash are in one bucket without a key, Index.rest, which has the same secondary
//     indexes. Only anything-but, exists and wildcards without a literal are tried on every event.
//  4. What is left of a candidate, beyond what its key proves, is evaluated: anything-but and exists always come to this.
//
// A field with several alternatives enters one bucket for each; a rule found twice is reported once.
//
// # Invariants
//
//   - A candidate is reported only after all its fields were evaluated or proven by the compared (not just hashed) key.
//   - Every way to a conjunction covers all alternatives of the fields it uses. So a matching conjunction is always found:
//     its signature's paths all have leaves, and some combination of them has the key of one of its buckets.
//   - Where an event has many values at a path, a signature costs the smaller of their combinations and its buckets.
//   - Path and signature numbers are reused only after the last reference is gone.
//   - Equal demands of different rules share one field, counted by internedField.refs.
//
// # Snapshots
//
// With copies what it changes: a few nodes of the persistent hash maps (hamt.go), one bucket, the trie along one path. A
// builder marks what it made with its owner and changes that in place, so building a large index is not a series of copies.
// After With returns, the owner is gone and nothing reachable is written again; readers need no lock. Scratch memory for
// matching comes from a pool that all snapshots of an Index share.
package pattern
