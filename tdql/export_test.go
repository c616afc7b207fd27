package tdql

import "github.com/alecthomas/participle/v2/lexer"

// Lex cuts a text into tokens, for the lexer's own fuzz test.
func Lex(text string) ([]lexer.Token, error) {
	f := &faults{text: text}
	list := scan(text, f)
	return list, f.err()
}
