package dispatch_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/signalbox-mq/signalbox/dispatch"
	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
)

const notification = "{\n  \"Type\" : \"Notification\",\n  \"Message\" : \"hi\"\n}"

// verbatimHeader is what SNS sends.
func verbatimHeader() map[string]string {
	return map[string]string{
		"User-Agent": "Amazon Simple Notification Service Agent", "Accept-Encoding": "gzip,deflate",
		"x-amz-sns-message-type": "Notification", "x-amz-sns-topic-arn": "arn:aws:sns:us-east-1:000000000000:alerts",
	}
}

func (e *env) subscriptions() *catalog.Table[endpoint.Endpoint] {
	return catalog.NewTable[endpoint.Endpoint](e.defs, endpoint.SubscriptionTable)
}

// subscription defines the endpoint of an HTTP subscription by a delivery policy, without jitter.
func (e *env) subscription(name, url, policy string) queue.ID {
	e.t.Helper()
	p, err := endpoint.ParseDeliveryPolicy([]byte(policy))
	if err != nil {
		e.t.Fatal(err)
	}
	def := endpoint.Endpoint{Name: "11111111-2222-4333-8444-555555555555", URL: url, Managed: true}
	p.Apply(&def)
	def.Retry.Jitter = new(0.0)
	return e.define(name, def)
}

func (e *env) define(name string, def endpoint.Endpoint) queue.ID {
	e.t.Helper()
	entry, err := e.subscriptions().Put(context.Background(), named(name), def)
	if err != nil {
		e.t.Fatal(err)
	}
	return queue.IDFor(entry.ID, queue.Deliveries)
}

// notify appends n deliveries of a notification, as a topic does.
func (e *env) notify(to queue.ID, n int, change func(*endpoint.Delivery)) []queue.MessageID {
	e.t.Helper()
	now := e.broker.Now()
	req := queue.AppendRequest{Now: now}
	var ids []queue.MessageID
	for range n {
		id := queue.NewMessageID()
		about := endpoint.Delivery{
			Origin: id.String(), Account: account, Region: region, Topic: "alerts", Subscription: "s", Published: now.UnixMilli(),
			Verbatim: &endpoint.Verbatim{ContentType: "text/plain; charset=UTF-8", Header: verbatimHeader()},
		}
		if change != nil {
			change(&about)
		}
		req.Entries = append(req.Entries, queue.Entry{Queue: to, Kind: queue.FIFO, Message: queue.Message{
			ID: id, Body: []byte(notification),
			Attributes: []queue.Attribute{{Name: "color", Type: "String", Value: []byte("red")}},
			System:     []queue.Attribute{{Name: endpoint.AttributeDelivery, Type: "String", Value: about.Encode()}},
		}})
		ids = append(ids, id)
	}
	if _, err := e.store.Append(context.Background(), req); err != nil {
		e.t.Fatal(err)
	}
	return ids
}

func bare(d *endpoint.Delivery) { d.DeadLetter, d.Bare = "letters", true }

func TestVerbatimOnTheWire(t *testing.T) {
	virtual(t, func(t *testing.T, e *env, serve func(string, http.HandlerFunc) *collector) {
		c := serve("hook", nil)
		s := e.subscription("alerts/s", "http://me:pw@hook/in?x=1", "")
		e.start()
		e.notify(s, 1, nil)
		over(time.Second)
		calls := c.got()
		if len(calls) != 1 {
			t.Fatalf("%d requests", len(calls))
		}
		want := http.Header{
			"Content-Type": {"text/plain; charset=UTF-8"}, "Content-Length": {fmt.Sprint(len(notification))},
			"Authorization": {"Basic " + base64.StdEncoding.EncodeToString([]byte("me:pw"))},
		}
		for name, value := range verbatimHeader() {
			want.Set(name, value)
		}
		if diff := cmp.Diff(want, calls[0].header); diff != "" {
			t.Error(diff)
		}
		if calls[0].body != notification || calls[0].path != "/in" {
			t.Errorf("%s: %s", calls[0].path, calls[0].body)
		}
		a := e.awaitAttempts(1)[0]
		if a.Kind != dispatch.KindSubscription || a.Endpoint != "alerts/s" || a.Topic != "alerts" || a.Subscription != "s" ||
			a.Outcome != dispatch.OutcomeDelivered || a.Request.URL != "http://hook/in?x=1" ||
			a.Request.Header.Get("Authorization") != "***" || a.Request.Header.Get("X-Amz-Sns-Message-Type") != "Notification" {
			t.Errorf("%+v", a)
		}
	})
}

