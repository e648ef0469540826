// Package sqs is Amazon SQS on the router's queues: every operation of its API, version 2012-11-05, over AWS JSON 1.0 and
// over Query. An operation is one function; what it reads and writes is in shapes.go, the table of all of them in
// operations.go, the table of errors in errors.go.
//
// What SQS demands of a request (its limits, its names for things, its texts) is checked here; what queues do is
// queue.Broker's. Facts cited as observed are from answers of AWS.
package sqs
