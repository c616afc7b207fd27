package reportd

import (
	"context"
	"errors"
	"iter"
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// A reader that hears nothing looks whether there is anything left to hear, first after lookFirst, and ever less often.
const (
	lookFirst = 5 * time.Second
	lookLast  = time.Minute
)

// errEnded says that a report has ended although its log does not.
var errEnded = errors.New("report has ended")

// Frames yields the frames of a report of the caller: those that are kept, without the rows up to number after, then those
// that are still to come, up to the last one, which is an end or an error. It may be read as slowly as one likes. An error is
// yielded last: ErrNotFound, or ErrExpired when rows after that number are no longer kept, never a stream with a hole.
func (s *Service) Frames(ctx context.Context, c Caller, id string, after uint64) iter.Seq2[Frame, error] {
	return func(yield func(Frame, error) bool) {
		e, deaf := s.listen(c.ID)
		defer deaf()
		r, err := s.records.load(ctx, c.ID, id)
		if err == nil && r.Restarted && after > 0 {
			err = ErrExpired
		}
		if err == nil {
			err = s.covers(ctx, c.ID, r.Audiences)
		}
		if err != nil {
			yield(Frame{}, err)
			return
		}
		for f, err := range s.follow(ctx, e, id, after) {
			if !yield(f, err) {
				return
			}
		}
	}
}

// follow is Frames for a report that is of the user of e, or is about to be made.
func (s *Service) follow(ctx context.Context, e *ear, id string, after uint64) iter.Seq2[Frame, error] {
	return func(yield func(Frame, error) bool) {
		user := e.user
		ctx, rest := s.relying(ctx, e, func(ctx context.Context) ([]string, error) {
			r, err := s.records.load(ctx, user, id)
			if errors.Is(err, ErrNotFound) { // it is not there yet, or not any more
				return nil, nil
			}
			if err != nil {
				return nil, err
			}
			return r.Audiences, nil
		})
		defer rest()
		ctx, stop := context.WithCancelCause(ctx)
		var turns atomic.Int64 // odd while the caller has a frame in hand
		var wg sync.WaitGroup
		wg.Go(func() { s.watchEnd(ctx, user, id, &turns, stop) })
		defer wg.Wait()
		defer stop(nil)

		seen := after
		for e, err := range s.log(id).read(ctx) {
			if err != nil {
				yield(Frame{}, err)
				return
			}
			turns.Add(1)
			f, err := s.unseen(e.Frame, &seen)
			if err != nil {
				yield(Frame{}, err)
				return
			}
			if len(f.JSON) > 0 && (!yield(f, nil) || f.Last()) {
				return
			}
			turns.Add(1)
		}
		yield(s.lost(ctx, user, id, seen))
	}
}

// unseen returns the part of f that comes after row number seen, and moves seen on; an empty frame when there is none.
func (s *Service) unseen(f Frame, seen *uint64) (Frame, error) {
	if f.Type != TypeRows {
		return f, nil
	}
	if f.Seq <= *seen {
		return Frame{}, nil
	}
	if f.First > *seen+1 {
		return Frame{}, ErrExpired
	}
	f, err := f.cut(*seen, math.MaxUint64)
	*seen = f.Seq
	return f, err
}

// watchEnd stops a reader that would wait for ever: its report is gone, or has ended and the log does not say so, because the
// log was dropped or its last writer died.
func (s *Service) watchEnd(ctx context.Context, user, id string, turns *atomic.Int64, stop context.CancelCauseFunc) {
	wait := lookFirst
	tick := time.NewTimer(wait)
	defer tick.Stop()
	for before := int64(-1); ; tick.Reset(wait) {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := turns.Load()
		if now != before || now%2 == 1 {
			before, wait = now, lookFirst
			continue
		}
		wait = min(2*wait, lookLast)
		r, err := s.records.load(ctx, user, id)
		switch {
		case errors.Is(err, ErrNotFound):
			stop(ErrExpired)
		case err == nil && r.Status.Ended():
			stop(errEnded)
		}
	}
}

// lost says how a reader ends whose context ended: with the last frame, if only that is missing.
func (s *Service) lost(ctx context.Context, user, id string, seen uint64) (Frame, error) {
	cause := context.Cause(ctx)
	if !errors.Is(cause, errEnded) {
		return Frame{}, cause
	}
	r, err := s.records.load(context.WithoutCancel(ctx), user, id)
	if err != nil {
		return Frame{}, err
	}
	if seen < r.Rows {
		return Frame{}, ErrExpired
	}
	return r.last(), nil
}
