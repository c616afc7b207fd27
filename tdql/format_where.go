package tdql

import (
	"slices"
	"strings"
)

func (p *printer) or(o *orTest) {
	for i, a := range o.Terms {
		if i > 0 {
			p.word("or")
		}
		for j, u := range a.Terms {
			if j > 0 {
				p.word("and")
			}
			p.unary(u)
		}
	}
}

func (p *printer) unary(u *unary) {
	for range u.Not {
		p.word("not")
	}
	switch {
	case u.Group != nil:
		p.open()
		p.or(u.Group)
		p.close()
	case u.Inner != nil:
		p.word(u.Context.Text)
		p.WriteByte('(')
		p.tight = true
		p.test(u.Inner)
		p.close()
	case u.Test != nil:
		p.test(u.Test)
	}
}

func (p *printer) test(t *test) {
	if t.Has {
		p.word("has")
	}
	p.word(t.Path.tidy())
	switch {
	case t.Regex != "":
		p.word("~ " + t.Regex)
	case t.Match != "":
		p.word(strings.ToLower(t.Match))
		p.word(t.With.tidy())
	case t.Op != nil && t.Path.field() == "timestamp":
		p.word(t.Op.Text)
		p.word((&instant{*t.Value}).tidyTime())
	case t.Op != nil:
		p.word(t.Op.Text)
		p.word(t.Value.tidy())
	case t.In:
		if t.NotIn {
			p.word("not")
		}
		p.word("in")
		if t.Net != nil {
			p.word(t.Net.tidyNet())
			return
		}
		p.open()
		for i, v := range t.List {
			if i > 0 {
				p.comma()
			}
			p.word(v.tidy())
		}
		p.close()
	}
}

// tidyNet spells a network.
func (v *value) tidyNet() string {
	if net, err := parseNet(refang(unquoted(v.Text))); err == nil && v.kind != tokParam {
		return net.String()
	}
	return v.Text
}

// tidy spells a path: fields in lower case, backquotes only where they are needed.
func (p *path) tidy() string {
	if f := p.field(); f != "" {
		return f
	}
	parts := p.parts()
	if len(parts) == 1 && slices.Contains(sessionFields, strings.ToLower(p.Text)) {
		return p.Text // on sessions it is a field, elsewhere a sub-type
	}
	for i, part := range parts {
		parts[i] = pathName(part, len(parts) == 1)
	}
	return strings.Join(parts, ".")
}

// pathName spells one part of a path. A part that stands alone is in backquotes when it could be a field or a word.
func pathName(s string, alone bool) string {
	if alone && (slices.Contains(fieldWords, strings.ToLower(s)) || slices.Contains(sessionFields, strings.ToLower(s)) || slices.Contains(testWords, strings.ToLower(s)) ||
		strings.EqualFold(s, "malicious") || strings.EqualFold(s, "benign")) {
		return "`" + s + "`"
	}
	return s
}
