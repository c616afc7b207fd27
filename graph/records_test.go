package graph_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cybexp/cybexp/graph"
	"github.com/cybexp/cybexp/internal/testdgraph"
	"github.com/cybexp/cybexp/tahoe"
)

// audiencesOf are those of who may see all of some organisations.
func audiencesOf(orgs ...string) (list []string) {
	for _, org := range orgs {
		list = append(list, tahoe.Red.Audiences(org)...)
	}
	return list
}

// readRecords reads all records that q asks for.
func readRecords(t *testing.T, s *graph.Store, q tahoe.RecordQuery) (list []tahoe.Record) {
	t.Helper()
	for !q.Place.End {
		page, err := s.Records(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		list, q.Place = append(list, page.Records...), page.Next
	}
	return list
}

// lines are the documents of records.
func lines(t *testing.T, records []tahoe.Record) (list []string) {
	t.Helper()
	for text, err := range tahoe.MarshalRecords(records) {
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, string(text))
	}
	return list
}

// TestRecordsMakeTheGraphAgain writes what is read of a graph, after all that may change one, into an empty one, the last first. That tells the same.
func TestRecordsMakeTheGraphAgain(t *testing.T) {
	for seed := range uint64(2) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			testdgraph.Open(t)
			u := newUniverse(t, seed+20)
			s := u.open(t)
			for range 60 {
				if _, _, err := u.operation().do(t.Context(), s, u); err != nil {
					t.Fatal(err)
				}
			}
			want := stored(t)
			all := readRecords(t, s, tahoe.RecordQuery{Audiences: audiencesOf(universeOrgs...)})
			if len(all) < 10 {
				t.Fatalf("only %d records: the test shows little", len(all))
			}
			told := lines(t, all)
			goesOnBehindEach(t, s, told)
			testdgraph.Wipe(t)
			again := testdgraph.Open(t)
			slices.Reverse(all) // what a graph tells does not depend on what came first
			write(t, again, all...)
			if diff := cmp.Diff(want, stored(t)); diff != "" {
				t.Errorf("the graph differs (-before +after):\n%.3000s", diff)
			}
			retold := lines(t, readRecords(t, again, tahoe.RecordQuery{Audiences: audiencesOf(universeOrgs...)}))
			slices.Sort(told)
			slices.Sort(retold)
			if diff := cmp.Diff(told, retold); diff != "" {
				t.Errorf("what is read of it differs (-before +after):\n%.3000s", diff)
			}
		})
	}
}

// goesOnBehindEach holds that reading behind any of the documents gives those after it.
func goesOnBehindEach(t *testing.T, s *graph.Store, all []string) {
	t.Helper()
	for i := 0; i < len(all); i += 1 + len(all)/7 {
		h := hashOf(t, all[i])
		for i+1 < len(all) && hashOf(t, all[i+1]) == h {
			i++
		}
		rest := lines(t, readRecords(t, s, tahoe.RecordQuery{Audiences: audiencesOf(universeOrgs...), Behind: h}))
		if diff := cmp.Diff(strings.Join(all[i+1:], "\n"), strings.Join(rest, "\n")); diff != "" {
			t.Fatalf("behind document %d of %d: %s", i, len(all), diff)
		}
	}
}

func hashOf(t *testing.T, line string) tahoe.Hash {
	t.Helper()
	v, err := tahoe.ParseValue([]byte(line))
	if err != nil {
		t.Fatal(err)
	}
	text, _ := v.Get("_hash")
	h, err := tahoe.ParseHash(text.Text())
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// TestRecordsAreOfWhoMaySeeThem reads a graph as somebody who may see a part of it: that is what a graph without the rest gives.
func TestRecordsAreOfWhoMaySeeThem(t *testing.T) {
	s := testdgraph.Open(t)
	g := newGenerator(t, 41)
	records := g.records(120)
	write(t, s, records...)
	hidden := audiencesOf(g.orgs[1:]...)
	others := readRecords(t, s, tahoe.RecordQuery{Audiences: hidden})
	own := tahoe.Amber.Audiences(g.orgs[0])
	got := lines(t, readRecords(t, s, tahoe.RecordQuery{Audiences: own}))
	if len(got) == 0 || len(others) == 0 {
		t.Fatalf("%d lines and %d records of others: the test shows little", len(got), len(others))
	}
	for _, line := range got {
		for _, org := range g.orgs[1:] {
			if strings.Contains(line, org) {
				t.Errorf("tells of another organisation: %s", line)
			}
		}
	}
	for _, r := range others {
		var h tahoe.Hash
		if h = r.Events[0].Hash(); r.Raw != nil {
			h = r.Raw.Hash()
		}
		if strings.Contains(strings.Join(got, "\n"), `{"_hash":"`+h.String()) {
			continue // both have it
		}
		if _, err := s.Records(t.Context(), tahoe.RecordQuery{Audiences: own, Behind: h}); !errors.Is(err, graph.ErrNotFound) {
			t.Errorf("behind a record that is not to be seen: %v", err)
		}
		if some := readRecords(t, s, tahoe.RecordQuery{Audiences: own, Hashes: []tahoe.Hash{h}}); len(some) > 0 {
			t.Errorf("by its hash there is %+v", some)
		}
	}
	hashes := []tahoe.Hash{hashOf(t, got[len(got)-1]), hashOf(t, got[0])}
	some := lines(t, readRecords(t, s, tahoe.RecordQuery{Audiences: own, Hashes: hashes}))
	if diff := cmp.Diff([]string{got[len(got)-1], got[0]}, some); diff != "" {
		t.Errorf("by hash: %s", diff)
	}
	if none := readRecords(t, s, tahoe.RecordQuery{}); len(none) > 0 {
		t.Errorf("nobody sees %d records", len(none))
	}
}

// TestRecordsOfALargeRaw reads a raw of more events than come at a time.
func TestRecordsOfALargeRaw(t *testing.T) {
	s := testdgraph.Open(t)
	g := newGenerator(t, 42)
	raw, err := tahoe.NewRaw("test", tahoe.String("large"), g.orgs[0], "UTC")
	g.check(err)
	r := tahoe.Record{Raw: raw, State: tahoe.Mapped}
	for i := range 250 {
		e, err := tahoe.NewEvent("test", g.orgs[0], 1.6e9, g.attribute("n", tahoe.Int(int64(i))))
		g.check(err)
		r.Events = append(r.Events, e)
	}
	write(t, s, r)
	want := stored(t)
	all := readRecords(t, s, tahoe.RecordQuery{Audiences: audiencesOf(g.orgs...)})
	if len(all) != 1 || len(all[0].Events) != len(r.Events) {
		t.Fatalf("got %d records, the first of %d events", len(all), len(all[0].Events))
	}
	testdgraph.Wipe(t)
	write(t, testdgraph.Open(t), all...)
	if diff := cmp.Diff(want, stored(t)); diff != "" {
		t.Error(diff)
	}
}
