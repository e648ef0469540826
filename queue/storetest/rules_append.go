package storetest

import (
	"strings"
	"time"

	"github.com/signalbox-mq/signalbox/queue"
)

func appendRules() []rule {
	return []rule{
		{name: "append/a message comes back as it was sent", run: func(e *env) {
			in := entry(std, "g", "body\x00\xff")
			in.Message.Attributes = []queue.Attribute{{Name: "b", Type: "Number", Value: []byte("1")}, {Name: "a", Type: "Binary", Value: []byte{0, 255}}}
			in.Message.System = []queue.Attribute{{Name: "AWSTraceHeader", Type: "String", Value: []byte("Root=1")}}
			in.Message.DedupID, in.Message.Sender, in.Message.Source = "d", "me", 77
			done := e.append(in)
			got := e.one(std)
			want := in.Message
			want.Sequence, want.Sent, want.Receives, want.FirstReceived = done[0].Sequence, e.now, 1, e.now
			want.Deadline, want.Receipt = e.now.Add(30*time.Second), got.Receipt
			e.same("message", got, want)
			if done[0].ID != in.Message.ID || done[0].Duplicate {
				e.Fatalf("appended %+v, want ID %v", done[0], in.Message.ID)
			}
			if got.Receipt.Queue != std || got.Receipt.Sequence != got.Sequence {
				e.Fatalf("receipt %+v does not name queue %d and sequence %d", got.Receipt, std, got.Sequence)
			}
			if r, err := queue.ParseReceipt(got.Receipt.String()); err != nil || r != got.Receipt {
				e.Fatalf("receipt does not survive its text: %v", err)
			}
		}},
		{name: "append/store fields are ignored, Sent is kept", run: func(e *env) {
			in := entry(std, "", "copy")
			in.Message.Sequence, in.Message.Receives, in.Message.State = 7, 9, []byte("old")
			in.Message.FirstReceived, in.Message.Deadline = e.now.Add(-time.Hour), e.now.Add(time.Hour)
			in.Message.Receipt = queue.Receipt{Queue: 9, Nonce: 9}
			in.Message.Sent = e.now.Add(-time.Minute + 700*time.Microsecond)
			e.append(in)
			p := e.scanAll(std, 10)[0].Message
			e.same("peeked", p, queue.Message{ID: in.Message.ID, Body: []byte("copy"), Sequence: p.Sequence, Sent: e.now.Add(-time.Minute)})
			m := e.one(std)
			if m.Receives != 1 || m.State != nil || !m.FirstReceived.Equal(e.now) || !m.Sent.Equal(e.now.Add(-time.Minute)) {
				e.Fatalf("received %+v", m)
			}
		}},
		{name: "append/an empty message", run: func(e *env) {
			e.append(queue.Entry{Queue: std, Message: queue.Message{ID: queue.NewMessageID()}})
			m := e.one(std)
			if len(m.Body) != 0 || len(m.Attributes) != 0 || m.Group != "" || m.State != nil || m.Source != 0 {
				e.Fatalf("received %+v", m)
			}
			if s := e.stats(std); s.Bytes != 0 || s.InFlight != 1 {
				e.Fatalf("stats %+v", s)
			}
		}},
		{name: "append/times count in whole milliseconds", run: func(e *env) {
			e.now = e.now.Add(1999 * time.Microsecond)
			e.send(std, "", "a")
			m := e.one(std)
			ms := e.now.Truncate(time.Millisecond)
			e.same("times", []time.Time{m.Sent, m.FirstReceived, m.Deadline}, []time.Time{ms, ms, ms.Add(30 * time.Second)})
		}},
		{name: "append/sequences increase and lead with time", whole: true, run: func(e *env) {
			var last uint64
			for i := range 50 {
				for _, d := range e.append(entry(std, "", "x"), entry(std, "", "y")) {
					if d.Sequence <= last {
						e.Fatalf("sequence %d after %d", d.Sequence, last)
					}
					if !queue.SequenceTime(d.Sequence).Equal(e.now) {
						e.Fatalf("sequence leads with %v at %v", queue.SequenceTime(d.Sequence), e.now)
					}
					last = d.Sequence
				}
				if i%3 == 0 {
					e.pass(time.Millisecond)
				}
				if i == 25 {
					e.reopen()
				}
			}
		}},
		{name: "append/several queues in one call, in order within each", run: func(e *env) {
			e.append(entry(std, "", "s1"), entry(fifo, "g", "f1"), entry(flog, "", "l1"), entry(std, "", "s2"), entry(fifo, "g", "f2"), entry(flog, "", "l2"))
			e.wantBodies("standard", bodies(e.take(std, 10)), "s1", "s2")
			e.same("fifo", bodies(e.take(fifo, 10)), []string{"f1", "f2"})
			e.same("log", peekedBodies(e.scanAll(flog, 10)), []string{"l1", "l2"})
		}},
		{name: "append/all or none when a queue is dropped", run: func(e *env) {
			e.drop(dead)
			x := entry(std, "", "a")
			x.Dedup, x.DedupWindow = "d", time.Minute
			_, err := e.store.Append(e.ctx, queue.AppendRequest{
				Now: e.now, Token: "t", TokenWindow: time.Minute,
				Entries: []queue.Entry{x, entry(flog, "", "l"), entry(dead, "", "b"), entry(std2, "", "c")},
			})
			e.wantDropped("append", err, dead)
			for _, id := range []queue.ID{std, flog, dead, std2} {
				e.same("stats", e.stats(id), queue.Stats{})
			}
			// Nothing was changed: neither the token nor the deduplication ID is taken.
			res, err := e.store.Append(e.ctx, queue.AppendRequest{Now: e.now, Token: "t", TokenWindow: time.Minute, Entries: []queue.Entry{x}})
			if err != nil || res.Repeated || res.Results[0].Duplicate {
				e.Fatalf("append after the failed one: %+v, %v", res, err)
			}
		}},
		{name: "append/a delay hides a message until it is due", run: func(e *env) {
			x := entry(std, "", "late")
			x.Delay = 10 * time.Second
			e.append(x)
			e.send(std, "", "now")
			e.wantCounts(std, 1, 1, 0)
			e.same("at first", bodies(e.take(std, 10)), []string{"now"})
			e.pass(10*time.Second - time.Millisecond)
			e.same("1ms before", bodies(e.take(std, 10)), []string{})
			e.wantCounts(std, 0, 1, 1)
			e.pass(time.Millisecond)
			e.wantCounts(std, 1, 0, 1)
			m := e.one(std)
			e.same("due", string(m.Body), "late")
			if !m.Sent.Equal(e.now.Add(-10 * time.Second)) {
				e.Fatalf("Sent is %v, want the time of the append", m.Sent)
			}
		}},
		{name: "append/a negative delay is none, a long one has no limit", run: func(e *env) {
			x, y := entry(std, "", "x"), entry(std, "", "y")
			x.Delay, y.Delay = -time.Hour, 400*24*time.Hour
			e.append(x, y)
			e.same("at once", bodies(e.take(std, 10)), []string{"x"})
			e.pass(400 * 24 * time.Hour)
			e.wantBodies("later", bodies(e.take(std, 10)), "x", "y")
		}},
		{name: "append/a delay hides a free message of a FIFO queue, not one in a group", run: func(e *env) {
			// Reading: "Delay hides the message of a standard queue, or a free one"; so it does nothing to one in a group (SQS refuses it).
			x, y := entry(fifo, "", "free"), entry(fifo, "g", "grouped")
			x.Delay, y.Delay = 10*time.Second, 10*time.Second
			e.append(x, y)
			e.wantCounts(fifo, 1, 1, 0)
			e.same("at first", bodies(e.take(fifo, 10)), []string{"grouped"})
			e.pass(10 * time.Second)
			e.same("due", bodies(e.take(fifo, 10)), []string{"free"})
		}},
		{name: "append/delayed messages come in order of their due time", run: func(e *env) {
			for _, c := range []struct {
				body  string
				delay time.Duration
			}{{"c", 3 * time.Second}, {"a", time.Second}, {"d", 3 * time.Second}, {"b", 2 * time.Second}} {
				x := entry(std, "", c.body)
				x.Delay = c.delay
				e.append(x)
			}
			e.pass(5 * time.Second)
			e.send(std, "", "e")
			e.wantBodies("order", bodies(e.take(std, 10)), "a", "b", "c", "d", "e")
		}},
		{name: "append/messages of 1 MiB", heavy: true, run: func(e *env) {
			for i := range 5 {
				x := entry(std, "", strings.Repeat(string(rune('a'+i)), 1<<20))
				x.Key = "big"
				e.append(x)
			}
			e.reopen()
			got := e.take(std, 10)
			if len(got) != 5 {
				e.Fatalf("received %d messages, want 5", len(got))
			}
			seen := map[byte]bool{}
			for _, m := range got {
				if len(m.Body) != 1<<20 || strings.Trim(string(m.Body), string(m.Body[:1])) != "" {
					e.Fatalf("a body of %d bytes came back changed", len(m.Body))
				}
				seen[m.Body[0]] = true
			}
			if len(seen) != 5 {
				e.Fatalf("%d different bodies, want 5", len(seen))
			}
			if s := e.stats(std); s.Bytes != 5<<20 {
				e.Fatalf("bytes %d, want %d", s.Bytes, 5<<20)
			}
			e.ack(got...)
			e.same("get after ack", len(e.get(std, "big")), 0)
			if s := e.stats(std); s.Bytes != 0 || s.Total() != 0 {
				e.Fatalf("stats after ack %+v", s)
			}
		}},
	}
}

