package walk

import (
	"slices"
	"strings"
)

// Tree knows the shortest way from each vertex of a graph back to a start.
type Tree struct {
	next map[ID]ID // one step nearer
}

// NewTree finds the shortest ways over the edges, which lead both ways, to the nearest of the starts. Of ways of one length
// it takes the one whose keys come first.
func NewTree(starts []ID, edges map[ID][]ID, keys map[ID]string) *Tree {
	both := make(map[ID][]ID, len(keys))
	for from, list := range edges {
		for _, to := range list {
			both[from] = append(both[from], to)
			both[to] = append(both[to], from)
		}
	}
	byKey := func(a, b ID) int { return strings.Compare(keys[a], keys[b]) }
	t := &Tree{next: make(map[ID]ID, len(keys))}
	var level []ID
	for _, id := range starts {
		if _, ok := keys[id]; ok {
			t.next[id] = id
			level = append(level, id)
		}
	}
	for len(level) > 0 {
		slices.SortFunc(level, byKey)
		var beyond []ID
		for _, id := range slices.Compact(level) { // in the order of keys, so the first to reach a vertex is its best next one
			for _, to := range both[id] {
				if _, known := keys[to]; !known {
					continue
				}
				if _, seen := t.next[to]; !seen {
					t.next[to] = id
					beyond = append(beyond, to)
				}
			}
		}
		level = beyond
	}
	return t
}

// Way lists the vertices from one to the start, both included; nil when no way leads there.
func (t *Tree) Way(id ID) []ID {
	var way []ID
	for {
		next, ok := t.next[id]
		if !ok {
			return nil
		}
		way = append(way, id)
		if next == id {
			return way
		}
		id = next
	}
}
