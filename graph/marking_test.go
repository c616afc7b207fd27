package graph_test

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/cybexp/cybexp/graph"
	"github.com/cybexp/cybexp/internal/testdgraph"
	"github.com/cybexp/cybexp/tahoe"
)

// marks is who may see the one event and the raws of a test, by the graph.
type marks struct {
	Audience, TLP string
	Raws          [][]string // sorted
}

func marksOf(t *testing.T, event tahoe.Hash) marks {
	t.Helper()
	var answer struct {
		Data struct {
			Q []struct {
				Audience string
				TLP      string
				Raws     []struct{ Audiences []string } `json:"~rref"`
			}
		}
	}
	askDgraph(t, `{ q(func: eq(hash, "`+event.String()+`")) { audience tlp ~rref { audiences } } }`, &answer)
	if len(answer.Data.Q) != 1 {
		t.Fatalf("%d events", len(answer.Data.Q))
	}
	e := answer.Data.Q[0]
	m := marks{Audience: e.Audience, TLP: e.TLP}
	for _, r := range e.Raws {
		slices.Sort(r.Audiences)
		m.Raws = append(m.Raws, r.Audiences)
	}
	slices.SortFunc(m.Raws, slices.Compare[[]string])
	return m
}

func TestMostRestrictiveMarkingWins(t *testing.T) {
	s := testdgraph.Open(t)
	g := newGenerator(t, 51)
	ip := g.attribute("ipv4", tahoe.String("203.0.113.7"))
	record := func(raw string, org string, upload, data tahoe.Marking, c tahoe.Category) tahoe.Record {
		e := event(g, ip)
		g.check(e.SetContext(c, ip))
		e.Mark(upload)
		e.Mark(data)
		r, err := tahoe.NewRaw("r", tahoe.String(raw), org, "UTC")
		g.check(err)
		return tahoe.Record{Raw: r, State: tahoe.Mapped, Events: []*tahoe.Event{e}, Marking: upload}
	}
	write(t, s, record("one", "o1", "", "", tahoe.Unknown))
	if err := s.OpenLedger(t.Context(), ip.Hash()); err != nil {
		t.Fatal(err)
	}
	hash := event(g, ip).Hash()
	for _, step := range []struct {
		name string
		do   func() error
		want marks
	}{
		{"nobody said", nil, marks{"o1", "", [][]string{{"o1"}}}},
		{"said to be green", writing(t, s, record("one", "o1", "", tahoe.Green, tahoe.Unknown)), marks{"o1", "green", [][]string{{"o1"}}}},
		{"said to be clear, by another upload", writing(t, s, record("two", "o1", tahoe.Clear, "", tahoe.Unknown)), marks{"o1", "green", [][]string{{"o1"}, {"o1"}}}},
		{"nobody said again", writing(t, s, record("one", "o1", "", "", tahoe.Malicious)), marks{"o1", "green", [][]string{{"o1"}, {"o1"}}}},
		{"strict in the data", writing(t, s, record("two", "o1", "", tahoe.Strict, tahoe.Unknown)),
			marks{"o1!strict", "amber+strict", [][]string{{"o1!strict"}, {"o1!strict"}}}},
		{"the same bytes of another organisation", writing(t, s, tahoe.Record{Raw: record("two", "o2", "", "", tahoe.Unknown).Raw, State: tahoe.Kept, Marking: tahoe.Red}),
			marks{"o1!strict", "amber+strict", [][]string{{"o1!strict"}, {"o1!strict", "o2!red"}}}},
		{"a new raw that says nothing", writing(t, s, record("three", "o1", "", "", tahoe.Unknown)),
			marks{"o1!strict", "amber+strict", [][]string{{"o1!strict"}, {"o1!strict"}, {"o1!strict", "o2!red"}}}},
		{"red in a batch with what says nothing", writing(t, s, record("four", "o1", "", "", tahoe.Unknown), record("five", "o1", tahoe.Red, "", tahoe.Unknown)),
			marks{"o1!red", "red", [][]string{{"o1!red"}, {"o1!red"}, {"o1!red"}, {"o1!red"}, {"o1!red", "o2!red"}}}},
		{"made clear by a person: raws stay hidden", func() error { return s.Mark(t.Context(), []string{"o1"}, hash, tahoe.Clear) },
			marks{"o1", "clear", [][]string{{"o1!red"}, {"o1!red"}, {"o1!red"}, {"o1!red"}, {"o1!red", "o2!red"}}}},
		{"made strict by a person", func() error { return s.Mark(t.Context(), []string{"o1"}, hash, tahoe.Strict) },
			marks{"o1!strict", "amber+strict", [][]string{{"o1!red"}, {"o1!red"}, {"o1!red"}, {"o1!red"}, {"o1!red", "o2!red"}}}},
	} {
		for range 2 { // again changes nothing
			if step.do != nil {
				if err := step.do(); err != nil {
					t.Fatalf("%s: %v", step.name, err)
				}
			}
			if got := marksOf(t, hash); !equalMarks(got, step.want) {
				t.Errorf("%s: got %v, want %v", step.name, got, step.want)
			}
			checkLedgers(t)
		}
	}
	if err := s.Mark(t.Context(), []string{"o2"}, hash, tahoe.Clear); !errors.Is(err, graph.ErrNotFound) {
		t.Errorf("an event of another organisation was marked: %v", err)
	}
}

