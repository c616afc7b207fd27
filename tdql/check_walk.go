package tdql

import (
	"strconv"
	"time"

	"github.com/cybexp/cybexp/tahoe"
)

// rank scores each event by ThreatRank.
type rank struct {
	depth int     // edges of the longest path
	decay float64 // of a day
	now   time.Time
}

// chain finds the shortest chains from the set to the one that other steps make.
type chain struct {
	from  tahoe.Kind
	to    []step
	kind  tahoe.Kind // of what to makes
	max   int        // edges of the longest chain
	paths int        // chains wanted
	// narrow is what is asked of the events in a chain.
	narrow narrow
}

// diagram shows what is related as nodes and edges, or as values with their ways back to the start.
type diagram struct{ summary bool }

func (r *rank) describe() string    { return describe("score", r) }
func (h *chain) describe() string   { return describe("connect", h) }
func (d *diagram) describe() string { return describe("draw", d) }

func (d *diagram) spell(p *printer) {
	if d.summary {
		p.word("summary")
	}
	p.word("graph")
}

func (r *rank) spell(p *printer) {
	p.word("threatrank")
	if r.depth != defaultDepth {
		p.word("depth " + strconv.Itoa(r.depth))
	}
	if r.decay != defaultDecay {
		p.word("decay " + strconv.FormatFloat(r.decay, 'f', -1, 64))
	}
}

func (h *chain) spell(p *printer) {
	p.word("path to")
	if seed, ok := h.to[0].(*seed); ok && len(h.to) == 1 {
		seed.spell(p)
	} else {
		p.word("(" + canonical(h.to) + ")")
	}
	if h.max != defaultMax {
		p.word("max " + strconv.Itoa(h.max))
	}
	if h.paths != 1 {
		p.word("paths " + strconv.Itoa(h.paths))
	}
	h.narrow.spell(p)
}

// rank adds the scoring of events.
func (c *checker) rank(items []*item, at span) {
	options := index(items)
	r := &rank{depth: defaultDepth, decay: defaultDecay, now: c.env.Now}
	if depth := options["depth"]; depth != nil {
		r.depth = int(c.number(depth.Value, defaultDepth))
	}
	if decay := options["decay"]; decay != nil {
		r.decay = c.decimal(decay.Value)
	}
	if c.kind != tahoe.KindEvent && c.kind != "" {
		c.add(CodeMeaning, at, "as in | events | threatrank", `"threatrank" needs events, not %ss`, c.kind)
	}
	c.push(r, tahoe.KindEvent)
	c.done, c.cuttable = "threatrank", true
}

// scoreColumn is the one column by which ranks are sorted.
const scoreColumn = "score"

// ranked says whether the last step ranks events.
func (c *checker) ranked() bool {
	if len(c.steps) == 0 {
		return false
	}
	_, ok := c.steps[len(c.steps)-1].(*rank)
	return ok
}

// sortRanks adds the sort of ranks.
func (c *checker) sortRanks(keys []*sortKey) {
	for i, k := range keys {
		if i > 0 || k.Field.Text != scoreColumn {
			c.add(CodeMeaning, k.Field.at, "as in | threatrank | sort score", "ranks are sorted by %q alone", scoreColumn)
		}
	}
	c.push(&order{by: []sortBy{{column{name: scoreColumn, subType: true}, keys[0].Desc}}}, c.kind)
}

// decimal reads a number above 0 and at most 1.
func (c *checker) decimal(v *value) float64 {
	f, ok := c.value(v).Number()
	if plain, err := strconv.ParseFloat(v.Text, 64); err == nil && v.kind == tokWord {
		f, ok = plain, true // 01 too, which is not a number as an attribute's value
	}
	if !ok || !(f > 0 && f <= 1) {
		c.add(CodeValue, v.at, "", "%s is not a number above 0 and at most 1", quote(v.Text))
	}
	return f
}

// pathReport is path SET to SET.
func (c *checker) pathReport(r *pathReport) {
	c.source(r.From.source())
	c.chain(r.To)
}

// chain adds the search for chains. Its target is checked on its own.
func (c *checker) chain(r *route) {
	options := index(r.Items)
	h := &chain{from: c.kind, max: defaultMax, paths: 1}
	target := &checker{faults: c.faults, warnings: c.warnings, env: c.env}
	target.source(r.Target.source())
	if target.done != "" {
		c.add(CodeMeaning, keywordSpan(r.Pos, "to"), "", "a path leads to instances, not to what %q gives", target.done)
	}
	h.to, h.kind = target.steps, target.kind
	if longest := options["max"]; longest != nil {
		h.max = int(c.number(longest.Value, maxWalk))
	}
	if paths := options["paths"]; paths != nil {
		h.paths = int(c.number(paths.Value, maxPaths))
	}
	c.clauses(&h.narrow, clausesOf(r.Items), tahoe.KindEvent, tahoe.KindEvent)
	if _, rest := scopes(h.narrow.where); rest != nil {
		c.add(CodeMeaning, options["where"].at, "", "no index answers this, so a path cannot be asked for it")
	}
	c.push(h, c.kind)
	c.done = "path"
}

// diagram adds the drawing of what is related.
func (c *checker) diagram(at span, summary bool) {
	if c.kind != kindRelated && c.kind != "" {
		c.add(CodeMeaning, span{at.start, at.start + len("graph")}, "as in | related | graph", `"graph" needs what is related`)
	}
	c.push(&diagram{summary: summary}, c.kind)
	c.done = "graph"
}
