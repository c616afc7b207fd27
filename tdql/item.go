package tdql

import (
	"errors"
	"strings"

	"github.com/alecthomas/participle/v2"
	"github.com/alecthomas/participle/v2/lexer"
)

// item is a clause of a hop or an option of a stage: a keyword and what follows it. What is missing is nil. An item with
// neither keyword nor anything else is a stray word.
type item struct {
	leaf          // the keyword as it was written, or the stray word
	Key    string // the keyword in lower case, "" for a stray
	Last   *duration
	Time   *instant // from, to
	Value  *value   // tz, level, page, size
	Chosen *word    // category, context, via, return
	Orgs   []*value
	Dims   []*word // by
	Where  *where
}

// Parse implements participle.Parseable. It takes any token but the end, a pipe or a parenthesis.
func (it *item) Parse(lex *lexer.PeekingLexer) error {
	t := lex.Peek()
	if t.Type == lexer.EOF || t.Type == tokPunct && t.Value != "," {
		return participle.NextMatch
	}
	it.take(lex)
	if t.Type != tokWord {
		return nil
	}
	it.Key = strings.ToLower(t.Value)
	var err error
	switch it.Key {
	case "last":
		it.Last, err = optional[duration](lex)
	case "from", "to":
		it.Time, err = optional[instant](lex)
	case "tz", "level", "page", "size", "depth", "decay", "max", "paths":
		it.Value, err = optional[value](lex)
	case "category", "context", "via", "return":
		it.Chosen, err = optional[word](lex)
	case "org":
		it.Orgs, err = several[value](lex)
	case "by":
		it.Dims, err = several[word](lex)
	case "where":
		it.Where, err = optional[where](lex)
	case "summary", "graph":
	default:
		it.Key = ""
	}
	return err
}

// parseable is a pointer to a leaf.
type parseable[T any] interface {
	*T
	participle.Parseable
}

// optional reads a leaf, or nil if there is none.
func optional[T any, P parseable[T]](lex *lexer.PeekingLexer) (*T, error) {
	var leaf T
	switch err := P(&leaf).Parse(lex); {
	case err == nil:
		return &leaf, nil
	case errors.Is(err, participle.NextMatch):
		return nil, nil
	default:
		return nil, err
	}
}

// several reads leaves with commas between them; none is nil.
func several[T any, P parseable[T]](lex *lexer.PeekingLexer) ([]*T, error) {
	var list []*T
	for {
		leaf, err := optional[T, P](lex)
		switch {
		case err != nil:
			return nil, err
		case leaf == nil && list == nil:
			return nil, nil
		case leaf == nil:
			return nil, participle.Errorf(lex.Peek().Pos, "unexpected token")
		}
		list = append(list, leaf)
		if lex.Peek().Type != tokPunct || lex.Peek().Value != "," {
			return list, nil
		}
		lex.Next()
	}
}

// where is the test of a where clause.
type where struct{ *orTest }

// Parse implements participle.Parseable.
func (w *where) Parse(lex *lexer.PeekingLexer) error {
	if lex.Peek().Type == lexer.EOF {
		return participle.NextMatch
	}
	o, err := testParser.ParseFromLexer(lex, participle.AllowTrailing(true))
	w.orTest = o
	return err
}
