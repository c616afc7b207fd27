package walk_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/cybexp/cybexp/walk"
)

// links is a graph in memory.
type links struct {
	edges map[walk.ID][]walk.ID
}

func (g links) Degrees(_ context.Context, ids []walk.ID) (map[walk.ID]int, error) {
	degrees := map[walk.ID]int{}
	for _, id := range ids {
		degrees[id] = len(g.edges[id])
	}
	return degrees, nil
}

func (g links) Neighbours(_ context.Context, ids []walk.ID) ([]walk.Vertex, error) {
	var list []walk.Vertex
	for _, id := range ids {
		list = append(list, walk.Vertex{ID: id, Links: slices.Clone(g.edges[id])})
	}
	return list, nil
}

func (g links) Between(_ context.Context, a, b []walk.ID, n int) (next, common []walk.Vertex, err error) {
	in := func(list []walk.ID, other ...walk.ID) func(walk.ID) bool {
		return func(id walk.ID) bool { return !slices.Contains(list, id) && !slices.Contains(other, id) }
	}
	for _, id := range slices.Sorted(maps.Keys(g.edges)) {
		ours := slices.DeleteFunc(slices.Clone(g.edges[id]), in(a))
		if len(ours) == 0 {
			continue
		}
		if slices.Contains(b, id) && len(next) < n {
			next = append(next, walk.Vertex{ID: id, Links: ours})
		}
		if both := slices.DeleteFunc(slices.Clone(g.edges[id]), in(a, b...)); slices.ContainsFunc(both, func(id walk.ID) bool { return slices.Contains(b, id) }) && len(common) < n {
			common = append(common, walk.Vertex{ID: id, Links: both})
		}
	}
	return next, common, nil
}

func drawLinks(t *rapid.T) links {
	g := links{edges: map[walk.ID][]walk.ID{}}
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
	slices.SortFunc(found, slices.Compare[[]walk.ID])
	return found
}

func TestChainsAreTheShortest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := drawLinks(t)
		ids := rapid.SliceOfNDistinct(rapid.Uint64Range(1, 14), 1, 2, rapid.ID)
		from, to := ids.Draw(t, "from"), ids.Draw(t, "to")
		longest, n := rapid.IntRange(1, 7).Draw(t, "max"), rapid.IntRange(1, 4).Draw(t, "paths")
		want := g.chains(from, to, longest)
		got, err := walk.FindChains(t.Context(), g, from, to, walk.ChainOptions{Max: longest, Paths: n, Work: 10_000, Hub: 1000})
		if err != nil || len(got.Capped) != 0 {
			t.Fatalf("%+v, %v", got, err)
		}
		sameChains(t, got.Nodes, want, n)
	})
}

// sameChains tests for n of the wanted chains, in order, each once.
func sameChains(t *rapid.T, got, want [][]walk.ID, n int) {
	t.Helper()
	ok := len(got) == min(n, len(want)) && slices.IsSortedFunc(got, slices.Compare[[]walk.ID])
	for i, chain := range got {
		ok = ok && slices.ContainsFunc(want, func(w []walk.ID) bool { return slices.Equal(w, chain) }) && (i == 0 || !slices.Equal(got[i-1], chain))
	}
	if !ok {
		t.Fatalf("got %v, want %d of %v", got, n, want)
	}
}

func TestChainsThroughHubsAreFoundOrTheHubsAreTold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := drawLinks(t)
		from, to := []walk.ID{1}, []walk.ID{2}
		longest, n := rapid.IntRange(1, 8).Draw(t, "max"), rapid.IntRange(1, 3).Draw(t, "paths")
		want := g.chains(from, to, longest)
		hub, work := rapid.IntRange(0, 5).Draw(t, "hub"), rapid.IntRange(1, 60).Draw(t, "work")
		got, err := walk.FindChains(t.Context(), g, from, to, walk.ChainOptions{Max: longest, Paths: n, Work: work, Hub: hub})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range got.Capped {
			if c.Degree != len(g.edges[c.ID]) {
				t.Fatalf("capped %+v has %d neighbours", c, len(g.edges[c.ID]))
			}
		}
		if len(got.Capped) == 0 {
			sameChains(t, got.Nodes, want, n)
		}
		for _, chain := range got.Nodes {
			if len(chain) < len(want[0]) || chain[0] != 1 || chain[len(chain)-1] != 2 {
				t.Fatalf("got %v, want one of %v", chain, want)
			}
			for i, id := range chain[1:] {
				if !slices.Contains(g.edges[chain[i]], id) {
					t.Fatalf("%v is no chain", chain)
				}
			}
		}
	})
}

// Chains of up to four edges need no hub to be followed.
func TestAChainMayLeadThroughHubs(t *testing.T) {
	g := links{edges: map[walk.ID][]walk.ID{1: {9}, 2: {8}, 5: {8, 9}, 9: {1, 4, 5, 7}, 8: {2, 3, 5, 6}}}
	got, err := walk.FindChains(t.Context(), g, []walk.ID{1}, []walk.ID{2}, walk.ChainOptions{Max: 4, Paths: 1, Work: 100, Hub: 3})
	if err != nil || fmt.Sprint(got.Nodes) != "[[1 9 5 8 2]]" || len(got.Capped) > 0 {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestWaysBackAreTheShortest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := drawLinks(t)
		keys := map[walk.ID]string{}
		for id := range walk.ID(15) {
			keys[id] = fmt.Sprintf("%03d", id)
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
