package tahoe

import (
	"encoding/json"
	"fmt"
	"iter"
	"slices"
)

// RecordQuery asks for records as the graph has them, a page at a time: each raw with what came of it, once for each organisation that uploaded it;
// then the events that hang on no raw.
type RecordQuery struct {
	Audiences []string    // of who asks, see [Marking.Audience]: nothing else is told
	Hashes    []Hash      // of raws and events: these alone, in one page
	Behind    Hash        // begin behind the raw or the event with this hash; zero to begin at the first
	Place     RecordPlace // from the page before; the rest of the query must be the same
}

// RecordPlace is where a page ends, and the snapshot that it is of.
type RecordPlace struct {
	Raw, Event, At uint64
	Events         bool // whether the raws are through
	End            bool // whether all is
	Size           int  // how many raws the next page may have
}

// RecordPage is a page of records, in a fixed order.
type RecordPage struct {
	Records []Record // those without Raw are events that hang on none, with their sessions
	Next    RecordPlace
}

// maxDocument is how many bytes of events stand in one line, at least one event: who reads it takes lines of 16 MiB.
const maxDocument = 4 << 20

// recordDocument is a raw with what came of it, or an event with its sessions.
type recordDocument struct {
	document
	State    RawState          `json:"state,omitempty"`
	More     bool              `json:"more,omitempty"` // the next document is of the same raw: for another organisation, or with more of its events
	Events   []json.RawMessage `json:"events,omitempty"`
	Sessions []json.RawMessage `json:"sessions,omitempty"`
}

// MarshalRecords gives records as TAHOE documents: that of the raw, which holds those of its events and sessions, or several of the raw when that would be too
// long; of a record without a raw those of its events, each with its sessions. It ends with an error.
func MarshalRecords(list []Record) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for i, r := range list {
			marshal := marshalEvents
			if r.Raw != nil {
				more := i+1 < len(list) && list[i+1].Raw != nil && list[i+1].Raw.Hash() == r.Raw.Hash()
				marshal = func(r Record) ([][]byte, error) { return marshalRaw(r, more) }
			}
			lines, err := marshal(r)
			for _, line := range lines {
				if !yield(line, nil) {
					return
				}
			}
			if err != nil {
				yield(nil, err)
				return
			}
		}
	}
}

// marshalRaw gives the documents of a record with a raw; more is whether another record of the raw follows.
func marshalRaw(r Record, more bool) ([][]byte, error) {
	raw := document{Hash: r.Raw.Hash(), Kind: KindRaw, SubType: r.Raw.subType, Data: r.Raw.data, OrgID: &r.Raw.orgid, Timezone: &r.Raw.timezone, Marking: r.Marking}
	var lines [][]byte
	for rest, first := r.Events, true; first || len(rest) > 0; first = false {
		d := recordDocument{document: raw, State: r.State}
		d.Refs = new([]Hash)
		events, part, err := marshalSome(rest)
		if err != nil {
			return nil, err
		}
		for _, e := range part {
			*d.Refs = append(*d.Refs, e.Hash())
		}
		d.Events, rest = events, rest[len(part):]
		d.More = more || len(rest) > 0
		for _, s := range r.Sessions {
			own := s.of(part)
			if len(own.events) == 0 && !first {
				continue
			}
			text, err := MarshalInstance(own)
			if err != nil {
				return nil, err
			}
			*d.Refs, d.Sessions = append(*d.Refs, s.Hash()), append(d.Sessions, text)
		}
		line, err := marshalDocument(d)
		if err != nil {
			return nil, err
		}
		lines = append(lines, line)
	}
	return lines, nil
}

// marshalSome gives documents of as many events as stand in one line.
func marshalSome(events []*Event) (texts []json.RawMessage, taken []*Event, err error) {
	size := 0
	for i, e := range events {
		text, err := MarshalInstance(e)
		if err != nil {
			return nil, nil, err
		}
		if size += len(text); i > 0 && size > maxDocument {
			return texts, events[:i], nil
		}
		texts = append(texts, text)
	}
	return texts, events, nil
}

// of is the session with those of its events alone that are in a list.
func (s *Session) of(events []*Event) *Session {
	own := *s
	own.events = slices.DeleteFunc(s.Events(), func(e *Event) bool {
		return !slices.ContainsFunc(events, func(o *Event) bool { return o.Hash() == e.Hash() })
	})
	return &own
}

func marshalEvents(r Record) ([][]byte, error) {
	var lines [][]byte
	for _, e := range r.Events {
		text, err := MarshalInstance(e)
		if err != nil {
			return nil, err
		}
		var sessions []json.RawMessage
		for _, s := range r.Sessions {
			own := s.of([]*Event{e})
			if len(own.events) == 0 {
				continue
			}
			session, err := MarshalInstance(own)
			if err != nil {
				return nil, err
			}
			sessions = append(sessions, session)
		}
		if len(sessions) > 0 {
			list, err := marshalDocument(sessions)
			if err != nil {
				return nil, err
			}
			text = slices.Concat(text[:len(text)-1], []byte(`,"sessions":`), list, []byte{'}'})
		}
		lines = append(lines, text)
	}
	return lines, nil
}

// NodesOf makes the attributes and objects that the data of an object, event or session stands for: lists by sub-type, of values and of the data of objects.
func NodesOf(data Value) ([]Node, error) {
	if data.Type() != TypeObject {
		return nil, fmt.Errorf("%w: data is no object but of type %s", ErrData, data.Type())
	}
	var nodes []Node
	for _, subType := range data.Keys() {
		list, _ := data.Get(subType)
		for _, v := range list.Elements() {
			n, err := nodeOf(subType, v)
			if err != nil {
				return nil, err
			}
			nodes = append(nodes, n)
		}
	}
	return nodes, nil
}

func nodeOf(subType string, v Value) (Node, error) {
	if v.Type() != TypeObject {
		return NewAttribute(subType, v)
	}
	children, err := NodesOf(v)
	if err != nil {
		return nil, err
	}
	return NewObject(subType, children...)
}
