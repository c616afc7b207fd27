package tdql

import (
	"strconv"
	"unicode/utf8"

	"github.com/cybexp/cybexp/tahoe"
	"github.com/cybexp/cybexp/tdql/dql"
)

// Compile turns a plan into a program. The caller's rights are in every hop of it.
func Compile(p *Plan) (*Program, error) {
	if p.explain && p.analyze {
		return analyzed(p)
	}
	if at := p.walks(); at >= 0 {
		prog := compileWalk(p, at)
		if p.explain {
			return explained(p, prog)
		}
		return prog, nil
	}
	c := &compiler{plan: p, account: accountOf(p)}
	c.fresh()
	prog := &Program{orgNames: make(map[string]string, len(p.orgs))}
	for _, o := range p.orgs {
		prog.orgNames[o.Hash.String()] = o.Name
	}
	prog.tooMany = tooMany(p.canonical)
	c.steps(p.steps)
	c.finish(prog)
	if len(p.orgs) == 0 {
		prog.blank()
	}
	if p.explain {
		return explained(p, prog)
	}
	return prog, nil
}

// compiler builds the query of the phase in hand, and the phases before it.
type compiler struct {
	plan    *Plan
	q       *dql.Query
	names   int // variables named so far
	phases  []phase
	set     set
	scope   []string // variables of the set, while conditions are compiled that read it
	done    []step   // the steps that made the set
	cut     *slice   // a stretch to keep, when the set has one
	order   *order   // of the set, when it is sorted
	project *project // of the rows
	tally   *tally
	best    *best
	digest  bool
	account *account    // when the plan counts the events of one vertex
	ledger  dql.Filter  // the root of that, while it is counted in one request
	run     int         // phases of one run share a seed and a cut
	seeded  tahoe.Kind  // of the seed; "" in the first run
	marks   []dql.Block // of the query: what is not followed, see related
}

// set is the set of instances that the pipeline carries, not yet bound to a variable: the vertices of a root that pass a
// filter, or what an edge leads to from a root.
type set struct {
	kind   tahoe.Kind
	root   dql.Filter
	edge   string // "" when the root's vertices are the set
	filter dql.Filter
	// single says that the root is at most one vertex.
	single bool
	// unproven says that the set may hold vertices that the caller may not see.
	unproven bool
	// events are variables of the events that the set came from; none means every visible event.
	events []string
}

// fresh begins a query.
func (c *compiler) fresh() {
	c.q = &dql.Query{Name: "tdql"}
	c.names = 0
}

func (c *compiler) name() string {
	c.names++
	return "s" + strconv.Itoa(c.names)
}

func (c *compiler) add(b dql.Block) { c.q.Blocks = append(c.q.Blocks, b) }

// params binds values under one prefix.
func (c *compiler) params(prefix string, values []string) []dql.Param {
	out := make([]dql.Param, len(values))
	for i, v := range values {
		out[i] = c.q.Bind(prefix, v)
	}
	return out
}

// orgs is the test that an event is of one of the organisations, and not marked for fewer people than the caller belongs to.
func (c *compiler) orgs(list []Org) dql.Filter {
	return dql.Eq("audience", c.params("o", audiences(list))...)
}

// access is the test that the caller may see an event, rawAccess that for a raw.
func (c *compiler) access() dql.Filter { return c.orgs(c.plan.orgs) }

func (c *compiler) rawAccess() dql.Filter {
	return dql.Eq("audiences", c.params("o", audiences(c.plan.orgs))...)
}

// bound gives the set variables, and returns their names.
func (c *compiler) bound() []string {
	s := &c.set
	if u, ok := s.root.(dql.Call); ok && s.edge == "" && s.filter == nil && !s.unproven && len(u.UIDs) > 0 {
		return u.UIDs
	}
	name := c.name()
	if s.edge == "" {
		c.add(dql.Block{As: name, Func: s.root, Filter: s.filter})
	} else {
		c.add(dql.Block{Func: s.root, Fields: []dql.Field{{As: name, Name: s.edge, Filter: s.filter}}})
	}
	names := []string{name}
	if s.unproven {
		names = c.visible(s.kind, names)
	}
	*s = set{kind: s.kind, root: dql.UID(names...), events: s.events}
	return names
}

