package graph_test

import (
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cybexp/cybexp"
	"github.com/cybexp/cybexp/graph"
	"github.com/cybexp/cybexp/graph/dgraphd"
	"github.com/cybexp/cybexp/internal/testdgraph"
	"github.com/cybexp/cybexp/tahoe"
)

// TestBulkMakesTheGraphOfWrite loads records that merge in every way, some of them twice, and compares all of the graph with what
// Write makes of the same records one after the other.
func TestBulkMakesTheGraphOfWrite(t *testing.T) {
	records := mergingRecords(t)
	s := testdgraph.Open(t)
	for _, r := range records {
		write(t, s, r)
	}
	want := testdgraph.Dump(t, testdgraph.Server(t).HTTP())

	server, bulk := loadBulk(t, records)
	got := testdgraph.Dump(t, server.HTTP())
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("graph differs (-write +bulk):\n%.3000s", diff)
	}
	if bulk.Vertices() != len(want) {
		t.Errorf("counts %d vertices, there are %d", bulk.Vertices(), len(want))
	}
}

// TestWriteAddsToABulk writes half of the records on top of the others, which were loaded.
func TestWriteAddsToABulk(t *testing.T) {
	records := mergingRecords(t)
	want := testdgraph.Open(t)
	for _, r := range records {
		write(t, want, r)
	}
	half := len(records) / 2
	server, bulk := loadBulk(t, records[:half])
	store, err := graph.Open(t.Context(), graph.Config{Target: server.Target(), HTTP: server.HTTP()})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if err := store.ApplySchema(t.Context(), cybexp.Schema); err != nil {
		t.Fatal(err)
	}
	hot := bulk.Hot(15)
	if len(hot) == 0 {
		t.Fatal("nothing is in 15 events")
	}
	for _, h := range hot {
		if err := errors.Join(want.OpenLedger(t.Context(), h), store.OpenLedger(t.Context(), h)); err != nil {
			t.Fatal(err)
		}
	}
	for _, r := range records[half:] {
		write(t, store, r)
	}
	if diff := cmp.Diff(testdgraph.Dump(t, testdgraph.Server(t).HTTP()), testdgraph.Dump(t, server.HTTP())); diff != "" {
		t.Errorf("graph differs (-write +bulk and write):\n%.3000s", diff)
	}
}

func TestBulkCountsInHowManyEventsSomethingIs(t *testing.T) {
	g := newGenerator(t, 5)
	records := g.records(400)
	events := map[tahoe.Hash]int{}
	for _, r := range records {
		for _, n := range r.Events[0].Refs() {
			events[n.Hash()]++
		}
	}
	b := graph.NewBulk()
	for _, r := range append(records, records[:100]...) { // an event that comes again is no other one
		if _, err := b.Add(r); err != nil {
			t.Fatal(err)
		}
	}
	want := 0
	for _, n := range events {
		if n >= 20 {
			want++
		}
	}
	hot := b.Hot(20)
	for _, h := range hot {
		if events[h] < 20 {
			t.Errorf("%v is in %d events", h, events[h])
		}
	}
	if len(hot) != want || want == 0 {
		t.Errorf("got %d, want %d", len(hot), want)
	}
}

// mergingRecords are records of sessions in parts, some of which come twice, from other organisations, with other contexts and states.
func mergingRecords(t *testing.T) []tahoe.Record {
	t.Helper()
	g := newGenerator(t, 11)
	records := g.records(300)
	rng := rand.New(rand.NewPCG(3, 3))
	for i := range 100 {
		old := records[rng.IntN(300)]
		again := tahoe.Record{Raw: old.Raw, State: []tahoe.RawState{tahoe.Kept, tahoe.Mapped, tahoe.Invalid}[i%3]}
		raw, err := tahoe.NewRaw(old.Raw.SubType(), old.Raw.Data(), g.orgs[rng.IntN(len(g.orgs))], []string{"UTC", "Asia/Tokyo"}[rng.IntN(2)])
		g.check(err)
		again.Raw = raw
		e := old.Events[0]
		copied, err := tahoe.NewEvent(e.SubType(), e.OrgID(), e.Timestamp(), e.Children()...)
		g.check(err)
		g.check(copied.SetCategory(e.Category()))
		refs := e.Refs()
		g.check(copied.SetContext([]tahoe.Category{tahoe.Malicious, tahoe.Benign}[i%2], refs[rng.IntN(len(refs))], refs[rng.IntN(len(refs))]))
		again.Marking = said(rng)
		copied.Mark(again.Marking)
		copied.Mark(said(rng))
		again.Events = []*tahoe.Event{copied}
		s := old.Sessions[0]
		other, err := tahoe.NewSession(s.SubType(), s.Children()...)
		g.check(err)
		other.AddEvent(copied)
		at, long := e.Timestamp()+rng.Float64()*1000-500, rng.Float64()*100
		other.StartTime, other.EndTime, other.Duration = &at, &at, &long
		again.Sessions = []*tahoe.Session{other}
		records = append(records, again)
	}
	return records
}

// said is a marking, or most often none.
func said(rng *rand.Rand) tahoe.Marking {
	if i := rng.IntN(15); i < 5 {
		return tahoe.Markings()[i]
	}
	return tahoe.Unmarked
}

func loadBulk(t *testing.T, records []tahoe.Record) (*dgraphd.Server, *graph.Bulk) {
	t.Helper()
	c := dgraphd.DefaultConfig()
	var err error
	if c.Bin, err = testdgraph.Binary(); err != nil {
		t.Fatal(err)
	}
	c.Dir, c.MemoryMiB = t.TempDir(), 1000
	b := graph.NewBulk()
	if err := dgraphd.Load(t.Context(), c, func(w io.Writer) error {
		var text []byte
		for some := range slices.Chunk(records, 7) {
			part, err := b.Add(some...)
			if err != nil {
				return err
			}
			text = part.AppendRDF(text)
		}
		if _, err := w.Write(text); err != nil {
			return err
		}
		return b.WriteRest(w)
	}, graph.Predicates); err != nil {
		t.Fatal(err)
	}
	server, err := dgraphd.Start(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	return server, b
}
