package reportd

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cybexp/cybexp/bus"
	"github.com/cybexp/cybexp/tahoe"
	"github.com/cybexp/cybexp/tdql"
)

// Request is a query as it is asked: as text, or in the classic form.
type Request struct {
	TDQL    string
	Params  map[string]tahoe.Value // values of $names in TDQL
	Classic *Classic
	Shared  bool // whether an equal question of the same user in the same clock hour may be answered by one report
	Redo    bool // make a new report even so
}

// Classic is a query in the classic JSON form.
type Classic struct {
	Type string          `json:"type"`
	Data json.RawMessage `json:"data"`
}

// job is a query on its way to a worker. It has all that a worker needs, so that it can be run after everything else that was
// known of it is lost.
type job struct {
	Report  Report                 `json:"report"`
	Tied    bool                   `json:"tied,omitempty"`
	Watch   bool                   `json:"watch,omitempty"`
	TDQL    string                 `json:"tdql,omitempty"`
	Params  map[string]tahoe.Value `json:"params,omitempty"`
	Classic *Classic               `json:"classic,omitempty"`
}

func (j job) request() Request {
	return Request{TDQL: j.TDQL, Params: j.Params, Classic: j.Classic, Shared: j.Report.Shared}
}

// record returns what is kept of the job's report at first.
func (j job) record() *record {
	r := &record{Report: j.Report, Tied: j.Tied, Watch: j.Watch}
	if j.Tied {
		r.Holders = 1
	}
	return r
}

// Submit checks a query and puts it on the queue. A fault of the query comes back at once, as tdql's errors. When the request
// is shared and its report exists, that is returned instead.
func (s *Service) Submit(ctx context.Context, c Caller, req Request) (Report, error) {
	j, err := s.prepare(c, req)
	if err != nil {
		return Report{}, err
	}
	r := j.Report
	if req.Shared {
		r, err = s.submitShared(ctx, c, j, req.Redo)
	} else {
		err = s.enqueue(ctx, j)
	}
	if err == nil {
		c.asked(ctx, r)
	}
	return r, err
}

// prepare checks a query and names its report.
func (s *Service) prepare(c Caller, req Request) (job, error) {
	if !isWord(c.ID) {
		return job{}, fmt.Errorf("%w: %q cannot be a user's id", ErrBadRequest, c.ID)
	}
	if s.full.Load() {
		return job{}, ErrBusy
	}
	size := len(req.TDQL)
	if req.Classic != nil {
		size += len(req.Classic.Data)
	}
	if size > s.cfg.QueryBytes {
		return job{}, fmt.Errorf("%w: %d bytes, at most %d are allowed", ErrTooLarge, size, s.cfg.QueryBytes)
	}
	now := s.cfg.Now().UTC()
	p, err := s.plan(req, c.Orgs, now)
	if err != nil {
		return job{}, err
	}
	j := job{Watch: p.plan.Watch(), TDQL: req.TDQL, Params: req.Params, Classic: req.Classic, Report: Report{
		ID: newID(), Status: StatusWait, Canonical: p.canonical, Classic: req.Classic, User: c.ID, Shared: req.Shared, Created: now, Warnings: p.warnings,
		Position: s.place(c.ID),
	}}
	return j, nil
}

// submitShared puts a shared query on the queue, unless its report exists. The first report of the hour has the name that the
// question gives it; one that redoes it has a name of its own, which the first then points to. One that was cancelled is no answer,
// so it is done again.
func (s *Service) submitShared(ctx context.Context, c Caller, j job, redo bool) (Report, error) {
	redone := j
	j.Report.ID = sharedID(j, c.Orgs)
	first := j.record()
	first.Status = StatusInvalid
	err := s.records.create(ctx, first)
	if err == nil {
		return j.Report, s.forgetUnless(ctx, j, s.validate(ctx, j, first))
	}
	if !errors.Is(err, bus.ErrExists) {
		return Report{}, err
	}
	if first, err = s.records.load(ctx, j.Report.User, j.Report.ID); err != nil {
		return Report{}, err
	}
	if first.Status == StatusInvalid && s.cfg.Now().Sub(first.Created) > settleTime { // who asked died before it was queued
		return j.Report, s.validate(ctx, j, first)
	}
	newest, err := s.newest(ctx, first)
	if err != nil || !redo && newest.Status != StatusCancelled {
		return newest, err
	}
	if err := s.enqueue(ctx, redone); err != nil {
		return Report{}, err
	}
	return redone.Report, s.records.change(ctx, first, func(r *record) error {
		r.Newer = redone.Report.ID
		return nil
	})
}

// validate puts the job of a shared report on the queue, after which the report waits, unless a worker was faster.
func (s *Service) validate(ctx context.Context, j job, r *record) error {
	if err := s.queue(ctx, j); err != nil {
		return err
	}
	return s.records.change(ctx, r, func(r *record) error {
		if r.Status == StatusInvalid {
			r.Status = StatusWait
		}
		return nil
	})
}

// newest returns the report that redid r, or r.
func (s *Service) newest(ctx context.Context, r *record) (Report, error) {
	if r.Newer == "" {
		return r.Report, nil
	}
	n, err := s.records.load(ctx, r.User, r.Newer)
	if errors.Is(err, ErrNotFound) {
		return r.Report, nil
	}
	if err != nil {
		return Report{}, err
	}
	return n.Report, nil
}

