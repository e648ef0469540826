package httpapi_test

import (
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/signalbox-mq/signalbox/dispatch"
)

func page(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile("../docs/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestDocsHaveEveryCode checks that docs/api.md explains every code that the scenarios answer, and every path.
func TestDocsHaveEveryCode(t *testing.T) {
	t.Parallel()
	api := page(t, "api.md")
	for _, x := range allExchanges() {
		if x.code != "" && !strings.Contains(api, "`"+x.code+"`") {
			t.Errorf("docs/api.md does not explain %s", x.code)
		}
	}
	for pattern := range newModelEnv(t).server.Routes() {
		at := strings.TrimPrefix(strings.TrimPrefix(pattern, "/v1/queues/{queue}"), "/v1/functions/{function}")
		if !strings.Contains(api, pattern) && !strings.Contains(api, at) {
			t.Errorf("docs/api.md does not have %s", pattern)
		}
	}
}

// TestDocsCurl sends what docs/api.md shows for curl.
func TestDocsCurl(t *testing.T) {
	t.Parallel()
	e := newEnv(t)
	e.deadLetterQueue("orders-failed")
	curl := regexp.MustCompile(`(?m)^curl (?:-X (\w+) )?'?http://127\.0\.0\.1:4566([^ '\n]+)'?(?: -d '([^\n]*)')?$`)
	receipt := regexp.MustCompile(`AQ[A-Za-z0-9_-]{48}`)
	id := regexp.MustCompile(`01a2098d-[0-9a-f-]+`)
	found := curl.FindAllStringSubmatch(page(t, "api.md"), -1)
	if len(found) < 10 {
		t.Fatalf("only %d commands were found", len(found))
	}
	published := get[struct{ Events []struct{ ID string } }](t, e.do("POST", "/v1/events", `{"source":"s","type":"t","data":{"total":500}}`)).Events[0].ID
	received := get[struct{ Messages []struct{ Receipt string } }](t, e.do("POST", "/v1/queues/orders/messages/receive?wait=20s", "")).Messages[0].Receipt
	for _, m := range found {
		method, target, body := m[1], m[2], m[3]
		switch {
		case method == "" && body != "":
			method = "POST"
		case method == "":
			method = "GET"
		case method == "DELETE":
			continue // the receipt is still needed, and the golden tests delete
		}
		target = strings.Replace(target, "wait=20s", "wait=0", 1)
		target = id.ReplaceAllString(receipt.ReplaceAllString(target, received), published)
		if w := e.do(method, target, body, "Content-Type", "application/x-www-form-urlencoded"); w.Code/100 != 2 {
			t.Errorf("%s %s %s is answered %d %s", method, target, body, w.Code, w.Body)
		}
	}
}

// TestDocsHaveEveryMetric checks that docs/operations.md has the metrics that there are, and no others.
func TestDocsHaveEveryMetric(t *testing.T) {
	t.Parallel()
	e := newModelEnv(t)
	m := e.metrics
	m.WatchQueues(e.broker)
	m.Request("r", 200, time.Second)
	m.Published("b", []string{"r"}, []string{"f"})
	m.Attempt("function:f", "delivered", "", time.Second)
	m.Hook("s", "published")
	m.Expired(1)
	m.Transfer("rule", "failed", 1)
	m.Scheduled("b", "r", true, 1)
	m.WatchEndpoints(statuses{{Kind: dispatch.KindFunction, Name: named("f")}})
	m.WatchStore(func() (bool, uint64, bool) { return false, 1, true })
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	served := map[string]bool{}
	for _, found := range regexp.MustCompile(`(?m)^# TYPE (router_\w+) `).FindAllStringSubmatch(w.Body.String(), -1) {
		served[found[1]] = true
	}
	documented := map[string]bool{}
	for _, found := range regexp.MustCompile("(?m)^\\| `(router_\\w+)`").FindAllStringSubmatch(page(t, "operations.md"), -1) {
		documented[found[1]] = true
		if !served[found[1]] {
			t.Errorf("docs/operations.md has %s, which is not served: %s", found[1], w.Body)
		}
	}
	for name := range served {
		if !documented[name] {
			t.Errorf("docs/operations.md lacks %s", name)
		}
	}
	if len(served) < 10 {
		t.Errorf("only %d metrics are served", len(served))
	}
}
