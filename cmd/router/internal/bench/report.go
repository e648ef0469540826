package bench

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Report is what was measured, in the order it was.
type Report struct {
	Began time.Time `json:"began"`
	// The machine and the settings: a figure means nothing without them.
	System     string `json:"system"`
	Processors int    `json:"processors"`
	GoMaxProcs int    `json:"gomaxprocs"`
	Go         string `json:"go"`
	// Server is the URL of the server, empty for the own one.
	Server   string        `json:"server,omitempty"`
	Duration time.Duration `json:"duration_ns"`
	Warmup   time.Duration `json:"warmup_ns"`
	Rounds   int           `json:"rounds"`
	// Rate is that of long-poll.
	Rate int `json:"rate"`
	// InMemory says that the data was on a file system without a disk, so that syncs cost nothing.
	InMemory bool      `json:"in_memory,omitempty"`
	Results  []*Result `json:"results"`
}

// Result is a scenario with one size of body and one number of clients.
type Result struct {
	Scenario string `json:"scenario"`
	Body     int    `json:"body_bytes"`
	Clients  int    `json:"clients"`
	// Server is nil if only the floors were measured, F1 (bare HTTP) and F2 (HTTP and a file with shared fsync) where there
	// is no such floor.
	Server *Series `json:"server,omitempty"`
	F1     *Series `json:"f1,omitempty"`
	F2     *Series `json:"f2,omitempty"`
	// OfF1 and OfF2 are the server's median as a ratio to the floor's, 0 if there is none.
	OfF1   float64 `json:"of_f1,omitempty"`
	OfF2   float64 `json:"of_f2,omitempty"`
	Memory *Memory `json:"memory,omitempty"`
}

// Memory is what the own server took, in bytes: the most at any time of a backlog up to the end of this phase, and then.
type Memory struct {
	PeakRSS  int64 `json:"peak_rss_bytes"`
	RSSAfter int64 `json:"rss_after_bytes"`
}

// Series is the rounds on one server. Rates are in messages per second; Latency is of all rounds together.
type Series struct {
	Median  float64   `json:"median"`
	Lowest  float64   `json:"lowest"`
	Highest float64   `json:"highest"`
	Latency Latency   `json:"latency"`
	Rounds  []*Sample `json:"rounds"`
}

func newReport(o *Options, inMemory bool) *Report {
	return &Report{
		Began: time.Now(), System: runtime.GOOS + "/" + runtime.GOARCH, Processors: runtime.NumCPU(), GoMaxProcs: runtime.GOMAXPROCS(0),
		Go: runtime.Version(), Server: o.Addr, Duration: o.Duration, Warmup: o.Warmup, Rounds: o.Rounds, Rate: o.Rate, InMemory: inMemory,
	}
}

// collector collects the rounds of a cell into the report.
type collector struct {
	report *Report
	cell   cell
	phases []*Result
}

func (r *Report) collect(c cell) *collector { return &collector{report: r, cell: c} }

func (c *collector) add(target string, p phase) {
	i := slices.IndexFunc(c.phases, func(r *Result) bool { return r.Scenario == p.name })
	if i < 0 {
		i = len(c.phases)
		c.phases = append(c.phases, &Result{Scenario: p.name, Body: c.cell.body, Clients: c.cell.clients})
		c.report.Results = append(c.report.Results, c.phases[i])
	}
	series := c.phases[i].series(target)
	if *series == nil {
		*series = &Series{}
	}
	(*series).Rounds = append((*series).Rounds, p.sample)
	c.phases[i].Memory = p.memory
}

func (r *Result) series(target string) **Series {
	switch target {
	case targetHTTP:
		return &r.F1
	case targetFile:
		return &r.F2
	default:
		return &r.Server
	}
}

// finish works out what the rounds came to.
func (c *collector) finish() {
	for _, r := range c.phases {
		r.Server.finish()
		r.F1.finish()
		r.F2.finish()
		r.OfF1, r.OfF2 = r.Server.of(r.F1), r.Server.of(r.F2)
	}
}

func (s *Series) finish() {
	if s == nil {
		return
	}
	var rates []float64
	var all histogram
	for _, round := range s.Rounds {
		rates = append(rates, round.Rate)
		all.merge(&round.histogram)
	}
	s.Median, s.Lowest, s.Highest = median(rates), slices.Min(rates), slices.Max(rates)
	s.Latency = all.latency()
}

func (s *Series) of(floor *Series) float64 {
	if s == nil || floor == nil || floor.Median == 0 {
		return 0
	}
	return s.Median / floor.Median
}

// median is the middle value, or the mean of the two in the middle.
func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	if n%2 == 1 {
		return sorted[n/2]
	}
	return (sorted[n/2-1] + sorted[n/2]) / 2
}

