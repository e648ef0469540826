package redisstore

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// From fullAbove of its memory a master takes no new messages; below fullBelow it takes them again. What is between them and
	// the end is for acknowledgements, which need a little memory too, and for what arrives before the next look.
	fullAbove = 0.85
	fullBelow = 0.80

	watchEvery   = time.Second
	watchSilent  = 200 * time.Millisecond
	watchTimeout = time.Second
	silentAfter  = 2 // looks without an answer

	recheckEvery   = time.Minute
	recheckTimeout = 3 * time.Second
)

// memory is what a master's memory was at the last look.
type memory struct {
	// used is what counts against max, in bytes: without the buffers for replicas and the append-only file, which Redis does
	// not count either. max is maxmemory, zero for unlimited.
	used, max int64
	full      bool
}

// measure returns what a section "memory" of INFO says, where before says what was last.
func measure(info map[string]string, before *memory) *memory {
	number := func(name string) int64 {
		n, _ := strconv.ParseInt(info[name], 10, 64)
		return n
	}
	m := &memory{used: max(0, number("used_memory")-number("mem_not_counted_for_evict")), max: number("maxmemory")}
	if m.max > 0 {
		share := float64(m.used) / float64(m.max)
		m.full = share >= fullAbove || share >= fullBelow && before != nil && before.full
	}
	return m
}

// full says that the master of a shard has little memory left, so that new messages are to be refused.
func (c *client) full(shard int) bool {
	m, err := c.master(c.background, shard)
	if err != nil {
		return false
	}
	at := m.memory.Load()
	return at != nil && at.full
}

// Memory is what a master said of its memory in the last second.
type Memory struct {
	Address string
	// Used counts against Max, in bytes. Max is zero for no limit.
	Used, Max int64
	// Full says that appends are refused, with queue.ErrStoreFull: from 85 % of Max on, until below 80 %.
	Full bool
}

// Memory returns the memory of every master that could be asked.
func (s *Store) Memory() []Memory { return s.c.usages() }

// usages returns the memory of every master that could be asked.
func (c *client) usages() []Memory {
	var all []Memory
	for _, m := range c.current(c.background) {
		if at := m.memory.Load(); at != nil {
			all = append(all, Memory{m.addr, at.used, at.max, at.full})
		}
	}
	return all
}

// watch looks at every master's memory each second, more often while one does not answer, and at everything else each minute.
func (c *client) watch() {
	known := map[string]bool{}
	for _, text := range c.report.warnings {
		known[text] = true
	}
	for rechecked := time.Now(); ; {
		pause := watchEvery
		if c.look() {
			pause = watchSilent
		}
		if time.Since(rechecked) > recheckEvery {
			ctx, cancel := context.WithTimeout(c.background, recheckTimeout)
			known = c.recheck(ctx, known)
			cancel()
			rechecked = time.Now()
		}
		if sleep(c.background, pause) != nil {
			return
		}
	}
}

// look asks every master for its memory, and so whether it is there. It tells whether one has not answered for a while.
func (c *client) look() (silent bool) {
	ctx, cancel := context.WithTimeout(c.background, watchTimeout)
	defer cancel()
	_ = c.each(ctx, func(ctx context.Context, m *master) error {
		text, err := m.node.Info(ctx, "memory").Result()
		c.heard(m, err)
		if err != nil {
			return err
		}
		before := m.memory.Load()
		at := measure(parseInfo(text), before)
		m.memory.Store(at)
		if was := before != nil && before.full; at.full != was {
			level, text := LogInfo, "has memory again: new messages are taken"
			if at.full {
				level, text = LogWarn, "has little memory left: new messages are refused"
			}
			c.log(level, m.addr+": "+text)
		}
		return nil
	})
	current := c.current(c.background)
	c.forget(current)
	for _, m := range current {
		silent = silent || m.silent.Load()
	}
	return silent
}

// heard notes whether a master answered a look.
func (c *client) heard(m *master, err error) {
	if _, replied := errors.AsType[redis.Error](err); err == nil || replied {
		m.missed = 0
		refuses := judge(err, false) == refused
		switch silent := m.silent.Swap(false); {
		case refuses && !m.refuses:
			c.log(LogError, m.addr+": refuses: "+err.Error())
		case !refuses && (silent || m.refuses):
			c.log(LogInfo, m.addr+": answers again")
		}
		m.refuses = refuses
		return
	}
	c.reload(c.background)
	if m.missed++; m.missed >= silentAfter && c.background.Err() == nil && !m.silent.Swap(true) {
		c.log(LogError, m.addr+": does not answer: "+err.Error())
	}
}

// forget drops what is known of servers that are masters no more.
func (c *client) forget(current map[*redis.Client]*master) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for node, m := range c.masters {
		if current[node] == nil {
			// Who has got it just now finds its lines closed, and asks again.
			m.plain.close()
			m.durable.close()
			delete(c.masters, node)
		}
	}
}
