package reportd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cybexp/cybexp/bus"
	"github.com/cybexp/cybexp/tahoe"
	"github.com/cybexp/cybexp/tdql"
)

// A watch is a report that does not end by itself. It has a queue and workers of its own, so that it takes none from reports
// that end. Its worker listens for writes first, then looks at the graph, and looks again after each write, at a newer
// snapshot. What it has shown it knows by hash.

const (
	watchPause = 200 * time.Millisecond // from the beginning of one look to that of the next, at least
	watchWhole = 30 * time.Second       // from one look at everything to the next, at most: signals may get lost, and clocks move
	watchTries = 3                      // workers without room that a watch is offered to before its asker is told
)

// watchWork runs a job of the watches' queue.
func (s *Service) watchWork(ctx context.Context, m bus.Message) error {
	defer s.watching.Add(-1)
	if s.watching.Add(1) <= int64(s.cfg.Watches) {
		return s.try(ctx, m, nil)
	}
	if m.Delivered < watchTries {
		return errWatches
	}
	return s.try(ctx, m, errWatches)
}

// watcher is an attempt that watches.
type watcher struct {
	*attempt

	out      *writer
	told     map[tahoe.Hash]struct{} // instances that were shown
	full     bool                    // whether there were more than can be remembered
	orgs     []tdql.Org              // whose events the last look saw
	warnings tdql.Errors
	renewed  time.Time    // when the report was last written down
	heard    atomic.Int64 // when somebody was last there for it, in nanoseconds since 1970
}

// watch shows what matches, and then what comes to match, until ctx ends.
func (a *attempt) watch(ctx context.Context) (outcome, error) {
	if err := a.admitWatch(ctx); err != nil {
		return outcome{rows: a.past.rows}, err
	}
	told, err := a.shown(ctx)
	if err != nil {
		return outcome{rows: a.past.rows}, err
	}
	w := &watcher{attempt: a, told: told, renewed: time.Now()}
	w.out = &writer{attempt: a, made: a.past.rows, headed: a.past.header, limit: a.cfg.QueryRows}
	w.heard.Store(time.Now().UnixNano())

	ctx, stop := context.WithCancelCause(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer stop(nil)
	n := newNews()
	writes, holders := a.cfg.Bus.Listen(ctx, writtenSubject), a.cfg.Bus.Listen(ctx, heldSubject+a.rec.ID)
	wg.Go(func() { stop(n.gather(writes)) })
	wg.Go(func() { stop(w.hear(holders)) })
	err = w.follow(ctx, n)
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	out := outcome{rows: w.out.made, warnings: w.warnings}
	if cut := a.cut(err); cut != nil {
		out.warnings, err = append(out.warnings, cut), nil
	}
	return out, err
}

// admitWatch counts the watches of the user that began before this one: errUserWatches when they are as many as a user may run. Of
// two that begin in the same moment, each may miss the other.
func (a *attempt) admitWatch(ctx context.Context) error {
	if a.cfg.UserWatches == 0 {
		return nil
	}
	entries, err := a.records.kv.List(ctx, recordKey(a.rec.User, ">"))
	if err != nil {
		return fmt.Errorf("list reports: %w", err)
	}
	before := 0
	for _, e := range entries {
		r, err := decodeRecord(e)
		if err != nil {
			return err
		}
		if r.Watch && r.Status == StatusProcessing && !r.Cancel && r.Epoch < a.epoch {
			before++
		}
	}
	if before >= a.cfg.UserWatches {
		return errUserWatches
	}
	return nil
}

// shown finds out which instances earlier attempts have shown; errWatchLost when nobody knows.
func (a *attempt) shown(ctx context.Context) (map[tahoe.Hash]struct{}, error) {
	told := map[tahoe.Hash]struct{}{}
	if a.past.rows == 0 {
		return told, nil
	}
	for e, err := range a.log.read(ctx) {
		switch {
		case errors.Is(err, ErrExpired):
			return nil, errWatchLost
		case err != nil:
			return nil, err
		case e.place >= a.epoch:
			return told, nil
		case e.Type != TypeRows:
			continue
		}
		rows, err := e.Rows()
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			var r struct {
				Hash tahoe.Hash `json:"hash"`
			}
			if err := json.Unmarshal(row, &r); err != nil || r.Hash.IsZero() { // its fields do not include the hash
				return nil, errWatchLost
			}
			told[r.Hash] = struct{}{}
		}
	}
	return nil, fmt.Errorf("read log: %w", context.Cause(ctx))
}

