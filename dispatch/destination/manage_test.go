package destination

import (
	"errors"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
	"github.com/signalbox-mq/signalbox/queue/catalog"
)

func TestConnections(t *testing.T) {
	t.Parallel()
	m := newManager(t, NewTokens(nil))
	ctx := t.Context()
	def := basicAuth()
	def.Description = "d"
	def.Parameters.Header = []Parameter{{Key: "X-Key", Value: "sup3rsecret", Secret: true}, {Key: "X-Open", Value: "open"}}
	made, err := m.CreateConnection(ctx, at("c"), def)
	if err != nil || made.Connection.State != Authorized || made.Connection.Authorized.IsZero() || made.Managed || made.Created.IsZero() {
		t.Fatalf("%+v, %v", made, err)
	}
	if _, err := uuid.Parse(made.Connection.UUID); err != nil {
		t.Error(err)
	}
	if _, err := m.CreateConnection(ctx, at("c"), def); !errors.Is(err, ErrExists) {
		t.Errorf("a second one: %v", err)
	}
	got, err := m.Connection(ctx, at("c"))
	if err != nil || cmp.Diff(made, got) != "" {
		t.Errorf("%v %s", err, cmp.Diff(made, got))
	}
	if _, err := m.Connection(ctx, at("none")); !errors.Is(err, ErrNotFound) {
		t.Errorf("none: %v", err)
	}
	updated, err := m.UpdateConnection(ctx, at("c"), func(c *Connection) error {
		c.Authorization, c.KeyName, c.KeyValue, c.UUID = APIKey, "X-Api-Key", "k3y-value", "mine"
		return nil
	})
	if err != nil || updated.Connection.Password != "" || updated.Connection.Username != "" || updated.Connection.UUID != made.Connection.UUID {
		t.Errorf("%+v, %v", updated, err)
	}
	own := errors.New("own")
	if _, err := m.UpdateConnection(ctx, at("c"), func(*Connection) error { return own }); err != own {
		t.Errorf("change's own: %v", err)
	}
	if _, err := m.UpdateConnection(ctx, at("c"), func(c *Connection) error { c.KeyValue = ""; return nil }); !invalid(err, "key_value") {
		t.Errorf("without a key: %v", err)
	}
	if _, err := m.UpdateConnection(ctx, at("none"), func(*Connection) error { return nil }); !errors.Is(err, ErrNotFound) {
		t.Errorf("none: %v", err)
	}
	gone, err := m.DeauthorizeConnection(ctx, at("c"))
	if err != nil || gone.Connection.State != Deauthorized || gone.Connection.KeyName != "X-Api-Key" || gone.Connection.Parameters.Header[1].Value != "open" {
		t.Errorf("%+v, %v", gone, err)
	}
	record, _ := m.definitions.Get(ConnectionTable, at("c"))
	mustNotHave(t, "the record", string(record.Value), "k3y-value", "sup3rsecret", "passw0rd")
	if _, err := m.DeauthorizeConnection(ctx, at("none")); !errors.Is(err, ErrNotFound) {
		t.Errorf("none: %v", err)
	}
	if _, err := m.CreateConnection(ctx, at("b"), oauth()); err != nil {
		t.Fatal(err)
	}
	some, more, err := m.Connections(ctx, catalog.Query{Limit: 1})
	if err != nil || len(some) != 1 || some[0].Name.Name != "b" || !more || some[0].Connection.State != Authorizing {
		t.Errorf("%+v %v %v", some, more, err)
	}
	deleted, err := m.DeleteConnection(ctx, at("c"))
	if err != nil || deleted.Connection.UUID != made.Connection.UUID {
		t.Errorf("%+v, %v", deleted, err)
	}
	if _, err := m.DeleteConnection(ctx, at("c")); !errors.Is(err, ErrNotFound) {
		t.Errorf("again: %v", err)
	}
}

