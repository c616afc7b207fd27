package graph

import (
	"fmt"
	"hash/maphash"
	"iter"
	"math"

	"github.com/cybexp/cybexp/tahoe"
)

// item is one vertex of a batch, and what the batch's records say of it together. Those fields that belong to a kind are empty
// for the others.
type item struct {
	instance tahoe.Instance
	piece    int // the first that holds it

	uid   uint64 // of the vertex, as the attempt that is under way has it
	name  string // in quads: the uid as text, most often
	fresh bool   // the attempt makes it

	malicious, benign []tahoe.Hash  // event
	marking           tahoe.Marking // event

	events []tahoe.Hash // session, raw: what they point at, sessions of a raw included; may repeat

	uploads  []upload // raw
	told     []told   // raw
	received *float64 // earliest
}

// upload says that an organisation sent a raw, and how far it and all that came of it may be shared.
type upload struct {
	tahoe.RawUpload
	marking tahoe.Marking
}

// told is what an organisation's upload of a raw tells of the times of a session.
type told struct {
	session tahoe.Hash
	org     string
	times
}

// times are those of a session: its earliest start, latest end and longest duration, as far as they are known.
type times struct{ start, end, last *float64 }

func (t times) none() bool { return t == times{} }

// merge takes in what else was told.
func (t *times) merge(o times) {
	t.start, t.end, t.last = best(t.start, o.start, math.Min), best(t.end, o.end, math.Max), best(t.last, o.last, math.Max)
}

// merges tells whether the vertex has to be read before it is written when it exists: everything else about an instance follows from
// its hash. An event is read even when the batch says nothing of it that may change, since how it is marked says who may see its raws.
func (it *item) merges() bool {
	switch it.instance.(type) {
	case *tahoe.Event, *tahoe.Raw:
		return true
	}
	return false
}

// batch is the vertices that one transaction writes, each once.
type batch struct {
	items map[tahoe.Hash]*item
	order []tahoe.Hash // children before their parents, events before what points at them
}

func newBatch(size int) *batch {
	return &batch{items: make(map[tahoe.Hash]*item, size), order: make([]tahoe.Hash, 0, size)}
}

// of is the item of a hash, and an empty one for what is not in the batch.
func (b *batch) of(h tahoe.Hash) *item {
	if it := b.items[h]; it != nil {
		return it
	}
	return &item{}
}

// forget makes the batch ready for another attempt.
func (b *batch) forget() {
	for _, it := range b.items {
		it.uid, it.fresh = 0, false
	}
}

func (b *batch) nameByUID() {
	for _, it := range b.items {
		it.name = hex(it.uid)
	}
}

// made lists the vertices that the attempt makes.
func (b *batch) made() iter.Seq2[tahoe.Hash, *item] {
	return func(yield func(tahoe.Hash, *item) bool) {
		for _, h := range b.order {
			if it := b.items[h]; it.fresh && !yield(h, it) {
				return
			}
		}
	}
}

// gather makes a batch of the pieces. It fails when two instances in them have one hash.
func gather(pieces []*piece) (*batch, error) {
	b := newBatch(512)
	for i, p := range pieces {
		if err := b.record(i, p.record); err != nil {
			return nil, err
		}
	}
	return b, nil
}

func (b *batch) record(piece int, r tahoe.Record) error {
	for _, e := range r.Events {
		if err := b.event(piece, e); err != nil {
			return err
		}
	}
	for _, s := range r.Sessions {
		if err := b.session(piece, s); err != nil {
			return err
		}
	}
	if r.Raw == nil {
		return nil
	}
	raw, _, err := b.add(piece, r.Raw)
	if err != nil {
		return err
	}
	raw.upload(upload{tahoe.RawUpload{Org: r.Raw.OrgID(), State: r.State, Timezone: r.Raw.Timezone()}, r.Strictest()})
	if r.Received != 0 {
		raw.received = best(raw.received, &r.Received, math.Min)
	}
	for _, e := range r.Events {
		raw.events = append(raw.events, e.Hash())
	}
	for _, s := range r.Sessions {
		raw.events = append(raw.events, s.Hash())
		raw.tell(r.Raw.OrgID(), s)
	}
	return nil
}