// hear notes that somebody is there.
func (w *watcher) hear(signals func(func(bus.Message, error) bool)) error {
	for _, err := range signals {
		if err != nil {
			return fmt.Errorf("hear holders: %w", err)
		}
		w.heard.Store(time.Now().UnixNano())
	}
	return nil
}

// follow looks at everything, and then again when there is news, or has been none for long.
func (w *watcher) follow(ctx context.Context, n *news) error {
	renew := time.NewTicker(min(w.cfg.Lease, w.cfg.ReportTTL/4))
	defer renew.Stop()
	pause, whole := time.NewTimer(0), time.NewTimer(0)
	defer pause.Stop()
	defer whole.Stop()
	<-pause.C
	ready := true
	var next span
	for {
		var wake <-chan struct{}
		var again <-chan time.Time
		if ready {
			wake, again = n.wake, whole.C
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-renew.C:
			if err := w.renew(ctx); err != nil {
				return err
			}
			continue
		case <-pause.C:
			ready = true
			continue
		case <-wake:
			next = n.take()
		case <-again:
			next = span{all: true}
		}
		began := time.Now()
		all, err := w.look(ctx, next)
		if err != nil {
			return err
		}
		took := time.Since(began)
		ready = false
		pause.Reset(max(watchPause-took, took))
		if all {
			whole.Reset(max(watchWhole, 10*took))
		}
	}
}

// look runs the query at a new snapshot and shows what was not shown before. It asks only about the span if that is sure to
// find all; it says whether it asked about everything.
func (w *watcher) look(ctx context.Context, news span) (all bool, err error) {
	orgs, err := w.cfg.Rights(ctx, w.job.Report.User)
	if err != nil {
		return false, fmt.Errorf("resolve rights: %w", err)
	}
	p, err := w.plan(w.job.request(), orgs, w.cfg.Now())
	if err != nil {
		return false, err
	}
	plan := p.plan
	all = news.all || !slices.Equal(orgs, w.orgs)
	if !all {
		narrowed, sure := plan.Between(news.from, news.to)
		switch {
		case !sure:
			all = true
		case !news.any || narrowed == nil: // no event that it could find was written
			return false, nil
		default:
			plan = narrowed
		}
	}
	program, err := tdql.Compile(plan)
	if err != nil {
		return false, fmt.Errorf("compile: %w", err)
	}
	w.orgs, w.warnings = orgs, p.warnings
	w.out.db = &snapshot{db: w.cfg.DB}
	w.out.head = Header{Type: TypeHeader, Kind: program.Kind, Fields: program.Fields, Canonical: p.canonical}
	_, err = execute(ctx, w.out.db, program.StartFresh(w.fresh), func(rows []tdql.Row) error { return w.out.rows(ctx, rows) }, nil)
	if err == nil && w.full {
		err = errWatchFull
	}
	if err != nil {
		return all, err
	}
	return all, w.out.header(ctx)
}

// fresh says whether an instance was not shown before, and takes note of it.
func (w *watcher) fresh(hash string) bool {
	h, err := tahoe.ParseHash(hash)
	if _, old := w.told[h]; old || err != nil || w.full {
		return false
	}
	if w.full = len(w.told) >= w.cfg.WatchRows; w.full {
		return false
	}
	w.told[h] = struct{}{}
	return true
}

// renew finds out whether the watch is still wanted, and now and then writes its report down again, so that it does not expire.
func (w *watcher) renew(ctx context.Context) error {
	newest, err := w.records.load(ctx, w.rec.User, w.rec.ID)
	switch {
	case errors.Is(err, ErrNotFound):
		return errWatchLost
	case err != nil:
		return err
	case newest.Status.Ended() || newest.Epoch != w.epoch:
		return ErrFinished
	case newest.Cancel: // the signal was lost
		return errCancelled
	}
	silence := time.Since(time.Unix(0, w.heard.Load()))
	if w.job.Tied && silence > w.cfg.Socket.Linger+2*w.cfg.Lease {
		return errCancelled // the server of its asker died, or told the asker to come back, who did not
	}
	if time.Since(w.renewed) < w.cfg.ReportTTL/4 {
		return nil
	}
	w.renewed = time.Now()
	return w.records.change(ctx, w.rec, func(r *record) error {
		r.Rows, r.Begun = w.out.made, 1 // an attempt that lasts is none that kills its worker
		return nil
	})
}
