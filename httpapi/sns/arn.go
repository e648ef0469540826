package sns

import (
	"fmt"
	"strings"

	"github.com/signalbox-mq/signalbox/httpapi/awsapi"
	"github.com/signalbox-mq/signalbox/queue/catalog"
)

// arnElements is how many an ARN has at least.
const arnElements = 6

// readARN reads the ARN of something of SNS that a parameter has.
func readARN(parameter, text string) (awsapi.ARN, error) {
	a, err := awsapi.ParseARN(text)
	if err != nil {
		n := strings.Count(text, ":") + 1
		if n >= arnElements {
			return a, invalidParameter(parameter + " Reason: An ARN must begin with arn:")
		}
		return a, invalidParameter(fmt.Sprintf("%s Reason: An ARN must have at least %d elements, not %d", parameter, arnElements, n))
	}
	if a.Service != "sns" || !awsapi.IsAccount(a.Account) || a.Region == "" || a.Resource == "" {
		return a, invalidParameter(parameter)
	}
	return a, nil
}

// topicName is the topic that an ARN names. It must be one of the region that the client signs for, but who does not sign is
// not in any.
func topicName(r *awsapi.Request, parameter, text string) (catalog.Name, error) {
	a, err := readARN(parameter, text)
	if err != nil {
		return catalog.Name{}, err
	}
	if strings.ContainsAny(a.Resource, ":/") || r.Principal != "" && a.Region != r.Region {
		return catalog.Name{}, invalidParameter(parameter)
	}
	return catalog.Name{Account: a.Account, Region: a.Region, Name: a.Resource}, nil
}

// subscriptionName is the topic of the subscription that an ARN names, and its own last part.
func subscriptionName(text string) (of catalog.Name, uuid string, err error) {
	a, err := readARN("SubscriptionArn", text)
	if err != nil {
		return catalog.Name{}, "", err
	}
	name, uuid, ok := strings.Cut(a.Resource, ":")
	if !ok || name == "" || uuid == "" || strings.Contains(name, "/") {
		return catalog.Name{}, "", invalidParameter("SubscriptionId")
	}
	return catalog.Name{Account: a.Account, Region: a.Region, Name: name}, uuid, nil
}

// arnOf is the ARN of a topic.
func arnOf(name catalog.Name) string {
	return awsapi.ARN{Service: "sns", Region: name.Region, Account: name.Account, Resource: name.Name}.String()
}

// otherARN is the ARN of something of another service in the account and region of a topic, unless it is told to be elsewhere.
func otherARN(service string, of catalog.Name, account, region, resource string) string {
	a := awsapi.ARN{Service: service, Region: of.Region, Account: of.Account, Resource: resource}
	if account != "" {
		a.Account = account
	}
	if region != "" {
		a.Region = region
	}
	return a.String()
}
