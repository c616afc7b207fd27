package graph_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cybexp/cybexp/graph"
	"github.com/cybexp/cybexp/internal/testdgraph"
	"github.com/cybexp/cybexp/tahoe"
)

// How many operations a run of the random test makes, and after how many it looks at the graph.
const (
	randomSteps = 120
	randomLook  = 5
)

// TestRandomOperationsMakeTheGraphOfTheModel mixes all that changes a graph, by two processes in turn, which are closed and opened now and then, and
// compares the graph with the model after every few steps, and ledgers with the events. Ledgers are opened from few events on.
func TestRandomOperationsMakeTheGraphOfTheModel(t *testing.T) {
	for seed := range uint64(2) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			testdgraph.Open(t)
			u := newUniverse(t, seed)
			stores := []*graph.Store{u.open(t), u.open(t)}
			counted := 0
			var did []string
			for step := range randomSteps {
				i := u.rng.IntN(len(stores))
				if u.rng.IntN(20) == 0 {
					u.check(stores[i].Close())
					stores[i] = u.open(t)
				}
				o := u.operation()
				u.both(t, stores[i], o)
				if did = append(did, o.String()); step%randomLook > 0 {
					continue
				}
				if diff := cmp.Diff(u.model.dump(), stored(t)); diff != "" {
					t.Fatalf("after step %d the graph differs (-want +got):\n%.3000s\nafter\n%s", step, diff, strings.Join(did, "\n"))
				}
				_, n := checkLedgers(t)
				did, counted = did[:0], max(counted, n)
			}
			if counted < 3 {
				t.Errorf("%d ledgers were counted at once at most: the test shows little", counted)
			}
		})
	}
}

// both does something to the graph and to the model, and compares how many vertices came and went.
func (u *universe) both(t *testing.T, s *graph.Store, o operation) {
	t.Helper()
	before := len(u.model.dump())
	u.model.apply(u, o)
	added, n, err := o.do(t.Context(), s, u)
	if err != nil {
		t.Fatalf("%v: %v", o, err)
	}
	gone := n.Events + n.Sessions + n.Attributes + n.Objects + n.Raws
	if want := len(u.model.dump()) - before; o.Name != "Edit" && added-gone != want {
		t.Errorf("%v: added %d, removed %+v, want %d vertices more", o, added, n, want)
	}
}

// universe is a small world, in which what is written overlaps, with a model of what is in the graph.
type universe struct {
	*generator
	rng        *rand.Rand
	model      *model
	attributes []tahoe.Node
	objects    []tahoe.Node
	raws       []tahoe.Value
}

// universeHot is from how many events on something has a ledger.
const universeHot = 10

// universeOrgs are the organisations.
var universeOrgs = []string{"o1", "o2"}

func newUniverse(tb testing.TB, seed uint64) *universe {
	u := &universe{generator: newGenerator(tb, seed), rng: rand.New(rand.NewPCG(seed, 77))}
	u.model = newModel(u.generator)
	for i := range 5 {
		u.attributes = append(u.attributes, u.attribute("a", tahoe.Int(int64(i))), u.attribute("ipv4", tahoe.String(fmt.Sprintf("10.0.0.%d", i))))
	}
	for i := range 8 {
		children := u.some(u.attributes, 2)
		if i > 3 {
			children = append(children, u.some(u.objects, 2)...)
		}
		u.objects = append(u.objects, u.object("o", children...))
	}
	for i := range 12 {
		u.raws = append(u.raws, tahoe.Int(int64(i)))
	}
	return u
}

// open returns one more store, as another process would have, for which few events are many, and very few enough for a change.
func (u *universe) open(t *testing.T) *graph.Store {
	t.Helper()
	s, err := graph.Open(t.Context(), graph.Config{Target: testdgraph.Target(t), HotDegree: universeHot})
	u.check(err)
	t.Cleanup(func() { s.Close() })
	return s.InSmallSteps(2)
}

// some are one to n of a list.
func (u *universe) some(list []tahoe.Node, n int) []tahoe.Node {
	var some []tahoe.Node
	for range 1 + u.rng.IntN(n) {
		some = append(some, pick(u, list))
	}
	return some
}

func pick[T any](u *universe, list []T) T { return list[u.rng.IntN(len(list))] }

// category is any.
func (u *universe) category() tahoe.Category {
	return pick(u, []tahoe.Category{tahoe.Unknown, tahoe.Benign, tahoe.Malicious})
}

// event is one that was written before, perhaps with other contexts, or a new one.
func (u *universe) event(org string) *tahoe.Event {
	var made *tahoe.Event
	if own := u.events(org); len(own) > 0 && u.rng.IntN(3) == 0 {
		old := pick(u, own)
		made = copyOf(u.generator, old.Event, old.Children())
	} else {
		children := u.some(u.attributes, 3)
		if u.rng.IntN(2) == 0 {
			children = append(children, u.some(u.objects, 2)...)
		}
		var err error
		made, err = tahoe.NewEvent(pick(u, []string{"login", "sighting"}), org, 1.6e9+float64(u.rng.IntN(4))*86400.000001, children...)
		u.check(err)
	}
	u.check(made.SetCategory(u.category()))
	for _, n := range u.some(made.Refs(), 2) {
		u.check(made.SetContext(u.category(), n))
	}
	return made
}

// record is what an organisation uploads.
func (u *universe) record() tahoe.Record {
	org := pick(u, universeOrgs)
	raw, err := tahoe.NewRaw("r", pick(u, u.raws), org, pick(u, []string{"UTC", "Asia/Tokyo"}))
	u.check(err)
	r := tahoe.Record{Raw: raw, State: pick(u, []tahoe.RawState{tahoe.NotSupported, tahoe.Invalid, tahoe.Kept})}
	if u.rng.IntN(8) == 0 {
		return r
	}
	r.State = tahoe.Mapped
	for range 1 + u.rng.IntN(4) {
		r.Events = append(r.Events, u.event(org))
	}
	for range u.rng.IntN(3) {
		s, err := tahoe.NewSession("s", u.some(append(u.attributes[:4:4], u.objects[:2]...), 2)...)
		u.check(err)
		start, end := float64(u.rng.IntN(100)), float64(100+u.rng.IntN(100))
		if s.StartTime = &start; u.rng.IntN(2) == 0 {
			s.EndTime, s.Duration = &end, &start
		}
		s.AddEvent(r.Events[:1+u.rng.IntN(len(r.Events))]...)
		r.Sessions = append(r.Sessions, s)
	}
	return r
}

// events are those of organisations that are in the graph, always in one order.
func (u *universe) events(orgs ...string) []*modelEvent {
	var list []*modelEvent
	for _, h := range slices.SortedFunc(maps.Keys(u.model.events), tahoe.Hash.Compare) {
		if e := u.model.events[h]; slices.Contains(orgs, e.OrgID()) {
			list = append(list, e)
		}
	}
	return list
}

// someOrgs are one of the organisations, or both.
func (u *universe) someOrgs() []string {
	return pick(u, [][]string{universeOrgs[:1], universeOrgs[1:], universeOrgs})
}
