package tdql

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/alecthomas/participle/v2/lexer"

	"github.com/cybexp/cybexp/tahoe"
)

// Candidate is something that may stand at a place in a query.
type Candidate struct {
	Text string `json:"text"` // as it is written in a query
	Kind string `json:"kind"` // keyword, operator, field, sub_type, value, duration, time, zone or number
	// Detail says more in a few words; it may be empty.
	Detail string `json:"detail,omitempty"`
	// Start and End are the part of the text, in bytes, that the candidate replaces.
	Start int `json:"start"`
	End   int `json:"end"`
}

// maxCandidates is how many candidates are told at once.
const maxCandidates = 50

// Complete lists what may stand at pos, a place in bytes, given what stands before it, the likely ones first. Sub-types and values
// come from the vocabulary, which may be nil. It never fails: where nothing fits the list is empty.
func Complete(text string, pos int, v Vocabulary) []Candidate {
	pos = min(max(pos, 0), len(text))
	for pos > 0 && pos < len(text) && !utf8.RuneStart(text[pos]) {
		pos--
	}
	if len(text) > maxText || !utf8.ValidString(text[:pos]) {
		return nil
	}
	c := newCompleter(text[:pos], v)
	if c == nil {
		return nil
	}
	c.suggest()
	return c.out
}

// completer gathers candidates for the word at the end of a text.
type completer struct {
	start, end int
	prefix     string // the word, without quotes, in lower case
	raw        string // the word as it is written
	before     []lexer.Token
	place      place
	vocabulary Vocabulary
	out        []Candidate
	have       map[string]bool
}

// newCompleter finds the word at the end of the text and what stands before it; nil inside of a comment.
func newCompleter(text string, v Vocabulary) *completer {
	start := len(text)
	f := &faults{text: text}
	s := &scanner{text: text, faults: f}
	for len(s.out) < 10_000 && s.next() {
	}
	switch n := len(s.out); {
	case len(f.list) > 0: // an open quote or regular expression
		start = s.pos
		if start < len(text) && text[start] == '/' {
			return nil
		}
	case n > 0 && s.out[n-1].Type != tokPunct && s.out[n-1].Pos.Offset+len(s.out[n-1].Value) == len(text):
		start = s.out[n-1].Pos.Offset
	case commentAt(text):
		return nil
	}
	before := &scanner{text: text[:start], faults: &faults{text: text}}
	for before.next() {
	}
	raw := text[start:]
	return &completer{start: start, end: len(text), raw: raw, prefix: strings.ToLower(strings.Trim(raw, "\"'`")), before: before.out,
		place: before.place, vocabulary: v, have: map[string]bool{}}
}

// commentAt says whether the last line of a text is in a comment.
func commentAt(text string) bool {
	line := text[strings.LastIndexByte(text, '\n')+1:]
	at := strings.LastIndex(line, "--")
	return at == 0 || at > 0 && strings.IndexByte(" \t", line[at-1]) >= 0
}

// add offers words of a kind.
func (c *completer) add(kind string, words ...string) {
	for _, w := range words {
		c.offer(kind, w, "")
	}
}

func (c *completer) offer(kind, text, detail string) {
	plain := strings.ToLower(strings.Trim(text, "\"'`"))
	if len(c.out) == maxCandidates || c.have[text] || !strings.HasPrefix(plain, c.prefix) {
		return
	}
	c.have[text] = true
	c.out = append(c.out, Candidate{Text: text, Kind: kind, Detail: detail, Start: c.start, End: c.end})
}

// subTypes offers the sub-types of kinds.
func (c *completer) subTypes(kinds ...tahoe.Kind) {
	if c.vocabulary == nil {
		return
	}
	for _, kind := range kinds {
		list := slices.Clone(c.vocabulary.SubTypes(kind))
		slices.Sort(list)
		for _, name := range list {
			c.offer("sub_type", nameText(name), string(kind))
		}
	}
}

// values offers values of a sub-type.
func (c *completer) values(subType string) {
	if c.vocabulary == nil || subType == "" {
		return
	}
	prefix := strings.Trim(c.raw, "\"'")
	for _, v := range c.vocabulary.Values(subType, prefix, maxCandidates) {
		c.offer("value", v, subType)
	}
}

// word is the nth token from the end of what stands before, in lower case; "" beyond the beginning.
func (c *completer) word(n int) string {
	if n > len(c.before) {
		return ""
	}
	return strings.ToLower(c.before[len(c.before)-n].Value)
}

