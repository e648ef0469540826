package storetest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/signalbox-mq/signalbox/queue"
)

// readRules are about Get, and about Scan of queues that are not logs.
func readRules() []rule {
	return []rule{
		{name: "get/none", run: func(e *env) {
			e.same("never touched", len(e.get(std, "k")), 0)
			e.send(std, "", "a")
			e.same("no such key", len(e.get(std, "k")), 0)
			e.same("empty key", len(e.get(std, "")), 0)
		}},
		{name: "scan/of a queue of another kind fails", run: func(e *env) {
			for _, id := range []queue.ID{std, fifo, flog} {
				e.send(id, "", "a")
				for _, kind := range []queue.Kind{queue.Standard, queue.FIFO, queue.Log} {
					res, err := e.store.Scan(e.ctx, queue.ScanRequest{Now: e.now, Queue: id, Kind: kind, Limit: 10})
					if kind != kindOf(id) {
						e.wantErr("scan as "+kind.String(), err, queue.ErrKind)
					} else if err != nil || len(res.Messages) != 1 {
						e.Fatalf("scan of queue %d as %v: %+v, %v", id, kind, res, err)
					}
				}
			}
		}},
		{name: "get/by key, whatever the message's status, for as long as it is there", run: func(e *env) {
			for _, id := range []queue.ID{std, fifo} {
				x := entry(id, "g", "a")
				x.Key = "k1"
				y := entry(id, "h", "b")
				y.Key = "k2"
				e.append(x, y)
				look := func(what string, status queue.Status, due time.Time, receives int) {
					e.Helper()
					got := e.get(id, "k1")
					if len(got) != 1 || got[0].Message.ID != x.Message.ID || got[0].Status != status || !got[0].Due.Equal(due) || got[0].Message.Receives != receives {
						e.Fatalf("%s: %+v", what, got)
					}
					// Reading: who peeks has no lease, so none is shown.
					if p := got[0].Message; p.Receipt != (queue.Receipt{}) || !p.Deadline.IsZero() {
						e.Fatalf("%s: peeked with a receipt: %+v", what, p)
					}
				}
				look("ready", queue.Ready, time.Time{}, 0)
				var m queue.Message
				for _, o := range e.take(id, 10) {
					if o.ID == x.Message.ID {
						m = o
					}
				}
				look("in flight", queue.InFlight, e.now.Add(30*time.Second), 1)
				e.release(m, time.Hour)
				look("delayed", queue.Delayed, e.now.Add(time.Hour), 1)
				e.reopen()
				look("delayed, reopened", queue.Delayed, e.now.Add(time.Hour), 1)
				e.pass(time.Hour)
				look("due", queue.Ready, time.Time{}, 1)
				for _, o := range e.take(id, 10) {
					e.ack(o)
				}
				e.same("gone", len(e.get(id, "k1"))+len(e.get(id, "k2")), 0)
				e.same("other queue", len(e.get(std2, "k1")), 0)
			}
		}},
		{name: "get/several of one key in a log, oldest first", run: func(e *env) {
			for i := range 6 {
				x := entry(flog, "", fmt.Sprint(i))
				x.Key = []string{"even", "odd"}[i%2]
				e.append(x)
				e.pass(time.Second)
			}
			e.reopen()
			got := e.get(flog, "even")
			e.same("even", peekedBodies(got), []string{"0", "2", "4"})
			if got[0].Position != (queue.Position{Sequence: got[0].Message.Sequence}) || got[0].Status != queue.Ready || !got[0].Due.IsZero() {
				e.Fatalf("peeked %+v", got[0])
			}
		}},
		{name: "get/long and odd keys", run: func(e *env) {
			keys := []string{strings.Repeat("k", 1000), strings.Repeat("k", 1001), "\x00", "\x00\x00", "ä\xff"}
			for _, k := range keys {
				x := entry(std, "", k)
				x.Key = k
				e.append(x)
			}
			for _, k := range keys {
				e.same("found", peekedBodies(e.get(std, k)), []string{k})
			}
		}},
		{name: "scan/a queue never touched", run: func(e *env) {
			for _, id := range []queue.ID{std, fifo, flog} {
				if res := e.scan(queue.ScanRequest{Queue: id}); len(res.Messages) != 0 || res.More {
					e.Fatalf("scan: %+v", res)
				}
			}
		}},
		{name: "scan/each message once, in pieces, without touching it", run: func(e *env) {
			for _, id := range []queue.ID{std, fifo} {
				var want []string
				for i := range 23 {
					b := fmt.Sprintf("%02d", i)
					x := entry(id, fmt.Sprint("g", i%3), b)
					if i%5 == 4 && id == std {
						x.Delay = time.Duration(i) * time.Second
					}
					e.append(x)
					want = append(want, b)
				}
				held := e.take(id, 4)
				e.release(held[0], time.Minute)
				before := e.stats(id)
				for _, n := range []int{1, 2, 7, 100} {
					all := e.scanAll(id, n)
					e.same("bodies", slices.Sorted(slices.Values(peekedBodies(all))), want)
					status := map[queue.Status]int64{}
					last := map[string]uint64{}
					for _, p := range all {
						status[p.Status]++
						if id == fifo && p.Message.Sequence <= last[p.Message.Group] {
							e.Fatalf("group %q out of order", p.Message.Group)
						}
						last[p.Message.Group] = p.Message.Sequence
						if (p.Status == queue.Ready) != p.Due.IsZero() {
							e.Fatalf("status %d with due %v", p.Status, p.Due)
						}
					}
					e.same("by status", []int64{status[queue.Ready], status[queue.Delayed], status[queue.InFlight]}, []int64{before.Ready, before.Delayed, before.InFlight})
				}
				e.same("stats are untouched", e.stats(id), before)
			}
		}},
		{name: "scan/from a message's position starts with it", run: func(e *env) {
			for _, id := range []queue.ID{std, fifo, flog} {
				for i := range 9 {
					e.send(id, fmt.Sprint("g", i%2), fmt.Sprint(i))
				}
				for i, p := range e.scanAll(id, 100) {
					if p.Position == (queue.Position{}) {
						e.Fatalf("message %d has the zero position", i)
					}
					res := e.scan(queue.ScanRequest{Queue: id, From: p.Position, Limit: 1})
					e.same("first", peekedBodies(res.Messages), []string{string(p.Message.Body)})
				}
			}
		}},
		{name: "scan/MaxBytes, the first excepted", whole: true, run: func(e *env) {
			for _, id := range []queue.ID{std, flog} {
				for _, n := range []int{10, 20, 30} {
					e.send(id, "", strings.Repeat("x", n))
				}
				for maxBytes, want := range map[int]int{1: 1, 29: 1, 30: 2, 59: 2, 60: 3, 0: 3} {
					res := e.scan(queue.ScanRequest{Queue: id, MaxBytes: maxBytes})
					if len(res.Messages) != want || res.More != (want < 3) {
						e.Fatalf("MaxBytes %d: %d messages, more %v; want %d", maxBytes, len(res.Messages), res.More, want)
					}
				}
			}
		}},
	}
}