// visible keeps of variables what the caller may see.
func (c *compiler) visible(kind tahoe.Kind, names []string) []string {
	held := func(fields ...dql.Field) string {
		name := c.name()
		c.add(dql.Block{As: name, Func: dql.UID(names...), Cascade: true, Fields: fields})
		return name
	}
	kept := func(f dql.Filter) string {
		name := c.name()
		c.add(dql.Block{As: name, Func: dql.UID(names...), Filter: f})
		return name
	}
	switch kind {
	case tahoe.KindAttribute, tahoe.KindObject:
		return []string{held(c.heldByEvent("")), held(c.heldBySession(""))}
	case tahoe.KindSession:
		return []string{held(c.hasEvent(""))}
	case tahoe.KindEvent:
		return []string{kept(c.access())}
	case tahoe.KindRaw:
		return []string{kept(c.rawAccess())}
	}
	return []string{held(c.heldByEvent("")), held(c.heldBySession("")), held(c.hasEvent("")), kept(c.access()), kept(c.rawAccess())}
}

var uidOnly = []dql.Field{{Name: "uid"}}

// heldByEvent, heldBySession and hasEvent probe for a visible event: the first that holds a vertex, the first of a session
// of which the vertex is part, and the first of a session.
func (c *compiler) heldByEvent(alias string) dql.Field {
	return dql.Field{Alias: alias, Name: "~ref", Args: dql.Args{FirstN: 1}, Filter: c.access(), Fields: uidOnly}
}

func (c *compiler) heldBySession(alias string) dql.Field {
	return dql.Field{Alias: alias, Name: "~sattr", Fields: []dql.Field{c.hasEvent(alias)}}
}

func (c *compiler) hasEvent(alias string) dql.Field {
	return dql.Field{Alias: alias, Name: "sref", Args: dql.Args{FirstN: 1}, Filter: c.access(), Fields: uidOnly}
}

// steps follows the pipeline.
func (c *compiler) steps(list []step) {
	for _, s := range list {
		switch s := s.(type) {
		case *tally:
			c.tally = s
			continue
		case *digest:
			c.settle()
			c.digest = true
			continue
		case *best:
			c.settle()
			c.best = s
			continue
		case *slice:
			if c.cut != nil {
				c.settle()
			}
			c.cut = s
			continue
		case *rank, *chain, *diagram:
			continue
		case *order:
			c.settle()
			c.order = s
			continue
		case *project:
			c.project = s
			continue
		case *seed, *move, *filter, *relate:
			c.settle()
		}
		c.done = append(c.done, s)
		c.walk(s)
	}
	if c.tally != nil {
		c.settle()
	}
}

// walk does a step that makes a set.
func (c *compiler) walk(s step) {
	switch s := s.(type) {
	case *seed:
		c.seed(s)
	case *move:
		c.move(s)
	case *filter:
		c.filter(s)
	case *relate:
		c.relate(s)
	}
}

// settle closes the phase when the set is one that only an answer can give: the first n, or the most frequent. The next
// phase starts at what it found.
func (c *compiler) settle() {
	if c.cut == nil && c.best == nil {
		c.order = nil // a set that goes on has no order
		return
	}
	kind := c.set.kind
	if c.best != nil {
		c.phases = append(c.phases, c.bestPhase(true))
	} else {
		c.phases = append(c.phases, c.rowPhases(true)...)
	}
	c.cut, c.best, c.order, c.done = nil, nil, nil, nil
	c.run, c.seeded = c.run+1, kind
	c.fresh()
	c.reseed()
}

// reseed starts at what the run of phases before found, if there is one.
func (c *compiler) reseed() {
	if c.seeded != "" {
		c.set = set{kind: c.seeded, root: dql.UIDList(c.q.Declare("seed", "string", "[]"))}
	}
}

