package events

import (
	"context"
	"encoding/json"

	"github.com/signalbox-mq/signalbox/httpapi/awsapi"
	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/rules"
)

const (
	keptPolicy = "Policy"
	// maxPolicy is AWS's, in bytes.
	maxPolicy      = 10_240
	policyVersion  = "2012-10-17"
	allowedAction  = "events:PutEvents"
	everybody      = "*"
	conditionType  = "StringEquals"
	conditionKey   = "aws:PrincipalOrgID"
	conditionsText = "StringEquals on aws:PrincipalOrgID"
)

// policyOf is the policy of a bus as it was given.
func policyOf(def *rules.Bus) string { return keptJSON(def.Kept, keptPolicy, def.Policy) }

// statement is one that PutPermission makes.
type statement struct {
	Sid       string
	Effect    string
	Principal any
	Action    string
	Resource  string
	Condition map[string]map[string]string `json:",omitempty"`
}

func (a *API) putPermission(ctx context.Context, r *awsapi.Request, in *putPermissionInput) (*awsapi.Empty, error) {
	name := busName(r, in.BusName)
	if in.Policy != "" {
		if in.Action != "" || in.Principal != "" || in.StatementID != "" || in.Condition != nil {
			return nil, validation("Combination of policy with other arguments is not allowed")
		}
		return nil, a.changePolicy(ctx, name, func(string) (string, error) { return in.Policy, nil })
	}
	s, err := readStatement(name, in)
	if err != nil {
		return nil, err
	}
	return nil, a.changePolicy(ctx, name, func(text string) (string, error) {
		p := &awsapi.Policy{Version: policyVersion}
		if text != "" {
			if p, err = readPolicy(text); err != nil {
				return "", err
			}
		}
		if i := p.Find(s.Sid); i >= 0 {
			p.Remove(i)
		}
		raw, err := json.Marshal(s)
		p.Statement = append(p.Statement, raw)
		return policyText(p), err
	})
}

func readStatement(of catalog.Name, in *putPermissionInput) (*statement, error) {
	switch {
	case in.StatementID == "":
		return nil, validation("Parameter StatementId must be specified.")
	case in.Action == "":
		return nil, validation("Parameter Action must be specified.")
	case in.Principal == "":
		return nil, validation("Parameter Principal must be specified.")
	case in.Action != allowedAction:
		return nil, validation("Provided value in parameter 'action' is not supported.")
	}
	s := &statement{Sid: in.StatementID, Effect: "Allow", Principal: everybody, Action: in.Action, Resource: busARN(of)}
	if in.Principal != everybody {
		s.Principal = map[string]string{"AWS": "arn:aws:iam::" + in.Principal + ":root"}
	}
	if c := in.Condition; c != nil {
		if c.Type != conditionType || c.Key != conditionKey {
			return nil, validation("Parameter Condition is not valid. Reason: it can only be " + conditionsText + ".")
		}
		s.Condition = map[string]map[string]string{c.Type: {c.Key: c.Value}}
	}
	return s, nil
}

func (a *API) removePermission(ctx context.Context, r *awsapi.Request, in *removePermissionInput) (*awsapi.Empty, error) {
	name := busName(r, in.BusName)
	if in.All {
		return nil, a.changePolicy(ctx, name, func(string) (string, error) { return "", nil })
	}
	if in.StatementID == "" {
		return nil, validation("Parameter StatementId must be specified.")
	}
	return nil, a.changePolicy(ctx, name, func(text string) (string, error) {
		p := &awsapi.Policy{}
		if text != "" {
			var err error
			if p, err = readPolicy(text); err != nil {
				return "", err
			}
		}
		i := p.Find(in.StatementID)
		if i < 0 {
			return "", notFound("Statement with the provided id does not exist.")
		}
		if p.Remove(i); len(p.Statement) == 0 {
			return "", nil
		}
		return policyText(p), nil
	})
}

// changePolicy changes the policy of a bus; an empty one is none.
func (a *API) changePolicy(ctx context.Context, name catalog.Name, change func(text string) (string, error)) error {
	_, err := a.rules.UpdateBus(ctx, name, func(def *rules.Bus) error {
		text, err := change(policyOf(def))
		switch {
		case err != nil:
			return err
		case len(text) > maxPolicy:
			return modelled("PolicyLengthExceededException", "The policy has %d bytes, the limit is %d.", len(text), maxPolicy)
		case text != "" && !isObject(text):
			return validation("Parameter Policy is not valid. Reason: it must be a JSON object.")
		}
		def.Policy = keepJSON(&def.Kept, keptPolicy, text)
		return nil
	})
	return aboutBus(err, name)
}

// readPolicy reads a policy. One with more to it than statements would lose that, and is not touched.
func readPolicy(text string) (*awsapi.Policy, error) {
	p, err := awsapi.ReadPolicy(text)
	if err != nil {
		return nil, validation("The policy of the event bus has another form than statements can be added to or removed from: put it as a whole.")
	}
	return p, nil
}

func policyText(p *awsapi.Policy) string {
	b, err := json.Marshal(p)
	if err != nil {
		panic(err) // it was read from JSON
	}
	return string(b)
}

// isObject says whether text is one JSON object.
func isObject(text string) bool {
	var object map[string]json.RawMessage
	return json.Unmarshal([]byte(text), &object) == nil && object != nil
}
