package graph

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/dgraph-io/dgo/v230/protos/api"
)

// Report is what became of a question: who asked what, when, and how much work it was. It holds no rows. In Dgraph it is a vertex of type
// Report, at one of type Query that all reports of one question share. Neither has a predicate of TAHOE's but name, which no
// question reads.
type Report struct {
	ID      string // 1 to 128 letters, digits, - and _
	User    string // hash
	Text    string // canonical
	Status  string // ready, failed or cancelled
	Fault   string // code of what failed
	Created time.Time
	Started time.Time // zero if it never was
	Ended   time.Time
	Elapsed time.Duration // of work
	Rows    uint64
	Scanned uint64 // vertices that were read
}

// keepReport finds the vertices that the mutation beside it makes or changes.
const keepReport = `query keep($query: string, $report: string) {
	q as var(func: eq(query_key, $query))
	r as var(func: eq(report_key, $report))
}`

// reportTries is how often a report is kept again after it met another one of the same question.
const reportTries = 10

// KeepReport makes or changes the vertices of a report and of its question. To keep it again changes nothing. It waits for nothing: an error
// that wraps ErrUnavailable says that Dgraph does not answer.
func (s *Store) KeepReport(ctx context.Context, r Report) error {
	sum := sha256.Sum256([]byte(r.User + "\n" + r.Text))
	key := fmt.Sprintf("%x", sum)
	req := &api.Request{
		Query: keepReport, Vars: map[string]string{"$query": key, "$report": r.ID},
		Mutations: []*api.Mutation{{Set: r.quads(key)}}, CommitNow: true,
	}
	err := errAborted
	for range reportTries {
		if _, err = s.transaction().Do(ctx, req); err == nil {
			return nil
		}
		if err = readable(ctx, err); !errors.Is(err, errAborted) {
			break
		}
	}
	return fmt.Errorf("keep report: %w", err)
}

// quads are what is known of a report and of its question.
func (r *Report) quads(key string) []*api.NQuad {
	const query, report = "uid(q)", "uid(r)"
	q := &quads{}
	q.types(query, "Query", "Question") // the second lists the predicates
	q.text(query, "query_key", key)
	q.text(query, "name", cutRunes(r.Text, maxName))
	q.text(query, "query_text", r.Text)
	q.text(query, "query_user", r.User)
	q.time(query, "query_asked", r.Created.UTC())
	q.types(report, "Report")
	q.edge(report, "report_of", query)
	q.text(report, "report_key", r.ID)
	q.text(report, "name", r.Status+", "+strconv.FormatUint(r.Rows, 10)+" rows")
	q.text(report, "report_status", r.Status)
	if r.Fault != "" {
		q.text(report, "report_fault", r.Fault)
	}
	q.time(report, "report_created", r.Created.UTC())
	if !r.Started.IsZero() {
		q.time(report, "report_started", r.Started.UTC())
	}
	q.time(report, "report_ended", r.Ended.UTC())
	q.int(report, "report_elapsed", r.Elapsed.Milliseconds())
	q.int(report, "report_rows", int64(r.Rows))
	q.int(report, "report_scanned", int64(r.Scanned))
	return q.set
}

// forgetReports finds at most a thousand reports that ended before a time, and as many questions that were asked last before it.
const forgetReports = `query forget($before: string) {
	r as var(func: lt(report_ended, $before), first: 1000)
	q as var(func: lt(query_asked, $before), first: 1000)
	found(func: uid(r, q)) { count(uid) }
}`

// ForgetReports removes the vertices of reports that ended, and of questions that were last asked, before a time. What somebody
// else removes meanwhile is left to them.
func (s *Store) ForgetReports(ctx context.Context, before time.Time) error {
	req := &api.Request{
		Query: forgetReports, Vars: map[string]string{"$before": before.UTC().Format(time.RFC3339Nano)},
		Mutations: []*api.Mutation{{DelNquads: []byte("uid(r) * * .\nuid(q) * * .")}}, CommitNow: true,
	}
	for {
		res, err := s.transaction().Do(ctx, req)
		if err = readable(ctx, err); errors.Is(err, errAborted) {
			return nil
		}
		var answer struct{ Found []struct{ Count int } }
		if err == nil {
			err = json.Unmarshal(res.GetJson(), &answer)
		}
		if err != nil {
			return fmt.Errorf("forget reports: %w", err)
		}
		if len(answer.Found) == 0 || answer.Found[0].Count == 0 {
			return nil
		}
	}
}
