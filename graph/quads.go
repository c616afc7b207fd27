package graph

import (
	base16 "encoding/hex"
	"iter"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/dgraph-io/dgo/v230/protos/api"

	"github.com/cybexp/cybexp/ledger"
	"github.com/cybexp/cybexp/tahoe"
)

const (
	maxValue = 4096 // bytes of an attribute's value that are indexed
	maxName  = 80   // characters of a label
)

// quads spells an attempt for Dgraph.
type quads struct {
	*attempt
	set    []*api.NQuad
	rdf    *rdf // takes what is else for set, for a loader
	slab   []cell
	room   []byte // for what is spelled into something else first
	del    []*api.NQuad
	deltas map[uint64][]ledger.Entry // of ledgers, by the vertex whose they are
	raised map[string]*raised        // raws that are there, by uid, of which fewer may see something from now on
	tells  []telling

	spansGone map[number]bool // spans that are deleted: a session and a raw may both take one with them
}

// spell lists what the attempt adds to the graph: all of a vertex that is new, and of one that exists only what it lacks.
func (a *attempt) spell() *quads {
	q := a.spelt()
	q.spellRest()
	return q
}

// spellRest spells what is only known when all else is.
func (q *quads) spellRest() {
	q.spellRaised()
	q.spellTold()
	q.spellDeltas()
}

// spelt is spell before the rest is.
func (a *attempt) spelt() *quads {
	q := &quads{attempt: a, set: make([]*api.NQuad, 0, 4*len(a.batch.order)+16)}
	a.batch.nameByUID()
	q.spellBatch()
	return q
}

// spellBatch spells what the attempt writes of each item by itself.
func (q *quads) spellBatch() {
	for _, h := range q.batch.order {
		it := q.batch.items[h]
		if it.fresh {
			q.vertex(h, it)
		}
		q.merge(h, it)
		q.hold(it)
	}
}

// name is how the quads name an instance of the batch.
func (q *quads) name(h tahoe.Hash) string { return q.batch.of(h).name }

// vertex writes what the hash stands for; it never changes.
func (q *quads) vertex(h tahoe.Hash, it *item) {
	i, uid := it.instance, it.name
	q.bytes(uid, "hash", base16.AppendEncode(q.room[:0], h[:]))
	q.text(uid, "itype", string(i.Kind()))
	q.text(uid, "sub_type", i.SubType())
	name := i.SubType()
	switch i := i.(type) {
	case *tahoe.Attribute:
		text := i.Value().Text()
		name = cutRunes(text, maxName)
		q.text(uid, "value", cutBytes(text, maxValue))
		q.ordered(uid, i.SubType(), i.Value())
		q.bytes(uid, "data", i.Value().AppendJSON(q.room[:0]))
		q.types(uid, "Attribute", "Node")
	case *tahoe.Object:
		q.bytes(uid, "data", i.AppendData(q.room[:0]))
		q.nodes(uid, "ocref", i.EachChild())
		q.types(uid, "Object", "Node")
	case *tahoe.Event:
		q.bytes(uid, "brief", i.AppendBrief(q.room[:0]))
		if !q.unmarked {
			q.marked(uid, it.marking, i.OrgID())
		}
		q.time(uid, "timestamp", i.Time())
		q.text(uid, "category", string(i.Category()))
		q.nodes(uid, "cref", i.EachChild())
		q.nodes(uid, "ref", i.EachRef())
		q.noteFresh(i, it)
		q.types(uid, "Event")
	case *tahoe.Session:
		q.bytes(uid, "data", i.AppendData(q.room[:0]))
		q.nodes(uid, "sattr", i.EachRef())
		q.types(uid, "Session")
	case *tahoe.Raw:
		q.bytes(uid, "data", i.Data().AppendJSON(q.room[:0]))
		q.types(uid, "Raw")
	}
	q.text(uid, "name", name)
}

// ordered writes the forms of a value that indexes keep in order; most values have none.
func (q *quads) ordered(uid, subType string, v tahoe.Value) {
	if f, ok := numberKey(v); ok {
		q.float(uid, "number", f)
	}
	text, ok := v.Str()
	if !ok {
		return
	}
	if key := addressKey(text); key != "" {
		q.text(uid, "ip", key)
	}
	if key := hostKey(subType, text); key != "" {
		q.text(uid, "host", key)
	}
}

// merge writes what can be added to an instance later.
func (q *quads) merge(h tahoe.Hash, it *item) {
	have := q.have[h]
	if have == nil {
		have = &existing{}
	}
	uid := it.name
	switch i := it.instance.(type) {
	case *tahoe.Attribute, *tahoe.Object:
	case *tahoe.Event:
		q.contexts(uid, i, it, have)
		q.remark(h, i, it, have)
	case *tahoe.Session:
		q.edges(uid, "sref", it.events)
	case *tahoe.Raw:
		q.edges(uid, "rref", it.events)
		q.shared(uid, it, have)
		q.tell(uid, it, have)
		q.uploaded(uid, it, have)
		if it.received != nil {
			if t := tahoe.UnixTime(*it.received); have.Received == nil || t.Before(*have.Received) {
				q.time(uid, "received", t)
			}
		}
	}
}

