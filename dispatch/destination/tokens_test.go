package destination

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
	"github.com/signalbox-mq/signalbox/queue/catalog"
)

func pass(d time.Duration) { <-time.After(d) }

func issued(c Connection) *source { return sourceOf(7, &c, true) }

func (t *Tokens) must(tb testing.TB, s *source) string {
	tb.Helper()
	tok, err := t.get(context.Background(), s)
	if err != nil {
		tb.Errorf("get: %v", err)
	}
	return tok.header
}

func TestTokenIsUsedUntilItExpires(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{}
		tokens, s := serve(t, i), issued(oauth())
		var group sync.WaitGroup
		for range 50 {
			group.Go(func() {
				if h := tokens.must(t, s); h != "Bearer token-1" {
					t.Error(h)
				}
			})
		}
		group.Wait()
		pass(58 * time.Minute)
		if h := tokens.must(t, s); h != "Bearer token-1" || len(i.got()) != 1 {
			t.Errorf("%s after %d requests", h, len(i.got()))
		}
		// In the last minute one call gets the next, and while that lasts the others go on with the old one.
		pass(time.Minute + time.Second)
		i.set(func(n int, w http.ResponseWriter, r *http.Request) {
			pass(2 * time.Second)
			grants(time.Hour)(n, w, r)
		})
		first := make(chan string)
		go func() { first <- tokens.must(t, s) }()
		synctest.Wait()
		if h := tokens.must(t, s); h != "Bearer token-1" {
			t.Error(h)
		}
		if h := <-first; h != "Bearer token-2" {
			t.Error(h)
		}
		if h := tokens.must(t, s); h != "Bearer token-2" || len(i.got()) != 2 {
			t.Errorf("%s after %d requests", h, len(i.got()))
		}
		// A refresh that fails is not noticed while the old one is good, and is not repeated at once.
		pass(59*time.Minute + 30*time.Second)
		i.set(func(_ int, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) })
		for range 10 {
			if h := tokens.must(t, s); h != "Bearer token-2" {
				t.Error(h)
			}
		}
		if n := len(i.got()); n != 3 {
			t.Errorf("%d requests", n)
		}
		pass(time.Minute)
		if _, err := tokens.get(t.Context(), s); err == nil {
			t.Error("an expired token is used")
		}
	})
}

func TestTokenFailures(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer func(int, http.ResponseWriter, *http.Request)
		reason string
	}{
		"refused": {func(_ int, w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(401)
			_, _ = w.Write([]byte(`{"error":"invalid_client","error_description":"hunter22"}`))
		}, "the token endpoint: answered 401 Unauthorized (invalid_client)"},
		"500":  {func(_ int, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }, "the token endpoint: answered 500 Internal Server Error"},
		"hang": {func(_ int, _ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, "the token endpoint: no answer in time: timeout"},
		"cut":  {func(int, http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "the token endpoint: the connection was closed without an answer: EOF"},
		"redirect": {func(_ int, w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://else/?s=hunter22", http.StatusFound)
		}, "the token endpoint: answered 302 Found to http://else/; redirects are not followed"},
		"html": {func(_ int, w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>hunter22")) }, "the token endpoint: its answer is no JSON object"},
		"huge": {func(_ int, w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(strings.Repeat(" ", 1<<20)))
		}, "the token endpoint: its answer is too long"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				i := &issuer{answer: c.answer}
				tokens, s := serve(t, i), issued(oauth())
				begun := time.Now()
				for range 20 {
					_, err := tokens.get(t.Context(), s)
					failed, ok := errors.AsType[*TokenError](err)
					if !ok || failed.Reason != c.reason {
						t.Fatalf("%v", err)
					}
				}
				if took := time.Since(begun); took > 5100*time.Millisecond || len(i.got()) != 1 {
					t.Errorf("%d requests in %s", len(i.got()), took)
				}
				// Asked for all the time, it asks at longer and longer intervals.
				for range 600 {
					pass(time.Second)
					_, _ = tokens.get(t.Context(), s)
				}
				if n := len(i.got()); n < 10 || n > 20 {
					t.Errorf("%d requests in ten minutes", n)
				}
				i.set(nil)
				pass(time.Minute)
				tokens.must(t, s)
			})
		})
	}
}