// Err is nil if no request failed; else it says how many did and shows the first.
func (r *Report) Err() error {
	var n int64
	first := ""
	for _, result := range r.Results {
		for _, s := range []*Series{result.Server, result.F1, result.F2} {
			if s == nil {
				continue
			}
			for _, round := range s.Rounds {
				n += round.Errors
				if first == "" && round.FirstError != "" {
					first = result.Scenario + ": " + round.FirstError
				}
			}
		}
	}
	if n == 0 {
		return nil
	}
	return errors.New("errors: " + strconv.FormatInt(n, 10) + ", the first: " + first)
}

// WriteJSON writes everything.
func (r *Report) WriteJSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(r)
}

// WriteTable writes what a person wants to see: rates with their ratios to the floors, latencies, and the server's memory.
func (r *Report) WriteTable(w io.Writer) error {
	server := r.Server
	if server == "" {
		server = "this router"
	}
	about := fmt.Sprintf("%s on %s, %d processors, %s; rounds of %s after %s, %s\n", server, r.System, r.Processors, r.Go, r.Duration, r.Warmup,
		r.Began.Format(time.DateTime))
	if r.InMemory {
		about += "The data was on a file system in memory: a sync cost nothing. Choose another with --dir.\n"
	}
	if _, err := io.WriteString(w, about); err != nil {
		return err
	}
	if err := r.rates().write(w); err != nil {
		return err
	}
	if err := r.latencies().write(w); err != nil {
		return err
	}
	if memory := r.memory(); len(memory) > 1 {
		return memory.write(w)
	}
	return nil
}

func (r *Report) rates() table {
	t := table{{"messages/s", "body", "clients", "median", "lowest", "highest", "F1", "of F1", "F2", "of F2", "errors"}}
	for _, x := range r.Results {
		t.row(x.Scenario, size(x.Body), strconv.Itoa(x.Clients), x.Server.median(), x.Server.lowest(), x.Server.highest(),
			x.F1.median(), ratio(x.OfF1), x.F2.median(), ratio(x.OfF2), x.errors())
	}
	return t
}

func (r *Report) latencies() table {
	t := table{{"milliseconds", "body", "clients", "p50", "p90", "p99", "p99.9", "max"}}
	for _, x := range r.Results {
		for _, s := range []struct {
			name   string
			series *Series
		}{{"", x.Server}, {" " + targetHTTP, x.F1}, {" " + targetFile, x.F2}} {
			if s.series != nil {
				l := s.series.Latency
				t.row(x.Scenario+s.name, size(x.Body), strconv.Itoa(x.Clients), ms(l.P50), ms(l.P90), ms(l.P99), ms(l.P999), ms(l.Max))
			}
		}
	}
	return t
}

func (r *Report) memory() table {
	t := table{{"MiB resident", "body", "clients", "peak", "after"}}
	for _, x := range r.Results {
		if x.Memory != nil && x.Memory.PeakRSS > 0 {
			t.row(x.Scenario, size(x.Body), strconv.Itoa(x.Clients), mib(x.Memory.PeakRSS), mib(x.Memory.RSSAfter))
		}
	}
	return t
}

// The median, lowest and highest as text, "-" where nothing was measured.

func (s *Series) median() string {
	if s == nil {
		return "-"
	}
	return thousands(s.Median)
}

func (s *Series) lowest() string {
	if s == nil {
		return "-"
	}
	return thousands(s.Lowest)
}

func (s *Series) highest() string {
	if s == nil {
		return "-"
	}
	return thousands(s.Highest)
}

func (r *Result) errors() string {
	var n int64
	for _, s := range []*Series{r.Server, r.F1, r.F2} {
		if s != nil {
			for _, round := range s.Rounds {
				n += round.Errors
			}
		}
	}
	return thousands(float64(n))
}

// table is rows of cells, the first aligned to the left and the others to the right.
type table [][]string

func (t *table) row(cells ...string) { *t = append(*t, cells) }

// write writes the rows and an empty line.
func (t table) write(w io.Writer) error {
	var widths []int
	for _, cells := range t {
		for i, c := range cells {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], len(c))
		}
	}
	var b strings.Builder
	for _, cells := range t {
		for i, c := range cells {
			if i == 0 {
				fmt.Fprintf(&b, "%-*s", widths[i], c)
			} else {
				fmt.Fprintf(&b, "  %*s", widths[i], c)
			}
		}
		b.WriteByte('\n')
	}
	b.WriteByte('\n')
	_, err := io.WriteString(w, b.String())
	return err
}

// thousands writes a whole number as people read it: 12,345.
func thousands(v float64) string {
	digits := strconv.FormatFloat(v, 'f', 0, 64)
	var b strings.Builder
	for i, c := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(c)
	}
	return b.String()
}

func ratio(v float64) string {
	if v == 0 {
		return "-"
	}
	return strconv.FormatFloat(v, 'f', 2, 64)
}

func ms(v float64) string { return strconv.FormatFloat(v, 'f', 2, 64) }
func mib(n int64) string  { return thousands(float64(n) / (1 << 20)) }
