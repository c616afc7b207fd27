package retention_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/cybexp/cybexp/retention"
)

func openJobs(t *testing.T, r *rig) *retention.Jobs {
	t.Helper()
	j, err := retention.OpenJobs(t.Context(), r.bus, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	j.Silence = time.Second
	return j
}

// runJobs works jobs off until the returned function is called.
func runJobs(t *testing.T, j *retention.Jobs, work retention.Work) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := j.Run(ctx, work); err != nil && ctx.Err() == nil {
			t.Error(err)
		}
	})
	return func() { cancel(); wg.Wait() }
}

func ended(t *testing.T, j *retention.Jobs, id string) retention.Job {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		job, err := j.Find(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if !job.Ended.IsZero() {
			return job
		}
		if time.Now().After(deadline) {
			t.Fatalf("not ended: %+v", job)
		}
	}
}

// TestJobsAreWorkedOff asks for removals before anybody works, twice and after they have ended, and for one that cannot be done.
func TestJobsAreWorkedOff(t *testing.T) {
	r := newRig(t)
	j := openJobs(t, r)
	ask := func(object string) retention.Job {
		job, err := j.Ask(t.Context(), retention.Job{What: retention.Upload, Object: object, Org: "o"})
		if err != nil {
			t.Fatal(err)
		}
		return job
	}
	first := ask("a")
	if again := ask("a"); again != first || first.State != retention.Waiting {
		t.Errorf("asked twice: %+v, then %+v", first, again)
	}
	ask("never")
	var mu sync.Mutex
	var did []string
	defer runJobs(t, j, func(_ context.Context, job retention.Job, told func(int)) error {
		mu.Lock()
		defer mu.Unlock()
		did = append(did, job.Object)
		if job.Object == "never" {
			return fmt.Errorf("%w: it is new", retention.ErrRefused)
		}
		told(3)
		told(7)
		return nil
	})()
	if job := ended(t, j, first.ID); job.State != retention.Finished || job.Events != 7 || job.Org != "o" {
		t.Errorf("ended as %+v", job)
	}
	if job := ended(t, j, "upload-never"); job.State != retention.Failed || job.Failed != "it cannot be removed: it is new" {
		t.Errorf("what cannot be done ended as %+v", job)
	}
	if job := ended(t, j, ask("a").ID); job.Events != 7 {
		t.Errorf("asked for again, it ended as %+v", job)
	}
	mu.Lock()
	defer mu.Unlock()
	if want := []string{"a", "never", "a"}; !slices.Equal(did, want) {
		t.Errorf("did %v, want %v", did, want)
	}
	all, err := j.All(t.Context())
	if err != nil || len(all) != 2 || all[0].ID != first.ID {
		t.Errorf("all are %+v, %v", all, err)
	}
	for _, id := range []string{"upload-b", "", "a.b", "> "} {
		if _, err := j.Find(t.Context(), id); !errors.Is(err, retention.ErrNoJob) {
			t.Errorf("of %q: %v", id, err)
		}
	}
}

// TestJobsGoOn breaks off who works on a job, and lets the graph fail.
func TestJobsGoOn(t *testing.T) {
	r := newRig(t)
	j := openJobs(t, r)
	job, err := j.Ask(t.Context(), retention.Job{What: retention.Organisation, Object: "o", Org: "o"})
	if err != nil {
		t.Fatal(err)
	}
	at := make(chan struct{})
	stop := runJobs(t, j, func(ctx context.Context, _ retention.Job, _ func(int)) error {
		close(at)
		<-ctx.Done()
		return ctx.Err()
	})
	<-at
	if job, err = j.Find(t.Context(), job.ID); err != nil || job.State != retention.Running {
		t.Errorf("at work: %+v %v", job, err)
	}
	stop()
	tries := 0
	defer runJobs(t, openJobs(t, r), func(_ context.Context, _ retention.Job, told func(int)) error {
		if tries++; tries == 1 {
			return errors.New("the graph is away")
		}
		told(5)
		return nil
	})()
	if job = ended(t, j, job.ID); job.State != retention.Finished || job.Events != 5 || tries != 2 {
		t.Errorf("after %d tries %+v", tries, job)
	}
}
