package graph

import (
	"errors"
	"time"

	"github.com/cybexp/cybexp/telemetry"
)

// metrics is what the store counts.
type metrics struct {
	queries     *telemetry.Histogram
	writes      *telemetry.Histogram
	vertices    *telemetry.Counter
	conflicts   *telemetry.Counter
	unavailable *telemetry.Counter // by what was tried
	refused     *telemetry.Counter
}

func newMetrics(m *telemetry.Metrics) metrics {
	return metrics{
		queries:     m.Histogram("cybexp_graph_query_seconds", "Time of one query of Dgraph, tries again included."),
		writes:      m.Histogram("cybexp_graph_write_seconds", "Time of one batch of writes, tries again included."),
		vertices:    m.Counter("cybexp_graph_vertices_total", "Vertices that were added."),
		conflicts:   m.Counter("cybexp_graph_conflicts_total", "Transactions that Dgraph aborted because another one wrote the same; they were tried again."),
		unavailable: m.Counter("cybexp_graph_unavailable_total", "Tries that Dgraph did not answer, by what they were: read or write.", "what").From("read", "write"),
		refused:     m.Counter("cybexp_graph_refused_total", "Batches that Dgraph refused."),
	}
}

// wrote counts a batch.
func (m *metrics) wrote(begun time.Time, a *attempt, err error) {
	m.writes.Observe(time.Since(begun))
	switch {
	case err == nil:
		for range a.batch.made() {
			m.vertices.Add(1)
		}
	case !errors.Is(err, ErrUnavailable) && !errors.Is(err, ErrClosed):
		m.refused.Add(1)
	}
}
