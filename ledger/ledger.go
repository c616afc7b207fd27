// Package ledger counts the events of one attribute or object without looking at them again. A ledger is a set of segments; a
// segment lists times and how many events of each [Key] happened then, exact to the microsecond, and can be rolled up to quarters of
// an hour or to days. Segments add up: a count over all of them is the count of the events, in whatever order they were written,
// merged or split.
//
// The package is pure. Who keeps segments, and when, is told in package graph.
package ledger

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"iter"
	"slices"
)

// Steps of time, in microseconds.
const (
	Exact   int64 = 1
	Quarter int64 = 15 * 60 * 1e6 // every offset of a zone in use is a multiple of it
	Day     int64 = 24 * 3600 * 1e6
)

// Key is what a ledger tells events apart by, besides their time.
type Key struct {
	Audience string // who may see the event: the hash of an organisation, or a name for some of its people
	Category string // of the event
	Context  string // of the attribute or object in the event
	SubType  string // of the event
}

// Entry says that N events of a kind happened at a time. An entry that takes back what another one said has a negative N.
type Entry struct {
	At int64 // microseconds since 1970 UTC; the beginning of its step when the segment is rolled up
	Key
	N int64
}

// Count is how many events of a key there are at one time.
type Count struct {
	Key int // which of the segment's keys
	N   int64
}

// Segment is a part of a ledger. Its entries are in the order of time; no two have the same time and key, and none has an N of
// zero. The zero value is an empty one. It never changes.
type Segment struct {
	step    int64
	keys    []Key // those in use, in order
	entries []entry
}

type entry struct {
	at  int64 // in steps
	key int   // which of the keys
	n   int64
}

// Of makes a segment of entries in any order.
func Of(list []Entry) Segment {
	b := newBuilder(Exact)
	for _, e := range list {
		b.add(e.At, e.Key, e.N)
	}
	return b.segment()
}

// Merge adds segments of one step up.
func Merge(list ...Segment) Segment {
	if len(list) == 0 {
		return Segment{}
	}
	b := newBuilder(list[0].unit())
	for _, s := range list {
		for e := range s.All() {
			b.add(e.At, e.Key, e.N)
		}
	}
	return b.segment()
}

// Roll is the segment in larger steps: each time is cut to the beginning of its step.
func (s Segment) Roll(step int64) Segment {
	b := newBuilder(step)
	for e := range s.All() {
		b.add(e.At, e.Key, e.N)
	}
	return b.segment()
}

// Split cuts the segment into pieces of about the same length, none of more than n entries.
func (s Segment) Split(n int) []Segment {
	var parts []Segment
	for left, pieces := s.entries, (len(s.entries)+n-1)/n; pieces > 0; pieces-- {
		at := len(left) / pieces
		part := Segment{step: s.step, keys: s.keys, entries: left[:at:at]}
		parts, left = append(parts, part.tidy()), left[at:]
	}
	return parts
}

// Within keeps the entries from low to high, in microseconds, both included.
func (s Segment) Within(low, high int64) Segment {
	at := func(t int64) int {
		i, _ := slices.BinarySearchFunc(s.entries, t, func(e entry, t int64) int { return cmp.Compare(e.at*s.unit(), t) })
		return i
	}
	from, to := at(low), len(s.entries)
	if high < low {
		to = from
	} else if high != int64(^uint64(0)>>1) {
		to = at(high + 1)
	}
	return Segment{step: s.step, keys: s.keys, entries: s.entries[from:to:to]}.tidy()
}

// All lists the entries in order.
func (s Segment) All() iter.Seq[Entry] {
	return func(yield func(Entry) bool) {
		for _, e := range s.entries {
			if !yield(Entry{At: e.at * s.unit(), Key: s.keys[e.key], N: e.n}) {
				return
			}
		}
	}
}

// Step is the step of the segment's times, in microseconds.
func (s Segment) Step() int64 { return s.unit() }

// Keys are the keys of the entries, in order; they are not to be changed.
func (s Segment) Keys() []Key { return s.keys }

