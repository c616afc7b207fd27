package walk

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
)

// Vertex is a vertex with its neighbours.
type Vertex struct {
	ID ID
	// Links are the neighbours that may be seen; those of a hub are not told.
	Links []ID
	Hub   bool
}

// Links tells the neighbours of vertices, of what may be seen. It must tell of one state of the graph. The answers may come in
// any order. Keys are texts that order vertices, the same ones in every state of the graph.
type Links interface {
	Neighbours(ctx context.Context, ids []ID) ([]Vertex, error)
	Keys(ctx context.Context, ids []ID) (map[ID]string, error)
}

// ChainOptions say which chains are looked for.
type ChainOptions struct {
	Max   int // most edges of a chain
	Paths int // most chains
	Work  int // most edges to follow in all
	// Level, unless it is nil, is told before each step of a search: how far from its set that leads, and whether that is the
	// second set.
	Level func(level int, second bool)
}

// Chains are the shortest chains between two sets: all are of one length.
type Chains struct {
	Nodes [][]ID // of each chain, from the first set to the second; in the order of their keys
	// LeftOut is how many vertices were reached and not followed, because they are hubs or the work was at its bound: there
	// may be chains through them.
	LeftOut int
}

// side is what one of the two searches has reached.
type side struct {
	depth    map[ID]int
	parents  map[ID][]ID // one step nearer to the side's start
	frontier []ID
	hubs     map[ID]int // reached and not followed, with their depth
	level    int
}

func newSide(start []ID) *side {
	s := &side{depth: map[ID]int{}, parents: map[ID][]ID{}, hubs: map[ID]int{}}
	for _, id := range start {
		if _, ok := s.depth[id]; !ok {
			s.depth[id] = 0
			s.frontier = append(s.frontier, id)
		}
	}
	return s
}

// FindChains looks for the shortest chains between two sets, from both ends at once.
func FindChains(ctx context.Context, g Links, from, to []ID, opt ChainOptions) (Chains, error) {
	a, b := newSide(from), newSide(to)
	work := opt.Work
	best := meet(a, b)
	for a.level+b.level < opt.Max && better(a, b, best) {
		s := a
		if len(a.frontier) == 0 || len(b.frontier) > 0 && len(b.frontier) < len(a.frontier) {
			s = b
		}
		if len(s.frontier) == 0 {
			break
		}
		if opt.Level != nil {
			opt.Level(s.level+1, s == b)
		}
		if err := s.grow(ctx, g, &work); err != nil {
			return Chains{}, err
		}
		best = meet(a, b)
	}
	out := Chains{LeftOut: len(a.hubs) + len(b.hubs)}
	if best < 0 || best > opt.Max {
		return out, nil
	}
	next := a.towards(b, best)
	keys, err := g.Keys(ctx, slices.Collect(maps.Keys(next)))
	if err != nil {
		return Chains{}, fmt.Errorf("order chains: %w", err)
	}
	l := lister{next: next, keys: keys, ends: b.depth, length: best, n: opt.Paths}
	out.Nodes = l.list(from)
	return out, nil
}

// meet is the length of the shortest chain through a vertex that both sides have reached; below zero for none.
func meet(a, b *side) int {
	if len(b.depth) < len(a.depth) {
		a, b = b, a
	}
	best := -1
	for id, d := range a.depth {
		if e, ok := b.depth[id]; ok && (best < 0 || d+e < best) {
			best = d + e
		}
	}
	return best
}

// better says whether a shorter chain than the best can still be found: through a hub that only one side has reached.
func better(a, b *side, best int) bool {
	if best < 0 {
		return true
	}
	for _, d := range a.hubs {
		if len(b.frontier) > 0 && d+b.level+1 < best {
			return true
		}
	}
	for _, d := range b.hubs {
		if len(a.frontier) > 0 && d+a.level+1 < best {
			return true
		}
	}
	return false
}

// grow goes one edge further.
func (s *side) grow(ctx context.Context, g Links, work *int) error {
	if *work <= 0 {
		for _, id := range s.frontier {
			s.hubs[id] = s.depth[id]
		}
		s.frontier = nil
		return nil
	}
	found, err := g.Neighbours(ctx, s.frontier)
	if err != nil {
		return fmt.Errorf("fetch neighbours: %w", err)
	}
	slices.SortFunc(found, func(x, y Vertex) int { return cmp.Compare(x.ID, y.ID) })
	s.level++
	s.frontier = nil
	for _, v := range found {
		if v.Hub {
			s.hubs[v.ID] = s.depth[v.ID]
			continue
		}
		*work -= len(v.Links)
		for _, to := range distinct(v.Links) {
			d, seen := s.depth[to]
			if !seen {
				d = s.level
				s.depth[to] = d
				s.frontier = append(s.frontier, to)
			}
			if d == s.level {
				s.parents[to] = append(s.parents[to], v.ID)
			}
		}
	}
	return context.Cause(ctx)
}

func distinct(ids []ID) []ID {
	slices.Sort(ids)
	return slices.Compact(ids)
}

// towards gives, for each vertex of a shortest chain, those that may follow it.
func (s *side) towards(b *side, length int) map[ID][]ID {
	next := map[ID][]ID{}
	var queue []ID
	for id, d := range s.depth {
		if e, ok := b.depth[id]; ok && d+e == length {
			queue = append(queue, id)
			next[id] = nil
		}
	}
	ours, theirs := map[ID]bool{}, map[ID]bool{}
	for _, id := range queue {
		back(s, id, ours, func(near, far ID) { next[near] = append(next[near], far) })
		back(b, id, theirs, func(near, far ID) {
			next[far] = append(next[far], near)
			if _, ok := next[near]; !ok {
				next[near] = nil
			}
		})
	}
	for id, list := range next { // both sides may know an edge
		slices.Sort(list)
		next[id] = slices.Compact(list)
	}
	return next
}

// back follows parents to the start of a side, and tells of each edge once.
func back(s *side, id ID, seen map[ID]bool, tell func(near, far ID)) {
	if seen[id] {
		return
	}
	seen[id] = true
	for _, p := range s.parents[id] {
		tell(p, id)
		back(s, p, seen, tell)
	}
}

// lister spells out chains.
type lister struct {
	next   map[ID][]ID
	keys   map[ID]string
	ends   map[ID]int // those at zero
	length int
	n      int
	chains [][]ID
}

// list returns the first n chains in the order of their keys.
func (l *lister) list(from []ID) [][]ID {
	starts := slices.DeleteFunc(slices.Clone(from), func(id ID) bool { _, ok := l.next[id]; return !ok })
	slices.Sort(starts)
	for _, id := range l.byKey(slices.Compact(starts)) {
		l.visit([]ID{id})
	}
	return l.chains
}

func (l *lister) byKey(ids []ID) []ID {
	slices.SortFunc(ids, func(x, y ID) int { return cmp.Or(cmp.Compare(l.keys[x], l.keys[y]), cmp.Compare(x, y)) })
	return ids
}

func (l *lister) visit(nodes []ID) {
	end := nodes[len(nodes)-1]
	if len(nodes) == l.length+1 {
		if d, ok := l.ends[end]; ok && d == 0 && len(l.chains) < l.n {
			l.chains = append(l.chains, slices.Clone(nodes))
		}
		return
	}
	for _, to := range l.byKey(l.next[end]) {
		if len(l.chains) == l.n {
			return
		}
		l.visit(append(nodes, to))
	}
}
