package tdql

import (
	"slices"
	"strings"
	"time"

	"github.com/cybexp/cybexp/spelling"
	"github.com/cybexp/cybexp/tahoe"
)

// Env is what a query is checked against.
type Env struct {
	// Now is the clock for relative times.
	Now time.Time
	// Orgs are the organisations whose events the caller may read. With none, nothing is visible.
	Orgs []Org
	// Params are the values of the parameters, without the dollar sign.
	Params map[string]tahoe.Value
	// Vocabulary may be nil.
	Vocabulary Vocabulary
	// Once says that the answer must have an end, so that watch is a fault.
	Once bool
}

// Check gives a query its meaning: it looks up parameters, times and organisations, follows the kinds of instances through
// the pipeline, and adds the caller's rights. The second result are warnings: the query still runs. The error is [Errors].
func Check(q *Query, env Env) (*Plan, []*Error, error) {
	c := &checker{faults: &faults{text: q.text}, warnings: &faults{text: q.text}, env: env}
	if q.Report != nil {
		c.report(q.Report)
	} else {
		c.source(q.Source)
	}
	c.stages(q.Stages)
	c.watch(q)
	if err := c.err(); err != nil {
		return nil, nil, err
	}
	p := &Plan{explain: q.Explain, analyze: q.Analyze.Value != "", watch: q.Watch.Value != "", steps: c.steps, orgs: env.Orgs}
	p.canonical = p.prefix() + canonical(c.steps)
	return p, c.warnings.list.sorted(), nil
}

// checker makes the steps of a plan, and gathers what is wrong.
type checker struct {
	*faults
	warnings *faults
	env      Env

	steps   []step
	kind    tahoe.Kind // of the set so far; "" before the source and after a fault
	narrow  bool       // the set is smaller than all there is of its kind
	done    string     // the stage after which nothing may follow
	columns []string   // sub-types that are fields
	// cuttable says that a part can be kept after that stage.
	cuttable bool
	zone     *time.Location
	zoned    *window // of the step that has the clause tz; nil when none has
	window   window  // of the events last moved to
}

// push adds a step, after which the set is of a kind.
func (c *checker) push(s step, kind tahoe.Kind) {
	c.steps = append(c.steps, s)
	c.kind = kind
}

func (c *checker) source(s *source) {
	switch {
	case s.Any != nil:
		c.narrow = true
		c.push(&seed{values: c.values(s.Any)}, tahoe.KindAttribute)
	case s.Group != nil:
		c.source(s.Group.Source)
		c.stages(s.Group.Stages)
	case s.Scan != nil:
		c.hop(s.Scan)
	case s.ID != nil:
		c.narrow = true
		kind := tahoe.Kind(s.ID.Kind)
		c.push(&seed{kind: kind, hashes: c.hashes(s.ID.Hash)}, kind)
	case s.Attr != nil:
		c.seen(tahoe.KindAttribute, s.Attr.SubType.leaf, queryWords, kindWords, hopWords, reportWords)
		c.narrow = true
		values := c.values(s.Attr.Values)
		c.push(&seed{subType: s.Attr.SubType.Text, values: values, hashes: attributeHashes(s.Attr.SubType.Text, values)}, tahoe.KindAttribute)
	}
}

// attributeHashes hashes the attributes of a sub-type with these values, as they are and in the one spelling that ingest gives to most.
func attributeHashes(subType string, values []tahoe.Value) []tahoe.Hash {
	hashes := make([]tahoe.Hash, 0, len(values))
	for _, v := range values {
		for _, spelled := range []tahoe.Value{v, spelling.Value(subType, v)} {
			h, err := tahoe.AttributeHash(subType, spelled)
			if err == nil && !slices.Contains(hashes, h) { // value has told of what is not scalar
				hashes = append(hashes, h)
			}
		}
	}
	return hashes
}

// report adds the pipeline that a sentence stands for.
func (c *checker) report(r *report) {
	if r.Path != nil {
		c.pathReport(r.Path)
		return
	}
	if r.Source.Scan != nil {
		scan := *r.Source.Scan
		scan.Items = clausesOf(r.Items)
		c.hop(&scan)
	} else {
		c.source(r.Source)
	}
	rest := r.Items
	switch {
	case r.Rank:
		c.rank(optionsOf(r.Items), keywordSpan(r.Pos, "threatrank"))
	case r.Related:
		if r.Source.Scan != nil {
			rest = optionsOf(r.Items)
		}
		c.related(rest)
		c.sentenceEnd(r)
	case r.Source.Scan == nil:
		c.hop(&hop{Pos: r.Pos, Kind: "events", Items: clausesOf(r.Items)})
		fallthrough
	default:
		c.count(optionsOf(r.Items), r.Distinct)
	}
}

