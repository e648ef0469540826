package httpapi_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/signalbox-mq/signalbox/dispatch"
	"github.com/signalbox-mq/signalbox/httpapi"
	"github.com/signalbox-mq/signalbox/queue"
)

type statuses []dispatch.Status

func (s statuses) Statuses(context.Context) ([]dispatch.Status, error) { return s, nil }

func served(m *httpapi.Metrics) string {
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	return w.Body.String()
}

func TestEndpointMetrics(t *testing.T) {
	t.Parallel()
	m := httpapi.NewMetrics()
	all := statuses{
		{
			Kind: dispatch.KindFunction, Name: named("f"), Waiting: queue.Stats{Ready: 3, Delayed: 2, InFlight: 1},
			Oldest: time.Now().Add(-time.Hour), Disabled: &dispatch.Disabling{}, Breaker: dispatch.BreakerStatus{State: dispatch.BreakerIsOpen},
		},
		{Kind: dispatch.KindTopic, Name: named("a"), Breaker: dispatch.BreakerStatus{State: dispatch.BreakerIsClosed}},
	}
	for i := range 1500 {
		all = append(all, dispatch.Status{Kind: dispatch.KindTopic, Name: named(fmt.Sprintf("t%04d", i))})
	}
	m.WatchEndpoints(all)
	full := true
	m.WatchStore(func() (bool, uint64, bool) { return full, 4096, !full })
	m.Transfer("rule", "failed", 0)
	m.Transfer("rule", "completed", 7)
	m.Scheduled("default", "nightly", true, 0)
	m.Scheduled("default", "nightly", false, 9)
	got := served(m)
	labels := `{account="000000000000",endpoint="function:f",region="us-east-1"`
	for _, want := range []string{
		"router_endpoint_deliveries" + labels + `,state="waiting"} 3`,
		"router_endpoint_deliveries" + labels + `,state="retrying"} 2`,
		"router_endpoint_deliveries" + labels + `,state="in_flight"} 1`,
		"router_endpoint_oldest_seconds" + labels + "} 36",
		"router_endpoint_disabled" + labels + "} 1",
		"router_endpoint_breaker_open" + labels + "} 1",
		`router_endpoint_disabled{account="000000000000",endpoint="topic:a",region="us-east-1"} 0`,
		`router_endpoint_breaker_open{account="000000000000",endpoint="topic:a",region="us-east-1"} 0`,
		"router_store_full 1",
		`router_transfers_total{kind="rule",outcome="failed"} 1`,
		`router_transfers_total{kind="rule",outcome="completed"} 1`,
		`router_transfer_missed_total{kind="rule"} 7`,
		`router_schedules_fired_total{bus="default",rule="nightly"} 1`,
		`router_schedules_skipped_total{bus="default",rule="nightly"} 9`,
	} {
		if !strings.Contains(got, "\n"+want) {
			t.Errorf("the metrics lack %s", want)
		}
	}
	if n := strings.Count(got, "\nrouter_endpoint_disabled{"); n != 1000 {
		t.Errorf("%d endpoints are told of, want the first 1000", n)
	}
	if strings.Contains(got, "router_store_free_bytes") {
		t.Error("free space is told though it is not known")
	}
	full = false
	if got := served(m); !strings.Contains(got, "\nrouter_store_full 0") || !strings.Contains(got, "\nrouter_store_free_bytes 4096") {
		t.Errorf("a store with space: %s", got)
	}
}
