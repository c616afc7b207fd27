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

// curator changes events in the graph, and tells the watches.
type curator struct {
	store  *graph.Store
	herald *reportd.Herald
}

// Mark says how far an event may be shared.
func (c curator) Mark(ctx context.Context, orgs []string, event tahoe.Hash, m tahoe.Marking) error {
	return c.changed(ctx, event, c.store.Mark(ctx, orgs, event, m))
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
