package events

import (
	"context"
	"encoding/json"

	"github.com/signalbox-mq/signalbox/httpapi/awsapi"
	"github.com/signalbox-mq/signalbox/rules"
	"github.com/signalbox-mq/signalbox/rules/pattern"
)

// maxPattern is the longest event pattern, in characters: what the model allows, not AWS's quota.
const maxPattern = 4096

// States of a rule.
const (
	stateEnabled        = "ENABLED"
	stateDisabled       = "DISABLED"
	stateEnabledWithAll = "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"
)

// What is kept with a rule.
const (
	keptPattern = "EventPattern"
	keptRole    = "RoleArn"
	keptState   = "State"
)

// managedBy is who manages the rules of the file.
const managedBy = "router"

func (a *API) putRule(ctx context.Context, r *awsapi.Request, in *putRuleInput) (*ruleARNOutput, error) {
	of := busName(r, in.BusName)
	switch {
	case in.EventPattern == "" && in.Schedule == "":
		return nil, validation("Parameter(s) EventPattern or ScheduleExpression must be specified.")
	case in.Schedule != "" && of.Name != rules.DefaultBus:
		return nil, validation("ScheduleExpression is supported only on the default event bus.")
	}
	if err := checkPattern(in.EventPattern); err != nil {
		return nil, err
	}
	tags, err := tagRules.Read(in.Tags)
	if err != nil {
		return nil, err
	}
	_, err = a.rules.PutRule(ctx, of, in.Name, func(def *rules.Rule, created bool) error {
		setRule(def, &in.ruleSettings)
		if created && len(tags) > 0 {
			def.Tags = tags
		}
		return nil
	})
	if err != nil {
		return nil, aboutRule(err, of, in.Name)
	}
	return &ruleARNOutput{ruleARN(of, in.Name)}, nil
}

// setRule makes a rule what is given: what is not given is gone, but for its targets and tags.
func setRule(def *rules.Rule, given *ruleSettings) {
	def.Kept = nil
	def.Description, def.Schedule = given.Description, given.Schedule
	def.When = keepJSON(&def.Kept, keptPattern, given.EventPattern)
	keep(&def.Kept, keptRole, given.RoleARN)
	setState(def, given.State)
}

func setState(def *rules.Rule, state string) {
	def.Disabled = state == stateDisabled
	if state != stateEnabledWithAll {
		state = ""
	}
	keep(&def.Kept, keptState, state)
}

func stateOf(def *rules.Rule) string {
	switch {
	case def.Disabled:
		return stateDisabled
	case def.Kept[keptState] != "":
		return def.Kept[keptState]
	}
	return stateEnabled
}

// checkPattern checks an event pattern; an empty one is none.
func checkPattern(text string) error {
	if text == "" {
		return nil
	}
	if _, err := pattern.Compile([]byte(text)); err != nil {
		return invalidPattern(err)
	}
	if !json.Valid([]byte(text)) {
		return modelled("InvalidEventPatternException", "Event pattern is not valid. Reason: it is not JSON")
	}
	return nil
}

func (a *API) describeRule(ctx context.Context, r *awsapi.Request, in *onRule) (*describeRuleOutput, error) {
	of := busName(r, in.BusName)
	e, err := a.rules.Rule(ctx, of, in.Name)
	if err != nil {
		return nil, aboutRule(err, of, in.Name)
	}
	return &describeRuleOutput{listed(&e), of.Account}, nil
}

func listed(e *rules.RuleEntry) listedRule {
	def := &e.Rule
	out := listedRule{
		Name: e.Name, ARN: ruleARN(e.Bus, e.Name), BusName: e.Bus.Name,
		ruleSettings: ruleSettings{
			Schedule: def.Schedule, EventPattern: keptJSON(def.Kept, keptPattern, def.When), State: stateOf(def),
			Description: def.Description, RoleARN: def.Kept[keptRole],
		},
	}
	if e.Managed {
		out.ManagedBy = managedBy
	}
	return out
}

func (a *API) listRules(ctx context.Context, r *awsapi.Request, in *listRulesInput) (*listRulesOutput, error) {
	of := busName(r, in.BusName)
	list := func(after string, limit int) ([]rules.RuleEntry, bool, error) {
		return a.rules.ListRules(ctx, of, in.Prefix, after, limit)
	}
	entries, token, err := collect(&in.paged, list, ruleNameOf, nil)
	if err != nil {
		return nil, aboutBus(err, of)
	}
	out := &listRulesOutput{NextToken: token}
	for i := range entries {
		out.Rules = append(out.Rules, listed(&entries[i]))
	}
	return out, nil
}

func ruleNameOf(e *rules.RuleEntry) string { return e.Name }

func (a *API) listRulesByTarget(ctx context.Context, r *awsapi.Request, in *rulesByTargetInput) (*ruleNamesOutput, error) {
	of := busName(r, in.BusName)
	list := func(after string, limit int) ([]rules.RuleEntry, bool, error) {
		return a.rules.ListRules(ctx, of, "", after, limit)
	}
	entries, token, err := collect(&in.paged, list, ruleNameOf, func(e *rules.RuleEntry) bool {
		for i := range e.Rule.Targets {
			if targetARN(of, &e.Rule.Targets[i]) == in.TargetARN {
				return true
			}
		}
		return false
	})
	if err != nil {
		return nil, aboutBus(err, of)
	}
	out := &ruleNamesOutput{NextToken: token}
	for i := range entries {
		out.Names = append(out.Names, entries[i].Name)
	}
	return out, nil
}

func (a *API) enableRule(ctx context.Context, r *awsapi.Request, in *onRule) (*awsapi.Empty, error) {
	return nil, a.changeState(ctx, r, in, stateEnabled)
}

func (a *API) disableRule(ctx context.Context, r *awsapi.Request, in *onRule) (*awsapi.Empty, error) {
	return nil, a.changeState(ctx, r, in, stateDisabled)
}

func (a *API) changeState(ctx context.Context, r *awsapi.Request, in *onRule, state string) error {
	of := busName(r, in.BusName)
	_, err := a.rules.UpdateRule(ctx, of, in.Name, func(def *rules.Rule) error {
		setState(def, state)
		return nil
	})
	return aboutRule(err, of, in.Name)
}

func (a *API) deleteRule(ctx context.Context, r *awsapi.Request, in *deleteRuleInput) (*awsapi.Empty, error) {
	of := busName(r, in.BusName)
	return nil, aboutBus(a.rules.DeleteRule(ctx, of, in.Name), of)
}
