package reportd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cybexp/cybexp/bus"
	"github.com/cybexp/cybexp/tahoe"
	"github.com/cybexp/cybexp/tdql"
)

// A watch is a report that does not end by itself. It has a queue and workers of its own, so that it takes none from reports
// that end. It joins a group, which hears of writes, then looks at the graph, and then shows what its group finds among what is
// written. What it has shown it knows by hash.

const (
	watchPause = 200 * time.Millisecond // from the beginning of one look to that of the next, at least
	watchWhole = 10 * time.Minute       // from one look at everything to the next, about: clocks move
	watchInbox = 16                     // what groups found and a watch has not shown yet
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
	group    *group                  // nil before the first look
	inbox    chan []match            // what the group found
	whole    chan struct{}           // holds an item when everything is to be looked at
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
	w := &watcher{attempt: a, told: told, orgs: a.orgs, renewed: time.Now(), inbox: make(chan []match, watchInbox), whole: make(chan struct{}, 1)}
	w.out = &writer{attempt: a, made: a.past.rows, headed: a.past.header, limit: a.cfg.QueryRows}
	w.heard.Store(time.Now().UnixNano())

	ctx, stop := context.WithCancelCause(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer stop(nil)
	holders := a.cfg.Bus.Listen(ctx, heldSubject+a.rec.ID)
	wg.Go(func() { stop(w.hear(holders)) })
	err = w.follow(ctx)
	if w.group != nil {
		w.group.leave(w)
	}
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

// follow looks at everything, and then shows what the group finds; it looks at everything again when it is told to, and now and then.
func (w *watcher) follow(ctx context.Context) error {
	renew := time.NewTicker(min(w.cfg.Lease, w.cfg.ReportTTL/4))
	defer renew.Stop()
	pause, again := time.NewTimer(0), time.NewTimer(watchWhole/2+rand.N(watchWhole/2))
	defer pause.Stop()
	defer again.Stop()
	rights := time.NewTicker(rightsAge)
	defer rights.Stop()
	w.lookAgain()
	ready := false
	for {
		var whole <-chan struct{}
		if ready {
			whole = w.whole
		}
		var err error
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-renew.C:
			err = w.renew(ctx)
		case found := <-w.inbox:
			err = w.show(ctx, found)
		case <-w.ear.heard:
			err = w.reconsider(ctx)
		case <-rights.C:
			err = w.reconsider(ctx)
		case <-pause.C:
			ready = true
		case <-again.C:
			w.lookAgain()
		case <-whole:
			began := time.Now()
			err = w.look(ctx)
			took := time.Since(began)
			ready = false
			pause.Reset(max(watchPause-took, took))
			again.Reset(max(watchWhole, 100*took))
		}
		if err != nil {
			return err
		}
	}
}

// lookAgain has the watch look at everything, soon.
func (w *watcher) lookAgain() {
	select {
	case w.whole <- struct{}{}:
	default:
	}
}

// look runs the query at a new snapshot and shows what was not shown before. First it joins the group that it belongs to, so that it
// misses nothing that is written after the snapshot.
func (w *watcher) look(ctx context.Context) error {
	orgs, err := w.rights(ctx)
	if err != nil {
		return err
	}
	p, err := w.plan(w.job.request(), orgs, w.cfg.Now())
	if err != nil {
		return err
	}
	if w.group == nil || !slices.Equal(orgs, w.orgs) {
		if w.group != nil {
			w.group.leave(w)
		}
		w.group, w.orgs = w.standing.join(w, p, orgs), orgs
		if err := w.records.change(ctx, w.rec, func(r *record) error { r.Audiences = audiences(orgs); return nil }); err != nil {
			return err
		}
	}
	program, err := tdql.Compile(p.plan)
	if err != nil {
		return fmt.Errorf("compile: %w", err)
	}
	done, err := w.standing.ask(ctx)
	if err != nil {
		return err
	}
	defer done()
	w.warnings = p.warnings
	w.out.db = &snapshot{db: w.cfg.DB}
	w.out.head = Header{Type: TypeHeader, Kind: program.Kind, Fields: program.Fields, Canonical: p.canonical}
	_, err = execute(ctx, w.out.db, program.StartFresh(w.fresh), func(rows []tdql.Row) error { return w.out.rows(ctx, rows) }, nil)
	if err == nil && w.full {
		err = errWatchFull
	}
	if err != nil {
		return err
	}
	return w.out.header(ctx)
}

// rights tells what the asker may read now; ErrRights when that is less than when the watch last looked: what it has shown is of more.
func (w *watcher) rights(ctx context.Context) ([]tdql.Org, error) {
	orgs, err := w.rightsOf(ctx, w.job.Report.User)
	if err != nil {
		return nil, err
	}
	if !within(audiences(w.orgs), audiences(orgs)) {
		return nil, ErrRights
	}
	return orgs, nil
}

// reconsider looks at everything again when the asker may read more.
func (w *watcher) reconsider(ctx context.Context) error {
	orgs, err := w.rights(ctx)
	if err != nil {
		return err
	}
	if !slices.Equal(orgs, w.orgs) {
		w.lookAgain()
	}
	return nil
}

// show shows what the group found and was not shown before, if the asker still has the rights that it was found with.
func (w *watcher) show(ctx context.Context, found []match) error {
	orgs, err := w.rights(ctx)
	if err != nil {
		return err
	}
	if !slices.Equal(orgs, w.orgs) {
		w.lookAgain()
		return nil
	}
	rows := make([]tdql.Row, 0, len(found))
	for _, m := range found {
		if w.fresh(m.hash) {
			rows = append(rows, m.row)
		}
	}
	if len(rows) > 0 {
		if err := w.out.rows(ctx, rows); err != nil {
			return err
		}
	}
	if w.full {
		return errWatchFull
	}
	return nil
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
