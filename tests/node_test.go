package tests

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/signalbox-mq/signalbox/tests/harness"
	"github.com/signalbox-mq/signalbox/tests/redistest"
)

// signingSecret signs deliveries, by Standard Webhooks.
const signingSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// node returns a command that runs a program of tests/node, which comes from npm.
func node(t *testing.T, program string, args []string, env ...string) harness.Command {
	t.Helper()
	dir := filepath.Join(harness.Root(t), "tests", "node")
	if _, err := os.Stat(filepath.Join(dir, "node_modules", "@octokit")); err != nil {
		t.Skip("the packages of tests/node are not installed: make test-setup does it")
	}
	path, err := exec.LookPath("node")
	if err != nil {
		t.Skip("Node.js is not installed: make test-setup does it")
	}
	return harness.Command{Path: path, Args: append([]string{program}, args...), Dir: dir, Env: env}
}

// nodeFunction is the CloudEvents function of tests/node/function.mjs under Google's functions framework.
type nodeFunction struct {
	t       *testing.T
	process *harness.Process
	port    string
	faults  string
	read    int // lines of its output that were looked at
}

// delivery is what the function got, after it verified the signature with the npm package standardwebhooks.
type delivery struct {
	ID          string          `json:"id"`
	Type        string          `json:"type"`
	Source      string          `json:"source"`
	Subject     string          `json:"subject"`
	SignalboxID string          `json:"signalboxid"`
	Data        json.RawMessage `json:"data"`
	WebhookID   string          `json:"webhookId"`
	ContentType string          `json:"contentType"`
	UserAgent   string          `json:"userAgent"`
}

// startFunction starts the function. It misbehaves on the first attempts of as many deliveries as there are faults.
func startFunction(t *testing.T, faults ...string) *nodeFunction {
	t.Helper()
	f := &nodeFunction{t: t, port: fmt.Sprint(redistest.FreePort(t)), faults: strings.Join(faults, ",")}
	f.start()
	return f
}

// start starts the function, after stop at the port it had before, which nobody takes meanwhile.
func (f *nodeFunction) start() {
	f.t.Helper()
	f.process = harness.Run(f.t, node(f.t, "node_modules/@google-cloud/functions-framework/build/src/main.js", []string{
		"--source=function.mjs", "--target=record", "--signature-type=cloudevent", "--port=" + f.port,
	}, "SECRET="+signingSecret, "FAULTS="+f.faults))
	var line struct{ Listening int }
	_, f.read = f.process.Stdout.Wait(f.t, "the port of the function", 0, func(text string) bool {
		return json.Unmarshal([]byte(text), &line) == nil && line.Listening != 0
	})
	f.read++
	f.port = fmt.Sprint(line.Listening)
}

func (f *nodeFunction) stop() { f.process.Kill() }

func (f *nodeFunction) url() string { return "http://127.0.0.1:" + f.port + "/" }

// next waits for a delivery. One whose signature does not verify fails the test.
func (f *nodeFunction) next() delivery {
	f.t.Helper()
	var got struct {
		Delivery   *delivery
		Unverified string
	}
	_, n := f.process.Stdout.Wait(f.t, "a delivery", f.read, func(text string) bool {
		return strings.HasPrefix(text, "{") && json.Unmarshal([]byte(text), &got) == nil && got.Delivery != nil
	})
	f.read = n + 1
	if got.Unverified != "" {
		f.t.Fatalf("the signature of %s does not verify: %s", got.Delivery.Type, got.Unverified)
	}
	return *got.Delivery
}
