package storetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/signalbox-mq/signalbox/queue"
)

// append judges an append: the token first, then the dropped queues, then each entry.
func (r *referee) append(o op) error {
	req := queue.AppendRequest{Now: r.now}
	if o.Token > 0 {
		req.Token, req.TokenWindow = fmt.Sprint("t", o.Token), 4*time.Second
		req.Digest = strings.Repeat("d", o.Digest)
	}
	var ids []queue.ID
	for _, x := range o.Entries {
		e := r.entry(x, o.Token > 0)
		req.Entries = append(req.Entries, e)
		ids = append(ids, e.Queue)
	}
	if o.Token == 0 {
		req.Now = r.at(o.Back, ids...)
	}
	res, err := r.store.Append(r.ctx, req)

	var dropped *queue.DroppedError
	refused := errors.As(err, &dropped) && errors.Is(err, queue.ErrDropped) && r.state.dropped[dropped.Queue] && slices.Contains(ids, dropped.Queue)
	anyDropped := false
	for _, id := range ids {
		anyDropped = anyDropped || r.state.dropped[id]
	}
	sum := req.Digest
	if rec, ok := r.state.tokens[req.Token]; ok && req.Now.UnixMilli() < rec.expires {
		switch {
		case refused:
			// Reading: the contract does not say whether a dropped queue or a known token counts first.
			return nil
		case rec.digest != sum:
			if !errors.Is(err, queue.ErrTokenReused) {
				return fmt.Errorf("token %s used with another digest: %+v, %v", req.Token, res, err)
			}
			return nil
		case err != nil:
			return fmt.Errorf("repeated token: %w", err)
		}
		return diff("result for a repeated token", res, queue.AppendResult{Repeated: true, Results: rec.results})
	}
	if anyDropped {
		if !refused {
			return fmt.Errorf("append to a dropped queue (of %v): %+v, %v", ids, res, err)
		}
		return nil
	}
	if err != nil {
		return err
	}
	if res.Repeated || len(res.Results) != len(req.Entries) {
		return fmt.Errorf("%d entries with token %q: %+v", len(req.Entries), req.Token, res)
	}
	for i, e := range req.Entries {
		r.stir(e.Queue)
		q := r.state.need(e.Queue, e.Kind)
		ms := q.clock(req.Now)
		var bad error
		want := r.state.push(e, ms, r.sequenced(res.Results[i].Sequence, &bad))
		if bad != nil {
			return bad
		}
		if err := diff(fmt.Sprintf("entry %d", i), res.Results[i], want); err != nil {
			return err
		}
		if !want.Duplicate {
			r.solid[e.Queue] = ms
		}
	}
	if req.Token != "" {
		r.state.tokens[req.Token] = tokenRecord{digest: sum, expires: req.Now.UnixMilli() + millis(req.TokenWindow), results: res.Results}
	}
	return nil
}
