package reportd

import (
	"context"
	"errors"
	"time"
)

// A report that was asked over a websocket is tied to those who are connected for it, its holders: the connection that asked,
// and those that subscribe. When the last has gone and nobody comes back, it is cancelled, so that the database does not work
// for nobody.

// errHeld says that a report has a holder again.
var errHeld = errors.New("report is held")

// hold counts one more holder, if the report is tied and has not ended. It says whether it did.
func (s *Service) hold(ctx context.Context, c Caller, id string) (bool, error) {
	r, err := s.records.load(ctx, c.ID, id)
	if err != nil || !r.Tied {
		return false, err
	}
	err = s.records.change(ctx, r, func(r *record) error {
		if r.Status.Ended() {
			return ErrFinished
		}
		r.Holders++
		return nil
	})
	if errors.Is(err, ErrFinished) {
		return false, nil
	}
	return err == nil, err
}

// letGo counts one holder less; ErrFinished when that is of no interest any more.
func (s *Service) letGo(ctx context.Context, c Caller, id string) error {
	r, err := s.records.load(ctx, c.ID, id)
	if err != nil {
		return err
	}
	return s.records.change(ctx, r, func(r *record) error {
		if r.Status.Ended() {
			return ErrFinished
		}
		r.Holders--
		return nil
	})
}

// abandon cancels a report that nobody holds.
func (s *Service) abandon(ctx context.Context, c Caller, id string) error {
	r, err := s.records.load(ctx, c.ID, id)
	if err == nil {
		err = s.cancel(ctx, r, func(r *record) error {
			if r.Holders > 0 {
				return errHeld
			}
			return nil
		})
	}
	if errors.Is(err, errHeld) || errors.Is(err, ErrFinished) || errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

// release lets go of a report whose connection has ended, and abandons it: at once when the client said good-bye, else after
// it has had time to come back.
func (o *operation) release(ctx context.Context, c Caller) {
	s := o.sock.Service
	ctx = context.WithoutCancel(ctx)
	err := s.letGo(ctx, c, o.report)
	if errors.Is(err, ErrFinished) || errors.Is(err, ErrNotFound) {
		return
	}
	<-o.sock.deaf
	if !o.sock.clean {
		linger := time.NewTimer(s.cfg.Socket.Linger)
		defer linger.Stop()
		select {
		case <-linger.C:
		case <-s.closing: // the client is told to come back
			return
		}
	}
	if err == nil {
		err = s.abandon(ctx, c, o.report)
	}
	if err != nil {
		s.cfg.Logger.WarnContext(ctx, "report not released", "report", o.report, "err", err)
	}
}

// heldSubject is where connections signal that they are there for a report; the report's id follows.
const heldSubject = "reportd.held."

// keep signals every half lease that somebody is there for a report, until ctx ends.
func (s *Service) keep(ctx context.Context, id string) {
	tick := time.NewTicker(s.cfg.Lease / 2)
	defer tick.Stop()
	for {
		// What is not heard is said again.
		_ = s.cfg.Bus.Notify(heldSubject+id, nil)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}
