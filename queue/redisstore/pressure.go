package redisstore

import (
	"context"
	"strconv"
	"time"
)

const (
	// From fullAbove of its memory a master takes no new messages; below fullBelow it takes them again. What is between them and
	// the end is for acknowledgements, which need a little memory too, and for what arrives before the next look.
	fullAbove = 0.85
	fullBelow = 0.80

	watchEvery   = time.Second
	watchTimeout = time.Second

	recheckEvery   = time.Minute
	recheckTimeout = 10 * time.Second
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

// watch looks at every master's memory each second, and at everything else each minute.
func (c *client) watch() {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	known := map[string]bool{}
	for _, text := range c.report.warnings {
		known[text] = true
	}
	for rechecked := time.Now(); ; {
		c.look()
		if time.Since(rechecked) > recheckEvery {
			ctx, cancel := context.WithTimeout(c.background, recheckTimeout)
			known = c.recheck(ctx, known)
			cancel()
			rechecked = time.Now()
		}
		select {
		case <-tick.C:
		case <-c.background.Done():
			return
		}
	}
}

func (c *client) look() {
	ctx, cancel := context.WithTimeout(c.background, watchTimeout)
	defer cancel()
	_ = c.each(ctx, func(ctx context.Context, m *master) error {
		text, err := m.node.Info(ctx, "memory").Result()
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
	c.forget()
}

// forget drops what is known of servers that are masters no more.
func (c *client) forget() {
	current := c.current(c.background)
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
