package ingest

import (
	"bytes"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"
	"unicode/utf8"

	"github.com/cybexp/cybexp/ingest/filter"
	"github.com/cybexp/cybexp/tahoe"
)

// mapper makes instances of the records of one format.
type mapper struct {
	typetag, org, timezone string
	marking                tahoe.Marking
	received               time.Time
	log                    *slog.Logger

	filter    filter.Filter
	supported bool
}

func newMapper(typetag, org, timezone string, received time.Time, log *slog.Logger) *mapper {
	m := &mapper{typetag: typetag, org: org, timezone: timezone, received: received, log: log}
	m.filter, m.supported = filter.For(typetag)
	return m
}

// Outcome is what a record became.
type Outcome struct {
	Line     int
	Record   tahoe.Record // without Raw if not even that can be made
	Problems []Problem

	text  []byte
	whole bool // the raw has all of text
}

// note adds a problem with a part of the record, fail one with all of it.
func (o *Outcome) note(field, message string) {
	o.Problems = append(o.Problems, Problem{Line: o.Line, Field: field, Message: message})
}

func (o *Outcome) fail(state tahoe.RawState, message string) {
	o.Record.State = state
	o.Problems = append(o.Problems, Problem{Line: o.Line, Record: true, Message: message})
}

// record never fails: the worst that a record can do is to become an invalid raw.
func (m *mapper) record(line int, text []byte) Outcome {
	out := Outcome{Line: line, text: text}
	data, syntax := m.read(text)
	var err error
	if out.Record.Raw, out.whole, err = m.raw(text, data); err != nil {
		out.fail(tahoe.Invalid, fmt.Sprintf("cannot be kept: %v", err))
		return out
	}
	m.run(&out, data, syntax)
	return out
}

// run has the filter map the data of a raw. Syntax is why the record is not the JSON that it should be.
func (m *mapper) run(out *Outcome, data tahoe.Value, syntax error) {
	out.Record.Marking = m.marking
	out.Record.Received = float64(m.received.UnixMicro()) / 1e6
	if !m.supported {
		out.Record.State = tahoe.NotSupported
		return
	}
	result, err := m.apply(out.Line, out.Record.Raw, data)
	for _, p := range result.Problems {
		out.note(p.Field, p.Message)
	}
	switch {
	case err != nil && syntax != nil:
		out.fail(tahoe.Invalid, syntax.Error())
	case err != nil:
		out.fail(tahoe.Invalid, err.Error())
	case len(result.Events) == 0 && len(result.Sessions) == 0:
		out.Record.State = tahoe.Kept
	default:
		out.Record.State = tahoe.Mapped
		out.Record.Events, out.Record.Sessions = result.Events, result.Sessions
		out.mark(m.marking)
	}
	if result.Raw != nil && err == nil {
		out.Record.Raw, out.Record.State, out.whole = result.Raw, result.State, true
		out.Record.Marking = m.marking.Stricter(result.Marking)
	}
}

// mark marks all events of a record, at least so restrictively.
func (o *Outcome) mark(m tahoe.Marking) {
	for _, e := range o.Record.Events {
		e.Mark(m)
	}
	for _, s := range o.Record.Sessions {
		for _, e := range s.Events() {
			e.Mark(m)
		}
	}
}

// read is what the filter gets: the record as the JSON that it is, or else, with the reason in syntax, as text.
func (m *mapper) read(text []byte) (data tahoe.Value, syntax error) {
	if isText(m.typetag) && !bytes.HasPrefix(text, []byte("{")) && !bytes.HasPrefix(text, []byte("[")) {
		return textData(text), nil
	}
	if data, syntax = tahoe.ParseValue(text); syntax != nil {
		return textData(text), syntax
	}
	return data, nil
}

// raw keeps a record as it was read. The graph takes canonical texts of 1 MiB at most, and nested data grows in them: what is too large
// is kept as its text, which does not, and what is too large even so as its hash, length and beginning.
func (m *mapper) raw(text []byte, data tahoe.Value) (raw *tahoe.Raw, whole bool, err error) {
	if raw, err = tahoe.NewRaw(m.typetag, data, m.org, m.timezone); err == nil {
		return raw, true, nil
	}
	if raw, err = tahoe.NewRaw(m.typetag, textData(text), m.org, m.timezone); err == nil {
		return raw, true, nil
	}
	raw, err = tahoe.NewRaw(m.typetag, excerpt(text), m.org, m.timezone)
	return raw, false, err
}

// textData makes data of text. Bytes that are no UTF-8 come each as the character of its number, which is Latin-1 and loses nothing.
func textData(text []byte) tahoe.Value {
	if utf8.Valid(text) {
		return tahoe.Map(map[string]tahoe.Value{"data": tahoe.String(string(text))})
	}
	latin := make([]rune, len(text))
	for i, b := range text {
		latin[i] = rune(b)
	}
	return tahoe.Map(map[string]tahoe.Value{"data": tahoe.String(string(latin)), "encoding": tahoe.String("latin-1")})
}

func (m *mapper) apply(line int, raw *tahoe.Raw, data tahoe.Value) (result filter.Result, err error) {
	defer func() {
		if p := recover(); p != nil {
			m.log.Error("filter panicked", "typetag", m.typetag, "raw", raw.Hash(), "line", line, "panic", p, "stack", string(debug.Stack()))
			result, err = filter.Result{}, fmt.Errorf("filter panicked: %v", p)
		}
	}()
	return m.filter.Apply(filter.Input{Data: data, OrgID: m.org, Timezone: m.timezone, Received: m.received})
}
