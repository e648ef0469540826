package bench

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync/atomic"
	"time"
)

// scenario is one way of using a queue.
type scenario struct {
	name string
	// floors says that the floors can do it too.
	floors bool
	// once says that it is measured once, whatever the rounds.
	once bool
	run  func(m *measurement, ctx context.Context) ([]phase, error)
}

// phase is a part of a scenario that has a figure of its own; most scenarios are one.
type phase struct {
	name   string
	sample *Sample
	// memory is nil where it is of no interest.
	memory *Memory
}

func scenarios() []scenario {
	return []scenario{
		{name: "send", floors: true, run: (*measurement).send},
		{name: "send-batch", floors: true, run: (*measurement).sendBatch},
		{name: "receive-delete", run: (*measurement).receiveDelete},
		{name: "receive-delete-1", run: (*measurement).receiveDelete1},
		{name: "round-trip", run: (*measurement).roundTrip},
		{name: "long-poll", run: (*measurement).longPoll},
		{name: "backlog", once: true, run: (*measurement).backlog},
	}
}

// ScenarioNames returns the names of all scenarios.
func ScenarioNames() []string {
	var names []string
	for _, s := range scenarios() {
		names = append(names, s.name)
	}
	return names
}

func scenarioNamed(name string) (scenario, bool) {
	for _, s := range scenarios() {
		if s.name == name {
			return s, true
		}
	}
	return scenario{}, false
}

// measurement is one round of one scenario on one server, with a queue of its own.
type measurement struct {
	options  *Options
	address  address
	queueURL []byte
	body     int
	clients  int
	// profile takes a profile of a phase that begins at a time; the function it returns waits for its end.
	profile func(ctx context.Context, phase string, at time.Time) (wait func() error)
	// server is the own server's process, nil if it is another's.
	server *child
}

func (m *measurement) crew(most int) *crew {
	return newCrew(m.address, m.queueURL, m.clients, clientOptions{body: m.body, most: most})
}

func (m *measurement) send(ctx context.Context) ([]phase, error) {
	return m.repeat(ctx, "send", 1, func(ctx context.Context, c *client) error { return c.sendOne(ctx) })
}

func (m *measurement) sendBatch(ctx context.Context) ([]phase, error) {
	return m.repeat(ctx, "send-batch", batchSize, func(ctx context.Context, c *client) error { return c.sendTen(ctx) })
}

// repeat measures clients that do one thing again and again.
func (m *measurement) repeat(ctx context.Context, name string, messages int64, step func(context.Context, *client) error) ([]phase, error) {
	crew := m.crew(1)
	defer crew.close()
	from := time.Now().Add(m.options.Warmup)
	w := window{from: from, until: from.Add(m.options.Duration)}
	profiled := m.profile(ctx, name, w.from)
	crew.repeat(ctx, w, messages, step)
	return []phase{{name: name, sample: crew.sample(w.from, w.until, false)}}, errors.Join(ctx.Err(), profiled())
}

// roundTrip measures the whole life of a message: each client sends one, receives one (its own or another's) and deletes it.
func (m *measurement) roundTrip(ctx context.Context) ([]phase, error) {
	var sent, deleted atomic.Int64
	phases, err := m.repeat(ctx, "round-trip", 1, func(ctx context.Context, c *client) error {
		if err := c.sendOne(ctx); err != nil {
			return err
		}
		sent.Add(1)
		// There is always one for each who sent: if not at once, the server was slow to show it.
		for limit := time.Now().Add(m.options.stall()); ; {
			if err := c.receiveSome(ctx); err != nil {
				return err
			}
			if len(c.ans.messages) > 0 {
				break
			}
			if time.Now().After(limit) {
				return fmt.Errorf("ReceiveMessage: none of the messages sent came within %s", m.options.stall())
			}
		}
		if err := c.deleteOne(ctx); err != nil {
			return err
		}
		deleted.Add(1)
		return nil
	})
	if s := phases[0].sample; err == nil && s.Errors == 0 {
		if sent.Load() != deleted.Load() {
			s.fail(fmt.Errorf("%d messages were sent and %d deleted", sent.Load(), deleted.Load()))
		} else if err := m.empty(ctx); err != nil {
			s.fail(err)
		}
	}
	return phases, err
}

