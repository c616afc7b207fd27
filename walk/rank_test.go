package walk_test

import (
	"cmp"
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/cybexp/cybexp/walk"
)

// incidence is a graph in memory: the attributes of its events, by name.
type incidence struct {
	events     map[walk.ID]walk.Event
	attributes map[walk.ID][]walk.ID
}

func newIncidence(events ...walk.Event) *incidence {
	g := &incidence{events: map[walk.ID]walk.Event{}, attributes: map[walk.ID][]walk.ID{}}
	for _, e := range events {
		e.Degree = len(e.Attributes)
		g.events[e.ID] = e
		for _, a := range e.Attributes {
			g.attributes[a] = append(g.attributes[a], e.ID)
		}
	}
	return g
}

func (g *incidence) Events(_ context.Context, ids []walk.ID, detail walk.Detail) ([]walk.Event, error) {
	var list []walk.Event
	for _, id := range ids {
		if e, ok := g.events[id]; ok {
			switch detail {
			case walk.Sizes:
				e.Attributes = nil
			case walk.Edges:
				e.Malicious = false
			case walk.Attributes:
			}
			list = append(list, e)
		}
	}
	return list, nil
}

func (g *incidence) Attributes(_ context.Context, ids []walk.ID, reach walk.Reach) ([]walk.Attribute, error) {
	var list []walk.Attribute
	for _, id := range ids {
		a := walk.Attribute{ID: id, Degree: len(g.attributes[id])}
		for _, e := range g.attributes[id] {
			mal := g.events[e].Malicious
			if mal {
				a.Malicious++
			}
			if reach == walk.All || reach == walk.Malicious && mal {
				a.Events = append(a.Events, e)
			}
		}
		list = append(list, a)
	}
	return list, nil
}

func (g *incidence) Around(_ context.Context, attributes []walk.ID, most int) (s walk.Surroundings, err error) {
	for _, a := range attributes {
		s.Events = append(s.Events, g.attributes[a]...)
	}
	slices.Sort(s.Events)
	s.Events = slices.Compact(s.Events)
	for _, id := range s.Events {
		if g.events[id].Malicious {
			s.Malicious = append(s.Malicious, id)
		}
	}
	s.All, s.EveryMalicious = len(s.Events) <= most, len(s.Malicious) <= most
	s.Events, s.Malicious = s.Events[:min(most, len(s.Events))], s.Malicious[:min(most, len(s.Malicious))]
	return s, nil
}

func (g *incidence) weight(id walk.ID, decay float64) float64 {
	if e, ok := g.events[id]; ok {
		return math.Pow(decay, float64(e.Days)) / float64(e.Degree)
	}
	return 1 / float64(len(g.attributes[id]))
}

// enumerate lists all simple paths to an event, the slow way.
func (g *incidence) enumerate(t walk.ID, depth int, decay float64) []walk.Path {
	if g.events[t].Malicious {
		return []walk.Path{{Nodes: []walk.ID{t}, Contribution: -1}}
	}
	var found []walk.Path
	var visit func(nodes []walk.ID)
	visit = func(nodes []walk.ID) {
		end := nodes[len(nodes)-1]
		if e, ok := g.events[end]; ok && e.Malicious {
			p := walk.Path{Nodes: slices.Clone(nodes), Contribution: -1}
			slices.Reverse(p.Nodes)
			for _, n := range p.Nodes[:len(p.Nodes)-1] {
				p.Contribution *= g.weight(n, decay)
			}
			found = append(found, p)
		}
		if len(nodes) > depth {
			return
		}
		next := g.attributes[end]
		if e, ok := g.events[end]; ok {
			next = e.Attributes
		}
		for _, n := range next {
			if !slices.Contains(nodes, n) {
				visit(append(nodes, n))
			}
		}
	}
	visit([]walk.ID{t})
	slices.SortStableFunc(found, func(a, b walk.Path) int { return cmp.Compare(a.Contribution, b.Contribution) })
	return found
}

func total(paths []walk.Path) float64 {
	var sum float64
	for i := len(paths) - 1; i >= 0; i-- {
		sum += paths[i].Contribution
	}
	return sum
}

func near(a, b float64) bool { return math.Abs(a-b) <= 1e-12*(1+math.Abs(a)+math.Abs(b)) }

