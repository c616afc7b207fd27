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
				if did = append(did, u.step(t, stores[i])); step%randomLook > 0 {
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

// universe is a small world, in which what is written overlaps, with a model of what is in the graph.
type universe struct {
	*generator
	rng        *rand.Rand
	model      *model
	attributes []tahoe.Node
	objects    []tahoe.Node
	raws       []tahoe.Value
}

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

// open returns one more store, as another process would have, for which few events are many.
func (u *universe) open(t *testing.T) *graph.Store {
	t.Helper()
	s, err := graph.Open(t.Context(), graph.Config{Target: testdgraph.Target(t), HotDegree: 10})
	u.check(err)
	t.Cleanup(func() { s.Close() })
	return s
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
	raw, err := tahoe.NewRaw("r", pick(u, u.raws), org, "UTC")
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

// step does something to the graph and to the model, and says what.
func (u *universe) step(t *testing.T, s *graph.Store) string {
	t.Helper()
	switch n := u.rng.IntN(100); {
	case n < 45 || len(u.model.events) == 0:
		return u.write(t, s)
	case n < 55:
		return u.removeEvents(t, s)
	case n < 61:
		return u.removeUploads(t, s)
	case n < 63:
		org := pick(u, universeOrgs)
		before := len(u.model.dump())
		u.model.removeOrg(org)
		got, err := s.RemoveOrg(t.Context(), org, nil)
		u.check(err)
		return u.removed(t, "RemoveOrg "+org, before, got)
	case n < 70:
		e, c := pick(u, u.events(universeOrgs...)), u.category()
		u.check(e.SetCategory(c))
		u.check(s.Classify(t.Context(), universeOrgs, e.Hash(), c))
		return fmt.Sprintf("Classify %v %s", e.Hash(), c)
	case n < 80:
		e, c := pick(u, u.events(universeOrgs...)), u.category()
		node := pick(u, e.Refs())
		u.model.setContext(e.Hash(), node, c)
		u.check(s.SetContext(t.Context(), universeOrgs, e.Hash(), node.Hash(), c))
		return fmt.Sprintf("SetContext %v %v %s", e.Hash(), node.Hash(), c)
	default:
		return u.edit(t, s)
	}
}

func (u *universe) write(t *testing.T, s *graph.Store) string {
	var records []tahoe.Record
	before := len(u.model.dump())
	for range 1 + u.rng.IntN(4) {
		r := u.record()
		u.model.write(r)
		records = append(records, r)
	}
	if got, want := write(t, s, records...), len(u.model.dump())-before; got != want {
		t.Fatalf("Write added %d, want %d", got, want)
	}
	return fmt.Sprintf("Write of %d records", len(records))
}

// removed compares what a removal counted with what the model lost.
func (u *universe) removed(t *testing.T, what string, before int, n graph.Removed) string {
	t.Helper()
	if got, want := n.Events+n.Sessions+n.Attributes+n.Objects+n.Raws, before-len(u.model.dump()); got != want {
		t.Errorf("%s removed %+v, want %d in all", what, n, want)
	}
	return what
}

func (u *universe) removeEvents(t *testing.T, s *graph.Store) string {
	r := graph.Removal{Orgs: u.someOrgs(), Raws: u.rng.IntN(2) == 0}
	for range 1 + u.rng.IntN(6) {
		r.Events = append(r.Events, pick(u, u.events(universeOrgs...)).Hash())
	}
	before := len(u.model.dump())
	u.model.remove(r)
	return u.removed(t, fmt.Sprintf("RemoveEvents %+v", r), before, remove(t, s, r))
}

func (u *universe) removeUploads(t *testing.T, s *graph.Store) string {
	org, raws := pick(u, universeOrgs), slices.SortedFunc(maps.Keys(u.model.raws), tahoe.Hash.Compare)
	raws = raws[:min(len(raws), 1+u.rng.IntN(4))]
	before := len(u.model.dump())
	u.model.removeUploads(org, raws)
	got, err := s.RemoveUploads(t.Context(), org, raws)
	u.check(err)
	return u.removed(t, fmt.Sprintf("RemoveUploads %s %v", org, raws), before, got)
}

// edit changes an event, or an object in it, if it is clear what that makes.
func (u *universe) edit(t *testing.T, s *graph.Store) string {
	e := graph.Edit{Orgs: u.someOrgs()}
	own := u.events(e.Orgs...)
	if len(own) == 0 {
		return "nothing"
	}
	event := pick(u, own)
	children := event.Children()
	e.Of = event.Hash()
	if o, ok := pick(u, event.Refs()).(*tahoe.Object); ok {
		e.Of, children = o.Hash(), o.Children()
	}
	if len(children) > 1 && u.rng.IntN(3) > 0 {
		e.Remove = []tahoe.Hash{pick(u, children).Hash()}
	}
	add := pick(u, u.attributes)
	if has := slices.ContainsFunc(children, func(n tahoe.Node) bool { return n.Hash() == add.Hash() }); !has {
		e.Add = []tahoe.Node{add}
	}
	after := u.model.clone()
	if len(e.Add)+len(e.Remove) == 0 || after.edit(e) != nil {
		return "nothing"
	}
	u.model = after
	if _, err := s.Edit(t.Context(), e); err != nil {
		t.Fatalf("edit %+v: %v", e, err)
	}
	return fmt.Sprintf("Edit %+v", e)
}
