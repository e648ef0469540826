package events_test

import (
	"testing"

	"github.com/signalbox-mq/signalbox/httpapi/awsapi/awstest"
)

// readModel reads the model of the service, of which more is tested than is in it for targets that the router does not have.
func readModel(t *testing.T) *awstest.Model {
	t.Helper()
	return awstest.ReadModel(t, "events.service-2.json")
}

// refusedTargets are the parameters of targets that the router does not have.
func refusedTargets() []string {
	return []string{
		"KinesisParameters", "RunCommandParameters", "EcsParameters", "BatchParameters", "RedshiftDataParameters", "SageMakerPipelineParameters", "AppSyncParameters",
	}
}

func TestEveryOperation(t *testing.T) {
	t.Parallel()
	service := newEnv(t).Service
	readModel(t).CheckOperations(t, service)
	for i := range service.Operations {
		if name := service.Operations[i].Name; examples()[name] == "" {
			t.Errorf("%s has no example", name)
		}
	}
}

// TestShapesAreTheModels compares every member of every shape with the model.
func TestShapesAreTheModels(t *testing.T) {
	t.Parallel()
	deviations := map[string]string{
		"DescribeConnection output InvocationConnectivityParameters":      "no connection has any",
		"DescribeConnection output AuthParameters.ConnectivityParameters": "no connection has any",
	}
	for _, name := range refusedTargets() {
		deviations["PutTargets input Targets."+name] = "refused, whatever is in it"
		deviations["ListTargetsByRule output Targets."+name] = "no target has any"
	}
	readModel(t).CheckShapes(t, newEnv(t).Service, awstest.Compared{Required: true, Deviations: deviations})
}

// TestErrorsAreTheModels compares what clients know with the model.
func TestErrorsAreTheModels(t *testing.T) {
	t.Parallel()
	readModel(t).CheckErrors(t, knownErrors())
}

// TestInputsAreTheModels breaks whatever the model says of inputs: what is required, types, lengths, patterns, enums.
func TestInputsAreTheModels(t *testing.T) {
	t.Parallel()
	m, e := readModel(t), newEnv(t)
	for _, name := range refusedTargets() {
		delete(m.Shapes["Target"].Members, name)
	}
	m.CheckRequiredOfNothing(t, e.Client)
	m.CheckRequired(t, e.Client, examples(), nil)
	m.CheckTypes(t, e.Client, examples())
	m.CheckConstraints(t, e.Client, examples(), map[string]string{})
}
