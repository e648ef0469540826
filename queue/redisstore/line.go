package redisstore

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/redis/go-redis/v9"

	"github.com/signalbox-mq/signalbox/queue"
)

const (
	// batchCalls and batchBytes bound one batch: what a master is asked to do in one go, during which it serves nobody else.
	batchCalls = 256
	batchBytes = 4 << 20
)

// request is one call on its way. Requests are pooled: whoever has received done owns it again.
type request struct {
	cmd  *redis.Cmd
	size int
	// reply, err and written are set before done is sent. written says that the call may have reached the server: it is false
	// only if certainly not one byte of its batch was written.
	reply   any
	err     error
	written bool
	done    chan struct{}
}

var requests = sync.Pool{New: func() any { return &request{done: make(chan struct{}, 1)} }}

func newRequest(cmd *redis.Cmd) *request {
	r := requests.Get().(*request)
	r.cmd, r.size = cmd, sizeOf(cmd.Args())
	return r
}

func (r *request) release() {
	r.cmd, r.reply, r.err, r.written = nil, nil, nil, false
	requests.Put(r)
}

func sizeOf(args []any) int {
	n := 0
	for _, arg := range args {
		switch arg := arg.(type) {
		case string:
			n += len(arg)
		case []byte:
			n += len(arg)
		}
	}
	return n
}

// line carries the calls to one master. Calls that wait are sent together, as one pipeline on one connection, so that one
// round trip and, if they are durable, one confirmation serve them all. Nothing is delayed for it: a batch is what has come
// together while the batches before it were under way.
type line struct {
	node    *redis.Client
	senders int // that may be under way at once
	// confirm and confirmMS end each batch; the zero value for none.
	confirm   confirmation
	confirmMS int64
	running   *sync.WaitGroup // counts senders
	silent    *atomic.Bool    // the master's
	// unconfirmed is called when a batch is the first that is not confirmed, with the reason, and when one is again, with nil. Nil if
	// nobody wants to know.
	unconfirmed func(error)
	failing     atomic.Bool // the last batch was not confirmed

	mu      sync.Mutex
	waiting []*request
	active  int // senders under way
	closed  bool
}

// errLineClosed says that a line takes no calls any more: the client was closed, or the server is a master no more.
var errLineClosed = errors.New("connection is closed")

// do sends a call with the next batch and waits for its reply. If ctx ends before, the call goes on: its outcome is unknown.
func (l *line) do(ctx context.Context, cmd *redis.Cmd) (reply any, written bool, err error) {
	r := newRequest(cmd)
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		r.release()
		return nil, false, errLineClosed
	}
	l.waiting = append(l.waiting, r)
	if l.active < l.senders {
		l.active++
		l.running.Add(1)
		go l.send()
	}
	l.mu.Unlock()
	select {
	case <-r.done:
	case <-ctx.Done():
		return nil, true, ctx.Err()
	}
	reply, written, err = r.reply, r.written, r.err
	r.release()
	return reply, written, err
}

// close lets no further calls in. Those that wait are still sent.
func (l *line) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
}

// send sends batches until nothing waits any more.
func (l *line) send() {
	defer l.running.Done()
	var batch []*request
	var cmds []redis.Cmder
	for {
		if batch = l.take(batch[:0]); len(batch) == 0 {
			return
		}
		if l.silent.Load() {
			// They have waited for a batch that got no answer. Theirs would not either, and then nobody would know what became of it.
			withhold(batch)
		} else {
			cmds = l.exchange(batch, cmds[:0])
		}
		clear(batch)
		clear(cmds)
	}
}

// take moves what waits, up to the bounds of a batch, into batch. If nothing does the sender has ended.
func (l *line) take(batch []*request) []*request {
	l.mu.Lock()
	defer l.mu.Unlock()
	n, size := 0, 0
	for n < len(l.waiting) && n < batchCalls {
		size += l.waiting[n].size
		if size > batchBytes && n > 0 {
			break
		}
		n++
	}
	if n == 0 {
		l.active--
		return batch
	}
	batch = append(batch, l.waiting[:n]...)
	rest := copy(l.waiting, l.waiting[n:])
	clear(l.waiting[rest:])
	l.waiting = l.waiting[:rest]
	return batch
}

