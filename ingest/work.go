package ingest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cybexp/cybexp/bus"
	"github.com/cybexp/cybexp/ingest/envelope"
	"github.com/cybexp/cybexp/tahoe"
	"github.com/cybexp/cybexp/telemetry"
)

// Run works the lake off until ctx ends. Any number of processes may run it.
func (s *Service) Run(ctx context.Context) error {
	if !s.Keys.CanOpen() || s.Graph == nil {
		return errors.New("ingest: a private key and a graph are needed to work the lake off")
	}
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.workLake(gctx) })
	if s.Archive != nil {
		g.Go(func() error { return s.workJobs(gctx) })
	}
	return g.Wait()
}

func (s *Service) workLake(ctx context.Context) error {
	return s.lake.Consume(ctx, bus.ConsumerConfig{
		Name:        consumer,
		Concurrency: s.Workers,
		AckWait:     s.Silence,
		DeadLetter:  s.dead,
		Gather:      s.Silence / 5,
	}, s.work)
}

// work brings one chunk into the graph. What it does is the same however often it is done.
func (s *Service) work(ctx context.Context, m bus.Message) error {
	l, err := readLabel(m.Header)
	if err != nil {
		return bus.Permanent(err)
	}
	if m.Delivered > 1 {
		if _, err := s.accounts.Get(ctx, l.key()); !errors.Is(err, bus.ErrNotFound) {
			return err // nil: it was done, and only the acknowledgement got lost
		}
	}
	if l.Received.IsZero() {
		l.Received = m.Time
	}
	var r result
	begun := time.Now()
	records, err := s.unpack(ctx, l, m.Data)
	s.metrics.chunk.Observe(time.Since(begun), "filter")
	begun = time.Now()
	switch {
	case errors.Is(err, envelope.ErrSealed), errors.Is(err, errChunk):
		err = s.giveUp(ctx, l, m, err, &r)
	case err == nil:
		err = s.write(ctx, l, m.Sequence, records, &r)
	}
	s.metrics.chunk.Observe(time.Since(begun), "write")
	if err != nil {
		s.metrics.failed.Add(1)
		return fmt.Errorf("work on chunk %d of upload %s: %w", l.Number, l.Upload, err)
	}
	if err := s.noteRaws(ctx, l, records); err != nil {
		return err
	}
	for _, rec := range records {
		r.count(rec)
	}
	if err := s.saveResult(ctx, l, r); err != nil {
		return err
	}
	s.metrics.count(l.Typetag, r)
	if m.Delivered > 1 {
		return s.accounts.Delete(ctx, l.refusalsKey())
	}
	return nil
}

// unpack opens a chunk and has the filter map its records. Of long ones it keeps the whole. The error is one of the envelope's or errChunk
// if nobody can ever use the chunk.
func (s *Service) unpack(ctx context.Context, l label, sealed []byte) ([]Outcome, error) {
	ctx, span := telemetry.Start(ctx, "filter", "typetag", s.metrics.tag(l.Typetag), "records", l.Records)
	defer span.End(nil)
	plain, err := s.openChunk(sealed)
	if err != nil {
		return nil, err
	}
	records := make([]Outcome, 0, min(l.Records, maxRecords))
	mapper := newMapper(l.Typetag, l.Org, l.Timezone, l.Received, s.Logger)
	mapper.marking = l.Marking
	for line, text := range entries(plain) {
		if text == nil {
			return nil, errChunk
		}
		out := mapper.record(line, text)
		if out.Record.Raw != nil && !out.whole {
			if err := s.keepWhole(ctx, out); err != nil {
				return nil, err
			}
		}
		records = append(records, out)
	}
	return records, nil
}

// giveUp makes a dead letter of a chunk that nobody can use, and accounts for it.
func (s *Service) giveUp(ctx context.Context, l label, m bus.Message, why error, r *result) error {
	if err := s.bury(ctx, l, m.Sequence, m.Data, why); err != nil {
		return err
	}
	r.Dead = l.Records
	r.Problems.add(Problem{Record: true, Line: l.Line, Message: fmt.Sprintf("chunk %d with %d records was given up: %v", l.Number, l.Records, why)})
	return nil
}

// patience is how often the graph may refuse a record before it is given up.
const patience = 3