// What was deauthorized stays so until it has all its secrets again: nothing is called with those that were forgotten.
func TestDeauthorized(t *testing.T) {
	t.Parallel()
	parameters := Parameters{
		Header: []Parameter{{Key: "X-Open", Value: "open"}, {Key: "X-Key", Value: "sup3rsecret", Secret: true}},
		Body:   []Parameter{{Key: "k", Value: "sup3rsecret", Secret: true}},
	}
	key := Connection{Authorization: APIKey, KeyName: "X-Api-Key", KeyValue: "k3y-value"}
	for name, row := range map[string]struct {
		def     Connection
		give    func(*Connection) // the secret of the kind of authorization
		missing []string          // then
	}{
		"basic": {basicAuth(), func(c *Connection) { c.Password = "new" }, nil},
		"key":   {key, func(c *Connection) { c.KeyValue = "new" }, nil},
		"oauth": {oauth(), func(c *Connection) { c.Token.ClientSecret = "new" }, []string{"token.parameters.header[1].value", "token.parameters.body[0].value"}},
	} {
		m := newManager(t, NewTokens(nil))
		ctx := t.Context()
		row.def.Parameters = parameters
		if row.def.Token != nil {
			row.def.Token.Parameters = parameters
		}
		update := func(change func(*Connection)) (Connection, error) {
			e, err := m.UpdateConnection(ctx, at("c"), func(c *Connection) error { change(c); return nil })
			return e.Connection, err
		}
		if _, err := m.CreateConnection(ctx, at("c"), row.def); err != nil {
			t.Fatal(err)
		}
		if _, err := m.Create(ctx, at("d"), toAPI("c")); err != nil {
			t.Fatal(err)
		}
		if _, err := m.DeauthorizeConnection(ctx, at("c")); err != nil {
			t.Fatal(err)
		}
		if c, err := update(func(c *Connection) { c.Description, c.State = "other", Authorized }); err != nil || c.State != Deauthorized || c.Description != "other" {
			t.Errorf("%s, after a description: %+v %v", name, c, err)
		}
		if d, err := m.Get(ctx, at("d")); err != nil || d.Active {
			t.Errorf("%s: the destination is %+v %v", name, d, err)
		}
		if _, err := update(row.give); !invalid(err, append(row.missing, "parameters.header[1].value", "parameters.body[0].value")...) {
			t.Errorf("%s, without the other secrets: %v", name, err)
		}
		if e, err := m.Connection(ctx, at("c")); err != nil || e.Connection.State != Deauthorized {
			t.Errorf("%s: what was refused has changed it: %+v %v", name, e, err)
		}
		c, err := update(func(c *Connection) {
			row.give(c)
			c.Parameters = parameters
			if c.Token != nil {
				c.Token.Parameters = Parameters{}
			}
		})
		if err != nil || c.State == Deauthorized || c.State == "" {
			t.Errorf("%s, with all: %+v %v", name, c, err)
		}
	}
}

