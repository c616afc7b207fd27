package tahoe

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// ValueType is the type of a Value.
type ValueType uint8

// The types of JSON, with whole and floating numbers apart: 1 and 1.0 are different data and have different hashes.
const (
	TypeNull ValueType = iota
	TypeBool
	TypeInt
	TypeFloat
	TypeString
	TypeArray
	TypeObject
)

// String names the type as a message would.
func (t ValueType) String() string {
	names := [...]string{"null", "bool", "int", "float", "string", "array", "object"}
	if int(t) >= len(names) {
		return "ValueType(" + strconv.Itoa(int(t)) + ")"
	}
	return names[t]
}

// Value is an immutable JSON value. The zero Value is null. Values are compared with Equal, not with ==.
type Value struct {
	typ  ValueType
	bits uint64      // a bool, an int64 or the bits of a float64
	text string      // a string, or the digits of an integer beyond int64
	sub  *collection // an array or object
}

// collection holds the elements of an array, or the values of an object beside its sorted keys.
type collection struct {
	keys   []string
	values []Value
}

// Null is the null Value.
func Null() Value { return Value{} }

// Bool makes a truth value.
func Bool(b bool) Value {
	if b {
		return Value{typ: TypeBool, bits: 1}
	}
	return Value{typ: TypeBool}
}

// Int makes a whole number.
func Int(n int64) Value { return Value{typ: TypeInt, bits: uint64(n)} }

// Float makes a floating number. NaN and the infinities are refused with ErrNotFinite.
func Float(f float64) (Value, error) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return Value{}, ErrNotFinite
	}
	return float(f), nil
}

func float(f float64) Value { return Value{typ: TypeFloat, bits: math.Float64bits(f)} }

// String makes a string. Bytes that are not UTF-8 become U+FFFD.
func String(s string) Value { return Value{typ: TypeString, text: clean(s)} }

// Array makes a list of the elements, in that order.
func Array(elements ...Value) Value {
	return Value{typ: TypeArray, sub: &collection{values: slices.Clone(elements)}}
}

// Map makes a JSON object of the fields. It copies the map. (Object is the instance.)
func Map(fields map[string]Value) Value {
	pairs := make(pairs, 0, len(fields))
	for key, v := range fields {
		pairs = append(pairs, pair{clean(key), v})
	}
	return pairs.value()
}

type pair struct {
	key   string
	value Value
}

type pairs []pair

// value sorts the pairs by key and makes an object of them; of pairs with one key the last counts.
func (p pairs) value() Value {
	slices.SortStableFunc(p, func(a, b pair) int { return strings.Compare(a.key, b.key) })
	c := &collection{keys: make([]string, 0, len(p)), values: make([]Value, 0, len(p))}
	for i, field := range p {
		if i+1 < len(p) && p[i+1].key == field.key {
			continue
		}
		c.keys = append(c.keys, field.key)
		c.values = append(c.values, field.value)
	}
	return Value{typ: TypeObject, sub: c}
}

// Type tells the type.
func (v Value) Type() ValueType { return v.typ }

// IsNull tells whether v is null.
func (v Value) IsNull() bool { return v.typ == TypeNull }

// IsScalar tells whether v is neither an array nor an object, so that an attribute can hold it.
func (v Value) IsScalar() bool { return v.typ < TypeArray }

// Get looks a field of an object up. It finds nothing in other values.
func (v Value) Get(key string) (Value, bool) {
	if v.typ != TypeObject {
		return Value{}, false
	}
	i, ok := slices.BinarySearch(v.sub.keys, key)
	if !ok {
		return Value{}, false
	}
	return v.sub.values[i], true
}

// Keys lists the keys of an object in ascending order. Other values have none.
func (v Value) Keys() []string {
	if v.typ != TypeObject {
		return nil
	}
	return slices.Clone(v.sub.keys)
}

// Elements lists the elements of an array in their order. Other values have none.
func (v Value) Elements() []Value {
	if v.typ != TypeArray {
		return nil
	}
	return slices.Clone(v.sub.values)
}

// Str is the text of a string, always valid UTF-8.
func (v Value) Str() (string, bool) {
	if v.typ != TypeString {
		return "", false
	}
	return clean(v.text), true
}

// Bool is the truth value of a bool.
func (v Value) Bool() (value, ok bool) { return v.typ == TypeBool && v.bits == 1, v.typ == TypeBool }

// Int is the number of an int that fits into 64 bits.
func (v Value) Int() (int64, bool) {
	if v.typ != TypeInt || v.text != "" {
		return 0, false
	}
	return int64(v.bits), true
}

// Number is an int or float as a float64; an int beyond the range of floats is none.
func (v Value) Number() (float64, bool) {
	switch {
	case v.typ == TypeFloat:
		return math.Float64frombits(v.bits), true
	case v.typ == TypeInt && v.text != "":
		f, err := strconv.ParseFloat(v.text, 64)
		return f, err == nil
	case v.typ == TypeInt:
		return float64(int64(v.bits)), true
	}
	return 0, false
}

// Text is a string bare, always valid UTF-8, and any other value as JSON.
func (v Value) Text() string {
	if s, ok := v.Str(); ok {
		return s
	}
	return string(v.AppendJSON(nil))
}

// String is the value as JSON.
func (v Value) String() string { return string(v.AppendJSON(nil)) }

// Equal tells whether both are of one type and content: 1 is not 1.0, and lists have an order.
func (v Value) Equal(other Value) bool {
	if v.typ != other.typ || v.bits != other.bits || v.text != other.text {
		return false
	}
	if v.sub == other.sub {
		return true
	}
	return slices.Equal(v.sub.keys, other.sub.keys) && slices.EqualFunc(v.sub.values, other.sub.values, Value.Equal)
}

// MarshalJSON gives the value as JSON.
func (v Value) MarshalJSON() ([]byte, error) {
	if f, ok := v.Number(); ok && (math.IsNaN(f) || math.IsInf(f, 0)) {
		return nil, ErrNotFinite
	}
	return v.AppendJSON(nil), nil
}

// UnmarshalJSON reads a value as ParseValue does.
func (v *Value) UnmarshalJSON(text []byte) error {
	parsed, err := ParseValue(text)
	if err != nil {
		return fmt.Errorf("value: %w", err)
	}
	*v = parsed
	return nil
}

// clean makes s valid UTF-8: half a surrogate pair, and any other byte that does not belong, becomes U+FFFD.
func clean(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	buf := make([]byte, 0, len(s)+8)
	for s != "" {
		r, width := decode(s)
		buf = utf8.AppendRune(buf, r) // writes U+FFFD for half a pair
		s = s[width:]
	}
	return string(buf)
}
