package redisfaults

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/redisstore"
	"github.com/signalbox-mq/signalbox/tests/harness"
)

// The queues of the load. On a cluster they lie in different slots.
const (
	deadLetters queue.ID = 90 // standard
	moves       queue.ID = 91 // a log: a record of each message moved there
	theLog      queue.ID = 92
)

var (
	standards = []queue.ID{1, 2, 3}
	fifos     = []queue.ID{11, 12}
)

// open opens a store as the product does. The test's cleanup closes it.
func open(t testing.TB, url string) *redisstore.Store {
	t.Helper()
	s, err := tryOpen(t, url, 0)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func tryOpen(t testing.TB, url string, dial time.Duration) (*redisstore.Store, error) {
	t.Helper()
	o := redisstore.Options{URL: url, DialTimeout: dial}
	if testing.Verbose() {
		o.Log = func(_ redisstore.LogLevel, text string) { t.Log(text) }
	}
	s, err := redisstore.Open(t.Context(), o, queue.NewClock(time.Time{}).Now)
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { _ = s.Close() })
	return s, nil
}

// load is a number of workers that use queues.
type load struct {
	*ledger
	stores  []*redisstore.Store
	clock   func() time.Time
	stop    chan struct{}
	workers sync.WaitGroup
	// queues that are used; all unless a scenario wants others.
	standards, fifos []queue.ID
	visibility       time.Duration
}

func newLoad(stores ...*redisstore.Store) *load {
	return &load{
		ledger: newLedger(), stores: stores, clock: queue.NewClock(time.Time{}).Now, stop: make(chan struct{}),
		standards: standards, fifos: fifos, visibility: 5 * time.Second,
	}
}

// start starts the workers. The stores take turns.
func (l *load) start() {
	n := 0
	work := func(f func(w *worker)) {
		w := &worker{load: l, store: l.stores[n%len(l.stores)], number: n, last: time.Now()}
		n++
		l.workers.Go(func() {
			for !w.stopped() {
				f(w)
			}
			l.silent(time.Since(w.last))
		})
	}
	for range 3 {
		work((*worker).send)
	}
	for range 2 {
		work((*worker).sendOrdered)
	}
	work((*worker).write)
	for _, q := range l.standards {
		work(func(w *worker) { w.consume(q, queue.Standard) })
	}
	for _, q := range l.fifos {
		work(func(w *worker) { w.consume(q, queue.FIFO) })
	}
	work(func(w *worker) { w.consume(l.standards[0], queue.Standard) })
}

// end lets the workers finish what they are at.
func (l *load) end() {
	close(l.stop)
	l.workers.Wait()
}

// more waits until so many more sends were acknowledged.
func (l *load) more(t testing.TB, n int) {
	t.Helper()
	from := l.sends()
	harness.Until(t, fmt.Sprintf("%d more sends", n), func() (bool, string) {
		now := l.sends()
		return now-from >= n, fmt.Sprint(now - from)
	})
}

// worker does one thing after another.
type worker struct {
	*load
	store  *redisstore.Store
	number int
	count  int       // of the messages that it has sent
	last   time.Time // of its last success
}

func (w *worker) stopped() bool {
	select {
	case <-w.stop:
		return true
	default:
		return false
	}
}

// pause waits for about d, or for the end.
func (w *worker) pause(d time.Duration) {
	select {
	case <-time.After(d/2 + rand.N(d)):
	case <-w.stop:
	}
}

// do makes a call.
func (w *worker) do(what string, f func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	begun := time.Now()
	err := f(ctx)
	w.call(what, time.Since(begun), err)
	if err == nil {
		w.silent(time.Since(w.last))
		w.last = time.Now()
	}
	return err
}

// append sends messages, and with a token again and again until it is known that they were sent.
func (w *worker) append(token string, fs []*fate, entries []queue.Entry) {
	for {
		err := w.do("append", func(ctx context.Context) error {
			_, err := w.store.Append(ctx, queue.AppendRequest{Now: w.clock(), Token: token, TokenWindow: time.Hour, Entries: entries})
			return err
		})
		w.sent(fs, err)
		if err == nil || token == "" || w.stopped() {
			w.pause(6 * time.Millisecond)
			return
		}
		w.pause(50 * time.Millisecond)
	}
}

func (w *worker) token() string {
	if rand.N(3) > 0 {
		return ""
	}
	return fmt.Sprintf("%d-%d", w.number, w.count)
}

