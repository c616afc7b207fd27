package filter

import (
	"fmt"
	"strings"

	"github.com/cybexp/cybexp/tahoe"
)

type tokenKind int

const (
	tokenOther tokenKind = iota // a word, an operator or a bracket
	tokenPath                   // file:hashes.'SHA-256'
	tokenValue                  // 'text', 7, true, t'2020-01-01T00:00:00Z'
)

// patternToken is a word of a STIX pattern; empty at its end.
type patternToken struct {
	kind  tokenKind
	text  string   // of a path the type of the observable, of a value what stands there
	steps []string // of a path: the names behind the type
	value tahoe.Value
}

// patternTokens cuts a pattern into words.
type patternTokens struct{ rest string }

func (t *patternTokens) next() (patternToken, error) {
	t.rest = strings.TrimLeft(t.rest, " \t\r\n")
	if t.rest == "" {
		return patternToken{}, nil
	}
	if prefix := strings.IndexByte("tbh", t.rest[0]) >= 0 && strings.HasPrefix(t.rest[1:], "'"); prefix || t.rest[0] == '\'' {
		return t.quotedValue(prefix)
	}
	if c := t.rest[0]; c == '+' || c == '-' || c >= '0' && c <= '9' {
		return t.number(span(t.rest, isNumberByte))
	}
	if n := span(t.rest, isNameByte); n > 0 {
		return t.word(n)
	}
	for _, mark := range []string{"==", "!=", "<>", "<=", ">=", "=", "<", ">", "(", ")", "[", "]", ","} {
		if strings.HasPrefix(t.rest, mark) {
			t.rest = t.rest[len(mark):]
			return patternToken{text: mark}, nil
		}
	}
	return patternToken{}, fmt.Errorf("%.10q is no part of a pattern", t.rest)
}

func span(text string, is func(byte) bool) int {
	n := 0
	for n < len(text) && is(text[n]) {
		n++
	}
	return n
}

func isNameByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-'
}

func isNumberByte(c byte) bool {
	return c >= '0' && c <= '9' || strings.IndexByte("+-.eE", c) >= 0
}

// word reads a word, or a path if a colon follows it.
func (t *patternTokens) word(n int) (patternToken, error) {
	token := patternToken{text: t.rest[:n]}
	t.rest = t.rest[n:]
	if !strings.HasPrefix(t.rest, ":") {
		switch strings.ToLower(token.text) {
		case "true", "false":
			token.kind, token.value = tokenValue, tahoe.Bool(strings.EqualFold(token.text, "true"))
		}
		return token, nil
	}
	token.kind = tokenPath
	for more := true; more; more = strings.HasPrefix(t.rest, ".") {
		t.rest = t.rest[1:]
		step, err := t.step()
		if err != nil {
			return patternToken{}, err
		}
		token.steps = append(token.steps, step)
	}
	return token, nil
}

// step reads a name in a path, and the index behind it.
func (t *patternTokens) step() (string, error) {
	var name string
	if strings.HasPrefix(t.rest, "'") {
		quoted, err := t.quoted()
		if err != nil {
			return "", err
		}
		name = quoted
	} else {
		n := span(t.rest, isNameByte)
		name, t.rest = t.rest[:n], t.rest[n:]
	}
	if name == "" {
		return "", fmt.Errorf("a path ends at %.10q", t.rest)
	}
	if strings.HasPrefix(t.rest, "[") {
		index, rest, ok := strings.Cut(t.rest[1:], "]")
		if ok && (index == "*" || index != "" && strings.Trim(index, "0123456789-") == "") {
			t.rest = rest
		}
	}
	return name, nil
}

// quotedValue reads text in quotes. Times, binary and hexadecimal values count as the text that they are.
func (t *patternTokens) quotedValue(prefix bool) (patternToken, error) {
	if prefix {
		t.rest = t.rest[1:]
	}
	text, err := t.quoted()
	return patternToken{kind: tokenValue, text: "'" + text + "'", value: tahoe.String(text)}, err
}

// quoted reads text in quotes, in which \' is a quote and \\ a backslash.
func (t *patternTokens) quoted() (string, error) {
	var text strings.Builder
	for i := 1; i < len(t.rest); i++ {
		switch c := t.rest[i]; {
		case c == '\'':
			t.rest = t.rest[i+1:]
			return text.String(), nil
		case c == '\\' && i+1 < len(t.rest) && (t.rest[i+1] == '\'' || t.rest[i+1] == '\\'):
			i++
			text.WriteByte(t.rest[i])
		default:
			text.WriteByte(c)
		}
	}
	return "", errPatternEnd
}

func (t *patternTokens) number(n int) (patternToken, error) {
	text := t.rest[:n]
	v, err := tahoe.ParseValue([]byte(strings.TrimPrefix(text, "+")))
	if err != nil {
		return patternToken{}, fmt.Errorf("%.20q is no number", text)
	}
	t.rest = t.rest[n:]
	return patternToken{kind: tokenValue, text: text, value: v}, nil
}
