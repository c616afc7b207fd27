package graph_test

import (
	"maps"
	"slices"

	"github.com/cybexp/cybexp/graph"
	"github.com/cybexp/cybexp/tahoe"
)

// model is what a graph should hold, in memory, by the words of the store's methods and without their code.
type model struct {
	g        *generator
	events   map[tahoe.Hash]*modelEvent
	sessions map[tahoe.Hash]*modelSession
	raws     map[tahoe.Hash]*modelRaw
	spans    spans
}

type modelEvent struct {
	*tahoe.Event
	judged map[tahoe.Hash]bool // by a person
}

type modelSession struct {
	*tahoe.Session // what identifies it
	events         map[tahoe.Hash]bool
}

type modelRaw struct {
	*tahoe.Raw
	said uploads
	of   map[tahoe.Hash]bool // events and sessions that came of it
}

func newModel(g *generator) *model {
	return &model{g: g, events: map[tahoe.Hash]*modelEvent{}, sessions: map[tahoe.Hash]*modelSession{}, raws: map[tahoe.Hash]*modelRaw{}, spans: spans{}}
}

// dump is the graph.
func (m *model) dump() dump {
	d := dump{}
	for _, e := range m.events {
		d.event(e.Event)
	}
	for _, s := range m.sessions {
		d.nodes(s.Refs())
		d.session([]tahoe.Record{{Sessions: []*tahoe.Session{s.with(m)}}}, m.spans.of(s.Hash()))
	}
	for _, r := range m.raws {
		list := []tahoe.Record{{}}
		for h := range r.of {
			if e := m.events[h]; e != nil {
				list[0].Events = append(list[0].Events, e.Event)
			} else {
				list[0].Sessions = append(list[0].Sessions, m.sessions[h].Session)
			}
		}
		for org, said := range r.said {
			raw, err := tahoe.NewRaw(r.SubType(), r.Data(), org, said.zone)
			m.g.check(err)
			list[0].Raw, list[0].State = raw, said.state
			list = append(list, list[0])
		}
		d.raw(list)
	}
	return d
}

// with is the session with its events.
func (s *modelSession) with(m *model) *tahoe.Session {
	made := s.as(m, s.Children())
	for h := range s.events {
		made.AddEvent(m.events[h].Event)
	}
	return made
}

// as is a session with other children, and without events and times.
func (s *modelSession) as(m *model, children []tahoe.Node) *tahoe.Session {
	made, err := tahoe.NewSession(s.SubType(), children...)
	m.g.check(err)
	return made
}

// write adds a record.
func (m *model) write(r tahoe.Record) {
	var of []tahoe.Hash
	for _, e := range r.Events {
		m.writeEvent(e)
		of = append(of, e.Hash())
	}
	for _, s := range r.Sessions {
		m.writeSession(s)
		for _, e := range s.Events() {
			m.writeEvent(e)
			m.sessions[s.Hash()].events[e.Hash()] = true
		}
		of = append(of, s.Hash())
	}
	if r.Raw == nil {
		return
	}
	raw := m.raws[r.Raw.Hash()]
	if raw == nil {
		raw = &modelRaw{Raw: r.Raw, said: uploads{}, of: map[tahoe.Hash]bool{}}
		m.raws[r.Raw.Hash()] = raw
	}
	raw.said.add(r)
	for _, s := range r.Sessions {
		m.spans.tell(r.Raw.Hash(), r.Raw.OrgID(), s)
	}
	for _, h := range of {
		raw.of[h] = true
	}
}

// writeEvent adds an event, or, to one that is there, contexts of what has none and of which nobody said so.
func (m *model) writeEvent(e *tahoe.Event) {
	have := m.events[e.Hash()]
	if have == nil {
		have = &modelEvent{copyOf(m.g, e, e.Children()), map[tahoe.Hash]bool{}}
		m.g.check(have.SetCategory(e.Category()))
		m.events[e.Hash()] = have
	}
	for n, c := range contexts(m.g, e) {
		if old, err := have.Context(n); err == nil && old == tahoe.Unknown && !have.judged[n.Hash()] {
			m.g.check(have.SetContext(c, n))
		}
	}
}

// copyOf is an event with other children, without category and contexts.
func copyOf(g *generator, e *tahoe.Event, children []tahoe.Node) *tahoe.Event {
	made, err := tahoe.NewEvent(e.SubType(), e.OrgID(), e.Timestamp(), children...)
	g.check(err)
	return made
}

// contexts are those of what has one in the event.
func contexts(g *generator, e *tahoe.Event) map[tahoe.Node]tahoe.Category {
	of := map[tahoe.Node]tahoe.Category{}
	for _, n := range e.Refs() {
		c, err := e.Context(n)
		g.check(err)
		if c != tahoe.Unknown {
			of[n] = c
		}
	}
	return of
}

