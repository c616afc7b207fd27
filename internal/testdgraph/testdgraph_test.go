package testdgraph_test

import (
	"testing"

	"github.com/cybexp/cybexp/graph"
	"github.com/cybexp/cybexp/internal/testdgraph"
	"github.com/cybexp/cybexp/tahoe"
)

func TestMain(m *testing.M) { testdgraph.Main(m) }

func TestOpenGivesAnEmptyGraph(t *testing.T) {
	raw, err := tahoe.NewRaw("r", tahoe.Null(), "o", "UTC")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		s := testdgraph.Open(t)
		if added, err := s.Write(t.Context(), []tahoe.Record{{Raw: raw, State: tahoe.Kept}}); added != 1 || err != nil {
			t.Errorf("added %d, %v, want 1", added, err)
		}
		got, err := testdgraph.Connect(t).Stats(t.Context())
		if want := (graph.Stats{Raws: 1}); got != want || err != nil {
			t.Errorf("got %+v, %v, want %+v", got, err, want)
		}
	}
}
