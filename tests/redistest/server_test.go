package redistest_test

import (
	"errors"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/signalbox-mq/signalbox/tests/redistest"
)

func set(t *testing.T, s *redistest.Server, key, value string) {
	t.Helper()
	if _, err := s.Do(t.Context(), "SET", key, value); err != nil {
		t.Fatalf("SET %s at %s: %v", key, s.Addr(), err)
	}
}

// wantValue wants a key to have a value; an empty one stands for no key.
func wantValue(t *testing.T, s *redistest.Server, key, want string) {
	t.Helper()
	got, err := s.Do(t.Context(), "GET", key)
	if want == "" && errors.Is(err, redis.Nil) {
		return
	}
	if err != nil || got != want {
		t.Fatalf("GET %s at %s: %v, %v; want %q", key, s.Addr(), got, err, want)
	}
}

func TestRestartKeepsWhatIsInTheAppendOnlyFile(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t, redistest.Options{AppendOnly: "always", MaxMemory: "64mb", Policy: "noeviction", NoSave: true})
	addr, pid := s.Addr(), s.PID()
	set(t, s, "k", "v")
	s.Kill()
	if _, err := s.Do(t.Context(), "PING"); err == nil {
		t.Fatal("a killed server answers")
	}
	s.Restart()
	wantValue(t, s, "k", "v")
	if s.Addr() != addr || s.PID() == pid {
		t.Errorf("restarted at %s as process %d; was at %s as %d", s.Addr(), s.PID(), addr, pid)
	}
	if got := s.Info("memory", "maxmemory"); got != "67108864" {
		t.Errorf("maxmemory is %s", got)
	}
}

func TestRestartLosesWhatWasNotSaved(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t, redistest.Options{NoSave: true, Args: []string{"--databases", "3"}})
	set(t, s, "k", "v")
	s.Restart() // of a server that runs
	wantValue(t, s, "k", "")
	if got, err := s.Do(t.Context(), "CONFIG", "GET", "databases"); err != nil || got.(map[any]any)["databases"] != "3" {
		t.Errorf("the number of databases is %v, %v", got, err)
	}
}
