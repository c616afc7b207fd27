package graph_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"github.com/cybexp/cybexp/graph"
	"github.com/cybexp/cybexp/internal/testdgraph"
)

// askReports reads the questions and their reports as Ratel does.
func askReports(t *testing.T) string {
	t.Helper()
	var answer struct{ Data struct{ Q any } }
	askDgraph(t, `{ q(func: type(Query), orderasc: query_text) { dgraph.type name query_text query_user query_asked
		~report_of (orderasc: report_key) { dgraph.type name report_key report_status report_fault report_created report_started
		report_ended report_elapsed report_rows report_scanned } } }`, &answer)
	text, err := json.MarshalIndent(answer.Data.Q, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestReportsAreVertices(t *testing.T) {
	s := testdgraph.Open(t)
	at := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	ready := graph.Report{
		ID: "r1", User: "u1", Text: "ipv4 1.1.1.1 | events\n | count \"', } {", Status: "ready", Created: at, Started: at.Add(time.Second),
		Ended: at.Add(3 * time.Second), Elapsed: 2 * time.Second, Rows: 7, Scanned: 11,
	}
	again := graph.Report{ID: "r2", User: "u1", Text: ready.Text, Status: "failed", Fault: "report.failed", Created: at.Add(time.Hour), Ended: at.Add(time.Hour)}
	for _, r := range []graph.Report{ready, ready, again} { // the same again changes nothing
		if err := s.KeepReport(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	want := `[
 {
  "dgraph.type": [
   "Query",
   "Question"
  ],
  "name": "ipv4 1.1.1.1 | events\n | count \"', } {",
  "query_asked": "2026-05-01T13:00:00Z",
  "query_text": "ipv4 1.1.1.1 | events\n | count \"', } {",
  "query_user": "u1",
  "~report_of": [
   {
    "dgraph.type": [
     "Report"
    ],
    "name": "ready, 7 rows",
    "report_created": "2026-05-01T12:00:00Z",
    "report_elapsed": 2000,
    "report_ended": "2026-05-01T12:00:03Z",
    "report_key": "r1",
    "report_rows": 7,
    "report_scanned": 11,
    "report_started": "2026-05-01T12:00:01Z",
    "report_status": "ready"
   },
   {
    "dgraph.type": [
     "Report"
    ],
    "name": "failed, 0 rows",
    "report_created": "2026-05-01T13:00:00Z",
    "report_elapsed": 0,
    "report_ended": "2026-05-01T13:00:00Z",
    "report_fault": "report.failed",
    "report_key": "r2",
    "report_rows": 0,
    "report_scanned": 0,
    "report_status": "failed"
   }
  ]
 }
]`
	if diff := cmp.Diff(want, askReports(t)); diff != "" {
		t.Errorf("vertices (-want +got):\n%s", diff)
	}
	if err := s.ForgetReports(t.Context(), at.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	var left struct {
		Data struct {
			Q []struct{ N int }
			R []struct {
				Key string `json:"report_key"`
			}
		}
	}
	askDgraph(t, `{ q(func: type(Query)) { n: count(~report_of) } r(func: type(Report)) { report_key } }`, &left)
	if len(left.Data.Q) != 1 || left.Data.Q[0].N != 1 || len(left.Data.R) != 1 || left.Data.R[0].Key != "r2" {
		t.Errorf("after forgetting what ended before, there is %+v", left.Data)
	}
	if err := s.ForgetReports(t.Context(), at.Add(48*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if got := askReports(t); got != "[]" {
		t.Errorf("after forgetting all, there is %s", got)
	}
}

func TestReportsOfOneQuestionMeet(t *testing.T) {
	s := testdgraph.Open(t)
	var g errgroup.Group
	now := time.Now()
	for i := range 8 {
		g.Go(func() error {
			return s.KeepReport(t.Context(), graph.Report{ID: fmt.Sprint("r", i), User: "u", Text: "events", Status: "ready", Created: now, Ended: now})
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	var answer struct{ Data struct{ Q []struct{ N int } } }
	askDgraph(t, `{ q(func: type(Query)) { n: count(~report_of) } }`, &answer)
	if len(answer.Data.Q) != 1 || answer.Data.Q[0].N != 8 {
		t.Errorf("got %+v, want one question with eight reports", answer.Data.Q)
	}
}
