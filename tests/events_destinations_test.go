package tests

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	ebtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"

	"github.com/signalbox-mq/signalbox/tests/harness"
)

const (
	clientSecret = "oauth-s3cret"
	bodySecret   = "body-s3cret"
)

// tokens is an OAuth server that gives out token after token, and an API that takes the newest only.
type tokens struct {
	*httptest.Server
	given   atomic.Int64
	refused atomic.Int64

	mu    sync.Mutex
	newer string // the token that the API takes
	calls []apiCall
}

type apiCall struct {
	Method, URI, Body string
	Header            http.Header
}

func newTokens(t *testing.T) *tokens {
	s := &tokens{}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *tokens) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.URL.Path == "/token" {
		id, secret, ok := r.BasicAuth()
		if r.ParseForm() != nil || r.Form.Get("grant_type") != "client_credentials" || (!ok || id != "client" || secret != clientSecret) &&
			(r.Form.Get("client_id") != "client" || r.Form.Get("client_secret") != clientSecret) {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		s.newer = "token-" + string(rune('a'+s.given.Add(1)))
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"access_token": s.newer, "token_type": "Bearer", "expires_in": 3600})
		return
	}
	if r.Header.Get("Authorization") != "Bearer "+s.newer {
		s.refused.Add(1)
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the caller gave up
	}
	s.calls = append(s.calls, apiCall{r.Method, r.URL.RequestURI(), string(body), r.Header})
}

// called waits for n calls of the API.
func (s *tokens) called(t *testing.T, n int) []apiCall {
	t.Helper()
	var calls []apiCall
	harness.Until(t, "the API to be called", func() (bool, string) {
		s.mu.Lock()
		defer s.mu.Unlock()
		calls = s.calls
		return len(calls) >= n, "only some calls came"
	})
	return calls
}

