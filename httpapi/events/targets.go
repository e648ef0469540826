package events

import (
	"context"
	"errors"
	"slices"

	"github.com/signalbox-mq/signalbox/httpapi/awsapi"
	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/rules"
)

// maxTargets is how many targets a rule has at most, and a request. AWS's quota is 5 for a rule.
const maxTargets = 100

func (a *API) putTargets(ctx context.Context, r *awsapi.Request, in *putTargetsInput) (*targetsOutput, error) {
	of := busName(r, in.BusName)
	made, err := makeTargets(of, in.Targets)
	if err != nil {
		return nil, err
	}
	_, err = a.rules.UpdateRule(ctx, of, in.Rule, func(def *rules.Rule) error {
		for i := range made {
			if at := targetAt(def, made[i].ID); at >= 0 {
				def.Targets[at] = made[i]
			} else {
				def.Targets = append(def.Targets, made[i])
			}
		}
		if len(def.Targets) > maxTargets {
			return limitExceeded()
		}
		return nil
	})
	if err != nil {
		return nil, aboutRule(err, of, in.Rule)
	}
	return &targetsOutput{FailedCount: awsapi.IntOf(0)}, nil
}

// makeTargets makes targets of what is given.
func makeTargets(of catalog.Name, given []target) ([]rules.Target, error) {
	made := make([]rules.Target, len(given))
	for i := range given {
		if slices.ContainsFunc(made[:i], func(t rules.Target) bool { return t.ID == given[i].ID }) {
			return nil, validation("Target Id %s is in the request more than once.", given[i].ID)
		}
		var err error
		if made[i], err = makeTarget(of, &given[i]); err != nil {
			return nil, err
		}
	}
	return made, nil
}

// targetAt is where a rule has a target, -1 for nowhere.
func targetAt(def *rules.Rule, id string) int {
	return slices.IndexFunc(def.Targets, func(t rules.Target) bool { return t.TargetID() == id })
}

func (a *API) removeTargets(ctx context.Context, r *awsapi.Request, in *removeTargetsInput) (*targetsOutput, error) {
	of := busName(r, in.BusName)
	var failed []failedTarget
	_, err := a.rules.UpdateRule(ctx, of, in.Rule, func(def *rules.Rule) error {
		failed = nil
		for _, id := range in.IDs {
			at := targetAt(def, id)
			if at < 0 {
				failed = append(failed, failedTarget{id, "ResourceNotFoundException", "Rule '" + in.Rule + "' does not have a target with the Id '" + id + "'."})
				continue
			}
			def.Targets = slices.Delete(def.Targets, at, at+1)
		}
		return nil
	})
	if err != nil {
		return nil, aboutRule(err, of, in.Rule)
	}
	return &targetsOutput{awsapi.IntOf(int64(len(failed))), failed}, nil
}

func (a *API) listTargets(ctx context.Context, r *awsapi.Request, in *listTargetsInput) (*listTargetsOutput, error) {
	of := busName(r, in.BusName)
	e, err := a.rules.Rule(ctx, of, in.Rule)
	if err != nil {
		return nil, aboutRule(err, of, in.Rule)
	}
	list := func(after string, limit int) ([]rules.Target, bool, error) {
		rest := e.Rule.Targets
		if after != "" {
			at := targetAt(&e.Rule, after)
			if at < 0 {
				return nil, false, errTargetGone
			}
			rest = rest[at+1:]
		}
		return rest[:min(limit, len(rest))], len(rest) > limit, nil
	}
	targets, token, err := collect(&in.paged, list, (*rules.Target).TargetID, nil)
	if errors.Is(err, errTargetGone) {
		return nil, pages.Invalid()
	}
	if err != nil {
		return nil, err
	}
	out := &listTargetsOutput{NextToken: token}
	for i := range targets {
		out.Targets = append(out.Targets, targetOf(of, &targets[i]))
	}
	return out, nil
}

// errTargetGone says that a page can not go on where the one before ended.
var errTargetGone = errors.New("the target is gone")
