package tdql

import (
	"slices"
	"strings"

	"github.com/cybexp/cybexp/tahoe"
)

// condition checks a where clause. It is nil after a fault.
func (c *checker) condition(o *orTest) cond {
	var list anyOf
	for _, a := range o.Terms {
		var all allOf
		for _, u := range a.Terms {
			if one := c.unary(u); one != nil {
				all = append(all, one)
			}
		}
		if joined := joinAll(all); joined != nil {
			list = append(list, joined)
		}
	}
	return joinAny(list)
}

// joinAll and joinAny flatten, sort and drop doubles, so that the order of writing makes no difference.
func joinAll(list allOf) cond {
	var flat []cond
	for _, c := range list {
		if inner, ok := c.(allOf); ok {
			flat = append(flat, inner...)
		} else {
			flat = append(flat, c)
		}
	}
	flat = sortedSet(flat, func(c cond) string { return spellCond(c, true) })
	switch len(flat) {
	case 0:
		return nil
	case 1:
		return flat[0]
	}
	return allOf(flat)
}

func joinAny(list anyOf) cond {
	var flat []cond
	for _, c := range list {
		if inner, ok := c.(anyOf); ok {
			flat = append(flat, inner...)
		} else {
			flat = append(flat, c)
		}
	}
	flat = sortedSet(flat, func(c cond) string { return spellCond(c, true) })
	switch len(flat) {
	case 0:
		return nil
	case 1:
		return flat[0]
	}
	return anyOf(flat)
}

func (c *checker) unary(u *unary) cond {
	var out cond
	switch {
	case u.Group != nil:
		out = c.condition(u.Group)
	case u.Inner != nil:
		out = c.inContext(u)
	case u.Test != nil:
		out = c.test(u.Test)
	}
	if len(u.Not)%2 == 1 {
		return negate(out)
	}
	return out
}

func negate(of cond) cond {
	if of == nil {
		return nil
	}
	if inner, ok := of.(negated); ok {
		return inner.of
	}
	return negated{of}
}

// inContext is malicious(…) or benign(…).
func (c *checker) inContext(u *unary) cond {
	inner := c.test(u.Inner)
	in, isValue := inner.(includes)
	m, isMatch := inner.(matches)
	if !isValue && (!isMatch || m.subType == "") {
		if inner != nil {
			c.add(CodeMeaning, u.Inner.Path.at, "as in "+u.Context.Text+"(ipv4 = 1.1.1.1)", "%q asks about one attribute in the event", u.Context.Text)
		}
		return nil
	}
	if c.kind != tahoe.KindEvent && c.kind != kindRelated {
		c.add(CodeMeaning, u.Context.at, "", "%q asks about events", u.Context.Text)
	}
	if isMatch {
		m.context = u.Context.Text
		return m
	}
	in.context = u.Context.Text
	return in
}

func (c *checker) test(t *test) cond {
	field := t.Path.field()
	if field == "timestamp" {
		return c.timeTest(t)
	}
	if own := c.measure(t.Path); own != "" {
		return c.measured(t, own)
	}
	if t.isMatch() {
		return c.matches(t)
	}
	list := &values{}
	not := t.NotIn
	switch {
	case t.In:
		list.List = t.List
	case t.Op != nil:
		list.List = []*value{t.Value}
		not = t.Op.Text == "!="
	}
	out := c.includes(t.Path, list)
	if field != "" {
		out = c.field(t.Path, field, list)
	}
	if not {
		return negate(out)
	}
	return out
}

func (c *checker) timeTest(t *test) cond {
	if t.Op == nil || t.Regex != "" {
		c.add(CodeMeaning, t.Path.at, "", "timestamp is compared with =, !=, <, <=, > or >=")
		return nil
	}
	c.ofEvents(t.Path, "timestamp")
	m := c.moment(&instant{*t.Value})
	if t.Op.Text == "!=" {
		return negated{timeIs{op: "=", than: m}}
	}
	return timeIs{op: t.Op.Text, than: m}
}

// includes is a test of an attribute.
func (c *checker) includes(p *path, list *values) cond {
	if p.field() != "" {
		return nil
	}
	parts := p.parts()
	last := len(parts) - 1
	in := includes{path: parts[:last], subType: parts[last], values: c.values(list)}
	c.seenPath(p, false)
	in.hashes = attributeHashes(in.subType, in.values)
	return in
}

// seenPath warns of parts of a path that no data has: objects, then an attribute, or, after has, either.
func (c *checker) seenPath(p *path, either bool) {
	if c.env.Vocabulary == nil {
		return
	}
	at := p.at.start
	spelled := strings.Split(p.Text, ".")
	for i, part := range p.parts() {
		one := leaf{span{at, at + len(spelled[i])}, part}
		at = one.at.end + 1
		switch {
		case i < len(spelled)-1:
			c.seen(tahoe.KindObject, one)
		case either && slices.Contains(c.env.Vocabulary.SubTypes(tahoe.KindObject), part):
		case i > 0:
			c.seen(tahoe.KindAttribute, one)
		default:
			c.seen(tahoe.KindAttribute, one, c.ownFields())
		}
	}
}

// ofEvents tells of a test that only events can meet.
func (c *checker) ofEvents(p *path, field string) {
	switch c.kind {
	case tahoe.KindEvent, kindRelated, kindInstance, "":
	case tahoe.KindAttribute, tahoe.KindObject, tahoe.KindSession, tahoe.KindRaw:
		c.add(CodeMeaning, p.at, "", "only events have a %s; these are %ss", field, c.kind)
	}
}

// field is a test of the instance's own field.
func (c *checker) field(p *path, field string, list *values) cond {
	if field == "category" || field == "org" || field == "tlp" {
		c.ofEvents(p, field)
	}
	switch field {
	case "hash":
		return hashIn(c.hashes(list))
	case "itype":
		return kindIn(words[tahoe.Kind](c, list, []string{"attribute", "object", "event", "session", "raw"}))
	case "category":
		return categoryIn(words[string](c, list, triWords[1:]))
	case "sub_type":
		var names []string
		for _, v := range list.List {
			names = append(names, c.textOf(v))
		}
		return subTypeIn(sortedSet(names, func(s string) string { return s }))
	case "tlp":
		return markingIn(words[tahoe.Marking](c, list, texts(tahoe.Markings())))
	case "org":
		return orgIn(c.orgs(list.List))
	case "data":
		c.hasData(p)
		return dataIn(c.values(list))
	}
	panic("tdql: a field that the grammar does not have: " + field)
}

// hasData tells of a test of the data of what is not an attribute.
func (c *checker) hasData(p *path) {
	if c.kind != tahoe.KindAttribute && c.kind != kindRelated && c.kind != "" {
		c.add(CodeMeaning, p.at, "name a sub-type, as in ipv4 = 1.1.1.1", "the data of %ss cannot be tested as a whole", c.kind)
	}
}

// words reads values that are words out of a few.
func words[T ~string](c *checker, list *values, choices []string) []T {
	var out []T
	for _, v := range list.List {
		word := strings.ToLower(c.textOf(v))
		if !slices.Contains(choices, word) {
			c.add(CodeValue, v.at, didYouMean(word, choices), "%s is not %s", quote(v.Text), oneOf(choices))
		}
		out = append(out, T(word))
	}
	return sortedSet(out, func(w T) string { return string(w) })
}
