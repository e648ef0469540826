package events

import (
	"fmt"
	"time"

	"github.com/signalbox-mq/signalbox/httpapi/awsapi"
)

// The parameters of connections are of one shape for those that are made and those that are changed, but for what is required; what
// is answered has no secrets.

// createConnectionInput has the parameters for which everything is required.
type createConnectionInput struct {
	Name, Description, Type string
	Auth                    *newAuth
	Connectivity            *resourceParameters
	KMSKey                  string
}

func (s *createConnectionInput) Fields(f []field) []field {
	return append(f,
		required("Name", &s.Name), optional("Description", &s.Description), required("AuthorizationType", &s.Type), required("AuthParameters", awsapi.Part(&s.Auth)),
		optional("InvocationConnectivityParameters", awsapi.Part(&s.Connectivity)), optional("KmsKeyIdentifier", &s.KMSKey),
	)
}

func (s *createConnectionInput) Constrain(c *awsapi.Constraints) {
	c.Text("name", s.Name, name64)
	c.Optional("description", s.Description, oneLine)
	c.Text("authorizationType", s.Type, authType)
	c.Optional("kmsKeyIdentifier", s.KMSKey, kmsKey)
	s.Connectivity.constrain(c, "invocationConnectivityParameters")
	if s.Auth != nil {
		s.Auth.changes().constrain(c, "authParameters.", c.Text, secret)
	}
}

type updateConnectionInput struct {
	Name         string
	Description  awsapi.Text
	Type         string
	Auth         *auth
	Connectivity *resourceParameters
	KMSKey       string
}

func (s *updateConnectionInput) Fields(f []field) []field {
	return append(f,
		required("Name", &s.Name), optional("Description", &s.Description), optional("AuthorizationType", &s.Type), optional("AuthParameters", awsapi.Part(&s.Auth)),
		optional("InvocationConnectivityParameters", awsapi.Part(&s.Connectivity)), optional("KmsKeyIdentifier", &s.KMSKey),
	)
}

func (s *updateConnectionInput) Constrain(c *awsapi.Constraints) {
	c.Text("name", s.Name, name64)
	c.Optional("description", string(s.Description), oneLine)
	c.Optional("authorizationType", s.Type, authType)
	c.Optional("kmsKeyIdentifier", s.KMSKey, kmsKey)
	s.Connectivity.constrain(c, "invocationConnectivityParameters")
	s.Auth.constrain(c, "authParameters.", c.Optional, optionalSecret)
}

// auth is the parameters of a connection of which none is required.
type auth struct {
	Basic        *basicAuth
	OAuth        *oauth
	APIKey       *apiKeyAuth
	Invocation   *connectionParameters
	Connectivity *resourceParameters
}

func (s *auth) Fields(f []field) []field {
	return append(f,
		optional("BasicAuthParameters", awsapi.Part(&s.Basic)), optional("OAuthParameters", awsapi.Part(&s.OAuth)), optional("ApiKeyAuthParameters", awsapi.Part(&s.APIKey)),
		optional("InvocationHttpParameters", awsapi.Part(&s.Invocation)), optional("ConnectivityParameters", awsapi.Part(&s.Connectivity)),
	)
}

// constrain holds the parameters against the model: texts and secrets as those that are required, or as those that are not.
func (s *auth) constrain(
	c *awsapi.Constraints, path string, text func(path, value string, rule *awsapi.TextRule), secret func(c *awsapi.Constraints, path, value string, rule *awsapi.TextRule),
) {
	if s == nil {
		return
	}
	if p := s.Basic; p != nil {
		text(path+"basicAuthParameters.username", p.Username, authText)
		secret(c, path+"basicAuthParameters.password", p.Password, authText)
	}
	if p := s.APIKey; p != nil {
		text(path+"apiKeyAuthParameters.apiKeyName", p.Name, authText)
		secret(c, path+"apiKeyAuthParameters.apiKeyValue", p.Value, authText)
	}
	if p := s.OAuth; p != nil {
		path := path + "oAuthParameters."
		if p.Client != nil {
			text(path+"clientParameters.clientID", p.Client.ID, authText)
			secret(c, path+"clientParameters.clientSecret", p.Client.Secret, authText)
		}
		text(path+"authorizationEndpoint", p.Endpoint, httpURL)
		text(path+"httpMethod", p.Method, oauthMethod)
		p.Parameters.constrain(c, path+"oAuthHttpParameters.")
	}
	s.Invocation.constrain(c, path+"invocationHttpParameters.")
	s.Connectivity.constrain(c, path+"connectivityParameters")
}

type basicAuth struct{ Username, Password string }

func (s *basicAuth) Fields(f []field) []field {
	return append(f, optional("Username", &s.Username), optional("Password", &s.Password))
}

