// Package ingest takes raw data in and turns it into the graph. Accept streams an upload, cuts it into records, seals them in
// chunks and appends those to the lake, durable before it returns. Run opens chunks, makes a raw instance of every record, has
// the format's filter map it, writes the lot to the graph, and only then takes the chunk off the lake. So a crash at any point
// repeats work, which the hashes make harmless, and loses none.
//
// What was given up is kept as dead letters, which can be read, retried and deleted. Reprocess runs filters again over the raws that the
// graph has, and what waited for a filter is taken up when there is one.
//
// It does not ask who may upload for whom.
//
//	s, err := ingest.New(ctx, ingest.Config{Bus: b, Graph: store, Keys: keys})
//	go s.Run(ctx)
//	receipt, err := s.Accept(ctx, ingest.Upload{Typetag: "cowrie", Org: org, Name: "honeypot 7"}, body)
//	status, err := s.Upload(ctx, receipt.ID)
//
// Names of files: accept.go, intake.go, room.go, split.go and format.go are the way in, chunk.go what lies in the lake, work.go and
// record.go the way out, status.go and problem.go the account of it, dead.go what was given up; raws.go, reprocess.go and jobs.go are
// about what is in the graph already.
package ingest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/cybexp/cybexp/bus"
	"github.com/cybexp/cybexp/tahoe"
	"github.com/cybexp/cybexp/telemetry"
)

// Graph is where records end up. Write is durable when it returns, may be repeated, and may be called by many at a time. If it
// refuses some of the records and has written the others, its error joins a Refusal for each.
type Graph interface {
	Write(ctx context.Context, records []tahoe.Record) (added int, err error)
}

// Archive reads back the raws that the graph has, in pages of one snapshot, and tells which of some it has.
type Archive interface {
	Raws(ctx context.Context, q tahoe.RawQuery) (tahoe.RawPage, error)
	HasRaws(ctx context.Context, hashes []tahoe.Hash) (map[tahoe.Hash]bool, error)
}

// Refusal says that one of the records given to Graph.Write can never be written.
type Refusal interface {
	error
	Record() int // its index
}

// Config is what a Service needs; DefaultConfig has the rest.
type Config struct {
	Bus    *bus.Bus
	Graph  Graph // needed by Run
	Keys   *Keys // Accept needs a public key, Run a private one
	Logger *slog.Logger

	Metrics *telemetry.Metrics // nil counts nothing

	// Archive reads back what Graph has; without it nothing is processed again and no raw is found.
	Archive Archive

	// Written, unless it is nil, is called after each write to the graph, by many at a time, with what was written. When a process dies in
	// between, the chunk is written, and told of, again.
	Written func(ctx context.Context, records []tahoe.Record)

	Workers int           // chunks that are worked on at a time
	Keep    time.Duration // how long the account of an upload is kept, and what is needed to take it back; not less than BacklogAge
	Silence time.Duration // after which the work of a process that died goes to another

	// When the lake is full: then Accept refuses, and holds back what is under way.
	Backlog    uint64        // bytes in the lake, of which a chunk has 16 KiB at least
	BacklogAge time.Duration // of the oldest of them; this alone does not hold back
	MinFree    uint64        // bytes that stay free on the disk of an embedded bus

	MaxRecord int // bytes of the longest record that is taken; a bus whose messages are smaller lowers it
}

// DefaultConfig works for a laptop and for a server.
func DefaultConfig() Config {
	return Config{
		Workers: 3, Keep: 90 * 24 * time.Hour, Silence: 15 * time.Second,
		Backlog: 8 << 30, BacklogAge: 72 * time.Hour, MinFree: 1 << 30, MaxRecord: 16 << 20,
	}
}

// Validate tells what is wrong with c.
func (c Config) Validate() error {
	switch {
	case c.Bus == nil:
		return errors.New("ingest: no bus")
	case c.Keys == nil:
		return errors.New("ingest: no keys")
	case c.Workers < 1 || c.Workers > 64:
		return fmt.Errorf("ingest: %d workers are not within 1 to 64", c.Workers)
	case c.Keep < c.BacklogAge:
		return fmt.Errorf("ingest: accounts of uploads are kept for %v, which is less than the %v that one may wait", c.Keep, c.BacklogAge)
	case c.MaxRecord < minRecord || c.MaxRecord > tahoe.MaxText:
		return fmt.Errorf("ingest: records of %d bytes are not within %d to %d", c.MaxRecord, minRecord, tahoe.MaxText)
	}
	return nil
}

