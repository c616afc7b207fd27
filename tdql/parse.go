package tdql

import (
	"errors"
	"strings"

	"github.com/alecthomas/participle/v2"
	"github.com/alecthomas/participle/v2/lexer"
)

// Parse reads a query. Its error is [Errors], with all the faults that one pass can find. No input makes it panic, hang, or
// use memory out of proportion.
func Parse(text string) (*Query, error) {
	f := &faults{text: text}
	list := scan(text, f)
	if err := f.err(); err != nil {
		return nil, err
	}
	if len(list) == 1 {
		f.add(CodeSyntax, span{len(text), len(text)}, "as in count ipv4 1.1.1.1 last 7d", "the query is empty")
		return nil, f.err()
	}
	q, err := parseTokens(list)
	if err != nil {
		f.grammar(list, err)
		f.salvage(list)
		return nil, f.err()
	}
	q.text = text
	shaper{f}.query(q)
	if err := f.err(); err != nil {
		return nil, err
	}
	return q, nil
}

func parseTokens(list []lexer.Token) (*Query, error) {
	peeking, err := lexer.Upgrade(&tokens{list: list})
	if err != nil {
		return nil, err
	}
	return queryParser.ParseFromLexer(peeking)
}

// salvage looks for more faults after the grammar gave up: in the stages that can be read on their own.
func (f *faults) salvage(list []lexer.Token) {
	for i, segment := range segments(list) {
		if f.full() {
			return
		}
		part := segment
		if i > 0 { // a stage is read behind a source that has no faults
			part = append([]lexer.Token{{Type: tokWord, Value: "events"}, {Type: tokPunct, Value: "|"}}, segment...)
		}
		q, err := parseTokens(part)
		if err != nil {
			f.grammar(part, err)
			continue
		}
		shaper{f}.query(q)
	}
}

// segments cuts tokens at the pipes outside of parentheses; each part ends with an end of text.
func segments(list []lexer.Token) [][]lexer.Token {
	var out [][]lexer.Token
	depth, start := 0, 0
	for i, t := range list {
		switch {
		case t.Value == "(" && t.Type == tokPunct:
			depth++
		case t.Value == ")" && t.Type == tokPunct:
			depth--
		case t.Type == lexer.EOF, t.Value == "|" && t.Type == tokPunct && depth == 0:
			part := append([]lexer.Token{}, list[start:i]...)
			out = append(out, append(part, lexer.EOFToken(t.Pos)))
			start = i + 1
		}
	}
	return out
}

// grammar turns a fault of the grammar into words.
func (f *faults) grammar(list []lexer.Token, err error) {
	at := 0
	var fault participle.Error
	for errors.As(err, &fault) && at < len(list)-1 && list[at].Pos.Offset < fault.Position().Offset {
		at++
	}
	before := lexer.Token{}
	if at > 0 {
		before = list[at-1]
	}
	here := list[at]
	want := wanted(before)
	switch {
	case here.EOF() && f.open != nil:
		f.add(CodeSyntax, *f.open, hintFor(want), "this parenthesis is not closed")
	case here.EOF():
		f.add(CodeSyntax, tokenSpan(here), hintFor(want), "the query ends too early")
	case here.Value == ")" && want == "":
		f.add(CodeSyntax, tokenSpan(here), "", "this parenthesis was never opened")
	case here.Value == "(" && want == "":
		f.add(CodeSyntax, tokenSpan(here), didYouMean(before.Value, afterPaths), "a parenthesis does not belong here")
	case here.Value == "(" && before.Type == tokPath && didYouMean(before.Value, contextTests) != "":
		f.add(CodeSyntax, tokenSpan(before), didYouMean(before.Value, contextTests), "unexpected %s", quote(before.Value))
	default:
		f.add(CodeSyntax, tokenSpan(here), hintFor(want), "unexpected %s", quote(here.Value))
	}
}

func hintFor(want string) string {
	if want == "" {
		return ""
	}
	return "expected " + want
}

// wanted says in words what may follow a token.
func wanted(before lexer.Token) string {
	switch before.Type {
	case tokOp:
		return "a value"
	case tokPath:
		return "= != < <= > >= in or not in"
	case tokPunct:
		switch before.Value {
		case "|":
			return "a stage: " + oneOf(stageWords)
		case "(", ",":
			return "a value or a name"
		}
	default:
	}
	switch strings.ToLower(before.Value) {
	case "":
		return "a sub-type and a value, a report or a hop"
	case "where", "and", "or", "not":
		return "a test, as in ipv4 = 1.1.1.1"
	case "in":
		return "values in parentheses, as in (22, 23)"
	case "explain", "analyze", "watch":
		return "a query"
	case "count", "related", "any":
		return "something to start at, as in ipv4 1.1.1.1"
	case "sort", "fields":
		return "a field"
	}
	return ""
}
