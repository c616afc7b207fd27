package reportd

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/cybexp/cybexp/tdql"
	"github.com/cybexp/cybexp/tdql/dql"
)

// trace is what explain analyze tells of a walk: its fetches, those of one level and one question together, in the order in which
// they are first made, and the whole. A nil trace takes note of nothing.
type trace struct {
	level string // in which the next fetch is made, "" for none
	list  []*fetch
	whole fetch
}

// fetch is one question to the database, in one level of a walk.
type fetch struct {
	step   string
	rows   int
	trips  int
	took   time.Duration
	dql    string
	capped int    // how many were left alone because of a bound on the work, and
	left   string // what they are
}

// fetchRow is the row of a fetch.
type fetchRow struct {
	Step   string  `json:"step"`
	Rows   int     `json:"rows"`
	MS     float64 `json:"ms"`
	Trips  int     `json:"round_trips"`
	DQL    *string `json:"dql"`
	Capped *string `json:"capped"`
}

// at names the level of the fetches that follow; "" for none.
func (t *trace) at(level string) {
	if t == nil {
		return
	}
	if t.level = level; level != "" {
		t.level += ": "
	}
}

// step is the fetch of a name in the level.
func (t *trace) step(name string) *fetch {
	for _, f := range t.list {
		if f.step == t.level+name {
			return f
		}
	}
	f := &fetch{step: t.level + name}
	t.list = append(t.list, f)
	return f
}

// note tells of questions that were asked, from a time until now.
func (t *trace) note(name string, q dql.Query, rows, trips int, since time.Time) {
	if t == nil {
		return
	}
	f := t.step(name)
	f.rows, f.trips, f.took = f.rows+rows, f.trips+trips, f.took+time.Since(since)
	if text := q.Text(); !strings.Contains(f.dql, text) { // a set may take several queries to find
		f.dql += text
	}
}

// capped tells that so many of something were left alone in a step, or, without a name, in all.
func (t *trace) capped(name string, n int, left string) {
	if t == nil || n == 0 {
		return
	}
	f := &t.whole
	if name != "" {
		f = t.step(name)
	}
	f.capped, f.left = f.capped+n, left
}

func (f *fetch) row() fetchRow {
	r := fetchRow{Step: f.step, Rows: f.rows, MS: float64(f.took.Microseconds()) / 1000, Trips: f.trips}
	if f.dql != "" {
		r.DQL = &f.dql
	}
	if f.capped > 0 {
		text := fmt.Sprintf("%d %s", f.capped, f.left)
		r.Capped = &text
	}
	return r
}

// analyze walks, and hands out a row for each fetch instead of what the walk finds; the last row is of the whole walk. That also
// tells when the walk is one that needs more than it may have.
func (k *walker) analyze(ctx context.Context) error {
	k.trace = &trace{whole: fetch{step: string(k.Kind)}}
	emit := k.sink
	k.sink = func([]tdql.Row) error { return nil }
	err := k.walk(ctx)
	var faults tdql.Errors
	if err != nil && !errors.As(err, &faults) {
		return err
	}
	whole := &k.trace.whole
	whole.rows, whole.took = int(k.stats.Rows), time.Since(k.began)
	rows := make([]any, 0, len(k.trace.list)+1)
	for _, f := range k.trace.list {
		rows = append(rows, f.row())
		whole.trips += f.trips
	}
	last := whole.row()
	if faults != nil {
		last.Capped = &faults[0].Message
	}
	k.sink, k.cut, k.Take, k.stats.Rows = emit, 0, -1, 0
	return k.emit(append(rows, last)...)
}
