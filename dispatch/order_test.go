package dispatch_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/signalbox-mq/signalbox/dispatch"
	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
	"github.com/signalbox-mq/signalbox/event"
	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
)

// A failing delivery keeps its group waiting, in order, and nobody else.
func TestOrderedGroups(t *testing.T) {
	virtual(t, func(t *testing.T, e *env, serve func(string, http.HandlerFunc) *collector) {
		var failures atomic.Int64
		failures.Store(3)
		c := serve("shop", func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Ce-Subject") == "a2" && failures.Add(-1) >= 0 {
				w.WriteHeader(500)
			}
		})
		f := e.function("f", endpoint.Endpoint{
			URL: c.url, Format: endpoint.FormatCloudEventBinary, Retry: schedule(time.Minute, time.Minute, time.Minute),
		})
		var posts []post
		for _, subject := range []string{"a1", "b1", "a2", "b2", "a3", "-1", "b3", "a4", "-2"} {
			ev := sample(`1`)
			ev.Subject = subject
			posts = append(posts, post{to: f, event: ev, group: strings.Trim(subject[:1], "-")})
		}
		e.start()
		e.publish(posts...)
		subjects := func() map[string][]string {
			all := map[string][]string{}
			for _, got := range c.got() {
				s := got.header.Get("Ce-Subject")
				all[s[:1]] = append(all[s[:1]], s)
			}
			return all
		}
		over(30 * time.Second)
		want := map[string][]string{"a": {"a1", "a2"}, "b": {"b1", "b2", "b3"}, "-": {"-1", "-2"}}
		if diff := cmp.Diff(want, subjects()); diff != "" {
			t.Error(diff)
		}
		over(10 * time.Minute)
		want["a"] = []string{"a1", "a2", "a2", "a2", "a2", "a3", "a4"}
		if diff := cmp.Diff(want, subjects()); diff != "" {
			t.Error(diff)
		}
		if n := e.stats(f).Total(); n != 0 {
			t.Errorf("%d left", n)
		}
	})
}

// Within a group no two attempts run at once, between groups they do, up to max_in_flight; also when a group's messages
// are slow enough to outlast the lease of the last ones.
func TestGroupsRunSideBySide(t *testing.T) {
	virtual(t, func(t *testing.T, e *env, serve func(string, http.HandlerFunc) *collector) {
		var mu sync.Mutex
		running, seen := map[string]int{}, map[string][]int{}
		c := serve("shop", func(_ http.ResponseWriter, r *http.Request) {
			var group string
			var n int
			if _, err := fmt.Sscanf(r.Header.Get("Ce-Subject"), "%1s%d", &group, &n); err != nil {
				t.Error(err)
			}
			mu.Lock()
			running[group]++
			if running[group] > 1 {
				t.Errorf("group %s has %d attempts at once", group, running[group])
			}
			seen[group] = append(seen[group], n)
			mu.Unlock()
			pass(5 * time.Second)
			mu.Lock()
			running[group]--
			mu.Unlock()
		})
		f := e.function("f", endpoint.Endpoint{URL: c.url, Format: endpoint.FormatCloudEventBinary, MaxInFlight: 4})
		const each = 12
		var posts []post
		for n := range each {
			for _, group := range []string{"a", "b", "c", "d", "e", "f"} {
				ev := sample(`1`)
				ev.Subject = fmt.Sprintf("%s%d", group, n)
				posts = append(posts, post{to: f, event: ev, group: group})
			}
		}
		e.start()
		e.publish(posts...)
		over(time.Hour)
		for group, got := range seen {
			for i, n := range got {
				if n != i {
					t.Errorf("group %s: %v", group, got)
					break
				}
			}
		}
		if len(c.got()) != each*6 {
			t.Errorf("%d attempts", len(c.got()))
		}
		if most := c.most.Load(); most > 4 || most < 3 {
			t.Errorf("%d attempts at once", most)
		}
	})
}

// sender is a Sender that keeps what it gets.
type sender struct {
	mu   sync.Mutex
	got  []endpoint.Delivery
	ids  []string
	fail func(n int) error
}

