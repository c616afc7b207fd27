package reportd

import (
	"context"
	"errors"
	"fmt"

	"github.com/cybexp/cybexp/tahoe"
	"github.com/cybexp/cybexp/tdql"
)

// askedRows is how many rows an answer may have that is no report.
const askedRows = 10_000

// errNoDB is a process that asks and has no database. errAskedRows is an answer that should have been a report.
var (
	errNoDB      = errors.New("this process has no database to ask")
	errAskedRows = fmt.Errorf("the answer has more than %d rows", askedRows)
)

// Ask answers a query at once, and keeps nothing of it: it is for small answers that a person waits for, such as what surrounds an
// instance. It has the caller's rights as any query has, and no turn in the queue, so ctx must bound its time.
func (s *Service) Ask(ctx context.Context, c Caller, text string, params map[string]tahoe.Value) ([]tdql.Row, error) {
	if s.cfg.DB == nil {
		return nil, errNoDB
	}
	p, err := s.plan(Request{TDQL: text, Params: params, Shared: true}, c.Orgs, s.cfg.Now())
	if err != nil {
		return nil, err
	}
	program, err := tdql.Compile(p.plan)
	if err != nil {
		return nil, err
	}
	var all []tdql.Row
	_, err = run(ctx, s.cfg.DB, program, func(rows []tdql.Row) error {
		if all = append(all, rows...); len(all) > askedRows {
			return errAskedRows
		}
		return nil
	}, nil)
	return all, err
}

// Scan hands all rows of a query to sink as they come, and keeps nothing of them: it is for readers who look whether there is something new.
// It has the caller's rights as they are given and the limits of a report, but no turn in the queue, so the caller must bound how many run at
// a time. A watch is scanned once. When it returns an error, be it that of a limit, there may be more rows than were handed out.
func (s *Service) Scan(ctx context.Context, c Caller, text string, params map[string]tahoe.Value, sink func([]tdql.Row) error) error {
	if s.cfg.DB == nil {
		return errNoDB
	}
	query, err := tdql.Parse(text)
	if err != nil {
		return err
	}
	plan, _, err := tdql.Check(query.Once(), tdql.Env{Now: s.cfg.Now(), Orgs: c.Orgs, Params: params, Once: true})
	if err != nil {
		return err
	}
	program, err := tdql.Compile(plan)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, s.cfg.QueryTime, errTimeLimit)
	defer cancel()
	db := &snapshot{db: s.cfg.DB, limit: s.cfg.QueryWork}
	var n uint64
	_, err = run(ctx, db, program, func(rows []tdql.Row) error {
		if n += uint64(len(rows)); s.cfg.QueryRows > 0 && n > s.cfg.QueryRows {
			return errRowLimit
		}
		return sink(rows)
	}, func(p Progress) { db.read.Store(p.Read) })
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if errors.Is(err, errRowLimit) || errors.Is(err, errWorkLimit) || errors.Is(err, errTimeLimit) {
		return fmt.Errorf("%w: %w", ErrLimit, err)
	}
	return err
}

// Waiting counts the queries that wait or run, on all servers together, as they were a moment ago.
func (s *Service) Waiting() (n uint64) {
	for _, of := range *s.waiting.Load() {
		n += of
	}
	return n
}
