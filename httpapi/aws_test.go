package httpapi_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/signalbox-mq/signalbox/queue/catalog"
)

// TestAWSOfOtherOrigins checks that pages of other origins can not act by the Query protocol, which acts on GET too.
func TestAWSOfOtherOrigins(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		for _, target := range []string{"/?Action=ListQueues", "/000000000000/orders?Action=PurgeQueue"} {
			for site, want := range map[string]int{"cross-site": http.StatusForbidden, "same-origin": 0, "": 0} {
				r := httptest.NewRequestWithContext(t.Context(), method, target, strings.NewReader(""))
				if site != "" {
					r.Header.Set("Sec-Fetch-Site", site)
				}
				w := httptest.NewRecorder()
				e.server.ServeHTTP(w, r)
				if forbidden := w.Code == http.StatusForbidden; forbidden != (want == http.StatusForbidden) {
					t.Errorf("%s %s from %q: %d %s", method, target, site, w.Code, w.Body)
				}
			}
		}
	}
}

// TestLinksOfMessages checks that the links in messages of SNS can be followed from a page of any origin, by a person in a browser and
// not by what the page itself fetches, and that no other action can.
func TestLinksOfMessages(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	for _, c := range []struct {
		target, mode, dest string
		forbidden          bool
	}{
		{"/?Action=ConfirmSubscription&TopicArn=a&Token=t", "navigate", "document", false},
		{"/?Action=Unsubscribe&SubscriptionArn=a", "navigate", "document", false},
		{"/?Action=Unsubscribe&SubscriptionArn=a", "navigate", "iframe", true},
		{"/?Action=Unsubscribe&SubscriptionArn=a", "no-cors", "image", true},
		{"/?Action=Unsubscribe&SubscriptionArn=a", "", "", true},
		{"/?Action=DeleteTopic&TopicArn=a", "navigate", "document", true},
		{"/?Action=Unsubscribe&Action=DeleteTopic&TopicArn=a", "navigate", "document", true},
		{"/?Action=Unsubscribe&%zz", "navigate", "document", true},
		{"/000000000000/orders?Action=Unsubscribe", "navigate", "document", true},
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, c.target, nil)
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		r.Header.Set("Sec-Fetch-Mode", c.mode)
		r.Header.Set("Sec-Fetch-Dest", c.dest)
		w := httptest.NewRecorder()
		e.server.ServeHTTP(w, r)
		if forbidden := strings.Contains(w.Body.String(), "cross_origin"); forbidden != c.forbidden {
			t.Errorf("%s, %s, %s: %d %s", c.target, c.mode, c.dest, w.Code, w.Body)
		}
	}
}

// TestAWSByOtherMethods checks that nothing but POST and GET acts. HEAD and OPTIONS come from pages of other origins unasked.
func TestAWSByOtherMethods(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	for _, method := range []string{http.MethodHead, http.MethodOptions, http.MethodPut, http.MethodDelete} {
		for _, target := range []string{"/?Action=CreateQueue&QueueName=made", "/000000000000/orders?Action=DeleteQueue"} {
			r := httptest.NewRequestWithContext(t.Context(), method, target, nil)
			r.Header.Set("Sec-Fetch-Site", "cross-site")
			w := httptest.NewRecorder()
			e.server.ServeHTTP(w, r)
			if w.Code != http.StatusNotFound && w.Code != http.StatusForbidden {
				t.Errorf("%s %s: %d %s", method, target, w.Code, w.Body)
			}
		}
	}
	if _, err := e.broker.Lookup(catalog.Name{Account: account, Region: region, Name: "made"}); err == nil {
		t.Error("a queue was made")
	}
}
