package walk

import (
	"cmp"
	"slices"
)

// side is what one of two searches has reached.
type side struct {
	depth    map[ID]int
	parents  map[ID][]ID // one step nearer to the side's start
	frontier []ID        // of its level, not followed yet
	degrees  map[ID]int  // of the frontier; nil until they are asked for
	hubs     map[ID]int  // reached and not followed, with their degrees
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

// open lists the depths of vertices from which the search may go on.
func (s *side) open() []int {
	var list []int
	for id := range s.hubs {
		if d := s.depth[id]; !slices.Contains(list, d) {
			list = append(list, d)
		}
	}
	if len(s.frontier) > 0 && !slices.Contains(list, s.level) {
		list = append(list, s.level)
	}
	slices.Sort(list)
	return list
}

// at lists the open vertices of a depth.
func (s *side) at(depth int) []ID {
	var list []ID
	if depth == s.level {
		list = slices.Clone(s.frontier)
	}
	for id := range s.hubs {
		if s.depth[id] == depth {
			list = append(list, id)
		}
	}
	return distinct(list)
}

// cost is about how many edges it takes to go one edge further.
func (s *side) cost(hub int) int {
	sum := 0
	for _, id := range s.frontier {
		if d := s.degrees[id]; d <= hub {
			sum += d
		}
	}
	return sum
}

// narrow takes from the frontier what is too large to follow, the largest first, and returns what is left.
func (s *side) narrow(hub, work int) []ID {
	slices.SortFunc(s.frontier, func(x, y ID) int { return cmp.Or(cmp.Compare(s.degrees[x], s.degrees[y]), cmp.Compare(x, y)) })
	n := 0
	for ; n < len(s.frontier); n++ {
		d := s.degrees[s.frontier[n]]
		if work -= d; d > hub || work < 0 {
			break
		}
	}
	for _, id := range s.frontier[n:] {
		s.hubs[id] = s.degrees[id]
	}
	s.degrees = nil
	return s.frontier[:n]
}

// reach takes note of what is next to a vertex that was followed.
func (s *side) reach(v Vertex) {
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

// join takes note of a vertex that is next to the side's open vertices: it is where the sides meet.
func (s *side) join(v Vertex) {
	best := -1
	for _, id := range v.Links {
		if d, ok := s.depth[id]; ok && (best < 0 || d < best) {
			best = d
		}
	}
	if d, ok := s.depth[v.ID]; best < 0 || ok && d <= best {
		return
	}
	s.depth[v.ID], s.parents[v.ID] = best+1, nil
	for _, id := range v.Links {
		if d, ok := s.depth[id]; ok && d == best {
			s.parents[v.ID] = append(s.parents[v.ID], id)
		}
	}
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
		next[id] = distinct(list)
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
	ends   map[ID]int // those at zero
	length int
	n      int
	chains [][]ID
}

// list returns the first n chains in the order of their vertices.
func (l *lister) list(from []ID) [][]ID {
	starts := slices.DeleteFunc(slices.Clone(from), func(id ID) bool { _, ok := l.next[id]; return !ok })
	for _, id := range distinct(starts) {
		l.visit([]ID{id})
	}
	return l.chains
}

func (l *lister) visit(nodes []ID) {
	end := nodes[len(nodes)-1]
	if len(nodes) == l.length+1 {
		if d, ok := l.ends[end]; ok && d == 0 && len(l.chains) < l.n {
			l.chains = append(l.chains, slices.Clone(nodes))
		}
		return
	}
	for _, to := range l.next[end] {
		if len(l.chains) == l.n {
			return
		}
		l.visit(append(nodes, to))
	}
}
