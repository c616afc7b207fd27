// Package telemetry counts, times and traces what the other parts do, for Prometheus and OpenTelemetry, which nobody else imports.
//
// Who has something to count makes it where it is counted, on the Metrics that its Config carries; nil Metrics count nothing. A label has
// few values, all known beforehand: no user, no organisation, no indicator, nothing that came from outside. The same holds for spans.
package telemetry

import (
	"context"
	"errors"
	"net/http"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// askTime bounds each function of Ask at a scrape.
const askTime = 3 * time.Second

// Metrics are what one process counts. Nil is for who wants none.
type Metrics struct {
	registry *prometheus.Registry
	failed   *Counter
}

// NewMetrics returns metrics that have those of the Go runtime and the process.
func NewMetrics(version string) *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry()}
	m.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.failed = m.Counter("cybexp_metrics_failed_total", "Values that could not be found out at a scrape.")
	info := register(m, prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "cybexp_build_info", Help: "1, with the version that runs.",
	}, []string{"version", "go"}))
	info.WithLabelValues(version, runtime.Version()).Set(1)
	return m
}

// Handler answers a scrape.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError, MaxRequestsInFlight: 4})
}

// register adds a collector, or returns the one of the same name.
func register[C prometheus.Collector](m *Metrics, c C) C {
	if m == nil {
		return c
	}
	err := m.registry.Register(c)
	var twice prometheus.AlreadyRegisteredError
	if errors.As(err, &twice) {
		return twice.ExistingCollector.(C)
	}
	if err != nil {
		panic(err) // names and labels stand in the code
	}
	return c
}

// Counter counts what only grows. Safe for concurrent use.
type Counter struct{ vec *prometheus.CounterVec }

// Counter makes a counter, whose name ends in _total, or finds it.
func (m *Metrics) Counter(name, help string, labels ...string) *Counter {
	c := &Counter{register(m, prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels))}
	if len(labels) == 0 {
		c.Add(0)
	}
	return c
}

// From has a counter with one label at zero for some of its values: what first shows at one has not grown, to Prometheus.
func (c *Counter) From(values ...string) *Counter {
	for _, v := range values {
		c.Add(0, v)
	}
	return c
}

// Add counts n, with a value for each label.
func (c *Counter) Add(n int, labels ...string) { c.vec.WithLabelValues(labels...).Add(float64(n)) }

// Seconds are the buckets of what takes a fraction of a second or a few minutes.
var Seconds = []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300}

// Histogram counts durations. Safe for concurrent use.
type Histogram struct{ vec *prometheus.HistogramVec }

// Histogram makes a histogram of durations, whose name ends in _seconds, or finds it.
func (m *Metrics) Histogram(name, help string, labels ...string) *Histogram {
	h := &Histogram{register(m, prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: Seconds}, labels))}
	if len(labels) == 0 {
		h.vec.WithLabelValues()
	}
	return h
}

// Observe counts a duration, with a value for each label.
func (h *Histogram) Observe(d time.Duration, labels ...string) {
	h.vec.WithLabelValues(labels...).Observe(d.Seconds())
}

// Gauge is a value that goes up and down, known only to who is asked.
type Gauge struct {
	Name, Help string
	Labels     []string
}

// Tell hands over the value of one of the gauges, with a value for each label.
type Tell func(gauge int, value float64, labels ...string)

// Ask has ask called at each scrape, which tells the values of the gauges by their index. One that fails leaves them out.
func (m *Metrics) Ask(gauges []Gauge, ask func(context.Context, Tell) error) {
	if m == nil {
		return
	}
	a := &asked{ask: ask, failed: m.failed}
	for _, g := range gauges {
		a.descs = append(a.descs, prometheus.NewDesc(g.Name, g.Help, g.Labels, nil))
	}
	register(m, a)
}

type asked struct {
	descs  []*prometheus.Desc
	ask    func(context.Context, Tell) error
	failed *Counter
}

// Describe implements prometheus.Collector.
func (a *asked) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range a.descs {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (a *asked) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), askTime)
	defer cancel()
	err := a.ask(ctx, func(gauge int, value float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(a.descs[gauge], prometheus.GaugeValue, value, labels...)
	})
	if err != nil {
		a.failed.Add(1)
	}
}
