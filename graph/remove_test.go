package graph_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cybexp/cybexp/graph"
	"github.com/cybexp/cybexp/internal/testdgraph"
	"github.com/cybexp/cybexp/tahoe"
)

// without is what is left of records, raws included, when events go: a session that is left without an event goes too, one that is
// not keeps its times.
func without(g *generator, records []tahoe.Record, gone map[tahoe.Hash]bool) []tahoe.Record {
	alive := map[tahoe.Hash]bool{}
	for _, r := range records {
		for _, s := range r.Sessions {
			for _, e := range s.Events() {
				alive[s.Hash()] = alive[s.Hash()] || !gone[e.Hash()]
			}
		}
	}
	var left []tahoe.Record
	for _, r := range records {
		kept := tahoe.Record{Raw: r.Raw, State: r.State}
		for _, e := range r.Events {
			if !gone[e.Hash()] {
				kept.Events = append(kept.Events, e)
			}
		}
		for _, s := range r.Sessions {
			if !alive[s.Hash()] {
				continue
			}
			same, err := tahoe.NewSession(s.SubType(), s.Children()...)
			g.check(err)
			same.StartTime, same.EndTime, same.Duration = s.StartTime, s.EndTime, s.Duration
			for _, e := range s.Events() {
				if !gone[e.Hash()] {
					same.AddEvent(e)
				}
			}
			kept.Sessions = append(kept.Sessions, same)
		}
		left = append(left, kept)
	}
	return left
}

// hashesOf lists the hashes of the records' events, those of one organisation if it is not "".
func hashesOf(records []tahoe.Record, org string) []tahoe.Hash {
	var list []tahoe.Hash
	for _, r := range records {
		for _, e := range r.Events {
			if org == "" || e.OrgID() == org {
				list = append(list, e.Hash())
			}
		}
	}
	return list
}

func set(list []tahoe.Hash) map[tahoe.Hash]bool {
	m := map[tahoe.Hash]bool{}
	for _, h := range list {
		m[h] = true
	}
	return m
}

