package events

import (
	"fmt"
	"strings"

	"github.com/signalbox-mq/signalbox/httpapi/awsapi"
)

// target is a target of a rule, as it is put and as it is listed.
type target struct {
	ID, ARN, RoleARN, Input, InputPath string
	Transformer                        *inputTransformer
	SQS                                *sqsParameters
	HTTP                               *httpParameters
	DeadLetter                         *deadLetterConfig
	Retry                              *retryPolicy
	// These are for targets that the router does not have. What is in them does not matter.
	Kinesis, RunCommand, ECS, Batch, RedshiftData, SageMaker, AppSync *awsapi.Empty
}

func (s *target) Fields(f []field) []field {
	f = append(f,
		required("Id", &s.ID),
		required("Arn", &s.ARN),
		optional("RoleArn", &s.RoleARN),
		optional("Input", &s.Input),
		optional("InputPath", &s.InputPath),
		optional("InputTransformer", awsapi.Part(&s.Transformer)),
		optional("SqsParameters", awsapi.Part(&s.SQS)),
		optional("HttpParameters", awsapi.Part(&s.HTTP)),
		optional("DeadLetterConfig", awsapi.Part(&s.DeadLetter)),
		optional("RetryPolicy", awsapi.Part(&s.Retry)),
	)
	for _, p := range s.unsupported() {
		f = append(f, optional(p.name, awsapi.Part(p.given)))
	}
	return f
}

// unsupportedParameters are those of a kind of target that the router does not have.
type unsupportedParameters struct {
	name  string
	given **awsapi.Empty
	what  string
}

func (s *target) unsupported() []unsupportedParameters {
	return []unsupportedParameters{
		{"KinesisParameters", &s.Kinesis, "Kinesis streams"},
		{"RunCommandParameters", &s.RunCommand, "commands of Systems Manager"},
		{"EcsParameters", &s.ECS, "tasks of ECS"},
		{"BatchParameters", &s.Batch, "jobs of AWS Batch"},
		{"RedshiftDataParameters", &s.RedshiftData, "clusters of Redshift"},
		{"SageMakerPipelineParameters", &s.SageMaker, "pipelines of SageMaker"},
		{"AppSyncParameters", &s.AppSync, "APIs of AppSync"},
	}
}

func (s *target) constrain(c *awsapi.Constraints, path string) {
	c.Text(path+".id", s.ID, name64)
	c.Text(path+".arn", s.ARN, anyARN)
	c.Optional(path+".roleArn", s.RoleARN, anyARN)
	c.Optional(path+".input", s.Input, targetInput)
	c.Optional(path+".inputPath", s.InputPath, targetInputPath)
	if t := s.Transformer; t != nil {
		path := path + ".inputTransformer"
		textMap(c, path+".inputPathsMap", t.Paths, pathKey, targetInputPath)
		c.Text(path+".inputTemplate", t.Template, template)
	}
	if s.SQS != nil {
		c.Optional(path+".sqsParameters.messageGroupId", s.SQS.MessageGroupID, messageGroup)
	}
	if h := s.HTTP; h != nil {
		path := path + ".httpParameters"
		for _, value := range h.Path {
			if strings.TrimSpace(value) == "" {
				shown := "[" + strings.Join(h.Path, ", ") + "]"
				c.Add(awsapi.Violation{
					Path: path + ".pathParameterValues", Value: &shown,
					Must: `Member must satisfy constraint: [Member must satisfy regular expression pattern: ^(?!\s*$).+]`,
				})
				break
			}
		}
		textMap(c, path+".headerParameters", h.Header, headerKey, headerValue)
		textMap(c, path+".queryStringParameters", h.Query, queryKey, queryValue)
	}
	s.DeadLetter.constrain(c, path+".deadLetterConfig")
	if s.Retry != nil {
		c.Number(path+".retryPolicy.maximumRetryAttempts", s.Retry.Attempts, 0, maxRetries)
		c.Number(path+".retryPolicy.maximumEventAgeInSeconds", s.Retry.MaxAge, minAge, maxAge)
	}
}

