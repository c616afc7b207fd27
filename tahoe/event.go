package tahoe

import (
	"fmt"
	"math"
	"slices"
	"time"
	"unicode/utf8"
)

// Category says what an event, or an instance in the context of an event, is held to be.
type Category string

// The categories.
const (
	Unknown   Category = "unknown"
	Benign    Category = "benign"
	Malicious Category = "malicious"
)

// ParseCategory reads the name of a category.
func ParseCategory(name string) (Category, error) {
	switch c := Category(name); c {
	case Unknown, Benign, Malicious:
		return c, nil
	}
	return "", fmt.Errorf("%w: %q is none of unknown, benign, malicious", ErrCategory, name)
}

// Event is something that happened at a time, as an organisation recorded it.
type Event struct {
	core
	family
	orgid     string
	timestamp float64
	category  Category
	marking   Marking
	malicious []Hash // sorted, and apart from benign
	benign    []Hash
}

// NewEvent makes an event of at least one child. The orgid is the hash of the organisation, the timestamp unix seconds. The category
// of a new event is Unknown.
func NewEvent(subType, orgid string, timestamp float64, children ...Node) (*Event, error) {
	if math.IsNaN(timestamp) || math.IsInf(timestamp, 0) {
		return nil, fmt.Errorf("event %s: timestamp: %w", subType, ErrNotFinite)
	}
	if !utf8.ValidString(orgid) {
		return nil, fmt.Errorf("event %s: %w: orgid %q is not UTF-8", subType, ErrData, orgid)
	}
	e := &Event{orgid: orgid, timestamp: timestamp, category: Unknown}
	if err := e.core.gather(KindEvent, subType, &e.family, children, orgid, floatText(timestamp)); err != nil {
		return nil, err
	}
	return e, nil
}

func floatText(f float64) string { return string(appendFloat(make([]byte, 0, 24), f)) }

// OrgID is the hash of the organisation that recorded the event.
func (e *Event) OrgID() string { return e.orgid }

// Timestamp is the time of the event in unix seconds, exactly as it is hashed.
func (e *Event) Timestamp() float64 { return e.timestamp }

// Time is the time of the event, see [UnixTime].
func (e *Event) Time() time.Time { return UnixTime(e.timestamp) }

// UnixTime is unix seconds as a time in UTC to the microsecond, within the years 1 to 9999.
func UnixTime(seconds float64) time.Time {
	const first, last = -62135596800, 253402300799
	whole, part := math.Modf(min(max(seconds, first), last))
	return time.Unix(int64(whole), int64(math.Round(part*1e6))*1000).UTC()
}

// Category tells what the event is held to be.
func (e *Event) Category() Category { return e.category }

// SetCategory says what the event is held to be.
func (e *Event) SetCategory(c Category) error {
	c, err := ParseCategory(string(c))
	if err != nil {
		return err
	}
	e.category = c
	return nil
}

// Marking tells how far the event may be shared, as far as anybody said.
func (e *Event) Marking() Marking { return e.marking }

// Mark says how far the event may be shared. Of several markings the most restrictive stays.
func (e *Event) Mark(m Marking) { e.marking = e.marking.Stricter(m) }

// SetContext says what the nodes, which must be descendants, are held to be in this event. Nothing changes on an error.
func (e *Event) SetContext(c Category, nodes ...Node) error {
	c, err := ParseCategory(string(c))
	if err != nil {
		return err
	}
	for _, n := range nodes {
		if n == nil || !e.find(n.Hash()) {
			return fmt.Errorf("%w: the instance is not in the event", ErrContext)
		}
	}
	for _, n := range nodes {
		h := n.Hash()
		e.malicious = without(e.malicious, h)
		e.benign = without(e.benign, h)
		switch c {
		case Malicious:
			e.malicious = with(e.malicious, h)
		case Benign:
			e.benign = with(e.benign, h)
		case Unknown:
		}
	}
	return nil
}

// Context tells what a descendant is held to be in this event.
func (e *Event) Context(n Node) (Category, error) {
	if n == nil || !e.find(n.Hash()) {
		return "", fmt.Errorf("%w: the instance is not in the event", ErrContext)
	}
	if _, ok := slices.BinarySearchFunc(e.malicious, n.Hash(), Hash.Compare); ok {
		return Malicious, nil
	}
	if _, ok := slices.BinarySearchFunc(e.benign, n.Hash(), Hash.Compare); ok {
		return Benign, nil
	}
	return Unknown, nil
}

// Malicious lists the hashes of the descendants in a malicious context, sorted.
func (e *Event) Malicious() []Hash { return slices.Clone(e.malicious) }

// Benign lists the hashes of the descendants in a benign context, sorted.
func (e *Event) Benign() []Hash { return slices.Clone(e.benign) }

func with(hashes []Hash, h Hash) []Hash {
	i, found := slices.BinarySearchFunc(hashes, h, Hash.Compare)
	if found {
		return hashes
	}
	return slices.Insert(hashes, i, h)
}

func without(hashes []Hash, h Hash) []Hash {
	i, found := slices.BinarySearchFunc(hashes, h, Hash.Compare)
	if !found {
		return hashes
	}
	return slices.Delete(hashes, i, i+1)
}
