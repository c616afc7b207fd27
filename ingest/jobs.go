package ingest

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
	"github.com/cybexp/cybexp/ingest/filter"
	"github.com/cybexp/cybexp/tahoe"
)

// Job runs a filter again over raws that are in the graph. The first fields say over which, the others how far it is; each organisation
// of a raw counts by itself.
type Job struct {
	ID        string           `json:"id"`
	Typetag   string           `json:"typetag"`
	Org       tahoe.Hash       `json:"org,omitzero"`   // zero is all
	States    []tahoe.RawState `json:"states"`         // of the raws; none is all
	Since     time.Time        `json:"since,omitzero"` // when the raws came: from here on
	Until     time.Time        `json:"until,omitzero"` // and before this
	User      tahoe.Hash       `json:"user,omitzero"`
	Automatic bool             `json:"automatic"` // the filter is new or has changed

	State  JobState  `json:"state"`
	Made   time.Time `json:"made"`
	Begun  time.Time `json:"begun,omitzero"`
	Ended  time.Time `json:"ended,omitzero"`
	Total  int       `json:"total"` // raws of the format and the states
	Seen   int       `json:"seen"`  // of them
	After  uint64    `json:"after"` // where it goes on
	Events int       `json:"events"`
	Added  int       `json:"added,omitempty"` // vertices of whatever kind that were not there before; edges, contexts and states are not counted

	Mapped       int      `json:"mapped"`
	Kept         int      `json:"kept"`
	NotSupported int      `json:"not_supported"`
	Invalid      int      `json:"invalid"`
	Lost         int      `json:"lost"`    // only an excerpt is there: nothing can be done
	Undated      int      `json:"undated"` // left as they are: their events have the time of arrival, and would come twice
	Refused      int      `json:"refused"` // by the graph
	Parts        int      `json:"parts"`   // of records, that could not be used
	Reasons      []Reason `json:"reasons"`
}

// JobState says where a job is on its way.
type JobState string

// The states of a job.
const (
	JobWaiting   JobState = "waiting"
	JobRunning   JobState = "running"
	JobFinished  JobState = "finished"
	JobCancelled JobState = "cancelled"
)

const jobSubjects = "reprocess."

func jobKey(id string) string { return "job." + id }

func (j Job) check() error {
	if _, ok := filter.For(j.Typetag); !ok {
		return fmt.Errorf("%w: no filter knows the typetag %.60q; there are: %s", ErrInvalid, j.Typetag, strings.Join(filter.Typetags(), ", "))
	}
	if !j.Since.IsZero() && !j.Until.IsZero() && !j.Since.Before(j.Until) {
		return fmt.Errorf("%w: since is not before until", ErrInvalid)
	}
	return nil
}

// Reprocess has a filter run again over the raws that j names, in the background. Its error wraps ErrInvalid if no filter knows the format.
func (s *Service) Reprocess(ctx context.Context, j Job) (Job, error) {
	if err := j.check(); err != nil {
		return Job{}, err
	}
	if s.Archive == nil {
		return Job{}, errors.New("reprocess: the graph cannot be read")
	}
	if j.States == nil {
		j.States = []tahoe.RawState{} // a list in JSON, as it is told
	}
	j.ID, j.State, j.Made, j.Reasons = cmp.Or(j.ID, strings.ToLower(rand.Text())), JobWaiting, time.Now().UTC(), []Reason{}
	text, err := json.Marshal(j)
	if err != nil {
		return Job{}, err
	}
	// Whoever finds it there already had died before it was on the queue.
	if _, err := s.jobs.Create(ctx, jobKey(j.ID), text); err != nil && !errors.Is(err, bus.ErrExists) {
		return Job{}, fmt.Errorf("save job: %w", err)
	}
	if _, err := s.queue.Publish(ctx, jobSubjects+j.ID, map[string]string{bus.HeaderID: j.ID}, nil); err != nil {
		return Job{}, fmt.Errorf("queue job: %w", err)
	}
	return j, nil
}

