package events

import (
	"cmp"

	"github.com/signalbox-mq/signalbox/dispatch/destination"
	"github.com/signalbox-mq/signalbox/httpapi/awsapi"
)

// setAuth makes a connection authorize as given; what is not given stays. What is for another kind of authorization is refused.
func setAuth(def *destination.Connection, given *auth) error {
	if given.Connectivity != nil {
		return noPrivateAPIs("ConnectivityParameters")
	}
	for _, of := range []struct {
		kind  destination.Authorization
		given bool
	}{{destination.Basic, given.Basic != nil}, {destination.APIKey, given.APIKey != nil}, {destination.OAuth, given.OAuth != nil}} {
		if of.given && of.kind != def.Authorization {
			return validation("Parameter AuthParameters is not valid. Reason: it has parameters for %s, and AuthorizationType is %s.", of.kind, def.Authorization)
		}
	}
	if p := given.Basic; p != nil {
		def.Username, def.Password = cmp.Or(p.Username, def.Username), cmp.Or(p.Password, def.Password)
	}
	if p := given.APIKey; p != nil {
		def.KeyName, def.KeyValue = cmp.Or(p.Name, def.KeyName), cmp.Or(p.Value, def.KeyValue)
	}
	if p := given.OAuth; p != nil {
		def.Token = tokenSource(def.Token, p)
	}
	if given.Invocation != nil {
		def.Parameters = parametersOf(given.Invocation)
	}
	if !complete(def) {
		return authMissing(def.Authorization)
	}
	return nil
}

// complete says whether a connection has what its kind of authorization needs.
func complete(def *destination.Connection) bool {
	switch def.Authorization {
	case destination.Basic:
		return def.Username != "" && def.Password != ""
	case destination.APIKey:
		return def.KeyName != "" && def.KeyValue != ""
	case destination.OAuth:
		t := def.Token
		return t != nil && t.Endpoint != "" && t.Method != "" && t.ClientID != "" && t.ClientSecret != ""
	}
	return false
}

func authMissing(kind destination.Authorization) *awsapi.Error {
	name := map[destination.Authorization]string{
		destination.Basic: "BasicAuthParameters", destination.APIKey: "ApiKeyAuthParameters", destination.OAuth: "OAuthParameters",
	}[kind]
	return validation("Parameter AuthParameters.%s must be specified completely for the authorization type %s.", name, kind)
}

// forget removes from a connection how it authorized. What it adds to each call stays.
func forget(def *destination.Connection) {
	def.Username, def.Password, def.KeyName, def.KeyValue, def.Token = "", "", "", "", nil
}

// tokenSource is a source of tokens with what is given in place of what it was, which may be nil.
func tokenSource(was *destination.TokenSource, given *oauth) *destination.TokenSource {
	t := destination.TokenSource{}
	if was != nil {
		t = *was
	}
	t.Endpoint, t.Method = cmp.Or(given.Endpoint, t.Endpoint), cmp.Or(given.Method, t.Method)
	if c := given.Client; c != nil {
		t.ClientID, t.ClientSecret = cmp.Or(c.ID, t.ClientID), cmp.Or(c.Secret, t.ClientSecret)
	}
	if given.Parameters != nil {
		t.Parameters = parametersOf(given.Parameters)
	}
	return &t
}

func parametersOf(given *connectionParameters) destination.Parameters {
	each := func(list []connectionParameter) []destination.Parameter {
		var out []destination.Parameter
		for _, p := range list {
			out = append(out, destination.Parameter(p))
		}
		return out
	}
	return destination.Parameters{Header: each(given.Header), Query: each(given.Query), Body: each(given.Body)}
}

// shown is how a connection authorizes, without secrets.
func shown(def *destination.Connection) *shownAuth {
	out := &shownAuth{Invocation: shownParameters(&def.Parameters)}
	switch def.Authorization {
	case destination.Basic:
		out.Basic = &shownBasicAuth{def.Username}
	case destination.APIKey:
		out.APIKey = &shownAPIKey{def.KeyName}
	case destination.OAuth:
		if t := def.Token; t != nil {
			out.OAuth = &shownOAuth{&shownClient{t.ClientID}, t.Endpoint, t.Method, shownParameters(&t.Parameters)}
		}
	}
	return out
}

// shownParameters are parameters without the values that are secret; nil for none.
func shownParameters(p *destination.Parameters) *connectionParameters {
	each := func(list []destination.Parameter) []connectionParameter {
		var out []connectionParameter
		for _, p := range list {
			if p.Secret {
				p.Value = ""
			}
			out = append(out, connectionParameter(p))
		}
		return out
	}
	if len(p.Header)+len(p.Query)+len(p.Body) == 0 {
		return nil
	}
	return &connectionParameters{each(p.Header), each(p.Query), each(p.Body)}
}
