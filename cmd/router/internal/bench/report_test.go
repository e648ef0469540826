package bench

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
)

func sampleOf(rate float64, d time.Duration) *Sample {
	s := &Sample{Rate: rate, Messages: 1000}
	s.histogram.record(d)
	return s
}

func testReport() *Report {
	r := newReport(&Options{Duration: 3 * time.Second, Warmup: time.Second, Rounds: 3}, true)
	r.System, r.Processors, r.Go, r.Began = "linux/amd64", 2, "go1", time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	c := r.collect(cell{body: 1024, clients: 64})
	for _, rate := range []float64{30000, 10000, 20000} {
		c.add(targetServer, phase{name: "send", sample: sampleOf(rate, time.Millisecond)})
		c.add(targetHTTP, phase{name: "send", sample: sampleOf(2*rate, time.Microsecond)})
	}
	c.finish()
	c = r.collect(cell{body: 100, clients: 1})
	memory := &Memory{PeakRSS: 100 << 20, RSSAfter: 50 << 20}
	c.add(targetServer, phase{name: "backlog-drain", sample: sampleOf(1234567.8, time.Second), memory: memory})
	c.finish()
	return r
}

func TestTable(t *testing.T) {
	t.Parallel()
	const want = `this router on linux/amd64, 2 processors, go1; rounds of 3s after 1s, 2026-01-02 03:04:05
The data was on a file system in memory: a sync cost nothing. Choose another with --dir.
messages/s     body  clients     median     lowest    highest      F1  of F1  F2  of F2  errors
send           1KiB       64     20,000     10,000     30,000  40,000   0.50   -      -       0
backlog-drain  100B        1  1,234,568  1,234,568  1,234,568       -      -   -      -       0

milliseconds   body  clients      p50      p90      p99    p99.9      max
send           1KiB       64     1.00     1.00     1.00     1.00     1.00
send F1        1KiB       64     0.00     0.00     0.00     0.00     0.00
backlog-drain  100B        1  1000.00  1000.00  1000.00  1000.00  1000.00

MiB resident   body  clients  peak  after
backlog-drain  100B        1   100     50

`
	var b bytes.Buffer
	if err := testReport().WriteTable(&b); err != nil {
		t.Fatal(err)
	}
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", &b, want)
	}
}

func TestJSON(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	if err := testReport().WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	var got Report
	if err := json.Unmarshal(b.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if s := got.Results[0]; s.Server.Median != 20000 || s.Server.Lowest != 10000 || s.OfF1 != 0.5 || len(s.Server.Rounds) != 3 || s.F2 != nil {
		t.Errorf("got %s", &b)
	}
}

func TestReportTellsOfErrors(t *testing.T) {
	t.Parallel()
	r := testReport()
	if err := r.Err(); err != nil {
		t.Error(err)
	}
	r.Results[0].F1.Rounds[1].fail(errJSON)
	r.Results[1].Server.Rounds[0].fail(errResponse)
	if err := r.Err(); err == nil || !strings.Contains(err.Error(), "errors: 2, the first: send: "+errJSON.Error()) {
		t.Error(err)
	}
}

func TestMedian(t *testing.T) {
	t.Parallel()
	if got := median([]float64{9, 1, 5}); got != 5 {
		t.Error(got)
	}
	if got := median([]float64{9, 1, 5, 6}); got != 5.5 {
		t.Error(got)
	}
}

func TestProgress(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	p := progress{to: &b, total: 2}
	p.begin("send")
	p.done(phase{name: "send", sample: &Sample{Rate: 1234, Errors: 5}})
	p.end()
	if got := b.String(); got != "[1/2] send: send 1,234 messages/s, 5 errors\n" {
		t.Errorf("got %q", got)
	}
	b.Reset()
	p = progress{to: &b, total: 2, terminal: true}
	p.begin("send")
	p.done(phase{name: "send", sample: &Sample{}})
	p.end()
	if got := b.String(); got != "\r\x1b[K[1/2] send\r\x1b[K" {
		t.Errorf("got %q", got)
	}
	(&progress{terminal: true}).begin("nothing to tell it to")
}
