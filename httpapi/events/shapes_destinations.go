package events

import (
	"time"

	"github.com/signalbox-mq/signalbox/httpapi/awsapi"
)

// destinationSettings is what can be changed of an API destination, and is required when it is made.
type destinationSettings struct {
	ConnectionARN, URL, Method string
	Rate                       awsapi.Int
}

func (s *destinationSettings) fields(f []field, is func(name string, to any) field) []field {
	return append(f,
		is("ConnectionArn", &s.ConnectionARN), is("InvocationEndpoint", &s.URL), is("HttpMethod", &s.Method), optional("InvocationRateLimitPerSecond", &s.Rate),
	)
}

type createDestinationInput struct {
	Name, Description string
	destinationSettings
}

func (s *createDestinationInput) Fields(f []field) []field {
	return s.fields(append(f, required("Name", &s.Name), optional("Description", &s.Description)), required)
}

func (s *createDestinationInput) Constrain(c *awsapi.Constraints) {
	c.Text("name", s.Name, name64)
	c.Optional("description", s.Description, oneLine)
	c.Text("connectionArn", s.ConnectionARN, connectionARNIs)
	c.Text("invocationEndpoint", s.URL, httpURL)
	c.Text("httpMethod", s.Method, httpMethod)
	c.Number("invocationRateLimitPerSecond", s.Rate, 1, maxInteger)
}

type updateDestinationInput struct {
	Name        string
	Description awsapi.Text
	destinationSettings
}

func (s *updateDestinationInput) Fields(f []field) []field {
	return s.fields(append(f, required("Name", &s.Name), optional("Description", &s.Description)), optional)
}

func (s *updateDestinationInput) Constrain(c *awsapi.Constraints) {
	c.Text("name", s.Name, name64)
	c.Optional("description", string(s.Description), oneLine)
	c.Optional("connectionArn", s.ConnectionARN, connectionARNIs)
	c.Optional("invocationEndpoint", s.URL, httpURL)
	c.Optional("httpMethod", s.Method, httpMethod)
	c.Number("invocationRateLimitPerSecond", s.Rate, 1, maxInteger)
}

type changedDestinationOutput struct {
	ARN, State        string
	Created, Modified time.Time
}

func (s *changedDestinationOutput) Fields(f []field) []field {
	return append(f,
		optional("ApiDestinationArn", &s.ARN), optional("ApiDestinationState", &s.State), optional("CreationTime", &s.Created), optional("LastModifiedTime", &s.Modified),
	)
}

type onDestination struct{ Name string }

func (s *onDestination) Fields(f []field) []field { return append(f, required("Name", &s.Name)) }

func (s *onDestination) Constrain(c *awsapi.Constraints) { c.Text("name", s.Name, name64) }

// listedDestination is an API destination as it is listed.
type listedDestination struct {
	changedDestinationOutput
	Name string
	destinationSettings
}

func (s *listedDestination) Fields(f []field) []field {
	return s.fields(append(s.changedDestinationOutput.Fields(f), optional("Name", &s.Name)), optional)
}

type describeDestinationOutput struct {
	listedDestination
	Description string
}

func (s *describeDestinationOutput) Fields(f []field) []field {
	return append(s.listedDestination.Fields(f), optional("Description", &s.Description))
}

type listDestinationsInput struct {
	Prefix, ConnectionARN string
	paged
}

func (s *listDestinationsInput) Fields(f []field) []field {
	return s.paged.fields(append(f, optional("NamePrefix", &s.Prefix), optional("ConnectionArn", &s.ConnectionARN)))
}

func (s *listDestinationsInput) Constrain(c *awsapi.Constraints) {
	c.Optional("namePrefix", s.Prefix, name64)
	c.Optional("connectionArn", s.ConnectionARN, connectionARNIs)
	s.constrain(c)
}

type listDestinationsOutput struct {
	Destinations []listedDestination
	NextToken    string
}

func (s *listDestinationsOutput) Fields(f []field) []field {
	return append(f, always("ApiDestinations", awsapi.List(&s.Destinations)), optional("NextToken", &s.NextToken))
}
