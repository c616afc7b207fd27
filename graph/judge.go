package graph

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/cybexp/cybexp/tahoe"
)

// ErrNotFound is returned when the organisations have no such event, or the event does not hold such an attribute or object.
var ErrNotFound = errors.New("not found")

// Classify says what an event of one of the organisations is held to be. No filter changes it again.
func (s *Store) Classify(ctx context.Context, orgs []string, event tahoe.Hash, c tahoe.Category) error {
	c, err := tahoe.ParseCategory(string(c))
	if err != nil {
		return fmt.Errorf("classify event: %w", err)
	}
	err = s.writer.judge(ctx, orgs, event, tahoe.Hash{}, func(q *quads, e *goingEvent) error {
		if e.Category == string(c) {
			return nil
		}
		contexts := e.contexts()
		before := *e
		e.Category = string(c)
		for _, n := range e.Ref {
			q.tally(uint64(n.UID), before.entry(contexts[n.UID], -1))
			q.tally(uint64(n.UID), e.entry(contexts[n.UID], 1))
		}
		q.text(hex(uint64(e.UID)), "category", string(c))
		return nil
	})
	if err != nil {
		return fmt.Errorf("classify event: %w", err)
	}
	return nil
}

// Mark says how far an event of one of the organisations may be shared from now on, more or less than before. When it comes again with a
// more restrictive marking, that holds. Its raws follow when fewer may see it, and stay as they are when more may: they tell more than one event.
func (s *Store) Mark(ctx context.Context, orgs []string, event tahoe.Hash, m tahoe.Marking) error {
	err := s.writer.judge(ctx, orgs, event, tahoe.Hash{}, func(q *quads, e *goingEvent) error {
		if e.Marking != m {
			q.mark(hex(uint64(e.UID)), e, e.contexts(), m)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("mark event: %w", err)
	}
	return nil
}

// SetContext says what an attribute or object is held to be in an event of one of the organisations, that it has none with
// tahoe.Unknown. No filter changes it again.
func (s *Store) SetContext(ctx context.Context, orgs []string, event, node tahoe.Hash, c tahoe.Category) error {
	c, err := tahoe.ParseCategory(string(c))
	if err != nil {
		return fmt.Errorf("set context: %w", err)
	}
	err = s.writer.judge(ctx, orgs, event, node, func(q *quads, e *goingEvent) error {
		if len(e.Found) != 1 {
			return fmt.Errorf("%w: %v in the event %v", ErrNotFound, node, event)
		}
		q.judge(e, e.Found[0], c)
		return nil
	})
	if err != nil {
		return fmt.Errorf("set context: %w", err)
	}
	return nil
}

// judge writes the context of a node. The category is written again, so that of two who change the event one starts over.
func (q *quads) judge(e *goingEvent, n link, c tahoe.Category) {
	uid, to := hex(uint64(e.UID)), hex(uint64(n.UID))
	old := cmp.Or(e.contexts()[n.UID], tahoe.Unknown)
	if old == c && slices.Contains(e.Judged, n) {
		return
	}
	predicate := map[tahoe.Category]string{tahoe.Malicious: "mal_ref", tahoe.Benign: "ben_ref"}
	if old != c {
		if predicate[old] != "" {
			q.unlink(uid, predicate[old], to)
		}
		if predicate[c] != "" {
			q.edge(uid, predicate[c], to)
		}
		q.tally(uint64(n.UID), e.entry(old, -1))
		q.tally(uint64(n.UID), e.entry(c, 1))
	}
	q.edge(uid, "judged_ref", to)
	q.text(uid, "category", e.Category)
}

// judge changes an event, of which it finds a node, of one of the organisations in one transaction.
func (w *writer) judge(ctx context.Context, orgs []string, event, node tahoe.Hash, change func(*quads, *goingEvent) error) error {
	return w.change(ctx, func(ctx context.Context, r *removal) error {
		list, _, err := r.begin(ctx, 1)
		if err != nil {
			return err
		}
		a := list[0]
		var answer struct{ Q []*goingEvent }
		q := `{ q(func: ` + hashFunction([]tahoe.Hash{event}) + `) @filter(type(Event)) { ` + eventFields + ` found: ref @filter(eq(hash, "` + node.String() + `")) { uid } } }`
		if err := ask(ctx, a.txn, q, &answer); err != nil {
			return err
		}
		if len(answer.Q) != 1 || !slices.Contains(orgs, answer.Q[0].OrgID()) {
			return fmt.Errorf("%w: event %v", ErrNotFound, event)
		}
		b := &quads{attempt: a}
		if err := change(b, answer.Q[0]); err != nil || len(b.set)+len(b.del) == 0 {
			return err
		}
		return r.commit(ctx, b, false) // it meets who removes the event in the category that it writes
	})
}
