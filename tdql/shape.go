package tdql

import (
	"slices"
	"strings"

	"github.com/alecthomas/participle/v2/lexer"

	"github.com/cybexp/cybexp/tahoe"
)

// shaper finds what is wrong with a tree that the grammar let pass, and tidies it: keywords in lower case, clauses in order.
type shaper struct{ *faults }

func (s shaper) query(q *Query) {
	if q.Report != nil {
		s.report(q.Report)
	}
	if q.Source != nil {
		s.start(q.Source)
	}
	s.stages(q.Stages)
}

// tokenSpan is the place of a token.
func tokenSpan(t lexer.Token) span { return span{t.Pos.Offset, t.Pos.Offset + len(t.Value)} }

// keywordSpan is the place of a keyword that begins at a position.
func keywordSpan(p lexer.Position, word string) span { return span{p.Offset, p.Offset + len(word)} }

func (s shaper) report(r *report) {
	if r.Path != nil {
		s.pathReport(r.Path)
		return
	}
	word, allowed := "related", slices.Concat([]string{"level", "via", "return", "summary", "graph", "page", "size"}, clauseWords)
	switch {
	case r.Count:
		word, allowed = "count", slices.Concat(clauseWords, []string{"by"})
	case r.Rank:
		word, allowed = "threatrank", rankItems
	}
	if r.Source == nil {
		s.add(CodeSyntax, keywordSpan(r.Pos, word), "as in "+word+" ipv4 1.1.1.1", "%q needs something to start at", word)
		return
	}
	s.source(r.Source)
	r.Items, r.Source.Items = r.Source.Items, nil
	if scan := r.Source.Scan; scan != nil {
		if r.Rank {
			allowed = slices.Concat(allowed, clauseWords)
		}
		r.Items, scan.Items = append(scan.Items, r.Items...), nil
	}
	s.items(word, r.Items, allowed)
}

// start checks the source of a pipeline.
func (s shaper) start(src *source) {
	if src.Attr != nil && len(src.Items) > 0 && src.Items[0].Key == "" && s.slip(src.Attr.SubType, reportWords, queryWords, hopWords) {
		return
	}
	s.source(src)
	if src.Scan != nil {
		s.hopItems(src.Scan)
		return
	}
	s.items("", src.Items, nil)
}

// slip tells of a name that was read as a sub-type, but is more likely a keyword with a letter wrong.
func (s shaper) slip(n *name, words ...[]string) bool {
	hint := didYouMean(n.Text, words...)
	if hint != "" {
		s.add(CodeSyntax, n.at, hint, "unexpected %s", quote(n.Text))
	}
	return hint != ""
}

// hopItems checks the clauses of a hop. A stray word first means that the name before it was meant as a keyword.
func (s shaper) hopItems(h *hop) {
	if n := len(h.SubTypes); n > 0 && len(h.Items) > 0 && h.Items[0].Key == "" && s.slip(h.SubTypes[n-1], clauseWords) {
		h.Items = h.Items[1:]
	}
	s.items(h.Kind, h.Items, clauseWords)
}

func (s shaper) source(src *source) {
	switch {
	case src.Any != nil:
		s.values(src.Any)
	case src.Group != nil:
		s.start(src.Group.Source)
		s.stages(src.Group.Stages)
	case src.Scan != nil:
		src.Scan.Kind = strings.ToLower(src.Scan.Kind)
		s.names(src.Scan.SubTypes...)
	case src.ID != nil:
		s.idref(src.ID)
	case src.Attr != nil:
		s.attrref(src.Attr)
	case src.Other != nil:
		s.otherSource(src.Other)
	}
}

func (s shaper) idref(id *idref) {
	at := keywordSpan(id.Pos, id.Kind)
	id.Kind = strings.ToLower(id.Kind)
	if id.Hash == nil {
		s.add(CodeSyntax, at, "for all of them, write "+id.Kind+"s", "%q needs a hash", id.Kind)
		return
	}
	for _, h := range id.Hash.List {
		if h.kind != tokParam && !isHash(h.Text) {
			s.add(CodeValue, h.at, "a hash is 64 digits 0-9 a-f", "%s is not a hash", quote(h.Text))
		}
		s.value(h)
	}
}

func isHash(text string) bool {
	text = strings.Trim(text, `"'`)
	return len(text) == 64 && strings.Trim(text, "0123456789abcdefABCDEF") == ""
}

// names checks sub-types: those in backquotes may be spelled wrong.
func (s shaper) names(list ...*name) {
	for _, n := range list {
		if tahoe.ValidSubType(n.Text) != nil {
			s.add(CodeSyntax, n.at, "a sub-type is letters, digits and _", "%s is not a sub-type", quote(n.Text))
		}
	}
}

func (s shaper) attrref(a *attrref) {
	s.names(a.SubType)
	if a.Values != nil {
		s.values(a.Values)
	} else {
		hint := didYouMean(a.SubType.Text, stageWords, reportWords, queryWords)
		if hint == "" {
			hint = "as in " + a.SubType.Text + " 1.1.1.1, or attributes " + a.SubType.Text + " for all of them"
		}
		s.add(CodeSyntax, a.SubType.at, hint, "%s needs a value", quote(a.SubType.Text))
	}
}

