package filter

import (
	"strings"

	"github.com/cybexp/cybexp/tahoe"
)

// stixGraph resolves references: the objects of a bundle refer to each other, and those inside an observation of STIX 2.0 also.
type stixGraph struct {
	outer  *stixGraph
	things map[string]*stixThing
	made   map[string]*stixMade
	open   int          // how many references are being followed
	spent  *int         // bytes of all that was made of the record
	beside []*stixThing // what was to become part of another and was too large
}

// stixMade is what an object became.
type stixMade struct {
	nodes    []tahoe.Node
	size     int // bytes of their canonical texts
	isBeside bool
}

func newSTIXGraph(outer *stixGraph, spent *int) *stixGraph {
	return &stixGraph{outer: outer, things: map[string]*stixThing{}, made: map[string]*stixMade{}, spent: spent}
}

// Texts double with every level, so that a few lines may stand for gigabytes. These are the bounds of that.
const (
	maxSTIXFollow = 16            // references that are followed from one object through others
	maxSTIXPart   = 16 << 10      // bytes of what becomes part of another object
	maxSTIX       = maxEvents / 2 // bytes of all that is made, after which nothing becomes part of another object
)

// resolve gives the nodes of an object: what others that refer to it hold. An object that the bundle does not have, that holds itself
// or that would be too large is known by its ID.
func (g *stixGraph) resolve(asker *stixThing, field, id string) []tahoe.Node {
	t := g.things[id]
	if t == nil && g.outer != nil {
		return g.outer.resolve(asker, field, id)
	}
	byID := present([]tahoe.Node{asker.idNode(id)})
	if t == nil {
		if len(byID) == 0 {
			asker.problem(field, "%.60q refers to nothing", id)
		}
		return byID
	}
	m := g.made[id]
	if m == nil {
		if g.open > maxSTIXFollow {
			asker.problem(field, "%.60q is too far away to be part of this", id)
			return byID
		}
		m = g.make(t, byID)
	}
	if asker == t {
		return m.nodes
	}
	if m.size > maxSTIXPart || *g.spent > maxSTIX {
		asker.problem(field, "%.60q is too large to be part of this and stands beside it", id)
		if !m.isBeside {
			m.isBeside, g.beside = true, append(g.beside, t)
		}
		return byID
	}
	asker.holds = asker.holds.Stricter(t.marked())
	return m.nodes
}

// make makes the nodes of an object. While it does, the object is known by its ID, in case it holds itself.
func (g *stixGraph) make(t *stixThing, byID []tahoe.Node) *stixMade {
	g.made[t.id] = &stixMade{nodes: byID}
	g.open++
	m := &stixMade{nodes: present(t.nodes())}
	g.open--
	for _, n := range whole(m.nodes) {
		if o, ok := n.(*tahoe.Object); ok {
			m.size += len(o.Canonical())
		}
	}
	*g.spent += m.size
	g.made[t.id] = m
	return m
}

// own gives the nodes of an object to its own event. Others mean the last version of it.
func (t *stixThing) own() []tahoe.Node {
	if t.graph.things[t.id] != t {
		return present(t.nodes())
	}
	return t.graph.resolve(t, "id", t.id)
}

func (t *stixThing) idNode(id string) tahoe.Node {
	if !strings.Contains(id, "--") {
		return nil // a number inside of an observation, or no ID at all
	}
	return t.make("stix_id", "id", tahoe.String(id))
}

// nodes makes what the object is, without what is said about it.
func (t *stixThing) nodes() []tahoe.Node {
	switch {
	case t.isObservable() || t.graph.outer != nil:
		return t.observableNodes()
	case t.kind == "indicator":
		return t.patternNodes()
	case t.kind == "observed-data":
		if objects, ok := t.fields.Get("objects"); ok {
			return t.observed(objects)
		}
		refs, _ := t.fields.Get("object_refs")
		return t.targets("object_refs", refs)
	case t.kind == "x-misp-attribute":
		r := record{fields: tahoe.Map(map[string]tahoe.Value{"type": t.value("x_misp_type"), "value": t.value("x_misp_value")})}
		nodes := r.mispNodes("")
		t.absorb("x_misp", r)
		return nodes
	case t.kind == "marking-definition":
		return []tahoe.Node{t.idNode(t.id)}
	}
	return t.identity()
}

func (t *stixThing) value(field string) tahoe.Value {
	v, _ := t.fields.Get(field)
	return v
}

