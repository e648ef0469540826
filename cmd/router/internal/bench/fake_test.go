package bench

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// fake is a server with the operations of SQS that a bench needs, which keeps its messages in memory and forgets those that
// were received.
type fake struct {
	mu     sync.Mutex
	queues map[string]*fakeQueue
	next   int
	// spoil, if set, may answer in place of the fake.
	spoil func(operation string, n int, w http.ResponseWriter) (answered bool)
	// lose drops every so many messages, 0 for none.
	lose int
	seen map[string]int
}

type fakeQueue struct {
	messages []fakeMessage
	inFlight map[string]bool
	// arrived is closed and replaced when messages come.
	arrived chan struct{}
}

type fakeMessage struct{ id, body string }

func newFake() *fake { return &fake{queues: map[string]*fakeQueue{}, seen: map[string]int{}} }

type fakeRequest struct {
	QueueName, QueueURL, MessageBody, ReceiptHandle string
	MaxNumberOfMessages, WaitTimeSeconds            int
	Entries                                         []struct{ ID, MessageBody, ReceiptHandle string }
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	operation := strings.TrimPrefix(r.Header.Get("X-Amz-Target"), "AmazonSQS.")
	var req fakeRequest
	if err := json.NewDecoder(r.Body).Decode(&req); err != nil || r.Header.Get("Content-Type") != "application/x-amz-json-1.0" {
		http.Error(w, fmt.Sprint("not a request: ", err), http.StatusBadRequest)
		return
	}
	f.mu.Lock()
	f.seen[operation]++
	n := f.seen[operation]
	f.mu.Unlock()
	if f.spoil != nil && f.spoil(operation, n, w) {
		return
	}
	answer, ok := f.do(r.Context(), operation, &req)
	if !ok {
		http.Error(w, `{"__type":"com.amazonaws.sqs#QueueDoesNotExist"}`, http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	if answer != nil {
		_ = json.NewEncoder(w).Encode(answer)
	}
}

func (f *fake) do(ctx context.Context, operation string, req *fakeRequest) (answer map[string]any, ok bool) {
	const prefix = "http://fake/000000000000/"
	f.mu.Lock()
	defer f.mu.Unlock()
	if operation == "CreateQueue" {
		f.queues[prefix+req.QueueName] = &fakeQueue{inFlight: map[string]bool{}, arrived: make(chan struct{})}
		return map[string]any{"QueueUrl": prefix + req.QueueName}, true
	}
	q, ok := f.queues[req.QueueURL]
	if !ok {
		return nil, false
	}
	var results []any
	switch operation {
	case "DeleteQueue":
		delete(f.queues, req.QueueURL)
	case "SendMessage":
		return map[string]any{"MessageId": f.sendLocked(q, req.MessageBody), "MD5OfMessageBody": "0"}, true
	case "SendMessageBatch":
		for _, e := range req.Entries {
			results = append(results, map[string]any{"Id": e.ID, "MessageId": f.sendLocked(q, e.MessageBody)})
		}
		return map[string]any{"Successful": results, "Failed": []any{}}, true
	case "ReceiveMessage":
		return f.receiveLocked(ctx, q, req), true
	case "DeleteMessage":
		delete(q.inFlight, req.ReceiptHandle)
	case "DeleteMessageBatch":
		for _, e := range req.Entries {
			delete(q.inFlight, e.ReceiptHandle)
			results = append(results, map[string]any{"Id": e.ID})
		}
		return map[string]any{"Successful": results, "Failed": []any{}}, true
	}
	return nil, true
}

func (f *fake) sendLocked(q *fakeQueue, body string) (id string) {
	f.next++
	id = fmt.Sprint("id-", f.next)
	if f.lose == 0 || f.next%f.lose != 0 {
		q.messages = append(q.messages, fakeMessage{id, body})
		close(q.arrived)
		q.arrived = make(chan struct{})
	}
	return id
}

func (f *fake) receiveLocked(ctx context.Context, q *fakeQueue, req *fakeRequest) map[string]any {
	limit := time.NewTimer(time.Duration(req.WaitTimeSeconds) * time.Second)
	defer limit.Stop()
	for waits := req.WaitTimeSeconds > 0; waits && len(q.messages) == 0; {
		arrived := q.arrived
		f.mu.Unlock()
		select {
		case <-arrived:
		case <-limit.C:
			waits = false
		case <-ctx.Done():
			waits = false
		}
		f.mu.Lock()
	}
	n := min(req.MaxNumberOfMessages, len(q.messages))
	if n == 0 || ctx.Err() != nil {
		return map[string]any{}
	}
	var messages []any
	for _, m := range q.messages[:n] {
		receipt := `"` + m.id // has to come back with its escape
		q.inFlight[receipt] = true
		messages = append(messages, map[string]any{"MessageId": m.id, "ReceiptHandle": receipt, "Body": m.body})
	}
	q.messages = q.messages[n:]
	return map[string]any{"Messages": messages}
}

// serveFake stands for `router serve`.
func serveFake(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("serve", flag.ContinueOnError)
	data := flags.String("data", "", "")
	listen := flags.String("listen", "", "")
	debug := flags.String("debug-listen", "", "")
	flags.String("log-level", "", "")
	flags.String("log-format", "", "")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if err := os.MkdirAll(*data, 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(*data, "something"), nil, 0o600); err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("POST /", newFake())
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	server := &http.Server{Handler: mux}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	// The log's lines in the order that asks more of who reads them: profiles may be served after the router is ready.
	l, err := net.Listen("tcp", *listen)
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, `{"level":"info","address":%q,"message":"ready"}`+"\n", l.Addr())
	if *debug != "" {
		l, err := net.Listen("tcp", *debug)
		if err != nil {
			return err
		}
		fmt.Fprintf(os.Stderr, `{"level":"info","address":%q,"message":"profiles are served"}`+"\n", l.Addr())
		go func() { _ = http.Serve(l, mux) }()
	}
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
