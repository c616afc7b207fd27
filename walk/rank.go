package walk

import (
	"context"
	"errors"
	"fmt"
	"math"
)

// ID names a vertex of the graph.
type ID = uint64

// Event is an event and the attributes that it includes.
type Event struct {
	ID         ID
	Days       int64 // whole days since it happened, never negative
	Malicious  bool
	Degree     int  // how many attributes it includes
	Attributes []ID // those; nil when only their number was asked for
}

// Attribute is an attribute and the visible events that include it.
type Attribute struct {
	ID        ID
	Degree    int  // how many visible events include it
	Malicious int  // how many of them are malicious
	Events    []ID // those that were asked for
}

// Detail says what is asked of events, besides their times.
type Detail uint8

// What can be asked of an event.
const (
	Sizes      Detail = iota // whether it is malicious, and how many attributes it includes
	Attributes               // whether it is malicious, and its attributes
	Edges                    // its attributes
)

// Surroundings are the events that include any of some attributes, and the malicious ones of them, each once.
type Surroundings struct {
	Events, Malicious   []ID
	All, EveryMalicious bool // whether those are all, and not only the first ones
}

// Reach says which events of an attribute are asked for.
type Reach uint8

// What can be asked of an attribute.
const (
	Degrees   Reach = iota // no events, only how many there are
	Counts                 // and how many of them are malicious
	Malicious              // the malicious ones
	All
)

// Incidence tells which events include which attributes, of what may be seen. It must tell of one state of the graph. The
// answers may come in any order; what is not visible is left out. Around tells of up to most events that include any of the attributes.
type Incidence interface {
	Events(ctx context.Context, ids []ID, detail Detail) ([]Event, error)
	Attributes(ctx context.Context, ids []ID, reach Reach) ([]Attribute, error)
	Around(ctx context.Context, attributes []ID, most int) (Surroundings, error)
}

// RankOptions say how ThreatRank is computed.
type RankOptions struct {
	Depth int     // most edges of a path; what is over 6 counts as 6
	Decay float64 // what a day leaves of a weight, above 0 and at most 1
	Work  int     // about how many edges to fetch for one event at most
	Paths int     // how many of the paths that contribute most to tell
	// Level, unless it is nil, is told before each level is fetched, from 1: paths with so many attributes.
	Level func(level int)
}

// Rank is the ThreatRank of an event.
type Rank struct {
	Score float64 // at most 0
	// ErrorBound is how much lower than Score the true rank may be; Exact says that it is zero.
	ErrorBound float64
	Exact      bool
	// LeftOut is the share of the edges wanted that were not followed, because of the bound on work.
	LeftOut float64
	// Refused is, level by level, how many of the edges wanted were not followed; nil when all were.
	Refused []int
	// Capped are the attributes that were not followed, or not to all of their events, because of the bound on work.
	Capped []Capped
	Paths  []Path // that contribute most, the largest first
}

// Path is a simple path from a malicious event to the event that is ranked: event, attribute, event, and so on.
type Path struct {
	Nodes        []ID
	Contribution float64
}

// ErrNotVisible says that there is no such event to be seen.
var ErrNotVisible = errors.New("walk: no such event")

// Ranker computes ThreatRank. It remembers what it has fetched, so that ranking many events of one neighbourhood is cheap. It
// is not for concurrent use.
//
// The rank is a sum over all simple paths t–a1–x–a2–y–a3–m. Weights multiply, so the sum over m is the mass of malicious
// events at a3, the sum over a3 is one number for y, and the sum over y one number for a2. Walks that use a vertex twice are
// then taken out by inclusion and exclusion. So the work grows with the edges within two events' reach, and not with the
// number of paths.
type Ranker struct {
	store
	opt RankOptions
	t   *event // being ranked

	// What is kept from one event to the next.
	pairs    map[[2]*attribute]float64
	outlooks map[*attribute]*outlook
}

// NewRanker returns a Ranker that has fetched nothing.
func NewRanker(in Incidence, opt RankOptions) *Ranker {
	r := &Ranker{store: store{in: in, decay: opt.Decay}, opt: opt}
	r.forget()
	return r
}

// hops is how many events a path has besides the one that is ranked.
func (r *Ranker) hops() int { return min(r.opt.Depth/2, 3) }

// Rank computes the ThreatRank of an event.
func (r *Ranker) Rank(ctx context.Context, id ID) (Rank, error) {
	if r.size+len(r.pairs) > r.opt.Work {
		r.forget()
	}
	if err := r.loadEvents(ctx, []ID{id}, Attributes); err != nil {
		return Rank{}, err
	}
	t := r.events[id]
	if t == nil {
		return Rank{}, fmt.Errorf("%w: %#x", ErrNotVisible, id)
	}
	if t.malicious {
		return Rank{Score: -1, Exact: true, Paths: []Path{{Nodes: []ID{id}, Contribution: -1}}}, nil
	}
	r.t, r.epoch = t, r.epoch+1
	b, err := r.gather(ctx)
	if err != nil {
		return Rank{}, err
	}
	s := r.sum(ctx)
	if err := context.Cause(ctx); err != nil {
		return Rank{}, err
	}
	out := Rank{Score: -math.Max(0, s.total), ErrorBound: s.lost, Exact: s.lost == 0, LeftOut: b.share(), Refused: b.refused(), Capped: b.capped}
	paths, all := r.bestPaths(r.opt.Paths)
	if all { // so few paths that their plain sum is free of rounding
		out.Score = 0
		for i := len(paths) - 1; i >= 0; i-- {
			out.Score += paths[i].Contribution
		}
	}
	if out.Score == 0 {
		out.Score = 0 // and not below
	}
	out.Paths = paths[:min(len(paths), r.opt.Paths)]
	return out, nil
}

