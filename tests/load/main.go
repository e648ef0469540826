// Command load measures the router from outside: from a publish over HTTP to the first attempt at a function, on loopback,
// at a fixed rate and at full load; beside the floor, which is the same number of bare HTTP POSTs to the same function
// without a router. It builds and starts the real binary on a store in a temporary directory, and stops it at the end.
//
//	go run ./tests/load [-duration 10s] [-rate 1000] [-publishers 64] [-size 1024] [-json]
//
// With -fanout it measures topics instead: SNS Publish to 1 to 1,000 queues, beside SendMessageBatch to the same queues, and to
// 10,000 filtered subscriptions of which 5 match. With -putevents it measures PutEvents of EventBridge, ten events a call, to a
// bus with 1,000 rules of which three match.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

type settings struct {
	duration   time.Duration
	rate       int
	publishers int
	size       int
	binary     string
	asJSON     bool
	profile    string
	fanOut     bool
	putEvents  bool
	signatures string
}

func main() {
	var s settings
	flag.DurationVar(&s.duration, "duration", 10*time.Second, "how long each part runs")
	flag.IntVar(&s.rate, "rate", 1000, "events per second of the part at a fixed rate")
	flag.IntVar(&s.publishers, "publishers", 64, "concurrent publishers at full load")
	flag.IntVar(&s.size, "size", 1024, "bytes of an event's data")
	flag.StringVar(&s.binary, "binary", "", "the router's binary; built if empty")
	flag.StringVar(&s.profile, "cpuprofile", "", "write a CPU profile of the router at full load to this file")
	flag.BoolVar(&s.asJSON, "json", false, "print the result as JSON")
	flag.BoolVar(&s.fanOut, "fanout", false, "measure topics instead")
	flag.StringVar(&s.signatures, "signatures", "all", "with -fanout, the file's aws.signatures: all or http")
	flag.BoolVar(&s.putEvents, "putevents", false, "measure PutEvents of EventBridge instead")
	flag.Parse()
	// A pipe that nobody reads any more ends the run as well, and with it the router.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGPIPE)
	defer stop()
	what := run
	if s.fanOut {
		what = fanOut
	} else if s.putEvents {
		what = putEvents
	}
	if err := what(ctx, s); err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		stop()
		os.Exit(1)
	}
}

// latencies are percentiles in milliseconds.
type latencies struct {
	P50 float64 `json:"p50_ms"`
	P90 float64 `json:"p90_ms"`
	P99 float64 `json:"p99_ms"`
	Max float64 `json:"max_ms"`
}

type result struct {
	Rate int `json:"rate"`
	// Publish is from sending a publish to its answer, Delivery from sending it to the function's receiving it, Floor from
	// sending a bare POST to its answer; all at the fixed rate.
	Publish  latencies `json:"publish"`
	Delivery latencies `json:"delivery"`
	Floor    latencies `json:"floor"`
	// The same at full load, per second.
	Published   float64 `json:"published_per_second"`
	Delivered   float64 `json:"delivered_per_second"`
	Posts       float64 `json:"floor_posts_per_second"`
	DeliveredBy float64 `json:"delivered_by_floor"`
	Events      int64   `json:"events"`
	Lost        int64   `json:"lost"`
}

func run(ctx context.Context, s settings) error {
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
	router, err := startRouter(ctx, s.binary, dir, fn.url(), s.profile != "")
	if err != nil {
		return err
	}
	defer router.stop()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 512, MaxConnsPerHost: 512}}
	defer client.CloseIdleConnections()

	load := &loader{client: client, fn: fn, pad: string(bytes.Repeat([]byte("x"), max(s.size-40, 0)))}
	publish := router.url + "/v1/events"
	// Everything is warm before anything is counted.
	if _, err := load.closed(ctx, publish, load.event, s.publishers, time.Second); err != nil {
		return err
	}
	fn.wait(ctx, 10*time.Second)

	res := result{Rate: s.rate}
	progress(s, "at %d events/s for %s", s.rate, s.duration)
	if res.Publish, err = load.open(ctx, publish, load.event, s.rate, s.duration); err != nil {
		return err
	}
	fn.wait(ctx, 30*time.Second)
	res.Delivery = fn.latencies()
	progress(s, "floor: bare POSTs at %d/s for %s", s.rate, s.duration)
	if res.Floor, err = load.open(ctx, fn.url(), load.event, s.rate, s.duration); err != nil {
		return err
	}

	progress(s, "full load: %d publishers for %s", s.publishers, s.duration)
	fn.reset()
	profiled := make(chan error, 1)
	go func() { profiled <- router.profile(ctx, s.profile, s.duration) }()
	began := time.Now()
	published, err := load.closed(ctx, publish, load.event, s.publishers, s.duration)
	if err != nil {
		return err
	}
	res.Published = float64(published) / time.Since(began).Seconds()
	fn.wait(ctx, 2*time.Minute)
	if err := <-profiled; err != nil {
		return err
	}
	res.Delivered = float64(fn.received.Load()) / fn.lastArrival().Sub(began).Seconds()
	res.Events, res.Lost = fn.sent.Load(), fn.sent.Load()-fn.received.Load()

	progress(s, "floor: bare POSTs by %d clients for %s", s.publishers, s.duration)
	began = time.Now()
	posts, err := load.closed(ctx, fn.url(), load.event, s.publishers, s.duration)
	if err != nil {
		return err
	}
	res.Posts = float64(posts) / time.Since(began).Seconds()
	res.DeliveredBy = res.Delivered / res.Posts
	return show(s, res)
}

