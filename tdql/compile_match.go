package tdql

import (
	"strconv"

	"github.com/cybexp/cybexp/tahoe"
	"github.com/cybexp/cybexp/tdql/dql"
)

// matches compiles a test of values. What an index finds leads to the instances that include it; what none finds is looked
// for in the set.
func (c *compiler) matches(kind tahoe.Kind, m matches) dql.Filter {
	if m.subType == "" {
		return c.match(m.test)
	}
	test := c.match(m.test)
	found := c.name()
	switch {
	case m.test.op == "has":
		c.add(dql.Block{As: found, Func: c.subTypes([]string{m.subType})})
	case m.test.indexed():
		c.add(dql.Block{As: found, Func: test, Filter: c.subTypes([]string{m.subType})})
	default:
		parts := c.parts(kind)
		c.add(dql.Block{As: found, Func: dql.UID(parts...), Filter: dql.All(c.subTypes([]string{m.subType}), test)})
	}
	return c.holders(kind, m.path, m.context, found)
}

// match is the test of one value.
func (c *compiler) match(m match) dql.Filter {
	switch m.op {
	case "has":
		return nil
	case "in":
		low, high := netRange(m.net)
		return dql.Between("ip", c.q.Bind("i", low), c.q.Bind("i", high))
	case "under":
		low, high := hostRange(m.text)
		return dql.Between("host", c.q.Bind("d", low), c.q.Bind("d", high))
	case "<", "<=", ">", ">=":
		return dql.Compare(compareNames[m.op], "number", c.q.Bind("n", numberText(m.number)))
	}
	re, err := m.regex()
	if err != nil {
		panic("tdql: a pattern that Check does not let pass: " + err.Error())
	}
	return dql.Compare("regexp", "value", c.q.Bind("r", dqlRegex(re)))
}

var compareNames = map[string]string{"=": "eq", "<": "lt", "<=": "le", ">": "gt", ">=": "ge"}

// maxNumber bounds the numbers of the graph's index.
const maxNumber = 1 << 62

// numberText spells a number for the database.
func numberText(v tahoe.Value) string {
	f, _ := v.Number()
	return strconv.FormatFloat(min(max(f, -maxNumber), maxNumber), 'g', -1, 64)
}

// parts are the attributes and objects that the set is, or includes.
func (c *compiler) parts(kind tahoe.Kind) []string {
	scope := dql.UID(c.scope...)
	switch kind {
	case tahoe.KindAttribute:
		return c.scope
	case tahoe.KindObject:
		return []string{c.recurse(scope, "ocref")}
	case tahoe.KindEvent:
		return c.follow(scope, nil, "ref")
	case tahoe.KindSession, tahoe.KindRaw:
		edges := map[tahoe.Kind]string{tahoe.KindSession: "sref", tahoe.KindRaw: "rref"}
		events := c.follow(scope, c.access(), edges[kind])
		parts := c.follow(dql.UID(events...), nil, "ref")
		if kind == tahoe.KindSession {
			parts = append(parts, c.follow(scope, nil, "sattr")...)
		}
		return parts
	}
	events := c.follow(scope, c.access(), "sref", "rref")
	parts := c.follow(scope, nil, "ref", "sattr")
	parts = append(parts, c.follow(dql.UID(events...), nil, "ref")...)
	return append(append(parts, c.recurse(scope, "ocref")), c.scope...)
}

// measured compiles a test of an own field that has a size.
func (c *compiler) measured(m measured) dql.Filter {
	if m.field == "degree" {
		n := c.degree(m.kind, c.scope)
		return dql.Compare(compareNames[m.op], "val("+n+")", c.q.Bind("n", numberText(m.number)))
	}
	return c.measuredTime(m)
}

// degree binds how much hangs on each vertex: the visible events of an attribute, object, session or raw; the attributes of an
// event.
func (c *compiler) degree(kind tahoe.Kind, names []string) string {
	n := c.name()
	c.add(dql.Block{Func: dql.UID(names...), Fields: []dql.Field{c.degreeField(kind, n, "")}})
	return n
}

func (c *compiler) degreeField(kind tahoe.Kind, as, alias string) dql.Field {
	f := dql.Field{As: as, Alias: alias, Name: "~ref", Count: true, Filter: c.access()}
	switch kind {
	case tahoe.KindEvent:
		f.Name, f.Filter = "ref", typeFilter(tahoe.KindAttribute)
	case tahoe.KindSession:
		f.Name = "sref"
	case tahoe.KindRaw:
		f.Name = "rref"
	case tahoe.KindAttribute, tahoe.KindObject:
	}
	return f
}
