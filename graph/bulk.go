package graph

import (
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/cybexp/cybexp/tahoe"
)

// Bulk makes N-Quads of records for an empty graph: what Write would have put there, record by record, with every vertex spelled
// once. It holds 65 to 100 bytes for each vertex in memory, and some more for what later records can add to: times of
// sessions, and events with contexts.
//
//	b := graph.NewBulk()
//	for some := range slices.Chunk(records, 300) {
//		part, err := b.Add(some...)  // in the order of the records
//		text = part.AppendRDF(text) // in any order, by many goroutines
//	}
//	err := b.WriteRest(w)
type Bulk struct {
	place    map[tahoe.Hash]uint32 // of the vertex in seen; its uid is one more
	seen     []seen
	spans    []seenSpan
	contexts [][]contextOf
	orgs     []string
	zones    []string
	uploads  map[uint32][]otherUpload // of raws by their places: those of other organisations than the first
	shared   map[uint32][]uint32      // events that more than one raw has: the places of the others
	told     map[spanKey]int          // places in spans
}

// seen is a vertex that has been spelled. Who may see it is spelled at the end, since a later record may say more about that.
type seen struct {
	sub uint32 // digest of the sub_type
	// What n is depends on the kind: for attributes and objects, in how many events they are; for events, the place of what can be added to,
	// if it is not 0; for raws, the rank of the state that the first organisation's upload has.
	n    uint32
	from uint32 // event: the place of the first raw that it came with, plus one; raw: that of the first organisation's time zone
	kind seenKind
	seenUpload
}

type seenKind uint8

const (
	seenSession seenKind = iota
	seenNode             // attribute or object
	seenEvent
	seenRaw
)

// seenUpload is the organisation of an event or raw, as its place among all of them, and the marking.
type seenUpload struct {
	marking uint8 // its place in tahoe.Markings, plus one
	org     uint16
}

// otherUpload is that of one more organisation, with what was said.
type otherUpload struct {
	seenUpload
	state tahoe.RawState
	zone  uint32
}

func (u *seenUpload) mark(m tahoe.Marking) {
	u.marking = max(u.marking, uint8(slices.Index(tahoe.Markings(), m)+1)) //nolint:gosec // there are five
}

func (u seenUpload) is() tahoe.Marking {
	if u.marking == 0 {
		return tahoe.Unmarked
	}
	return tahoe.Markings()[u.marking-1]
}

// spanKey is a session, a raw that tells of it, and the organisation that uploaded that, by their places.
type spanKey struct {
	session, raw uint32
	org          uint16
}

// seenSpan is what was told so far.
type seenSpan struct {
	spanKey
	times
}

// contextOf is a vertex that has a context in an event.
type contextOf struct {
	uid    uint64
	benign bool
}

// NewBulk returns a Bulk for a graph without vertices.
func NewBulk() *Bulk {
	return &Bulk{
		place: map[tahoe.Hash]uint32{}, contexts: make([][]contextOf, 1),
		uploads: map[uint32][]otherUpload{}, shared: map[uint32][]uint32{}, told: map[spanKey]int{},
	}
}

// Part is what some records add to the graph.
type Part struct{ attempt *attempt }

// Add takes records in. Of the parts of one instance, the first that comes counts as the first. It fails, and takes nothing of the
// records, when two instances have one hash. It must not be called concurrently.
func (b *Bulk) Add(records ...tahoe.Record) (*Part, error) {
	batch := newBatch(5 * len(records))
	for _, r := range records {
		if err := batch.record(0, r); err != nil {
			return nil, err
		}
	}
	for _, h := range batch.order {
		if at, ok := b.place[h]; ok && b.seen[at].sub != digest(batch.items[h].instance.SubType()) {
			return nil, collision(h, "another sub_type", batch.items[h].instance.SubType())
		}
	}
	if len(b.seen)+len(batch.order) > math.MaxUint32 {
		return nil, fmt.Errorf("more than %d vertices", uint32(math.MaxUint32))
	}
	for _, h := range batch.order {
		if err := b.vertex(batch, h, batch.items[h]); err != nil {
			return nil, err
		}
	}
	return &Part{&attempt{batch: batch, unmarked: true}}, nil
}