func TestTokenRetryAfter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{answer: func(_ int, w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "300")
			w.WriteHeader(429)
		}}
		tokens, s := serve(t, i), issued(oauth())
		for range 299 {
			_, _ = tokens.get(t.Context(), s)
			pass(time.Second)
		}
		if n := len(i.got()); n != 1 {
			t.Errorf("%d requests", n)
		}
	})
}

func TestShortLives(t *testing.T) {
	t.Parallel()
	for _, life := range []time.Duration{-time.Hour, 0, time.Second} {
		synctest.Test(t, func(t *testing.T) {
			i := &issuer{answer: grants(life)}
			tokens, s := serve(t, i), issued(oauth())
			for range 100 {
				tokens.must(t, s)
				pass(100 * time.Millisecond)
			}
			if n := len(i.got()); n < 9 || n > 14 {
				t.Errorf("%s: %d requests in ten seconds", life, n)
			}
			// What was asked for while a call waited is for that call.
			i.set(func(n int, w http.ResponseWriter, r *http.Request) {
				pass(3 * time.Second)
				grants(life)(n, w, r)
			})
			before := len(i.got())
			pass(5 * time.Second)
			var group sync.WaitGroup
			for range 20 {
				group.Go(func() { tokens.must(t, s) })
			}
			group.Wait()
			if n := len(i.got()) - before; n > 2 {
				t.Errorf("%s: %d requests for 20 calls at once", life, n)
			}
		})
	}
}

func TestRefusedToken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{}
		tokens, s := serve(t, i), issued(oauth())
		old, err := tokens.get(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		// All that run with the old one are refused; one new one is had for all.
		var group sync.WaitGroup
		for range 20 {
			group.Go(func() {
				if tok, ok := tokens.renew(context.Background(), s, old); !ok || tok.header != "Bearer token-2" {
					t.Errorf("%s %v", tok.header, ok)
				}
			})
		}
		group.Wait()
		if n := len(i.got()); n != 2 {
			t.Errorf("%d requests", n)
		}
		// If that one is refused too, it is not the token.
		second, _ := tokens.get(t.Context(), s)
		for range 20 {
			if _, ok := tokens.renew(t.Context(), s, second); ok {
				t.Error("renewed again")
			}
		}
		pass(time.Minute)
		if tok, ok := tokens.renew(t.Context(), s, second); !ok || tok.header != "Bearer token-3" {
			t.Errorf("%s %v", tok.header, ok)
		}
		// An issuer that gives the same one again has nothing better.
		pass(2 * time.Minute)
		i.set(func(_ int, w http.ResponseWriter, r *http.Request) { grants(time.Hour)(3, w, r) })
		third, _ := tokens.get(t.Context(), s)
		if _, ok := tokens.renew(t.Context(), s, third); ok {
			t.Error("the same token counts as another one")
		}
	})
}

// TestSameTokenAgain has an issuer give the refused token once more, to all that were refused at the same time: it is asked once.
func TestSameTokenAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{answer: func(_ int, w http.ResponseWriter, r *http.Request) { pass(time.Second); grants(time.Hour)(1, w, r) }}
		tokens, s := serve(t, i), issued(oauth())
		old, err := tokens.get(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		var group sync.WaitGroup
		for range 20 {
			group.Go(func() {
				if tok, ok := tokens.renew(t.Context(), s, old); ok {
					t.Errorf("%s counts as another one", tok.header)
				}
			})
		}
		group.Wait()
		if n := len(i.got()); n != 2 {
			t.Errorf("%d requests", n)
		}
	})
}

