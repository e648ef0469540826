package tests

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/signalbox-mq/signalbox/tests/harness"
)

// seededRandom is the source of a test's decisions. The seed is printed, and SIGNALBOX_SEED sets it.
func seededRandom(t *testing.T) (*rand.Rand, uint64) {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	if s, err := strconv.ParseUint(os.Getenv("SIGNALBOX_SEED"), 10, 64); err == nil {
		seed = s
	}
	t.Logf("SIGNALBOX_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 0)), seed
}

// killRound is one round of a test that kills the router under its clients: they work until so many of their requests were
// acknowledged.
type killRound struct {
	// victim is the node to kill; nil for all. The clients go on by the others until as many requests more were acknowledged.
	victim *harness.Node

	killAfter    int64
	acknowledged atomic.Int64
	enough       chan struct{} // closed when killAfter requests were acknowledged
	more         chan struct{} // closed when that was so twice
	stop         chan struct{} // closed when the clients should end
}

func newKillRound(killAfter int64) *killRound {
	return &killRound{killAfter: killAfter, enough: make(chan struct{}), more: make(chan struct{}), stop: make(chan struct{})}
}

// acked counts a request.
func (k *killRound) acked() {
	switch k.acknowledged.Add(1) {
	case k.killAfter:
		close(k.enough)
	case 2 * k.killAfter:
		close(k.more)
	}
}

// over says whether the clients should end.
func (k *killRound) over() bool {
	select {
	case <-k.stop:
		return true
	default:
		return false
	}
}

// kill waits until enough was acknowledged, kills the router or one node of it, and waits for the clients to end. It returns
// when the kill began.
func (k *killRound) kill(t *testing.T, r *harness.Router, clients *sync.WaitGroup) (began time.Time) {
	t.Helper()
	k.await(t, k.enough, k.killAfter)
	began = time.Now()
	if k.victim != nil {
		k.victim.Kill()
		k.await(t, k.more, 2*k.killAfter)
	} else {
		r.Kill()
	}
	close(k.stop)
	clients.Wait()
	return began
}

// await waits until so many requests were acknowledged.
func (k *killRound) await(t *testing.T, reached <-chan struct{}, want int64) {
	t.Helper()
	limit := time.NewTimer(harness.Limit)
	defer limit.Stop()
	select {
	case <-reached:
	case <-limit.C:
		t.Errorf("%d requests were acknowledged in %v, want %d", k.acknowledged.Load(), harness.Limit, want)
	}
}

// complaints are what clients found wrong. Its lock guards what it is part of.
type complaints struct {
	mu     sync.Mutex
	faults []string
}

func (c *complaints) complain(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.complainLocked(format, args...)
}

func (c *complaints) complainLocked(format string, args ...any) {
	c.faults = append(c.faults, fmt.Sprintf(format, args...))
}

// problems returns what was complained about since the last call.
func (c *complaints) problems() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	faults := c.faults
	c.faults = nil
	return faults
}
