package storetest

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/signalbox-mq/signalbox/queue"
)

// drainLimit is for failure only.
const drainLimit = 30 * time.Second

// drain receives and acknowledges with many goroutines until total messages were acknowledged or a call fails. handed is
// called for each message received, with the queue's name for it.
func (e *env) drain(id queue.ID, workers, total, maxInFlight int, handed func(queue.Message)) {
	e.Helper()
	var acked, inFlight atomic.Int64
	var failed atomic.Bool
	fail := func(format string, args ...any) {
		failed.Store(true)
		e.Errorf(format, args...)
	}
	limit := time.Now().Add(drainLimit)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			req := e.request(id)
			req.Max, req.MaxInFlight = 1+w%4, maxInFlight
			for acked.Load() < int64(total) && !failed.Load() && time.Now().Before(limit) {
				res, err := e.store.Receive(e.ctx, req)
				if err != nil {
					fail("receive: %v", err)
					return
				}
				if len(res.Messages) == 0 {
					continue
				}
				if n := inFlight.Add(int64(len(res.Messages))); maxInFlight > 0 && n > int64(maxInFlight) {
					fail("%d in flight, limit %d", n, maxInFlight)
				}
				var acks []queue.Settlement
				for _, m := range res.Messages {
					handed(m)
					acks = append(acks, queue.Settlement{Receipt: m.Receipt})
				}
				// The count goes down before the store's does: it is never above what the store has in flight.
				inFlight.Add(-int64(len(res.Messages)))
				results, err := e.store.Settle(e.ctx, e.now, acks)
				if err != nil {
					fail("settle: %v", err)
					return
				}
				for _, r := range results {
					if r.Err != nil || r.Gone {
						fail("ack of a message just received: %+v", r)
					}
				}
				acked.Add(int64(len(results)))
			}
		})
	}
	wg.Wait()
	if n := acked.Load(); n != int64(total) {
		e.Fatalf("%d messages acknowledged, want %d", n, total)
	}
}

