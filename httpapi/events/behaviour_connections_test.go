package events_test

import (
	"strings"
	"testing"

	"github.com/signalbox-mq/signalbox/dispatch/destination"
	"github.com/signalbox-mq/signalbox/httpapi/awsapi/awstest"
)

// described is what DescribeConnection answers, but for its parameters.
type describedConnection struct {
	ConnectionArn, Name, Description, ConnectionState, StateReason, AuthorizationType, SecretArn, KmsKeyIdentifier string
	CreationTime, LastModifiedTime, LastAuthorizedTime                                                             float64
}

// parametersOf is the AuthParameters of an answer as they are written.
func parametersOf(body string) string {
	_, rest, _ := strings.Cut(body, `"AuthParameters":`)
	return strings.TrimSuffix(rest, "}")
}

const (
	basicAuth = `"AuthorizationType":"BASIC","AuthParameters":{"BasicAuthParameters":{"Username":"ann","Password":"hunter2"}}`
	keyAuth   = `"AuthorizationType":"API_KEY","AuthParameters":{"ApiKeyAuthParameters":{"ApiKeyName":"X-Key","ApiKeyValue":"hunter2"}}`
	added     = `{"HeaderParameters":[{"Key":"h","Value":"shown","IsValueSecret":false},{"Key":"s","Value":"hunter2","IsValueSecret":true}],"QueryStringParameters":[{"Key":"q","Value":"hunter2","IsValueSecret":true}],"BodyParameters":[{"Key":"b","Value":"shown"}]}`
	shown     = `{"HeaderParameters":[{"Key":"h","Value":"shown","IsValueSecret":false},{"Key":"s","IsValueSecret":true}],"QueryStringParameters":[{"Key":"q","IsValueSecret":true}],"BodyParameters":[{"Key":"b","Value":"shown","IsValueSecret":false}]}`
	oauthAuth = `"AuthorizationType":"OAUTH_CLIENT_CREDENTIALS","AuthParameters":{"OAuthParameters":{"ClientParameters":{"ClientID":"id","ClientSecret":"hunter2"},"AuthorizationEndpoint":"https://example.com/token","HttpMethod":"POST","OAuthHttpParameters":` + added + `},"InvocationHttpParameters":` + added + `}`
)

func TestConnections(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	for name, c := range map[string]struct{ auth, state, shown string }{
		"basic": {basicAuth, "AUTHORIZED", `{"BasicAuthParameters":{"Username":"ann"}}`},
		"key":   {keyAuth, "AUTHORIZED", `{"ApiKeyAuthParameters":{"ApiKeyName":"X-Key"}}`},
		"oauth": {oauthAuth, "AUTHORIZING", `{"OAuthParameters":{"ClientParameters":{"ClientID":"id"},"AuthorizationEndpoint":"https://example.com/token","HttpMethod":"POST","OAuthHttpParameters":` + shown + `},"InvocationHttpParameters":` + shown + `}`},
	} {
		made := awstest.Decode[describedConnection](e.OK("CreateConnection", `{"Name":"`+name+`","Description":"d",`+c.auth+`,"KmsKeyIdentifier":"key"}`))
		if !strings.HasPrefix(made.ConnectionArn, arn("connection/"+name+"/")) || made.ConnectionState != c.state || made.CreationTime == 0 || made.LastModifiedTime == 0 {
			t.Errorf("%s: made %+v", name, made)
		}
		a := e.OK("DescribeConnection", `{"Name":"`+name+`"}`)
		got := awstest.Decode[describedConnection](a)
		_, id, _ := strings.Cut(made.ConnectionArn, name+"/")
		if got.ConnectionArn != made.ConnectionArn || got.Name != name || got.Description != "d" || got.ConnectionState != c.state || got.KmsKeyIdentifier != "key" ||
			got.SecretArn != "arn:aws:secretsmanager:us-east-1:000000000000:secret:events!connection/"+name+"/"+id || (got.LastAuthorizedTime == 0) == (c.state == "AUTHORIZED") {
			t.Errorf("%s is %+v", name, got)
		}
		if got := parametersOf(a.Body); got != c.shown {
			t.Errorf("%s has\n%s, want\n%s", name, got, c.shown)
		}
		e.Refuse("CreateConnection", `{"Name":"`+name+`",`+c.auth+`}`, thereAlready, "Connection "+name+" already exists.")
	}
	for filter, want := range map[string]string{`"x":1`: "basic key oauth", `"NamePrefix":"k"`: "key", `"ConnectionState":"AUTHORIZING"`: "oauth", `"ConnectionState":"AUTHORIZED"`: "basic key", `"ConnectionState":"DELETING"`: ""} {
		for limit := 1; limit < 5; limit++ {
			if got := strings.Join(pages(e, "ListConnections", `{`+filter+`}`, "Connections", "Name", limit), " "); got != want {
				t.Errorf("%s lists %s, want %s", filter, got, want)
			}
		}
	}
	if got := awstest.Decode[describedConnection](e.OK("DeauthorizeConnection", `{"Name":"key"}`)); got.ConnectionState != "DEAUTHORIZED" {
		t.Errorf("deauthorized: %+v", got)
	}
	if got := awstest.Decode[describedConnection](e.OK("DeleteConnection", `{"Name":"key"}`)); got.ConnectionState != "DELETING" {
		t.Errorf("deleted: %+v", got)
	}
	const gone = "Failed to describe the connection(s). Connection 'key' does not exist."
	for operation, more := range map[string]string{"DescribeConnection": "", "UpdateConnection": `,"Description":"d"`, "DeauthorizeConnection": "", "DeleteConnection": ""} {
		e.Refuse(operation, `{"Name":"key"`+more+`}`, noSuchThing, gone)
	}
}

