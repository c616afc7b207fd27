package tdql

import (
	"slices"
	"time"

	"github.com/cybexp/cybexp/tahoe"
)

// Trigger is what an event must be, at least, so that its being written can bring a plan new rows. An event that is all that may still
// bring none.
type Trigger struct {
	Orgs     []Org        // it is of one of these
	SubTypes []string     // and of one of these sub-types; none is any
	Category string       // and of this category; "" is any
	From     time.Time    // and happened then or later; zero is any time
	Holds    []tahoe.Hash // and holds one of these attributes or objects; none is any
	// Alone says that what new events bring is what Plan.Among finds of them. If not, anything else that is written, and anything
	// that was there before, may bring rows too.
	Alone bool
}

// Trigger finds out what can bring the plan new rows. Bounds that move with the clock are those of the time of Check, so that a trigger
// stays right as time goes by.
func (p *Plan) Trigger() Trigger {
	any := Trigger{Orgs: p.orgs}
	i := p.events()
	if i < 0 {
		return any
	}
	t := any
	t.Alone = true
	if s, ok := p.steps[0].(*seed); ok {
		t.Holds = s.hashes
	}
	for _, s := range p.steps[i:] {
		switch s := s.(type) {
		case *move:
			if s.to == tahoe.KindEvent {
				t.narrow(s)
			}
		case *filter:
			t.hold(required(s.where))
		}
	}
	return t
}

// narrow takes in what a move asks of events.
func (t *Trigger) narrow(m *move) {
	n := &m.narrow
	if len(n.orgs) > 0 {
		t.Orgs = n.orgs
	}
	if len(t.SubTypes) == 0 {
		t.SubTypes = m.subTypes
	}
	if t.Category == "" {
		t.Category = n.category
	}
	if n.window.low.After(t.From) {
		t.From = n.window.low
	}
	t.hold(required(n.where))
}

// hold takes in that an event must hold one of some; of two such lists the shorter tells more.
func (t *Trigger) hold(one []tahoe.Hash) {
	if len(one) > 0 && (len(t.Holds) == 0 || len(one) < len(t.Holds)) {
		t.Holds = one
	}
}

// required lists attributes of which an event holds one if it meets a condition; none when it need not.
func required(c cond) []tahoe.Hash {
	var least Trigger
	switch c := c.(type) {
	case includes:
		return c.hashes
	case allOf:
		for _, part := range c {
			least.hold(required(part))
		}
	case anyOf:
		var all []tahoe.Hash
		for _, part := range c {
			one := required(part)
			if len(one) == 0 {
				return nil
			}
			all = append(all, one...)
		}
		return all
	}
	return least.Holds
}

// Among narrows a plan whose trigger stands alone to the rows that come of some events. The canonical text is that of p.
func (p *Plan) Among(events []tahoe.Hash) *Plan {
	i := p.events()
	if i < 0 {
		panic("tdql: rows of a plan whose trigger does not stand alone come of more than events")
	}
	narrowed := *p
	narrowed.steps = slices.Clone(p.steps)
	m := *p.steps[i].(*move) // see events
	m.narrow.among = events
	narrowed.steps[i] = &m
	return &narrowed
}

// events is the place of the move to events in a plan whose rows are those events, or attributes and objects of them, and which of one event
// depend on nothing but that event; below zero for other plans.
func (p *Plan) events() int {
	at := -1
	var kind tahoe.Kind
	for i, s := range p.steps {
		switch s := s.(type) {
		case *seed:
			if s.kind != "" && s.kind != tahoe.KindAttribute && s.kind != tahoe.KindObject {
				return -1
			}
		case *move:
			switch {
			case s.to == tahoe.KindEvent && at < 0 && slices.Contains([]tahoe.Kind{"", tahoe.KindAttribute, tahoe.KindObject}, s.from):
				at = i
			case s.to == tahoe.KindEvent && kind == tahoe.KindEvent:
			case (s.to == tahoe.KindAttribute || s.to == tahoe.KindObject) && kind == tahoe.KindEvent && s.narrow.where == nil:
			default:
				return -1
			}
			kind = s.to
		case *filter:
			if kind != tahoe.KindEvent {
				return -1
			}
		case *project:
		default: // *relate and what a watch does not follow
			return -1
		}
	}
	return at
}