type apiKeyAuth struct{ Name, Value string }

func (s *apiKeyAuth) Fields(f []field) []field {
	return append(f, optional("ApiKeyName", &s.Name), optional("ApiKeyValue", &s.Value))
}

type oauth struct {
	Client           *oauthClient
	Endpoint, Method string
	Parameters       *connectionParameters
}

func (s *oauth) Fields(f []field) []field {
	return append(f,
		optional("ClientParameters", awsapi.Part(&s.Client)), optional("AuthorizationEndpoint", &s.Endpoint), optional("HttpMethod", &s.Method),
		optional("OAuthHttpParameters", awsapi.Part(&s.Parameters)),
	)
}

type oauthClient struct{ ID, Secret string }

func (s *oauthClient) Fields(f []field) []field {
	return append(f, optional("ClientID", &s.ID), optional("ClientSecret", &s.Secret))
}

// These are the same with everything required.

type newAuth struct {
	Basic        *newBasicAuth
	OAuth        *newOAuth
	APIKey       *newAPIKeyAuth
	Invocation   *connectionParameters
	Connectivity *resourceParameters
}

func (s *newAuth) Fields(f []field) []field {
	return append(f,
		optional("BasicAuthParameters", awsapi.Part(&s.Basic)), optional("OAuthParameters", awsapi.Part(&s.OAuth)), optional("ApiKeyAuthParameters", awsapi.Part(&s.APIKey)),
		optional("InvocationHttpParameters", awsapi.Part(&s.Invocation)), optional("ConnectivityParameters", awsapi.Part(&s.Connectivity)),
	)
}

// changes are the parameters as those of a change.
func (s *newAuth) changes() *auth {
	out := &auth{Basic: (*basicAuth)(s.Basic), APIKey: (*apiKeyAuth)(s.APIKey), Invocation: s.Invocation, Connectivity: s.Connectivity}
	if s.OAuth != nil {
		out.OAuth = &oauth{(*oauthClient)(s.OAuth.Client), s.OAuth.Endpoint, s.OAuth.Method, s.OAuth.Parameters}
	}
	return out
}

type newBasicAuth basicAuth

func (s *newBasicAuth) Fields(f []field) []field {
	return append(f, required("Username", &s.Username), required("Password", &s.Password))
}

type newAPIKeyAuth apiKeyAuth

func (s *newAPIKeyAuth) Fields(f []field) []field {
	return append(f, required("ApiKeyName", &s.Name), required("ApiKeyValue", &s.Value))
}

type newOAuth struct {
	Client           *newOAuthClient
	Endpoint, Method string
	Parameters       *connectionParameters
}

func (s *newOAuth) Fields(f []field) []field {
	return append(f,
		required("ClientParameters", awsapi.Part(&s.Client)), required("AuthorizationEndpoint", &s.Endpoint), required("HttpMethod", &s.Method),
		optional("OAuthHttpParameters", awsapi.Part(&s.Parameters)),
	)
}

type newOAuthClient oauthClient

func (s *newOAuthClient) Fields(f []field) []field {
	return append(f, required("ClientID", &s.ID), required("ClientSecret", &s.Secret))
}

// resourceParameters are for private APIs, which the router does not have.
type resourceParameters struct{ Resource *resourceConfiguration }

func (s *resourceParameters) Fields(f []field) []field {
	return append(f, required("ResourceParameters", awsapi.Part(&s.Resource)))
}

func (s *resourceParameters) constrain(c *awsapi.Constraints, path string) {
	if s != nil && s.Resource != nil {
		c.Optional(path+".resourceParameters.resourceConfigurationArn", s.Resource.ARN, resourceIs)
	}
}

type resourceConfiguration struct{ ARN string }

func (s *resourceConfiguration) Fields(f []field) []field {
	return append(f, required("ResourceConfigurationArn", &s.ARN))
}

// connectionParameters are added to each request.
type connectionParameters struct{ Header, Query, Body []connectionParameter }

func (s *connectionParameters) Fields(f []field) []field {
	return append(f,
		optional("HeaderParameters", awsapi.List(&s.Header)), optional("QueryStringParameters", awsapi.List(&s.Query)), optional("BodyParameters", awsapi.List(&s.Body)),
	)
}

// maxParameters is how many there are of each kind.
const maxParameters = 100

