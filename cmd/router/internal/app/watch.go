package app

import (
	"context"
	"time"

	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/rules"
)

// spaceEvery is how often it is looked whether the store is full.
const spaceEvery = 5 * time.Second

// watchSpace logs when the store becomes full and when it has space again, until ctx ends.
func (r *router) watchSpace(ctx context.Context) error {
	tick := time.NewTicker(spaceEvery)
	defer tick.Stop()
	for was := false; ; {
		now := r.store.Space()
		switch {
		case now.Full && !was:
			r.log.Error().Str("component", "store").Uint64("free_bytes", now.Free).Uint64("min_free_bytes", now.Least).
				Msg("the store is full: nothing new is taken until there is space")
		case was && !now.Full:
			r.log.Info().Str("component", "store").Uint64("free_bytes", now.Free).Msg("the store has space again")
		}
		was = now.Full
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// space is what metrics tell of the store.
func (r *router) space() (full bool, free uint64, known bool) {
	s := r.store.Space()
	return s.Full, s.Free, s.Known
}

// transferred counts a transfer that has ended, and logs one that did not bring all it was to bring.
func (r *router) transferred(t queue.Transfer) {
	r.metrics.Transfer(t.Kind, string(t.State), t.Missed)
	e := r.log.Debug()
	switch {
	case t.State == queue.TransferFailed:
		e = r.log.Error()
	case t.Missed > 0:
		e = r.log.Warn()
	}
	if params, ok := rules.BackfillOf(&t); ok {
		e = e.Str("bus", params.Bus).Str("rule", params.Rule)
	}
	if redrive, ok := queue.RedriveOf(&t); ok {
		e = e.Str("queue", redrive.Source.Name)
	}
	e.Str("component", "transfers").Str("transfer", t.Name.Name).Str("kind", t.Kind).Str("state", string(t.State)).
		Int64("read", t.Read).Int64("copied", t.Copied).Int64("missed", t.Missed).Str("reason", t.Error).Msg("transfer ended")
}
