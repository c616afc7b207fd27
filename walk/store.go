package walk

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
)

// store keeps what has been fetched.
type store struct {
	in         Incidence
	decay      float64
	events     map[ID]*event
	attributes map[ID]*attribute
	size       int    // edges kept
	epoch      uint64 // of the event that is ranked
	state      uint64 // of what has been fetched; what is computed from a part is good only as long as it lasts
}

type event struct {
	id         ID
	weight     float64
	malicious  bool
	full       bool // its attributes are known
	attributes []*attribute

	at            uint64 // state of what follows, or forever
	flowing, lost float64
}

type attribute struct {
	id        ID
	weight    float64
	degree    int
	malicious int
	whole     bool     // all its events are known, with their attributes
	known     bool     // its malicious events are
	events    []*event // all, or the malicious ones

	massive bool // heavy is known
	heavy   float64

	summed         uint64 // state of what follows, or forever
	behind, hidden float64

	at   uint64 // epoch of the notes
	note note
}

// note is what the ranking of one event knows of an attribute.
type note struct {
	ofTarget      bool
	refused       bool // too large for what work was left
	listed        int  // the hop at which it was last seen
	crossed       *attribute
	cross         float64
	prefix, reach float64 // what the paths up to the attribute weigh
}

func (n *note) crossing(a1 *attribute) float64 {
	if n.crossed != a1 {
		return 0
	}
	return n.cross
}

// forget drops everything.
func (r *Ranker) forget() {
	r.events, r.attributes = map[ID]*event{}, map[ID]*attribute{}
	r.pairs, r.outlooks = map[[2]*attribute]float64{}, map[*attribute]*outlook{}
	r.size = 0
	r.state++
}

// mark returns the notes on an attribute, empty ones if they are of another event's ranking.
func (s *store) mark(a *attribute) *note {
	if a.at != s.epoch {
		a.at, a.note = s.epoch, note{}
	}
	return &a.note
}

// mass is the weight of its malicious events, as far as they are known.
func (a *attribute) mass() float64 {
	if !a.massive {
		a.massive, a.heavy = true, 0
		if a.known {
			for _, m := range a.events {
				if m.malicious {
					a.heavy += m.weight
				}
			}
		}
	}
	return a.heavy
}

// unknown is the most that malicious events that are not known can weigh in the attribute.
func (a *attribute) unknown() float64 {
	if a.known || a.degree < 2 {
		return 0
	}
	return float64(a.malicious) * a.weight
}

// through is what reaches the event from malicious ones, but for itself, through one of its attributes.
func (y *event) through(a *attribute) float64 {
	if !a.known || a.degree < 2 {
		return 0
	}
	if y.malicious {
		return a.weight * (a.mass() - y.weight)
	}
	return a.weight * a.mass()
}

// flow is what reaches an event through all of its attributes.
func (s *store) flow(y *event) float64 {
	s.settle(y)
	return y.flowing
}

// unknown is the most that may reach it besides.
func (s *store) unknown(y *event) float64 {
	s.settle(y)
	return y.lost
}

// forever is the state of what is computed from complete knowledge.
const forever = math.MaxUint64

func (s *store) settle(y *event) {
	if y.at == forever || y.at == s.state {
		return
	}
	y.at, y.flowing, y.lost = forever, 0, 0
	for _, a := range y.attributes {
		y.flowing += y.through(a)
		y.lost += a.unknown()
		if !a.known && a.degree != 1 {
			y.at = s.state
		}
	}
}

// has says whether the event includes an attribute.
func (y *event) has(a *attribute) bool {
	_, ok := slices.BinarySearchFunc(y.attributes, a.id, func(b *attribute, id ID) int { return cmp.Compare(b.id, id) })
	return ok
}

// unknownOf counts the events that are not known with their attributes.
func (s *store) unknownOf(ids []ID) int {
	n := 0
	for _, id := range ids {
		if e := s.events[id]; e == nil || !e.full {
			n++
		}
	}
	return n
}

// loadEvents fetches the events that are not known, or not known with their attributes.
func (s *store) loadEvents(ctx context.Context, ids []ID, detail Detail) error {
	return s.fetch(ctx, ids, detail, nil)
}

