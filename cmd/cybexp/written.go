package main

import (
	"context"

	"github.com/cybexp/cybexp/tahoe"
)

// written tells the watches, wherever they run, what is new.
func (p *platform) written(ctx context.Context, records []tahoe.Record) {
	if err := p.herald.Announce(ctx, records); err != nil && ctx.Err() == nil {
		p.log.Warn("watches not told of a write", "err", err)
	}
}
