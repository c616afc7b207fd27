package reportd

import (
	"context"
	"fmt"
	"slices"

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
func (k *walker) path(ctx context.Context, from []string) error {
	to, err := k.find(ctx, "find the end", k.To, nil)
	if err != nil {
		return err
	}
	found, err := walk.FindChains(ctx, pathGraph{k}, parseUIDs(from), parseUIDs(to),
		walk.ChainOptions{Max: k.Max, Paths: k.Paths, Work: walkEdges, Level: k.chainLevel})
	if err != nil {
		return err
	}
	k.trace.at("")
	k.trace.capped("", found.LeftOut, "vertices reached and not followed")
	if len(found.Nodes) == 0 && found.LeftOut > 0 {
		return k.emit(pathRow{Nodes: []node{}, Edges: []string{}, LeftOut: found.LeftOut})
	}
	known, err := k.details(ctx, slices.Concat(found.Nodes...))
	if err != nil {
		return err
	}
	for _, chain := range found.Nodes {
		length := len(chain) - 1
		row := pathRow{Length: &length, Nodes: nodes(chain, known), Edges: []string{}, LeftOut: found.LeftOut}
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

var hubs = fmt.Sprintf("hubs, of more than %d neighbours, not followed", walkHub)

// chainLevel tells the trace how far a search for chains is.
func (k *walker) chainLevel(level int, second bool) {
	from := "start"
	if second {
		from = "end"
	}
	k.trace.at(fmt.Sprintf("level %d from the %s", level, from))
}

// pathGraph is the graph as chains see it.
type pathGraph struct{ *walker }

// Neighbours implements walk.Links.
func (g pathGraph) Neighbours(ctx context.Context, ids []walk.ID) ([]walk.Vertex, error) {
	const sizing = "numbers of neighbours"
	sizes, err := g.ask(ctx, sizing, ids, g.Sizes)
	if err != nil {
		return nil, err
	}
	var list []walk.Vertex
	var small []walk.ID
	edges := 0
	for i, v := range sizes {
		if size := v.N + v.M; size > walkHub {
			list = append(list, walk.Vertex{ID: v.id(), Hub: true})
			g.trace.capped(sizing, 1, hubs)
		} else {
			small = append(small, v.id())
			edges += size
		}
		if edges < walkPage*rankBatch && i < len(sizes)-1 {
			continue
		}
		found, err := g.ask(ctx, "neighbours", small, g.walker.Neighbours)
		if err != nil {
			return nil, err
		}
		for _, v := range found {
			list = append(list, walk.Vertex{ID: v.id(), Links: v.links()})
		}
		small, edges = small[:0], 0
	}
	return list, nil
}

// links are the neighbours, but for sessions that are not visible.
func (v *vertex) links() []walk.ID {
	list := slices.Concat[[]walk.ID](v.E, v.F, v.G, v.H, v.I, v.J, v.S)
	for _, s := range v.T {
		if len(s.V) > 0 {
			list = append(list, parseUID(s.UID))
		}
	}
	return list
}

// Keys implements walk.Links: vertices are ordered by their hashes.
func (g pathGraph) Keys(ctx context.Context, ids []walk.ID) (map[walk.ID]string, error) {
	g.trace.at("")
	known, err := g.details(ctx, ids)
	if err != nil {
		return nil, err
	}
	keys := make(map[walk.ID]string, len(known))
	for id, v := range known {
		keys[id] = v.Hash
	}
	return keys, nil
}
