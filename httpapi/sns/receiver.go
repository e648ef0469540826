package sns

import (
	"net/url"
	"strings"

	"github.com/signalbox-mq/signalbox/httpapi/awsapi"
	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/topic"
)

// The protocols that the router has.
const (
	protocolSQS    = "sqs"
	protocolLambda = "lambda"
	protocolHTTP   = "http"
	protocolHTTPS  = "https"
)

// endpointAttribute has the ARN with a qualifier in subscriptions that were made before they had one themselves.
const endpointAttribute = "Endpoint"

const (
	functionPrefix = "function:"
	// fifoSuffix is what the names of FIFO queues end in.
	fifoSuffix = ".fifo"
)

// receiver makes the subscription of an endpoint to a topic.
func receiver(of *topic.Entry, protocol, endpoint string) (topic.Subscription, error) {
	reason, known := refusedProtocol(protocol)
	switch {
	case !known:
		return topic.Subscription{}, invalidParameter("Amazon SNS does not support this protocol string: " + awsapi.Clip(protocol))
	case reason != "":
		return topic.Subscription{}, invalidParameter("Protocol Reason: The protocol " + protocol + " is not supported: " + reason + ".")
	case of.Topic.FIFO && protocol != protocolSQS:
		return topic.Subscription{}, invalidParameter("Invalid protocol type: " + protocol)
	case endpoint == "":
		return topic.Subscription{}, invalidParameter("Endpoint")
	}
	switch protocol {
	case protocolSQS:
		return queueReceiver(of, endpoint)
	case protocolLambda:
		return functionReceiver(of, endpoint)
	}
	if !strings.HasPrefix(endpoint, protocol+"://") {
		return topic.Subscription{}, invalidParameter("Endpoint must match the specified protocol")
	}
	return topic.Subscription{URL: endpoint, Raw: new(false)}, nil
}

func queueReceiver(of *topic.Entry, arn string) (topic.Subscription, error) {
	name, ok := queueOf(arn)
	if !ok {
		return topic.Subscription{}, invalidParameter("SQS endpoint ARN")
	}
	if strings.HasSuffix(name.Name, fifoSuffix) && !of.Topic.FIFO {
		return topic.Subscription{}, invalidParameter("Invalid parameter: Endpoint Reason: FIFO SQS Queues can not be subscribed to standard SNS topics")
	}
	s := topic.Subscription{Queue: name.Name, Raw: new(false)}
	s.Account, s.Region = elsewhere(of.Name, name)
	return s, nil
}

func functionReceiver(of *topic.Entry, arn string) (topic.Subscription, error) {
	a, err := awsapi.ParseARN(arn)
	name, ok := strings.CutPrefix(a.Resource, functionPrefix)
	name, qualifier, qualified := strings.Cut(name, ":")
	if err != nil || a.Service != protocolLambda || !awsapi.IsAccount(a.Account) || a.Region == "" || !ok || name == "" || qualified && !isQualifier(qualifier) {
		return topic.Subscription{}, invalidParameter("Lambda endpoint ARN")
	}
	s := topic.Subscription{Function: name, Qualifier: qualifier, AsSNS: true}
	s.Account, s.Region = elsewhere(of.Name, catalog.Name{Account: a.Account, Region: a.Region})
	return s, nil
}

// isQualifier says whether text can be a version or an alias of a Lambda function.
func isQualifier(text string) bool {
	return text == "$LATEST" || len(text) <= 128 && awsapi.IsLabel(text)
}

// queueOf is the queue that an ARN names.
func queueOf(arn string) (catalog.Name, bool) {
	a, err := awsapi.ParseARN(arn)
	if err != nil || a.Service != protocolSQS || !awsapi.IsAccount(a.Account) || a.Region == "" ||
		queue.ValidateName(a.Resource, strings.HasSuffix(a.Resource, fifoSuffix)) != nil {
		return catalog.Name{}, false
	}
	return catalog.Name{Account: a.Account, Region: a.Region, Name: a.Resource}, true
}

// elsewhere are the account and region of a receiver, empty for the topic's.
func elsewhere(of, receiver catalog.Name) (account, region string) {
	if receiver.Account != of.Account {
		account = receiver.Account
	}
	if receiver.Region != of.Region {
		region = receiver.Region
	}
	return account, region
}

func protocolOf(s *topic.Subscription) string {
	switch {
	case s.Queue != "":
		return protocolSQS
	case s.Function != "":
		return protocolLambda
	case strings.HasPrefix(strings.ToLower(s.URL), protocolHTTPS+":"):
		return protocolHTTPS
	}
	return protocolHTTP
}

func endpointOf(of catalog.Name, s *topic.Subscription) string {
	switch {
	case s.Kept[endpointAttribute] != "":
		return s.Kept[endpointAttribute]
	case s.Queue != "":
		return otherARN(protocolSQS, of, s.Account, s.Region, s.Queue)
	case s.Function != "":
		resource := functionPrefix + s.Function
		if s.Qualifier != "" {
			resource += ":" + s.Qualifier
		}
		return otherARN(protocolLambda, of, s.Account, s.Region, resource)
	}
	return withoutPassword(s.URL)
}

// withoutPassword hides the password of a URL, which whoever may list subscriptions need not know.
func withoutPassword(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.User == nil {
		return text
	}
	if _, has := u.User.Password(); !has {
		return text
	}
	return strings.Replace(u.Redacted(), ":xxxxx@", ":****@", 1)
}
