package main

import (
	"context"
	"time"

	"github.com/cybexp/cybexp/graph"
	"github.com/cybexp/cybexp/reportd"
)

// history keeps reports as vertices.
type history struct{ store *graph.Store }

// Keep implements reportd.History.
func (h history) Keep(ctx context.Context, r reportd.Report) error {
	kept := graph.Report{
		ID: r.ID, User: r.User, Text: r.Canonical, Status: string(r.Status), Created: r.Created,
		Elapsed: time.Duration(r.ElapsedMS) * time.Millisecond, Rows: r.Rows, Scanned: r.Scanned,
	}
	if r.Error != nil {
		kept.Fault = r.Error.Code
	}
	if r.Started != nil {
		kept.Started = *r.Started
	}
	if r.Ended != nil {
		kept.Ended = *r.Ended
	}
	return h.store.KeepReport(ctx, kept)
}

// Forget implements reportd.History.
func (h history) Forget(ctx context.Context, before time.Time) error {
	return h.store.ForgetReports(ctx, before)
}
