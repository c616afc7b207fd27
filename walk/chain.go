package walk

import (
	"cmp"
	"context"
	"fmt"
	"slices"
)

// Vertex is a vertex with neighbours of it.
type Vertex struct {
	ID    ID
	Links []ID
}

// Links tells the neighbours of vertices, of what may be seen. It must tell of one state of the graph. The answers may come in
// any order, and each link tells of an edge that leads both ways.
type Links interface {
	// Degrees tells about how many neighbours vertices have.
	Degrees(ctx context.Context, ids []ID) (map[ID]int, error)
	// Neighbours tells all neighbours.
	Neighbours(ctx context.Context, ids []ID) ([]Vertex, error)
	// Between tells up to n vertices of b that have neighbours in a, with those; and up to n vertices that have neighbours both in a
	// and in b, with all of those.
	Between(ctx context.Context, a, b []ID, n int) (next, common []Vertex, err error)
}

// ChainOptions say which chains are looked for.
type ChainOptions struct {
	Max   int // most edges of a chain
	Paths int // most chains
	Work  int // most edges to follow in all
	Hub   int // a vertex with more neighbours is not followed; two sides may meet next to it
	// Level, unless it is nil, is told before each step of a search: how far from its set that leads, and whether that is the
	// second set; and between for a look at what is between the two sides.
	Level func(level int, second, between bool)
}

// Chains are the shortest chains between two sets: all are of one length.
type Chains struct {
	Nodes [][]ID // of each chain, from the first set to the second; in the order of the vertices
	// Capped are vertices that were reached and not followed, because they are hubs or the work was at its bound, if there may
	// be chains through them that are as short as those found, and wanted; in the order of the vertices.
	Capped []Capped
}

// Capped is a vertex that was not followed, and about how many neighbours it has.
type Capped struct {
	ID     ID
	Degree int
}

// finder looks for chains from both ends.
//
// A side has all vertices up to its level, and goes on from its open vertices: those of its level, and those that were too
// large to follow. Between asks for chains of one or two edges between open vertices of the sides, without fetching what is next to
// them: so a chain of n edges needs the neighbours of all vertices up to (n-2)/2 edges from its ends only.
type finder struct {
	g      Links
	opt    ChainOptions
	a, b   *side
	work   int
	best   int             // edges of the shortest chain found; below zero for none
	looked map[[2]int]bool // between which depths of a and b it was looked
}

// maxLook bounds how many vertices a look goes on from.
const maxLook = 10_000

// FindChains looks for the shortest chains between two sets.
func FindChains(ctx context.Context, g Links, from, to []ID, opt ChainOptions) (Chains, error) {
	f := &finder{g: g, opt: opt, a: newSide(from), b: newSide(to), work: opt.Work, best: -1, looked: map[[2]int]bool{}}
	for id := range f.a.depth {
		if _, ok := f.b.depth[id]; ok {
			f.best = 0
		}
	}
	for {
		pair, least := f.nearest()
		if !f.wanted(least) {
			break
		}
		if err := context.Cause(ctx); err != nil {
			return Chains{}, err
		}
		if a, b := f.a.at(pair[0]), f.b.at(pair[1]); !f.looked[pair] && len(a)+len(b) <= maxLook {
			if err := f.look(ctx, pair, a, b); err != nil {
				return Chains{}, err
			}
			continue
		}
		grown, err := f.grow(ctx, pair)
		if err != nil {
			return Chains{}, err
		}
		if !grown {
			break
		}
	}
	out := Chains{}
	if f.best >= 0 && f.best <= opt.Max {
		l := lister{next: f.a.towards(f.b, f.best), ends: f.b.depth, length: f.best, n: opt.Paths}
		out.Nodes = l.list(from)
	}
	out.Capped = f.capped(len(out.Nodes))
	return out, nil
}

// wanted says whether a chain of so many edges is better than the best found.
func (f *finder) wanted(edges int) bool {
	return edges <= f.opt.Max && (f.best < 0 || edges < f.best)
}

// nearest returns the depths of a and b between which the shortest of the chains that are not found yet may be, and the
// least number of edges that it can have.
func (f *finder) nearest() (pair [2]int, least int) {
	least = f.opt.Max + 1
	for _, p := range f.a.open() {
		for _, q := range f.b.open() {
			if n := f.least(p, q); n < least {
				pair, least = [2]int{p, q}, n
			}
		}
	}
	return pair, least
}

