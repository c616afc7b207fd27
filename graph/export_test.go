package graph

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"
)

// Rename is a step for tests: a predicate of texts gets another name. It calls each before it changes a vertex.
type Rename struct {
	To       int
	Old, New string
	Each     func()
}

// ApplyRenames is ApplySchema with steps of a test.
func (s *Store) ApplyRenames(ctx context.Context, sdl string, list ...Rename) error {
	var own []step
	for _, r := range list {
		own = append(own, step{to: r.To, drop: []string{r.Old}, passes: []pass{{has: r.Old, read: r.Old, change: func(q *quads, uid string, vertex json.RawMessage) error {
			if r.Each != nil {
				r.Each()
			}
			return rename(r.New)(q, uid, vertex)
		}}}})
	}
	return s.apply(ctx, sdl, own)
}

// DropAll empties the graph, so that it has no schema either.
func (s *Store) DropAll(ctx context.Context) error { return s.dropAll(ctx) }

// PassBatch is how many vertices a transaction of an upgrade changes.
const PassBatch = passBatch

// Steps are the versions to which graphs of an earlier one are brought.
func Steps() (to []int) {
	for _, s := range steps {
		to = append(to, s.to)
	}
	return to
}

// InSmallSteps lets a removal take so many events in each change.
func (s *Store) InSmallSteps(events int) *Store {
	s.batch = events
	return s
}

// Turn is that of a change which has announced nothing but itself.
type Turn struct{ r *removal }

// TakeTurn announces a change, after it has waited so long for another.
func (s *Store) TakeTurn(ctx context.Context, patience time.Duration) (Turn, error) {
	r := newRemoval(s.writer)
	r.patience = patience
	if _, _, err := r.begin(ctx, 1); err != nil {
		return Turn{}, err
	}
	return Turn{r}, r.announce(ctx, nil)
}

// Begin begins the transactions of the change, and tells whether it is still its turn. Commit commits all of them, and returns the error of each.
func (t Turn) Begin(ctx context.Context) (commit func() []error, is bool, err error) {
	list, is, err := t.r.begin(ctx, removeParts)
	commit = func() (errs []error) {
		for i, a := range list {
			errs = append(errs, t.r.commit(ctx, &quads{attempt: a}, i == len(list)-1))
		}
		return errs
	}
	return commit, is, err
}

// Aborted tells whether each of some transactions was in another's way.
func Aborted(errs []error) bool {
	return !slices.ContainsFunc(errs, func(err error) bool { return !errors.Is(err, errAborted) })
}