// enqueue keeps the report and puts its job on the queue, both at once: a worker that is faster keeps the report itself.
func (s *Service) enqueue(ctx context.Context, j job) error {
	kept := make(chan error, 1)
	go func() { kept <- s.records.create(ctx, j.record()) }()
	err := s.queue(ctx, j)
	if keepErr := <-kept; !errors.Is(keepErr, bus.ErrExists) {
		err = errors.Join(err, keepErr)
	}
	return s.forgetUnless(ctx, j, err)
}

// forgetUnless drops the record of a report that could not be queued.
func (s *Service) forgetUnless(ctx context.Context, j job, err error) error {
	if err == nil {
		return nil
	}
	forget := s.records.kv.Delete(context.WithoutCancel(ctx), recordKey(j.Report.User, j.Report.ID))
	return errors.Join(err, forget)
}

// queue puts a job on the queue, and begins the report's log.
func (s *Service) queue(ctx context.Context, j job) error {
	data, err := json.Marshal(j)
	if err != nil {
		return fmt.Errorf("write job: %w", err)
	}
	if _, err := s.log(j.Report.ID).append(ctx, statusFrame(j.Report.ID, StatusWait, j.Report.Position), 0); err != nil {
		return err
	}
	if j.Watch {
		err = s.watches.Put(ctx, watchLane, data)
	} else {
		err = s.jobs.Put(ctx, j.Report.User, data)
	}
	switch {
	case errors.Is(err, bus.ErrFull):
		return ErrBusy
	case errors.Is(err, bus.ErrLaneFull):
		return ErrUserBusy
	case err != nil:
		return fmt.Errorf("queue query: %w", err)
	}
	return nil
}

// place is about how many queries have their turn until the next one of a user has, that one included: of each other user no more than
// of this one.
func (s *Service) place(user string) int {
	waiting := *s.waiting.Load()
	mine := waiting[user] + 1
	n := mine
	for other, theirs := range waiting {
		if other != user {
			n += min(theirs, mine)
		}
	}
	return int(n)
}

// Report returns a report of the caller; ErrRights when they may not read any more all that it is made of.
func (s *Service) Report(ctx context.Context, c Caller, id string) (Report, error) {
	r, err := s.records.load(ctx, c.ID, id)
	if err != nil {
		return Report{}, err
	}
	if err := s.covers(ctx, c.ID, r.Audiences); err != nil {
		return Report{}, err
	}
	return r.Report, nil
}

// Reports lists the reports of the caller that are kept and that they may still read, newest first.
func (s *Service) Reports(ctx context.Context, c Caller) ([]Report, error) {
	if !isWord(c.ID) {
		return nil, nil
	}
	entries, err := s.records.kv.List(ctx, recordKey(c.ID, ">"))
	if err != nil {
		return nil, fmt.Errorf("list reports: %w", err)
	}
	orgs, err := s.rightsOf(ctx, c.ID)
	if err != nil {
		return nil, err
	}
	now := audiences(orgs)
	reports := make([]Report, 0, len(entries))
	for _, e := range entries {
		r, err := decodeRecord(e)
		if err != nil {
			return nil, err
		}
		if !within(r.Audiences, now) {
			continue
		}
		reports = append(reports, r.Report)
	}
	slices.SortFunc(reports, func(a, b Report) int {
		return cmp.Or(b.Created.Compare(a.Created), cmp.Compare(a.ID, b.ID))
	})
	return reports, nil
}

// Cancel ends a report of the caller that has not ended; ErrFinished when it has. What waits is cancelled when Cancel returns,
// what runs a moment later.
func (s *Service) Cancel(ctx context.Context, c Caller, id string) error {
	r, err := s.records.load(ctx, c.ID, id)
	if err != nil {
		return err
	}
	return s.cancel(ctx, r, func(*record) error { return nil })
}

// cancel ends a report, unless a last look at its newest state gives an error.
func (s *Service) cancel(ctx context.Context, r *record, look func(*record) error) error {
	err := s.records.change(ctx, r, func(r *record) error {
		if r.Status.Ended() {
			return ErrFinished
		}
		if err := look(r); err != nil {
			return err
		}
		if r.Status == StatusProcessing {
			r.Cancel = true // the worker ends it, or the next worker if that one died
			return nil
		}
		now := s.cfg.Now().UTC()
		r.Status, r.Ended = StatusCancelled, &now
		return nil
	})
	if err != nil {
		return err
	}
	if r.Status == StatusProcessing {
		return s.cfg.Bus.Notify(cancelSubject, []byte(r.ID))
	}
	_, err = s.log(r.ID).append(ctx, r.last(), 0)
	return err
}

func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// sharedID names the report of a question in its clock hour, as it is asked with some rights.
func sharedID(j job, orgs []tdql.Org) string {
	params, _ := json.Marshal(j.Params) // values are always JSON, and a map's keys are sorted
	h := sha256.New()
	rights := strings.Join(audiences(orgs), " ")
	for _, part := range []string{j.Report.User, j.Report.Canonical, string(params), j.Report.Created.Truncate(time.Hour).Format(time.RFC3339), rights} {
		fmt.Fprintf(h, "%d:%s", len(part), part)
	}
	return hex.EncodeToString(h.Sum(nil))
}
