package dql

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// Answer reads the JSON text of an answer from its beginning to its end, once, without building what nobody asks for: the answers to
// one report may have millions of vertices. What is JSON (RFC 8259) it reads right; not all that is no JSON is found out.
//
// A value that is null reads as zero, empty, or without members. After the first error, which Err returns, everything reads so.
type Answer struct {
	text []byte
	at   int
	err  error
}

// NewAnswer begins to read a text, which must not be changed meanwhile.
func NewAnswer(text []byte) *Answer { return &Answer{text: text} }

// Err returns the first error.
func (a *Answer) Err() error { return a.err }

// Object reads an object. It calls member for each, which reads its value, or skips it. The name is good until then.
func (a *Answer) Object(member func(name []byte)) {
	if !a.open('{') {
		return
	}
	for !a.close('}') {
		name := a.string()
		a.expect(':')
		if a.err != nil {
			return
		}
		member(name)
	}
}

// List reads a list. It calls element for each value, which reads it, or skips it.
func (a *Answer) List(element func()) {
	if !a.open('[') {
		return
	}
	for !a.close(']') {
		element()
	}
}

// Text reads a string.
func (a *Answer) Text() string { return string(a.string()) }

// Bytes reads a string that is good until the text is.
func (a *Answer) Bytes() []byte { return a.string() }

// UID reads a vertex: "0x1a".
func (a *Answer) UID() uint64 {
	s := a.string()
	if s == nil {
		return 0
	}
	digits, ok := bytes.CutPrefix(s, []byte("0x"))
	if !ok || len(digits) == 0 || len(digits) > 16 {
		a.fail("a vertex")
		return 0
	}
	var n uint64
	for _, c := range digits {
		switch {
		case '0' <= c && c <= '9':
			n = n<<4 | uint64(c-'0')
		case 'a' <= c && c <= 'f':
			n = n<<4 | uint64(c-'a'+10)
		default:
			a.fail("a vertex")
			return 0
		}
	}
	return n
}

// Uint reads a number without fraction that is not negative.
func (a *Answer) Uint() uint64 {
	s := a.number()
	if s == nil {
		return 0
	}
	n, err := strconv.ParseUint(string(s), 10, 64)
	if err != nil {
		a.fail("a whole number")
	}
	return n
}

// Int reads a number without fraction.
func (a *Answer) Int() int64 {
	s := a.number()
	if s == nil {
		return 0
	}
	n, err := strconv.ParseInt(string(s), 10, 64)
	if err != nil {
		a.fail("a whole number")
	}
	return n
}

// Float reads a number.
func (a *Answer) Float() float64 {
	s := a.number()
	if s == nil {
		return 0
	}
	f, err := strconv.ParseFloat(string(s), 64)
	if err != nil {
		a.fail("a number")
	}
	return f
}

// Skip reads over a value.
func (a *Answer) Skip() {
	depth := 0
	for {
		switch c := a.peek(); c {
		case '{', '[':
			a.at++
			depth++
		case '}', ']':
			a.at++
			depth--
		case ',', ':':
			if depth == 0 {
				a.fail("a value")
				return
			}
			a.at++
			continue
		case '"':
			a.quoted()
		case 0:
			a.fail("a value")
			return
		default:
			if a.word(); a.err != nil {
				return
			}
		}
		if depth <= 0 {
			if depth < 0 {
				a.fail("a value")
				return
			}
			a.comma()
			return
		}
	}
}

// peek returns the next byte that is no space, 0 at the end.
func (a *Answer) peek() byte {
	for ; a.at < len(a.text); a.at++ {
		switch c := a.text[a.at]; c {
		case ' ', '\t', '\r', '\n':
		default:
			return c
		}
	}
	return 0
}

// comma reads over a comma behind a value.
func (a *Answer) comma() {
	if a.peek() == ',' {
		a.at++
	}
}

func (a *Answer) expect(c byte) {
	if a.peek() != c {
		a.fail(strconv.QuoteRune(rune(c)))
		return
	}
	a.at++
}

// open begins an object or a list; false for null.
func (a *Answer) open(c byte) bool {
	if a.null() {
		return false
	}
	a.expect(c)
	return a.err == nil
}

