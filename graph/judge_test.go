package graph_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/cybexp/cybexp/graph"
	"github.com/cybexp/cybexp/internal/testdgraph"
	"github.com/cybexp/cybexp/tahoe"
)

func TestJudgementsOutliveFilters(t *testing.T) {
	s := testdgraph.Open(t)
	g := newGenerator(t, 41)
	a, b, c := g.attribute("a", tahoe.Int(1)), g.attribute("b", tahoe.Int(2)), g.attribute("c", tahoe.Int(3))
	mapped := func() *tahoe.Event {
		e := event(g, a, b, c)
		g.check(e.SetCategory(tahoe.Malicious))
		g.check(e.SetContext(tahoe.Malicious, a, b))
		return e
	}
	record := tahoe.Record{Raw: rawOf(g, "o1"), State: tahoe.Mapped, Events: []*tahoe.Event{mapped()}}
	write(t, s, record)
	for _, n := range []tahoe.Node{a, b, c} {
		g.check(s.OpenLedger(t.Context(), n.Hash()))
	}
	want := mapped()
	for _, step := range []struct {
		do func(*graph.Store) error
		in func() error
	}{
		{func(s *graph.Store) error { return s.Classify(t.Context(), []string{"o1"}, want.Hash(), tahoe.Benign) }, func() error { return want.SetCategory(tahoe.Benign) }},
		{judgement(t, want, a, tahoe.Unknown), func() error { return want.SetContext(tahoe.Unknown, a) }},
		{judgement(t, want, b, tahoe.Benign), func() error { return want.SetContext(tahoe.Benign, b) }},
		{judgement(t, want, c, tahoe.Malicious), func() error { return want.SetContext(tahoe.Malicious, c) }},
		{judgement(t, want, c, tahoe.Unknown), func() error { return want.SetContext(tahoe.Unknown, c) }},
	} {
		for _, s := range []*graph.Store{s, testdgraph.Connect(t)} { // again changes nothing
			if err := step.do(s); err != nil {
				t.Fatal(err)
			}
			write(t, s, record)
		}
		g.check(step.in())
		check(t, []tahoe.Record{{Raw: record.Raw, State: tahoe.Mapped, Events: []*tahoe.Event{want}}})
		checkLedgers(t)
	}
}

func judgement(t *testing.T, e *tahoe.Event, n tahoe.Node, c tahoe.Category) func(*graph.Store) error {
	return func(s *graph.Store) error { return s.SetContext(t.Context(), []string{"o1"}, e.Hash(), n.Hash(), c) }
}

func TestOnlyOwnEventsAreJudged(t *testing.T) {
	s := testdgraph.Open(t)
	g := newGenerator(t, 42)
	e, other := event(g, g.attribute("a", tahoe.Int(1))), g.attribute("b", tahoe.Int(1))
	record := tahoe.Record{Raw: rawOf(g, "o1"), State: tahoe.Mapped, Events: []*tahoe.Event{e}}
	write(t, s, record)
	for name, err := range map[string]error{
		"category of another's event": s.Classify(t.Context(), []string{"o2"}, e.Hash(), tahoe.Benign),
		"category of no event":        s.Classify(t.Context(), []string{"o1"}, other.Hash(), tahoe.Benign),
		"context in another's event":  s.SetContext(t.Context(), nil, e.Hash(), e.Children()[0].Hash(), tahoe.Benign),
		"context of what is not in":   s.SetContext(t.Context(), []string{"o1"}, e.Hash(), other.Hash(), tahoe.Benign),
	} {
		if !errors.Is(err, graph.ErrNotFound) {
			t.Errorf("%s: got %v, want ErrNotFound", name, err)
		}
	}
	if err := s.Classify(t.Context(), []string{"o1"}, e.Hash(), "bad"); !errors.Is(err, tahoe.ErrCategory) {
		t.Errorf("a category that is none: got %v", err)
	}
	check(t, []tahoe.Record{record})
}

// Two processes judge one event while a third writes it with other contexts, and removes it at times.
func TestJudgementsRaceWithWritersAndRemovals(t *testing.T) {
	s := testdgraph.Open(t)
	g := newGenerator(t, 43)
	a, b := g.attribute("a", tahoe.Int(1)), g.attribute("b", tahoe.Int(2))
	plain, marked := event(g, a, b), event(g, a, b)
	g.check(marked.SetContext(tahoe.Malicious, a))
	write(t, s, tahoe.Record{Events: []*tahoe.Event{plain}}, tahoe.Record{Events: []*tahoe.Event{event(g, a, b, g.attribute("c", tahoe.Int(1)))}})
	g.check(s.OpenLedger(t.Context(), a.Hash()))
	var group errgroup.Group
	categories := []tahoe.Category{tahoe.Unknown, tahoe.Benign, tahoe.Malicious}
	for i, s := range []*graph.Store{s, testdgraph.Connect(t), testdgraph.Connect(t)} {
		rng := rand.New(rand.NewPCG(uint64(i), 2))
		group.Go(func() error {
			for n := range 30 {
				var err error
				switch c := categories[rng.IntN(3)]; {
				case i == 2 && n%10 == 9:
					_, err = s.RemoveEvents(t.Context(), graph.Removal{Orgs: []string{"o1"}, Events: []tahoe.Hash{plain.Hash()}})
				case i == 2:
					_, err = s.Write(t.Context(), []tahoe.Record{{Events: []*tahoe.Event{[]*tahoe.Event{plain, marked}[n%2]}}})
				case rng.IntN(2) == 0:
					err = s.Classify(t.Context(), []string{"o1"}, plain.Hash(), c)
				default:
					err = s.SetContext(t.Context(), []string{"o1"}, plain.Hash(), []tahoe.Hash{a.Hash(), b.Hash()}[rng.IntN(2)], c)
				}
				if err != nil && !errors.Is(err, graph.ErrNotFound) {
					return fmt.Errorf("step %d of %d: %w", n, i, err)
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	checkLedgers(t)
	checkWhole(t)
}
