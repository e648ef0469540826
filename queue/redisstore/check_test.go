package redisstore

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/tests/redistest"
)

// good is a master with which nothing is wrong.
func good() facts {
	return facts{
		addr: "h:1", redis: "7.0.15", role: "master", online: 1, aof: true, appendfsync: "everysec", memoryKnown: true,
		maxmemory: 1 << 30, policy: "noeviction", minReplicas: "1",
	}
}

// The cases with WAITAOF are decided from facts only: no test here has seen a server that knows it.
func TestDecide(t *testing.T) {
	t.Parallel()
	with := func(change func(*facts)) facts {
		f := good()
		change(&f)
		return f
	}
	none := func(f *facts) { f.online = 0 }
	for name, test := range map[string]struct {
		want    string // durability wanted; "" for auto
		masters []facts
		got     string
		confirm confirmation
		refused string // part of the refusal
		warns   string // part of a warning, or "-" for none
	}{
		"replica":           {"", []facts{good()}, "replicas:1", confirmation{replicas: 1}, "", "-"},
		"replica of each":   {"", []facts{good(), good()}, "replicas:1", confirmation{replicas: 1}, "", "-"},
		"not of each":       {"", []facts{good(), with(none)}, "async", confirmation{}, "", "durability is async"},
		"everysec":          {"", []facts{with(none)}, "async", confirmation{}, "", "durability is async"},
		"always":            {"", []facts{with(func(f *facts) { none(f); f.appendfsync = "always" })}, "fsync", confirmation{}, "", "-"},
		"waitaof":           {"", []facts{with(func(f *facts) { none(f); f.waitaof = true })}, "fsync", confirmation{aof: true}, "", "-"},
		"waitaof, no aof":   {"", []facts{with(func(f *facts) { none(f); f.waitaof, f.aof = true, false })}, "async", confirmation{}, "", "appendonly is off"},
		"async":             {"async", []facts{good()}, "async", confirmation{}, "", "-"},
		"replicas:2":        {"replicas:2", []facts{good()}, "", confirmation{}, "needs 2 replicas", ""},
		"replicas:2, has":   {"replicas:2", []facts{with(func(f *facts) { f.online = 2 })}, "replicas:2", confirmation{replicas: 2}, "", "-"},
		"fsync, everysec":   {"fsync", []facts{good()}, "", confirmation{}, "appendfsync always", ""},
		"fsync, no aof":     {"fsync", []facts{with(func(f *facts) { f.aof = false })}, "", confirmation{}, "appendonly yes", ""},
		"fsync, unknown":    {"fsync", []facts{with(func(f *facts) { f.appendfsync = "" })}, "", confirmation{}, "could not be checked", ""},
		"fsync, waitaof":    {"fsync", []facts{with(func(f *facts) { f.waitaof, f.appendfsync = true, "" })}, "fsync", confirmation{aof: true}, "", "-"},
		"fsync, mixed":      {"fsync", []facts{with(func(f *facts) { f.waitaof = true }), with(func(f *facts) { f.appendfsync = "always" })}, "", confirmation{}, "same way", ""},
		"old":               {"", []facts{with(func(f *facts) { f.redis = "6.2.14" })}, "", confirmation{}, "too old", ""},
		"valkey":            {"", []facts{with(func(f *facts) { f.redis, f.valkey = "7.2.4", "8.1.1" })}, "replicas:1", confirmation{replicas: 1}, "", "-"},
		"redis 10":          {"", []facts{with(func(f *facts) { f.redis = "10.0.0" })}, "replicas:1", confirmation{replicas: 1}, "", "-"},
		"replica itself":    {"", []facts{with(func(f *facts) { f.role = "slave" })}, "", confirmation{}, "is a replica", ""},
		"evicts":            {"", []facts{with(func(f *facts) { f.policy = "volatile-lru" })}, "", confirmation{}, "maxmemory-policy is volatile-lru", ""},
		"evicts, unlimited": {"", []facts{with(func(f *facts) { f.policy, f.maxmemory = "volatile-lru", 0 })}, "replicas:1", confirmation{replicas: 1}, "", "maxmemory is not set"},
		"hidden":            {"", []facts{with(func(f *facts) { f.memoryKnown = false })}, "replicas:1", confirmation{replicas: 1}, "", "could not be read"},
		"nothing kept":      {"", []facts{with(func(f *facts) { none(f); f.aof = false })}, "async", confirmation{}, "", "appendonly is off"},
		"lagging":           {"", []facts{with(func(f *facts) { f.lagging = []string{"r:1 (wait_bgsave)"} })}, "replicas:1", confirmation{replicas: 1}, "", "does not follow"},
		"skew":              {"", []facts{with(func(f *facts) { f.skew = 3 * time.Second })}, "replicas:1", confirmation{replicas: 1}, "", "3s apart"},
		"unchecked":         {"", []facts{with(func(f *facts) { f.unchecked = "NOPERM" })}, "replicas:1", confirmation{replicas: 1}, "", "could not be checked"},
	} {
		var want Durability
		if test.want != "" {
			want, _ = parseDurability(test.want)
		}
		r, err := decide(test.masters, want)
		if test.refused != "" {
			if !isRefusal(err) || !strings.Contains(err.Error(), test.refused) {
				t.Errorf("%s: %v, want a refusal with %q", name, err, test.refused)
			}
			continue
		}
		if err != nil || r.durability.String() != test.got || r.confirmation != test.confirm {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
		warnings := strings.Join(r.warnings, "\n")
		if test.warns == "-" && warnings != "" || test.warns != "-" && !strings.Contains(warnings, test.warns) {
			t.Errorf("%s: warnings %q", name, warnings)
		}
	}
}

func TestReadInfo(t *testing.T) {
	t.Parallel()
	var f facts
	f.readInfo(parseInfo("# Replication\r\nrole:master\r\nconnected_slaves:3\r\n" +
		"slave0:ip=10.0.0.2,port=6379,state=online,offset=1,lag=0\r\n" +
		"slave1:ip=10.0.0.3,port=6379,state=wait_bgsave,offset=0,lag=0\r\n" +
		"slave2:ip=10.0.0.4,port=6379,state=online,offset=1,lag=0\r\n"))
	if f.role != "master" || f.online != 2 || len(f.lagging) != 1 || f.lagging[0] != "10.0.0.3:6379 (wait_bgsave)" {
		t.Errorf("%+v", f)
	}
}

// Servers as they are set up, and what is made of them.
func TestDial(t *testing.T) {
	t.Parallel()
	try := func(t *testing.T, o Options) (report, error) {
		t.Helper()
		c, err := dial(t.Context(), o, testLibrary)
		if err != nil {
			return report{}, err
		}
		defer c.close()
		return c.describe(), nil
	}
	refused := func(t *testing.T, url, reason string) {
		t.Helper()
		if _, err := try(t, Options{URL: url}); err == nil || !isRefusal(err) && !isInvalid(err) || !strings.Contains(err.Error(), reason) {
			t.Errorf("%s: %v, want a refusal with %q", url, err, reason)
		}
	}
	accepted := func(t *testing.T, url, durability string) report {
		t.Helper()
		r, err := try(t, Options{URL: url})
		if err != nil || r.durability.String() != durability {
			t.Errorf("%s: %+v, %v, want %s", url, r, err, durability)
		}
		return r
	}
	t.Run("bare", func(t *testing.T) {
		t.Parallel()
		s := redistest.Start(t, inMemory)
		r := accepted(t, urlOf(s), "async")
		if r.servers != "standalone, Redis 7.0.15" && !strings.HasPrefix(r.servers, "standalone, ") || len(r.warnings) != 3 {
			t.Errorf("%+v", r)
		}
		refused(t, urlOf(s)+"?durability=replicas:1", "needs 1 replicas")
		refused(t, urlOf(s)+"?durability=fsync", "appendonly yes")
		refused(t, urlOf(s)+","+s.Addr(), "several hosts")
		refused(t, urlOf(s)+"?mode=cluster", "cluster support disabled")
		if _, err := s.Do(t.Context(), "set", namesIn(DefaultNamespace).tags[0]+":shards", "32"); err != nil {
			t.Fatal(err)
		}
		refused(t, urlOf(s), "32")
	})
	t.Run("always", func(t *testing.T) {
		t.Parallel()
		s := redistest.Start(t, redistest.Options{NoSave: true, AppendOnly: "always", MaxMemory: "100mb"})
		if r := accepted(t, urlOf(s), "fsync"); len(r.warnings) != 0 || r.confirmation.needed() {
			t.Errorf("%+v", r)
		}
		accepted(t, urlOf(s)+"?durability=fsync", "fsync")
		accepted(t, urlOf(s)+"/3", "fsync")
	})
	t.Run("everysec", func(t *testing.T) {
		t.Parallel()
		s := redistest.Start(t, redistest.Options{NoSave: true, AppendOnly: "everysec"})
		known, err := s.Do(t.Context(), "command", "info", "waitaof")
		if err != nil {
			t.Fatal(err)
		}
		if list, ok := known.([]any); ok && len(list) == 1 && list[0] != nil {
			t.Skip("this server has WAITAOF")
		}
		refused(t, urlOf(s)+"?durability=fsync", "and it is everysec")
	})
	t.Run("evicting", func(t *testing.T) {
		t.Parallel()
		s := redistest.Start(t, redistest.Options{NoSave: true, MaxMemory: "100mb", Policy: "allkeys-lru"})
		refused(t, urlOf(s), "maxmemory-policy is allkeys-lru")
	})
	t.Run("replica", func(t *testing.T) {
		t.Parallel()
		g := redistest.Replicated(t, 1, inMemory)
		accepted(t, urlOf(g.Master), "replicas:1")
		accepted(t, urlOf(g.Master)+"?durability=async", "async")
		refused(t, urlOf(g.Master)+"?durability=replicas:2", "there are 1")
		refused(t, urlOf(g.Replicas...), "is a replica")
	})
	t.Run("password", func(t *testing.T) {
		t.Parallel()
		s := redistest.Start(t, inMemory)
		for _, command := range [][]any{
			{"acl", "setuser", "app", "on", ">secret", "~*", "&*", "+@all", "-config"},
			{"config", "set", "requirepass", "hunter2"},
		} {
			if _, err := s.Do(t.Context(), command...); err != nil {
				t.Fatal(err)
			}
		}
		refused(t, urlOf(s), "NOAUTH")
		if _, err := try(t, Options{URL: "redis://:hunter3@" + s.Addr()}); err == nil || !isRefusal(err) || strings.Contains(err.Error(), "hunter") {
			t.Errorf("wrong password: %v", err)
		}
		file := filepath.Join(t.TempDir(), "password")
		if err := os.WriteFile(file, []byte("hunter2\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		accepted(t, urlOf(s)+"?password_file="+file, "async")
		// What an account may not see is not held against it.
		r := accepted(t, "redis://app:secret@"+s.Addr(), "async")
		if text := strings.Join(r.warnings, "\n"); !strings.Contains(text, "could not be checked") {
			t.Errorf("without CONFIG: %q", text)
		}
	})
	t.Run("nobody", func(t *testing.T) {
		t.Parallel()
		if _, err := try(t, Options{URL: "redis://127.0.0.1:1", DialTimeout: -1}); !errors.Is(err, queue.ErrUnavailable) || isRefusal(err) {
			t.Errorf("nobody there: %v", err)
		}
	})
}

func TestDialWaitsForServer(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t, inMemory)
	s.Kill()
	done := make(chan error)
	go func() {
		c, err := dial(t.Context(), Options{URL: urlOf(s)}, testLibrary)
		if err == nil {
			c.close()
		}
		done <- err
	}()
	s.Restart()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// Settings that are changed under a running node are noticed, and logged once.
func TestRecheck(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t, redistest.Options{NoSave: true, AppendOnly: "always", MaxMemory: "100mb"})
	var mu sync.Mutex
	var logged []string
	c := connect(t, Options{URL: urlOf(s), Log: func(level LogLevel, text string) {
		mu.Lock()
		defer mu.Unlock()
		if level == LogError {
			logged = append(logged, text)
		}
	}})
	errorsAfter := func(known map[string]bool) (map[string]bool, int) {
		known = c.recheck(t.Context(), known)
		mu.Lock()
		defer mu.Unlock()
		return known, len(logged)
	}
	known, n := errorsAfter(nil)
	if n != 0 {
		t.Errorf("nothing was changed: %q", logged)
	}
	if _, err := s.Do(t.Context(), "config", "set", "appendfsync", "everysec"); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if known, n = errorsAfter(known); n != 1 {
			t.Errorf("appendfsync was changed: %q", logged)
		}
	}
}
