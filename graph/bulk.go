package graph

import (
	"fmt"
	"math"
	"slices"

	"github.com/cybexp/cybexp/tahoe"
)

// Bulk makes N-Quads of records for an empty graph: what Write would have put there, record by record, with every vertex spelled
// once. It holds 65 to 100 bytes for each vertex in memory, and some more for those that later records can add to: sessions, and events
// with contexts.
//
//	b := graph.NewBulk()
//	for _, r := range records {
//		part, err := b.Add(r)       // in the order of the records
//		text = part.AppendRDF(text) // in any order, by many goroutines
//	}
//	text = b.AppendRest(text)
type Bulk struct {
	place    map[tahoe.Hash]uint32 // of the vertex in seen; its uid is one more
	seen     []seen
	sessions []sessionTimes
	contexts [][]contextOf
}

// seen is a vertex that has been spelled.
type seen struct {
	sub uint32 // digest of the sub_type
	// What n is depends on the kind: for attributes and objects, in how many events they are; for events and sessions, the place of
	// what can be added to, if it is not 0; for raws, the rank of the state.
	n         uint32
	node, raw bool // attribute or object; raw
}

// sessionTimes is what records told of a session so far.
type sessionTimes struct {
	uid              uint64
	start, end, last *float64
}

// contextOf is a vertex that has a context in an event.
type contextOf struct {
	uid    uint64
	benign bool
}

// NewBulk returns a Bulk for a graph without vertices.
func NewBulk() *Bulk {
	return &Bulk{place: map[tahoe.Hash]uint32{}, sessions: make([]sessionTimes, 1), contexts: make([][]contextOf, 1)}
}

// Part is what one record adds to the graph.
type Part struct{ attempt *attempt }

// Add takes a record in. Of the parts of one instance, the first that comes counts as the first. It fails, and takes nothing of the
// record, when two instances have one hash. It must not be called concurrently.
func (b *Bulk) Add(r tahoe.Record) (*Part, error) {
	batch := &batch{items: make(map[tahoe.Hash]*item, 32)}
	if err := batch.record(0, r); err != nil {
		return nil, err
	}
	a := &attempt{batch: batch, uids: make(map[tahoe.Hash]uint64, len(batch.order)), fresh: map[tahoe.Hash]bool{}}
	for _, h := range batch.order {
		if at, ok := b.place[h]; ok && b.seen[at].sub != digest(batch.items[h].instance.SubType()) {
			return nil, collision(h, "another sub_type", batch.items[h].instance.SubType())
		}
	}
	if len(b.seen)+len(batch.order) > math.MaxUint32 {
		return nil, fmt.Errorf("more than %d vertices", uint32(math.MaxUint32))
	}
	for _, h := range batch.order {
		b.vertex(a, h, batch.items[h])
	}
	return &Part{a}, nil
}

// vertex finds or makes the vertex of h, and takes from the item what can only be spelled at the end, or was before.
func (b *Bulk) vertex(a *attempt, h tahoe.Hash, it *item) {
	at, known := b.place[h]
	if !known {
		at = uint32(len(b.seen)) //nolint:gosec // Add bounds it
		b.place[h] = at
		b.seen = append(b.seen, seen{sub: digest(it.instance.SubType())})
		a.fresh[h] = true
	}
	uid := uint64(at) + 1
	a.uids[h] = uid
	switch i := it.instance.(type) {
	case *tahoe.Attribute, *tahoe.Object:
		b.seen[at].node = true
	case *tahoe.Event:
		if !known {
			for _, n := range i.Refs() {
				b.seen[b.place[n.Hash()]].n++
			}
		}
		b.addContexts(a, &b.seen[at], it)
	case *tahoe.Session:
		b.addTimes(uid, &b.seen[at], it)
	case *tahoe.Raw:
		b.seen[at].raw = true
		b.seen[at].n = max(b.seen[at].n, uint32(rank(it.state))) //nolint:gosec // a rank is small
		it.state = ""
	}
}

// addContexts leaves those contexts in the item that are new to the event.
func (b *Bulk) addContexts(a *attempt, s *seen, it *item) {
	if len(it.malicious)+len(it.benign) == 0 {
		return
	}
	if s.n == 0 {
		s.n = uint32(len(b.contexts)) //nolint:gosec // fewer than vertices
		b.contexts = append(b.contexts, nil)
	}
	has := b.contexts[s.n]
	before := len(has) // what the item itself tells is in no other context
	add := func(list []tahoe.Hash, benign bool) []tahoe.Hash {
		return slices.DeleteFunc(list, func(h tahoe.Hash) bool {
			uid := a.uids[h]
			if slices.ContainsFunc(has[:before], func(c contextOf) bool { return c.uid == uid }) {
				return true
			}
			has = append(has, contextOf{uid, benign})
			return false
		})
	}
	it.malicious, it.benign = add(it.malicious, false), add(it.benign, true)
	b.contexts[s.n] = has
}

// addTimes moves the item's times to those of the session.
func (b *Bulk) addTimes(uid uint64, s *seen, it *item) {
	if it.start == nil && it.end == nil && it.last == nil {
		return
	}
	if s.n == 0 {
		s.n = uint32(len(b.sessions)) //nolint:gosec // fewer than vertices
		b.sessions = append(b.sessions, sessionTimes{uid: uid})
	}
	t := &b.sessions[s.n]
	t.start, t.end, t.last = best(t.start, it.start, math.Min), best(t.end, it.end, math.Max), best(t.last, it.last, math.Max)
	it.start, it.end, it.last = nil, nil, nil
}

// AppendRDF appends the part's N-Quads to text.
func (p *Part) AppendRDF(text []byte) []byte {
	for _, q := range p.attempt.spell() {
		text = appendQuad(text, q, appendUID)
	}
	return text
}

// AppendRest appends what is known for sure after the last record: the times of sessions and the states of raws.
func (b *Bulk) AppendRest(text []byte) []byte {
	q := &quads{}
	flush := func() {
		for _, one := range q.set {
			text = appendQuad(text, one, appendUID)
		}
		q.set = q.set[:0]
	}
	for _, t := range b.sessions[1:] {
		q.sessionTimes(hex(t.uid), &item{start: t.start, end: t.end, last: t.last}, &existing{})
		flush()
	}
	for at, s := range b.seen {
		if s.raw && s.n > 0 {
			q.text(hex(uint64(at)+1), "state", string(ranked[s.n]))
			flush()
		}
	}
	return text
}

// Vertices counts what has been added.
func (b *Bulk) Vertices() int { return len(b.seen) }

// Hot lists the attributes and objects that are in at least so many events, see Store.OpenLedger.
func (b *Bulk) Hot(degree int) []tahoe.Hash {
	var hot []tahoe.Hash
	for h, at := range b.place {
		if s := b.seen[at]; s.node && int(s.n) >= degree {
			hot = append(hot, h)
		}
	}
	slices.SortFunc(hot, tahoe.Hash.Compare)
	return hot
}
