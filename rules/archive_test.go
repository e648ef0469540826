package rules_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/signalbox-mq/signalbox/duration"
	"github.com/signalbox-mq/signalbox/event"
	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
	"github.com/signalbox-mq/signalbox/rules"
)

// archive makes an archive of the default bus; an empty pattern takes everything.
func (e *env) archive(name, when string) rules.ArchiveEntry {
	e.tb.Helper()
	a, err := e.engine.CreateArchive(e.tb.Context(), named(name), rules.Archive{Bus: rules.DefaultBus, When: json.RawMessage(when)})
	if err != nil {
		e.tb.Fatal(err)
	}
	return a
}

// archiveLog is the log of an archive.
func (e *env) archiveLog(name string) queue.ID {
	e.tb.Helper()
	record, ok := e.definitions.Get(rules.ArchiveTable, named(name))
	if !ok {
		e.tb.Fatalf("no archive %s", name)
	}
	return queue.IDFor(record.ID, queue.Own)
}

// archived returns the IDs of the events that an archive has, in order.
func (e *env) archived(name string) []string {
	e.tb.Helper()
	var ids []string
	for _, m := range e.messages(e.archiveLog(name), queue.Log) {
		ev, err := event.Parse(m.Body)
		if err != nil {
			e.tb.Fatal(err)
		}
		ids = append(ids, ev.ID)
	}
	return ids
}

func (e *env) wantArchived(name string, want ...string) {
	e.tb.Helper()
	if got := e.archived(name); fmt.Sprint(got) != fmt.Sprint(want) {
		e.tb.Errorf("archive %s has %v, want %v", name, got, want)
	}
}

func TestArchiving(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.queue("orders", queue.Definition{})
	e.rule("r", to("orders", `{"detail-type":["a"]}`))
	e.publishOne("a", "1") // before there is an archive
	e.archive("all", "")
	e.archive("big", `{"detail":{"n":[{"numeric":[">",10]}]}}`)
	appends := 0
	e.store.beforeAppend = func(req *queue.AppendRequest) error {
		appends++
		return nil
	}
	var all, big []string
	events := []event.Event{newEvent("a", `{"n":5}`), newEvent("b", `{"n":50}`), newEvent("a", `{"n":500}`)}
	for i, p := range e.publish(events...) {
		all = append(all, p.ID)
		if i > 0 {
			big = append(big, p.ID)
		}
		if want := i != 1; (len(p.Matched) == 1) != want {
			t.Errorf("event %d matched %v", i, p.Matched)
		}
	}
	if appends != 1 {
		t.Errorf("%d appends for a publish, want 1", appends)
	}
	e.wantArchived("all", all...)
	e.wantArchived("big", big...)

	// A change of the pattern counts for what comes.
	_, err := e.engine.UpdateArchive(t.Context(), named("big"), func(a *rules.Archive) error {
		a.When = json.RawMessage(`{"detail-type":["c"]}`)
		return nil
	})
	e.must(nil, err)
	c, d := e.publishOne("c", "1").ID, e.publishOne("d", `{"n":11}`).ID
	all, big = append(all, c, d), append(big, c)
	e.wantArchived("all", all...)
	e.wantArchived("big", big...)
	// And one that is not there any more takes everything.
	_, err = e.engine.UpdateArchive(t.Context(), named("big"), func(a *rules.Archive) error {
		a.When = nil
		return nil
	})
	e.must(nil, err)
	d = e.publishOne("d", `{"n":1}`).ID
	all, big = append(all, d), append(big, d)
	e.wantArchived("big", big...)
	e.reopen()
	d = e.publishOne("d", `{"n":1}`).ID
	all, big = append(all, d), append(big, d)
	e.wantArchived("all", all...)
	e.wantArchived("big", big...)

	a, err := e.engine.Archive(t.Context(), named("all"))
	if err != nil || a.Events != int64(len(all)) || a.Bytes <= 0 || a.Created.IsZero() || a.Managed {
		t.Errorf("%+v, %v", a, err)
	}
	list, more, err := e.engine.Archives(t.Context(), catalog.Query{Account: account, Region: region, Limit: 1})
	if err != nil || len(list) != 1 || !more || list[0].Name.Name != "all" || list[0].Events != a.Events {
		t.Errorf("%+v, %v, %v", list, more, err)
	}

	// What is deleted is gone, and made anew it is another.
	log := e.archiveLog("big")
	e.must(nil, e.engine.DeleteArchive(t.Context(), named("big")))
	if left := e.messages(log, queue.Log); len(left) != 0 {
		t.Errorf("%d events are left of a deleted archive", len(left))
	}
	e.publishOne("d", "1")
	e.archive("big", "")
	e.wantArchived("big")
	if err := e.engine.DeleteArchive(t.Context(), named("never")); !errors.Is(err, rules.ErrArchiveNotFound) {
		t.Error(err)
	}
	if _, err := e.engine.Archive(t.Context(), named("never")); !errors.Is(err, rules.ErrArchiveNotFound) {
		t.Error(err)
	}
}

