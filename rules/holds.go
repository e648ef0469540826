package rules

import (
	"encoding/json"
	"errors"

	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
)

// Holds reports whether a transfer is for a rule that is paused, so that it must not be resumed: it would deliver what the
// pause keeps back. It goes on by itself when the rule does, unless it has ended.
func (e *Engine) Holds(t *queue.Transfer) (bool, error) {
	params, ok := BackfillOf(t)
	if !ok {
		return false, nil
	}
	bus := catalog.Name{Account: t.Name.Account, Region: t.Name.Region, Name: params.Bus}
	state, err := catalog.NewTable[RuleState](e.definitions, RuleStateTable).Get(RuleName(bus, params.Rule))
	if errors.Is(err, catalog.ErrNotFound) {
		return false, nil // the rule is gone, which ends the transfer when it goes on
	}
	return err == nil && state.Value.RuleID == params.RuleID && state.Value.Paused != nil, err
}

// BackfillOf returns the parameters of a transfer that is for a rule.
func BackfillOf(t *queue.Transfer) (params Backfill, ok bool) {
	return params, t.Kind == TransferKind && json.Unmarshal(t.Params, &params) == nil
}
