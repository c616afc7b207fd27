package tdql

import (
	"slices"
	"strconv"

	"github.com/cybexp/cybexp/tahoe"
	"github.com/cybexp/cybexp/tdql/dql"
)

// Bounds on what related follows. They are variables of the queries, with these values.
const (
	relatedHub   = 10_000    // visible events of an attribute or session through which it does not go on
	relatedLevel = 1_000_000 // events of one level, the newest ones
)

// relate gathers what is related, all levels as one set.
func (c *compiler) relate(r *relate) {
	c.set = set{kind: kindRelated, root: dql.UID(slices.Concat(c.gather(r, r.level, 1)...)...)}
}

// gather binds what is related, level by level: the events in which the start is seen with all that they include; then, from
// those, their sessions with all of those sessions' events, or the events that share an attribute, or both. Marks tell of what is
// not followed, of the levels from the given one on.
func (c *compiler) gather(r *relate, depth, marked int) [][]string {
	if r.from == tahoe.KindEvent {
		c.keep(&move{from: r.from, to: tahoe.KindEvent, narrow: r.narrow})
	} else {
		c.toEvents(&move{from: r.from, to: tahoe.KindEvent, narrow: r.narrow})
	}
	f := frontier{compiler: c, level: 1}
	f.newest(c.bound())
	levels := [][]string{slices.Concat(f.events, f.parts)}
	for f.level = 2; f.level <= depth; f.level++ {
		if f.level == marked {
			c.marks = nil
		}
		var sessions, next []string
		if r.via != "attributes" {
			sessions = c.follow(dql.UID(f.events...), nil, "~sref")
			few := f.few(sessions, f.sessions, nil, "sref")
			next = c.follow(dql.UID(few), c.access(), "sref")
			f.sessions = append(f.sessions, sessions...)
		}
		if r.via != "sessions" {
			few := f.few(f.parts, f.followed, typeFilter(tahoe.KindAttribute), "~ref")
			next = append(next, c.follow(dql.UID(few), c.access(), "~ref")...)
			f.followed = append(f.followed, f.parts...)
		}
		f.newest(next)
		levels = append(levels, slices.Concat(sessions, f.events, f.parts))
	}
	return levels
}

// frontier is how far related has come.
type frontier struct {
	*compiler
	level              int
	events, parts      []string // of the level before
	seen               []string // the events of all levels before
	sessions, followed []string // that were gone on from
}

// few binds those of variables that are new, pass a filter, and have not too many visible events at an edge. The others of the new
// are marked, if they have events that were not seen before. The number of all events, which the caller must not learn, only saves counting.
func (f *frontier) few(from, old []string, filter dql.Filter, edge string) string {
	most := f.number("hub", relatedHub)
	large, degree, hub, few, more := f.name(), f.name(), f.name(), f.name(), f.name()
	if len(old) > 0 {
		filter = dql.All(filter, dql.Not{Filter: dql.UID(old...)})
	}
	f.add(dql.Block{As: large, Func: dql.UID(from...), Filter: dql.All(filter, dql.Compare("gt", "count("+edge+")", most))})
	f.add(dql.Block{Func: dql.UID(large), Fields: []dql.Field{{As: degree, Name: edge, Count: true, Filter: f.access()}}})
	f.add(dql.Block{As: hub, Func: dql.UID(large), Filter: dql.Compare("gt", "val("+degree+")", most)})
	f.add(dql.Block{As: few, Func: dql.UID(from...), Filter: dql.All(filter, dql.Not{Filter: dql.UID(hub)})})

	unseen := dql.All(f.access(), dql.Not{Filter: dql.UID(f.seen...)})
	left := dql.Compare("gt", "val("+more+")", f.q.Bind("n", "0"))
	named := dql.Args{First: f.number("named", CappedNamed), Order: []dql.Order{{By: "val(" + degree + ")", Desc: true}}}
	f.marks = append(f.marks,
		dql.Block{Func: dql.UID(hub), Fields: []dql.Field{{As: more, Name: edge, Count: true, Filter: unseen}}},
		dql.Block{Name: markHub + few[1:], Func: dql.UID(more), Filter: left, Args: named, Fields: []dql.Field{
			{Name: "uid"}, {Name: "hash"}, {Name: "itype"}, {Name: "sub_type"}, {Name: "data"}, {Alias: "n", Name: "val(" + degree + ")"},
		}},
		dql.Block{Name: markHubs + few[1:], Func: dql.UID(more), Filter: left, Fields: countUID})
	return few
}

// newest goes on to the events of a level, the newest ones by when they were written, with what they include. It marks that there
// are more.
func (f *frontier) newest(events []string) {
	name := f.name()
	f.add(dql.Block{As: name, Func: dql.UID(events...), Args: dql.Args{First: f.number("events", -relatedLevel)}})
	f.marks = append(f.marks, dql.Block{Name: markLevel + name[1:] + strconv.Itoa(f.level), Func: dql.UID(events...),
		Filter: dql.Not{Filter: dql.UID(name)}, Fields: countUID})
	f.events, f.seen = []string{name}, append(f.seen, name)
	f.parts = f.follow(dql.UID(name), nil, "ref")
}

var countUID = []dql.Field{{Alias: "n", Name: "uid", Count: true}}

// number declares a number, once in a query.
func (c *compiler) number(name string, value int64) dql.Param {
	if !slices.ContainsFunc(c.q.Vars, func(v dql.Var) bool { return v.Name == name }) {
		c.q.Declare(name, "int", strconv.FormatInt(value, 10))
	}
	return dql.Param(name)
}

// mark adds the marks to the query in hand, which is the first of a phase. It says whether there are any.
func (c *compiler) mark() bool {
	marked := len(c.marks) > 0
	c.q.Blocks, c.marks = append(c.q.Blocks, c.marks...), nil
	return marked
}

// levelPhases reads what is related one level after the other, so that what is near comes first and each instance once.
func (c *compiler) levelPhases(r *relate, collect bool) []phase {
	steps := c.done[:len(c.done)-1]
	var phases []phase
	for level := 1; level <= r.level; level++ {
		c.fresh()
		c.marks = nil
		c.reseed()
		for _, s := range steps {
			c.walk(s)
		}
		levels := c.gather(r, level, level)
		s := set{kind: kindRelated, root: dql.UID(levels[level-1]...)}
		if level > 1 {
			s.filter = dql.Not{Filter: dql.UID(slices.Concat(levels[:level-1]...)...)}
		}
		phases = append(phases, c.rowPhase(s, collect, level))
	}
	return phases
}