func (s shaper) otherSource(r *rest) {
	word := strings.ToLower(r.first.Text)
	switch {
	case slices.Contains(stageWords, word):
		s.add(CodeSyntax, r.first.at, "", "a query cannot begin with %q", word)
	default:
		hint := didYouMean(word, reportWords, hopWords)
		if hint == "" {
			hint = "a query begins with a sub-type and a value, as in ipv4 1.1.1.1; with any and a value; or with events"
		}
		s.add(CodeSyntax, r.first.at, hint, "%s is not a sub-type", quote(r.first.Text))
	}
}

func (s shaper) values(v *values) {
	for _, one := range v.List {
		s.value(one)
	}
}

// value checks the spelling of a value.
func (s shaper) value(v *value) {
	switch v.kind {
	case tokParam:
		if !isIdentifier(v.Text[1:]) {
			s.add(CodeSyntax, v.at, "a parameter is a dollar sign and a name, as in $ip; quote a value that begins with $",
				"%s is not a parameter", quote(v.Text))
		}
	case tokQuoted:
		if _, err := v.literal(); err != nil {
			s.add(CodeSyntax, v.at, `write \" \\ \n \u00e9 as in JSON, or use single quotes`, "%s is not a JSON string", v.Text)
		}
	default:
	}
}

func (s shaper) stages(list []*stage) {
	for _, st := range list {
		if s.full() { // whatever comes is not told
			return
		}
		s.stage(st)
	}
}

func (s shaper) stage(st *stage) {
	var allowed []string
	word := st.stageWord() + strings.ToLower(st.Take)
	switch {
	case st.Hop != nil:
		st.Hop.Kind = strings.ToLower(st.Hop.Kind)
		s.names(st.Hop.SubTypes...)
		s.hopItems(st.Hop)
		return
	case st.Route != nil:
		s.routeStage(st.Route, st.Pos)
		return
	case st.Other != nil:
		s.otherStage(st.Other)
		return
	case st.Rank:
		allowed = rankItems
	case st.Related:
		word, allowed = "related", slices.Concat([]string{"level", "via"}, clauseWords)
	case st.Count:
		word, allowed = "count", []string{"by", "tz"}
	case st.Shape != "":
		st.Shape = word
		if word == "summary" {
			allowed = []string{"graph"}
		}
	case st.Sort != nil:
		word = "sort"
		s.sortKeys(st.Sort)
	case st.Fields != nil:
		word = "fields"
		s.columnNames(st.Fields...)
	case st.Where != nil:
		word = "where"
		s.tests(st.Where.orTest)
	case word == "page":
		allowed = []string{"size"}
	}
	if st.Take != "" {
		s.number(word, keywordSpan(st.Pos, word), st.Number, 1e9)
		st.Take = word
		s.names(st.SubTypes...)
		if word != "top" && len(st.SubTypes) > 0 {
			s.unexpected(st.SubTypes[0].leaf, allowed, nil)
		}
	}
	s.items(word, st.Items, allowed)

}

func (s shaper) otherStage(r *rest) {
	word := strings.ToLower(r.first.Text)
	if slices.Contains(stageWords, word) { // where, sort or fields: the others may stand alone
		s.add(CodeSyntax, r.first.at, "", "%q needs something after it", word)
		return
	}
	hint := didYouMean(word, stageWords)
	if hint == "" {
		hint = "stages begin with " + oneOf(stageWords)
	}
	s.add(CodeSyntax, r.first.at, hint, "%s is not a stage", quote(r.first.Text))
}

// unexpected tells of a word that belongs nowhere; near are words besides the allowed ones that may have been meant.
func (s shaper) unexpected(l leaf, allowed, near []string) {
	hint := didYouMean(l.Text, near, allowed, []string{"|"})
	if hint == "" && len(allowed) > 0 {
		hint = "expected " + oneOf(allowed) + ", or | and a stage"
	}
	if hint == "" {
		hint = "expected | and a stage, or the end of the query"
	}
	s.add(CodeSyntax, l.at, hint, "unexpected %s", quote(l.Text))
}

// slipsOf are words of what stands before the clauses of a stage, or the next one, by the stage or the clause.
var slipsOf = map[string][]string{"where": betweenTests, "sort": {"asc", "desc"}, "count": {"distinct"}}

// items checks the clauses and options of a stage, given what may stand there.
func (s shaper) items(stage string, list []*item, allowed []string) {
	seen := make(map[string]bool, len(list))
	strayed := false
	near := slipsOf[stage]
	for _, it := range list {
		if it.Key == "" {
			if !strayed {
				s.unexpected(it.leaf, allowed, near)
			}
			strayed = true
			continue
		}
		strayed, near = false, slipsOf[it.Key]
		switch word := it.Key; {
		case !slices.Contains(allowed, word):
			s.misplaced(stage, word, it.at)
		case seen[word]:
			s.add(CodeSyntax, it.at, "", "%q is given twice", word)
		case word == "last" && (seen["from"] || seen["to"]), (word == "from" || word == "to") && seen["last"]:
			s.add(CodeMeaning, it.at, "", `"last" does not go together with "from" and "to"`)
		}
		seen[it.Key] = true
		s.item(it)
	}
	sortItems(list)
}

func sortItems(list []*item) {
	slices.SortStableFunc(list, func(a, b *item) int {
		return slices.Index(itemOrder, a.Key) - slices.Index(itemOrder, b.Key)
	})
}

func (s shaper) misplaced(stage, word string, at span) {
	if stage == "" {
		s.add(CodeSyntax, at, "a clause belongs to a hop, as in | events last 7d", "%q has nothing to narrow here", word)
		return
	}
	s.add(CodeSyntax, at, "", "%q does not go with %q", word, stage)
}
