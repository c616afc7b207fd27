package filter

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cybexp/cybexp/tahoe"
)

// applySTIX maps a STIX 2.0 or 2.1 bundle, or one STIX object. Observables become attributes and objects; indicators, sightings,
// observations and relationships become events that hold what they speak of; all else becomes an object, in an event of when it was
// made. A report or grouping is also a session of the events of what it refers to.
func applySTIX(in Input) (Result, error) {
	data := openDocument(in.Data)
	list, isBundle := data.Get("objects")
	if kind, _ := data.Get("type"); kind.Text() == "observed-data" || !isBundle && kind.Type() == tahoe.TypeString && kind.Text() != "bundle" {
		list = tahoe.Array(data)
	}
	if list.Type() != tahoe.TypeArray || len(list.Elements()) == 0 {
		return Result{}, fmt.Errorf("%w: it holds no STIX objects", ErrFormat)
	}
	b := &stixBundle{in: in, events: map[string][]*tahoe.Event{}, graph: newSTIXGraph(nil, in.spent)}
	b.open(list.Elements())
	if len(b.objects) == 0 {
		return Result{}, fmt.Errorf("%w: it holds no STIX objects", ErrFormat)
	}
	b.build()
	return Result{Events: b.all, Sessions: b.sessions, Problems: b.problems}, nil
}

// stixBundle is a bundle on its way.
type stixBundle struct {
	record
	in       Input
	graph    *stixGraph
	objects  []*stixThing
	used     map[string]bool // the observables that events hold anyway
	at       float64         // for what has no time of its own
	all      []*tahoe.Event
	events   map[string][]*tahoe.Event // what the objects became
	sessions []*tahoe.Session
}

// stixThing is one object of the bundle.
type stixThing struct {
	record
	where    string
	id, kind string
	graph    *stixGraph
	holds    tahoe.Marking // of what became part of it
}

// open finds the objects, and which of them are used by others.
func (b *stixBundle) open(elements []tahoe.Value) {
	for i, v := range elements {
		t := &stixThing{record: record{fields: v}, where: fmt.Sprintf("objects[%d]", i), graph: b.graph}
		kind, _ := v.Get("type")
		var ok bool
		if t.kind, ok = kind.Str(); !ok || t.kind == "" {
			b.problem(t.where+".type", "is missing, the object is in the raw only")
			continue
		}
		if t.id = t.text("id"); t.id == "" {
			t.id = t.where
		}
		if b.graph.things[t.id] == nil || newer(t, b.graph.things[t.id]) {
			b.graph.things[t.id] = t // of several versions, others mean the last
		}
		b.objects = append(b.objects, t)
	}
	b.used = map[string]bool{}
	for _, t := range b.objects {
		if t.kind != "report" && t.kind != "grouping" {
			gatherReferences(t.fields, b.used)
		}
	}
}

func newer(a, b *stixThing) bool { return a.text("modified") > b.text("modified") }

// gatherReferences finds the IDs that an object refers to.
func gatherReferences(v tahoe.Value, into map[string]bool) {
	for _, key := range v.Keys() {
		inner, _ := v.Get(key)
		if !isReference(key) {
			gatherReferences(inner, into)
			continue
		}
		for _, id := range append(inner.Elements(), inner) {
			if text, ok := id.Str(); ok {
				into[text] = true
			}
		}
	}
	for _, inner := range v.Elements() {
		gatherReferences(inner, into)
	}
}

func (b *stixBundle) build() {
	if !b.when() {
		return
	}
	for _, t := range b.objects {
		b.add(t)
	}
	b.addRest()
	for _, t := range b.objects {
		if t.kind == "report" || t.kind == "grouping" {
			b.addSession(t)
		}
	}
	for _, t := range b.objects {
		b.absorb(t.where, t.record)
	}
	if len(b.all)+len(b.problems) == 0 {
		b.problem("objects", "hold nothing but markings")
	}
}

// addRest makes events of the observables that others refer to and no event holds: because they are too large, or hold each other.
func (b *stixBundle) addRest() {
	for _, t := range b.objects {
		if m := b.graph.made[t.id]; t.isObservable() && b.used[t.id] && (m == nil || m.isBeside) {
			b.put(t, happening{subType: "observable", stamp: b.at, children: t.own()})
		}
	}
}

// when finds the time that stands in for what has none: the last that the bundle tells, so that the bundle means the same whenever it
// arrives.
func (b *stixBundle) when() bool {
	known := false
	for _, t := range b.objects {
		for _, field := range []string{"modified", "created"} {
			probe := record{fields: t.fields}
			if at, ok := probe.moment(field, b.in); ok && (!known || at > b.at) {
				b.at, known = at, true
			}
		}
	}
	if known {
		return true
	}
	at, err := b.arrival("created", b.in)
	if err != nil {
		b.problem("created", "%v", err)
	}
	b.at = at
	return err == nil
}

// time is the first of the fields that holds a time.
func (b *stixBundle) time(t *stixThing, fields ...string) float64 {
	for _, field := range fields {
		if at, ok := t.moment(field, b.in); ok {
			return at
		}
	}
	return b.at
}

// add makes the event of an object.
func (b *stixBundle) add(t *stixThing) {
	var h happening
	switch {
	case t.kind == "marking-definition": // is in the events that it marks
		return
	case t.isObservable():
		if b.used[t.id] {
			return
		}
		h = happening{subType: "observable", stamp: b.at, children: t.own()}
	case t.kind == "indicator":
		h = t.indicator()
		h.stamp = b.time(t, "valid_from", "created")
	case t.kind == "observed-data":
		h = t.observedData()
		h.stamp = b.time(t, "first_observed", "created")
	case t.kind == "sighting":
		h = t.sighting()
		h.stamp = b.time(t, "first_seen", "created")
	case t.kind == "relationship":
		h = t.relationship()
		h.stamp = b.time(t, "start_time", "created")
	default:
		h = t.other()
		h.stamp = b.time(t, "published", "created")
	}
	b.put(t, h)
}

func (b *stixBundle) put(t *stixThing, h happening) {
	if e := t.happen(b.in, "type", h); e != nil {
		e.Mark(t.marked())
		b.all = append(b.all, e)
		b.events[t.id] = append(b.events[t.id], e)
	}
}

// addSession makes the session of a report: all that it refers to, so far as the bundle has it.
func (b *stixBundle) addSession(t *stixThing) {
	id := t.attribute("stix_id", "id")
	if id == nil {
		return
	}
	s, err := tahoe.NewSession(identifier(t.kind), id)
	if err != nil {
		t.problem("id", "%v", err)
		return
	}
	at := b.time(t, "published", "created")
	s.StartTime = &at
	s.AddEvent(b.events[t.id]...)
	for _, ref := range t.list("object_refs") {
		s.AddEvent(b.events[ref]...)
	}
	b.sessions = append(b.sessions, s)
}

// isObservable tells whether the object is a fact that may be seen on many occasions, and not somebody's knowledge.
func (t *stixThing) isObservable() bool {
	if slices.Contains(stixObservables, t.kind) {
		return true
	}
	_, made := t.fields.Get("created")
	return !made && strings.HasPrefix(t.kind, "x-")
}
