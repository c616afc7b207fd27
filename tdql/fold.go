package tdql

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/cybexp/cybexp/tahoe"
)

// folder makes rows of the records of a phase.
type folder interface {
	// take reads a page; it returns true when no further page is wanted.
	take(records []record) (bool, error)
	// rows hands out what the page gave.
	rows() folded
	// finish hands out what the phase gave as a whole, piece by piece, then nothing.
	finish() []Row
	// collected are the vertices that the phase gave as a whole.
	collected() []uint64
}

func newFolder(p *Program, ph *phase) folder {
	switch {
	case ph.count:
		return &counter{}
	case ph.group != nil:
		return newGrouper(p, ph.group)
	case ph.digest:
		return &digester{values: make(map[string][]string)}
	case ph.best != nil:
		return &ranker{best: ph.best}
	case ph.order != nil:
		return &sorter{prog: p, phase: ph}
	}
	return &emitter{prog: p, phase: ph}
}

// emitter makes a row of each record.
type emitter struct {
	prog  *Program
	phase *phase
	fresh func(hash string) bool // nil when all are wanted
	out   folded
}

func (e *emitter) take(records []record) (bool, error) {
	e.out = folded{}
	for i := range records {
		r := &records[i]
		switch {
		case e.phase.probed && !r.visible:
		case e.phase.collect:
			e.out.uids = append(e.out.uids, r.UID)
		case e.fresh != nil && !e.fresh(r.Hash):
		default:
			e.out.rows = append(e.out.rows, e.prog.row(e.phase, r))
		}
	}
	return false, nil
}

func (e *emitter) rows() folded        { return e.out }
func (e *emitter) finish() []Row       { return nil }
func (e *emitter) collected() []uint64 { return nil }

// counter adds up what the database counted.
type counter struct {
	n    uint64
	told bool
}

func (c *counter) take(records []record) (bool, error) {
	for _, r := range records {
		c.n += r.N
	}
	return true, nil
}

func (c *counter) rows() folded        { return folded{} }
func (c *counter) collected() []uint64 { return nil }

func (c *counter) finish() []Row {
	if c.told {
		return nil
	}
	c.told = true
	return []Row{newRow(1).number("count", c.n).done()}
}

// ranker keeps the records with the largest numbers, which come in order; the hash decides between equals.
type ranker struct {
	best *best
	list []record
	told bool
}

func (k *ranker) take(records []record) (bool, error) {
	k.list = append(k.list, records...)
	n := int(k.best.n)
	return len(k.list) > n && k.list[len(k.list)-1].N < k.list[n-1].N, nil
}

func (k *ranker) rows() folded { return folded{} }

// winners are the best, in order.
func (k *ranker) winners() []record {
	slices.SortFunc(k.list, func(a, b record) int {
		return cmp.Or(cmp.Compare(b.N, a.N), strings.Compare(a.Hash, b.Hash))
	})
	return k.list[:min(len(k.list), int(k.best.n))]
}

func (k *ranker) finish() []Row {
	if k.told {
		return nil
	}
	k.told = true
	var rows []Row
	for _, r := range k.winners() {
		rows = append(rows, newRow(4).text("sub_type", r.SubType).json("data", r.Data).number("count", r.N).text("hash", r.Hash).done())
	}
	return rows
}

func (k *ranker) collected() []uint64 {
	if k.best == nil {
		return nil
	}
	var uids []uint64
	for _, r := range k.winners() {
		uids = append(uids, r.UID)
	}
	k.best = nil
	return uids
}

// digester gathers values by sub-type.
type digester struct {
	values map[string][]string
	told   bool
}

func (d *digester) take(records []record) (bool, error) {
	for _, r := range records {
		if json.Valid([]byte(r.Data)) {
			d.values[r.SubType] = append(d.values[r.SubType], r.Data)
		}
	}
	return false, nil
}

func (d *digester) rows() folded        { return folded{} }
func (d *digester) collected() []uint64 { return nil }

