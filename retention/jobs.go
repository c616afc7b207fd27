package retention

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/cybexp/cybexp/bus"
)

// Kind says what a job removes.
type Kind string

// The kinds of jobs.
const (
	Upload       Kind = "upload"       // what an upload brought
	Organisation Kind = "organisation" // all that an organisation has
)

// JobState says where a job is on its way.
type JobState string

// The states of a job.
const (
	Waiting  JobState = "waiting"
	Running  JobState = "running"
	Finished JobState = "finished"
	Failed   JobState = "failed" // it cannot be done; what went before stays gone
)

// Job is a removal that somebody asked for, and how far it is.
type Job struct {
	ID     string `json:"id"`
	What   Kind   `json:"what"`
	Object string `json:"object"` // id of the upload, or hash of the organisation
	Org    string `json:"org"`    // hash of whose data goes
	User   string `json:"user"`   // who asked

	State  JobState  `json:"state"`
	Made   time.Time `json:"made"`
	Begun  time.Time `json:"begun,omitzero"`
	Ended  time.Time `json:"ended,omitzero"`
	Events int       `json:"events"`           // that went so far; when a process is killed, those of its last step may be missing in it
	Failed string    `json:"failed,omitempty"` // why
}

// ErrRefused is in the error of a job's work that cannot be done: it is not tried again.
var ErrRefused = errors.New("it cannot be removed")

// ErrNoJob says that there is no such job, or it was too long ago.
var ErrNoJob = errors.New("no such removal")

// jobID is what a key of the bus may be made of, of which ids are.
var jobID = regexp.MustCompile(`^[-_0-9A-Za-z]+$`)

// Jobs are removals that people ask for. Any process may ask, and those that run Run work them off one at a time, also when the one is killed that had begun.
type Jobs struct {
	Silence time.Duration // after which the work of a process that died goes to another

	kv    *bus.KV
	queue *bus.Stream
	log   *slog.Logger
}

const (
	jobSubjects = "removal."
	jobKeep     = 90 * 24 * time.Hour
	jobSaves    = time.Second // between two notes of how far it is
)

// OpenJobs opens the jobs of a bus.
func OpenJobs(ctx context.Context, b *bus.Bus, log *slog.Logger) (*Jobs, error) {
	j := &Jobs{Silence: 15 * time.Second, log: log}
	var err error
	if j.kv, err = b.KV(ctx, bus.KVConfig{Bucket: "removals", TTL: jobKeep}); err != nil {
		return nil, fmt.Errorf("open removals: %w", err)
	}
	if j.queue, err = b.Stream(ctx, bus.StreamConfig{Name: "removals", Subjects: []string{jobSubjects + "*"}, WorkQueue: true}); err != nil {
		return nil, fmt.Errorf("open removals: %w", err)
	}
	return j, nil
}

// Ask has something removed in the background. What is being removed already is not asked for twice: that job is given.
func (j *Jobs) Ask(ctx context.Context, job Job) (Job, error) {
	for {
		job.ID, job.State, job.Made = string(job.What)+"-"+job.Object, Waiting, time.Now().UTC()
		before, revision, err := j.find(ctx, job.ID)
		switch {
		case errors.Is(err, ErrNoJob):
		case err != nil:
			return Job{}, err
		case before.Ended.IsZero(): // whoever asked before may have died before it was on the queue
			return before, j.enqueue(ctx, before)
		}
		if _, err = j.save(ctx, job, revision); errors.Is(err, bus.ErrConflict) || errors.Is(err, bus.ErrExists) {
			continue
		}
		if err != nil {
			return Job{}, err
		}
		return job, j.enqueue(ctx, job)
	}
}

func (j *Jobs) enqueue(ctx context.Context, job Job) error {
	id := job.ID + "." + job.Made.Format(time.RFC3339Nano)
	if _, err := j.queue.Publish(ctx, jobSubjects+job.ID, map[string]string{bus.HeaderID: id}, nil); err != nil {
		return fmt.Errorf("queue removal: %w", err)
	}
	return nil
}

// Find tells how far a job is; ErrNoJob if there is none.
func (j *Jobs) Find(ctx context.Context, id string) (Job, error) {
	job, _, err := j.find(ctx, id)
	return job, err
}

// All lists the jobs, newest first.
func (j *Jobs) All(ctx context.Context) ([]Job, error) {
	entries, err := j.kv.List(ctx, ">")
	if err != nil {
		return nil, fmt.Errorf("list removals: %w", err)
	}
	jobs := make([]Job, len(entries))
	for i, e := range entries {
		if err := json.Unmarshal(e.Value, &jobs[i]); err != nil {
			return nil, fmt.Errorf("read removal %s: %w", e.Key, err)
		}
	}
	slices.SortFunc(jobs, func(a, b Job) int { return b.Made.Compare(a.Made) })
	return jobs, nil
}

func (j *Jobs) find(ctx context.Context, id string) (job Job, revision uint64, err error) {
	if !jobID.MatchString(id) {
		return job, 0, ErrNoJob
	}
	e, err := j.kv.Get(ctx, id)
	if errors.Is(err, bus.ErrNotFound) {
		return job, 0, ErrNoJob
	}
	if err != nil {
		return job, 0, fmt.Errorf("look up removal: %w", err)
	}
	return job, e.Revision, json.Unmarshal(e.Value, &job)
}

func (j *Jobs) save(ctx context.Context, job Job, revision uint64) (uint64, error) {
	text, err := json.Marshal(job)
	if err != nil {
		return revision, err
	}
	if revision == 0 {
		revision, err = j.kv.Create(ctx, job.ID, text)
	} else {
		revision, err = j.kv.Update(ctx, job.ID, text, revision)
	}
	if err != nil {
		return revision, fmt.Errorf("save removal: %w", err)
	}
	return revision, nil
}

// Work removes what a job names, and calls told after each step with how many events are gone by then. It may be broken off at any time, and begins again then.
type Work func(ctx context.Context, job Job, told func(events int)) error

// Run works jobs off until ctx ends.
func (j *Jobs) Run(ctx context.Context, work Work) error {
	return j.queue.Consume(ctx, bus.ConsumerConfig{Name: "removals", AckWait: j.Silence}, func(ctx context.Context, m bus.Message) error {
		return j.run(ctx, strings.TrimPrefix(m.Subject, jobSubjects), work)
	})
}

// run goes on with a job.
func (j *Jobs) run(ctx context.Context, id string, work Work) error {
	job, revision, err := j.find(ctx, id)
	if errors.Is(err, ErrNoJob) || err == nil && !job.Ended.IsZero() {
		return nil
	}
	if err != nil {
		return err
	}
	if job.State = Running; job.Begun.IsZero() {
		job.Begun = time.Now().UTC()
	}
	if revision, err = j.save(ctx, job, revision); err != nil {
		return err
	}
	before, saved := job.Events, time.Now()
	err = work(ctx, job, func(events int) {
		if job.Events = before + events; time.Since(saved) < jobSaves {
			return
		}
		saved = time.Now()
		if next, err := j.save(ctx, job, revision); err == nil {
			revision = next
		}
	})
	switch {
	case errors.Is(err, ErrRefused):
		job.State, job.Failed = Failed, err.Error()
	case err != nil:
		return fmt.Errorf("removal %s: %w", id, err)
	default:
		job.State = Finished
	}
	job.Ended = time.Now().UTC()
	if _, err := j.save(ctx, job, revision); err != nil {
		return err
	}
	j.log.Info("removed what was asked for", "removal", id, "state", string(job.State), "events", job.Events, "took", job.Ended.Sub(job.Begun))
	return nil
}
