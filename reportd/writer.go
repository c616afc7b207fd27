package reportd

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/cybexp/cybexp/tdql"
	"github.com/cybexp/cybexp/tdql/dql"
	"github.com/cybexp/cybexp/telemetry"
)

// Bounds of one rows frame, and the pause between two progress frames.
const (
	frameRows     = 500
	frameBytes    = 64 << 10
	progressEvery = 250 * time.Millisecond
)

// errMoved says that a second attempt at a report found less than the first had shown.
var errMoved = errors.New("the snapshot of an interrupted report has changed")

// snapshot is a Querier that asks everything of one state of the graph: that of an earlier attempt, or the one that the first
// query finds.
type snapshot struct {
	db    Querier
	at    uint64
	limit uint64 // of vertices that may be read; 0 is none

	seen atomic.Uint64
	read atomic.Uint64 // vertices, as far as is known
}

// Query implements Querier.
func (s *snapshot) Query(ctx context.Context, q dql.Query, at uint64) ([]byte, uint64, error) {
	if s.limit > 0 && s.read.Load() > s.limit {
		return nil, 0, errWorkLimit
	}
	if at == 0 {
		at = s.at
	}
	body, ts, err := s.db.Query(ctx, q, at)
	if err == nil {
		s.seen.Store(ts)
	}
	return body, ts, err
}

// writer turns the rows of one attempt into frames.
type writer struct {
	attempt *attempt

	db     *snapshot
	head   Header
	headed bool
	skip   uint64 // rows that an earlier attempt has shown
	made   uint64 // rows that this attempt has found
	told   bool   // whether one of them tells of something
	limit  uint64 // 0 is none

	progressed time.Time
}

// rows appends a page of rows, all of it before it returns.
func (w *writer) rows(ctx context.Context, rows []tdql.Row) error {
	if err := w.header(ctx); err != nil {
		return err
	}
	if w.attempt.first.IsZero() {
		w.attempt.first = time.Now()
		telemetry.SpanOf(ctx).Mark("first row")
	}
	w.told = w.told || slices.ContainsFunc(rows, func(r tdql.Row) bool { return !tellsNothing(w.head.Kind, r) })
	over := w.limit > 0 && uint64(len(rows)) > w.limit-w.made
	if over {
		rows = rows[:w.limit-w.made]
	}
	if w.made < w.skip {
		n := min(w.skip-w.made, uint64(len(rows)))
		w.made += n
		rows = rows[n:]
	}
	for len(rows) > 0 {
		n := fit(rows)
		if err := w.attempt.append(ctx, rowsFrame(w.made, rows[:n])); err != nil {
			return err
		}
		w.made += uint64(n)
		rows = rows[n:]
	}
	if over {
		return errRowLimit
	}
	return nil
}

// nothing says whether nothing was found: no rows, or only counts of zero and empty summaries.
func (w *writer) nothing() bool { return !w.told }

// tellsNothing says whether a row of a kind only says that there is nothing.
func tellsNothing(kind string, row tdql.Row) bool {
	switch kind {
	case "count", "groups":
		return bytes.HasSuffix(row, []byte(`"count":0}`))
	case "summary", "summary_graph":
		return bytes.HasSuffix(row, []byte(`":{}}`))
	}
	return false
}

// fit says how many rows go in one frame; at least one does.
func fit(rows []tdql.Row) int {
	total := 0
	for i, r := range rows {
		if total += len(r) + 1; i > 0 && (total > frameBytes || i == frameRows) {
			return i
		}
	}
	return len(rows)
}

// header appends the header, once.
func (w *writer) header(ctx context.Context) error {
	if w.headed {
		return nil
	}
	if ts := w.db.seen.Load(); ts != 0 {
		w.head.Snapshot = strconv.FormatUint(ts, 10)
	}
	if w.head.Fields == nil {
		w.head.Fields = []string{}
	}
	w.headed = true
	return w.attempt.append(ctx, newFrame(TypeHeader, w.head))
}

// progress appends how far the query is, if it is a while since it last did. What fails here fails again at the next rows.
func (w *writer) progress(ctx context.Context, p Progress) {
	if now := time.Now(); now.Sub(w.attempt.start) < progressEvery || now.Sub(w.progressed) < progressEvery {
		return
	}
	w.progressed = time.Now()
	note := ProgressNote{Type: TypeProgress, Rows: w.made, Scanned: p.Scanned, ElapsedMS: time.Since(w.attempt.start).Milliseconds()}
	_ = w.attempt.append(ctx, newFrame(TypeProgress, note))
}

// end is called when all rows have been found.
func (w *writer) end(ctx context.Context) error {
	if w.made < w.skip {
		return errMoved
	}
	return w.header(ctx)
}
