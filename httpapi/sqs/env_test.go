package sqs_test

import (
	"bytes"
	"net/http"
	"strings"
	"testing"

	"github.com/signalbox-mq/signalbox/httpapi/awsapi"
	"github.com/signalbox-mq/signalbox/httpapi/awsapi/awstest"
	"github.com/signalbox-mq/signalbox/httpapi/sqs"
	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/queue/storetest"
)

const (
	account = awstest.Account
	region  = awstest.Region
	base    = awstest.BaseURL

	overJSON  = awstest.JSON
	overQuery = awstest.Query
)

// env is the API on a real store in memory, behind the handler of the AWS protocols.
type env struct {
	tb      testing.TB
	store   *storetest.Faulty
	defs    *catalog.Catalog
	broker  *queue.Broker
	service *awsapi.Service
	handler *awsapi.Handler
	log     *bytes.Buffer
	client  *awstest.Client
}

func newEnv(tb testing.TB) *env {
	tb.Helper()
	return newEnvWaiting(tb, sqs.Waits{})
}

// newEnvWaiting is newEnv with the times that clients are made to wait.
func newEnvWaiting(tb testing.TB, waits sqs.Waits) *env {
	tb.Helper()
	b := awstest.NewBackend(tb)
	service := sqs.New(sqs.Services{Broker: b.Broker, Redrives: queue.NewRedrives(b.Broker, b.Defs)}, waits).Service()
	e := &env{tb: tb, store: b.Store, defs: b.Defs, broker: b.Broker, service: service, handler: b.Handler(service), log: b.Log}
	e.client = &awstest.Client{
		TB: tb, Handler: e.handler, Service: service, Protocol: overJSON, Known: knownErrors(), Fail: b.Store.Fail,
		Form: awstest.Form{Flat: flat, Sides: sides},
	}
	return e
}

// flat is what a list or map is called in Query.
func flat(operation, member string) string {
	switch member {
	case "Entries":
		return operation + "RequestEntry"
	case "Actions":
		return "ActionName"
	case "tags":
		return "Tag"
	}
	return strings.TrimSuffix(member, "s")
}

func sides(member string) (key, value string) {
	if strings.EqualFold(member, "tags") {
		return "Key", "Value"
	}
	return "Name", "Value"
}

func protocols() []awstest.Protocol { return []awstest.Protocol{overJSON, overQuery} }

// both runs a test over each protocol, on an env of its own.
func both(t *testing.T, test func(t *testing.T, e *env, p awstest.Protocol)) {
	t.Helper()
	for _, p := range protocols() {
		t.Run(string(p), func(t *testing.T) {
			t.Parallel()
			test(t, newEnv(t), p)
		})
	}
}

// on is the env for one input: on its own store, but telling this test.
func (e *env) on(tb testing.TB) *env {
	c := *e
	c.tb, c.client = tb, e.client.On(tb)
	return &c
}

// call calls an operation, and checks of the answer what holds for every answer.
func (e *env) call(p awstest.Protocol, operation, input string, header ...string) *awstest.Answer {
	e.tb.Helper()
	return e.client.Over(p).Call(operation, input, header...)
}

// do serves a request, as call does.
func (e *env) do(r *http.Request) *awstest.Answer {
	e.tb.Helper()
	return e.client.Do(r)
}

// ok is call for what has to succeed.
func (e *env) ok(p awstest.Protocol, operation, input string, header ...string) *awstest.Answer {
	e.tb.Helper()
	return e.client.Over(p).OK(operation, input, header...)
}

// create makes queues with the default attributes; those whose names end in .fifo are FIFO queues.
func (e *env) create(names ...string) {
	e.tb.Helper()
	for _, name := range names {
		attributes := ""
		if strings.HasSuffix(name, ".fifo") {
			attributes = `,"Attributes":{"FifoQueue":"true"}`
		}
		e.ok(overJSON, "CreateQueue", `{"QueueName":"`+name+`"`+attributes+`}`)
	}
}
