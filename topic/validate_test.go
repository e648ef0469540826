package topic_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
	"github.com/signalbox-mq/signalbox/duration"
	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/topic"
)

func TestTopicValidate(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"a", "Alerts_2-x", strings.Repeat("x", 256)} {
		if err := new(topic.Topic).Validate(name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, name := range []string{"", "a b", "a/b", "a.fifo", "é", strings.Repeat("x", 257)} {
		err := new(topic.Topic).Validate(name)
		if invalid, ok := errors.AsType[*topic.InvalidError](err); !ok || invalid.Field != "name" {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestSubscriptionValidate(t *testing.T) {
	t.Parallel()
	for _, s := range []topic.Subscription{
		{Queue: "orders"},
		{Queue: "orders", Raw: new(false), DeadLetter: "failed"},
		{URL: "https://example.com/"}, {URL: "https://example.com/", Success: "2xx"}, {URL: "https://example.com/", Success: "200-499"},
		{Function: "pager", ID: "on-call.1:x/y", DeadLetter: "failed.fifo", Retry: &endpoint.RetryPolicy{Schedule: []duration.Duration{}}},
		{Queue: "orders", Filter: []byte(`{"severity":["high","critical"]}`)},
		{Queue: "orders", Filter: []byte(`{"a":{"b":["x"]}}`), FilterScope: "body"},
		{Queue: "orders", Filter: []byte(" { } ")}, {Queue: "orders", Filter: []byte("null"), FilterScope: "attributes"},
	} {
		if err := s.Validate(new(topic.Topic)); err != nil {
			t.Errorf("%+v: %v", s, err)
		}
	}
}

func TestSubscriptionFaults(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		s    topic.Subscription
		want []string
	}{
		{"neither", topic.Subscription{}, []string{"queue or function or url must be set, and only one of them"}},
		{"both", topic.Subscription{Queue: "a", Function: "b"}, []string{"queue or function or url must be set, and only one of them"}},
		{"fifo", topic.Subscription{Queue: "a.fifo"}, []string{`queue "a.fifo" is a FIFO queue, which can not be subscribed to a standard topic`}},
		{"queue's name", topic.Subscription{Queue: "a b"}, []string{`queue "a b" must be 1 to 80 letters, digits, hyphens and underscores`}},
		{"for queues only", topic.Subscription{Function: "f", Raw: new(true)}, []string{"raw is only for queues and URLs; what a function gets is its format"}},
		{"for functions only", topic.Subscription{Queue: "q", Retry: &endpoint.RetryPolicy{}}, []string{"retry is only for functions"}},
		{"for URLs only", topic.Subscription{Queue: "q", Success: "2xx"}, []string{"success is only for URLs"}},
		{"success", topic.Subscription{URL: "https://example.com/", Success: "4xx"}, []string{`success must be 2xx or 200-499, not "4xx"`}},
		{"everything", topic.Subscription{
			ID: "a b", Function: "f", DeadLetter: "d/", FilterScope: "head", Filter: []byte("{"),
			Retry: &endpoint.RetryPolicy{Schedule: []duration.Duration{-1}, MaxAge: -1},
		}, []string{
			`id "a b" must be 1 to 300 letters, digits and . _ : / -`,
			"retry.schedule[0] -1ns is out of range; at most 30d", "retry.max_age -1ns is out of range; at most 30d",
			`dead_letter "d/" must be 1 to 80 letters, digits, hyphens and underscores`,
			`filter_scope must be "attributes" or "body", not "head"`,
		}},
		{"filter", topic.Subscription{Queue: "q", Filter: []byte("{\n \"a\": \"x\"}")}, []string{`filter is not a valid filter policy: "a" must be an object or an array at 2:8`}},
		{"filter, nested", topic.Subscription{Queue: "q", Filter: []byte(`{"a":{"b":["x"]}}`)}, []string{
			"filter is not a valid filter policy: Filter policy scope MessageAttributes does not support nested filter policy",
		}},
		{"filter, complex", topic.Subscription{Queue: "q", FilterScope: "body", Filter: []byte(`{"a":[1],"b":[1],"c":[1],"d":[1],"e":[1],"f":[1]}`)}, []string{
			"filter is not a valid filter policy: Filter policy can not have more than 5 keys",
		}},
	} {
		err := c.s.Validate(new(topic.Topic))
		var got []string
		if many, ok := err.(interface{ Unwrap() []error }); ok {
			for _, one := range many.Unwrap() {
				invalid, ok := errors.AsType[*topic.InvalidError](one)
				if !ok {
					t.Errorf("%s: %T is no InvalidError", c.name, one)
					continue
				}
				line := invalid.Error()
				if invalid.Line != 0 {
					line += fmt.Sprintf(" at %d:%d", invalid.Line, invalid.Column)
				}
				got = append(got, line)
			}
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
}

// FuzzSubscription checks that no definition makes validation panic, and that a valid one has a receiver and a catalog name.
func FuzzSubscription(f *testing.F) {
	f.Add("", "orders", "", `{"a":["x"]}`, "body")
	f.Add("id", "", "pager", `{"a":[{"numeric":[">",1]}]}`, "")
	f.Fuzz(func(t *testing.T, id, queueName, function, filter, scope string) {
		s := topic.Subscription{ID: id, Queue: queueName, Function: function, Filter: []byte(filter), FilterScope: scope}
		if err := s.Validate(new(topic.Topic)); err != nil {
			return
		}
		kind, name := s.Receiver()
		if kind == "" || name == "" {
			t.Errorf("%+v is valid without a receiver", s)
		}
		of := named("alerts")
		back, sub := topic.SplitSubscriptionName(topic.SubscriptionName(of, s.SubscriptionID()))
		if back != (catalog.Name{Account: account, Region: region, Name: "alerts"}) || sub != s.SubscriptionID() {
			t.Errorf("%q came back as %v and %q", s.SubscriptionID(), back, sub)
		}
	})
}
