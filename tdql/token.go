package tdql

import (
	"io"
	"strings"
	"unicode/utf8"

	"github.com/alecthomas/participle/v2/lexer"
)

// Limits on a query's text.
const (
	maxText    = 64 << 10 // bytes
	maxNesting = 64       // parentheses in one another
)

// The kinds of tokens. A token's value is its spelling in the text, quotes and all.
const (
	tokWord   lexer.TokenType = iota - 20 // bare run: a keyword, a sub-type or a value
	tokPath                               // left side of a test: src.ipv4
	tokQuoted                             // "JSON" or 'verbatim'
	tokName                               // `sub-type`
	tokParam                              // $name
	tokOp                                 // = != < <= > >= ~
	tokRegex                              // /…/i
	tokPunct                              // | ( ) ,
)

// symbols names the token kinds for the grammar.
type symbols struct{}

// Symbols implements lexer.Definition.
func (symbols) Symbols() map[string]lexer.TokenType {
	return map[string]lexer.TokenType{
		"EOF": lexer.EOF, "Word": tokWord, "Path": tokPath, "Quoted": tokQuoted, "Name": tokName,
		"Param": tokParam, "Op": tokOp, "Regex": tokRegex, "Punct": tokPunct,
	}
}

// Lex implements lexer.Definition.
func (symbols) Lex(_ string, r io.Reader) (lexer.Lexer, error) {
	text, err := io.ReadAll(r)
	return &tokens{list: scan(string(text), &faults{text: string(text)})}, err
}

// tokens hands out a list of tokens.
type tokens struct{ list []lexer.Token }

// Next implements lexer.Lexer.
func (t *tokens) Next() (lexer.Token, error) {
	if len(t.list) == 0 {
		return lexer.EOFToken(lexer.Position{}), nil
	}
	token := t.list[0]
	t.list = t.list[1:]
	return token, nil
}

// Where the scanner is in a where clause. Elsewhere a bare value may hold = < > and the like; on the left of a test they
// end the path.
type place uint8

const (
	outside place = iota
	atTest        // a path, not, has, or a parenthesis follows
	atOp          // after a path
	atValue       // after an operator
	inList        // after a value in a list
	atJoin        // after a test: and, or
)

type scanner struct {
	text  string
	pos   int
	place place
	// nest holds, for every open parenthesis, the place to go back to when it closes.
	nest   []place
	opens  []int // where they are
	out    []lexer.Token
	faults *faults
}

// scan cuts a text into tokens, the last of which is the end of the text. Faults end it early.
func scan(text string, f *faults) []lexer.Token {
	s := &scanner{text: text, faults: f, out: make([]lexer.Token, 0, 24)}
	switch bad := invalidAt(text); {
	case len(text) > maxText:
		f.add(CodeLimit, span{maxText, maxText}, "", "a query has at most %d bytes; this one has %d", maxText, len(text))
	case bad >= 0:
		f.add(CodeSyntax, span{bad, bad + 1}, "", "the text is not valid UTF-8 here")
	default:
		for s.next() {
		}
	}
	if n := len(s.opens); n > 0 && len(f.list) == 0 {
		f.open = &span{s.opens[n-1], s.opens[n-1] + 1}
	}
	s.out = append(s.out, lexer.EOFToken(lexer.Position{Offset: len(text)}))
	return s.out
}

// invalidAt returns where the text stops being UTF-8, or -1.
func invalidAt(text string) int {
	if utf8.ValidString(text) {
		return -1
	}
	for i, r := range text {
		if r == utf8.RuneError && !strings.HasPrefix(text[i:], "\ufffd") {
			return i
		}
	}
	return -1
}

