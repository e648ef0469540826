package queue_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/signalbox-mq/signalbox/duration"
	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
)

// definitionOf is a definition with one field set to something, by the name that the field has in JSON.
func definitionOf(t *testing.T, field, value string) (def queue.Definition) {
	t.Helper()
	if err := json.Unmarshal(fmt.Appendf(nil, "{%q:%s}", field, value), &def); err != nil {
		t.Fatal(err)
	}
	return def
}

// TestEveryField checks, for each field, that Equal looks at it and that Clone shares nothing of it.
func TestEveryField(t *testing.T) {
	t.Parallel()
	values := map[string][2]string{
		"fifo": {"true", "false"}, "visibility_timeout": {`"1m"`, `"2m"`}, "delay": {`"1m"`, `"2m"`}, "retention": {`"1m"`, `"2m"`},
		"receive_wait": {`"1s"`, `"2s"`}, "max_message_size": {"1", "2"}, "max_in_flight": {"1", "2"}, "partitions": {"2", "3"},
		"content_based_deduplication": {"true", "false"}, "deduplication_scope": {`"group"`, `"queue"`},
		"dead_letter":         {`{"queue":"a","max_receives":1}`, `{"queue":"a","max_receives":2}`},
		"dead_letter_sources": {`{"queues":["a","b"]}`, `{"queues":["a"]}`},
		"tags":                {`{"a":"b"}`, `{"a":""}`},
		"kept":                {`{"a":"b"}`, `{"b":"a"}`},
	}
	typ := reflect.TypeFor[queue.Definition]()
	for i := range typ.NumField() {
		field, _, _ := strings.Cut(typ.Field(i).Tag.Get("json"), ",")
		value, ok := values[field]
		if !ok {
			t.Errorf("this test has no values for %s", field)
			continue
		}
		a, b := definitionOf(t, field, value[0]), definitionOf(t, field, value[1])
		if a.Equal(b) || b.Equal(a) {
			t.Errorf("%s: %s equals %s", field, value[0], value[1])
		}
		clone := a.Clone()
		if !a.Equal(a) || !a.Equal(clone) || !cmp.Equal(a, clone) {
			t.Errorf("%s: %+v is not its clone %+v", field, a, clone)
		}
		from, to := reflect.ValueOf(a).Field(i), reflect.ValueOf(clone).Field(i)
		if kind := from.Kind(); (kind == reflect.Pointer || kind == reflect.Map) && from.Pointer() == to.Pointer() {
			t.Errorf("%s is shared with the clone", field)
		}
	}
	a := definitionOf(t, "dead_letter_sources", `{"queues":["a","b"]}`)
	clone := a.Clone()
	clone.DeadLetterSources.Queues[0] = "x"
	if a.DeadLetterSources.Queues[0] != "a" {
		t.Error("the names of sources are shared with the clone")
	}
	if !a.Equal(definitionOf(t, "dead_letter_sources", `{"queues":["b","a","b"]}`)) {
		t.Error("the order of sources makes a difference")
	}
	if empty := (queue.Definition{Tags: map[string]string{}, Kept: map[string]string{}}); !empty.Equal(queue.Definition{}) {
		t.Error("an empty map differs from none")
	}
}

func TestUpdate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBundle(t)
		q := b.create("orders", queue.Definition{Delay: duration.Of(time.Second), Tags: map[string]string{"a": "1"}})
		if now := time.Now().UTC(); q.CreatedAt != now || q.ModifiedAt != now {
			t.Errorf("created at %v, modified at %v; want %v", q.CreatedAt, q.ModifiedAt, now)
		}
		b.send("orders", text("x"))
		<-time.After(time.Hour)
		updated, err := b.Update(b.ctx, name("orders"), func(def *queue.Definition) error {
			def.Tags["b"] = "2"
			def.VisibilityTimeout = new(duration.Of(time.Minute))
			return nil
		})
		want := q
		want.Definition.Tags = map[string]string{"a": "1", "b": "2"}
		want.Definition.VisibilityTimeout = new(duration.Of(time.Minute))
		want.Revision, want.ModifiedAt = updated.Revision, q.CreatedAt.Add(time.Hour)
		if diff := cmp.Diff(want, updated); err != nil || diff != "" || updated.Revision == q.Revision {
			t.Errorf("updated: %v (-want +got):\n%s", err, diff)
		}
		if again, err := b.Lookup(name("orders")); err != nil || !cmp.Equal(again, updated) {
			t.Errorf("looked up: %+v, %v", again, err)
		}
		if s, err := b.Stats(b.ctx, name("orders")); err != nil || s.Total() != 1 {
			t.Errorf("it has %d messages after the update, %v", s.Total(), err)
		}
		<-time.After(time.Hour)
		same, err := b.Update(b.ctx, name("orders"), func(def *queue.Definition) error {
			def.Retention, def.MaxInFlight = duration.Of(queue.DefaultRetention), queue.DefaultMaxInFlight
			return nil
		})
		if err != nil || !cmp.Equal(same, updated) || b.definitions.Revision() != updated.Revision {
			t.Errorf("an update to the same in other words: %+v at %d, %v", same, b.definitions.Revision(), err)
		}
	})
}

