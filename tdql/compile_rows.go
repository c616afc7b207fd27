package tdql

import (
	"slices"
	"strconv"

	"github.com/cybexp/cybexp/tahoe"
	"github.com/cybexp/cybexp/tdql/dql"
)

// rowFields are what is read of an instance of a kind. Of an event most is in one text: each field by itself costs as much to read.
func (c *compiler) rowFields(kind tahoe.Kind) []dql.Field {
	list := []string{"uid", "hash", "sub_type", "data"}
	switch kind {
	case tahoe.KindAttribute, tahoe.KindObject, tahoe.KindSession:
	case tahoe.KindEvent:
		list = []string{"uid", "brief", "category", "tlp"}
	case tahoe.KindRaw:
		list = append(list, "timezone", "state", "audiences", "uploads")
	default:
		list = append(list, "itype", "brief", "category", "tlp")
	}
	fields := make([]dql.Field, len(list))
	for i, name := range list {
		fields[i].Name = name
	}
	if kind == tahoe.KindSession {
		fields = append(fields, c.spansField())
	}
	return fields
}

// rowPhases reads the set as rows, or, to go on from, as vertices.
func (c *compiler) rowPhases(collect bool) []phase {
	if n := len(c.done); n > 0 && c.set.kind == kindRelated && c.order == nil {
		if r, ok := c.done[n-1].(*relate); ok && r.level > 1 {
			return c.levelPhases(r, collect)
		}
	}
	return []phase{c.rowPhase(c.set, collect, 0)}
}

// rowPhase reads one set as rows.
func (c *compiler) rowPhase(s set, collect bool, level int) phase {
	p := phase{run: c.run, paging: byUID, collect: collect, cut: c.cut, order: c.order, level: level, kind: s.kind}
	columns := c.columns()
	if s.kind == tahoe.KindRaw {
		p.audiences = audiences(c.plan.orgs)
	}
	p.values = valueColumns(columns)
	c.set = s
	if c.set.edge != "" {
		c.bound()
		s = c.set
	}
	filter := s.filter
	if s.unproven {
		switch s.kind {
		case tahoe.KindAttribute, tahoe.KindObject, tahoe.KindSession:
			p.probed = true
		case tahoe.KindEvent:
			filter = dql.All(filter, c.access())
		case tahoe.KindRaw:
			filter = dql.All(filter, c.rawAccess())
		default:
			c.bound()
			s, filter = c.set, nil
		}
	}
	return c.paged(p, dql.Block{Name: "r", Func: s.root, Filter: filter}, func(f *compiler) []dql.Field {
		list := uidOnly
		if !collect {
			list = f.rowFields(s.kind)
		}
		if p.probed {
			list = append(slices.Clip(list), f.probes(s.kind)...)
		}
		switch {
		case p.order != nil && collect:
			list = append(slices.Clip(f.rowFields(s.kind)), list[1:]...)
		case collect && s.kind == tahoe.KindEvent:
			list = []dql.Field{{Name: "uid"}, {Name: "timestamp"}, {Name: "hash"}}
		}
		if len(columns) > 0 && (p.order != nil || !collect) {
			list = append(slices.Clip(list), f.extraFields(s.kind, columns)...)
		}
		return list
	})
}

// probes ask whether a vertex of a kind is one that the caller may see.
func (c *compiler) probes(kind tahoe.Kind) []dql.Field {
	if kind == tahoe.KindSession {
		return []dql.Field{c.hasEvent("v")}
	}
	return []dql.Field{c.heldByEvent("v"), c.heldBySession("w")}
}

// paged asks for the rows of a block page by page: see pager.
func (c *compiler) paged(p phase, block dql.Block, fields func(*compiler) []dql.Field) phase {
	if p.kind == tahoe.KindEvent && !p.small && p.order == nil {
		p.paging = byTime
	}
	gathers := p.paging == byTime || len(c.q.Blocks) > 0
	if gathers {
		p.gather = c.gatherQuery(block, p.paging == byTime)
		p.sliced, p.low = p.paging == byTime && len(c.q.Blocks) == 0, c.scanLow()
		fetch := &compiler{plan: c.plan}
		fetch.fresh()
		these := fetch.q.Declare("these", "string", "[]")
		fetch.add(dql.Block{Name: "r", Func: dql.UIDList(these), Fields: fields(fetch)})
		p.fetch = *fetch.q
	}
	p.marked = c.mark()
	block.Fields = fields(c)
	block.Args.First = c.q.Declare("first", "int", "0")
	if p.paging == byTime {
		block.Args.Order = []dql.Order{{By: "timestamp", Desc: true}}
	} else {
		block.Args.After = c.q.Declare("after", "string", "0x0")
	}
	c.add(block)
	p.first = *c.q
	return p
}

// scanLow is where the time of the scan begins, in microseconds.
func (c *compiler) scanLow() int64 {
	if len(c.done) > 0 {
		if m, ok := c.done[0].(*move); ok && !m.narrow.window.low.IsZero() {
			return m.narrow.window.low.UnixMicro()
		}
	}
	return earliest
}

