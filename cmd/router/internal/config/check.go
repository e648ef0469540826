package config

import (
	"errors"
	"fmt"
	"iter"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
	"github.com/signalbox-mq/signalbox/duration"
	"github.com/signalbox-mq/signalbox/httpapi/ingest"
	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/rules"
	"github.com/signalbox-mq/signalbox/topic"
)

// names are the definitions that others may refer to, by kind.
type names map[string]map[string]bool

// namesOf leaves out the kinds whose section could not be read: a name that is missing there says nothing.
func (d *decoder) namesOf(root place, doc *document) names {
	known := names{
		rules.KindQueue:    {queue.BuiltinDeadLetters: true},
		rules.KindTopic:    {},
		rules.KindFunction: {},
		rules.KindBus:      {rules.DefaultBus: true},

		rules.KindAPIDestination: {}, kindConnection: {},
	}
	add := func(kind, section string, all iter.Seq[string]) {
		at := d.locate(root, section)
		if at.rest != "" && d.broken(at) || at.rest == "" && (d.failed[at.node] || d.failed[target(at.node)]) {
			delete(known, kind)
			return
		}
		for name := range all {
			known[kind][name] = true
		}
	}
	add(rules.KindQueue, "queues", maps.Keys(doc.Queues))
	add(rules.KindTopic, "topics", maps.Keys(doc.Topics))
	add(rules.KindFunction, "functions", maps.Keys(doc.Functions))
	add(rules.KindBus, "buses", maps.Keys(doc.Buses))
	add(rules.KindAPIDestination, "api_destinations", maps.Keys(doc.APIDestinations))
	add(kindConnection, "connections", maps.Keys(doc.Connections))
	return known
}

// maxSuggestions is for how many dangling names of a file a similar one is looked for.
const maxSuggestions = 100

// refer reports a name that nothing in the file has. The empty name refers to nothing.
func (d *decoder) refer(from place, field string, known names, kind, name string) {
	if all, read := known[kind]; !read || name == "" || all[name] {
		return
	}
	at := d.locate(from, field)
	if d.broken(at) {
		return
	}
	if inner := d.locate(at, "queue"); field == deadLetterKey || strings.HasSuffix(field, "."+deadLetterKey) {
		if inner.rest == "" {
			at = inner
		}
	}
	message := fmt.Sprintf("names %s that is not in the file: %q", oneOf(kind), name)
	d.dangling++
	if d.dangling > maxSuggestions {
		// Each suggestion looks at every name.
	} else if likely := suggest(name, slices.Collect(maps.Keys(known[kind]))); likely != "" {
		message += fmt.Sprintf("; did you mean %q?", likely)
	}
	shown := at.shown()
	d.fail(spotOf(shown), at.path, d.redact(at.node, message))
}

