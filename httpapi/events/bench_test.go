package events_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/signalbox-mq/signalbox/httpapi/awsapi/awstest"
)

// benchEntries are ten entries of 1 KiB, of which a share matches.
func benchEntries() []byte {
	detail := `"{\"id\":\"o-1\",\"total\":250,\"note\":\"` + strings.Repeat("x", 970) + `\"}"`
	return []byte(putEvents(slices.Repeat([]string{`{"Source":"shop","DetailType":"order.created","Detail":` + detail + `}`}, 10)...))
}

// BenchmarkPutEvents puts ten entries of 1 KiB on a bus whose rules match them with so many queues.
func BenchmarkPutEvents(b *testing.B) {
	for _, queues := range []int{0, 1} {
		b.Run(fmt.Sprintf("queues=%d", queues), func(b *testing.B) {
			e := newEnv(b)
			for i := range queues {
				name := fmt.Sprint("q", i)
				e.queue(name)
				e.rule("default", name, `{"source":["shop"]}`, name)
			}
			awstest.NewRepeater(b, e.Client, "PutEvents").Repeat(benchEntries())
		})
	}
}

// BenchmarkPutEventsRefused puts ten entries of which nothing is published: what is left is the protocol.
func BenchmarkPutEventsRefused(b *testing.B) {
	e := newEnv(b)
	body := strings.ReplaceAll(string(benchEntries()), `"shop"`, `"aws.s3"`)
	awstest.NewRepeater(b, e.Client, "PutEvents").Repeat([]byte(body))
}
