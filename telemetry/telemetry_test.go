package telemetry

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func scrape(m *Metrics) string {
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	return w.Body.String()
}

func TestScrape(t *testing.T) {
	m := NewMetrics("v1")
	m.Counter("cybexp_a_total", "A.", "kind").From("x", "y").Add(2, "x")
	m.Counter("cybexp_a_total", "A.", "kind").Add(1, "x") // found, not made again
	m.Histogram("cybexp_b_seconds", "B.").Observe(time.Second)
	m.Ask([]Gauge{{Name: "cybexp_c", Help: "C."}}, func(_ context.Context, tell Tell) error { tell(0, 7); return nil })
	m.Ask([]Gauge{{Name: "cybexp_d", Help: "D."}}, func(context.Context, Tell) error { return errors.New("no answer") })
	scrape(m)
	got := scrape(m)
	for _, want := range []string{
		`cybexp_a_total{kind="x"} 3`, `cybexp_a_total{kind="y"} 0`, "cybexp_b_seconds_count 1", "cybexp_c 7", `version="v1"`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %s in\n%s", want, got)
		}
	}
	if strings.Contains(got, "cybexp_d ") || strings.Contains(got, "cybexp_metrics_failed_total 0") {
		t.Error("a gauge that cannot be found out is told, or its failure is not counted")
	}
}

func TestNilCountsNothing(t *testing.T) {
	var m *Metrics
	m.Counter("cybexp_a_total", "A.").Add(1)
	m.Histogram("cybexp_b_seconds", "B.", "step").Observe(time.Second, "x")
	m.Ask([]Gauge{{Name: "cybexp_c", Help: "C."}}, func(context.Context, Tell) error { panic("asked") })
}

// TestWithoutCollector holds spans to doing nothing, and to leaving messages as they are.
func TestWithoutCollector(t *testing.T) {
	ctx, span := StartConsumer(t.Context(), map[string]string{"other": "x"}, "handle", "n", 1)
	Inject(ctx, func(k, v string) { t.Errorf("header %s: %s", k, v) })
	SpanOf(ctx).Mark("here")
	span.End(errors.New("failed"))
}

// TestTraceGoesOn carries a trace over a message even where no collector listens, so that one behind us finds it whole.
func TestTraceGoesOn(t *testing.T) {
	const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	ctx, span := StartConsumer(t.Context(), map[string]string{"traceparent": parent}, "handle")
	defer span.End(nil)
	var got string
	Inject(ctx, func(_, v string) { got = v })
	if !strings.HasPrefix(got, "00-0af7651916cd43dd8448eb211c80319c-") {
		t.Errorf("traceparent %q does not go on with %q", got, parent)
	}
}