// check validates every definition and what they say of each other.
func (d *decoder) check(root place, doc *document) *Config {
	c := &Config{
		Queues: doc.Queues, Buses: doc.Buses, Webhooks: doc.Webhooks, Connections: doc.Connections, Destinations: doc.APIDestinations,
		Topics:        make(map[string]topic.Topic, len(doc.Topics)),
		Functions:     make(map[string]endpoint.Endpoint, len(doc.Functions)),
		Archives:      make(map[string]rules.Archive, len(doc.Archives)),
		Subscriptions: make(map[string][]topic.Subscription, len(doc.Topics)),
	}
	if root.node == nil || target(root.node) == nil {
		d.settings(root, doc, c)
		return c
	}
	known := d.namesOf(root, doc)
	each(d, root, "queues", doc.Queues, func(at place, name string, def queue.Definition) {
		d.report(at, def.Validate(name))
		if def.DeadLetter != nil {
			d.refer(at, "dead_letter.queue", known, rules.KindQueue, def.DeadLetter.Queue)
			d.letBy(root, at, name, &def, doc.Queues)
		}
	})
	each(d, root, "topics", doc.Topics, func(at place, name string, def topicEntry) {
		c.Topics[name] = def.Topic
		d.report(at, def.Topic.Validate(name))
		c.Subscriptions[name] = d.subscriptions(at, known, &def.Topic, def.Subscriptions)
	})
	each(d, root, "functions", doc.Functions, func(at place, name string, def functionEntry) {
		fn := def.Endpoint
		fn.Name, fn.DeadLetter, fn.Managed = name, def.DeadLetter, true
		c.Functions[name] = fn
		d.report(at, fn.Validate())
		d.refer(at, deadLetterKey, known, rules.KindQueue, def.DeadLetter)
	})
	each(d, root, "buses", doc.Buses, func(at place, name string, def rules.Bus) {
		d.report(at, def.Validate(name))
	})
	each(d, root, "archives", doc.Archives, func(at place, name string, def rules.Archive) {
		d.refer(at, "bus", known, rules.KindBus, def.Bus)
		if def.Bus == "" {
			def.Bus = rules.DefaultBus
		}
		c.Archives[name] = def
		d.report(at, def.Validate(name))
	})
	d.destinations(root, known, doc)
	d.rules(root, known, doc.Rules, c)
	each(d, root, "webhooks", doc.Webhooks, func(at place, name string, def ingest.Source) {
		def.Name = name
		c.Webhooks[name] = def
		d.report(at, def.Validate())
		d.refer(at, "bus", known, rules.KindBus, def.Bus)
	})
	d.settings(root, doc, c)
	return c
}

// each calls check for the definitions of a section, in the order of their names.
func each[T any](d *decoder, root place, section string, all map[string]T, check func(place, string, T)) {
	if len(all) == 0 {
		return
	}
	at := d.locate(root, section)
	for _, p := range d.pairs(target(at.node)) {
		if def, ok := all[p.key.Value]; ok {
			check(place{node: p.value, key: p.key, path: keyPath(section, p.key.Value)}, p.key.Value, def)
		}
	}
}

// letBy reports a dead-letter queue that does not let the queue that names it.
func (d *decoder) letBy(root, from place, name string, def *queue.Definition, all map[string]queue.Definition) {
	dlq, ok := all[def.DeadLetter.Queue]
	if !ok || dlq.DeadLetterSources == nil {
		return
	}
	told := dlq.DeadLetterSources.Deny == (len(dlq.DeadLetterSources.Queues) > 0) // of what is wrong with it
	if at := d.locate(d.locate(root, "queues"), def.DeadLetter.Queue+".dead_letter_sources"); !told && !d.broken(at) {
		d.report(from, def.CheckDeadLetter(name, &dlq))
	}
}

func (d *decoder) subscriptions(topicAt place, known names, of *topic.Topic, all []topic.Subscription) []topic.Subscription {
	ids := map[string]int{}
	for i := range all {
		s := &all[i]
		at := d.locate(topicAt, indexPath("subscriptions", i))
		d.report(at, s.Validate(of))
		if s.Account == "" && s.Region == "" { // what is elsewhere is not in the file
			d.refer(at, rules.KindQueue, known, rules.KindQueue, s.Queue)
			d.refer(at, rules.KindFunction, known, rules.KindFunction, s.Function)
		}
		d.refer(at, deadLetterKey, known, rules.KindQueue, s.DeadLetter)
		s.ID = s.SubscriptionID()
		if first, twice := ids[s.ID]; twice && !d.broken(at) {
			shown := at.node
			d.fail(spotOf(shown), at.path, d.redact(shown, fmt.Sprintf("has the ID %q of subscriptions[%d]; give one of them an id", s.ID, first)))
		} else if !twice {
			ids[s.ID] = i
		}
	}
	return all
}

