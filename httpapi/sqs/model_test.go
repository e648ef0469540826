package sqs_test

import (
	"testing"

	"github.com/signalbox-mq/signalbox/httpapi/awsapi/awstest"
)

const (
	modelJSON  = "sqs.service-2.json"
	modelQuery = "sqs-query.service-2.json"
)

func TestEveryOperation(t *testing.T) {
	t.Parallel()
	service := newEnv(t).service
	for _, file := range []string{modelJSON, modelQuery} {
		awstest.ReadModel(t, file).CheckOperations(t, service)
	}
}

// TestShapesAreTheModels compares every member of every shape with both models.
func TestShapesAreTheModels(t *testing.T) {
	t.Parallel()
	service := newEnv(t).service
	awstest.ReadModel(t, modelJSON).CheckShapes(t, service, awstest.Compared{})
	awstest.ReadModel(t, modelQuery).CheckShapes(t, service, awstest.Compared{Wire: true, Deviations: map[string]string{
		"ReceiveMessage input MessageSystemAttributeNames": "it came after the last model of Query",
	}})
}

// TestErrorsAreTheModels compares what clients know with the models.
func TestErrorsAreTheModels(t *testing.T) {
	t.Parallel()
	awstest.ReadModel(t, modelJSON).CheckErrors(t, knownErrors())
	awstest.ReadModel(t, modelQuery).CheckCodes(t, knownErrors())
}

// TestEnumsAreTheModels compares the names of attributes, which travel as texts.
func TestEnumsAreTheModels(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.create("q")
	m := awstest.ReadModel(t, modelJSON)
	for _, name := range m.Shapes["QueueAttributeName"].Enum {
		e.ok(overJSON, "GetQueueAttributes", `{"QueueUrl":"q","AttributeNames":["`+name+`"]}`)
	}
	for _, name := range m.Shapes["MessageSystemAttributeName"].Enum {
		e.ok(overJSON, "ReceiveMessage", `{"QueueUrl":"q","MessageSystemAttributeNames":["`+name+`"]}`)
	}
}
