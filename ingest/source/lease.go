package source

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// lease is the right to run a source. It is a key whose bucket forgets it when it is not renewed, so that the source of a process
// that died goes to another. What it says about the work in hand saves writing that elsewhere.
type lease struct {
	Holder  string    `json:"holder,omitempty"` // empty when it was given back
	Busy    bool      `json:"busy,omitempty"`
	Current time.Time `json:"current,omitzero"` // when the lake last had all that was there
	Address string    `json:"address,omitempty"`
	Dropped int64     `json:"dropped,omitempty"`
}

const leaseKeys = "lease."

// errLost ends the work of a process that lost its lease, or found that somebody else had moved the position.
var errLost = errors.New("another process runs this source")

// take gets the lease of a source; false if somebody holds it.
func (s *Service) take(ctx context.Context, id string) (revision uint64, ok bool, err error) {
	held, revision, err := load[lease](ctx, s.Leases, leaseKeys+id)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return 0, false, fmt.Errorf("look at lease: %w", err)
	}
	if held.Holder != "" {
		return 0, false, nil
	}
	revision, err = save(ctx, s.Leases, leaseKeys+id, lease{Holder: s.Holder}, revision)
	if errors.Is(err, ErrConflict) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, fmt.Errorf("take lease: %w", err)
	}
	return revision, true, nil
}

// hold renews a lease until ctx ends, and then gives it back. It returns errLost when the lease went to another, or could not be renewed
// for so long that it may have.
func (s *Service) hold(ctx context.Context, id string, revision uint64, say func() lease) error {
	tick := time.NewTicker(s.LeaseTTL / 4)
	defer tick.Stop()
	for renewed := time.Now(); ; {
		select {
		case <-ctx.Done():
			bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeLimit)
			defer cancel()
			if _, err := save(bounded, s.Leases, leaseKeys+id, lease{}, revision); err != nil && !errors.Is(err, ErrConflict) {
				s.Logger.Warn("lease of source not given back", "source", id, "err", err)
			}
			return nil
		case <-tick.C:
		}
		now := say()
		now.Holder = s.Holder
		bounded, cancel := context.WithTimeout(ctx, s.LeaseTTL/4)
		next, err := save(bounded, s.Leases, leaseKeys+id, now, revision)
		cancel()
		switch {
		case err == nil:
			revision, renewed = next, time.Now()
		case ctx.Err() != nil:
		case errors.Is(err, ErrConflict), time.Since(renewed) > s.LeaseTTL/2:
			return errLost
		}
	}
}
