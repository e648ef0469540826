package storetest

import (
	"time"

	"github.com/signalbox-mq/signalbox/queue"
)

func settleRules() []rule {
	return []rule{
		{name: "settle/nothing", run: func(e *env) { e.settle() }},
		{name: "settle/an acknowledged message never comes back", run: func(e *env) {
			for _, id := range []queue.ID{std, fifo} {
				e.send(id, "g", "a", "b")
				m := e.take(id, 10)
				e.ack(m[0])
				e.pass(time.Hour)
				e.same("other comes back", bodies(e.take(id, 10)), []string{"b"})
				e.reopen()
				e.pass(time.Hour)
				e.same("after reopen", bodies(e.take(id, 10)), []string{"b"})
				e.same("scan", peekedBodies(e.scanAll(id, 10)), []string{"b"})
			}
		}},
		{name: "settle/an action on a message that is gone succeeds and does nothing", run: func(e *env) {
			for _, id := range []queue.ID{std, fifo} {
				e.send(id, "g", "a")
				m := e.one(id)
				e.ack(m)
				log := entry(flog, "", "record")
				for _, s := range []queue.Settlement{
					{Action: queue.Ack},
					{Action: queue.Release, NotBefore: e.now.Add(time.Hour), State: []byte("s")},
					{Action: queue.Move, To: &queue.Destination{Queue: dead}},
					{Action: queue.Ack, Record: &log},
				} {
					s.Receipt = m.Receipt
					if res := e.settle(s)[0]; res != (queue.SettleResult{Gone: true}) {
						e.Fatalf("action %d: %+v, want only Gone", s.Action, res)
					}
				}
				for _, other := range []queue.ID{id, dead, flog} {
					if s := e.stats(other); s.Total() != 0 || s.Acked > 1 || s.Moved > 0 {
						e.Fatalf("queue %d: %+v", other, s)
					}
				}
			}
		}},
		{name: "settle/each stands alone", run: func(e *env) {
			e.drop(dead)
			e.send(std, "", "a", "b", "c", "d", "e", "f")
			m := e.take(std, 6)
			r := e.settle(
				queue.Settlement{Receipt: m[0].Receipt},
				queue.Settlement{Receipt: m[1].Receipt, Action: queue.Move, To: &queue.Destination{Queue: dead}},
				queue.Settlement{Receipt: m[0].Receipt},
				queue.Settlement{Receipt: m[2].Receipt, Action: queue.Release},
				queue.Settlement{Receipt: m[3].Receipt, Action: queue.Move, To: &queue.Destination{Queue: std2}},
				queue.Settlement{Receipt: m[4].Receipt, Record: &queue.Entry{Queue: std2, Kind: queue.Standard}},
			)
			e.wantDropped("move to a dropped queue", r[1].Err, dead)
			e.wantErr("record to a queue that is no log", r[5].Err, queue.ErrKind)
			if r[0].Err != nil || r[0].Gone || r[2].Err != nil || !r[2].Gone || r[3].Err != nil || r[4].Err != nil || r[4].Moved.ID != m[3].ID {
				e.Fatalf("results %+v", r)
			}
			// b, e and f are still in flight; c is back.
			e.wantCounts(std, 1, 0, 3)
			e.wantCounts(std2, 1, 0, 0)
			e.ack(m[1], m[4], m[5])
		}},
		{name: "settle/release at once", run: func(e *env) {
			for _, id := range []queue.ID{std, fifo} {
				for _, notBefore := range []time.Time{{}, e.now.Add(-time.Hour), e.now} {
					e.send(id, "g", "a")
					m := e.one(id)
					e.settled(queue.Settlement{Receipt: m.Receipt, Action: queue.Release, NotBefore: notBefore})
					e.wantCounts(id, 1, 0, 0)
					m = e.one(id)
					if m.Receives != 2 || m.State != nil {
						e.Fatalf("received %+v", m)
					}
					e.ack(m)
				}
			}
		}},
		{name: "settle/release until later, with a state", run: func(e *env) {
			for _, id := range []queue.ID{std, fifo} {
				e.send(id, "g", "a")
				m := e.one(id)
				state := []byte("attempt 1\x00")
				e.settled(queue.Settlement{Receipt: m.Receipt, Action: queue.Release, NotBefore: e.now.Add(time.Hour), State: state})
				state[0] = 'X'
				e.wantCounts(id, 0, 1, 0)
				e.reopen()
				e.wantCounts(id, 0, 1, 0)
				p := e.scanAll(id, 10)
				if len(p) != 1 || p[0].Status != queue.Delayed || !p[0].Due.Equal(e.now.Add(time.Hour)) || string(p[0].Message.State) != "attempt 1\x00" {
					e.Fatalf("peeked %+v", p)
				}
				e.pass(time.Hour - time.Millisecond)
				e.same("1ms before", len(e.take(id, 10)), 0)
				e.pass(time.Millisecond)
				m = e.one(id)
				if string(m.State) != "attempt 1\x00" || m.Receives != 2 || !m.FirstReceived.Equal(e.now.Add(-time.Hour)) {
					e.Fatalf("received %+v", m)
				}
				// Nil keeps what was; the lease's end keeps it too.
				e.release(m, 0)
				e.pass(time.Minute)
				m = e.one(id)
				e.same("state kept", string(m.State), "attempt 1\x00")
				e.pass(time.Minute)
				m = e.one(id)
				e.same("state kept over an expired lease", string(m.State), "attempt 1\x00")
				e.settled(queue.Settlement{Receipt: m.Receipt, Action: queue.Release, State: []byte("2")})
				e.same("replaced", string(e.one(id).State), "2")
			}
		}},
		{name: "settle/a state of 4 KiB, and an empty one", run: func(e *env) {
			e.send(std, "", "a")
			e.settled(queue.Settlement{Receipt: e.one(std).Receipt, Action: queue.Release, State: make([]byte, 4096)})
			m := e.one(std)
			e.same("length", len(m.State), 4096)
			e.settled(queue.Settlement{Receipt: m.Receipt, Action: queue.Release, State: []byte{}})
			e.same("an empty state replaces", len(e.one(std).State), 0)
		}},
		{name: "settle/a released message is not in flight for the limit", whole: true, run: func(e *env) {
			e.send(std, "", "a", "b")
			req := e.request(std)
			req.MaxInFlight = 1
			e.release(e.receive(req).Messages[0], time.Hour)
			e.same("next", len(e.receive(req).Messages), 1)
		}},
		{name: "settle/released messages come again in order of their time", run: func(e *env) {
			e.send(std, "", "a", "b", "c")
			m := e.take(std, 10)
			for i, d := range []time.Duration{30, 10, 20} {
				e.release(m[i], d*time.Second)
			}
			e.pass(time.Minute)
			if !e.h.Unordered {
				e.same("order", bodies(e.take(std, 10)), []string{string(m[1].Body), string(m[2].Body), string(m[0].Body)})
			}
		}},
		{name: "settle/a record is appended with the outcome", run: func(e *env) {
			e.send(std, "", "a", "b", "c")
			m := e.take(std, 10)
			rec := func(body string) *queue.Entry {
				x := entry(flog, "", body)
				x.Key = "attempts/" + body
				return &x
			}
			var ids []queue.MessageID
			for i, s := range []queue.Settlement{
				{Action: queue.Ack, Record: rec("ack")},
				{Action: queue.Release, NotBefore: e.now.Add(time.Second), Record: rec("release")},
				{Action: queue.Move, To: &queue.Destination{Queue: dead}, Record: rec("move")},
			} {
				s.Receipt = m[i].Receipt
				res := e.settled(s)
				if res.Record.ID != s.Record.Message.ID || res.Record.Duplicate {
					e.Fatalf("record result %+v", res.Record)
				}
				ids = append(ids, res.Record.ID)
				e.same("record's position", e.get(flog, s.Record.Key)[0].Position, queue.Position{Sequence: res.Record.Sequence})
			}
			e.reopen()
			all := e.scanAll(flog, 10)
			e.same("log", peekedBodies(all), []string{"ack", "release", "move"})
			e.same("IDs", []queue.MessageID{all[0].Message.ID, all[1].Message.ID, all[2].Message.ID}, ids)
			e.same("appended to the log", e.stats(flog).Appended, int64(3))
		}},
		{name: "settle/no record when the settlement fails or the log is dropped", run: func(e *env) {
			e.send(std, "", "a")
			m := e.one(std)
			x, y := entry(flog, "", "x"), entry(dead, "", "y")
			y.Kind = queue.Log
			e.drop(dead)
			e.wantDropped("dropped log", e.settle(queue.Settlement{Receipt: m.Receipt, Record: &y})[0].Err, dead)
			e.wantCounts(std, 0, 0, 1)
			e.pass(30 * time.Second)
			e.one(std)
			e.wantErr("release", e.settle(queue.Settlement{Receipt: m.Receipt, Action: queue.Release, Record: &x})[0].Err, queue.ErrReceiptExpired)
			e.same("log", len(e.scanAll(flog, 10)), 0)
		}},
	}
}

