package ingest_test

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/signalbox-mq/signalbox/event"
	"github.com/signalbox-mq/signalbox/httpapi/ingest"
)

const key ingest.Secret = "s3cret"

func github(h http.Header, body string) (ingest.Delivery, error) {
	h.Set("X-Hub-Signature-256", "sha256="+hexMAC(string(key), body))
	s := ingest.Source{Name: "gh", Scheme: ingest.GitHub, Secrets: []ingest.Secret{key}}
	return s.Verify(at(), h, []byte(body))
}

func TestGitHubEvents(t *testing.T) {
	t.Parallel()
	const repo = `"repository":{"id":1,"url":"https://api.github.com/repos/acme/shop","html_url":"https://github.com/acme/shop"}`
	const org = `"organization":{"url":"https://api.github.com/orgs/acme"}`
	for _, test := range []struct {
		event, body           string
		typ, source, subject_ string
	}{
		{"push", `{"ref":"refs/heads/main","repository":{"url":"https://github.com/acme/shop"}}`, "com.github.push", "https://github.com/acme/shop", "refs/heads/main"},
		{"issues", `{"action":"opened","issue":{"number":7},` + repo + `}`, "com.github.issues.opened", "https://api.github.com/repos/acme/shop", "7"},
		{"pull_request", `{"action":"closed","pull_request":{"number":8},` + repo + `,` + org + `}`, "com.github.pull_request.closed", "https://api.github.com/repos/acme/shop", "8"},
		{"issue_comment", `{"comment":{"id":99},"action":"created",` + repo + `}`, "com.github.issue_comment.created", "https://api.github.com/repos/acme/shop", "99"},
		{"check_run", `{"action":"completed","check_run":{"id":128620228},` + repo + `}`, "com.github.check_run.completed", "https://api.github.com/repos/acme/shop", "128620228"},
		{"release", `{"action":"published","release":{"tag_name":"v1.0"},` + repo + `}`, "com.github.release.published", "https://api.github.com/repos/acme/shop", "v1.0"},
		{"membership", `{"action":"added",` + org + `}`, "com.github.membership.added", "https://api.github.com/orgs/acme", ""},
		{"ping", `{"zen":"Design for failure.","hook_id":1,` + repo + `}`, "com.github.ping", "https://api.github.com/repos/acme/shop", ""},
		{"ping", `{"zen":"Design for failure.","hook_id":1}`, "com.github.ping", "github", ""},
		{"sponsorship", `{"action":"created"}`, "com.github.sponsorship.created", "github", ""},
		{"push", `{"repository":null,"organization":{},"action":null}`, "com.github.push", "github", ""},
		{"push", `{"ref":"a\nb","repository":{}}`, "com.github.push", "github", ""}, // no CloudEvents attribute
		{"something_new", `{"action":"did",` + repo + `}`, "com.github.something_new.did", "https://api.github.com/repos/acme/shop", ""},
		{"issues", `{"\u0061ction":"opened","issue":{"number":7}}`, "com.github.issues.opened", "github", "7"},
		{"issues", `[]`, "com.github.issues", "github", ""},
	} {
		d, err := github(header("X-GitHub-Event", test.event, "X-GitHub-Delivery", "d-1"), test.body)
		want := ingest.Delivery{ID: "d-1", Event: event.Event{
			Type: test.typ, Source: test.source, Subject: test.subject_, Time: at().UTC(), ProducerID: "d-1",
			Detail: []byte(test.body), DataContentType: "application/json",
		}}
		if diff := cmp.Diff(want, d); err != nil || diff != "" {
			t.Errorf("%s %s: %v %s", test.event, test.body, err, diff)
		}
	}
}

func TestGitHubForm(t *testing.T) {
	t.Parallel()
	const payload = `{"action":"opened", "issue":{"title":"a & b = c","number":1}}`
	body := "payload=" + url.QueryEscape(payload)
	h := header("Content-Type", "application/x-www-form-urlencoded; charset=utf-8", "X-GitHub-Event", "issues", "X-GitHub-Delivery", "d-2")
	d, err := github(h, body)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(d.Event.Detail), `{"action":"opened","issue":{"title":"a & b = c","number":1}}`; got != want {
		t.Errorf("detail %s, want %s", got, want)
	}
	if d.Event.Type != "com.github.issues.opened" || d.Event.Subject != "1" || d.Event.DataContentType != "application/json" {
		t.Errorf("%+v", d.Event)
	}
	for _, body := range []string{"other=1", "payload=", "payload=%7B", ""} {
		if _, err := github(h, body); !errors.Is(err, ingest.ErrMalformed) {
			t.Errorf("form %q: %v, want %v", body, err, ingest.ErrMalformed)
		}
	}
}

