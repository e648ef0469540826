package dispatch_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/signalbox-mq/signalbox/dispatch"
	"github.com/signalbox-mq/signalbox/dispatch/destination"
	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
	"github.com/signalbox-mq/signalbox/queue"
)

// secrets are those of all connections in these tests.
var secrets = []string{"passw0rd", "k3y-value", "client-s3cret", "header-s3cret", "query+s3cret&", "body-s3cret\"", "t0ken-"}

var (
	withBasic = destination.Connection{Authorization: destination.Basic, Username: "user", Password: "passw0rd"}
	withKey   = destination.Connection{Authorization: destination.APIKey, KeyName: "X-Api-Key", KeyValue: "k3y-value"}
)

// withOAuth is a connection whose tokens come from a URL, and withParameters one with parameters of all kinds.
func withOAuth(url string) destination.Connection {
	return destination.Connection{Authorization: destination.OAuth, Token: &destination.TokenSource{
		Endpoint: url, Method: "POST", ClientID: "client", ClientSecret: "client-s3cret",
	}}
}

func withParameters(c destination.Connection) destination.Connection {
	c.Parameters = destination.Parameters{
		Header: []destination.Parameter{{Key: "X-Open", Value: "open"}, {Key: "x-hidden", Value: "header-s3cret", Secret: true}},
		Query:  []destination.Parameter{{Key: "open", Value: "o"}, {Key: "hidden", Value: "query+s3cret&", Secret: true}},
		Body:   []destination.Parameter{{Key: "open", Value: "b"}, {Key: "hidden", Value: "body-s3cret\"", Secret: true}},
	}
	return c
}

// destinations gives the environment a manager of destinations that may be anywhere.
func (e *env) destinations() *destination.Manager {
	e.cfg.Client.Guard = endpoint.NewGuard(endpoint.Allow{Loopback: true})
	client := endpoint.NewClient(e.cfg.Client)
	e.cfg.Tokens = destination.NewTokens(client)
	e.t.Cleanup(client.Close)
	return destination.New(e.defs, e.broker.Now, e.cfg.Tokens)
}

// connect makes a connection, which is as if it were authorized.
func (e *env) connect(m *destination.Manager, name string, def destination.Connection) {
	e.t.Helper()
	if _, err := m.CreateConnection(context.Background(), named(name), def); err != nil {
		e.t.Fatal(err)
	}
}

// destination makes one that is called by POST, unless def says otherwise.
func (e *env) destination(m *destination.Manager, name string, def destination.Destination) (queue.ID, destination.Entry) {
	e.t.Helper()
	if def.Method == "" {
		def.Method = "POST"
	}
	entry, err := m.Create(context.Background(), named(name), def)
	if err != nil {
		e.t.Fatal(err)
	}
	record, _ := e.defs.Get(destination.Table, named(name))
	return queue.IDFor(record.ID, queue.Deliveries), entry
}

// invoke puts a delivery into a destination's queue, as a rule does, and returns the origin under which it is recorded.
func (e *env) invoke(to queue.ID, body string, about endpoint.Delivery) string {
	e.t.Helper()
	now := e.broker.Now()
	about.Account, about.Region, about.Published = account, region, now.UnixMilli()
	about.Bus, about.Rule, about.Target = "shop", "orders", "1"
	about.Origin = queue.NewMessageID().String()
	if about.Verbatim == nil {
		about.Verbatim = &endpoint.Verbatim{ContentType: "application/json"}
	}
	_, err := e.store.Append(context.Background(), queue.AppendRequest{Now: now, Entries: []queue.Entry{{
		Queue: to, Kind: queue.FIFO,
		Message: queue.Message{
			ID: queue.NewMessageID(), Body: []byte(body),
			System: []queue.Attribute{{Name: endpoint.AttributeDelivery, Type: "String", Value: about.Encode()}},
		},
	}}})
	if err != nil {
		e.t.Fatal(err)
	}
	return about.Origin
}

// retries is a policy with so many retries within a day.
func retries(n int) *endpoint.RetryPolicy { return new(endpoint.EventBridgeRetry(n, 24*time.Hour)) }

// oneRetry is what a delivery has that is tried twice.
func oneRetry() endpoint.Delivery { return endpoint.Delivery{Retry: retries(1)} }

// hidden fails if a secret is in the records of attempts, in a dead letter, in what waits, or in what was told.
func (e *env) hidden(queues ...queue.ID) {
	e.t.Helper()
	var all bytes.Buffer
	for _, p := range e.contents(attemptsLog, queue.Log) {
		all.Write(p.Message.Body)
		a, err := dispatch.DecodeAttempt(p.Message.Body)
		if err != nil {
			e.t.Fatal(err)
		}
		all.Write(a.Response.Body)
	}
	dump := func(messages []queue.Peeked) {
		for _, p := range messages {
			all.Write(p.Message.Body)
			all.Write(p.Message.State)
			for _, a := range append(p.Message.Attributes, p.Message.System...) {
				all.Write(a.Value)
			}
		}
	}
	dump(e.builtin())
	for _, q := range queues {
		dump(e.contents(q, queue.FIFO))
	}
	e.mu.Lock()
	told, err := json.Marshal([]any{e.attempts, e.changes})
	e.mu.Unlock()
	if err != nil {
		e.t.Fatal(err)
	}
	all.Write(told)
	if e.d != nil {
		statuses, err := e.d.Statuses(context.Background())
		if err != nil {
			e.t.Fatal(err)
		}
		told, _ = json.Marshal(statuses)
		all.Write(told)
	}
	text := all.String()
	for _, s := range secrets {
		quoted, _ := json.Marshal(s)
		for _, form := range []string{s, string(quoted[1 : len(quoted)-1]), "dXNlcjpwYXNzdzByZA", "Y2xpZW50OmNsaWVudC1zM2NyZXQ"} {
			if at := strings.Index(text, form); at >= 0 {
				e.t.Errorf("the secret %s is in %s", form, text[max(at-200, 0):min(at+100, len(text))])
			}
		}
	}
}

// last returns the last recorded attempt of an origin, once there are n.
func (e *env) last(origin string, n int) dispatch.Attempt {
	e.t.Helper()
	var all []dispatch.Attempt
	e.await("attempts of "+origin, func(attempts []dispatch.Attempt, _ []dispatch.StateChange) bool {
		all = all[:0]
		for _, a := range attempts {
			if a.Origin == origin {
				all = append(all, a)
			}
		}
		return len(all) >= n
	})
	return all[n-1]
}

// answering answers with a status, and with everything that was asked in the body and the header.
func answering(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var said bytes.Buffer
		_ = r.Header.Write(&said)
		said.WriteString(r.URL.String())
		w.Header().Set("X-Echo", strings.NewReplacer("\r\n", " ").Replace(said.String()))
		w.WriteHeader(code)
		_, _ = said.WriteTo(w)
	}
}

func mustJSON(t testing.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
