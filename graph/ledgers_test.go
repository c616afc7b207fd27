package graph_test

import (
	"cmp"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cybexp/cybexp/graph"
	"github.com/cybexp/cybexp/internal/testdgraph"
	"github.com/cybexp/cybexp/ledger"
	"github.com/cybexp/cybexp/tahoe"
)

// account is what one snapshot tells of a vertex that has a ledger, or not.
type account struct {
	Hash    string
	Counted bool
	Parts   []struct {
		Delta, Exact, Quarter, Day string
		Loose                      bool
	} `json:"p"`
	Events []struct {
		UID, Category, Audience string
		SubType                 string `json:"sub_type"`
		Timestamp               time.Time
	} `json:"e"`
	Mal []struct{ UID string } `json:"m"`
	Ben []struct{ UID string } `json:"b"`
}

// accounts reads all vertices that are on the list of ledgers, at one snapshot.
func accounts(t *testing.T) []account {
	t.Helper()
	var answer struct {
		Data struct {
			L []struct {
				List []account `json:"ledgers_list"`
			}
		}
	}
	askDgraph(t, `{ l(func: eq(ledgers, "counted")) { ledgers_list { hash counted
		p: ~segment_of { delta: segment_delta exact: segment_exact quarter: segment_quarter day: segment_day loose: segment_loose }
		e: ~ref { uid timestamp category audience sub_type } m: ~mal_ref { uid } b: ~ben_ref { uid } } } }`, &answer)
	if len(answer.Data.L) == 0 {
		return nil
	}
	return answer.Data.L[0].List
}

// one is an event as a ledger sees it.
type one struct {
	at  int64
	key ledger.Key
}

// events counts the events one by one.
func (a account) events() map[one]int64 {
	context := map[string]string{}
	for _, v := range a.Mal {
		context[v.UID] = "malicious"
	}
	for _, v := range a.Ben {
		context[v.UID] = "benign"
	}
	m := map[one]int64{}
	for _, e := range a.Events {
		m[one{e.Timestamp.UnixMicro(), ledger.Key{Audience: e.Audience, Category: e.Category, Context: cmp.Or(context[e.UID], "unknown"), SubType: e.SubType}}]++
	}
	return m
}

// ledger adds the segments up, in steps of time.
func (a account) ledger(t *testing.T, step int64) map[one]int64 {
	t.Helper()
	m := map[one]int64{}
	for _, p := range a.Parts {
		text := map[int64]string{ledger.Exact: p.Exact, ledger.Quarter: p.Quarter, ledger.Day: p.Day}[step]
		s, err := ledger.Decode(cmp.Or(text, p.Delta))
		if err != nil {
			t.Fatal(err)
		}
		for e := range s.Roll(step).All() {
			if m[one{e.At, e.Key}] += e.N; m[one{e.At, e.Key}] == 0 {
				delete(m, one{e.At, e.Key})
			}
		}
	}
	return m
}

// rolled is a count in steps of time.
func rolled(m map[one]int64, step int64) map[one]int64 {
	out := map[one]int64{}
	for k, n := range m {
		out[one{k.at / step * step, k.key}] += n
	}
	return out
}

// checkLedgers compares all ledgers with the events, and returns how many there are, and how many are counted.
func checkLedgers(t *testing.T) (listed, counted int) {
	t.Helper()
	for _, a := range accounts(t) {
		listed++
		if !a.Counted {
			continue
		}
		counted++
		want := a.events()
		for _, step := range []int64{ledger.Exact, ledger.Quarter, ledger.Day} {
			if got := a.ledger(t, step); !maps.Equal(got, rolled(want, step)) {
				t.Fatalf("ledger of %s, in steps of %d: %d entries, want %d", a.Hash, step, len(got), len(want))
			}
		}
	}
	return listed, counted
}

// Two processes write, one of them with a server that is killed in between, while ledgers are opened and merged; whenever one looks,
// every ledger agrees with the events.
func TestLedgersAgreeWithTheEventsAtEverySnapshot(t *testing.T) {
	testdgraph.Renew(t)
	var merges atomic.Int64
	stores := []*graph.Store{
		open(t, graph.Config{HotDegree: 40, Logger: slog.New(&counter{&merges, "ledger opened"})}),
		open(t, graph.Config{HotDegree: 40}),
	}
	records := newGenerator(t, 21).records(1200)
	var g errgroup.Group
	var written atomic.Int64
	for i := range 4 {
		g.Go(func() error {
			for at := i * 300; at < (i+1)*300; at += 10 {
				if _, err := stores[i%2].Write(t.Context(), records[at:at+10]); err != nil {
					return err
				}
				written.Add(10)
			}
			return nil
		})
	}
	done := make(chan error, 1)
	go func() { done <- g.Wait() }()
	for killed, looking := false, true; looking; {
		if written.Load() > 500 && !killed {
			killed = true
			killAlpha(t, stores[0])
		}
		checkLedgers(t)
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			looking = false
		default:
		}
	}
	until(t, "ledgers", func() bool {
		_, counted := checkLedgers(t)
		return counted >= 3
	})
	check(t, records)
	if merges.Load() == 0 {
		t.Error("no ledger was opened by the store that was to log it")
	}
}