func writing(t *testing.T, s *graph.Store, records ...tahoe.Record) func() error {
	return func() error {
		_, err := s.Write(t.Context(), records)
		return err
	}
}

func equalMarks(a, b marks) bool {
	return a.Audience == b.Audience && a.TLP == b.TLP && slices.EqualFunc(a.Raws, b.Raws, slices.Equal[[]string])
}

// Two processes write the same events and raws with all markings and contexts, while a third marks them. Ledgers agree whenever one looks, and
// no raw is shown to more people than its events.
func TestMarkingsRace(t *testing.T) {
	testdgraph.Open(t)
	stores := []*graph.Store{open(t, graph.Config{HotDegree: 5}), open(t, graph.Config{HotDegree: 5})}
	g := newGenerator(t, 52)
	ip := g.attribute("ipv4", tahoe.String("203.0.113.8"))
	made := func(i int, m tahoe.Marking, c tahoe.Category) tahoe.Record {
		e, err := tahoe.NewEvent("e", "o1", float64(i), ip)
		g.check(err)
		g.check(e.SetContext(c, ip))
		e.Mark(m)
		r, err := tahoe.NewRaw("r", tahoe.Int(int64(i/2)), "o1", "UTC")
		g.check(err)
		return tahoe.Record{Raw: r, State: tahoe.Mapped, Events: []*tahoe.Event{e}, Marking: m}
	}
	const events = 20
	for i := range events {
		write(t, stores[0], made(i, "", tahoe.Unknown))
	}
	var group errgroup.Group
	for n, s := range stores {
		rng := rand.New(rand.NewPCG(5, uint64(n)))
		group.Go(func() error {
			for range 30 {
				m := tahoe.Markings()[rng.IntN(4)]
				c := []tahoe.Category{tahoe.Unknown, tahoe.Malicious, tahoe.Benign}[rng.IntN(3)]
				if _, err := s.Write(t.Context(), []tahoe.Record{made(rng.IntN(events), m, c), made(rng.IntN(events), "", c)}); err != nil {
					return err
				}
				of := made(rng.IntN(events), "", tahoe.Unknown).Events[0].Hash()
				if err := s.Mark(t.Context(), []string{"o1"}, of, tahoe.Markings()[rng.IntN(5)]); err != nil {
					return err
				}
			}
			return nil
		})
	}
	done := make(chan error, 1)
	go func() { done <- group.Wait() }()
	for racing := true; racing; {
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			racing = false
		default:
		}
		checkLedgers(t)
	}
	for i := range events {
		got := marksOf(t, made(i, "", tahoe.Unknown).Events[0].Hash())
		for _, audiences := range got.Raws {
			if len(audiences) != 1 || got.Audience != "o1" && audiences[0] == "o1" ||
				got.Audience == "o1!red" && audiences[0] != "o1!red" {
				t.Errorf("event %d is for %s, its raw for %v", i, got.Audience, audiences)
			}
		}
	}
}