func tokenRules() []rule {
	call := func(e *env, token string, entries ...queue.Entry) (queue.AppendResult, error) {
		return e.store.Append(e.ctx, queue.AppendRequest{Now: e.now, Token: token, TokenWindow: time.Minute, Entries: entries})
	}
	must := func(e *env, token string, entries ...queue.Entry) queue.AppendResult {
		e.Helper()
		res, err := call(e, token, entries...)
		if err != nil {
			e.Fatalf("append with token: %v", err)
		}
		return res
	}
	pair := func() []queue.Entry { return []queue.Entry{entry(std, "", "a"), entry(fifo, "g", "b")} }
	return []rule{
		{name: "token/a repeat appends nothing and returns the first results", run: func(e *env) {
			first := must(e, "t", pair()...)
			e.pass(time.Minute - time.Millisecond)
			// Other message IDs: a client that repeats a call has not seen the first ones.
			again := must(e, "t", pair()...)
			e.same("repeat", again, queue.AppendResult{Repeated: true, Results: first.Results})
			e.wantCounts(std, 1, 0, 0)
			e.wantCounts(fifo, 1, 0, 0)
		}},
		{name: "token/a repeat is known after reopen and after the message is gone", run: func(e *env) {
			first := must(e, "t", pair()...)
			e.ack(e.one(std))
			e.purge(fifo)
			e.reopen()
			e.pass(30 * time.Second)
			e.same("repeat", must(e, "t", pair()...), queue.AppendResult{Repeated: true, Results: first.Results})
			e.wantCounts(std, 0, 0, 0)
		}},
		{name: "token/forgotten after its window, counted from the first call", run: func(e *env) {
			first := must(e, "t", pair()...)
			e.pass(40 * time.Second)
			must(e, "t", pair()...)
			e.pass(20 * time.Second)
			// Reading: "within its window" ends at the window's length, as "less than DedupWindow ago" does; a repeat does not renew it.
			again := must(e, "t", pair()...)
			if again.Repeated || again.Results[0].Sequence == first.Results[0].Sequence {
				e.Fatalf("after the window: %+v", again)
			}
			e.wantCounts(std, 2, 0, 0)
		}},
		{name: "token/a repeat with other entries is one all the same", run: func(e *env) {
			first := must(e, "t", pair()...)
			for name, entries := range map[string][]queue.Entry{
				"other body":  {entry(std, "", "x"), entry(fifo, "g", "b")},
				"other queue": {entry(std2, "", "a"), entry(fifo, "g", "b")},
				"fewer":       pair()[:1],
				"more":        append(pair(), entry(std, "", "c")),
			} {
				e.same(name, must(e, "t", entries...), queue.AppendResult{Repeated: true, Results: first.Results})
			}
			e.wantCounts(std, 1, 0, 0)
			e.wantCounts(std2, 0, 0, 0)
		}},
		{name: "token/reused with another digest", run: func(e *env) {
			digested := func(digest string) (queue.AppendResult, error) {
				return e.store.Append(e.ctx, queue.AppendRequest{
					Now: e.now, Token: "t", TokenWindow: time.Minute, Digest: digest, Entries: pair(),
				})
			}
			first, err := digested("one")
			if err != nil {
				e.Fatalf("append with token and digest: %v", err)
			}
			for _, other := range []string{"", "two", "one ", strings.Repeat("x", 64)} {
				_, err := digested(other)
				e.wantErr("digest "+other, err, queue.ErrTokenReused)
			}
			e.wantCounts(std, 1, 0, 0)
			e.reopen()
			again, err := digested("one")
			if err != nil {
				e.Fatalf("the same token and digest, after a call that misused the token: %v", err)
			}
			e.same("repeat", again, queue.AppendResult{Repeated: true, Results: first.Results})
		}},
		{name: "token/tokens stand for themselves", run: func(e *env) {
			must(e, "t1", pair()...)
			if must(e, "t2", pair()...).Repeated || must(e, strings.Repeat("x", 256), pair()...).Repeated || must(e, "", pair()...).Repeated || must(e, "", pair()...).Repeated {
				e.Fatalf("an append with another token, or none, was taken for a repeat")
			}
			e.wantCounts(std, 5, 0, 0)
		}},
		{name: "token/duplicates are part of the repeated results", run: func(e *env) {
			x := entry(fifo, "g", "b")
			x.Dedup, x.DedupWindow = "d", time.Minute
			e.append(x)
			first := must(e, "t", entry(std, "", "a"), x)
			if first.Results[0].Duplicate || !first.Results[1].Duplicate {
				e.Fatalf("results %+v, want the second refused alone", first.Results)
			}
			e.same("repeat", must(e, "t", entry(std, "", "a"), x), queue.AppendResult{Repeated: true, Results: first.Results})
		}},
		{name: "token/forgotten by Expire only after the window", run: func(e *env) {
			must(e, "t", pair()...)
			e.pass(59 * time.Second)
			e.expire(queue.Expiry{Queue: std})
			if !must(e, "t", pair()...).Repeated {
				e.Fatalf("Expire forgot a token within its window")
			}
			e.pass(time.Second)
			e.expire(queue.Expiry{Queue: std})
			if must(e, "t", pair()...).Repeated {
				e.Fatalf("token known after its window")
			}
		}},
	}
}

