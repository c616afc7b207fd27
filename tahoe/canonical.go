package tahoe

import (
	"fmt"
	"slices"
	"strings"
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
	c := canon{work: maxWork}
	return c.text(v, 0)
}

type canon struct {
	work int // bytes that may still be written
}

func (c *canon) text(v Value, depth int) (string, error) {
	if v.IsScalar() {
		s, err := scalar(v)
		c.work -= len(s)
		return s, err
	}
	if depth == MaxDepth {
		return "", fmt.Errorf("data of more than %d levels: %w", MaxDepth, ErrTooDeep)
	}
	texts := make([]string, len(v.sub.values))
	for i, e := range v.sub.values {
		var err error
		if texts[i], err = c.text(e, depth+1); err != nil {
			return "", err
		}
		if c.work < 0 {
			return "", tooLarge()
		}
	}
	var s string
	var err error
	if v.typ == TypeObject {
		s, err = dict(v.sub.keys, texts)
	} else {
		s, err = list(texts)
	}
	c.work -= len(s)
	return s, err
}

// scalar is the canonical text of null, a truth value, a number or a string.
func scalar(v Value) (string, error) {
	var room [128]byte
	buf := room[:0]
	if v.typ != TypeString {
		buf = v.appendBare(buf)
	} else {
		s := strip(v.text)
		if len(s) > MaxCanonical {
			return "", tooLarge()
		}
		buf = appendQuoted(buf, s, true)
	}
	if len(buf) > MaxCanonical {
		return "", tooLarge()
	}
	return string(buf), nil
}

// list is the canonical text of a list whose elements have these texts. It sorts texts.
func list(texts []string) (string, error) {
	slices.Sort(texts)
	texts = slices.Compact(texts)
	size, err := measure(texts)
	if err != nil {
		return "", err
	}
	buf := make([]byte, 0, size+size/4+6*len(texts)+2)
	buf = append(buf, '[')
	for i, t := range texts {
		if i > 0 {
			buf = append(buf, ", "...)
		}
		buf = appendQuoted(buf, t, true)
	}
	return finish(append(buf, ']'))
}

// dict is the canonical text of an object with these sorted keys and texts of values.
func dict(keys, texts []string) (string, error) {
	size, err := measure(texts)
	if err != nil {
		return "", err
	}
	names, err := measure(keys)
	if err != nil {
		return "", err
	}
	buf := make([]byte, 0, size+size/4+names+10*len(texts)+2)
	buf = append(buf, '{')
	for i, t := range texts {
		if i > 0 {
			buf = append(buf, ", "...)
		}
		buf = appendQuoted(buf, keys[i], true)
		buf = append(buf, ": "...)
		buf = appendQuoted(buf, t, true)
	}
	return finish(append(buf, '}'))
}

// measure adds the lengths up, so that what would be too long is found before it is written.
func measure(texts []string) (int, error) {
	size := 0
	for _, t := range texts {
		if size += len(t); size > MaxCanonical {
			return 0, tooLarge()
		}
	}
	return size, nil
}

func finish(buf []byte) (string, error) {
	if len(buf) > MaxCanonical {
		return "", tooLarge()
	}
	return string(buf), nil
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
