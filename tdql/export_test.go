package tdql

import (
	"slices"

	"github.com/alecthomas/participle/v2/lexer"
)

// Keywords are all words of the language but units and fields.
func Keywords() []string {
	return slices.Concat(reservedList, testWords, triWords, viaWords, returnWords, timeDims)
}

// Lex cuts a text into tokens, for the lexer's own fuzz test.
func Lex(text string) ([]lexer.Token, error) {
	f := &faults{text: text}
	list := scan(text, f)
	return list, f.err()
}
