package redistest_test

import (
	"testing"

	"github.com/signalbox-mq/signalbox/tests/redistest"
)

func TestReplicated(t *testing.T) {
	t.Parallel()
	g := redistest.Replicated(t, 2, redistest.Options{NoSave: true})
	set(t, g.Master, "k", "v")
	g.WaitInSync()
	for _, r := range g.Replicas {
		wantValue(t, r, "k", "v")
	}
	if got, err := g.Master.Do(t.Context(), "WAIT", 2, 0); err != nil || got != int64(2) {
		t.Errorf("WAIT: %v, %v", got, err)
	}
}

func TestPausedReplicaConfirmsNothing(t *testing.T) {
	t.Parallel()
	g := redistest.Replicated(t, 1, redistest.Options{NoSave: true})
	client := g.Master.Client()
	conn := client.Conn() // WAIT is about the writes of its connection
	defer func() { _ = conn.Close() }()
	g.Replicas[0].Pause()
	if err := conn.Set(t.Context(), "k", "v", 0).Err(); err != nil {
		t.Fatal(err)
	}
	if got, err := conn.Do(t.Context(), "WAIT", 1, 50).Result(); err != nil || got != int64(0) {
		t.Errorf("WAIT with a paused replica: %v, %v", got, err)
	}
	g.Replicas[0].Resume()
	if got, err := conn.Do(t.Context(), "WAIT", 1, 0).Result(); err != nil || got != int64(1) {
		t.Errorf("WAIT with the replica back: %v, %v", got, err)
	}
}
