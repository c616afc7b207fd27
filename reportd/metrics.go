package reportd

import (
	"context"
	"time"

	"github.com/cybexp/cybexp/telemetry"
)

// Stages of a report, from question to last row.
const (
	stageQueue = "queue"     // from the question until a worker takes it
	stageFirst = "first_row" // from there until the first row is in the log
	stageRun   = "run"       // from there, or from where the worker took it, until the end
)

// metrics is what reports and websockets count.
type metrics struct {
	reports  *telemetry.Counter   // by status
	duration *telemetry.Histogram // by stage
	rows     *telemetry.Counter
	read     *telemetry.Counter
	slow     *telemetry.Counter
	frames   *telemetry.Counter
}

func newMetrics(m *telemetry.Metrics) metrics {
	return metrics{
		reports:  m.Counter("cybexp_reports_total", "Reports that ended, by status: ready, failed or cancelled.", "status").From(string(StatusReady), string(StatusFailed), string(StatusCancelled)),
		duration: m.Histogram("cybexp_report_stage_seconds", "Time of a report's stages: queue, until a worker takes it; first_row, from there; run, to its end.", "stage"),
		rows:     m.Counter("cybexp_report_rows_total", "Rows of reports that ended."),
		read:     m.Counter("cybexp_report_vertices_read_total", "Vertices that were read for them."),
		slow:     m.Counter("cybexp_websocket_slow_readers_total", "Websockets that were closed because the client did not take a frame in time."),
		frames:   m.Counter("cybexp_websocket_frames_total", "Frames that were sent to websockets."),
	}
}

// ended counts a report that a worker has ended.
func (a *attempt) ended() {
	r, m := a.rec.Report, &a.metrics
	m.reports.Add(1, string(r.Status))
	m.rows.Add(int(r.Rows))
	m.read.Add(int(r.Scanned))
	if a.job.Watch {
		return // it runs for as long as somebody looks
	}
	m.duration.Observe(a.start.Sub(r.Created), stageQueue)
	if !a.first.IsZero() {
		m.duration.Observe(a.first.Sub(a.start), stageFirst)
	}
	m.duration.Observe(time.Since(a.start), stageRun)
}

// askAround has what is going on here, and the queue that all share, told at each scrape.
func (s *Service) askAround() {
	const running, watching, sockets, waiting, oldest = 0, 1, 2, 3, 4
	s.cfg.Metrics.Ask([]telemetry.Gauge{
		running:  {Name: "cybexp_reports_running", Help: "Queries that workers of this process have in hand, watches too."},
		watching: {Name: "cybexp_watches_running", Help: "The watches among them."},
		sockets:  {Name: "cybexp_websockets", Help: "Websockets that are connected to this process."},
		waiting:  {Name: "cybexp_queue_queries", Help: "Queries that wait or run, on all servers together."},
		oldest:   {Name: "cybexp_queue_oldest_seconds", Help: "Age of the oldest of them."},
	}, func(ctx context.Context, tell telemetry.Tell) error {
		s.mu.Lock()
		tell(running, float64(len(s.running)))
		tell(sockets, float64(len(s.sockets)))
		s.mu.Unlock()
		tell(watching, float64(s.watching.Load()))
		st, err := s.jobs.State(ctx)
		if err != nil {
			return err
		}
		tell(waiting, float64(st.Messages))
		age := time.Duration(0)
		if st.Messages > 0 {
			age = time.Since(st.Oldest)
		}
		tell(oldest, age.Seconds())
		return nil
	})
}
