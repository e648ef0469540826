package config

import (
	"reflect"
	"time"

	"github.com/signalbox-mq/signalbox/dispatch/destination"
	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
	"github.com/signalbox-mq/signalbox/httpapi/ingest"
	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/rules"
	"github.com/signalbox-mq/signalbox/topic"
)

// What a file that does not say otherwise has.
const (
	DefaultAccount      = "000000000000"
	DefaultRegion       = "us-east-1"
	DefaultPurgeWait    = time.Minute
	DefaultRecreateWait = 0

	// MaxWait bounds both waits of [AWS].
	MaxWait = time.Hour
)

// Config is a file without mistakes. It is not changed after Load, and nobody may: its maps, slices and pointers are shared
// with what is made of it.
type Config struct {
	// Account, 12 digits, and Region are those of every definition.
	Account, Region string
	// Queues, Topics, Functions and Buses are by name, as written: without defaults filled in.
	Queues    map[string]queue.Definition
	Topics    map[string]topic.Topic
	Functions map[string]endpoint.Endpoint
	Buses     map[string]rules.Bus
	// Archives are by name; each has its Bus.
	Archives map[string]rules.Archive
	// Connections and Destinations are by name, as written.
	Connections  map[string]destination.Connection
	Destinations map[string]destination.Destination
	// Subscriptions are by topic, in the order of the file. Their IDs are set.
	Subscriptions map[string][]topic.Subscription
	// Rules are in the order of the file.
	Rules []Rule
	// Webhooks are the sources by name, with their secrets, for package ingest. They are not in the catalog.
	Webhooks map[string]ingest.Source
	// Egress is what endpoints that clients create may call beside public addresses; see Guard.
	Egress endpoint.Allow
	AWS    AWS
	// Hash identifies what Declarations returns: two files with the same hash declare the same, whatever their text and
	// the environment are. It is "sha256:" and 64 hexadecimal digits.
	Hash string
}

// Rule is a rule with its name and the bus it is on.
type Rule struct {
	Name string
	Bus  string
	rules.Rule
}

// AWS has the settings of the AWS protocols.
type AWS struct {
	// PurgeWait is how long after a purge of a queue another is refused, 0 to 1h. Default 60s, as in AWS.
	PurgeWait time.Duration
	// PurgeGiven says that the file has it: dev has another default.
	PurgeGiven bool
	// RecreateWait is how long after a deletion a queue of that name can not be made, 0 to 1h. Default 0; AWS has 60s.
	RecreateWait time.Duration
	// HTTPSuccess is which answers of HTTP subscriptions that clients made count as delivered: topic.Success2xx (the default) or
	// topic.SuccessBelow500.
	HTTPSuccess string
	// Signatures is which messages of topics are signed: topic.SignAll (the default) or topic.SignHTTP.
	Signatures string
}

// Guard is the address guard of deliveries that the file's egress section asks for.
func (c *Config) Guard() endpoint.Guard { return endpoint.NewGuard(c.Egress) }

// Load reads a file. name is what errors call it, data its text; env looks up an environment variable, as os.LookupEnv
// does, nil for none. Data that is empty, or has comments only, is a Config without definitions.
//
// The error joins an [*Error] for every mistake, in the order of their positions; see [Errors]. Data that is not YAML at all
// gives one. Mistakes that merely follow from another are left out.
func Load(name string, data []byte, env func(string) (string, bool)) (*Config, error) {
	d := newDecoder(name, data, env)
	root, fault := parse(name, data)
	if fault != nil {
		return nil, joinErrors([]*Error{fault})
	}
	var doc document
	at := place{node: root}
	if root != nil {
		d.decode(at, reflect.ValueOf(&doc).Elem(), 0)
	}
	var c *Config
	if d.nodes < maxNodes { // what was not read can not be judged
		c = d.check(at, &doc)
	}
	if len(d.errs) > 0 {
		return nil, joinErrors(d.errs)
	}
	c.Hash = hash(c.Declarations())
	return c, nil
}
