package filter

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/cybexp/cybexp/indicator"
	"github.com/cybexp/cybexp/spelling"
	"github.com/cybexp/cybexp/tahoe"
)

// placed is a node and the objects that it belongs into, from outside in: email.src for the sender of an e-mail, nothing for a node
// that stands alone.
type placed struct {
	under string
	node  tahoe.Node
}

// place makes an attribute of a value. The path ends with its sub-type: email.src.email_addr.
func (r *record) place(path, field string, v tahoe.Value) placed {
	dot := strings.LastIndexByte(path, '.')
	return placed{path[:max(dot, 0)], r.fact(path[dot+1:], field, v)}
}

// nest puts nodes into their objects. Nodes whose places begin alike share the objects:
//
//	email.src.email_addr, email.src.name, email.subject  =>  email{src{email_addr, name}, subject}
func (r *record) nest(all []placed) []tahoe.Node {
	var nodes []tahoe.Node
	inner := map[string][]placed{}
	var order []string
	for _, p := range all {
		outer, rest, _ := strings.Cut(p.under, ".")
		if outer == "" {
			nodes = append(nodes, p.node)
			continue
		}
		if _, known := inner[outer]; !known {
			order = append(order, outer)
		}
		inner[outer] = append(inner[outer], placed{rest, p.node})
	}
	for _, outer := range order {
		nodes = append(nodes, r.object(outer, r.nest(inner[outer])...))
	}
	return present(nodes)
}

// fact makes an attribute in the usual spelling of its sub-type.
func (r *record) fact(subType, field string, v tahoe.Value) tahoe.Node {
	subType, v = spell(subType, v)
	return r.make(subType, field, v)
}

// spell is normalValue, and tells IPv4, IPv6 and networks apart by what the value is, whatever it was called.
func spell(subType string, v tahoe.Value) (string, tahoe.Value) {
	v = spelling.Value(subType, v)
	text, isText := v.Str()
	if !isText || subType != "ipv4" && subType != "ipv6" {
		return subType, v
	}
	if network := spelling.Of("cidr", text); isNetwork(network) {
		return "cidr", tahoe.String(network)
	}
	ip, err := netip.ParseAddr(text)
	switch ip = ip.Unmap(); {
	case err != nil:
		return subType, v
	case ip.Is4():
		return "ipv4", tahoe.String(ip.String())
	}
	return "ipv6", v
}

// isAddress tells whether there is a node, and whether it is an IP address if it ought to be one.
func (r *record) isAddress(path, field string, n tahoe.Node) bool {
	a, ok := n.(*tahoe.Attribute)
	if !ok || !strings.HasSuffix(path, "ipv4") && !strings.HasSuffix(path, "ipv6") || n.SubType() == "cidr" {
		return ok
	}
	if subType, _ := indicator.Address(a.Value().Text()); strings.HasPrefix(subType, "ipv") {
		return true
	}
	r.problem(field, "%.60q is no IP address", a.Value().Text())
	return false
}

func isNetwork(text string) bool {
	_, err := netip.ParsePrefix(text)
	return err == nil
}

// maxNest is how many objects generic makes inside each other.
const maxNest = 6

// generic makes nodes of a value that the filter knows nothing about: a list gives one for each element, an object gives an object of
// its fields. Null and what is empty give none.
func (r *record) generic(subType, field string, v tahoe.Value) []tahoe.Node {
	return r.genericAt(0, subType, field, v)
}

func (r *record) genericAt(depth int, subType, field string, v tahoe.Value) []tahoe.Node {
	if depth > maxNest {
		r.problem(field, "is nested too deep and is in the raw only")
		return nil
	}
	switch v.Type() {
	case tahoe.TypeArray:
		var nodes []tahoe.Node
		for _, e := range v.Elements() {
			nodes = append(nodes, r.genericAt(depth+1, subType, field, e)...)
		}
		return nodes
	case tahoe.TypeObject:
		var children []tahoe.Node
		for _, key := range v.Keys() {
			inner, _ := v.Get(key)
			children = append(children, r.genericAt(depth+1, identifier(key), field+"."+key, inner)...)
		}
		return present([]tahoe.Node{r.object(subType, children...)})
	case tahoe.TypeBool, tahoe.TypeInt, tahoe.TypeFloat, tahoe.TypeString:
		if v.Text() != "" {
			return present([]tahoe.Node{r.fact(subType, field, v)})
		}
	case tahoe.TypeNull:
	}
	return nil
}

// identifier makes a sub-type of any name: `x-mitre.platforms` becomes x_mitre_platforms.
func identifier(name string) string {
	if tahoe.ValidSubType(name) == nil {
		return name
	}
	clean := strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' {
			return c
		}
		return '_'
	}, name[:min(len(name), tahoe.MaxSubType-1)])
	if clean == "" || clean[0] >= '0' && clean[0] <= '9' {
		return "_" + clean
	}
	return clean
}

// happening is an event in the making.
type happening struct {
	subType  string
	stamp    float64
	children []tahoe.Node
	category tahoe.Category // empty is unknown
	context  []tahoe.Node   // what is of that category; ignored where it is unknown
}

// maxEvents is how long the canonical texts of all events of a record may be, in bytes. Records that say a thing once and refer to it a
// thousand times would else be the death of their reader.
const maxEvents = 64 << 20

// happen makes the event; nil if there is nothing to it.
func (r *record) happen(in Input, field string, h happening) *tahoe.Event {
	children := present(h.children)
	if len(children) == 0 {
		return nil
	}
	if r.isSpent(in, field) {
		return nil
	}
	e, err := tahoe.NewEvent(h.subType, in.OrgID, h.stamp, children...)
	if err == nil && h.category != "" && h.category != tahoe.Unknown {
		if err = e.SetCategory(h.category); err == nil {
			err = e.SetContext(h.category, present(h.context)...)
		}
	}
	if err != nil {
		r.problem(field, "%v", err)
		return nil
	}
	*in.spent += len(e.Canonical())
	return e
}

// isSpent tells whether the record gave as much as it may.
func (r *record) isSpent(in Input, field string) bool {
	if *in.spent <= maxEvents {
		return false
	}
	r.problem(field, "the record gave events of more than %d MiB, this one is in the raw only", maxEvents>>20)
	return true
}

// whole is nodes with all their descendants.
func whole(nodes []tahoe.Node) []tahoe.Node {
	all := slices.Clone(nodes)
	for _, n := range nodes {
		if o, ok := n.(*tahoe.Object); ok {
			all = append(all, o.Refs()...)
		}
	}
	return all
}

// absorb takes over the problems of a part of the record.
func (r *record) absorb(place string, part record) {
	for _, p := range part.problems {
		r.problems = append(r.problems, Problem{strings.TrimSuffix(place+"."+p.Field, "."), p.Message})
	}
}

// openDocument reads a record that is JSON, or a string that is JSON. Documents too large to be kept as they are come as {"data": "…"}.
func openDocument(data tahoe.Value) tahoe.Value {
	if text, ok := data.Get("data"); ok && len(data.Keys()) == 1 {
		if inner := unwrap(text); !inner.IsScalar() {
			return inner
		}
	}
	return unwrap(data)
}
