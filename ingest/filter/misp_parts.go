package filter

import (
	"slices"
	"strings"

	"github.com/cybexp/cybexp/tahoe"
)

// addAttribute makes the event of an attribute that stands alone.
func (e *mispEvent) addAttribute(a *record) {
	if deleted(a) {
		return
	}
	nodes := a.mispNodes("")
	if len(nodes) == 0 {
		return
	}
	e.remember(a, nodes)
	before := len(e.events)
	category := tahoe.Unknown
	if toIDS(a) {
		category = tahoe.Malicious
	}
	children := append(slices.Clone(nodes), a.optional("x_misp_category", "category"), a.optional("x_misp_comment", "comment"),
		a.optional("uuid", "uuid"), a.optional("last_seen", "last_seen"))
	e.add(a, happening{
		subType: "misp_attribute", stamp: e.time(a), children: append(children, labels(a)...), category: category, context: whole(nodes),
	})
	e.sightings(a, nodes, category)
	for _, made := range e.events[before:] { // a sighting tells what it is a sighting of
		made.Mark(tagged(labels(a)))
	}
}

// time is when a part was first seen, else when it was noted, else the time of the event.
func (e *mispEvent) time(p *record) float64 {
	for _, field := range []string{"first_seen", "timestamp"} {
		if stamp, ok := p.moment(field, e.in); ok {
			return stamp
		}
	}
	return e.at
}

func (e *mispEvent) remember(p *record, nodes []tahoe.Node) {
	if id := p.text("uuid"); id != "" {
		e.byUUID[id] = nodes
	}
}

// toIDS tells whether sensors should look for an attribute, which is how MISP marks what is malicious.
func toIDS(a *record) bool {
	v, _ := a.fields.Get("to_ids")
	is, _ := v.Bool()
	return is || v.Text() == "1"
}

// mispNodes makes the nodes of an attribute. Inside of an object, place may tell better than the type where the value belongs.
func (r *record) mispNodes(object string) []tahoe.Node { return r.nest(r.mispPlaced(object)) }

func (r *record) mispPlaced(object string) []placed {
	kind := r.text("type")
	paths := mispPath(kind)
	if len(paths) == 0 {
		r.problem("type", "unknown type %.60q, its value is in the raw only", kind)
		return nil
	}
	if object != "" && len(paths) == 1 {
		paths = []string{mispPlace(kind, r.text("object_relation"), paths[0])}
	}
	v, ok := r.need("value")
	if !ok {
		return nil
	}
	if data := r.text("data"); data != "" {
		r.problem("data", "%d characters of attachment are in the raw only", len(data))
	}
	values := []tahoe.Value{v}
	if len(paths) == 2 {
		if values = cutComposite(kind, v.Text()); len(values) == 1 {
			r.problem("value", "%.60q is no %s, the first of the two stands alone", v.Text(), kind)
		}
	}
	var all []placed
	for i, v := range values {
		if strings.TrimSpace(v.Text()) == "" {
			r.problem("value", "is empty")
			continue
		}
		p := r.place(strings.TrimPrefix(paths[i], object+"."), "value", mispNumber(paths[i], v))
		if r.isAddress(paths[i], "value", p.node) {
			all = append(all, p)
		}
	}
	return all
}

// mispPlace is where the value of an object's attribute goes.
func mispPlace(kind, relation, path string) string {
	if better, ok := mispRelations[relation]; ok {
		return better
	}
	if relation != "" && slices.Contains(mispShapes, kind) {
		return identifier(relation)
	}
	return path
}

// cutComposite parts the two values of a composite type. Names may hold bars, hashes and ports do not; data of a registry key may, its
// name does not.
func cutComposite(kind, text string) []tahoe.Value {
	i := strings.LastIndexByte(text, '|')
	if kind == "regkey|value" {
		i = strings.IndexByte(text, '|')
	}
	if i < 0 {
		return []tahoe.Value{tahoe.String(text)}
	}
	return []tahoe.Value{tahoe.String(text[:i]), tahoe.String(text[i+1:])}
}

// mispNumber makes numbers of what MISP has as text and others have as numbers, so that they are the same.
func mispNumber(path string, v tahoe.Value) tahoe.Value {
	switch path[strings.LastIndexByte(path, '.')+1:] {
	case "port", "bytes":
		if n, err := tahoe.ParseValue([]byte(strings.TrimSpace(v.Text()))); err == nil {
			if _, whole := n.Int(); whole {
				return n
			}
		}
	}
	return v
}

// addObject makes the event of an object, and after all others the events of its references.
func (e *mispEvent) addObject(o *record) {
	if deleted(o) {
		return
	}
	name := identifier(o.text("name"))
	var members []placed
	var labelled, malicious []tahoe.Node
	each(o, "Attribute", func(a *record) {
		if deleted(a) {
			return
		}
		placed := a.mispPlaced(name)
		members = append(members, placed...)
		nodes, category := placedNodes(placed), tahoe.Unknown
		if toIDS(a) {
			malicious, category = append(malicious, nodes...), tahoe.Malicious
		}
		e.remember(a, nodes)
		e.sightings(a, nodes, category)
		labelled = append(labelled, a.optional("x_misp_comment", "comment"))
		labelled = append(labelled, labels(a)...)
	})
	made := o.object(name, o.nest(members)...)
	if made == nil {
		o.problem("Attribute", "holds nothing that can be used")
		return
	}
	e.remember(o, []tahoe.Node{made})
	h := happening{subType: "misp_object", stamp: e.time(o), children: append(labelled, made, o.optional("x_misp_comment", "comment"),
		o.optional("uuid", "uuid"), o.optional("last_seen", "last_seen"))}
	if len(malicious) > 0 {
		h.category, h.context = tahoe.Malicious, around(made, malicious)
	}
	e.add(o, h)
	each(o, "ObjectReference", func(ref *record) { e.addReference(ref, made) })
}

