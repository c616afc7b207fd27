package reportd

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/cybexp/cybexp/bus"
)

// writtenSubject is where the graph's writers signal that they have written.
const writtenSubject = "graph.written"

// written is the body of the signal: when the earliest and the latest event happened that were written, in microseconds since
// 1970. Neither is there when no event was.
type written struct {
	From *int64 `json:"from,omitempty"`
	To   *int64 `json:"to,omitempty"`
}

// NotifyWritten tells all watches that something was written to the graph and can be read: events from one time to another, or
// none when the times are zero.
func NotifyWritten(b *bus.Bus, from, to time.Time) error {
	var w written
	if !from.IsZero() {
		f, t := from.UnixMicro(), to.UnixMicro()
		w.From, w.To = &f, &t
	}
	data, err := json.Marshal(w)
	if err != nil {
		return fmt.Errorf("write signal: %w", err)
	}
	return b.Notify(writtenSubject, data)
}

// span is a stretch of time in which there are new events, or all of it.
type span struct {
	all, any bool
	from, to time.Time
}

// news gathers signals until somebody has time for them.
type news struct {
	wake chan struct{} // holds one token when there is something

	mu      sync.Mutex
	pending span
}

func newNews() *news { return &news{wake: make(chan struct{}, 1)} }

// gather adds the signals that come.
func (n *news) gather(signals func(func(bus.Message, error) bool)) error {
	for m, err := range signals {
		if err != nil {
			return fmt.Errorf("hear writes: %w", err)
		}
		n.add(m.Data)
	}
	return nil
}

func (n *news) add(signal []byte) {
	var w written
	err := json.Unmarshal(signal, &w)
	n.mu.Lock()
	p := &n.pending
	switch {
	case err != nil: // of another version
		p.all = true
	case w.From != nil && w.To != nil:
		// A time in the graph may be rounded otherwise than a time here.
		from, to := time.UnixMicro(*w.From).Add(-time.Millisecond).UTC(), time.UnixMicro(*w.To).Add(time.Millisecond).UTC()
		if !p.any || from.Before(p.from) {
			p.from = from
		}
		if !p.any || to.After(p.to) {
			p.to = to
		}
		p.any = true
	}
	n.mu.Unlock()
	select {
	case n.wake <- struct{}{}:
	default:
	}
}

// take returns what has come since the last time.
func (n *news) take() span {
	n.mu.Lock()
	defer n.mu.Unlock()
	p := n.pending
	n.pending = span{}
	return p
}

// heldSubject is where connections signal that they are there for a report; the report's id follows.
const heldSubject = "reportd.held."

// keep signals every half lease that somebody is there for a report, until ctx ends.
func (s *Service) keep(ctx context.Context, id string) {
	tick := time.NewTicker(s.cfg.Lease / 2)
	defer tick.Stop()
	for {
		// What is not heard is said again.
		_ = s.cfg.Bus.Notify(heldSubject+id, nil)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}
