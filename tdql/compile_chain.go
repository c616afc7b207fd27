package tdql

import (
	"slices"

	"github.com/cybexp/cybexp/tahoe"
	"github.com/cybexp/cybexp/tdql/dql"
)

// chaining compiles the queries of chains. Events lead to their attributes and sessions, and what holds a visible event on.
// Objects and raws are only ends of a chain.
type chaining struct {
	*compiler
	events, parts dql.Filter // of those that a chain may go through
	raws          bool
}

func (p *Plan) chaining(s *chain) chaining {
	ends := append([]tahoe.Kind{s.from, s.kind}, kindsOf(s.to)...)
	has := func(k tahoe.Kind) bool {
		return slices.Contains(ends, k) || slices.Contains(ends, kindInstance) || slices.Contains(ends, kindRelated)
	}
	c := chaining{compiler: p.part(), parts: attributesOnly, raws: has(tahoe.KindRaw)}
	if has(tahoe.KindObject) {
		c.parts = nil
	}
	c.events = c.eventFilter(&s.narrow, nil)
	return c
}

// kindsOf are the kinds of sets that seeds name.
func kindsOf(steps []step) []tahoe.Kind {
	var list []tahoe.Kind
	for _, s := range steps {
		if s, ok := s.(*seed); ok && s.kind != "" {
			list = append(list, s.kind)
		}
	}
	return list
}

// pathQueries are those of chains.
func (p *Plan) pathQueries(w *Walk, s *chain) {
	c := p.chaining(s)
	n := func(edge string, filter dql.Filter) []dql.Field {
		return []dql.Field{{Name: "uid"}, {Alias: "n", Name: edge, Count: true, Filter: filter}}
	}
	c.byKind("", [4]string{"r", "p", "q", "o"}, n("ref", nil), n("~ref", c.events), n("sref", c.events), n("rref", nil))
	w.queries[askSizes] = *c.q

	c = p.chaining(s)
	own := dql.Field{Name: "uid"}
	events := []dql.Field{own, edge("g", "ref", c.parts), edge("s", "~sref", nil)}
	sessions := []dql.Field{own, edge("f", "sref", c.events), edge("h", "sattr", c.parts)}
	if c.raws {
		from := edge("j", "~rref", c.rawAccess())
		events, sessions = append(events, from), append(sessions, from)
	}
	identified := dql.Field{Alias: "t", Name: "~sattr", Fields: []dql.Field{own, c.hasEvent("v")}}
	c.byKind("", [4]string{"r", "p", "q", "o"}, events, []dql.Field{own, edge("e", "~ref", c.events), identified}, sessions,
		[]dql.Field{own, edge("i", "rref", c.events), edge("k", "rref", dql.Type("Session"))})
	w.queries[askNeighbours] = *c.q

	c = p.chaining(s)
	c.between()
	w.queries[askBetween] = *c.q
	p.details(w)
}

// byKind adds a block for each kind of vertices. The block of raws is left out when no chain ends at one.
func (c *chaining) byKind(prefix string, names [4]string, fields ...[]dql.Field) {
	for i, kind := range []string{"events", "parts", "sessions", "raws"} {
		if kind == "raws" && !c.raws {
			continue
		}
		list := dql.UIDList(c.q.Declare(prefix+kind, "string", "[]"))
		c.add(dql.Block{Name: names[i], Func: list, Fields: fields[i]})
	}
}

// around binds the neighbours of one set of vertices, and returns the variables.
func (c *chaining) around(prefix string) []string {
	var names []string
	bind := func(edge string, filter dql.Filter) dql.Field {
		name := c.name()
		names = append(names, name)
		return dql.Field{As: name, Name: edge, Filter: filter}
	}
	identified := dql.Field{As: c.name(), Name: "~sattr"}
	events := []dql.Field{bind("ref", c.parts), bind("~sref", nil)}
	sessions := []dql.Field{bind("sref", c.events), bind("sattr", c.parts)}
	var raws []dql.Field
	if c.raws {
		events, sessions = append(events, bind("~rref", c.rawAccess())), append(sessions, bind("~rref", c.rawAccess()))
		raws = []dql.Field{bind("rref", dql.Or{c.events, dql.Type("Session")})}
	}
	c.byKind(prefix, [4]string{}, events, []dql.Field{bind("~ref", c.events), identified}, sessions, raws)
	visible := c.name()
	c.add(dql.Block{As: visible, Func: dql.UID(identified.As), Cascade: true, Fields: []dql.Field{c.hasEvent("")}})
	return append(names, visible)
}

// between asks for the vertices of one set that are next to another one, and those that are next to both. The database intersects
// them, so that of a hub only that is told which the other set has too.
func (c *chaining) between() {
	a, b := c.around("a"), c.around("b")
	ours, theirs := dql.UIDList(c.q.Declare("a", "string", "[]")), dql.UIDList(c.q.Declare("b", "string", "[]"))
	n := dql.Args{First: c.q.Declare("n", "int", "0")}
	links := func(in dql.Filter) []dql.Field {
		fields := []dql.Field{{Name: "uid"}}
		for i, name := range []string{"~ref", "sref", "ref", "sattr", "~sref", "~sattr", "rref", "~rref"} {
			if alias := "efghstij"[i : i+1]; c.raws || name != "rref" && name != "~rref" {
				fields = append(fields, edge(alias, name, in))
			}
		}
		return fields
	}
	c.add(dql.Block{Name: "d", Func: dql.UID(a...), Args: n, Filter: theirs, Fields: links(ours)})
	c.add(dql.Block{Name: "m", Func: dql.UID(a...), Args: n, Filter: dql.UID(b...), Fields: links(dql.Or{ours, theirs})})
}
