package sns

import (
	"encoding/base64"

	"github.com/signalbox-mq/signalbox/httpapi/awsapi"
)

// pageSize is how many topics or subscriptions are listed at once.
const pageSize = 100

var pages = awsapi.Pages{
	Encoding: base64.StdEncoding,
	Invalid:  func() *awsapi.Error { return invalidParameter("NextToken Reason: Invalid token") },
}
