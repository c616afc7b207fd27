package tdql

import (
	"slices"

	"github.com/cybexp/cybexp/tahoe"
	"github.com/cybexp/cybexp/tdql/dql"
)

// walks says which step of a plan is walked; below zero for none.
func (p *Plan) walks() int {
	return slices.IndexFunc(p.steps, func(s step) bool {
		switch s.(type) {
		case *rank, *chain, *diagram:
			return true
		}
		return false
	})
}

// compileWalk makes the program of a plan whose step at is walked.
func compileWalk(p *Plan, at int) *Program {
	w := &Walk{Take: -1, queries: map[walkQuery]dql.Query{}}
	prog := &Program{walk: w}
	before := p.steps[:at]
	switch s := p.steps[at].(type) {
	case *rank:
		w.Kind, w.Depth, w.Decay, w.Now = WalkRank, s.depth, s.decay, s.now
		prog.Fields = []string{"hash", "sub_type", "timestamp", "score", "exact", "error_bound", "left_out", "paths"}
		w.From = p.collect(before, "")
		p.rankQueries(w)
	case *chain:
		w.Kind, w.Max, w.Paths = WalkPath, s.max, s.paths
		prog.Fields = []string{"length", "nodes", "edges", "left_out"}
		w.From, w.To = p.collect(before, ""), p.collect(s.to, "")
		p.pathQueries(w, s)
	case *diagram:
		w.Kind, prog.Fields = WalkGraph, []string{"type", "hash", "itype", "sub_type", "data", "timestamp", "category", "way", "edge", "from", "to"}
		if s.summary {
			w.Kind, prog.Fields = WalkSummary, []string{"summary_graph"}
		}
		p.drawing(w, before)
	}
	for _, s := range p.steps[at+1:] {
		w.keep(s)
	}
	prog.Kind = string(w.Kind)
	return prog
}

// keep sorts the rows, or keeps a stretch of them.
func (w *Walk) keep(s step) {
	switch s := s.(type) {
	case *order:
		w.Sort = 1
		if s.by[0].desc {
			w.Sort = -1
		}
	case *slice:
		w.Skip += s.skip
		if w.Take >= 0 {
			w.Take = max(0, min(w.Take-s.skip, s.take))
		} else {
			w.Take = s.take
		}
	default:
		panic("tdql: Check lets only sort, limit and page follow a walk")
	}
}

// part begins a query of a walk.
func (p *Plan) part() *compiler {
	c := &compiler{plan: p}
	c.fresh()
	return c
}

// collect makes the program that finds the vertices of a set. With a kind it begins at vertices of that kind, which are given.
func (p *Plan) collect(steps []step, from tahoe.Kind) *Program {
	c := p.part()
	c.seeded = from
	c.reseed()
	c.steps(steps)
	prog := &Program{phases: c.phases}
	if c.best != nil {
		prog.phases = append(prog.phases, c.bestPhase(true))
	} else {
		prog.phases = append(prog.phases, c.rowPhases(true)...)
	}
	if len(p.orgs) == 0 {
		prog.blank()
	}
	return prog
}

// blank makes a program ask nothing.
func (p *Program) blank() {
	for i := range p.phases {
		p.phases[i].first, p.phases[i].gather, p.phases[i].fetch = dql.Query{}, dql.Query{}, dql.Query{}
	}
}

// about asks for fields of given vertices that pass a filter.
func (w *Walk) about(name walkQuery, c *compiler, filter dql.Filter, fields ...dql.Field) {
	fields = append([]dql.Field{{Name: "uid"}}, fields...)
	c.add(dql.Block{Name: "r", Func: dql.UIDList(c.q.Declare("seed", "string", "[]")), Filter: filter, Fields: fields})
	w.queries[name] = *c.q
}

var attributesOnly = dql.Type("Attribute")

// edge lists the vertices at the end of an edge.
func edge(alias, name string, filter dql.Filter) dql.Field {
	return dql.Field{Alias: alias, Name: name, Filter: filter, Fields: uidOnly}
}

// rankQueries are those of ThreatRank.
func (p *Plan) rankQueries(w *Walk) {
	malicious := func(c *compiler) dql.Filter {
		return dql.All(c.access(), dql.Eq("category", c.q.Bind("c", "malicious")))
	}
	c := p.part()
	events, n := c.name(), dql.Args{First: c.q.Declare("n", "int", "0")}
	c.add(dql.Block{Func: dql.UIDList(c.q.Declare("seed", "string", "[]")), Fields: []dql.Field{{As: events, Name: "~ref", Filter: c.access()}}})
	c.add(dql.Block{Name: "r", Func: dql.UID(events), Args: n, Fields: uidOnly})
	c.add(dql.Block{Name: "m", Func: dql.UID(events), Args: n, Filter: dql.Eq("category", c.q.Bind("c", "malicious")), Fields: uidOnly})
	w.queries[askAround] = *c.q
	c = p.part()
	w.about(askDegrees, c, attributesOnly, dql.Field{Alias: "n", Name: "~ref", Count: true, Filter: c.access()})
	c = p.part()
	w.about(askCounts, c, attributesOnly,
		dql.Field{Alias: "n", Name: "~ref", Count: true, Filter: c.access()},
		dql.Field{Alias: "m", Name: "~ref", Count: true, Filter: malicious(c)})
	c = p.part()
	w.about(askMalicious, c, attributesOnly, edge("e", "~ref", malicious(c)))
	c = p.part()
	w.about(askAll, c, attributesOnly, edge("e", "~ref", c.access()))
	degree := dql.Field{Alias: "n", Name: "ref", Count: true, Filter: attributesOnly}
	c = p.part()
	w.about(askEventSizes, c, c.access(), dql.Field{Name: "timestamp"}, dql.Field{Name: "category"}, degree)
	c = p.part()
	w.about(askEventLists, c, c.access(), dql.Field{Name: "timestamp"}, dql.Field{Name: "category"}, edge("a", "ref", attributesOnly))
	c = p.part()
	w.about(askEventEdges, c, c.access(), dql.Field{Name: "timestamp"}, edge("a", "ref", attributesOnly))
	p.details(w)
}

// details asks for what is shown of vertices that a walk has come to.
func (p *Plan) details(w *Walk) {
	w.about(askDetails, p.part(), nil, details...)
}

var details = []dql.Field{{Name: "hash"}, {Name: "itype"}, {Name: "sub_type"}, {Name: "data"}, {Name: "brief"}, {Name: "timestamp"}, {Name: "category"}}

// drawing compiles graph: what related starts at, then what it finds, then how that hangs together.
func (p *Plan) drawing(w *Walk, steps []step) {
	at := len(steps) - 1
	for at > 0 {
		if _, ok := steps[at].(*relate); ok {
			break
		}
		at--
	}
	from := steps[at].(*relate).from
	w.From = p.collect(steps[:at], "")
	w.Related = p.collect(steps[at:], from)
	c := p.part()
	w.about(askEdges, c, nil, append(slices.Clone(details),
		edge("c", "cref", nil), edge("d", "ocref", nil), edge("e", "sref", c.access()), edge("f", "sattr", nil))...)
}