func TestDestinations(t *testing.T) {
	t.Parallel()
	m := newManager(t, NewTokens(nil))
	ctx := t.Context()
	if _, err := m.Create(ctx, at("d"), toAPI("c")); !errors.Is(err, ErrNotFound) {
		t.Errorf("without a connection: %v", err)
	}
	if _, err := m.CreateConnection(ctx, at("c"), basicAuth()); err != nil {
		t.Fatal(err)
	}
	def := toAPI("c")
	def.Managed, def.Kept = true, map[string]string{"k": "v"}
	made, err := m.Create(ctx, at("d"), def)
	if err != nil || !made.Active || made.Destination.Managed || made.Destination.UUID == "" || made.Destination.Kept["k"] != "v" {
		t.Fatalf("%+v, %v", made, err)
	}
	if _, err := m.Create(ctx, at("d"), toAPI("none")); !errors.Is(err, ErrExists) {
		t.Errorf("a second one: %v", err)
	}
	if _, err := m.Create(ctx, at("d"), Destination{}); !invalid(err, "connection", "url", "method") {
		t.Errorf("empty: %v", err)
	}
	got, err := m.Get(ctx, at("d"))
	if err != nil || cmp.Diff(made, got) != "" {
		t.Errorf("%v %s", err, cmp.Diff(made, got))
	}
	if _, err := m.Get(ctx, at("none")); !errors.Is(err, ErrNotFound) {
		t.Errorf("none: %v", err)
	}
	updated, err := m.Update(ctx, at("d"), func(d *Destination) error { d.Rate, d.UUID, d.Managed = 7, "mine", true; return nil })
	if err != nil || updated.Destination.Rate != 7 || updated.Destination.UUID != made.Destination.UUID || updated.Destination.Managed {
		t.Errorf("%+v, %v", updated, err)
	}
	if _, err := m.Update(ctx, at("d"), func(d *Destination) error { d.Connection = "other"; return nil }); !errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), "other") {
		t.Errorf("to a connection that is not there: %v", err)
	}
	if _, err := m.Update(ctx, at("none"), func(*Destination) error { return nil }); !errors.Is(err, ErrNotFound) {
		t.Errorf("none: %v", err)
	}
	if _, err := m.Update(ctx, at("d"), func(d *Destination) error { d.Method = "TRACE"; return nil }); !invalid(err, "method") {
		t.Errorf("TRACE: %v", err)
	}
	if _, err := m.DeleteConnection(ctx, at("c")); err != nil {
		t.Fatal(err)
	}
	all, more, err := m.List(ctx, catalog.Query{})
	if err != nil || len(all) != 1 || more || all[0].Active {
		t.Errorf("%+v %v %v", all, more, err)
	}
	// What is without its connection can be changed, and be given another one.
	if _, err := m.Update(ctx, at("d"), func(d *Destination) error { d.Rate = 8; return nil }); err != nil {
		t.Error(err)
	}
	if _, err := m.CreateConnection(ctx, at("c2"), basicAuth()); err != nil {
		t.Fatal(err)
	}
	if e, err := m.Update(ctx, at("d"), func(d *Destination) error { d.Connection = "c2"; return nil }); err != nil || !e.Active {
		t.Errorf("%+v %v", e, err)
	}
	for range 2 {
		if err := m.Delete(ctx, at("d")); err != nil {
			t.Error(err)
		}
	}
}

func TestManaged(t *testing.T) {
	t.Parallel()
	m := newManager(t, NewTokens(nil))
	ctx := t.Context()
	_, err := m.definitions.Declare(ctx, "file", "", []catalog.Declaration{
		m.connections.Declaring(at("c"), oauth()), m.destinations.Declaring(at("d"), toAPI("c")),
	}, catalog.DeclareOptions{})
	if err != nil {
		t.Fatal(err)
	}
	c, err := m.Connection(ctx, at("c"))
	if err != nil || !c.Managed || c.Connection.State != Authorized {
		t.Errorf("%+v %v", c, err)
	}
	if d, err := m.Get(ctx, at("d")); err != nil || !d.Managed || !d.Active {
		t.Errorf("%+v %v", d, err)
	}
	for what, do := range map[string]func() error{
		"update c": func() error {
			_, err := m.UpdateConnection(ctx, at("c"), func(*Connection) error { return nil })
			return err
		},
		"deauthorize": func() error { _, err := m.DeauthorizeConnection(ctx, at("c")); return err },
		"delete c":    func() error { _, err := m.DeleteConnection(ctx, at("c")); return err },
		"update d": func() error {
			_, err := m.Update(ctx, at("d"), func(*Destination) error { return nil })
			return err
		},
		"delete d": func() error { return m.Delete(ctx, at("d")) },
	} {
		if _, ok := errors.AsType[*catalog.ManagedError](do()); !ok {
			t.Errorf("%s: no ManagedError", what)
		}
	}
}

