package sns

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/signalbox-mq/signalbox/httpapi/awsapi"
	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/topic"
)

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
		case p.Find(in.Label) >= 0:
			return invalidParameter("Statement already exists")
		case len(p.Statement) >= maxStatements:
			return invalidParameter(fmt.Sprintf("Policy Reason: it can have at most %d statements", maxStatements))
		}
		if err := p.Add(s); err != nil {
			return err
		}
		return writePolicy(def, p)
	})
	return nil, err
}

func readStatement(in *addPermissionInput, name catalog.Name) (*awsapi.Statement, error) {
	if in.Label == "" || len(in.Label) > maxLabel {
		return nil, invalidParameter("Label")
	}
	if len(in.Accounts) == 0 {
		return nil, invalidParameter("AWSAccountId")
	}
	if len(in.Operation) == 0 {
		return nil, invalidParameter("ActionName")
	}
	for _, account := range in.Accounts {
		if !awsapi.IsAccount(account) {
			return nil, invalidParameter("AWSAccountId Reason: " + awsapi.Clip(account) + " is not an account id of 12 digits")
		}
	}
	s := awsapi.Allow(in.Label, arnOf(name), in.Accounts)
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
		i := p.Find(in.Label)
		if i < 0 {
			return nil // gone already
		}
		p.Remove(i)
		return writePolicy(def, p)
	})
	return nil, err
}

// readPolicy reads the policy of a topic. One with more to it than statements would lose that, and is not touched.
func readPolicy(def *topic.Topic, name catalog.Name) (*awsapi.Policy, error) {
	text := def.Kept[policyAttribute]
	if text == "" {
		text = defaultPolicy(name)
	}
	p, err := awsapi.ReadPolicy(text)
	if err != nil {
		return nil, invalidParameter("Policy Reason: the topic's policy has another form than statements can be added to or removed from; set the attribute Policy")
	}
	return p, nil
}

// writePolicy keeps a policy with the topic.
func writePolicy(def *topic.Topic, p *awsapi.Policy) error {
	if f := setPolicy(def, jsonText(p)); f != nil {
		return invalidParameter(f.text(policyAttribute))
	}
	return nil
}
