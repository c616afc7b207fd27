package source_test

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/cybexp/cybexp/ingest/source"
)

func TestBackoffDoublesUpToAnHour(t *testing.T) {
	for failures, want := range map[int]time.Duration{
		1: 2 * time.Second, 2: 4 * time.Second, 5: 32 * time.Second, 11: 2048 * time.Second, 12: time.Hour, 13: time.Hour, 1 << 30: time.Hour,
	} {
		if got := source.Backoff(failures, 0); got != want {
			t.Errorf("after %d failures it waits %v, want %v", failures, got, want)
		}
	}
	if got, want := source.Backoff(3, 0.75), 8750*time.Millisecond; got != want {
		t.Errorf("with jitter it waits %v, want %v", got, want)
	}
	if got := source.Backoff(12, 1); got != time.Hour {
		t.Errorf("jitter makes it wait %v, want no more than an hour", got)
	}
}

// TestSchedule walks a clock through tries that fail and succeed.
func TestSchedule(t *testing.T) {
	now := time.Date(2024, 2, 3, 4, 5, 6, 0, time.UTC)
	var s source.Schedule
	step := func(what string, got, want time.Duration) {
		t.Helper()
		if got != want {
			t.Errorf("%s: waits %v, want %v", what, got, want)
		}
		now = now.Add(got)
	}
	down := errors.New("down")
	step("first failure", s.Fail(now, down, 0), 2*time.Second)
	step("second failure", s.Fail(now, down, 1), 5*time.Second)
	step("server says when", s.Fail(now, source.StatusError(429, "120", now), 0), 2*time.Minute)
	step("server says too soon", s.Fail(now, source.StatusError(429, "1", now), 0), 16*time.Second)
	step("server says a date", s.Fail(now, source.StatusError(503, now.Add(5*time.Minute).Format(http.TimeFormat), now), 0), 5*time.Minute)
	step("server says next year", s.Fail(now, source.StatusError(503, "31536000", now), 0), time.Hour)
	step("server says nonsense", s.Fail(now, source.StatusError(503, "soon", now), 0), 128*time.Second)
	step("success", s.Succeed(now, 15*time.Minute), 15*time.Minute)
	step("failure after success", s.Fail(now, down, 0), 2*time.Second)
}
