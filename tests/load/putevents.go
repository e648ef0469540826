package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// busRules has each bus, of which busMatches match an event; putBatch are the events of a call.
	busRules   = 1000
	busMatches = 3
	putBatch   = 10
	// busTypes is how many types of events there are, each with busMatches rules.
	busTypes = busRules / busMatches
)

// putEvents measures PutEvents of EventBridge: ten events a call, to a bus with 1,000 rules of which three match each event. At
// full load their targets are queues, so that an answer means that ten events and thirty messages are durable; at the fixed rate
// one of the three is a function. The floor is bare POSTs of the same bodies.
func putEvents(ctx context.Context, s settings) error {
	dir, err := os.MkdirTemp("", "router-load-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := s.build(ctx, dir); err != nil {
		return err
	}
	fn := newFunction()
	defer fn.close()
	if err := os.WriteFile(filepath.Join(dir, "router.yaml"), []byte(putEventsFile(fn.url())), 0o600); err != nil {
		return err
	}
	router, err := serve(ctx, s.binary, dir, s.profile != "")
	if err != nil {
		return err
	}
	defer router.stop()
	p := putter{
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 512, MaxConnsPerHost: 512}},
		pad:    strings.Repeat("x", max(s.size-10, 0)), fn: fn,
	}
	defer p.client.CloseIdleConnections()
	to := router.url + "/"
	if _, err := p.closed(ctx, to, "queues", s.publishers, time.Second); err != nil { // everything is warm
		return err
	}

	progress(s, "at %d events/s for %s", s.rate, s.duration)
	answers, err := p.open(ctx, to, s.rate, s.duration)
	if err != nil {
		return err
	}
	fn.wait(ctx, 30*time.Second)
	lost := fn.sent.Load() - fn.received.Load()
	deliveries := fn.latencies()

	progress(s, "full load: %d publishers for %s", s.publishers, s.duration)
	profiled := make(chan error, 1)
	go func() { profiled <- router.profile(ctx, s.profile, s.duration) }()
	put, err := p.closed(ctx, to, "queues", s.publishers, s.duration)
	if err != nil {
		return err
	}
	if err := <-profiled; err != nil {
		return err
	}
	progress(s, "floor: bare POSTs by %d clients for %s", s.publishers, s.duration)
	floor, err := p.closed(ctx, fn.url(), "queues", s.publishers, s.duration)
	if err != nil {
		return err
	}
	fmt.Printf("PutEvents, %d events of %d bytes a call, %d rules of which %d match\n", putBatch, s.size, busRules, busMatches)
	fmt.Printf("  at %d events/s: call to answer p50 %.2f p99 %.2f ms; event to function p50 %.2f p99 %.2f ms; %d lost\n",
		s.rate, answers.P50, answers.P99, deliveries.P50, deliveries.P99, lost)
	fmt.Printf("  full load: %.0f events/s, floor %.0f/s in POSTs of ten: %.2f of the floor\n", put, floor, put/floor)
	if lost != 0 {
		return fmt.Errorf("%d events were acknowledged and not delivered", lost)
	}
	return nil
}

func putEventsFile(function string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "queues: {a: {}, b: {}, c: {}}\nfunctions:\n  sink: {url: %q, format: eventbridge, max_in_flight: 256}\n", function)
	b.WriteString("buses: {queues: {}, mixed: {}}\nrules:\n")
	targets := map[string][busMatches]string{
		"queues": {"queue: a", "queue: b", "queue: c"}, "mixed": {"queue: a", "queue: b", "function: sink"},
	}
	for _, bus := range []string{"queues", "mixed"} {
		for i := range busRules {
			kind, target := i/busMatches, targets[bus][i%busMatches]
			fmt.Fprintf(&b, "  - {name: r%d, bus: %s, when: {source: [load], detail-type: [t%d], detail: {pad: [{prefix: x}]}}, targets: [{%s}]}\n", i, bus, kind, target)
		}
	}
	return b.String()
}

// putter calls PutEvents.
type putter struct {
	client *http.Client
	fn     *function
	pad    string
	next   atomic.Int64
}

// body is a call's, with the events from n on.
func (p *putter) body(bus string, n int64) []byte {
	var b bytes.Buffer
	b.WriteString(`{"Entries":[`)
	for i := range int64(putBatch) {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"EventBusName":%q,"Source":"load","DetailType":"t%d","Detail":%s}`,
			bus, (n+i)%busTypes, strconv.Quote(fmt.Sprintf(`{"n":%d,"pad":"%s"}`, n+i, p.pad)))
	}
	b.WriteString(`]}`)
	return b.Bytes()
}

func (p *putter) put(ctx context.Context, url, bus string, first int64) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(p.body(bus, first)))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-amz-json-1.1")
	req.Header.Set("X-Amz-Target", "AWSEvents.PutEvents")
	return do(p.client, req)
}

// open puts events at a fixed rate, and measures each call from when it was due.
func (p *putter) open(ctx context.Context, url string, rate int, d time.Duration) (latencies, error) {
	p.fn.reset()
	var mu sync.Mutex
	var took []time.Duration
	var failed error
	var wg sync.WaitGroup
	began := time.Now()
	interval := putBatch * time.Second / time.Duration(rate)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for i := 0; i < int(d/interval) && ctx.Err() == nil; i++ {
		due := began.Add(time.Duration(i) * interval)
		if wait := time.Until(due); wait > 0 {
			timer.Reset(wait)
			<-timer.C
		}
		wg.Go(func() {
			first := p.next.Add(putBatch)
			for i := range int64(putBatch) {
				p.fn.sending(first+i, due)
			}
			err := p.put(ctx, url, "mixed", first)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				failed = err
				return
			}
			took = append(took, time.Since(due))
		})
	}
	wg.Wait()
	return percentiles(took), failed
}

// closed puts events from n loops, each waiting for its answer, and returns how many there were per second.
func (p *putter) closed(ctx context.Context, url, bus string, loops int, d time.Duration) (float64, error) {
	var count atomic.Int64
	var failed atomic.Pointer[error]
	var wg sync.WaitGroup
	end := time.Now().Add(d)
	for range loops {
		wg.Go(func() {
			for time.Now().Before(end) && ctx.Err() == nil && failed.Load() == nil {
				if err := p.put(ctx, url, bus, p.next.Add(putBatch)); err != nil {
					failed.Store(&err)
					return
				}
				count.Add(putBatch)
			}
		})
	}
	wg.Wait()
	if err := failed.Load(); err != nil {
		return 0, *err
	}
	return float64(count.Load()) / d.Seconds(), ctx.Err()
}