// vertex finds or makes the vertex of h, and takes from the item what can only be spelled at the end, or was before.
func (b *Bulk) vertex(of *batch, h tahoe.Hash, it *item) error {
	at, known := b.place[h]
	if !known {
		at = uint32(len(b.seen)) //nolint:gosec // Add bounds it
		b.place[h] = at
		b.seen = append(b.seen, seen{sub: digest(it.instance.SubType())})
	}
	it.uid, it.fresh = uint64(at)+1, !known
	switch i := it.instance.(type) {
	case *tahoe.Attribute, *tahoe.Object:
		b.seen[at].kind = seenNode
	case *tahoe.Event:
		org, err := b.org(i.OrgID())
		if err != nil {
			return err
		}
		b.seen[at].kind, b.seen[at].org = seenEvent, org
		b.seen[at].mark(it.marking)
		if !known {
			for n := range i.EachRef() {
				b.seen[b.place[n.Hash()]].n++
			}
		}
		b.addContexts(of, &b.seen[at], it)
	case *tahoe.Session:
	case *tahoe.Raw:
		return b.addUploads(at, it)
	}
	return nil
}

// org is the place of an organisation.
func (b *Bulk) org(hash string) (uint16, error) {
	i := slices.Index(b.orgs, hash)
	if i < 0 {
		if i = len(b.orgs); i > math.MaxUint16 {
			return 0, fmt.Errorf("more than %d organisations", math.MaxUint16+1)
		}
		b.orgs = append(b.orgs, hash)
	}
	return uint16(i), nil //nolint:gosec // it was compared
}

// addUploads notes who uploaded a raw, and which events came of it.
func (b *Bulk) addUploads(at uint32, it *item) error {
	for _, u := range it.uploads {
		org, err := b.org(u.Org)
		if err != nil {
			return err
		}
		s := &b.seen[at]
		if s.kind != seenRaw {
			s.kind, s.org, s.from = seenRaw, org, b.zone(u.Timezone)
		}
		if s.org == org {
			s.n = max(s.n, uint32(u.State.Rank())) //nolint:gosec // a rank is small
		} else {
			b.other(at, org, u.RawUpload)
		}
		b.upload(at, org).mark(u.marking)
	}
	for _, t := range it.told {
		if err := b.addTold(at, t); err != nil {
			return err
		}
	}
	for _, h := range it.events {
		e := b.place[h]
		switch s := &b.seen[e]; {
		case s.kind != seenEvent || s.from == at+1:
		case s.from == 0:
			s.from = at + 1
		case !slices.Contains(b.shared[e], at):
			b.shared[e] = append(b.shared[e], at)
		}
	}
	return nil
}

// zone is the place of a time zone.
func (b *Bulk) zone(name string) uint32 {
	i := slices.Index(b.zones, name)
	if i < 0 {
		i = len(b.zones)
		b.zones = append(b.zones, name)
	}
	return uint32(i) //nolint:gosec // fewer than vertices
}

// other notes what one more organisation said with a raw.
func (b *Bulk) other(raw uint32, org uint16, said tahoe.RawUpload) {
	others := b.uploads[raw]
	i := slices.IndexFunc(others, func(u otherUpload) bool { return u.org == org })
	if i < 0 {
		b.uploads[raw] = append(others, otherUpload{seenUpload: seenUpload{org: org}, state: said.State, zone: b.zone(said.Timezone)})
		return
	}
	others[i].state = others[i].state.Later(said.State)
}

// upload is that of an organisation of a raw, if it has uploaded it.
func (b *Bulk) upload(raw uint32, org uint16) *seenUpload {
	if s := &b.seen[raw]; s.org == org {
		return &s.seenUpload
	}
	others := b.uploads[raw]
	i := slices.IndexFunc(others, func(u otherUpload) bool { return u.org == org })
	if i < 0 {
		return &seenUpload{}
	}
	return &others[i].seenUpload
}

