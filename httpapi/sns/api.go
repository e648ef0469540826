package sns

import (
	"github.com/signalbox-mq/signalbox/httpapi/awsapi"
	"github.com/signalbox-mq/signalbox/topic"
)

// API is the operations of SNS.
type API struct{ topics *topic.Topics }

// New returns the API of topics.
func New(topics *topic.Topics) *API { return &API{topics: topics} }

// Service returns the table of the operations.
func (a *API) Service() *awsapi.Service {
	return &awsapi.Service{
		Name:         "sns",
		QueryVersion: "2010-03-31",
		Namespace:    "http://sns.amazonaws.com/doc/2010-03-31/",
		Coral:        true,
		Operations:   a.operations(),
		Refused:      refused(),
		ErrorOf:      errorOf,
	}
}
