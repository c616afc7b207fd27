package tdql

import (
	"slices"
	"strings"
)

// tests checks a where clause.
func (s shaper) tests(o *orTest) {
	for _, a := range o.Terms {
		for _, u := range a.Terms {
			s.unary(u)
		}
	}
}

func (s shaper) unary(u *unary) {
	switch {
	case u.Group != nil:
		s.tests(u.Group)
	case u.Inner != nil:
		s.test(u.Inner)
		u.Context.Text = u.Context.key()
	case u.Test != nil:
		s.test(u.Test)
	}
}

func (s shaper) test(t *test) {
	s.path(t.Path)
	switch {
	case t.Has:
		s.unavailable("has", keywordSpan(t.Pos, "has"))
	case t.Regex != "" || t.Op != nil && t.Op.Text == "~":
		s.unavailable("~", t.Op.at)
	case t.Op != nil:
		s.operator(t)
	case t.In:
		if t.Net != nil {
			s.add(CodeUnavailable, t.Net.at, "values stand in parentheses, as in (22, 23)", "a network after \"in\" is not available in this version")
			return
		}
		s.values(&values{List: t.List})
	case t.Match != "":
		s.unavailable(t.Match, t.Path.at)
	default:
		s.add(CodeSyntax, t.Path.at, "as in "+t.Path.Text+" = 1.1.1.1, or "+t.Path.Text+" in (a, b)", "%s is compared with nothing", quote(t.Path.Text))
	}
}

func (s shaper) operator(t *test) {
	if t.Value == nil {
		s.add(CodeSyntax, t.Op.at, "as in "+t.Path.Text+" = 1.1.1.1", "%s needs a value after it", quote(t.Op.Text))
		return
	}
	s.value(t.Value)
	switch t.Op.Text {
	case "=", "!=":
	case "<", "<=", ">", ">=":
		if !strings.EqualFold(t.Path.Text, "timestamp") {
			s.add(CodeUnavailable, t.Op.at, didYouMean(t.Path.Text, fieldWords), "%q on other things than timestamp is not available in this version", t.Op.Text)
		}
	default:
		s.add(CodeSyntax, t.Op.at, "comparisons are =, !=, <, <=, > and >=", "%s is not a comparison", quote(t.Op.Text))
	}
}

func (s shaper) path(p *path) {
	parts := p.parts()
	for _, part := range parts {
		if !isIdentifier(part) {
			s.add(CodeSyntax, p.at, "a path is sub-types joined by dots, as in src.ipv4", "%s is not a path", quote(p.Text))
			return
		}
	}
	if len(parts) > maxPath {
		s.add(CodeLimit, p.at, "", "a path has at most %d parts", maxPath)
	}
}

// maxPath is the longest path of a test.
const maxPath = 8

// parts splits a path at its dots, without backquotes.
func (p *path) parts() []string {
	parts := strings.Split(p.Text, ".")
	for i, part := range parts {
		if n := len(part); n > 2 && part[0] == '`' && part[n-1] == '`' {
			parts[i] = part[1 : n-1]
		}
	}
	return parts
}

// field is the instance's own field that a path names, or "".
func (p *path) field() string {
	if word := strings.ToLower(p.Text); slices.Contains(fieldWords, word) {
		return word
	}
	return ""
}
