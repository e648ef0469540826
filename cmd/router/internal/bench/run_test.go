package bench

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func testBinary(t testing.TB) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return self
}

// tiny are options of a bench that is over soon.
func tiny(t *testing.T, scenarios ...string) Options {
	t.Helper()
	return Options{
		Scenarios: scenarios, Bodies: []int{128}, Concurrency: []int{4}, Duration: 300 * time.Millisecond, Warmup: 20 * time.Millisecond,
		Rounds: 2, Rate: 500, Messages: 1005, Floors: FloorsTrue, Dir: t.TempDir(), Binary: testBinary(t),
		stallLimit: 30 * time.Second,
	}
}

func bounded(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func TestWholeRun(t *testing.T) {
	t.Parallel()
	o := tiny(t, ScenarioNames()...)
	var progress bytes.Buffer
	o.Progress = &progress
	r, err := Run(bounded(t), o)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Err(); err != nil {
		t.Error(err)
	}
	var names []string
	for _, x := range r.Results {
		names = append(names, x.Scenario)
		floors := strings.HasPrefix(x.Scenario, "send")
		if x.Server == nil || (x.F1 != nil) != floors || (x.F2 != nil) != floors {
			t.Errorf("%s: the targets are %v, %v and %v", x.Scenario, x.Server, x.F1, x.F2)
			continue
		}
		rounds := 2
		if strings.HasPrefix(x.Scenario, "backlog") {
			rounds = 1
			if x.Server.Rounds[0].Messages != 1000 {
				t.Errorf("%s: %d messages", x.Scenario, x.Server.Rounds[0].Messages)
			}
			if x.Memory == nil {
				t.Errorf("%s: the memory is not told", x.Scenario)
			}
		}
		if len(x.Server.Rounds) != rounds || x.Server.Median <= 0 || x.Server.Latency.Max <= 0 {
			t.Errorf("%s: got %+v", x.Scenario, x.Server)
		}
	}
	want := "send send-batch receive-delete receive-delete-1 round-trip long-poll backlog-send backlog-drain"
	if got := strings.Join(names, " "); got != want {
		t.Errorf("measured were %s", got)
	}
	if got := progress.String(); !strings.Contains(got, "[1/21] send 128B, 4 clients, round 1 of 2, server: send ") {
		t.Errorf("it told\n%s", got)
	}
	if left, err := os.ReadDir(o.Dir); err != nil || len(left) > 0 {
		t.Errorf("left behind was %v, %v", left, err)
	}
}

func TestProfiles(t *testing.T) {
	t.Parallel()
	o := tiny(t, "send", "backlog")
	o.CPUProfiles, o.Floors, o.Rounds = filepath.Join(t.TempDir(), "profiles"), FloorsFalse, 1
	if _, err := Run(bounded(t), o); err != nil {
		t.Fatal(err)
	}
	profiles, err := filepath.Glob(filepath.Join(o.CPUProfiles, "*"))
	for i, p := range profiles {
		profiles[i] = filepath.Base(p)
	}
	want := "backlog-drain-128B-c4-round1.pprof backlog-send-128B-c4-round1.pprof send-128B-c4-round1.pprof"
	if got := strings.Join(profiles, " "); err != nil || got != want {
		t.Errorf("got %s, %v", got, err)
	}
}

func TestFloorsOnly(t *testing.T) {
	t.Parallel()
	o := tiny(t, "send")
	o.Floors, o.Rounds, o.Duration = FloorsOnly, 1, 2*time.Second // a busy machine may do nothing in less
	r, err := Run(bounded(t), o)
	if err != nil {
		t.Fatal(err)
	}
	// Whether a disk has synced anything in that time is no business of this test.
	if x := r.Results[0]; r.Err() != nil || x.Server != nil || x.F1.Median <= 0 || x.F2 == nil {
		t.Errorf("got %+v, %v", x, r.Err())
	}
}

// against measures a server that runs already and takes messages for lost after the time of stall.
func against(t *testing.T, h http.Handler, stall time.Duration, scenarios ...string) (*Report, error) {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	o := tiny(t, scenarios...)
	o.Addr, o.Floors, o.Rounds, o.stallLimit = s.URL, FloorsFalse, 1, stall
	return Run(bounded(t), o)
}

func TestAnotherServer(t *testing.T) {
	t.Parallel()
	f := newFake()
	r, err := against(t, f, 30*time.Second, ScenarioNames()...)
	if err != nil || r.Err() != nil {
		t.Fatal(err, r.Err())
	}
	if len(f.queues) > 0 {
		t.Errorf("left behind were %d queues", len(f.queues))
	}
}

// TestErrorsAreNoticed spoils every other answer of an operation, the first among them: a slow machine may do no more.
func TestErrorsAreNoticed(t *testing.T) {
	t.Parallel()
	for operation, scenario := range map[string]string{
		"SendMessage": "send", "SendMessageBatch": "send-batch", "ReceiveMessage": "receive-delete", "DeleteMessageBatch": "long-poll",
		"DeleteMessage": "round-trip",
	} {
		f := newFake()
		f.spoil = func(op string, n int, w http.ResponseWriter) bool {
			if op != operation || n%2 == 0 {
				return false
			}
			w.WriteHeader(http.StatusInternalServerError)
			_, _ = io.WriteString(w, "spoiled")
			return true
		}
		r, err := against(t, f, time.Second, scenario)
		if err != nil {
			t.Errorf("%s: %v", scenario, err)
		} else if err := r.Err(); err == nil || !strings.Contains(err.Error(), operation+": the server answered 500: spoiled") {
			t.Errorf("%s: the error is %v", scenario, err)
		}
	}
}

func TestAServerThatAnswersErrorsOnlyIsLeftSoon(t *testing.T) {
	t.Parallel()
	f := newFake()
	f.spoil = func(op string, _ int, w http.ResponseWriter) bool {
		if op == "CreateQueue" || op == "DeleteQueue" {
			return false
		}
		w.WriteHeader(http.StatusInternalServerError)
		return true
	}
	r, err := against(t, f, time.Second, "send", "receive-delete-1", "long-poll", "backlog")
	if err != nil || r.Err() == nil {
		t.Error(err, r.Err())
	}
}

func TestLostMessagesAreNoticed(t *testing.T) {
	t.Parallel()
	f := newFake()
	f.lose = 10 // a slow machine may send few
	r, err := against(t, f, time.Second, "receive-delete")
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Err(); err == nil || !strings.Contains(err.Error(), "were received and deleted") {
		t.Errorf("the error is %v", err)
	}
}

func TestAServerWithoutSQS(t *testing.T) {
	t.Parallel()
	_, err := against(t, http.NotFoundHandler(), time.Second, "send")
	if err == nil || !strings.Contains(err.Error(), "CreateQueue: the server answered 404") {
		t.Errorf("the error is %v", err)
	}
	o := tiny(t, "send")
	o.Binary = "/bin/false"
	if _, err := Run(bounded(t), o); err == nil {
		t.Error("a server that does not start is no error")
	}
}

// TestInterrupted ends a run in its middle: it returns at once and leaves nothing behind.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	o := tiny(t, "send", "long-poll")
	o.Duration = time.Hour
	ctx, cancel := context.WithCancel(bounded(t))
	o.Progress, o.Terminal = writerFunc(func(p []byte) (int, error) {
		cancel() // the first measurement begins
		return len(p), nil
	}), true
	_, err := Run(ctx, o)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
	if left, err := os.ReadDir(o.Dir); err != nil || len(left) > 0 {
		t.Errorf("left behind was %v, %v", left, err)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestOptions(t *testing.T) {
	t.Parallel()
	good := tiny(t, "send")
	if err := good.Validate(); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*Options){
		"--addr":        func(o *Options) { o.Addr = "localhost" },
		"--scenario":    func(o *Options) { o.Scenarios = []string{"send", "sned"} },
		"--body":        func(o *Options) { o.Bodies = []int{1 << 20} },
		"--concurrency": func(o *Options) { o.Concurrency = []int{0} },
		"--duration":    func(o *Options) { o.Duration = 0 },
		"--warmup":      func(o *Options) { o.Warmup = -1 },
		"--rounds":      func(o *Options) { o.Rounds = 0 },
		"--rate":        func(o *Options) { o.Rate = 0 },
		"--rate: at":    func(o *Options) { o.Scenarios, o.Rate, o.Duration = []string{"long-poll"}, 1e6, time.Hour },
		"--messages":    func(o *Options) { o.Messages = 9 },
		"--floors":      func(o *Options) { o.Floors = "maybe" },
		"--floors: the": func(o *Options) { o.Floors, o.Scenarios = FloorsOnly, []string{"backlog"} },
		"--cpuprofile":  func(o *Options) { o.Addr, o.CPUProfiles = "http://h", "d" },
	} {
		o := good
		change(&o)
		err := o.Validate()
		if _, ok := errors.AsType[*InvalidError](err); !ok || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: the error is %v", want, err)
		}
	}
}
