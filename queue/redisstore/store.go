package redisstore

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
)

// Store is a [queue.Store] on Redis or Valkey. Any number of them, in any number of processes, may be open on one. All
// methods may be called concurrently.
type Store struct {
	c     *client
	clock func() time.Time
	// node names this process among those that share the store.
	node string

	mu       sync.RWMutex // guards closed; held for reading by calls in progress
	closed   bool
	watchers watchers
	parts    partitions
	spent    spent

	// newest is the last revision of the definitions that was announced, and news has room for one: there was an announcement.
	newest atomic.Uint64
	// marked is the mark of the revision that the catalog of this process has.
	marked atomic.Pointer[mark]
	news   chan struct{}
	// spread has room for one: a queue may have more partitions.
	spread chan struct{}

	stop       context.CancelFunc // ends what runs in the background
	background sync.WaitGroup
}

// begin admits a call; end must follow.
func (s *Store) begin(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.RLock()
	if s.closed {
		s.mu.RUnlock()
		return queue.ErrStoreClosed
	}
	return nil
}

func (s *Store) end() { s.mu.RUnlock() }

// Close implements [queue.Store]. What Redis holds stays there.
func (s *Store) Close() error {
	s.mu.Lock()
	already := s.closed
	s.closed = true
	s.mu.Unlock()
	if already {
		return nil
	}
	s.stop()
	s.watchers.close()
	s.background.Wait()
	s.c.close()
	return nil
}

// call calls a function and tells the watchers of this process what it has stirred, so that who has seen a call return need not
// wait for the message that goes to all nodes.
func (s *Store) call(ctx context.Context, shard int, fn string, flags callFlags, args ...any) (any, error) {
	reply, err := s.c.call(ctx, shard, libraryName+"_"+fn, flags, args...)
	if err != nil {
		return nil, storeError(err)
	}
	pair, ok := reply.([]any)
	if !ok || len(pair) != 2 {
		return nil, errReply
	}
	if queues, _ := pair[0].(string); queues != "" {
		s.stirred(queues)
	}
	return pair[1], nil
}

// stirred wakes the watchers of queues, of which the IDs are given in hexadecimal.
func (s *Store) stirred(queues string) {
	for id := range strings.FieldsSeq(queues) {
		if n, err := strconv.ParseUint(id, 16, 64); err == nil {
			s.watchers.wake(queue.ID(n))
		}
	}
}

// ahead is from where on a time that a caller gives is taken to be meant as in the future. Less is what passed since it read
// its clock, or a difference between clocks.
const ahead = time.Minute

// time turns the time that a caller gives into what a function takes: the server's own time, unless the store was opened
// for tests without a clock.
func (s *Store) time(now time.Time) string {
	if s.clock == nil {
		return strconv.FormatInt(now.UnixMilli(), 10)
	}
	if later := now.Sub(s.clock()); later > ahead {
		return "+" + strconv.FormatInt(later.Milliseconds(), 10)
	}
	return ""
}

// moment translates the server's times into the caller's: now is the caller's, server what the function took for it.
type moment struct{ behind int64 }

func momentOf(now time.Time, server int64) moment { return moment{server - now.UnixMilli()} }

// at returns zero for zero.
func (m moment) at(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms - m.behind).UTC()
}

func timeOf(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// millis is d in whole milliseconds, zero for less than none.
func millis(d time.Duration) int64 { return max(0, d.Milliseconds()) }

// storeError turns an error that a function of ours returned into one of package queue, and leaves others as they are.
func storeError(err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	if strings.HasPrefix(text, "WRONGTYPE") {
		return fmt.Errorf("%w: %s", queue.ErrCorrupt, text)
	}
	code, ok := strings.CutPrefix(text, "SB ")
	if !ok {
		return err
	}
	return meaning(code, err)
}

func meaning(code string, err error) error {
	name, rest, _ := strings.Cut(code, " ")
	switch name {
	case "DROPPED":
		rest, _, _ = strings.Cut(rest, " ")
		id, _ := strconv.ParseUint(rest, 16, 64)
		return &queue.DroppedError{Queue: queue.ID(id)}
	case "KIND":
		return queue.ErrKind
	case "TOKEN":
		return queue.ErrTokenReused
	case "EXPIRED":
		return queue.ErrReceiptExpired
	case "NOTINFLIGHT":
		return queue.ErrNotInFlight
	case "CONFLICT":
		return catalog.ErrConflict
	case "LIMIT":
		return queue.ErrVisibilityLimit
	case "CORRUPT":
		return fmt.Errorf("%w: %s", queue.ErrCorrupt, rest)
	case "NEWER":
		return fmt.Errorf("%w: its version is %s", queue.ErrNewerFormat, rest)
	}
	return err
}

var errReply = errors.New("redis gave an answer of another shape than expected")

// answer reads a reply, one value after the other. After the first that is not as expected err is set.
type answer struct {
	values []any
	err    error
}

func answerOf(reply any) *answer {
	values, ok := reply.([]any)
	a := &answer{values: values}
	if !ok {
		a.err = errReply
	}
	return a
}

func (a *answer) more() bool { return a.err == nil && len(a.values) > 0 }

func (a *answer) text() string {
	if !a.more() {
		a.err = errReply
		return ""
	}
	v := a.values[0]
	a.values = a.values[1:]
	switch v := v.(type) {
	case string:
		return v
	case int64:
		return strconv.FormatInt(v, 10)
	}
	a.err = errReply
	return ""
}

func (a *answer) number() int64 {
	if !a.more() {
		a.err = errReply
		return 0
	}
	v := a.values[0]
	a.values = a.values[1:]
	switch v := v.(type) {
	case int64:
		return v
	case string:
		n, err := strconv.ParseInt(v, 10, 64)
		if err == nil {
			return n
		}
	}
	a.err = errReply
	return 0
}

func (a *answer) sequence() uint64 {
	n, err := parse16(a.text())
	if err != nil && a.err == nil {
		a.err = err
	}
	return n
}
