package tests

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/signalbox-mq/signalbox/tests/harness"
)

// mistakes has one mistake per marked line. A line ends in "#!" and a part of what must be said about it.
const mistakes = `
queues:
  orders: {visibilty_timeout: 30s}                      #! visibilty_timeout
  slow: {visibility_timeout: 30 seconds}                #! visibility_timeout is not a duration
  loop: {dead_letter: {queue: nowhere, max_receives: 5}} #! nowhere
topics:
  alerts:
    subscriptions:
      - {function: pager}                               #! pager
functions:
  no-url: {timeout: 5s}                                 #! url
  bad-url: {url: "ftp://example.com"}                   #! http
  unset: {url: "${env:SIGNALBOX_TEST_IS_NOT_SET}"}      #! SIGNALBOX_TEST_IS_NOT_SET
  odd: {url: "http://127.0.0.1", format: xml}           #! xml
rules:
  - name: pattern
    when: {detail: {total: [{numeric: [">"]}]}}         #! numeric
    targets: [{queue: orders}]
  - name: condition
    if: event.detail.total >> 5                         #! 
    targets: [{queue: orders}]
  - name: typed
    if: event.source + 5                                #! 
    targets: [{queue: orders}]
  - name: condition
    targets: [{queue: orders}]
  - name: dangling
    targets: [{queue: missing}]                         #! missing
  - name: transform
    targets:
      - {queue: orders, transform: {template: '<nope>'}} #! nope
webhooks:
  github: {verify: github}                              #! secrets
  stripe: {verify: strip, secrets: [x]}                 #! strip
nonsense: true                                          #! nonsense
`

var mistake = regexp.MustCompile(`^(.*):(\d+):(\d+): (.+)$`)

// TestValidate: every mistake is told, as file:line:column: message, in one run, and the exit code is 1.
func TestValidate(t *testing.T) {
	t.Parallel()
	sameOnEveryStore(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "broken.yaml")
	if err := os.WriteFile(file, []byte(mistakes), 0o600); err != nil {
		t.Fatal(err)
	}
	code, stdout, stderr := harness.Output(t, harness.Command{Path: harness.Binary(t), Args: []string{"validate", "broken.yaml"}, Dir: dir})
	if code != 1 {
		t.Errorf("the exit code is %d, want 1", code)
	}
	told := map[int]string{}
	for line := range strings.Lines(stdout + stderr) {
		line = strings.TrimRight(line, "\n")
		if line == "" {
			continue
		}
		m := mistake.FindStringSubmatch(line)
		if m == nil || m[1] != "broken.yaml" {
			t.Errorf("not of the form broken.yaml:line:column: message: %q", line)
			continue
		}
		var n int
		for _, digit := range m[2] {
			n = n*10 + int(digit-'0')
		}
		told[n] += m[4] + "\n"
	}
	for i, line := range strings.Split(mistakes, "\n") {
		_, text, marked := strings.Cut(line, "#!")
		text = strings.TrimSpace(text)
		switch got, ok := told[i+1]; {
		case marked && !ok:
			t.Errorf("line %d: nothing was said about %s", i+1, line)
		case marked && !strings.Contains(got, text):
			t.Errorf("line %d: was told %q, want it to have %q", i+1, got, text)
		case !marked && ok && !strings.Contains(line, "name: condition") && !strings.Contains(line, "name: typed"):
			t.Errorf("line %d has no mistake (%s), but was told %q", i+1, line, got)
		}
	}
	if !strings.Contains(strings.Join(values(told), ""), "condition") {
		t.Errorf("nothing was said about a rule's name that is there twice:\n%s%s", stdout, stderr)
	}
}

func values(m map[int]string) (all []string) {
	for _, v := range m {
		all = append(all, v)
	}
	return all
}