func dedupRules() []rule {
	dup := func(id queue.ID, group, scope, body string) queue.Entry {
		x := entry(id, group, body)
		x.Dedup, x.DedupWindow, x.Message.DedupID = scope, 5*time.Minute, scope
		return x
	}
	return []rule{
		{name: "dedup/refused within the window with the first message's ID and sequence", whole: true, run: func(e *env) {
			for _, id := range []queue.ID{std, fifo, flog} {
				first := e.append(dup(id, "g", "d", "one"))[0]
				e.pass(5*time.Minute - time.Millisecond)
				again := e.append(dup(id, "g", "d", "two"), entry(id, "g", "other"))
				e.same("duplicate", again[0], queue.Appended{ID: first.ID, Sequence: first.Sequence, Duplicate: true})
				if again[1].Duplicate {
					e.Fatalf("a message without deduplication ID was refused")
				}
				s := e.stats(id)
				e.same("total and appended", []int64{s.Total(), s.Appended}, []int64{2, 2})
			}
		}},
		{name: "dedup/accepted at the end of the window, which a duplicate does not renew", run: func(e *env) {
			first := e.append(dup(fifo, "g", "d", "one"))[0]
			e.pass(4 * time.Minute)
			e.append(dup(fifo, "g", "d", "two"))
			e.pass(time.Minute)
			third := e.append(dup(fifo, "g", "d", "three"))[0]
			if third.Duplicate || third.Sequence == first.Sequence {
				e.Fatalf("after the window: %+v", third)
			}
			e.pass(4 * time.Minute)
			e.same("within the next window", e.append(dup(fifo, "g", "d", "four"))[0].Sequence, third.Sequence)
			e.same("messages", bodies(e.take(fifo, 10)), []string{"one", "three"})
		}},
		{name: "dedup/survives deletion and reopen", run: func(e *env) {
			first := e.append(dup(fifo, "g", "d", "one"))[0]
			e.ack(e.one(fifo))
			e.same("after ack", e.append(dup(fifo, "g", "d", "two"))[0], queue.Appended{ID: first.ID, Sequence: first.Sequence, Duplicate: true})
			e.reopen()
			e.pass(time.Minute)
			e.same("after reopen", e.append(dup(fifo, "g", "d", "two"))[0], queue.Appended{ID: first.ID, Sequence: first.Sequence, Duplicate: true})
			e.wantCounts(fifo, 0, 0, 0)
		}},
		{name: "dedup/within one call", run: func(e *env) {
			res := e.append(dup(fifo, "g", "d", "one"), dup(fifo, "g", "d", "two"), dup(std, "", "d", "three"), dup(fifo, "h", "h/d", "four"))
			e.same("second", res[1], queue.Appended{ID: res[0].ID, Sequence: res[0].Sequence, Duplicate: true})
			if res[2].Duplicate || res[3].Duplicate {
				e.Fatalf("another queue or another scope refused: %+v", res)
			}
		}},
		{name: "dedup/forgotten by purge", run: func(e *env) {
			e.append(dup(fifo, "g", "d", "one"))
			e.same("purged", e.purge(fifo), int64(1))
			if e.append(dup(fifo, "g", "d", "two"))[0].Duplicate {
				e.Fatalf("refused after purge")
			}
			e.same("messages", bodies(e.take(fifo, 10)), []string{"two"})
		}},
		{name: "dedup/forgotten by Expire only after the window", run: func(e *env) {
			e.append(dup(fifo, "g", "d", "one"))
			e.pass(4 * time.Minute)
			e.expire(queue.Expiry{Queue: fifo, Kind: queue.FIFO})
			if !e.append(dup(fifo, "g", "d", "two"))[0].Duplicate {
				e.Fatalf("Expire forgot a deduplication ID within its window")
			}
		}},
	}
}
