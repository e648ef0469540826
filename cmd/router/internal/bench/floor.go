package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"
)

// ServeFloor runs a floor: a bare net/http server on a free loopback port, which reads the whole body of a request and
// answers what a real server would, always the same. With a file, it answers once the body is appended to the file and
// synced, one sync for all that wait; a CreateQueue begins the file anew, so that it does not fill the disk. Other
// operations than CreateQueue, SendMessage, SendMessageBatch and DeleteQueue it does not know.
//
// It prints its address and a newline on stdout, and ends when ctx does or stdin ends: so it does not outlive who started
// it, however that ended.
func ServeFloor(ctx context.Context, file string, stdin io.Reader, stdout io.Writer) error {
	f := &floor{}
	if file != "" {
		var err error
		if f.log, err = openSyncedLog(file); err != nil {
			return err
		}
		defer f.log.close()
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: f, ReadHeaderTimeout: 10 * time.Second}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	// Nobody waits for this one: a read of stdin ends with the process at the latest.
	go func() {
		_, _ = io.Copy(io.Discard, stdin)
		_ = server.Close()
	}()
	if _, err := fmt.Fprintln(stdout, listener.Addr()); err != nil {
		return errors.Join(err, server.Close(), listener.Close())
	}
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// What floors answer: the bytes of a real answer, without the work behind them.
const (
	floorMessageID = `7b9f0a53-6f0a-4b52-9a67-2f1d4a6e9c10`
	floorMD5       = `9e107d9d372bb6826bd81d3542a419d6`
	floorSent      = `{"MD5OfMessageBody":"` + floorMD5 + `","MessageId":"` + floorMessageID + `"}`
	floorCreated   = `{"QueueUrl":"http://127.0.0.1/000000000000/floor"}`
)

func floorBatch() string {
	var b strings.Builder
	b.WriteString(`{"Successful":[`)
	for i := range batchSize {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"Id":"%d","MessageId":"%s","MD5OfMessageBody":"%s"}`, i, floorMessageID, floorMD5)
	}
	b.WriteString(`],"Failed":[]}`)
	return b.String()
}

type floor struct {
	log    *syncedLog // nil for the bare one
	bodies sync.Pool  // of *[]byte
	batch  sync.Once
	sent10 string
}

// ServeHTTP is http.Handler's.
func (f *floor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.batch.Do(func() { f.sent10 = floorBatch() })
	buf, _ := f.bodies.Get().(*[]byte)
	if buf == nil {
		buf = new([]byte)
	}
	defer f.bodies.Put(buf)
	if r.ContentLength < 0 || r.ContentLength > maxBody {
		w.WriteHeader(http.StatusLengthRequired)
		return
	}
	if int64(cap(*buf)) < r.ContentLength {
		*buf = make([]byte, r.ContentLength)
	}
	body := (*buf)[:r.ContentLength]
	if _, err := io.ReadFull(r.Body, body); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	var answer string
	var err error
	switch r.Header.Get("X-Amz-Target") {
	case "AmazonSQS.SendMessage":
		answer, err = floorSent, f.log.append(body)
	case "AmazonSQS.SendMessageBatch":
		answer, err = f.sent10, f.log.append(body)
	case "AmazonSQS.CreateQueue":
		answer, err = floorCreated, f.log.truncate()
	case "AmazonSQS.DeleteQueue":
	default:
		w.WriteHeader(http.StatusNotFound)
		return
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h["x-amzn-RequestId"] = []string{floorMessageID} // spelled as AWS does
	h["Content-Type"] = []string{"application/x-amz-json-1.0"}
	_, _ = io.WriteString(w, answer)
}

// syncedLog appends to one file and syncs it, once for all who wait together. A nil one keeps nothing.
type syncedLog struct {
	file *os.File
	done chan struct{} // closed when run has ended

	mu sync.Mutex
	// waiting are those whose bodies are to be written next.
	waiting []*append1
	closed  bool
	// awake has an element if somebody waits.
	awake chan struct{}
	pool  sync.Pool // of *append1
}

// append1 is one body on its way to the disk.
type append1 struct {
	body   []byte
	synced chan error
}

func openSyncedLog(name string) (*syncedLog, error) {
	file, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_APPEND|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	l := &syncedLog{file: file, done: make(chan struct{}), awake: make(chan struct{}, 1)}
	go l.run()
	return l, nil
}

// close waits for what is being written; nobody may append any more.
func (l *syncedLog) close() {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.wake()
	<-l.done
	l.file.Close()
}

func (l *syncedLog) wake() {
	select {
	case l.awake <- struct{}{}:
	default:
	}
}

// append returns when body is synced.
func (l *syncedLog) append(body []byte) error {
	if l == nil {
		return nil
	}
	a, _ := l.pool.Get().(*append1)
	if a == nil {
		a = &append1{synced: make(chan error, 1)}
	}
	a.body = body
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return os.ErrClosed
	}
	l.waiting = append(l.waiting, a)
	l.mu.Unlock()
	l.wake()
	err := <-a.synced
	a.body = nil
	l.pool.Put(a)
	return err
}

// truncate begins the file anew. Its caller sees to it that nobody appends.
func (l *syncedLog) truncate() error {
	if l == nil {
		return nil
	}
	return errors.Join(l.file.Truncate(0), l.file.Sync())
}

// run writes and syncs until the log is closed.
func (l *syncedLog) run() {
	defer close(l.done)
	var taken []*append1
	var text []byte
	for range l.awake {
		l.mu.Lock()
		taken, l.waiting = l.waiting, taken[:0]
		closed := l.closed
		l.mu.Unlock()
		if len(taken) > 0 {
			text = text[:0]
			for _, a := range taken {
				text = append(text, a.body...)
			}
			_, err := l.file.Write(text)
			if err == nil {
				err = syncData(l.file)
			}
			for _, a := range taken {
				a.synced <- err
			}
		}
		if closed {
			return
		}
	}
}
