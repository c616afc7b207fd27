package tahoe

import (
	"crypto/rand"
	"fmt"
	"slices"
)

// Session groups events. Its identity is its children; its events and times are not part of it.
type Session struct {
	core
	family
	events []*Event // distinct, in the order of their hashes

	// StartTime and EndTime are unix seconds, Duration is seconds; nil is unknown.
	StartTime, EndTime, Duration *float64
}

// NewSession makes a session. One without children gets a sessionid attribute that is a random UUID.
func NewSession(subType string, children ...Node) (*Session, error) {
	if len(children) == 0 {
		id, err := NewAttribute("sessionid", String(randomUUID()))
		if err != nil {
			return nil, err
		}
		children = []Node{id}
	}
	s := &Session{}
	if err := s.core.gather(KindSession, subType, &s.family, children); err != nil {
		return nil, err
	}
	return s, nil
}

func randomUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the program rather than return an error
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// AddEvent puts events into the session. One that it holds already is not put in again.
func (s *Session) AddEvent(events ...*Event) {
	for _, e := range events {
		i, found := slices.BinarySearchFunc(s.events, e.Hash(), func(e *Event, h Hash) int { return e.Hash().Compare(h) })
		if !found {
			s.events = slices.Insert(s.events, i, e)
		}
	}
}

// Events are the session's events, distinct and in the order of their hashes.
func (s *Session) Events() []*Event { return slices.Clone(s.events) }
