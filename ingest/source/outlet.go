package source

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"
)

// outlet is what a source that runs hands its data to. It keeps the state.
type outlet struct {
	vital

	svc    *Service
	src    Source
	sealed []byte
	secret string // what is in sealed, once run has opened it
	log    *slog.Logger

	mu       sync.Mutex
	state    state
	revision uint64 // of the state in the store
}

// position reads the stored position; into is left alone if there is none.
func (o *outlet) position(into any) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.state.Position) == 0 {
		return nil
	}
	if err := json.Unmarshal(o.state.Position, into); err != nil {
		return fmt.Errorf("read position: %w", err)
	}
	return nil
}

// send hands body to the intake, and returns when all of it is safe. It moves no position.
func (o *outlet) send(ctx context.Context, body io.Reader) error {
	got, err := o.svc.Intake.Accept(ctx, Upload{
		Name: o.src.Name, Typetag: o.src.Typetag, Timezone: o.src.Timezone, Org: o.src.Org, User: o.src.User, Marking: o.src.Marking,
	}, body)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.state.Records += int64(got.Records)
	o.state.Rejected += int64(got.Rejected)
	o.state.Bytes += got.Bytes
	return err
}

// commit keeps the position behind what was sent. A source without one gives nil.
func (o *outlet) commit(ctx context.Context, position any) error {
	var text json.RawMessage
	if position != nil {
		var err error
		if text, err = json.Marshal(position); err != nil {
			return fmt.Errorf("write position: %w", err)
		}
	}
	return o.keep(ctx, func(st *state) {
		st.Position = text
		st.Success, st.Error, st.Failures = o.svc.Now().UTC(), "", 0
	})
}

// ended notes how a try ended, and tells when the next may begin.
func (o *outlet) ended(ctx context.Context, err error) (next time.Time, fault error) {
	now := o.svc.Now().UTC()
	if err != nil {
		told := clean(err, o.secret)
		o.log.Warn("source failed", "err", told)
		fault = o.keep(ctx, func(st *state) { st.failed(now, err, told, o.svc.Backoff) })
	} else {
		o.caughtUp()
		fault = o.keep(ctx, func(st *state) { st.succeeded(now, time.Duration(o.src.Period)) })
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.state.Next, fault
}

// caughtUp notes that the lake has all that the source has to give.
func (o *outlet) caughtUp() {
	now := o.svc.Now().UTC()
	o.current.Store(&now)
}

// alive notes that a source that sends by itself is connected, for long enough to say that it works.
func (o *outlet) alive(ctx context.Context) error {
	o.mu.Lock()
	bad := o.state.Failures > 0
	o.mu.Unlock()
	if !bad {
		return nil
	}
	return o.keep(ctx, func(st *state) { st.Error, st.Failures = "", 0 })
}

// note tells people what was left out of a try that went well; empty if nothing was.
func (o *outlet) note(text string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.state.Note = clean(errors.New(text), o.secret)
}

// keep changes the state and stores it, also if ctx has ended, and tries for as long as ctx does not end. What was changed stays changed here.
func (o *outlet) keep(ctx context.Context, change func(*state)) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	change(&o.state)
	o.state.Dropped = o.dropped.Load()
	for failures := 1; ; failures++ {
		revision, err := save(context.WithoutCancel(ctx), o.svc.Store, stateKeys+o.src.ID, o.state, o.revision)
		switch {
		case err == nil:
			o.revision = revision
			return nil
		case errors.Is(err, ErrConflict):
			return errLost
		}
		o.log.Warn("state of source not stored", "err", err)
		if err := sleep(ctx, o.svc.Backoff(failures)); err != nil {
			return err
		}
	}
}
