package events_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/signalbox-mq/signalbox/dispatch/destination"
	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
	"github.com/signalbox-mq/signalbox/httpapi/awsapi/awstest"
	"github.com/signalbox-mq/signalbox/httpapi/events"
	"github.com/signalbox-mq/signalbox/httpapi/sns"
	"github.com/signalbox-mq/signalbox/httpapi/sqs"
	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/rules"
	"github.com/signalbox-mq/signalbox/topic"
)

const (
	account = awstest.Account
	region  = awstest.Region
	other   = "111111111111"
)

// env is the API on a real store in memory, behind the handler of the AWS protocols, beside those of SQS and SNS.
type env struct {
	*awstest.Client
	*awstest.Backend
	rules *rules.Engine
}

func newEnv(tb testing.TB) *env {
	tb.Helper()
	b := awstest.NewBackend(tb)
	e := &env{Backend: b, rules: rules.New(b.Broker, b.Defs, rules.Config{})}
	calls := endpoint.NewClient(endpoint.ClientConfig{})
	tb.Cleanup(calls.Close)
	service := events.New(events.Services{
		Broker: b.Broker, Rules: e.rules, Destinations: destination.New(b.Defs, b.Broker.Now, destination.NewTokens(calls)),
		Log: zerolog.New(zerolog.SyncWriter(b.Log)),
	}).Service()
	queues := sqs.New(sqs.Services{Broker: b.Broker, Redrives: queue.NewRedrives(b.Broker, b.Defs)}, sqs.Waits{}).Service()
	e.Client = &awstest.Client{
		TB: tb, Handler: b.Handler(queues, sns.New(topic.New(b.Broker, b.Defs)).Service(), service), Service: service,
		Protocol: awstest.JSON, Known: knownErrors(), Fail: b.Store.Fail, Header: awstest.Signed("events", "AKIDEXAMPLE", region),
	}
	return e
}

// on is the env for one input of a fuzz target: on its own store, but telling this test.
func (e *env) on(tb testing.TB) *env {
	on := *e
	on.Client = e.Client.On(tb)
	return &on
}

func named(name string) catalog.Name {
	return catalog.Name{Account: account, Region: region, Name: name}
}

func arn(resource string) string { return "arn:aws:events:" + region + ":" + account + ":" + resource }

func queueARN(name string) string { return endpoint.QueueARN(account, region, name) }

// queue makes a queue, a FIFO queue if its name is that of one, and returns its ARN.
func (e *env) queue(name string) string {
	e.TB.Helper()
	if _, _, err := e.Broker.Create(context.Background(), named(name), queue.Definition{FIFO: strings.HasSuffix(name, ".fifo")}); err != nil {
		e.TB.Fatal(err)
	}
	return queueARN(name)
}

// rule makes a rule on a bus with queues as targets, whose names are the targets' IDs.
func (e *env) rule(bus, name, pattern string, queues ...string) {
	e.TB.Helper()
	e.OK("PutRule", `{"Name":"`+name+`","EventBusName":"`+bus+`","EventPattern":`+awstest.Quoted(pattern)+`}`)
	for _, q := range queues {
		e.target(bus, name, `"Id":"`+q+`","Arn":"`+queueARN(q)+`"`)
	}
}

// target puts a target of which the members are given.
func (e *env) target(bus, rule, members string) {
	e.TB.Helper()
	e.OK("PutTargets", putTargets(bus, rule, members))
}

func putTargets(bus, rule string, targets ...string) string {
	return `{"Rule":"` + rule + `","EventBusName":"` + bus + `","Targets":[{` + strings.Join(targets, "},{") + `}]}`
}

// targets returns the targets of a rule as they are listed.
func (e *env) targets(bus, rule string) []map[string]any {
	e.TB.Helper()
	a := e.OK("ListTargetsByRule", `{"Rule":"`+rule+`","EventBusName":"`+bus+`"}`)
	return awstest.Decode[struct{ Targets []map[string]any }](a).Targets
}

// entry is an entry of PutEvents with more members.
func entry(more ...string) string {
	return `{` + strings.Join(append([]string{`"Source":"shop","DetailType":"t","Detail":"{\"a\":1}"`}, more...), ",") + `}`
}

func putEvents(entries ...string) string { return `{"Entries":[` + strings.Join(entries, ",") + `]}` }

// put is what the publisher is told.
type put struct {
	FailedEntryCount *int
	Entries          []struct{ EventID, ErrorCode, ErrorMessage string }
}

func (e *env) put(entries ...string) put {
	e.TB.Helper()
	out := awstest.Decode[put](e.OK("PutEvents", putEvents(entries...)))
	failed := 0
	for _, entry := range out.Entries {
		if (entry.EventID == "") == (entry.ErrorCode == "") {
			e.TB.Errorf("an entry is answered with %+v", entry)
		}
		if entry.ErrorCode != "" {
			failed++
		}
	}
	if out.FailedEntryCount == nil || *out.FailedEntryCount != failed || len(out.Entries) != len(entries) {
		e.TB.Errorf("%d entries are answered with %+v", len(entries), out)
	}
	return out
}

// messages returns what lies in a queue.
func (e *env) messages(name string) []queue.Message {
	e.TB.Helper()
	q, err := e.Broker.Lookup(named(name))
	if err != nil {
		e.TB.Fatal(err)
	}
	res, err := e.Store.Scan(context.Background(), queue.ScanRequest{Now: e.Broker.Now(), Queue: q.ID, Kind: q.Definition.Kind(), Limit: 10_000})
	if err != nil {
		e.TB.Fatal(err)
	}
	out := make([]queue.Message, len(res.Messages))
	for i := range res.Messages {
		out[i] = res.Messages[i].Message
	}
	return out
}

// declare defines things as a file does.
func (e *env) declare(all ...catalog.Declaration) {
	e.TB.Helper()
	if _, err := e.Defs.Declare(context.Background(), "file:router.yaml", "1", all, catalog.DeclareOptions{}); err != nil {
		e.TB.Fatal(err)
	}
}

func declaration(tb testing.TB, table string, name catalog.Name, def any) catalog.Declaration {
	tb.Helper()
	b, err := json.Marshal(def)
	if err != nil {
		tb.Fatal(err)
	}
	return catalog.Declaration{Table: table, Name: name, Value: b}
}

func decoded[T any](tb testing.TB, b []byte) *T {
	tb.Helper()
	v := new(T)
	if err := json.Unmarshal(b, v); err != nil {
		tb.Fatal(err)
	}
	return v
}
