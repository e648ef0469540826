package sns_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/signalbox-mq/signalbox/httpapi/awsapi/awstest"
)

// repeat sends a request again and again.
func repeat(b *testing.B, e *env, operation, input string) {
	b.Helper()
	awstest.NewRepeater(b, e.client, operation).Repeat([]byte(e.client.Body(operation, input)))
}

const benchAttributes = `"MessageAttributes":{"colour":{"DataType":"String","StringValue":"red"},"size":{"DataType":"Number","StringValue":"7"}}`

// BenchmarkPublish publishes 1 KiB with two attributes to topics with as many raw queues.
func BenchmarkPublish(b *testing.B) {
	for _, queues := range []int{0, 1, 10} {
		b.Run(fmt.Sprintf("queues=%d", queues), func(b *testing.B) {
			e := newEnv(b)
			e.topic("t")
			for i := range queues {
				name := fmt.Sprint("q", i)
				e.queue(name)
				e.subscribe("t", name, `"Attributes":{"RawMessageDelivery":"true"}`)
			}
			repeat(b, e, "Publish", message(`"Message":"`+strings.Repeat("x", 1024)+`",`+benchAttributes))
		})
	}
}

// BenchmarkPublishFiltered publishes to a topic of 1,000 filtered subscriptions of which one matches.
func BenchmarkPublishFiltered(b *testing.B) {
	e := newEnv(b)
	e.topic("t")
	for i := range 1000 {
		e.subscribe("t", fmt.Sprint("q", i), `"Attributes":{"RawMessageDelivery":"true","FilterPolicy":"{\"size\":[`+fmt.Sprint(i)+`]}"}`)
	}
	e.queue("q7")
	repeat(b, e, "Publish", message(`"Message":"`+strings.Repeat("x", 1024)+`",`+benchAttributes))
}

// BenchmarkPublishEnvelope publishes to a queue that is not raw: each message is signed.
func BenchmarkPublishEnvelope(b *testing.B) {
	e := newEnv(b)
	e.topic("t")
	e.queue("q")
	e.subscribe("t", "q")
	repeat(b, e, "Publish", message(`"Message":"`+strings.Repeat("x", 1024)+`",`+benchAttributes))
}

// BenchmarkPublishBatch publishes ten messages of 1 KiB to one queue.
func BenchmarkPublishBatch(b *testing.B) {
	e := newEnv(b)
	e.topic("t")
	e.queue("q")
	e.subscribe("t", "q", `"Attributes":{"RawMessageDelivery":"true"}`)
	entries := make([]string, 10)
	for i := range entries {
		entries[i] = fmt.Sprintf(`{"Id":"%d","Message":"%s",%s}`, i, strings.Repeat("x", 1024), benchAttributes)
	}
	repeat(b, e, "PublishBatch", `{"TopicArn":"`+topicARN("t")+`","PublishBatchRequestEntries":[`+strings.Join(entries, ",")+`]}`)
}
