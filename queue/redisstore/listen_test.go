package redisstore

import (
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/signalbox-mq/signalbox/tests/redistest"
)

// heard collects what a listener was told.
type heard struct {
	mu       sync.Mutex
	messages []string
	lost     [shardCount]int
}

func (h *heard) message(shard int, payload string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.messages = append(h.messages, fmt.Sprint(shard, " ", payload))
}

func (h *heard) gone(shard int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lost[shard]++
}

func (h *heard) has(message string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Contains(h.messages, message)
}

// begun says that every one of the shards was lost more often than before says.
func (h *heard) begun(before [shardCount]int) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	for shard, n := range h.lost {
		if n <= before[shard] {
			return false
		}
	}
	return true
}

func (h *heard) counts() [shardCount]int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.lost
}

func listenAll(t *testing.T, c *client) *heard {
	t.Helper()
	h := &heard{}
	t.Cleanup(c.listen(h.message, h.gone))
	eventually(t, "all shards are listened to", func() bool { return h.begun([shardCount]int{}) })
	return h
}

// wakeAll publishes a message to every shard, which must be heard.
func wakeAll(t *testing.T, c *client, h *heard, payload string) {
	t.Helper()
	for shard := range shardCount {
		if _, err := c.call(t.Context(), shard, "lt1_wake", 0, payload); err != nil {
			t.Fatalf("shard %d: %v", shard, err)
		}
	}
	for shard := range shardCount {
		eventually(t, fmt.Sprintf("%q of shard %d is heard", payload, shard), func() bool {
			return h.has(strconv.Itoa(shard) + " " + payload)
		})
	}
}

func TestListen(t *testing.T) {
	t.Parallel()
	t.Run("standalone", func(t *testing.T) {
		t.Parallel()
		c := connect(t, Options{URL: urlOf(redistest.Start(t, inMemory))})
		wakeAll(t, c, listenAll(t, c), "hello")
	})
	t.Run("cluster", func(t *testing.T) {
		t.Parallel()
		c := connect(t, Options{URL: urlOf(redistest.Cluster(t, 3, 0, inMemory).Nodes...)})
		wakeAll(t, c, listenAll(t, c), "hello")
	})
}

func TestListenAgainAfterRestart(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t, inMemory)
	c := connect(t, Options{URL: urlOf(s)})
	h := listenAll(t, c)
	before := h.counts()
	s.Restart()
	eventually(t, "all shards are listened to again", func() bool { return h.begun(before) })
	wakeAll(t, c, h, "after")
}

// A server that was stopped keeps its connections, and is noticed only because it does not answer.
func TestListenNoticesSilence(t *testing.T) {
	t.Parallel()
	s := redistest.Start(t, inMemory)
	c := connect(t, Options{URL: urlOf(s)})
	h := listenAll(t, c)
	before := h.counts()
	s.Pause()
	// The connection is given up while the server is still stopped: once it goes on, there is another one.
	eventually(t, "the silence is noticed", func() bool { return c.single.PoolStats().PubSubStats.Untracked > 0 })
	s.Resume()
	eventually(t, "all shards are listened to again", func() bool { return h.begun(before) })
	wakeAll(t, c, h, "after")
}

func TestListenFollowsShard(t *testing.T) {
	t.Parallel()
	g := redistest.Cluster(t, 3, 0, inMemory)
	c := connect(t, Options{URL: urlOf(g.Nodes...)})
	h := listenAll(t, c)
	before := h.counts()
	const shard = 5
	g.Reshard(slotOfShard(shard), g.Nodes[0], g.Nodes[2])
	eventually(t, "the shard is listened to again", func() bool { return h.counts()[shard] > before[shard] })
	wakeAll(t, c, h, "after")
	if after := h.counts(); after[20] != before[20] || after[60] != before[60] {
		t.Error("shards that did not move were lost")
	}
}
