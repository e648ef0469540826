package httpapi

import (
	"context"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/signalbox-mq/signalbox/queue"
	"github.com/signalbox-mq/signalbox/queue/catalog"
)

// Metrics counts what the router does, for GET /metrics.
type Metrics struct {
	registry  *prometheus.Registry
	requests  *prometheus.HistogramVec
	answered  sync.Map // from answered to its prometheus.Observer; looking labels up takes longer
	published *prometheus.CounterVec
	matched   *prometheus.CounterVec
	failedIfs *prometheus.CounterVec
	attempts  *prometheus.CounterVec
	attempt   *prometheus.HistogramVec
	hooks     *prometheus.CounterVec
	expired   prometheus.Counter
	transfers *prometheus.CounterVec
	missed    *prometheus.CounterVec
	fired     *prometheus.CounterVec
	skipped   *prometheus.CounterVec
}

// NewMetrics returns metrics with a registry of their own, which also tells about the process and the Go runtime.
func NewMetrics() *Metrics {
	// From half a millisecond, which a durable publish takes, to the half minute of a slow function.
	buckets := []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 15, 30}
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "router_http_request_seconds", Help: "Time to answer HTTP requests, by route and status.", Buckets: buckets,
		}, []string{"route", "status"}),
		published: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "router_events_published_total", Help: "Events published, by bus.",
		}, []string{"bus"}),
		matched: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "router_events_matched_total", Help: "Events that a rule matched, by bus and rule.",
		}, []string{"bus", "rule"}),
		failedIfs: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "router_rule_condition_failures_total", Help: "Conditions (if) that could not be evaluated, by bus and rule.",
		}, []string{"bus", "rule"}),
		attempts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "router_delivery_attempts_total", Help: "Delivery attempts, by endpoint, outcome and error class.",
		}, []string{"endpoint", "outcome", "class"}),
		attempt: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "router_delivery_attempt_seconds", Help: "Time that delivery attempts took, by endpoint.", Buckets: buckets,
		}, []string{"endpoint"}),
		hooks: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "router_webhooks_received_total", Help: "Provider webhooks received, by source and outcome.",
		}, []string{"source", "outcome"}),
		expired: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "router_messages_expired_total", Help: "Messages and log entries removed for their age, or for the size of their log.",
		}),
		transfers: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "router_transfers_total", Help: "Transfers that ended, by kind and outcome.",
		}, []string{"kind", "outcome"}),
		missed: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "router_transfer_missed_total", Help: "Messages that retention removed before a transfer read them, by kind.",
		}, []string{"kind"}),
		fired: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "router_schedules_fired_total", Help: "Times that a rule was fired by its schedule, by bus and rule.",
		}, []string{"bus", "rule"}),
		skipped: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "router_schedules_skipped_total", Help: "Times that a rule was due by its schedule and was not fired, because no router ran, by bus and rule.",
		}, []string{"bus", "rule"}),
	}
	m.registry.MustRegister(
		m.requests, m.published, m.matched, m.failedIfs, m.attempts, m.attempt, m.hooks, m.expired, m.transfers, m.missed,
		m.fired, m.skipped,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return m
}

// Handler answers GET /metrics.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{Registry: m.registry})
}

// answered is what requests are counted by.
type answered struct {
	route  string
	status int
}

// Request counts an answered request.
func (m *Metrics) Request(route string, status int, took time.Duration) {
	key := answered{route, status}
	observer, ok := m.answered.Load(key)
	if !ok {
		observer, _ = m.answered.LoadOrStore(key, m.requests.WithLabelValues(route, strconv.Itoa(status)))
	}
	observer.(prometheus.Observer).Observe(took.Seconds())
}

// Published counts an event with the rules that matched it and those whose condition failed.
func (m *Metrics) Published(bus string, matched, failed []string) {
	m.published.WithLabelValues(bus).Inc()
	for _, rule := range matched {
		m.matched.WithLabelValues(bus, rule).Inc()
	}
	for _, rule := range failed {
		m.failedIfs.WithLabelValues(bus, rule).Inc()
	}
}

// Attempt counts a delivery attempt. The endpoint is "kind:name".
func (m *Metrics) Attempt(endpoint, outcome, class string, took time.Duration) {
	m.attempts.WithLabelValues(endpoint, outcome, class).Inc()
	m.attempt.WithLabelValues(endpoint).Observe(took.Seconds())
}

// Hook counts a provider webhook.
func (m *Metrics) Hook(source, outcome string) { m.hooks.WithLabelValues(source, outcome).Inc() }

// Expired counts messages removed by age or size.
func (m *Metrics) Expired(n int64) { m.expired.Add(float64(n)) }

// maxQueues bounds the series that queues make.
const maxQueues = 1000

// WatchQueues adds the depth of the first thousand queues in the order of their names, counted when asked for.
func (m *Metrics) WatchQueues(b *queue.Broker) {
	m.registry.MustRegister(&queueCollector{broker: b})
}

type queueCollector struct{ broker *queue.Broker }

var queueMessages = prometheus.NewDesc("router_queue_messages", "Messages in a queue, by state.",
	[]string{"account", "region", "queue", "state"}, nil)

var queueOldest = prometheus.NewDesc("router_queue_oldest_seconds", "Age of the oldest message in a queue.",
	[]string{"account", "region", "queue"}, nil)

// Describe is prometheus.Collector's.
func (c *queueCollector) Describe(ch chan<- *prometheus.Desc) { ch <- queueMessages; ch <- queueOldest }

// Collect is prometheus.Collector's.
func (c *queueCollector) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	queues, _, err := c.broker.List(catalog.Query{Limit: maxQueues})
	if err != nil || len(queues) == 0 {
		return
	}
	ids := make([]queue.ID, len(queues))
	for i := range queues {
		ids[i] = queues[i].ID
	}
	now := c.broker.Now()
	stats, err := c.broker.Store().Stats(ctx, now, ids)
	if err != nil {
		return
	}
	for i, s := range stats {
		n := queues[i].Name
		gauge := func(v int64, state string) {
			ch <- prometheus.MustNewConstMetric(queueMessages, prometheus.GaugeValue, float64(v), n.Account, n.Region, n.Name, state)
		}
		gauge(s.Ready, "ready")
		gauge(s.Delayed, "delayed")
		gauge(s.InFlight, "in_flight")
		age := 0.0
		if !s.OldestSent.IsZero() {
			age = max(0, now.Sub(s.OldestSent).Seconds())
		}
		ch <- prometheus.MustNewConstMetric(queueOldest, prometheus.GaugeValue, age, n.Account, n.Region, n.Name)
	}
}