// TestConnectionGoesDuringCall has calls find out that their connection was deleted, deauthorized or changed while they had a token, or
// were refused with it: nobody is asked for a token with what it was, and none is kept.
func TestConnectionGoesDuringCall(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Manager) error{
		"deleted":      func(m *Manager) error { _, err := m.DeleteConnection(context.Background(), at("c")); return err },
		"deauthorized": func(m *Manager) error { _, err := m.DeauthorizeConnection(context.Background(), at("c")); return err },
		"changed": func(m *Manager) error {
			_, err := m.UpdateConnection(context.Background(), at("c"), func(c *Connection) error { c.Token.ClientSecret = "hunter33"; return nil })
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				i := &issuer{}
				tokens := serve(t, i)
				m := newManager(t, tokens)
				if _, err := m.CreateConnection(t.Context(), at("c"), oauth()); err != nil {
					t.Fatal(err)
				}
				caller, err := NewCaller(at("d"), Destination{Connection: "c", URL: "http://issuer/api", Method: "GET"}, m.definitions, tokens.client, tokens)
				if err != nil {
					t.Fatal(err)
				}
				i.set(func(n int, w http.ResponseWriter, r *http.Request) {
					if r.URL.Path == "/token" {
						grants(time.Hour)(n, w, r)
						return
					}
					if err := change(m); err != nil {
						t.Error(err)
					}
					w.WriteHeader(401)
				})
				a := caller.authorization()
				called, err := caller.Call(t.Context(), &endpoint.Delivery{}, nil)
				if err != nil || called.Status != 401 || len(i.got()) != 2 || len(tokens.held) != 0 {
					t.Errorf("%+v %v; %d requests, %d tokens are held", called, err, len(i.got()), len(tokens.held))
				}
				// A call that has looked at the connection just before.
				if caller.callWithToken(t.Context(), a, endpoint.Request{URL: "http://issuer/token", Header: http.Header{}}, &called); len(tokens.held) != 0 {
					t.Errorf("%d tokens are held", len(tokens.held))
				}
			})
		})
	}
}

func TestTokenOfAnotherState(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{}
		tokens := serve(t, i)
		c := oauth()
		tokens.must(t, issued(c))
		c.Reason, c.Kept = "because", map[string]string{"a": "b"}
		if h := tokens.must(t, issued(c)); h != "Bearer token-1" {
			t.Error(h)
		}
		c.Token = new(*c.Token)
		c.Token.ClientSecret = "hunter33"
		if h := tokens.must(t, issued(c)); h != "Bearer token-2" {
			t.Error(h)
		}
		c.Authorized, c.State = time.Now(), Authorized
		if h := tokens.must(t, issued(c)); h != "Bearer token-2" {
			t.Error(h)
		}
		c.Generation++
		if h := tokens.must(t, issued(c)); h != "Bearer token-3" {
			t.Error(h)
		}
		if len(tokens.held) != 1 {
			t.Errorf("%d are held", len(tokens.held))
		}
		tokens.Changed(7, nil)
		tokens.Changed(8, nil)
		if len(tokens.held) != 0 {
			t.Errorf("%d are held", len(tokens.held))
		}
	})
}

func TestTokenInterrupted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{answer: func(_ int, _ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }}
		tokens, s := serve(t, i), issued(oauth())
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var group sync.WaitGroup
		for range 5 {
			group.Go(func() {
				if _, err := tokens.get(ctx, s); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("%v", err)
				}
			})
		}
		group.Wait()
		// Nothing was learnt by that.
		i.set(nil)
		tokens.must(t, s)
	})
}

func TestRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{}
		m := newManager(t, serve(t, i))
		ctx := t.Context()
		stop := m.run(t)
		state := func() Connection {
			synctest.Wait()
			e, err := m.Connection(ctx, at("c"))
			if err != nil {
				t.Fatal(err)
			}
			return e.Connection
		}
		if e, err := m.CreateConnection(ctx, at("c"), oauth()); err != nil || e.Connection.State != Authorizing {
			t.Fatalf("%+v %v", e, err)
		}
		if _, err := m.Create(ctx, at("d"), toAPI("c")); err != nil {
			t.Fatal(err)
		}
		if c := state(); c.State != Authorized || c.Authorized.IsZero() || c.Reason != "" {
			t.Errorf("%+v", c)
		}
		if d, _ := m.Get(ctx, at("d")); !d.Active {
			t.Error("the destination is not active")
		}
		// The token that was had is the one that calls use.
		e, _ := m.connections.Get(at("c"))
		if h := m.tokens.must(t, sourceOf(e.ID, &e.Value, false)); h != "Bearer token-1" || len(i.got()) != 1 {
			t.Errorf("%s after %d requests", h, len(i.got()))
		}
		// With another secret it is authorized anew.
		i.set(func(_ int, w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(401)
			_, _ = w.Write([]byte(`{"error":"invalid_client","you":"hunter33"}`))
		})
		if _, err := m.UpdateConnection(ctx, at("c"), func(c *Connection) error { c.Token.ClientSecret = "hunter33"; return nil }); err != nil {
			t.Fatal(err)
		}
		if c := state(); c.State != Authorizing || c.Reason != "the token endpoint: answered 401 Unauthorized (invalid_client)" {
			t.Errorf("%+v", c)
		}
		if d, _ := m.Get(ctx, at("d")); d.Active {
			t.Error("the destination is active")
		}
		before := len(i.got())
		pass(10 * time.Minute)
		if n := len(i.got()) - before; n < 10 || n > 20 {
			t.Errorf("%d requests in ten minutes", n)
		}
		// A change is tried at once, however long the pause is.
		i.set(nil)
		if _, err := m.UpdateConnection(ctx, at("c"), func(c *Connection) error { c.Token.ClientSecret = "hunter44"; return nil }); err != nil {
			t.Fatal(err)
		}
		if c := state(); c.State != Authorized || c.Reason != "" {
			t.Errorf("%+v", c)
		}
		// One that nobody authorized is when somebody runs again.
		stop()
		if _, err := m.UpdateConnection(ctx, at("c"), func(*Connection) error { return nil }); err != nil {
			t.Fatal(err)
		}
		if c := state(); c.State != Authorizing {
			t.Errorf("%+v", c)
		}
		stop = m.run(t)
		if c := state(); c.State != Authorized {
			t.Errorf("%+v", c)
		}
		// Deauthorized or deleted while it is at it.
		i.set(func(_ int, w http.ResponseWriter, r *http.Request) { pass(4 * time.Second); grants(time.Hour)(1, w, r) })
		if _, err := m.UpdateConnection(ctx, at("c"), func(*Connection) error { return nil }); err != nil {
			t.Fatal(err)
		}
		pass(time.Second)
		if _, err := m.DeauthorizeConnection(ctx, at("c")); err != nil {
			t.Fatal(err)
		}
		pass(10 * time.Second)
		if c := state(); c.State != Deauthorized || c.Token.ClientSecret != "" {
			t.Errorf("%+v", c)
		}
		stop()
	})
}

func TestManyConnections(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{answer: func(n int, w http.ResponseWriter, r *http.Request) { pass(time.Second); grants(time.Hour)(n, w, r) }}
		m := newManager(t, serve(t, i))
		for range 64 {
			if _, err := m.CreateConnection(t.Context(), at("c"+time.Now().Format("150405.000000000")), oauth()); err != nil {
				t.Fatal(err)
			}
			pass(time.Millisecond)
		}
		stop := m.run(t)
		pass(5 * time.Second)
		all, _, _ := m.Connections(t.Context(), catalog.Query{})
		for _, e := range all {
			if e.Connection.State != Authorized {
				t.Errorf("%s is %s", e.Name.Name, e.Connection.State)
			}
		}
		if len(all) != 64 || len(i.got()) != 64 {
			t.Errorf("%d connections, %d requests", len(all), len(i.got()))
		}
		stop()
	})
}
