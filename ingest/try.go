package ingest

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"slices"
	"time"
)

// Try shows what would become of an upload, and keeps nothing. Only Typetag, Timezone, Org and Marking count; received stands in for stamps
// that records lack. An error of the reader is yielded last.
func Try(u Upload, received time.Time, r io.Reader) iter.Seq2[Outcome, error] {
	return func(yield func(Outcome, error) bool) {
		for b, err := range batches(u, received, r, 1) {
			if err != nil {
				yield(Outcome{}, err)
				return
			}
			for _, out := range b.Map() {
				if !yield(out, nil) {
					return
				}
			}
		}
	}
}

// Batch is some records of an upload that are not mapped yet.
type Batch struct {
	mapper  *mapper
	chunk   chunk
	tooLong []Outcome
}

// Batches cuts an upload up as Try does, but leaves the rest to Batch.Map, so that many goroutines can share it.
func Batches(u Upload, received time.Time, r io.Reader) iter.Seq2[*Batch, error] {
	return batches(u, received, r, maxRecords)
}

func batches(u Upload, received time.Time, r io.Reader, most int) iter.Seq2[*Batch, error] {
	return func(yield func(*Batch, error) bool) {
		limit := DefaultConfig().MaxRecord
		next := records(u.Typetag, r, limit)
		m := newMapper(u.Typetag, u.Org.String(), u.Timezone, received, slog.New(slog.DiscardHandler))
		m.marking = u.Marking
		newBatch := func() *Batch {
			return &Batch{mapper: m, chunk: chunk{plain: make([]byte, 0, min(most*1024, maxChunk))}}
		}
		b := newBatch()
		for {
			p, err := next()
			if err != nil {
				if b.Records() > 0 && !yield(b, nil) {
					return
				}
				if !errors.Is(err, io.EOF) {
					yield(nil, fmt.Errorf("%w: %w", ErrBody, err))
				}
				return
			}
			if b.Records() > 0 && (b.Records() >= most || !b.chunk.fits(p.text)) {
				if !yield(b, nil) {
					return
				}
				b = newBatch()
			}
			if p.tooLong {
				b.tooLong = append(b.tooLong, Outcome{Line: p.line, Problems: []Problem{tooLong(p, limit)}})
				continue
			}
			b.chunk.add(p.line, p.text)
		}
	}
}

// Records counts those of the batch, with those that are too long to be taken.
func (b *Batch) Records() int { return b.chunk.records + len(b.tooLong) }

// Map runs the filter, and gives an outcome for each record.
func (b *Batch) Map() []Outcome {
	out := slices.Grow(b.tooLong, b.chunk.records)
	for line, text := range entries(b.chunk.plain) {
		out = append(out, b.mapper.record(line, text))
	}
	return out
}

// Count adds what became of records to a status that is kept by hand.
func (s *Status) Count(list ...Outcome) {
	var r result
	for _, o := range list {
		r.count(o)
		if o.Record.State == "" {
			s.Rejected++ // too long
		} else {
			s.Received++
		}
	}
	s.sum(r)
}

// CountDead adds a record that the graph does not take.
func (s *Status) CountDead(line int, why error) {
	var r result
	r.addRefused([]Problem{refusal(line, why)})
	s.Received++
	s.sum(r)
}

func (s *Status) sum(r result) {
	total := result{
		Mapped: s.Mapped, Kept: s.Kept, NotSupported: s.NotSupported, Invalid: s.Invalid, Dead: s.Dead, Events: s.Events,
		Problems: problems{Total: s.ProblemTotal, Parts: s.Parts, First: s.Problems, Reasons: s.Reasons},
	}
	total.add(r)
	sum := total.status()
	s.Mapped, s.Kept, s.NotSupported, s.Invalid, s.Dead, s.Events = sum.Mapped, sum.Kept, sum.NotSupported, sum.Invalid, sum.Dead, sum.Events
	s.Parts, s.Reasons, s.Problems, s.ProblemTotal = sum.Parts, sum.Reasons, sum.Problems, sum.ProblemTotal
}

func refusal(line int, why error) Problem {
	return Problem{Line: line, Record: true, Message: fmt.Sprintf("the graph does not take it: %v", why)}
}
