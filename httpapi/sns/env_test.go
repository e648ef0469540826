package sns_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/rs/zerolog"

	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
	"github.com/signalbox-mq/signalbox/httpapi/awsapi"
	"github.com/signalbox-mq/signalbox/httpapi/sns"
	"github.com/signalbox-mq/signalbox/httpapi/sqs"
	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/queue/catalog/catalogtest"
	"github.com/signalbox-mq/signalbox/queue/pebblestore"
	"github.com/signalbox-mq/signalbox/topic"
)

const (
	account = "000000000000"
	region  = "us-east-1"
	// base is where clients of the tests reach the router.
	base      = "http://router.test"
	requestID = "req-1"
	version   = "2010-03-31"
)

// faulty is a store that may be made to fail.
type faulty struct {
	queue.Store
	fault atomic.Pointer[error]
}

func (f *faulty) fail(err error) { f.fault.Store(&err) }

func (f *faulty) Append(ctx context.Context, req queue.AppendRequest) (queue.AppendResult, error) {
	if err := f.fault.Load(); err != nil && *err != nil {
		return queue.AppendResult{}, *err
	}
	return f.Store.Append(ctx, req)
}

// env is the API on a real store in memory, behind the handler of the AWS protocols, beside that of SQS.
type env struct {
	tb      testing.TB
	store   *faulty
	defs    *catalog.Catalog
	broker  *queue.Broker
	topics  *topic.Topics
	service *awsapi.Service
	handler *awsapi.Handler
	log     *bytes.Buffer
}

func newEnv(tb testing.TB) *env {
	tb.Helper()
	store, err := pebblestore.Open("", pebblestore.Options{FS: vfs.NewMem(), CacheBytes: 1 << 20, MemTableBytes: 16 << 20})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := store.Close(); err != nil {
			tb.Error(err)
		}
	})
	defs, err := catalog.Open(context.Background(), &catalogtest.Memory{})
	if err != nil {
		tb.Fatal(err)
	}
	e := &env{tb: tb, store: &faulty{Store: store}, defs: defs, log: &bytes.Buffer{}}
	e.broker = queue.NewBroker(e.store, defs, queue.NewClock(time.Time{}))
	e.topics = topic.New(e.broker, defs)
	e.topics.PublicURL = base
	e.service = sns.New(e.topics).Service()
	queues := sqs.New(sqs.Services{Broker: e.broker, Redrives: queue.NewRedrives(e.broker, defs)}, sqs.Waits{}).Service()
	e.handler = awsapi.NewHandler(awsapi.Config{
		Account: account, Region: region, PublicURL: base, RequestIDHeader: "X-Request-Id", Log: zerolog.New(zerolog.SyncWriter(e.log)),
	}, queues, e.service)
	return e
}

// on is the env for one input: on its own store, but telling this test.
func (e *env) on(tb testing.TB) *env {
	c := *e
	c.tb = tb
	return &c
}

// signed is the header of a request with a credential.
func signed(key, region string) []string {
	return []string{"Authorization", "AWS4-HMAC-SHA256 Credential=" + key + "/20260101/" + region + "/sns/aws4_request, SignedHeaders=host, Signature=0"}
}

// request makes a request of an operation, signed as SDKs do unless the header says otherwise. The input is JSON.
func request(tb testing.TB, operation, input string, header ...string) *http.Request {
	tb.Helper()
	r := httptest.NewRequestWithContext(context.Background(), http.MethodPost, base+"/", strings.NewReader(form(tb, operation, input)))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	header = append(signed("AKIDEXAMPLE", region), header...)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return r
}

// call calls an operation, and checks of the answer what holds for every answer.
func (e *env) call(operation, input string, header ...string) *answer {
	e.tb.Helper()
	return e.do(request(e.tb, operation, input, header...))
}

// get visits a URL, as people and endpoints do: without credentials.
func (e *env) get(target string) *answer {
	e.tb.Helper()
	return e.do(httptest.NewRequestWithContext(context.Background(), http.MethodGet, target, nil))
}

// do serves a request, as call does.
func (e *env) do(r *http.Request) *answer {
	e.tb.Helper()
	w := httptest.NewRecorder()
	w.Header()["X-Request-Id"] = []string{requestID}
	e.handler.ServeHTTP(w, r)
	return readAnswer(e.tb, w)
}

// ok is call for what has to succeed.
func (e *env) ok(operation, input string, header ...string) *answer {
	e.tb.Helper()
	a := e.call(operation, input, header...)
	if a.status != http.StatusOK {
		e.tb.Fatalf("%s %s: answered %d %s", operation, short(input), a.status, a.body)
	}
	return a
}

// topic makes a topic, a FIFO topic if its name is that of one, and returns its ARN.
func (e *env) topic(name string) string {
	e.tb.Helper()
	attributes := ""
	if strings.HasSuffix(name, ".fifo") {
		attributes = `,"Attributes":{"FifoTopic":"true","ContentBasedDeduplication":"true"}`
	}
	return e.ok("CreateTopic", `{"Name":"`+name+`"`+attributes+`}`).text("TopicArn")
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
	return e.ok("Subscribe", input).text("SubscriptionArn")
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
		return e.ok("GetSubscriptionAttributes", `{"SubscriptionArn":"`+arn+`"}`).entries()
	}
	return e.ok("GetTopicAttributes", `{"TopicArn":"`+arn+`"}`).entries()
}

func short(s string) string {
	if len(s) > 300 {
		return s[:300] + "…"
	}
	return s
}

func quoted(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err) // a text
	}
	return string(b)
}