// sentenceEnd adds what return and page ask of a related sentence.
func (c *checker) sentenceEnd(r *report) {
	items := index(r.Items)
	if kind := items["return"]; kind != nil && kind.Chosen.Text != "all" {
		c.hop(&hop{Pos: r.Pos, Kind: kind.Chosen.Text + "s"})
	}
	summary, graph := items["summary"], items["graph"]
	switch {
	case graph != nil:
		c.diagram(graph.at, summary != nil)
	case summary != nil:
		c.summary(summary.at)
	}
	if page := items["page"]; page != nil {
		c.page(page.Value, items["size"])
	} else if size := items["size"]; size != nil {
		c.add(CodeMeaning, size.at, "as in page 1 size 50", `"size" goes with "page"`)
	}
}

func clausesOf(list []*item) []*item { return some(list, true) }
func optionsOf(list []*item) []*item { return some(list, false) }

func some(list []*item, clauses bool) []*item {
	var out []*item
	for _, it := range list {
		if slices.Contains(clauseWords, it.Key) == clauses {
			out = append(out, it)
		}
	}
	return out
}

func index(list []*item) map[string]*item {
	m := make(map[string]*item, len(list))
	for _, it := range list {
		m[it.Key] = it
	}
	return m
}

func (c *checker) stages(list []*stage) {
	for _, s := range list {
		c.stage(s)
	}
}

func (c *checker) stage(s *stage) {
	at := span{s.Pos.Offset, s.Pos.Offset + 1}
	if s.Sort != nil && c.ranked() {
		c.sortRanks(s.Sort)
		return
	}
	if !c.follows(s.Take, span{at.start, at.start + len(wordAt(c.text, at.start))}) {
		return
	}
	switch {
	case s.Hop != nil:
		c.hop(s.Hop)
	case s.Related:
		c.related(s.Items)
	case s.Count:
		c.count(s.Items, s.Distinct)
	case s.Sort != nil:
		c.sort(s.Sort, keywordSpan(s.Pos, "sort"))
	case s.Fields != nil:
		c.fields(s.Fields)
	case s.Where != nil:
		if where := c.condition(s.Where.orTest); where != nil {
			c.filter(where, keywordSpan(s.Pos, "where"))
		}
	case s.Route != nil:
		c.chain(s.Route)
	case s.Rank:
		c.rank(s.Items, keywordSpan(s.Pos, "threatrank"))
	case s.Shape == "graph", index(s.Items)["graph"] != nil:
		c.diagram(at, s.Shape == "summary")
	case s.Shape == "summary":
		c.summary(at)
	case s.Take == "top":
		c.top(s)
	case s.Take == "limit":
		c.push(&slice{take: c.number(s.Number, 1e9)}, c.kind)
	case s.Take == "page":
		c.page(s.Number, index(s.Items)["size"])
	}
}

// follows tells of a stage that stands after the last one.
func (c *checker) follows(stage string, at span) bool {
	if c.done == "" || c.cuttable && (stage == "limit" || stage == "page") {
		return true
	}
	c.add(CodeMeaning, at, "", "nothing can follow %q", c.done)
	return false
}

// defaultPage is how many rows a page has when the query does not say.
const defaultPage = 100

func (c *checker) page(number *value, size *item) {
	n, rows := c.number(number, 1e9), int64(defaultPage)
	if size != nil {
		rows = c.number(size.Value, 1e6)
	}
	c.push(&slice{take: rows, skip: (n - 1) * rows, size: rows}, c.kind)
}

func (c *checker) top(s *stage) {
	b := &best{n: c.number(s.Number, 1e6), subTypes: c.subTypes(tahoe.KindAttribute, s.SubTypes, nil)}
	switch c.kind {
	case tahoe.KindAttribute, tahoe.KindEvent, kindRelated, "":
	case tahoe.KindObject, tahoe.KindSession, tahoe.KindRaw, kindInstance:
		c.add(CodeMeaning, keywordSpan(s.Pos, "top"), "as in | events | top 20 url", `"top" needs attributes, or events that include them, not %ss`, c.kind)
	}
	if c.kind == tahoe.KindEvent {
		c.push(&move{from: c.kind, to: tahoe.KindAttribute, subTypes: b.subTypes}, tahoe.KindAttribute)
		b.subTypes = nil
	}
	c.push(b, tahoe.KindAttribute)
}

// summary adds the list of the attributes' values.
func (c *checker) summary(at span) {
	switch c.kind {
	case tahoe.KindEvent:
		c.push(&move{from: c.kind, to: tahoe.KindAttribute}, tahoe.KindAttribute)
	case tahoe.KindAttribute, kindRelated, "":
	case tahoe.KindObject, tahoe.KindSession, tahoe.KindRaw, kindInstance:
		c.add(CodeMeaning, span{at.start, at.start + len("summary")}, "", `"summary" needs attributes, or what has them, not %ss`, c.kind)
	}
	c.push(&digest{}, c.kind)
	c.done = "summary"
}

