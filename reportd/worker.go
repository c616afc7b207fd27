package reportd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/cybexp/cybexp/bus"
	"github.com/cybexp/cybexp/tdql"
	"github.com/cybexp/cybexp/telemetry"
)

// settleTime is how long a worker takes at most to tell how a report ended.
const settleTime = 10 * time.Second

// attempt is one worker's try to make a report.
type attempt struct {
	*Service

	job   job
	log   frameLog
	start time.Time
	first time.Time // when the first row was found

	claimed  chan struct{} // closed when what follows is known
	claimErr error         // why the report is not this attempt's
	rec      *record
	epoch    uint64
	past     past // what earlier attempts have shown

	refused error // why it is not to be made

	ear    *ear       // hears when that may change
	orgs   []tdql.Org // what the asker may read when the attempt begins
	noOrgs error      // why that is not known
}

// work runs one job of the queue. An error gives the job back.
func (s *Service) work(ctx context.Context, m bus.Message) error { return s.try(ctx, m, nil) }

// try makes the report of a job, or ends it because it is refused.
func (s *Service) try(ctx context.Context, m bus.Message, refused error) error {
	var j job
	if err := json.Unmarshal(m.Data, &j); err != nil {
		return bus.Permanent(fmt.Errorf("read job: %w", err))
	}
	a := &attempt{Service: s, job: j, log: s.log(j.Report.ID), start: time.Now(), claimed: make(chan struct{}), refused: refused}
	ctx, stop := a.register(ctx)
	defer a.unregister(stop)
	e, deaf := s.listen(j.Report.User)
	defer deaf()
	a.ear = e
	a.orgs, a.noOrgs = s.rightsOf(ctx, j.Report.User)

	go func() {
		defer close(a.claimed)
		if a.claimErr = a.claim(ctx, m.Delivered); a.claimErr != nil {
			stop(a.claimErr)
		}
	}()
	// A first attempt asks the database while it claims the report; a later one must know what was shown. A watch has time.
	if m.Delivered > 1 || j.Watch {
		<-a.claimed
	}
	out, err := a.run(ctx)
	telemetry.SpanOf(ctx).Set("rows", out.rows, "vertices_read", out.scanned)
	<-a.claimed
	switch {
	case errors.Is(a.claimErr, ErrFinished):
		a.remember(ctx) // who ended it was not a worker, or died
		return nil
	case errors.Is(a.claimErr, errCancelled), errors.Is(a.claimErr, errGivenUp), errors.Is(a.claimErr, ErrRights), errors.Is(a.claimErr, ErrExpired),
		errors.Is(a.claimErr, errWatchLost):
		return a.finish(ctx, outcome{rows: a.past.rows}, a.claimErr)
	case a.claimErr != nil:
		return s.giveBack(ctx, j, a.claimErr)
	case err != nil && s.again(ctx, err, m.Delivered):
		return s.giveBack(ctx, j, err)
	case err != nil && s.passes(err):
		err = fmt.Errorf("%w: %w", errNoDatabase, err)
	}
	return a.finish(ctx, out, err)
}

// again says whether a job that ended with err goes back to the queue: we are shutting down, or the database may come back.
func (s *Service) again(ctx context.Context, err error, delivered int) bool {
	if cause := context.Cause(ctx); cause != nil {
		return !errors.Is(cause, errCancelled) && !errors.Is(cause, ErrRights)
	}
	return delivered < s.cfg.Attempts && s.passes(err)
}

// passes tells whether a failure of the database may pass.
func (s *Service) passes(err error) bool { return s.cfg.Retry != nil && s.cfg.Retry(err) }

func (s *Service) giveBack(ctx context.Context, j job, err error) error {
	if ctx.Err() == nil {
		s.cfg.Logger.WarnContext(ctx, "report interrupted", "report", j.Report.ID, "err", err)
	}
	return fmt.Errorf("report %s: %w", j.Report.ID, err)
}

