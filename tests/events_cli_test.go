package tests

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/signalbox-mq/signalbox/tests/harness"
)

// events runs `aws events` with arguments, which must go well, and decodes what it prints into out, nil for nothing.
func (c *awsCLI) events(out any, args ...string) {
	c.t.Helper()
	endpoint := strings.TrimPrefix(c.env[len(c.env)-1], "ENDPOINT=")
	args = append([]string{"--endpoint-url", endpoint, "--output", "json", "events"}, args...)
	code, stdout, stderr := harness.Output(c.t, harness.Command{Path: c.path, Args: args, Env: c.env})
	if code != 0 {
		c.t.Fatalf("aws %q ended with %d:\n%s", args, code, stderr)
	}
	if out == nil {
		if strings.TrimSpace(stdout) != "" {
			c.t.Errorf("aws %q printed %s", args, stdout)
		}
		return
	}
	if err := json.Unmarshal([]byte(stdout), out); err != nil {
		c.t.Fatalf("aws %q printed %s: %v", args, stdout, err)
	}
}

// TestEventBridgePage runs the commands of docs/eventbridge.md as printed there, but for the ports.
func TestEventBridgePage(t *testing.T) {
	t.Parallel()
	sameOnEveryStore(t)
	r := harness.Start(t, harness.Options{Verb: "dev"})
	p := newPage(t, r, "eventbridge.md")
	const wanted = 8
	if len(p.blocks) != wanted {
		t.Fatalf("docs/eventbridge.md has %d blocks of commands for a running router, want %d", len(p.blocks), wanted)
	}
	if got := p.run(1); !strings.Contains(got, `\"detail\":{\"id\":\"o-1\",\"total\":250}`) {
		t.Errorf("the event was not received:\n%s", got)
	}
	if got := p.run(2); !strings.Contains(got, `"FailedEntryCount":0`) {
		t.Errorf("PutEvents answered %s", got)
	}

	p.run(3)
	p.run(4)
	// It describes the replay at whatever has become of it by then, and receives what it brought.
	if got := p.run(5); !strings.Contains(got, `"ReplayName": "again"`) || !strings.Contains(got, `\"replay-name\":\"again\",\"resources\":[],\"detail\":{\"total\":250}`) {
		t.Errorf("the event was not replayed:\n%s", got)
	}
	harness.Until(t, "the end of the replay", func() (bool, string) {
		state := p.shell("aws events describe-replay --replay-name again --query State --output text")
		return strings.TrimSpace(state) == "COMPLETED", state
	})

	if _, err := exec.LookPath("node"); err != nil {
		t.Skip("Node.js is not installed: make test-setup does it")
	}
	const port = "9000"
	api := harness.Run(t, harness.Command{Path: "/bin/sh", Args: []string{"-c", "exec " + strings.ReplaceAll(p.blocks[6], port, "0")}})
	_, listening, _ := strings.Cut(api.Stdout.WaitFor(t, "listening on port "), "port ")
	p.shell(strings.ReplaceAll(p.blocks[7], port, strings.TrimSpace(listening)))
	const call = `POST /customers s3cret {"name":"Ada"}`
	if !strings.Contains(p.text, "```text\n"+call+"\n```") {
		t.Errorf("docs/eventbridge.md does not say that the API prints %s", call)
	}
	api.Stdout.WaitFor(t, call)
}

// TestEventBridgeCommandLine goes from a bus to a replay with the AWS command line.
func TestEventBridgeCommandLine(t *testing.T) {
	t.Parallel()
	sameOnEveryStore(t)
	r := harness.Start(t, harness.Options{})
	c := newCLI(t, r)
	const queue = "arn:aws:sqs:us-east-1:000000000000:orders"
	var url struct{ QueueUrl string }
	c.run(&url, "create-queue", "--queue-name", "orders")
	var bus struct{ EventBusArn string }
	c.events(&bus, "create-event-bus", "--name", "shop", "--tags", "Key=team,Value=blue")
	var rule struct{ RuleArn string }
	c.events(&rule, "put-rule", "--name", "big", "--event-bus-name", "shop", "--event-pattern", `{"detail":{"total":[{"numeric":[">",100]}]}}`)
	var failed struct{ FailedEntryCount int }
	c.events(&failed, "put-targets", "--rule", "big", "--event-bus-name", "shop", "--targets", `[{"Id":"1","Arn":"`+queue+`"}]`)
	if failed.FailedEntryCount != 0 {
		t.Error("the target was not put")
	}
	var archive struct{ ArchiveArn string }
	c.events(&archive, "create-archive", "--archive-name", "all", "--event-source-arn", bus.EventBusArn, "--retention-days", "7")
	var put struct {
		FailedEntryCount int
		Entries          []struct{ EventId string }
	}
	entries := `[{"EventBusName":"shop","Source":"s","DetailType":"t","Detail":"{\"total\":101}"},{"EventBusName":"shop","Source":"s","DetailType":"t","Detail":"{\"total\":1}"}]`
	c.events(&put, "put-events", "--entries", entries)
	if put.FailedEntryCount != 0 || len(put.Entries) != 2 {
		t.Fatalf("put-events printed %+v", put)
	}
	receive := func() string {
		var received struct {
			Messages []struct{ Body, ReceiptHandle string }
		}
		c.run(&received, "receive-message", "--queue-url", url.QueueUrl, "--wait-time-seconds", "10")
		if len(received.Messages) != 1 {
			t.Fatalf("received %+v", received)
		}
		c.run(nil, "delete-message", "--queue-url", url.QueueUrl, "--receipt-handle", received.Messages[0].ReceiptHandle)
		return received.Messages[0].Body
	}
	if body := receive(); !strings.Contains(body, put.Entries[0].EventId) {
		t.Errorf("received %s", body)
	}
	var described struct {
		EventCount   int
		CreationTime any
	}
	c.events(&described, "describe-archive", "--archive-name", "all")
	if described.EventCount != 2 {
		t.Errorf("describe-archive printed %+v", described)
	}
	now := time.Now().UTC()
	var replay struct{ State, ReplayArn string }
	c.events(&replay, "start-replay", "--replay-name", "again", "--event-source-arn", archive.ArchiveArn, "--destination", `{"Arn":"`+bus.EventBusArn+`"}`,
		"--event-start-time", now.Add(-time.Hour).Format(time.RFC3339), "--event-end-time", now.Add(time.Second).Format(time.RFC3339))
	if body := receive(); !strings.Contains(body, `"replay-name":"again"`) {
		t.Errorf("received %s", body)
	}
	var buses struct{ EventBuses []struct{ Name string } }
	c.events(&buses, "list-event-buses")
	if len(buses.EventBuses) != 2 {
		t.Errorf("list-event-buses printed %+v", buses)
	}
	var result struct{ Result bool }
	c.events(&result, "test-event-pattern", "--event-pattern", `{"source":["s"]}`, "--event",
		`{"id":"1","account":"1","source":"s","time":"2026-01-01T00:00:00Z","region":"r","resources":[],"detail-type":"t","detail":{}}`)
	if !result.Result {
		t.Error("test-event-pattern says no")
	}
	c.events(&failed, "remove-targets", "--rule", "big", "--event-bus-name", "shop", "--ids", "1")
	c.events(nil, "delete-rule", "--name", "big", "--event-bus-name", "shop")
	c.events(nil, "delete-archive", "--archive-name", "all")
	c.events(nil, "delete-event-bus", "--name", "shop")
}
