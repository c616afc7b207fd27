package reportd

import (
	"context"
	"fmt"
	"slices"

	"github.com/cybexp/cybexp/tdql"
	"github.com/cybexp/cybexp/tdql/dql"
	"github.com/cybexp/cybexp/walk"
)

// pathRow is a row of path: a chain, or, when chains may have been missed and none was found, a word of that.
type pathRow struct {
	Length  *int     `json:"length"`
	Nodes   []node   `json:"nodes"`
	Edges   []string `json:"edges"`
	LeftOut int      `json:"left_out"`
}

// path looks for the shortest chains.
func (k *walker) path(ctx context.Context, from []walk.ID) error {
	to, err := k.find(ctx, "find the end", k.To, nil)
	if err != nil {
		return err
	}
	found, err := walk.FindChains(ctx, pathGraph{k, map[walk.ID]kind{}}, from, to,
		walk.ChainOptions{Max: k.Max, Paths: k.Paths, Work: walkEdges, Hub: walkHub, Level: k.chainLevel})
	if err != nil {
		return err
	}
	k.trace.at("")
	k.trace.capped("", len(found.Capped), "vertices reached and not followed")
	known, err := k.details(ctx, slices.Concat(append(found.Nodes, mostCapped(found.Capped))...))
	if err != nil {
		return err
	}
	k.warnCapped(found.Capped, known, "neighbours")
	if len(found.Nodes) == 0 && len(found.Capped) > 0 {
		return k.emit(pathRow{Nodes: []node{}, Edges: []string{}, LeftOut: len(found.Capped)})
	}
	for _, chain := range found.Nodes {
		length := len(chain) - 1
		row := pathRow{Length: &length, Nodes: nodes(chain, known), Edges: []string{}, LeftOut: len(found.Capped)}
		for i := range row.Nodes[1:] {
			row.Edges = append(row.Edges, edgeName(row.Nodes[i], row.Nodes[i+1]))
		}
		if err := k.emit(row); err != nil {
			return err
		}
	}
	return nil
}

// edgeName is the name of the edge between two vertices, whichever way it leads.
func edgeName(a, b node) string {
	kinds := []string{a.IType, b.IType}
	switch {
	case slices.Contains(kinds, "raw"):
		return "rref"
	case !slices.Contains(kinds, "session"):
		return "ref"
	case slices.Contains(kinds, "event"):
		return "sref"
	}
	return "sattr"
}

// chainLevel tells the trace how far a search for chains is.
func (k *walker) chainLevel(level int, second, between bool) {
	switch {
	case between:
		k.trace.at(fmt.Sprintf("up to %d edges", level))
	case second:
		k.trace.at(fmt.Sprintf("level %d from the end", level))
	default:
		k.trace.at(fmt.Sprintf("level %d from the start", level))
	}
}

// pathGraph is the graph as chains see it.
type pathGraph struct {
	*walker
	kinds map[walk.ID]kind // of the vertices that were come to
}

// kind is a kind of vertices with edges of their own. An end of a path is of any kind.
type kind uint8

const (
	anyKind kind = iota
	eventKind
	partKind
	sessionKind
	rawKind
)

// byKind sorts vertices by kind.
func (g pathGraph) byKind(ids []walk.ID) tdql.ByKind {
	var by tdql.ByKind
	add := func(list *[]walk.ID, id walk.ID, own, wanted kind) {
		if own == anyKind || own == wanted {
			*list = append(*list, id)
		}
	}
	for i, id := range ids {
		own := g.kinds[ids[i]]
		add(&by.Events, id, own, eventKind)
		add(&by.Parts, id, own, partKind)
		add(&by.Sessions, id, own, sessionKind)
		add(&by.Raws, id, own, rawKind)
	}
	return by
}

// Degrees implements walk.Links.
func (g pathGraph) Degrees(ctx context.Context, ids []walk.ID) (map[walk.ID]int, error) {
	found, err := g.ask(ctx, "numbers of neighbours", ids, func(ids []walk.ID) dql.Query { return g.Sizes(g.byKind(ids)) })
	degrees := make(map[walk.ID]int, len(ids))
	for _, v := range found {
		degrees[v.ID] += v.N // a vertex has the edges of one kind only
	}
	return degrees, err
}

// Neighbours implements walk.Links.
func (g pathGraph) Neighbours(ctx context.Context, ids []walk.ID) ([]walk.Vertex, error) {
	defer g.trace.at("")
	found, err := g.ask(ctx, "neighbours", ids, func(ids []walk.ID) dql.Query { return g.walker.Neighbours(g.byKind(ids)) })
	if err != nil {
		return nil, err
	}
	list := make([]walk.Vertex, 0, len(found))
	for _, v := range found {
		for letter, to := range edgesTo {
			g.found(&list, v.ID, v.to(letter), to)
		}
		var sessions []walk.ID
		for _, s := range v.sessions {
			if s.visible {
				sessions = append(sessions, s.id)
			}
		}
		g.found(&list, v.ID, sessions, sessionKind)
	}
	return list, nil
}

// edgesTo are the kinds of what the edges lead to that a search for chains asks for.
var edgesTo = map[byte]kind{
	'e': eventKind, 'f': eventKind, 'i': eventKind, 'g': partKind, 'h': partKind, 's': sessionKind, 'k': sessionKind, 'j': rawKind,
}

// found takes note of neighbours of one kind.
func (g pathGraph) found(list *[]walk.Vertex, from walk.ID, to []walk.ID, own kind) {
	if len(to) > 0 {
		*list = append(*list, walk.Vertex{ID: from, Links: to})
	}
	for _, id := range to {
		g.kinds[id] = own
	}
}

// Between implements walk.Links.
func (g pathGraph) Between(ctx context.Context, a, b []walk.ID, n int) (next, common []walk.Vertex, err error) {
	defer g.trace.at("")
	q := g.walker.Between(g.byKind(a), g.byKind(b), n)
	answers, err := g.askAll(ctx, "what is between", []dql.Query{q})
	if err != nil {
		return nil, nil, err
	}
	list := func(found []vertex) []walk.Vertex {
		out := make([]walk.Vertex, len(found))
		for i, v := range found {
			out[i].ID = v.ID
			for _, l := range v.links {
				out[i].Links = append(out[i].Links, l.to...)
			}
			for _, s := range v.sessions {
				out[i].Links = append(out[i].Links, s.id)
			}
		}
		return out
	}
	return list(answers[0].d), list(answers[0].m), nil
}
