package dispatch_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/signalbox-mq/signalbox/dispatch"
	"github.com/signalbox-mq/signalbox/dispatch/destination"
	"github.com/signalbox-mq/signalbox/dispatch/endpoint"
)

// issuer gives tokens, of which an API takes those that are good.
type issuer struct {
	mu     sync.Mutex // guards what follows
	secret string     // that a client must know
	given  int
	good   map[string]bool
	life   time.Duration
}

func newIssuer() *issuer {
	return &issuer{secret: "client-s3cret", good: map[string]bool{}, life: time.Hour}
}

func (i *issuer) token(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if _, secret, _ := r.BasicAuth(); secret != i.secret {
		w.WriteHeader(401)
		fmt.Fprintf(w, `{"error":"invalid_client","error_description":"not %s"}`, secret)
		return
	}
	i.given++
	token := fmt.Sprintf("t0ken-%d", i.given)
	i.good[token] = true
	fmt.Fprintf(w, `{"access_token":%q,"expires_in":%d}`, token, int(i.life.Seconds()))
}

// api answers with what it was sent.
func (i *issuer) api(w http.ResponseWriter, r *http.Request) {
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	i.mu.Lock()
	good := i.good[token]
	i.mu.Unlock()
	code := 200
	if !good {
		code = 401
	}
	answering(code)(w, r)
}

// revoke has all tokens be good no more, and, if there is one, another secret count.
func (i *issuer) revoke(secret string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	clear(i.good)
	if secret != "" {
		i.secret = secret
	}
}

func (i *issuer) tokens() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.given
}

// runManager authorizes until the test ends.
func runManager(t *testing.T, m *destination.Manager) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- m.Run(ctx) }()
	return sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}

func TestDestinationOAuth(t *testing.T) {
	virtual(t, func(t *testing.T, e *env, serve func(string, http.HandlerFunc) *collector) {
		i := newIssuer()
		auth, api := serve("auth", i.token), serve("api", i.api)
		m := e.destinations()
		defer runManager(t, m)()
		e.connect(m, "c", withParameters(withOAuth(auth.url)))
		synctest.Wait()
		to, _ := e.destination(m, "d", destination.Destination{Connection: "c", URL: api.url})
		other, _ := e.destination(m, "other", destination.Destination{Connection: "c", URL: api.url})
		e.start()
		for range 20 {
			e.invoke(to, `{}`, endpoint.Delivery{Retry: retries(0)})
			e.invoke(other, `{}`, endpoint.Delivery{Retry: retries(0)})
		}
		over(time.Second)
		if n := len(api.got()); n != 40 || i.tokens() != 1 {
			t.Errorf("%d calls with %d tokens", n, i.tokens())
		}
		// It expires, and is renewed before.
		over(59*time.Minute + 30*time.Second)
		for range 20 {
			e.invoke(to, `{}`, endpoint.Delivery{Retry: retries(0)})
		}
		over(time.Second)
		if n := len(api.got()); n != 60 || i.tokens() != 2 {
			t.Errorf("%d calls with %d tokens", n, i.tokens())
		}
		// It is revoked: each call that meets that is made once more, within its one attempt.
		i.revoke("")
		var origins []string
		for range 20 {
			origins = append(origins, e.invoke(to, `{}`, endpoint.Delivery{Retry: retries(0)}))
		}
		over(time.Second)
		for _, origin := range origins {
			if a := e.last(origin, 1); a.Outcome != dispatch.OutcomeDelivered || a.Status != 200 {
				t.Errorf("%s", mustJSON(t, a))
			}
		}
		if i.tokens() != 3 {
			t.Errorf("%d tokens", i.tokens())
		}
		// An API that takes no token at all does not make the issuer busy.
		i.revoke("")
		none := serve("none", answering(401))
		refusing, _ := e.destination(m, "refusing", destination.Destination{Connection: "c", URL: none.url})
		for range 50 {
			e.invoke(refusing, `{}`, endpoint.Delivery{Retry: retries(3)})
		}
		over(30 * time.Second)
		if n := i.tokens(); n > 4 {
			t.Errorf("%d tokens", n)
		}
		over(time.Hour)
		if n := len(e.builtin()); n != 50 {
			t.Errorf("%d dead letters", n)
		}
		e.hidden(to, other, refusing)
	})
}

