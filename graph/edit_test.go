package graph_test

import (
	"errors"
	"testing"

	"github.com/cybexp/cybexp/graph"
	"github.com/cybexp/cybexp/internal/testdgraph"
	"github.com/cybexp/cybexp/tahoe"
)

// scene is records of two organisations whose events share an object, which a session has in its identity too; inner tells which object each
// organisation's records hold.
func scene(g *generator, inner map[string]*tahoe.Object, others *tahoe.Attribute) []tahoe.Record {
	var records []tahoe.Record
	for i, org := range []string{"o1", "o2", "o1"} {
		in := inner[org]
		outer := g.object("outer", in, others)
		e, err := tahoe.NewEvent("e", org, 1620000000.123457+float64(i), outer, g.attribute("n", tahoe.Int(int64(i))))
		g.check(err)
		g.check(e.SetCategory(tahoe.Malicious))
		g.check(e.SetContext(tahoe.Malicious, in, others))
		g.check(e.SetContext(tahoe.Benign, outer))
		identified, err := tahoe.NewSession("s", in, g.attribute("id", tahoe.Int(1)))
		g.check(err)
		identified.AddEvent(e)
		plain, err := tahoe.NewSession("s", g.attribute("id", tahoe.Int(2)))
		g.check(err)
		plain.AddEvent(e)
		raw, err := tahoe.NewRaw("r", tahoe.Int(int64(i)), org, "UTC")
		g.check(err)
		records = append(records, tahoe.Record{Raw: raw, State: tahoe.Mapped, Events: []*tahoe.Event{e}, Sessions: []*tahoe.Session{identified, plain}})
	}
	return records
}

func TestEditedObjectChangesOnlyOwnEvents(t *testing.T) {
	s := testdgraph.Open(t)
	g := newGenerator(t, 51)
	keep, drop, add, others := g.attribute("a", tahoe.Int(1)), g.attribute("a", tahoe.Int(2)), g.attribute("a", tahoe.String("1.2.3.4")), g.attribute("b", tahoe.Int(3))
	before, after := g.object("inner", keep, drop), g.object("inner", keep, add)
	old := scene(g, map[string]*tahoe.Object{"o1": before, "o2": before}, others)
	write(t, s, old...)
	for _, n := range []tahoe.Node{before, keep, drop, others} {
		g.check(s.OpenLedger(t.Context(), n.Hash()))
	}
	edit := func(org string) (tahoe.Hash, error) {
		return s.Edit(t.Context(), graph.Edit{Orgs: []string{org}, Of: before.Hash(), Add: []tahoe.Node{add}, Remove: []tahoe.Hash{drop.Hash()}})
	}
	for _, step := range []struct {
		org  string
		left map[string]*tahoe.Object
	}{
		{"o1", map[string]*tahoe.Object{"o1": after, "o2": before}},
		{"o2", map[string]*tahoe.Object{"o1": after, "o2": after}},
	} {
		h, err := edit(step.org)
		if err != nil || h != after.Hash() {
			t.Fatalf("edit for %s: got %v, %v; want %v", step.org, h, err, after.Hash())
		}
		check(t, scene(g, step.left, others))
		checkLedgers(t)
		checkWhole(t)
		if _, err := edit(step.org); !errors.Is(err, graph.ErrNotFound) {
			t.Errorf("again: got %v, want ErrNotFound", err)
		}
	}
	write(t, s, old...) // what is gone is made anew
	checkWhole(t)
	checkLedgers(t)
}

func TestEventIsEdited(t *testing.T) {
	s := testdgraph.Open(t)
	g := newGenerator(t, 52)
	a, b, c := g.attribute("a", tahoe.Int(1)), g.attribute("b", tahoe.Int(2)), g.attribute("c", tahoe.Int(3))
	before, after := event(g, a, b), event(g, b, c)
	write(t, s, tahoe.Record{Raw: rawOf(g, "o1"), State: tahoe.Mapped, Events: []*tahoe.Event{before}})
	for _, n := range []tahoe.Node{a, b} {
		g.check(judgement(t, before, n, tahoe.Benign)(s))
	}
	g.check(after.SetContext(tahoe.Benign, b))
	h, err := s.Edit(t.Context(), graph.Edit{Orgs: []string{"o1"}, Of: before.Hash(), Add: []tahoe.Node{c}, Remove: []tahoe.Hash{a.Hash()}})
	if err != nil || h != after.Hash() {
		t.Fatalf("got %v, %v, want %v", h, err, after.Hash())
	}
	want := []tahoe.Record{{Raw: rawOf(g, "o1"), State: tahoe.Mapped, Events: []*tahoe.Event{after}}}
	check(t, want)
	filter := event(g, b, c)
	g.check(filter.SetContext(tahoe.Malicious, b))
	write(t, s, tahoe.Record{Raw: rawOf(g, "o1"), State: tahoe.Mapped, Events: []*tahoe.Event{filter}})
	check(t, want) // what a person said of b stays
}

func TestFaultyEditsAreRefused(t *testing.T) {
	s := testdgraph.Open(t)
	g := newGenerator(t, 53)
	a, b := g.attribute("a", tahoe.Int(1)), g.attribute("b", tahoe.Int(2))
	o := g.object("o", a)
	e := event(g, o)
	records := []tahoe.Record{{Raw: rawOf(g, "o1"), State: tahoe.Mapped, Events: []*tahoe.Event{e}}}
	write(t, s, records...)
	for name, tt := range map[string]struct {
		edit graph.Edit
		want error
	}{
		"nothing":           {graph.Edit{Of: o.Hash()}, tahoe.ErrData},
		"present child":     {graph.Edit{Of: o.Hash(), Add: []tahoe.Node{a}}, tahoe.ErrData},
		"absent child":      {graph.Edit{Of: o.Hash(), Remove: []tahoe.Hash{b.Hash()}}, tahoe.ErrData},
		"last child":        {graph.Edit{Of: o.Hash(), Remove: []tahoe.Hash{a.Hash()}}, tahoe.ErrData},
		"itself":            {graph.Edit{Of: o.Hash(), Add: []tahoe.Node{g.object("p", o)}}, tahoe.ErrData},
		"added and removed": {graph.Edit{Of: o.Hash(), Add: []tahoe.Node{b}, Remove: []tahoe.Hash{b.Hash()}}, tahoe.ErrData},
		"attribute":         {graph.Edit{Of: a.Hash(), Add: []tahoe.Node{b}}, graph.ErrNotFound},
		"unknown":           {graph.Edit{Of: b.Hash(), Add: []tahoe.Node{a}}, graph.ErrNotFound},
	} {
		tt.edit.Orgs = []string{"o1"}
		if _, err := s.Edit(t.Context(), tt.edit); !errors.Is(err, tt.want) {
			t.Errorf("%s: got %v, want %v", name, err, tt.want)
		}
	}
	if _, err := s.Edit(t.Context(), graph.Edit{Orgs: []string{"o2"}, Of: o.Hash(), Add: []tahoe.Node{b}}); !errors.Is(err, graph.ErrNotFound) {
		t.Errorf("another organisation: got %v", err)
	}
	check(t, records)
}