// suggest offers what fits.
func (c *completer) suggest() {
	switch c.place {
	case atTest:
		c.path()
	case atOp:
		c.add("operator", "=", "!=", "<", "<=", ">", ">=", "~")
		c.add("keyword", "in", "not in", "contains", "startswith", "endswith", "under")
	case atValue:
		c.testValue()
	case inList, atJoin:
		c.add("keyword", "and", "or")
		c.add("keyword", clauseWords...)
		c.add("keyword", "|")
	case outside:
		c.outside()
	}
}

// path offers what a test begins with; inside a path, its next part.
func (c *completer) path() {
	if i := strings.LastIndexByte(c.raw, '.'); i >= 0 {
		c.start, c.prefix = c.start+i+1, strings.ToLower(c.raw[i+1:])
		c.subTypes(tahoe.KindAttribute, tahoe.KindObject)
		return
	}
	c.subTypes(tahoe.KindAttribute, tahoe.KindObject)
	if c.word(1) != "has" {
		c.add("field", fieldWords...)
		c.add("keyword", "not", "has", "malicious(", "benign(")
	}
}

// testValue offers values for the test in hand.
func (c *completer) testValue() {
	for i := len(c.before) - 1; i >= 0; i-- {
		if c.before[i].Type != tokPath {
			continue
		}
		switch name := strings.ToLower(c.before[i].Value); name {
		case "category":
			c.add("keyword", triWords[1:]...)
		case "itype":
			c.add("keyword", returnWords[1:]...)
		case "tlp":
			c.add("keyword", texts(tahoe.Markings())...)
		case "sub_type":
			c.subTypes(tahoe.KindEvent, tahoe.KindAttribute, tahoe.KindObject, tahoe.KindSession, tahoe.KindRaw)
		case "timestamp":
			c.add("time", "now", "today", "yesterday")
		case "hash", "org", "data", "degree":
		default:
			parts := (&path{leaf{Text: c.before[i].Value}}).parts()
			c.values(parts[len(parts)-1])
		}
		return
	}
}

// outside offers what fits outside of tests: what the word before wants, or what goes on with the stage.
func (c *completer) outside() {
	previous := c.word(1)
	stage, opened := c.stage()
	switch {
	case previous == "":
		c.add("keyword", "count", "related", "threatrank", "path")
		c.begin()
		c.add("keyword", "explain", "watch")
	case previous == "|":
		c.add("keyword", stageWords...)
	case previous == "(":
		c.inParenthesis(opened)
	case previous == ",":
		c.goOn(c.governing())
	case previous == "explain":
		c.add("keyword", "analyze", "count", "related", "threatrank", "path")
		c.begin()
	case previous == "analyze", previous == "watch":
		c.add("keyword", "count", "related", "threatrank", "path")
		c.begin()
	case len(stage) == 1 && slices.Contains(reportWords, previous) && opened == "":
		if previous == "count" {
			c.add("keyword", "distinct")
		}
		c.begin()
	case c.argument(previous, stage):
	default:
		c.goOnStage(stage)
	}
}

// begin offers what a set begins with.
func (c *completer) begin() {
	c.subTypes(tahoe.KindAttribute)
	c.add("keyword", hopWords...)
	c.add("keyword", "any")
	c.add("keyword", kindWords...)
}

// stage lists the words of the stage in hand, and the word before the parenthesis in which it stands, if it is in one.
func (c *completer) stage() (words []string, opened string) {
	depth := 0
	for i := len(c.before) - 1; i >= 0; i-- {
		switch t := c.before[i]; {
		case t.Type == tokPunct && t.Value == ")":
			depth++
		case t.Type == tokPunct && t.Value == "(" && depth > 0:
			depth--
		case t.Type == tokPunct && t.Value == "(":
			opened = "("
			if i > 0 {
				opened = strings.ToLower(c.before[i-1].Value)
			}
			slices.Reverse(words)
			return words, opened
		case t.Type == tokPunct && t.Value == "|" && depth == 0:
			words = append(words, "|")
			slices.Reverse(words)
			return words, ""
		}
		words = append(words, strings.ToLower(c.before[i].Value))
	}
	slices.Reverse(words)
	for len(words) > 0 && slices.Contains([]string{"explain", "analyze", "watch"}, words[0]) {
		words = words[1:]
	}
	return words, ""
}