// Which answers count as delivered is the router's to say for what clients made, and the file's for what is in it.
func TestSuccessBelow500(t *testing.T) {
	virtual(t, func(t *testing.T, e *env, serve func(string, http.HandlerFunc) *collector) {
		serve("gone", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusGone) })
		made := func(name string, managed, below500 bool) {
			def := endpoint.Endpoint{Name: name, URL: "http://gone/", Managed: managed}
			(*endpoint.DeliveryPolicy)(nil).Apply(&def)
			def.Retry.DeliveredBelow500 = below500
			e.notify(e.define("alerts/"+name, def), 1, func(d *endpoint.Delivery) { d.Subscription = name })
		}
		made("client", false, false)
		made("strict", true, false)
		made("lenient", true, true)
		e.cfg.DeliveredBelow500 = true
		e.start()
		over(time.Second)
		want := map[string]dispatch.Outcome{
			"client": dispatch.OutcomeDelivered, "strict": dispatch.OutcomeDeadLettered, "lenient": dispatch.OutcomeDelivered,
		}
		for _, a := range e.awaitAttempts(3) {
			if a.Outcome != want[a.Subscription] || a.Status != http.StatusGone || a.Class != endpoint.ClassHTTP || a.Reason == "" {
				t.Errorf("%s: %+v", a.Subscription, a)
			}
		}
	})
}

// A function that a topic gives a body of the topic's own stays the function it is.
func TestVerbatimToFunction(t *testing.T) {
	virtual(t, func(t *testing.T, e *env, serve func(string, http.HandlerFunc) *collector) {
		fails := func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X-Amz-Function-Error", "Unhandled") }
		lambda, plain := serve("lambda", fails), serve("plain", nil)
		of := e.function("f", endpoint.Endpoint{URL: "http://lambda", Format: endpoint.FormatLambda, Retry: schedule()})
		signed := e.function("g", endpoint.Endpoint{
			URL: "http://plain", Headers: map[string]string{"X-Key": "k"},
			Sign: endpoint.Signing{Secrets: []endpoint.Secret{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}},
		})
		e.start()
		asked := func(d *endpoint.Delivery) { d.Verbatim = &endpoint.Verbatim{ContentType: "application/json"} }
		e.notify(of, 1, asked)
		id := e.notify(signed, 1, asked)[0]
		over(time.Second)
		if got := lambda.got(); len(got) != 1 || got[0].path != "/2015-03-31/functions/f/invocations" || got[0].body != notification ||
			got[0].header.Get("X-Amz-Invocation-Type") != "RequestResponse" || len(e.builtin()) != 1 {
			t.Errorf("lambda: %+v, %d dead letters", got, len(e.builtin()))
		}
		if got := plain.got(); len(got) != 1 || got[0].body != notification || got[0].header.Get("Webhook-Signature") == "" ||
			got[0].header.Get("Webhook-Id") != id.String() || got[0].header.Get("X-Key") != "k" ||
			got[0].header.Get("Content-Type") != "application/json" {
			t.Errorf("plain: %+v", got)
		}
	})
}

// A subscriber that is down through all four phases gets the attempts of its policy, at its times, and then the dead letter
// is what it would have got.
func TestDownThroughAllPhases(t *testing.T) {
	virtual(t, func(t *testing.T, e *env, serve func(string, http.HandlerFunc) *collector) {
		c := serve("hook", status(503))
		letters := e.queue("letters")
		s := e.subscription("alerts/s", c.url, `{"healthyRetryPolicy":{"minDelayTarget":10,"maxDelayTarget":70,"numRetries":12,
			"numNoDelayRetries":2,"numMinDelayRetries":3,"numMaxDelayRetries":2,"backoffFunction":"arithmetic"}}`)
		e.start()
		id := e.notify(s, 1, bare)[0]
		over(2 * time.Hour)
		in := func(seconds ...int) (all []time.Duration) {
			for _, n := range seconds {
				all = append(all, time.Duration(n)*time.Second)
			}
			return all
		}
		if diff := cmp.Diff(in(0, 0, 10, 10, 10, 10, 16, 28, 46, 70, 70, 70), gaps(c.got())); diff != "" {
			t.Error(diff)
		}
		for i, got := range c.got() {
			if got.body != notification || got.header.Get("X-Amz-Sns-Message-Type") != "Notification" {
				t.Errorf("attempt %d: %+v", i+1, got)
			}
		}
		got := e.contents(letters, queue.Standard)
		if len(got) != 1 {
			t.Fatalf("%d dead letters", len(got))
		}
		if diff := cmp.Diff(map[string]string{"color": "red"}, attributesOf(got[0].Message)); diff != "" {
			t.Error(diff)
		}
		if !bytes.Equal(got[0].Message.Body, []byte(notification)) {
			t.Errorf("body %s", got[0].Message.Body)
		}
		all := e.recorded(id.String())
		if len(all) != 13 {
			t.Fatalf("%d attempts are recorded", len(all))
		}
		last := all[12]
		if last.Outcome != dispatch.OutcomeDeadLettered || last.GiveUp != endpoint.GiveUpAttempts || last.DeadLetter != "letters" || last.Code == "" {
			t.Errorf("%+v", last)
		}
	})
}

