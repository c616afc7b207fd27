package tahoe

import (
	"fmt"
	"slices"
	"strings"
)

// Marking says how far an event may be shared: a label of the Traffic Light Protocol, version 2.0, of FIRST. It is no part of what the
// event is, nor of its hash.
type Marking string

// The markings, the most open first. An event about which nobody said anything counts as Amber.
const (
	Unmarked Marking = ""
	Clear    Marking = "clear"
	Green    Marking = "green"
	Amber    Marking = "amber"
	Strict   Marking = "amber+strict"
	Red      Marking = "red"
)

// Markings lists those that can be said, the most open first.
func Markings() []Marking { return []Marking{Clear, Green, Amber, Strict, Red} }

// ParseMarking reads a label as people and formats write it: tlp:red, TLP:AMBER+STRICT, amber; white is clear, as in version 1.
func ParseMarking(text string) (Marking, error) {
	name := strings.ToLower(strings.TrimSpace(text))
	name = strings.TrimSpace(strings.TrimPrefix(name, "tlp:"))
	if name == "white" {
		return Clear, nil
	}
	if m := Marking(name); slices.Contains(Markings(), m) {
		return m, nil
	}
	return Unmarked, fmt.Errorf("%w: %.40q is none of clear, green, amber, amber+strict, red", ErrMarking, text)
}

// UnmarshalText reads a label as ParseMarking does; an empty text is Unmarked.
func (m *Marking) UnmarshalText(text []byte) (err error) {
	if *m = Unmarked; len(text) > 0 {
		*m, err = ParseMarking(string(text))
	}
	return err
}

// MarshalText writes the label without the tlp: before it.
func (m Marking) MarshalText() ([]byte, error) { return []byte(m), nil }

// Or is the marking, or Amber if nobody said any.
func (m Marking) Or() Marking {
	if m == Unmarked {
		return Amber
	}
	return m
}

// Stricter is the more restrictive of the two. One that nobody said gives way to any.
func (m Marking) Stricter(other Marking) Marking {
	if other.rank() > m.rank() {
		return other
	}
	return m
}

func (m Marking) rank() int { return slices.Index(Markings(), m) }

// What follows an organisation's hash in the names of its narrower audiences.
const (
	strictOnly = "!strict"
	redOnly    = "!red"
)

// Audience names who may see what the organisation with the hash orgid has marked so. For what its readers may see it is the hash itself; what
// only its members, or only its administrators may see has names of its own. Access is a test of audiences.
func (m Marking) Audience(orgid string) string {
	switch m {
	case Strict:
		return orgid + strictOnly
	case Red:
		return orgid + redOnly
	case Unmarked, Clear, Green, Amber:
	}
	return orgid
}

// Audiences are those that somebody belongs to who may see all up to the marking of an organisation.
func (m Marking) Audiences(orgid string) []string {
	list := []string{orgid}
	if m == Strict || m == Red {
		list = append(list, Strict.Audience(orgid))
	}
	if m == Red {
		list = append(list, Red.Audience(orgid))
	}
	return list
}

// ParseAudience tells which organisation's an audience is, and how much is marked at least that only it may see: Unmarked, Strict or Red.
func ParseAudience(audience string) (orgid string, m Marking) {
	if orgid, ok := strings.CutSuffix(audience, strictOnly); ok {
		return orgid, Strict
	}
	if orgid, ok := strings.CutSuffix(audience, redOnly); ok {
		return orgid, Red
	}
	return audience, Unmarked
}
