package redisfaults

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/redisstore"
	"github.com/signalbox-mq/signalbox/tests/harness"
	"github.com/signalbox-mq/signalbox/tests/redistest"
)

// parts are the keys of a queue; see the package comment of redisstore.
var parts = []string{"s", "m", "n", "i", "l", "L", "w", "W", "g", "t", "tt", "d", "y", "k", "o", "x", "xt", "a", "at"}

// patient is a queue whose keys are overwritten.
type patient struct {
	t      *testing.T
	s      *redisstore.Store
	clock  func() time.Time
	id     queue.ID
	kind   queue.Kind
	where  map[string]string // of each message that was acknowledged and is not settled: its stream
	others map[string]bool   // of which nothing is known
	count  int
	held   []queue.Receipt
}

// lease is so short that what was leased is soon received again.
const lease = 150 * time.Millisecond

func (p *patient) append(group string, delay time.Duration) error {
	p.count++
	body := fmt.Sprint("message ", p.count)
	e := queue.Entry{
		Queue: p.id, Kind: p.kind, Delay: delay, Key: body, Dedup: body, DedupWindow: time.Minute,
		Message: queue.Message{ID: queue.NewMessageID(), Group: group, Body: []byte(body)},
	}
	if p.count%3 == 0 {
		e.Message.Sent = p.clock().Add(-time.Hour)
	}
	_, err := p.s.Append(p.t.Context(), queue.AppendRequest{Now: p.clock(), Entries: []queue.Entry{e}})
	stream := "m"
	if p.kind != queue.Log && (group != "" || delay > 0) {
		stream = "n"
	}
	if err == nil {
		p.where[body] = stream
	} else {
		p.others[body] = true
	}
	return err
}

func (p *patient) receive(n int) (messages []queue.Message, err error) {
	got, err := p.s.Receive(p.t.Context(), queue.ReceiveRequest{
		Now: p.clock(), Queue: p.id, Kind: p.kind, Max: n, Visibility: lease, Attempt: fmt.Sprint("attempt ", p.count), AttemptWindow: time.Minute,
	})
	for i := range got.Messages {
		m := &got.Messages[i]
		p.held = append(p.held, m.Receipt)
		if _, ok := p.where[string(m.Body)]; !ok && !p.others[string(m.Body)] {
			p.t.Errorf("received %q, which nobody sent or which is settled", m.Body)
		}
	}
	return got.Messages, err
}

// ack acknowledges messages.
func (p *patient) ack(messages []queue.Message) error {
	var todo []queue.Settlement
	for i := range messages {
		todo = append(todo, queue.Settlement{Receipt: messages[i].Receipt})
	}
	results, err := p.s.Settle(p.t.Context(), p.clock(), todo)
	for i, r := range results {
		if r.Err == nil {
			delete(p.where, string(messages[i].Body))
			delete(p.others, string(messages[i].Body))
		}
	}
	return err
}

// fill brings the queue into a state in which all keys are in use.
func (p *patient) fill() {
	p.t.Helper()
	must := func(err error) {
		p.t.Helper()
		if err != nil {
			p.t.Fatal(err)
		}
	}
	for range 5 {
		must(p.append("", 0))
	}
	if p.kind == queue.Log {
		return
	}
	for i := range 6 {
		must(p.append(fmt.Sprint("group ", i%3), 0))
	}
	must(p.append("", lease))
	must(p.append("group 3", lease))
	for range 2 {
		messages, err := p.receive(3)
		must(err)
		if len(messages) == 0 {
			p.t.Fatal("received nothing")
		}
		_, err = p.s.Settle(p.t.Context(), p.clock(), []queue.Settlement{{
			Receipt: messages[0].Receipt, Action: queue.Release, NotBefore: p.clock().Add(lease),
		}})
		must(err)
	}
}

