package app

import (
	"github.com/signalbox-mq/signalbox/rules"
)

// scheduled counts what became of times at which a rule was due, and logs what was skipped.
func (r *router) scheduled(s rules.Scheduled) {
	bus, rule := rules.SplitRuleName(s.Rule)
	r.metrics.Scheduled(bus.Name, rule, s.Fired, s.Skipped)
	if s.Skipped > 0 {
		r.log.Warn().Str("component", "schedules").Str("account", bus.Account).Str("region", bus.Region).Str("bus", bus.Name).
			Str("rule", rule).Int64("skipped", s.Skipped).Time("last", s.Due).Int64("skipped_in_all", s.Totals.Skipped).
			Msg("a rule was due while no router ran, and is not fired for that")
	}
}
