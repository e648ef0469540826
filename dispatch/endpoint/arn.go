package endpoint

import "strings"

// ARNs of what the router holds, in the forms AWS gives them. They identify rules and targets in dead letters, transforms
// and API answers.

// RuleARN names a rule. The default bus is left out, as on AWS.
func RuleARN(account, region, bus, rule string) string {
	if bus != "" && bus != "default" {
		rule = bus + "/" + rule
	}
	return arn("events", account, region, "rule/"+rule)
}

// BusARN names an event bus.
func BusARN(account, region, bus string) string {
	return arn("events", account, region, "event-bus/"+bus)
}

// QueueARN names a queue.
func QueueARN(account, region, queue string) string { return arn("sqs", account, region, queue) }

// TopicARN names a topic.
func TopicARN(account, region, topic string) string { return arn("sns", account, region, topic) }

// SubscriptionARN names a subscription of a topic by its UUID.
func SubscriptionARN(account, region, topic, id string) string {
	return arn("sns", account, region, topic+":"+id)
}

// FunctionARN names a function.
func FunctionARN(account, region, function string) string {
	return arn("lambda", account, region, "function:"+function)
}

// DestinationARN names an API destination by its name and UUID.
func DestinationARN(account, region, name, uuid string) string {
	return arn("events", account, region, "api-destination/"+name+"/"+uuid)
}

// ConnectionARN names the connection of API destinations by its name and UUID.
func ConnectionARN(account, region, name, uuid string) string {
	return arn("events", account, region, "connection/"+name+"/"+uuid)
}

func arn(service, account, region, resource string) string {
	return strings.Join([]string{"arn", "aws", service, region, account, resource}, ":")
}

// TargetARN names a receiver of deliveries by its kind: "function", "queue", "topic", "bus" or
// "api-destination", whose ARN is without the UUID that it ends in on AWS.
func TargetARN(account, region, kind, name string) string {
	switch kind {
	case "queue":
		return QueueARN(account, region, name)
	case "topic":
		return TopicARN(account, region, name)
	case "bus":
		return BusARN(account, region, name)
	case "api-destination":
		return arn("events", account, region, "api-destination/"+name)
	default:
		return FunctionARN(account, region, name)
	}
}
