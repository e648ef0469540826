package awstest

import (
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// update is the flag of every package whose tests have golden files or a reference.
var update = flag.Bool("update", false, "rewrite testdata/golden and the reference in docs")

// Step is a call.
type Step struct {
	Operation, Input string
	Header           []string
	// Fault, when set, is what the store fails with.
	Fault error
}

// Call returns a step.
func Call(operation, input string, header ...string) Step {
	return Step{Operation: operation, Input: input, Header: header}
}

// Failing is the step on a store that fails.
func (s Step) Failing(err error) Step {
	s.Fault = err
	return s
}

// Exchanges are the pairs of requests and answers of one golden file.
type Exchanges struct {
	// Before is what they work on, over JSON for a service that speaks it. It has to succeed.
	Before []Step
	Steps  []Step
}

// ErrSecret is a fault that no answer may show.
var ErrSecret = fmt.Errorf("secret: %w", os.ErrInvalid)

// Golden is how a service's golden files are written.
type Golden struct {
	// Headers are those of requests that are shown.
	Headers []string
	// Masks take away what is different every time.
	Masks []Mask
	// Fill replaces what stands in an input for what was answered before, and Learn hears of every answer. Both may be nil.
	Fill  func(input string) string
	Learn func(a *Answer)
	// ShowFilled says that requests are shown as they were sent, and not as they were written.
	ShowFilled bool
}

// Mask replaces what matches.
type Mask struct {
	pattern *regexp.Regexp
	with    string
}

// NewMask returns a mask.
func NewMask(pattern, with string) Mask { return Mask{regexp.MustCompile(pattern), with} }

// MaskUUID is for ids.
func MaskUUID() Mask {
	return NewMask(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`, "{id}")
}

// Run makes the calls and holds them against the golden file of that name.
func (g *Golden) Run(t *testing.T, c *Client, name string, x Exchanges) {
	t.Helper()
	c = c.On(t)
	before := c
	if c.Service.Target != "" {
		before = c.Over(JSON)
	}
	for _, s := range x.Before {
		if _, _, a := g.step(t, before, s); a.Status != http.StatusOK {
			t.Fatalf("%s answered %s", s.Operation, a.Body)
		}
	}
	var b strings.Builder
	for _, s := range x.Steps {
		r, filled, a := g.step(t, c, s)
		if s.Fault != nil {
			fmt.Fprintf(&b, "(the store fails: %v)\n", s.Fault)
		}
		shown := s.Input
		if g.ShowFilled {
			shown = filled
		}
		shown = c.Body(s.Operation, shown)
		if c.Protocol == Query {
			shown = strings.ReplaceAll(shown, "&", "\n&")
		}
		g.write(&b, r, shown, a)
	}
	g.File(t, name, b.String())
}

func (g *Golden) step(t *testing.T, c *Client, s Step) (r *http.Request, filled string, a *Answer) {
	t.Helper()
	if c.Fail != nil {
		c.Fail(s.Fault)
	} else if s.Fault != nil {
		t.Fatal("the client can not make the store fail")
	}
	filled = s.Input
	if g.Fill != nil {
		filled = g.Fill(filled)
	}
	r = c.Request(s.Operation, filled, s.Header...)
	a = c.Do(r)
	if g.Learn != nil {
		g.Learn(a)
	}
	if errors.Is(s.Fault, ErrSecret) && strings.Contains(a.Body, "secret") {
		t.Errorf("an internal error is shown: %s", a.Body)
	}
	return r, filled, a
}

// Ask makes a request that is not a usual one, which must be one that the handler takes, and writes it with its answer.
func (g *Golden) Ask(b *strings.Builder, c *Client, method, target, body string, header ...string) {
	c.TB.Helper()
	r := httptest.NewRequestWithContext(c.TB.Context(), method, target, strings.NewReader(body))
	set(r.Header, header)
	if !c.Handler.Takes(r) {
		c.TB.Errorf("%s %s is not taken", method, target)
	}
	g.write(b, r, body, c.Do(r))
}

// write writes a request and its answer.
func (g *Golden) write(b *strings.Builder, r *http.Request, sent string, a *Answer) {
	fmt.Fprintf(b, "%s %s\n", r.Method, g.mask(r.URL.RequestURI()))
	for _, name := range g.Headers {
		if v := r.Header.Get(name); v != "" {
			fmt.Fprintf(b, "%s: %s\n", name, v)
		}
	}
	if sent != "" {
		fmt.Fprintf(b, "\n%s\n", g.mask(sent))
	}
	fmt.Fprintf(b, "---\n%d\nContent-Type: %s\n", a.Status, a.ContentType)
	if a.Shape != "" && a.Code != "" {
		fault := "Receiver"
		if a.Sender {
			fault = "Sender"
		}
		fmt.Fprintf(b, "x-amzn-query-error: %s;%s\n", a.Code, fault)
	}
	if a.RetryAfter != "" {
		fmt.Fprintf(b, "Retry-After: %s\n", a.RetryAfter)
	}
	if a.Body != "" {
		fmt.Fprintf(b, "\n%s\n", g.mask(a.Body))
	}
	fmt.Fprintln(b, strings.Repeat("=", 80))
}

func (g *Golden) mask(text string) string {
	for _, m := range g.Masks {
		text = m.pattern.ReplaceAllString(text, m.with)
	}
	return text
}

// File holds a text against the golden file of that name.
func (g *Golden) File(t testing.TB, name, got string) {
	t.Helper()
	compare(t, filepath.Join("testdata", "golden", name+".txt"), got)
}

// compare holds a text against a file, or rewrites the file.
func compare(t testing.TB, path, got string) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got); go test -update rewrites it:\n%s", path, diff)
	}
}
