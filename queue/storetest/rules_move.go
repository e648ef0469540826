package storetest

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/signalbox-mq/signalbox/queue"
)

func isAny(err error, targets ...error) bool {
	return slices.ContainsFunc(targets, func(t error) bool { return errors.Is(err, t) })
}

func moveRules() []rule {
	// sent puts a message with everything in it into a queue and receives it.
	sent := func(e *env, id queue.ID) queue.Message {
		e.Helper()
		x := entry(id, "g", "body")
		x.Key = "old-key"
		x.Message.DedupID, x.Message.Sender, x.Message.Source = "d", "me", 42
		x.Message.Attributes = []queue.Attribute{{Name: "a", Type: "String", Value: []byte("1")}, {Name: "b", Type: "String", Value: []byte("2")}}
		x.Message.System = []queue.Attribute{{Name: "s", Type: "String", Value: []byte("3")}}
		e.append(x)
		m := e.one(id)
		e.settled(queue.Settlement{Receipt: m.Receipt, Action: queue.Release, State: []byte("state")})
		e.pass(time.Second)
		return e.one(id)
	}
	move := func(e *env, m queue.Message, to queue.Destination) queue.SettleResult {
		e.Helper()
		return e.settled(queue.Settlement{Receipt: m.Receipt, Action: queue.Move, To: &to})
	}
	sortAttributes := func(m queue.Message) queue.Message {
		m.Attributes = slices.Clone(m.Attributes)
		slices.SortFunc(m.Attributes, func(a, b queue.Attribute) int { return strings.Compare(a.Name, b.Name) })
		return m
	}
	return []rule{
		{name: "move/dead-lettering keeps the message, its ID, count and sent time", run: func(e *env) {
			m := sent(e, std)
			res := move(e, m, queue.Destination{Queue: dead})
			e.wantCounts(std, 0, 0, 0)
			e.reopen()
			e.pass(time.Second)
			got := e.one(dead)
			// Reading: what is not named as changed goes along, state and first receipt too: it is the same message elsewhere.
			want := m
			want.Sequence, want.Receives, want.Source = res.Moved.Sequence, m.Receives+1, std
			want.Receipt, want.Deadline = got.Receipt, e.now.Add(30*time.Second)
			e.same("received from the destination", got, want)
			e.same("moved", res.Moved, queue.Appended{ID: m.ID, Sequence: got.Sequence})
			if a, b := e.stats(std), e.stats(dead); a.Moved != 1 || a.Acked != 0 || b.Appended != 1 {
				e.Fatalf("stats: source %+v, destination %+v", a, b)
			}
		}},
		{name: "move/to a FIFO queue renews the sent time and joins the group", run: func(e *env) {
			m := sent(e, std)
			e.send(fifo, "g", "before")
			move(e, m, queue.Destination{Queue: fifo, Kind: queue.FIFO})
			e.send(fifo, "g", "after")
			got := e.take(fifo, 10)
			e.same("order", bodies(got), []string{"before", "body", "after"})
			if !got[1].Sent.Equal(e.now) || got[1].ID != m.ID || got[1].Receives != m.Receives+1 {
				e.Fatalf("received %+v", got[1])
			}
		}},
		{name: "move/from a FIFO group unlocks it", run: func(e *env) {
			m := sent(e, fifo)
			e.send(fifo, "g", "next")
			move(e, m, queue.Destination{Queue: dead})
			e.same("next", bodies(e.take(fifo, 10)), []string{"next"})
			got := e.one(dead)
			e.same("group and sent time go along", []any{got.Group, got.Sent.Equal(m.Sent)}, []any{"g", true})
		}},
		{name: "move/with a new ID it is a new message", run: func(e *env) {
			m := sent(e, std)
			id := queue.NewMessageID()
			res := move(e, m, queue.Destination{Queue: dead, NewID: id, DropSource: true})
			p := e.scanAll(dead, 1)[0].Message
			if res.Moved.ID != id || p.ID != id || p.Receives != 0 || !p.Sent.Equal(e.now) || p.Source != 0 || !p.FirstReceived.IsZero() || p.State != nil {
				e.Fatalf("moved %+v, peeked %+v", res.Moved, p)
			}
			got := e.one(dead)
			if got.Receives != 1 || !got.FirstReceived.Equal(e.now) {
				e.Fatalf("received %+v", got)
			}
		}},
		{name: "move/body, attributes and system attributes change as asked", run: func(e *env) {
			m := sent(e, std)
			attrs := []queue.Attribute{{Name: "b", Type: "Number", Value: []byte("22")}, {Name: "c", Type: "String", Value: []byte("3")}}
			system := []queue.Attribute{{Name: "why", Type: "String", Value: []byte("404")}}
			move(e, m, queue.Destination{Queue: dead, Body: []byte("other"), Attributes: attrs, System: system})
			got := e.one(dead)
			want := queue.Message{Attributes: []queue.Attribute{{Name: "a", Type: "String", Value: []byte("1")}, attrs[0], attrs[1]}}
			e.same("attributes", sortAttributes(got).Attributes, want.Attributes)
			e.same("system", got.System, system)
			e.same("body", string(got.Body), "other")
			e.same("bytes", e.stats(dead).Bytes, int64(got.Size()))
		}},
		{name: "move/an empty body and no system attributes replace too", run: func(e *env) {
			m := sent(e, std)
			move(e, m, queue.Destination{Queue: dead, Body: []byte{}, System: []queue.Attribute{}})
			got := e.one(dead)
			e.same("lengths", []int{len(got.Body), len(got.System), len(got.Attributes)}, []int{0, 0, 2})
		}},
		{name: "move/delay and key are new", run: func(e *env) {
			m := sent(e, std)
			move(e, m, queue.Destination{Queue: dead, Delay: time.Minute, Key: "new-key"})
			e.wantCounts(dead, 0, 1, 0)
			e.same("old key, source", len(e.get(std, "old-key")), 0)
			e.same("old key, destination", len(e.get(dead, "old-key")), 0)
			p := e.get(dead, "new-key")
			if len(p) != 1 || p[0].Status != queue.Delayed || !p[0].Due.Equal(e.now.Add(time.Minute)) {
				e.Fatalf("peeked %+v", p)
			}
			e.same("hidden", len(e.take(dead, 1)), 0)
			e.pass(time.Minute)
			e.one(dead)
		}},
		{name: "move/into the same queue goes to the end", run: func(e *env) {
			e.send(fifo, "g", "a", "b")
			m := e.one(fifo)
			move(e, m, queue.Destination{Queue: fifo, Kind: queue.FIFO})
			e.same("order", bodies(e.take(fifo, 10)), []string{"b", "a"})
			s := e.stats(fifo)
			e.same("appended and moved", []int64{s.Appended, s.Moved}, []int64{3, 1})
		}},
		{name: "move/to a log or a dropped queue fails and changes nothing", run: func(e *env) {
			e.drop(dead)
			m := sent(e, std)
			for _, to := range []queue.Destination{{Queue: dead}, {Queue: flog, Kind: queue.Log}} {
				err := e.settle(queue.Settlement{Receipt: m.Receipt, Action: queue.Move, To: &to})[0].Err
				if to.Queue == dead {
					e.wantDropped("move", err, dead)
				} else {
					// Reading: logs are only appended to, by Append and Record.
					e.wantErr("move", err, queue.ErrKind)
				}
			}
			e.wantCounts(std, 0, 0, 1)
			e.same("still there by key", len(e.get(std, "old-key")), 1)
			e.ack(m)
		}},
		{name: "move/never in the queue it left", run: func(e *env) {
			m := sent(e, std)
			move(e, m, queue.Destination{Queue: dead})
			e.reopen()
			e.pass(time.Hour)
			e.same("source", len(e.take(std, 10)), 0)
			if res := e.settle(queue.Settlement{Receipt: m.Receipt})[0]; !res.Gone {
				e.Fatalf("the receipt of the source: %+v, want Gone", res)
			}
			e.same("destination", len(e.take(dead, 10)), 1)
		}},
		{name: "move/back to where it came from, by Source", run: func(e *env) {
			m := sent(e, std)
			move(e, m, queue.Destination{Queue: dead})
			d := e.one(dead)
			move(e, d, queue.Destination{Queue: d.Source, NewID: queue.NewMessageID(), DropSource: true})
			got := e.one(std)
			e.same("body, source, count", []any{string(got.Body), got.Source, got.Receives}, []any{"body", queue.ID(0), 1})
			e.wantCounts(dead, 0, 0, 0)
		}},
	}
}

