package graph

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/dgraph-io/dgo/v230/protos/api"

	"github.com/cybexp/cybexp/tdql/dql"
	"github.com/cybexp/cybexp/telemetry"
)

// Query runs q on the snapshot at the start timestamp at, and returns Dgraph's JSON. With at = 0 it takes a new snapshot; ts is the
// one that was read, to be passed on for the next page. It waits for a Dgraph that does not answer until ctx ends or patience does,
// and then returns an error that wraps ErrUnavailable. When ctx ends, Dgraph stops working on q.
func (s *Store) Query(ctx context.Context, q dql.Query, at uint64) (body []byte, ts uint64, err error) {
	ctx, span := telemetry.Start(ctx, "graph query")
	body, ts, err = s.read(ctx, &api.Request{Query: q.Text(), Vars: q.Variables(), StartTs: at, ReadOnly: true})
	span.Set("bytes", len(body))
	span.End(err)
	return body, ts, err
}

func (s *Store) read(ctx context.Context, req *api.Request) (body []byte, ts uint64, err error) {
	begun := time.Now()
	defer func() { s.metrics.queries.Observe(time.Since(begun)) }()
	deadline, told := begun.Add(s.patience), false
	for delay := 50 * time.Millisecond; ; delay = min(2*delay, time.Second) {
		res, err := s.alpha.Query(ctx, req)
		if err == nil {
			return res.GetJson(), res.GetTxn().GetStartTs(), nil
		}
		err = readable(ctx, err)
		if errors.Is(err, ErrUnavailable) {
			s.metrics.unavailable.Add(1, "read")
		}
		if !errors.Is(err, ErrUnavailable) || time.Now().Add(delay).After(deadline) {
			return nil, 0, fmt.Errorf("query graph: %w", err)
		}
		if !told {
			told = true
			s.logger.WarnContext(ctx, "graph does not answer, trying again", "err", err)
		}
		if err := pause(ctx, delay); err != nil {
			return nil, 0, fmt.Errorf("query graph: %w", err)
		}
	}
}

// Ready returns nil when the graph answers a query now.
func (s *Store) Ready(ctx context.Context) error {
	_, err := s.alpha.Query(ctx, &api.Request{Query: `{ q(func: eq(hash, "")) { uid } }`, ReadOnly: true})
	if err != nil {
		return fmt.Errorf("graph: %w", readable(ctx, err))
	}
	return nil
}

// pause waits for d, or until ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
