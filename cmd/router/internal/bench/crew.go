package bench

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// maxErrors ends a measurement early: whoever fails that often has nothing to measure.
const maxErrors = 1000

// crew is the clients of a measurement.
type crew struct {
	clients []*client
	errors  atomic.Int64
}

func newCrew(a address, queueURL []byte, clients int, o clientOptions) *crew {
	c := &crew{}
	for i := range clients {
		c.clients = append(c.clients, newClient(a, queueURL, i, o))
	}
	return c
}

func (c *crew) close() {
	for _, client := range c.clients {
		client.close()
	}
}

// each has every client work in a goroutine of its own, and waits for all.
func (c *crew) each(work func(*client)) {
	var wg sync.WaitGroup
	for _, client := range c.clients {
		wg.Go(func() { work(client) })
	}
	wg.Wait()
}

// fail counts an error, unless it is the end of the run.
func (c *crew) fail(ctx context.Context, by *client, err error) {
	if ctx.Err() == nil {
		c.errors.Add(1)
		by.tally.fail(err)
	}
}

// goesOn reports whether there is a reason to.
func (c *crew) goesOn(ctx context.Context) bool {
	return ctx.Err() == nil && c.errors.Load() < maxErrors
}

// window is the time in which operations are counted, by when they end: a rate so has neither less nor more than its time.
type window struct{ from, until time.Time }

// count counts an operation if it ended in the window.
func (t *tally) count(w window, began, ended time.Time, messages int64) {
	if ended.Before(w.from) || ended.After(w.until) {
		return
	}
	t.histogram.record(ended.Sub(began))
	t.operations++
	t.messages += messages
	t.last = ended
}

// repeat has each client repeat a step, which is about so many messages, until the window's end.
func (c *crew) repeat(ctx context.Context, w window, messages int64, step func(context.Context, *client) error) {
	c.each(func(client *client) {
		for began := time.Now(); began.Before(w.until) && c.goesOn(ctx); {
			err := step(ctx, client)
			ended := time.Now()
			if err != nil {
				c.fail(ctx, client, err)
			} else {
				client.tally.count(w, began, ended, messages)
			}
			began = ended
		}
	})
}

// Sample is one measurement.
type Sample struct {
	// Rate is in messages per second, 0 if nothing was measured.
	Rate     float64 `json:"messages_per_second"`
	Messages int64   `json:"messages"`
	// Operations are the cycles of the scenario that Latency is of: a send, a receive with its delete, and so on.
	Operations int64   `json:"operations"`
	Seconds    float64 `json:"seconds"`
	Latency    Latency `json:"latency"`
	// Reconnects are how often the server had closed a connection between two requests.
	Reconnects int64  `json:"reconnects,omitempty"`
	Errors     int64  `json:"errors"`
	FirstError string `json:"first_error,omitempty"`

	histogram histogram
}

// sample puts together what the clients counted in the time from began until until, or until the last of it if that was all
// there was.
func (c *crew) sample(began, until time.Time, all bool) *Sample {
	s := &Sample{}
	var last time.Time
	for _, client := range c.clients {
		t := &client.tally
		s.histogram.merge(&t.histogram)
		s.Operations += t.operations
		s.Messages += t.messages
		s.Reconnects += t.reconnects
		s.Errors += t.errors
		if t.first != nil && s.FirstError == "" {
			s.FirstError = t.first.Error()
		}
		if t.last.After(last) {
			last = t.last
		}
	}
	if all && last.Before(until) {
		until = last
	}
	if s.Seconds = max(until.Sub(began).Seconds(), 0); s.Seconds > 0 {
		s.Rate = float64(s.Messages) / s.Seconds
	}
	s.Latency = s.histogram.latency()
	return s
}

// fail adds an error to a sample.
func (s *Sample) fail(err error) {
	if s.Errors++; s.FirstError == "" {
		s.FirstError = err.Error()
	}
}
