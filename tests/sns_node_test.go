package tests

import (
	"encoding/json"
	"encoding/pem"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/signalbox-mq/signalbox/tests/harness"
)

// TestSNSSubscriber has a subscriber made with the npm packages @aws-sdk/client-sns and sns-validator. The latter takes
// certificates over HTTPS alone, so clients reach the router through a proxy that speaks it.
func TestSNSSubscriber(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"1", "2"} {
		t.Run("signature "+version, func(t *testing.T) {
			t.Parallel()
			subscriberOf(t, version)
		})
	}
}

func subscriberOf(t *testing.T, version string) {
	var target atomic.Pointer[url.URL]
	proxy := httptest.NewTLSServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target.Load()) }})
	t.Cleanup(proxy.Close)
	authority := filepath.Join(t.TempDir(), "proxy.pem")
	if err := os.WriteFile(authority, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: proxy.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	r := harness.Start(t, harness.Options{Config: openEgress, Args: []string{"--public-url", proxy.URL}})
	at, err := url.Parse(r.URL(""))
	if err != nil {
		t.Fatal(err)
	}
	target.Store(at)
	s := newSNSScene(t, r, "node")
	arn := s.topic("t", "SignatureVersion", version)
	p := harness.Run(t, node(t, "subscribe.mjs", []string{r.URL(""), arn}, "NODE_NO_WARNINGS=1", "NODE_EXTRA_CA_CERTS="+authority))
	type line struct {
		Subscribed, Type, Header, Message, Subject, Confirmed, Fault string
		Verified                                                     bool
		Attributes                                                   map[string]struct{ Type, Value string }
		Published                                                    int
		Listed                                                       []struct{ SubscriptionArn, Protocol string }
	}
	lines := map[string]line{}
	p.Stdout.Wait(t, "all messages", 0, func(text string) bool {
		var l line
		if err := json.Unmarshal([]byte(text), &l); err != nil {
			t.Errorf("the subscriber printed %s", text)
			return true
		}
		switch {
		case l.Subscribed != "":
			lines["subscribed"] = l
		case l.Published > 0:
			lines["published"] = l
		case l.Type == "Notification":
			lines[l.Message] = l
		default:
			lines[l.Type] = l
		}
		if l.Type != "" && (!l.Verified || l.Header != l.Type) {
			t.Errorf("not verified: %s", text)
		}
		return len(lines) == 6
	})
	if got := lines["subscribed"].Subscribed; got != "pending confirmation" {
		t.Errorf("subscribing answered %s", got)
	}
	confirmed := lines["SubscriptionConfirmation"].Confirmed
	if l := lines["published"]; l.Published != 3 || len(l.Listed) != 1 || l.Listed[0].SubscriptionArn != confirmed || confirmed == "" {
		t.Errorf("%q was confirmed, published and listed are %+v", confirmed, l)
	}
	if lines[`plain "text" <&> é`].Type == "" || lines["with a subject"].Subject != "the subject" || lines["with attributes"].Attributes["colour"].Value != "red" {
		t.Errorf("the subscriber got %+v", lines)
	}
	if problems := p.Stderr.String(); problems != "" {
		t.Errorf("the subscriber complained:\n%s", problems)
	}
}
