package sns_test

import (
	"testing"

	"github.com/signalbox-mq/signalbox/httpapi/awsapi/awstest"
)

const modelFile = "sns.service-2.json"

func TestEveryOperation(t *testing.T) {
	t.Parallel()
	awstest.ReadModel(t, modelFile).CheckOperations(t, newEnv(t).service)
}

// TestShapesAreTheModels compares every member of every shape with the model.
func TestShapesAreTheModels(t *testing.T) {
	t.Parallel()
	awstest.ReadModel(t, modelFile).CheckShapes(t, newEnv(t).service, awstest.Compared{Wire: true, Required: true})
}

// TestErrorsAreTheModels compares what clients know with the model.
func TestErrorsAreTheModels(t *testing.T) {
	t.Parallel()
	awstest.ReadModel(t, modelFile).CheckErrors(t, knownErrors())
}

// TestRequiredMembers leaves out, of every operation, every member that the model requires.
func TestRequiredMembers(t *testing.T) {
	t.Parallel()
	awstest.ReadModel(t, modelFile).CheckRequiredOfNothing(t, newEnv(t).client)
}
