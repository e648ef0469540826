package sqs

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/signalbox-mq/signalbox/httpapi/awsapi"
	"github.com/signalbox-mq/signalbox/queue"
)

// policy is what AddPermission and RemovePermission make of the attribute Policy. Statements of others stay as they are.
type policy struct {
	Version   string
	ID        string `json:"Id,omitempty"`
	Statement statements
}

// statements is written as a list, and read from one or from a single statement.
type statements []json.RawMessage

// UnmarshalJSON is json.Unmarshaler's.
func (s *statements) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '{' {
		*s = statements{slices.Clone(json.RawMessage(b))}
		return nil
	}
	return json.Unmarshal(b, (*[]json.RawMessage)(s))
}

// statement is one that AddPermission makes.
type statement struct {
	Sid       string
	Effect    string
	Principal struct{ AWS oneOrMany }
	Action    oneOrMany
	Resource  string
}

// oneOrMany is written as a text if it is one, as AWS does (observed).
type oneOrMany []string

// MarshalJSON is json.Marshaler's.
func (o oneOrMany) MarshalJSON() ([]byte, error) {
	if len(o) == 1 {
		return json.Marshal(o[0])
	}
	return json.Marshal([]string(o))
}

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
	s := statement{Sid: in.Label, Effect: "Allow", Resource: arnOf(name)}
	for _, account := range in.AWSAccountIDs {
		if !awsapi.IsAccount(account) {
			return nil, invalidValue(account, "PrincipalId", "Unable to verify.")
		}
		s.Principal.AWS = append(s.Principal.AWS, "arn:aws:iam::"+account+":root")
	}
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
		if p.find(in.Label) >= 0 {
			return invalidValue(in.Label, "Label", "Already exists.")
		}
		if p.ID == "" {
			p.ID = arnOf(name) + "/SQSDefaultPolicy"
		}
		p.Statement = append(p.Statement, json.RawMessage(toJSON(s)))
		return p.write(def, name)
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
		i := p.find(in.Label)
		if i < 0 {
			return invalidValue(in.Label, "Label", "can't find label.")
		}
		p.Statement = slices.Delete(p.Statement, i, i+1)
		return p.write(def, name)
	})
	return nil, err
}

// readPolicy reads the policy of a queue. One with more to it than statements would lose that, and is not touched.
func readPolicy(def *queue.Definition) (policy, error) {
	p := policy{Version: "2008-10-17"}
	text := def.Kept["Policy"]
	if text == "" {
		return p, nil
	}
	dec := json.NewDecoder(strings.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&p); err != nil {
		return p, unsupportedOperation("The queue's policy has another form than statements can be added to or removed from; set the attribute Policy.")
	}
	return p, nil
}

// find is the index of the statement with the label, -1 for none.
func (p *policy) find(label string) int {
	return slices.IndexFunc(p.Statement, func(raw json.RawMessage) bool {
		var s struct{ Sid string }
		return json.Unmarshal(raw, &s) == nil && s.Sid == label
	})
}

// write keeps the policy with the queue. Without statements there is none.
func (p *policy) write(def *queue.Definition, name queue.Name) error {
	if len(p.Statement) == 0 {
		return setPolicy(def, name, "")
	}
	if len(p.Statement) > maxStatements {
		return &awsapi.Error{Shape: "OverLimit", Status: http.StatusForbidden, Message: strconv.Itoa(len(p.Statement)) + " statements were found, maximum allowed is " + strconv.Itoa(maxStatements) + "."}
	}
	return setPolicy(def, name, toJSON(p))
}

const maxStatements = 20