func TestDownAndBack(t *testing.T) {
	virtual(t, func(t *testing.T, e *env, serve func(string, http.HandlerFunc) *collector) {
		s := e.subscription("alerts/s", "http://hook", "")
		e.start()
		id := e.notify(s, 1, nil)[0]
		over(30 * time.Second)
		c := serve("hook", nil)
		over(time.Minute)
		if n := len(c.got()); n != 1 {
			t.Errorf("%d requests", n)
		}
		if all := e.recorded(id.String()); len(all) != 3 || all[2].Outcome != dispatch.OutcomeDelivered || len(e.builtin()) != 0 {
			t.Errorf("%d dead letters, attempts: %+v", len(e.builtin()), all)
		}
	})
}

func TestThrottle(t *testing.T) {
	virtual(t, func(t *testing.T, e *env, serve func(string, http.HandlerFunc) *collector) {
		c := serve("hook", nil)
		s := e.subscription("alerts/s", c.url, `{"throttlePolicy":{"maxReceivesPerSecond":5}}`)
		e.start()
		over(10 * time.Second)
		begun := time.Now()
		e.notify(s, 100, nil)
		over(10 * time.Second)
		// A burst of one second's worth, and then five each second.
		if n := len(c.got()); n < 45 || n > 55 {
			t.Errorf("%d deliveries in 10s", n)
		}
		over(20 * time.Second)
		calls := c.got()
		if took := calls[len(calls)-1].at.Sub(begun); len(calls) != 100 || took < 18*time.Second || took > 21*time.Second {
			t.Errorf("%d deliveries in %v", len(calls), took)
		}
	})
}

func TestAnswersOfSubscribers(t *testing.T) {
	for code, attempts := range map[int]int{
		400: 1, 401: 1, 403: 1, 404: 1, 408: 1, 410: 1, 422: 1, 499: 1, 301: 4, 429: 4, 500: 4, 501: 4, 503: 4, 200: 1, 202: 1,
	} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			virtual(t, func(t *testing.T, e *env, serve func(string, http.HandlerFunc) *collector) {
				c := serve("hook", status(code))
				letters := e.queue("letters")
				s := e.subscription("alerts/s", c.url, "")
				e.start()
				id := e.notify(s, 1, bare)[0]
				over(10 * time.Minute)
				all := e.recorded(id.String())
				if len(c.got()) != attempts || len(all) != attempts {
					t.Errorf("%d attempts, %d recorded, want %d", len(c.got()), len(all), attempts)
				}
				dead, want := 1, dispatch.OutcomeDeadLettered
				if code < 300 {
					dead, want = 0, dispatch.OutcomeDelivered
				}
				if n := len(e.contents(letters, queue.Standard)); n != dead || all[len(all)-1].Outcome != want {
					t.Errorf("%d dead letters, the last attempt %s", n, all[len(all)-1].Outcome)
				}
				// No answer, 410 neither, says anything about what comes next.
				if st, err := e.d.Status(t.Context(), dispatch.KindSubscription, named("alerts/s")); err != nil || st.Disabled != nil {
					t.Errorf("%+v, %v", st, err)
				}
			})
		})
	}
}

// What counts as delivered besides 2xx does so of messages, not of confirmations: these are tried again, and dropped, as always.
func TestConfirmationBelow500(t *testing.T) {
	for answer, attempts := range map[int]int{404: 1, 302: 4} {
		t.Run(fmt.Sprint(answer), func(t *testing.T) {
			virtual(t, func(t *testing.T, e *env, serve func(string, http.HandlerFunc) *collector) {
				c := serve("hook", status(answer))
				def := endpoint.Endpoint{Name: "s", URL: c.url}
				(*endpoint.DeliveryPolicy)(nil).Apply(&def)
				s := e.define("alerts/s", def)
				e.cfg.DeliveredBelow500 = true
				e.start()
				id := e.notify(s, 1, func(d *endpoint.Delivery) { d.NoDeadLetter = true })[0]
				over(10 * time.Minute)
				all := e.recorded(id.String())
				if len(c.got()) != attempts || len(all) != attempts || all[attempts-1].Outcome != dispatch.OutcomeDropped {
					t.Errorf("%d attempts, recorded: %+v", len(c.got()), all)
				}
			})
		})
	}
}

