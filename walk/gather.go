package walk

import (
	"cmp"
	"context"
	"fmt"
	"slices"
)

// budget is how many more edges may be followed, and what was wanted in vain.
type budget struct {
	left         int
	wanted, lost int
	levels       []int // what was lost, level by level
	capped       []Capped
}

// refused is what was lost, level by level; nil for nothing.
func (b *budget) refused() []int {
	if b.lost == 0 {
		return nil
	}
	return b.levels
}

// share is how much of what was wanted was not followed.
func (b *budget) share() float64 {
	if b.lost == 0 {
		return 0
	}
	return float64(b.lost) / float64(b.wanted)
}

// gather fetches what the sum needs, level by level, within the bound on work.
func (r *Ranker) gather(ctx context.Context) (*budget, error) {
	b := &budget{left: r.opt.Work}
	frontier := r.t.attributes
	for _, a := range frontier {
		r.mark(a).prefix = 1
	}
	for hop := 1; hop <= r.hops(); hop++ {
		if r.opt.Level != nil {
			r.opt.Level(hop)
		}
		lost := b.lost
		if err := r.gatherLevel(ctx, frontier, b, hop == r.hops()); err != nil {
			return nil, err
		}
		b.levels = append(b.levels, b.lost-lost)
		if hop < r.hops() {
			frontier = r.beyond(frontier, hop)
		}
	}
	return b, nil
}

// gatherLevel fetches what the sum needs of the attributes of one level.
func (r *Ranker) gatherLevel(ctx context.Context, frontier []*attribute, b *budget, last bool) error {
	if err := r.sweep(ctx, frontier, b, last); err != nil {
		return err
	}
	if last { // nothing begins at what is in no malicious event
		frontier = slices.DeleteFunc(slices.Clone(frontier), func(a *attribute) bool { return a.known && a.malicious == 0 })
	}
	if err := r.loadCounts(ctx, frontier); err != nil {
		return err
	}
	if !last {
		if err := r.expand(ctx, frontier, b, All); err != nil {
			return err
		}
	}
	return r.expand(ctx, frontier, b, Malicious) // those that were too large as a whole
}

const (
	sweepEdges = 4      // a sweep is for events that have at least so many edges
	sweepSize  = 20_000 // events that it fetches before it looks at the work that is left
)

// sweep fetches all events of the attributes with all that they include, if the work that is left allows it. Each is fetched once, and
// the attributes' lists are made of what the events include, so they are not fetched at all. At the last level the malicious ones do, of
// which there are fewer; but then the attributes have still to be counted, so it takes all where most are known.
func (r *Ranker) sweep(ctx context.Context, frontier []*attribute, b *budget, last bool) error {
	var list []*attribute
	var ids []ID
	for _, a := range frontier {
		if !a.whole && a.degree != 1 && (!last || !a.known) {
			list, ids = append(list, a), append(ids, a.id)
		}
	}
	most := b.left / sweepEdges
	if len(list) == 0 || most <= 0 {
		return nil
	}
	around, err := r.in.Around(ctx, ids, most)
	if err != nil {
		return fmt.Errorf("fetch events around: %w", err)
	}
	malicious := distinct(around.Malicious)
	events, keep := distinct(around.Events), (*attribute).keepAll
	switch {
	case around.All && (!last || r.unknownOf(events) <= len(list)/sweepEdges):
	case last && around.EveryMalicious:
		events, keep = malicious, (*attribute).keepMalicious
	default:
		return nil
	}
	for part := range slices.Chunk(events, sweepSize) {
		before := r.size
		if err := r.loadEdges(ctx, part, malicious); err != nil {
			return err
		}
		b.wanted += r.size - before
		if b.left -= r.size - before; b.left < 0 {
			return nil
		}
	}
	r.turn(list, events, keep)
	return nil
}

// expand fetches events of the attributes: first those of which an edge counts most.
func (r *Ranker) expand(ctx context.Context, frontier []*attribute, b *budget, reach Reach) error {
	var list []*attribute
	for _, a := range frontier {
		if a.degree > 1 && !a.whole && (reach == All || !a.known) {
			list = append(list, a)
		}
	}
	slices.SortFunc(list, func(x, y *attribute) int {
		return cmp.Or(cmp.Compare(r.mark(y).prefix*y.weight, r.mark(x).prefix*x.weight), cmp.Compare(x.id, y.id))
	})
	var chunk []*attribute
	pending := 0
	for _, a := range list {
		cost, m := a.degree, r.mark(a)
		if reach == Malicious {
			cost = a.malicious
		}
		if !m.refused {
			b.wanted += cost
		}
		if cost > b.left-pending {
			if !m.refused {
				b.lost += cost
				b.capped = append(b.capped, Capped{ID: a.id, Degree: a.degree})
			}
			m.refused = true
			continue
		}
		chunk = append(chunk, a)
		if pending += cost; pending >= listSize {
			if err := r.spend(ctx, chunk, b, reach); err != nil {
				return err
			}
			chunk, pending = chunk[:0], 0
		}
	}
	return r.spend(ctx, chunk, b, reach)
}

// listSize is about how many edges are asked for at once.
const listSize = 100_000

// spend fetches events of attributes, and takes what came off the budget.
func (r *Ranker) spend(ctx context.Context, list []*attribute, b *budget, reach Reach) error {
	before := r.size
	err := r.loadLists(ctx, list, reach)
	b.left -= r.size - before
	return err
}

// beyond lists the attributes of the events that the frontier leads to, with what an edge behind them may weigh.
func (r *Ranker) beyond(frontier []*attribute, hop int) []*attribute {
	var next []*attribute
	for _, a := range frontier {
		if !a.whole {
			continue
		}
		before := r.mark(a).prefix * a.weight
		for _, x := range a.events {
			if x == r.t {
				continue
			}
			for _, b := range x.attributes {
				m := r.mark(b)
				if b != a {
					m.reach += before * x.weight
				}
				if m.listed != hop {
					m.listed = hop
					next = append(next, b)
				}
			}
		}
	}
	for _, b := range next {
		m := r.mark(b)
		m.prefix, m.reach = max(m.prefix, m.reach), 0
	}
	slices.SortFunc(next, func(a, b *attribute) int { return cmp.Compare(a.id, b.id) })
	return next
}