// TestEventBridgeDestinations calls an API behind OAuth, whose tokens it then does not take any more, and one that fails for good.
func TestEventBridgeDestinations(t *testing.T) {
	t.Parallel()
	api := newTokens(t)
	r := harness.Start(t, harness.Options{Config: openEgress})
	s := newEventsScene(t, r, "destinations")
	ctx := t.Context()
	connection, err := s.CreateConnection(ctx, &eventbridge.CreateConnectionInput{
		Name: aws.String("oauth"), AuthorizationType: ebtypes.ConnectionAuthorizationTypeOauthClientCredentials,
		AuthParameters: &ebtypes.CreateConnectionAuthRequestParameters{
			OAuthParameters: &ebtypes.CreateConnectionOAuthRequestParameters{
				AuthorizationEndpoint: aws.String(api.URL + "/token"), HttpMethod: ebtypes.ConnectionOAuthHttpMethodPost,
				ClientParameters: &ebtypes.CreateConnectionOAuthClientRequestParameters{ClientID: aws.String("client"), ClientSecret: aws.String(clientSecret)},
			},
			InvocationHttpParameters: &ebtypes.ConnectionHttpParameters{
				BodyParameters:        []ebtypes.ConnectionBodyParameter{{Key: aws.String("added"), Value: aws.String(bodySecret), IsValueSecret: true}},
				QueryStringParameters: []ebtypes.ConnectionQueryStringParameter{{Key: aws.String("q"), Value: aws.String("connection")}},
			},
		},
	})
	s.ok(err, "CreateConnection")
	harness.Until(t, "the connection to be authorized", func() (bool, string) {
		got, err := s.DescribeConnection(ctx, &eventbridge.DescribeConnectionInput{Name: aws.String("oauth")})
		s.ok(err, "DescribeConnection")
		shown, err := json.Marshal(got.AuthParameters)
		s.ok(err, "encoding")
		if strings.Contains(string(shown), "s3cret") {
			t.Fatalf("secrets are shown: %s", shown)
		}
		return got.ConnectionState == ebtypes.ConnectionStateAuthorized, string(got.ConnectionState)
	})
	destination, err := s.CreateApiDestination(ctx, &eventbridge.CreateApiDestinationInput{
		Name: aws.String("api"), ConnectionArn: connection.ConnectionArn, HttpMethod: ebtypes.ApiDestinationHttpMethodPut,
		InvocationEndpoint: aws.String(api.URL + "/orders/*/items"), InvocationRateLimitPerSecond: aws.Int32(100),
	})
	s.ok(err, "CreateApiDestination")
	s.rule("r", `{"detail-type":["call"]}`, ebtypes.Target{
		Id: aws.String("api"), Arn: destination.ApiDestinationArn, RoleArn: aws.String("arn:aws:iam::000000000000:role/r"),
		InputPath: aws.String("$.detail"),
		HttpParameters: &ebtypes.HttpParameters{
			PathParameterValues: []string{"$.detail.id"}, HeaderParameters: map[string]string{"X-Kind": "k"},
			QueryStringParameters: map[string]string{"q": "target", "r": "target"},
		},
	})
	s.put("call", `{"id":"a/b"}`)
	first := api.called(t, 1)[0]
	path, query, _ := strings.Cut(first.URI, "?")
	values, err := url.ParseQuery(query)
	if err != nil || first.Method != http.MethodPut || path != "/orders/a%2Fb/items" || values.Encode() != "q=connection&r=target" || first.Header.Get("X-Kind") != "k" {
		t.Errorf("the API was called with %s %s, %v", first.Method, first.URI, first.Header)
	}
	if first.Header.Get("User-Agent") != "Amazon/EventBridge/ApiDestinations" || first.Header.Get("Content-Type") != "application/json; charset=utf-8" {
		t.Errorf("the API got the headers %v", first.Header)
	}
	var body map[string]string
	if json.Unmarshal([]byte(first.Body), &body) != nil || body["id"] != "a/b" || body["added"] != bodySecret {
		t.Errorf("the API got %s", first.Body)
	}
	// The token is not good any more: one call is refused, and made again with a new one. A node that had none yet asks for its first.
	for calls, given := 2, api.given.Load(); api.refused.Load() == 0; calls++ {
		if calls > 5 || calls > 2 && !harness.Shared(t) {
			t.Fatalf("none of the last %d calls was refused", calls-2)
		}
		api.mu.Lock()
		api.newer = "another"
		api.mu.Unlock()
		s.put("call", `{"id":"2"}`)
		api.called(t, calls)
		if given++; api.refused.Load() > 1 || api.given.Load() != given {
			t.Fatalf("%d calls were refused, %d tokens given, want %d", api.refused.Load(), api.given.Load(), given)
		}
	}

	key, err := s.CreateConnection(ctx, &eventbridge.CreateConnectionInput{
		Name: aws.String("key"), AuthorizationType: ebtypes.ConnectionAuthorizationTypeApiKey,
		AuthParameters: &ebtypes.CreateConnectionAuthRequestParameters{
			ApiKeyAuthParameters: &ebtypes.CreateConnectionApiKeyAuthRequestParameters{ApiKeyName: aws.String("X-Key"), ApiKeyValue: aws.String("key-s3cret")},
		},
	})
	s.ok(err, "CreateConnection")
	failing := harness.NewCollector(t)
	failing.Script("/", harness.Reply{Status: 429, Header: map[string]string{"Retry-After": "1"}}, harness.Reply{Status: 400, Body: "no"})
	bad, err := s.CreateApiDestination(ctx, &eventbridge.CreateApiDestinationInput{
		Name: aws.String("bad"), ConnectionArn: key.ConnectionArn, HttpMethod: ebtypes.ApiDestinationHttpMethodPost, InvocationEndpoint: aws.String(failing.URL("/")),
	})
	s.ok(err, "CreateApiDestination")
	dead, _ := s.queue("dead")
	rule := s.rule("bad", `{"detail-type":["bad"]}`, ebtypes.Target{
		Id: aws.String("bad"), Arn: bad.ApiDestinationArn, DeadLetterConfig: &ebtypes.DeadLetterConfig{Arn: aws.String(s.queues.arn("dead"))},
	})
	id := s.put("bad", `{}`)
	text, attributes, _ := s.sns.receiveWhole(dead)
	if attributes["RULE_ARN"] != rule || attributes["TARGET_ARN"] != *bad.ApiDestinationArn || attributes["RETRY_ATTEMPTS"] != "1" {
		t.Errorf("the dead letter has %v", attributes)
	}
	if !strings.Contains(text, id) {
		t.Errorf("the dead letter is %s", text)
	}
	for _, q := range failing.Requests("/") {
		if q.Header.Get("X-Key") != "key-s3cret" {
			t.Errorf("the API was called with %v", q.Header)
		}
	}
	if story := r.Do(http.MethodGet, "/v1/events/"+id+"?bus="+s.bus, nil, ""); strings.Contains(story.String(), "s3cret") {
		t.Errorf("the story shows secrets: %s", story)
	}
	if logs := r.Stderr.String(); strings.Contains(logs, "s3cret") {
		t.Errorf("the log shows secrets:\n%s", logs)
	}
	gone, err := s.DeauthorizeConnection(ctx, &eventbridge.DeauthorizeConnectionInput{Name: aws.String("key")})
	s.ok(err, "DeauthorizeConnection")
	if gone.ConnectionState != ebtypes.ConnectionStateDeauthorized && gone.ConnectionState != ebtypes.ConnectionStateDeauthorizing {
		t.Errorf("the connection is %s", gone.ConnectionState)
	}
}