// What is for the subscriber alone is dropped when it can not be delivered, and when the subscription is gone.
func TestNoDeadLetter(t *testing.T) {
	for name, x := range map[string]struct {
		answer   int
		attempts int
	}{"after its retries": {503, 4}, "at once": {404, 1}, "when the subscription is gone": {0, 0}} {
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T, e *env, serve func(string, http.HandlerFunc) *collector) {
				c := serve("hook", status(x.answer))
				letters := e.queue("letters")
				s := e.subscription("alerts/s", c.url, "")
				alone := func(d *endpoint.Delivery) { bare(d); d.NoDeadLetter = true }
				var id queue.MessageID
				e.start()
				if x.attempts > 0 {
					id = e.notify(s, 1, alone)[0]
				} else {
					at := e.defs.Snapshot()
					if err := e.subscriptions().Delete(t.Context(), named("alerts/s")); err != nil {
						t.Fatal(err)
					}
					over(time.Second)
					id = e.notify(s, 1, alone)[0]
					if err := e.d.Retire(t.Context(), s, dispatch.Former{Kind: dispatch.KindSubscription, Name: named("alerts/s"), At: at}); err != nil {
						t.Fatal(err)
					}
				}
				over(10 * time.Minute)
				all := e.recorded(id.String())
				if len(c.got()) != x.attempts || len(all) != max(x.attempts, 1) {
					t.Fatalf("%d attempts, %d recorded", len(c.got()), len(all))
				}
				if last := all[len(all)-1]; last.Outcome != dispatch.OutcomeDropped || last.DeadLetter != "" || last.Reason == "" {
					t.Errorf("the last attempt: %+v", last)
				}
				if n := len(e.contents(letters, queue.Standard)) + len(e.builtin()); n != 0 || e.stats(s).Total() != 0 {
					t.Errorf("%d dead letters, %d left", n, e.stats(s).Total())
				}
			})
		})
	}
}

// Where the policy does not list 410, it disables the endpoint: of its own kind only.
func TestGoneSubscriber(t *testing.T) {
	virtual(t, func(t *testing.T, e *env, serve func(string, http.HandlerFunc) *collector) {
		var answer atomic.Int64
		answer.Store(410)
		c := serve("hook", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(int(answer.Load())) })
		other := serve("shop", nil)
		s := e.define("alerts/s", endpoint.Endpoint{URL: c.url, Managed: true})
		f := e.function("alerts/s", endpoint.Endpoint{URL: other.url})
		e.start()
		e.notify(s, 1, bare) // its own queue does not exist
		over(time.Second)
		e.notify(s, 2, nil)
		e.publish(post{to: f, event: sample(`1`)})
		over(time.Hour)
		st, err := e.d.Status(t.Context(), dispatch.KindSubscription, named("alerts/s"))
		if err != nil || st.Disabled == nil || st.Disabled.By != dispatch.ByEndpoint || st.Waiting.Total() != 2 || len(c.got()) != 1 {
			t.Errorf("%+v, %v, %d requests", st, err, len(c.got()))
		}
		if st, err := e.d.Status(t.Context(), dispatch.KindFunction, named("alerts/s")); err != nil || st.Disabled != nil || len(other.got()) != 1 {
			t.Errorf("the function of the same name: %+v, %v", st, err)
		}
		letters := e.builtin()
		if len(letters) != 1 {
			t.Fatalf("%d dead letters", len(letters))
		}
		// In the built-in queue it says why and whose it is.
		got := attributesOf(letters[0].Message)
		if got["ERROR_CODE"] != "NO_RESOURCE" || got["RULE_ARN"] != "arn:aws:sns:us-east-1:000000000000:alerts" ||
			got["TARGET_ARN"] != "arn:aws:sns:us-east-1:000000000000:alerts:s" || got["color"] != "red" {
			t.Errorf("%v", got)
		}
		answer.Store(200)
		e.stop()
		e.start()
		over(time.Hour)
		if n := len(c.got()); n != 1 {
			t.Errorf("%d requests after a restart", n)
		}
		if err := e.d.Enable(t.Context(), dispatch.KindFunction, named("alerts/s")); err != nil {
			t.Fatal(err)
		}
		over(time.Minute)
		if n := len(c.got()); n != 1 {
			t.Errorf("%d requests after the function was enabled", n)
		}
		if err := e.d.Enable(t.Context(), dispatch.KindSubscription, named("alerts/s")); err != nil {
			t.Fatal(err)
		}
		over(time.Minute)
		if n := len(c.got()); n != 3 {
			t.Errorf("%d requests", n)
		}
	})
}

