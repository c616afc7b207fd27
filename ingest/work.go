package ingest

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"golang.org/x/sync/errgroup"

	"github.com/cybexp/cybexp/bus"
	"github.com/cybexp/cybexp/tahoe"
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
	plain, err := s.Keys.Open(m.Data)
	if err != nil {
		return s.giveUp(ctx, l, err)
	}
	records := make([]Outcome, 0, l.Records)
	if l.Received.IsZero() {
		l.Received = m.Time
	}
	mapper := newMapper(l.Typetag, l.Org, l.Timezone, l.Received, s.Logger)
	for line, text := range entries(plain) {
		if text == nil {
			return s.giveUp(ctx, l, errChunk)
		}
		out := mapper.record(line, text)
		if out.Record.Raw != nil && !out.whole {
			if err := s.keepWhole(ctx, out); err != nil {
				return err
			}
		}
		records = append(records, out)
	}
	r := l.blank()
	if err := s.write(ctx, l, m, records, &r); err != nil {
		return fmt.Errorf("write chunk %d of upload %s: %w", l.Number, l.Upload, err)
	}
	for _, rec := range records {
		r.count(rec)
	}
	return s.saveResult(ctx, l, r)
}

// blank is the account of a chunk before any of its records is counted. A record that comes back alone from the dead letters was counted
// as dead with its chunk.
func (l label) blank() (r result) {
	if l.Line > 0 {
		r.Dead = -1
	}
	return r
}

// giveUp accounts for a chunk that nobody can open. The bus keeps it as a dead letter.
func (s *Service) giveUp(ctx context.Context, l label, why error) error {
	r := l.blank()
	r.Dead += l.Records
	r.Problems.add(Problem{Record: true, Message: fmt.Sprintf("chunk %d with %d records was given up: %v", l.Number, l.Records, why)})
	if err := s.saveResult(ctx, l, r); err != nil {
		return err
	}
	return bus.Permanent(why)
}

// patience is how often the graph may refuse a record before it is given up.
const patience = 3

// write writes all records. Those that the graph refuses time and again become dead letters, so that they hold up no others.
func (s *Service) write(ctx context.Context, l label, from bus.Message, records []Outcome, r *result) error {
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
	if err == nil || ctx.Err() != nil || from.Delivered < patience {
		return err
	}
	refused := map[int]error{}
	if !refusals(err, refused) {
		return err
	}
	for i, why := range refused {
		m := &records[at[i]]
		if err := s.bury(ctx, l, from.Sequence, *m, why); err != nil {
			return err
		}
		r.Dead++
		m.Record = tahoe.Record{}
		m.Problems = []Problem{refusal(m.Line, why)}
	}
	return nil
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

// bury keeps a record that the graph does not take, sealed, with the reason.
func (s *Service) bury(ctx context.Context, l label, from uint64, m Outcome, why error) error {
	var c chunk
	c.add(m.Line, m.text)
	sealed, err := s.Keys.Seal(c.plain)
	if err != nil {
		return err
	}
	l.Records, l.Line = 1, m.Line
	h := l.header()
	h[bus.HeaderID] = l.key() + "/" + strconv.FormatUint(from, 10)
	h[bus.HeaderReason] = bus.HeaderText(why.Error())
	if _, err := s.dead.Publish(ctx, deadSubjects+l.subject(), h, sealed); err != nil {
		return fmt.Errorf("bury record: %w", err)
	}
	s.Logger.Error("record given up", "upload_id", l.Upload, "line", m.Line, "raw", m.Record.Raw.Hash(), "err", why)
	return nil
}
