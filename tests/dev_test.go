package tests

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/signalbox-mq/signalbox/tests/harness"
)

// shell runs a text as a shell script, as somebody would who copies it, and returns what it prints. -x has it tell of each command on
// stderr: harness.Output gives each its time.
func shell(t *testing.T, script string) string {
	t.Helper()
	for _, tool := range []string{"curl", "openssl"} {
		if _, err := exec.LookPath(tool); err != nil && strings.Contains(script, tool) {
			t.Skipf("%s is not installed: make test-setup does it", tool)
		}
	}
	code, stdout, stderr := harness.Output(t, harness.Command{Path: "/bin/sh", Args: []string{"-eux", "-c", script}})
	if code != 0 {
		t.Fatalf("%s\nended with %d: %s", script, code, stderr)
	}
	if strings.Contains(stdout, "about:blank") {
		t.Errorf("%s\nwas answered with a problem: %s", script, stdout)
	}
	return stdout
}

var printedID = regexp.MustCompile(`"id":"([0-9a-f-]{36})"`)

// withID puts the event id that a command has answered where a text says ID.
func withID(t *testing.T, script, answer string) string {
	t.Helper()
	m := printedID.FindStringSubmatch(answer)
	if m == nil {
		t.Fatalf("no id in %s", answer)
	}
	return strings.ReplaceAll(script, "/events/ID", "/events/"+m[1])
}

// matchedIn returns what a publish by curl has matched.
func matchedIn(t *testing.T, answer string) []string {
	t.Helper()
	var out struct{ Events []harness.PublishedEvent }
	mustJSON(t, answer, &out)
	if len(out.Events) != 1 {
		t.Fatalf("the answer is %s", answer)
	}
	return out.Events[0].Matched
}

func messagesIn(t *testing.T, answer string) []harness.Message {
	t.Helper()
	var out struct{ Messages []harness.Message }
	mustJSON(t, answer, &out)
	return out.Messages
}

// wantDoomed checks the dead letter of the function that always fails.
func wantDoomed(t *testing.T, answer string) {
	t.Helper()
	messages := messagesIn(t, answer)
	if len(messages) != 1 {
		t.Fatalf("the dead-letter queue has %s, want one message", answer)
	}
	m := messages[0]
	if m.Attribute("router.status") != "500" || m.Attribute("RETRY_ATTEMPTS") != "2" || m.Attribute("router.response") == "" || !strings.Contains(m.Body, "o-2") {
		t.Errorf("the dead letter is %+v", m)
	}
}

// TestDevWithoutFile runs what `router dev` prints, word for word, and follows its two kinds of events.
func TestDevWithoutFile(t *testing.T) {
	t.Parallel()
	r := harness.Start(t, harness.Options{Verb: "dev"})
	r.Stdout.WaitFor(t, "/v1/events/ID")
	var commands []string
	for _, line := range r.Stdout.All() {
		if command, ok := strings.CutPrefix(line, "  curl "); ok {
			commands = append(commands, "curl "+command)
		}
	}
	r.Stdout.WaitFor(t, "its buses as EventBridge")
	if len(commands) != 5 {
		t.Fatalf("dev prints %d commands, want 5:\n%s", len(commands), r.Stdout)
	}
	published := shell(t, commands[0])
	if got := matchedIn(t, published); !slices.Equal(got, []string{"big-orders"}) {
		t.Errorf("%s\nmatched %q", commands[0], got)
	}
	if got := messagesIn(t, shell(t, commands[1])); len(got) != 1 || !strings.Contains(got[0].Body, `"detail-type":"order.created"`) {
		t.Errorf("%s\nreceived %+v", commands[1], got)
	}
	if got := matchedIn(t, shell(t, commands[2])); !slices.Equal(got, []string{"doomed"}) {
		t.Errorf("%s\nmatched %q", commands[2], got)
	}
	wantDoomed(t, shell(t, commands[3]))
	var story eventStory
	mustJSON(t, shell(t, withID(t, commands[4], published)), &story)
	if len(story.Rules) != 2 || len(story.Deliveries) != 2 {
		t.Errorf("the story is %+v", story)
	}
	// It prints a line for each event and each delivery.
	r.Stdout.WaitFor(t, "big-orders")
	for i := 1; i <= 3; i++ {
		r.Stdout.WaitFor(t, fmt.Sprintf("attempt %d: answered 500", i))
	}
	r.Stdout.WaitFor(t, "gave-up")
	r.Stop()
}