// withhold answers the calls of a batch without sending it.
func withhold(batch []*request) {
	for _, r := range batch {
		r.reply, r.written, r.err = nil, false, errSilent
		r.done <- struct{}{}
	}
}

// firstCmd notes whether the batch that it begins was written. The client asks a command for its arguments when it writes
// it, having got a connection; if it did not ask, nothing of the batch has reached a server.
type firstCmd struct {
	*redis.Cmd
	written bool
}

func (c *firstCmd) Args() []any {
	c.written = true
	return c.Cmd.Args()
}

// exchange sends a batch, answers its calls and returns cmds for use again.
func (l *line) exchange(batch []*request, cmds []redis.Cmder) []redis.Cmder {
	ctx := context.Background() // the calls' own contexts end waiting, not the batch
	first := &firstCmd{Cmd: batch[0].cmd}
	cmds = append(cmds, first)
	for _, r := range batch[1:] {
		cmds = append(cmds, r.cmd)
	}
	var wait *redis.Cmd
	if l.confirm.needed() {
		wait = l.confirm.command(ctx, l.confirmMS)
		cmds = append(cmds, wait)
	}
	pipe := l.node.Pipeline()
	_ = pipe.BatchProcess(ctx, cmds...)
	_, failed := pipe.Exec(ctx) // each command has its own error, unless no connection could be made
	var unconfirmed error
	if wait != nil && first.written {
		unconfirmed = l.confirm.judge(wait)
		if is := unconfirmed != nil; l.failing.Swap(is) != is && l.unconfirmed != nil {
			l.unconfirmed(unconfirmed)
		}
	}
	for _, r := range batch {
		r.written = first.written
		r.reply, r.err = r.cmd.Result()
		if r.err == nil && !first.written {
			r.reply, r.err = nil, failed
			if failed == nil {
				r.err = errShape
			}
		}
		if errors.Is(r.err, redis.Nil) {
			r.reply, r.err = nil, nil
		}
		if r.err == nil && unconfirmed != nil {
			r.reply, r.err = nil, unconfirmed
		}
		r.done <- struct{}{}
	}
	return cmds
}

// verdict is what an error means for the call that got it.
type verdict uint8

const (
	// answered: the function ran, or refused to, and this is its answer.
	answered verdict = iota
	// notRun: the function certainly did not run. Trying again may help.
	notRun
	// missing: the master does not have the function.
	missing
	// moved: the function certainly did not run, since the shard is, or may be, on another master.
	moved
	// full: the function did not run for lack of memory.
	full
	// refused: the function did not run, and trying again soon does not help.
	refused
	// unknown: whether the function ran can not be known.
	unknown
)

// verdicts are the beginnings of error replies that the server, not a function, gives. All but UNBLOCKED are decided before
// a function begins: Redis runs nothing else meanwhile, so none of these states can arise in the middle of one.
var verdicts = []struct {
	prefix string
	verdict
}{
	{"MOVED ", moved},
	{"ASK ", notRun}, // the slot is being migrated: see shardNames
	{"TRYAGAIN ", notRun},
	{"CLUSTERDOWN ", moved},
	{"READONLY ", moved},
	{"LOADING ", notRun},
	{"MASTERDOWN ", notRun},
	{"BUSY ", notRun},
	{"ERR max number of clients reached", notRun},
	{"ERR Function not found", missing},
	{"OOM ", full},
	{"NOREPLICAS ", refused},
	{"MISCONF ", refused},
	{"NOAUTH ", refused},
	{"WRONGPASS ", refused},
	{"NOPERM ", refused},
	{"UNBLOCKED ", unknown},
}

// judge says what the error of a call means. written is that of its request.
func judge(err error, written bool) verdict {
	if err == nil {
		return answered
	}
	if errors.Is(err, queue.ErrUnavailable) { // not confirmed
		return unknown
	}
	reply, ok := errors.AsType[redis.Error](err)
	if !ok {
		if written {
			return unknown
		}
		return moved
	}
	text := reply.Error()
	for _, v := range verdicts {
		if strings.HasPrefix(text, v.prefix) {
			return v.verdict
		}
	}
	if !written {
		return refused // by the server, when the connection was made
	}
	return answered
}