// hop adds a move to neighbours, or a scan.
func (c *checker) hop(h *hop) {
	to := tahoe.Kind(strings.TrimSuffix(h.Kind, "s"))
	m := &move{from: c.kind, to: to, subTypes: c.subTypes(to, h.SubTypes, clauseWords)}
	c.clauses(&m.narrow, h.Items, m.from, to)
	strong, rest := scopes(m.narrow.where)
	m.narrow.where = strong
	c.push(m, to)
	if to == tahoe.KindEvent {
		before := c.window
		c.window = m.narrow.window
		if m.from == to { // narrowed, not moved to others
			c.window = c.window.within(before)
		}
	}
	n := &m.narrow
	c.narrow = c.narrow || len(m.subTypes) > 0 || !n.window.low.IsZero() || n.category != "" || len(n.orgs) > 0 || narrows(strong)
	if rest != nil {
		c.filter(rest, index(h.Items)["where"].at)
	}
}

// filter adds a condition on the set.
func (c *checker) filter(where cond, at span) {
	c.narrowed(where, at)
	strong, _ := scopes(where)
	c.narrow = c.narrow || narrows(strong)
	c.push(&filter{kind: c.kind, where: where}, c.kind)
}

// related adds the gathering of what is related.
func (c *checker) related(items []*item) {
	r := &relate{from: c.kind, level: 1, via: "sessions"}
	options := index(items)
	if level := options["level"]; level != nil {
		r.level = int(c.number(level.Value, 3))
	}
	if via := options["via"]; via != nil {
		r.via = via.Chosen.Text
	}
	c.clauses(&r.narrow, clausesOf(items), r.from, tahoe.KindEvent)
	if _, rest := scopes(r.narrow.where); rest != nil {
		c.add(CodeMeaning, options["where"].at, "as in | events where … | related", "no index answers this: move to the events first")
	}
	c.narrow = true
	c.window = window{}
	c.push(r, kindRelated)
}

// count adds the count, with its groups.
func (c *checker) count(items []*item, distinct bool) {
	options := index(items)
	t := &tally{window: c.window, distinct: distinct && options["by"] != nil}
	if tz := options["tz"]; tz != nil {
		c.setZone(tz)
	}
	if by := options["by"]; by != nil {
		t.by = c.dims(by)
	}
	if t.window.high.IsZero() && !t.window.low.IsZero() {
		t.window.high = c.env.Now.UTC()
	}
	t.zone = c.zone
	if t.zone == nil {
		t.zone = time.UTC
	}
	c.push(t, c.kind)
	c.done = "count"
}

func (c *checker) dims(by *item) []dim {
	var list []dim
	times := 0
	if len(by.Dims) > maxDims {
		c.add(CodeLimit, by.Dims[maxDims].at, "", "a count has at most %d dimensions", maxDims)
	}
	for _, w := range by.Dims {
		d := dim{name: strings.Trim(w.Text, "`")}
		d.subType = w.key() == "" || !slices.Contains(timeDims, d.name) && d.name != "sub_type" && d.name != "category" && d.name != "org"
		if d.isTime() {
			times++
		}
		switch {
		case hasDim(list, d):
			c.add(CodeMeaning, w.at, "", "%q is given twice", d.name)
		case times > 1:
			c.add(CodeMeaning, w.at, "", "only one unit of time can be counted by")
		case c.kind != tahoe.KindEvent && c.kind != "" && d.name != "sub_type":
			c.add(CodeMeaning, w.at, "", "only events can be counted by %s; these are %ss", d.name, c.kind)
		}
		if d.subType {
			c.seen(tahoe.KindAttribute, leaf{w.at, d.name}, timeDims, []string{"sub_type", "category", "org"})
		}
		list = append(list, d)
	}
	return list
}

// maxDims is the largest number of dimensions of a count.
const maxDims = 4

func hasDim(list []dim, d dim) bool {
	for _, one := range list {
		if one == d {
			return true
		}
	}
	return false
}

// subTypes reads sub-types, sorted; others are words that may stand after them.
func (c *checker) subTypes(kind tahoe.Kind, list []*name, others []string) []string {
	var out []string
	for _, n := range list {
		c.seen(kind, n.leaf, others)
		out = append(out, n.Text)
	}
	return sortedSet(out, func(s string) string { return s })
}

// seen warns of a sub-type that no data has; others are words that may have been meant.
func (c *checker) seen(kind tahoe.Kind, n leaf, others ...[]string) {
	if c.env.Vocabulary == nil || c.warnings.full() || c.env.Vocabulary.Seen(kind, n.Text) {
		return
	}
	known := c.env.Vocabulary.SubTypes(kind)
	c.warnings.add(CodeUnseen, n.at, didYouMean(n.Text, append(others, known)...), "no %s of sub-type %s has been seen", kind, quote(n.Text))
}
