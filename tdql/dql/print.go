package dql

import (
	"strconv"
	"strings"
)

// Text prints the query as DQL, one block to a paragraph, always in the same way.
func (q Query) Text() string {
	var b strings.Builder
	b.Grow(512)
	b.WriteString("query " + q.Name + "(")
	for i, v := range q.Vars {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString("$" + v.Name + ": " + v.Type)
	}
	b.WriteString(") {\n")
	for _, block := range q.Blocks {
		block.write(&b)
	}
	b.WriteString("}\n")
	return b.String()
}

func (k Block) write(b *strings.Builder) {
	b.WriteString("  ")
	if k.As != "" {
		b.WriteString(k.As + " as ")
	}
	if k.Name == "" {
		b.WriteString("var")
	}
	b.WriteString(k.Name + "(func: ")
	k.Func.write(b, 0)
	k.Args.write(b, ", ")
	b.WriteString(")")
	writeFilter(b, k.Filter)
	if k.Cascade {
		b.WriteString(" @cascade")
	}
	if k.Recurse > 0 {
		b.WriteString(" @recurse(depth: " + strconv.Itoa(k.Recurse) + ", loop: false)")
	}
	writeFields(b, k.Fields, "  ")
	b.WriteString("\n")
}

// write prints the arguments, each after a separator; the first one after start.
func (a Args) write(b *strings.Builder, start string) {
	sep := start
	put := func(key, value string) {
		b.WriteString(sep + key + ": " + value)
		sep = ", "
	}
	for _, o := range a.Order {
		if o.Desc {
			put("orderdesc", o.By)
		} else {
			put("orderasc", o.By)
		}
	}
	if a.FirstN > 0 {
		put("first", strconv.Itoa(a.FirstN))
	}
	if a.First != "" {
		put("first", "$"+string(a.First))
	}
	if a.Offset != "" {
		put("offset", "$"+string(a.Offset))
	}
	if a.After != "" {
		put("after", "$"+string(a.After))
	}
}

func (a Args) empty() bool {
	return len(a.Order) == 0 && a.First == "" && a.Offset == "" && a.After == "" && a.FirstN == 0
}

func writeFilter(b *strings.Builder, f Filter) {
	if f == nil {
		return
	}
	b.WriteString(" @filter(")
	f.write(b, 0)
	b.WriteString(")")
}

func writeFields(b *strings.Builder, fields []Field, indent string) {
	if len(fields) == 0 {
		return
	}
	b.WriteString(" {\n")
	for _, f := range fields {
		b.WriteString(indent + "  ")
		f.write(b, indent+"  ")
		b.WriteString("\n")
	}
	b.WriteString(indent + "}")
}

func (f Field) write(b *strings.Builder, indent string) {
	if f.As != "" {
		b.WriteString(f.As + " as ")
	}
	if f.Alias != "" {
		b.WriteString(f.Alias + ": ")
	}
	if f.Count {
		b.WriteString("count(" + f.Name + ")")
	} else {
		b.WriteString(f.Name)
	}
	if !f.Args.empty() {
		b.WriteString(" (")
		f.Args.write(b, "")
		b.WriteString(")")
	}
	writeFilter(b, f.Filter)
	writeFields(b, f.Fields, indent)
}

// How tightly the joins bind, from loose to tight.
const (
	bindOr = iota + 1
	bindAnd
	bindNot
)

func (c Call) write(b *strings.Builder, _ int) {
	b.WriteString(c.Name + "(")
	sep := ""
	if c.Pred != "" {
		b.WriteString(c.Pred)
		sep = ", "
	}
	for _, u := range c.UIDs {
		b.WriteString(sep + u)
		sep = ", "
	}
	if c.List {
		b.WriteString(sep + "[")
		sep = ""
	}
	for _, p := range c.Params {
		b.WriteString(sep + "$" + string(p))
		sep = ", "
	}
	if c.List {
		b.WriteString("]")
	}
	b.WriteString(")")
}

func (a And) write(b *strings.Builder, outer int) { join(b, a, " AND ", bindAnd, outer) }
func (o Or) write(b *strings.Builder, outer int)  { join(b, o, " OR ", bindOr, outer) }

func join(b *strings.Builder, filters []Filter, word string, bind, outer int) {
	if outer > bind {
		b.WriteString("(")
	}
	for i, f := range filters {
		if i > 0 {
			b.WriteString(word)
		}
		f.write(b, bind+1)
	}
	if outer > bind {
		b.WriteString(")")
	}
}

func (n Not) write(b *strings.Builder, _ int) {
	b.WriteString("NOT (")
	n.Filter.write(b, 0)
	b.WriteString(")")
}
