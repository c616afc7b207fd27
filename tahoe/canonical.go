package tahoe

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"
)

// MaxCanonical is the longest canonical text, in bytes. Quotes double their backslashes at every level, so that deeply nested data
// reaches it soon.
const MaxCanonical = 1 << 20

// maxWork bounds what Canonical writes on its way, in bytes. Data without repetition stays below it at any allowed depth and length;
// it stops lists of many equal elements each of which is costly.
const maxWork = 2 * MaxDepth * MaxCanonical

// Canonical is the text that the hash of data is made of: JSON as Python's json.dumps writes it, with every level encoded once more
// as a string, keys and list elements sorted, repeated elements dropped, and strings stripped of white space at both ends. So the
// order and number of the elements of a list do not matter:
//
//	{"a":[3,1,3]}  =>  {"a": "[\"1\", \"3\"]"}
func Canonical(v Value) (string, error) {
	c := newCanon()
	defer c.free()
	if err := c.text(v, 0); err != nil {
		return "", err
	}
	return string(c.buf), nil
}

// canon writes canonical texts. Those of the elements of a value stand before its own until that is there.
type canon struct {
	buf  []byte
	work int // bytes that may still be written
}

var canons = sync.Pool{New: func() any { return &canon{} }}

func newCanon() *canon {
	c := canons.Get().(*canon) //nolint:forcetypeassert // it holds nothing else
	c.buf, c.work = c.buf[:0], maxWork
	return c
}

// free lets another use the buffer, unless it is one that few need.
func (c *canon) free() {
	if cap(c.buf) <= 64<<10 {
		canons.Put(c)
	}
}

func (c *canon) text(v Value, depth int) (err error) {
	begin := len(c.buf)
	switch {
	case v.IsScalar():
		c.buf, err = appendScalar(c.buf, v)
	case depth == MaxDepth:
		return fmt.Errorf("data of more than %d levels: %w", MaxDepth, ErrTooDeep)
	default:
		err = c.nested(v, depth)
	}
	c.work -= len(c.buf) - begin
	return err
}

func (c *canon) nested(v Value, depth int) (err error) {
	begin := len(c.buf)
	var room [16]int
	ends := append(room[:0], begin)
	for _, e := range v.sub.values {
		if err := c.text(e, depth+1); err != nil {
			return err
		}
		if c.work < 0 {
			return tooLarge()
		}
		ends = append(ends, len(c.buf))
	}
	inner := c.buf
	if c.buf, err = appendOuter(inner, v, ends); err != nil {
		return err
	}
	c.buf = append(c.buf[:begin], c.buf[len(inner):]...)
	return nil
}

// appendOuter appends the canonical text of v to those of its elements, which are at ends.
func appendOuter(inner []byte, v Value, ends []int) (buf []byte, err error) {
	if v.typ == TypeArray {
		texts := make([][]byte, len(v.sub.values))
		for i := range texts {
			texts[i] = inner[ends[i]:ends[i+1]]
		}
		return appendList(inner, texts, bytes.Compare)
	}
	buf = append(inner, '{') //nolint:gocritic // it is told apart from what is before it
	for i, key := range v.sub.keys {
		if buf, err = appendField(buf, len(inner), key, inner[ends[i]:ends[i+1]]); err != nil {
			return nil, err
		}
	}
	return append(buf, '}'), nil
}

// appendScalar appends the canonical text of null, a truth value, a number or a string.
func appendScalar(buf []byte, v Value) ([]byte, error) {
	begin := len(buf)
	if v.typ != TypeString {
		buf = v.appendBare(buf)
	} else {
		s := strip(v.text)
		if len(s) > MaxCanonical {
			return nil, tooLarge()
		}
		buf = appendQuoted(buf, s, true)
	}
	return buf, fits(buf, begin)
}

// appendList appends the canonical text of a list whose elements have these texts. It sorts texts.
func appendList[T string | []byte](buf []byte, texts []T, compare func(a, b T) int) ([]byte, error) {
	slices.SortFunc(texts, compare)
	texts = slices.CompactFunc(texts, func(a, b T) bool { return compare(a, b) == 0 })
	begin := len(buf)
	buf = append(buf, '[')
	for i, t := range texts {
		if i > 0 {
			buf = append(buf, ", "...)
		}
		buf = appendQuoted(buf, t, true)
		if err := fits(buf, begin); err != nil {
			return nil, err
		}
	}
	buf = append(buf, ']')
	return buf, fits(buf, begin)
}

// appendField appends a field to the canonical text of an object that begins at begin.
func appendField[T string | []byte](buf []byte, begin int, key string, text T) ([]byte, error) {
	if len(buf) > begin+1 {
		buf = append(buf, ", "...)
	}
	buf = appendQuoted(buf, key, true)
	buf = append(buf, ": "...)
	buf = appendQuoted(buf, text, true)
	return buf, fits(buf, begin-1) // with the bracket that is still to come
}

// fits tells whether what was written since begin may be as long as it is. It is asked often, so that what is too long is not written on.
func fits(buf []byte, begin int) error {
	if len(buf)-begin > MaxCanonical {
		return tooLarge()
	}
	return nil
}

func tooLarge() error {
	return fmt.Errorf("canonical text of more than %d bytes: %w", MaxCanonical, ErrTooLarge)
}

// Stripped is v without white space at both ends, if it is a string.
func (v Value) Stripped() Value {
	if v.typ == TypeString {
		v.text = strip(v.text)
	}
	return v
}

// strip removes what Python's str.strip does, which is a few characters more than unicode.IsSpace knows.
func strip(s string) string {
	if s == "" || isGraphic(s[0]) && isGraphic(s[len(s)-1]) {
		return s
	}
	return strings.TrimFunc(s, isSpace)
}

func isGraphic(c byte) bool { return c > ' ' && c < utf8.RuneSelf }

func isSpace(r rune) bool {
	switch {
	case r >= '\t' && r <= '\r', r >= 0x1c && r <= ' ', r >= 0x2000 && r <= 0x200a:
		return true
	}
	switch r {
	case 0x85, 0xa0, 0x1680, 0x2028, 0x2029, 0x202f, 0x205f, 0x3000:
		return true
	}
	return false
}