func TestLedgerFollowsContexts(t *testing.T) {
	s := testdgraph.Open(t)
	g := newGenerator(t, 22)
	a, b := g.attribute("a", tahoe.Int(1)), g.attribute("b", tahoe.Int(2))
	first, again := event(g, a, b), event(g, a, b)
	write(t, s, tahoe.Record{Events: []*tahoe.Event{first}})
	for _, h := range []tahoe.Hash{a.Hash(), b.Hash()} {
		if err := s.OpenLedger(t.Context(), h); err != nil {
			t.Fatal(err)
		}
	}
	g.check(again.SetContext(tahoe.Malicious, a))
	write(t, s, tahoe.Record{Events: []*tahoe.Event{again}})
	write(t, testdgraph.Connect(t), tahoe.Record{Events: []*tahoe.Event{again}})
	if _, counted := checkLedgers(t); counted != 2 {
		t.Errorf("%d ledgers, want 2", counted)
	}
	if err := s.OpenLedger(t.Context(), a.Hash()); err != nil {
		t.Errorf("open an open ledger: %v", err)
	}
	if err := s.OpenLedger(t.Context(), tahoe.Hash{1}); err == nil {
		t.Error("a ledger of nothing was opened")
	}
}

// Events far apart in time come in small writes, and after them some in order: the ledger stays short.
func TestLedgerStaysShort(t *testing.T) {
	s := testdgraph.Open(t)
	g := newGenerator(t, 23)
	hot := g.attribute("hot", tahoe.Int(1))
	at := func(seconds float64) *tahoe.Event {
		e, err := tahoe.NewEvent("e", tahoe.OrgHash("org0").String(), seconds, hot, g.attribute("n", tahoe.Int(int64(seconds))))
		g.check(err)
		return e
	}
	var all []tahoe.Record
	for i := range 3000 {
		all = append(all, tahoe.Record{Events: []*tahoe.Event{at(float64(i * 1000 % 2_999_999))}})
	}
	write(t, s, all[:1500]...)
	if err := s.OpenLedger(t.Context(), hot.Hash()); err != nil {
		t.Fatal(err)
	}
	for i := 1500; i < 3000; i += 5 {
		write(t, s, all[i:i+5]...)
	}
	until(t, "a short ledger", func() bool {
		a := accounts(t)
		return len(a) == 1 && len(a[0].Parts) < 80
	})
	checkLedgers(t)
}

// lanes are the beats of those that are in the graph.
func lanes(t *testing.T) map[string]int64 {
	t.Helper()
	var answer struct {
		Data struct {
			Q []struct {
				UID  string
				Beat int64 `json:"lane_beat"`
			}
		}
	}
	askDgraph(t, `{ q(func: has(lane_beat)) { uid lane_beat } }`, &answer)
	m := map[string]int64{}
	for _, l := range answer.Data.Q {
		m[l.UID] = l.Beat
	}
	return m
}

// setBeats writes beats of lanes.
func setBeats(t *testing.T, beats map[string]int64) {
	t.Helper()
	var quads strings.Builder
	for uid, beat := range beats {
		fmt.Fprintf(&quads, "<%s> <lane_beat> \"%d\" .\n", uid, beat)
	}
	var done any
	post(t, "/mutate?commitNow=true", "application/rdf", "{ set {\n"+quads.String()+"} }", &done)
}

// longAgo is when a process last wrote of which nobody has heard since.
func longAgo() int64 { return time.Now().Add(-25 * time.Hour).UnixNano() }

// TestLanesOfTheDeadGo lets a process that nobody has heard of for long be forgotten, and write again after all.
func TestLanesOfTheDeadGo(t *testing.T) {
	one, other := testdgraph.Open(t), open(t, graph.Config{})
	records := newGenerator(t, 41).records(3)
	write(t, one, records[0])
	write(t, other, records[0])
	beats, young, kept := lanes(t), longAgo()+2*int64(time.Hour), ""
	for uid := range beats {
		beats[uid], kept = longAgo(), uid
	}
	beats[kept] = young
	setBeats(t, beats)
	if _, err := other.TakeTurn(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	left := lanes(t)
	if len(beats) < 2 || left[kept] != young+1 {
		t.Errorf("of lanes with %v those with %v are left; want one with %d among them", beats, left, young+1)
	}
	for uid, beat := range left {
		if beat < young {
			t.Errorf("lane %s of %d is left", uid, beat)
		}
	}
	var listed struct {
		Data struct {
			Q []struct {
				Lanes []struct{ UID string } `json:"ledgers_lane"`
			}
		}
	}
	askDgraph(t, `{ q(func: type(Ledgers)) { ledgers_lane { uid } } }`, &listed)
	if n := len(listed.Data.Q[0].Lanes); n != len(left) {
		t.Errorf("%d lanes are listed, %d are there", n, len(left))
	}
	write(t, one, records[1:]...)
	check(t, records)
}

// TestWhoLosesItsLanesIsAborted takes away the lanes of a process that has begun.
func TestWhoLosesItsLanesIsAborted(t *testing.T) {
	one, other := testdgraph.Open(t), open(t, graph.Config{})
	turn, err := one.TakeTurn(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	begin := func() func() []error {
		t.Helper()
		commit, is, err := turn.Begin(t.Context())
		if err != nil || !is {
			t.Fatalf("turn: %v %v", is, err)
		}
		return commit
	}
	begin()
	beats := lanes(t)
	for uid := range beats {
		beats[uid] = longAgo()
	}
	setBeats(t, beats)
	commit := begin()
	if _, err := other.TakeTurn(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	if errs := commit(); !graph.Aborted(errs) {
		t.Errorf("committed on a lane that is gone: %v", errs)
	}
}