// graphs draws small graphs of events 1…n and attributes 1001….
func graphs(t *rapid.T) *incidence {
	n, m := rapid.IntRange(1, 8).Draw(t, "events"), rapid.IntRange(1, 6).Draw(t, "attributes")
	var events []walk.Event
	for i := range n {
		e := walk.Event{ID: walk.ID(i + 1), Days: rapid.Int64Range(0, 200).Draw(t, "days"), Malicious: i > 0 && rapid.Bool().Draw(t, "malicious")}
		for a := range m {
			if rapid.IntRange(0, 2).Draw(t, "edge") > 0 {
				e.Attributes = append(e.Attributes, walk.ID(1001+a))
			}
		}
		events = append(events, e)
	}
	return newIncidence(events...)
}

func TestRankIsTheSumOverAllSimplePaths(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := graphs(t)
		depth := rapid.IntRange(1, 7).Draw(t, "depth")
		decay := rapid.SampledFrom([]float64{1, 0.998, 0.5}).Draw(t, "decay")
		r := walk.NewRanker(g, walk.RankOptions{Depth: depth, Decay: decay, Work: 1000, Paths: 3})
		for id := range g.events {
			want := g.enumerate(id, min(depth, 6), decay)
			got, err := r.Rank(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			if !got.Exact || got.ErrorBound != 0 || got.LeftOut != 0 || !near(got.Score, total(want)) {
				t.Fatalf("event %d: got %+v, want %v, the sum of %d paths", id, got, total(want), len(want))
			}
			if len(got.Paths) != min(3, len(want)) {
				t.Fatalf("event %d: got %d paths, want the best of %d", id, len(got.Paths), len(want))
			}
			for i, p := range got.Paths {
				if !near(p.Contribution, want[i].Contribution) || p.Nodes[len(p.Nodes)-1] != id {
					t.Fatalf("event %d, path %d: got %+v, want %+v", id, i, p, want[i])
				}
			}
		}
	})
}

func TestRankWithinABoundOnWorkTellsHowFarItIsOff(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := graphs(t)
		want := total(g.enumerate(1, 6, 0.998))
		r := walk.NewRanker(g, walk.RankOptions{Depth: 6, Decay: 0.998, Work: rapid.IntRange(0, 12).Draw(t, "work"), Paths: 3})
		got, err := r.Rank(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		if want > got.Score+1e-12 || want < got.Score-got.ErrorBound-1e-12 {
			t.Fatalf("rank %v is not between %v and %v below", want, got.Score, got.ErrorBound)
		}
		if got.Exact != (got.ErrorBound == 0) || !got.Exact && got.LeftOut == 0 || got.LeftOut > 1 {
			t.Fatalf("got %+v", got)
		}
	})
}

// scattered is a graph in which enumeration would not end: every event has ten attributes of a few hundred, some of them in
// nearly all events.
func scattered(events, attributes int) *incidence {
	rng := rand.New(rand.NewPCG(1, 2))
	var list []walk.Event
	for i := range events {
		e := walk.Event{ID: walk.ID(i + 1), Days: rng.Int64N(400), Malicious: i > 0 && rng.IntN(3) == 0}
		for len(e.Attributes) < 10 {
			a := walk.ID(1_000_001 + int(float64(attributes)*math.Pow(rng.Float64(), 4)))
			if !slices.Contains(e.Attributes, a) {
				e.Attributes = append(e.Attributes, a)
			}
		}
		list = append(list, e)
	}
	return newIncidence(list...)
}

func TestRankOfADenseGraphIsQuick(t *testing.T) {
	g := scattered(20_000, 30_000)
	r := walk.NewRanker(g, walk.RankOptions{Depth: 6, Decay: 0.998, Work: 2_000_000, Paths: 5})
	began := time.Now()
	got, err := r.Rank(t.Context(), 1)
	if err != nil || !got.Exact || got.Score >= 0 || len(got.Paths) != 5 {
		t.Fatalf("got %+v, %v", got, err)
	}
	paths := 1.0
	for range 3 {
		paths *= 10 * float64(len(g.attributes[1_000_001]))
	}
	t.Logf("%v in %s, of more than some %.0g walks; the best is %v", got.Score, time.Since(began), paths, got.Paths[0])
}

func TestRankEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := walk.NewRanker(scattered(100, 50), walk.RankOptions{Depth: 6, Decay: 1, Work: 1e6}).Rank(ctx, 1); err == nil {
		t.Error("no error")
	}
}
