package benchgraph_test

import (
	"bufio"
	"bytes"
	"testing"

	"github.com/cybexp/cybexp/graph"
	"github.com/cybexp/cybexp/internal/benchgraph"
	"github.com/cybexp/cybexp/tahoe"
)

// TestRecipeIsMadeOnceAndHoldsItsRecords makes a tiny graph, and opens it again.
func TestRecipeIsMadeOnceAndHoldsItsRecords(t *testing.T) {
	t.Setenv("CYBEXP_BENCH_DIR", t.TempDir())
	const events = 200
	recipe := benchgraph.HoneypotGraph(events)
	quads := func() []byte {
		var b bytes.Buffer
		w := bufio.NewWriter(&b)
		if err := recipe.Make(w); err != nil {
			t.Fatal(err)
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	if first := quads(); len(first) == 0 || !bytes.Equal(first, quads()) {
		t.Fatal("a recipe made twice is not the same")
	}
	want := &benchgraph.Contents{}
	want.Add(benchgraph.NewHoneypot(events).Records(events)...)

	extra, err := tahoe.NewRaw("r", tahoe.Int(1), "o", "UTC")
	if err != nil {
		t.Fatal(err)
	}
	thens := 0
	recipe.Then = func(s *graph.Store) error {
		thens++
		_, err := s.Write(t.Context(), []tahoe.Record{{Raw: extra, State: tahoe.Kept}})
		return err
	}
	want.Add(tahoe.Record{Raw: extra})
	for range 2 {
		t.Run("open", func(t *testing.T) {
			g := benchgraph.Open(t, recipe)
			if err := want.Verify(g.Server.HTTP()); err != nil {
				t.Error(err)
			}
			for name, other := range others(events) {
				if err := other.Verify(g.Server.HTTP()); err == nil {
					t.Errorf("%s is not noticed", name)
				}
			}
			if pid, _ := g.Server.PIDs(); pid == 0 {
				t.Error("no process")
			} else if n, err := benchgraph.Resident(pid); n < 1<<20 || err != nil {
				t.Errorf("zero holds %d bytes, %v", n, err)
			}
			if n, err := benchgraph.DiskUse(g.Dir); n < 10_000 || err != nil {
				t.Errorf("%d bytes on disk, %v", n, err)
			}
		})
	}
	if thens != 1 {
		t.Errorf("the recipe was finished %d times", thens)
	}
}

// others are contents that differ a little from those of the recipe with what is written to it.
func others(events int) map[string]*benchgraph.Contents {
	few, more, elsewhere := &benchgraph.Contents{}, &benchgraph.Contents{}, &benchgraph.Contents{}
	records := benchgraph.NewHoneypot(uint64(events)).Records(events)
	few.Add(records[1:]...)
	more.Add(benchgraph.NewHoneypot(uint64(events)).Records(events + 1)...)
	elsewhere.Add(benchgraph.NewHoneypot(uint64(events) + 1).Records(events)...)
	return map[string]*benchgraph.Contents{"a record too many": few, "a record too few": more, "other data": elsewhere, "an empty graph": {}}
}
