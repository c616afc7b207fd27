package reportd

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strconv"
	"time"

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

// ranked is an event with its rank.
type ranked struct {
	id walk.ID
	walk.Rank
}

// rank ranks events, in their order or in that of their scores. The neighbourhoods that they share are fetched once.
func (k *walker) rank(ctx context.Context, from []walk.ID) error {
	events := from
	if k.Sort == 0 {
		events = events[min(int64(len(events)), k.cut):]
		k.cut = 0
		if k.Take >= 0 {
			events = events[:min(int64(len(events)), k.Take)]
		}
	}
	ranker := walk.NewRanker(rankGraph{k}, walk.RankOptions{Depth: k.Depth, Decay: k.Decay, Work: walkEdges, Paths: rankPaths, Level: k.rankLevel})
	var list []ranked
	capped := map[walk.ID]int{} // the degrees of what was not followed
	size := 1
	for i, id := range events {
		r, err := ranker.Rank(ctx, id)
		if err != nil {
			return err
		}
		k.traceRank(r)
		for _, c := range r.Capped {
			capped[c.ID] = c.Degree
		}
		list = append(list, ranked{id, r})
		switch {
		case k.Sort != 0 && k.Take >= 0 && int64(len(list)) > 2*(k.cut+k.Take)+rankBatch:
			list = k.sorted(list)[:k.cut+k.Take]
		case k.Sort == 0 && (len(list) == size || i == len(events)-1):
			if err := k.emitRanks(ctx, list); err != nil {
				return err
			}
			list, size = list[:0], rankBatch
		}
	}
	for part := range slices.Chunk(k.sorted(list), rankBatch) {
		if k.full() {
			break
		}
		if err := k.emitRanks(ctx, part); err != nil {
			return err
		}
	}
	return k.tellCapped(ctx, capped)
}

// tellCapped warns of the attributes that were not followed for one of the ranks.
func (k *walker) tellCapped(ctx context.Context, degrees map[walk.ID]int) error {
	list := make([]walk.Capped, 0, len(degrees))
	for _, id := range slices.Sorted(maps.Keys(degrees)) {
		list = append(list, walk.Capped{ID: id, Degree: degrees[id]})
	}
	if len(list) == 0 {
		return nil
	}
	known, err := k.details(ctx, mostCapped(list))
	if err != nil {
		return err
	}
	k.warnCapped(list, known, "events")
	return nil
}

// rankLevel tells the trace how far the ranking of an event is.
func (k *walker) rankLevel(level int) { k.trace.at("level " + strconv.Itoa(level)) }

// traceRank tells the trace what the ranking of an event left out.
func (k *walker) traceRank(r walk.Rank) {
	for i, edges := range r.Refused {
		k.rankLevel(i + 1)
		k.trace.capped("bound on the work", edges, "edges not followed")
	}
	k.trace.at("")
	if !r.Exact {
		k.trace.capped("", 1, "ranks not exact")
	}
}

// sorted sorts ranks by score, those of one score as they came.
func (k *walker) sorted(list []ranked) []ranked {
	slices.SortStableFunc(list, func(a, b ranked) int { return k.Sort * cmp.Compare(a.Score, b.Score) })
	return list
}

// emitRanks makes the rows of events.
func (k *walker) emitRanks(ctx context.Context, list []ranked) error {
	var shown []walk.ID
	for _, r := range list {
		shown = append(shown, r.id)
		for _, p := range r.Paths {
			shown = append(shown, p.Nodes...)
		}
	}
	known, err := k.details(ctx, shown)
	if err != nil {
		return err
	}
	for _, r := range list {
		row := rankRow{Score: r.Score, Exact: r.Exact, ErrorBound: r.ErrorBound, LeftOut: r.LeftOut, Paths: []rankPath{}}
		if v := known[r.id]; v != nil {
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
func (g rankGraph) Events(ctx context.Context, ids []walk.ID, detail walk.Detail) ([]walk.Event, error) {
	name, query := "attributes of events", g.EventLists
	switch detail {
	case walk.Sizes:
		name, query = "numbers of attributes of events", g.EventSizes
	case walk.Edges:
		query = g.EventEdges
	case walk.Attributes:
	}
	found, err := g.ask(ctx, name, ids, query)
	if err != nil {
		return nil, err
	}
	list := make([]walk.Event, len(found))
	for i, v := range found {
		list[i] = walk.Event{ID: v.ID, Days: g.days(v.Timestamp), Malicious: v.Category == "malicious", Degree: v.N, Attributes: v.to('a')}
		if detail != walk.Sizes {
			list[i].Degree = len(list[i].Attributes)
		}
	}
	return list, nil
}

// maxAround bounds how many attributes are asked about at once.
const maxAround = 500_000

// Around implements walk.Incidence.
func (g rankGraph) Around(ctx context.Context, attributes []walk.ID, most int) (walk.Surroundings, error) {
	if len(attributes) > maxAround {
		return walk.Surroundings{}, nil
	}
	answers, err := g.askAll(ctx, "events", []dql.Query{g.walker.Around(attributes, most+1)})
	if err != nil {
		return walk.Surroundings{}, err
	}
	events, malicious := vertexIDs(answers[0].list), vertexIDs(answers[0].m)
	return walk.Surroundings{Events: events, Malicious: malicious, All: len(events) <= most, EveryMalicious: len(malicious) <= most}, nil
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
	name, query := "numbers of events of attributes", g.Degrees
	switch reach {
	case walk.Degrees:
	case walk.Counts:
		name, query = "numbers of events and malicious events of attributes", g.Counts
	case walk.Malicious, walk.All:
		name = "events of attributes"
		if reach == walk.Malicious {
			name = "malicious events of attributes"
		}
		query = func(uids []walk.ID) dql.Query { return g.Holders(uids, reach == walk.Malicious) }
	}
	found, err := g.ask(ctx, name, ids, query)
	if err != nil {
		return nil, err
	}
	list := make([]walk.Attribute, len(found))
	for i, v := range found {
		list[i] = walk.Attribute{ID: v.ID, Degree: v.N, Malicious: v.M, Events: v.to('e')}
	}
	return list, nil
}
