package reportd

import (
	"fmt"
	"slices"

	"pgregory.net/rapid"

	"github.com/cybexp/cybexp/tahoe"
	"github.com/cybexp/cybexp/tdql"
)

// The values of the worlds are few, so that much is shared between organisations.
var (
	worldOrgs   = []string{"ant", "bee", "cow"}
	worldValues = map[string][]tahoe.Value{
		"ipv4":     texts4("10.0.0.1", "10.0.0.2", "10.0.1.3", "192.0.2.4"),
		"domain":   texts4("a.example", "b.a.example", "c.test"),
		"username": texts4("root", "admin", "root2"),
		"port":     {tahoe.Int(22), tahoe.Int(23), tahoe.Int(8080)},
		"url":      texts4("http://a.example/x", "http://c.test/evil"),
	}
	worldTypes = []string{"ipv4", "domain", "username", "port", "url"}
)

func texts4(list ...string) []tahoe.Value {
	var values []tahoe.Value
	for _, s := range list {
		values = append(values, tahoe.String(s))
	}
	return values
}

// world is what several organisations recorded, as they sent it.
type world struct {
	*rapid.T
	records []tahoe.Record
}

// drawWorld makes a world. Nothing in it has the same time, so that the order of events is one.
func drawWorld(t *rapid.T) *world {
	w := &world{T: t}
	for i := range rapid.IntRange(10, 45).Draw(t, "records") {
		w.records = append(w.records, w.record(i))
	}
	return w
}

func choose[T any](t *rapid.T, name string, list []T) T { return rapid.SampledFrom(list).Draw(t, name) }

func (w *world) check(err error) {
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) attribute() tahoe.Node {
	subType := choose(w.T, "sub-type", worldTypes)
	a, err := tahoe.NewAttribute(subType, choose(w.T, "value", worldValues[subType]))
	w.check(err)
	return a
}

func (w *world) children() []tahoe.Node {
	var nodes []tahoe.Node
	for range rapid.IntRange(1, 3).Draw(w.T, "children") {
		n := w.attribute()
		if rapid.IntRange(0, 3).Draw(w.T, "object") == 0 {
			o, err := tahoe.NewObject(choose(w.T, "role", []string{"src", "dst"}), n, w.attribute())
			w.check(err)
			n = o
		}
		nodes = append(nodes, n)
	}
	return nodes
}

// record makes a record of an organisation: a raw, with events, some of them in sessions, or none. Now and then the raw, or an event, is one
// that there was before, marked otherwise.
func (w *world) record(i int) tahoe.Record {
	org := tahoe.OrgHash(choose(w.T, "org", worldOrgs)).String()
	raw, err := tahoe.NewRaw("cowrie", tahoe.Int(int64(rapid.IntRange(0, 20).Draw(w.T, "raw"))), org, choose(w.T, "zone", []string{"UTC", "Asia/Tokyo", ""}))
	w.check(err)
	state := choose(w.T, "state", []tahoe.RawState{tahoe.Mapped, tahoe.Mapped, tahoe.Kept, tahoe.NotSupported, tahoe.Invalid})
	r := tahoe.Record{Raw: raw, State: state, Received: 1.6e9, Marking: w.marking()}
	for k := range rapid.IntRange(0, 2).Draw(w.T, "events") {
		var e *tahoe.Event
		if earlier := w.of(org); len(earlier) > 0 && rapid.IntRange(0, 4).Draw(w.T, "again") == 0 {
			old := choose(w.T, "event", earlier)
			e = w.event(old.SubType(), org, old.Timestamp(), old.Children())
			w.check(e.SetCategory(old.Category()))
		} else {
			e = w.event(choose(w.T, "kind", []string{"login", "scan"}), org, 1622500000+float64(60*i+7*k), w.children())
			w.check(e.SetCategory(choose(w.T, "category", []tahoe.Category{tahoe.Unknown, tahoe.Benign, tahoe.Malicious})))
		}
		e.Mark(r.Marking)
		e.Mark(w.marking())
		r.Events = append(r.Events, e)
	}
	if rapid.Bool().Draw(w.T, "in a session") {
		id, err := tahoe.NewAttribute("sessionid", tahoe.Int(int64(rapid.IntRange(0, 4).Draw(w.T, "session"))))
		w.check(err)
		s, err := tahoe.NewSession("ssh", id)
		w.check(err)
		s.AddEvent(r.Events...)
		s.StartTime, s.EndTime, s.Duration = w.number("start", 1622500000), w.number("end", 1622501000), w.number("duration", 0)
		r.Sessions = []*tahoe.Session{s}
	}
	return r
}

// number is one of a few from a first one on, or none.
func (w *world) number(name string, first float64) *float64 {
	i := rapid.IntRange(-10, 29).Draw(w.T, name)
	if i < 0 {
		return nil
	}
	first += 60.5 * float64(i)
	return &first
}