func TestMalformedDeliveries(t *testing.T) {
	t.Parallel()
	signedGitHub := func(h http.Header, body string) (ingest.Source, http.Header) {
		h.Set("X-Hub-Signature-256", "sha256="+hexMAC(string(key), body))
		return ingest.Source{Name: "x", Scheme: ingest.GitHub, Secrets: []ingest.Secret{key}}, h
	}
	signedStripe := func(_ http.Header, body string) (ingest.Source, http.Header) {
		return ingest.Source{Name: "x", Scheme: ingest.Stripe, Secrets: []ingest.Secret{key}},
			header("Stripe-Signature", "t="+seconds(at())+",v1="+hexMAC(string(key), seconds(at())+"."+body))
	}
	signedSlack := func(h http.Header, body string) (ingest.Source, http.Header) {
		h.Set("X-Slack-Request-Timestamp", seconds(at()))
		h.Set("X-Slack-Signature", "v0="+hexMAC(string(key), "v0:"+seconds(at())+":"+body))
		return ingest.Source{Name: "x", Scheme: ingest.Slack, Secrets: []ingest.Secret{key}}, h
	}
	signedShopify := func(h http.Header, body string) (ingest.Source, http.Header) {
		h.Set("X-Shopify-Hmac-SHA256", base64MAC(string(key), body))
		return ingest.Source{Name: "x", Scheme: ingest.Shopify, Secrets: []ingest.Secret{key}}, h
	}
	unsigned := func(h http.Header, _ string) (ingest.Source, http.Header) {
		return ingest.Source{Name: "x", Scheme: ingest.None, ID: "{header:X-Id}", Type: "{header:X-Type}"}, h
	}
	issues := func() http.Header { return header("X-GitHub-Event", "issues") }
	for _, test := range []struct {
		name   string
		sign   func(http.Header, string) (ingest.Source, http.Header)
		header http.Header
		body   string
		reason string
		want   error
	}{
		{"github without event", signedGitHub, header(), `{}`, "X-GitHub-Event", ingest.ErrMalformed},
		{"github not JSON", signedGitHub, issues(), `{"a":`, "not valid JSON", ingest.ErrMalformed},
		{"github two values", signedGitHub, issues(), `{}{}`, "not valid JSON", ingest.ErrMalformed},
		{"github empty", signedGitHub, issues(), ``, "empty", ingest.ErrMalformed},
		{"github bad UTF-8", signedGitHub, issues(), "{\"a\":\"\xff\"}", "UTF-8", ingest.ErrMalformed},
		{"github event with Latin-1", signedGitHub, header("X-GitHub-Event", "iss\xfces"), `{}`, "UTF-8", ingest.ErrMalformed},
		{"github action with control character", signedGitHub, issues(), `{"action":"a\u0000b"}`, "control", ingest.ErrMalformed},
		{"github delivery too long", signedGitHub, header("X-GitHub-Event", "push", "X-GitHub-Delivery", strings.Repeat("x", 257)), `{}`, "longer", ingest.ErrMalformed},
		{"github type too long", signedGitHub, issues(), `{"action":"` + strings.Repeat("x", 1100) + `"}`, "longer", ingest.ErrMalformed},
		{"github compressed", signedGitHub, header("X-GitHub-Event", "push", "Content-Encoding", "gzip"), `{}`, "gzip", ingest.ErrContentEncoding},
		{"stripe without type", signedStripe, header(), `{"id":"evt_1"}`, "no type", ingest.ErrMalformed},
		{"stripe with object for type", signedStripe, header(), `{"id":"evt_1","type":{}}`, "no type", ingest.ErrMalformed},
		{"stripe not JSON", signedStripe, header(), `id=1`, "not valid JSON", ingest.ErrMalformed},
		{"slack without type", signedSlack, header(), `{}`, "no type", ingest.ErrMalformed},
		{"slack without event type", signedSlack, header(), `{"type":"event_callback","event":[]}`, "event.type", ingest.ErrMalformed},
		{"slack without challenge", signedSlack, header(), `{"type":"url_verification"}`, "challenge", ingest.ErrMalformed},
		{"slack other form", signedSlack, header("Content-Type", "application/x-www-form-urlencoded"), `a=b`, "neither", ingest.ErrMalformed},
		{"shopify without topic", signedShopify, header(), `{}`, "X-Shopify-Topic", ingest.ErrMalformed},
		{"shopify XML", signedShopify, header("X-Shopify-Topic", "orders/create", "Content-Type", "application/xml"), `<a/>`, "not valid JSON", ingest.ErrMalformed},
		{"none declared JSON", unsigned, header("Content-Type", "application/problem+json"), `{`, "not valid JSON", ingest.ErrMalformed},
		{"none id with bad UTF-8", unsigned, header("X-Id", "\xff"), `{}`, "UTF-8", ingest.ErrMalformed},
		{"none compressed", unsigned, header("Content-Encoding", "br"), `{}`, "br", ingest.ErrContentEncoding},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s, h := test.sign(test.header, test.body)
			_, err := s.Verify(at(), h, []byte(test.body))
			if !errors.Is(err, test.want) || !strings.Contains(err.Error(), test.reason) {
				t.Errorf("%v, want %v with %q", err, test.want, test.reason)
			}
		})
	}
}