func TestArchiveFaults(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	create := func(name string, def rules.Archive) error {
		_, err := e.engine.CreateArchive(t.Context(), named(name), def)
		return err
	}
	for _, c := range []struct {
		name, field string
		def         rules.Archive
	}{
		{"a", "when", rules.Archive{When: json.RawMessage(`{"a":1}`)}},
		{"a b", "name", rules.Archive{}},
		{strings.Repeat("a", 49), "name", rules.Archive{}},
		{"a", "retention", rules.Archive{Retention: duration.Of(time.Second)}},
		{"a", "retention", rules.Archive{Retention: duration.Of(-time.Hour)}},
		{"a", "bus", rules.Archive{Bus: "a b"}},
	} {
		invalid, ok := errors.AsType[*rules.InvalidError](create(c.name, c.def))
		if !ok || invalid.Field != c.field {
			t.Errorf("%+v: %v", c, invalid)
		}
	}
	if err := create("a", rules.Archive{Bus: "nowhere"}); !errors.Is(err, rules.ErrBusNotFound) {
		t.Error(err)
	}
	e.must(nil, create("a", rules.Archive{}))
	if err := create("a", rules.Archive{}); !errors.Is(err, rules.ErrArchiveExists) {
		t.Error(err)
	}
	update := func(change func(*rules.Archive)) error {
		_, err := e.engine.UpdateArchive(t.Context(), named("a"), func(a *rules.Archive) error { change(a); return nil })
		return err
	}
	for field, change := range map[string]func(*rules.Archive){
		"when": func(a *rules.Archive) { a.When = json.RawMessage(`[]`) },
		"bus":  func(a *rules.Archive) { a.Bus = "other" },
	} {
		if invalid, ok := errors.AsType[*rules.InvalidError](update(change)); !ok || invalid.Field != field {
			t.Errorf("%s: %v", field, invalid)
		}
	}
	own := errors.New("own")
	if _, err := e.engine.UpdateArchive(t.Context(), named("a"), func(*rules.Archive) error { return own }); !errors.Is(err, own) {
		t.Error(err)
	}
	if _, err := e.engine.UpdateArchive(t.Context(), named("b"), func(*rules.Archive) error { return nil }); !errors.Is(err, rules.ErrArchiveNotFound) {
		t.Error(err)
	}
	// What a file declares is the file's.
	archives := catalog.NewTable[rules.Archive](e.definitions, rules.ArchiveTable)
	_, err := e.definitions.Declare(t.Context(), "file:x.yaml", "1", []catalog.Declaration{
		archives.Declaring(named("declared"), rules.Archive{Bus: rules.DefaultBus}),
	}, catalog.DeclareOptions{})
	e.must(nil, err)
	_, err = e.engine.UpdateArchive(t.Context(), named("declared"), func(a *rules.Archive) error { a.Description = "x"; return nil })
	if _, ok := errors.AsType[*catalog.ManagedError](err); !ok {
		t.Error(err)
	}
	if _, ok := errors.AsType[*catalog.ManagedError](e.engine.DeleteArchive(t.Context(), named("declared"))); !ok {
		t.Error("it was deleted")
	}
	if a, err := e.engine.Archive(t.Context(), named("declared")); err != nil || !a.Managed {
		t.Errorf("%+v, %v", a, err)
	}
}

// TestArchiveOutlivesItsBus: it takes nothing while there is none, and goes on with a new one of the name.
func TestArchiveOutlivesItsBus(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.must(e.buses.Create(t.Context(), named("shop"), rules.Bus{}))
	_, err := e.engine.CreateArchive(t.Context(), named("all"), rules.Archive{Bus: "shop"})
	e.must(nil, err)
	publish := func(bus string) string {
		p, err := e.engine.Publish(t.Context(), rules.Publish{Bus: named(bus), Events: []event.Event{newEvent("a", "1")}})
		e.must(nil, err)
		return p[0].ID
	}
	first := publish("shop")
	publish(rules.DefaultBus)
	e.must(nil, e.buses.Delete(t.Context(), named("shop")))
	publish(rules.DefaultBus)
	e.wantArchived("all", first)
	e.must(e.buses.Create(t.Context(), named("shop"), rules.Bus{}))
	e.wantArchived("all", first, publish("shop"))
}

// TestArchiveRetention: an archive is bounded by its retention only.
func TestArchiveRetention(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.archive("forever", "")
	_, err := e.engine.CreateArchive(t.Context(), named("hour"), rules.Archive{Retention: duration.Of(time.Hour)})
	e.must(nil, err)
	ids := e.publishMany(3, "a")
	expiries, err := e.engine.Expiries()
	e.must(nil, err)
	for _, after := range []time.Duration{time.Minute, 100 * 365 * 24 * time.Hour} {
		if _, err := e.store.Expire(t.Context(), e.broker.Now().Add(after), expiries); err != nil {
			t.Fatal(err)
		}
		e.wantArchived("forever", ids...)
		if after == time.Minute {
			e.wantArchived("hour", ids...)
		} else {
			e.wantArchived("hour")
		}
	}
}

// TestArchiveDeletedDuringPublish: a publish that comes upon the dropped log goes by what is there then.
func TestArchiveDeletedDuringPublish(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	q := e.queue("orders", queue.Definition{})
	e.rule("r", to("orders", ""))
	e.archive("all", "")
	var once sync.Once
	e.store.beforeAppend = func(req *queue.AppendRequest) error {
		once.Do(func() { e.must(nil, e.engine.DeleteArchive(context.Background(), named("all"))) })
		return nil
	}
	e.expect(q, []string{e.publishOne("a", "1").ID})
}
