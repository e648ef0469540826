package tests

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/signalbox-mq/signalbox/tests/harness"
)

// TestSQSConsumer has a worker made with the npm package sqs-consumer process 10,000 messages. It is killed in the middle and
// started again: every message is processed, and the queue is empty in the end.
func TestSQSConsumer(t *testing.T) {
	t.Parallel()
	const total = 10_000
	r := harness.Start(t, harness.Options{})
	s := newScene(t, r, "json", "consumer")
	url := s.create("work", "VisibilityTimeout", "5")
	worker := node(t, "consume.mjs", []string{r.URL(""), url}, "NODE_NO_WARNINGS=1") // the SDK warns of the age of Node.js
	s.fill(url, total)

	processed := map[string]bool{}
	first := harness.Run(t, worker)
	takeUntil(t, first, processed, total*4/10)
	first.Kill()
	// What it printed before it died, it has processed.
	for _, line := range first.Stdout.All() {
		take(t, line, processed)
	}
	if len(processed) == total {
		t.Error("the worker was done before it was killed")
	}
	second := harness.Run(t, worker)
	takeUntil(t, second, processed, total)
	harness.Until(t, "the queue to be empty", func() (bool, string) {
		c := s.counts(url)
		return c == counts{"0", "0", "0"}, fmt.Sprint(c)
	})
	if problems := first.Stderr.String() + second.Stderr.String(); strings.TrimSpace(problems) != "" {
		t.Errorf("the worker complained:\n%s", problems)
	}
}

// takeUntil notes what a worker prints until so many messages are processed. Each 1,000 more may take as long as harness.Limit.
func takeUntil(t *testing.T, worker *harness.Process, processed map[string]bool, want int) {
	t.Helper()
	for line := 0; len(processed) < want; line++ {
		next := min(len(processed)+1000, want)
		_, line = worker.Stdout.Wait(t, fmt.Sprintf("%d of %d messages", next, want), line, func(text string) bool {
			take(t, text, processed)
			return len(processed) >= next
		})
	}
}

// take notes the messages of a line that the worker printed.
func take(t *testing.T, line string, processed map[string]bool) {
	t.Helper()
	if !strings.HasSuffix(line, "]") {
		return // cut off by the kill
	}
	var bodies []string
	mustJSON(t, line, &bodies)
	for _, body := range bodies {
		processed[body] = true
	}
}

// fill sends n messages by several senders at once. Each has its number as body and as attribute.
func (s *sqsScene) fill(url string, n int) {
	s.t.Helper()
	const senders = 8
	var sending sync.WaitGroup
	for sender := range senders {
		sending.Go(func() {
			for from := 10 * sender; from < n; from += 10 * senders {
				in := &sqs.SendMessageBatchInput{QueueUrl: &url}
				for i := from; i < from+10; i++ {
					number := fmt.Sprint(i)
					in.Entries = append(in.Entries, types.SendMessageBatchRequestEntry{
						Id: &number, MessageBody: aws.String(number), MessageAttributes: map[string]types.MessageAttributeValue{"n": text(number)},
					})
				}
				if out, err := s.SendMessageBatch(s.t.Context(), in); err != nil || len(out.Successful) != 10 {
					s.t.Errorf("sending %d: %+v, %v", from, out, err)
					return
				}
			}
		})
	}
	sending.Wait()
}
