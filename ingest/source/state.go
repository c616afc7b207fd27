package source

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"
)

// state is what is kept of how a source does, beside the source itself, by whoever holds its lease.
type state struct {
	Of       time.Time       `json:"of"`                 // when the source was added, so that none inherits from a namesake
	Position json.RawMessage `json:"position,omitempty"` // up to where everything is in the lake
	Success  time.Time       `json:"success,omitzero"`   // when the lake last had all that was there, or took something
	Tried    time.Time       `json:"tried,omitzero"`     // when the last try ended
	Next     time.Time       `json:"next,omitzero"`      // when the next one may begin
	Error    string          `json:"error,omitempty"`    // of the last try
	Note     string          `json:"note,omitempty"`     // what was left out, for all the success
	Failures int             `json:"failures,omitempty"` // tries in a row
	Records  int64           `json:"records"`
	Bytes    int64           `json:"bytes"`
	Rejected int64           `json:"rejected,omitempty"` // records that were too long
	Dropped  int64           `json:"dropped,omitempty"`  // messages that came faster than they could be taken, or made no sense
}

// Backoff is how long to wait after so many failures in a row, from 1: min(3600 s, 2^n s + jitter), jitter being from 0 to 1 second.
func Backoff(failures int, jitter float64) time.Duration {
	seconds := min(3600, math.Pow(2, float64(min(failures, 12)))+jitter)
	return time.Duration(seconds * float64(time.Second))
}

// succeeded schedules the next try after one that went well.
func (s *state) succeeded(now time.Time, period time.Duration) {
	s.Success, s.Tried, s.Next, s.Error, s.Failures = now, now, now.Add(period), "", 0
}

// failed schedules the next try after one that did not, as the server wished if that is later.
func (s *state) failed(now time.Time, err error, told string, wait func(failures int) time.Duration) {
	s.Failures++
	pause := wait(s.Failures)
	var status *statusError
	if errors.As(err, &status) {
		pause = max(pause, min(status.After, time.Hour))
	}
	s.Tried, s.Next, s.Error = now, now.Add(pause), told
}

// Status tells how a source does.
type Status struct {
	Source

	State    string    `json:"state"`              // stopped, waiting (for its time, or for a process), running, failing
	Where    string    `json:"where,omitempty"`    // the process that runs it
	Address  string    `json:"address,omitempty"`  // where it listens
	Success  time.Time `json:"success,omitzero"`   // when the lake last had all that was there, or took something
	Tried    time.Time `json:"tried,omitzero"`     // when the last try ended
	Next     time.Time `json:"next,omitzero"`      // when the next one may begin
	Lag      float64   `json:"lag"`                // seconds since the lake had all that was there; -1 if it never had
	Error    string    `json:"error,omitempty"`    // of the last try
	Note     string    `json:"note,omitempty"`     // what was left out, for all the success
	Failures int       `json:"failures,omitempty"` // tries in a row
	Records  int64     `json:"records"`            // that the lake took, those that came twice twice
	Bytes    int64     `json:"bytes"`
	Rejected int64     `json:"rejected,omitempty"` // records that were too long
	Dropped  int64     `json:"dropped,omitempty"`  // messages that came faster than they could be taken, or made no sense
}

// Status tells how a source does.
func (s *Service) Status(ctx context.Context, src Source) (Status, error) {
	st, _, err := load[state](ctx, s.Store, stateKeys+src.ID)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return Status{}, fmt.Errorf("look up state: %w", err)
	}
	if !st.Of.Equal(src.Added) {
		st = state{}
	}
	held, _, err := load[lease](ctx, s.Leases, leaseKeys+src.ID)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return Status{}, fmt.Errorf("look up lease: %w", err)
	}
	status := Status{
		Source: src, State: "waiting", Where: held.Holder, Address: held.Address, Success: st.Success, Tried: st.Tried, Next: st.Next,
		Error: st.Error, Note: st.Note, Failures: st.Failures, Records: st.Records, Bytes: st.Bytes, Rejected: st.Rejected,
		Dropped: max(st.Dropped, held.Dropped), Lag: -1,
	}
	if current := later(st.Success, held.Current); !current.IsZero() {
		status.Lag = max(0, s.Now().Sub(current).Seconds())
	}
	switch {
	case !src.Enabled:
		status.State, status.Next = "stopped", time.Time{}
	case st.Failures > 0 && !st.Tried.Before(src.Started):
		status.State = "failing"
	case held.Busy, held.Holder != "" && src.Kind != HTTP && src.Kind != MISP && src.Kind != TAXII: // these wait most of the time
		status.State = "running"
	}
	return status, nil
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
