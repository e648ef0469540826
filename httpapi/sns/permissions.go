package sns

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/signalbox-mq/signalbox/httpapi/awsapi"
	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/topic"
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

// oneOrMany is written as a text if it is one, as AWS does.
type oneOrMany []string

// MarshalJSON is json.Marshaler's.
func (o oneOrMany) MarshalJSON() ([]byte, error) {
	if len(o) == 1 {
		return json.Marshal(o[0])
	}
	return json.Marshal([]string(o))
}

// owned are the operations that a topic's owner may do by default, which is anybody of the account.
var owned = [...]string{
	"GetTopicAttributes", "SetTopicAttributes", "AddPermission", "RemovePermission", "DeleteTopic", "Subscribe",
	"ListSubscriptionsByTopic", "Publish",
}

// defaultPolicy is that of a topic which was given none.
func defaultPolicy(name catalog.Name) string {
	actions := make([]string, len(owned))
	for i, op := range owned {
		actions[i] = `"SNS:` + op + `"`
	}
	return `{"Version":"2008-10-17","Id":"__default_policy_ID","Statement":[{"Sid":"__default_statement_ID","Effect":"Allow",` +
		`"Principal":{"AWS":"*"},"Action":[` + strings.Join(actions, ",") + `],"Resource":"` + arnOf(name) + `",` +
		`"Condition":{"StringEquals":{"AWS:SourceOwner":"` + name.Account + `"}}}]}`
}

// Limits of policies.
const (
	maxStatements = 100
	maxLabel      = 80
)

func (a *API) addPermission(ctx context.Context, r *awsapi.Request, in *addPermissionInput) (*awsapi.Empty, error) {
	name, err := topicName(r, "TopicArn", in.TopicARN)
	if err != nil {
		return nil, err
	}
	s, err := readStatement(in, name)
	if err != nil {
		return nil, err
	}
	_, err = a.topics.Update(ctx, name, func(def *topic.Topic) error {
		p, err := readPolicy(def, name)
		if err != nil {
			return err
		}
		switch {
		case p.find(in.Label) >= 0:
			return invalidParameter("Statement already exists")
		case len(p.Statement) >= maxStatements:
			return invalidParameter(fmt.Sprintf("Policy Reason: it can have at most %d statements", maxStatements))
		}
		p.Statement = append(p.Statement, json.RawMessage(jsonText(s)))
		return p.write(def)
	})
	return nil, err
}

func readStatement(in *addPermissionInput, name catalog.Name) (*statement, error) {
	if in.Label == "" || len(in.Label) > maxLabel {
		return nil, invalidParameter("Label")
	}
	if len(in.Accounts) == 0 {
		return nil, invalidParameter("AWSAccountId")
	}
	if len(in.Operation) == 0 {
		return nil, invalidParameter("ActionName")
	}
	s := &statement{Sid: in.Label, Effect: "Allow", Resource: arnOf(name)}
	for _, account := range in.Accounts {
		if !awsapi.IsAccount(account) {
			return nil, invalidParameter("AWSAccountId Reason: " + clip(account) + " is not an account id of 12 digits")
		}
		s.Principal.AWS = append(s.Principal.AWS, "arn:aws:iam::"+account+":root")
	}
	for _, action := range in.Operation {
		if action != "*" && action != "Receive" && !slices.Contains(owned[:], action) {
			return nil, invalidParameter("Policy statement action out of service scope!")
		}
		s.Action = append(s.Action, "SNS:"+action)
	}
	return s, nil
}

func (a *API) removePermission(ctx context.Context, r *awsapi.Request, in *removePermissionInput) (*awsapi.Empty, error) {
	name, err := topicName(r, "TopicArn", in.TopicARN)
	if err != nil {
		return nil, err
	}
	_, err = a.topics.Update(ctx, name, func(def *topic.Topic) error {
		p, err := readPolicy(def, name)
		if err != nil {
			return err
		}
		i := p.find(in.Label)
		if i < 0 {
			return nil // gone already
		}
		p.Statement = slices.Delete(p.Statement, i, i+1)
		return p.write(def)
	})
	return nil, err
}

// readPolicy reads the policy of a topic. One with more to it than statements would lose that, and is not touched.
func readPolicy(def *topic.Topic, name catalog.Name) (*policy, error) {
	text := def.Kept[policyAttribute]
	if text == "" {
		text = defaultPolicy(name)
	}
	p := &policy{}
	dec := json.NewDecoder(strings.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(p); err != nil {
		return nil, invalidParameter("Policy Reason: the topic's policy has another form than statements can be added to or removed from; set the attribute Policy")
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

// write keeps the policy with the topic.
func (p *policy) write(def *topic.Topic) error {
	if f := setPolicy(def, jsonText(p)); f != nil {
		return invalidParameter(f.text(policyAttribute))
	}
	return nil
}