// SeenBy names the audiences of the keys, see NameOf.
func (s Segment) SeenBy() []string {
	var list []string
	for i, k := range s.keys { // in order, so that equal ones follow each other
		if i == 0 || k.Audience != s.keys[i-1].Audience {
			list = append(list, NameOf(k.Audience))
		}
	}
	return list
}

// NameOf is a short name of an audience. That two have the same one is rare, and then no more happens than that a segment is read for nothing.
func NameOf(audience string) string {
	sum := sha256.Sum256([]byte(audience))
	return hex.EncodeToString(sum[:6])
}

// Entries lists times, the places of their keys among Keys, and numbers, in order.
func (s Segment) Entries() iter.Seq2[int64, Count] {
	return func(yield func(int64, Count) bool) {
		for _, e := range s.entries {
			if !yield(e.at*s.unit(), Count{e.key, e.n}) {
				return
			}
		}
	}
}

// Len is the number of entries.
func (s Segment) Len() int { return len(s.entries) }

// Total is the number of events.
func (s Segment) Total() (n int64) {
	for _, e := range s.entries {
		n += e.n
	}
	return n
}

// Span is the first and the last time of the segment, zero when it is empty.
func (s Segment) Span() (low, high int64) {
	if len(s.entries) == 0 {
		return 0, 0
	}
	return s.entries[0].at * s.unit(), s.entries[len(s.entries)-1].at * s.unit()
}

// unit is the step, which the zero value lacks.
func (s Segment) unit() int64 { return max(s.step, Exact) }

// tidy leaves out keys that no entry has.
func (s Segment) tidy() Segment {
	place := make([]int, len(s.keys))
	for _, e := range s.entries {
		place[e.key] = 1
	}
	var keys []Key
	for i, used := range place {
		if place[i] = len(keys); used == 1 {
			keys = append(keys, s.keys[i])
		}
	}
	if len(keys) == len(s.keys) {
		return s
	}
	entries := slices.Clone(s.entries)
	for i := range entries {
		entries[i].key = place[entries[i].key]
	}
	return Segment{step: s.step, keys: keys, entries: entries}
}

// builder gathers entries.
type builder struct {
	step    int64
	known   map[Key]int
	keys    []Key
	entries []entry
}

func newBuilder(step int64) *builder { return &builder{step: step, known: map[Key]int{}} }

func (b *builder) add(at int64, k Key, n int64) {
	i, ok := b.known[k]
	if !ok {
		i = len(b.keys)
		b.known[k], b.keys = i, append(b.keys, k)
	}
	at = floor(at, b.step)
	if last := len(b.entries) - 1; last >= 0 && b.entries[last].at == at && b.entries[last].key == i {
		b.entries[last].n += n
		return
	}
	b.entries = append(b.entries, entry{at, i, n})
}

// floor divides towards the past.
func floor(at, step int64) int64 {
	q := at / step
	if at%step < 0 {
		q--
	}
	return q
}

// segment sorts what was gathered and adds up what belongs together.
func (b *builder) segment() Segment {
	order := make([]int, len(b.keys))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int { return compareKeys(b.keys[i], b.keys[j]) })
	keys, place := make([]Key, len(order)), make([]int, len(order))
	for to, from := range order {
		keys[to], place[from] = b.keys[from], to
	}
	for i := range b.entries {
		b.entries[i].key = place[b.entries[i].key]
	}
	slices.SortFunc(b.entries, func(x, y entry) int { return cmp.Or(cmp.Compare(x.at, y.at), cmp.Compare(x.key, y.key)) })
	kept := b.entries[:0]
	for i := 0; i < len(b.entries); {
		e := b.entries[i]
		for i++; i < len(b.entries) && b.entries[i].at == e.at && b.entries[i].key == e.key; i++ {
			e.n += b.entries[i].n
		}
		if e.n != 0 {
			kept = append(kept, e)
		}
	}
	return Segment{step: b.step, keys: keys, entries: kept}.tidy()
}

func compareKeys(a, b Key) int {
	return cmp.Or(cmp.Compare(a.Audience, b.Audience), cmp.Compare(a.Category, b.Category), cmp.Compare(a.Context, b.Context), cmp.Compare(a.SubType, b.SubType))
}
