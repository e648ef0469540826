package sns_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
	"github.com/signalbox-mq/signalbox/httpapi/awsapi"
	"github.com/signalbox-mq/signalbox/httpapi/awsapi/awstest"
	"github.com/signalbox-mq/signalbox/httpapi/sns"
	"github.com/signalbox-mq/signalbox/httpapi/sqs"
	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/queue/storetest"
	"github.com/signalbox-mq/signalbox/topic"
)

const (
	account = awstest.Account
	region  = awstest.Region
	base    = awstest.BaseURL
)

// env is the API on a real store in memory, behind the handler of the AWS protocols, beside that of SQS.
type env struct {
	tb      testing.TB
	store   *storetest.Faulty
	defs    *catalog.Catalog
	broker  *queue.Broker
	topics  *topic.Topics
	service *awsapi.Service
	handler *awsapi.Handler
	client  *awstest.Client
}

func newEnv(tb testing.TB) *env {
	tb.Helper()
	b := awstest.NewBackend(tb)
	e := &env{tb: tb, store: b.Store, defs: b.Defs, broker: b.Broker, topics: topic.New(b.Broker, b.Defs)}
	e.topics.PublicURL = base
	e.service = sns.New(e.topics).Service()
	e.handler = b.Handler(sqs.New(sqs.Services{Broker: b.Broker, Redrives: queue.NewRedrives(b.Broker, b.Defs)}, sqs.Waits{}).Service(), e.service)
	e.client = &awstest.Client{
		TB: tb, Handler: e.handler, Service: e.service, Protocol: awstest.Query, Known: knownErrors(), Fail: b.Store.Fail,
		Header: signed("AKIDEXAMPLE", region), Form: awstest.Form{Sides: sides},
	}
	return e
}

func sides(member string) (key, value string) {
	if member == "MessageAttributes" {
		return "Name", "Value"
	}
	return "key", "value"
}

// on is the env for one input: on its own store, but telling this test.
func (e *env) on(tb testing.TB) *env {
	c := *e
	c.tb, c.client = tb, e.client.On(tb)
	return &c
}

// signed is the header of a request with a credential.
func signed(key, region string) []string { return awstest.Signed("sns", key, region) }

// call calls an operation, and checks of the answer what holds for every answer.
func (e *env) call(operation, input string, header ...string) *awstest.Answer {
	e.tb.Helper()
	return e.client.Call(operation, input, header...)
}

// get visits a URL, as people and endpoints do: without credentials.
func (e *env) get(target string) *awstest.Answer {
	e.tb.Helper()
	return e.do(httptest.NewRequestWithContext(context.Background(), http.MethodGet, target, nil))
}

// do serves a request, as call does.
func (e *env) do(r *http.Request) *awstest.Answer {
	e.tb.Helper()
	return e.client.Do(r)
}

// ok is call for what has to succeed.
func (e *env) ok(operation, input string, header ...string) *awstest.Answer {
	e.tb.Helper()
	return e.client.OK(operation, input, header...)
}

// topic makes a topic, a FIFO topic if its name is that of one, and returns its ARN.
func (e *env) topic(name string) string {
	e.tb.Helper()
	attributes := ""
	if strings.HasSuffix(name, ".fifo") {
		attributes = `,"Attributes":{"FifoTopic":"true","ContentBasedDeduplication":"true"}`
	}
	return e.ok("CreateTopic", `{"Name":"`+name+`"`+attributes+`}`).Text("TopicArn")
}

// queue makes a queue and returns its ARN.
func (e *env) queue(name string) string {
	e.tb.Helper()
	def := queue.Definition{FIFO: strings.HasSuffix(name, ".fifo")}
	if _, _, err := e.broker.Create(context.Background(), named(name), def); err != nil {
		e.tb.Fatal(err)
	}
	return queueARN(name)
}

// subscribe subscribes a queue to a topic, with more members of the input, and returns the subscription's ARN.
func (e *env) subscribe(of, queueName string, more ...string) string {
	e.tb.Helper()
	input := `{"TopicArn":"` + topicARN(of) + `","Protocol":"sqs","Endpoint":"` + queueARN(queueName) + `"` + strings.Join(append([]string{""}, more...), ",") + `}`
	return e.ok("Subscribe", input).Text("SubscriptionArn")
}

func named(name string) catalog.Name {
	return catalog.Name{Account: account, Region: region, Name: name}
}

func topicARN(name string) string { return "arn:aws:sns:" + region + ":" + account + ":" + name }

func queueARN(name string) string { return "arn:aws:sqs:" + region + ":" + account + ":" + name }

// messages returns what lies in a queue.
func (e *env) messages(name string) []queue.Message {
	e.tb.Helper()
	q, err := e.broker.Lookup(named(name))
	if err != nil {
		e.tb.Fatal(err)
	}
	return e.scan(q.ID, q.Definition.Kind())
}

func (e *env) scan(id queue.ID, kind queue.Kind) []queue.Message {
	e.tb.Helper()
	res, err := e.store.Scan(context.Background(), queue.ScanRequest{Now: e.broker.Now(), Queue: id, Kind: kind, Limit: 10_000})
	if err != nil {
		e.tb.Fatal(err)
	}
	out := make([]queue.Message, len(res.Messages))
	for i := range res.Messages {
		out[i] = res.Messages[i].Message
	}
	return out
}

// sent returns what is to be sent to the HTTP subscription with that ARN: the bodies of its delivery queue.
func (e *env) sent(subscription string) []map[string]string {
	e.tb.Helper()
	table := catalog.NewTable[endpoint.Endpoint](e.defs, endpoint.SubscriptionTable)
	rest, uuid, _ := cutLast(subscription, ":")
	_, name, _ := cutLast(rest, ":")
	entry, err := table.Get(topic.SubscriptionName(named(name), uuid))
	if err != nil {
		e.tb.Fatal(err)
	}
	var all []map[string]string
	for _, m := range e.scan(queue.IDFor(entry.ID, queue.Deliveries), queue.FIFO) {
		var body map[string]string
		if err := json.Unmarshal(m.Body, &body); err != nil {
			e.tb.Fatalf("%v in %s", err, m.Body)
		}
		all = append(all, body)
	}
	return all
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// attributes are those that a topic or subscription is told to have.
func (e *env) attributes(arn string) map[string]string {
	e.tb.Helper()
	if strings.Count(arn, ":") > 5 {
		return e.ok("GetSubscriptionAttributes", `{"SubscriptionArn":"`+arn+`"}`).Entries()
	}
	return e.ok("GetTopicAttributes", `{"TopicArn":"`+arn+`"}`).Entries()
}
