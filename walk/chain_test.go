package walk_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/cybexp/cybexp/walk"
)

// links is a graph in memory; a vertex with more neighbours than hub does not tell them.
type links struct {
	edges map[walk.ID][]walk.ID
	hub   int
}

func (g links) Neighbours(_ context.Context, ids []walk.ID) ([]walk.Vertex, error) {
	var list []walk.Vertex
	for _, id := range ids {
		if len(g.edges[id]) > g.hub {
			list = append(list, walk.Vertex{ID: id, Hub: true})
			continue
		}
		list = append(list, walk.Vertex{ID: id, Links: slices.Clone(g.edges[id])})
	}
	return list, nil
}

func (g links) Keys(_ context.Context, ids []walk.ID) (map[walk.ID]string, error) {
	keys := map[walk.ID]string{}
	for _, id := range ids {
		keys[id] = key(id)
	}
	return keys, nil
}

// key turns the order of the numbers around.
func key(id walk.ID) string { return fmt.Sprintf("%03d", 999-id) }

func drawLinks(t *rapid.T) links {
	g := links{edges: map[walk.ID][]walk.ID{}, hub: 1000}
	n := rapid.IntRange(2, 14).Draw(t, "vertices")
	for i := range n {
		for j := range i {
			if rapid.IntRange(0, 4).Draw(t, "edge") == 0 {
				a, b := walk.ID(i+1), walk.ID(j+1)
				g.edges[a], g.edges[b] = append(g.edges[a], b), append(g.edges[b], a)
			}
		}
	}
	return g
}

// chains lists all shortest chains, the slow way.
func (g links) chains(from, to []walk.ID, longest int) [][]walk.ID {
	var found [][]walk.ID
	level := [][]walk.ID{}
	for _, id := range from {
		level = append(level, []walk.ID{id})
	}
	for range longest + 1 {
		for _, chain := range level {
			if slices.Contains(to, chain[len(chain)-1]) {
				found = append(found, chain)
			}
		}
		if len(found) > 0 {
			break
		}
		var next [][]walk.ID
		for _, chain := range level {
			for _, id := range g.edges[chain[len(chain)-1]] {
				if !slices.Contains(chain, id) {
					next = append(next, append(slices.Clone(chain), id))
				}
			}
		}
		level = next
	}
	slices.SortFunc(found, func(a, b []walk.ID) int { // by key, which is the other way round
		return slices.Compare(b, a)
	})
	return found
}

func TestChainsAreTheShortest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := drawLinks(t)
		ids := rapid.SliceOfNDistinct(rapid.Uint64Range(1, 14), 1, 2, rapid.ID)
		from, to := toIDs(ids.Draw(t, "from")), toIDs(ids.Draw(t, "to"))
		longest, n := rapid.IntRange(1, 7).Draw(t, "max"), rapid.IntRange(1, 4).Draw(t, "paths")
		want := g.chains(from, to, longest)
		want = want[:min(n, len(want))]
		got, err := walk.FindChains(t.Context(), g, from, to, walk.ChainOptions{Max: longest, Paths: n, Work: 10_000})
		if err != nil || got.LeftOut != 0 {
			t.Fatalf("%+v, %v", got, err)
		}
		if len(want) == 0 && len(got.Nodes) == 0 {
			return
		}
		if fmt.Sprint(got.Nodes) != fmt.Sprint(want) {
			t.Fatalf("got %v, want %v", got.Nodes, want)
		}
	})
}

func toIDs(list []uint64) []walk.ID {
	out := make([]walk.ID, len(list))
	for i, n := range list {
		out[i] = walk.ID(n)
	}
	return out
}

func TestChainsThroughHubsAreLeftOutAndTold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := drawLinks(t)
		from, to := []walk.ID{1}, []walk.ID{2}
		want := g.chains(from, to, 6)
		g.hub = rapid.IntRange(1, 4).Draw(t, "hub")
		got, err := walk.FindChains(t.Context(), g, from, to, walk.ChainOptions{Max: 6, Paths: 1, Work: rapid.IntRange(1, 60).Draw(t, "work")})
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case len(got.Nodes) == 0 && len(want) > 0 && got.LeftOut == 0:
			t.Fatalf("no chain and nothing left out; there is %v", want[0])
		case len(got.Nodes) == 0:
		case len(got.Nodes[0]) > len(want[0]) && got.LeftOut == 0, len(got.Nodes[0]) < len(want[0]):
			t.Fatalf("got %v with %d left out, want %v", got.Nodes[0], got.LeftOut, want[0])
		}
		for _, chain := range got.Nodes {
			for i, id := range chain[1:] {
				if !slices.Contains(g.edges[chain[i]], id) {
					t.Fatalf("%v is no chain", chain)
				}
			}
		}
	})
}

func TestAChainMayMeetAtAHub(t *testing.T) {
	g := links{edges: map[walk.ID][]walk.ID{1: {9}, 2: {9}, 9: {1, 2, 3, 4}}, hub: 3}
	got, err := walk.FindChains(t.Context(), g, []walk.ID{1}, []walk.ID{2}, walk.ChainOptions{Max: 4, Paths: 1, Work: 100})
	if err != nil || fmt.Sprint(got.Nodes) != "[[1 9 2]]" {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestWaysBackAreTheShortest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := drawLinks(t)
		keys := map[walk.ID]string{}
		for id := range walk.ID(15) {
			keys[id] = key(id)
		}
		starts := []walk.ID{1, 2}
		tree := walk.NewTree(starts, g.edges, keys)
		for id := range walk.ID(15) {
			want := g.chains([]walk.ID{id}, starts, 20)
			got := tree.Way(id)
			if len(want) == 0 && got == nil {
				continue
			}
			if len(want) == 0 || fmt.Sprint(got) != fmt.Sprint(want[0]) {
				t.Fatalf("from %d: got %v, want one of %v", id, got, want)
			}
		}
	})
}
