package walk_test

import (
	"testing"

	"github.com/cybexp/cybexp/walk"
)

// BenchmarkRank ranks the first hundred events of a dense graph, one after the other with what they share.
func BenchmarkRank(b *testing.B) {
	g := scattered(20_000, 30_000)
	for b.Loop() {
		r := walk.NewRanker(g, walk.RankOptions{Depth: 6, Decay: 0.998, Work: 2_000_000, Paths: 5})
		for i := range 100 {
			if _, err := r.Rank(b.Context(), walk.ID(i+1)); err != nil {
				b.Fatal(err)
			}
		}
	}
}
