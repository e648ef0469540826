package config

import (
	"errors"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/signalbox-mq/signalbox/dispatch/destination"
	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
	"github.com/signalbox-mq/signalbox/httpapi/ingest"
	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/rules"
	"github.com/signalbox-mq/signalbox/topic"
)

// fault is one of the errors that a definition's Validate joins.
type fault struct {
	field, reason string
	// line and column, from 1, point into the value of the field; zero when they do not.
	line, column int
}

func faultsOf(err error) []fault {
	if err == nil {
		return nil
	}
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		var all []fault
		for _, one := range many.Unwrap() {
			all = append(all, faultsOf(one)...)
		}
		return all
	}
	if e, ok := errors.AsType[*queue.InvalidError](err); ok {
		return []fault{{field: e.Field, reason: e.Reason}}
	}
	if e, ok := errors.AsType[*topic.InvalidError](err); ok {
		return []fault{{e.Field, e.Reason, e.Line, e.Column}}
	}
	if e, ok := errors.AsType[*endpoint.InvalidError](err); ok {
		return []fault{{field: e.Field, reason: e.Reason}}
	}
	if e, ok := errors.AsType[*destination.InvalidError](err); ok {
		return []fault{{field: e.Field, reason: e.Reason}}
	}
	if e, ok := errors.AsType[*rules.InvalidError](err); ok {
		return []fault{{e.Field, e.Reason, e.Line, e.Column}}
	}
	if e, ok := errors.AsType[*ingest.InvalidError](err); ok {
		return []fault{{field: e.Field, reason: e.Reason}}
	}
	return []fault{{reason: err.Error()}}
}

// report tells of every fault of a definition at its place in the file, except those that follow from an error already told.
func (d *decoder) report(definition place, err error) {
	all := faultsOf(err)
	for _, f := range all {
		at := d.locate(definition, f.field)
		if f.field == "name" && at.rest != "" && definition.key != nil {
			// The name is the key of the definition.
			d.failAt(definition.key, definition.path, "is no good name: %s", f.reason)
			continue
		}
		if whole, isID := strings.CutSuffix(f.field, ".id"); isID && at.rest != "" &&
			slices.ContainsFunc(all, func(other fault) bool { return other.field == whole }) {
			continue // the default ID of what has no receiver says nothing
		}
		if d.broken(at) {
			continue
		}
		shown := at.shown()
		at0 := spot{shown.Line, shown.Column}
		if f.line > 0 && at.rest == "" {
			at0 = d.inside(at, f)
		}
		d.failFor(at0, at.path, at.rest, d.redact(at.node, f.reason))
	}
}

// inside returns where a fault is that points into a value.
func (d *decoder) inside(at place, f fault) spot {
	n := target(at.node)
	if j := d.jsons[n]; j != nil {
		return spotOf(j.blame(f))
	}
	if t := d.texts[n]; t != nil && n.Kind == yaml.ScalarNode {
		return d.source.within(n, t.raw(offsetAt(t.value, f.line, f.column)))
	}
	return spotOf(at.shown())
}

// blame returns the node that a fault in the JSON is about. When the parser reports a name, it has read the beginning of
// the value behind it as well.
func (j *jsonText) blame(f fault) *yaml.Node {
	s := j.at(f.column)
	if s.key != nil && !s.isKey && s.key.Value != "" && strings.Contains(f.reason, s.key.Value) {
		return s.key
	}
	return s.node
}

func spotOf(n *yaml.Node) spot { return spot{n.Line, n.Column} }