// loadEdges fetches the events that are not known with their attributes. It is known which are malicious: those, sorted.
func (s *store) loadEdges(ctx context.Context, ids, malicious []ID) error {
	return s.fetch(ctx, ids, Edges, func(e *Event) { _, e.Malicious = slices.BinarySearch(malicious, e.ID) })
}

func (s *store) fetch(ctx context.Context, ids []ID, detail Detail, amend func(*Event)) error {
	var missing []ID
	for _, id := range ids {
		if e := s.events[id]; e == nil || detail != Sizes && !e.full {
			missing = append(missing, id)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	list, err := s.in.Events(ctx, missing, detail)
	if err != nil {
		return fmt.Errorf("fetch events: %w", err)
	}
	for _, e := range list {
		if amend != nil {
			amend(&e)
		}
		s.keepEvent(e, detail != Sizes)
	}
	return nil
}

func (s *store) keepEvent(e Event, attributes bool) {
	v := s.events[e.ID]
	if v == nil {
		v = &event{id: e.ID}
		s.events[e.ID] = v
	}
	v.malicious = e.Malicious
	if e.Degree > 0 {
		v.weight = math.Pow(s.decay, float64(max(0, e.Days))) / float64(e.Degree)
	}
	if !attributes {
		return
	}
	v.full = true
	s.state++
	v.attributes = make([]*attribute, 0, len(e.Attributes))
	for _, id := range e.Attributes {
		a := s.attributes[id]
		if a == nil {
			a = &attribute{id: id}
			s.attributes[id] = a
		}
		v.attributes = append(v.attributes, a)
	}
	slices.SortFunc(v.attributes, func(a, b *attribute) int { return cmp.Compare(a.id, b.id) })
	s.size += len(e.Attributes)
}

// loadCounts fetches the degrees of the attributes that have none.
func (s *store) loadCounts(ctx context.Context, list []*attribute) error {
	missing := map[Reach][]ID{}
	for _, a := range list {
		switch {
		case a.degree > 0:
		case a.known:
			missing[Degrees] = append(missing[Degrees], a.id)
		default:
			missing[Counts] = append(missing[Counts], a.id)
		}
	}
	for reach, ids := range missing {
		counts, err := s.in.Attributes(ctx, ids, reach)
		if err != nil {
			return fmt.Errorf("count events: %w", err)
		}
		s.state++
		for _, c := range counts {
			if a := s.attributes[c.ID]; a != nil && c.Degree > 0 {
				a.degree, a.weight = c.Degree, 1/float64(c.Degree)
				if reach == Counts {
					a.malicious, a.known = c.Malicious, c.Malicious == 0
				}
			}
		}
	}
	return nil
}

// loadLists fetches the events of attributes.
func (s *store) loadLists(ctx context.Context, list []*attribute, reach Reach) error {
	if len(list) == 0 {
		return nil
	}
	ids := make([]ID, len(list))
	for i, a := range list {
		ids[i] = a.id
	}
	found, err := s.in.Attributes(ctx, ids, reach)
	if err != nil {
		return fmt.Errorf("fetch events of attributes: %w", err)
	}
	return s.keepLists(ctx, found, reach)
}

// keepLists fetches the events that lists name, and then keeps the lists.
func (s *store) keepLists(ctx context.Context, found []Attribute, reach Reach) error {
	var wanted []ID
	for _, f := range found {
		wanted = append(wanted, f.Events...)
	}
	detail := Sizes
	if reach == All {
		detail = Attributes
	}
	if err := s.loadEvents(ctx, distinct(wanted), detail); err != nil {
		return err
	}
	for _, f := range found {
		s.keepList(f, reach)
	}
	return nil
}

func (s *store) keepList(f Attribute, reach Reach) {
	a := s.attributes[f.ID]
	if a == nil {
		return
	}
	a.events = make([]*event, 0, len(f.Events))
	for _, id := range f.Events {
		if e := s.events[id]; e != nil {
			a.events = append(a.events, e)
		}
	}
	slices.SortFunc(a.events, func(x, y *event) int { return cmp.Compare(x.id, y.id) })
	a.known, a.massive = true, false
	s.state++
	a.whole = a.whole || reach == All
	s.size += len(f.Events)
}
