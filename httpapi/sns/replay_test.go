package sns_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/signalbox-mq/signalbox/httpapi/awsapi/awstest"
	"github.com/signalbox-mq/signalbox/queue"
)

// replaying runs what replays need until the test ends.
func (e *env) replaying() {
	e.tb.Helper()
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	for _, run := range []func(context.Context) error{queue.NewTransfers(e.broker, e.defs, e.topics.Mappers()).Run, e.topics.Replay} {
		running.Go(func() {
			if err := run(ctx); err != nil {
				e.tb.Error(err)
			}
		})
	}
	e.tb.Cleanup(func() { stop(); running.Wait() })
}

// replayed waits for the end of a subscription's replay.
func (e *env) replayed(arn string) {
	e.tb.Helper()
	ctx, stop := context.WithTimeout(e.tb.Context(), time.Minute)
	defer stop()
	for {
		revision := e.defs.Revision()
		status := e.attributes(arn)["ReplayStatus"]
		if status == "Completed" {
			return
		}
		if err := e.defs.Wait(ctx, revision); err != nil {
			e.tb.Fatalf("the replay of %s is %s", arn, status)
		}
	}
}

// TestSubscribeWithReplayAmidPublishes: queues that are subscribed with a ReplayPolicy, by two at once each, while others publish, get
// every message once, in the order of its group, at least those with a mark that were published before.
func TestSubscribeWithReplayAmidPublishes(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.replaying()
	of := e.ok("CreateTopic", `{"Name":"t.fifo","Attributes":{"FifoTopic":"true","ContentBasedDeduplication":"true","ArchivePolicy":"{\"MessageRetentionPeriod\":\"1\"}"}}`).Text("TopicArn")
	publish := func(group string, from, to int) {
		for i := from; i < to; i++ {
			e.ok("Publish", fmt.Sprintf(`{"TopicArn":%q,"MessageGroupId":%q,"Message":"%s/%03d"}`, of, group, group, i))
		}
	}
	const before, during, groups, queues = 20, 60, 3, 6
	for g := range groups {
		publish(fmt.Sprint("g", g), 0, before)
	}
	var publishing, subscribing sync.WaitGroup
	for g := range groups {
		publishing.Go(func() { publish(fmt.Sprint("g", g), before, before+during) })
	}
	policy := fmt.Sprintf(`,"Attributes":{"RawMessageDelivery":"true","ReplayPolicy":%s}`,
		awstest.Quoted(`{"PointType":"Timestamp","StartingPoint":"`+time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)+`"}`))
	arns := make([][2]string, queues)
	for q := range queues {
		name := fmt.Sprint("q", q)
		if q%2 == 0 {
			name += ".fifo"
		}
		e.queue(name)
		for i := range 2 {
			subscribing.Go(func() {
				arns[q][i] = e.ok("Subscribe", subscribeInput("t.fifo", "sqs", queueARN(name), policy)).Text("SubscriptionArn")
			})
		}
	}
	subscribing.Wait()
	publishing.Wait()
	want := map[string][]string{}
	for g := range groups {
		for i := range before + during {
			group := fmt.Sprint("g", g)
			want[group] = append(want[group], fmt.Sprintf("%s/%03d", group, i))
		}
	}
	for q, both := range arns {
		if both[0] != both[1] {
			t.Errorf("one queue has the subscriptions %v", both)
		}
		e.replayed(both[0])
		name := fmt.Sprint("q", q)
		if q%2 == 0 {
			name += ".fifo"
		}
		got, replayed := map[string][]string{}, 0
		for _, m := range e.messages(name) {
			got[m.Group] = append(got[m.Group], string(m.Body))
			if _, marked := m.Attribute("Replayed"); marked {
				replayed++
			}
		}
		if diff := cmp.Diff(want, got); diff != "" || replayed < groups*before {
			t.Errorf("%s: %d replayed, %s", name, replayed, diff)
		}
	}
}