func (w *worker) entry(q queue.ID, kind queue.Kind, group string) (*fate, queue.Entry) {
	w.count++
	lane := group
	if kind != queue.FIFO {
		lane = fmt.Sprint("w", w.number)
	}
	f := w.ledger.write(q, lane, w.count, kind == queue.FIFO)
	return f, queue.Entry{Queue: q, Kind: kind, Message: queue.Message{ID: queue.NewMessageID(), Group: group, Body: bodyOf(f.name)}}
}

// send sends one or several messages to standard queues, of which some have a tenant, a delay or both.
func (w *worker) send() {
	var fs []*fate
	var entries []queue.Entry
	n := 1
	if rand.N(3) == 0 {
		n = 2 + rand.N(4)
	}
	q := w.standards[rand.N(len(w.standards))]
	scatter := rand.N(3) == 0
	for range n {
		if scatter {
			q = w.standards[rand.N(len(w.standards))]
		}
		group := ""
		if rand.N(4) == 0 {
			group = fmt.Sprint("tenant", rand.N(5))
		}
		f, e := w.entry(q, queue.Standard, group)
		if rand.N(10) == 0 {
			e.Delay = rand.N(time.Second)
		}
		fs, entries = append(fs, f), append(entries, e)
	}
	w.append(w.token(), fs, entries)
}

// sendOrdered sends to a group of its own.
func (w *worker) sendOrdered() {
	q := w.fifos[rand.N(len(w.fifos))]
	group := fmt.Sprintf("g%d-%d", w.number, rand.N(4))
	var fs []*fate
	var entries []queue.Entry
	for range 1 + rand.N(3) {
		f, e := w.entry(q, queue.FIFO, group)
		fs, entries = append(fs, f), append(entries, e)
	}
	w.append(w.token(), fs, entries)
}

func (w *worker) write() {
	f, e := w.entry(theLog, queue.Log, "")
	w.append(w.token(), []*fate{f}, []queue.Entry{e})
}

