package ingest

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"time"
)

// Try shows what would become of an upload, and keeps nothing. Only Typetag, Timezone and Org count; received stands in for stamps
// that records lack. An error of the reader is yielded last.
func Try(u Upload, received time.Time, r io.Reader) iter.Seq2[Outcome, error] {
	return func(yield func(Outcome, error) bool) {
		limit := DefaultConfig().MaxRecord
		next := records(u.Typetag, r, limit)
		m := newMapper(u.Typetag, u.Org.String(), u.Timezone, received, slog.New(slog.DiscardHandler))
		for {
			p, err := next()
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				yield(Outcome{}, fmt.Errorf("%w: %w", ErrBody, err))
				return
			}
			out := Outcome{Line: p.line, Problems: []Problem{tooLong(p, limit)}}
			if !p.tooLong {
				out = m.record(p.line, p.text)
			}
			if !yield(out, nil) {
				return
			}
		}
	}
}
