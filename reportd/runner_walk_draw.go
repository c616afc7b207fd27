package reportd

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"slices"

	"github.com/cybexp/cybexp/tdql"
	"github.com/cybexp/cybexp/walk"
)

// drawnNode and drawnEdge are the rows of graph.
type drawnNode struct {
	Type string `json:"type"`
	node
	Way []string `json:"way,omitempty"` // of an attribute: hashes from itself to the start
}

type drawnEdge struct {
	Type string `json:"type"`
	Edge string `json:"edge"`
	From string `json:"from"`
	To   string `json:"to"`
}

// drawing is what related found, in memory, and how it hangs together.
type drawing struct {
	list  []vertex
	known map[walk.ID]*vertex
	tree  *walk.Tree
}

// draw tells what is related as nodes and edges, or as values with their ways back to the start.
func (k *walker) draw(ctx context.Context, from []walk.ID) error {
	found, err := k.find(ctx, "find what is related", k.Related, from)
	if err != nil {
		return err
	}
	if len(found) > walkDrawn {
		return tooMuch("%d instances are related; a graph has at most %d: narrow the query", len(found), walkDrawn)
	}
	d := drawing{known: make(map[walk.ID]*vertex, len(found))}
	if d.list, err = k.ask(ctx, "what holds what", found, k.Edges); err != nil {
		return err
	}
	edges := make(map[walk.ID][]walk.ID, len(found))
	keys := make(map[walk.ID]string, len(found))
	for i := range d.list {
		v := &d.list[i]
		id := v.ID
		d.known[id], keys[id] = v, v.Hash
		edges[id] = slices.Concat(v.to('c'), v.to('d'), v.to('e'), v.to('f'))
	}
	d.tree = walk.NewTree(from, edges, keys)
	if k.Kind == tdql.WalkSummary {
		return k.emit(d.summary())
	}
	return k.emitDrawing(&d)
}

func (k *walker) emitDrawing(d *drawing) error {
	for i := range d.list {
		v := &d.list[i]
		row := drawnNode{Type: "node", node: v.node()}
		if v.IType == "attribute" {
			for _, id := range d.tree.Way(v.ID) {
				row.Way = append(row.Way, d.known[id].Hash)
			}
		}
		if err := k.emit(row); err != nil {
			return err
		}
	}
	for i := range d.list {
		if err := k.emitEdges(&d.list[i], d); err != nil || k.full() {
			return err
		}
	}
	return nil
}

func (k *walker) emitEdges(v *vertex, d *drawing) error {
	for _, kind := range []struct {
		name   string
		letter byte
	}{{"cref", 'c'}, {"ocref", 'd'}, {"sref", 'e'}, {"sattr", 'f'}} {
		for _, id := range v.to(kind.letter) {
			if to := d.known[id]; to != nil {
				if err := k.emit(drawnEdge{Type: "edge", Edge: kind.name, From: v.Hash, To: to.Hash}); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// summaryRow lists by sub-type [value, [label, …]], the labels being those of the way from the value to the start.
type summaryRow struct {
	Summary map[string][][2]any `json:"summary_graph"`
}

func (d *drawing) summary() summaryRow {
	row := summaryRow{Summary: map[string][][2]any{}}
	byValue := slices.SortedFunc(maps.Values(d.known), func(a, b *vertex) int {
		return cmp.Or(cmp.Compare(a.Data, b.Data), cmp.Compare(a.Hash, b.Hash))
	})
	for _, v := range byValue {
		way := d.tree.Way(v.ID)
		if v.IType != "attribute" || way == nil || !json.Valid([]byte(v.Data)) {
			continue
		}
		labels := make([]string, len(way))
		for i, id := range way {
			labels[i] = d.known[id].SubType + "=" + d.known[id].IType
		}
		row.Summary[v.SubType] = append(row.Summary[v.SubType], [2]any{json.RawMessage(v.Data), labels})
	}
	return row
}
