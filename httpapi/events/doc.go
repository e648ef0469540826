// Package events is the API of Amazon EventBridge, version 2015-10-07, over the buses, rules, archives and replays of package
// rules and the connections and destinations of package destination: the inputs and outputs of its operations, its errors, and
// what it says differently from the router. docs/eventbridge.md describes it for its users.
package events
