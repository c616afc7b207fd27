package graph

import (
	"context"
	"encoding/json"
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
