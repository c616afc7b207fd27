package tdql

import (
	"slices"

	"github.com/cybexp/cybexp/tahoe"
	"github.com/cybexp/cybexp/tdql/dql"
)

// cond compiles a condition on instances of a kind; nil stays nil.
func (c *compiler) cond(kind tahoe.Kind, of cond) dql.Filter {
	switch of := of.(type) {
	case nil:
		return nil
	case allOf:
		return dql.And(c.conds(kind, of))
	case anyOf:
		return dql.Or(c.conds(kind, of))
	case negated:
		return dql.Not{Filter: c.cond(kind, of.of)}
	case includes:
		return c.includes(kind, of)
	case hashIn:
		return dql.Eq("hash", c.params("h", hashTexts(of))...)
	case kindIn:
		var list dql.Or
		for _, k := range of {
			list = append(list, typeFilter(k))
		}
		return list
	case subTypeIn:
		return c.subTypes(of)
	case categoryIn:
		return dql.Eq("category", c.params("c", of)...)
	case orgIn:
		return c.orgs(of)
	case markingIn:
		return c.marked(kind, of)
	case dataIn:
		return dql.UID(c.withData(of)...)
	case timeIs:
		return c.timeIs(of)
	case matches:
		return c.matches(kind, of)
	case measured:
		return c.measured(of)
	}
	panic("tdql: a condition that Check does not make")
}

func (c *compiler) conds(kind tahoe.Kind, list []cond) []dql.Filter {
	out := make([]dql.Filter, len(list))
	for i, one := range list {
		out[i] = c.cond(kind, one)
	}
	return out
}

// marked is the test of an event's marking. Amber is that of which nobody said anything, too.
func (c *compiler) marked(kind tahoe.Kind, of markingIn) dql.Filter {
	test := dql.Eq("tlp", c.params("m", texts(of))...)
	if !slices.Contains(of, tahoe.Amber) {
		return test
	}
	var unmarked dql.Filter = dql.Not{Filter: dql.Call{Name: "has", Pred: "tlp"}}
	if kind != tahoe.KindEvent {
		unmarked = dql.All(typeFilter(tahoe.KindEvent), unmarked)
	}
	return dql.Or{test, unmarked}
}

func (c *compiler) timeIs(t timeIs) dql.Filter {
	at := c.time(t.than.at)
	switch t.op {
	case "<":
		return dql.And{dql.Between("timestamp", c.q.Bind("t", timeFirst), at), dql.Not{Filter: dql.Between("timestamp", at, at)}}
	case "<=":
		return dql.Between("timestamp", c.q.Bind("t", timeFirst), at)
	case ">":
		return dql.Compare("gt", "timestamp", at)
	case ">=":
		return dql.Compare("ge", "timestamp", at)
	}
	return dql.Between("timestamp", at, at)
}

// includes binds the instances of a kind that include the attribute, by its hash and the edges back from it; the test is then
// membership.
func (c *compiler) includes(kind tahoe.Kind, in includes) dql.Filter {
	found := c.name()
	c.add(dql.Block{As: found, Func: dql.Eq("hash", c.params("h", hashTexts(in.hashes))...)})
	return c.holders(kind, in.path, in.context, found)
}

// holders binds the instances of a kind that include, or are, what was found; with a path, inside such objects; with a
// context, as seen in it.
func (c *compiler) holders(kind tahoe.Kind, path []string, context, found string) dql.Filter {
	inner := found // the innermost vertex that must be included: the attribute, or with a path the outermost object
	for i := len(path) - 1; i >= 0; i-- {
		above := c.recurse(dql.UID(inner), "~ocref")
		inner = c.name()
		c.add(dql.Block{As: inner, Func: dql.UID(above), Filter: c.subTypes([]string{path[i]})})
	}
	var names []string
	if kind == tahoe.KindAttribute || kind == kindRelated || kind == kindInstance {
		if len(path) == 0 {
			names = append(names, found)
		} else {
			below, name := c.recurse(dql.UID(inner), "ocref"), c.name()
			c.add(dql.Block{As: name, Func: dql.UID(found), Filter: dql.UID(below)})
			names = append(names, name)
		}
	}
	if kind == tahoe.KindObject || kind == kindRelated || kind == kindInstance {
		names = append(names, c.recurse(dql.UID(inner), "~ocref"))
		if len(path) > 0 {
			names = append(names, inner)
		}
	}
	if kind == tahoe.KindAttribute || kind == tahoe.KindObject {
		return dql.UID(names...)
	}
	return c.includedInEvents(kind, context, found, inner, names)
}

// includedInEvents goes on to events, and to the sessions and raws of events.
func (c *compiler) includedInEvents(kind tahoe.Kind, in, found, inner string, names []string) dql.Filter {
	events := c.follow(dql.UID(inner), c.access(), "~ref")
	var context dql.Filter
	if in != "" {
		context = dql.UID(c.follow(dql.UID(found), c.access(), contextEdge(in))...)
	}
	if kind != tahoe.KindSession && kind != tahoe.KindRaw {
		names = append(names, events...)
	}
	if kind == tahoe.KindSession || kind == kindRelated || kind == kindInstance {
		names = append(names, c.follow(dql.UID(events...), nil, "~sref")...)
		names = append(names, c.follow(dql.UID(inner), nil, "~sattr")...)
	}
	if kind == tahoe.KindRaw || kind == kindInstance {
		names = append(names, c.follow(dql.UID(events...), nil, "~rref")...)
	}
	return dql.All(dql.UID(names...), context)
}
