package tdql

import (
	"slices"
	"strings"

	"github.com/cybexp/cybexp/tahoe"
)

// comparisons are the operators of order.
var comparisons = []string{"<", "<=", ">", ">="}

// isMatch says whether a test asks for more than equality.
func (t *test) isMatch() bool {
	return t.Has || t.Regex != "" || t.Net != nil || t.Match != "" || t.Op != nil && slices.Contains(comparisons, t.Op.Text)
}

// sessionFields are the own fields of sessions.
var sessionFields = []string{"start_time", "end_time", "duration"}

// ownFields are the fields that a test of the set may name.
func (c *checker) ownFields() []string {
	if c.kind == tahoe.KindSession {
		return slices.Concat(fieldWords, sessionFields)
	}
	return fieldWords
}

// measure is the own field that is compared by size, or "".
func (c *checker) measure(p *path) string {
	word := strings.ToLower(p.Text)
	if word == "degree" || c.kind == tahoe.KindSession && slices.Contains(sessionFields, word) {
		return word
	}
	return ""
}

// matches checks a test that asks for more than equality.
func (c *checker) matches(t *test) cond {
	field := t.Path.field()
	m, ok := c.match(t)
	switch {
	case !ok:
		return nil
	case field == "data" && m.op != "has":
		c.hasData(t.Path)
		return c.negatedIf(t, matches{test: m})
	case field != "":
		c.add(CodeMeaning, t.Path.at, "", "%s is compared with =, != or in", field)
		return nil
	}
	parts := t.Path.parts()
	last := len(parts) - 1
	c.seenPath(t.Path, m.op == "has")
	return c.negatedIf(t, matches{path: parts[:last], subType: parts[last], test: m})
}

// negatedIf is for not in.
func (c *checker) negatedIf(t *test, of cond) cond {
	if t.NotIn {
		return negate(of)
	}
	return of
}

// match reads what is asked of the value.
func (c *checker) match(t *test) (match, bool) {
	switch {
	case t.Has:
		return match{op: "has"}, true
	case t.Regex != "":
		m, err := parseRegex(t.Regex)
		return m, err == nil // shape.go has told
	case t.Net != nil:
		text := c.textOf(t.Net)
		if t.Net.kind == tokWord {
			text = refang(text)
		}
		net, err := parseNet(text)
		if err != nil {
			c.add(CodeValue, t.Net.at, netHint, "%s is not a network", quote(text))
		}
		return match{op: "in", net: net}, err == nil
	case t.Op != nil:
		v := c.value(t.Value)
		if _, ok := v.Number(); !ok {
			c.add(CodeValue, t.Value.at, didYouMean(t.Path.Text, c.ownFields()), "%s is not a number", quote(t.Value.Text))
			return match{}, false
		}
		return match{op: t.Op.Text, number: v}, true
	}
	return c.part(t)
}

const netHint = "networks are written 10.0.0.0/8 or 2001:db8::/32; values stand in parentheses, as in (22, 23)"

// part reads what follows contains, startswith, endswith or under.
func (c *checker) part(t *test) (match, bool) {
	m := match{op: t.Match, text: c.value(t.With).Text()}
	if m.op == "under" {
		domain := parseDomain(m.text)
		if domain == "" {
			c.add(CodeValue, t.With.at, "as in under example.com", "%s is not a domain", quote(m.text))
		}
		m.text = domain
		return m, domain != ""
	}
	if m.text == "" || len(m.text) > maxRegex {
		c.add(CodeValue, t.With.at, "", "%q needs a text of 1 to %d bytes", m.op, maxRegex)
		return m, false
	}
	if strings.Contains(m.text, "\n") {
		c.add(CodeValue, t.With.at, "a part cannot reach from one line of a value to the next", "%q needs a text of one line", m.op)
		return m, false
	}
	return m, true
}

// measured checks a test of an own field that has a size.
func (c *checker) measured(t *test, field string) cond {
	if t.Op == nil || t.Regex != "" {
		c.add(CodeMeaning, t.Path.at, "", "%s is compared with =, !=, <, <=, > or >=", field)
		return nil
	}
	if field == "degree" && (c.kind == kindRelated || c.kind == kindInstance) {
		c.add(CodeMeaning, t.Path.at, "as in | attributes where degree > 5", "what a degree counts depends on the kind: move to one first")
	}
	out := measured{kind: c.kind, field: field, op: t.Op.Text}
	if field == "start_time" || field == "end_time" {
		out.time = c.moment(&instant{*t.Value})
	} else {
		out.number = c.value(t.Value)
		if _, ok := out.number.Number(); !ok {
			c.add(CodeValue, t.Value.at, "", "%s is not a number", quote(t.Value.Text))
		}
	}
	if out.op == "!=" {
		out.op = "="
		return negated{out}
	}
	return out
}

// narrowed tells of a condition that must read every instance of a set that is as large as the graph.
func (c *checker) narrowed(where cond, at span) {
	strong, rest := scopes(where)
	if rest == nil || c.narrow || narrows(strong) {
		return
	}
	c.add(CodeMeaning, at, "narrow what is before it, as in events last 1d where …; an index helps with three letters in a row, as in ~ /evil/",
		"no index answers this, and it would read everything there is: %s", spellCond(rest, false))
}

// scopes parts a condition into what indexes answer, and what must read the set.
func scopes(of cond) (strong, rest cond) {
	all, ok := of.(allOf)
	if !ok {
		all = allOf{of}
	}
	var indexed, scanned allOf
	for _, one := range all {
		switch {
		case one == nil:
		case readsSet(one):
			scanned = append(scanned, one)
		default:
			indexed = append(indexed, one)
		}
	}
	return joinAll(indexed), joinAll(scanned)
}

// narrows says whether a condition makes the set smaller than the graph, with the help of an index.
func narrows(of cond) bool {
	switch of := of.(type) {
	case allOf:
		return slices.ContainsFunc(of, narrows)
	case anyOf:
		return !slices.ContainsFunc(of, func(c cond) bool { return !narrows(c) })
	case negated, kindIn:
		return false
	case measured:
		return of.field != "degree"
	case matches:
		return of.test.op != "has" && of.test.indexed()
	case markingIn:
		return !slices.Contains(of, tahoe.Amber)
	case includes, hashIn, subTypeIn, categoryIn, orgIn, dataIn, timeIs:
		return true
	}
	return false
}

// readsSet says whether a condition has a part that no index answers.
func readsSet(of cond) bool {
	switch of := of.(type) {
	case allOf:
		return slices.ContainsFunc(of, readsSet)
	case anyOf:
		return slices.ContainsFunc(of, readsSet)
	case negated:
		return readsSet(of.of)
	case matches:
		return !of.test.indexed()
	case measured:
		return of.field == "degree"
	case includes, hashIn, kindIn, subTypeIn, categoryIn, orgIn, markingIn, dataIn, timeIs:
	}
	return false
}
