package dql

import "strings"

// Filter is a condition: a call, or conditions joined. It is nil, [Call], [And], [Or] or [Not].
type Filter interface {
	write(b *strings.Builder, outer int)
}

// Call is a function with its arguments, such as eq(hash, [$h0, $h1]) or uid(E).
type Call struct {
	Name string
	// Pred is the predicate, the type's name or the val(x) that the function is about; empty for uid.
	Pred string
	// UIDs are variables of vertices, for uid and uid_in.
	UIDs []string
	// Params are values; List writes them in brackets.
	Params []Param
	List   bool
}

// And holds when all of its conditions hold. An empty one always holds.
type And []Filter

// Or holds when one of its conditions holds.
type Or []Filter

// Not holds when its condition does not.
type Not struct{ Filter Filter }

// Eq tests a predicate for one of the values.
func Eq(pred string, values ...Param) Call {
	return Call{Name: "eq", Pred: pred, Params: values, List: len(values) > 1}
}

// Between tests a predicate for a range, both ends included.
func Between(pred string, low, high Param) Call {
	return Call{Name: "between", Pred: pred, Params: []Param{low, high}}
}

// Compare tests a predicate with ge, gt, le or lt.
func Compare(op, pred string, value Param) Call {
	return Call{Name: op, Pred: pred, Params: []Param{value}}
}

// UID is membership in variables of vertices.
func UID(names ...string) Call { return Call{Name: "uid", UIDs: names} }

// UIDList is membership in a list of vertices that a variable holds, as in "[0x1,0x2]".
func UIDList(p Param) Call { return Call{Name: "uid", Params: []Param{p}} }

// Type tests a vertex's type.
func Type(name string) Call { return Call{Name: "type", Pred: name} }

// Also is All of two conditions for a chain that grows at its end: it may write behind the end of f, so f is not to be used again.
func Also(f, more Filter) Filter {
	list, ok := f.(And)
	if !ok {
		return All(f, more)
	}
	switch more := more.(type) {
	case nil:
	case And:
		list = append(list, more...)
	case Call, Or, Not:
		list = append(list, more)
	}
	return list
}

// All joins the conditions that are not nil with and; it returns nil when there is none.
func All(filters ...Filter) Filter {
	var kept And
	for _, f := range filters {
		switch f := f.(type) {
		case nil:
		case And:
			kept = append(kept, f...)
		case Call, Or, Not:
			kept = append(kept, f)
		}
	}
	switch len(kept) {
	case 0:
		return nil
	case 1:
		return kept[0]
	}
	return kept
}