func TestUpdateRefused(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	b.create("failed", queue.Definition{})
	b.create("picky", queue.Definition{DeadLetterSources: &queue.DeadLetterSources{Queues: []string{"other"}}})
	q := b.create("orders", queue.Definition{
		DeadLetter: &queue.DeadLetter{Queue: "failed", MaxReceives: 1}, Tags: map[string]string{"a": "1"},
	})
	own := errors.New("no")
	if _, err := b.Update(b.ctx, name("orders"), func(def *queue.Definition) error {
		def.Tags["a"], def.DeadLetter.MaxReceives, def.Delay = "2", 5, 7
		return own
	}); err != own {
		t.Errorf("change's own error became %v", err)
	}
	for field, change := range map[string]func(*queue.Definition){
		"fifo":                     func(def *queue.Definition) { def.FIFO = true },
		"delay retention":          func(def *queue.Definition) { def.Delay, def.Retention = -1, 1 },
		"dead_letter.queue":        func(def *queue.Definition) { def.DeadLetter.Queue = "none" },
		"dead_letter.queue ":       func(def *queue.Definition) { def.DeadLetter.Queue = "picky" },
		"dead_letter.max_receives": func(def *queue.Definition) { def.DeadLetter.MaxReceives = 0 },
	} {
		_, err := b.Update(b.ctx, name("orders"), func(def *queue.Definition) error { change(def); return nil })
		if got := fieldsOf(err); got != strings.TrimSpace(field) {
			t.Errorf("wrong are %q (%v), want %q", got, err, field)
		}
	}
	if _, err := b.Update(b.ctx, name("none"), func(*queue.Definition) error { return nil }); !errors.Is(err, queue.ErrNotFound) {
		t.Errorf("a queue that does not exist: %v, want ErrNotFound", err)
	}
	if now, err := b.Lookup(name("orders")); err != nil || !cmp.Equal(now, q) {
		t.Errorf("after refused updates it is %+v, %v", now, err)
	}
	declared := catalog.NewTable[queue.Definition](b.definitions, queue.Table).Declaring(name("filed"), queue.Definition{})
	if _, err := b.definitions.Declare(b.ctx, "file:x", "", []catalog.Declaration{declared}, catalog.DeclareOptions{}); err != nil {
		t.Fatal(err)
	}
	_, err := b.Update(b.ctx, name("filed"), func(def *queue.Definition) error { def.Delay = 1; return nil })
	if managed, ok := errors.AsType[*catalog.ManagedError](err); !ok || managed.Owner != "file:x" {
		t.Errorf("a file's queue: %v, want a ManagedError", err)
	}
	// What has become of the dead-letter queue keeps nothing else from being changed.
	if err := b.Delete(b.ctx, name("failed")); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Update(b.ctx, name("orders"), func(def *queue.Definition) error { def.Delay = duration.Of(time.Second); return nil }); err != nil {
		t.Errorf("with its dead-letter queue gone: %v", err)
	}
}

// fieldsOf are the fields of the InvalidErrors that an error joins.
func fieldsOf(err error) string {
	if one, ok := err.(*queue.InvalidError); ok {
		return one.Field
	}
	var fields []string
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		for _, one := range many.Unwrap() {
			fields = append(fields, fieldsOf(one))
		}
	}
	return strings.Join(fields, " ")
}

// TestUpdateAtOnce shows that no update is lost.
func TestUpdateAtOnce(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	b.create("orders", queue.Definition{})
	var wg sync.WaitGroup
	for _, tag := range many(20) {
		wg.Go(func() {
			_, err := b.Update(context.Background(), name("orders"), func(def *queue.Definition) error {
				if def.Tags == nil {
					def.Tags = map[string]string{}
				}
				def.Tags[tag] = "x"
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if q, err := b.Lookup(name("orders")); err != nil || !cmp.Equal(q.Definition.Tags, texts(20, "x")) {
		t.Errorf("the tags are %v, %v", q.Definition.Tags, err)
	}
}

func TestDeadLetterSources(t *testing.T) {
	t.Parallel()
	b := newBundle(t)
	b.create("open", queue.Definition{})
	b.create("closed", queue.Definition{DeadLetterSources: &queue.DeadLetterSources{Deny: true}})
	b.create("picky", queue.Definition{DeadLetterSources: &queue.DeadLetterSources{Queues: []string{"orders", "later"}}})
	for _, test := range []struct {
		source, dlq string
		allowed     bool
	}{
		{"orders", "open", true}, {"orders", "closed", false}, {"orders", "picky", true}, {"jobs", "picky", false}, {"jobs", "open", true},
	} {
		n := name(test.source)
		_, _, err := b.Create(b.ctx, n, queue.Definition{DeadLetter: &queue.DeadLetter{Queue: test.dlq, MaxReceives: 1}})
		switch {
		case test.allowed && err != nil:
			t.Errorf("%s to %s: %v", test.source, test.dlq, err)
		case !test.allowed && fieldsOf(err) != "dead_letter.queue":
			t.Errorf("%s to %s: %v, want a fault of dead_letter.queue", test.source, test.dlq, err)
		case test.allowed:
			if err := b.Delete(b.ctx, n); err != nil {
				t.Fatal(err)
			}
		}
	}
}