func concurrencyRules() []rule {
	const senders, each = 8, 50
	// flood sends from many goroutines; bodies are "sender/number".
	flood := func(e *env, wg *sync.WaitGroup, id queue.ID) {
		for s := range senders {
			wg.Go(func() {
				for i := range each {
					if _, err := e.appendErr(entry(id, fmt.Sprint("g", s), fmt.Sprint(s, "/", i))); err != nil {
						e.Errorf("append: %v", err)
					}
				}
			})
		}
	}
	return []rule{
		{name: "concurrency/each message is handed out and acknowledged exactly once", run: func(e *env) {
			for _, id := range []queue.ID{std, fifo} {
				var mu sync.Mutex
				seen := map[string]int{}
				next := map[string]int{}
				var wg sync.WaitGroup
				flood(e, &wg, id)
				e.drain(id, 8, senders*each, 0, func(m queue.Message) {
					mu.Lock()
					defer mu.Unlock()
					seen[string(m.Body)]++
					if id == fifo {
						if want := fmt.Sprint(m.Group[1:], "/", next[m.Group]); string(m.Body) != want {
							e.Errorf("group %s: received %q, want %q", m.Group, m.Body, want)
						}
						next[m.Group]++
					}
				})
				wg.Wait()
				for b, n := range seen {
					if n != 1 {
						e.Errorf("%q was handed out %d times", b, n)
					}
				}
				e.same("messages seen", len(seen), senders*each)
				s := e.stats(id)
				e.same("total, appended, acked, bytes", []int64{s.Total(), s.Appended, s.Acked, s.Bytes}, []int64{0, senders * each, senders * each, 0})
				e.reopen()
				e.wantCounts(id, 0, 0, 0)
			}
		}},
		{name: "concurrency/a queue dropped when empty takes no message with it", run: func(e *env) {
			// Senders go on until they are refused; meanwhile someone acknowledges everything and drops the queue as soon as it is
			// empty. Each message that was accepted must have been seen.
			var accepted atomic.Int64
			var senders sync.WaitGroup
			for range 4 {
				senders.Go(func() {
					for range 300 {
						if _, err := e.appendErr(entry(std, "", "a")); err != nil {
							if !errors.Is(err, queue.ErrDropped) {
								e.Errorf("append: %v, want ErrDropped", err)
							}
							return
						}
						accepted.Add(1)
					}
				})
			}
			seen := 0
			for dropped := false; !dropped; {
				for {
					got := e.take(std, 10)
					if len(got) == 0 {
						break
					}
					seen += len(got)
					e.ack(got...)
				}
				var err error
				if dropped, err = e.store.DropEmpty(e.ctx, e.now, std); err != nil {
					e.Fatalf("DropEmpty: %v", err)
				}
			}
			senders.Wait()
			if int64(seen) != accepted.Load() {
				e.Fatalf("%d accepted, %d seen before the queue was dropped", accepted.Load(), seen)
			}
		}},
		{name: "concurrency/never more in flight than the limit", run: func(e *env) {
			for _, id := range []queue.ID{std, fifo} {
				var wg sync.WaitGroup
				flood(e, &wg, id)
				e.drain(id, 8, senders*each, 5, func(queue.Message) {})
				wg.Wait()
				e.wantCounts(id, 0, 0, 0)
			}
		}},
		{name: "concurrency/one of many same tokens, one of many duplicates", run: func(e *env) {
			var wg sync.WaitGroup
			var fresh, accepted atomic.Int64
			for range 16 {
				wg.Go(func() {
					x := entry(fifo, "g", "dup")
					x.Dedup, x.DedupWindow = "d", time.Minute
					res, err := e.appendErr(x)
					if err != nil {
						e.Errorf("append: %v", err)
					} else if !res.Results[0].Duplicate {
						accepted.Add(1)
					}
					res, err = e.store.Append(e.ctx, queue.AppendRequest{Now: e.now, Token: "t", TokenWindow: time.Minute, Entries: []queue.Entry{entry(std, "", "tok"), entry(std2, "", "tok")}})
					if err != nil {
						e.Errorf("append with token: %v", err)
					} else if !res.Repeated {
						fresh.Add(1)
					}
				})
			}
			wg.Wait()
			e.same("fresh and accepted", []int64{fresh.Load(), accepted.Load()}, []int64{1, 1})
			e.wantCounts(fifo, 1, 0, 0)
			e.wantCounts(std, 1, 0, 0)
			e.wantCounts(std2, 1, 0, 0)
		}},
		{name: "concurrency/one winner of many acks, releases and moves of one message", run: func(e *env) {
			for _, id := range []queue.ID{std, fifo} {
				for round := range 10 {
					e.send(id, "g", "a")
					m := e.one(id)
					var wg sync.WaitGroup
					var won atomic.Int64
					for i := range 6 {
						wg.Go(func() {
							s := queue.Settlement{Receipt: m.Receipt}
							if i%2 == 1 {
								s.Action, s.To = queue.Move, &queue.Destination{Queue: dead}
							}
							res, err := e.store.Settle(e.ctx, e.now, []queue.Settlement{s})
							if err != nil || res[0].Err != nil {
								e.Errorf("settle: %v, %+v", err, res)
							} else if !res[0].Gone {
								won.Add(1)
							}
						})
					}
					wg.Wait()
					e.same("winners", won.Load(), int64(1))
					s := e.stats(id)
					e.same("acked and moved", s.Acked+s.Moved, int64(round+1))
				}
			}
			a, b, d := e.stats(std), e.stats(fifo), e.stats(dead)
			e.same("in the destination", d.Ready, a.Moved+b.Moved)
		}},
		{name: "concurrency/appends to several queues appear in all of them", run: func(e *env) {
			var wg sync.WaitGroup
			for w := range 8 {
				wg.Go(func() {
					for i := range 20 {
						b := fmt.Sprint(w, "/", i)
						if _, err := e.appendErr(entry(std, "", b), entry(flog, "", b), entry(fifo, "g", b)); err != nil {
							e.Errorf("append: %v", err)
						}
					}
				})
			}
			wg.Wait()
			for _, id := range []queue.ID{std, fifo, flog} {
				s := e.stats(id)
				e.same("total", s.Total(), int64(160))
				seen := map[string]bool{}
				for _, b := range peekedBodies(e.scanAll(id, 50)) {
					seen[b] = true
				}
				e.same("different", len(seen), 160)
			}
		}},
		{name: "concurrency/all kinds of calls at once keep the counts", run: func(e *env) {
			var wg sync.WaitGroup
			for w := range 6 {
				wg.Go(func() {
					for i := range 30 {
						id := []queue.ID{std, fifo}[i%2]
						e.appendErr(entry(id, fmt.Sprint("g", w), "x")) //nolint:errcheck // counted below
						res, err := e.store.Receive(e.ctx, queue.ReceiveRequest{Now: e.now, Queue: id, Kind: kindOf(id), Max: 2, Visibility: time.Minute})
						if err != nil {
							e.Errorf("receive: %v", err)
						}
						for j, m := range res.Messages {
							s := queue.Settlement{Receipt: m.Receipt, Action: queue.Action((i/2 + j + w) % 3), To: &queue.Destination{Queue: dead}}
							if r, err := e.store.Settle(e.ctx, e.now, []queue.Settlement{s}); err != nil || r[0].Err != nil || r[0].Gone {
								e.Errorf("settle: %v, %+v", err, r)
							}
						}
						if _, err := e.store.Stats(e.ctx, e.now, []queue.ID{std, fifo, dead}); err != nil {
							e.Errorf("stats: %v", err)
						}
					}
				})
			}
			wg.Wait()
			for range 2 {
				var moved int64
				for _, id := range []queue.ID{std, fifo} {
					s := e.stats(id)
					moved += s.Moved
					if s.Appended != 90 || s.Appended != s.Total()+s.Acked+s.Moved || s.InFlight != 0 || int(s.Total()) != len(e.scanAll(id, 10)) {
						e.Fatalf("queue %d: %+v, scan has %d", id, s, len(e.scanAll(id, 10)))
					}
				}
				e.same("moved", e.stats(dead).Ready, moved)
				e.reopen()
			}
		}},
	}
}

