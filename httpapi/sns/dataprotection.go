package sns

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/signalbox-mq/signalbox/httpapi/awsapi"
	"github.com/signalbox-mq/signalbox/topic"
)

// maxDataProtection is the most bytes that a data protection policy may have.
const maxDataProtection = 30_720

func (a *API) putDataProtection(ctx context.Context, r *awsapi.Request, in *putDataProtectionInput) (*awsapi.Empty, error) {
	name, err := topicName(r, "ResourceArn", in.ResourceARN)
	if err != nil {
		return nil, err
	}
	policy, err := readDataProtection(in.Policy)
	if err != nil {
		return nil, err
	}
	_, err = a.topics.Update(ctx, name, func(def *topic.Topic) error {
		def.DataProtection = policy
		return nil
	})
	return nil, err
}

func (a *API) getDataProtection(ctx context.Context, r *awsapi.Request, in *onResource) (*dataProtectionOutput, error) {
	name, err := topicName(r, "ResourceArn", in.ResourceARN)
	if err != nil {
		return nil, err
	}
	e, err := a.topics.Get(ctx, name)
	if err != nil {
		return nil, err
	}
	return &dataProtectionOutput{e.Topic.DataProtection}, nil
}

// readDataProtection checks a data protection policy; an empty one is none.
func readDataProtection(text string) (string, error) {
	switch {
	case text == "":
	case len(text) > maxDataProtection:
		return "", invalidParameter(fmt.Sprintf("DataProtectionPolicy Reason: it must not be longer than %d bytes", maxDataProtection))
	case !isObject(text):
		return "", invalidParameter("DataProtectionPolicy Reason: failed to parse JSON.")
	}
	return text, nil
}

// isObject says whether text is one JSON object.
func isObject(text string) bool {
	var object map[string]json.RawMessage
	return json.Unmarshal([]byte(text), &object) == nil && object != nil
}