// finish adds the last phases.
func (c *compiler) finish(prog *Program) {
	switch {
	case c.tally != nil && len(c.tally.by) > 0:
		prog.Kind, prog.Fields = "groups", groupFields(c.tally.by)
		if c.tally.distinct {
			prog.Kind, prog.Fields = "count", []string{"count"}
		}
		if c.account != nil {
			c.phases = append(c.phases, c.accountPhase(c.account))
		}
		c.phases = append(c.phases, c.groupPhase())
	case c.tally != nil:
		prog.Kind, prog.Fields = "count", []string{"count"}
		c.phases = append(c.phases, c.countPhase())
	case c.digest:
		prog.Kind, prog.Fields = "summary", []string{"summary"}
		c.phases = append(c.phases, c.digestPhase())
	case c.best != nil:
		prog.Kind, prog.Fields = "top", []string{"sub_type", "data", "count", "hash"}
		c.phases = append(c.phases, c.bestPhase(false))
	default:
		prog.Kind, prog.Fields = rowShape(c.set.kind)
		if c.project != nil {
			prog.columns, prog.Fields = c.project.columns, nil
			for _, d := range prog.columns {
				prog.Fields = append(prog.Fields, d.name)
			}
		}
		c.phases = append(c.phases, c.rowPhases(false)...)
	}
	prog.phases = c.phases
}

// seed starts at named instances.
func (c *compiler) seed(s *seed) {
	switch {
	case s.kind != "":
		c.set = set{kind: s.kind, root: dql.Eq("hash", c.params("h", hashTexts(s.hashes))...), filter: typeFilter(s.kind)}
	case s.subType != "":
		c.set = set{kind: tahoe.KindAttribute, root: dql.Eq("hash", c.params("h", hashTexts(s.hashes))...)}
	default:
		c.set = set{kind: tahoe.KindAttribute, root: dql.UID(c.withData(s.values)...)}
	}
	c.set.single = len(s.hashes) == 1
	if c.account != nil {
		c.uncounted()
	}
	c.set.unproven = true
}

// typeFilter keeps vertices of a kind.
func typeFilter(kind tahoe.Kind) dql.Filter {
	if name, ok := typeNames[kind]; ok {
		return dql.Type(name)
	}
	return nil
}

var typeNames = map[tahoe.Kind]string{
	tahoe.KindAttribute: "Attribute", tahoe.KindObject: "Object", tahoe.KindEvent: "Event", tahoe.KindSession: "Session", tahoe.KindRaw: "Raw",
}

// maxIndexed is how many bytes of a value the graph indexes.
const maxIndexed = 4096

// indexed cuts a value to what the graph indexes, between characters.
func indexed(text string) string {
	if len(text) <= maxIndexed {
		return text
	}
	n := maxIndexed
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n]
}

// withData binds the attributes that have one of the values, whatever their sub-type.
func (c *compiler) withData(list []tahoe.Value) []string {
	var names []string
	for _, v := range list {
		v = v.Stripped() // as attributes are
		text := indexed(v.Text())
		data, name := c.name(), c.name()
		c.add(dql.Block{Func: dql.Eq("value", c.q.Bind("v", text)), Fields: []dql.Field{{As: data, Name: "data"}}})
		c.add(dql.Block{As: name, Func: dql.UID(data), Filter: dql.Eq("val("+data+")", c.q.Bind("d", string(v.AppendJSON(nil))))})
		names = append(names, name)
	}
	return names
}

// filter narrows the set.
func (c *compiler) filter(f *filter) {
	strong, rest := scopes(f.where)
	if timed(strong) && !c.set.scans() {
		strong, rest = nil, f.where
	}
	c.set.filter = dql.All(c.set.filter, c.cond(c.set.kind, strong))
	if rest == nil {
		return
	}
	c.scope = c.bound()
	c.set.filter = c.cond(c.set.kind, rest)
	c.scope = nil
}

// subTypes is the test for sub-types; nil for none.
func (c *compiler) subTypes(list []string) dql.Filter {
	if len(list) == 0 {
		return nil
	}
	return dql.Eq("sub_type", c.params("s", list)...)
}
