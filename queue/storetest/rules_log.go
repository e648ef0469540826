package storetest

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/signalbox-mq/signalbox/queue"
)

func logRules() []rule {
	fill := func(e *env, n int) {
		e.Helper()
		for i := range n {
			e.append(entry(flog, "", fmt.Sprintf("%02d", i)))
			e.pass(time.Second)
		}
	}
	return []rule{
		{name: "log/in order of append, positions are sequences, all are ready", run: func(e *env) {
			start := e.now
			fill(e, 5)
			e.reopen()
			for i, p := range e.scanAll(flog, 2) {
				want := queue.Peeked{Message: p.Message, Key: p.Key, Position: queue.Position{Sequence: p.Message.Sequence}}
				e.same("peeked", p, want)
				if string(p.Message.Body) != fmt.Sprintf("%02d", i) || !p.Message.Sent.Equal(start.Add(time.Duration(i)*time.Second)) || p.Message.Receives != 0 {
					e.Fatalf("entry %d: %+v", i, p.Message)
				}
			}
			e.wantCounts(flog, 5, 0, 0)
		}},
		{name: "log/a delay means nothing", run: func(e *env) {
			x := entry(flog, "g", "a")
			x.Delay = time.Hour
			e.append(x)
			e.wantCounts(flog, 1, 0, 0)
			e.same("scan", len(e.scanAll(flog, 10)), 1)
		}},
		{name: "log/by time", run: func(e *env) {
			start := e.now
			fill(e, 10)
			for _, c := range []struct {
				from, until time.Duration
				want        string
			}{
				{0, time.Hour, "00 01 02 03 04 05 06 07 08 09"},
				{3 * time.Second, 6 * time.Second, "03 04 05"},
				{3*time.Second + time.Millisecond, 6*time.Second + time.Millisecond, "04 05 06"},
				{-time.Hour, 0, ""},
				{time.Hour, 2 * time.Hour, ""},
				{4 * time.Second, 4 * time.Second, ""},
			} {
				res := e.scan(queue.ScanRequest{Queue: flog, From: queue.PositionAt(start.Add(c.from)), Until: queue.PositionAt(start.Add(c.until))})
				if got := strings.Join(peekedBodies(res.Messages), " "); got != c.want || res.More {
					e.Fatalf("from %v until %v: %q, more %v; want %q", c.from, c.until, got, res.More, c.want)
				}
			}
		}},
		{name: "log/Limit, Until and More", run: func(e *env) {
			fill(e, 5)
			all := e.scanAll(flog, 10)
			res := e.scan(queue.ScanRequest{Queue: flog, Limit: 5})
			if len(res.Messages) != 5 || res.More {
				e.Fatalf("Limit equal to what there is: %d messages, more %v", len(res.Messages), res.More)
			}
			res = e.scan(queue.ScanRequest{Queue: flog, Limit: 3, Until: all[3].Position})
			if len(res.Messages) != 3 || res.More {
				e.Fatalf("Until after the limit: %d messages, more %v; want 3, false", len(res.Messages), res.More)
			}
			res = e.scan(queue.ScanRequest{Queue: flog, Limit: 3, Until: all[4].Position})
			if len(res.Messages) != 3 || !res.More {
				e.Fatalf("one more before Until: %d messages, more %v; want 3, true", len(res.Messages), res.More)
			}
			// Next after Until: nothing between is lost when the reader goes on without one.
			res = e.scan(queue.ScanRequest{Queue: flog, Until: all[2].Position})
			rest := e.scan(queue.ScanRequest{Queue: flog, From: res.Next})
			e.same("in two parts", append(peekedBodies(res.Messages), peekedBodies(rest.Messages)...), peekedBodies(all))
		}},
		{name: "log/Next reads on without gap or repetition as the log grows", run: func(e *env) {
			var got, want []string
			from := queue.Position{}
			for i := range 40 {
				if i%3 != 2 {
					b := fmt.Sprint(i)
					e.send(flog, "", b)
					want = append(want, b)
				}
				if i%4 == 3 {
					e.pass(time.Millisecond)
				}
				if i == 20 {
					e.reopen()
				}
				res := e.scan(queue.ScanRequest{Queue: flog, From: from, Limit: 1 + i%2})
				got, from = append(got, peekedBodies(res.Messages)...), res.Next
			}
			got = append(got, peekedBodies(e.scan(queue.ScanRequest{Queue: flog, From: from}).Messages)...)
			e.same("read", got, want)
		}},
		{name: "log/Next from an empty or exhausted log", run: func(e *env) {
			next := e.scan(queue.ScanRequest{Queue: flog}).Next
			e.send(flog, "", "a")
			res := e.scan(queue.ScanRequest{Queue: flog, From: next})
			e.same("first", peekedBodies(res.Messages), []string{"a"})
			for range 3 {
				res = e.scan(queue.ScanRequest{Queue: flog, From: res.Next})
				e.same("end", len(res.Messages), 0)
			}
			e.send(flog, "", "b")
			e.same("after the end", peekedBodies(e.scan(queue.ScanRequest{Queue: flog, From: res.Next}).Messages), []string{"b"})
			// A position in the future is kept, so that nothing before it is returned later.
			later := queue.PositionAt(e.now.Add(time.Hour))
			next = e.scan(queue.ScanRequest{Queue: flog, From: later}).Next
			e.send(flog, "", "c")
			e.same("before From", len(e.scan(queue.ScanRequest{Queue: flog, From: next}).Messages), 0)
		}},
		{name: "log/First and End", run: func(e *env) {
			if s := e.stats(flog); s.First != (queue.Position{}) || s.End != (queue.Position{}) {
				e.Fatalf("never touched: %+v", s)
			}
			fill(e, 3)
			all := e.scanAll(flog, 10)
			check := func() {
				e.Helper()
				s := e.stats(flog)
				e.same("first", s.First, all[0].Position)
				e.same("end", s.End, queue.Position{Sequence: all[2].Position.Sequence + 1})
				e.same("appends go on after End", len(e.scan(queue.ScanRequest{Queue: flog, From: s.End}).Messages), 0)
			}
			check()
			e.reopen()
			check()
		}},
		{name: "log/settle and extend do not apply", run: func(e *env) {
			e.send(flog, "", "a")
			p := e.scanAll(flog, 1)[0]
			r := queue.Receipt{Queue: flog, Sequence: p.Message.Sequence, Locator: p.Position.At, Nonce: 1}
			res := e.settle(queue.Settlement{Receipt: r})[0]
			if res.Err == nil && !res.Gone {
				e.Fatalf("an entry of a log was acknowledged")
			}
			if e.extendErr(r, time.Minute) == nil {
				e.Fatalf("an entry of a log was extended")
			}
			e.wantCounts(flog, 1, 0, 0)
		}},
		{name: "log/a reader sees every entry once while many append", run: func(e *env) {
			const writers, each = 8, 40
			var wg sync.WaitGroup
			for w := range writers {
				wg.Go(func() {
					for i := range each {
						x := entry(flog, "", fmt.Sprint(w, "/", i))
						if _, err := e.store.Append(e.ctx, queue.AppendRequest{Now: e.now, Entries: []queue.Entry{x, entry(std, "", "other")}}); err != nil {
							e.Errorf("append: %v", err)
							return
						}
					}
				})
			}
			done := make(chan struct{})
			go func() { wg.Wait(); close(done) }()
			seen := map[string]bool{}
			next := map[string]int{}
			from, ended := queue.Position{}, false
			for {
				select {
				case <-done:
					ended = true
				default:
				}
				res, err := e.store.Scan(e.ctx, queue.ScanRequest{Now: e.now, Queue: flog, Kind: queue.Log, From: from, Limit: 7})
				if err != nil {
					<-done
					e.Fatalf("scan: %v", err)
				}
				for _, p := range res.Messages {
					b := string(p.Message.Body)
					w, i, _ := strings.Cut(b, "/")
					if seen[b] || i != fmt.Sprint(next[w]) {
						<-done
						e.Fatalf("read %q: again %v, next of its writer is %d", b, seen[b], next[w])
					}
					seen[b] = true
					next[w]++
				}
				from = res.Next
				if ended && len(res.Messages) == 0 {
					break
				}
			}
			e.same("entries read", len(seen), writers*each)
		}},
	}
}

