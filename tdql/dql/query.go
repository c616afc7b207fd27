package dql

import (
	"slices"
	"strconv"
	"strings"
)

// Query is one request: declared variables and blocks, in order.
type Query struct {
	Name   string
	Vars   []Var
	Blocks []Block

	known *known
}

// Var is a declared variable and its value. Name has no dollar sign; Type is string or int.
type Var struct {
	Name  string
	Type  string
	Value string
}

// Param names a declared variable, without the dollar sign.
type Param string

// Block is one root block. Its name is the key of the answer, or "var" (also when empty) for a block that only binds.
type Block struct {
	Name string
	// As binds the vertices of the block.
	As   string
	Func Filter
	Args Args
	// Filter narrows the root.
	Filter Filter
	// Cascade drops a vertex that lacks one of the fields.
	Cascade bool
	// Recurse, when above zero, follows the fields again and again, so many edges deep.
	Recurse int
	Fields  []Field
}

// Args order and page a list.
type Args struct {
	Order []Order
	// First, Offset and After are parameters; empty ones are left out. FirstN is a number of our own.
	First, Offset, After Param
	FirstN               int
}

// Order is one sort key: a predicate, or a value variable as val(x).
type Order struct {
	By   string
	Desc bool
}

// Field is a predicate to fetch, count or walk.
type Field struct {
	// As binds what the field yields.
	As    string
	Alias string
	// Name is a predicate, ~predicate for the reverse edge, uid, or val(x).
	Name   string
	Count  bool
	Args   Args
	Filter Filter
	Fields []Field
}

// Bind declares a string variable under a fresh name that starts with prefix, and returns it. Equal values with the same
// prefix share one variable.
func (q *Query) Bind(prefix, value string) Param {
	q.know()
	if name, ok := q.known.names[[2]string{prefix, value}]; ok {
		return name
	}
	return q.Declare(prefix+strconv.Itoa(q.known.next[prefix]), "string", value)
}

// known finds bound variables, so that it takes no longer to bind one when there are many.
type known struct {
	of    *Query // a copy of the query has its own variables
	seen  int    // how many variables are in the maps
	names map[[2]string]Param
	next  map[string]int // the number of the next variable with a prefix
}

// know brings known up to date.
func (q *Query) know() {
	if q.known == nil || q.known.of != q || q.known.seen > len(q.Vars) {
		q.known = &known{of: q, names: map[[2]string]Param{}, next: map[string]int{}}
	}
	for _, v := range q.Vars[q.known.seen:] {
		base, number, ok := split(v.Name)
		key := [2]string{base, v.Value}
		if _, have := q.known.names[key]; ok && !have && v.Type == "string" {
			q.known.names[key] = Param(v.Name)
		}
		if ok {
			q.known.next[base] = max(q.known.next[base], number+1)
		}
	}
	q.known.seen = len(q.Vars)
}

// split cuts the number off the end of a bound name.
func split(name string) (base string, number int, ok bool) {
	base = strings.TrimRight(name, "0123456789")
	number, err := strconv.Atoi(name[len(base):])
	return base, number, err == nil
}

// Declare declares a variable under exactly this name.
func (q *Query) Declare(name, typ, value string) Param {
	q.Vars = append(q.Vars, Var{Name: name, Type: typ, Value: value})
	return Param(name)
}

// With returns a copy of the query in which some declared variables have other values. Names that are not declared are
// ignored.
func (q Query) With(values map[Param]string) Query {
	q.Vars = slices.Clone(q.Vars)
	for i, v := range q.Vars {
		if value, ok := values[Param(v.Name)]; ok {
			q.Vars[i].Value = value
		}
	}
	return q
}

// Variables returns the values to send with the text, keyed as Dgraph wants them, with the dollar sign.
func (q Query) Variables() map[string]string {
	m := make(map[string]string, len(q.Vars))
	for _, v := range q.Vars {
		m["$"+v.Name] = v.Value
	}
	return m
}
