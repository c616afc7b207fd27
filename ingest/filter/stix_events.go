package filter

import (
	"cmp"
	"slices"
	"strings"

	"github.com/cybexp/cybexp/tahoe"
)

// stixKeeping are the properties of every object that say how STIX keeps it, or that are made into something else.
var stixKeeping = []string{"type", "id", "spec_version", "created", "modified", "object_marking_refs", "granular_markings", "lang"}

// details makes nodes of all properties of an object but those that are used otherwise.
func (t *stixThing) details(used ...string) []tahoe.Node {
	nodes := []tahoe.Node{t.optional("stix_id", "id")}
	for _, field := range t.fields.Keys() {
		if slices.Contains(stixKeeping, field) || slices.Contains(used, field) {
			continue
		}
		if v, _ := t.fields.Get(field); isReference(field) {
			nodes = append(nodes, t.object(stixRole(t.kind, field), t.targets(field, v)...))
		} else {
			nodes = append(nodes, t.generic(stixRole(t.kind, field), field, v)...)
		}
	}
	return append(nodes, t.markings()...)
}

// targets are the nodes of what a property refers to.
func (t *stixThing) targets(field string, v tahoe.Value) []tahoe.Node {
	ids := v.Elements()
	if v.Type() != tahoe.TypeArray {
		ids = []tahoe.Value{v}
	}
	var nodes []tahoe.Node
	for _, v := range ids {
		id, ok := v.Str()
		if !ok {
			t.problem(field, "refers to a value of type %s", v.Type())
			continue
		}
		nodes = append(nodes, t.graph.resolve(t, field, id)...)
	}
	return nodes
}

// markings makes tags of the markings: tlp:amber, or what the definition states.
func (t *stixThing) markings() []tahoe.Node {
	var nodes []tahoe.Node
	for _, id := range t.list("object_marking_refs") {
		nodes = append(nodes, t.tag(id)...)
	}
	return nodes
}

// tag makes a tag of a marking.
func (t *stixThing) tag(id string) []tahoe.Node {
	subType, text := "marking", id
	if tlp, ok := stixTLP[id]; ok {
		subType, text = "tag", tlp
	} else if m := t.graph.things[id]; m != nil {
		subType, text = m.marking()
	}
	return present([]tahoe.Node{t.make(subType, "object_marking_refs", tahoe.String(text))})
}

// marked is how the object is marked, and what is part of it.
func (t *stixThing) marked() tahoe.Marking {
	m := t.holds.Stricter(tagged(t.markings()))
	granular, _ := t.fields.Get("granular_markings")
	for _, g := range granular.Elements() { // a part that is marked marks the whole
		id, _ := g.Get("marking_ref")
		m = m.Stricter(tagged(t.tag(id.Text())))
	}
	return m
}

// marking is what a marking definition says, as sub-type and value.
func (t *stixThing) marking() (subType, text string) {
	definition := record{fields: t.value("definition")}
	if tlp := definition.text("tlp"); tlp != "" {
		return "tag", "tlp:" + strings.ToLower(tlp)
	}
	if name := strings.ToLower(t.text("name")); strings.HasPrefix(name, "tlp:") {
		return "tag", name
	}
	return "marking", cmp.Or(definition.text("statement"), t.text("name"), t.id)
}

// labelled tells whether one of the lists of an object has a word.
func (t *stixThing) labelled(word string, fields ...string) bool {
	return slices.ContainsFunc(fields, func(field string) bool {
		v, _ := t.fields.Get(field)
		return slices.ContainsFunc(v.Elements(), func(e tahoe.Value) bool { return e.Text() == word })
	})
}

// indicator is held malicious, unless it says that it is not or was revoked.
func (t *stixThing) indicator() happening {
	nodes := t.own()
	h := happening{subType: "indicator", children: append(t.details("pattern_type", "pattern_version", "valid_from"), nodes...), category: t.verdict()}
	if t.patternType() == "stix" {
		h.context = whole(nodes)
	}
	if p, err := parseSTIXPattern(t.text("pattern")); t.patternType() == "stix" && (err != nil || p.partial) {
		h.children = append(h.children, t.make("partial", "pattern", tahoe.Bool(true)))
		if err != nil {
			t.problem("pattern", "%v, it is kept as text", err)
		} else {
			t.problem("pattern", "says more than that values are equal, that part is kept as text")
		}
	}
	return h
}