// TestConnectionsAreChanged in what is given.
func TestConnectionsAreChanged(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.OK("CreateConnection", `{"Name":"c","Description":"d",`+strings.Replace(basicAuth, `"AuthParameters":{`, `"AuthParameters":{"InvocationHttpParameters":`+added+`,`, 1)+`}`)
	stored := func() *destination.Connection {
		r, ok := e.Defs.Get(destination.ConnectionTable, named("c"))
		if !ok {
			t.Fatal("it is gone")
		}
		return decoded[destination.Connection](t, r.Value)
	}
	e.OK("UpdateConnection", `{"Name":"c","AuthParameters":{"BasicAuthParameters":{"Username":"bob"}}}`)
	if c := stored(); c.Username != "bob" || c.Password != "hunter2" || c.Description != "d" || len(c.Parameters.Header) != 2 {
		t.Errorf("after a user name: %+v", c)
	}
	e.OK("UpdateConnection", `{"Name":"c","Description":"","AuthParameters":{"BasicAuthParameters":{"Password":"new"},"InvocationHttpParameters":{"QueryStringParameters":[{"Key":"k","Value":"v","IsValueSecret":true}]}}}`)
	if c := stored(); c.Username != "bob" || c.Password != "new" || c.Description != "" || len(c.Parameters.Header) != 0 || !c.Parameters.Query[0].Secret {
		t.Errorf("after a password: %+v", c)
	}
	e.OK("UpdateConnection", `{"Name":"c",`+oauthAuth+`}`)
	if c := stored(); c.Authorization != destination.OAuth || c.Username != "" || c.Password != "" || c.Token.ClientSecret != "hunter2" || len(c.Token.Parameters.Header) != 2 {
		t.Errorf("after another authorization: %+v", c)
	}
	e.OK("UpdateConnection", `{"Name":"c","AuthParameters":{"OAuthParameters":{"ClientParameters":{"ClientID":"other"},"HttpMethod":"PUT"}}}`)
	if c := stored(); c.Token.ClientID != "other" || c.Token.ClientSecret != "hunter2" || c.Token.Method != "PUT" || c.Token.Endpoint != "https://example.com/token" || len(c.Token.Parameters.Header) != 2 {
		t.Errorf("after another client: %+v", c.Token)
	}
	e.OK("UpdateConnection", `{"Name":"c",`+keyAuth+`}`)
	if c := stored(); c.Token != nil || c.KeyName != "X-Key" || len(c.Parameters.Query) != 1 && len(c.Parameters.Query) != 0 {
		t.Errorf("after a key: %+v", c)
	}
	before := stored()
	for input, told := range map[string]string{
		`"AuthorizationType":"BASIC"`: "Parameter AuthParameters.BasicAuthParameters must be specified completely for the authorization type BASIC.",
		`"AuthorizationType":"BASIC","AuthParameters":{"BasicAuthParameters":{"Username":"u"}}`:     "Parameter AuthParameters.BasicAuthParameters must be specified completely for the authorization type BASIC.",
		`"AuthParameters":{"BasicAuthParameters":{"Username":"u"}}`:                                 "Parameter AuthParameters is not valid. Reason: it has parameters for BASIC, and AuthorizationType is API_KEY.",
		`"InvocationConnectivityParameters":{"ResourceParameters":{"ResourceConfigurationArn":""}}`: "Parameter InvocationConnectivityParameters is not supported: the router has no connections to private APIs.",
	} {
		e.Refuse("UpdateConnection", `{"Name":"c",`+input+`}`, validationError, told)
	}
	if c := stored(); c.KeyValue != before.KeyValue || c.Authorization != before.Authorization {
		t.Errorf("what was refused has changed it: %+v", c)
	}
}