func remove(t *testing.T, s *graph.Store, r graph.Removal) graph.Removed {
	t.Helper()
	n, err := s.RemoveEvents(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestRemovedEventsLeaveWhatOthersHold(t *testing.T) {
	testdgraph.Wipe(t)
	s := open(t, graph.Config{HotDegree: 20})
	g := newGenerator(t, 31)
	records := g.records(400)
	write(t, s, records...)
	until(t, "ledgers", func() bool { _, counted := checkLedgers(t); return counted >= 1 })

	mine, others := hashesOf(records[:200], g.orgs[0]), hashesOf(records[:200], g.orgs[1])
	n := remove(t, s, graph.Removal{Orgs: g.orgs[:1], Events: append(others, mine...)})
	left := without(g, records, set(mine))
	check(t, left)
	checkLedgers(t)
	if want := len(expected(records)) - len(expected(left)); n.Events != len(mine) || n.Events+n.Sessions+n.Attributes+n.Objects != want || n.Raws != 0 {
		t.Errorf("removed %+v, want %d events, %d vertices in all and no raw", n, len(mine), want)
	}
	if again := remove(t, testdgraph.Connect(t), graph.Removal{Orgs: g.orgs[:1], Events: mine}); again != (graph.Removed{}) {
		t.Errorf("removed again: %+v", again)
	}

	write(t, s, records...) // the uids that the store remembers are not used again
	check(t, records)
	checkLedgers(t)
	all := remove(t, s, graph.Removal{Orgs: g.orgs, Events: hashesOf(records, ""), Raws: true})
	check(t, nil)
	if all.Raws != 400 {
		t.Errorf("removed %+v, want all 400 raws", all)
	}
	checkNothingIsLeft(t)
}

// checkNothingIsLeft looks for parts of vertices, and for segments of ledgers.
func checkNothingIsLeft(t *testing.T) {
	t.Helper()
	for _, part := range []string{
		"hash", "itype", "sub_type", "name", "data", "value", "ip", "host", "number", "counted", "audience", "tlp", "timestamp", "brief", "category", "cref", "ref", "mal_ref",
		"ben_ref", "judged_ref", "ocref", "sref", "sattr", "span_of", "span_raw", "span_audience", "span_start", "span_end", "span_duration", "audiences", "timezone", "state", "rref", "segment_of", "ledgers_list",
	} {
		var answer struct{ Data struct{ Q []struct{ N int } } }
		askDgraph(t, `{ q(func: has(`+part+`)) { n: count(uid) } }`, &answer)
		if answer.Data.Q[0].N > 0 {
			t.Errorf("%d vertices have %s left", answer.Data.Q[0].N, part)
		}
	}
}

func TestRemovedUploadTakesItsEvents(t *testing.T) {
	s := testdgraph.Open(t)
	g := newGenerator(t, 32)
	o1, o2 := g.orgs[0], g.orgs[1]
	event := func(org string, n int64) *tahoe.Event {
		e, err := tahoe.NewEvent("e", org, 1, g.attribute("a", tahoe.Int(n)))
		g.check(err)
		return e
	}
	raw := func(org string, n int64) *tahoe.Raw {
		r, err := tahoe.NewRaw("r", tahoe.Int(n), org, "UTC")
		g.check(err)
		return r
	}
	twice := event(o1, 3)
	shared1 := tahoe.Record{Raw: raw(o1, 1), State: tahoe.Mapped, Events: []*tahoe.Event{event(o1, 1), twice}}
	shared2 := tahoe.Record{Raw: raw(o2, 1), State: tahoe.Mapped, Events: []*tahoe.Event{event(o2, 1)}}
	other := tahoe.Record{Raw: raw(o1, 2), State: tahoe.Mapped, Events: []*tahoe.Event{twice}}
	write(t, s, shared1, shared2, other)
	for _, step := range []struct {
		org  string
		raw  *tahoe.Raw
		left []tahoe.Record
	}{
		{g.orgs[2], shared1.Raw, []tahoe.Record{shared1, shared2, other}},
		{o1, shared1.Raw, []tahoe.Record{shared2, other}},
		{o1, shared1.Raw, []tahoe.Record{shared2, other}},
		{o1, other.Raw, []tahoe.Record{shared2}},
		{o2, shared1.Raw, nil},
	} {
		if _, err := s.RemoveUploads(t.Context(), step.org, []tahoe.Hash{step.raw.Hash()}); err != nil {
			t.Fatal(err)
		}
		check(t, step.left)
	}
	checkNothingIsLeft(t)
}

// An organisation that removes its events leaves their raw with the last of its own, whoever else has events of it.
func TestRemovedEventsTakeTheirOrganisationOffTheRaw(t *testing.T) {
	g := newGenerator(t, 38)
	o1, o2, o3 := g.orgs[0], g.orgs[1], g.orgs[2]
	record := func(org string, m tahoe.Marking, events ...int64) tahoe.Record {
		raw, err := tahoe.NewRaw("r", tahoe.Int(1), org, "UTC")
		g.check(err)
		r := tahoe.Record{Raw: raw, State: tahoe.Mapped, Received: 1.6e9}
		for _, n := range events {
			e, err := tahoe.NewEvent("e", org, 1.6e9+float64(n), g.attribute("a", tahoe.Int(n)))
			g.check(err)
			e.Mark(m)
			r.Events = append(r.Events, e)
		}
		return r
	}
	before := func(n int64) time.Time { return time.Unix(1_600_000_000+n, 500_000_000) }
	two, other, none := record(o1, tahoe.Red, 1, 2), record(o2, "", 3), record(o3, "")
	one := record(o1, tahoe.Red, 2)
	for name, step := range map[string]struct {
		do   func(context.Context, *graph.Store) (graph.Removed, error)
		left []tahoe.Record
	}{
		"one event of two": {removing(hashesOf([]tahoe.Record{two}, "")[:1], o1), []tahoe.Record{one, other, none}},
		"both events":      {removing(hashesOf([]tahoe.Record{two}, ""), o1), []tahoe.Record{other, none}},
		"all events, by who has none too": {
			removing(hashesOf([]tahoe.Record{two, other}, ""), o1, o2, o3), []tahoe.Record{none},
		},
		"events that are too old":                 {aging(graph.Aged{Before: before(1), Org: o1}), []tahoe.Record{one, other, none}},
		"all events of one organisation, too old": {aging(graph.Aged{Before: before(9), Org: o1}), []tahoe.Record{other, none}},
		"events too old, whoever has them":        {aging(graph.Aged{Before: before(2)}), []tahoe.Record{other, none}},
		"a raw too old of who has no event":       {aging(graph.Aged{Before: before(9), Org: o3}), []tahoe.Record{two, other}},
		"a raw too old, whoever has it":           {aging(graph.Aged{Before: before(9)}), nil},
		"an upload": {func(ctx context.Context, s *graph.Store) (graph.Removed, error) {
			return s.RemoveUploads(ctx, o1, []tahoe.Hash{two.Raw.Hash()})
		}, []tahoe.Record{other, none}},
		"an organisation": {func(ctx context.Context, s *graph.Store) (graph.Removed, error) {
			return s.RemoveOrg(ctx, o1, nil)
		}, []tahoe.Record{other, none}},
	} {
		t.Run(name, func(t *testing.T) {
			s := testdgraph.Open(t)
			write(t, s, two, other, none)
			if _, err := step.do(t.Context(), s); err != nil {
				t.Fatal(err)
			}
			check(t, step.left)
		})
	}
}

func removing(events []tahoe.Hash, orgs ...string) func(context.Context, *graph.Store) (graph.Removed, error) {
	return func(ctx context.Context, s *graph.Store) (graph.Removed, error) {
		return s.RemoveEvents(ctx, graph.Removal{Orgs: orgs, Events: events, Raws: true})
	}
}

func aging(what graph.Aged) func(context.Context, *graph.Store) (graph.Removed, error) {
	return func(ctx context.Context, s *graph.Store) (graph.Removed, error) { return s.RemoveAged(ctx, what, nil) }
}

func TestRemovedOrganisationIsGone(t *testing.T) {
	testdgraph.Open(t)
	s := open(t, graph.Config{HotDegree: 40})
	g := newGenerator(t, 33)
	records := g.records(1500)
	write(t, s, records...)
	var last graph.Removed
	calls := 0
	sum, err := s.RemoveOrg(t.Context(), g.orgs[0], func(n graph.Removed) { last = n; calls++ })
	if err != nil {
		t.Fatal(err)
	}
	gone := hashesOf(records, g.orgs[0])
	left := slices.DeleteFunc(without(g, records, set(gone)), func(r tahoe.Record) bool { return r.Raw.OrgID() == g.orgs[0] })
	if sum.Events != len(gone) || sum.Raws != len(gone) || last != sum || calls < 10 {
		t.Errorf("removed %+v in %d steps, the last told %+v; want %d events and raws", sum, calls, last, len(gone))
	}
	check(t, left)
	checkLedgers(t)
}

// Events are removed, by two processes at once, while two others write them and others with the same attributes again and again; the server is killed
// meanwhile. No write finds what is gone, nothing is left over, and ledgers agree whenever one looks.
func TestRemovalRacesWithWritersAndItself(t *testing.T) {
	testdgraph.Renew(t)
	stores := []*graph.Store{open(t, graph.Config{HotDegree: 40}), open(t, graph.Config{HotDegree: 40})}
	g := newGenerator(t, 34)
	records := g.records(150)
	write(t, stores[0], records...)
	var group errgroup.Group
	var rounds atomic.Int64
	for i, s := range stores {
		for role := range 2 {
			rng := rand.New(rand.NewPCG(uint64(i), uint64(role)))
			group.Go(func() error {
				for range 12 {
					at := rng.IntN(130)
					part := records[at : at+1+rng.IntN(20)]
					var err error
					if role == 0 {
						_, err = s.Write(t.Context(), part)
					} else {
						_, err = s.RemoveEvents(t.Context(), graph.Removal{Orgs: g.orgs, Events: hashesOf(part, ""), Raws: rng.IntN(2) == 0})
					}
					if err != nil {
						return err
					}
					rounds.Add(1)
				}
				return nil
			})
		}
	}
	killed := false
	until(t, "end of the race", func() bool {
		if rounds.Load() > 20 && !killed {
			killed = true
			killAlpha(t, stores[0])
		}
		checkLedgers(t)
		checkWhole(t)
		return rounds.Load() == 48
	})
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	checkWhole(t)
	write(t, stores[1], records...)
	check(t, records)
	checkLedgers(t)
	for _, s := range stores {
		remove(t, s, graph.Removal{Orgs: g.orgs, Events: hashesOf(records, ""), Raws: true})
	}
	checkNothingIsLeft(t)
}

// TestTheTurnIsTheLastAnnouncements lets two processes announce changes. What began in the first one's turn is aborted, and it finds that
// its turn is over; of a process that has died nothing remains to wait for.
func TestTheTurnIsTheLastAnnouncements(t *testing.T) {
	one, other := testdgraph.Open(t), open(t, graph.Config{})
	take := func(s *graph.Store, patience time.Duration) graph.Turn {
		t.Helper()
		turn, err := s.TakeTurn(t.Context(), patience)
		if err != nil {
			t.Fatal(err)
		}
		return turn
	}
	begin := func(turn graph.Turn, want bool) func() []error {
		t.Helper()
		commit, is, err := turn.Begin(t.Context())
		if err != nil || is != want {
			t.Fatalf("turn: %v %v, want %v", is, err, want)
		}
		return commit
	}
	first := take(one, time.Hour)
	commit := begin(first, true)
	second := take(other, 0)
	if errs := commit(); !graph.Aborted(errs) {
		t.Errorf("committed in another's turn: %v", errs)
	}
	begin(first, false)
	if err := errors.Join(begin(second, true)()...); err != nil {
		t.Error(err)
	}
	begin(second, false) // it is done
	third := take(one, time.Hour)
	if err := errors.Join(begin(third, true)()...); err != nil {
		t.Error(err)
	}
	killed := take(other, time.Hour) // waits for nobody
	_ = take(one, 0)                 // as who has waited enough
	begin(killed, false)
	last := take(other, 0)
	begin(last, true)
}

// checkWhole looks, at one snapshot, for edges to what is gone, for what nothing holds, and for raws that whoever has an event of cannot see.
func checkWhole(t *testing.T) {
	t.Helper()
	type end struct{ UID, Hash, Audience string }
	var answer struct {
		Data struct {
			E []struct {
				UID, Hash, Itype            string
				Audiences                   []string
				Ref, Cref, Mal_ref, Ben_ref []end
				Ocref, Sref, Sattr, Rref    []end
			}
			A []end
			S []end
		}
	}
	askDgraph(t, `{ e(func: has(itype)) { uid hash itype audiences ref { uid hash } cref { uid hash } mal_ref { uid hash } ben_ref { uid hash } ocref { uid hash }
		sref { uid hash } sattr { uid hash } rref { uid hash audience } }
		a(func: type(Node)) @filter(eq(count(~ref), 0) AND eq(count(~sattr), 0)) { uid hash }
		s(func: type(Session)) @filter(eq(count(sref), 0)) { uid hash } }`, &answer)
	for _, v := range answer.Data.E {
		if v.Hash == "" {
			t.Fatalf("%s has no hash", v.UID)
		}
		for _, to := range slices.Concat(v.Ref, v.Cref, v.Mal_ref, v.Ben_ref, v.Ocref, v.Sref, v.Sattr, v.Rref) {
			if to.Hash == "" {
				t.Fatalf("%s refers to %s, which is gone", v.Hash, to.UID)
			}
		}
		for _, e := range v.Rref {
			if v.Itype == string(tahoe.KindRaw) && e.Audience != "" && !slices.Contains(v.Audiences, e.Audience) {
				t.Fatalf("raw %s is for %v, its event %s for %s", v.Hash, v.Audiences, e.Hash, e.Audience)
			}
		}
	}
	if len(answer.Data.A)+len(answer.Data.S) > 0 {
		t.Fatalf("nothing holds %v, and %v are without events", answer.Data.A, answer.Data.S)
	}
}

// Again and again the last event with an attribute is removed while another process, which remembers the attribute, writes the next one.
func TestWhatIsRemovedIsNotFoundAgain(t *testing.T) {
	one, two := testdgraph.Open(t), testdgraph.Connect(t)
	g := newGenerator(t, 35)
	shared := g.object("o", g.attribute("shared", tahoe.Int(1)))
	next := func(i int) *tahoe.Event { return event(g, shared, g.attribute("n", tahoe.Int(int64(i)))) }
	const rounds = 60
	write(t, two, tahoe.Record{Events: []*tahoe.Event{next(0)}})
	for i := range rounds {
		var group errgroup.Group
		group.Go(func() error {
			_, err := one.RemoveEvents(t.Context(), graph.Removal{Orgs: []string{"o1"}, Events: []tahoe.Hash{next(i).Hash()}})
			return err
		})
		group.Go(func() error {
			for range i % 4 { // so that the write falls into each step of the removal
				if err := two.Ready(t.Context()); err != nil {
					return err
				}
			}
			_, err := two.Write(t.Context(), []tahoe.Record{{Events: []*tahoe.Event{next(i + 1)}}})
			return err
		})
		if err := group.Wait(); err != nil {
			t.Fatal(err)
		}
		checkWhole(t)
	}
}

// Again and again an organisation's last event of a raw that others have too is removed while another process writes the next one.
func TestRemovedOrganisationAndWriterMeetAtTheRaw(t *testing.T) {
	one, two := testdgraph.Open(t), testdgraph.Connect(t)
	g := newGenerator(t, 39)
	record := func(org string, i int) tahoe.Record {
		raw, err := tahoe.NewRaw("r", tahoe.Int(1), org, "UTC")
		g.check(err)
		e, err := tahoe.NewEvent("e", org, 1.6e9, g.attribute("n", tahoe.Int(int64(i))))
		g.check(err)
		return tahoe.Record{Raw: raw, State: tahoe.Mapped, Events: []*tahoe.Event{e}}
	}
	write(t, two, record("o2", -1), record("o1", 0))
	for i := range 40 {
		var group errgroup.Group
		group.Go(func() error {
			_, err := removing(hashesOf([]tahoe.Record{record("o1", i)}, ""), "o1")(t.Context(), one)
			return err
		})
		group.Go(func() error {
			for range i % 4 { // so that the write falls into each step of the removal
				if err := two.Ready(t.Context()); err != nil {
					return err
				}
			}
			_, err := two.Write(t.Context(), []tahoe.Record{record("o1", i+1)})
			return err
		})
		if err := group.Wait(); err != nil {
			t.Fatal(err)
		}
		checkWhole(t)
	}
}
