package redisfaults

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/tests/redistest"
)

// A store is closed while calls are in progress: they end, with an answer or by name.
func TestCloseUnderLoad(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, redistest.Options{NoSave: true})
	url := "redis://" + server.Addr() + "?durability=async"
	s, kept := open(t, url), open(t, url)
	clock := queue.NewClock(time.Time{}).Now
	l := newLoad(kept)
	var callers sync.WaitGroup
	begun := make(chan struct{}, 1)
	for n := range 20 {
		callers.Go(func() {
			for i := 0; ; i++ {
				f := l.write(1, fmt.Sprint("caller", n), i, false)
				_, err := s.Append(context.Background(), queue.AppendRequest{Now: clock(), Entries: []queue.Entry{{
					Queue: 1, Message: queue.Message{ID: queue.NewMessageID(), Body: bodyOf(f.name)},
				}}})
				l.sent([]*fate{f}, err)
				if err != nil {
					if !errors.Is(err, queue.ErrStoreClosed) {
						t.Errorf("a call while the store is closed: %v", err)
					}
					return
				}
				select {
				case begun <- struct{}{}:
				default:
				}
			}
		})
	}
	<-begun
	l.more(t, 200)
	at := time.Now()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	took := time.Since(at)
	callers.Wait()
	if took > 5*time.Second {
		t.Errorf("Close took %v", took)
	}
	if _, err := s.Stats(t.Context(), clock(), []queue.ID{1}); !errors.Is(err, queue.ErrStoreClosed) {
		t.Errorf("a call after Close: %v", err)
	}
	l.finish(t, fmt.Sprintf("alone, async, closed in %v under load", took.Round(time.Millisecond)), nothingLost)
}

// A store is closed while its server does not answer.
func TestCloseWithoutServer(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, redistest.Options{NoSave: true})
	s := open(t, "redis://"+server.Addr()+"?durability=async")
	server.Pause()
	defer server.Resume()
	ended := make(chan error, 1)
	called := make(chan struct{})
	go func() {
		close(called)
		_, err := s.Append(context.Background(), queue.AppendRequest{Now: time.Now(), Entries: []queue.Entry{{Queue: 1}}})
		ended <- err
	}()
	<-called
	wait(t, 100*time.Millisecond)
	at := time.Now()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	t.Logf("Close took %v", time.Since(at))
	if took := time.Since(at); took > limit {
		t.Errorf("Close took %v", took)
	}
	if err := <-ended; !errors.Is(err, queue.ErrUnavailable) && !errors.Is(err, queue.ErrStoreClosed) {
		t.Errorf("the call: %v", err)
	}
}

func TestOpenWithoutServers(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, redistest.Options{NoSave: true})
	stopped := redistest.Start(t, redistest.Options{NoSave: true})
	server.Kill()
	stopped.Pause()
	defer stopped.Resume()
	for _, url := range []string{"redis://" + server.Addr(), "redis://" + stopped.Addr() + "?connect_timeout=500ms"} {
		at := time.Now()
		_, err := tryOpen(t, url, 700*time.Millisecond)
		if took := time.Since(at); !errors.Is(err, queue.ErrUnavailable) || took < 600*time.Millisecond || took > 8*time.Second {
			t.Errorf("after %v: %v", took, err)
		}
	}
	// It may come while it is tried.
	opened := make(chan error, 1)
	go func() {
		_, err := tryOpen(t, "redis://"+server.Addr()+"?durability=async", limit)
		opened <- err
	}()
	wait(t, 300*time.Millisecond)
	server.Restart()
	if err := <-opened; err != nil {
		t.Error(err)
	}
}

// None of the servers that the URL names is there any more: others took over one by one.
func TestAllServersReplaced(t *testing.T) {
	t.Parallel()
	g := redistest.Cluster(t, 3, 2, redistest.Options{NoSave: true})
	first := g.Masters()
	var addrs []string
	for _, s := range first {
		addrs = append(addrs, s.Addr())
	}
	url := fmt.Sprintf("redis://%s?durability=replicas:1", strings.Join(addrs, ","))
	l := newLoad(open(t, url), open(t, url))
	l.start()
	for _, old := range first {
		l.more(t, 50)
		g.Failover(g.ReplicasOf(old)[0])
		l.more(t, 20)
		g.WaitReady()
		old.Kill()
	}
	l.more(t, 100)
	l.finish(t, "cluster, replicas:1, all masters of the URL replaced and killed", nothingLost)
}
