package reportd

import (
	"context"
	"fmt"
	"iter"
	"strconv"

	"github.com/cybexp/cybexp/bus"
)

// The log of a report is the messages on its own subject of the frames stream. An attempt to make the report begins with a
// status frame, whose place in the stream is the attempt's epoch; all other frames of the attempt carry that epoch, and those
// before any attempt carry 0. A frame counts only if its epoch is the newest that was begun before it, so that a worker that lost its lease without noticing
// writes in vain, and everyone who reads the log agrees on what it says.
const (
	headerType  = "Frame-Type"
	headerFirst = "Frame-First"
	headerLast  = "Frame-Last"
	headerEpoch = "Frame-Epoch"

	newEpoch = "new" // the epoch of the frame that begins an attempt
)

const frameSubject = "reportd.frames."

// frameLog is the log of one report.
type frameLog struct {
	stream  *bus.Stream
	subject string
}

func (s *Service) log(id string) frameLog {
	return frameLog{stream: s.frames, subject: frameSubject + id}
}

// begin opens an attempt and returns its epoch.
func (l frameLog) begin(ctx context.Context, f Frame) (epoch uint64, err error) {
	return l.publish(ctx, f, map[string]string{headerType: string(f.Type), headerEpoch: newEpoch})
}

// append writes a frame of the attempt that epoch names; epoch 0 is before any attempt.
func (l frameLog) append(ctx context.Context, f Frame, epoch uint64) (place uint64, err error) {
	h := map[string]string{headerType: string(f.Type), headerEpoch: strconv.FormatUint(epoch, 10)}
	if f.Type == TypeRows {
		h[headerFirst] = strconv.FormatUint(f.First, 10)
		h[headerLast] = strconv.FormatUint(f.Seq, 10)
	}
	return l.publish(ctx, f, h)
}

func (l frameLog) publish(ctx context.Context, f Frame, header map[string]string) (place uint64, err error) {
	place, err = l.stream.Publish(ctx, l.subject, header, f.JSON)
	if err != nil {
		return 0, fmt.Errorf("append %s frame: %w", f.Type, err)
	}
	return place, nil
}

// entry is a frame and its place in the stream.
type entry struct {
	Frame

	place, epoch uint64
	begins       bool // an attempt, whose epoch is this place
}

// read yields the frames that count, from the first that is kept, then live until ctx ends.
func (l frameLog) read(ctx context.Context) iter.Seq2[entry, error] {
	return func(yield func(entry, error) bool) {
		var epoch uint64
		for m, err := range l.stream.Read(ctx, l.subject, 0) {
			if err != nil {
				yield(entry{}, fmt.Errorf("read log: %w", err))
				return
			}
			e, err := decodeEntry(m)
			if err != nil {
				yield(entry{}, err)
				return
			}
			switch {
			case e.begins:
				epoch = e.place
			case epoch == 0 && e.epoch != 0:
				yield(entry{}, ErrExpired) // the beginning is gone
				return
			case e.epoch != epoch:
				continue
			}
			if !yield(e, nil) {
				return
			}
		}
	}
}

func decodeEntry(m bus.Message) (entry, error) {
	e := entry{Frame: Frame{Type: FrameType(m.Header[headerType]), JSON: m.Data}, place: m.Sequence}
	var err error
	number := func(name string) uint64 {
		n, bad := strconv.ParseUint(m.Header[name], 10, 64)
		if bad != nil && err == nil {
			err = fmt.Errorf("read frame %d: header %s: %w", m.Sequence, name, bad)
		}
		return n
	}
	if m.Header[headerEpoch] == newEpoch {
		e.begins = true
		return e, nil
	}
	e.epoch = number(headerEpoch)
	if e.Type == TypeRows {
		e.First, e.Seq = number(headerFirst), number(headerLast)
	}
	return e, err
}

// past is what earlier attempts left in a log.
type past struct {
	snapshot uint64 // the state of the graph that they read; 0 when they told none
	header   bool
	rows     uint64 // rows that were shown
	ended    bool
}

// until reads the log up to a place that is known to be in it, which is where the reader's own attempt began.
func (l frameLog) until(ctx context.Context, place uint64) (past, error) {
	var p past
	for e, err := range l.read(ctx) {
		if err != nil {
			return past{}, err
		}
		if e.place >= place {
			return p, nil
		}
		if err := p.note(e.Frame); err != nil {
			return past{}, err
		}
	}
	return past{}, fmt.Errorf("read log: %w", context.Cause(ctx))
}

func (p *past) note(f Frame) error {
	switch f.Type {
	case TypeHeader:
		h, err := f.Header()
		if err != nil {
			return err
		}
		p.header = true
		p.snapshot, _ = strconv.ParseUint(h.Snapshot, 10, 64) // none is zero
	case TypeRows:
		if f.First != p.rows+1 {
			return ErrExpired
		}
		p.rows = f.Seq
	case TypeEnd, TypeError:
		p.ended = true
	case TypeStatus, TypeProgress:
	}
	return nil
}
