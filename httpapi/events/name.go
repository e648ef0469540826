package events

import (
	"strings"

	"github.com/signalbox-mq/signalbox/dispatch/destination"
	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
	"github.com/signalbox-mq/signalbox/httpapi/awsapi"
	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/rules"
)

// Names and ARNs. A thing is found by its name in the caller's account and region, and in those of its ARN.

// named is something of the caller's.
func named(r *awsapi.Request, name string) catalog.Name {
	return catalog.Name{Account: r.Account, Region: r.Region, Name: name}
}

// busName is the bus that a parameter names, by its name or its ARN; the default bus for none.
func busName(r *awsapi.Request, given string) catalog.Name {
	if given == "" {
		return named(r, rules.DefaultBus)
	}
	if of, name, ok := busOfARN(given); ok {
		return catalog.Name{Account: of.Account, Region: of.Region, Name: name}
	}
	return named(r, given)
}

// What the resources of ARNs begin with.
const (
	busResource         = "event-bus/"
	ruleResource        = "rule/"
	archiveResource     = "archive/"
	replayResource      = "replay/"
	connectionResource  = "connection/"
	destinationResource = "api-destination/"
)

const serviceEvents = "events"

// ofARN reads an ARN of something of EventBridge and returns what is behind its kind.
func ofARN(text, kind string) (a awsapi.ARN, name string, ok bool) {
	a, err := awsapi.ParseARN(text)
	if err != nil || a.Service != serviceEvents || !awsapi.IsAccount(a.Account) || a.Region == "" {
		return a, "", false
	}
	name, ok = strings.CutPrefix(a.Resource, kind)
	return a, name, ok && name != ""
}

func busOfARN(text string) (a awsapi.ARN, name string, ok bool) { return ofARN(text, busResource) }

// resourceName is what an ARN of a kind names.
func resourceName(text, kind string) (catalog.Name, bool) {
	a, name, ok := ofARN(text, kind)
	return catalog.Name{Account: a.Account, Region: a.Region, Name: name}, ok
}

// uniqueName is resourceName for a kind whose ARNs end in a UUID, which does not count.
func uniqueName(text, kind string) (catalog.Name, bool) {
	n, ok := resourceName(text, kind)
	n.Name, _, _ = strings.Cut(n.Name, "/")
	return n, ok && n.Name != ""
}

// ruleOfARN is the rule that an ARN names, with its bus: rule/RULE, rule/BUS/RULE.
func ruleOfARN(text string) (of catalog.Name, rule string, ok bool) {
	n, ok := resourceName(text, ruleResource)
	if !ok {
		return n, "", false
	}
	of, rule = rules.SplitRuleName(n)
	if of.Name == "" {
		of.Name = rules.DefaultBus
	}
	return of, rule, rule != ""
}

func busARN(n catalog.Name) string { return endpoint.BusARN(n.Account, n.Region, n.Name) }

func ruleARN(of catalog.Name, rule string) string {
	return endpoint.RuleARN(of.Account, of.Region, of.Name, rule)
}

// arnOf is the ARN of an archive or replay.
func arnOf(n catalog.Name, kind string) string {
	return awsapi.ARN{Service: serviceEvents, Region: n.Region, Account: n.Account, Resource: kind + n.Name}.String()
}

// connectionARNOf is the ARN of a connection. One of the file has no UUID of its own, and gets one by its name.
func connectionARNOf(n catalog.Name, id string) string {
	return endpoint.ConnectionARN(n.Account, n.Region, n.Name, uuidOf(destination.ConnectionTable, n, id))
}

// destinationARN is that of an API destination.
func destinationARN(n catalog.Name, id string) string {
	return endpoint.DestinationARN(n.Account, n.Region, n.Name, uuidOf(destination.Table, n, id))
}

func uuidOf(table string, n catalog.Name, id string) string {
	if id == "" {
		return destination.UUIDOf(table, n)
	}
	return id
}
