package tdql

import (
	"strings"
	"unicode"

	"github.com/alecthomas/participle/v2"
	"github.com/alecthomas/participle/v2/lexer"
)

// The leaves of the syntax tree keep their spelling and their place. Each takes its tokens itself.

// leaf is a stretch of text.
type leaf struct {
	at   span
	Text string
}

func spanOf(t *lexer.Token) span { return span{t.Pos.Offset, t.Pos.Offset + len(t.Value)} }

// wordAt is the word of letters that begins at a place, "" when none does.
func wordAt(text string, start int) string {
	for i, r := range text[start:] {
		if !unicode.IsLetter(r) {
			return text[start : start+i]
		}
	}
	return text[start:]
}

// take makes a leaf of the next token.
func (l *leaf) take(lex *lexer.PeekingLexer) {
	t := lex.Next()
	l.at, l.Text = spanOf(t), t.Value
}

// extend adds the next token to a leaf.
func (l *leaf) extend(lex *lexer.PeekingLexer) {
	t := lex.Next()
	l.at.end, l.Text = spanOf(t).end, l.Text+" "+t.Value
}

// word is a keyword or a name, whichever the place wants.
type word struct{ leaf }

// Parse implements participle.Parseable.
func (w *word) Parse(lex *lexer.PeekingLexer) error {
	if t := lex.Peek(); t.Type != tokWord && t.Type != tokName {
		return participle.NextMatch
	}
	w.take(lex)
	return nil
}

// key is the word as a keyword, or "" if it is in backquotes.
func (w *word) key() string {
	if strings.HasPrefix(w.Text, "`") {
		return ""
	}
	return strings.ToLower(w.Text)
}

// name is a sub-type; Text is without backquotes.
type name struct{ leaf }

// Parse implements participle.Parseable.
func (n *name) Parse(lex *lexer.PeekingLexer) error {
	t := lex.Peek()
	if t.Type == tokName {
		n.take(lex)
		n.Text = strings.Trim(n.Text, "`")
		return nil
	}
	if t.Type == tokWord {
		if isIdentifier(t.Value) && !isReserved(t.Value) {
			n.take(lex)
			return nil
		}
	}
	return participle.NextMatch
}

// value is a literal or a parameter, as it was written.
type value struct {
	leaf
	kind lexer.TokenType
}

// Parse implements participle.Parseable.
func (v *value) Parse(lex *lexer.PeekingLexer) error {
	if t := lex.Peek(); t.Type == tokWord || t.Type == tokQuoted || t.Type == tokParam {
		v.kind = t.Type
		v.take(lex)
		return nil
	}
	return participle.NextMatch
}

// duration is a number and a unit, or a parameter.
type duration struct{ value }

// Parse implements participle.Parseable.
func (d *duration) Parse(lex *lexer.PeekingLexer) error {
	if err := d.value.Parse(lex); err != nil {
		return err
	}
	if next := lex.Peek(); d.kind == tokWord && isNumeric(d.Text) && next.Type == tokWord && !isReserved(next.Value) {
		d.extend(lex)
	}
	return nil
}

// instant is a time, which may be several words, or a parameter.
type instant struct{ value }

// Parse implements participle.Parseable.
func (i *instant) Parse(lex *lexer.PeekingLexer) error {
	if err := i.value.Parse(lex); err != nil {
		return err
	}
	for i.kind == tokWord && lex.Peek().Type == tokWord && continuesTime(lex.Peek().Value) {
		i.extend(lex)
	}
	return nil
}

// op is a comparison.
type op struct{ leaf }

// Parse implements participle.Parseable.
func (o *op) Parse(lex *lexer.PeekingLexer) error {
	if lex.Peek().Type != tokOp {
		return participle.NextMatch
	}
	o.take(lex)
	return nil
}

// path is the left side of a test.
type path struct{ leaf }

// Parse implements participle.Parseable.
func (p *path) Parse(lex *lexer.PeekingLexer) error {
	if lex.Peek().Type != tokPath {
		return participle.NextMatch
	}
	p.take(lex)
	return nil
}

// rest is the rest of a stage, from a word that begins no stage that this version knows.
type rest struct {
	first leaf
	at    span
}

// Parse implements participle.Parseable.
func (r *rest) Parse(lex *lexer.PeekingLexer) error {
	if t := lex.Peek(); t.Type == lexer.EOF || t.Type == tokPunct {
		return participle.NextMatch
	}
	r.first.take(lex)
	r.at = r.first.at
	for depth := 0; ; {
		t := lex.Peek()
		switch {
		case t.Type == lexer.EOF, t.Value == "|" && depth == 0, t.Value == ")" && depth == 0:
			return nil
		case t.Value == "(":
			depth++
		case t.Value == ")":
			depth--
		}
		r.at.end = spanOf(lex.Next()).end
	}
}