// TestConnectionsAreAuthorizedAnew with all the secrets that deauthorizing has forgotten.
func TestConnectionsAreAuthorizedAnew(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	state := func(update string) string {
		return awstest.Decode[describedConnection](e.OK("UpdateConnection", `{"Name":"c",`+update+`}`)).ConnectionState
	}
	e.OK("CreateConnection", `{"Name":"c",`+oauthAuth+`}`)
	e.OK("DeauthorizeConnection", `{"Name":"c"}`)
	if got := state(`"Description":"d"`); got != "DEAUTHORIZED" {
		t.Errorf("after a description it is %s", got)
	}
	const client = `"ClientParameters":{"ClientID":"id","ClientSecret":"hunter3"}`
	for update, told := range map[string]string{
		`"AuthParameters":{"InvocationHttpParameters":` + added + `}`:                    "Parameter AuthParameters.OAuthParameters must be specified completely for the authorization type OAUTH_CLIENT_CREDENTIALS.",
		`"AuthParameters":{"OAuthParameters":{` + client + `}}`:                          "token.parameters.header[1].value is required, since it is marked as secret.",
		`"AuthParameters":{"OAuthParameters":{` + client + `,"OAuthHttpParameters":{}}}`: "parameters.header[1].value is required, since it is marked as secret.",
		keyAuth: "parameters.header[1].value is required, since it is marked as secret.",
	} {
		e.Refuse("UpdateConnection", `{"Name":"c",`+update+`}`, validationError, told)
	}
	a := e.OK("DescribeConnection", `{"Name":"c"}`)
	if got := awstest.Decode[describedConnection](a); got.ConnectionState != "DEAUTHORIZED" || got.Description != "d" || !strings.Contains(a.Body, shown) {
		t.Errorf("it is %s", a.Body)
	}
	if got := state(`"AuthParameters":{"OAuthParameters":{` + client + `,"OAuthHttpParameters":` + added + `},"InvocationHttpParameters":` + added + `}`); got != "AUTHORIZING" {
		t.Errorf("with all it is %s", got)
	}
	e.OK("DeauthorizeConnection", `{"Name":"c"}`)
	if got := state(strings.Replace(keyAuth, `"AuthParameters":{`, `"AuthParameters":{"InvocationHttpParameters":{},`, 1)); got != "AUTHORIZED" {
		t.Errorf("with another authorization it is %s", got)
	}
}

func TestBadConnections(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	const incomplete = "Parameter AuthParameters.BasicAuthParameters must be specified completely for the authorization type BASIC."
	for input, told := range map[string]string{
		`"AuthorizationType":"BASIC","AuthParameters":{}`:                              incomplete,
		`"AuthorizationType":"BASIC","AuthParameters":{"InvocationHttpParameters":{}}`: incomplete,
		strings.Replace(keyAuth, "API_KEY", "BASIC", 1):                                "Parameter AuthParameters is not valid. Reason: it has parameters for API_KEY, and AuthorizationType is BASIC.",
		strings.Replace(basicAuth, `"AuthParameters":{`, `"AuthParameters":{"ConnectivityParameters":{"ResourceParameters":{"ResourceConfigurationArn":""}},`, 1):    "Parameter ConnectivityParameters is not supported: the router has no connections to private APIs.",
		basicAuth + `,"InvocationConnectivityParameters":{"ResourceParameters":{"ResourceConfigurationArn":""}}`:                                                     "Parameter InvocationConnectivityParameters is not supported: the router has no connections to private APIs.",
		strings.Replace(basicAuth, `"hunter2"`, `"hunter2:"`, 1):                                                                                                     `1 validation error detected: Value '***' at 'authParameters.basicAuthParameters.password' failed to satisfy constraint: Member must satisfy regular expression pattern: ^[ \t]*[^\x00-\x1F:\x7F]+([ \t]+[^\x00-\x1F:\x7F]+)*[ \t]*$`,
		strings.Replace(basicAuth, `"hunter2"`, `"`+strings.Repeat("hunter2", 100)+`"`, 1):                                                                           `1 validation error detected: Value '***' at 'authParameters.basicAuthParameters.password' failed to satisfy constraint: Member must have length less than or equal to 512`,
		strings.Replace(basicAuth, `"AuthParameters":{`, `"AuthParameters":{"InvocationHttpParameters":{"HeaderParameters":[{"Key":"Host","Value":"hunter2"}]},`, 1): "",
	} {
		a := e.Call("CreateConnection", `{"Name":"c",`+input+`}`)
		if a.Shape != validationError || told != "" && a.Message != told || strings.Contains(a.Message, "hunter2") {
			t.Errorf("%s\nanswered %d %s\nwant     %s", awstest.Short(input), a.Status, a.Body, told)
		}
	}
	if log := e.Log.String(); strings.Contains(log, "hunter2") {
		t.Errorf("logged %s", log)
	}
}