// TestREADME runs the commands of README.md as printed there, but for the port.
func TestREADME(t *testing.T) {
	t.Parallel()
	sameOnEveryStore(t)
	r := harness.Start(t, harness.Options{Verb: "dev"})
	answers := runMarkdown(t, r, filepath.Join(harness.Root(t), "README.md"))
	if len(answers) != 3 {
		t.Fatalf("README.md has %d blocks of commands for a running router, want 3", len(answers))
	}
	if got := matchedIn(t, answers[0]); !slices.Equal(got, []string{"big-orders"}) {
		t.Errorf("the order matched %q", got)
	}
	if got := messagesIn(t, answers[1]); len(got) != 1 {
		t.Errorf("the queue has %s", answers[1])
	}
	_, deadLetter, _ := strings.Cut(answers[2], "\n")
	wantDoomed(t, deadLetter)
}

var shellBlock = regexp.MustCompile("(?s)```sh\n(.*?)```")

// runMarkdown runs the shell blocks of a file that speak to a running router, in order, and returns what each printed.
func runMarkdown(t *testing.T, r *harness.Router, file string) (answers []string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	const printed = "http://127.0.0.1:4566"
	for _, m := range shellBlock.FindAllStringSubmatch(string(text), -1) {
		script := m[1]
		if !strings.Contains(script, printed) || strings.Contains(script, "go run ./cmd/router") {
			continue
		}
		if len(answers) > 0 && strings.Contains(script, "/events/ID") {
			script = withID(t, script, answers[0])
		}
		answers = append(answers, shell(t, strings.ReplaceAll(script, printed, r.URL(""))))
	}
	return answers
}

// page is a page of docs/ with commands for the AWS command line. Its first block says where the router is, for all that follow.
type page struct {
	t      *testing.T
	setup  string
	text   string
	blocks []string // for a running router, with its port
}

func newPage(t *testing.T, r *harness.Router, name string) page {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(harness.Root(t), "docs", name))
	if err != nil {
		t.Fatal(err)
	}
	p := page{t: t, text: string(text)}
	for _, m := range shellBlock.FindAllStringSubmatch(p.text, -1) {
		if !strings.Contains(m[1], "go run ./cmd/router") {
			p.blocks = append(p.blocks, strings.ReplaceAll(m[1], "http://127.0.0.1:4566", r.URL("")))
		}
	}
	if len(p.blocks) == 0 || !strings.HasPrefix(p.blocks[0], "export AWS_ENDPOINT_URL=") {
		t.Fatalf("docs/%s does not tell the AWS command line where the router is", name)
	}
	c := newCLI(t, r)
	p.setup = "export AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null AWS_PAGER= PATH=" + filepath.Dir(c.path) + ":$PATH\n"
	lines := strings.SplitAfter(p.blocks[0], "\n")
	p.setup += lines[0] + lines[1]
	return p
}

// run runs a block and returns what it prints.
func (p page) run(block int) string {
	p.t.Helper()
	return p.shell(p.blocks[block])
}

// shell runs other commands with what the first block says.
func (p page) shell(script string) string {
	p.t.Helper()
	return shell(p.t, p.setup+script)
}

// TestEventsDocument runs the commands of docs/events.md, which need no definitions.
func TestEventsDocument(t *testing.T) {
	t.Parallel()
	sameOnEveryStore(t)
	r := harness.Start(t, harness.Options{})
	answers := runMarkdown(t, r, filepath.Join(harness.Root(t), "docs", "events.md"))
	if len(answers) < 4 {
		t.Errorf("docs/events.md has %d blocks of commands, want 4 or more", len(answers))
	}
	for _, answer := range answers {
		if !strings.HasPrefix(answer, `{"events":[{"id":"`) {
			t.Errorf("a publish was answered %s", answer)
		}
	}
}

func example(t *testing.T, name string) string {
	t.Helper()
	dir := filepath.Join(harness.Root(t), "examples", name)
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("there is no example %s", name)
	}
	return dir
}

