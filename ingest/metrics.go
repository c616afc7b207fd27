package ingest

import (
	"context"
	"slices"
	"time"

	"github.com/cybexp/cybexp/ingest/filter"
	"github.com/cybexp/cybexp/telemetry"
)

// metrics is what the pipeline counts.
type metrics struct {
	uploads  *telemetry.Counter   // by outcome
	accepted *telemetry.Counter   // records, by typetag
	bytes    *telemetry.Counter   // of uploads
	records  *telemetry.Counter   // by typetag and state
	events   *telemetry.Counter   // by typetag
	problems *telemetry.Counter   // by typetag
	chunk    *telemetry.Histogram // by step
	failed   *telemetry.Counter   // chunks that go back

	tags []string
}

func newMetrics(m *telemetry.Metrics) metrics {
	return metrics{
		uploads:  m.Counter("cybexp_uploads_total", "Uploads that came in, by what became of them: complete, interrupted or busy.", "outcome").From("complete", "interrupted", "busy"),
		accepted: m.Counter("cybexp_accepted_records_total", "Records that are safe in the lake.", "typetag"),
		bytes:    m.Counter("cybexp_accepted_bytes_total", "Bytes of uploads that were read."),
		records:  m.Counter("cybexp_records_total", "Records worked on, by what became of them: mapped, kept, not_supported, invalid or dead.", "typetag", "state"),
		events:   m.Counter("cybexp_events_total", "Events that filters made.", "typetag"),
		problems: m.Counter("cybexp_filter_problems_total", "Parts of records, and whole records, that a filter could not use.", "typetag"),
		chunk:    m.Histogram("cybexp_chunk_duration_seconds", "Time that a chunk of the lake took, by step: filter or write.", "step"),
		failed:   m.Counter("cybexp_chunk_failures_total", "Tries at a chunk that failed, so that it comes again."),
		tags:     filter.Typetags(),
	}
}

// tag is a typetag as a label: those that no filter knows are one, since anybody may invent some.
func (m *metrics) tag(typetag string) string {
	if _, known := slices.BinarySearch(m.tags, typetag); known {
		return typetag
	}
	return "other"
}

// took counts an upload that has come in, or broke off.
func (m *metrics) took(typetag string, r Receipt, err error) {
	outcome := "complete"
	if err != nil {
		outcome = "interrupted"
	}
	m.uploads.Add(1, outcome)
	m.accepted.Add(r.Records, m.tag(typetag))
	m.bytes.Add(int(r.Bytes))
}

// count counts what became of a chunk.
func (m *metrics) count(typetag string, r result) {
	tag := m.tag(typetag)
	for _, c := range []struct {
		state string
		n     int
	}{
		{"mapped", r.Mapped}, {"kept", r.Kept}, {"not_supported", r.NotSupported}, {"invalid", r.Invalid}, {"dead", r.Dead + len(r.Refused)},
	} {
		if c.n > 0 {
			m.records.Add(c.n, tag, c.state)
		}
	}
	m.events.Add(r.Events, tag)
	m.problems.Add(r.Problems.Total, tag)
}

// askLake has the state of the lake told at each scrape. All processes that share a bus tell the same.
func (s *Service) askLake() {
	const chunks, bytes, oldest, dead, free = 0, 1, 2, 3, 4
	s.Config.Metrics.Ask([]telemetry.Gauge{
		chunks: {Name: "cybexp_lake_chunks", Help: "Chunks in the lake that are not in the graph yet."},
		bytes:  {Name: "cybexp_lake_bytes", Help: "Their size, sealed."},
		oldest: {Name: "cybexp_lake_oldest_seconds", Help: "Age of the oldest of them."},
		dead:   {Name: "cybexp_dead_letters", Help: "Chunks and records that were given up and are kept."},
		free:   {Name: "cybexp_disk_free_bytes", Help: "Free room on the disk of the data folder, of a process with a bus of its own."},
	}, func(ctx context.Context, tell telemetry.Tell) error {
		st, err := s.lake.State(ctx)
		if err != nil {
			return err
		}
		tell(chunks, float64(st.Messages))
		tell(bytes, float64(st.Bytes))
		age := time.Duration(0)
		if st.Messages > 0 {
			age = time.Since(st.Oldest)
		}
		tell(oldest, age.Seconds())
		if room, known, err := s.Bus.Free(); err == nil && known {
			tell(free, float64(room))
		}
		letters, err := s.Dead(ctx)
		tell(dead, float64(letters))
		return err
	})
}