// scaleRules have many messages.
func scaleRules() []rule {
	return []rule{
		{name: "scale/20,000 messages in order", heavy: true, run: func(e *env) {
			const total = 20_000
			for i := 0; i < total; i += 1000 {
				var entries []queue.Entry
				for j := range 1000 {
					entries = append(entries, entry(std, "", fmt.Sprint(i+j)))
				}
				e.append(entries...)
			}
			e.reopen()
			e.wantCounts(std, total, 0, 0)
			got, seen := 0, map[string]bool{}
			for got < total {
				req := e.request(std)
				req.Max = 700
				m := e.receive(req).Messages
				if len(m) == 0 {
					break
				}
				acks := make([]queue.Settlement, len(m))
				for i := range m {
					if !e.h.Unordered && string(m[i].Body) != fmt.Sprint(got) {
						e.Fatalf("received %q, want %d", m[i].Body, got)
					}
					seen[string(m[i].Body)] = true
					got++
					acks[i].Receipt = m[i].Receipt
				}
				e.settle(acks...)
			}
			e.same("different messages", len(seen), total)
			s := e.stats(std)
			e.same("total and acked", []int64{s.Total(), s.Acked}, []int64{0, total})
		}},
		{name: "scale/many queues in one append, most never read", heavy: true, run: func(e *env) {
			var entries []queue.Entry
			var ids []queue.ID
			for i := range 2000 {
				id := queue.ID(10_000 + i)
				ids = append(ids, id)
				entries = append(entries, queue.Entry{Queue: id, Message: queue.Message{ID: queue.NewMessageID(), Body: []byte("x")}})
			}
			e.append(entries...)
			e.reopen()
			l := e.watch(ids...)
			e.same("ready", len(l.look()), len(ids))
			res, err := e.store.Stats(e.ctx, e.now, ids)
			if err != nil {
				e.Fatalf("stats: %v", err)
			}
			for i, s := range res {
				if s.Ready != 1 || s.Appended != 1 {
					e.Fatalf("queue %d: %+v", ids[i], s)
				}
			}
		}},
		{name: "scale/one group of 5,000 behind one lease", heavy: true, run: func(e *env) {
			var entries []queue.Entry
			for i := range 5000 {
				entries = append(entries, entry(fifo, "big", fmt.Sprint(i)))
			}
			e.append(entries...)
			e.send(fifo, "small", "s")
			first := e.take(fifo, 1)
			e.same("head", bodies(first), []string{"0"})
			e.same("the other group", bodies(e.take(fifo, 10)), []string{"s"})
			e.ack(first...)
			e.same("goes on", bodies(e.take(fifo, 3)), []string{"1", "2", "3"})
		}},
	}
}
