package tests

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/signalbox-mq/signalbox/tests/harness"
	"github.com/signalbox-mq/signalbox/tests/redistest"
)

// TestNodesShareLimits has three nodes with a backlog for functions with limits. The limits hold over all nodes.
func TestNodesShareLimits(t *testing.T) {
	t.Parallel()
	const (
		inFlight, rate = 5, 20
		many, timed    = 300, 140
	)
	narrow, paced := newMeter(t, 30*time.Millisecond), newMeter(t, 0)
	r, _ := startNodes(t, fmt.Sprintf(`
functions:
  narrow: {url: "%s", max_in_flight: %d}
  paced: {url: "%s", max_in_flight: %d, rate: %d/s}
rules:
  - {name: narrow, when: {detail-type: [narrow]}, targets: [{function: narrow}]}
  - {name: paced, when: {detail-type: [paced]}, targets: [{function: paced}]}
`, narrow.url, inFlight, paced.url, inFlight, rate), redistest.Options{NoSave: true})
	for what, n := range map[string]int{"narrow": many, "paced": timed} {
		for begin := 0; begin < n; begin += 10 {
			r.Publish("[" + strings.TrimSuffix(strings.Repeat(`{"source": "s", "type": "`+what+`"},`, 10), ",") + "]")
		}
	}
	narrow.wait(t, many)
	paced.wait(t, timed)
	if most := narrow.most(); most > inFlight || most < 2 {
		t.Errorf("%d attempts were in flight at once, want up to %d", most, inFlight)
	}
	if most := paced.most(); most > inFlight {
		t.Errorf("with a rate, %d attempts were in flight at once, want up to %d", most, inFlight)
	}
	const window = 5 * time.Second
	// The bucket holds a second's worth, and what the meter notes late makes a window look fuller than it was.
	if got, most := paced.within(window), rate*int(window/time.Second)+rate+rate/4; got > most {
		t.Errorf("%d attempts were made within %v, want %d at most", got, window, most)
	}
	t.Logf("at once %d and %d; %d took %v; with a rate, the busiest %v had %d, and %d took %v",
		narrow.most(), paced.most(), many, narrow.took(), window, paced.within(window), timed, paced.took())
}

// meter is a function that counts.
type meter struct {
	url string

	mu           sync.Mutex // guards what follows
	current, max int
	times        []time.Time
}

// newMeter starts one that takes its time for each request.
func newMeter(t *testing.T, each time.Duration) *meter {
	t.Helper()
	m := &meter{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m.begin()
		defer m.end()
		select {
		case <-time.After(each):
		case <-r.Context().Done():
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(server.Close)
	m.url = server.URL
	return m
}

func (m *meter) begin() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.current++
	m.max = max(m.max, m.current)
	m.times = append(m.times, time.Now())
}

func (m *meter) end() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.current--
}

func (m *meter) most() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.max
}

func (m *meter) wait(t *testing.T, n int) {
	t.Helper()
	harness.Until(t, fmt.Sprint(n, " attempts"), func() (bool, string) {
		m.mu.Lock()
		defer m.mu.Unlock()
		return len(m.times) >= n, fmt.Sprint(len(m.times))
	})
}

// within returns how many requests came in the busiest time of that length.
func (m *meter) within(window time.Duration) (most int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i, at := range m.times {
		end, _ := slices.BinarySearchFunc(m.times, at.Add(window), time.Time.Compare)
		most = max(most, end-i)
	}
	return most
}

func (m *meter) took() time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.times[len(m.times)-1].Sub(m.times[0]).Round(time.Millisecond)
}
