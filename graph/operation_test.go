package graph_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/cybexp/cybexp/graph"
	"github.com/cybexp/cybexp/tahoe"
)

// operation is something that changes a graph. All but a Write can be sent to another process as JSON.
type operation struct {
	Name     string
	Orgs     []string
	Of       []tahoe.Hash   // events, raws, or what is edited
	Raws     bool           // of RemoveEvents
	Node     tahoe.Hash     // of SetContext
	Category tahoe.Category // of that and Classify
	Remove   []tahoe.Hash   // of Edit
	Add      []int          // of that, attributes of the universe

	records []tahoe.Record // of Write
}

func (o operation) String() string {
	text, err := json.Marshal(o)
	return fmt.Sprintf("%s of %d records %v", text, len(o.records), err)
}

// edit is what an Edit is asked for.
func (o operation) edit(u *universe) graph.Edit {
	e := graph.Edit{Orgs: o.Orgs, Of: o.Of[0], Remove: o.Remove}
	for _, i := range o.Add {
		e.Add = append(e.Add, u.attributes[i])
	}
	return e
}

// do does it to a graph.
func (o operation) do(ctx context.Context, s *graph.Store, u *universe) (added int, n graph.Removed, err error) {
	switch o.Name {
	case "Write":
		added, err = s.Write(ctx, o.records)
	case "RemoveEvents":
		n, err = s.RemoveEvents(ctx, graph.Removal{Orgs: o.Orgs, Events: o.Of, Raws: o.Raws})
	case "RemoveUploads":
		n, err = s.RemoveUploads(ctx, o.Orgs[0], o.Of)
	case "RemoveOrg":
		n, err = s.RemoveOrg(ctx, o.Orgs[0], nil)
	case "Classify":
		err = s.Classify(ctx, o.Orgs, o.Of[0], o.Category)
	case "SetContext":
		err = s.SetContext(ctx, o.Orgs, o.Of[0], o.Node, o.Category)
	case "Edit":
		_, err = s.Edit(ctx, o.edit(u))
	default:
		panic("no operation " + o.Name)
	}
	return added, n, err
}

// apply does it to the model.
func (m *model) apply(u *universe, o operation) {
	switch o.Name {
	case "Write":
		for _, r := range o.records {
			m.write(r)
		}
	case "RemoveEvents":
		m.remove(graph.Removal{Orgs: o.Orgs, Events: o.Of, Raws: o.Raws})
	case "RemoveUploads":
		m.removeUploads(o.Orgs[0], o.Of)
	case "RemoveOrg":
		m.removeOrg(o.Orgs[0])
	case "Classify":
		u.check(m.events[o.Of[0]].SetCategory(o.Category))
	case "SetContext":
		m.setContext(o.Of[0], o.Node, o.Category)
	case "Edit":
		u.check(m.edit(o.edit(u)))
	}
}

// operation is any that the graph may be asked for as it is.
func (u *universe) operation() operation {
	for {
		if n := u.rng.IntN(100); n < 45 || len(u.model.events) == 0 {
			return u.write()
		}
		if o, ok := u.change(); ok {
			return o
		}
	}
}

func (u *universe) write() operation {
	o := operation{Name: "Write"}
	for range 1 + u.rng.IntN(4) {
		o.records = append(o.records, u.record())
	}
	return o
}

// change is an operation that is no Write, of a graph that has events. It fails at times.
func (u *universe) change() (operation, bool) {
	all := u.events(universeOrgs...)
	event := pick(u, all)
	raws := slices.SortedFunc(maps.Keys(u.model.raws), tahoe.Hash.Compare)
	switch n := u.rng.IntN(60); {
	case n < 10:
		o := operation{Name: "RemoveEvents", Orgs: u.someOrgs(), Raws: u.rng.IntN(2) == 0}
		if len(raws) > 0 && u.rng.IntN(2) == 0 { // all that came of a raw, which others may have too
			o.Of = slices.SortedFunc(maps.Keys(u.model.raws[pick(u, raws)].of), tahoe.Hash.Compare)
			return o, len(o.Of) > 0
		}
		for range 1 + u.rng.IntN(6) {
			o.Of = append(o.Of, pick(u, all).Hash())
		}
		return o, true
	case n < 18:
		return operation{Name: "RemoveUploads", Orgs: []string{pick(u, universeOrgs)}, Of: raws[:min(len(raws), 1+u.rng.IntN(4))]}, true
	case n < 20:
		return operation{Name: "RemoveOrg", Orgs: []string{pick(u, universeOrgs)}}, true
	case n < 28:
		return operation{Name: "Classify", Orgs: universeOrgs, Of: []tahoe.Hash{event.Hash()}, Category: u.category()}, true
	case n < 38:
		node := pick(u, event.Refs())
		return operation{Name: "SetContext", Orgs: universeOrgs, Of: []tahoe.Hash{event.Hash()}, Node: node.Hash(), Category: u.category()}, true
	}
	return u.edit()
}

// edit changes an event, or an object in it, if it is clear what that makes.
func (u *universe) edit() (operation, bool) {
	o := operation{Name: "Edit", Orgs: u.someOrgs()}
	own := u.events(o.Orgs...)
	if len(own) == 0 {
		return o, false
	}
	event := pick(u, own)
	of, children := event.Hash(), event.Children()
	if object, ok := pick(u, event.Refs()).(*tahoe.Object); ok {
		of, children = object.Hash(), object.Children()
	}
	o.Of = []tahoe.Hash{of}
	if len(children) > 1 && u.rng.IntN(3) > 0 {
		o.Remove = []tahoe.Hash{pick(u, children).Hash()}
	}
	add := u.rng.IntN(len(u.attributes))
	if !slices.ContainsFunc(children, func(n tahoe.Node) bool { return n.Hash() == u.attributes[add].Hash() }) {
		o.Add = []int{add}
	}
	return o, len(o.Add)+len(o.Remove) > 0 && u.model.clone().edit(o.edit(u)) == nil
}