// receiptRules say which receipts are good for what.
func receiptRules() []rule {
	release := func(m queue.Message) queue.Settlement {
		return queue.Settlement{Receipt: m.Receipt, Action: queue.Release}
	}
	move := func(m queue.Message) queue.Settlement {
		return queue.Settlement{Receipt: m.Receipt, Action: queue.Move, To: &queue.Destination{Queue: dead}}
	}
	return []rule{
		{name: "receipt/standard: any receipt acknowledges", run: func(e *env) {
			e.send(std, "", "a", "b", "c")
			first := e.take(std, 10)
			e.pass(30 * time.Second)
			e.ack(first[0]) // expired, never received again
			second := e.take(std, 10)
			e.same("two are left", len(second), 2)
			e.ack(first[1]) // another receive holds it
			e.wantCounts(std, 0, 0, 1)
			e.reopen()
			e.pass(time.Hour)
			e.release(e.one(std), time.Hour)
			e.reopen()
			e.ack(first[2]) // delayed after a release
			e.wantCounts(std, 0, 0, 0)
			e.same("acked", e.stats(std).Acked, int64(3))
		}},
		{name: "receipt/standard: release and move need the latest, expired or not", run: func(e *env) {
			e.send(std, "", "a", "b")
			old := e.take(std, 10)
			e.pass(30 * time.Second)
			e.take(std, 10)
			for _, m := range old {
				e.wantErr("release", e.settle(release(m))[0].Err, queue.ErrReceiptExpired)
				e.wantErr("move", e.settle(move(m))[0].Err, queue.ErrReceiptExpired)
			}
			e.wantCounts(std, 0, 0, 2)
			e.pass(30 * time.Second)
			got := e.take(std, 10)
			e.pass(30 * time.Second)
			e.wantCounts(std, 2, 0, 0)
			e.settled(queue.Settlement{Receipt: got[0].Receipt, Action: queue.Release, NotBefore: e.now.Add(time.Hour)})
			e.settled(move(got[1]))
			e.wantCounts(std, 0, 1, 0)
			e.wantCounts(dead, 1, 0, 0)
		}},
		{name: "receipt/fifo: must be the latest and in time, whatever the action", run: func(e *env) {
			e.send(fifo, "g", "a")
			m := e.one(fifo)
			e.pass(30 * time.Second)
			for _, s := range []queue.Settlement{{Receipt: m.Receipt}, release(m), move(m)} {
				e.wantErr("expired", e.settle(s)[0].Err, queue.ErrReceiptExpired)
			}
			e.wantCounts(fifo, 1, 0, 0)
			now := e.one(fifo)
			for _, s := range []queue.Settlement{{Receipt: m.Receipt}, release(m), move(m)} {
				e.wantErr("not the latest", e.settle(s)[0].Err, queue.ErrReceiptExpired)
			}
			e.reopen()
			e.wantErr("not the latest, reopened", e.settle(queue.Settlement{Receipt: m.Receipt})[0].Err, queue.ErrReceiptExpired)
			e.pass(30*time.Second - time.Millisecond)
			e.ack(now)
			e.wantCounts(fifo, 0, 0, 0)
		}},
		{name: "receipt/fifo: good for as long as the visibility was extended", run: func(e *env) {
			e.send(fifo, "g", "a")
			m := e.one(fifo)
			e.extend(m, time.Minute)
			e.pass(59 * time.Second)
			e.reopen()
			e.ack(m)
		}},
		{name: "receipt/fifo: expired after a release", run: func(e *env) {
			e.send(fifo, "g", "a")
			m := e.one(fifo)
			e.release(m, 0)
			e.wantErr("ack", e.settle(queue.Settlement{Receipt: m.Receipt})[0].Err, queue.ErrReceiptExpired)
			e.wantCounts(fifo, 1, 0, 0)
		}},
		{name: "receipt/standard: acknowledges after a release", run: func(e *env) {
			e.send(std, "", "a", "b")
			m := e.take(std, 10)
			e.release(m[0], 0)
			e.release(m[1], time.Hour)
			e.ack(m...)
			e.wantCounts(std, 0, 0, 0)
		}},
		{name: "receipt/one that no receive gave", run: func(e *env) {
			e.send(std, "", "a")
			m := e.one(std)
			for _, r := range []queue.Receipt{{}, {Queue: 999, Sequence: m.Sequence, Nonce: m.Receipt.Nonce}, {Queue: std, Nonce: 1}} {
				if res := e.settle(queue.Settlement{Receipt: r})[0]; res.Err == nil && !res.Gone || res.Err != nil && !isAny(res.Err, queue.ErrReceiptInvalid) {
					e.Fatalf("receipt %+v: %+v, want Gone or ErrReceiptInvalid", r, res)
				}
				if err := e.extendErr(r, time.Minute); !isAny(err, queue.ErrNotInFlight, queue.ErrReceiptInvalid) {
					e.Fatalf("extend %+v: %v", r, err)
				}
			}
			e.wantCounts(std, 0, 0, 1)
		}},
		{name: "receipt/a lease survives reopen", run: func(e *env) {
			for _, id := range []queue.ID{std, fifo} {
				e.send(id, "g", "a")
				m := e.one(id)
				e.reopen()
				e.wantCounts(id, 0, 0, 1)
				e.extend(m, time.Minute)
				e.reopen()
				e.pass(59 * time.Second)
				e.wantCounts(id, 0, 0, 1)
				e.settled(release(m))
				e.same("count", e.one(id).Receives, 2)
			}
		}},
	}
}
