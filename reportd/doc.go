// Package reportd is the report daemon: it takes TDQL queries, queues them, runs them on the graph, and streams their reports,
// to Go callers and over the websocket protocol that docs/protocol.md describes. It knows neither HTTP routes nor sign-in, which
// are web's, and reaches the database only through Querier.
//
// A query goes this way:
//
//	Submit, websocket ── check ──▶ queue (on disk) ──▶ worker: check with the rights of now, compile, run
//	Frames, websocket ◀── the report's log of frames (in memory) ◀── header, rows, progress, end ──┘
//
// Queue, frames and records are on the bus, so every process of a deployment may ask, run and stream, and any may stop. What
// was accepted is run: a worker that stops gives its jobs back, one that dies loses its lease, and the next goes on after the
// rows that were shown, at the same snapshot (docs/adr/0007). Frames are kept for as long as the report, but no more bytes of
// them than the operator allows; a subscriber whose next rows are gone is told so, and never sees a hole.
//
//	s, err := reportd.New(ctx, cfg)
//	go s.Run(ctx) // in an errgroup
//	report, err := s.Submit(ctx, caller, reportd.Request{TDQL: "count ipv4 1.1.1.1 last 7d"})
//	for frame, err := range s.Frames(ctx, caller, report.ID, 0) { … }
package reportd