// build makes the binary, unless one is named.
func (s *settings) build(ctx context.Context, dir string) error {
	if s.binary != "" {
		return nil
	}
	s.binary = filepath.Join(dir, "router")
	build := exec.CommandContext(ctx, "go", "build", "-o", s.binary, "./cmd/router")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return fmt.Errorf("building the router: %w", err)
	}
	return nil
}

func progress(s settings, format string, args ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", args...)
}

func show(s settings, r result) error {
	if s.asJSON {
		return json.NewEncoder(os.Stdout).Encode(r)
	}
	row := func(name string, l latencies) {
		fmt.Printf("  %-28s p50 %7.2f   p90 %7.2f   p99 %7.2f   max %7.2f ms\n", name, l.P50, l.P90, l.P99, l.Max)
	}
	fmt.Printf("at %d/s, %d bytes\n", r.Rate, s.size)
	row("publish to answer (durable)", r.Publish)
	row("publish to first attempt", r.Delivery)
	row("floor: bare POST", r.Floor)
	fmt.Printf("at full load, %d publishers\n", s.publishers)
	fmt.Printf("  published %.0f/s, delivered %.0f/s, floor %.0f/s: delivered is %.2f of the floor; %d of %d lost\n",
		r.Published, r.Delivered, r.Posts, r.DeliveredBy, r.Lost, r.Events)
	if r.Lost != 0 {
		return fmt.Errorf("%d events were acknowledged and not delivered", r.Lost)
	}
	return nil
}

// function is the endpoint that the router calls. It notes when each event came.
type function struct {
	server   *http.Server
	listener net.Listener
	sent     atomic.Int64
	received atomic.Int64

	mu    sync.Mutex
	began map[int64]time.Time // events sent and not yet received
	took  []time.Duration
	last  time.Time
	woken chan struct{}
}

func newFunction() *function {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err) // no loopback, no measurement
	}
	f := &function{listener: l, began: map[int64]time.Time{}, woken: make(chan struct{}, 1)}
	f.server = &http.Server{Handler: f}
	go func() { _ = f.server.Serve(l) }()
	return f
}

func (f *function) url() string { return "http://" + f.listener.Addr().String() + "/" }
func (f *function) close()      { _ = f.server.Close() }

func (f *function) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	now := time.Now()
	body, _ := io.ReadAll(r.Body)
	if n, ok := number(body); ok && r.Header.Get("Webhook-Id") != "" {
		f.arrived(n, now)
	}
	w.WriteHeader(http.StatusNoContent)
}

// number finds the event's number in a body of any form.
func number(body []byte) (int64, bool) {
	_, rest, ok := bytes.Cut(body, []byte(`"n":`))
	if !ok {
		return 0, false
	}
	end := bytes.IndexAny(rest, ",}")
	if end < 0 {
		return 0, false
	}
	n, err := strconv.ParseInt(string(rest[:end]), 10, 64)
	return n, err == nil
}

func (f *function) sending(n int64, at time.Time) {
	f.sent.Add(1)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.began[n] = at
}

func (f *function) arrived(n int64, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	began, ok := f.began[n]
	if !ok {
		return // a repeat
	}
	delete(f.began, n)
	f.took = append(f.took, now.Sub(began))
	f.last = now
	f.received.Add(1)
	select {
	case f.woken <- struct{}{}:
	default:
	}
}