// addContexts leaves those contexts in the item that are new to the event.
func (b *Bulk) addContexts(of *batch, s *seen, it *item) {
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
			uid := of.items[h].uid
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

// addTold notes what an upload of a raw tells of a session.
func (b *Bulk) addTold(raw uint32, t told) error {
	org, err := b.org(t.org)
	if err != nil {
		return err
	}
	key := spanKey{b.place[t.session], raw, org}
	i, known := b.told[key]
	if !known {
		i = len(b.spans)
		b.told[key] = i
		b.spans = append(b.spans, seenSpan{spanKey: key})
	}
	b.spans[i].merge(t.times)
	return nil
}

// AppendRDF appends the part's N-Quads to text.
func (p *Part) AppendRDF(text []byte) []byte {
	p.attempt.batch.nameByUID()
	q := &quads{attempt: p.attempt, rdf: &rdf{text: text}}
	q.spellBatch()
	q.spellRest()
	return q.rdf.text
}

// restSize is how much text of the rest is written at once.
const restSize = 1 << 20

// WriteRest writes what is known for sure after the last record: the times of sessions, the states of raws, and who may see what. What has no hash,
// as the times have not, has uids beyond those of the vertices.
func (b *Bulk) WriteRest(w io.Writer) error {
	q := &quads{rdf: &rdf{text: make([]byte, 0, restSize+restSize/8)}}
	flush := func(size int) error {
		if len(q.rdf.text) < size {
			return nil
		}
		_, err := w.Write(q.rdf.text)
		q.rdf.text = q.rdf.text[:0]
		return err
	}
	b.hideRaws()
	for i, s := range b.spans {
		b.spanRest(q, hex(uint64(len(b.seen))+uint64(i)+1), s)
		if err := flush(restSize); err != nil {
			return err
		}
	}
	for at, s := range b.seen {
		b.vertexRest(q, uint32(at), s) //nolint:gosec // Add bounds it
		if err := flush(restSize); err != nil {
			return err
		}
	}
	return flush(1)
}

func (b *Bulk) spanRest(q *quads, uid string, s seenSpan) {
	q.text(uid, "span_audience", b.upload(s.raw, s.org).is().Audience(b.orgs[s.org]))
	q.edge(uid, "span_of", hex(uint64(s.session)+1))
	q.edge(uid, "span_raw", hex(uint64(s.raw)+1))
	q.span(uid, &span{Start: moment(s.start), End: moment(s.end), Duration: s.last})
}

func (b *Bulk) vertexRest(q *quads, at uint32, s seen) {
	uid := hex(uint64(at) + 1)
	switch s.kind {
	case seenEvent:
		q.marked(uid, s.is(), b.orgs[s.org])
	case seenRaw:
		first := otherUpload{s.seenUpload, tahoe.RankedState(int(s.n)), s.from}
		var said []tahoe.RawUpload
		for _, u := range append(b.uploads[at], first) {
			q.text(uid, "audiences", u.is().Audience(b.orgs[u.org]))
			said = append(said, tahoe.RawUpload{Org: b.orgs[u.org], State: u.state, Timezone: b.zones[u.zone]})
		}
		q.uploads(uid, said, nil, "", "", false)
	case seenNode, seenSession:
	}
}

// hideRaws marks raws as their events are marked.
func (b *Bulk) hideRaws() {
	for at, s := range b.seen {
		if m := s.is(); s.kind == seenEvent && s.from > 0 && (m == tahoe.Strict || m == tahoe.Red) {
			for _, raw := range append(b.shared[uint32(at)], s.from-1) { //nolint:gosec // Add bounds it
				b.upload(raw, s.org).mark(m)
			}
		}
	}
}

// Vertices counts what has been added.
func (b *Bulk) Vertices() int { return len(b.seen) }

// Hot lists the attributes and objects that are in at least so many events, see Store.OpenLedger.
func (b *Bulk) Hot(degree int) []tahoe.Hash {
	var hot []tahoe.Hash
	for h, at := range b.place {
		if s := b.seen[at]; s.kind == seenNode && int(s.n) >= degree {
			hot = append(hot, h)
		}
	}
	slices.SortFunc(hot, tahoe.Hash.Compare)
	return hot
}