func (s *sender) Send(_ context.Context, _ catalog.Name, _ event.Event, d *endpoint.Delivery, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.got, s.ids = append(s.got, *d), append(s.ids, id)
	if s.fail != nil {
		return s.fail(len(s.got))
	}
	return nil
}

func TestSenders(t *testing.T) {
	virtual(t, func(t *testing.T, e *env, _ func(string, http.HandlerFunc) *collector) {
		topics := &sender{fail: func(n int) error {
			if n == 1 {
				return errors.New("busy")
			}
			return nil
		}}
		buses := &sender{fail: func(int) error {
			return &dispatch.PermanentError{Code: "INVALID_PARAMETER", Err: errors.New("too large")}
		}}
		e.cfg.Senders = map[string]dispatch.Sender{dispatch.KindTopic: topics, dispatch.KindBus: buses}
		id := func(table, name string) queue.ID {
			entry, err := catalog.NewTable[struct{}](e.defs, table).Create(t.Context(), named(name), struct{}{})
			if err != nil {
				t.Fatal(err)
			}
			return queue.IDFor(entry.ID, queue.Deliveries)
		}
		topic, bus := id("topics", "alerts"), id("buses", "other")
		e.start()
		looping := sample(`1`)
		sent := e.publish(
			post{to: topic, event: sample(`1`), about: endpoint.Delivery{Hops: endpoint.MaxHops - 1}},
			post{to: topic, event: looping, about: endpoint.Delivery{Hops: endpoint.MaxHops}},
			post{to: bus, event: sample(`2`)},
		)
		over(time.Hour)
		if diff := cmp.Diff([]string{sent[0].String(), sent[0].String()}, topics.ids); diff != "" {
			t.Error(diff)
		}
		if hops := topics.got[1].Hops; hops != endpoint.MaxHops {
			t.Errorf("%d hops", hops)
		}
		codes := map[string]string{}
		for _, p := range e.builtin() {
			a := attributesOf(p.Message)
			codes[a["ERROR_CODE"]] = a["TARGET_ARN"]
		}
		if diff := cmp.Diff(map[string]string{
			"LOOP":              "arn:aws:sns:us-east-1:000000000000:alerts",
			"INVALID_PARAMETER": "arn:aws:events:us-east-1:000000000000:event-bus/other",
		}, codes); diff != "" {
			t.Error(diff)
		}
		if all := e.recorded(looping.ID); len(all) != 1 || all[0].Number != 0 || all[0].Code != "LOOP" {
			t.Errorf("attempts of a loop: %+v", all)
		}
		if len(buses.got) != 1 {
			t.Errorf("%d attempts of what can not be", len(buses.got))
		}
	})
}

// Whatever lies in a delivery queue ends somewhere.
func TestUnreadable(t *testing.T) {
	virtual(t, func(t *testing.T, e *env, serve func(string, http.HandlerFunc) *collector) {
		c := serve("shop", nil)
		f := e.function("f", endpoint.Endpoint{URL: c.url})
		about := endpoint.Delivery{Account: account, Region: region, Origin: "o"}
		entries := []queue.Entry{
			{Message: queue.Message{Body: []byte("{}")}},
			{Message: queue.Message{Body: []byte("{}"), System: []queue.Attribute{{Name: endpoint.AttributeDelivery, Value: []byte("{")}}}},
			{Message: queue.Message{Body: []byte("no event"), System: []queue.Attribute{{Name: endpoint.AttributeDelivery, Value: about.Encode()}}}},
		}
		for i := range entries {
			entries[i].Queue, entries[i].Kind, entries[i].Message.ID = f, queue.FIFO, queue.NewMessageID()
		}
		if _, err := e.store.Append(t.Context(), queue.AppendRequest{Now: e.broker.Now(), Entries: entries}); err != nil {
			t.Fatal(err)
		}
		e.start()
		over(time.Minute)
		for _, p := range e.builtin() {
			if code := attributesOf(p.Message)["ERROR_CODE"]; code != "INVALID_JSON" {
				t.Errorf("code %q", code)
			}
		}
		if n := len(e.builtin()); n != len(entries) || e.stats(f).Total() != 0 {
			t.Errorf("%d dead letters, %d left", n, e.stats(f).Total())
		}
	})
}
