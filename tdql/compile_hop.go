package tdql

import (
	"time"

	"github.com/cybexp/cybexp/tahoe"
	"github.com/cybexp/cybexp/tdql/dql"
)

// The bounds of time where a range is open.
const (
	timeFormat = "2006-01-02T15:04:05.999999999Z07:00"
	timeFirst  = "0001-01-01T00:00:00Z"
	timeLast   = "9999-12-31T23:59:59.999999Z"
)

// maxDepth is how deep objects are looked for in one another.
const maxDepth = 32

// move goes to neighbours.
func (c *compiler) move(m *move) {
	if where := m.narrow.where; m.from != "" && m.to == tahoe.KindSession && timed(where) { // of those sessions, not of all
		all := *m
		all.narrow.where = nil
		c.move(&all)
		c.filter(&filter{kind: m.to, where: where})
		return
	}
	switch {
	case m.from == "":
		c.scan(m)
	case m.from == m.to, m.from == kindRelated:
		c.keep(m)
	case m.to == tahoe.KindEvent:
		c.toEvents(m)
	default:
		c.toOthers(m)
	}
}

// eventFilter is all that a move asks of events, with the caller's rights.
func (c *compiler) eventFilter(n *narrow, subTypes []string) dql.Filter {
	return dql.All(c.rights(n), c.eventTests(n, subTypes))
}

// rights is the test of the organisations: those asked for, which are among the caller's, or all of the caller's.
func (c *compiler) rights(n *narrow) dql.Filter {
	if len(n.orgs) > 0 {
		return c.orgs(n.orgs)
	}
	return c.access()
}

// eventTests is all that a move asks of events besides their organisation; nil for nothing.
func (c *compiler) eventTests(n *narrow, subTypes []string) dql.Filter {
	var category dql.Filter
	if n.category != "" {
		category = dql.Eq("category", c.q.Bind("c", n.category))
	}
	return dql.All(c.among(n), c.window(&n.window), category, c.subTypes(subTypes), c.cond(tahoe.KindEvent, n.where))
}

// among is the test that an event is one of a list; nil when there is none.
func (c *compiler) among(n *narrow) dql.Filter {
	if len(n.among) == 0 {
		return nil
	}
	return dql.Eq("hash", c.params("h", hashTexts(n.among))...)
}

// window is the test of the time; nil when it is open. It is always between: le would read the index from its beginning.
func (c *compiler) window(w *window) dql.Filter {
	switch {
	case w.low.IsZero() && w.high.IsZero():
		return nil
	case w.high.IsZero():
		return dql.Compare("ge", "timestamp", c.time(w.low))
	case w.low.IsZero():
		return dql.Between("timestamp", c.q.Bind("t", timeFirst), c.time(w.high))
	}
	return dql.Between("timestamp", c.time(w.low), c.time(w.high))
}

func (c *compiler) time(t time.Time) dql.Param { return c.q.Bind("t", t.UTC().Format(timeFormat)) }

// scan starts at all instances of a kind.
func (c *compiler) scan(m *move) {
	if m.to == tahoe.KindEvent {
		c.set = set{kind: m.to, root: c.rights(&m.narrow)}
		n := m.narrow
		if among := c.among(&n); among != nil { // the few first
			c.set.filter, c.set.root, n.among = c.set.root, among, nil
		}
		c.set.filter = dql.All(c.set.filter, c.eventTests(&n, m.subTypes))
		return
	}
	where := c.cond(m.to, m.narrow.where)
	c.set = set{kind: m.to, unproven: true}
	switch m.to {
	case tahoe.KindRaw:
		c.set = set{kind: m.to, root: c.rawAccess(), filter: dql.All(c.subTypes(m.subTypes), where)}
	default:
		c.set.root, c.set.filter = typeFilter(m.to), where
		if len(m.subTypes) > 0 {
			c.set.root, c.set.filter = c.subTypes(m.subTypes), dql.All(typeFilter(m.to), where)
		}
	}
}