// Service is the pipeline, safe for concurrent use.
type Service struct {
	Config

	lake     *bus.Stream
	dead     *bus.Stream
	raws     *bus.Stream // whole records of which the graph has an excerpt
	uploaded *bus.Stream // hashes of the raws of each upload
	queue    *bus.Stream // jobs that wait
	accounts *bus.KV
	jobs     *bus.KV
	filters  *bus.KV             // which filters there were
	flight   *semaphore.Weighted // bytes of chunks on their way to the lake
	metrics  metrics
}

// Bounds of a record. What is around it in a message of the bus is less than overhead.
const (
	minRecord = 64 << 10
	overhead  = 64 << 10
)

// consumer names the workers of all processes, who share the lake.
const consumer = "ingest"

// New opens the lake and the accounts. What c leaves at zero is as in DefaultConfig.
func New(ctx context.Context, c Config) (*Service, error) {
	d := DefaultConfig()
	c.Logger = cmp.Or(c.Logger, slog.New(slog.DiscardHandler))
	c.Workers, c.Backlog = cmp.Or(c.Workers, d.Workers), cmp.Or(c.Backlog, d.Backlog)
	c.BacklogAge, c.MinFree = cmp.Or(c.BacklogAge, d.BacklogAge), cmp.Or(c.MinFree, d.MinFree)
	c.Keep, c.Silence, c.MaxRecord = cmp.Or(c.Keep, d.Keep), cmp.Or(c.Silence, d.Silence), cmp.Or(c.MaxRecord, d.MaxRecord)
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if most := c.Bus.MaxMessage() - overhead; c.MaxRecord > most {
		c.Logger.Warn("messages of the bus bound the length of records", "wanted", c.MaxRecord, "bytes", most)
		c.MaxRecord = most
	}
	s := &Service{Config: c, flight: semaphore.NewWeighted(inFlight), metrics: newMetrics(c.Metrics)}
	if err := s.open(ctx); err != nil {
		return nil, err
	}
	s.askLake()
	return s, nil
}

// open makes the streams and buckets, or finds them.
func (s *Service) open(ctx context.Context) error {
	for _, o := range []struct {
		stream **bus.Stream
		config bus.StreamConfig
	}{
		{&s.lake, bus.StreamConfig{Name: "lake", Subjects: []string{"lake.>"}, WorkQueue: true}},
		{&s.dead, bus.StreamConfig{Name: "lake-dead", Subjects: []string{deadSubjects + ">"}}},
		{&s.raws, bus.StreamConfig{Name: "raws", Subjects: []string{wholeSubjects + "*"}, Latest: true}},
		{&s.uploaded, bus.StreamConfig{Name: "uploaded", Subjects: []string{rawsOfSubjects + ">"}, Latest: true, MaxAge: s.Keep}},
		{&s.queue, bus.StreamConfig{Name: "reprocess", Subjects: []string{jobSubjects + "*"}, WorkQueue: true}},
	} {
		var err error
		if *o.stream, err = s.Bus.Stream(ctx, o.config); err != nil {
			return fmt.Errorf("open ingest: %w", err)
		}
	}
	for _, o := range []struct {
		kv     **bus.KV
		config bus.KVConfig
	}{
		{&s.accounts, bus.KVConfig{Bucket: "uploads", TTL: s.Keep}},
		{&s.jobs, bus.KVConfig{Bucket: "reprocess", TTL: s.Keep}},
		{&s.filters, bus.KVConfig{Bucket: "filters"}},
	} {
		var err error
		if *o.kv, err = s.Bus.KV(ctx, o.config); err != nil {
			return fmt.Errorf("open ingest: %w", err)
		}
	}
	return nil
}

// Backlog counts the chunks in the lake that are not in the graph yet.
func (s *Service) Backlog(ctx context.Context) (uint64, error) {
	st, err := s.lake.State(ctx)
	if err != nil {
		return 0, fmt.Errorf("count backlog: %w", err)
	}
	return st.Messages, nil
}

// Dead counts the chunks and records that were given up. They are kept.
func (s *Service) Dead(ctx context.Context) (uint64, error) {
	st, err := s.dead.State(ctx)
	if err != nil {
		return 0, fmt.Errorf("count dead letters: %w", err)
	}
	return st.Messages, nil
}
