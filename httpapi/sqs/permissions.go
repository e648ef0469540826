package sqs

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"github.com/signalbox-mq/signalbox/httpapi/awsapi"
	"github.com/signalbox-mq/signalbox/queue"
)

// grantable are the operations that may be allowed to others. The others are only for the owner.
var grantable = [...]string{
	"*", "SendMessage", "ReceiveMessage", "DeleteMessage", "ChangeMessageVisibility", "GetQueueAttributes", "GetQueueUrl",
	"ListDeadLetterSourceQueues", "PurgeQueue",
}

const maxActions = 7

func (a *API) addPermission(ctx context.Context, r *awsapi.Request, in *addPermissionInput) (*awsapi.Empty, error) {
	name, err := queueName(r, in.QueueURL)
	if err != nil {
		return nil, err
	}
	if !isLabel(in.Label) {
		return nil, badLabel(in.Label)
	}
	if n := len(in.Actions); n > maxActions {
		return nil, &awsapi.Error{Shape: "OverLimit", Status: http.StatusForbidden, Message: fmt.Sprintf("%d Actions were found, maximum allowed is %d.", n, maxActions)}
	}
	for _, account := range in.AWSAccountIDs {
		if !awsapi.IsAccount(account) {
			return nil, invalidValue(account, "PrincipalId", "Unable to verify.")
		}
	}
	s := awsapi.Allow(in.Label, arnOf(name), in.AWSAccountIDs)
	for _, action := range in.Actions {
		if !slices.Contains(grantable[:], action) {
			return nil, badAction(a, action)
		}
		s.Action = append(s.Action, "SQS:"+action)
	}
	_, err = a.broker.Update(ctx, name, func(def *queue.Definition) error {
		p, err := readPolicy(def)
		if err != nil {
			return err
		}
		if p.Find(in.Label) >= 0 {
			return invalidValue(in.Label, "Label", "Already exists.")
		}
		if p.ID == "" {
			p.ID = arnOf(name) + "/SQSDefaultPolicy"
		}
		if err := p.Add(s); err != nil {
			return err
		}
		return writePolicy(def, name, p)
	})
	return nil, err
}

func badLabel(label string) error {
	return invalidValue(label, "Label", "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length")
}

func badAction(a *API, action string) error {
	for _, op := range a.operations() {
		if op.Name == action {
			return invalidValue("SQS:"+action, "ActionName", "Only the queue owner is allowed to invoke this action.")
		}
	}
	return invalidValue("SQS:"+action, "ActionName", "Please refer to the appropriate WSDL for a list of valid actions.")
}

func (a *API) removePermission(ctx context.Context, r *awsapi.Request, in *removePermissionInput) (*awsapi.Empty, error) {
	name, err := queueName(r, in.QueueURL)
	if err != nil {
		return nil, err
	}
	_, err = a.broker.Update(ctx, name, func(def *queue.Definition) error {
		p, err := readPolicy(def)
		if err != nil {
			return err
		}
		i := p.Find(in.Label)
		if i < 0 {
			return invalidValue(in.Label, "Label", "can't find label.")
		}
		p.Remove(i)
		return writePolicy(def, name, p)
	})
	return nil, err
}

// readPolicy reads the policy of a queue. One with more to it than statements would lose that, and is not touched.
func readPolicy(def *queue.Definition) (*awsapi.Policy, error) {
	text := def.Kept["Policy"]
	if text == "" {
		return &awsapi.Policy{Version: "2008-10-17"}, nil
	}
	p, err := awsapi.ReadPolicy(text)
	if err != nil {
		return nil, unsupportedOperation("The queue's policy has another form than statements can be added to or removed from; set the attribute Policy.")
	}
	if p.Version == "" {
		p.Version = "2008-10-17"
	}
	return p, nil
}

// writePolicy keeps a policy with the queue. Without statements there is none.
func writePolicy(def *queue.Definition, name queue.Name, p *awsapi.Policy) error {
	if len(p.Statement) == 0 {
		return setPolicy(def, name, "")
	}
	if len(p.Statement) > maxStatements {
		return &awsapi.Error{Shape: "OverLimit", Status: http.StatusForbidden, Message: strconv.Itoa(len(p.Statement)) + " statements were found, maximum allowed is " + strconv.Itoa(maxStatements) + "."}
	}
	return setPolicy(def, name, toJSON(p))
}

const maxStatements = 20
