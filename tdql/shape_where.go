package tdql

import (
	"slices"
	"strconv"
	"strings"

	"github.com/cybexp/cybexp/tahoe"
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
	t.Match = strings.ToLower(t.Match)
	switch {
	case t.Has:
		if t.Op != nil || t.In || t.Match != "" {
			s.add(CodeSyntax, t.Path.at, "as in has url and port = 22", "nothing is compared after %q", "has")
		}
	case t.Op != nil && t.Op.Text == "~":
		s.pattern(t)
	case t.Op != nil:
		s.operator(t)
	case t.In:
		if t.Net != nil {
			s.network(t.Net)
			return
		}
		s.values(&values{List: t.List})
	case t.Match != "":
		if t.With == nil {
			s.add(CodeSyntax, t.Path.at, "as in "+t.Path.Text+" "+t.Match+" evil", "%q needs a value after it", t.Match)
			return
		}
		s.value(t.With)
	case s.slipAfter(t.Path):
	default:
		s.add(CodeSyntax, t.Path.at, "as in "+t.Path.Text+" = 1.1.1.1, or "+t.Path.Text+" in (a, b)", "%s is compared with nothing", quote(t.Path.Text))
	}
}

// slipAfter tells of a word that was meant to compare a path, or of a path that was meant for the word before one.
func (s shaper) slipAfter(p *path) bool {
	rest := s.text[p.at.end:]
	start := p.at.end + len(rest) - len(strings.TrimLeftFunc(rest, isSpace))
	next := leaf{Text: wordAt(s.text, start)}
	next.at = span{start, start + len(next.Text)}
	if hint := didYouMean(next.Text, afterPaths); hint != "" && next.Text != "" {
		s.add(CodeSyntax, next.at, hint, "unexpected %s", quote(next.Text))
		return true
	}
	if hint := didYouMean(p.Text, beforeTests); hint != "" && next.Text != "" {
		s.add(CodeSyntax, p.at, hint, "unexpected %s", quote(p.Text))
		return true
	}
	return false
}

func (s shaper) operator(t *test) {
	if t.Value == nil {
		s.add(CodeSyntax, t.Op.at, "as in "+t.Path.Text+" = 1.1.1.1", "%s needs a value after it", quote(t.Op.Text))
		return
	}
	s.value(t.Value)
	switch t.Op.Text {
	case "=", "!=", "<", "<=", ">", ">=":
	default:
		s.add(CodeSyntax, t.Op.at, "comparisons are =, !=, <, <=, > and >=", "%s is not a comparison", quote(t.Op.Text))
	}
}

// pattern checks a regular expression.
func (s shaper) pattern(t *test) {
	switch {
	case t.Regex == "" && t.Value != nil:
		s.add(CodeSyntax, t.Value.at, "as in "+t.Path.Text+` ~ /evil\.(com|org)$/i`, "a regular expression stands between slashes")
	case t.Regex == "":
		s.add(CodeSyntax, t.Op.at, "as in "+t.Path.Text+` ~ /evil\.(com|org)$/i`, `"~" needs a regular expression after it`)
	default:
		if _, err := parseRegex(t.Regex); err != nil {
			end := t.Op.at.end + strings.Index(s.text[t.Op.at.end:], t.Regex)
			s.add(CodeValue, span{end, end + len(t.Regex)}, "they are those of Go, of at most "+strconv.Itoa(maxRegex)+" bytes, with no flag or i",
				"this is not a regular expression")
		}
	}
}

// network checks what stands after in without parentheses.
func (s shaper) network(v *value) {
	if s.value(v); v.kind == tokParam {
		return
	}
	if _, err := parseNet(refang(unquoted(v.Text))); err != nil {
		s.add(CodeValue, v.at, netHint, "%s is not a network", quote(v.Text))
	}
}

func (s shaper) path(p *path) {
	parts := p.parts()
	for _, part := range parts {
		if tahoe.ValidSubType(part) != nil {
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