func (m *model) writeSession(s *tahoe.Session) {
	if m.sessions[s.Hash()] == nil {
		m.sessions[s.Hash()] = &modelSession{(&modelSession{Session: s}).as(m, s.Children()), map[tahoe.Hash]bool{}}
	}
}

// remove removes events of organisations, and takes these off the raws that are left without an event of theirs, if that is asked for.
func (m *model) remove(r graph.Removal) {
	for _, h := range r.Events {
		e := m.events[h]
		if e == nil || !slices.Contains(r.Orgs, e.OrgID()) {
			continue
		}
		for _, raw := range m.drop(h) {
			if r.Raws && !m.hasEvents(raw, e.OrgID()) {
				m.leave(raw, e.OrgID())
			}
		}
	}
}

// hasEvents tells whether an event of the organisation hangs on the raw.
func (m *model) hasEvents(r *modelRaw, org string) bool {
	for h := range r.of {
		if e := m.events[h]; e != nil && e.OrgID() == org {
			return true
		}
	}
	return false
}

// drop removes an event, with the sessions that are left without one, and returns the raws that it came from.
func (m *model) drop(h tahoe.Hash) (raws []*modelRaw) {
	delete(m.events, h)
	for _, s := range m.sessions {
		if s.events[h] {
			delete(s.events, h)
			m.dropEmpty(s)
		}
	}
	for _, r := range m.raws {
		if r.of[h] {
			delete(r.of, h)
			raws = append(raws, r)
		}
	}
	return raws
}

// dropEmpty removes a session that has no event.
func (m *model) dropEmpty(s *modelSession) {
	if len(s.events) > 0 {
		return
	}
	delete(m.sessions, s.Hash())
	maps.DeleteFunc(m.spans, func(key spanKey, _ *toldTimes) bool { return key.session == s.Hash() })
	for _, r := range m.raws {
		delete(r.of, s.Hash())
	}
}

// leave takes organisations off a raw, which goes with the last one.
func (m *model) leave(r *modelRaw, orgs ...string) {
	for _, org := range orgs {
		delete(r.said, org)
		maps.DeleteFunc(m.spans, func(key spanKey, _ *toldTimes) bool { return key.raw == r.Hash() && key.audience == org })
	}
	if len(r.said) == 0 {
		delete(m.raws, r.Hash())
	}
}

// removeUploads takes raws of an organisation back, with its events that came of no other raw.
func (m *model) removeUploads(org string, raws []tahoe.Hash) {
	var mine []*modelRaw
	for _, h := range raws {
		if r := m.raws[h]; r != nil && r.said[org] != (upload{}) {
			mine = append(mine, r)
		}
	}
	var lost []tahoe.Hash
	for _, r := range mine {
		for h := range r.of {
			if e := m.events[h]; e != nil && e.OrgID() == org {
				delete(r.of, h)
				lost = append(lost, h)
			}
		}
	}
	for _, h := range lost {
		if !slices.ContainsFunc(slices.Collect(maps.Values(m.raws)), func(r *modelRaw) bool { return r.of[h] }) {
			m.drop(h)
		}
	}
	for _, r := range mine {
		m.leave(r, org)
	}
}

// removeOrg removes all of an organisation.
func (m *model) removeOrg(org string) {
	for h, e := range m.events {
		if e.OrgID() == org {
			m.drop(h)
		}
	}
	for _, r := range m.raws {
		m.leave(r, org)
	}
}

func (m *model) setContext(event, node tahoe.Hash, c tahoe.Category) {
	for _, n := range m.events[event].Refs() {
		if n.Hash() == node {
			m.g.check(m.events[event].SetContext(c, n))
		}
	}
	m.events[event].judged[node] = true
}

// clone is a model that changes apart.
func (m *model) clone() *model {
	c := newModel(m.g)
	for h, e := range m.events {
		same := &modelEvent{copyOf(m.g, e.Event, e.Children()), maps.Clone(e.judged)}
		m.g.check(same.SetCategory(e.Category()))
		for n, context := range contexts(m.g, e.Event) {
			m.g.check(same.SetContext(context, n))
		}
		c.events[h] = same
	}
	for h, s := range m.sessions {
		c.sessions[h] = &modelSession{s.as(m, s.Children()), maps.Clone(s.events)}
	}
	for h, r := range m.raws {
		c.raws[h] = &modelRaw{r.Raw, maps.Clone(r.said), maps.Clone(r.of)}
	}
	for key, t := range m.spans {
		c.spans.merge(key, *t)
	}
	return c
}
