package ingest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cybexp/cybexp/bus"
	"github.com/cybexp/cybexp/ingest/envelope"
	"github.com/cybexp/cybexp/tahoe"
)

// workJob goes on with a job where it was left, page by page, to its end. After each page its place is saved.
func (s *Service) workJob(ctx context.Context, id string) error {
	j, revision, err := s.job(ctx, id)
	switch {
	case errors.Is(err, ErrNotFound):
		return nil
	case err != nil:
		return err
	case !j.Ended.IsZero():
		return nil
	}
	if j.State = JobRunning; j.Begun.IsZero() {
		j.Begun = time.Now().UTC()
	}
	run := &rerun{Service: s, Job: j}
	run.problems.Parts, run.problems.Reasons = j.Parts, j.Reasons
	for j.Ended.IsZero() {
		if err := run.page(ctx); err != nil {
			return fmt.Errorf("job %s: %w", id, err)
		}
		j = run.Job
		revision, err = s.saveJob(ctx, j, revision)
		if errors.Is(err, bus.ErrConflict) {
			return nil // it was cancelled, or somebody else works on it
		}
		if err != nil {
			return err
		}
	}
	if j.Automatic && j.Seen == 0 {
		return s.jobs.Delete(ctx, jobKey(id)) // there was nothing to do, nor to tell
	}
	s.Logger.Info("raws processed again", "job_id", id, "typetag", j.Typetag, "raws", j.Seen, "mapped", j.Mapped, "added", j.Added)
	return nil
}

// rerun is a job at work.
type rerun struct {
	*Service
	Job

	at       uint64 // the snapshot
	problems problems
	batch    []tahoe.Record
	outcomes []Outcome
	events   int // in batch
}

// rerunEvents is about how many events are written at a time.
const rerunEvents = 500

// page processes the next page.
func (r *rerun) page(ctx context.Context) error {
	q := tahoe.RawQuery{SubType: r.Typetag, States: r.States, After: r.After, At: r.at}
	page, err := r.Archive.Raws(ctx, q)
	if err != nil && r.at != 0 && ctx.Err() == nil {
		q.At = 0 // no snapshot lasts for ever; the order of the pages does
		page, err = r.Archive.Raws(ctx, q)
	}
	if err != nil {
		return err
	}
	if r.at = page.At; r.After == 0 {
		r.Total = page.Total
	}
	for _, raw := range page.Raws {
		r.Seen++
		for _, audience := range raw.Audiences {
			org, marking := tahoe.ParseAudience(audience)
			if !r.wants(raw, org) {
				continue
			}
			if err := r.one(ctx, raw, org, marking); err != nil {
				return err
			}
		}
	}
	if err := r.flush(ctx); err != nil {
		return err
	}
	r.Parts, r.Reasons = r.problems.Parts, r.problems.ranked()
	if r.After = page.Next; r.After == 0 {
		r.Job.State, r.Ended = JobFinished, time.Now().UTC()
	}
	return nil
}

// wants tells whether the job is about this upload of a raw.
func (r *rerun) wants(raw tahoe.StoredRaw, org string) bool {
	if !r.Org.IsZero() && r.Org.String() != org {
		return false
	}
	if r.Since.IsZero() && r.Until.IsZero() {
		return true
	}
	came := tahoe.UnixTime(raw.Received)
	return raw.Received != 0 && !came.Before(r.Since) && (r.Until.IsZero() || came.Before(r.Until))
}

func (r *rerun) one(ctx context.Context, raw tahoe.StoredRaw, org string, marking tahoe.Marking) error {
	raw = raw.Of(org)
	out, err := r.again(ctx, raw, org, tahoe.UnixTime(raw.Received))
	if errors.Is(err, errLost) {
		r.Lost++
		return nil
	}
	if err != nil {
		return err
	}
	if raw.Received == 0 || raw.State == tahoe.Mapped {
		later, err := r.again(ctx, raw, org, tahoe.UnixTime(raw.Received).AddDate(1, 0, 0))
		if err != nil {
			return err
		}
		if !sameTimes(out.Record, later.Record) {
			r.Undated++
			return nil
		}
	}
	out.Record.Received, out.Record.Marking = raw.Received, marking
	out.mark(marking)
	r.batch, r.outcomes = append(r.batch, out.Record), append(r.outcomes, out)
	if r.events += len(out.Record.Events); r.events >= rerunEvents {
		return r.flush(ctx)
	}
	return nil
}

// errLost is a raw of which only an excerpt can be had.
var errLost = errors.New("the record is not kept whole")

// again does with a raw what was done when it came.
func (s *Service) again(ctx context.Context, raw tahoe.StoredRaw, org string, received time.Time) (Outcome, error) {
	m := newMapper(raw.SubType, org, raw.Timezone, received, s.Logger)
	text, isText := dataText(raw.Data)
	if sum, ok := isExcerpt(raw.Data); ok {
		var err error
		text, err = s.whole(ctx, raw.Hash, sum)
		switch {
		case err == nil:
			isText = true
		case errors.Is(err, ErrNotFound) && !isLong(raw.Data):
		case errors.Is(err, ErrNotFound), errors.Is(err, envelope.ErrSealed), errors.Is(err, errChunk):
			return Outcome{}, errLost
		default:
			return Outcome{}, err
		}
	}
	if isText {
		out := m.record(0, text)
		if out.Record.Raw != nil && out.Record.Raw.Hash() == raw.Hash {
			return out, nil
		}
	}
	var out Outcome
	var err error
	if out.Record.Raw, err = tahoe.NewRaw(raw.SubType, raw.Data, org, raw.Timezone); err != nil || out.Record.Raw.Hash() != raw.Hash {
		return Outcome{}, errLost
	}
	m.run(&out, raw.Data, nil)
	return out, nil
}

// sameTimes tells whether two runs of a filter gave the same, though the record came at different times.
func sameTimes(a, b tahoe.Record) bool {
	hashes := func(r tahoe.Record) (list []string) {
		for _, e := range r.Events {
			list = append(list, e.Hash().String())
		}
		for _, s := range r.Sessions {
			list = append(list, s.Hash().String(), stamp(s.StartTime), stamp(s.EndTime))
		}
		return list
	}
	return slices.Equal(hashes(a), hashes(b))
}

func stamp(seconds *float64) string {
	if seconds == nil {
		return ""
	}
	return fmt.Sprint(*seconds)
}

// flush writes what has gathered. What the graph refuses is counted: its raw stays as it was.
func (r *rerun) flush(ctx context.Context) error {
	if len(r.batch) == 0 {
		return nil
	}
	added, err := r.Graph.Write(ctx, r.batch)
	r.tell(ctx, r.batch)
	refused := map[int]error{}
	if err != nil && (ctx.Err() != nil || !refusals(err, refused)) {
		return err
	}
	r.Added += added
	var sum result
	for i, out := range r.outcomes {
		if why := refused[i]; why != nil {
			r.Refused++
			out = Outcome{Problems: []Problem{{Record: true, Message: fmt.Sprintf("the graph does not take it: %v", why)}}}
		}
		sum.count(out)
	}
	r.Events += sum.Events
	r.Mapped += sum.Mapped
	r.Kept += sum.Kept
	r.NotSupported += sum.NotSupported
	r.Invalid += sum.Invalid
	r.problems.merge(sum.Problems)
	r.batch, r.outcomes, r.events = nil, nil, 0
	return nil
}