func TestSlackRequests(t *testing.T) {
	t.Parallel()
	s := ingest.Source{Name: "slack", Scheme: ingest.Slack, Secrets: []ingest.Secret{key}}
	verify := func(contentType, body string) (ingest.Delivery, error) {
		ts := seconds(at())
		return s.Verify(at(), header("Content-Type", contentType, "X-Slack-Request-Timestamp", ts,
			"X-Slack-Signature", "v0="+hexMAC(string(key), "v0:"+ts+":"+body)), []byte(body))
	}
	const form = "application/x-www-form-urlencoded"
	for _, test := range []struct{ contentType, body, typ, id, subject, detail string }{
		{"application/json", `{"type":"event_callback","event_id":"Ev1","event":{"type":"message"}}`, "com.slack.message", "Ev1", "", ""},
		{"application/json", `{"type":"app_rate_limited","minute_rate_limited":1}`, "com.slack.app_rate_limited", "", "", ""},
		{form, "payload=" + url.QueryEscape(`{"type":"block_actions","trigger_id":"T1","actions":[]}`), "com.slack.block_actions", "T1", "", `{"type":"block_actions","trigger_id":"T1","actions":[]}`},
		{form, "command=%2Fdeploy&text=now&trigger_id=T2", "com.slack.slash_command", "T2", "/deploy", `{"command":"/deploy","text":"now","trigger_id":"T2"}`},
	} {
		d, err := verify(test.contentType, test.body)
		if err != nil {
			t.Errorf("%s: %v", test.body, err)
			continue
		}
		if test.detail == "" {
			test.detail = test.body
		}
		if got := d.Event; got.Type != test.typ || d.ID != test.id || got.Subject != test.subject || string(got.Detail) != test.detail || got.Source != "webhook/slack" {
			t.Errorf("%s: %+v", test.body, got)
		}
	}
	d, err := verify("application/json", `{"token":"x","challenge":"3eZbrw1aB","type":"url_verification"}`)
	if diff := cmp.Diff(ingest.Delivery{Challenge: "3eZbrw1aB"}, d); err != nil || diff != "" {
		t.Errorf("url_verification: %v %s", err, diff)
	}
}

func TestOtherProviders(t *testing.T) {
	t.Parallel()
	for _, p := range providers() {
		d, err := p.source.Verify(at(), p.sign(p.source.Secrets[0], at(), p.body), []byte(p.body))
		if err != nil {
			t.Error(err)
			continue
		}
		switch p.name {
		case "stripe":
			if d.Event.Source != "webhook/stripe" || d.Event.Subject != "in_1" {
				t.Errorf("stripe: %+v", d.Event)
			}
		case "shopify":
			if d.Event.Source != "webhook/shopify" || d.Event.Extensions[ingest.ShopDomain] != event.StringValue("acme.myshopify.com") {
				t.Errorf("shopify: %+v", d.Event)
			}
		}
		if ev := d.Event; ev.ID != "" || ev.Account != "" || ev.Region != "" {
			t.Errorf("%s: the event has %q %q %q, which the publisher gives", p.name, ev.ID, ev.Account, ev.Region)
		}
		event.Intake{Now: at(), Account: "000000000000", Region: "us-east-1"}.Stamp(&d.Event)
		if err := d.Event.Validate(); err != nil {
			t.Errorf("%s: %v", p.name, err)
		}
	}
}

