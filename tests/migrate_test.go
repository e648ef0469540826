package tests

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/signalbox-mq/signalbox/tests/harness"
	"github.com/signalbox-mq/signalbox/tests/redistest"
)

const migrateConfig = `
queues:
  orders: {dead_letter: {queue: orders-failed, max_receives: 3}}
  orders-failed: {}
  payments.fifo: {fifo: true, content_based_deduplication: true}
functions:
  charge:
    url: ${env:CHARGE_URL}
    retry: {schedule: [1h]}
buses:
  default: {retention: 7d}
rules:
  - name: big-orders
    when: {source: [shop], detail: {total: [{numeric: [">", 100]}]}}
    targets: [{function: charge}, {queue: orders}]
`

// migration is the state of the world that both stores must show.
type migration struct {
	matched, unmatched string // events
}

func migrateStore(t *testing.T, want int, args ...string) (stdout, stderr string) {
	t.Helper()
	code, stdout, stderr := harness.Output(t, harness.Command{Path: harness.Binary(t), Args: append([]string{"migrate"}, args...)})
	if code != want {
		t.Fatalf("migrate %v ended with %d, want %d:\n%s\n%s", args, code, want, stdout, stderr)
	}
	return stdout, stderr
}

// TestMigrate takes a router from the embedded store to a shared one and back. Everything is there each time.
func TestMigrate(t *testing.T) {
	harness.EmbeddedOnly(t, "begins on the embedded one")
	t.Parallel()
	server := redistest.Start(t, redistest.Options{AppendOnly: "everysec"})
	url := "redis://" + server.Addr() + "/?durability=async"
	collector := harness.NewCollector(t)
	collector.Script("/charge", harness.Reply{Status: http.StatusInternalServerError}, harness.Reply{Status: http.StatusOK})
	dir := t.TempDir()
	file := filepath.Join(dir, "router.yaml")
	if err := os.WriteFile(file, []byte(migrateConfig), 0o600); err != nil {
		t.Fatal(err)
	}
	first, second := filepath.Join(dir, "first"), filepath.Join(dir, "second")
	start := func(data string, args ...string) *harness.Router {
		return harness.Start(t, harness.Options{ConfigFile: file, Data: data, Args: args, Env: []string{"CHARGE_URL=" + collector.URL("/charge")}})
	}

	r := start(first)
	var m migration
	if a := r.Do(http.MethodPut, "/v1/queues/by-api", nil, `{"visibility_timeout":"60s"}`); a.Status != http.StatusCreated {
		t.Fatalf("creating a queue: %s", a)
	}
	events := r.Publish(`[{"source":"shop","type":"order","data":{"total":500}},{"source":"shop","type":"order","data":{"total":5}}]`)
	m.matched, m.unmatched = events[0].ID, events[1].ID
	collector.Wait("/charge", 1)
	deliveryHas(t, r.Client, m.matched, 1)
	r.Drain("orders", 1)
	// Received once and given back; received twice and held for long; in flight; delayed.
	r.Send("orders", `{"body":"once"}`)
	giveBack(t, r.Client, "orders", r.ReceiveOne("orders"), "0s")
	r.Send("by-api", `{"body":"later"}`)
	giveBack(t, r.Client, "by-api", r.ReceiveOne("by-api"), "0s")
	giveBack(t, r.Client, "by-api", r.ReceiveOne("by-api"), "2h")
	r.Send("by-api", `{"body":"held","attributes":{"a":"b"}}`)
	if got := r.Receive("by-api", "max=1&wait=20s&visibility=1h"); len(got) != 1 {
		t.Fatalf("received %+v", got)
	}
	r.Send("by-api", `{"body":"delayed","delay":"10m"}`)
	for _, body := range []string{"g1", "g2", "g3"} {
		r.Send("payments.fifo", `{"body":"`+body+`","group":"g"}`)
	}
	r.Send("payments.fifo", `{"body":"h1","group":"h"}`)
	if code, _, stderr := harness.Output(t, harness.Command{Path: harness.Binary(t), Args: []string{"migrate", "--from", first, "--to", url}}); code != 1 || !strings.Contains(stderr, "in use by another process") {
		t.Fatalf("migrating while the router runs ended with %d: %s", code, stderr)
	}
	r.Stop()

	stdout, _ := migrateStore(t, 0, "--from", first, "--to", url, "--dry-run")
	if !strings.Contains(stdout, "2 messages in flight") || !strings.Contains(stdout, "definitions, ") {
		t.Errorf("the dry run says:\n%s", stdout)
	}
	migrateStore(t, 0, "--from", first, "--to", url)
	if _, stderr := migrateStore(t, 1, "--from", first, "--to", url); !strings.Contains(stderr, "not empty") {
		t.Errorf("migrating into a store that is not empty: %s", stderr)
	}
	r = start(first, "--store", url)
	m.check(t, r.Client)
	if _, stderr := migrateStore(t, 1, "--from", url, "--to", second); !strings.Contains(stderr, "in use by 1 of its routers") {
		t.Errorf("migrating while a router runs: %s", stderr)
	}
	r.Stop()

	migrateStore(t, 0, "--from", url, "--to", "pebble:"+second)
	r = start(second)
	m.check(t, r.Client)
	// And it goes on.
	if got := r.ReceiveOne("orders"); got.Body != "once" || got.ReceiveCount != 2 {
		t.Errorf("received %+v", got)
	}
	got := r.Receive("payments.fifo", "max=10&wait=20s")
	var bodies []string
	for _, message := range got {
		bodies = append(bodies, message.Body)
		r.Delete("payments.fifo", message.Receipt)
	}
	if text := strings.Join(bodies, " "); text != "g1 g2 g3 h1" && text != "h1 g1 g2 g3" {
		t.Errorf("received %s from the FIFO queue", text)
	}
	if again := r.Publish(`{"source":"shop","type":"order","data":{"total":200}}`); len(again[0].Matched) != 1 {
		t.Errorf("published %+v", again)
	}
	r.Stop()
}

