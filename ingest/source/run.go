package source

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// Run runs the sources that are started and that no other process runs, until ctx ends. It then gives them back.
func (s *Service) Run(ctx context.Context) error {
	if err := s.canRun(); err != nil {
		return err
	}
	defer s.client.CloseIdleConnections()
	jobs := map[string]*job{}
	defer func() {
		for _, j := range jobs {
			j.cancel()
		}
		for _, j := range jobs {
			<-j.done
		}
	}()
	tick := time.NewTicker(s.Look)
	defer tick.Stop()
	for trouble := false; ; {
		err := s.look(ctx, jobs)
		if err != nil && ctx.Err() == nil && !trouble {
			s.Logger.Warn("sources cannot be read", "err", err) // once, however long it lasts
		}
		trouble = err != nil
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// job is a source that this process runs.
type job struct {
	of     stored
	cancel context.CancelFunc
	done   chan struct{}
}

// look brings jobs to what the store says.
func (s *Service) look(ctx context.Context, jobs map[string]*job) error {
	all, err := all(ctx, s.Store)
	if err != nil {
		return err
	}
	wanted := map[string]stored{}
	for _, kept := range all {
		if kept.Enabled {
			wanted[kept.ID] = kept
		}
	}
	for id, j := range jobs {
		select {
		case <-j.done:
			delete(jobs, id)
			continue
		default:
		}
		if kept, ok := wanted[id]; !ok || !kept.Started.Equal(j.of.Started) || !kept.Added.Equal(j.of.Added) {
			j.cancel() // and begins anew, if it is to, when it has ended
		}
	}
	for id, kept := range wanted {
		if jobs[id] != nil {
			continue
		}
		revision, ok, err := s.take(ctx, id)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		work, cancel := context.WithCancel(ctx)
		j := &job{of: kept, cancel: cancel, done: make(chan struct{})}
		jobs[id] = j
		go func() {
			defer close(j.done)
			defer cancel()
			s.work(work, kept, revision)
		}()
	}
	return nil
}

// work runs a source while it holds its lease.
func (s *Service) work(ctx context.Context, kept stored, revision uint64) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	log := s.Logger.With("source", kept.ID, "kind", string(kept.Kind))
	o := &outlet{svc: s, src: kept.Source, sealed: kept.Sealed, log: log}
	holding, release := context.WithCancel(context.WithoutCancel(ctx)) // the lease outlives the work
	var held sync.WaitGroup
	held.Go(func() {
		if err := s.hold(holding, kept.ID, revision, o.say); err != nil {
			cancel(err)
		}
	})
	defer held.Wait()
	defer release()
	err := o.open(ctx)
	if err == nil {
		log.Info("source runs")
		err = o.loop(ctx)
	}
	switch cause := context.Cause(ctx); {
	case errors.Is(err, errLost) || errors.Is(cause, errLost):
		log.Info("source runs elsewhere now")
	case ctx.Err() != nil:
		log.Info("source stopped")
	default:
		log.Error("source cannot be run", "err", clean(err, o.secret))
	}
}

// open reads the state of the source.
func (o *outlet) open(ctx context.Context) error {
	st, revision, err := load[state](ctx, o.svc.Store, stateKeys+o.src.ID)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return fmt.Errorf("look up state: %w", err)
	}
	if !st.Of.Equal(o.src.Added) {
		st = state{Of: o.src.Added}
	}
	o.state, o.revision = st, revision
	o.dropped.Store(st.Dropped)
	return nil
}

// loop tries again and again, when it is time to.
func (o *outlet) loop(ctx context.Context) error {
	next := o.state.Next
	if o.state.Tried.Before(o.src.Started) {
		next = time.Time{} // somebody wants it now
	}
	for {
		if err := sleep(ctx, next.Sub(o.svc.Now())); err != nil {
			return err
		}
		o.busy.Store(true)
		err := o.run(ctx)
		o.busy.Store(false)
		if ctx.Err() != nil || errors.Is(err, errLost) {
			return errors.Join(err, ctx.Err())
		}
		if next, err = o.ended(ctx, err); err != nil {
			return err
		}
	}
}

// run takes in what the source has, from its position on. It returns when that is all, or never if the source sends by itself.
func (o *outlet) run(ctx context.Context) error {
	if o.secret == "" && len(o.sealed) > 0 {
		secret, err := o.svc.Keys.Open(o.sealed)
		if err != nil {
			return fmt.Errorf("open secret: %w", err)
		}
		o.secret = string(secret)
	}
	switch o.src.Kind {
	case HTTP:
		return o.fetchFeed(ctx)
	case MISP:
		return o.fetchMISP(ctx)
	case TAXII:
		return o.fetchTAXII(ctx)
	case WebSocket:
		return o.listenWebSocket(ctx)
	case Syslog:
		return o.listenSyslog(ctx)
	case File:
		return o.followFiles(ctx)
	}
	return fmt.Errorf("kind %.40q is not known to this version", o.src.Kind)
}

// sleep waits, if there is something to wait for.
func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// vital is what of an outlet the lease tells.
type vital struct {
	busy    atomic.Bool
	current atomic.Pointer[time.Time]
	bound   atomic.Pointer[string] // where it listens
	dropped atomic.Int64
}

// say is what the lease tells now.
func (v *vital) say() lease {
	l := lease{Busy: v.busy.Load(), Dropped: v.dropped.Load()}
	if t := v.current.Load(); t != nil {
		l.Current = *t
	}
	if a := v.bound.Load(); a != nil {
		l.Address = *a
	}
	return l
}
