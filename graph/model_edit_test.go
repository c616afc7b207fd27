package graph_test

import (
	"errors"
	"maps"
	"slices"

	"github.com/cybexp/cybexp/graph"
	"github.com/cybexp/cybexp/tahoe"
)

// errAmbiguous says that two events, or two things in one, become one, so that it depends on their order which contexts that has.
var errAmbiguous = errors.New("two become one")

// edited is a node as an edit makes it.
func edited(g *generator, e graph.Edit, n tahoe.Node) tahoe.Node {
	o, ok := n.(*tahoe.Object)
	if !ok {
		return n
	}
	return g.object(o.SubType(), editedChildren(g, e, o.Hash(), o.Children())...)
}

func editedChildren(g *generator, e graph.Edit, of tahoe.Hash, children []tahoe.Node) []tahoe.Node {
	var list []tahoe.Node
	for _, n := range children {
		if of != e.Of || !slices.Contains(e.Remove, n.Hash()) {
			list = append(list, edited(g, e, n))
		}
	}
	if of == e.Of {
		list = append(list, e.Add...)
	}
	return list
}

// concerns tells whether an edit changes what has these descendants.
func concerns(e graph.Edit, self tahoe.Hash, refs []tahoe.Node) bool {
	return self == e.Of || slices.ContainsFunc(refs, func(n tahoe.Node) bool { return n.Hash() == e.Of })
}

// edit changes an object or event, of which the organisations have events.
func (m *model) edit(e graph.Edit) error {
	becomes := map[tahoe.Hash]*modelEvent{}
	seen := map[tahoe.Hash]bool{}
	for h, old := range m.events {
		if !slices.Contains(e.Orgs, old.OrgID()) || !concerns(e, h, old.Refs()) {
			continue
		}
		made, err := m.editedEvent(e, old)
		if err != nil || seen[made.Hash()] {
			return errors.Join(err, errAmbiguous)
		}
		seen[made.Hash()], becomes[h] = true, made
	}
	m.editSessions(e, becomes)
	for h, made := range becomes {
		if m.events[made.Hash()] == nil {
			m.events[made.Hash()] = made
		} else {
			m.writeEvent(made.Event)
		}
		for _, s := range m.sessions {
			if s.events[h] {
				s.events[made.Hash()] = true
			}
		}
		for _, r := range m.raws {
			if r.of[h] {
				r.of[made.Hash()] = true
			}
		}
	}
	for h := range becomes {
		m.drop(h)
	}
	return nil
}

func (m *model) editedEvent(e graph.Edit, old *modelEvent) (*modelEvent, error) {
	made := &modelEvent{copyOf(m.g, old.Event, editedChildren(m.g, e, old.Hash(), old.Children())), map[tahoe.Hash]bool{}}
	m.g.check(made.SetCategory(old.Category()))
	from := map[tahoe.Hash]bool{}
	for _, n := range old.Refs() {
		to := edited(m.g, e, n)
		if _, err := made.Context(to); err != nil {
			continue
		}
		if from[to.Hash()] {
			return nil, errAmbiguous
		}
		from[to.Hash()] = true
		if c, err := old.Context(n); err == nil && c != tahoe.Unknown {
			m.g.check(made.SetContext(c, to))
		}
		if old.judged[n.Hash()] {
			made.judged[to.Hash()] = true
		}
	}
	return made, nil
}

// editSessions moves the organisations' events of the sessions whose identity changes. A raw goes with those of its events that it has in the session.
func (m *model) editSessions(e graph.Edit, becomes map[tahoe.Hash]*modelEvent) {
	for h, s := range maps.Clone(m.sessions) {
		if !concerns(e, h, s.Refs()) {
			continue
		}
		var own []tahoe.Hash
		for event := range s.events {
			if slices.Contains(e.Orgs, m.events[event].OrgID()) {
				own = append(own, event)
			}
		}
		if len(own) == 0 {
			continue
		}
		made := s.as(m, editedChildren(m.g, e, h, s.Children()))
		m.writeSession(made)
		for _, r := range m.raws {
			if r.of[h] {
				m.moveRaw(e, s, made, r)
			}
		}
		for _, event := range own {
			m.sessions[made.Hash()].events[event] = true
			delete(s.events, event)
		}
		m.dropEmpty(s)
	}
}

func (m *model) moveRaw(e graph.Edit, s *modelSession, made *tahoe.Session, r *modelRaw) {
	stay, move := false, false
	tell := func(org string) {
		own := slices.Contains(e.Orgs, org)
		stay, move = stay || !own, move || own
	}
	for event := range s.events {
		if r.of[event] {
			tell(m.events[event].OrgID())
		}
	}
	if !stay && !move {
		for org := range r.said {
			tell(org)
		}
	}
	for key := range m.spans {
		stay = stay || key.session == s.Hash() && key.raw == r.Hash() && !slices.Contains(e.Orgs, key.audience)
	}
	if move {
		r.of[made.Hash()] = true
		for _, org := range e.Orgs {
			key := spanKey{s.Hash(), r.Hash(), org}
			if t := m.spans[key]; t != nil {
				delete(m.spans, key)
				key.session = made.Hash()
				m.spans.merge(key, *t)
			}
		}
	}
	if !stay {
		delete(r.of, s.Hash())
	}
}
