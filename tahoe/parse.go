package tahoe

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

const (
	// MaxDepth is how many arrays and objects may stand inside each other.
	MaxDepth = 32
	// MaxText is the longest JSON text that ParseValue reads, in bytes.
	MaxText = 16 << 20
)

// ParseValue reads one JSON value. It keeps whole and floating numbers apart and integers of any size whole; -0 is the int 0, -0.0 a
// float; of fields with one key the last counts. Numbers too large for a float, bytes that are not UTF-8, more than MaxDepth levels
// and more than MaxText bytes are errors. The strings share one copy of the text. Half a surrogate pair (`"\ud800"`) is kept, so that it hashes and prints as it came; Str
// and Text show it as U+FFFD.
func ParseValue(text []byte) (Value, error) { return parse(text, false) }

// parse reads a value; notFinite lets NaN, Infinity and numbers beyond the range of floats pass, as Python does.
func parse(text []byte, notFinite bool) (Value, error) {
	if len(text) > MaxText {
		return Value{}, fmt.Errorf("JSON text of %d bytes: %w", len(text), ErrTooLarge)
	}
	if !utf8.Valid(text) {
		return Value{}, fmt.Errorf("%w: not UTF-8", ErrSyntax)
	}
	p := parser{text: string(text), notFinite: notFinite}
	v, err := p.value(0)
	if err != nil {
		return Value{}, err
	}
	if p.space(); p.pos < len(text) {
		return Value{}, p.fault("text behind the value")
	}
	return v, nil
}

type parser struct {
	text      string // which the strings of the value are parts of
	pos       int
	notFinite bool

	fields   pairs   // of the objects that are not at their end
	elements []Value // of such arrays
}

func (p *parser) fault(message string) error {
	return fmt.Errorf("%w: %s at byte %d", ErrSyntax, message, p.pos)
}

// space skips white space and tells the byte it stops at, 0 at the end.
func (p *parser) space() byte {
	for ; p.pos < len(p.text); p.pos++ {
		switch c := p.text[p.pos]; c {
		case ' ', '\t', '\n', '\r':
		default:
			return c
		}
	}
	return 0
}

func (p *parser) value(depth int) (Value, error) {
	switch c := p.space(); c {
	case '{', '[':
		if depth == MaxDepth {
			return Value{}, fmt.Errorf("JSON of more than %d levels: %w", MaxDepth, ErrTooDeep)
		}
		p.pos++
		if c == '{' {
			return p.object(depth + 1)
		}
		return p.array(depth + 1)
	case '"':
		s, err := p.str()
		return Value{typ: TypeString, text: s}, err
	case 't':
		return Bool(true), p.word("true")
	case 'f':
		return Bool(false), p.word("false")
	case 'n':
		return Null(), p.word("null")
	case 'N':
		return float(math.NaN()), p.notNumber("NaN")
	case 'I':
		return float(math.Inf(1)), p.notNumber("Infinity")
	}
	return p.number()
}

func (p *parser) word(word string) error {
	if !strings.HasPrefix(p.text[p.pos:], word) {
		return p.fault("no value")
	}
	p.pos += len(word)
	return nil
}

// notNumber reads a word that stands for what JSON has no number for.
func (p *parser) notNumber(word string) error {
	if err := p.word(word); err != nil {
		return err
	}
	if !p.notFinite {
		return fmt.Errorf("%s: %w", word, ErrNotFinite)
	}
	return nil
}

func (p *parser) array(depth int) (Value, error) {
	begin := len(p.elements)
	if p.space() == ']' {
		p.pos++
		return Array(), nil
	}
	for {
		v, err := p.value(depth)
		if err != nil {
			return Value{}, err
		}
		p.elements = append(p.elements, v)
		switch p.space() {
		case ',':
			p.pos++
		case ']':
			p.pos++
			v := Array(p.elements[begin:]...)
			p.elements = p.elements[:begin]
			return v, nil
		default:
			return Value{}, p.fault("neither comma nor ]")
		}
	}
}

func (p *parser) object(depth int) (Value, error) {
	if p.space() == '}' {
		p.pos++
		return pairs{}.value(), nil
	}
	if p.fields == nil {
		p.fields = make(pairs, 0, 16) // most records have as many
	}
	begin := len(p.fields)
	for {
		if p.space() != '"' {
			return Value{}, p.fault("no key")
		}
		key, err := p.str()
		if err != nil {
			return Value{}, err
		}
		if p.space() != ':' {
			return Value{}, p.fault("no colon")
		}
		p.pos++
		v, err := p.value(depth)
		if err != nil {
			return Value{}, err
		}
		p.fields = append(p.fields, pair{key, v})
		switch p.space() {
		case ',':
			p.pos++
		case '}':
			p.pos++
			v := p.fields[begin:].value()
			p.fields = p.fields[:begin]
			return v, nil
		default:
			return Value{}, p.fault("neither comma nor }")
		}
	}
}

