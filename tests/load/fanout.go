package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// fanOuts are how many queues the topics have that are measured.
var fanOuts = []int{1, 10, 100, 1000}

const (
	// filtered subscriptions has the topic "filtered", of which filteredMatch match what is published.
	filtered      = 10_000
	filteredMatch = 5
	account       = "000000000000"
)

// fanOut measures SNS Publish to topics of several sizes, each publish durable in all queues before it is answered, and beside it
// the same messages sent to the same queues by SendMessageBatch, ten at a time to one queue.
func fanOut(ctx context.Context, s settings) error {
	dir, err := os.MkdirTemp("", "router-load-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := s.build(ctx, dir); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "router.yaml"), []byte(fanOutFile(s.signatures)), 0o600); err != nil {
		return err
	}
	progress(s, "starting a router with %d queues and %d filtered subscriptions", fanOuts[len(fanOuts)-1], filtered)
	router, err := serve(ctx, s.binary, dir, false)
	if err != nil {
		return err
	}
	defer router.stop()
	f := fan{
		url:    router.url + "/",
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 512, MaxConnsPerHost: 512}},
		body:   strings.Repeat("x", s.size),
	}
	defer f.client.CloseIdleConnections()
	fmt.Printf("%-34s %12s %14s %14s\n", fmt.Sprintf("%d bytes, %d publishers", s.size, s.publishers), "publishes/s", "deliveries/s", "of batches")
	for _, n := range fanOuts {
		progress(s, "SendMessageBatch to %d queues for %s", n, s.duration)
		sent, err := f.repeat(ctx, s, 10, func(ctx context.Context, i int64) error { return f.sendBatch(ctx, fmt.Sprintf("q%04d", i%int64(n))) })
		if err != nil {
			return err
		}
		for _, form := range []string{"raw", "envelope"} {
			progress(s, "Publish to %d queues, %s, for %s", n, form, s.duration)
			published, err := f.repeat(ctx, s, 1, func(ctx context.Context, _ int64) error {
				return f.publish(ctx, fmt.Sprintf("%s-%d", form, n), nil)
			})
			if err != nil {
				return err
			}
			fmt.Printf("%-34s %12.0f %14.0f %14.2f\n", fmt.Sprintf("%d queues, %s", n, form), published, published*float64(n), published*float64(n)/sent)
		}
	}
	for _, topic := range []string{"filtered", fmt.Sprintf("raw-%d", filteredMatch)} {
		progress(s, "Publish to %s for %s", topic, s.duration)
		published, err := f.repeat(ctx, s, 1, func(ctx context.Context, _ int64) error {
			return f.publish(ctx, topic, map[string]string{"customer": "c0"})
		})
		if err != nil {
			return err
		}
		what := fmt.Sprintf("%d queues without filters", filteredMatch)
		if topic == "filtered" {
			what = fmt.Sprintf("%d of %d filtered match", filteredMatch, filtered)
		}
		fmt.Printf("%-34s %12.0f %14.0f\n", what, published, published*filteredMatch)
	}
	return nil
}

// fanOutFile declares the queues and topics.
func fanOutFile(signatures string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "aws: {signatures: %s}\nqueues:\n", signatures)
	for i := range fanOuts[len(fanOuts)-1] {
		fmt.Fprintf(&b, "  q%04d: {}\n", i)
	}
	b.WriteString("topics:\n")
	topic := func(name string, n int, raw bool) {
		fmt.Fprintf(&b, "  %s:\n    subscriptions:\n", name)
		for i := range n {
			fmt.Fprintf(&b, "      - {queue: q%04d, raw: %v}\n", i, raw)
		}
	}
	for _, n := range fanOuts {
		topic(fmt.Sprintf("raw-%d", n), n, true)
		topic(fmt.Sprintf("envelope-%d", n), n, false)
	}
	topic(fmt.Sprintf("raw-%d", filteredMatch), filteredMatch, true)
	b.WriteString("  filtered:\n    subscriptions:\n")
	for i := range filtered {
		fmt.Fprintf(&b, "      - {id: s%d, queue: q%04d, filter: {customer: [c%d]}}\n", i, i%1000, i/filteredMatch)
	}
	return b.String()
}

// fan calls the router.
type fan struct {
	url    string
	client *http.Client
	body   string
}

func (f *fan) call(ctx context.Context, contentType, target, body string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, f.url, strings.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", contentType)
	if target != "" {
		req.Header.Set("X-Amz-Target", target)
	}
	return do(f.client, req)
}

func (f *fan) publish(ctx context.Context, topic string, attributes map[string]string) error {
	form := url.Values{
		"Action": {"Publish"}, "Version": {"2010-03-31"}, "Message": {f.body},
		"TopicArn": {"arn:aws:sns:us-east-1:" + account + ":" + topic},
	}
	i := 0
	for name, value := range attributes {
		i++
		at := fmt.Sprintf("MessageAttributes.entry.%d.", i)
		form.Set(at+"Name", name)
		form.Set(at+"Value.DataType", "String")
		form.Set(at+"Value.StringValue", value)
	}
	return f.call(ctx, "application/x-www-form-urlencoded", "", form.Encode())
}

func (f *fan) sendBatch(ctx context.Context, queue string) error {
	batch := struct {
		QueueURL string `json:"QueueUrl"`
		Entries  []map[string]string
	}{QueueURL: f.url + account + "/" + queue}
	for i := range 10 {
		batch.Entries = append(batch.Entries, map[string]string{"Id": fmt.Sprint(i), "MessageBody": f.body})
	}
	body, err := json.Marshal(batch)
	if err != nil {
		return err
	}
	return f.call(ctx, "application/x-amz-json-1.0", "AmazonSQS.SendMessageBatch", string(body))
}

// repeat makes calls from as many loops as there are publishers, a second unmeasured before, and returns how many units of work
// were done per second.
func (f *fan) repeat(ctx context.Context, s settings, units float64, step func(context.Context, int64) error) (float64, error) {
	var next, count atomic.Int64
	var failed atomic.Pointer[error]
	var wg sync.WaitGroup
	from := time.Now().Add(time.Second)
	until := from.Add(s.duration)
	for range s.publishers {
		wg.Go(func() {
			for time.Now().Before(until) && ctx.Err() == nil && failed.Load() == nil {
				if err := step(ctx, next.Add(1)); err != nil {
					failed.Store(&err)
					return
				}
				if now := time.Now(); now.After(from) && now.Before(until) {
					count.Add(1)
				}
			}
		})
	}
	wg.Wait()
	if err := failed.Load(); err != nil {
		return 0, *err
	}
	return float64(count.Load()) * units / s.duration.Seconds(), ctx.Err()
}