// TestValidateSaysOK: a good file is ok, a missing one is not, and several may be named.
func TestValidateSaysOK(t *testing.T) {
	t.Parallel()
	sameOnEveryStore(t)
	dir := t.TempDir()
	for name, text := range map[string]string{"good.yaml": apiYAML, "empty.yaml": "", "tab.yaml": "queues:\n\torders: {}\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		args []string
		code int
		text string
	}{
		{[]string{"good.yaml"}, 0, "good.yaml: ok"},
		{[]string{"good.yaml", "empty.yaml"}, 0, "empty.yaml: ok"},
		{[]string{"tab.yaml"}, 1, "tab.yaml:2:"},
		{[]string{"missing.yaml"}, 1, "missing.yaml"},
		{nil, 2, ""},
	} {
		code, stdout, stderr := harness.Output(t, harness.Command{Path: harness.Binary(t), Args: append([]string{"validate"}, c.args...), Dir: dir})
		if code != c.code || !strings.Contains(stdout+stderr, c.text) {
			t.Errorf("validate %q: exit code %d, output %q %q; want %d and %q", c.args, code, stdout, stderr, c.code, c.text)
		}
	}
}

// TestFilesOfTheDocsAreValid: the first file of a page that explains something by a file is complete, for those who copy it.
func TestFilesOfTheDocsAreValid(t *testing.T) {
	t.Parallel()
	yamlBlock := regexp.MustCompile("(?s)```yaml\n(.*?)```")
	for _, name := range []string{"README.md", "docs/archives.md", "docs/destinations.md", "docs/topics.md"} {
		text, err := os.ReadFile(filepath.Join(harness.Root(t), name))
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), "router.yaml")
		if err := os.WriteFile(file, yamlBlock.FindSubmatch(text)[1], 0o600); err != nil {
			t.Fatal(err)
		}
		code, stdout, stderr := harness.Output(t, harness.Command{
			Path: harness.Binary(t), Args: []string{"validate", file},
			Env: []string{"CHARGE_URL=https://charge.example", "CHARGE_SECRET=" + signingSecret, "BILLING_SECRET=x"},
		})
		if code != 0 {
			t.Errorf("the file of %s is not valid: %s%s", name, stdout, stderr)
		}
	}
}

// TestServeRefusesBrokenFile: serve does not start with a broken file or without the one that is named, says what is wrong, and
// leaves no data directory behind.
func TestServeRefusesBrokenFile(t *testing.T) {
	t.Parallel()
	sameOnEveryStore(t)
	dir := t.TempDir()
	file, missing, data := filepath.Join(dir, "broken.yaml"), filepath.Join(dir, "missing.yaml"), filepath.Join(dir, "data")
	if err := os.WriteFile(file, []byte("queues:\n  a: {colour: red}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{file: file + ":2:", missing: missing} {
		code, _, stderr := harness.Output(t, harness.Command{
			Path: harness.Binary(t), Args: []string{"serve", "--listen", "127.0.0.1:0", "--data", data, "--config", file},
		})
		if code != 1 || !strings.Contains(stderr, want) {
			t.Errorf("exit code %d, and said %q; want 1 and %q", code, stderr, want)
		}
		if _, err := os.Stat(data); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: there is a data directory (%v)", filepath.Base(file), err)
		}
	}
}

// TestFlagsHaveTwinsInTheEnvironment, and the flag wins.
func TestFlagsHaveTwinsInTheEnvironment(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "router.yaml")
	if err := os.WriteFile(file, []byte("queues: {from-environment: {}}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := harness.Start(t, harness.Options{Env: []string{"ROUTER_CONFIG=" + file, "ROUTER_STORE=memory", "ROUTER_LISTEN=127.0.0.1:1"}})
	r.Empty("from-environment")
	code, _, stderr := harness.Output(t, harness.Command{Path: harness.Binary(t), Args: []string{"serve", "--no-such-flag"}})
	if code != 2 || !strings.Contains(stderr, "no-such-flag") {
		t.Errorf("an unknown flag: exit code %d, %q", code, stderr)
	}
}

// TestDataDirectoryIsLocked: a second router on the same data directory does not start.
func TestDataDirectoryIsLocked(t *testing.T) {
	t.Parallel()
	harness.EmbeddedOnly(t, "it has a data directory")
	r := harness.Start(t, harness.Options{})
	second := *r.Nodes[0]
	second.Launch()
	if code := second.Wait(t, harness.Limit); code == 0 || !strings.Contains(second.Stderr.String(), "in use by another process") {
		t.Errorf("a second router ended with %d and said %q, want it to say that the directory is in use", code, second.Stderr)
	}
	r.Stop()
}