type inputTransformer struct {
	Paths    map[string]string
	Template string
}

func (s *inputTransformer) Fields(f []field) []field {
	return append(f, optional("InputPathsMap", &s.Paths), required("InputTemplate", &s.Template))
}

type sqsParameters struct{ MessageGroupID string }

func (s *sqsParameters) Fields(f []field) []field {
	return append(f, optional("MessageGroupId", &s.MessageGroupID))
}

type httpParameters struct {
	Path          []string
	Header, Query map[string]string
}

func (s *httpParameters) Fields(f []field) []field {
	return append(f, optional("PathParameterValues", &s.Path), optional("HeaderParameters", &s.Header), optional("QueryStringParameters", &s.Query))
}

type retryPolicy struct{ Attempts, MaxAge awsapi.Int }

func (s *retryPolicy) Fields(f []field) []field {
	return append(f, optional("MaximumRetryAttempts", &s.Attempts), optional("MaximumEventAgeInSeconds", &s.MaxAge))
}

type putTargetsInput struct {
	Rule, BusName string
	Targets       []target
}

func (s *putTargetsInput) Fields(f []field) []field {
	return append(f, required("Rule", &s.Rule), optional("EventBusName", &s.BusName), required("Targets", awsapi.List(&s.Targets)))
}

func (s *putTargetsInput) Constrain(c *awsapi.Constraints) {
	c.Text("rule", s.Rule, name64)
	bus(c, "eventBusName", s.BusName)
	if n := len(s.Targets); n < 1 || n > maxTargets {
		c.Length("targets", fmt.Sprintf("[%d targets]", n), n, 1, maxTargets)
		return
	}
	for i := range s.Targets {
		s.Targets[i].constrain(c, fmt.Sprintf("targets.%d.member", i+1))
	}
}

type removeTargetsInput struct {
	Rule, BusName string
	IDs           []string
	Force         bool
}

func (s *removeTargetsInput) Fields(f []field) []field {
	return append(f, required("Rule", &s.Rule), optional("EventBusName", &s.BusName), required("Ids", &s.IDs), optional("Force", &s.Force))
}

func (s *removeTargetsInput) Constrain(c *awsapi.Constraints) {
	c.Text("rule", s.Rule, name64)
	bus(c, "eventBusName", s.BusName)
	c.Length("ids", "["+strings.Join(s.IDs, ", ")+"]", len(s.IDs), 1, maxTargets)
	texts(c, "ids", s.IDs, name64)
}

// targetsOutput tells what became of a change of a rule's targets.
type targetsOutput struct {
	FailedCount awsapi.Int
	Failed      []failedTarget
}

func (s *targetsOutput) Fields(f []field) []field {
	return append(f, optional("FailedEntryCount", &s.FailedCount), always("FailedEntries", awsapi.List(&s.Failed)))
}

type failedTarget struct{ ID, Code, Message string }

func (s *failedTarget) Fields(f []field) []field {
	return append(f, optional("TargetId", &s.ID), optional("ErrorCode", &s.Code), optional("ErrorMessage", &s.Message))
}

type listTargetsInput struct {
	Rule, BusName string
	paged
}

func (s *listTargetsInput) Fields(f []field) []field {
	return s.fields(append(f, required("Rule", &s.Rule), optional("EventBusName", &s.BusName)))
}

func (s *listTargetsInput) Constrain(c *awsapi.Constraints) {
	c.Text("rule", s.Rule, name64)
	bus(c, "eventBusName", s.BusName)
	s.constrain(c)
}

type listTargetsOutput struct {
	Targets   []target
	NextToken string
}

func (s *listTargetsOutput) Fields(f []field) []field {
	return append(f, always("Targets", awsapi.List(&s.Targets)), optional("NextToken", &s.NextToken))
}
