// Package walk has the algorithms that go from instance to instance: ThreatRank, the shortest chains between two sets, and
// the shortest way back to a start. They are pure: the graph is fetched level by level through small interfaces, so that
// whoever implements them decides what is visible. The package knows no database and no query language.
//
//	ranker := walk.NewRanker(incidence, walk.RankOptions{Depth: 6, Decay: 0.998, Work: 2_000_000, Paths: 5})
//	result, err := ranker.Rank(ctx, event)
//	fmt.Println(result.Score, result.Exact)
package walk