func (p *parser) number() (Value, error) {
	start := p.pos
	if p.at('-') {
		p.pos++
		if p.at('I') {
			return float(math.Inf(-1)), p.notNumber("Infinity")
		}
	}
	zero := p.at('0')
	if n := p.digits(); n == 0 || zero && n > 1 {
		return Value{}, p.fault("no value")
	}
	whole := true
	if p.at('.') {
		p.pos++
		whole = false
		if p.digits() == 0 {
			return Value{}, p.fault("no digit behind the point")
		}
	}
	if p.at('e') || p.at('E') {
		p.pos++
		whole = false
		if p.at('+') || p.at('-') {
			p.pos++
		}
		if p.digits() == 0 {
			return Value{}, p.fault("no digit in the exponent")
		}
	}
	text := p.text[start:p.pos]
	if whole {
		return integer(text), nil
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil && !p.notFinite {
		return Value{}, fmt.Errorf("number %.40s: %w", text, ErrNotFinite)
	}
	return float(f), nil
}

func (p *parser) at(c byte) bool { return p.pos < len(p.text) && p.text[p.pos] == c }

func (p *parser) digits() int {
	start := p.pos
	for p.pos < len(p.text) && p.text[p.pos] >= '0' && p.text[p.pos] <= '9' {
		p.pos++
	}
	return p.pos - start
}

// integer makes an int of decimal digits without leading zeros.
func integer(text string) Value {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return Value{typ: TypeInt, text: text}
	}
	return Int(n)
}

// str reads a string, whose opening quote p stands on.
func (p *parser) str() (string, error) {
	p.pos++
	start := p.pos
	var buf []byte // stays nil while the string has no escape
	for {
		if p.pos += plain(p.text[p.pos:]); p.pos == len(p.text) {
			return "", p.fault("string without end")
		}
		switch c := p.text[p.pos]; {
		case c == '"':
			rest := p.text[start:p.pos]
			p.pos++
			if buf == nil {
				return rest, nil
			}
			return string(append(buf, rest...)), nil
		case c == '\\':
			buf = append(buf, p.text[start:p.pos]...)
			r, err := p.escape()
			if err != nil {
				return "", err
			}
			buf = appendRune(buf, r)
			start = p.pos
		case c < ' ':
			return "", p.fault("control character in a string")
		default:
			for p.pos < len(p.text) && p.text[p.pos] >= 0x7f {
				p.pos++
			}
		}
	}
}

// escape reads one escape, or two that are the halves of a surrogate pair.
func (p *parser) escape() (rune, error) {
	p.pos++
	if p.pos == len(p.text) {
		return 0, p.fault("string without end")
	}
	c := p.text[p.pos]
	p.pos++
	switch c {
	case '"', '\\', '/':
		return rune(c), nil
	case 'b':
		return '\b', nil
	case 'f':
		return '\f', nil
	case 'n':
		return '\n', nil
	case 'r':
		return '\r', nil
	case 't':
		return '\t', nil
	case 'u':
		r, ok := p.unit()
		if !ok {
			return 0, p.fault("no four hexadecimal digits")
		}
		return p.pair(r), nil
	}
	return 0, p.fault("unknown escape")
}

// pair completes a first half of a surrogate pair if the second half follows; else it gives first as it is.
func (p *parser) pair(first rune) rune {
	if !utf16.IsSurrogate(first) || p.pos+1 >= len(p.text) || p.text[p.pos] != '\\' || p.text[p.pos+1] != 'u' {
		return first
	}
	back := p.pos
	p.pos += 2
	if second, ok := p.unit(); ok {
		if r := utf16.DecodeRune(first, second); r != utf8.RuneError {
			return r
		}
	}
	p.pos = back
	return first
}

// unit reads four hexadecimal digits.
func (p *parser) unit() (rune, bool) {
	if p.pos+4 > len(p.text) {
		return 0, false
	}
	var r rune
	for _, c := range p.text[p.pos : p.pos+4] {
		switch {
		case c >= '0' && c <= '9':
			r = r<<4 | (c - '0')
		case c >= 'a' && c <= 'f':
			r = r<<4 | (c - 'a' + 10)
		case c >= 'A' && c <= 'F':
			r = r<<4 | (c - 'A' + 10)
		default:
			return 0, false
		}
	}
	p.pos += 4
	return r, true
}

// appendRune is utf8.AppendRune that also takes half a surrogate pair.
func appendRune(buf []byte, r rune) []byte {
	if isSurrogate(r) {
		return append(buf, 0xe0|byte(r>>12), 0x80|byte(r>>6&0x3f), 0x80|byte(r&0x3f))
	}
	return utf8.AppendRune(buf, r)
}