func (m *measurement) receiveDelete(ctx context.Context) ([]phase, error) {
	return m.fillAndDrain(ctx, "receive-delete", batchSize, 100_000)
}

func (m *measurement) receiveDelete1(ctx context.Context) ([]phase, error) {
	return m.fillAndDrain(ctx, "receive-delete-1", 1, 20_000)
}

// fillAndDrain measures the drain of what it sends before, which is the warm-up. The drain is measured until the queue is
// empty or the time over, and what is left then is drained too, so that the count can be checked. It fills for as long as
// it will drain, with no more than can be drained at the rate of atMost, and no more than 1 GiB.
func (m *measurement) fillAndDrain(ctx context.Context, name string, most int, atMost float64) ([]phase, error) {
	crew := m.crew(most)
	defer crew.close()
	o := m.options
	wanted := min(int64(atMost*o.Duration.Seconds())+batchSize, max(1<<30/int64(m.body), batchSize))
	sent := crew.fill(ctx, wanted, window{until: time.Now().Add(o.Warmup + o.Duration)}, nil)
	began := time.Now()
	until := began.Add(o.Duration)
	profiled := m.profile(ctx, name, began)
	err := crew.drain(ctx, sent, most, window{from: began, until: until}, o.stall())
	s := crew.sample(began, until, true)
	m.drained(ctx, s, err)
	return []phase{{name: name, sample: s}}, errors.Join(ctx.Err(), profiled())
}

// drained checks what a drain came to.
func (m *measurement) drained(ctx context.Context, s *Sample, err error) {
	if err == nil && s.Errors == 0 {
		err = m.empty(ctx)
	}
	if err != nil && ctx.Err() == nil {
		s.fail(err)
	}
}

// backlog measures how fast many messages are sent, how fast they are drained, and what memory the server takes for it.
func (m *measurement) backlog(ctx context.Context) ([]phase, error) {
	const send, drain = "backlog-send", "backlog-drain"
	if m.server != nil {
		forgetPeak(m.server.cmd.Process.Pid)
	}
	filling := m.crew(batchSize)
	defer filling.close()
	began := time.Now()
	forever := began.Add(math.MaxInt64)
	profiled := m.profile(ctx, send, began)
	wanted := int64(m.options.Messages) / batchSize * batchSize
	sent := filling.fill(ctx, wanted, window{from: began, until: forever}, (*tally).count)
	filled := filling.sample(began, forever, true)
	if sent != wanted && ctx.Err() == nil && filled.Errors == 0 {
		filled.fail(fmt.Errorf("%d of %d messages were sent", sent, wanted))
	}
	phases := []phase{{name: send, sample: filled, memory: m.memory()}}
	if err := errors.Join(ctx.Err(), profiled()); err != nil {
		return phases, err
	}

	draining := m.crew(batchSize)
	defer draining.close()
	began = time.Now()
	profiled = m.profile(ctx, drain, began)
	err := draining.drain(ctx, sent, batchSize, window{from: began, until: forever}, m.options.stall())
	drained := draining.sample(began, forever, true)
	m.drained(ctx, drained, err)
	phases = append(phases, phase{name: drain, sample: drained, memory: m.memory()})
	return phases, errors.Join(ctx.Err(), profiled())
}

// memory is what the own server takes, nil of another's.
func (m *measurement) memory() *Memory {
	if m.server == nil {
		return nil
	}
	resident, peak := memoryOf(m.server.cmd.Process.Pid)
	return &Memory{PeakRSS: peak, RSSAfter: resident}
}

// empty checks that the queue gives no message.
func (m *measurement) empty(ctx context.Context) error {
	c := newClient(m.address, m.queueURL, 0, clientOptions{body: m.body, most: batchSize})
	defer c.close()
	if err := c.receiveSome(ctx); err != nil {
		return err
	}
	if n := len(c.ans.messages); n > 0 {
		return fmt.Errorf("ReceiveMessage: all that was sent was deleted, and the queue gave %d more", n)
	}
	return nil
}
