package ingest

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// leastChunk is what a chunk counts for in the lake at least, in bytes. However small it is, NATS keeps its name in memory: 260 bytes where each
// is of an upload of its own, 160 where they are of one (BenchmarkNames of package bus). So the eight GiB of DefaultConfig are half a million
// chunks and 130 MiB of memory. It is an eighth of a full chunk, which is what logs are packed to.
const leastChunk = maxChunk / 8

// room says with ErrBusy why the lake takes no more. A new upload is refused too when the lake is not worked off; one that has begun
// goes on then.
func (s *Service) room(ctx context.Context, begins bool) error {
	st, err := s.lake.State(ctx)
	if err != nil {
		return err
	}
	if st.Bytes > s.Config.Backlog {
		return fmt.Errorf("%w: %d MiB are waiting", ErrBusy, st.Bytes>>20)
	}
	if st.Messages*leastChunk > s.Config.Backlog {
		return fmt.Errorf("%w: %d chunks are waiting", ErrBusy, st.Messages)
	}
	if age := time.Since(st.Oldest); begins && st.Messages > 0 && age > s.BacklogAge {
		return fmt.Errorf("%w: the oldest is waiting for %v", ErrBusy, age.Round(time.Minute))
	}
	free, known, err := s.Bus.Free()
	if err != nil {
		return err
	}
	if known && free < s.MinFree {
		return fmt.Errorf("%w: %d MiB are free on the disk", ErrBusy, free>>20)
	}
	return nil
}

// How often room is looked for, and how long an upload waits for it before it breaks off.
const (
	roomEvery = 250 * time.Millisecond
	roomLimit = 10 * time.Minute
)

// waitForRoom holds an upload back until there is room, so that its sender waits.
func (in *intake) waitForRoom(ctx context.Context) error {
	if time.Since(in.looked) < roomEvery {
		return nil
	}
	end := time.Now().Add(roomLimit)
	t := time.NewTicker(roomEvery)
	defer t.Stop()
	for {
		err := in.room(ctx, false)
		if in.looked = time.Now(); !errors.Is(err, ErrBusy) || in.looked.After(end) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-t.C:
		}
	}
}
