package httpapi

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/signalbox-mq/signalbox/dispatch"
)

// maxEndpoints bounds the series that endpoints make.
const maxEndpoints = 1000

// Endpoints is how metrics see the dispatcher.
type Endpoints interface {
	Statuses(ctx context.Context) ([]dispatch.Status, error)
}

// WatchEndpoints adds how the first thousand endpoints are doing, in the order of account, region, kind and name, asked for
// with the metrics.
func (m *Metrics) WatchEndpoints(e Endpoints) {
	m.registry.MustRegister(&endpointCollector{endpoints: e})
}

type endpointCollector struct{ endpoints Endpoints }

var (
	endpointLabels     = []string{"account", "region", "endpoint"}
	endpointDeliveries = prometheus.NewDesc("router_endpoint_deliveries",
		"Deliveries to an endpoint that have not ended, by state.", append(slices.Clone(endpointLabels), "state"), nil)
	endpointOldest = prometheus.NewDesc("router_endpoint_oldest_seconds",
		"Age of the oldest delivery to an endpoint that has not ended, since its event was published.", endpointLabels, nil)
	endpointDisabled = prometheus.NewDesc("router_endpoint_disabled", "1 if an endpoint is disabled, else 0.", endpointLabels, nil)
	endpointBreaker  = prometheus.NewDesc("router_endpoint_breaker_open", "1 if the breaker of an endpoint is open, else 0.", endpointLabels, nil)
)

// Describe is prometheus.Collector's.
func (c *endpointCollector) Describe(ch chan<- *prometheus.Desc) {
	ch <- endpointDeliveries
	ch <- endpointOldest
	ch <- endpointDisabled
	ch <- endpointBreaker
}

// Collect is prometheus.Collector's.
func (c *endpointCollector) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	all, err := c.endpoints.Statuses(ctx)
	if err != nil {
		return
	}
	slices.SortFunc(all, func(a, b dispatch.Status) int {
		return cmp.Or(cmp.Compare(a.Name.Account, b.Name.Account), cmp.Compare(a.Name.Region, b.Name.Region),
			cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name.Name, b.Name.Name))
	})
	now := time.Now()
	for i := range all[:min(len(all), maxEndpoints)] {
		s := &all[i]
		gauge := func(desc *prometheus.Desc, v float64, state ...string) {
			labels := append([]string{s.Name.Account, s.Name.Region, s.Kind + ":" + s.Name.Name}, state...)
			ch <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, v, labels...)
		}
		gauge(endpointDeliveries, float64(s.Waiting.Ready), "waiting")
		gauge(endpointDeliveries, float64(s.Waiting.Delayed), "retrying")
		gauge(endpointDeliveries, float64(s.Waiting.InFlight), "in_flight")
		age := 0.0
		if !s.Oldest.IsZero() {
			age = max(0, now.Sub(s.Oldest).Seconds())
		}
		gauge(endpointOldest, age)
		gauge(endpointDisabled, oneIf(s.Disabled != nil))
		gauge(endpointBreaker, oneIf(s.Breaker.State != dispatch.BreakerIsClosed))
	}
}

func oneIf(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// WatchStore adds whether the store is full, and how many bytes are free where that is known, asked for with the metrics.
func (m *Metrics) WatchStore(space func() (full bool, free uint64, known bool)) {
	m.registry.MustRegister(storeCollector(space))
}

type storeCollector func() (full bool, free uint64, known bool)

var (
	storeFull = prometheus.NewDesc("router_store_full", "1 if the store takes nothing new for lack of disk space, or of memory in a shared one, else 0.", nil, nil)
	storeFree = prometheus.NewDesc("router_store_free_bytes", "Free disk space where the store is.", nil, nil)
)

// Describe is prometheus.Collector's.
func (c storeCollector) Describe(ch chan<- *prometheus.Desc) { ch <- storeFull; ch <- storeFree }

// Collect is prometheus.Collector's.
func (c storeCollector) Collect(ch chan<- prometheus.Metric) {
	full, free, known := c()
	ch <- prometheus.MustNewConstMetric(storeFull, prometheus.GaugeValue, oneIf(full))
	if known {
		ch <- prometheus.MustNewConstMetric(storeFree, prometheus.GaugeValue, float64(free))
	}
}

// Transfer counts a transfer that has ended, with its outcome (completed, failed, cancelled) and how many messages it missed
// because retention had removed them.
func (m *Metrics) Transfer(kind, outcome string, missed int64) {
	m.transfers.WithLabelValues(kind, outcome).Inc()
	m.missed.WithLabelValues(kind).Add(float64(missed))
}

// Scheduled counts a time that a rule was fired by its schedule, and how many times that it was due were skipped.
func (m *Metrics) Scheduled(bus, rule string, fired bool, skipped int64) {
	m.fired.WithLabelValues(bus, rule).Add(oneIf(fired))
	m.skipped.WithLabelValues(bus, rule).Add(float64(skipped))
}
