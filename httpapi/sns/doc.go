// Package sns is the API of Amazon SNS, version 2010-03-31, over the topics of package topic: the inputs and outputs of its
// operations, its errors, and what it says differently from the router. docs/sns.md describes it for its users.
package sns