// next reads one token; it returns false at the end and after a fault that leaves no sense in going on.
func (s *scanner) next() bool {
	s.skip()
	if s.pos >= len(s.text) {
		return false
	}
	switch c := s.text[s.pos]; {
	case c == '(' || c == ')' || c == ',' || c == '|':
		return s.punct(c)
	case c == '"' || c == '\'':
		return s.quoted(c)
	case c == '`' && s.place != atTest:
		return s.quoted(c)
	case s.place == atOp && isOp(c):
		s.operator()
	case s.place == atValue && c == '/' && s.after("~"):
		return s.regex()
	case s.place == atTest:
		s.path()
	default:
		s.word()
	}
	return true
}

// skip passes over white space and comments.
func (s *scanner) skip() {
	for s.pos < len(s.text) {
		r, size := utf8.DecodeRuneInString(s.text[s.pos:])
		switch {
		case isSpace(r):
			s.pos += size
		case strings.HasPrefix(s.text[s.pos:], "--") && s.commentMayBegin():
			end := strings.IndexByte(s.text[s.pos:], '\n')
			if end < 0 {
				end = len(s.text) - s.pos
			}
			s.pos += end
		default:
			return
		}
	}
}

func (s *scanner) commentMayBegin() bool {
	if s.pos == 0 {
		return true
	}
	r, _ := utf8.DecodeLastRuneInString(s.text[:s.pos])
	return isSpace(r)
}

// emit adds the token that ends at end.
func (s *scanner) emit(t lexer.TokenType, end int) {
	s.out = append(s.out, lexer.Token{Type: t, Value: s.text[s.pos:end], Pos: lexer.Position{Offset: s.pos}})
	s.pos = end
}

func (s *scanner) punct(c byte) bool {
	s.emit(tokPunct, s.pos+1)
	switch c {
	case '(':
		if len(s.nest) == maxNesting {
			s.faults.add(CodeLimit, span{s.pos - 1, s.pos}, "", "parentheses are nested more than %d deep", maxNesting)
			return false
		}
		s.nest, s.opens = append(s.nest, s.place), append(s.opens, s.pos-1)
	case ')':
		if n := len(s.nest); n > 0 {
			s.place = closed(s.nest[n-1])
			s.nest, s.opens = s.nest[:n-1], s.opens[:n-1]
		}
	case ',':
		if s.place == inList {
			s.place = atValue
		}
	case '|':
		s.place = outside
	}
	return true
}

// closed tells the place after the parenthesis that was opened at a place.
func closed(opened place) place {
	if opened == outside {
		return outside
	}
	return atJoin
}

// quoted reads "…", '…' or `…`.
func (s *scanner) quoted(quote byte) bool {
	for i := s.pos + 1; i < len(s.text) && s.text[i] != '\n'; i++ {
		switch {
		case s.text[i] == '\\' && quote == '"':
			i++
		case s.text[i] == quote:
			kind := tokQuoted
			if quote == '`' {
				kind = tokName
			}
			s.emit(kind, i+1)
			s.placeAfterValue()
			return true
		}
	}
	end := strings.IndexByte(s.text[s.pos:], '\n')
	if end < 0 {
		end = len(s.text) - s.pos
	}
	s.faults.add(CodeSyntax, span{s.pos, s.pos + end}, "a quoted value ends on the line on which it begins",
		"the quote %c is not closed", quote)
	return false
}

func isOp(c byte) bool { return c == '=' || c == '!' || c == '<' || c == '>' || c == '~' }

func (s *scanner) operator() {
	end := s.pos + 1
	if s.text[s.pos] != '~' && end < len(s.text) && s.text[end] == '=' {
		end++
	}
	s.emit(tokOp, end)
	s.place = atValue
}

// after says whether the last token is this one.
func (s *scanner) after(value string) bool {
	return len(s.out) > 0 && s.out[len(s.out)-1].Value == value
}