// keep narrows the set to a kind, or by the clauses.
func (c *compiler) keep(m *move) {
	var test dql.Filter
	if m.to == tahoe.KindEvent {
		test = c.eventFilter(&m.narrow, m.subTypes)
	} else {
		test = dql.All(c.subTypes(m.subTypes), c.cond(m.to, m.narrow.where))
	}
	if m.from == kindRelated {
		c.bound()
		test = dql.All(typeFilter(m.to), test)
	}
	c.set.kind = m.to
	c.set.filter = dql.Also(c.set.filter, test)
	if m.to == tahoe.KindEvent {
		c.set.unproven = false
	}
}

// toEvents goes to the events. They are tested themselves, so the set they are reached from need not be proven, but for raws: one is for fewer
// people than an event of it, when another of its events is.
func (c *compiler) toEvents(m *move) {
	if kind := c.set.kind; kind == tahoe.KindRaw && c.set.unproven {
		c.set.filter, c.set.unproven = dql.All(c.set.filter, c.rawAccess()), false
	} else if kind == kindInstance {
		c.bound()
	}
	root, single := c.root()
	filter := c.eventFilter(&m.narrow, m.subTypes)
	if kind := c.set.kind; (kind == tahoe.KindAttribute || kind == tahoe.KindObject) && m.narrow.context != "unknown" {
		c.set = set{kind: tahoe.KindEvent, root: root, edge: contextEdge(m.narrow.context), filter: filter, single: single}
		return
	}
	if m.narrow.context == "unknown" {
		c.set = set{kind: tahoe.KindEvent, root: dql.UID(c.unknownContext(root, filter)...)}
		return
	}
	c.set = set{kind: tahoe.KindEvent, root: dql.UID(c.follow(root, filter, eventEdges(c.set.kind, m.narrow.context)...)...)}
}

// root is the set as the root of a block, without proof.
func (c *compiler) root() (root dql.Filter, single bool) {
	s := c.set
	if s.edge == "" && s.filter == nil {
		return s.root, s.single
	}
	if s.edge == "" && s.single {
		if test, ok := s.filter.(dql.Call); ok && test.Name == "type" && s.unproven {
			return s.root, true // a hash is of one kind only
		}
	}
	c.set.unproven = false
	names := c.bound()
	return dql.UID(names...), s.single
}

func contextEdge(context string) string {
	switch context {
	case "malicious":
		return "~mal_ref"
	case "benign":
		return "~ben_ref"
	}
	return "~ref"
}

// eventEdges lead from a kind to its events.
func eventEdges(kind tahoe.Kind, context string) []string {
	switch kind {
	case tahoe.KindSession:
		return []string{"sref"}
	case tahoe.KindRaw:
		return []string{"rref"}
	case tahoe.KindAttribute, tahoe.KindObject:
		return []string{contextEdge(context)}
	case tahoe.KindEvent: // narrowed, not followed
	}
	if context != "" {
		return []string{contextEdge(context)}
	}
	return []string{"~ref", "sref", "rref"}
}

// follow binds what edges lead to.
func (c *compiler) follow(root, filter dql.Filter, edges ...string) []string {
	names := make([]string, len(edges))
	fields := make([]dql.Field, len(edges))
	for i, e := range edges {
		names[i] = c.name()
		fields[i] = dql.Field{As: names[i], Name: e, Filter: filter}
	}
	c.add(dql.Block{Func: root, Fields: fields})
	return names
}

// unknownContext binds the events that hold something of the root in neither context: those that hold more of it than they
// have in a context.
func (c *compiler) unknownContext(root, filter dql.Filter) []string {
	start, events := c.name(), c.name()
	c.add(dql.Block{As: start, Func: root})
	c.add(dql.Block{Func: dql.UID(start), Fields: []dql.Field{{As: events, Name: "~ref", Filter: filter}}})
	held, mal, ben, left := c.name(), c.name(), c.name(), c.name()
	in := dql.UID(start)
	c.add(dql.Block{Func: dql.UID(events), Fields: []dql.Field{
		{As: held, Name: "ref", Count: true, Filter: in},
		{As: mal, Name: "mal_ref", Count: true, Filter: in},
		{As: ben, Name: "ben_ref", Count: true, Filter: in},
		{As: left, Name: "math(" + held + " - " + mal + " - " + ben + ")"},
	}})
	name := c.name()
	c.add(dql.Block{As: name, Func: dql.UID(events), Filter: dql.Compare("gt", "val("+left+")", c.q.Bind("n", "0"))})
	return []string{name}
}

