package sqs_test

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/rs/zerolog"

	"github.com/signalbox-mq/signalbox/httpapi/awsapi"
	"github.com/signalbox-mq/signalbox/httpapi/sqs"
	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/queue/catalog/catalogtest"
	"github.com/signalbox-mq/signalbox/queue/pebblestore"
)

const (
	account = "000000000000"
	region  = "us-east-1"
	// base is where clients of the tests reach the router.
	base      = "http://router.test"
	requestID = "req-1"
)

// faulty is a store that may be made to fail.
type faulty struct {
	queue.Store
	fault atomic.Pointer[error]
}

func (f *faulty) fail(err error) { f.fault.Store(&err) }

func (f *faulty) err() error {
	if err := f.fault.Load(); err != nil {
		return *err
	}
	return nil
}

func (f *faulty) Append(ctx context.Context, req queue.AppendRequest) (queue.AppendResult, error) {
	if err := f.err(); err != nil {
		return queue.AppendResult{}, err
	}
	return f.Store.Append(ctx, req)
}

func (f *faulty) Receive(ctx context.Context, req queue.ReceiveRequest) (queue.ReceiveResult, error) {
	if err := f.err(); err != nil {
		return queue.ReceiveResult{}, err
	}
	return f.Store.Receive(ctx, req)
}

// env is the API on a real store in memory, behind the handler of the AWS protocols.
type env struct {
	tb      testing.TB
	store   *faulty
	defs    *catalog.Catalog
	broker  *queue.Broker
	service *awsapi.Service
	handler *awsapi.Handler
	log     *bytes.Buffer
}

func newEnv(tb testing.TB) *env {
	tb.Helper()
	return newEnvWaiting(tb, sqs.Waits{})
}

// newEnvWaiting is newEnv with the times that clients are made to wait.
func newEnvWaiting(tb testing.TB, waits sqs.Waits) *env {
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
	e.service = sqs.New(sqs.Services{Broker: e.broker, Redrives: queue.NewRedrives(e.broker, defs)}, waits).Service()
	e.handler = awsapi.NewHandler(awsapi.Config{
		Account: account, Region: region, PublicURL: base, RequestIDHeader: "X-Request-Id", Log: zerolog.New(zerolog.SyncWriter(e.log)),
	}, e.service)
	return e
}

// protocol is how a client speaks.
type protocol string

const (
	overJSON  protocol = "json"
	overQuery protocol = "query"
)

func protocols() []protocol { return []protocol{overJSON, overQuery} }

// both runs a test over each protocol, on an env of its own.
func both(t *testing.T, test func(t *testing.T, e *env, p protocol)) {
	t.Helper()
	for _, p := range protocols() {
		t.Run(string(p), func(t *testing.T) {
			t.Parallel()
			test(t, newEnv(t), p)
		})
	}
}

// request makes a request of an operation. The input is JSON, also for Query.
func request(tb testing.TB, p protocol, operation, input string, header ...string) *http.Request {
	tb.Helper()
	body := input
	if p == overQuery {
		body = form(tb, operation, input)
	}
	r := httptest.NewRequestWithContext(context.Background(), http.MethodPost, base+"/", strings.NewReader(body))
	if p == overQuery {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	} else {
		r.Header.Set("Content-Type", "application/x-amz-json-1.0")
		r.Header.Set("X-Amz-Target", "AmazonSQS."+operation)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return r
}

// call calls an operation, and checks of the answer what holds for every answer.
func (e *env) call(p protocol, operation, input string, header ...string) *answer {
	e.tb.Helper()
	return e.do(request(e.tb, p, operation, input, header...))
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
func (e *env) ok(p protocol, operation, input string, header ...string) *answer {
	e.tb.Helper()
	a := e.call(p, operation, input, header...)
	if a.status != http.StatusOK {
		e.tb.Fatalf("%s %s %s: answered %d %s", p, operation, short(input), a.status, a.body)
	}
	return a
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

func short(s string) string {
	if len(s) > 300 {
		return s[:300] + "…"
	}
	return s
}