// A destination that was made had its connection when it was made, however they come and go.
func TestNoDestinationWithoutConnection(t *testing.T) {
	t.Parallel()
	m := newManager(t, NewTokens(nil))
	ctx := t.Context()
	var group sync.WaitGroup
	for range 3 {
		group.Go(func() {
			for range 100 {
				_, _ = m.CreateConnection(ctx, at("c"), basicAuth())
				_, _ = m.DeleteConnection(ctx, at("c"))
			}
		})
		group.Go(func() {
			for range 100 {
				if _, err := m.Create(ctx, at("d"), toAPI("c")); err != nil && !errors.Is(err, ErrNotFound) && !errors.Is(err, ErrExists) {
					t.Errorf("Create: %v", err)
				}
				_ = m.Delete(ctx, at("d"))
			}
		})
	}
	group.Wait()
	// The history is in the catalog: at each creation there was a connection.
	records, _, err := m.definitions.Changes(0, ConnectionTable, Table)
	if err != nil {
		t.Fatal(err)
	}
	there, made := false, 0
	for _, r := range records {
		switch {
		case r.Table == ConnectionTable:
			there = !r.Deleted
		case !r.Deleted:
			made++
			if !there {
				t.Errorf("a destination was made at revision %d without a connection", r.Revision)
			}
		}
	}
	t.Logf("%d destinations were made", made)
}

func invalid(err error, fields ...string) bool {
	var got []string
	for _, one := range unjoin(err) {
		if e, ok := errors.AsType[*InvalidError](one); ok {
			got = append(got, e.Field)
		}
	}
	return reflect.DeepEqual(got, fields)
}

