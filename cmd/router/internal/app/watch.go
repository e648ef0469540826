package app

import (
	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/rules"
)

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
	if replay, ok := rules.ReplayOf(&t); ok {
		e = e.Str("replay", replay)
	}
	if redrive, ok := queue.RedriveOf(&t); ok {
		e = e.Str("queue", redrive.Source.Name)
	}
	e.Str("component", "transfers").Str("transfer", t.Name.Name).Str("kind", t.Kind).Str("state", string(t.State)).
		Int64("read", t.Read).Int64("copied", t.Copied).Int64("missed", t.Missed).Str("reason", t.Error).Msg("transfer ended")
}
