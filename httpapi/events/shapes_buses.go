package events

import (
	"time"

	"github.com/signalbox-mq/signalbox/httpapi/awsapi"
)

// busSettings is what can be said of a bus besides its name.
type busSettings struct {
	// Description is nil for none.
	Description awsapi.Text
	KMSKey      string
	DeadLetter  *deadLetterConfig
	Log         *logConfig
}

func (s *busSettings) fields(f []field) []field {
	return append(f,
		optional("Description", &s.Description),
		optional("KmsKeyIdentifier", &s.KMSKey),
		optional("DeadLetterConfig", awsapi.Part(&s.DeadLetter)),
		optional("LogConfig", awsapi.Part(&s.Log)),
	)
}

func (s *busSettings) constrain(c *awsapi.Constraints) {
	c.Optional("description", string(s.Description), description)
	c.Optional("kmsKeyIdentifier", s.KMSKey, kmsKey)
	s.DeadLetter.constrain(c, "deadLetterConfig")
	if s.Log != nil {
		c.Optional("logConfig.includeDetail", s.Log.IncludeDetail, logDetail)
		c.Optional("logConfig.level", s.Log.Level, logLevel)
	}
}

type logConfig struct{ IncludeDetail, Level string }

func (s *logConfig) Fields(f []field) []field {
	return append(f, optional("IncludeDetail", &s.IncludeDetail), optional("Level", &s.Level))
}

type createBusInput struct {
	Name, EventSourceName string
	busSettings
	Tags []awsapi.Tag
}

func (s *createBusInput) Fields(f []field) []field {
	return s.fields(append(f, required("Name", &s.Name), optional("EventSourceName", &s.EventSourceName), optional("Tags", awsapi.List(&s.Tags))))
}

func (s *createBusInput) Constrain(c *awsapi.Constraints) {
	c.Text("name", s.Name, busNameIs)
	c.Optional("eventSourceName", s.EventSourceName, partnerSource)
	tags(c, s.Tags)
	s.constrain(c)
}

type createBusOutput struct {
	ARN string
	busSettings
}

func (s *createBusOutput) Fields(f []field) []field {
	return s.fields(append(f, optional("EventBusArn", &s.ARN)))
}

type updateBusInput struct {
	Name string
	busSettings
}

func (s *updateBusInput) Fields(f []field) []field {
	return s.fields(append(f, optional("Name", &s.Name)))
}

func (s *updateBusInput) Constrain(c *awsapi.Constraints) {
	c.Optional("name", s.Name, busNameIs)
	s.constrain(c)
}

type updateBusOutput struct {
	ARN, Name string
	busSettings
}

func (s *updateBusOutput) Fields(f []field) []field {
	return s.fields(append(f, optional("Arn", &s.ARN), optional("Name", &s.Name)))
}

// onBus is the input of an operation on a bus that need not be named.
type onBus struct{ Name string }

func (s *onBus) Fields(f []field) []field { return append(f, optional("Name", &s.Name)) }

func (s *onBus) Constrain(c *awsapi.Constraints) { bus(c, "name", s.Name) }

type describeBusOutput struct {
	Name, ARN string
	busSettings
	Policy            string
	Created, Modified time.Time
}

func (s *describeBusOutput) Fields(f []field) []field {
	return s.fields(append(f,
		optional("Name", &s.Name), optional("Arn", &s.ARN), optional("Policy", &s.Policy),
		optional("CreationTime", &s.Created), optional("LastModifiedTime", &s.Modified),
	))
}

type deleteBusInput struct{ Name string }

func (s *deleteBusInput) Fields(f []field) []field { return append(f, required("Name", &s.Name)) }

func (s *deleteBusInput) Constrain(c *awsapi.Constraints) { c.Text("name", s.Name, busNameIs) }

type listBusesInput struct {
	Prefix string
	paged
}

func (s *listBusesInput) Fields(f []field) []field {
	return s.fields(append(f, optional("NamePrefix", &s.Prefix)))
}

func (s *listBusesInput) Constrain(c *awsapi.Constraints) {
	c.Optional("namePrefix", s.Prefix, busNameIs)
	s.constrain(c)
}

type listBusesOutput struct {
	Buses     []listedBus
	NextToken string
}

func (s *listBusesOutput) Fields(f []field) []field {
	return append(f, always("EventBuses", awsapi.List(&s.Buses)), optional("NextToken", &s.NextToken))
}

type listedBus struct {
	Name, ARN, Description, Policy string
	Created, Modified              time.Time
}

func (s *listedBus) Fields(f []field) []field {
	return append(f,
		optional("Name", &s.Name), optional("Arn", &s.ARN), optional("Description", &s.Description), optional("Policy", &s.Policy),
		optional("CreationTime", &s.Created), optional("LastModifiedTime", &s.Modified),
	)
}

type putPermissionInput struct {
	BusName, Action, Principal, StatementID string
	Condition                               *condition
	Policy                                  string
}

func (s *putPermissionInput) Fields(f []field) []field {
	return append(f,
		optional("EventBusName", &s.BusName), optional("Action", &s.Action), optional("Principal", &s.Principal),
		optional("StatementId", &s.StatementID), optional("Condition", awsapi.Part(&s.Condition)), optional("Policy", &s.Policy),
	)
}

func (s *putPermissionInput) Constrain(c *awsapi.Constraints) {
	c.Optional("eventBusName", s.BusName, ownBusName)
	c.Optional("action", s.Action, action)
	c.Optional("principal", s.Principal, principal)
	c.Optional("statementId", s.StatementID, statementID)
}

type condition struct{ Type, Key, Value string }

func (s *condition) Fields(f []field) []field {
	return append(f, required("Type", &s.Type), required("Key", &s.Key), required("Value", &s.Value))
}

type removePermissionInput struct {
	StatementID string
	All         bool
	BusName     string
}

func (s *removePermissionInput) Fields(f []field) []field {
	return append(f, optional("StatementId", &s.StatementID), optional("RemoveAllPermissions", &s.All), optional("EventBusName", &s.BusName))
}

func (s *removePermissionInput) Constrain(c *awsapi.Constraints) {
	c.Optional("statementId", s.StatementID, statementID)
	c.Optional("eventBusName", s.BusName, ownBusName)
}
