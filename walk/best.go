package walk

import (
	"cmp"
	"math"
	"slices"
)

// maxSteps bounds the search for the paths that contribute most.
const maxSteps = 200_000

// search looks for the simple paths that contribute most: depth first, the most promising edge first, and never where even
// the best could not be among the best n.
type search struct {
	*Ranker
	n     int
	steps int
	nodes []ID // from the ranked event outwards
	found []Path
	over  bool // a path may have been missed
}

// outlook is the most that a path behind an attribute can be, by the events that it has left, and the events in that order, once they
// were asked for.
type outlook struct {
	best   [4]float64
	state  [4]uint64 // of what is known, or forever
	events [4][]promise
}

type promise struct {
	event *event
	most  float64
}

// bestPaths returns the n paths that contribute most, the largest first, and whether those are all there are.
func (r *Ranker) bestPaths(n int) ([]Path, bool) {
	n = max(1, n)
	s := &search{Ranker: r, n: n, nodes: []ID{r.t.id}}
	s.from(r.t, 1, r.hops())
	for i := range s.found {
		slices.Reverse(s.found[i].Nodes)
	}
	return s.found, !s.over
}

// floor is what a path must exceed.
func (s *search) floor() float64 {
	if len(s.found) < s.n {
		return 0
	}
	return -s.found[len(s.found)-1].Contribution
}

// from goes on from an event, with what the path weighs so far and the events that it may still have.
func (s *search) from(x *event, so float64, left int) {
	if left == 0 {
		return
	}
	next := make([]*attribute, 0, len(x.attributes))
	for _, a := range x.attributes {
		if a.degree > 1 && !s.used(a.id) && s.most(a, left) > 0 {
			next = append(next, a)
		}
	}
	slices.SortStableFunc(next, func(a, b *attribute) int { return cmp.Compare(s.most(b, left), s.most(a, left)) })
	for _, a := range next {
		if so*s.most(a, left) <= s.floor() {
			s.over = true
			return
		}
		s.through(a, so*a.weight, left)
	}
}

func (s *search) through(a *attribute, so float64, left int) {
	for _, p := range s.promises(a, left) {
		if so*p.most <= s.floor() {
			s.over = true
			return
		}
		if s.steps++; s.steps > maxSteps {
			s.over = true
			return
		}
		y := p.event
		if s.used(y.id) {
			continue
		}
		s.nodes = append(s.nodes, a.id, y.id)
		if y.malicious {
			s.take(so * y.weight)
		}
		if left > 1 {
			s.from(y, so*y.weight, left-1)
		}
		s.nodes = s.nodes[:len(s.nodes)-2]
	}
}

// used says whether a vertex is on the path.
func (s *search) used(id ID) bool { return slices.Contains(s.nodes, id) }

// take keeps a path if it is among the best.
func (s *search) take(weight float64) {
	if weight <= s.floor() {
		s.over = true
		return
	}
	p := Path{Nodes: slices.Clone(s.nodes), Contribution: -weight}
	i, _ := slices.BinarySearchFunc(s.found, p, func(a, b Path) int {
		return cmp.Or(cmp.Compare(a.Contribution, b.Contribution), -1)
	})
	s.found = slices.Insert(s.found, i, p)
	if len(s.found) > s.n {
		s.found, s.over = s.found[:s.n], true
	}
}

// most is the most that an attribute and what is behind it can weigh, with so many events left.
func (s *search) most(a *attribute, left int) float64 {
	o := s.outlooks[a]
	if o == nil {
		o = &outlook{}
		s.outlooks[a] = o
	}
	if o.state[left] == forever || o.state[left] == s.state {
		s.over = s.over || o.state[left] != forever
		return o.best[left]
	}
	before := s.over
	s.over = !a.whole && (left > 1 || !a.known)
	o.best[left], o.events[left] = 0, nil
	for _, y := range a.events {
		o.best[left] = math.Max(o.best[left], y.weight*s.mostBehind(y, left))
	}
	o.best[left] *= a.weight
	o.state[left] = forever
	if s.over {
		o.state[left] = s.state
	}
	s.over = s.over || before
	return o.best[left]
}

// promises are the events of an attribute from which something comes, the most promising first. Its most is known.
func (s *search) promises(a *attribute, left int) []promise {
	o := s.outlooks[a]
	if o.events[left] == nil {
		for _, y := range a.events {
			if most := y.weight * s.mostBehind(y, left); most > 0 {
				o.events[left] = append(o.events[left], promise{y, most})
			}
		}
		slices.SortStableFunc(o.events[left], func(a, b promise) int { return cmp.Compare(b.most, a.most) })
	}
	return o.events[left]
}

// mostBehind is one for a malicious event, at which a path may begin, or the most of its attributes.
func (s *search) mostBehind(y *event, left int) float64 {
	var most float64
	if y.malicious {
		most = 1
	}
	if left > 1 {
		for _, a := range y.attributes {
			if a.degree > 1 {
				most = math.Max(most, s.most(a, left-1))
			}
		}
	}
	return most
}