// close says whether an object or list is at its end, and reads over that.
func (a *Answer) close(c byte) bool {
	if a.err != nil {
		return true
	}
	switch a.peek() {
	case c:
		a.at++
		a.comma()
		return true
	case 0:
		a.fail(strconv.QuoteRune(rune(c)))
		return true
	}
	return false
}

// null reads over a null.
func (a *Answer) null() bool {
	if a.err == nil && a.peek() == 'n' && bytes.HasPrefix(a.text[a.at:], []byte("null")) {
		a.at += len("null")
		a.comma()
		return true
	}
	return a.err != nil
}

// word reads over a number, true, false or null.
func (a *Answer) word() []byte {
	start := a.at
	for ; a.at < len(a.text); a.at++ {
		if c := a.text[a.at]; (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') && c != '-' && c != '+' && c != '.' {
			break
		}
	}
	if a.at == start {
		a.fail("a value")
		return nil
	}
	return a.text[start:a.at]
}

// number reads what should be a number; nil for null.
func (a *Answer) number() []byte {
	if a.null() {
		return nil
	}
	a.peek()
	w := a.word()
	a.comma()
	return w
}

// string reads a string; nil for null.
func (a *Answer) string() []byte {
	if a.null() {
		return nil
	}
	if a.peek() != '"' {
		a.fail("a string")
		return nil
	}
	s, escaped := a.quoted()
	if a.err != nil {
		return nil
	}
	a.comma()
	if escaped {
		return a.unescape(s)
	}
	if !utf8.Valid(s) {
		return bytes.ToValidUTF8(s, []byte("\ufffd"))
	}
	return s
}

// quoted reads over a string, and returns what is between its quotes, and whether a part of it is escaped.
func (a *Answer) quoted() (s []byte, escaped bool) {
	rest := a.text[a.at+1:]
	for n := 0; ; {
		i := bytes.IndexByte(rest[n:], '"')
		if i < 0 {
			a.fail("the end of a string")
			return nil, false
		}
		n += i
		back := 0
		for back < n && rest[n-1-back] == '\\' {
			back++
		}
		if back%2 == 0 {
			a.at += n + 2
			return rest[:n], bytes.IndexByte(rest[:n], '\\') >= 0
		}
		n++
	}
}

// unescape resolves the escapes of a string (RFC 8259, section 7). Half of a surrogate pair becomes U+FFFD.
func (a *Answer) unescape(s []byte) []byte {
	out := make([]byte, 0, len(s))
	for {
		i := bytes.IndexByte(s, '\\')
		if i < 0 || i+1 == len(s) {
			out = append(out, s...)
			break
		}
		out = append(out, s[:i]...)
		c := s[i+1]
		s = s[i+2:]
		if c == 'u' {
			r := hex4(s)
			if r < 0 {
				a.fail("an escape")
				return nil
			}
			s = s[4:]
			if utf16.IsSurrogate(r) {
				low := rune(-1)
				if len(s) >= 6 && s[0] == '\\' && s[1] == 'u' {
					low = hex4(s[2:])
				}
				if r = utf16.DecodeRune(r, low); r != utf8.RuneError {
					s = s[6:]
				}
			}
			out = utf8.AppendRune(out, r)
			continue
		}
		plain := bytes.IndexByte([]byte(`"\/bfnrt`), c)
		if plain < 0 {
			a.fail("an escape")
			return nil
		}
		out = append(out, "\"\\/\b\f\n\r\t"[plain])
	}
	if !utf8.Valid(out) {
		return bytes.ToValidUTF8(out, []byte("\ufffd"))
	}
	return out
}

// hex4 reads four digits; -1 if there are none.
func hex4(s []byte) rune {
	if len(s) < 4 {
		return -1
	}
	n, err := strconv.ParseUint(string(s[:4]), 16, 16)
	if err != nil {
		return -1
	}
	return rune(n)
}

var errAnswer = errors.New("not the JSON that was expected")

// fail notes the first error, and goes to the end.
func (a *Answer) fail(wanted string) {
	if a.err == nil {
		a.err = fmt.Errorf("%w: want %s at byte %d of %d", errAnswer, wanted, a.at, len(a.text))
	}
	a.at = len(a.text)
}
