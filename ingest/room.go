package ingest

import (
	"context"
	"errors"
	"fmt"
	"time"
)

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
