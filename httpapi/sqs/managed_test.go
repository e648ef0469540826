package sqs_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/signalbox-mq/signalbox/httpapi/awsapi/awstest"
	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
)

// declare defines queues as a file does.
func (e *env) declare(queues map[string]queue.Definition) {
	e.tb.Helper()
	var all []catalog.Declaration
	for name, def := range queues {
		value, err := json.Marshal(def)
		if err != nil {
			e.tb.Fatal(err)
		}
		all = append(all, catalog.Declaration{Table: queue.Table, Name: queue.Name{Account: account, Region: region, Name: name}, Value: value})
	}
	if _, err := e.defs.Declare(context.Background(), "file:router.yaml", "1", all, catalog.DeclareOptions{}); err != nil {
		e.tb.Fatal(err)
	}
}

// TestQueuesOfTheFile are used as others are, and can not be changed.
func TestQueuesOfTheFile(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, e *env, p awstest.Protocol) {
		e.declare(map[string]queue.Definition{"q": {}, "few": {MaxInFlight: 1}, "few.fifo": {FIFO: true, MaxInFlight: 1, ContentBasedDeduplication: true}})
		e.ok(p, "SendMessage", `{"QueueUrl":"q","MessageBody":"b"}`)
		e.ok(p, "CreateQueue", `{"QueueName":"q","Attributes":{"VisibilityTimeout":"30"}}`)
		e.ok(p, "PurgeQueue", `{"QueueUrl":"q"}`)
		for operation, input := range map[string]string{
			"DeleteQueue": `{"QueueUrl":"q"}`, "SetQueueAttributes": `{"QueueUrl":"q","Attributes":{"DelaySeconds":"1"}}`, "TagQueue": `{"QueueUrl":"q","Tags":{"a":"b"}}`,
			"AddPermission": examples()["AddPermission"],
		} {
			a := e.call(p, operation, input)
			if a.Status != 400 || a.Code != "AWS.SimpleQueueService.UnsupportedOperation" || !strings.Contains(a.Message, "router.yaml") {
				t.Errorf("%s answered %d %s", operation, a.Status, a.Body)
			}
		}
		// Too many in flight: an error of standard queues, and nothing on FIFO queues.
		for _, name := range []string{"few", "few.fifo"} {
			group := ""
			if strings.HasSuffix(name, ".fifo") {
				group = `,"MessageGroupId":"g"`
			}
			e.ok(p, "SendMessageBatch", `{"QueueUrl":"`+name+`","Entries":[{"Id":"1","MessageBody":"a"`+group+`},{"Id":"2","MessageBody":"b"`+group+`}]}`)
			e.ok(p, "ReceiveMessage", `{"QueueUrl":"`+name+`"}`)
		}
		e.call(p, "ReceiveMessage", `{"QueueUrl":"few"}`).Is("the second", "OverLimit", "Too many messages of the queue are in flight.")
		e.ok(p, "ReceiveMessage", `{"QueueUrl":"few.fifo"}`)
	})
}

// TestLargeBodies sends more than the protocols take, and as much as a batch can be.
func TestLargeBodies(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.create("q")
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, base+"/", strings.NewReader(strings.Repeat(" ", 8<<20+1)))
	r.Header.Set("X-Amz-Target", "AmazonSQS.ListQueues")
	if a := e.do(r); a.Status != http.StatusRequestEntityTooLarge {
		t.Errorf("answered %d %s", a.Status, a.Body)
	}
	body := strings.Repeat(`\u0009`, 1<<20) // 1 MiB in 6
	e.ok(overJSON, "SendMessage", `{"QueueUrl":"q","MessageBody":"`+body+`"}`)
	e.ok(overQuery, "SendMessage", `{"QueueUrl":"q","MessageBody":"`+body+`"}`)
}