// TestMigrateCluster takes queues in many slots, some with partitions, to a cluster and back. A copy that was broken off is begun anew.
func TestMigrateCluster(t *testing.T) {
	harness.EmbeddedOnly(t, "begins on the embedded one")
	t.Parallel()
	cluster := redistest.Cluster(t, 3, 0, redistest.Options{})
	url := "redis://" + strings.Join(cluster.Addrs(), ",") + "/?mode=cluster&durability=async"
	dir := t.TempDir()
	first, second := filepath.Join(dir, "first"), filepath.Join(dir, "second")
	const queues, messages = 12, 250
	r := harness.Start(t, harness.Options{Data: first})
	for q := range queues {
		name := fmt.Sprint("q", q)
		if a := r.Do(http.MethodPut, "/v1/queues/"+name, nil, fmt.Sprintf(`{"partitions":%d}`, 1+q%3)); a.Status != http.StatusCreated {
			t.Fatalf("creating a queue: %s", a)
		}
		for i := range messages {
			r.Send(name, fmt.Sprintf(`{"body":"%d","group":"g%d"}`, i, i%7))
		}
	}
	r.Stop()

	// A target with the mark of another migration, which was broken off; the key lies beside the definitions.
	migrateStore(t, 0, "--from", first, "--to", url)
	client := cluster.Client()
	var mu sync.Mutex
	var marks []string
	if err := client.ForEachMaster(t.Context(), func(ctx context.Context, c *redis.Client) error {
		keys, err := c.Keys(ctx, "*:catmeta").Result()
		mu.Lock()
		defer mu.Unlock()
		marks = append(marks, keys...)
		return err
	}); err != nil || len(marks) != 1 {
		t.Fatalf("found %v, %v", marks, err)
	}
	mark := strings.TrimSuffix(marks[0], "catmeta") + "import"
	if err := client.Set(t.Context(), mark, "elsewhere", 0).Err(); err != nil {
		t.Fatal(err)
	}
	if _, stderr := migrateStore(t, 1, "--from", first, "--to", url); !strings.Contains(stderr, "a part of elsewhere; --restart") {
		t.Errorf("after one that was broken off: %s", stderr)
	}
	if p := harness.Run(t, harness.Command{Path: harness.Binary(t), Args: []string{"serve", "--listen", "127.0.0.1:0", "--store", url}}); p.Wait(t, harness.Limit) != 1 {
		t.Errorf("a router starts on a part of a copy: %s", p.Stderr)
	}
	migrateStore(t, 0, "--from", first, "--to", url, "--restart")
	migrateStore(t, 0, "--from", url, "--to", second)
	r = harness.Start(t, harness.Options{Data: second})
	for q := range queues {
		if got := r.Stats(fmt.Sprint("q", q)); got.Ready != messages {
			t.Errorf("queue q%d has %+v", q, got)
		}
	}
	r.Stop()
}

// check looks without changing anything.
func (m *migration) check(t *testing.T, c *harness.Client) {
	t.Helper()
	for name, want := range map[string]harness.QueueStats{
		"orders": {Ready: 1}, "by-api": {Delayed: 3}, "payments.fifo": {Ready: 4}, "orders-failed": {},
	} {
		if got := c.Stats(name); got != want {
			t.Errorf("queue %s has %+v, want %+v", name, got, want)
		}
	}
	story := storyOf(t, c, m.matched)
	if len(story.Rules) != 1 || !story.Rules[0].Matched || len(story.Deliveries) != 2 {
		t.Fatalf("the story of the event that matched: %+v", story)
	}
	deliveryHas(t, c, m.matched, 1)
	if story := storyOf(t, c, m.unmatched); len(story.Rules) != 1 || story.Rules[0].Matched {
		t.Errorf("the story of the event that did not match: %+v", story)
	}
}

// deliveryHas waits until the function's delivery of an event has made so many attempts and waits for the next.
func deliveryHas(t *testing.T, c *harness.Client, id string, attempts int) {
	t.Helper()
	harness.Until(t, "the attempts to be told of", func() (bool, string) {
		for _, d := range storyOf(t, c, id).Deliveries {
			if d.Kind == "function" {
				return len(d.Attempts) == attempts && d.Next != nil && time.Until(d.Next.At) > 30*time.Minute, d.Status
			}
		}
		return false, "no delivery to a function"
	})
}

func giveBack(t *testing.T, c *harness.Client, queue string, m harness.Message, after string) {
	t.Helper()
	if a := c.Do(http.MethodPatch, "/v1/queues/"+queue+"/messages/"+m.Receipt, nil, `{"visibility":"`+after+`"}`); a.Status >= 300 {
		t.Fatalf("giving back: %s", a)
	}
}
