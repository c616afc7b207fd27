package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/cybexp/cybexp/graph"
	"github.com/cybexp/cybexp/reportd"
	"github.com/cybexp/cybexp/tahoe"
	"github.com/cybexp/cybexp/web"
)

// curator reads, changes and removes events in the graph for the web, and tells the watches.
type curator struct {
	store  *graph.Store
	herald *reportd.Herald
}

// Mark says how far an event may be shared.
func (c curator) Mark(ctx context.Context, orgs []string, event tahoe.Hash, m tahoe.Marking) error {
	return c.changed(ctx, event, c.store.Mark(ctx, orgs, event, m))
}

// Classify says what an event is held to be.
func (c curator) Classify(ctx context.Context, orgs []string, event tahoe.Hash, category tahoe.Category) error {
	return c.changed(ctx, event, c.store.Classify(ctx, orgs, event, category))
}

// SetContext says what an attribute or object is held to be in an event.
func (c curator) SetContext(ctx context.Context, orgs []string, event, node tahoe.Hash, category tahoe.Category) error {
	return c.changed(ctx, event, c.store.SetContext(ctx, orgs, event, node, category))
}

// RemoveEvents removes events, and takes their organisations off the raws that no other event of theirs came of.
func (c curator) RemoveEvents(ctx context.Context, orgs []string, events []tahoe.Hash) (web.Removed, error) {
	removed, err := c.store.RemoveEvents(ctx, graph.Removal{Orgs: orgs, Events: events, Raws: true})
	return web.Removed(removed), err
}

// Records reads a page of records.
func (c curator) Records(ctx context.Context, q tahoe.RecordQuery) (tahoe.RecordPage, error) {
	page, err := c.store.Records(ctx, q)
	if errors.Is(err, graph.ErrNotFound) {
		return page, fmt.Errorf("%w: %w", web.ErrNoRecord, err)
	}
	return page, err
}

// changed tells the watches of an event that was changed.
func (c curator) changed(ctx context.Context, event tahoe.Hash, err error) error {
	if err == nil {
		var e *tahoe.Event
		if e, err = c.store.Event(ctx, event); err == nil {
			err = c.herald.Announce(ctx, []tahoe.Record{{Events: []*tahoe.Event{e}}})
		}
	}
	if errors.Is(err, graph.ErrNotFound) {
		return fmt.Errorf("%w: %w", web.ErrNoEvent, err)
	}
	return err
}
