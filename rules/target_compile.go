package rules

import (
	"maps"
	"slices"
	"strings"

	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
	"github.com/signalbox-mq/signalbox/queue/catalog"
)

// compiledTarget is a target ready to be delivered to.
type compiledTarget struct {
	id, kind, name string
	// account and region are the receiver's, empty for the bus's.
	account, region string
	group           *Path // nil for none
	groupText       string
	transform       *CompiledTransform
	http            *compiledHTTP // nil for none
	retry           *endpoint.RetryPolicy
	deadLetter      string
	verbatim        bool
}

// receiver returns the catalog name of what receives.
func (t *compiledTarget) receiver(bus catalog.Name) catalog.Name {
	name := catalog.Name{Account: bus.Account, Region: bus.Region, Name: t.name}
	if t.account != "" {
		name.Account = t.account
	}
	if t.region != "" {
		name.Region = t.region
	}
	return name
}

// compiledHTTP has the values of HTTPParameters, each a text or a path.
type compiledHTTP struct {
	path          []httpValue
	header, query map[string]httpValue
}

type httpValue struct {
	text string
	path *Path // nil for text
}

// of returns the value for an event. It is not ok if the event has no text or number there.
func (v *httpValue) of(eventJSON []byte) (value string, ok bool) {
	if v.path == nil {
		return v.text, true
	}
	return v.path.Text(eventJSON)
}

// MaxGroup is the longest message group, in characters.
const MaxGroup = 128

func compileTarget(field string, def *Target) (compiledTarget, []error) {
	var errs []error
	bad := func(at, reason string) { errs = append(errs, &InvalidError{Field: field + at, Reason: reason}) }
	t := compiledTarget{
		id: def.TargetID(), account: def.Account, region: def.Region, groupText: def.GroupText,
		retry: def.Retry, deadLetter: def.DeadLetter, verbatim: def.AsEventBridge || def.APIDestination != "",
	}
	if t.kind, t.name = def.Receiver(); t.kind == "" {
		bad("", "must have exactly one of function, queue, topic, bus and api_destination")
	}
	if def.Account != "" && !accountNumber(def.Account) {
		bad(".account", "must be 12 digits")
	}
	if t.kind == KindQueue && strings.HasSuffix(t.name, ".fifo") && def.Group == "" && def.GroupText == "" {
		bad(".group", "is required for a FIFO queue")
	}
	switch {
	case def.Group != "" && def.GroupText != "":
		bad(".group_text", "can not be given together with group")
	case len(def.GroupText) > MaxGroup:
		bad(".group_text", "must be at most 128 characters")
	case def.Group != "":
		var err error
		if t.group, err = CompilePath(def.Group); err != nil {
			bad(".group", err.Error())
		}
	}
	if def.Transform != nil {
		var err error
		if t.transform, err = CompileTransform(*def.Transform); err != nil {
			errs = append(errs, transformErrors(field+".transform", err)...)
		}
	}
	if def.HTTP != nil {
		if t.kind != KindAPIDestination && t.kind != "" {
			bad(".http", "is for an api_destination only")
		}
		t.http = compileHTTP(def.HTTP, func(at, reason string) { bad(".http."+at, reason) })
	}
	if def.Retry != nil {
		if err := def.Retry.Validate(); err != nil {
			errs = append(errs, fieldErrors(field+".retry.", err)...)
		}
	} else if t.verbatim {
		t.retry = eventBridgeRetry
	}
	return t, errs
}

func compileHTTP(def *HTTPParameters, bad func(at, reason string)) *compiledHTTP {
	value := func(at, text string) httpValue {
		if !strings.HasPrefix(text, "$.") {
			return httpValue{text: text}
		}
		path, err := CompilePath(text)
		if err != nil {
			bad(at, err.Error())
		}
		return httpValue{path: path}
	}
	all := func(at string, texts map[string]string) map[string]httpValue {
		values := make(map[string]httpValue, len(texts))
		for _, key := range slices.Sorted(maps.Keys(texts)) {
			values[key] = value(at+"."+key, texts[key])
		}
		return values
	}
	c := &compiledHTTP{header: all("header", def.Header), query: all("query", def.Query)}
	for _, text := range def.Path {
		c.path = append(c.path, value("path", text))
	}
	return c
}

func accountNumber(s string) bool {
	return len(s) == 12 && strings.IndexFunc(s, func(r rune) bool { return r < '0' || r > '9' }) < 0
}

// eventBridgeRetry is the policy of a target that gives none, where EventBridge's counts. It is only read.
var eventBridgeRetry = new(endpoint.EventBridgeRetry(endpoint.EventBridgeRetries, endpoint.EventBridgeMaxAge))