func (w *world) event(kind, org string, at float64, children []tahoe.Node) *tahoe.Event {
	e, err := tahoe.NewEvent(kind, org, at, children...)
	w.check(err)
	return e
}

func (w *world) marking() tahoe.Marking {
	if i := rapid.IntRange(0, 11).Draw(w.T, "marking"); i < 5 {
		return tahoe.Markings()[i]
	}
	return tahoe.Unmarked
}

// of lists the events of an organisation.
func (w *world) of(org string) (list []*tahoe.Event) {
	for _, r := range w.records {
		for _, e := range r.Events {
			if e.OrgID() == org {
				list = append(list, e)
			}
		}
	}
	return list
}

// seen is the world that somebody sees: the records with nothing in them that is not theirs to see, marked as all of them together are marked. It is
// found without the code under test.
func (w *world) seen(orgs []tdql.Org) []tahoe.Record {
	mine := audiences(orgs)
	events := map[tahoe.Hash]tahoe.Marking{}
	for _, r := range w.records {
		for _, e := range r.Events {
			events[e.Hash()] = events[e.Hash()].Stricter(e.Marking())
		}
	}
	type upload struct {
		raw tahoe.Hash
		org string
	}
	raws := map[upload]tahoe.Marking{}
	for _, r := range w.records {
		u := upload{r.Raw.Hash(), r.Raw.OrgID()}
		raws[u] = raws[u].Stricter(r.Marking)
		for _, e := range r.Events {
			raws[u] = raws[u].Stricter(events[e.Hash()])
		}
	}
	shown := map[tahoe.Hash]tahoe.Record{} // the raws that are seen, as one of those sent them whom they are seen by
	for _, r := range w.records {
		if m := raws[upload{r.Raw.Hash(), r.Raw.OrgID()}]; slices.Contains(mine, m.Audience(r.Raw.OrgID())) && shown[r.Raw.Hash()].Raw == nil {
			shown[r.Raw.Hash()] = tahoe.Record{Raw: r.Raw, Marking: m, State: r.State}
		}
	}
	var list []tahoe.Record
	for _, r := range w.records {
		part := shown[r.Raw.Hash()] // what came of a raw hangs together with it for who sees both
		m := raws[upload{r.Raw.Hash(), r.Raw.OrgID()}]
		told := slices.Contains(mine, m.Audience(r.Raw.OrgID()))
		if told {
			part = tahoe.Record{Raw: r.Raw, Marking: m, State: r.State}
		}
		part.Received = r.Received
		for _, old := range r.Events {
			if m := events[old.Hash()]; slices.Contains(mine, m.Audience(old.OrgID())) {
				e := w.event(old.SubType(), old.OrgID(), old.Timestamp(), old.Children())
				w.check(e.SetCategory(old.Category()))
				e.Mark(m)
				part.Events = append(part.Events, e)
			}
		}
		if part.Raw == nil && len(part.Events) == 0 {
			continue
		}
		for _, old := range r.Sessions {
			s, err := tahoe.NewSession(old.SubType(), old.Children()...)
			w.check(err)
			s.AddEvent(part.Events...)
			if told {
				s.StartTime, s.EndTime, s.Duration = old.StartTime, old.EndTime, old.Duration
			}
			part.Sessions = append(part.Sessions, s)
		}
		list = append(list, part)
	}
	return list
}

// drawRights are the organisations that somebody reads, and what they are to them.
func drawRights(t *rapid.T) []tdql.Org {
	var orgs []tdql.Org
	for _, name := range worldOrgs {
		if sees := choose(t, name, []tahoe.Marking{"none", "none", tahoe.Amber, tahoe.Amber, tahoe.Strict, tahoe.Red}); sees != "none" {
			orgs = append(orgs, tdql.Org{Hash: tahoe.OrgHash(name), Name: name, Sees: sees})
		}
	}
	return orgs
}

// hashes lists some of all there is, of each kind, whoever may see it.
func (w *world) hashes() map[tahoe.Kind][]string {
	m := map[tahoe.Kind][]string{}
	add := func(i tahoe.Instance) {
		if h := i.Hash().String(); !slices.Contains(m[i.Kind()], h) {
			m[i.Kind()] = append(m[i.Kind()], h)
		}
	}
	for _, r := range w.records {
		add(r.Raw)
		for _, e := range r.Events {
			add(e)
			for _, n := range e.Refs() {
				add(n)
			}
		}
		for _, s := range r.Sessions {
			add(s)
		}
	}
	return m
}

// value is a literal of a sub-type that is perhaps somewhere.
func value(t *rapid.T, subType string) string {
	if rapid.IntRange(0, 9).Draw(t, "nowhere") == 0 {
		return fmt.Sprintf("nowhere%d.example", rapid.IntRange(0, 3).Draw(t, "which"))
	}
	return tdql.Literal(choose(t, "value", worldValues[subType]))
}