func TestValidate(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 513)
	for name, c := range map[string]struct {
		change func(*Connection)
		want   []string
	}{
		"good":        {func(*Connection) {}, nil},
		"kind":        {func(c *Connection) { c.Authorization = "NTLM" }, []string{"authorization"}},
		"no kind":     {func(c *Connection) { c.Authorization = "" }, []string{"authorization"}},
		"description": {func(c *Connection) { c.Description = long }, []string{"description"}},
		"no password": {func(c *Connection) { c.Password = "" }, []string{"password"}},
		"colon":       {func(c *Connection) { c.Username = "a:b" }, []string{"username"}},
		"password":    {func(c *Connection) { c.Password = "a:b c\ttab" }, nil},
		"long":        {func(c *Connection) { c.Username, c.Password = long, long }, []string{"username", "password"}},
		"line break":  {func(c *Connection) { c.Password = "a\nb" }, []string{"password"}},
		"foreign":     {func(c *Connection) { c.KeyName, c.KeyValue, c.Token = "a", "b", &TokenSource{} }, []string{"key_name", "key_value", "token"}},
		"header": {func(c *Connection) {
			c.Parameters.Header = []Parameter{{Key: "a b", Value: "x"}, {Key: "host", Value: "x"}, {Key: "X", Value: "a\r\nb"}}
		}, []string{"parameters.header[0].key", "parameters.header[1].key", "parameters.header[2].value"}},
		"query": {func(c *Connection) {
			c.Parameters.Query = []Parameter{{Value: "x"}, {Key: "a\nb"}, {Key: long, Value: long}}
		}, []string{"parameters.query[0].key", "parameters.query[1].key", "parameters.query[2].key", "parameters.query[2].value"}},
		"body": {func(c *Connection) { c.Parameters.Body = []Parameter{{Key: "k", Value: "line\nbreak"}, {Key: "\xff"}} }, []string{"parameters.body[1]"}},
		"no secrets": {func(c *Connection) {
			none := []Parameter{{Key: "k"}, {Key: "s", Secret: true}}
			c.Parameters = Parameters{Header: none, Query: none, Body: none}
		}, []string{"parameters.header[1].value", "parameters.query[1].value", "parameters.body[1].value"}},
		"too many": {func(c *Connection) {
			c.Parameters.Query = make([]Parameter, 101)
			for i := range c.Parameters.Query {
				c.Parameters.Query[i].Key = "k"
			}
		}, []string{"parameters.query"}},
		"API key": {func(c *Connection) {
			*c = Connection{Authorization: APIKey, KeyName: "Authorization", KeyValue: "Key: 1"}
		}, nil},
		"bad key name": {func(c *Connection) { *c = Connection{Authorization: APIKey, KeyName: "Host", KeyValue: "1"} }, []string{"key_name"}},
		"no key":       {func(c *Connection) { *c = Connection{Authorization: APIKey} }, []string{"key_name", "key_value"}},
		"OAuth":        {func(c *Connection) { *c = oauth() }, nil},
		"no token":     {func(c *Connection) { *c = Connection{Authorization: OAuth} }, []string{"token"}},
		"token": {func(c *Connection) {
			*c = Connection{Authorization: OAuth, Token: &TokenSource{Endpoint: "ftp://x", Method: "PATCH", Parameters: Parameters{Body: []Parameter{{}}}}}
		},
			[]string{"token.endpoint", "token.method", "token.client_id", "token.client_secret", "token.parameters.body[0].key"}},
		"metadata": {func(c *Connection) { *c = oauth(); c.Token.Endpoint = "http://169.254.169.254/" }, []string{"token.endpoint"}},
	} {
		def := basicAuth()
		c.change(&def)
		if err := def.Validate("name"); !invalid(err, c.want...) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, c := range map[string]struct {
		change func(*Destination)
		want   []string
	}{
		"good":       {func(*Destination) {}, nil},
		"http":       {func(d *Destination) { d.URL = "http://10.0.0.1:8080/a?b=c" }, nil},
		"relative":   {func(d *Destination) { d.URL = "/x" }, []string{"url"}},
		"host":       {func(d *Destination) { d.URL = "https://*.test/" }, []string{"url"}},
		"long":       {func(d *Destination) { d.URL = "https://api.test/" + strings.Repeat("x", 2048) }, []string{"url"}},
		"rate":       {func(d *Destination) { d.Rate = -1 }, []string{"rate"}},
		"method":     {func(d *Destination) { d.Method = "post" }, []string{"method"}},
		"connection": {func(d *Destination) { d.Connection = "a/b" }, []string{"connection"}},
	} {
		def := toAPI("c")
		c.change(&def)
		if err := def.Validate("name"); !invalid(err, c.want...) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, want := range map[string]bool{"": false, "a": true, "A.b-c_9": true, "a/b": false, "ü": false, strings.Repeat("x", 64): true, strings.Repeat("x", 65): false} {
		c, d := basicAuth(), toAPI("c")
		if c.Validate(name) == nil != want || d.Validate(name) == nil != want {
			t.Errorf("name %q", name)
		}
	}
}

func TestEndpoint(t *testing.T) {
	t.Parallel()
	d := toAPI("c")
	for rate, want := range map[int]int{0: 100, 1: 5, 10: 50, 50: 100, 1_000_000: 100} {
		d.Rate = rate
		e := d.Endpoint("d")
		if err := e.Validate(); err != nil || e.MaxInFlight != want || e.Rate.Burst() != max(rate, 1) && rate != 0 {
			t.Errorf("%d: %+v %v", rate, e, err)
		}
	}
	if e := d.Endpoint("d"); e.Timeout.Std() != Timeout || e.Retry.Attempts() != 186 || e.Format != endpoint.FormatRaw {
		t.Errorf("%+v", e)
	}
	a, b := UUIDOf(Table, at("d")), UUIDOf(ConnectionTable, at("d"))
	if _, err := uuid.Parse(a); err != nil || a == b || a != UUIDOf(Table, at("d")) {
		t.Errorf("%s %s %v", a, b, err)
	}
}
