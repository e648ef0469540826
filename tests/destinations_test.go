package tests

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/signalbox-mq/signalbox/tests/harness"
)

// destinationsFile is a file with a destination behind OAuth, of which a collector is both sides, and a rule for it.
func destinationsFile(to *harness.Collector, rule string) string {
	return fmt.Sprintf(`
connections:
  oauth:
    authorization: OAUTH_CLIENT_CREDENTIALS
    token: {endpoint: %q, method: POST, client_id: router, client_secret: "${env:CLIENT_SECRET}"}
    parameters:
      query: [{key: k, value: "${env:KEY_SECRET}", secret: true}]
      body: [{key: tenant, value: acme}]
api_destinations:
  api: {connection: oauth, url: %q, method: PUT, rate: 50}
queues: {unbilled: {}}
rules:
  - name: %s
    targets: [{api_destination: api, http: {path: [$.detail.id]}, transform: {input_path: $.detail}, dead_letter: {queue: unbilled}}]
`, to.URL("/token"), to.URL("/orders/*"), rule)
}

// TestDestinations calls an API that only the file knows: with a token, over a kill, and without telling the secrets.
func TestDestinations(t *testing.T) {
	t.Parallel()
	api := harness.NewCollector(t)
	api.Script("/token", harness.Reply{Status: 200, Body: `{"access_token":"t0ken-s3cret","token_type":"bearer","expires_in":3600}`})
	api.Script("/orders/o 1", harness.Reply{Status: 200, Body: "you are client-s3cret with t0ken-s3cret"})
	api.Script("/orders/bad", harness.Reply{Status: 400, Body: "not with key-s3cret"})
	r := harness.Start(t, harness.Options{
		Config: destinationsFile(api, "bill"), Env: []string{"CLIENT_SECRET=client-s3cret", "KEY_SECRET=key-s3cret"},
	})
	open := func(what, text string) {
		t.Helper()
		if at := strings.Index(text, "s3cret"); at >= 0 {
			t.Errorf("%s shows a secret: %s", what, text[max(0, at-200):min(len(text), at+50)])
		}
	}

	good := r.Publish(`{"source":"shop","type":"paid","data":{"id":"o 1","total":12}}`)[0].ID
	got := api.Wait("/orders/o 1", 1)[0]
	if got.Method != http.MethodPut || got.Body != `{"id":"o 1","total":12,"tenant":"acme"}` || got.Header.Get("Authorization") != "Bearer t0ken-s3cret" {
		t.Errorf("the API was called with %+v", got)
	}
	asked := api.Wait("/token", 1)[0]
	if asked.Body != "grant_type=client_credentials" || asked.Header.Get("Authorization") != "Basic cm91dGVyOmNsaWVudC1zM2NyZXQ=" {
		t.Errorf("the token was asked for with %+v", asked)
	}
	if d := deliveryOf(t, r.Client, good, "delivered"); d.Kind != "api-destination" || d.Name != "api" || d.Attempts[0].Response.Body != "you are *** with ***" {
		t.Errorf("the delivery is told as %+v", d)
	}
	bad := r.Publish(`{"source":"shop","type":"paid","data":{"id":"bad"}}`)[0].ID
	if d := deliveryOf(t, r.Client, bad, "dead-lettered"); len(d.Attempts) != 1 || d.DeadLetter.Queue != "unbilled" {
		t.Errorf("the delivery is told as %+v", d)
	}
	letter := r.ReceiveOne("unbilled")
	if letter.Body != `{"id":"bad"}` || !strings.Contains(letter.Attribute("TARGET_ARN"), ":api-destination/api/") || letter.Attribute("ERROR_CODE") != "SDK_CLIENT_ERROR" {
		t.Errorf("the dead letter is %+v", letter)
	}
	nothing := r.Publish(`{"source":"shop","type":"paid","data":{}}`)[0].ID
	if d := deliveryOf(t, r.Client, nothing, "dead-lettered"); len(d.Attempts) > 1 {
		t.Errorf("the delivery is told as %+v", d)
	}
	for _, id := range []string{good, bad} {
		open("the story", r.Do(http.MethodGet, "/v1/events/"+id, nil, "").String())
	}
	open("a dead letter", fmt.Sprint(letter))
	for _, metric := range []string{
		`router_delivery_attempts_total{class="",endpoint="api-destination:api",outcome="delivered"}`,
		`endpoint="api-destination:api",region="us-east-1"`,
	} {
		if !strings.Contains(r.Metrics(), metric) {
			t.Errorf("the metrics have no %s", metric)
		}
	}

	// What waits outlives the router.
	api.Script("/orders/later", harness.Reply{Status: 503, Header: map[string]string{"Retry-After": "3"}}, harness.Reply{Status: 200})
	later := r.Publish(`{"source":"shop","type":"paid","data":{"id":"later"}}`)[0].ID
	deliveryOf(t, r.Client, later, "retrying")
	r.Kill()
	open("the log", r.Stderr.String())
	r.Restart()
	api.Wait("/orders/later", 2)

	// When it leaves the file, what waits for it becomes dead letters.
	api.Script("/orders/never", harness.Reply{Status: 503, Header: map[string]string{"Retry-After": "3600"}})
	never := r.Publish(`{"source":"shop","type":"paid","data":{"id":"never"}}`)[0].ID
	deliveryOf(t, r.Client, never, "retrying")
	r.WriteConfig("queues: {unbilled: {}}\n")
	harness.Until(t, "the destination's deliveries to become dead letters", func() (bool, string) {
		got := r.Receive("unbilled", "max=10&wait=1s")
		for i := range got {
			if got[i].Body == `{"id":"never"}` {
				return got[i].Attribute("ERROR_CODE") == "NO_RESOURCE", fmt.Sprint(got[i])
			}
		}
		return false, fmt.Sprint(got)
	})
	open("the log", r.Stderr.String())
}