// least is how many edges a chain that is not found yet, through open vertices of these depths, has at least.
func (f *finder) least(p, q int) int {
	if f.looked[[2]int{p, q}] {
		return p + q + 3
	}
	return p + q + 1
}

// look looks for chains of one or two edges between open vertices of two depths.
func (f *finder) look(ctx context.Context, pair [2]int, a, b []ID) error {
	f.looked[pair] = true
	if f.opt.Level != nil {
		f.opt.Level(pair[0]+pair[1]+2, false, true)
	}
	next, common, err := f.g.Between(ctx, a, b, f.opt.Paths)
	if err != nil {
		return fmt.Errorf("look between: %w", err)
	}
	if len(next) > 0 {
		for _, v := range next {
			f.a.join(v)
		}
		f.best = pair[0] + pair[1] + 1
		return nil
	}
	if n := pair[0] + pair[1] + 2; len(common) > 0 && f.wanted(n) {
		for _, v := range common {
			f.a.join(v)
			f.b.join(v)
		}
		f.best = n
	}
	return nil
}

// grow goes one edge further on the side that has less to follow, of those that have the depth of the pair in hand. It returns
// false when neither has.
func (f *finder) grow(ctx context.Context, pair [2]int) (bool, error) {
	if err := f.measure(ctx); err != nil {
		return false, err
	}
	a, b := pair[0] == f.a.level && len(f.a.frontier) > 0, pair[1] == f.b.level && len(f.b.frontier) > 0
	s, other := f.a, f.b
	switch {
	case !a && !b:
		return false, nil
	case !a || b && f.b.cost(f.opt.Hub) < f.a.cost(f.opt.Hub):
		s, other = f.b, f.a
	}
	if f.opt.Level != nil {
		f.opt.Level(s.level+1, s == f.b, false)
	}
	small := s.narrow(f.opt.Hub, f.work)
	found, err := f.g.Neighbours(ctx, small)
	if err != nil {
		return false, fmt.Errorf("fetch neighbours: %w", err)
	}
	slices.SortFunc(found, func(x, y Vertex) int { return cmp.Compare(x.ID, y.ID) })
	s.level++
	s.frontier = nil
	for _, v := range found {
		f.work -= len(v.Links)
		s.reach(v)
	}
	for _, id := range s.frontier {
		if d, ok := other.depth[id]; ok && (f.best < 0 || s.level+d < f.best) {
			f.best = s.level + d
		}
	}
	return true, nil
}

// measure asks for the degrees of the frontiers that are not known.
func (f *finder) measure(ctx context.Context) error {
	var ids []ID
	for _, s := range []*side{f.a, f.b} {
		if len(s.frontier) > 0 && s.degrees == nil {
			ids = append(ids, s.frontier...)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	degrees, err := f.g.Degrees(ctx, distinct(ids))
	if err != nil {
		return fmt.Errorf("count neighbours: %w", err)
	}
	for _, s := range []*side{f.a, f.b} {
		if s.degrees == nil {
			s.degrees = degrees
		}
	}
	return nil
}

// capped lists the vertices that were not followed and through which a chain may lead that is wanted still.
func (f *finder) capped(found int) []Capped {
	limit := f.opt.Max
	if f.best >= 0 {
		limit = min(limit, f.best)
		if found == f.opt.Paths {
			limit--
		}
	}
	var list []Capped
	add := func(s, other *side, least func(own, far int) int) {
		for id, degree := range s.hubs {
			if slices.ContainsFunc(other.open(), func(q int) bool { return least(s.depth[id], q) <= limit }) {
				list = append(list, Capped{id, degree})
			}
		}
	}
	add(f.a, f.b, f.least)
	add(f.b, f.a, func(own, far int) int { return f.least(far, own) })
	slices.SortFunc(list, func(x, y Capped) int { return cmp.Compare(x.ID, y.ID) })
	return slices.Compact(list)
}

func distinct(ids []ID) []ID {
	slices.Sort(ids)
	return slices.Compact(ids)
}