// TestSecretsAreNotShown by any answer.
func TestSecretsAreNotShown(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	for _, auth := range []string{basicAuth, keyAuth, oauthAuth} {
		all := []*awstest.Answer{
			e.OK("CreateConnection", `{"Name":"c",`+auth+`}`), e.Call("CreateConnection", `{"Name":"c",`+auth+`}`), e.OK("DescribeConnection", `{"Name":"c"}`),
			e.OK("ListConnections", `{}`), e.OK("UpdateConnection", `{"Name":"c",`+auth+`}`), e.OK("DeauthorizeConnection", `{"Name":"c"}`), e.OK("DeleteConnection", `{"Name":"c"}`),
			e.Call("UpdateConnection", `{"Name":"c",`+auth+`}`), e.Call("CreateConnection", `{"Name":"c!",`+auth+`}`),
		}
		for _, a := range all {
			if strings.Contains(a.Body, "hunter2") {
				t.Errorf("shown: %s", a.Body)
			}
		}
	}
}

// describedDestination is what DescribeApiDestination answers.
type describedDestination struct {
	ApiDestinationArn, Name, Description, ApiDestinationState, ConnectionArn, InvocationEndpoint, HttpMethod string
	InvocationRateLimitPerSecond                                                                             int
	CreationTime, LastModifiedTime                                                                           float64
}

