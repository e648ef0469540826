package redisstore

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/tests/redistest"
)

// Redis does nothing else while a function runs. That none does too much is shown by counting what it does: the server tells.

// monitored is a call of a function, and the commands that it carried out.
type monitored struct {
	args     []string
	commands [][]string
}

// is says whether it is of a function.
func (m *monitored) is(fn string) bool { return m.args[1] == libraryName+"_"+fn }

// sum adds up what f says of each command.
func (m *monitored) sum(f func(command []string) int) int {
	n := 0
	for _, c := range m.commands {
		n += f(c)
	}
	return n
}

// asked is how many messages a command asks for at most.
func asked(command []string) int {
	if command[0] != "XRANGE" {
		return 0
	}
	for i := 4; i+1 < len(command); i++ {
		if command[i] == "COUNT" {
			n, _ := strconv.Atoi(command[i+1])
			return n
		}
	}
	return 1 << 30
}

// among says whether a command is one of some.
func among(names ...string) func([]string) int {
	return func(command []string) int {
		for _, name := range names {
			if command[0] == name {
				return 1
			}
		}
		return 0
	}
}

// quoted returns the words in quotation marks of a line, with what is escaped in them as it is. A line may have megabytes, on which a
// regular expression is slow with the race detector.
func quoted(line string) (words []string) {
	for {
		_, rest, ok := strings.Cut(line, `"`)
		if !ok {
			return words
		}
		end := 0
		for {
			i := strings.IndexByte(rest[end:], '"')
			if i < 0 {
				return words
			}
			end += i
			if escapes := end - len(strings.TrimRight(rest[:end], `\`)); escapes%2 == 0 {
				break
			}
			end++
		}
		words = append(words, rest[:end])
		line = rest[end+1:]
	}
}

// monitor returns the calls of functions that a server carries out in f. One that every new subscription makes, also after a silence, is
// not among them.
func monitor(t *testing.T, s *redistest.Server, f func()) []monitored {
	t.Helper()
	conn, err := net.Dial("tcp", s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	r := bufio.NewReader(conn)
	if _, err := conn.Write([]byte("MONITOR\r\n")); err != nil {
		t.Fatal(err)
	}
	var calls []monitored
	read := make(chan error, 1)
	begun := make(chan struct{})
	go func() {
		for first := true; ; first = false {
			line, err := r.ReadString('\n')
			if err != nil {
				read <- err
				return
			}
			if first {
				close(begun)
				continue
			}
			words := quoted(line)
			switch {
			case len(words) == 0:
			case strings.Contains(line[:min(40, len(line))], " lua] "):
				last := &calls[len(calls)-1]
				last.commands = append(last.commands, words)
			case strings.EqualFold(words[0], "FCALL"), strings.EqualFold(words[0], "FCALL_RO"):
				calls = append(calls, monitored{args: words})
			case len(words) == 2 && words[1] == "no more":
				read <- nil
				return
			}
		}
	}()
	select {
	case <-begun:
	case err := <-read:
		t.Fatal(err)
	}
	f()
	if _, err := s.Do(t.Context(), "ECHO", "no more"); err != nil {
		t.Fatal(err)
	}
	if err := <-read; err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(calls, func(m monitored) bool { return m.is("partitions") })
}

// fill appends n messages of a size, a few at a time. change may be nil.
func fill(t *testing.T, s *Store, now time.Time, id queue.ID, kind queue.Kind, n, size int, change func(i int, e *queue.Entry)) {
	t.Helper()
	body := bytes.Repeat([]byte("x"), size)
	for i := 0; i < n; {
		var entries []queue.Entry
		for sum := 0; i < n && len(entries) < 500 && sum < 4<<20; i++ {
			e := queue.Entry{Queue: id, Kind: kind, Message: queue.Message{ID: queue.NewMessageID(), Body: body}}
			if change != nil {
				change(i, &e)
			}
			sum += len(body)
			entries = append(entries, e)
		}
		if _, err := s.Append(t.Context(), queue.AppendRequest{Now: now, Entries: entries}); err != nil {
			t.Fatal(err)
		}
	}
}

// testTime is the time of tests that give it themselves.
var testTime = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

// openAt opens a store that waits for as long as a server takes that has a MONITOR to write to beside large calls, and that takes none
// for gone: a call that is made again would be counted.
func openAt(t *testing.T, srv *redistest.Server) *Store {
	t.Helper()
	const patience = time.Minute
	s, err := Open(t.Context(), Options{
		URL: fmt.Sprintf("%s?confirm_timeout=%v&connect_timeout=%[2]v", urlOf(srv), patience), RetryFor: patience, reply: patience,
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// A scan reads about as much as it returns, however large the messages are.
func TestScanReadsNoMoreThanItReturns(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t, inMemory)
	s := openAt(t, srv)
	const size = 256 << 10
	fill(t, s, testTime, 1, queue.Standard, 96, size, nil)
	fill(t, s, testTime, 2, queue.Log, 96, size, nil)
	fill(t, s, testTime, 3, queue.Standard, 60, 10, nil) // small ones before large ones
	fill(t, s, testTime, 3, queue.Standard, 64, size, nil)
	fill(t, s, testTime, 4, queue.Standard, 1000, 10, nil)
	for _, c := range []struct {
		name              string
		id                queue.ID
		kind              queue.Kind
		limit, maxBytes   int
		want, most, calls int // how many messages there are; how many one call may ask for, and how many calls there may be
	}{
		{"one", 1, queue.Standard, 500, size, 1, 4, 2},
		{"eight", 1, queue.Standard, 500, 8 * size, 8, 16, 2},
		{"all", 1, queue.Standard, 500, 0, 96, 24, 7},
		{"a log", 2, queue.Log, 500, 8 * size, 8, 10, 2},
		{"small before large", 3, queue.Standard, 500, 0, 124, 96, 6},
		{"small", 4, queue.Standard, 1000, 0, 1000, 510, 3},
	} {
		var got queue.ScanResult
		var err error
		calls := monitor(t, srv, func() {
			got, err = s.Scan(t.Context(), queue.ScanRequest{Now: testTime, Queue: c.id, Kind: c.kind, Limit: c.limit, MaxBytes: c.maxBytes})
		})
		if err != nil || len(got.Messages) != c.want {
			t.Errorf("%s: %d messages, %v; want %d", c.name, len(got.Messages), err, c.want)
		}
		if len(calls) > c.calls {
			t.Errorf("%s: %d calls, want at most %d", c.name, len(calls), c.calls)
		}
		for i := range calls {
			if n := calls[i].sum(asked); n > c.most {
				t.Errorf("%s: call %d asks for %d messages, want at most %d: %q", c.name, i, n, c.most, calls[i].commands)
			}
		}
	}
}

// A receive that comes upon old messages removes some hundreds in each call of the function, and goes on until it has found what is
// behind them.
func TestReceiveRemovesInPieces(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t, inMemory)
	s := openAt(t, srv)
	const old, size = 2200, 100
	later := testTime.Add(2 * time.Hour)
	for i, c := range []struct {
		name string
		kind queue.Kind
		n    int
		size int
		most int // how many messages one call may remove
		f    func(i int, e *queue.Entry)
	}{
		{"free", queue.Standard, old, size, 500, nil},
		{"delayed", queue.Standard, old, size, 500, func(_ int, e *queue.Entry) { e.Delay = time.Second }},
		{"tenants", queue.Standard, old, size, 500, func(i int, e *queue.Entry) { e.Message.Group = fmt.Sprint(i % 100) }},
		{"groups", queue.FIFO, old, size, 500, func(i int, e *queue.Entry) { e.Message.Group = fmt.Sprint(i % 300) }},
		{"one group", queue.FIFO, old, size, 500, func(_ int, e *queue.Entry) { e.Message.Group = "g" }},
		{"large", queue.Standard, 100, 256 << 10, 8<<20/(256<<10) + 1, nil},
	} {
		id := queue.ID(i + 1)
		fill(t, s, testTime, id, c.kind, c.n, c.size, c.f)
		fill(t, s, later, id, c.kind, 1, 10, func(_ int, e *queue.Entry) {
			if c.f != nil {
				c.f(0, e)
			}
			e.Delay = 0
		})
		w := s.Watch()
		w.Set([]queue.ID{id}, nil)
		found, removed := 0, 0
		for done := false; !done; {
			var got queue.ReceiveResult
			var err error
			calls := monitor(t, srv, func() {
				got, err = s.Receive(t.Context(), queue.ReceiveRequest{
					Now: later, Queue: id, Kind: c.kind, Max: 3, Visibility: time.Minute, Retention: time.Hour,
				})
			})
			if err != nil {
				t.Fatal(err)
			}
			// One that found nothing has looked at everything.
			done = len(got.Messages) == 0
			found, removed = found+len(got.Messages), removed+got.Expired
			if found != 1 {
				t.Fatalf("%s: %d messages after %d that are too old", c.name, found, removed)
			}
			counted := 0
			for k := range calls {
				n := calls[k].sum(among("XDEL"))
				if counted += n; n > c.most {
					t.Errorf("%s: call %d removes %d messages, want at most %d", c.name, k, n, c.most)
				}
			}
			if counted != got.Expired {
				t.Errorf("%s: %d messages removed, and %d counted", c.name, counted, got.Expired)
			}
			ready, next, err := w.Ready(t.Context(), later)
			switch {
			case err != nil:
				t.Fatal(err)
			case removed < c.n && len(ready) == 0:
				t.Errorf("%s: not ready after %d of %d were removed", c.name, removed, c.n)
			case done && (len(ready) > 0 || !next.Equal(later.Add(time.Minute))):
				t.Errorf("%s: in the end ready are %v, next %v", c.name, ready, next)
			}
		}
		if removed != c.n {
			t.Errorf("%s: %d messages removed, want %d", c.name, removed, c.n)
		}
		w.Close()
	}
}

// What ends for the bound with messages is not taken for the last of them.
func TestReceiveThatIsCutShortIsNotDry(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t, inMemory)
	s := openAt(t, srv)
	fill(t, s, testTime, 1, queue.Standard, 1201, 10, func(i int, e *queue.Entry) {
		if i > 0 && i < 1200 { // all but the first and the last
			e.Message.Sent = testTime.Add(-2 * time.Hour)
		}
	})
	w := s.Watch()
	defer w.Close()
	w.Set([]queue.ID{1}, nil)
	for round := range 3 {
		ready, _, err := w.Ready(t.Context(), testTime)
		if want := round < 2; err != nil || slices.Contains(ready, 1) != want {
			t.Fatalf("round %d: ready are %v, %v; want the queue: %v", round, ready, err, want)
		}
		got, err := s.Receive(t.Context(), queue.ReceiveRequest{
			Now: testTime, Queue: 1, Max: 10, Visibility: time.Minute, Retention: time.Hour,
		})
		want := []int{500, 699, 0}[round]
		if err != nil || got.Expired != want || len(got.Messages) != min(want, 1) {
			t.Fatalf("round %d: %d messages, %d removed, %v; want %d removed", round, len(got.Messages), got.Expired, err, want)
		}
	}
}

// Groups that the delay of their queue holds back are put aside a thousand at a time.
func TestReceivePassesGroupsInPieces(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t, inMemory)
	s := openAt(t, srv)
	const groups = 2500
	fill(t, s, testTime, 1, queue.FIFO, groups, 10, func(i int, e *queue.Entry) { e.Message.Group = fmt.Sprint(i) })
	receive := func(now time.Time) (got queue.ReceiveResult) {
		t.Helper()
		got, err := s.Receive(t.Context(), queue.ReceiveRequest{
			Now: now, Queue: 1, Kind: queue.FIFO, Max: 1, Visibility: time.Minute, Delay: time.Minute,
		})
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	calls := monitor(t, srv, func() {
		if got := receive(testTime); len(got.Messages) > 0 {
			t.Errorf("%d messages", len(got.Messages))
		}
	})
	if len(calls) != 3 {
		t.Errorf("%d calls, want 3", len(calls))
	}
	for i := range calls {
		if n := calls[i].sum(among("ZADD")); n > 1000 {
			t.Errorf("call %d puts %d groups aside, want 1000 at most", i, n)
		}
	}
	w := s.Watch()
	defer w.Close()
	w.Set([]queue.ID{1}, nil)
	if ready, next, err := w.Ready(t.Context(), testTime); err != nil || len(ready) > 0 || !next.Equal(testTime.Add(time.Minute)) {
		t.Errorf("ready are %v, next %v, %v", ready, next, err)
	}
	if got := receive(testTime.Add(time.Minute)); len(got.Messages) != 1 {
		t.Errorf("a minute later there are %d messages", len(got.Messages))
	}
}

// A receive reads about as much as it may return.
func TestReceiveReadsNoMoreThanItReturns(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t, inMemory)
	s := openAt(t, srv)
	const size = 256 << 10
	fill(t, s, testTime, 1, queue.Standard, 64, size, nil)
	fill(t, s, testTime, 2, queue.Standard, 64, 10, nil)
	for _, c := range []struct{ id, max, want, most, pages int }{
		{1, 100, 4, 5, 1},
		{2, 10, 10, 11, 1}, // small ones come in one go
	} {
		calls := monitor(t, srv, func() {
			got, err := s.Receive(t.Context(), queue.ReceiveRequest{
				Now: testTime, Queue: queue.ID(c.id), Max: c.max, MaxBytes: 4 * size, Visibility: time.Minute,
			})
			if err != nil || len(got.Messages) != c.want {
				t.Errorf("%d messages, %v; want %d", len(got.Messages), err, c.want)
			}
		})
		if n, pages := calls[0].sum(asked), calls[0].sum(among("XRANGE")); len(calls) != 1 || n > c.most || pages > c.pages {
			t.Errorf("%d messages in %d pages and %d calls; want at most %d in %d", n, pages, len(calls), c.most, c.pages)
		}
	}
}

// Expire removes 500 messages in a call of the function, from however many queues.
func TestExpireIsBounded(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t, inMemory)
	s := openAt(t, srv)
	const queues, each, size = 30, 60, 256 << 10
	var small []queue.Expiry
	for id := queue.ID(1); id <= queues; id++ {
		fill(t, s, testTime, id, queue.Standard, each, 10, func(i int, e *queue.Entry) { e.Delay = time.Duration(i%2) * time.Second })
		small = append(small, queue.Expiry{Queue: id, Retention: time.Hour})
	}
	fill(t, s, testTime, 100, queue.Standard, 70, size, nil)
	fill(t, s, testTime, 101, queue.Log, 70, size, nil)
	for _, c := range []struct {
		name       string
		list       []queue.Expiry
		want, most int // messages, of all and of one call
		rounds     int
	}{
		{"many queues", small, queues * each, 500, 5},
		{"large messages", []queue.Expiry{{Queue: 100, Retention: time.Hour}}, 70, 40, 4},
		{"a log", []queue.Expiry{{Queue: 101, Kind: queue.Log, MaxBytes: 1}}, 70, 40, 4},
	} {
		removed, rounds := 0, 0
		for more := true; more; {
			more = false
			rounds++
			calls := monitor(t, srv, func() {
				got, err := s.Expire(t.Context(), testTime.Add(2*time.Hour), c.list)
				if err != nil {
					t.Fatal(err)
				}
				for _, x := range got {
					removed += int(x.Messages)
					more = more || x.More
				}
			})
			for i := range calls {
				if n := calls[i].sum(among("XDEL")); n > c.most {
					t.Errorf("%s: a call removes %d messages, want at most %d", c.name, n, c.most)
				}
			}
		}
		if removed != c.want || rounds > c.rounds {
			t.Errorf("%s: %d messages in %d rounds, want %d in %d", c.name, removed, rounds, c.want, c.rounds)
		}
	}
}

// What reads many queues, or many messages of one key, does so in pieces, and returns all.
func TestReadsAreInPieces(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t, inMemory)
	s := openAt(t, srv)
	const queues, keyed = 250, 2300
	fill(t, s, testTime, 1, queue.Standard, queues, 10, func(i int, e *queue.Entry) { e.Queue += queue.ID(i) })
	ids := make([]queue.ID, queues+1) // and one that is not there
	for i := range ids {
		ids[i] = queue.ID(i + 1)
	}
	calls := monitor(t, srv, func() {
		stats, err := s.Stats(t.Context(), testTime, ids)
		if err != nil {
			t.Fatal(err)
		}
		for i := range stats {
			if want := int64(min(1, queues-i)); stats[i].Total() != want {
				t.Errorf("queue %d has %d messages, want %d", i+1, stats[i].Total(), want)
			}
		}
	})
	for i := range calls {
		if n := calls[i].sum(among("GET")); n > 100 {
			t.Errorf("one call counts %d queues, want at most 100", n)
		}
	}

	fill(t, s, testTime, 500, queue.Log, keyed, 10, func(_ int, e *queue.Entry) { e.Key = "many" })
	fill(t, s, testTime, 500, queue.Log, 1000, 10, func(_ int, e *queue.Entry) { e.Key = "a thousand" })
	fill(t, s, testTime, 500, queue.Log, 20, 1<<20, func(_ int, e *queue.Entry) { e.Key = "large" })
	for _, c := range []struct {
		key        string
		want, most int // messages, of all and of one call
	}{{"many", keyed, 1000}, {"a thousand", 1000, 1000}, {"large", 20, 4}, {"none", 0, 0}} {
		calls := monitor(t, srv, func() {
			got, err := s.Get(t.Context(), testTime, 500, c.key)
			if err != nil || len(got) != c.want {
				t.Fatalf("%s: %d messages, %v; want %d", c.key, len(got), err, c.want)
			}
			for i := 1; i < len(got); i++ {
				if got[i].Message.Sequence <= got[i-1].Message.Sequence {
					t.Fatalf("%s: message %d is not after the one before it", c.key, i)
				}
			}
		})
		for i := range calls {
			if n := calls[i].sum(among("XRANGE")); n > c.most {
				t.Errorf("%s: one call reads %d messages, want at most %d", c.key, n, c.most)
			}
		}
	}
}

// A rebuild is one call, but does not have all messages in memory at once.
func TestRebuildReadsPages(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t, inMemory)
	s := openAt(t, srv)
	const n, size = 24, 256 << 10 // a page has 16
	fill(t, s, testTime, 1, queue.Standard, n, size, nil)
	if _, err := srv.Do(t.Context(), "DEL", s.base(1, 0)+"s"); err != nil {
		t.Fatal(err)
	}
	calls := monitor(t, srv, func() {
		got, err := s.Receive(t.Context(), queue.ReceiveRequest{Now: testTime, Queue: 1, Max: 1, Visibility: time.Minute})
		if err != nil || len(got.Messages) != 1 {
			t.Errorf("%d messages, %v", len(got.Messages), err)
		}
	})
	for _, c := range calls[0].commands {
		if n := asked(c); n > 4<<20/size+1 {
			t.Errorf("a page of %d messages: %q", n, c)
		}
	}
	if stats, err := s.Stats(t.Context(), testTime, []queue.ID{1}); err != nil || stats[0].Total() != n {
		t.Errorf("%+v, %v", stats, err)
	}
}
