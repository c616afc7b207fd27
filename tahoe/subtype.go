package tahoe

import (
	"fmt"
	"unicode"
	"unicode/utf8"
)

// MaxSubType is the longest sub_type, in bytes.
const MaxSubType = 256

// ValidSubType tells what keeps name from being a sub_type, nil when nothing does: it must be an identifier as Python has it, a
// letter or underscore followed by letters, digits and underscores, of any script.
func ValidSubType(name string) error {
	if name == "" {
		return fmt.Errorf("%w: empty", ErrSubType)
	}
	if len(name) > MaxSubType {
		return fmt.Errorf("%w: %d bytes, more than %d", ErrSubType, len(name), MaxSubType)
	}
	if !utf8.ValidString(name) {
		return fmt.Errorf("%w: %q is not UTF-8", ErrSubType, name)
	}
	for i, r := range name {
		if i == 0 && !isIdentifierStart(r) {
			return fmt.Errorf("%w: %q begins with %q", ErrSubType, name, r)
		}
		if !isIdentifierPart(r) {
			return fmt.Errorf("%w: %q holds %q", ErrSubType, name, r)
		}
	}
	return nil
}

// isIdentifierStart is Unicode's XID_Start and the underscore.
func isIdentifierStart(r rune) bool {
	if r < utf8.RuneSelf {
		return r == '_' || r|0x20 >= 'a' && r|0x20 <= 'z'
	}
	return unicode.In(r, unicode.L, unicode.Nl, unicode.Other_ID_Start) &&
		!unicode.In(r, unicode.Pattern_Syntax, notClosed, notAtStart)
}

// isIdentifierPart is Unicode's XID_Continue.
func isIdentifierPart(r rune) bool {
	if r < utf8.RuneSelf {
		return isIdentifierStart(r) || r >= '0' && r <= '9'
	}
	return unicode.In(r, unicode.L, unicode.Nl, unicode.Other_ID_Start, unicode.Mn, unicode.Mc, unicode.Nd, unicode.Pc,
		unicode.Other_ID_Continue) && !unicode.In(r, unicode.Pattern_Syntax, notClosed)
}

// notClosed holds the letters that XID leaves out because normalising them would give something that is no identifier, notAtStart
// those that it leaves out only at the start.
var (
	notClosed = &unicode.RangeTable{R16: []unicode.Range16{
		{Lo: 0x037a, Hi: 0x037a, Stride: 1},
		{Lo: 0x309b, Hi: 0x309c, Stride: 1},
		{Lo: 0xfc5e, Hi: 0xfc63, Stride: 1},
		{Lo: 0xfdfa, Hi: 0xfdfb, Stride: 1},
		{Lo: 0xfe70, Hi: 0xfe7e, Stride: 2},
	}}
	notAtStart = &unicode.RangeTable{R16: []unicode.Range16{
		{Lo: 0x0e33, Hi: 0x0e33, Stride: 1},
		{Lo: 0x0eb3, Hi: 0x0eb3, Stride: 1},
		{Lo: 0xff9e, Hi: 0xff9f, Stride: 1},
	}}
)
