package reportd

import (
	"context"
	"time"

	"github.com/cybexp/cybexp/tdql"
	"github.com/cybexp/cybexp/tdql/dql"
	"github.com/cybexp/cybexp/walk"
)

// rankRow is a row of threatrank.
type rankRow struct {
	Hash       string     `json:"hash"`
	SubType    string     `json:"sub_type"`
	Timestamp  string     `json:"timestamp"`
	Score      float64    `json:"score"`
	Exact      bool       `json:"exact"`
	ErrorBound float64    `json:"error_bound"`
	LeftOut    float64    `json:"left_out"`
	Paths      []rankPath `json:"paths"`
}

type rankPath struct {
	Contribution float64 `json:"contribution"`
	Nodes        []node  `json:"nodes"`
}

// rankBatch is how many events are ranked before their rows are made; the first one alone.
const rankBatch = 50

// rank ranks events, in their order. The neighbourhoods that they share are fetched once.
func (k *walker) rank(ctx context.Context, from []string) error {
	events := parseUIDs(from)
	events = events[min(int64(len(events)), k.cut):]
	k.cut = 0
	if k.Take >= 0 {
		events = events[:min(int64(len(events)), k.Take)]
	}
	ranker := walk.NewRanker(rankGraph{k}, walk.RankOptions{Depth: k.Depth, Decay: k.Decay, Work: walkEdges, Paths: rankPaths})
	for size := 1; len(events) > 0; size = rankBatch {
		n := min(size, len(events))
		if err := k.rankSome(ctx, ranker, events[:n]); err != nil {
			return err
		}
		events = events[n:]
	}
	return nil
}

func (k *walker) rankSome(ctx context.Context, ranker *walk.Ranker, events []walk.ID) error {
	ranks := make([]walk.Rank, len(events))
	var shown []walk.ID
	for i, id := range events {
		var err error
		if ranks[i], err = ranker.Rank(ctx, id); err != nil {
			return err
		}
		shown = append(shown, id)
		for _, p := range ranks[i].Paths {
			shown = append(shown, p.Nodes...)
		}
	}
	known, err := k.details(ctx, shown)
	if err != nil {
		return err
	}
	for i, id := range events {
		r := ranks[i]
		row := rankRow{Score: r.Score, Exact: r.Exact, ErrorBound: r.ErrorBound, LeftOut: r.LeftOut, Paths: []rankPath{}}
		if v := known[id]; v != nil {
			row.Hash, row.SubType, row.Timestamp = v.Hash, v.SubType, v.Timestamp
		}
		for _, p := range r.Paths {
			row.Paths = append(row.Paths, rankPath{Contribution: p.Contribution, Nodes: nodes(p.Nodes, known)})
		}
		if err := k.emit(row); err != nil {
			return err
		}
	}
	return nil
}

// rankGraph is the graph as ThreatRank sees it.
type rankGraph struct{ *walker }

// Events implements walk.Incidence.
func (g rankGraph) Events(ctx context.Context, ids []walk.ID, attributes bool) ([]walk.Event, error) {
	found, err := g.ask(ctx, ids, func(uids []string) dql.Query { return g.walker.Events(uids, attributes) })
	if err != nil {
		return nil, err
	}
	list := make([]walk.Event, len(found))
	for i, v := range found {
		list[i] = walk.Event{ID: v.id(), Days: g.days(v.Timestamp), Malicious: v.Category == "malicious", Degree: v.N, Attributes: v.Ref}
		if attributes {
			list[i].Degree = len(v.Ref)
		}
	}
	return list, nil
}

// days is how many whole days have gone by since a time.
func (g rankGraph) days(timestamp string) int64 {
	t, err := time.Parse(time.RFC3339Nano, timestamp)
	if err != nil {
		return 0
	}
	const day = 24 * 60 * 60
	return max(0, (g.Now.UnixMicro()-t.UnixMicro())/(day*1_000_000))
}

// Attributes implements walk.Incidence.
func (g rankGraph) Attributes(ctx context.Context, ids []walk.ID, reach walk.Reach) ([]walk.Attribute, error) {
	var query func([]string) dql.Query
	switch reach {
	case walk.Counts:
		query = g.Counts
	case walk.Few:
		return g.few(ctx, ids)
	case walk.Malicious, walk.All:
		query = func(uids []string) dql.Query { return g.Holders(uids, reach == walk.Malicious) }
	}
	found, err := g.ask(ctx, ids, query)
	if err != nil {
		return nil, err
	}
	list := make([]walk.Attribute, len(found))
	for i, v := range found {
		list[i] = walk.Attribute{ID: v.id(), Degree: v.N, Malicious: v.M, Events: v.E}
	}
	return list, nil
}

// few asks for the first malicious events of attributes, and counts those that have more.
func (g rankGraph) few(ctx context.Context, ids []walk.ID) ([]walk.Attribute, error) {
	found, err := g.ask(ctx, ids, g.Few)
	if err != nil {
		return nil, err
	}
	var list []walk.Attribute
	var many []walk.ID
	for _, v := range found {
		if len(v.E) > tdql.FewEvents {
			many = append(many, v.id())
			continue
		}
		list = append(list, walk.Attribute{ID: v.id(), Degree: v.N, Malicious: len(v.E), Events: v.E})
	}
	rest, err := g.Attributes(ctx, many, walk.Counts)
	return append(list, rest...), err
}
