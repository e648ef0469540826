package redisstore

import (
	"errors"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/tests/redistest"
)

func TestBatchesAreBounded(t *testing.T) {
	t.Parallel()
	sizes := func(l *line) (all []int) {
		for l.active = 1; l.active > 0; {
			if batch := l.take(nil); len(batch) > 0 {
				all = append(all, len(batch))
			}
		}
		return all
	}
	add := func(l *line, n, size int) {
		for range n {
			l.waiting = append(l.waiting, newRequest(redis.NewCmd(t.Context(), "fcall", strings.Repeat("x", size-5))))
		}
	}
	var l line
	if got := sizes(&l); len(got) != 0 {
		t.Errorf("of nothing: %v", got)
	}
	add(&l, batchCalls+1, 10)
	if got := sizes(&l); len(got) != 2 || got[0] != batchCalls || got[1] != 1 {
		t.Errorf("of many: %v", got)
	}
	add(&l, 1, batchBytes+1)
	add(&l, 3, batchBytes/2)
	if got := sizes(&l); len(got) != 3 || got[0] != 1 || got[1] != 2 || got[2] != 1 {
		t.Errorf("of large ones: %v", got)
	}
}

// Calls that are made at once share round trips and confirmations.
func TestCallsAreBatched(t *testing.T) {
	t.Parallel()
	master := redistest.Replicated(t, 1, inMemory).Master
	c := connect(t, Options{URL: urlOf(master)})
	var running sync.WaitGroup
	for range 64 {
		running.Go(func() {
			for range 50 {
				if _, err := c.call(t.Context(), 9, "lt1_set", durable, "k", "v"); err != nil {
					t.Error(err)
				}
			}
		})
	}
	running.Wait()
	calls, waits := master.Info("commandstats", "cmdstat_fcall"), master.Info("commandstats", "cmdstat_wait")
	if !strings.HasPrefix(calls, "calls=3200,") {
		t.Errorf("calls: %s", calls)
	}
	number, _, _ := strings.Cut(strings.TrimPrefix(waits, "calls="), ",")
	if len(number) == 0 || len(number) > 3 { // a wait each would be 3200
		t.Errorf("waits for 3200 calls: %s", waits)
	}
}

// A call that waits for its turn is not sent to a master that has become silent meanwhile, so that it surely had no effect.
func TestSilentMastersAreNotSentTo(t *testing.T) {
	t.Parallel()
	var running sync.WaitGroup
	var silent atomic.Bool
	silent.Store(true)
	l := &line{senders: 1, running: &running, silent: &silent} // and no connection
	_, written, err := l.do(t.Context(), redis.NewCmd(t.Context(), "fcall"))
	if written || !errors.Is(err, errSilent) {
		t.Errorf("written %v, %v; want that it was not written", written, err)
	}
	if v := judge(err, written); v != moved {
		t.Errorf("that is judged as %v, want it to be tried again", v)
	}
	running.Wait()
}

func TestJudge(t *testing.T) {
	t.Parallel()
	reply := func(text string) error { return replyError(text) }
	for _, test := range []struct {
		err     error
		written bool
		want    verdict
	}{
		{nil, true, answered},
		{reply("SB DROPPED 7"), true, answered},
		{reply("ERR user_script:3: attempt to call a nil value"), true, answered},
		{reply("MOVED 3999 127.0.0.1:6381"), true, moved},
		{reply("ASK 3999 127.0.0.1:6381"), true, notRun},
		{reply("TRYAGAIN Multiple keys request during rehashing of slot"), true, notRun},
		{reply("LOADING Redis is loading the dataset in memory"), true, notRun},
		{reply("LOADING Redis is loading the dataset in memory"), false, notRun},
		{reply("ERR Function not found"), true, missing},
		{reply("OOM command not allowed when used memory > 'maxmemory'."), true, full},
		{reply("NOREPLICAS Not enough good replicas to write."), true, refused},
		{reply("ERR DB index is out of range"), false, refused},
		{io.EOF, true, unknown},
		{io.EOF, false, moved},
		{queue.ErrUnavailable, true, unknown},
	} {
		if got := judge(test.err, test.written); got != test.want {
			t.Errorf("judge(%v, %v) = %d, want %d", test.err, test.written, got, test.want)
		}
	}
}

type replyError string

func (e replyError) Error() string { return string(e) }
func (replyError) RedisError()     {}

// What WAIT and WAITAOF answer. No test here has seen a server that knows WAITAOF: its answers are from its documentation.
func TestConfirmationIsJudged(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		confirm confirmation
		reply   any
		err     error
		ok      bool
	}{
		{confirmation{replicas: 2}, int64(2), nil, true},
		{confirmation{replicas: 2}, int64(3), nil, true},
		{confirmation{replicas: 2}, int64(1), nil, false},
		{confirmation{replicas: 2}, nil, replyError("UNBLOCKED force unblock from blocking operation"), false},
		{confirmation{replicas: 1}, nil, io.EOF, false},
		{confirmation{aof: true}, []any{int64(1), int64(0)}, nil, true},
		{confirmation{aof: true}, []any{int64(0), int64(2)}, nil, false},
		{confirmation{aof: true}, []any{}, nil, false},
		{confirmation{aof: true}, int64(1), nil, false},
	} {
		cmd := test.confirm.command(t.Context(), 1000)
		cmd.SetVal(test.reply)
		cmd.SetErr(test.err)
		if err := test.confirm.judge(cmd); (err == nil) != test.ok || err != nil && !errors.Is(err, queue.ErrUnavailable) {
			t.Errorf("%+v, %v, %v: %v", test.confirm, test.reply, test.err, err)
		}
	}
}
