package storetest

import (
	"fmt"
	"time"

	"github.com/signalbox-mq/signalbox/queue"
)

// receipt picks one that was handed out, counted back from the last.
func (r *referee) receipt(back int) (queue.Receipt, bool) {
	if len(r.receipts) == 0 {
		return queue.Receipt{}, false
	}
	return r.receipts[max(0, len(r.receipts)-1-back)], true
}

// settlement builds what an opSettle describes.
func (r *referee) settlement(o opSettle) (s queue.Settlement, ok bool) {
	s.Receipt, ok = r.receipt(o.Receipt)
	s.Action = o.Action
	switch o.Action {
	case queue.Release:
		if o.Wait > 0 {
			s.NotBefore = r.now.Add(time.Duration(o.Wait-1) * time.Second)
		}
		if o.State > 0 {
			s.State = fmt.Appendf(nil, "state %d", o.State)
		}
	case queue.Move:
		e := r.entry(o.To, false)
		s.To = &queue.Destination{Queue: e.Queue, Kind: e.Kind, Delay: e.Delay, Key: e.Key, DropSource: o.Change}
		if o.NewID {
			s.To.NewID = e.Message.ID
		} else {
			r.mixed[e.Queue] = true
		}
		if o.Change {
			s.To.Body = e.Message.Body
			s.To.Attributes = []queue.Attribute{{Name: "n", Type: "String", Value: []byte("other")}, {Name: "why", Type: "String", Value: []byte("x")}}
		}
	}
	if o.Record != nil {
		e := r.entry(*o.Record, false)
		s.Record = &e
	}
	return s, ok
}

// settle judges settlements one after the other.
func (r *referee) settle(o op) error {
	var list []queue.Settlement
	for _, x := range o.Settle {
		if s, ok := r.settlement(x); ok {
			list = append(list, s)
		}
	}
	results, err := r.store.Settle(r.ctx, r.now, list)
	if err != nil {
		return err
	}
	if len(results) != len(list) {
		return fmt.Errorf("%d settlements have %d results", len(list), len(results))
	}
	for i, s := range list {
		if err := r.settleOne(s, results[i]); err != nil {
			return fmt.Errorf("settlement %d, action %d of %+v: %w", i, s.Action, s.Receipt, err)
		}
	}
	return nil
}

func (r *referee) settleOne(s queue.Settlement, got queue.SettleResult) error {
	r.stir(s.Receipt.Queue)
	allowed := r.state.judge(r.now, s)
	for _, v := range allowed {
		if !v.matches(got.Err, got.Gone) {
			continue
		}
		if v.err != nil || v.gone {
			if got.Moved != (queue.Appended{}) || got.Record != (queue.Appended{}) {
				return fmt.Errorf("nothing was done, yet the result is %+v", got)
			}
			return nil
		}
		var bad error
		want := r.state.settle(r.now, s, r.sequenced(got.Moved.Sequence, &bad), r.sequenced(got.Record.Sequence, &bad))
		if bad != nil {
			return bad
		}
		if s.To != nil {
			r.stir(s.To.Queue)
		}
		return diff("result", got, want)
	}
	return fmt.Errorf("error %v, gone %v; allowed: %v", got.Err, got.Gone, allowed)
}

// extend judges extensions.
func (r *referee) extend(o op) error {
	var list []queue.Extension
	for _, x := range o.Extend {
		if receipt, ok := r.receipt(x.Receipt); ok {
			list = append(list, queue.Extension{Receipt: receipt, Visibility: time.Duration(x.Visibility) * time.Second, MaxTotal: time.Duration(x.MaxTotal) * time.Second})
		}
	}
	results, err := r.store.Extend(r.ctx, r.now, list)
	if err != nil {
		return err
	}
	if len(results) != len(list) {
		return fmt.Errorf("%d extensions have %d results", len(list), len(results))
	}
next:
	for i, x := range list {
		r.stir(x.Receipt.Queue)
		allowed := r.state.judgeExtension(r.now, x)
		for _, v := range allowed {
			if v.matches(results[i], false) {
				if v.err == nil {
					r.state.extend(r.now, x)
				}
				continue next
			}
		}
		return fmt.Errorf("extension %d, %+v: error %v; allowed: %v", i, x, results[i], allowed)
	}
	return nil
}