// add returns the instance's item, and whether it is new to the batch.
func (b *batch) add(piece int, i tahoe.Instance) (it *item, fresh bool, err error) {
	h := i.Hash()
	if it = b.items[h]; it != nil {
		return it, false, collision(h, it.instance.SubType(), i.SubType())
	}
	it = &item{instance: i, piece: piece}
	b.items[h] = it
	b.order = append(b.order, h)
	return it, true, nil
}

func (b *batch) nodes(piece int, nodes iter.Seq[tahoe.Node]) error {
	for n := range nodes {
		if _, _, err := b.add(piece, n); err != nil {
			return err
		}
	}
	return nil
}

func (b *batch) event(piece int, e *tahoe.Event) error {
	if it := b.items[e.Hash()]; it != nil && it.instance == e {
		return nil // the session has what the record has
	}
	if err := b.nodes(piece, e.EachRef()); err != nil {
		return err
	}
	it, _, err := b.add(piece, e)
	if err != nil {
		return err
	}
	it.marking = it.marking.Stricter(e.Marking())
	it.malicious = appendApart(it.malicious, it.benign, e.Malicious())
	it.benign = appendApart(it.benign, it.malicious, e.Benign())
	return nil
}

func (b *batch) session(piece int, s *tahoe.Session) error {
	if err := b.nodes(piece, s.EachRef()); err != nil {
		return err
	}
	it, _, err := b.add(piece, s)
	if err != nil {
		return err
	}
	for _, e := range s.Events() {
		if err := b.event(piece, e); err != nil {
			return err
		}
		it.events = append(it.events, e.Hash())
	}
	return nil
}

// tell adds what an upload of a raw tells of a session's times.
func (it *item) tell(org string, s *tahoe.Session) {
	t := told{session: s.Hash(), org: org}
	t.merge(times{s.StartTime, s.EndTime, s.Duration})
	if t.none() {
		return
	}
	for i := range it.told {
		if have := &it.told[i]; have.session == t.session && have.org == org {
			have.merge(t.times)
			return
		}
	}
	it.told = append(it.told, t)
}

// upload adds one to a raw. Of an organisation's markings the most restrictive stays, of its states the latest, and of its time zones the first.
func (it *item) upload(u upload) {
	for i := range it.uploads {
		if have := &it.uploads[i]; have.Org == u.Org {
			have.marking, have.State = have.marking.Stricter(u.marking), have.State.Later(u.State)
			return
		}
	}
	it.uploads = append(it.uploads, u)
}

// collision is nil when both sub_types are equal: the hash of an instance runs its kind, sub_type and data together without a mark
// between them, so two instances with one hash differ in the sub_type.
func collision(h tahoe.Hash, a, b string) error {
	if a == b {
		return nil
	}
	return fmt.Errorf("%w: %v is a %s and a %s", tahoe.ErrCollision, h, a, b)
}

func digest(subType string) uint32 { return uint32(maphash.String(digestSeed, subType)) } //nolint:gosec // half of it will do

var digestSeed = maphash.MakeSeed()

// best picks one of two numbers, either of which may be missing. Numbers that no date can hold are missing.
func best(a, b *float64, pick func(a, b float64) float64) *float64 {
	if b == nil || math.IsNaN(*b) || math.IsInf(*b, 0) {
		return a
	}
	if a == nil {
		return b
	}
	c := pick(*a, *b)
	return &c
}

func appendNew[T comparable](list []T, v T) []T {
	for _, have := range list {
		if have == v {
			return list
		}
	}
	return append(list, v)
}

// appendApart appends those that are in neither list: an instance has one context in an event, the one it had first.
func appendApart(list, other, add []tahoe.Hash) []tahoe.Hash {
next:
	for _, h := range add {
		for _, have := range other {
			if have == h {
				continue next
			}
		}
		list = appendNew(list, h)
	}
	return list
}
