package config

import (
	"fmt"
	"maps"
	"net/http"
	"slices"

	"github.com/signalbox-mq/signalbox/dispatch/destination"
	"github.com/signalbox-mq/signalbox/rules"
)

// kindConnection is what messages call a connection.
const kindConnection = "connection"

// oneOf is a kind with its article.
func oneOf(kind string) string {
	if kind == rules.KindAPIDestination {
		return "an API destination"
	}
	return "a " + kind
}

// destinations checks connections and API destinations.
func (d *decoder) destinations(root place, known names, doc *document) {
	each(d, root, "connections", doc.Connections, func(at place, name string, def destination.Connection) {
		d.report(at, def.Validate(name))
	})
	each(d, root, "api_destinations", doc.APIDestinations, func(at place, name string, def destination.Destination) {
		d.report(at, def.Validate(name))
		d.refer(at, "connection", known, kindConnection, def.Connection)
	})
}

// toDestination checks a target that is an API destination.
func (d *decoder) toDestination(at place, known names, t *rules.Target, c *Config) {
	if t.APIDestination == "" {
		return
	}
	if t.HTTP != nil {
		seen := map[string]string{}
		for _, name := range slices.Sorted(maps.Keys(t.HTTP.Header)) {
			canonical := http.CanonicalHeaderKey(name)
			switch other := seen[canonical]; {
			case destination.ReservedHeader(name):
				d.wrong(at, "http.header."+name, "is set by Signalbox and can not be replaced")
			case other != "":
				d.wrong(at, "http.header."+name, "is the same header as "+other)
			}
			seen[canonical] = name
		}
	}
	if t.Account != "" || t.Region != "" {
		return // it is not in the file
	}
	d.refer(at, "api_destination", known, rules.KindAPIDestination, t.APIDestination)
	def, ok := c.Destinations[t.APIDestination]
	if !ok {
		return
	}
	given := 0
	if t.HTTP != nil {
		given = len(t.HTTP.Path)
	}
	if n := def.Wildcards(); given < n {
		field := "http.path"
		if t.HTTP == nil {
			field = "api_destination"
		}
		d.wrong(at, field, fmt.Sprintf("gives too few values for the path: the URL of the API destination has asterisks for %d, and the target gives %d", n, given))
	}
}

// wrong reports what is wrong with a field, unless something that explains it was.
func (d *decoder) wrong(from place, field, reason string) {
	if at := d.locate(from, field); !d.broken(at) {
		d.failFor(spotOf(at.shown()), at.path, at.rest, d.redact(at.node, reason))
	}
}
