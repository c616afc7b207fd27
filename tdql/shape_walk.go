package tdql

import (
	"slices"
	"strconv"
	"strings"

	"github.com/alecthomas/participle/v2/lexer"
)

// The options of threatrank and path, and what is taken when they are not given.
const (
	defaultDepth = 6
	defaultDecay = 0.998
	defaultMax   = 6
	maxWalk      = 10
	maxPaths     = 100
)

var (
	rankItems  = []string{"depth", "decay"}
	routeItems = slices.Concat([]string{"max", "paths"}, clauseWords)
)

// pathReport checks the sentence path SET to SET.
func (s shaper) pathReport(r *pathReport) {
	if r.From == nil {
		s.add(CodeSyntax, keywordSpan(r.Pos, "path"), "as in path ipv4 1.1.1.1 to domain evil.com", `"path" needs something to start at`)
		return
	}
	s.source(r.From.source())
	s.route(r.To, keywordSpan(r.Pos, "path"))
}

// routeStage checks the stage path to SET.
func (s shaper) routeStage(r *route, pos lexer.Position) { s.route(r, keywordSpan(pos, "path")) }

func (s shaper) route(r *route, at span) {
	if r.Target == nil {
		hint := "as in path to domain evil.com"
		if len(r.Items) > 0 && r.Items[0].Key == "" && didYouMean(r.Items[0].Text, []string{"to"}) != "" {
			at, hint = r.Items[0].at, `did you mean "to"?`
		}
		s.add(CodeSyntax, at, hint, `"path" needs something to end at`)
		return
	}
	s.source(r.Target.source())
	s.items("path", r.Items, routeItems)
}

// decimal checks a number from above 0 to 1 that is a literal.
func (s shaper) decimal(word string, at span, v *value) {
	switch {
	case v == nil:
		s.add(CodeSyntax, at, "as in "+word+" 0.998", "%q needs a number", word)
	case v.kind == tokParam:
		s.value(v)
	default:
		if f, err := strconv.ParseFloat(v.Text, 64); err != nil || !(f > 0 && f <= 1) || !isNumeric(v.Text) {
			s.add(CodeValue, v.at, "", "%s is not a number above 0 and at most 1", quote(v.Text))
		}
	}
}

// tidyDecimal spells a number.
func (v *value) tidyDecimal() string {
	if f, err := strconv.ParseFloat(v.Text, 64); err == nil && v.kind == tokWord {
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
	return v.Text
}

func (p *printer) pathReport(r *pathReport) {
	p.word("path")
	if r.From != nil {
		p.source(r.From.source())
	}
	p.route(r.To)
}

func (p *printer) route(r *route) {
	if r.Target != nil {
		p.word("to")
		p.source(r.Target.source())
	}
	p.items(r.Items)
}

// stageWord is the keyword of a stage that has options and no more.
func (st *stage) stageWord() string {
	switch {
	case st.Rank:
		return "threatrank"
	case st.Shape != "":
		return strings.ToLower(st.Shape)
	}
	return ""
}
