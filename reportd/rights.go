package reportd

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/cybexp/cybexp/bus"
	"github.com/cybexp/cybexp/tdql"
)

// What is asked and what is read rests on rights and tokens that may be taken away meanwhile. Whoever changes them says so (Reconsider), and all
// that rests on them looks again; in case that word is lost, it does so now and then by itself.

// rightsAge is how long rights and tokens are relied on without looking again.
const rightsAge = 30 * time.Second

// ears are who wants to hear that the rights or tokens of users may have changed.
type ears struct {
	mu sync.Mutex

	of map[*ear]struct{}
}

// ear is one of them.
type ear struct {
	user  string
	heard chan struct{} // holds an item when there is something to look at
}

// Reconsider has all that rests on the rights or the tokens of a user looked at again, or, with an empty user, of all users.
func (s *Service) Reconsider(user string) {
	s.ears.mu.Lock()
	defer s.ears.mu.Unlock()
	for e := range s.ears.of {
		if user == "" || e.user == user {
			select {
			case e.heard <- struct{}{}:
			default:
			}
		}
	}
}

// hearAgain is how long a listener waits that lost its connection.
const hearAgain = time.Second

// Hear reconsiders what the changes of a bucket are about, until ctx ends. Concerns tells which user a key is about, "" for all of them, and
// whether it is about rights or tokens at all.
func (s *Service) Hear(ctx context.Context, kv *bus.KV, concerns func(key string) (user string, any bool)) error {
	for ctx.Err() == nil {
		for e, err := range kv.Watch(ctx, ">") {
			if err != nil {
				s.cfg.Logger.WarnContext(ctx, "changes of rights not heard", "err", err)
				break
			}
			if user, any := concerns(e.Key); any {
				s.Reconsider(user)
			}
		}
		select {
		case <-time.After(hearAgain):
		case <-ctx.Done():
		}
	}
	return nil
}

// Rely runs look at once, and then each time when the rights or tokens of a user may have changed, until ctx ends or look fails. It returns
// that failure.
func (s *Service) Rely(ctx context.Context, user string, look func(context.Context) error) error {
	e, done := s.listen(user)
	defer done()
	if err := look(ctx); err != nil {
		return err
	}
	return e.heed(ctx, look)
}

// heed runs look each time when there is something to look at.
func (e *ear) heed(ctx context.Context, look func(context.Context) error) error {
	tick := time.NewTicker(rightsAge)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-e.heard:
		case <-tick.C:
		}
		if err := look(ctx); err != nil {
			return err
		}
	}
}

// listen begins to hear. What is looked up after that is looked at again when it changes.
func (s *Service) listen(user string) (e *ear, done func()) {
	e = &ear{user: user, heard: make(chan struct{}, 1)}
	s.ears.mu.Lock()
	defer s.ears.mu.Unlock()
	s.ears.of[e] = struct{}{}
	return e, func() {
		s.ears.mu.Lock()
		defer s.ears.mu.Unlock()
		delete(s.ears.of, e)
	}
}

// relying is a context that ends with ErrRights when the user may no longer read all that some audiences may. Audiences is asked each time.
func (s *Service) relying(ctx context.Context, e *ear, audiences func(context.Context) ([]string, error)) (_ context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	var wg sync.WaitGroup
	wg.Go(func() {
		cancel(e.heed(ctx, func(ctx context.Context) error {
			of, err := audiences(ctx)
			if err == nil {
				err = s.covers(ctx, e.user, of)
			}
			if err != nil && !errors.Is(err, ErrRights) && ctx.Err() == nil {
				s.cfg.Logger.WarnContext(ctx, "rights not looked at again", "user", e.user, "err", err)
				return nil
			}
			return err
		}))
	})
	return ctx, func() { cancel(nil); wg.Wait() }
}

// covers returns ErrRights unless the user may read now what some audiences may.
func (s *Service) covers(ctx context.Context, user string, of []string) error {
	if len(of) == 0 {
		return nil
	}
	orgs, err := s.rightsOf(ctx, user)
	if err != nil {
		return err
	}
	if !within(of, audiences(orgs)) {
		return ErrRights
	}
	return nil
}

// rightsOf tells what a user may read now.
func (s *Service) rightsOf(ctx context.Context, user string) ([]tdql.Org, error) {
	orgs, err := s.cfg.Rights(ctx, user)
	if err != nil {
		return nil, fmt.Errorf("resolve rights: %w", err)
	}
	return orgs, nil
}

// within says whether all of some are in list.
func within(some, list []string) bool {
	return !slices.ContainsFunc(some, func(a string) bool { return !slices.Contains(list, a) })
}

// audiences are what is seen with rights to organisations.
func audiences(orgs []tdql.Org) []string {
	var list []string
	for _, o := range orgs {
		list = append(list, o.Audiences()...)
	}
	return list
}