func TestAnyBody(t *testing.T) {
	t.Parallel()
	const form = "application/x-www-form-urlencoded"
	for _, test := range []struct {
		contentType, body string
		detail, dataType  string
		base64            bool
	}{
		{"application/json", ` {"a": 1.50} `, `{"a":1.50}`, "application/json", false},
		{"application/vnd.acme+json; v=1", `[1]`, `[1]`, "application/json", false},
		{"application/json", `"text"`, `"text"`, "application/json", false},
		{"", `{"a":1}`, `{"a":1}`, "application/json", false},
		{"", `plain`, `"plain"`, "text/plain", false},
		{"", `{plain`, `"{plain"`, "text/plain", false},
		{"", "\xff\x00", `"/wA="`, "application/octet-stream", true},
		{"///", "\xff\x00", `"/wA="`, "application/octet-stream", true},
		{"text/plain; charset=UTF-8", "\n{\"Type\": \"Notification\"}", `{"Type":"Notification"}`, "application/json", false},
		{"text/plain", `12`, `"12"`, "text/plain", false},
		{"text/plain", "caf\xe9", `"Y2Fm6Q=="`, "text/plain", true},
		{"application/xml", `<a b="c">&amp;</a>`, `"<a b=\"c\">&amp;</a>"`, "application/xml", false},
		{"image/png", `not text`, `"bm90IHRleHQ="`, "image/png", true},
		{form, `a=1&b=x+y&b=%C3%A9`, `{"a":"1","b":["x y","é"]}`, "application/json", false},
		{form, `{"a":1}`, `{"a":1}`, "application/json", false}, // curl -d
		{form, `a=%zz`, `"a=%zz"`, form, false},
		{"", ``, `null`, "", false},
		{"application/json", ``, `null`, "", false},
	} {
		s := ingest.Source{Name: "any", Scheme: ingest.None}
		h := header()
		if test.contentType != "" {
			h.Set("Content-Type", test.contentType)
		}
		d, err := s.Verify(at().Add(time.Second-1), h, []byte(test.body))
		want := ingest.Delivery{Event: event.Event{
			Type: "webhook.any", Source: "webhook/any", Time: at().UTC(),
			Detail: []byte(test.detail), DataContentType: test.dataType, Base64: test.base64,
		}}
		if diff := cmp.Diff(want, d); err != nil || diff != "" {
			t.Errorf("%q %q: %v %s", test.contentType, test.body, err, diff)
		}
		event.Intake{Now: at(), Account: "000000000000"}.Stamp(&d.Event)
		if err := d.Event.Validate(); err != nil {
			t.Errorf("%q %q: %v", test.contentType, test.body, err)
		}
		// What was no JSON goes out again byte for byte.
		if contentType, data := d.Event.Data(); want.Event.DataContentType == test.contentType && test.contentType != "application/json" && string(data) != test.body {
			t.Errorf("%q goes out as %s %q", test.body, contentType, data)
		}
	}
}

func TestTemplates(t *testing.T) {
	t.Parallel()
	s := ingest.Source{
		Name: "db", Scheme: ingest.None,
		Type: "com.acme.{json:$.table}.{json:$.type}", EventSource: "db/{header:X-Project}/{name}", Subject: "{{{json:$.record.id}}}",
		ID: "{json:$.table}-{json:$.record['row id']}-{json:$.commits[1].lsn}",
	}
	if err := s.Validate(); err != nil {
		t.Fatal(err)
	}
	d, err := s.Verify(at(), header("X-Project", "p1"), []byte(`{"type":"INSERT","table":"orders","record":{"id":7,"row id":"r\u00e9"},"commits":[{"lsn":1},{"lsn":"2/A"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	got := [...]string{d.Event.Type, d.Event.Source, d.Event.Subject, d.ID}
	if want := [...]string{"com.acme.orders.INSERT", "db/p1/db", "{7}", "orders-ré-2/A"}; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	d, err = s.Verify(at(), header(), []byte(`{"type":"INSERT"}`))
	got = [...]string{d.Event.Type, d.Event.Source, d.Event.Subject, d.ID}
	if want := [...]string{"webhook.db", "webhook/db", "", ""}; got != want || err != nil {
		t.Errorf("without values: %q, want %q (%v)", got, want, err)
	}
}