func TestAPIDestinations(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	connection := func(name, auth string) string {
		return awstest.Decode[describedConnection](e.OK("CreateConnection", `{"Name":"`+name+`",`+auth+`}`)).ConnectionArn
	}
	basic, oauth := connection("basic", basicAuth), connection("oauth", oauthAuth)
	describe := func(name string) describedDestination {
		return awstest.Decode[describedDestination](e.OK("DescribeApiDestination", `{"Name":"`+name+`"}`))
	}
	create := func(name, connection, more string) string {
		return `{"Name":"` + name + `","ConnectionArn":"` + connection + `","InvocationEndpoint":"https://example.com/*/x","HttpMethod":"POST"` + more + `}`
	}
	made := awstest.Decode[describedDestination](e.OK("CreateApiDestination", create("d", basic, `,"Description":"d"`)))
	if !strings.HasPrefix(made.ApiDestinationArn, arn("api-destination/d/")) || made.ApiDestinationState != "ACTIVE" || made.CreationTime == 0 {
		t.Errorf("made %+v", made)
	}
	if got := describe("d"); got.ApiDestinationArn != made.ApiDestinationArn || got.Name != "d" || got.Description != "d" || got.ConnectionArn != basic ||
		got.InvocationEndpoint != "https://example.com/*/x" || got.HttpMethod != "POST" || got.InvocationRateLimitPerSecond != 300 {
		t.Errorf("it is %+v", got)
	}
	e.Refuse("CreateApiDestination", create("d", basic, ""), thereAlready, "An api-destination 'd' already exists.")
	if got := awstest.Decode[describedDestination](e.OK("CreateApiDestination", create("inactive", oauth, `,"InvocationRateLimitPerSecond":7`))); got.ApiDestinationState != "INACTIVE" {
		t.Errorf("of a connection that is not authorized: %+v", got)
	}
	e.OK("UpdateApiDestination", `{"Name":"d","HttpMethod":"PUT"}`)
	if got := describe("d"); got.HttpMethod != "PUT" || got.Description != "d" || got.ConnectionArn != basic {
		t.Errorf("changed, it is %+v", got)
	}
	if got := awstest.Decode[describedDestination](e.OK("UpdateApiDestination", `{"Name":"d","Description":"","ConnectionArn":"`+oauth+`","InvocationEndpoint":"http://example.com/","InvocationRateLimitPerSecond":1}`)); got.ApiDestinationState != "INACTIVE" {
		t.Errorf("changed: %+v", got)
	}
	if got := describe("d"); got.Description != "" || got.ConnectionArn != oauth || got.InvocationEndpoint != "http://example.com/" || got.InvocationRateLimitPerSecond != 1 {
		t.Errorf("changed, it is %+v", got)
	}
	e.OK("UpdateApiDestination", `{"Name":"d","ConnectionArn":"`+basic+`"}`)
	for filter, want := range map[string]string{`"x":1`: "d inactive", `"NamePrefix":"in"`: "inactive", `"ConnectionArn":"` + basic + `"`: "d", `"ConnectionArn":"` + oauth + `"`: "inactive", `"ConnectionArn":"` + arn("connection/none/1") + `"`: ""} {
		for limit := 1; limit < 4; limit++ {
			if got := strings.Join(pages(e, "ListApiDestinations", `{`+filter+`}`, "ApiDestinations", "Name", limit), " "); got != want {
				t.Errorf("%s lists %s, want %s", filter, got, want)
			}
		}
	}
	// Without its connection it is inactive, and says which that was.
	e.OK("DeleteConnection", `{"Name":"basic"}`)
	if got := describe("d"); got.ApiDestinationState != "INACTIVE" || got.ConnectionArn != basic {
		t.Errorf("without a connection it is %+v", got)
	}
	none := arn("connection/none/9d1e9f3e-5f0f-4c1b-a0a5-7f63f4e8f2f1")
	elsewhere := strings.Replace(none, account, other, 1)
	for _, missing := range []string{none, elsewhere, basic} {
		e.Refuse("CreateApiDestination", create("x", missing, ""), noSuchThing, "Connection '"+missing+"' does not exist.")
	}
	e.Refuse("UpdateApiDestination", `{"Name":"d","ConnectionArn":"`+none+`"}`, noSuchThing, "Connection '"+none+"' does not exist.")
	if got := e.OK("DeleteApiDestination", `{"Name":"d"}`).Body; got != `{}` {
		t.Errorf("deleted: %s", got)
	}
	for operation, more := range map[string]string{"DescribeApiDestination": "", "UpdateApiDestination": `,"Description":"d"`, "DeleteApiDestination": ""} {
		e.Refuse(operation, `{"Name":"d"`+more+`}`, noSuchThing, "Failed to describe the api-destination(s). An api-destination 'd' does not exist.")
	}
	a := e.Call("CreateApiDestination", strings.Replace(create("x", oauth, ""), "https://example.com/*/x", "ftp://example.com/", 1))
	if a.Shape != validationError {
		t.Errorf("another scheme: %s", a.Body)
	}
}

// TestConnectionsOfTheFile are listed, and can not be changed.
func TestConnectionsOfTheFile(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.declare(
		declaration(t, destination.ConnectionTable, named("c"), destination.Connection{Authorization: destination.Basic, Username: "u", Password: "hunter2"}),
		declaration(t, destination.Table, named("d"), destination.Destination{Connection: "c", URL: "https://example.com/", Method: "POST", Managed: true}),
	)
	c := awstest.Decode[describedConnection](e.OK("DescribeConnection", `{"Name":"c"}`))
	d := awstest.Decode[describedDestination](e.OK("DescribeApiDestination", `{"Name":"d"}`))
	if c.ConnectionState != "AUTHORIZED" || d.ApiDestinationState != "ACTIVE" || d.ConnectionArn != c.ConnectionArn || len(c.ConnectionArn) != len(arn("connection/c/"))+36 || len(d.ApiDestinationArn) != len(arn("api-destination/d/"))+36 {
		t.Errorf("they are %+v and %+v", c, d)
	}
	for operation, input := range map[string]string{"UpdateConnection": `{"Name":"c","Description":"x"}`, "DeauthorizeConnection": `{"Name":"c"}`, "DeleteConnection": `{"Name":"c"}`} {
		e.Refuse(operation, input, "AccessDeniedException", "connection c is declared by file:router.yaml and can only be changed there.")
	}
	for operation, input := range map[string]string{"UpdateApiDestination": `{"Name":"d","Description":"x"}`, "DeleteApiDestination": `{"Name":"d"}`} {
		e.Refuse(operation, input, "AccessDeniedException", "API destination d is declared by file:router.yaml and can only be changed there.")
	}
}
