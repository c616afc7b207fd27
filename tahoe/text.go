package tahoe

import (
	"encoding/binary"
	"math"
	"math/bits"
	"slices"
	"strconv"
	"unicode/utf8"
)

// AppendJSON appends the value as compact JSON with sorted keys and list order kept, so that ParseValue gives an equal value.
func (v Value) AppendJSON(buf []byte) []byte {
	switch v.typ {
	case TypeNull, TypeBool, TypeInt, TypeFloat:
		return v.appendBare(buf)
	case TypeString:
		return appendQuoted(buf, v.text, false)
	case TypeArray:
		buf = append(buf, '[')
		for i, e := range v.sub.values {
			if i > 0 {
				buf = append(buf, ',')
			}
			buf = e.AppendJSON(buf)
		}
		return append(buf, ']')
	case TypeObject:
		buf = append(buf, '{')
		for i, e := range v.sub.values {
			if i > 0 {
				buf = append(buf, ',')
			}
			buf = appendQuoted(buf, v.sub.keys[i], false)
			buf = append(buf, ':')
			buf = e.AppendJSON(buf)
		}
		return append(buf, '}')
	}
	panic("tahoe: value of unknown type " + v.typ.String())
}

// appendBare writes null, a truth value or a number.
func (v Value) appendBare(buf []byte) []byte {
	switch {
	case v.typ == TypeNull:
		return append(buf, "null"...)
	case v.typ == TypeBool:
		return strconv.AppendBool(buf, v.bits == 1)
	case v.typ == TypeFloat:
		return appendFloat(buf, math.Float64frombits(v.bits))
	case v.text != "":
		return append(buf, v.text...)
	}
	return strconv.AppendInt(buf, int64(v.bits), 10)
}

// appendFloat writes f as Python's repr does: the shortest digits that read back as f, always with a point or an exponent.
func appendFloat(buf []byte, f float64) []byte {
	switch abs := math.Abs(f); {
	case math.IsNaN(f):
		return append(buf, "NaN"...)
	case math.IsInf(f, 1):
		return append(buf, "Infinity"...)
	case math.IsInf(f, -1):
		return append(buf, "-Infinity"...)
	case abs != 0 && (abs < 1e-4 || abs >= 1e16):
		return strconv.AppendFloat(buf, f, 'e', -1, 64)
	case abs == math.Trunc(abs):
		return append(strconv.AppendFloat(buf, f, 'f', -1, 64), ".0"...)
	}
	return strconv.AppendFloat(buf, f, 'f', -1, 64)
}

const hexDigits = "0123456789abcdef"

// AppendQuoted appends s, which must be UTF-8, as a JSON string.
func AppendQuoted[T string | []byte](buf []byte, s T) []byte { return appendQuoted(buf, s, false) }

// appendQuoted writes s as a JSON string; with ascii set, as Python's json.dumps does: everything from U+007F on is escaped.
// Half a surrogate pair, which Go text cannot hold but JSON can, stands in s as the three bytes that UTF-8 would give it.
func appendQuoted[T string | []byte](buf []byte, s T, ascii bool) []byte {
	buf = append(buf, '"')
	for {
		n := 8
		for ; n == 8 && len(s) >= 8; s = s[n:] {
			if cap(buf)-len(buf) < 8 {
				buf = slices.Grow(buf, len(s)+64)
			}
			word := load(s)
			binary.LittleEndian.PutUint64(buf[len(buf):len(buf)+8], word) // some of it in vain
			n = plainOf(word)
			buf = buf[:len(buf)+n]
		}
		if n == 8 {
			n = plain(s)
			buf, s = append(buf, s[:n]...), s[n:]
		}
		if len(s) == 0 {
			return append(buf, '"')
		}
		if c := s[0]; c == '"' || c == '\\' {
			buf = append(buf, '\\', c)
			s = s[1:]
			continue
		}
		r, width := decode(string(s[:min(len(s), utf8.UTFMax)]))
		if r >= 0x7f && !ascii && !isSurrogate(r) {
			buf = append(buf, s[:width]...)
		} else {
			buf = appendEscaped(buf, r)
		}
		s = s[width:]
	}
}

// plain counts the bytes at the beginning of s that stand in JSON as they are: printable ASCII but quotes and backslashes.
func plain[T string | []byte](s T) int {
	i := 0
	for ; i+8 <= len(s); i += 8 {
		if n := plainOf(load(s[i:])); n < 8 {
			return i + n
		}
	}
	for i < len(s) && s[i] >= ' ' && s[i] < 0x7f && s[i] != '"' && s[i] != '\\' {
		i++
	}
	return i
}

// load reads eight bytes. All text is read several times on its way, so it is read in words.
func load[T string | []byte](s T) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 | uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// plainOf is plain of the bytes of a word.
func plainOf(x uint64) int {
	const ones = 0x0101010101010101
	quote, slash, del := x^(ones*'"'), x^(ones*'\\'), x^(ones*0x7f)
	// The top bit of a byte is set where subtracting borrows: where it is below a space, or equal to what it is compared with. In the bytes
	// above the first such one a borrow may go on, so only the first counts.
	other := (x-ones*' ')&^x | (quote-ones)&^quote | (slash-ones)&^slash | (del-ones)&^del | x
	return bits.TrailingZeros64(other&(ones*0x80)) / 8
}

func appendEscaped(buf []byte, r rune) []byte {
	switch r {
	case '\b':
		return append(buf, '\\', 'b')
	case '\f':
		return append(buf, '\\', 'f')
	case '\n':
		return append(buf, '\\', 'n')
	case '\r':
		return append(buf, '\\', 'r')
	case '\t':
		return append(buf, '\\', 't')
	}
	if r > 0xffff {
		r -= 0x10000
		buf = appendUnit(buf, 0xd800+r>>10)
		r = 0xdc00 + r&0x3ff
	}
	return appendUnit(buf, r)
}

func appendUnit(buf []byte, r rune) []byte {
	return append(buf, '\\', 'u', hexDigits[r>>12&15], hexDigits[r>>8&15], hexDigits[r>>4&15], hexDigits[r&15])
}

// decode reads the first rune of s, half a surrogate pair included.
func decode(s string) (rune, int) {
	r, width := utf8.DecodeRuneInString(s)
	if r == utf8.RuneError && width == 1 && len(s) >= 3 && s[0] == 0xed && s[1]&0xe0 == 0xa0 && s[2]&0xc0 == 0x80 {
		return 0xd000 | rune(s[1]&0x3f)<<6 | rune(s[2]&0x3f), 3
	}
	return r, width
}

func isSurrogate(r rune) bool { return r >= 0xd800 && r < 0xe000 }