// toOthers goes to attributes, objects, sessions or raws.
func (c *compiler) toOthers(m *move) {
	from := c.set.kind
	names := c.bound()
	root := dql.UID(names...)
	test := dql.All(c.subTypes(m.subTypes), c.cond(m.to, m.narrow.where))
	c.set = set{kind: m.to}
	switch m.to {
	case tahoe.KindAttribute, tahoe.KindObject:
		c.toParts(from, m.to, root, dql.All(typeFilter(m.to), test), names)
	case tahoe.KindSession:
		c.toSessions(from, root, dql.All(typeFilter(m.to), test))
	case tahoe.KindRaw:
		c.toRaws(from, root, dql.All(c.rawAccess(), test))
	case tahoe.KindEvent: // see toEvents
	}
}

// toParts goes to attributes and objects.
func (c *compiler) toParts(from, to tahoe.Kind, root, test dql.Filter, names []string) {
	switch from {
	case tahoe.KindEvent:
		c.set = set{kind: to, root: root, edge: "ref", filter: test, events: names}
	case tahoe.KindSession:
		c.set = set{kind: to, root: root, edge: "sattr", filter: test}
	case tahoe.KindObject:
		c.set = set{kind: to, root: dql.UID(c.recurse(root, "ocref")), filter: test}
	case tahoe.KindAttribute:
		c.set = set{kind: to, root: dql.UID(c.recurse(root, "~ocref")), filter: test, unproven: true}
	case tahoe.KindRaw:
		events := c.follow(root, c.access(), "rref")
		c.set = set{kind: to, root: dql.UID(events...), edge: "ref", filter: test, events: events}
	default: // an instance of unknown kind, which has the edges of one kind only
		events := c.follow(root, c.access(), "rref")
		parts := c.follow(root, nil, "ref", "sattr")
		parts = append(parts, c.follow(dql.UID(events...), nil, "ref")...)
		parts = append(parts, c.recurse(root, "ocref"), c.recurse(root, "~ocref"))
		c.set = set{kind: to, root: dql.UID(parts...), filter: test, unproven: true}
	}
}

// recurse binds all that an edge leads to, again and again.
func (c *compiler) recurse(root dql.Filter, edge string) string {
	name := c.name()
	c.add(dql.Block{Func: root, Recurse: maxDepth, Fields: []dql.Field{{As: name, Name: edge}}})
	return name
}

// toSessions goes to sessions: those of the events, and those of which attributes and objects are part.
func (c *compiler) toSessions(from tahoe.Kind, root, test dql.Filter) {
	switch from {
	case tahoe.KindEvent:
		c.set.root, c.set.edge, c.set.filter = root, "~sref", test
	case tahoe.KindRaw:
		c.set.root, c.set.edge, c.set.filter, c.set.unproven = root, "rref", test, true
	default:
		events := c.follow(root, c.access(), "~ref")
		names := c.follow(dql.UID(events...), test, "~sref")
		names = append(names, c.follow(root, test, "~sattr")...)
		if from == kindInstance {
			names = append(names, c.follow(root, test, "~sref", "rref")...)
		}
		c.set.root, c.set.unproven = dql.UID(names...), true
	}
}

// toRaws goes to the raws that events or sessions came from.
func (c *compiler) toRaws(from tahoe.Kind, root, test dql.Filter) {
	switch from {
	case tahoe.KindEvent, tahoe.KindSession:
		c.set.root, c.set.edge, c.set.filter = root, "~rref", test
	default:
		events := c.follow(root, c.access(), "~ref")
		names := c.follow(dql.UID(events...), test, "~rref")
		if from == kindInstance {
			names = append(names, c.follow(root, test, "~rref")...)
		}
		c.set.root = dql.UID(names...)
	}
}