// use makes calls of all kinds and returns how many found the queue corrupt; no other error may be.
func (p *patient) use() (failed int) {
	p.t.Helper()
	check := func(what string, err error) {
		p.t.Helper()
		switch {
		case errors.Is(err, queue.ErrCorrupt):
			failed++
		case err != nil:
			p.t.Errorf("%s: %v", what, err)
		}
	}
	check("append", p.append("", 0))
	if p.kind == queue.Log {
		_, err := p.s.Scan(p.t.Context(), queue.ScanRequest{Now: p.clock(), Queue: p.id, Kind: p.kind, Limit: 10})
		check("scan", err)
		return failed
	}
	check("append to a group", p.append("group 1", 0))
	check("append with a delay", p.append("", lease))
	messages, err := p.receive(2)
	check("receive", err)
	check("settle", p.ack(messages))
	if len(p.held) > 0 {
		_, err = p.s.Settle(p.t.Context(), p.clock(), []queue.Settlement{{Receipt: p.held[0], Action: queue.Release}})
		check("release", err)
		_, err = p.s.Extend(p.t.Context(), p.clock(), []queue.Extension{{Receipt: p.held[len(p.held)-1], Visibility: lease}})
		check("extend", err)
	}
	_, err = p.receive(5)
	check("receive", err)
	return failed
}

// drain receives everything, and compares.
func (p *patient) drain(lost string) {
	p.t.Helper()
	for body, stream := range p.where {
		if stream == lost {
			delete(p.where, body)
			p.others[body] = true
		}
	}
	if p.kind == queue.Log {
		got, err := p.s.Scan(p.t.Context(), queue.ScanRequest{Now: p.clock(), Queue: p.id, Kind: p.kind, Limit: 100})
		if err != nil {
			p.t.Fatal(err)
		}
		for i := range got.Messages {
			delete(p.where, string(got.Messages[i].Message.Body))
		}
		if len(p.where) > 0 {
			p.t.Errorf("lost: %v", p.where)
		}
		return
	}
	harness.Until(p.t, "a queue that is empty and says so", func() (bool, string) {
		messages, err := p.receive(10)
		if err != nil {
			p.t.Fatal(err)
		}
		if len(messages) > 0 {
			if err := p.ack(messages); err != nil {
				p.t.Fatal(err)
			}
			return false, fmt.Sprint(p.where)
		}
		stats, err := p.s.Stats(p.t.Context(), p.clock(), []queue.ID{p.id})
		if err != nil {
			p.t.Fatal(err)
		}
		return stats[0].Total() == 0 && stats[0].Bytes == 0, fmt.Sprintf("%v, %+v", p.where, stats)
	})
	if len(p.where) > 0 {
		p.t.Errorf("lost: %v", p.where)
	}
}

// baseOf finds what leads the keys of a queue.
func baseOf(t *testing.T, s *redistest.Server, id queue.ID) string {
	t.Helper()
	keys, _ := ask(t, s, "KEYS", fmt.Sprintf("*:q%x:s", uint64(id))).([]any)
	if len(keys) != 1 {
		t.Fatalf("states of queue %d: %v", id, keys)
	}
	return strings.TrimSuffix(keys[0].(string), "s")
}

