package events

import (
	"context"

	"github.com/signalbox-mq/signalbox/httpapi/awsapi"
	"github.com/signalbox-mq/signalbox/rules/pattern"
)

func (a *API) testPattern(_ context.Context, _ *awsapi.Request, in *testPatternInput) (*testPatternOutput, error) {
	p, err := pattern.Compile([]byte(in.EventPattern))
	if err != nil {
		return nil, invalidPattern(err)
	}
	text := []byte(in.Event)
	if pattern.ValidateEnvelope(text) != nil {
		return nil, validation("Parameter Event is not valid.")
	}
	matches, err := p.Matches(text)
	if err != nil {
		return nil, validation("Parameter Event is not valid.")
	}
	return &testPatternOutput{matches}, nil
}