func (s *scanner) regex() bool {
	for i := s.pos + 1; i < len(s.text) && s.text[i] != '\n'; i++ {
		switch s.text[i] {
		case '\\':
			i++
		case '/':
			end := i + 1
			for end < len(s.text) && 'a' <= s.text[end] && s.text[end] <= 'z' {
				end++
			}
			s.emit(tokRegex, end)
			s.placeAfterValue()
			return true
		}
	}
	s.faults.add(CodeSyntax, span{s.pos, s.pos + 1}, `a regular expression is written /…/ or /…/i`,
		"the regular expression is not closed")
	return false
}

// placeAfterValue moves on when a value was read in a where clause.
func (s *scanner) placeAfterValue() {
	if s.place != atValue {
		return
	}
	if n := len(s.nest); n > 0 && s.nest[n-1] == atValue {
		s.place = inList
	} else {
		s.place = atJoin
	}
}

// run returns where the bare run that begins at pos ends.
func (s *scanner) run(stop func(byte) bool) int {
	for i, r := range s.text[s.pos:] {
		if isSpace(r) || r < utf8.RuneSelf && (isDelimiter(byte(r)) || stop(byte(r))) {
			return s.pos + i
		}
	}
	return len(s.text)
}

func isDelimiter(c byte) bool { return strings.IndexByte(",()|\"'`", c) >= 0 }

// word reads a bare run outside of a path, and follows the where clause along.
func (s *scanner) word() {
	end := s.run(func(byte) bool { return false })
	text := s.text[s.pos:end]
	if strings.HasPrefix(text, "$") {
		s.emit(tokParam, end)
		s.placeAfterValue()
		return
	}
	if end == s.pos { // a delimiter where none belongs
		end++
	}
	s.emit(tokWord, end)
	switch s.place {
	case outside:
		if strings.EqualFold(text, "where") {
			s.place = atTest
		}
	case atTest, atValue:
		s.placeAfterValue()
	case atOp:
		switch strings.ToLower(text) {
		case "in", "contains", "startswith", "endswith", "under":
			s.place = atValue
		case "not":
		case "and", "or":
			s.place = atTest
		default:
			s.place = atJoin
		}
	case inList, atJoin:
		switch strings.ToLower(text) {
		case "and", "or", "where":
			s.place = atTest
		}
	}
}

// path reads the left side of a test, or a word that may stand before it.
func (s *scanner) path() {
	end := s.pos
	for end < len(s.text) {
		if s.text[end] == '`' {
			n := strings.IndexAny(s.text[end+1:], "`\n")
			if n < 0 {
				break
			}
			end += n + 2
			continue
		}
		r, size := utf8.DecodeRuneInString(s.text[end:])
		if isSpace(r) || r < utf8.RuneSelf && (isDelimiter(byte(r)) || isOp(byte(r))) {
			break
		}
		end += size
	}
	if end == s.pos { // an operator, or an open backquote, where a path belongs
		s.emit(tokWord, end+1)
		s.place = atValue
		return
	}
	word := strings.ToLower(s.text[s.pos:end])
	switch word {
	case "not", "has":
		s.emit(tokWord, end)
		return
	case "malicious", "benign":
		if rest := strings.TrimLeft(s.text[end:], " \t\r\n"); strings.HasPrefix(rest, "(") {
			s.emit(tokWord, end)
			return
		}
	}
	s.emit(tokPath, end)
	s.place = atOp
	if s.afterHas() {
		s.place = atJoin
	}
}

// afterHas says whether the last token is the path of a has test, which has no operator.
func (s *scanner) afterHas() bool {
	n := len(s.out)
	return n >= 2 && s.out[n-2].Type == tokWord && strings.EqualFold(s.out[n-2].Value, "has")
}

func isSpace(r rune) bool {
	return r == ' ' || '\t' <= r && r <= '\r' || r == 0x85 || r == 0xa0 || r == 0x1680 || 0x2000 <= r && r <= 0x200a ||
		r == 0x2028 || r == 0x2029 || r == 0x202f || r == 0x205f || r == 0x3000 || 0x1c <= r && r <= 0x1f
}