// write writes all records. Those that the graph refuses time and again become dead letters, so that they hold up no others.
func (s *Service) write(ctx context.Context, l label, from uint64, records []Outcome, r *result) error {
	var batch []tahoe.Record
	var at []int // where in records
	for i, m := range records {
		if m.Record.Raw != nil {
			batch, at = append(batch, m.Record), append(at, i)
		}
	}
	if len(batch) == 0 {
		return nil
	}
	_, err := s.Graph.Write(ctx, batch)
	s.tell(ctx, batch) // an error may be about some of the records only
	if err == nil || ctx.Err() != nil {
		return err
	}
	refused := map[int]error{}
	if !refusals(err, refused) {
		return err
	}
	if enough, failed := s.noteRefusals(ctx, l, refused); failed != nil || !enough {
		return errors.Join(err, failed)
	}
	for i, why := range refused {
		m := &records[at[i]]
		if err := s.buryRecord(ctx, l.alone(at[i]+1, m.Line), from, m, why, r); err != nil {
			return err
		}
	}
	return nil
}

// noteRefusals counts how often the graph has refused records of a chunk, in all processes that have tried, and tells whether each had its
// chances. Nothing else counts: a process that dies, or a graph that is not there, says nothing about a record.
func (s *Service) noteRefusals(ctx context.Context, l label, refused map[int]error) (enough bool, err error) {
	e, err := s.accounts.Get(ctx, l.refusalsKey())
	if err != nil && !errors.Is(err, bus.ErrNotFound) {
		return false, fmt.Errorf("count refusals: %w", err)
	}
	times := map[int]int{}
	if err == nil {
		if err := json.Unmarshal(e.Value, &times); err != nil {
			return false, fmt.Errorf("count refusals: %w", err)
		}
	}
	enough = true
	for i := range refused {
		times[i]++
		enough = enough && times[i] >= patience
	}
	text, err := json.Marshal(times)
	if err != nil {
		return false, err
	}
	if _, err := s.accounts.Put(ctx, l.refusalsKey(), text); err != nil {
		return false, fmt.Errorf("count refusals: %w", err)
	}
	return enough, nil
}

// tell says that records are written.
func (s *Service) tell(ctx context.Context, batch []tahoe.Record) {
	if s.Written != nil {
		s.Written(context.WithoutCancel(ctx), batch)
	}
}

// refusals gathers from err which records were refused and why. It tells whether err says nothing else.
func refusals(err error, into map[int]error) bool {
	switch err := err.(type) { //nolint:errorlint // this is the walk that errors.As would be
	case Refusal:
		into[err.Record()] = err
		return true
	case interface{ Unwrap() error }:
		return refusals(err.Unwrap(), into)
	case interface{ Unwrap() []error }:
		for _, e := range err.Unwrap() {
			if !refusals(e, into) {
				return false
			}
		}
		return true
	}
	return false
}

// buryRecord makes a dead letter of a record that the graph does not take, and accounts for it.
func (s *Service) buryRecord(ctx context.Context, l label, from uint64, m *Outcome, why error, r *result) error {
	var c chunk
	c.add(m.Line, m.text)
	sealed, err := s.sealChunk(&c)
	if err != nil {
		return err
	}
	if err := s.bury(ctx, l, from, sealed, why); err != nil {
		return err
	}
	if r.Refused == nil {
		r.Refused = map[string]Problem{}
	}
	r.Refused[l.place()] = refusal(m.Line, why)
	m.Record, m.Problems = tahoe.Record{}, nil
	return nil
}

// bury keeps what cannot be used, sealed, with the reason. From is its place in the lake: the same again, after a crash, changes nothing.
func (s *Service) bury(ctx context.Context, l label, from uint64, sealed []byte, why error) error {
	h := l.header()
	h[bus.HeaderID] = l.key() + "/" + strconv.FormatUint(from, 10)
	h[bus.HeaderReason] = bus.HeaderText(why.Error())
	if _, err := s.dead.Publish(ctx, deadSubjects+l.subject(), h, sealed); err != nil {
		return fmt.Errorf("bury: %w", err)
	}
	s.Logger.Error("given up", "upload_id", l.Upload, "chunk", l.Number, "line", l.Line, "records", l.Records, "err", why)
	return nil
}