// TestExamplesAreTested fails when there is an example that no test runs.
func TestExamplesAreTested(t *testing.T) {
	t.Parallel()
	sameOnEveryStore(t)
	entries, err := os.ReadDir(filepath.Join(harness.Root(t), "examples"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() && !slices.Contains([]string{"quickstart", "orders", "github-webhooks"}, e.Name()) {
			t.Errorf("no test runs examples/%s", e.Name())
		}
	}
}

func TestExampleQuickstart(t *testing.T) {
	t.Parallel()
	sameOnEveryStore(t)
	dir := example(t, "quickstart")
	r := harness.Start(t, harness.Options{Verb: "dev", ConfigFile: filepath.Join(dir, "router.yaml")})
	answers := runMarkdown(t, r, filepath.Join(dir, "README.md"))
	if len(answers) != 4 {
		t.Fatalf("the README has %d blocks of commands, want 4", len(answers))
	}
	if got := matchedIn(t, answers[0]); !slices.Equal(got, []string{"big-orders"}) {
		t.Errorf("the order matched %q", got)
	}
	if got := messagesIn(t, answers[1]); len(got) != 1 {
		t.Errorf("the queue has %s", answers[1])
	}
	if !strings.Contains(answers[2], `"rules"`) {
		t.Errorf("the story is %s", answers[2])
	}
	_, deadLetter, _ := strings.Cut(answers[3], "\n")
	wantDoomed(t, deadLetter)

	small := r.Publish(`{"source": "shop", "type": "order.created", "data": {"total": 50}}`)[0]
	for _, rule := range storyOf(t, r.Client, small.ID).Rules {
		if rule.Rule == "big-orders" && (rule.Matched || rule.Field != "detail.total") {
			t.Errorf("an order of 50: %+v", rule)
		}
	}
}

func TestExampleOrders(t *testing.T) {
	t.Parallel()
	sameOnEveryStore(t)
	dir := example(t, "orders")
	command := node(t, filepath.Join(dir, "shop.mjs"), []string{"0"}, "SHOP_SECRET="+signingSecret)
	shop := harness.Run(t, command)
	_, address, _ := strings.Cut(shop.Stdout.WaitFor(t, "shop functions on "), "shop functions on ")
	r := harness.Start(t, harness.Options{
		Verb: "dev", ConfigFile: filepath.Join(dir, "router.yaml"), Env: []string{"SHOP_URL=" + address, "SHOP_SECRET=" + signingSecret},
	})
	answers := runMarkdown(t, r, filepath.Join(dir, "README.md"))
	if len(answers) != 4 {
		t.Fatalf("the README has %d blocks of commands, want 4", len(answers))
	}
	if got := matchedIn(t, answers[0]); !slices.Equal(got, []string{"charge"}) {
		t.Errorf("the order matched %q", got)
	}
	shop.Stdout.WaitFor(t, "/inventory 200")
	shop.Stdout.WaitFor(t, "/shipping 202")
	shop.Stdout.WaitFor(t, "/pager 204")
	charged, _ := shop.Stdout.Wait(t, "the charge", 0, func(line string) bool { return strings.HasPrefix(line, "/payment 200") })
	var payment struct{ Data struct{ Order string } }
	mustJSON(t, strings.TrimPrefix(charged, "/payment 200 "), &payment)
	if payment.Data.Order != "o-1" {
		t.Errorf("charged %s", charged)
	}
	second := func(answer string) []harness.Message {
		_, rest, _ := strings.Cut(answer, "\n")
		return messagesIn(t, rest)
	}
	if got := second(answers[1]); len(got) != 1 || got[0].Group != "o-1" {
		t.Errorf("the books got %s", answers[1])
	}
	if got := second(answers[2]); len(got) != 1 || got[0].Attribute("router.status") != "422" || got[0].Attribute("RETRY_ATTEMPTS") != "2" {
		t.Errorf("the dead letter is %s", answers[2])
	}
	if got := second(answers[3]); len(got) != 1 {
		t.Errorf("audit got %s", answers[3])
	} else {
		sameJSON(t, "the alarm", json.RawMessage(got[0].Body), json.RawMessage(`{"severity": "high", "text": "no lamps left"}`))
	}
}

func TestExampleGitHubWebhooks(t *testing.T) {
	t.Parallel()
	sameOnEveryStore(t)
	dir := example(t, "github-webhooks")
	c := harness.NewCollector(t)
	r := harness.Start(t, harness.Options{
		Verb: "dev", ConfigFile: filepath.Join(dir, "router.yaml"), Env: []string{"GITHUB_WEBHOOK_SECRET=changeme", "DEPLOY_URL=" + c.URL("/deploy")},
	})
	answers := runMarkdown(t, r, filepath.Join(dir, "README.md"))
	if len(answers) != 1 {
		t.Fatalf("the README has %d blocks of commands, want 1", len(answers))
	}
	var out harness.PublishedEvent
	mustJSON(t, answers[0], &out)
	if !slices.Equal(out.Matched, []string{"deploy-main"}) || out.Duplicate {
		t.Errorf("the push was answered %s", answers[0])
	}
	var event struct{ Data json.RawMessage }
	mustJSON(t, c.Wait("/deploy", 1)[0].Body, &event)
	sameJSON(t, "the deployment", event.Data, json.RawMessage(`{"repository": "you/it", "commit": "6dcb09b5"}`))
	if again := runMarkdown(t, r, filepath.Join(dir, "README.md")); !strings.Contains(again[0], `"duplicate":true`) {
		t.Errorf("the same delivery again: %s", again[0])
	}
}