func (d *digester) finish() []Row {
	if d.told {
		return nil
	}
	d.told = true
	w := newRow(len(d.values))
	for _, subType := range slices.Sorted(maps.Keys(d.values)) {
		slices.Sort(d.values[subType])
		w.json(subType, "["+strings.Join(d.values[subType], ",")+"]")
	}
	return []Row{newRow(1).json("summary", string(w.done())).done()}
}

// grouper counts by the dimensions.
type grouper struct {
	prog   *Program
	tally  *tally
	counts map[string]uint64 // by the group's key
	unit   int               // which dimension is time; below zero for none
	first  time.Time         // the earliest time seen, and the latest
	last   time.Time
	next   func() []Row

	unfilled bool // whether empty buckets were left out
}

func newGrouper(p *Program, t *tally) *grouper {
	return &grouper{prog: p, tally: t, counts: make(map[string]uint64), unit: slices.IndexFunc(t.by, dim.isTime)}
}

// keySep stands between the parts of a group's key; no part holds it.
const keySep = "\x00"

func (g *grouper) take(records []record) (bool, error) {
	for i := range records {
		g.add(&records[i], 0, make([]string, 0, len(g.tally.by)))
	}
	return false, nil
}

// add counts a record in all groups that it belongs to: one for each value of a sub-type, none without one.
func (g *grouper) add(r *record, i int, key []string) {
	if i == len(g.tally.by) {
		g.counts[strings.Join(key, keySep)] += max(1, r.N)
		return
	}
	d := g.tally.by[i]
	if !d.subType {
		if label, ok := g.label(r, d); ok {
			g.add(r, i+1, append(key, label))
		}
		return
	}
	seen := make([]string, 0, 4)
	for _, text := range r.values[i] {
		if !slices.Contains(seen, text) {
			seen = append(seen, text)
			g.add(r, i+1, append(key, text))
		}
	}
}

// label is the part of the key that a dimension gives.
func (g *grouper) label(r *record, d dim) (string, bool) {
	switch d.name {
	case "sub_type":
		return r.SubType, true
	case "category":
		return r.Category, true
	case "org":
		return r.OrgID, true
	}
	t := time.UnixMicro(r.at)
	if r.Timestamp != "" {
		var err error
		if t, err = time.Parse(time.RFC3339Nano, r.Timestamp); err != nil {
			return "", false
		}
	}
	if g.first.IsZero() || t.Before(g.first) {
		g.first = t
	}
	if g.last.IsZero() || t.After(g.last) {
		g.last = t
	}
	return bucketLabel(floor(wall(t, g.tally.zone), d.name), d.name), true
}

func (g *grouper) rows() folded        { return folded{} }
func (g *grouper) collected() []uint64 { return nil }

// groupChunk is how many rows of groups are handed out at once.
const groupChunk = 4000

// finish hands out the groups in order, with the empty buckets of time.
func (g *grouper) finish() []Row {
	if g.next == nil {
		g.next = g.stream()
	}
	return g.next()
}

// row makes the row of a group.
func (g *grouper) row(key string, n uint64) Row {
	w := newRow(len(g.tally.by) + 1)
	for i, part := range strings.Split(key, keySep) {
		d := g.tally.by[i]
		switch {
		case d.subType:
			w.json(d.name, part)
		case d.name == "org":
			w.text("org", part).text("org_name", g.prog.orgNames[part])
		default:
			w.text(d.name, part)
		}
	}
	return w.number("count", n).done()
}

// compareKeys orders groups: by the parts, numbers by size.
func compareKeys(a, b []string) int {
	for i := range a {
		if a[i] == b[i] {
			continue
		}
		x, errX := tahoe.ParseValue([]byte(a[i]))
		y, errY := tahoe.ParseValue([]byte(b[i]))
		if errX == nil && errY == nil {
			m, okX := x.Number()
			n, okY := y.Number()
			if okX && okY && m != n {
				return cmp.Compare(m, n)
			}
		}
		return strings.Compare(a[i], b[i])
	}
	return 0
}
