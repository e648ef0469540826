package storetest

import (
	"context"
	"slices"
	"time"

	"github.com/signalbox-mq/signalbox/queue"
)

// edit runs f on the model's state between calls.
func (m *Model) edit(f func(*state)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f(m.state)
}

// bugs lists one store for each rule that a store may come to break.
func bugs() []bug {
	ctx := context.Background()
	appends := func(change func(*Model, *queue.AppendRequest)) func(*Model) queue.Store {
		return func(m *Model) queue.Store {
			return &broken{Model: m, append: func(m *Model, req queue.AppendRequest) (queue.AppendResult, error) {
				req.Entries = slices.Clone(req.Entries)
				change(m, &req)
				return m.Append(ctx, req)
			}}
		}
	}
	receives := func(change func(*Model, *queue.ReceiveRequest)) func(*Model) queue.Store {
		return func(m *Model) queue.Store {
			return &broken{Model: m, receive: func(m *Model, req queue.ReceiveRequest) (queue.ReceiveResult, error) {
				change(m, &req)
				return m.Receive(ctx, req)
			}}
		}
	}
	received := func(change func(*Model, queue.ReceiveRequest, *queue.ReceiveResult)) func(*Model) queue.Store {
		return func(m *Model) queue.Store {
			return &broken{Model: m, receive: func(m *Model, req queue.ReceiveRequest) (queue.ReceiveResult, error) {
				res, err := m.Receive(ctx, req)
				change(m, req, &res)
				return res, err
			}}
		}
	}
	settles := func(f func(*Model, time.Time, []queue.Settlement) ([]queue.SettleResult, error)) func(*Model) queue.Store {
		return func(m *Model) queue.Store { return &broken{Model: m, settle: f} }
	}
	eachMessage := func(s *state, f func(*queueState, *message)) {
		for _, q := range s.queues {
			for _, m := range q.messages {
				f(q, m)
			}
		}
	}
	return []bug{
		{name: "resurrects an acknowledged message", wrap: settles(func(m *Model, now time.Time, list []queue.Settlement) ([]queue.SettleResult, error) {
			var kept []*message
			m.edit(func(s *state) {
				for _, x := range list {
					if q := s.get(x.Receipt.Queue); q != nil && x.Action == queue.Ack && q.find(x.Receipt.Sequence) != nil && len(q.messages) > 2 {
						o := *q.find(x.Receipt.Sequence)
						kept = append(kept, &o)
					}
				}
			})
			res, err := m.Settle(ctx, now, list)
			m.edit(func(s *state) {
				for _, o := range kept {
					for _, x := range list {
						if q := s.get(x.Receipt.Queue); x.Receipt.Sequence == o.stored.Sequence && q != nil && q.find(o.stored.Sequence) == nil {
							q.messages = append([]*message{o}, q.messages...)
						}
					}
				}
			})
			return res, err
		})},
		{name: "acknowledges with an expired receipt on FIFO", wrap: settles(func(m *Model, now time.Time, list []queue.Settlement) ([]queue.SettleResult, error) {
			m.edit(func(s *state) {
				for _, x := range list {
					if q := s.get(x.Receipt.Queue); q != nil {
						if o := q.find(x.Receipt.Sequence); o != nil && o.held && x.Action == queue.Ack {
							o.nonce, o.deadline = x.Receipt.Nonce, max(o.deadline, q.clock(now)+1)
						}
					}
				}
			})
			return m.Settle(ctx, now, list)
		})},
		{name: "refuses an old receipt on standard", wrap: settles(func(m *Model, now time.Time, list []queue.Settlement) ([]queue.SettleResult, error) {
			res, err := m.Settle(ctx, now, nil)
			for _, x := range list {
				old := false
				m.edit(func(s *state) {
					if q := s.get(x.Receipt.Queue); q != nil {
						o := q.find(x.Receipt.Sequence)
						old = o != nil && o.nonce != x.Receipt.Nonce
					}
				})
				if old {
					res = append(res, queue.SettleResult{Err: queue.ErrReceiptExpired})
					continue
				}
				one, _ := m.Settle(ctx, now, []queue.Settlement{x})
				res = append(res, one...)
			}
			return res, err
		})},
		{name: "forgets the receive count", wrap: received(func(m *Model, _ queue.ReceiveRequest, res *queue.ReceiveResult) {
			for i := range res.Messages {
				if res.Messages[i].Receives == 3 {
					res.Messages[i].Receives = 1
				}
			}
		})},
		{name: "forgets what a message has behind it", wrap: appends(func(_ *Model, req *queue.AppendRequest) {
			for i := range req.Entries {
				req.Entries[i].Prior = nil
			}
		})},
		{name: "gives entries of a log new sequences", wrap: appends(func(_ *Model, req *queue.AppendRequest) {
			for i := range req.Entries {
				if p := req.Entries[i].Prior; p != nil {
					next := *p
					next.Sequence = 0
					req.Entries[i].Prior = &next
				}
			}
		})},
		{name: "does not let a group wait for a message that is due later", wrap: appends(func(_ *Model, req *queue.AppendRequest) {
			for i := range req.Entries {
				if e := &req.Entries[i]; e.Prior != nil && e.Kind == queue.FIFO && e.Message.Group != "" {
					next := *e.Prior
					next.Due = time.Time{}
					e.Prior = &next
				}
			}
		})},
		{name: "counts twice", wrap: received(func(m *Model, req queue.ReceiveRequest, _ *queue.ReceiveResult) {
			m.edit(func(s *state) {
				if q := s.get(req.Queue); q != nil && len(q.messages) > 0 && q.messages[0].stored.Receives == 2 {
					q.messages[0].stored.Receives++
				}
			})
		})},
		{name: "counts Exceeded", wrap: received(func(m *Model, req queue.ReceiveRequest, res *queue.ReceiveResult) {
			for _, x := range res.Exceeded {
				m.edit(func(s *state) { s.get(req.Queue).find(x.Sequence).stored.Receives++ })
			}
		})},
		{name: "hands out a message in flight", wrap: receives(func(m *Model, req *queue.ReceiveRequest) {
			m.edit(func(s *state) {
				if q := s.get(req.Queue); q != nil && len(q.messages) > 1 && q.messages[1].deadline != 0 {
					q.messages[1].deadline = 1
				}
			})
		})},
		{name: "lease one millisecond too long", wrap: receives(func(_ *Model, req *queue.ReceiveRequest) {
			if req.Visibility > 0 {
				req.Visibility += time.Millisecond
			}
		})},
		{name: "zero visibility hides", wrap: receives(func(_ *Model, req *queue.ReceiveRequest) {
			req.Visibility = max(req.Visibility, time.Millisecond)
		})},
		{name: "breaks group order", wrap: received(func(_ *Model, _ queue.ReceiveRequest, res *queue.ReceiveResult) {
			if n := len(res.Messages); n > 1 && res.Messages[n-1].Group != "" && res.Messages[n-1].Group == res.Messages[n-2].Group {
				res.Messages[n-1], res.Messages[n-2] = res.Messages[n-2], res.Messages[n-1]
			}
		})},
		{name: "ignores a group's lock", wrap: receives(func(m *Model, req *queue.ReceiveRequest) {
			m.edit(func(s *state) {
				if q := s.get(req.Queue); q != nil && q.kind == queue.FIFO {
					for i, o := range q.messages {
						if o.deadline > req.Now.UnixMilli() {
							q.messages = append(slices.Delete(slices.Clone(q.messages), i, i+1), o)
							return
						}
					}
				}
			})
		})},
		{name: "serves one group for ever", wrap: receives(func(m *Model, req *queue.ReceiveRequest) {
			m.edit(func(s *state) {
				if q := s.get(req.Queue); q != nil {
					slices.Sort(q.turns)
				}
			})
		})},
		{name: "mixes groups", wrap: received(func(_ *Model, _ queue.ReceiveRequest, res *queue.ReceiveResult) {
			if n := len(res.Messages); n > 2 && res.Messages[0].Group == res.Messages[1].Group && res.Messages[n-1].Group != res.Messages[0].Group && res.Messages[0].Receipt.Queue == 3 {
				res.Messages[1], res.Messages[n-1] = res.Messages[n-1], res.Messages[1]
			}
		})},
		{name: "standard order by sequence alone", wrap: receives(func(m *Model, req *queue.ReceiveRequest) {
			m.edit(func(s *state) {
				if q := s.get(req.Queue); q != nil && q.kind == queue.Standard {
					for _, o := range q.messages {
						if st, _ := o.status(q.clock(req.Now)); st == queue.Ready {
							o.released, o.notBefore = true, 0
						}
					}
				}
			})
		})},
		{name: "ignores attempts", wrap: receives(func(_ *Model, req *queue.ReceiveRequest) { req.Attempt = "" })},
		{name: "counts a repeated attempt as a receive", wrap: func(m *Model) queue.Store {
			given := map[queue.Receipt]bool{}
			return &broken{Model: m, receive: func(m *Model, req queue.ReceiveRequest) (queue.ReceiveResult, error) {
				res, err := m.Receive(ctx, req)
				for i := range res.Messages {
					if o := &res.Messages[i]; given[o.Receipt] {
						o.Receives++
					} else {
						given[o.Receipt] = true
					}
				}
				return res, err
			}}
		}},
		{name: "repeats an attempt whose leases were extended", wrap: receives(func(m *Model, req *queue.ReceiveRequest) {
			m.edit(func(s *state) {
				if q := s.get(req.Queue); q != nil {
					for _, a := range q.attempts {
						for i, given := range a.leases {
							if o := q.find(given.sequence); o != nil && o.nonce == given.nonce {
								a.leases[i].deadline = o.deadline
							}
						}
					}
				}
			})
		})},
		{name: "loses attempts on reopen", reopen: func(s *state) {
			for _, q := range s.queues {
				clear(q.attempts)
			}
		}},
		{name: "serves the tenant that has waited longest for its message", wrap: receives(func(m *Model, req *queue.ReceiveRequest) {
			m.edit(func(s *state) {
				if q := s.get(req.Queue); q != nil {
					clear(q.served)
				}
			})
		})},
		{name: "a tenant's returned messages come before other tenants", wrap: receives(func(m *Model, req *queue.ReceiveRequest) {
			m.edit(func(s *state) {
				q := s.get(req.Queue)
				if q == nil || q.kind != queue.Standard {
					return
				}
				for _, o := range q.messages {
					if o.held && o.deadline > 0 && o.deadline <= q.clock(req.Now) {
						o.deadline = 1
						delete(q.served, o.stored.Group)
					}
				}
			})
		})},
		{name: "never passes over a noisy tenant", wrap: receives(func(m *Model, req *queue.ReceiveRequest) {
			m.edit(func(s *state) { s.need(req.Queue, req.Kind).noisyFrom = 1 << 30 })
		})},
		{name: "takes a tenant for noisy too early", wrap: receives(func(m *Model, req *queue.ReceiveRequest) {
			m.edit(func(s *state) { s.need(req.Queue, req.Kind).noisyFrom = 2 })
		})},
		{name: "hands out nothing when all are noisy", wrap: func(m *Model) queue.Store {
			return &broken{Model: m, receive: func(m *Model, req queue.ReceiveRequest) (queue.ReceiveResult, error) {
				noisy := false
				m.edit(func(s *state) {
					if q := s.get(req.Queue); q != nil && q.kind == queue.Standard {
						ms := q.clock(req.Now)
						free, _ := q.receivable(ms, 0)
						if next := newLine(q, free, ms).order(1); len(next) > 0 {
							noisy = newLine(q, free, ms).noisy[next[0].stored.Group]
						}
					}
				})
				if noisy {
					return queue.ReceiveResult{}, nil
				}
				return m.Receive(ctx, req)
			}}
		}},
		{name: "orders within a tenant by sequence alone", wrap: received(func(m *Model, req queue.ReceiveRequest, res *queue.ReceiveResult) {
			if n := len(res.Messages); n > 1 && req.Kind == queue.Standard && res.Messages[0].Group != "" && res.Messages[0].Group == res.Messages[n-1].Group &&
				res.Messages[0].Sequence > res.Messages[n-1].Sequence {
				res.Messages[0], res.Messages[n-1] = res.Messages[n-1], res.Messages[0]
			}
		})},
		{name: "ignores a delay", wrap: appends(func(_ *Model, req *queue.AppendRequest) {
			for i := range req.Entries {
				req.Entries[i].Delay = 0
			}
		})},
		{name: "delays a grouped message", wrap: func(m *Model) queue.Store {
			return &broken{Model: m, append: func(m *Model, req queue.AppendRequest) (queue.AppendResult, error) {
				res, err := m.Append(ctx, req)
				m.edit(func(s *state) {
					for i := range res.Results {
						if q := s.get(req.Entries[i].Queue); q != nil && q.kind == queue.FIFO && !res.Repeated {
							if o := q.find(res.Results[i].Sequence); o != nil {
								o.due = q.latest + millis(req.Entries[i].Delay)
							}
						}
					}
				})
				return res, err
			}}
		}},
		{name: "ignores the delay at receive", wrap: receives(func(_ *Model, req *queue.ReceiveRequest) { req.Delay = 0 })},
		{name: "off by one in-flight limit", wrap: receives(func(_ *Model, req *queue.ReceiveRequest) {
			if req.MaxInFlight > 0 {
				req.MaxInFlight++
			}
		})},
		{name: "never says OverLimit", wrap: received(func(_ *Model, _ queue.ReceiveRequest, res *queue.ReceiveResult) { res.OverLimit = false })},
		{name: "off by one MaxReceives", wrap: receives(func(_ *Model, req *queue.ReceiveRequest) {
			if req.MaxReceives > 0 {
				req.MaxReceives++
			}
		})},
		{name: "ignores MaxBytes", wrap: receives(func(_ *Model, req *queue.ReceiveRequest) { req.MaxBytes = 0 })},
		{name: "ignores retention at receive", wrap: receives(func(_ *Model, req *queue.ReceiveRequest) { req.Retention = 0 })},
		{name: "does not count expired at receive", wrap: received(func(_ *Model, _ queue.ReceiveRequest, res *queue.ReceiveResult) { res.Expired = 0 })},
		{name: "loses a message on reopen", reopen: func(s *state) {
			for _, q := range s.queues {
				if n := len(q.messages); n > 0 {
					q.messages = q.messages[:n-1]
				}
			}
		}},
		{name: "loses leases on reopen", reopen: func(s *state) { eachMessage(s, func(_ *queueState, m *message) { m.deadline = 0 }) }},
		{name: "loses counts on reopen", reopen: func(s *state) { eachMessage(s, func(_ *queueState, m *message) { m.stored.Receives = 0 }) }},
		{name: "loses states on reopen", reopen: func(s *state) { eachMessage(s, func(_ *queueState, m *message) { m.stored.State = nil }) }},
		{name: "loses release times on reopen", reopen: func(s *state) { eachMessage(s, func(_ *queueState, m *message) { m.notBefore = 0 }) }},
		{name: "loses tokens on reopen", reopen: func(s *state) { clear(s.tokens) }},
		{name: "loses deduplication on reopen", reopen: func(s *state) {
			for _, q := range s.queues {
				clear(q.dedup)
			}
		}},
		{name: "loses drops on reopen", reopen: func(s *state) { clear(s.dropped) }},
		{name: "loses keys on reopen", reopen: func(s *state) { eachMessage(s, func(_ *queueState, m *message) { m.key = queue.KeyHash{} }) }},
		{name: "loses totals on reopen", reopen: func(s *state) {
			for _, q := range s.queues {
				q.acked = 0
			}
		}},
		{name: "gives nonces again after reopen", reopen: func(s *state) { s.nonce = 0 }},
		{name: "accepts duplicates", wrap: appends(func(_ *Model, req *queue.AppendRequest) {
			for i := range req.Entries {
				req.Entries[i].Dedup = ""
			}
		})},
		{name: "renews the deduplication window", wrap: func(m *Model) queue.Store {
			return &broken{Model: m, append: func(m *Model, req queue.AppendRequest) (queue.AppendResult, error) {
				res, err := m.Append(ctx, req)
				m.edit(func(s *state) {
					for i, x := range res.Results {
						if e := req.Entries[i]; x.Duplicate && !res.Repeated {
							if q := s.get(e.Queue); q != nil {
								d := q.dedup[e.Dedup]
								d.expires = q.latest + millis(e.DedupWindow)
								q.dedup[e.Dedup] = d
							}
						}
					}
				})
				return res, err
			}}
		}},
		{name: "forgets a deduplication ID with its message", wrap: settles(func(m *Model, now time.Time, list []queue.Settlement) ([]queue.SettleResult, error) {
			m.edit(func(s *state) {
				for _, x := range list {
					if q := s.get(x.Receipt.Queue); q != nil {
						if o := q.find(x.Receipt.Sequence); o != nil {
							delete(q.dedup, o.stored.DedupID)
						}
					}
				}
			})
			return m.Settle(ctx, now, list)
		})},
		{name: "ignores tokens", wrap: appends(func(_ *Model, req *queue.AppendRequest) { req.Token = "" })},
		{name: "takes any call with a token for a repeat", wrap: appends(func(m *Model, req *queue.AppendRequest) {
			m.edit(func(s *state) {
				if rec, ok := s.tokens[req.Token]; ok {
					rec.digest = req.Digest
					s.tokens[req.Token] = rec
				}
			})
		})},
		{name: "appends some entries before a dropped one", wrap: func(m *Model) queue.Store {
			return &broken{Model: m, append: func(m *Model, req queue.AppendRequest) (queue.AppendResult, error) {
				res, err := m.Append(ctx, req)
				if err != nil && len(req.Entries) > 1 {
					_, _ = m.Append(ctx, queue.AppendRequest{Now: req.Now, Entries: req.Entries[:1]})
				}
				return res, err
			}}
		}},
		{name: "a move loses the receive count", wrap: settles(func(m *Model, now time.Time, list []queue.Settlement) ([]queue.SettleResult, error) {
			m.edit(func(s *state) {
				for _, x := range list {
					if q := s.get(x.Receipt.Queue); q != nil && x.Action == queue.Move {
						if o := q.find(x.Receipt.Sequence); o != nil && o.nonce == x.Receipt.Nonce {
							o.stored.Receives = 1
						}
					}
				}
			})
			return m.Settle(ctx, now, list)
		})},
		{name: "no record", wrap: settles(func(m *Model, now time.Time, list []queue.Settlement) ([]queue.SettleResult, error) {
			list = slices.Clone(list)
			for i := range list {
				list[i].Record = nil
			}
			return m.Settle(ctx, now, list)
		})},
		{name: "release ignores its time", wrap: settles(func(m *Model, now time.Time, list []queue.Settlement) ([]queue.SettleResult, error) {
			list = slices.Clone(list)
			for i := range list {
				list[i].NotBefore = time.Time{}
			}
			return m.Settle(ctx, now, list)
		})},
		{name: "release loses the state", wrap: settles(func(m *Model, now time.Time, list []queue.Settlement) ([]queue.SettleResult, error) {
			list = slices.Clone(list)
			for i := range list {
				if list[i].State == nil {
					list[i].State = []byte{}
				}
			}
			return m.Settle(ctx, now, list)
		})},
		{name: "extends without limit", wrap: func(m *Model) queue.Store {
			return &broken{Model: m, extend: func(m *Model, now time.Time, list []queue.Extension) ([]error, error) {
				list = slices.Clone(list)
				for i := range list {
					list[i].MaxTotal = 0
				}
				return m.Extend(ctx, now, list)
			}}
		}},
		{name: "extends nothing", wrap: func(m *Model) queue.Store {
			return &broken{Model: m, extend: func(_ *Model, _ time.Time, list []queue.Extension) ([]error, error) {
				return make([]error, len(list)), nil
			}}
		}},
		{name: "a scan repeats the last message", wrap: func(m *Model) queue.Store {
			return &broken{Model: m, scan: func(m *Model, req queue.ScanRequest) (queue.ScanResult, error) {
				res, err := m.Scan(ctx, req)
				if n := len(res.Messages); n > 1 && res.More {
					res.Next = res.Messages[n-1].Position
				}
				return res, err
			}}
		}},
		{name: "a scan skips what comes later", wrap: func(m *Model) queue.Store {
			return &broken{Model: m, scan: func(m *Model, req queue.ScanRequest) (queue.ScanResult, error) {
				res, err := m.Scan(ctx, req)
				if !res.More {
					res.Next.Sequence++
				}
				return res, err
			}}
		}},
		{name: "a scan says More at the end", wrap: func(m *Model) queue.Store {
			return &broken{Model: m, scan: func(m *Model, req queue.ScanRequest) (queue.ScanResult, error) {
				res, err := m.Scan(ctx, req)
				res.More = len(res.Messages) == req.Limit
				return res, err
			}}
		}},
		{name: "get finds the newest alone", wrap: func(m *Model) queue.Store {
			return &broken{Model: m, get: func(m *Model, now time.Time, id queue.ID, key string) ([]queue.Peeked, error) {
				got, err := m.Get(ctx, now, id, key)
				return got[max(0, len(got)-1):], err
			}}
		}},
		{name: "purge keeps what is in flight", wrap: func(m *Model) queue.Store {
			return &broken{Model: m, purge: func(m *Model, now time.Time, id queue.ID) (int64, error) {
				var kept []*message
				m.edit(func(s *state) {
					if q := s.get(id); q != nil {
						for _, o := range q.messages {
							if o.deadline > now.UnixMilli() {
								kept = append(kept, o)
							}
						}
					}
				})
				n, err := m.Purge(ctx, now, id)
				m.edit(func(s *state) {
					if q := s.get(id); q != nil {
						q.messages = kept
					}
				})
				return n, err
			}}
		}},
		{name: "purge keeps deduplication", wrap: func(m *Model) queue.Store {
			return &broken{Model: m, purge: func(m *Model, now time.Time, id queue.ID) (int64, error) {
				var kept map[string]dedupRecord
				m.edit(func(s *state) {
					if q := s.get(id); q != nil {
						kept = q.dedup
					}
				})
				n, err := m.Purge(ctx, now, id)
				m.edit(func(s *state) {
					if q := s.get(id); q != nil {
						q.dedup = kept
					}
				})
				return n, err
			}}
		}},
		{name: "drop is a purge", wrap: func(m *Model) queue.Store {
			return &broken{Model: m, drop: func(m *Model, now time.Time, ids []queue.ID) error {
				for _, id := range ids {
					if _, err := m.Purge(ctx, now, id); err != nil {
						return err
					}
				}
				return nil
			}}
		}},
		{name: "stats count delayed as ready", wrap: func(m *Model) queue.Store {
			return &broken{Model: m, stats: func(m *Model, now time.Time, ids []queue.ID) ([]queue.Stats, error) {
				res, err := m.Stats(ctx, now, ids)
				for i := range res {
					res[i].Ready, res[i].Delayed = res[i].Ready+res[i].Delayed, 0
				}
				return res, err
			}}
		}},
		{name: "a log keeps one byte too many", wrap: func(m *Model) queue.Store {
			return &broken{Model: m, expire: func(m *Model, now time.Time, list []queue.Expiry) ([]queue.Expired, error) {
				list = slices.Clone(list)
				for i := range list {
					if list[i].MaxBytes > 0 {
						list[i].MaxBytes++
					}
				}
				return m.Expire(ctx, now, list)
			}}
		}},
		{name: "expires one millisecond late", wrap: func(m *Model) queue.Store {
			return &broken{Model: m, expire: func(m *Model, now time.Time, list []queue.Expiry) ([]queue.Expired, error) {
				return m.Expire(ctx, now.Add(-time.Millisecond), list)
			}}
		}},
		{name: "follows a clock that goes back", wrap: func(m *Model) queue.Store {
			return &broken{Model: m, append: func(m *Model, req queue.AppendRequest) (queue.AppendResult, error) {
				m.edit(func(s *state) {
					for _, e := range req.Entries {
						if q := s.get(e.Queue); q != nil && q.latest > req.Now.UnixMilli() {
							q.latest = 0
						}
					}
				})
				return m.Append(ctx, req)
			}}
		}},
		{name: "sequences start anew after a purge", wrap: func(m *Model) queue.Store {
			return &broken{Model: m, purge: func(m *Model, now time.Time, id queue.ID) (int64, error) {
				m.edit(func(s *state) {
					if q := s.get(id); q != nil {
						q.lastSeq = 0
					}
				})
				return m.Purge(ctx, now, id)
			}}
		}},
		{name: "a watcher silent about the second queue", wrap: func(m *Model) queue.Store {
			return &broken{Model: m, watch: func(m *Model) queue.Watcher { return silentWatcher{m.Watch().(*modelWatcher)} }}
		}},
		{name: "a watcher that forgets what comes due", wrap: func(m *Model) queue.Store {
			return &broken{Model: m, watch: func(m *Model) queue.Watcher { return forgetfulWatcher{m.Watch().(*modelWatcher)} }}
		}},
		{name: "keeps the caller's slices", rulesOnly: true, wrap: func(m *Model) queue.Store {
			return &broken{Model: m, append: func(m *Model, req queue.AppendRequest) (queue.AppendResult, error) {
				res, err := m.Append(ctx, req)
				m.edit(func(s *state) {
					for i, x := range res.Results {
						if o := s.get(req.Entries[i].Queue).find(x.Sequence); o != nil && !x.Duplicate {
							o.stored.Body = req.Entries[i].Message.Body
						}
					}
				})
				return res, err
			}}
		}},
		{name: "two receives at once share a message", rulesOnly: true, wrap: func(m *Model) queue.Store {
			var last queue.ReceiveResult
			calls := 0
			return &broken{Model: m, receive: func(m *Model, req queue.ReceiveRequest) (queue.ReceiveResult, error) {
				calls++
				if calls%50 == 0 && len(last.Messages) > 0 {
					return last, nil
				}
				res, err := m.Receive(ctx, req)
				last = res
				return res, err
			}}
		}},
	}
}

// silentWatcher never reports one queue if another is ready.
type silentWatcher struct{ *modelWatcher }

func (w silentWatcher) Ready(ctx context.Context, now time.Time) ([]queue.ID, time.Time, error) {
	ready, next, err := w.modelWatcher.Ready(ctx, now)
	return ready[:min(1, len(ready))], next, err
}

// forgetfulWatcher gives no next time.
type forgetfulWatcher struct{ *modelWatcher }

func (w forgetfulWatcher) Ready(ctx context.Context, now time.Time) ([]queue.ID, time.Time, error) {
	ready, _, err := w.modelWatcher.Ready(ctx, now)
	return ready, time.Time{}, err
}
