package reportd

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"

	"github.com/cybexp/cybexp/bus"
	"github.com/cybexp/cybexp/tahoe"
)

// Whoever writes to the graph announces what was written, after it is there, on a stream that keeps announcements for long enough that
// a listener which falls behind, or loses its connection, misses none.
const (
	writtenSubject = "graph.written"
	writtenAge     = 10 * time.Minute
	writtenBytes   = 16 << 20 // of 60,000 events, about a minute at full speed; who falls further behind looks at everything
	writtenEvents  = 500      // of one announcement, at most
	writtenRefs    = 200_000  // bytes of what they hold, about
)

func openWritten(ctx context.Context, b *bus.Bus) (*bus.Stream, error) {
	s, err := b.Stream(ctx, bus.StreamConfig{
		Name: "graph-written", Subjects: []string{writtenSubject}, Storage: bus.Memory, MaxAge: writtenAge, MaxBytes: writtenBytes,
	})
	if err != nil {
		return nil, fmt.Errorf("open announcements: %w", err)
	}
	return s, nil
}

// Herald announces writes to the watches of all processes.
type Herald struct{ stream *bus.Stream }

// NewHerald makes a herald. It may be used concurrently.
func NewHerald(ctx context.Context, b *bus.Bus) (*Herald, error) {
	s, err := openWritten(ctx, b)
	return &Herald{stream: s}, err
}

// Announce tells that records are in the graph and can be read.
func (h *Herald) Announce(ctx context.Context, records []tahoe.Record) error {
	for _, w := range announcements(records) {
		data, err := json.Marshal(w)
		if err == nil {
			_, err = h.stream.Publish(ctx, writtenSubject, nil, data)
		}
		if err != nil {
			return fmt.Errorf("announce write: %w", err)
		}
	}
	return nil
}

// written is an announcement.
type written struct {
	Events    []writtenEvent `json:"events,omitempty"`
	Audiences []string       `json:"audiences,omitempty"` // who may see raws that were written
}

// writtenEvent is what of an event tells whom it may concern.
type writtenEvent struct {
	Hash     tahoe.Hash `json:"hash"`
	SubType  string     `json:"sub_type"`
	Category string     `json:"category"`
	Audience string     `json:"audience"`
	At       int64      `json:"at"`   // microseconds since 1970
	Refs     []byte     `json:"refs"` // a mark of each attribute and object in it, see markOf
}

// markSize is the length of a mark in bytes.
const markSize = 8

// mark stands for an attribute or object. That two have the same is so rare that it costs nothing to look twice then.
type mark uint64

func markOf(h tahoe.Hash) mark { return mark(binary.BigEndian.Uint64(h[:markSize])) }

// marks yields the marks of what the event holds.
func (e *writtenEvent) marks(yield func(mark) bool) {
	for refs := e.Refs; len(refs) >= markSize; refs = refs[markSize:] {
		if !yield(mark(binary.BigEndian.Uint64(refs))) {
			return
		}
	}
}

// announcements tells of records in messages of bounded size.
func announcements(records []tahoe.Record) []written {
	var list []written
	var w written
	refs := 0
	told, audiences := map[tahoe.Hash]bool{}, map[string]bool{}
	add := func(events []*tahoe.Event) {
		for _, e := range events {
			if told[e.Hash()] {
				continue
			}
			told[e.Hash()] = true
			if len(w.Events) == writtenEvents || refs > writtenRefs {
				list, w, refs = append(list, w), written{}, 0
			}
			w.Events = append(w.Events, writtenOf(e))
			refs += markSize * len(e.Refs())
		}
	}
	for _, r := range records {
		add(r.Events)
		for _, s := range r.Sessions {
			add(s.Events())
		}
		if r.Raw == nil {
			continue
		}
		if a := r.Strictest().Audience(r.Raw.OrgID()); !audiences[a] {
			audiences[a] = true
			w.Audiences = append(w.Audiences, a)
		}
	}
	if len(w.Events)+len(w.Audiences) > 0 {
		list = append(list, w)
	}
	return list
}

func writtenOf(e *tahoe.Event) writtenEvent {
	w := writtenEvent{Hash: e.Hash(), SubType: e.SubType(), Category: string(e.Category()), Audience: e.Marking().Audience(e.OrgID()), At: e.Time().UnixMicro()}
	for _, n := range e.Refs() {
		h := n.Hash()
		w.Refs = append(w.Refs, h[:markSize]...)
	}
	return w
}
