package reportd

import (
	"encoding/json"
	"fmt"
	"github.com/cybexp/cybexp/tdql"
)

// FrameType says what a frame tells.
type FrameType string

// The types of frames. A report's frames are: status, header, then rows and progress in any mixture, then one end or one
// error, which is the last.
const (
	TypeStatus   FrameType = "status"
	TypeHeader   FrameType = "header"
	TypeRows     FrameType = "rows"
	TypeProgress FrameType = "progress"
	TypeEnd      FrameType = "end"
	TypeError    FrameType = "error"
)

// Frame is one piece of a report as it streams.
type Frame struct {
	Type FrameType
	// First and Seq number the first and the last row of a rows frame; a report's rows count from 1. Seq is what a
	// subscriber that comes back resumes after.
	First, Seq uint64
	// JSON is the frame as one JSON object, without the id of the operation that it answers. It must not be changed.
	JSON []byte
}

// Last says whether no frame follows.
func (f Frame) Last() bool { return f.Type == TypeEnd || f.Type == TypeError }

// Rows returns the rows of a rows frame, each one a JSON value.
func (f Frame) Rows() ([]json.RawMessage, error) {
	var b struct {
		Rows []json.RawMessage `json:"rows"`
	}
	if err := f.decode(TypeRows, &b); err != nil {
		return nil, err
	}
	return b.Rows, nil
}

// Header returns what a header frame says.
func (f Frame) Header() (Header, error) {
	var h Header
	return h, f.decode(TypeHeader, &h)
}

// Progress returns what a progress frame says.
func (f Frame) Progress() (ProgressNote, error) {
	var p ProgressNote
	return p, f.decode(TypeProgress, &p)
}

// End returns what an end frame says.
func (f Frame) End() (End, error) {
	var e End
	return e, f.decode(TypeEnd, &e)
}

// Failure returns what an error frame says.
func (f Frame) Failure() (Failure, error) {
	var e Failure
	return e, f.decode(TypeError, &e)
}

func (f Frame) decode(want FrameType, v any) error {
	if f.Type != want {
		return fmt.Errorf("read %s frame: it is a %s frame", want, f.Type)
	}
	if err := json.Unmarshal(f.JSON, v); err != nil {
		return fmt.Errorf("read %s frame: %w", want, err)
	}
	return nil
}

// StatusNote is the body of a status frame.
type StatusNote struct {
	Type   FrameType `json:"type"`
	Report string    `json:"report"`
	Status Status    `json:"status"`
	// Position is about the place in the queue of a report that waits, counting those that are being made.
	Position int `json:"position,omitempty"`
}

// Header is the body of a header frame: what the rows are.
type Header struct {
	Type      FrameType `json:"type"`
	Kind      string    `json:"kind"`
	Fields    []string  `json:"fields"`
	Canonical string    `json:"canonical"`
	// Snapshot names the state of the graph that all rows were read from; empty when nothing was read.
	Snapshot string `json:"snapshot"`
}

// rowsNote is the body of a rows frame.
type rowsNote struct {
	Type FrameType         `json:"type"`
	Seq  uint64            `json:"seq"`
	Rows []json.RawMessage `json:"rows"`
}

// ProgressNote is the body of a progress frame.
type ProgressNote struct {
	Type      FrameType `json:"type"`
	Rows      uint64    `json:"rows"`
	Scanned   uint64    `json:"scanned"`
	ElapsedMS int64     `json:"elapsed_ms"`
}

// End is the body of an end frame.
type End struct {
	Type      FrameType   `json:"type"`
	Status    Status      `json:"status"`
	Rows      uint64      `json:"rows"`
	ElapsedMS int64       `json:"elapsed_ms"`
	Warnings  tdql.Errors `json:"warnings,omitempty"`
}

// Failure is the body of an error frame, and the reason in a report that failed.
type Failure struct {
	Type    FrameType   `json:"type"`
	Code    string      `json:"code"`
	Message string      `json:"message"`
	Errors  tdql.Errors `json:"errors,omitempty"`
}

// newFrame makes a frame of one of the bodies above, none of which can fail to be written as JSON.
func newFrame(t FrameType, body any) Frame {
	data, err := json.Marshal(body)
	if err != nil {
		panic(fmt.Sprintf("reportd: a %s frame is always JSON: %v", t, err))
	}
	return Frame{Type: t, JSON: data}
}

func statusFrame(id string, s Status, position int) Frame {
	return newFrame(TypeStatus, StatusNote{Type: TypeStatus, Report: id, Status: s, Position: position})
}

// rowsFrame makes the frame of rows that follow the row number after.
func rowsFrame(after uint64, rows []json.RawMessage) Frame {
	seq := after + uint64(len(rows))
	f := newFrame(TypeRows, rowsNote{Type: TypeRows, Seq: seq, Rows: rows})
	f.First, f.Seq = after+1, seq
	return f
}

func endFrame(e End) Frame {
	e.Type = TypeEnd
	return newFrame(TypeEnd, e)
}

func errorFrame(e Failure) Frame {
	e.Type = TypeError
	return newFrame(TypeError, e)
}

// cut returns the part of a rows frame that comes after the row number after, no longer than limit rows.
func (f Frame) cut(after, limit uint64) (Frame, error) {
	if f.First > after && f.Seq-f.First < limit {
		return f, nil
	}
	rows, err := f.Rows()
	if err != nil {
		return Frame{}, err
	}
	start := max(f.First, after+1)
	rows = rows[start-f.First:]
	if uint64(len(rows)) > limit {
		rows = rows[:limit]
	}
	return rowsFrame(start-1, rows), nil
}

// answering returns the frame's JSON with the id of the operation that it answers as its first member.
func (f Frame) answering(id string) []byte {
	quoted, _ := json.Marshal(id) // a string is always JSON
	out := make([]byte, 0, len(f.JSON)+len(quoted)+len(`{"id":,`))
	out = append(out, `{"id":`...)
	out = append(out, quoted...)
	out = append(out, ',')
	return append(out, f.JSON[1:]...)
}