func (d *decoder) rules(root place, known names, all []ruleEntry, c *Config) {
	type named struct{ bus, name string }
	first := map[named]int{}
	for i, r := range all {
		at := d.locate(root, indexPath("rules", i))
		bus := r.Bus
		if bus == "" {
			bus = rules.DefaultBus
		}
		c.Rules = append(c.Rules, Rule{Name: r.Name, Bus: bus, Rule: r.Rule})
		name := d.locate(at, "name")
		if r.Name == "" {
			if !d.broken(name) {
				d.fail(spotOf(name.shown()), name.path, "is required")
			}
			d.report(at, errors.Join(r.Rule.Validate("unnamed"), hasTargets(&r.Rule)))
		} else {
			d.report(at, errors.Join(r.Rule.Validate(r.Name), hasTargets(&r.Rule)))
			if line, twice := first[named{bus, r.Name}]; twice {
				d.fail(spotOf(name.shown()), name.path, d.redact(at.node, fmt.Sprintf("is that of another rule of bus %s, in line %d", bus, line)))
			} else {
				first[named{bus, r.Name}] = name.shown().Line
			}
		}
		if schedule := d.locate(at, "schedule"); schedule.rest == "" && r.Schedule == "" && !d.broken(schedule) {
			// Without it the rule would match everything.
			d.fail(spotOf(schedule.shown()), schedule.path, "has no value; leave it out if there is no schedule")
		}
		d.refer(at, "bus", known, rules.KindBus, r.Bus)
		for j, t := range r.Targets {
			to := d.locate(at, indexPath("targets", j))
			if t.Account == "" && t.Region == "" { // what is elsewhere is not in the file
				d.refer(to, rules.KindQueue, known, rules.KindQueue, t.Queue)
				d.refer(to, rules.KindFunction, known, rules.KindFunction, t.Function)
				d.refer(to, rules.KindTopic, known, rules.KindTopic, t.Topic)
				d.refer(to, rules.KindBus, known, rules.KindBus, t.Bus)
			}
			d.toDestination(to, known, &t, c)
			d.refer(to, deadLetterKey, known, rules.KindQueue, t.DeadLetter)
		}
	}
}

// hasTargets fails for a rule without any, which in a file is a mistake.
func hasTargets(r *rules.Rule) error {
	if len(r.Targets) == 0 {
		return &rules.InvalidError{Field: "targets", Reason: "must have at least one target"}
	}
	return nil
}

var (
	accountForm = regexp.MustCompile(`^[0-9]{12}$`)
	regionForm  = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)
)

// settings checks what is no definition, and fills in its defaults.
func (d *decoder) settings(root place, doc *document, c *Config) {
	bad := func(field, reason string) {
		if at := d.locate(root, field); !d.broken(at) {
			d.fail(spotOf(at.shown()), at.path, d.redact(at.node, reason))
		}
	}
	c.Account, c.Region = string(doc.Account), doc.Region
	switch {
	case c.Account == "":
		c.Account = DefaultAccount
	case !accountForm.MatchString(c.Account):
		bad("account", `must be 12 digits in quotes, such as "000000000000"`)
	}
	switch {
	case c.Region == "":
		c.Region = DefaultRegion
	case !regionForm.MatchString(c.Region):
		bad("region", "must be 1 to 63 lower-case letters, digits and hyphens, such as us-east-1")
	}
	wait := func(field string, given *duration.Duration, standard time.Duration) time.Duration {
		if given == nil {
			return standard
		}
		if *given < 0 || given.Std() > MaxWait {
			bad(field, "must be between 0 and 1h")
		}
		return given.Std()
	}
	c.AWS.PurgeWait = wait("aws.purge_wait", doc.AWS.PurgeWait, DefaultPurgeWait)
	c.AWS.PurgeGiven = doc.AWS.PurgeWait != nil
	c.AWS.RecreateWait = wait("aws.recreate_wait", doc.AWS.RecreateWait, DefaultRecreateWait)
	choice := func(field, given, standard, other string) string {
		if given == "" {
			return standard
		}
		if given != standard && given != other {
			bad(field, "must be "+standard+" or "+other)
		}
		return given
	}
	c.AWS.HTTPSuccess = choice("aws.http_success", doc.AWS.HTTPSuccess, topic.Success2xx, topic.SuccessBelow500)
	c.AWS.Signatures = choice("aws.signatures", doc.AWS.Signatures, topic.SignAll, topic.SignHTTP)
	var err error
	if c.Egress, err = endpoint.ParseAllow(doc.Egress.Allow); err != nil {
		d.report(d.locate(root, "egress"), err)
	}
}
