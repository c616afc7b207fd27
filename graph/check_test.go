package graph_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cybexp/cybexp/graph"
	"github.com/cybexp/cybexp/internal/testdgraph"
	"github.com/cybexp/cybexp/tahoe"
)

// TestCheckFindsWhatIsWrong hurts a graph by hand.
func TestCheckFindsWhatIsWrong(t *testing.T) {
	s := testdgraph.Open(t)
	g := newGenerator(t, 38)
	events := []*tahoe.Event{
		event(g, g.attribute("ipv4", tahoe.String("198.51.100.1"))),
		event(g, g.attribute("ipv4", tahoe.String("198.51.100.2"))),
	}
	raw, err := tahoe.NewRaw("r", tahoe.Int(1), "o1", "UTC")
	g.check(err)
	session, err := tahoe.NewSession("s", g.attribute("id", tahoe.Int(7)))
	g.check(err)
	session.StartTime = new(float64)
	session.AddEvent(events...)
	write(t, s, tahoe.Record{Raw: raw, Events: events, Sessions: []*tahoe.Session{session}})
	find := func() graph.Checked {
		c, err := s.Check(t.Context(), 10)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	if diff := cmp.Diff(graph.Checked{Events: 2}, find()); diff != "" {
		t.Errorf("in a whole graph: %s", diff)
	}
	uid := func(h tahoe.Hash) string {
		var answer struct {
			Data struct{ Q []struct{ UID string } }
		}
		askDgraph(t, `{ q(func: eq(hash, "`+h.String()+`")) { uid } }`, &answer)
		return answer.Data.Q[0].UID
	}
	hurt := fmt.Sprintf(`{ set {
		<%s> <data> "\"203.0.113.9\"" .
		<%s> <ref> _:nothing .
		<%s> <audiences> "o1!red" .
		_:alone <dgraph.type> "Attribute" .
		_:alone <hash> "00" . } }`, uid(events[0].Refs()[0].Hash()), uid(events[1].Hash()), uid(raw.Hash()))
	var done struct{ Errors []any }
	post(t, "/mutate?commitNow=true", "application/rdf", hurt, &done)
	if len(done.Errors) > 0 {
		t.Fatal(done.Errors)
	}
	c := find()
	if c.Events != 2 || len(c.Wrong) != 2 || c.Dangling != 1 || c.Orphans != 1 {
		t.Errorf("found %+v", c)
	}
	if v, err := s.ServerVersion(t.Context()); err != nil || v == "" {
		t.Errorf("Dgraph says it is %q, %v", v, err)
	}
}
