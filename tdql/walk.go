package tdql

import (
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/cybexp/cybexp/tdql/dql"
)

// WalkKind says what a walk looks for.
type WalkKind string

// The kinds of walks.
const (
	WalkRank    WalkKind = "threatrank"    // the ThreatRank of each event of From
	WalkPath    WalkKind = "path"          // the shortest chains from From to To
	WalkGraph   WalkKind = "graph"         // what Related finds, as nodes and edges
	WalkSummary WalkKind = "summary_graph" // the values that Related finds, with their ways back to From
)

// Walk is the end of a program that goes from vertex to vertex: its runner fetches neighbours, with the queries here, and
// works on them in memory. Everything must be asked at one snapshot. The caller's rights are in every query.
type Walk struct {
	Kind WalkKind
	// From finds the vertices to start at, To those to come to, and Related, begun at what From found, what to draw. Their
	// runs give no rows: see Execution.Found.
	From, To, Related *Program

	Depth int       // edges of the longest path of a rank
	Decay float64   // what a day leaves of a weight
	Now   time.Time // from which days are counted
	Max   int       // edges of the longest chain
	Paths int       // chains wanted

	// Sort orders ranks by score: the lowest first above zero, the highest first below; at zero they come as From finds them.
	Sort int
	// Skip rows are left out, and then Take are taken; all when it is below zero.
	Skip, Take int64

	// Analyze says that the query asks how the walk goes: the rows are of its fetches, and not what it finds.
	Analyze bool

	queries map[walkQuery]dql.Query
}

// walkQuery names a query of a walk.
type walkQuery uint8

const (
	askAround     walkQuery = iota // the events that include any of the attributes
	askDegrees                     // how many events each attribute has
	askCounts                      // and how many malicious ones
	askMalicious                   // the malicious ones
	askAll                         // all of them
	askEventSizes                  // how many attributes each event has
	askEventLists                  // and which
	askEventEdges                  // which, and no more
	askBetween                     // what is between two sets of vertices
	askSizes                       // how many neighbours each vertex has
	askNeighbours                  // and which
	askDetails                     // what is shown of each vertex
	askEdges                       // and how vertices hold each other
)

// Walk returns the walk that the program ends with, nil if it has none.
func (p *Program) Walk() *Walk { return p.walk }

// StartAt begins a run of a program that starts at what another one found.
func (p *Program) StartAt(uids []uint64) *Execution {
	x := p.Start()
	x.found = uids
	return x
}

// Found lists the vertices that a finished run of a part of a walk has found.
func (x *Execution) Found() []uint64 { return x.found }

// EventSizes asks for the time and category of events, and for their number n of attributes.
func (w *Walk) EventSizes(uids []uint64) dql.Query { return w.ask(askEventSizes, uids) }

// EventLists asks for the time and category of events, and for their attributes, as a.
func (w *Walk) EventLists(uids []uint64) dql.Query { return w.ask(askEventLists, uids) }

// EventEdges asks for the time of events, and for their attributes, as a.
func (w *Walk) EventEdges(uids []uint64) dql.Query { return w.ask(askEventEdges, uids) }

// Around asks for up to n events that include any of the attributes, in the block r, and up to n malicious ones of them, as m.
func (w *Walk) Around(uids []uint64, n int) dql.Query {
	return w.ask(askAround, uids).With(map[dql.Param]string{"n": strconv.Itoa(n)})
}

// Degrees asks for the number n of events of each attribute.
func (w *Walk) Degrees(uids []uint64) dql.Query { return w.ask(askDegrees, uids) }

// Counts asks for the number n of events of each attribute, and m of malicious ones.
func (w *Walk) Counts(uids []uint64) dql.Query { return w.ask(askCounts, uids) }

// Holders asks for the events of attributes, as e, all or the malicious ones.
func (w *Walk) Holders(uids []uint64, malicious bool) dql.Query {
	if malicious {
		return w.ask(askMalicious, uids)
	}
	return w.ask(askAll, uids)
}

// ByKind are vertices by their kinds. One of an unknown kind is in all four.
type ByKind struct {
	Events, Parts, Sessions, Raws []uint64
}

// Sizes asks for about the number of neighbours n of each vertex, by kind in four blocks: r, p, q and o.
func (w *Walk) Sizes(k ByKind) dql.Query { return w.queries[askSizes].With(k.params("")) }

// Neighbours asks for the neighbours of vertices, in the same blocks: events e, f and i; attributes and objects g and h;
// sessions s, k and t, of which those without a v are not visible; and raws j.
func (w *Walk) Neighbours(k ByKind) dql.Query { return w.queries[askNeighbours].With(k.params("")) }

// Between asks for up to n vertices of the second set that are next to the first one, as d, and up to n that are next to both, as
// m; each with those neighbours that are in the sets.
func (w *Walk) Between(a, b ByKind, n int) dql.Query {
	values := a.params("a")
	maps.Copy(values, b.params("b"))
	values["a"], values["b"], values["n"] = a.all(), b.all(), strconv.Itoa(n)
	return w.queries[askBetween].With(values)
}

// all is the list of all of them, some several times.
func (k ByKind) all() string { return uidText(slices.Concat(k.Events, k.Parts, k.Sessions, k.Raws)) }

// params are the values of a query's lists of vertices.
func (k ByKind) params(prefix string) map[dql.Param]string {
	return map[dql.Param]string{
		dql.Param(prefix + "events"): uidText(k.Events), dql.Param(prefix + "parts"): uidText(k.Parts),
		dql.Param(prefix + "sessions"): uidText(k.Sessions), dql.Param(prefix + "raws"): uidText(k.Raws),
	}
}

// Details asks for what is shown of vertices, Edges for that and what they hold: c, d, e and f.
func (w *Walk) Details(uids []uint64) dql.Query { return w.ask(askDetails, uids) }

// Edges asks for what is shown of vertices and for what they hold directly, as c, d, e and f.
func (w *Walk) Edges(uids []uint64) dql.Query { return w.ask(askEdges, uids) }

func (w *Walk) ask(name walkQuery, uids []uint64) dql.Query {
	return w.queries[name].With(map[dql.Param]string{"seed": uidText(uids), "first": strconv.Itoa(len(uids))})
}

// list lists the walk's queries, in the order in which they are first asked.
func (w *Walk) list() []dql.Query {
	var all []dql.Query
	for _, p := range []*Program{w.From, w.To, w.Related} {
		if p != nil {
			all = append(all, p.Queries()...)
		}
	}
	for name := askAround; name <= askEdges; name++ {
		if q, ok := w.queries[name]; ok {
			all = append(all, q)
		}
	}
	return all
}