// hold writes something of a vertex again that a removal is about to take, so that one of both starts over.
func (q *quads) hold(it *item) {
	if q.register.doomed[it.uid] {
		q.text(it.name, "itype", string(it.instance.Kind()))
	}
}

// contexts adds the contexts of descendants that have none in the event yet, unless a person said so. Then it also writes the category again as it is, so that
// of two writers who merge one event at once, or an analyst who changes it, one starts over.
func (q *quads) contexts(uid string, e *tahoe.Event, it *item, have *existing) {
	taken := map[string]bool{}
	for _, v := range slices.Concat(have.Mal, have.Ben, have.Judged) {
		taken[v.UID] = true
	}
	before := len(q.set)
	add := func(predicate string, context tahoe.Category, list []tahoe.Hash) {
		for _, h := range list {
			if taken[q.name(h)] {
				continue
			}
			q.edge(uid, predicate, q.name(h))
			if have.UID != "" {
				q.noteContext(h, e, have, context)
			}
		}
	}
	add("mal_ref", tahoe.Malicious, it.malicious)
	add("ben_ref", tahoe.Benign, it.benign)
	if len(q.set) > before && have.Category != "" {
		q.text(uid, "category", have.Category)
	}
}

func (q *quads) nodes(uid, predicate string, nodes iter.Seq[tahoe.Node]) {
	for n := range nodes {
		q.edge(uid, predicate, q.name(n.Hash()))
	}
}

func (q *quads) edges(uid, predicate string, to []tahoe.Hash) {
	to = slices.Clone(to) // the batch may be tried again
	slices.SortFunc(to, tahoe.Hash.Compare)
	for _, h := range slices.Compact(to) {
		q.edge(uid, predicate, q.name(h))
	}
}

func (q *quads) edge(uid, predicate, to string) {
	if q.rdf != nil {
		q.rdf.edge(uid, predicate, to)
		return
	}
	quad := &q.cell().quad
	quad.Subject, quad.Predicate, quad.ObjectId = uid, predicate, to
	q.set = append(q.set, quad)
}

func (q *quads) value(uid, predicate string, v *api.Value) {
	quad := &q.cell().quad
	quad.Subject, quad.Predicate, quad.ObjectValue = uid, predicate, v
	q.set = append(q.set, quad)
}

// bytes is text of what stands in room, which it takes back.
func (q *quads) bytes(uid, predicate string, text []byte) {
	q.room = text[:0]
	if q.rdf != nil {
		literal(q.rdf, uid, predicate, text)
		return
	}
	q.text(uid, predicate, string(text))
}

func (q *quads) text(uid, predicate, text string) {
	if q.rdf != nil {
		literal(q.rdf, uid, predicate, text)
		return
	}
	c := q.cell()
	c.text.StrVal, c.value.Val = text, &c.text
	c.quad.Subject, c.quad.Predicate, c.quad.ObjectValue = uid, predicate, &c.value
	q.set = append(q.set, &c.quad)
}

// cell is a quad with the parts that most quads have.
type cell struct {
	quad  api.NQuad
	value api.Value
	text  api.Value_StrVal
}

// cell takes one of those that are made many at a time, since quads are made by the million.
func (q *quads) cell() *cell {
	if len(q.slab) == 0 {
		q.slab = make([]cell, 64)
	}
	c := &q.slab[0]
	q.slab = q.slab[1:]
	return c
}

func (q *quads) types(uid string, names ...string) {
	for _, name := range names {
		q.text(uid, "dgraph.type", name)
	}
}

func (q *quads) float(uid, predicate string, f float64) {
	if q.rdf != nil {
		q.rdf.float(uid, predicate, f)
		return
	}
	q.value(uid, predicate, &api.Value{Val: &api.Value_DoubleVal{DoubleVal: f}})
}

func (q *quads) time(uid, predicate string, t time.Time) {
	if q.rdf != nil {
		q.rdf.time(uid, predicate, t)
		return
	}
	binary, err := t.MarshalBinary()
	if err != nil {
		panic("time in UTC: " + err.Error())
	}
	q.value(uid, predicate, &api.Value{Val: &api.Value_DatetimeVal{DatetimeVal: binary}})
}

// cutBytes cuts s to n bytes, less if that is inside a character.
func cutBytes(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

func cutRunes(s string, n int) string {
	for i := range s {
		if n == 0 {
			return s[:i]
		}
		n--
	}
	return s
}
