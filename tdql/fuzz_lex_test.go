package tdql_test

import (
	"strings"
	"testing"
	"unicode"

	"github.com/cybexp/cybexp/tdql"
)

// passedOver says whether a text is white space and comments, which no token holds.
func passedOver(text string) bool {
	for {
		text = strings.TrimLeftFunc(text, func(r rune) bool { return unicode.IsSpace(r) || 0x1c <= r && r <= 0x1f })
		if !strings.HasPrefix(text, "--") {
			return text == ""
		}
		_, text, _ = strings.Cut(text, "\n")
	}
}

// checkTokens tests that tokens are the text, piece by piece: none is empty, they stand one behind the other, and nothing but
// white space and comments is between them. Only a fault lets the lexer stop before the end.
func checkTokens(t *testing.T, text string) {
	t.Helper()
	tokens, err := tdql.Lex(text)
	if len(tokens) == 0 || !tokens[len(tokens)-1].EOF() || tokens[len(tokens)-1].Pos.Offset != len(text) {
		t.Fatalf("%q: the last token is not the end: %v", text, tokens)
	}
	at := 0
	for i, token := range tokens {
		from := token.Pos.Offset
		last := i == len(tokens)-1
		switch {
		case from < at:
			t.Fatalf("%q: token %d begins at %d, before %d", text, i, from, at)
		case !passedOver(text[at:from]) && (!last || err == nil):
			t.Fatalf("%q: %q is in no token", text, text[at:from])
		case !last && (token.EOF() || token.Value == ""):
			t.Fatalf("%q: token %d is empty", text, i)
		case !strings.HasPrefix(text[from:], token.Value):
			t.Fatalf("%q: token %d is %q, which is not at %d", text, i, token.Value, from)
		}
		at = from + len(token.Value)
	}
}

func TestTokensAreTheText(t *testing.T) {
	for name, text := range parsed(t) {
		t.Run(name, func(t *testing.T) { checkTokens(t, text) })
	}
}

// FuzzLex feeds the lexer anything.
func FuzzLex(f *testing.F) {
	seedFuzz(f, f)
	f.Fuzz(checkTokens)
}
