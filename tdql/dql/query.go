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
	n := 0
	for _, v := range q.Vars {
		if base, number, ok := split(v.Name); ok && base == prefix {
			if v.Value == value && v.Type == "string" {
				return Param(v.Name)
			}
			n = max(n, number+1)
		}
	}
	name := prefix + strconv.Itoa(n)
	q.Vars = append(q.Vars, Var{Name: name, Type: "string", Value: value})
	return Param(name)
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
