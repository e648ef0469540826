package redisstore

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/signalbox-mq/signalbox/tests/redistest"
)

// inMemory are servers that keep nothing on disk. On a busy machine one may stand still for seconds, and is not to be replaced for that.
var inMemory = redistest.Options{NoSave: true, NodeTimeout: 5 * time.Second}

// urlOf is the URL of a store on these servers, or of one that these Sentinels know.
func urlOf(servers ...*redistest.Server) string {
	var addrs []string
	for _, s := range servers {
		addrs = append(addrs, s.Addr())
	}
	return "redis://" + strings.Join(addrs, ",")
}

// slotOfShard returns the hash slot of a shard of the default namespace.
func slotOfShard(shard int) int {
	return slotOf(strings.Trim(namesIn(DefaultNamespace).tags[shard], "{}"))
}

// eventually waits until something is so.
func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("after 20 seconds it is still not so that %s", what)
		}
	}
}

// testLibrary is what the tests call.
var testLibrary = Library{Name: "lt1", Code: `#!lua name=lt1
-- revision: 2
local function base(keys) return string.sub(keys[1], 1, -2) end
redis.register_function('lt1_set', function(keys, args)
	redis.call('SET', base(keys) .. args[1], args[2])
	return redis.call('INCR', base(keys) .. 'calls')
end)
redis.register_function{function_name='lt1_get', callback=function(keys, args)
	return redis.call('GET', base(keys) .. args[1])
end, flags={'no-writes'}}
redis.register_function('lt1_del', function(keys, args)
	return redis.call('DEL', base(keys) .. args[1])
end)
redis.register_function{function_name='lt1_ack', callback=function(keys, args)
	return redis.call('DEL', base(keys) .. args[1])
end, flags={'allow-oom'}}
redis.register_function('lt1_fail', function(keys, args) return redis.error_reply('SB DROPPED 7') end)
redis.register_function('lt1_bug', function(keys, args) return nosuch() end)
redis.register_function('lt1_shapes', function(keys, args)
	return {1, 'two', false, {3}, redis.call('TIME')}
end)
redis.register_function('lt1_wake', function(keys, args)
	return redis.call('SPUBLISH', base(keys) .. 'wake', args[1])
end)
`}

// connect dials and closes at the end of the test.
func connect(t testing.TB, o Options) *client {
	t.Helper()
	if o.Log == nil {
		o.Log = func(_ LogLevel, text string) { t.Log(text) }
	}
	c, err := dial(t.Context(), o, testLibrary)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.close)
	return c
}