// inParenthesis offers what follows an opening parenthesis: values of a sub-type, or a pipeline.
func (c *completer) inParenthesis(opened string) {
	if opened == "any" || isIdentifier(opened) && !isReserved(opened) {
		c.values(opened)
		return
	}
	c.begin()
}

// argument offers what a keyword wants after it; false when the word before is none.
func (c *completer) argument(previous string, stage []string) bool {
	switch previous {
	case "last":
		c.add("duration", "1h", "24h", "7d", "4w", "6M", "1Y")
	case "from":
		c.add("time", "now", "today", "yesterday")
	case "to":
		if slices.Contains(stage, "path") {
			c.begin()
			return true
		}
		c.add("time", "now", "today", "yesterday")
	case "tz":
		c.add("zone", zoneNames...)
	case "category", "context":
		c.add("keyword", triWords...)
	case "via":
		c.add("keyword", viaWords...)
	case "return":
		c.add("keyword", returnWords...)
	case "level":
		c.add("number", "1", "2", "3")
	case "top", "limit", "size":
		c.add("number", "10", "100", "1000")
	case "org", "page", "depth", "decay", "max", "paths":
	case "by", "sort", "fields":
		c.goOn(previous)
	default:
		return c.subject(previous, stage)
	}
	return true
}

// subject offers the values of a sub-type with which a set begins.
func (c *completer) subject(previous string, stage []string) bool {
	n := len(stage)
	starts := n == 1 || n > 1 && (slices.Contains([]string{"count", "related", "threatrank", "path", "to", "distinct"}, stage[n-2]))
	if !starts || slices.Contains(stage[:n-1], "|") && stage[n-2] != "to" || isReserved(previous) || !isIdentifier(strings.Trim(previous, "`")) {
		return false
	}
	last := c.before[len(c.before)-1].Value
	c.values(strings.Trim(last, "`"))
	return true
}

// governing is the keyword to which a list belongs.
func (c *completer) governing() string {
	for i := len(c.before) - 1; i >= 0; i-- {
		word := strings.ToLower(c.before[i].Value)
		switch {
		case c.before[i].Type == tokPunct && word == "(" && i > 0:
			return strings.ToLower(c.before[i-1].Value)
		case slices.Contains([]string{"by", "sort", "fields", "top", "org"}, word), slices.Contains(hopWords, word):
			return word
		}
	}
	return ""
}

// goOn offers the next one of a list.
func (c *completer) goOn(keyword string) {
	switch {
	case keyword == "by":
		c.add("field", timeDims...)
		c.add("field", "sub_type", "category", "org")
		c.subTypes(tahoe.KindAttribute)
	case keyword == "sort", keyword == "fields":
		c.add("field", ownColumns...)
		c.subTypes(tahoe.KindAttribute)
	case keyword == "top":
		c.subTypes(tahoe.KindAttribute)
	case slices.Contains(hopWords, keyword):
		c.subTypes(tahoe.Kind(strings.TrimSuffix(keyword, "s")))
	case keyword != "" && !isReserved(keyword):
		c.values(keyword)
	}
}

// goOnStage offers the clauses and options of a stage, and the next one.
func (c *completer) goOnStage(stage []string) {
	word := ""
	for _, w := range stage {
		if w != "|" {
			word = w
			break
		}
	}
	piped := len(stage) > 0 && stage[0] == "|"
	left := func(words ...string) {
		for _, w := range words {
			if !slices.Contains(stage, w) {
				c.offer("keyword", w, "")
			}
		}
	}
	switch {
	case slices.Contains(hopWords, word):
		if c.word(1) == word {
			c.goOn(word)
		}
		left(clauseWords...)
	case word == "count" && piped:
		left("by", "distinct", "tz")
	case word == "count":
		left(clauseWords...)
		left("by")
	case word == "related":
		left("level", "via")
		left(clauseWords...)
		if !piped {
			left("return", "summary", "graph", "page", "size")
		}
	case word == "threatrank":
		left("depth", "decay")
	case word == "path":
		left("to", "max", "paths")
		left(clauseWords...)
	case word == "top":
		c.subTypes(tahoe.KindAttribute)
	case word == "page":
		left("size")
	case word == "sort":
		c.add("keyword", "desc", "asc")
	}
	c.add("keyword", "|")
}