// receive receives and notes what came.
func (w *worker) receive(q queue.ID, kind queue.Kind, most int, visibility time.Duration) ([]queue.Message, []*fate, error) {
	began := w.begin()
	var got queue.ReceiveResult
	err := w.do("receive", func(ctx context.Context) (err error) {
		got, err = w.store.Receive(ctx, queue.ReceiveRequest{
			Now: w.clock(), Queue: q, Kind: kind, Max: most, Visibility: visibility,
		})
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	return got.Messages, w.took(q, began, got.Messages), nil
}

// consume receives and ends what it received in one way or another.
func (w *worker) consume(q queue.ID, kind queue.Kind) {
	messages, fs, err := w.receive(q, kind, 1+rand.N(10), w.visibility)
	if err != nil || len(messages) == 0 {
		w.pause(20 * time.Millisecond)
		return
	}
	var todo []queue.Settlement
	var of []*fate
	for i, f := range fs {
		if f == nil {
			continue
		}
		s := queue.Settlement{Receipt: messages[i].Receipt}
		switch dice := rand.N(100); {
		case dice < 10:
			s.Action = queue.Release
			s.State = []byte("released")
			if dice < 5 {
				s.NotBefore = w.clock().Add(rand.N(300 * time.Millisecond))
			}
		case dice < 20:
			s = moveOf(messages[i].Receipt, f.name)
		case dice < 30:
			_ = w.do("extend", func(ctx context.Context) error {
				_, err := w.store.Extend(ctx, w.clock(), []queue.Extension{{Receipt: s.Receipt, Visibility: w.visibility}})
				return err
			})
		case dice < 32:
			continue // comes again when its lease has ended
		}
		todo, of = append(todo, s), append(of, f)
	}
	w.settle(todo, of)
	w.pause(4 * time.Millisecond)
}

func moveOf(r queue.Receipt, name string) queue.Settlement {
	return queue.Settlement{
		Receipt: r, Action: queue.Move, To: &queue.Destination{Queue: deadLetters, Kind: queue.Standard},
		Record: &queue.Entry{Queue: moves, Kind: queue.Log, Message: queue.Message{ID: queue.NewMessageID(), Body: []byte(name)}, Key: name},
	}
}

func (w *worker) settle(todo []queue.Settlement, of []*fate) {
	if len(todo) == 0 {
		return
	}
	for i, f := range of {
		if todo[i].Action != queue.Release {
			w.ending(f, todo[i].Action == queue.Move)
		}
	}
	var results []queue.SettleResult
	err := w.do("settle", func(ctx context.Context) (err error) {
		results, err = w.store.Settle(ctx, w.clock(), todo)
		return err
	})
	if err != nil {
		return
	}
	for i, r := range results {
		switch {
		case r.Err == nil && todo[i].Action != queue.Release:
			w.ended(of[i], todo[i].Receipt.Sequence, todo[i].Action == queue.Move, r.Gone)
		case r.Err != nil && !errors.Is(r.Err, queue.ErrReceiptExpired):
			w.call("settlement", 0, r.Err)
		}
	}
}

// drain receives all there is, for at most a minute, until the queues are empty and say so. What a receive leased whose reply was lost
// comes again in that time.
func (l *load) drain() error {
	w := &worker{load: l, store: l.stores[0], number: -1, last: time.Now()}
	l.stop = make(chan struct{})
	all := map[queue.ID]queue.Kind{deadLetters: queue.Standard}
	var ids []queue.ID
	for _, q := range l.standards {
		all[q] = queue.Standard
	}
	for _, q := range l.fifos {
		all[q] = queue.FIFO
	}
	for q := range all {
		ids = append(ids, q)
	}
	var stats []queue.Stats
	for until := time.Now().Add(time.Minute); time.Now().Before(until); w.pause(50 * time.Millisecond) {
		got := 0
		for q, kind := range all {
			for {
				messages, fs, err := w.receive(q, kind, 50, l.visibility)
				if err != nil || len(messages) == 0 {
					break
				}
				got += len(messages)
				var todo []queue.Settlement
				var of []*fate
				for i, f := range fs {
					if f != nil {
						todo, of = append(todo, queue.Settlement{Receipt: messages[i].Receipt}), append(of, f)
					}
				}
				if q == deadLetters {
					_ = w.do("settle", func(ctx context.Context) error {
						_, err := w.store.Settle(ctx, w.clock(), todo)
						return err
					})
					continue
				}
				w.settle(todo, of)
			}
		}
		if got > 0 {
			continue
		}
		left := int64(0)
		err := w.do("stats", func(ctx context.Context) (err error) {
			stats, err = w.store.Stats(ctx, w.clock(), ids)
			return err
		})
		for _, s := range stats {
			left += s.Total()
		}
		if err == nil && left == 0 {
			return l.readLogs(w)
		}
	}
	return fmt.Errorf("after a minute of receiving there are still messages: %v: %+v", ids, stats)
}

func (l *load) readLogs(w *worker) error {
	for _, q := range []queue.ID{moves, theLog} {
		for from := (queue.Position{}); ; {
			var got queue.ScanResult
			err := w.do("scan", func(ctx context.Context) (err error) {
				got, err = w.store.Scan(ctx, queue.ScanRequest{Now: w.clock(), Queue: q, Kind: queue.Log, From: from, Limit: 1000})
				return err
			})
			if err != nil {
				return err
			}
			for i := range got.Messages {
				name, _, _ := strings.Cut(string(got.Messages[i].Message.Body), "|")
				l.recorded(name)
			}
			if from = got.Next; !got.More {
				break
			}
		}
	}
	return nil
}

// promise is what a scenario must keep.
type promise uint8

const (
	nothingLost promise = iota // no acknowledged send, ack or move
	lossCounted                // what is lost is shown
)

// finish ends a load, receives what is left and judges.
func (l *load) finish(t testing.TB, what string, p promise) result {
	t.Helper()
	l.end()
	if err := l.drain(); err != nil && (p == nothingLost || !t.Failed()) {
		t.Error(err)
	}
	r := l.judge()
	report(t, what, p, r)
	return r
}

func report(t testing.TB, what string, p promise, r result) {
	t.Helper()
	t.Logf("SUMMARY %s: %v", what, r)
	if r.Acknowledged == 0 {
		t.Error("nothing was acknowledged")
	}
	for _, f := range r.Faults {
		t.Error(f)
	}
	if p == nothingLost && (r.Lost > 0 || r.Resurrected > 0 || r.Twice > 0 || r.Disordered > 0 || r.Records > 0) {
		t.Errorf("not kept: %v\n%s", r, strings.Join(r.Examples, "\n"))
	}
}
