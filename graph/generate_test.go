package graph_test

import (
	"testing"

	"github.com/cybexp/cybexp/internal/benchgraph"
	"github.com/cybexp/cybexp/tahoe"
)

// generator makes records in the shape of honeypot data, and what tests make by hand.
type generator struct {
	tb       testing.TB
	honeypot *benchgraph.Honeypot
	orgs     []string // hashes of the organisations
}

func newGenerator(tb testing.TB, seed uint64) *generator {
	g := &generator{tb: tb, honeypot: benchgraph.NewHoneypot(seed)}
	for _, name := range benchgraph.HoneypotOrgs {
		g.orgs = append(g.orgs, tahoe.OrgHash(name).String())
	}
	return g
}

func (g *generator) records(n int) []tahoe.Record { return g.honeypot.Records(n) }

func (g *generator) attribute(subType string, v tahoe.Value) *tahoe.Attribute {
	a, err := tahoe.NewAttribute(subType, v)
	g.check(err)
	return a
}

func (g *generator) object(subType string, children ...tahoe.Node) *tahoe.Object {
	o, err := tahoe.NewObject(subType, children...)
	g.check(err)
	return o
}

func (g *generator) check(err error) {
	if err != nil {
		g.tb.Helper()
		g.tb.Fatal(err)
	}
}