// gatherQuery asks for the vertices of a block, for those of a span of time when they are ordered by it.
func (c *compiler) gatherQuery(block dql.Block, byTime bool) dql.Query {
	q := &dql.Query{Name: c.q.Name, Vars: slices.Clone(c.q.Vars), Blocks: slices.Clone(c.q.Blocks)}
	block.Fields = uidOnly
	block.Args = dql.Args{First: q.Declare("first", "int", "0"), After: q.Declare("after", "string", "0x0")}
	if byTime {
		span := dql.Between("timestamp", q.Declare("low", "string", timeFirst), q.Declare("high", "string", timeLast))
		block.Fields = []dql.Field{{Name: "uid"}, {Name: "timestamp"}}
		if root, ok := block.Func.(dql.Call); ok && root.Name == "eq" && root.Pred == "audience" {
			block.Func, block.Filter = span, dql.All(root, block.Filter)
		} else {
			block.Filter = dql.All(block.Filter, span)
		}
	}
	q.Blocks = append(q.Blocks, block)
	return *q
}

// countPhase lets the database count the set, in one request.
func (c *compiler) countPhase() phase {
	field := dql.Field{Alias: "n", Name: "uid", Count: true}
	marked := c.mark()
	s := c.set
	switch {
	case s.edge != "" && s.single:
		c.add(dql.Block{Name: "r", Func: s.root, Fields: []dql.Field{{Alias: "n", Name: s.edge, Count: true, Filter: s.filter}}})
	case s.edge == "" && !s.unproven:
		c.add(dql.Block{Name: "r", Func: s.root, Filter: s.filter, Fields: []dql.Field{field}})
	default:
		names := c.bound()
		c.add(dql.Block{Name: "r", Func: dql.UID(names...), Fields: []dql.Field{field}})
	}
	if c.ledger != nil {
		c.add(c.account.ledgerBlock(c.ledger))
		return phase{run: c.run, paging: once, first: *c.q, count: true, account: c.account}
	}
	return phase{run: c.run, paging: once, first: *c.q, count: true, marked: marked}
}

// groupPhase reads what the groups are made of, and nothing else.
func (c *compiler) groupPhase() phase {
	p := phase{run: c.run, paging: byUID, group: c.tally, small: true}
	root := dql.UID(c.bound()...)
	return c.paged(p, dql.Block{Name: "r", Func: root}, func(f *compiler) []dql.Field { return f.groupFields(c.tally.by) })
}

// groupFields are what the groups are made of.
func (c *compiler) groupFields(by []dim) []dql.Field {
	fields := []dql.Field{{Name: "uid"}}
	for _, d := range by {
		switch {
		case d.subType:
			fields = append(fields, c.valuesField(len(fields)-1, d.name))
		case d.isTime():
			fields = append(fields, dql.Field{Name: "timestamp"})
		case d.name == "org":
			fields = append(fields, dql.Field{Name: "audience"})
		default:
			fields = append(fields, dql.Field{Name: d.name})
		}
	}
	return fields
}

// valuesField asks for the values of the attributes of a sub-type, as column n.
func (c *compiler) valuesField(n int, subType string) dql.Field {
	return dql.Field{Alias: "d" + strconv.Itoa(n), Name: "ref", Filter: c.subTypes([]string{subType}), Fields: []dql.Field{{Name: "data"}}}
}

// digestPhase reads the values of the attributes.
func (c *compiler) digestPhase() phase {
	if c.set.kind == kindRelated {
		names := c.bound()
		c.set = set{kind: tahoe.KindAttribute, root: dql.UID(names...), filter: typeFilter(tahoe.KindAttribute)}
	}
	root := dql.UID(c.bound()...)
	return c.paged(phase{run: c.run, paging: byUID, small: true, digest: true}, dql.Block{Name: "r", Func: root}, func(*compiler) []dql.Field {
		return []dql.Field{{Name: "uid"}, {Name: "sub_type"}, {Name: "data"}}
	})
}

// bestPhase counts for each attribute the events of the set, and reads them in the order of that number.
func (c *compiler) bestPhase(collect bool) phase {
	s := c.set
	if s.kind == kindRelated {
		names := c.bound()
		s = set{kind: tahoe.KindAttribute, root: dql.UID(names...), filter: typeFilter(tahoe.KindAttribute), events: names}
	}
	s.filter = dql.All(s.filter, c.subTypes(c.best.subTypes))
	s.unproven = false // an attribute without a visible event counts zero and is left out
	c.set = s
	names := c.bound()
	seen := c.access()
	if len(s.events) > 0 {
		seen = dql.UID(s.events...)
	}
	marked := c.mark()
	n := c.name()
	c.add(dql.Block{Func: dql.UID(names...), Fields: []dql.Field{{As: n, Name: "~ref", Count: true, Filter: seen}}})
	c.add(dql.Block{Name: "r", Func: dql.UID(n), Filter: dql.Compare("gt", "val("+n+")", c.q.Bind("n", "0")),
		Args:   dql.Args{Order: []dql.Order{{By: "val(" + n + ")", Desc: true}}, First: c.q.Declare("first", "int", "0"), Offset: c.q.Declare("offset", "int", "0")},
		Fields: []dql.Field{{Name: "uid"}, {Name: "hash"}, {Name: "sub_type"}, {Name: "data"}, {Alias: "n", Name: "val(" + n + ")"}}})
	return phase{run: c.run, paging: byOffset, first: *c.q, best: c.best, collect: collect, cut: c.cut, marked: marked}
}
