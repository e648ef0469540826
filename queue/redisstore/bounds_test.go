package redisstore

import (
	"bufio"
	"bytes"
	"net"
	"regexp"
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

var quoted = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)

// monitor returns the calls of functions that a server carries out in f.
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
			var words []string
			for _, w := range quoted.FindAllString(line, -1) {
				words = append(words, w[1:len(w)-1])
			}
			switch {
			case len(words) == 0:
			case strings.Contains(line[:40], " lua] "):
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
	return calls
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

func openAt(t *testing.T, srv *redistest.Server) *Store {
	t.Helper()
	s, err := Open(t.Context(), Options{URL: urlOf(srv)}, nil)
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