// Job finds a job; ErrNotFound if there is none, or it was too long ago.
func (s *Service) Job(ctx context.Context, id string) (Job, error) {
	j, _, err := s.job(ctx, id)
	return j, err
}

func (s *Service) job(ctx context.Context, id string) (j Job, revision uint64, err error) {
	if err := checkID(id); err != nil {
		return j, 0, fmt.Errorf("%w: %.70q", ErrNotFound, id)
	}
	e, err := s.jobs.Get(ctx, jobKey(id))
	if errors.Is(err, bus.ErrNotFound) {
		return j, 0, fmt.Errorf("job %s: %w", id, ErrNotFound)
	}
	if err != nil {
		return j, 0, fmt.Errorf("look up job: %w", err)
	}
	if err := json.Unmarshal(e.Value, &j); err != nil {
		return j, 0, fmt.Errorf("read job %s: %w", id, err)
	}
	return j, e.Revision, nil
}

// Jobs lists all jobs that are kept, newest first.
func (s *Service) Jobs(ctx context.Context) ([]Job, error) {
	entries, err := s.jobs.List(ctx, jobKey("*"))
	if err != nil {
		return nil, fmt.Errorf("list jobs: %w", err)
	}
	jobs := make([]Job, len(entries))
	for i, e := range entries {
		if err := json.Unmarshal(e.Value, &jobs[i]); err != nil {
			return nil, fmt.Errorf("read job %s: %w", e.Key, err)
		}
	}
	slices.SortFunc(jobs, func(a, b Job) int { return cmp.Or(b.Made.Compare(a.Made), strings.Compare(a.ID, b.ID)) })
	return jobs, nil
}

// Cancel ends a job. What it has done stays; to cancel what has ended changes nothing.
func (s *Service) Cancel(ctx context.Context, id string) error {
	for {
		j, revision, err := s.job(ctx, id)
		if err != nil || !j.Ended.IsZero() {
			return err
		}
		j.State, j.Ended = JobCancelled, time.Now().UTC()
		if _, err = s.saveJob(ctx, j, revision); !errors.Is(err, bus.ErrConflict) {
			return err
		}
	}
}

func (s *Service) saveJob(ctx context.Context, j Job, revision uint64) (uint64, error) {
	text, err := json.Marshal(j)
	if err != nil {
		return revision, err
	}
	if revision, err = replace(ctx, s.jobs, jobKey(j.ID), text, revision); err != nil {
		return revision, fmt.Errorf("save job: %w", err)
	}
	return revision, nil
}

// workJobs works jobs off, one at a time, those first that take up what filters could not use before.
func (s *Service) workJobs(ctx context.Context) error {
	if err := s.takeUp(ctx); err != nil && ctx.Err() == nil {
		return fmt.Errorf("take up raws for new filters: %w", err)
	}
	return s.queue.Consume(ctx, bus.ConsumerConfig{Name: "reprocess", AckWait: s.Silence}, func(ctx context.Context, m bus.Message) error {
		return s.workJob(ctx, strings.TrimPrefix(m.Subject, jobSubjects))
	})
}

// takeUp makes a job for every filter that is new here or has changed.
func (s *Service) takeUp(ctx context.Context) error {
	for _, typetag := range filter.Typetags() {
		f, _ := filter.For(typetag)
		print := fmt.Sprintf("%s@%d", f.ID, f.Version)
		before, err := s.filters.Get(ctx, typetag)
		if err != nil && !errors.Is(err, bus.ErrNotFound) {
			return err
		}
		if string(before.Value) == print {
			continue
		}
		states := []tahoe.RawState{tahoe.NotSupported, tahoe.Invalid}
		if before.Revision > 0 {
			states = append(states, tahoe.Kept) // a filter of old may have made less of them
		}
		sum := sha256.Sum256([]byte(print))
		id := "auto-" + typetag + "-" + hex.EncodeToString(sum[:8])
		if _, err := s.Reprocess(ctx, Job{ID: id, Typetag: typetag, States: states, Automatic: true}); err != nil {
			return err
		}
		if _, err := s.filters.Put(ctx, typetag, []byte(print)); err != nil {
			return err
		}
	}
	return nil
}