func placedNodes(all []placed) []tahoe.Node {
	var nodes []tahoe.Node
	for _, p := range all {
		nodes = append(nodes, p.node)
	}
	return present(nodes)
}

// around is nodes and the objects within outer that hold any of them.
func around(outer tahoe.Node, nodes []tahoe.Node) []tahoe.Node {
	meant := map[tahoe.Hash]bool{}
	for _, n := range nodes {
		meant[n.Hash()] = true
	}
	var all []tahoe.Node
	for _, n := range whole([]tahoe.Node{outer}) {
		if slices.ContainsFunc(whole([]tahoe.Node{n}), func(inner tahoe.Node) bool { return meant[inner.Hash()] }) {
			all = append(all, n)
		}
	}
	return all
}

// addReference makes the event of a relation of an object to another part of the event, which may stand behind it; to anything else it has its UUID.
func (e *mispEvent) addReference(ref *record, source tahoe.Node) {
	if deleted(ref) {
		return
	}
	kind := ref.optional("relationship_type", "relationship_type")
	id := ref.attribute("uuid", "referenced_uuid")
	comment := ref.optional("x_misp_comment", "comment")
	stamp := e.time(ref)
	if id == nil {
		return
	}
	e.later = append(e.later, func() {
		nodes, known := e.byUUID[ref.text("referenced_uuid")]
		if !known {
			nodes = []tahoe.Node{id}
		}
		if e.isSpent(e.in, "ObjectReference") {
			return
		}
		from, to := e.object("source", source), e.object("target", nodes...)
		e.add(&e.record, happening{subType: "relationship", stamp: stamp, children: []tahoe.Node{kind, from, to, comment}})
	})
}

// sightings makes the events of the sightings of an attribute.
func (e *mispEvent) sightings(a *record, nodes []tahoe.Node, category tahoe.Category) {
	each(a, "Sighting", func(s *record) { e.addSighting(s, nodes, category) })
}

// addStraySighting is addSighting for one that names its attribute by UUID.
func (e *mispEvent) addStraySighting(s *record) {
	nodes, ok := e.byUUID[s.text("attribute_uuid")]
	if !ok {
		s.problem("attribute_uuid", "names no attribute of the event, the sighting is in the raw only")
		return
	}
	e.addSighting(s, nodes, tahoe.Unknown)
}

// addSighting makes the event of somebody's word on an attribute: that it was seen, that it is a false positive, or that it is no longer of use.
func (e *mispEvent) addSighting(s *record, nodes []tahoe.Node, category tahoe.Category) {
	var expired tahoe.Node
	switch s.text("type") {
	case "1":
		category = tahoe.Benign
	case "2":
		category, expired = tahoe.Unknown, s.make("expired", "type", tahoe.Bool(true))
	}
	if len(nodes) == 0 {
		return
	}
	stamp, ok := s.moment("date_sighting", e.in)
	if !ok {
		stamp = e.at
	}
	children := append(slices.Clone(nodes), expired, s.optional("source", "source"), s.organisation("organization", "Organisation"))
	e.add(s, happening{subType: "sighting", stamp: stamp, children: children, category: category, context: whole(nodes)})
}

// labels makes the attributes of the tags of an event, object or attribute, and the objects of the galaxy clusters that it is tagged with.
func labels(r *record) []tahoe.Node {
	var nodes []tahoe.Node
	each(r, "Tag", func(t *record) {
		if name := t.text("name"); name != "" {
			nodes = append(nodes, t.fact("tag", "name", tahoe.String(name)), t.cluster(name))
		}
	})
	each(r, "Galaxy", func(g *record) {
		each(g, "GalaxyCluster", func(c *record) {
			tag := c.text("tag_name")
			if tag == "" {
				tag = "misp-galaxy:" + g.text("type") + `="` + c.text("value") + `"`
			}
			nodes = append(nodes, c.make("tag", "tag_name", tahoe.String(tag)), c.cluster(tag))
		})
	})
	return present(nodes)
}

// cluster makes an object of a tag that names a cluster of a galaxy:
//
//	misp-galaxy:mitre-attack-pattern="Spearphishing Link - T1566.002"  =>  attack_pattern{name, mitre_id}
func (r *record) cluster(tag string) tahoe.Node {
	galaxy, ok := strings.CutPrefix(tag, "misp-galaxy:")
	if !ok {
		return nil
	}
	kind, name, _ := strings.Cut(galaxy, "=")
	if name = strings.Trim(strings.TrimSpace(name), `"`); name == "" {
		return nil
	}
	subType, known := mispGalaxies[kind]
	if !known {
		subType = identifier(strings.ReplaceAll(kind, "-", "_"))
	}
	var id tahoe.Node
	if known {
		if i := strings.LastIndex(name, " - "); i > 0 && isMITRE(name[i+3:]) {
			id, name = r.make("mitre_id", "Tag", tahoe.String(name[i+3:])), name[:i]
		}
	}
	return r.object(subType, r.make("name", "Tag", tahoe.String(name)), id)
}

// isMITRE tells whether text is the number of something in ATT&CK: T1566.002, S0154, G0007.
func isMITRE(text string) bool {
	return len(text) > 4 && strings.IndexByte("TSGMC", text[0]) >= 0 && strings.Trim(text[1:], "0123456789.") == ""
}