// sums are what the paths that were followed add up to, and an upper bound of what the others do.
type sums struct{ total, lost float64 }

// sum adds up all simple paths.
//
//	w    weight of a vertex                         mass(a)    = Σ w(m), m malicious, in a
//	g(a, y) = w(a)·(mass(a) − w(y) if y malicious)  flow(y)    = Σ g(a, y), a in y
func (r *Ranker) sum(ctx context.Context) sums {
	var s sums
	hops := r.hops()
	if hops == 0 {
		return s
	}
	for _, a1 := range r.t.attributes {
		r.mark(a1).ofTarget = true
	}
	for _, a1 := range r.t.attributes {
		s.total += a1.weight * a1.mass()
		s.lost += a1.unknown()
		switch {
		case hops == 1 || a1.degree < 2: // nothing is behind it
		case !a1.whole:
			s.lost += float64(hops - 1)
		default:
			r.sumBehind(ctx, a1, hops, &s)
		}
	}
	return s
}

// sumBehind adds the paths of four and six edges that end with a1.
func (r *Ranker) sumBehind(ctx context.Context, a1 *attribute, hops int, s *sums) {
	if hops > 2 {
		r.crossings(a1)
	}
	for i, x := range a1.events {
		if i%1024 == 0 && ctx.Err() != nil {
			return
		}
		if x == r.t {
			continue
		}
		before := a1.weight * x.weight
		s.total += before * (r.flow(x) - x.through(a1))
		s.lost += before * r.unknown(x)
		if hops > 2 {
			total, lost := r.sumLong(a1, x)
			s.total += before * total
			s.lost += before * lost
		}
	}
}

// sumLong adds the paths of six edges that end with x–a1, without the weights of those two.
func (r *Ranker) sumLong(a1 *attribute, x *event) (total, lost float64) {
	for _, a2 := range x.attributes {
		switch {
		case a2 == a1 || a2.degree < 2:
		case !a2.whole:
			lost++
		default:
			behind, hidden := r.behind(a2)
			m := r.mark(a2)
			if m.ofTarget { // y is t
				behind -= r.t.weight * (r.flow(r.t) - r.t.through(a2))
			}
			again := x.weight * (r.flow(x) - x.through(a2))  // y is x
			cross := m.crossing(a1) - x.weight*x.through(a1) // a3 is a1
			total += a2.weight * (behind - again - cross)
			lost += a2.weight * hidden
		}
	}
	if x.malicious {
		total -= x.weight * r.returns(a1, x)
	}
	return total, lost
}

// behind adds what the events y of a2 bring; a3 is not a2.
func (r *Ranker) behind(a2 *attribute) (total, lost float64) {
	if a2.summed != forever && a2.summed != r.state {
		a2.summed, a2.behind, a2.hidden = forever, 0, 0
		for _, y := range a2.events {
			a2.behind += y.weight * (r.flow(y) - y.through(a2))
			a2.hidden += y.weight * r.unknown(y)
			a2.summed = min(a2.summed, y.at)
		}
	}
	return a2.behind, a2.hidden
}

// crossings notes, for each a2, what the events y that have both a1 and a2 bring through a1.
func (r *Ranker) crossings(a1 *attribute) {
	for _, y := range a1.events {
		if y == r.t {
			continue
		}
		brought := y.weight * y.through(a1)
		if brought == 0 {
			continue
		}
		for _, a2 := range y.attributes {
			m := r.mark(a2)
			if m.crossed != a1 {
				m.crossed, m.cross = a1, 0
			}
			m.cross += brought
		}
	}
}

// returns adds the walks x–a2–y–a–x with x malicious, without the weight of x: the m of such a path would be its x.
func (r *Ranker) returns(a1 *attribute, x *event) float64 {
	var total float64
	for _, a2 := range x.attributes {
		if a2 == a1 || !a2.whole || a2.degree < 2 {
			continue
		}
		for _, a := range x.attributes {
			if a != a1 && a != a2 && a.known && a.degree > 1 {
				total += a2.weight * a.weight * (r.shared(a, a2) - x.weight)
			}
		}
	}
	return total
}

// shared is the weight of the events that have both attributes, but for the event that is ranked. The events of b are known.
func (r *Ranker) shared(a, b *attribute) float64 {
	if a.whole && (a.degree < b.degree || a.degree == b.degree && a.id < b.id) {
		a, b = b, a
	}
	key := [2]*attribute{a, b}
	total, ok := r.pairs[key]
	if !ok {
		for _, y := range b.events {
			if y.has(a) {
				total += y.weight
			}
		}
		r.pairs[key] = total
	}
	if r.mark(a).ofTarget && r.mark(b).ofTarget {
		return total - r.t.weight
	}
	return total
}