// Somebody overwrites a key of a queue. Calls on the queue fail by name, others work; when the key is deleted the queue works again,
// with all that was not in that key.
func TestKeyOfAnotherType(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, redistest.Options{NoSave: true})
	store := open(t, "redis://"+server.Addr()+"?durability=async")
	unused := map[queue.Kind][]string{
		queue.Standard: {"y", "a", "at"},
		queue.FIFO:     {"tt"},
		queue.Log:      {"n", "i", "l", "L", "w", "W", "g", "t", "tt", "d", "y", "a", "at"},
	}
	id := queue.ID(0)
	for _, kind := range []queue.Kind{queue.Standard, queue.FIFO, queue.Log} {
		for _, part := range parts {
			id += 2
			q, healthy := id, id+1
			t.Run(fmt.Sprintf("%d %s", kind, part), func(t *testing.T) {
				t.Parallel()
				clock := queue.NewClock(time.Time{}).Now
				p := &patient{t: t, s: store, clock: clock, id: q, kind: kind, where: map[string]string{}, others: map[string]bool{}}
				other := &patient{t: t, s: store, clock: clock, id: healthy, where: map[string]string{}, others: map[string]bool{}}
				p.fill()
				base := baseOf(t, server, q)
				ask(t, server, "DEL", base+part)
				ask(t, server, "SET", base+part, "planted")
				failed := 0
				for range 2 {
					failed += p.use()
				}
				if failed == 0 && !slices.Contains(unused[kind], part) {
					t.Error("no call failed")
				}
				if n := other.use(); n > 0 {
					t.Errorf("%d calls on another queue failed", n)
				}
				if err := other.append("", 0); err != nil {
					t.Error(err)
				}
				w := store.Watch()
				defer w.Close()
				w.Set([]queue.ID{q, healthy}, nil)
				if ready, _, err := w.Ready(t.Context(), clock()); err != nil || !slices.Contains(ready, healthy) {
					t.Errorf("Ready = %v, %v", ready, err)
				}
				if _, err := store.Expire(t.Context(), clock(), []queue.Expiry{{Queue: q, Kind: kind}, {Queue: healthy}}); err != nil {
					t.Errorf("Expire: %v", err)
				}
				other.drain("")
				ask(t, server, "DEL", base+part)
				if n := p.use(); n > 0 {
					t.Errorf("%d calls failed when the key was deleted", n)
				}
				p.drain(part)
			})
		}
	}
}

// To purge a queue heals it too.
func TestPurgeHeals(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, redistest.Options{NoSave: true})
	store := open(t, "redis://"+server.Addr()+"?durability=async")
	for i, kind := range []queue.Kind{queue.Standard, queue.FIFO} {
		p := &patient{
			t: t, s: store, clock: queue.NewClock(time.Time{}).Now, id: queue.ID(1 + i), kind: kind,
			where: map[string]string{}, others: map[string]bool{},
		}
		p.fill()
		for _, part := range parts[1:] {
			ask(t, server, "DEL", baseOf(t, server, p.id)+part)
			ask(t, server, "SET", baseOf(t, server, p.id)+part, "planted")
		}
		if n := p.use(); n == 0 {
			t.Error("no call failed")
		}
		if _, err := store.Purge(t.Context(), p.clock(), p.id); err != nil {
			t.Errorf("Purge: %v", err)
		}
		clear(p.where)
		if n := p.use(); n > 0 {
			t.Errorf("%d calls failed after a purge", n)
		}
		p.drain("")
	}
}

// A key is deleted and nobody notices. The next round of expiry finds out, if it was one of those whose entries the state counts.
func TestMissingKey(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, redistest.Options{NoSave: true})
	store := open(t, "redis://"+server.Addr()+"?durability=async")
	id := queue.ID(0)
	for _, kind := range []queue.Kind{queue.Standard, queue.FIFO} {
		for _, part := range []string{"s", "m", "n", "i", "l", "L", "w", "W", "g"} {
			id++
			q := id
			t.Run(fmt.Sprintf("%d %s", kind, part), func(t *testing.T) {
				t.Parallel()
				p := &patient{
					t: t, s: store, clock: queue.NewClock(time.Time{}).Now, id: q, kind: kind,
					where: map[string]string{}, others: map[string]bool{},
				}
				p.fill()
				ask(t, server, "DEL", baseOf(t, server, q)+part)
				if part == "s" { // of which Expire does not know the kind
					if _, err := p.receive(1); err != nil {
						t.Fatal(err)
					}
				}
				if _, err := store.Expire(t.Context(), p.clock(), []queue.Expiry{{Queue: q, Kind: kind}}); err != nil {
					t.Fatal(err)
				}
				if n := p.use(); n > 0 {
					t.Errorf("%d calls failed", n)
				}
				p.drain(part)
			})
		}
	}
}