// claim makes the report this attempt's, and learns what earlier ones have shown. ErrFinished says that it has ended;
// errCancelled, errGivenUp and ErrExpired say that it is to be ended.
func (a *attempt) claim(ctx context.Context, delivered int) (err error) {
	if a.rec, err = a.record(ctx, delivered); err != nil {
		return err
	}
	if a.epoch, err = a.log.begin(ctx, statusFrame(a.rec.ID, StatusProcessing, 0)); err != nil {
		return err
	}
	var before []string // of the attempt before
	err = a.records.change(ctx, a.rec, func(r *record) error {
		if r.Status.Ended() {
			return ErrFinished
		}
		now := a.cfg.Now().UTC()
		if r.Started == nil {
			r.Started = &now
		}
		r.Status, r.Epoch, r.Position = StatusProcessing, a.epoch, 0
		before, r.Audiences = r.Audiences, audiences(a.orgs)
		if r.Begun++; r.Restarted { // the count was lost too
			r.Begun = delivered
		}
		return nil
	})
	if errors.Is(err, ErrFinished) { // perhaps its log does not say so, or says so before our epoch
		_, tellErr := a.log.append(ctx, a.rec.last(), a.epoch)
		return errors.Join(err, tellErr)
	}
	if err != nil || delivered == 1 {
		return err
	}
	a.past, err = a.log.until(ctx, a.epoch)
	if a.job.Watch && errors.Is(err, ErrExpired) {
		return errWatchLost
	}
	if err != nil {
		return err
	}
	if a.rec.Cancel {
		return errCancelled
	}
	if now := audiences(a.orgs); a.past.rows > 0 && (!within(before, now) || !a.job.Watch && !within(now, before)) {
		return ErrRights // the rows that were shown are not the first of what is found now
	}
	if a.job.Watch && a.rec.Restarted { // deliveries, by which it would be given up, count the passing around of a shutdown too
		return errWatchLost
	}
	if a.rec.Begun > a.cfg.Attempts {
		return errGivenUp
	}
	return nil
}

