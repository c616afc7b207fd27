package tdql

import (
	"strings"
	"time"

	"github.com/cybexp/cybexp/tahoe"
)

// cond is a checked condition: one of the types below.
type cond interface{ cond() }

type (
	// allOf, anyOf and negated join conditions.
	allOf   []cond
	anyOf   []cond
	negated struct{ of cond }

	// includes holds for an instance that includes, or is, an attribute with one of the values; with a path, only inside
	// such objects, the outermost first; with a context, only as seen in it.
	includes struct {
		path    []string
		subType string
		values  []tahoe.Value
		hashes  []tahoe.Hash
		context string
	}

	// matches holds for an instance that includes, or is, an attribute whose value passes a test; without a sub-type, for one
	// that has such a value itself.
	matches struct {
		path    []string
		subType string
		test    match
		context string
	}

	// measured compares an own field by size.
	measured struct {
		kind   tahoe.Kind
		field  string // degree, start_time, end_time or duration
		op     string // = < <= > or >=
		number tahoe.Value
		time   moment
	}

	// Conditions on the instance's own fields.
	hashIn     []tahoe.Hash
	kindIn     []tahoe.Kind
	subTypeIn  []string
	categoryIn []string
	orgIn      []Org
	markingIn  []tahoe.Marking
	dataIn     []tahoe.Value
	timeIs     struct {
		op   string
		than moment
	}
)

func (allOf) cond()      {}
func (anyOf) cond()      {}
func (negated) cond()    {}
func (includes) cond()   {}
func (hashIn) cond()     {}
func (kindIn) cond()     {}
func (subTypeIn) cond()  {}
func (categoryIn) cond() {}
func (orgIn) cond()      {}
func (markingIn) cond()  {}
func (dataIn) cond()     {}
func (timeIs) cond()     {}
func (matches) cond()    {}
func (measured) cond()   {}

// spellCond writes a condition; tight asks for parentheses around what joins.
func spellCond(c cond, tight bool) string {
	switch c := c.(type) {
	case allOf:
		return spellJoin(c, " and ", tight)
	case anyOf:
		return spellJoin(c, " or ", tight)
	case negated:
		return "not " + spellCond(c.of, true)
	case includes:
		text := strings.Join(append(append([]string{}, c.path...), pathName(c.subType, len(c.path) == 0)), ".") + spellIn(valueTexts(c.values))
		if c.context != "" {
			return c.context + "(" + text + ")"
		}
		return text
	case matches:
		return c.spell()
	case measured:
		if c.field == "degree" || c.field == "duration" {
			return c.field + " " + c.op + " " + c.number.Text()
		}
		return c.field + " " + c.op + " " + c.time.text()
	case hashIn:
		return "hash" + spellIn(hashTexts(c))
	case kindIn:
		return "itype" + spellIn(texts(c))
	case subTypeIn:
		return "sub_type" + spellIn(quotedTexts(c))
	case categoryIn:
		return "category" + spellIn(c)
	case orgIn:
		return "org" + spellIn(orgTexts(c))
	case markingIn:
		return "tlp" + spellIn(texts(c))
	case dataIn:
		return "data" + spellIn(valueTexts(c))
	case timeIs:
		return "timestamp " + c.op + " " + c.than.text()
	}
	panic("tdql: a condition that Check does not make")
}

func (m matches) spell() string {
	text := "data"
	if m.subType != "" {
		text = strings.Join(append(append([]string{}, m.path...), pathName(m.subType, len(m.path) == 0)), ".")
	}
	if m.test.op == "has" {
		text = "has " + text
	}
	text += m.test.spell()
	if m.context != "" {
		return m.context + "(" + text + ")"
	}
	return text
}

func spellJoin(list []cond, word string, tight bool) string {
	parts := make([]string, len(list))
	for i, c := range list {
		parts[i] = spellCond(c, true)
	}
	if tight {
		return "(" + strings.Join(parts, word) + ")"
	}
	return strings.Join(parts, word)
}

func spellIn(list []string) string {
	if len(list) == 1 {
		return " = " + list[0]
	}
	return " in (" + strings.Join(list, ", ") + ")"
}

func valueTexts(list []tahoe.Value) []string {
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = literalText(v)
	}
	return out
}

func hashTexts(list []tahoe.Hash) []string {
	out := make([]string, len(list))
	for i, h := range list {
		out[i] = h.String()
	}
	return out
}

func orgTexts(list []Org) []string {
	out := make([]string, len(list))
	for i, o := range list {
		out[i] = o.Hash.String()
	}
	return out
}

// audiences are those that the caller belongs to.
func audiences(list []Org) []string {
	var out []string
	for _, o := range list {
		out = append(out, o.Audiences()...)
	}
	return out
}

func quotedTexts(list []string) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = literalText(tahoe.String(s))
	}
	return out
}

func texts[T ~string](list []T) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = string(s)
	}
	return out
}

// text is the moment as canonical text.
func (m moment) text() string {
	if m.relative != "" {
		return m.relative
	}
	return m.at.Format(time.RFC3339Nano)
}