func expiryRules() []rule {
	return []rule{
		{name: "expiry/by age, whatever the status", run: func(e *env) {
			for _, id := range []queue.ID{std, fifo} {
				e.send(id, "g", "flying")
				m := e.one(id)
				e.extend(m, time.Hour)
				x := entry(id, "", "delayed")
				x.Delay = time.Hour
				e.append(x)
				e.send(id, "h", "waiting")
				e.pass(time.Second)
				e.send(id, "g", "young")
				e.pass(time.Minute - time.Second - time.Millisecond)
				limit := queue.Expiry{Queue: id, Kind: kindOf(id), Retention: time.Minute}
				e.same("1ms before", e.expire(limit), queue.Expired{})
				e.pass(time.Millisecond)
				e.same("at the age", e.expire(limit), queue.Expired{Messages: 3, Bytes: int64(len("flyingdelayedwaiting"))})
				// The group goes on, and the receipt is that of a message that is gone.
				e.same("left", bodies(e.take(id, 10)), []string{"young"})
				if res := e.settle(queue.Settlement{Receipt: m.Receipt})[0]; res != (queue.SettleResult{Gone: true}) {
					e.Fatalf("receipt of the expired: %+v, want Gone", res)
				}
				e.reopen()
				s := e.stats(id)
				e.same("expired, acked, total, bytes", []int64{s.Expired, s.Acked, s.Total(), s.Bytes}, []int64{3, 0, 1, 5})
			}
		}},
		{name: "expiry/age counts from Sent, of a copy or a moved message too", run: func(e *env) {
			e.send(std2, "", "new")
			x := entry(std2, "", "old")
			x.Message.Sent = e.now.Add(-59 * time.Second)
			e.append(x)
			e.send(std2, "", "newer")
			e.pass(time.Second)
			e.same("expired", e.expire(queue.Expiry{Queue: std2, Retention: time.Minute}), queue.Expired{Messages: 1, Bytes: 3})
			e.wantBodies("left", bodies(e.take(std2, 10)), "new", "newer")
		}},
		{name: "expiry/none without a bound", run: func(e *env) {
			e.send(std, "", "a")
			e.send(flog, "", "a")
			e.pass(1000 * time.Hour)
			e.same("std", e.expire(queue.Expiry{Queue: std}), queue.Expired{})
			e.same("log", e.expire(queue.Expiry{Queue: flog, Kind: queue.Log, Retention: -time.Hour, MaxBytes: -1}), queue.Expired{})
			e.same("never touched", e.expire(queue.Expiry{Queue: std2, Retention: time.Hour}), queue.Expired{})
			e.same("age alone", e.expire(queue.Expiry{Queue: std, MaxBytes: 1}), queue.Expired{})
		}},
		{name: "expiry/logs by age and by size, the oldest first", run: func(e *env) {
			for i := range 10 {
				x := entry(flog, "", fmt.Sprintf("%010d", i))
				x.Key = fmt.Sprint("k", i%2)
				e.append(x)
				e.pass(time.Second)
			}
			limit := queue.Expiry{Queue: flog, Kind: queue.Log, Retention: 8 * time.Second, MaxBytes: 50}
			e.same("removed", e.expire(limit), queue.Expired{Messages: 5, Bytes: 50})
			e.same("again", e.expire(limit), queue.Expired{})
			limit.MaxBytes = 49
			e.same("one byte less", e.expire(limit), queue.Expired{Messages: 1, Bytes: 10})
			limit.Retention = 3 * time.Second
			e.same("by age", e.expire(limit), queue.Expired{Messages: 2, Bytes: 20})
			e.reopen()
			all := e.scanAll(flog, 10)
			e.same("left", peekedBodies(all), []string{"0000000008", "0000000009"})
			e.same("by key", peekedBodies(e.get(flog, "k0")), []string{"0000000008"})
			s := e.stats(flog)
			e.same("stats", s, queue.Stats{
				Ready: 2, Bytes: 20, OldestSent: all[0].Message.Sent, Appended: 10, Expired: 8,
				First: all[0].Position, End: queue.Position{Sequence: all[1].Position.Sequence + 1},
			})
			limit.MaxBytes = 1
			e.same("all", e.expire(limit), queue.Expired{Messages: 2, Bytes: 20})
			e.send(flog, "", "next")
			e.same("goes on", peekedBodies(e.scan(queue.ScanRequest{Queue: flog, From: s.End}).Messages), []string{"next"})
		}},
		{name: "expiry/a receive removes what is too old", run: func(e *env) {
			for _, id := range []queue.ID{std, fifo} {
				e.send(id, "g", "a", "b")
				e.pass(time.Second)
				e.send(id, "g", "c")
				e.pass(time.Minute - time.Second - time.Millisecond)
				req := e.request(id)
				req.Retention, req.Visibility = time.Minute, 0
				if res := e.receive(req); len(res.Messages) != 3 || res.Expired != 0 {
					e.Fatalf("1ms before: %+v", res)
				}
				e.pass(time.Millisecond)
				req.Now = e.now
				// Reading: at exactly the retention a message is too old, as for Expire.
				res := e.receive(req)
				e.same("messages", bodies(res.Messages), []string{"c"})
				e.same("expired", res.Expired, 2)
				s := e.stats(id)
				e.same("stats", []int64{s.Expired, s.Ready, s.Bytes}, []int64{2, 1, 1})
				e.pass(time.Second)
				req.Now = e.now
				if res := e.receive(req); len(res.Messages) != 0 || res.Expired != 1 {
					e.Fatalf("all too old: %+v", res)
				}
				e.wantCounts(id, 0, 0, 0)
				e.reopen()
				e.wantCounts(id, 0, 0, 0)
			}
		}},
		{name: "expiry/a bounded piece of work per call", heavy: true, run: func(e *env) {
			for range 20 {
				var entries []queue.Entry
				for range 1000 {
					entries = append(entries, entry(std, "", "x"))
				}
				e.append(entries...)
			}
			e.pass(time.Minute)
			e.send(std, "", "young")
			e.same("removed", e.expire(queue.Expiry{Queue: std, Retention: time.Minute}), queue.Expired{Messages: 20_000, Bytes: 20_000})
			e.same("left", bodies(e.take(std, 10)), []string{"young"})
		}},
	}
}