func (s *connectionParameters) constrain(c *awsapi.Constraints, path string) {
	if s == nil {
		return
	}
	for _, of := range []struct {
		name        string
		list        []connectionParameter
		key, values *awsapi.TextRule
	}{
		{"headerParameters", s.Header, headerKey, headerValue},
		{"queryStringParameters", s.Query, queryKey, queryValue},
		{"bodyParameters", s.Body, nil, nil},
	} {
		c.Length(path+of.name, fmt.Sprintf("[%d parameters]", len(of.list)), len(of.list), 0, maxParameters)
		if of.key == nil {
			continue
		}
		for i, p := range of.list {
			at := fmt.Sprintf("%s%s.%d.member.", path, of.name, i+1)
			c.Optional(at+"key", p.Key, of.key)
			optionalSecret(c, at+"value", p.Value, of.values)
		}
	}
}

type connectionParameter struct {
	Key, Value string
	Secret     bool
}

func (s *connectionParameter) Fields(f []field) []field {
	return append(f, optional("Key", &s.Key), optional("Value", &s.Value), optional("IsValueSecret", &s.Secret))
}

type onConnection struct{ Name string }

func (s *onConnection) Fields(f []field) []field { return append(f, required("Name", &s.Name)) }

func (s *onConnection) Constrain(c *awsapi.Constraints) { c.Text("name", s.Name, name64) }

type createConnectionOutput struct {
	ARN, State        string
	Created, Modified time.Time
}

func (s *createConnectionOutput) Fields(f []field) []field {
	return append(f,
		optional("ConnectionArn", &s.ARN), optional("ConnectionState", &s.State), optional("CreationTime", &s.Created), optional("LastModifiedTime", &s.Modified),
	)
}

type changedConnectionOutput struct {
	createConnectionOutput
	Authorized time.Time
}

func (s *changedConnectionOutput) Fields(f []field) []field {
	return append(s.createConnectionOutput.Fields(f), optional("LastAuthorizedTime", &s.Authorized))
}

// listedConnection is a connection as it is listed.
type listedConnection struct {
	changedConnectionOutput
	Name, Reason, Type string
}

func (s *listedConnection) Fields(f []field) []field {
	return append(s.changedConnectionOutput.Fields(f), optional("Name", &s.Name), optional("StateReason", &s.Reason), optional("AuthorizationType", &s.Type))
}

type describeConnectionOutput struct {
	listedConnection
	Description, SecretARN, KMSKey string
	Auth                           *shownAuth
}

func (s *describeConnectionOutput) Fields(f []field) []field {
	return append(s.listedConnection.Fields(f),
		optional("Description", &s.Description), optional("SecretArn", &s.SecretARN), optional("KmsKeyIdentifier", &s.KMSKey),
		optional("AuthParameters", awsapi.Part(&s.Auth)),
	)
}

// shownAuth is the parameters of a connection without secrets.
type shownAuth struct {
	Basic      *shownBasicAuth
	OAuth      *shownOAuth
	APIKey     *shownAPIKey
	Invocation *connectionParameters
}

func (s *shownAuth) Fields(f []field) []field {
	return append(f,
		optional("BasicAuthParameters", awsapi.Part(&s.Basic)), optional("OAuthParameters", awsapi.Part(&s.OAuth)), optional("ApiKeyAuthParameters", awsapi.Part(&s.APIKey)),
		optional("InvocationHttpParameters", awsapi.Part(&s.Invocation)),
	)
}

type shownBasicAuth struct{ Username string }

func (s *shownBasicAuth) Fields(f []field) []field {
	return append(f, optional("Username", &s.Username))
}

type shownAPIKey struct{ Name string }

func (s *shownAPIKey) Fields(f []field) []field { return append(f, optional("ApiKeyName", &s.Name)) }

type shownOAuth struct {
	Client           *shownClient
	Endpoint, Method string
	Parameters       *connectionParameters
}

func (s *shownOAuth) Fields(f []field) []field {
	return append(f,
		optional("ClientParameters", awsapi.Part(&s.Client)), optional("AuthorizationEndpoint", &s.Endpoint), optional("HttpMethod", &s.Method),
		optional("OAuthHttpParameters", awsapi.Part(&s.Parameters)),
	)
}

type shownClient struct{ ID string }

func (s *shownClient) Fields(f []field) []field { return append(f, optional("ClientID", &s.ID)) }

type listConnectionsInput struct {
	Prefix, State string
	paged
}

func (s *listConnectionsInput) Fields(f []field) []field {
	return s.fields(append(f, optional("NamePrefix", &s.Prefix), optional("ConnectionState", &s.State)))
}

func (s *listConnectionsInput) Constrain(c *awsapi.Constraints) {
	c.Optional("namePrefix", s.Prefix, name64)
	c.Optional("connectionState", s.State, connectedState)
	s.constrain(c)
}

type listConnectionsOutput struct {
	Connections []listedConnection
	NextToken   string
}

func (s *listConnectionsOutput) Fields(f []field) []field {
	return append(f, always("Connections", awsapi.List(&s.Connections)), optional("NextToken", &s.NextToken))
}
