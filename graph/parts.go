package graph

import (
	"maps"
	"slices"
)

// minPart is how many edges and vertices make it worth while to cut a plan up: about ten events.
const minPart = 100

// split cuts a plan into at most n. When they are carried out in order, the graph is whole after each: events, sessions, and raws that hang
// together go together, and an attribute or object with the last that holds it. One that has a ledger keeps together all that hold it, since
// its ledger must be the one that the plan saw.
func (p *plan) split(n int, counted map[uint64]bool) []*plan {
	parts := p.groups(counted).parts(n)
	place := map[uint64]int{}
	for i, members := range parts {
		for _, uid := range members {
			place[uid] = i
		}
	}
	list := make([]*plan, len(parts))
	for i := range list {
		list[i] = newPlan()
	}
	last := map[uint64]int{} // of the holders of a node
	hold := func(i int, nodes []link) {
		for _, n := range nodes {
			last[uint64(n.UID)] = max(last[uint64(n.UID)], i)
		}
	}
	for uid, e := range p.events {
		i := place[uid]
		list[i].events[uid] = e
		hold(i, e.Ref)
	}
	for uid, s := range p.sessions {
		if s.goes {
			i := place[uid]
			list[i].sessions[uid] = s
			hold(i, s.Sattr)
			continue
		}
		for e := range s.loses {
			list[place[e]].loses(uid, e)
		}
	}
	for uid, node := range p.nodes {
		if node.goes {
			list[last[uid]].nodes[uid] = node
		}
	}
	for uid, r := range p.raws {
		list[place[uid]].raws[uid] = r
	}
	for raw, events := range p.cut {
		list[place[raw]].cut[raw] = events
	}
	return list
}

// loses takes an event off a session that stays.
func (p *plan) loses(session, event uint64) {
	if p.sessions[session] == nil {
		p.sessions[session] = &touchedSession{loses: map[uint64]bool{}}
	}
	p.sessions[session].loses[event] = true
}

// groups finds what hangs together.
func (p *plan) groups(counted map[uint64]bool) *groups {
	g := &groups{parent: map[uint64]uint64{}, weight: map[uint64]int{}}
	hold := func(holder uint64, nodes []link) {
		for _, n := range nodes {
			node := p.nodes[uint64(n.UID)]
			g.tieIf(counted[uint64(n.UID)] && node != nil && node.goes, holder, uint64(n.UID))
		}
	}
	for uid, e := range p.events {
		g.add(uid, 1+len(e.Ref))
	}
	for uid := range p.cut {
		g.add(uid, 1)
	}
	for uid, r := range p.raws {
		g.add(uid, 1)
		for _, s := range r.Spans {
			for _, other := range s.Raws {
				g.tieIf(p.raws[uint64(other.UID)] != nil, uid, uint64(other.UID))
			}
		}
		for _, l := range r.Rref {
			s := p.sessions[uint64(l.UID)]
			g.tieIf(s != nil && s.goes, uid, uint64(l.UID))
		}
	}
	for uid, s := range p.sessions {
		if !s.goes {
			continue
		}
		g.add(uid, 1)
		for e := range s.loses {
			g.tie(uid, e)
		}
		for _, r := range s.Raws {
			g.tieIf(p.raws[uint64(r.UID)] != nil, uid, uint64(r.UID))
		}
		hold(uid, s.Sattr)
	}
	for uid, e := range p.events {
		for _, r := range e.Raws {
			raw := p.raws[uint64(r.UID)]
			g.tieIf(raw != nil && (raw.goes || len(raw.leave) > 0), uid, uint64(r.UID))
		}
		hold(uid, e.Ref)
	}
	return g
}

// groups are sets of vertices that hang together.
type groups struct {
	parent map[uint64]uint64
	weight map[uint64]int // of those that are members
}

func (g *groups) add(uid uint64, weight int) { g.weight[uid] += weight }

// root is one of the group for all of it.
func (g *groups) root(uid uint64) uint64 {
	for {
		up, ok := g.parent[uid]
		if !ok {
			return uid
		}
		if above, ok := g.parent[up]; ok {
			g.parent[uid] = above
		}
		uid = up
	}
}

func (g *groups) tie(a, b uint64) {
	if a, b = g.root(a), g.root(b); a != b {
		g.parent[max(a, b)] = min(a, b)
	}
}

func (g *groups) tieIf(holds bool, a, b uint64) {
	if holds {
		g.tie(a, b)
	}
}

// parts deals the groups out to at most n, those with lower uids first: what was written together lies together. They are of about the same weight, but
// for the last, which is small: until it is applied, nothing else goes on.
func (g *groups) parts(n int) [][]uint64 {
	members, total := map[uint64][]uint64{}, 0
	for uid, weight := range g.weight {
		root := g.root(uid)
		members[root] = append(members[root], uid)
		total += weight
	}
	n = min(n, 1+total/minPart)
	parts, sum := make([][]uint64, 1, n), 0
	for _, root := range slices.Sorted(maps.Keys(members)) {
		if sum >= 4*total*len(parts)/(4*n-3) && len(parts) < n {
			parts = append(parts, nil)
		}
		for _, uid := range members[root] {
			sum += g.weight[uid]
		}
		parts[len(parts)-1] = append(parts[len(parts)-1], members[root]...)
	}
	return parts
}
