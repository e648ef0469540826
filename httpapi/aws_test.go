package httpapi_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
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
