package reportd

import (
	"context"
	"fmt"
	"time"

	"github.com/cybexp/cybexp/ledger"
	"github.com/cybexp/cybexp/tdql"
	"github.com/cybexp/cybexp/tdql/dql"
)

// Querier runs queries on the graph. At zero it takes a new snapshot and tells its number; given that number it reads the
// same state again. *graph.Store meets it.
type Querier interface {
	Query(ctx context.Context, q dql.Query, at uint64) (body []byte, ts uint64, err error)
}

// segments are what db remembers of ledgers that were read from it, nil when it remembers nothing. *graph.Store does.
func segments(db Querier) *ledger.Cache {
	if s, ok := db.(*snapshot); ok {
		db = s.db
	}
	if keeper, ok := db.(interface{ Segments() *ledger.Cache }); ok {
		return keeper.Segments()
	}
	return nil
}

// Progress is how far a run has come.
type Progress struct {
	Rows    uint64 // rows handed out
	Scanned uint64 // vertices read that the asker may see
	Read    uint64 // vertices read, which is not to be told
	Elapsed time.Duration
}

// Stats is what a run did.
type Stats struct {
	Rows     uint64
	Scanned  uint64
	Read     uint64
	Snapshot uint64 // the state of the graph that everything was read from; zero when nothing was
	Elapsed  time.Duration
	Warnings tdql.Errors // of what the rows lack
}

// run executes a program at one snapshot. It hands rows to sink as they come, and calls progress, unless that is nil, after
// every answer. An error of sink ends the run and is returned.
func run(ctx context.Context, db Querier, prog *tdql.Program, sink func([]tdql.Row) error, progress func(Progress)) (Stats, error) {
	if w := prog.Walk(); w != nil {
		return runWalk(ctx, db, w, sink, progress)
	}
	return execute(ctx, db, prog.Start(), sink, progress)
}

// execute does what run does, for a program that was started.
func execute(ctx context.Context, db Querier, x *tdql.Execution, sink func([]tdql.Row) error, progress func(Progress)) (Stats, error) {
	var stats Stats
	began := time.Now()
	a := &asker{db: db, x: x}
	x.Remember(segments(db))
	ctx, cancel := context.WithCancel(ctx)
	defer a.wait()
	defer cancel()
	for {
		if err := ctx.Err(); err != nil {
			return stats, context.Cause(ctx)
		}
		q, ok := x.Next()
		if !ok {
			stats.Elapsed, stats.Warnings = time.Since(began), x.Warnings()
			return stats, nil
		}
		rows, err := step(ctx, a, x, q, &stats)
		if err != nil {
			return stats, err
		}
		if len(rows) > 0 {
			if err := sink(rows); err != nil {
				return stats, err
			}
			stats.Rows += uint64(len(rows))
		}
		stats.Scanned, stats.Read, stats.Elapsed = x.Scanned(), x.Read(), time.Since(began)
		if progress != nil {
			progress(Progress{Rows: stats.Rows, Scanned: stats.Scanned, Read: stats.Read, Elapsed: stats.Elapsed})
		}
	}
}

// step asks one query and folds the answer. An empty query asks nothing.
func step(ctx context.Context, db Querier, x *tdql.Execution, q dql.Query, stats *Stats) ([]tdql.Row, error) {
	var body []byte
	if len(q.Blocks) > 0 {
		began := time.Now()
		answer, ts, err := db.Query(ctx, q, stats.Snapshot)
		x.Took(time.Since(began))
		if err != nil {
			return nil, fmt.Errorf("ask graph: %w", err)
		}
		body, stats.Snapshot = answer, ts
	}
	rows, err := x.Take(body)
	if err != nil {
		return nil, fmt.Errorf("read answer: %w", err)
	}
	return rows, nil
}

// asker asks the queries of a run, and the next one while an answer is folded.
type asker struct {
	db    Querier
	x     *tdql.Execution
	ahead chan answer // the answer to the next query, nil when it is not asked yet
}

type answer struct {
	body []byte
	at   uint64
	err  error
}

// Query answers a query, from what was asked ahead if it is that, and asks the one after it when that is known already.
func (a *asker) Query(ctx context.Context, q dql.Query, at uint64) ([]byte, uint64, error) {
	var got answer
	if a.ahead != nil {
		got, a.ahead = <-a.ahead, nil
	} else {
		got.body, got.at, got.err = a.db.Query(ctx, q, at)
	}
	if next, ok := a.x.Ahead(); ok && got.err == nil {
		a.ahead = make(chan answer, 1)
		go func(out chan<- answer, at uint64) {
			var got answer
			got.body, got.at, got.err = a.db.Query(ctx, next, at)
			out <- got
		}(a.ahead, got.at)
	}
	return got.body, got.at, got.err
}

// wait waits for what is still asked.
func (a *asker) wait() {
	if a.ahead != nil {
		<-a.ahead
	}
}
