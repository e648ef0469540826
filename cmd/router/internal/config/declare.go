package config

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"slices"

	"github.com/signalbox-mq/signalbox/dispatch/destination"
	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/rules"
	"github.com/signalbox-mq/signalbox/topic"
)

const (
	// LogTable is the catalog table of logs that are nothing else besides: each record, a [Log], gives its log an incarnation
	// (queue.IDFor of its ID and queue.Own).
	LogTable = "logs"
	// AttemptsLog names the record of the log of attempts.
	AttemptsLog = "attempts"
)

// Log is the definition in LogTable.
type Log struct {
	Description string `json:"description,omitempty"`
}

// Declarations returns every definition of the file in its account and region, in the order of table and name. Functions
// and API destinations are marked as managed. Values are as written, so that a release with other defaults changes what was left out. The caller
// owns the slice.
func (c *Config) Declarations() []catalog.Declaration {
	name := func(n string) catalog.Name { return catalog.Name{Account: c.Account, Region: c.Region, Name: n} }
	var all []catalog.Declaration
	for n, def := range c.Queues {
		all = append(all, declaring(queue.Table, name(n), def))
	}
	for n, def := range c.Topics {
		all = append(all, declaring(topic.Table, name(n), def))
		for _, s := range c.Subscriptions[n] {
			full := topic.SubscriptionName(name(n), s.SubscriptionID())
			all = append(all, declaring(topic.SubscriptionTable, full, s))
			if s.URL != "" {
				all = append(all, declaring(endpoint.SubscriptionTable, full, topic.EndpointOf(name(n), &def, &s, true)))
			}
		}
	}
	for n, def := range c.Functions {
		def.Name, def.Managed = n, true
		all = append(all, declaring(endpoint.FunctionTable, name(n), def))
	}
	for n, def := range c.Connections {
		def.UUID = destination.UUIDOf(destination.ConnectionTable, name(n))
		all = append(all, declaring(destination.ConnectionTable, name(n), def))
	}
	for n, def := range c.Destinations {
		def.UUID, def.Managed = destination.UUIDOf(destination.Table, name(n)), true
		all = append(all, declaring(destination.Table, name(n), def))
	}
	for n, def := range c.Buses {
		all = append(all, declaring(rules.BusTable, name(n), def))
	}
	for n, def := range c.Archives {
		all = append(all, declaring(rules.ArchiveTable, name(n), def))
	}
	for _, r := range c.Rules {
		all = append(all, declaring(rules.RuleTable, rules.RuleName(name(r.Bus), r.Name), r.Rule))
	}
	slices.SortFunc(all, func(a, b catalog.Declaration) int {
		return cmp.Or(cmp.Compare(a.Table, b.Table), a.Name.Compare(b.Name))
	})
	return all
}

// Builtins returns what [catalog.Builtin] declares in an account and region, the router's own: the bus default, the queue
// dead-letters and the log of attempts. A file may declare the first two; it takes them over.
func Builtins(account, region string) []catalog.Declaration {
	name := func(n string) catalog.Name { return catalog.Name{Account: account, Region: region, Name: n} }
	return []catalog.Declaration{
		declaring(rules.BusTable, name(rules.DefaultBus), rules.Bus{}),
		declaring(LogTable, name(AttemptsLog), Log{Description: "attempts to deliver"}),
		declaring(queue.Table, name(queue.BuiltinDeadLetters), queue.BuiltinDeadLettersDefinition()),
	}
}

// declaring needs no catalog: a declaration is data.
func declaring[T any](table string, name catalog.Name, value T) catalog.Declaration {
	return catalog.NewTable[T](nil, table).Declaring(name, value)
}

// hash depends on every part of every declaration, and on nothing else.
func hash(all []catalog.Declaration) string {
	h := sha256.New()
	part := func(b []byte) {
		var size [8]byte
		binary.BigEndian.PutUint64(size[:], uint64(len(b)))
		_, _ = h.Write(size[:])
		_, _ = h.Write(b)
	}
	for _, d := range all {
		for _, s := range []string{d.Table, d.Name.Account, d.Name.Region, d.Name.Name} {
			part([]byte(s))
		}
		part(d.Value)
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}