func extendRules() []rule {
	with := func(e *env, m queue.Message, d, total time.Duration) error {
		e.Helper()
		res, err := e.store.Extend(e.ctx, e.now, []queue.Extension{{Receipt: m.Receipt, Visibility: d, MaxTotal: total}})
		if err != nil || len(res) != 1 {
			e.Fatalf("extend: %v, %d results", err, len(res))
		}
		return res[0]
	}
	return []rule{
		{name: "extend/moves the deadline from now, later or earlier", run: func(e *env) {
			for _, id := range []queue.ID{std, fifo} {
				e.send(id, "g", "a")
				m := e.one(id)
				e.pass(20 * time.Second)
				e.extend(m, 30*time.Second)
				e.pass(30*time.Second - time.Millisecond)
				e.same("1ms before", len(e.take(id, 10)), 0)
				e.extend(m, time.Second)
				e.pass(time.Second - time.Millisecond)
				e.same("1ms before the earlier", len(e.take(id, 10)), 0)
				e.pass(time.Millisecond)
				again := e.one(id)
				e.same("count", again.Receives, 2)
				e.ack(again)
			}
		}},
		{name: "extend/to zero ends the lease", run: func(e *env) {
			e.send(std, "", "a")
			e.extend(e.one(std), 0)
			e.wantCounts(std, 1, 0, 0)
			e.reopen()
			e.wantCounts(std, 1, 0, 0)
			e.same("count", e.one(std).Receives, 2)
		}},
		{name: "extend/standard: after the deadline, if nobody received it since", run: func(e *env) {
			e.send(std, "", "a")
			m := e.one(std)
			e.pass(time.Minute)
			e.wantCounts(std, 1, 0, 0)
			e.extend(m, time.Minute)
			e.wantCounts(std, 0, 0, 1)
			e.same("hidden", len(e.take(std, 10)), 0)
			e.pass(time.Minute)
			e.one(std)
			e.wantErr("received again", e.extendErr(m.Receipt, time.Minute), queue.ErrNotInFlight)
		}},
		{name: "extend/fifo: not after the deadline", run: func(e *env) {
			e.send(fifo, "g", "a")
			m := e.one(fifo)
			e.pass(30 * time.Second)
			e.wantErr("extend", e.extendErr(m.Receipt, time.Minute), queue.ErrReceiptExpired)
			e.same("comes again", len(e.take(fifo, 1)), 1)
		}},
		{name: "extend/a message that is gone", run: func(e *env) {
			for _, id := range []queue.ID{std, fifo} {
				e.send(id, "g", "a")
				m := e.one(id)
				e.ack(m)
				e.wantErr("extend", e.extendErr(m.Receipt, time.Minute), queue.ErrNotInFlight)
			}
		}},
		{name: "extend/each stands alone", run: func(e *env) {
			e.send(std, "", "a", "b")
			m := e.take(std, 10)
			e.ack(m[0])
			res, err := e.store.Extend(e.ctx, e.now, []queue.Extension{{Receipt: m[0].Receipt, Visibility: time.Hour}, {Receipt: m[1].Receipt, Visibility: time.Hour}})
			if err != nil || len(res) != 2 {
				e.Fatalf("extend: %v, %d results", err, len(res))
			}
			e.wantErr("gone", res[0], queue.ErrNotInFlight)
			e.wantErr("other", res[1], nil)
			e.pass(59 * time.Minute)
			e.wantCounts(std, 0, 0, 1)
		}},
		{name: "extend/MaxTotal limits the lease from its receive", run: func(e *env) {
			for _, id := range []queue.ID{std, fifo} {
				e.send(id, "g", "a")
				m := e.takeFor(id, time.Hour)[0]
				e.pass(30 * time.Minute)
				e.wantErr("beyond", with(e, m, 30*time.Minute+time.Millisecond, time.Hour), queue.ErrVisibilityLimit)
				e.wantErr("to the limit", with(e, m, 30*time.Minute, time.Hour), nil)
				e.wantErr("no limit", with(e, m, 24*time.Hour, 0), nil)
				e.pass(2 * time.Hour)
				e.wantCounts(id, 0, 0, 1)
				e.wantErr("later still", with(e, m, time.Minute, time.Hour), queue.ErrVisibilityLimit)
				e.wantCounts(id, 0, 0, 1)
				e.wantErr("reopened", func() error { e.reopen(); return with(e, m, time.Minute, time.Hour) }(), queue.ErrVisibilityLimit)
				e.ack(m)
			}
		}},
		{name: "extend/nothing", run: func(e *env) {
			if res, err := e.store.Extend(e.ctx, e.now, nil); err != nil || len(res) != 0 {
				e.Fatalf("%v, %v", res, err)
			}
		}},
	}
}
