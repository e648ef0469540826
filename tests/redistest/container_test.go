package redistest

import (
	"context"
	"testing"
	"time"
)

// In containers, Kill, Pause and Restart do as with processes, and a failover comes about. It sets the environment, so
// it runs alone.
func TestContainers(t *testing.T) {
	if provider, err := engine(t); err != nil {
		t.Skipf("no container engine answers: %v", err)
	} else if err := provider.Close(); err != nil {
		t.Error(err)
	}
	t.Setenv("SIGNALBOX_REDIS", "docker")
	s := Start(t, Options{AppendOnly: "always", NoSave: true})
	pid := s.PID()
	s.must("SET", "k", "v")
	s.Pause()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := s.Do(ctx, "PING"); err == nil {
		t.Error("a paused server answers")
	}
	s.Resume()
	s.Kill()
	if s.runs() {
		t.Error("it runs after Kill")
	}
	s.Restart()
	if got := s.must("GET", "k"); got != "v" || s.PID() == pid {
		t.Errorf("after a restart the value is %v, the process %d as before", got, s.PID())
	}

	g := Sentinel(t, 1, Options{NoSave: true})
	old := g.Master()
	old.Kill()
	g.WaitFailover(old)

	c := Cluster(t, 3, 1, Options{NoSave: true})
	old = c.MasterOf(0)
	old.Pause()
	c.WaitFailover(old)
	c.Reshard(0, c.MasterOf(0), c.MasterOf(Slots-1))
	old.Kill() // a paused one
	old.Restart()
	c.WaitReady()
}