// TestSecretRotated changes a connection's secret while calls run; none is lost, whatever its policy, and none that begins after
// the change has the old token.
func TestSecretRotated(t *testing.T) {
	virtual(t, func(t *testing.T, e *env, serve func(string, http.HandlerFunc) *collector) {
		i := newIssuer()
		auth, api := serve("auth", i.token), serve("api", i.api)
		m := e.destinations()
		defer runManager(t, m)()
		e.connect(m, "c", withParameters(withOAuth(auth.url)))
		synctest.Wait()
		to, _ := e.destination(m, "d", destination.Destination{Connection: "c", URL: api.url})
		e.start()
		var origins []string
		for round := range 5 {
			for range 10 {
				origins = append(origins, e.invoke(to, `{}`, endpoint.Delivery{Retry: retries(0)}))
				pass(time.Millisecond)
			}
			// The issuer takes the new secret only; tokens that it gave for the old one are good until the next round.
			next := fmt.Sprintf("client-s3cret-%d", round)
			i.mu.Lock()
			i.secret = next
			i.mu.Unlock()
			before := i.tokens()
			if _, err := m.UpdateConnection(t.Context(), named("c"), func(c *destination.Connection) error {
				c.Token.ClientSecret = next
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			origin := e.invoke(to, `{}`, endpoint.Delivery{Retry: retries(0)})
			origins = append(origins, origin)
			over(time.Second)
			calls := api.got()
			token := strings.TrimPrefix(calls[len(calls)-1].header.Get("Authorization"), "Bearer t0ken-")
			var n int
			if _, err := fmt.Sscan(token, &n); err != nil || n <= before {
				t.Errorf("a call after the change has token %s, of %d before", token, before)
			}
			if c, _ := m.Connection(t.Context(), named("c")); c.Connection.State != destination.Authorized {
				t.Errorf("the connection is %s: %s", c.Connection.State, c.Connection.Reason)
			}
		}
		for _, origin := range origins {
			if a := e.last(origin, 1); a.Outcome != dispatch.OutcomeDelivered {
				t.Errorf("%s", mustJSON(t, a))
			}
		}
		e.hidden(to)
	})
}

// TestTokensFail has a token endpoint refuse, hang and talk nonsense; deliveries are tried again, and told why.
func TestTokensFail(t *testing.T) {
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		reason  string
	}{
		"refuses": {func(w http.ResponseWriter, r *http.Request) {
			_, secret, _ := r.BasicAuth()
			w.WriteHeader(401)
			fmt.Fprintf(w, `{"error":"invalid_client","secret":%q}`, secret)
		}, "no token: the token endpoint: answered 401 Unauthorized (invalid_client)"},
		"hangs":    {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, "no token: the token endpoint: no answer in time: timeout"},
		"nonsense": {func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") }, "no token: the token endpoint: its answer is no JSON object"},
	} {
		t.Run(name, func(t *testing.T) {
			virtual(t, func(t *testing.T, e *env, serve func(string, http.HandlerFunc) *collector) {
				auth, api := serve("auth", c.handler), serve("api", nil)
				m := e.destinations()
				defer runManager(t, m)()
				e.connect(m, "c", withParameters(withOAuth(auth.url)))
				to, _ := e.destination(m, "d", destination.Destination{Connection: "c", URL: api.url})
				e.start()
				var origins []string
				for range 50 {
					origins = append(origins, e.invoke(to, `{}`, endpoint.Delivery{}))
				}
				over(5 * time.Minute)
				for _, origin := range origins {
					if a := e.last(origin, 1); a.Outcome != dispatch.OutcomeRetry || a.Class != endpoint.ClassAuthorization ||
						a.Reason != "the call is not authorized: "+c.reason {
						t.Errorf("%s", mustJSON(t, a))
					}
				}
				if n := len(auth.got()); n > 30 {
					t.Errorf("the token endpoint got %d requests in five minutes", n)
				}
				if entry, err := m.Connection(t.Context(), named("c")); err != nil || entry.Connection.State != destination.Authorizing ||
					"no token: "+entry.Connection.Reason != c.reason {
					t.Errorf("%+v %v", entry.Connection, err)
				}
				e.hidden(to)
				i := newIssuer()
				good := serve("good", i.token)
				if _, err := m.UpdateConnection(t.Context(), named("c"), func(c *destination.Connection) error { c.Token.Endpoint = good.url; return nil }); err != nil {
					t.Fatal(err)
				}
				over(20 * time.Minute)
				if n := len(api.got()); n != 50 {
					t.Errorf("%d calls", n)
				}
				if i.tokens() > 3 {
					t.Errorf("%d tokens", i.tokens())
				}
			})
		})
	}
}

// TestTokenGoesWithConnection has calls of a connection that was deleted, and made anew with another client, use no old token.
func TestTokenGoesWithConnection(t *testing.T) {
	virtual(t, func(t *testing.T, e *env, serve func(string, http.HandlerFunc) *collector) {
		i := newIssuer()
		auth, api := serve("auth", i.token), serve("api", i.api)
		m := e.destinations()
		e.connect(m, "c", withOAuth(auth.url))
		to, _ := e.destination(m, "d", destination.Destination{Connection: "c", URL: api.url})
		e.start()
		e.last(e.invoke(to, `{}`, endpoint.Delivery{}), 1)
		if _, err := m.DeleteConnection(t.Context(), named("c")); err != nil {
			t.Fatal(err)
		}
		e.connect(m, "c", withOAuth(auth.url))
		a := e.last(e.invoke(to, `{}`, endpoint.Delivery{}), 1)
		if a.Outcome != dispatch.OutcomeDelivered || i.tokens() != 2 {
			t.Errorf("%d tokens; %s", i.tokens(), mustJSON(t, a))
		}
		over(time.Second)
	})
}
