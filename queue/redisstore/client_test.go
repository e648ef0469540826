package redisstore

import (
	"context"
	"errors"
	"reflect"
	"strconv"
	"testing"

	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/tests/redistest"
)

func TestCall(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"standalone", "cluster"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			var c *client
			if kind == "cluster" {
				c = connect(t, Options{URL: urlOf(redistest.Cluster(t, 3, 0, inMemory).Nodes...)})
			} else {
				c = connect(t, Options{URL: urlOf(redistest.Start(t, inMemory))})
			}
			if got := c.scattered(); got != (kind == "cluster") {
				t.Errorf("scattered() = %v", got)
			}
			ctx := t.Context()
			for shard := range shardCount {
				reply, err := c.call(ctx, shard, "lt1_set", durable, "x", []byte(strconv.Itoa(shard)))
				if err != nil || reply != int64(1) {
					t.Fatalf("shard %d: set: %v, %v", shard, reply, err)
				}
			}
			for shard := range shardCount {
				reply, err := c.call(ctx, shard, "lt1_get", read, "x")
				if err != nil || reply != strconv.Itoa(shard) {
					t.Fatalf("shard %d: get: %v, %v", shard, reply, err)
				}
			}
			if reply, err := c.call(ctx, 3, "lt1_get", read, "none"); reply != nil || err != nil {
				t.Errorf("nil reply: %v, %v", reply, err)
			}
			if reply, err := c.call(ctx, 3, "lt1_fail", durable); reply != nil || err == nil || err.Error() != "SB DROPPED 7" {
				t.Errorf("error reply: %v, %v", reply, err)
			}
			if _, err := c.call(ctx, 3, "lt1_bug", 0); err == nil || errors.Is(err, queue.ErrUnavailable) {
				t.Errorf("bug: %v", err)
			}
			reply, err := c.call(ctx, 3, "lt1_shapes", 0)
			if all, ok := reply.([]any); err != nil || !ok || len(all) != 5 || !reflect.DeepEqual(all[:4],
				[]any{int64(1), "two", nil, []any{int64(3)}}) {
				t.Errorf("shapes: %#v, %v", reply, err)
			}
			ended, cancel := context.WithCancel(ctx)
			cancel()
			if _, err := c.call(ended, 3, "lt1_get", read, "x"); !errors.Is(err, context.Canceled) {
				t.Errorf("cancelled: %v", err)
			}
			c.close()
			if _, err := c.call(ctx, 3, "lt1_get", read, "x"); !errors.Is(err, queue.ErrStoreClosed) {
				t.Errorf("closed: %v", err)
			}
		})
	}
}
