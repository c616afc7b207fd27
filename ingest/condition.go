package ingest

import (
	"context"
	"fmt"
	"time"
)

// When somebody should look at what waits, and at the disk. The alerts CybexpLakeOld and CybexpDiskLow say the same.
const (
	lateAge  = 15 * time.Minute
	tightGiB = 5
)

// Late tells whether what came at oldest waits too long.
func Late(oldest, now time.Time) bool { return now.Sub(oldest) > lateAge }

// Tight tells whether a disk with free bytes is close to full. Of minFree bytes, those below which uploads are refused, it leaves as many again.
func Tight(free, minFree uint64) bool { return free < max(tightGiB<<30, 2*minFree) }

// Condition tells how the pipeline does.
type Condition struct {
	Chunks    uint64    `json:"chunks"` // in the lake, not in the graph yet
	Bytes     uint64    `json:"bytes"`
	Oldest    time.Time `json:"oldest,omitzero"` // when the first of them came
	Dead      uint64    `json:"dead"`            // letters
	Free      uint64    `json:"free,omitempty"`  // bytes of the disk of an embedded bus
	KnowsFree bool      `json:"-"`
	Full      string    `json:"full,omitempty"` // why no uploads are taken
}

// Condition looks at the lake, the dead letters and the disk.
func (s *Service) Condition(ctx context.Context) (Condition, error) {
	lake, err := s.lake.State(ctx)
	if err != nil {
		return Condition{}, fmt.Errorf("look at lake: %w", err)
	}
	dead, err := s.Dead(ctx)
	if err != nil {
		return Condition{}, err
	}
	c := Condition{Chunks: lake.Messages, Bytes: lake.Bytes, Dead: dead}
	if lake.Messages > 0 {
		c.Oldest = lake.Oldest
	}
	if c.Free, c.KnowsFree, err = s.Bus.Free(); err != nil {
		return Condition{}, err
	}
	if err := s.room(ctx, true); err != nil {
		c.Full = err.Error()
	}
	return c, nil
}
