package tests

import (
	"encoding/json"
	"os"
	"path/filepath"
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

// TestEventBridgePage runs the commands of docs/eventbridge.md as printed there, but for the port.
func TestEventBridgePage(t *testing.T) {
	t.Parallel()
	sameOnEveryStore(t)
	r := harness.Start(t, harness.Options{Verb: "dev"})
	aws := `aws() { AWS_CONFIG_FILE=/dev/null ` + newCLI(t, r).path + ` --endpoint-url "$AWS_ENDPOINT_URL" --output json "$@"; }` + "\n"
	text, err := os.ReadFile(filepath.Join(harness.Root(t), "docs", "eventbridge.md"))
	if err != nil {
		t.Fatal(err)
	}
	const printed = "http://127.0.0.1:4566"
	var answers []string
	for _, m := range shellBlock.FindAllStringSubmatch(string(text), -1) {
		if strings.Contains(m[1], printed) {
			answers = append(answers, shell(t, aws+strings.ReplaceAll(m[1], printed, r.URL(""))))
		}
	}
	if len(answers) != 2 {
		t.Fatalf("docs/eventbridge.md has %d blocks of commands for a running router, want 2", len(answers))
	}
	if !strings.Contains(answers[0], `\"detail\":{\"id\":\"o-1\",\"total\":250}`) {
		t.Errorf("the event was not received:\n%s", answers[0])
	}
	if !strings.Contains(answers[1], `"FailedEntryCount":0`) {
		t.Errorf("PutEvents answered %s", answers[1])
	}
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