func (t *stixThing) verdict() tahoe.Category {
	revoked, _ := t.fields.Get("revoked")
	gone, _ := revoked.Bool()
	switch {
	case gone:
		return tahoe.Unknown
	case t.labelled("benign", "labels", "indicator_types"):
		return tahoe.Benign
	}
	return tahoe.Malicious
}

// observedData is what was seen, and how often.
func (t *stixThing) observedData() happening {
	return happening{subType: "observed_data", children: append(t.details("objects", "object_refs", "first_observed"), t.own()...)}
}

// observed makes nodes of the observables that STIX 2.0 has inside of an observation: of those that are no part of another.
func (t *stixThing) observed(objects tahoe.Value) []tahoe.Node {
	graph, used := newSTIXGraph(t.graph, t.graph.spent), map[string]bool{}
	for _, key := range objects.Keys() {
		v, _ := objects.Get(key)
		kind, _ := v.Get("type")
		if v.Type() != tahoe.TypeObject {
			t.problem("objects."+key, "is no object but of type %s", v.Type())
		}
		graph.things[key] = &stixThing{record: record{fields: v}, where: "objects." + key, id: key, kind: kind.Text(), graph: graph}
		gatherReferences(v, used)
	}
	var nodes []tahoe.Node
	for _, key := range objects.Keys() {
		if !used[key] {
			nodes = append(nodes, graph.resolve(t, "objects", key)...)
		}
	}
	for _, key := range objects.Keys() {
		if _, reached := graph.made[key]; !reached { // it is part of itself
			nodes = append(nodes, graph.resolve(t, "objects", key)...)
		}
	}
	for _, beside := range graph.beside {
		nodes = append(nodes, beside.own()...)
	}
	for _, key := range objects.Keys() {
		t.absorb(graph.things[key].where, graph.things[key].record)
	}
	return nodes
}

// sighting tells that something is about. What an indicator is of is held to be what the indicator says.
func (t *stixThing) sighting() happening {
	h := happening{subType: "sighting", category: tahoe.Unknown}
	id := t.text("sighting_of_ref")
	seen := t.targets("sighting_of_ref", tahoe.String(id))
	h.children = append(t.details("sighting_of_ref", "observed_data_refs", "first_seen"), t.object("sighting_of", seen...))
	if v, ok := t.fields.Get("observed_data_refs"); ok {
		h.children = append(h.children, t.object("observed", t.targets("observed_data_refs", v)...))
	}
	switch of := t.graph.things[id]; {
	case of == nil:
	case of.kind == "indicator":
		h.category = of.verdict()
		if of.patternType() == "stix" {
			h.context = whole(seen)
		}
	case slices.Contains([]string{"attack-pattern", "campaign", "infrastructure", "intrusion-set", "malware", "threat-actor", "tool"}, of.kind):
		h.category = tahoe.Malicious
	}
	return h
}

// relationship ties two objects.
func (t *stixThing) relationship() happening {
	children := t.details("source_ref", "target_ref", "start_time")
	for _, end := range []string{"source", "target"} {
		children = append(children, t.object(end, t.targets(end+"_ref", tahoe.String(t.text(end+"_ref")))...))
	}
	return happening{subType: "relationship", children: children}
}

// other is any other object, of STIX or of somebody's own.
func (t *stixThing) other() happening {
	nodes := t.own()
	h := happening{subType: "stix_object"}
	if t.kind == "x-misp-attribute" {
		used := []string{"x_misp_type", "x_misp_value"}
		if len(nodes) == 0 {
			used = nil
		}
		h.children = append(t.details(used...), nodes...)
		if t.labelled(`misp:to_ids="True"`, "labels") || t.labelled(`misp:ids="true"`, "labels") {
			h.category, h.context = tahoe.Malicious, whole(nodes)
		}
		return h
	}
	used := []string{"name"}
	if t.kind == "report" || t.kind == "grouping" {
		used = append(used, "object_refs", "published")
		h.children = append(h.children, t.object("object", t.strangers()...))
	}
	h.children = append(h.children, append(t.details(used...), nodes...)...)
	return h
}

// strangers are the IDs of a report that the bundle does not have.
func (t *stixThing) strangers() []tahoe.Node {
	var nodes []tahoe.Node
	for _, id := range t.list("object_refs") {
		if t.graph.things[id] == nil {
			nodes = append(nodes, t.make("stix_id", "object_refs", tahoe.String(id)))
		}
	}
	return nodes
}