// identity is the object of a thing that is known by its name: malware{name}, attack_pattern{name, mitre_id}. One without a
// name is known by its ID. What else is known of it may change and is in events.
func (t *stixThing) identity() []tahoe.Node {
	var parts []tahoe.Node
	name := t.optional("name", "name")
	if t.kind == "vulnerability" && strings.HasPrefix(strings.ToUpper(t.text("name")), "CVE-") {
		name = t.fact("cve_id", "name", tahoe.String(t.text("name")))
	}
	parts = append(parts, name)
	for _, reference := range t.value("external_references").Elements() {
		source, _ := reference.Get("source_name")
		id, ok := reference.Get("external_id")
		switch {
		case !ok:
		case strings.HasPrefix(source.Text(), "mitre"):
			parts = append(parts, t.make("mitre_id", "external_references", id))
		case source.Text() == "cve":
			parts = append(parts, t.fact("cve_id", "external_references", id))
		}
	}
	if len(present(parts)) == 0 {
		return []tahoe.Node{t.idNode(t.id)}
	}
	return present([]tahoe.Node{t.object(identifier(t.kind), parts...)})
}

func (t *stixThing) patternType() string {
	if kind := t.text("pattern_type"); kind != "" {
		return kind
	}
	return "stix"
}

// patternNodes makes nodes of the values that a pattern looks for. Rules in other languages than STIX's stay whole.
func (t *stixThing) patternNodes() []tahoe.Node {
	text := t.text("pattern")
	if kind := t.patternType(); kind != "stix" && text != "" {
		rule := t.make(identifier(kind), "pattern", tahoe.String(text))
		return []tahoe.Node{t.object("cti_analysis", rule)}
	}
	pattern, err := parseSTIXPattern(text)
	if err != nil {
		return nil // indicator tells of it
	}
	var nodes []tahoe.Node
	for _, group := range pattern.groups {
		var members []placed
		for _, c := range group {
			if last := len(c.steps) - 1; last > 0 && c.steps[last] == "type" && isReference(c.steps[last-1]) {
				continue // says what the value next to it is, which shows there
			}
			for _, v := range c.values {
				members = append(members, t.placeSTIX(c.kind, c.steps, v))
			}
		}
		nodes = append(nodes, t.nest(members)...)
	}
	return nodes
}

func (t *stixThing) placeSTIX(kind string, steps []string, v tahoe.Value) placed {
	path := stixPath(kind, steps, v.Text())
	switch path {
	case "network_traffic.protocol":
		v = tahoe.String(strings.ToUpper(v.Text()))
	case "autonomous_system.asn":
		v = tahoe.String(v.Text())
	}
	p := t.place(path, steps[0], v)
	if !t.isAddress(path, steps[0], p.node) {
		p.node = nil
	}
	return p
}

// observableNodes makes one node of an observable: an attribute of one that is a value, else an object.
func (t *stixThing) observableNodes() []tahoe.Node {
	var members []placed
	for _, field := range t.fields.Keys() {
		switch field {
		case "type", "id", "spec_version", "defanged", "object_marking_refs", "granular_markings":
		default:
			members = append(members, t.property([]string{field}, t.value(field))...)
		}
	}
	nodes := t.nest(members)
	if len(nodes) == 0 {
		t.problem("type", "%.60q without any value", t.kind)
	}
	if len(nodes) < 2 {
		return nodes
	}
	for i := range members {
		if members[i].under == "" {
			members[i].under = stixObject(t.kind)
		}
	}
	return t.nest(members)
}

// property makes nodes of a property of an observable.
func (t *stixThing) property(steps []string, v tahoe.Value) []placed {
	field, under := steps[len(steps)-1], stixObject(t.kind)
	if isReference(field) {
		var members []placed
		for _, n := range t.targets(field, v) {
			members = append(members, placed{under + "." + stixRole(t.kind, field), n})
		}
		return members
	}
	var members []placed
	switch v.Type() {
	case tahoe.TypeNull:
	case tahoe.TypeArray:
		for _, e := range v.Elements() {
			members = append(members, t.property(steps, e)...)
		}
	case tahoe.TypeObject:
		if field == "hashes" || field == "values" {
			return t.properties(steps, v)
		}
		for _, n := range t.generic(identifier(field), field, v) {
			members = append(members, placed{under, n})
		}
	case tahoe.TypeBool, tahoe.TypeInt, tahoe.TypeFloat, tahoe.TypeString:
		if v.Text() != "" {
			members = append(members, t.placeSTIX(t.kind, steps, v))
		}
	}
	return members
}

// properties makes nodes of the properties of a property: hashes, values of the registry.
func (t *stixThing) properties(steps []string, v tahoe.Value) []placed {
	var members []placed
	for _, key := range v.Keys() {
		inner, _ := v.Get(key)
		if !inner.IsScalar() {
			t.problem(steps[0]+"."+key, "is an %s", inner.Type())
			continue
		}
		members = append(members, t.placeSTIX(t.kind, append(steps[:1:1], key), inner))
	}
	return members
}