// append appends a frame once the report is known to be this attempt's.
func (a *attempt) append(ctx context.Context, f Frame) error {
	select {
	case <-a.claimed:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if a.claimErr != nil {
		return a.claimErr
	}
	_, err := a.log.append(ctx, f, a.epoch)
	return err
}

// record loads the report of the job, or makes it again from the job if it is lost.
func (a *attempt) record(ctx context.Context, delivered int) (*record, error) {
	for {
		rec, err := a.records.load(ctx, a.job.Report.User, a.job.Report.ID)
		if !errors.Is(err, ErrNotFound) {
			return rec, err
		}
		rec = a.job.record()
		if delivered > 1 {
			rec.Restarted, rec.Holders = true, 0
		}
		if err := a.records.create(ctx, rec); !errors.Is(err, bus.ErrExists) {
			return rec, err
		}
	}
}

// outcome is what an attempt found.
type outcome struct {
	rows, scanned uint64
	warnings      tdql.Errors
}

// run makes the report: it checks the query again, with the rights that the asker has now, and appends what the runner finds.
func (a *attempt) run(ctx context.Context) (outcome, error) {
	if err := context.Cause(ctx); err != nil {
		return outcome{}, err
	}
	if a.refused != nil {
		return outcome{}, a.refused
	}
	if a.noOrgs != nil {
		return outcome{}, a.noOrgs
	}
	if a.job.Watch {
		return a.watch(ctx)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, a.cfg.QueryTime, errTimeLimit)
	defer cancel()
	ctx, stop := a.relying(ctx, a.ear, func(context.Context) ([]string, error) { return audiences(a.orgs), nil })
	defer stop()
	p, err := a.plan(a.job.request(), a.orgs, a.job.Report.Created)
	if err != nil {
		return outcome{}, err
	}
	program, err := tdql.Compile(p.plan)
	if err != nil {
		return outcome{}, fmt.Errorf("compile: %w", err)
	}
	db := &snapshot{db: a.cfg.DB, at: a.past.snapshot, limit: a.cfg.QueryWork}
	w := &writer{
		attempt: a, db: db, skip: a.past.rows, headed: a.past.header, limit: a.cfg.QueryRows,
		head: Header{Type: TypeHeader, Kind: program.Kind, Fields: program.Fields, Canonical: p.canonical},
	}
	stats, err := run(ctx, db, program,
		func(rows []tdql.Row) error { return w.rows(ctx, rows) },
		func(p Progress) {
			db.read.Store(p.Read)
			w.progress(ctx, p)
		})
	if err == nil {
		err = w.end(ctx)
	}
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	out := outcome{rows: max(w.made, w.skip), scanned: stats.Scanned, warnings: append(p.warnings, stats.Warnings...)}
	if cut := a.cut(err); cut != nil && out.rows > 0 {
		out.warnings = append(out.warnings, cut) // the rows that were shown stand
		return out, nil
	}
	if err == nil && w.nothing() {
		out.warnings = append(out.warnings, a.unseen(ctx, a.job.request(), a.orgs)...)
	}
	return out, err
}

// cut is the warning about a limit that cut the rows short; nil when err is something else.
func (a *attempt) cut(err error) *tdql.Error {
	switch {
	case errors.Is(err, errRowLimit):
		return &tdql.Error{Code: codeRows, Message: fmt.Sprintf("stopped after %d rows, the limit of this server", a.cfg.QueryRows)}
	case errors.Is(err, errWorkLimit):
		return &tdql.Error{Code: codeWork, Message: fmt.Sprintf("stopped after %d vertices were read, the limit of this server: there may be more rows", a.cfg.QueryWork)}
	case errors.Is(err, errTimeLimit):
		return &tdql.Error{Code: codeTime, Message: fmt.Sprintf("stopped after %s, the limit of this server: there may be more rows", a.cfg.QueryTime)}
	}
	return nil
}

// finish tells how the report ended, first its record and then its log, so that who has read the last frame finds the report
// ended. It says nothing when another attempt has taken over.
func (a *attempt) finish(ctx context.Context, out outcome, failed error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
	defer cancel()
	err := a.records.change(ctx, a.rec, func(r *record) error {
		if r.Status.Ended() || r.Epoch != a.epoch {
			return ErrFinished
		}
		a.settle(&r.Report, out, failed)
		return nil
	})
	if errors.Is(err, ErrNotFound) || errors.Is(err, bus.ErrNotFound) { // expired while it ran
		a.settle(&a.rec.Report, out, failed)
		err = nil
	}
	if errors.Is(err, ErrFinished) {
		return nil
	}
	if err != nil {
		return err
	}
	a.tell(ctx, failed)
	a.ended()
	_, err = a.log.append(ctx, a.rec.last(), a.epoch)
	a.remember(ctx)
	return err
}

// settle writes the outcome into the report.
func (a *attempt) settle(r *Report, out outcome, failed error) {
	now := a.cfg.Now().UTC()
	r.Ended, r.Rows, r.Scanned, r.Warnings = &now, out.rows, out.scanned, out.warnings
	r.ElapsedMS = time.Since(a.start).Milliseconds()
	switch {
	case failed == nil:
		r.Status = StatusReady
	case errors.Is(failed, errCancelled):
		r.Status = StatusCancelled
	default:
		f, _ := failure(failed)
		r.Status, r.Error = StatusFailed, &f
	}
}

func (a *attempt) tell(ctx context.Context, failed error) {
	r := a.rec.Report
	log := a.cfg.Logger.With("report", r.ID, "user", r.User, "rows", r.Rows, "elapsed_ms", r.ElapsedMS)
	if r.Status != StatusFailed {
		log.InfoContext(ctx, "report finished", "status", r.Status)
		return
	}
	if _, ours := failure(failed); ours {
		log.ErrorContext(ctx, "report failed", "err", failed)
		return
	}
	log.InfoContext(ctx, "report failed", "err", failed)
}

// register makes the attempt's context one that a cancel signal ends.
func (a *attempt) register(ctx context.Context) (context.Context, context.CancelCauseFunc) {
	ctx, stop := context.WithCancelCause(ctx)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.running[a] = stop
	return ctx, stop
}

func (a *attempt) unregister(stop context.CancelCauseFunc) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.running, a)
	stop(nil)
}

// hearCancels ends the jobs here that somebody, anywhere, cancels.
func (s *Service) hearCancels(ctx context.Context, signals func(func(bus.Message, error) bool)) error {
	for m, err := range signals {
		if err != nil {
			return fmt.Errorf("hear cancels: %w", err)
		}
		s.stopRunning(string(m.Data))
	}
	return nil
}

func (s *Service) stopRunning(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for a, stop := range s.running {
		if a.job.Report.ID == id {
			stop(errCancelled)
		}
	}
}
