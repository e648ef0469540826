package pebblestore_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/pebblestore"
)

// tmpfs mounts a file system of a given size for the test, or skips it.
func tmpfs(t *testing.T, bytes int) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d", bytes)); err != nil {
		t.Skipf("needs to mount a file system, which takes root: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// fill adds to a file until the disk is full to the last byte, and returns its name.
func fill(t *testing.T, dir string) string {
	t.Helper()
	name := filepath.Join(dir, "somebody-elses")
	f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for size := 1 << 20; size > 0; {
		if _, err := f.Write(make([]byte, size)); errors.Is(err, syscall.ENOSPC) {
			size /= 2
		} else if err != nil {
			t.Fatal(err)
		}
	}
	return name
}

// TestDiskFull fills a disk with messages, and then, as somebody else, to the last byte. Sends are refused; what makes room
// goes on, for which the ballast is given up; and all is as before when there is room again, the ballast too.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	if raceEnabled {
		t.Skip("the engine takes too long to make room when the race detector is on")
	}
	dir := tmpfs(t, 64<<20)
	data := filepath.Join(dir, "data")
	ballast := func() bool {
		_, err := os.Stat(filepath.Join(data, "ballast"))
		return err == nil
	}
	var fatal error
	opts := pebblestore.Options{
		MemTableBytes: 1 << 20, MinFreeBytes: 16 << 20, BallastBytes: 16 << 20,
		Fatal: func(err error) { fatal = err },
	}
	s := openAt(t, data, opts)
	if !ballast() {
		t.Fatal("no ballast")
	}
	body := bytes.Repeat([]byte("x0123456789"), 6000)
	sent := 0
	var err error
	for ; sent < 5000 && err == nil; sent++ {
		for i := range body { // not to be compressed
			body[i] = body[i]*31 + byte(sent>>8) + byte(i*sent)
		}
		_, err = send(s, start, 1, queue.Standard, "", string(body))
	}
	if sent--; !errors.Is(err, queue.ErrStoreFull) || sent < 100 {
		t.Fatalf("send %d: %v, want ErrStoreFull", sent, err)
	}
	if !ballast() {
		t.Error("the ballast is gone before its time")
	}

	filler := fill(t, dir)
	acked := 0
	for acked < 100 || ballast() {
		if ballast() {
			fill(t, dir) // what the engine has freed meanwhile
			if _, err := send(s, start, 2, queue.Standard, "", "y"); !errors.Is(err, queue.ErrStoreFull) {
				t.Fatalf("send on a full disk: %v, want ErrStoreFull", err)
			}
		}
		res, err := s.Receive(t.Context(), queue.ReceiveRequest{Now: start, Queue: 1, Max: 5, Visibility: time.Minute})
		if err != nil || len(res.Messages) == 0 {
			t.Fatalf("receive on a full disk: %d messages, %v (%v)", len(res.Messages), err, fatal)
		}
		for _, m := range res.Messages {
			got, err := s.Settle(t.Context(), start, []queue.Settlement{{
				Receipt: m.Receipt, Action: queue.Release, NotBefore: start.Add(time.Second), State: []byte(strings.Repeat("s", 1000)),
			}})
			if err != nil || got[0].Err != nil {
				t.Fatalf("release on a full disk: %+v, %v (%v)", got, err, fatal)
			}
			got, err = s.Settle(t.Context(), start, []queue.Settlement{{Receipt: m.Receipt}})
			if err != nil || got[0].Err != nil {
				t.Fatalf("ack on a full disk: %+v, %v (%v)", got, err, fatal)
			}
			acked++
		}
	}
	if n, err := s.Purge(t.Context(), start, 1); err != nil || n != int64(sent-acked) {
		t.Errorf("purge on a full disk: %d, %v, want %d", n, err, sent-acked)
	}

	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(30 * time.Second)
	accepted := false
	for !accepted || !ballast() { // the engine frees what was purged in its own time, and asks for room now and then
		_, err := send(s, start, 2, queue.Standard, "", string(body))
		switch {
		case err != nil && !errors.Is(err, queue.ErrStoreFull):
			t.Fatalf("send when there is room again: %v", err)
		case err == nil:
			accepted = true
		}
		if time.Now().After(deadline) {
			t.Fatalf("there is room again: sends accepted %v, ballast %v", accepted, ballast())
		}
		if _, err := s.Purge(t.Context(), start, 2); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := send(s, start, 2, queue.Standard, "", "z"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Check(t.Context()); err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil || fatal != nil {
		t.Fatal(err, fatal)
	}
	s = openAt(t, data, opts)
	defer s.Close()
	stats, err := s.Stats(t.Context(), start, []queue.ID{1, 2})
	if err != nil || stats[0].Total() != 0 || stats[1].Total() != 1 || stats[0].Acked != int64(acked) {
		t.Errorf("after a new start: %+v, %v", stats, err)
	}
}

func openAt(t *testing.T, dir string, opts pebblestore.Options) *pebblestore.Store {
	t.Helper()
	s, err := pebblestore.Open(dir, opts)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
