package events

import "github.com/signalbox-mq/signalbox/httpapi/awsapi"

// onRule is the input of operations on a rule that need nothing else.
type onRule struct{ Name, BusName string }

func (s *onRule) Fields(f []field) []field {
	return append(f, required("Name", &s.Name), optional("EventBusName", &s.BusName))
}

func (s *onRule) Constrain(c *awsapi.Constraints) {
	c.Text("name", s.Name, name64)
	bus(c, "eventBusName", s.BusName)
}

type deleteRuleInput struct {
	onRule
	Force bool
}

func (s *deleteRuleInput) Fields(f []field) []field {
	return append(s.onRule.Fields(f), optional("Force", &s.Force))
}

// ruleSettings is what can be said of a rule besides its name, bus and tags.
type ruleSettings struct{ Schedule, EventPattern, State, Description, RoleARN string }

func (s *ruleSettings) fields(f []field) []field {
	return append(f,
		optional("ScheduleExpression", &s.Schedule), optional("EventPattern", &s.EventPattern), optional("State", &s.State),
		optional("Description", &s.Description), optional("RoleArn", &s.RoleARN),
	)
}

type putRuleInput struct {
	onRule
	ruleSettings
	Tags []awsapi.Tag
}

func (s *putRuleInput) Fields(f []field) []field {
	return append(s.fields(s.onRule.Fields(f)), optional("Tags", awsapi.List(&s.Tags)))
}

func (s *putRuleInput) Constrain(c *awsapi.Constraints) {
	s.onRule.Constrain(c)
	c.Optional("scheduleExpression", s.Schedule, scheduleText)
	c.Optional("eventPattern", s.EventPattern, eventPattern)
	c.Optional("state", s.State, ruleState)
	c.Optional("description", s.Description, description)
	c.Optional("roleArn", s.RoleARN, anyARN)
	tags(c, s.Tags)
}

type ruleARNOutput struct{ ARN string }

func (s *ruleARNOutput) Fields(f []field) []field { return append(f, optional("RuleArn", &s.ARN)) }

// listedRule is a rule as it is listed.
type listedRule struct {
	Name, ARN string
	ruleSettings
	ManagedBy, BusName string
}

func (s *listedRule) Fields(f []field) []field {
	return append(s.fields(append(f, optional("Name", &s.Name), optional("Arn", &s.ARN))),
		optional("ManagedBy", &s.ManagedBy), optional("EventBusName", &s.BusName),
	)
}

type describeRuleOutput struct {
	listedRule
	CreatedBy string
}

func (s *describeRuleOutput) Fields(f []field) []field {
	return append(s.listedRule.Fields(f), optional("CreatedBy", &s.CreatedBy))
}

type listRulesInput struct {
	Prefix, BusName string
	paged
}

func (s *listRulesInput) Fields(f []field) []field {
	return s.fields(append(f, optional("NamePrefix", &s.Prefix), optional("EventBusName", &s.BusName)))
}

func (s *listRulesInput) Constrain(c *awsapi.Constraints) {
	c.Optional("namePrefix", s.Prefix, name64)
	bus(c, "eventBusName", s.BusName)
	s.constrain(c)
}

type listRulesOutput struct {
	Rules     []listedRule
	NextToken string
}

func (s *listRulesOutput) Fields(f []field) []field {
	return append(f, always("Rules", awsapi.List(&s.Rules)), optional("NextToken", &s.NextToken))
}

type rulesByTargetInput struct {
	TargetARN, BusName string
	paged
}

func (s *rulesByTargetInput) Fields(f []field) []field {
	return s.fields(append(f, required("TargetArn", &s.TargetARN), optional("EventBusName", &s.BusName)))
}

func (s *rulesByTargetInput) Constrain(c *awsapi.Constraints) {
	c.Text("targetArn", s.TargetARN, anyARN)
	bus(c, "eventBusName", s.BusName)
	s.constrain(c)
}

type ruleNamesOutput struct {
	Names     []string
	NextToken string
}

func (s *ruleNamesOutput) Fields(f []field) []field {
	return append(f, always("RuleNames", &s.Names), optional("NextToken", &s.NextToken))
}