// wait returns when every event sent has been received, or the limit has passed.
func (f *function) wait(ctx context.Context, limit time.Duration) {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for f.received.Load() < f.sent.Load() {
		select {
		case <-f.woken:
		case <-timer.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

func (f *function) reset() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.took, f.began = nil, map[int64]time.Time{}
	f.sent.Store(0)
	f.received.Store(0)
}

func (f *function) latencies() latencies {
	f.mu.Lock()
	defer f.mu.Unlock()
	return percentiles(f.took)
}

func (f *function) lastArrival() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.last
}

func percentiles(took []time.Duration) latencies {
	if len(took) == 0 {
		return latencies{}
	}
	sorted := slices.Sorted(slices.Values(took))
	at := func(p float64) float64 {
		return float64(sorted[min(int(p*float64(len(sorted))), len(sorted)-1)].Microseconds()) / 1000
	}
	return latencies{P50: at(.5), P90: at(.9), P99: at(.99), Max: at(1)}
}

// loader sends.
type loader struct {
	client *http.Client
	fn     *function
	next   atomic.Int64
	pad    string
}

// event is the body of the n-th event.
func (l *loader) event(n int64) []byte {
	return fmt.Appendf(nil, `{"source":"load","type":"load.event","data":{"n":%d,"pad":%q}}`, n, l.pad)
}

func (l *loader) post(ctx context.Context, url string, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	return do(l.client, req)
}

// do makes a request that must succeed.
func do(client *http.Client, req *http.Request) error {
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	text, _ := io.ReadAll(res.Body)
	if res.StatusCode/100 != 2 {
		return fmt.Errorf("%s answered %s: %.300s", req.URL, res.Status, text)
	}
	return nil
}

// open sends at a fixed rate, whether or not answers come, and measures from when each was due.
func (l *loader) open(ctx context.Context, url string, body func(int64) []byte, rate int, d time.Duration) (latencies, error) {
	l.fn.reset()
	toRouter := url != l.fn.url()
	var mu sync.Mutex
	var took []time.Duration
	var failed error
	var wg sync.WaitGroup
	began := time.Now()
	interval := time.Second / time.Duration(rate)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for i := 0; i < int(d.Seconds()*float64(rate)) && ctx.Err() == nil; i++ {
		due := began.Add(time.Duration(i) * interval)
		if wait := time.Until(due); wait > 0 {
			timer.Reset(wait)
			<-timer.C
		}
		wg.Go(func() {
			n := l.next.Add(1)
			if toRouter {
				l.fn.sending(n, due)
			}
			err := l.post(ctx, url, body(n))
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

// closed sends from n loops, each waiting for its answer, and returns how many there were.
func (l *loader) closed(ctx context.Context, url string, body func(int64) []byte, loops int, d time.Duration) (int64, error) {
	toRouter := url != l.fn.url()
	var count atomic.Int64
	var failed atomic.Pointer[error]
	var wg sync.WaitGroup
	end := time.Now().Add(d)
	for range loops {
		wg.Go(func() {
			for time.Now().Before(end) && ctx.Err() == nil && failed.Load() == nil {
				n := l.next.Add(1)
				if toRouter {
					l.fn.sending(n, time.Now())
				}
				if err := l.post(ctx, url, body(n)); err != nil {
					failed.Store(&err)
					return
				}
				count.Add(1)
			}
		})
	}
	wg.Wait()
	if err := failed.Load(); err != nil {
		return count.Load(), *err
	}
	return count.Load(), ctx.Err()
}

// router is the process under test.
type router struct {
	cmd   *exec.Cmd
	url   string
	debug string
}

// profile writes a CPU profile of the next d to a file; not if it has no name.
func (r *router) profile(ctx context.Context, file string, d time.Duration) error {
	if file == "" {
		return nil
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://%s/debug/pprof/profile?seconds=%d", r.debug, int(d.Seconds())), nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	out, err := os.Create(file)
	if err != nil {
		return err
	}
	defer out.Close()
	_, err = io.Copy(out, res.Body)
	return err
}

// freeAddress returns a loopback address that nobody listens on.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

func startRouter(ctx context.Context, binary, dir, functionURL string, profiles bool) (*router, error) {
	yaml := fmt.Sprintf(`
functions:
  sink: {url: "%s", max_in_flight: 256}
rules:
  - name: all
    when: {source: [load]}
    targets: [{function: sink}]
`, functionURL)
	if err := os.WriteFile(filepath.Join(dir, "router.yaml"), []byte(yaml), 0o600); err != nil {
		return nil, err
	}
	return serve(ctx, binary, dir, profiles)
}

// serve starts a router with the file in a directory and returns when it is ready.
func serve(ctx context.Context, binary, dir string, profiles bool) (*router, error) {
	file := filepath.Join(dir, "router.yaml")
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	args := []string{"serve", "--config", file, "--data", filepath.Join(dir, "data"), "--listen", address, "--log-level", "warn"}
	r := &router{url: "http://" + address}
	if profiles {
		if r.debug, err = freeAddress(); err != nil {
			return nil, err
		}
		args = append(args, "--debug-listen", r.debug)
	}
	cmd := exec.CommandContext(ctx, binary, args...)
	r.cmd = cmd
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for range 500 {
		if res, err := http.Get(r.url + "/readyz"); err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return r, nil
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	r.stop()
	return nil, fmt.Errorf("the router was not ready on %s in time", address)
}

func (r *router) stop() {
	_ = r.cmd.Process.Signal(syscall.SIGTERM)
	_ = r.cmd.Wait()
}
