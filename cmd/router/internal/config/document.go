package config

import (
	"github.com/signalbox-mq/signalbox/dispatch/destination"
	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
	"github.com/signalbox-mq/signalbox/duration"
	"github.com/signalbox-mq/signalbox/httpapi/ingest"
	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/rules"
	"github.com/signalbox-mq/signalbox/topic"
)

// document is the file as it is written. The decoder follows the yaml tags: a field without one is no key, an embedded
// struct's fields are keys of the struct that it is in. The JSON Schema is made of the same types.
type document struct {
	Queues          map[string]queue.Definition        `yaml:"queues"`
	Topics          map[string]topicEntry              `yaml:"topics"`
	Functions       map[string]functionEntry           `yaml:"functions"`
	Buses           map[string]rules.Bus               `yaml:"buses"`
	Archives        map[string]rules.Archive           `yaml:"archives"`
	Connections     map[string]destination.Connection  `yaml:"connections"`
	APIDestinations map[string]destination.Destination `yaml:"api_destinations"`
	Rules           []ruleEntry                        `yaml:"rules"`
	Webhooks        map[string]ingest.Source           `yaml:"webhooks"`
	Schedules       notYet                             `yaml:"schedules"`
	Account         accountID                          `yaml:"account"`
	Region          string                             `yaml:"region"`
	Egress          egress                             `yaml:"egress"`
	AWS             awsSettings                        `yaml:"aws"`
}

type topicEntry struct {
	topic.Topic
	Subscriptions []topic.Subscription `yaml:"subscriptions"`
}

type functionEntry struct {
	endpoint.Endpoint
	// DeadLetter hides the endpoint's, which is no key.
	DeadLetter string `yaml:"dead_letter"`
}

type ruleEntry struct {
	Name string `yaml:"name"`
	Bus  string `yaml:"bus"`
	rules.Rule
}

type egress struct {
	Allow []string `yaml:"allow"`
}

type awsSettings struct {
	PurgeWait    *duration.Duration `yaml:"purge_wait"`
	RecreateWait *duration.Duration `yaml:"recreate_wait"`
	HTTPSuccess  string             `yaml:"http_success"`
	Signatures   string             `yaml:"signatures"`
}

// accountID is text that must be in quotes, because YAML reads it as a number.
type accountID string

// notYet is a section that is part of the format and comes with a later release.
type notYet struct{}

// sizeKeys are the whole numbers that are bytes, and may be written with a unit.
func sizeKey(key string) bool { return key == "max_bytes" || key == "max_message_size" }

// deadLetterKey is the text that is written as a mapping, {queue: NAME}, or as the name alone.
const deadLetterKey = "dead_letter"