func TestDisabledSubscription(t *testing.T) {
	virtual(t, func(t *testing.T, e *env, serve func(string, http.HandlerFunc) *collector) {
		c := serve("hook", nil)
		s := e.subscription("alerts/s", c.url, "")
		e.start()
		if err := e.d.Disable(t.Context(), dispatch.KindSubscription, named("alerts/s"), "maintenance"); err != nil {
			t.Fatal(err)
		}
		over(0)
		e.notify(s, 1, nil)
		over(time.Hour)
		if n := len(c.got()); n != 0 {
			t.Errorf("%d requests", n)
		}
		if err := e.d.Enable(t.Context(), dispatch.KindSubscription, named("alerts/s")); err != nil {
			t.Fatal(err)
		}
		over(0)
		if n := len(c.got()); n != 1 {
			t.Errorf("%d requests", n)
		}
		for _, kind := range []string{dispatch.KindFunction, dispatch.KindTopic, "?"} {
			if err := e.d.Disable(t.Context(), kind, named("alerts/s"), ""); !errors.Is(err, catalog.ErrNotFound) {
				t.Errorf("a %s of that name: %v", kind, err)
			}
		}
	})
}

// What waits when a subscription ends is dead-lettered, bare where that is asked.
func TestRetiredSubscription(t *testing.T) {
	virtual(t, func(t *testing.T, e *env, serve func(string, http.HandlerFunc) *collector) {
		letters := e.queue("letters")
		s := e.subscription("alerts/s", "http://nowhere", "")
		var removed []queue.ID
		e.cfg.OnRemoved = func(id queue.ID, kind string, name catalog.Name) {
			if kind != dispatch.KindSubscription || name != named("alerts/s") {
				t.Errorf("%s %s is gone", kind, name)
			}
			removed = append(removed, id)
		}
		e.start()
		e.notify(s, 2, bare)
		e.notify(s, 1, nil)
		over(time.Second)
		if err := e.subscriptions().Delete(t.Context(), named("alerts/s")); err != nil {
			t.Fatal(err)
		}
		over(time.Second)
		if diff := cmp.Diff([]queue.ID{s}, removed); diff != "" {
			t.Errorf("what is gone: %s", diff)
		}
		if err := e.d.Retire(t.Context(), s, dispatch.Former{}); err != nil {
			t.Fatal(err)
		}
		got := e.contents(letters, queue.Standard)
		if len(got) != 2 {
			t.Fatalf("%d dead letters", len(got))
		}
		for _, letter := range got {
			if diff := cmp.Diff(map[string]string{"color": "red"}, attributesOf(letter.Message)); diff != "" || string(letter.Message.Body) != notification {
				t.Errorf("%s%s", diff, letter.Message.Body)
			}
		}
		builtin := e.builtin()
		if len(builtin) != 1 || attributesOf(builtin[0].Message)["ERROR_MESSAGE"] != "subscription alerts/s does not exist any more" ||
			attributesOf(builtin[0].Message)["TARGET_ARN"] != "arn:aws:sns:us-east-1:000000000000:alerts:11111111-2222-4333-8444-555555555555" {
			t.Errorf("%+v", builtin)
		}
	})
}

// A bare dead letter whose queue is deleted on the way says in the built-in queue why it is there.
func TestBareLetterOnADeletedQueue(t *testing.T) {
	virtual(t, func(t *testing.T, e *env, serve func(string, http.HandlerFunc) *collector) {
		c := serve("hook", status(404))
		s := e.subscription("alerts/s", c.url, "")
		e.queue("letters")
		var deleted atomic.Bool
		e.overStore(&faulty{Store: e.store, before: func() error {
			if deleted.Swap(true) {
				return nil
			}
			return e.broker.Delete(context.Background(), named("letters"))
		}})
		e.start()
		e.notify(s, 1, bare)
		over(time.Minute)
		letters := e.builtin()
		if len(letters) != 1 || attributesOf(letters[0].Message)["ERROR_CODE"] != "NO_RESOURCE" || attributesOf(letters[0].Message)["color"] != "red" {
			t.Errorf("%+v", letters)
		}
	})
}
