package ingest

import (
	"fmt"
	"log/slog"
	"runtime/debug"
	"strings"
	"time"

	"github.com/cybexp/cybexp/ingest/filter"
	"github.com/cybexp/cybexp/tahoe"
)

// mapper makes instances of the records of one format.
type mapper struct {
	typetag, org, timezone string
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
}

// record never fails: the worst that a record can do is to become an invalid raw.
func (m *mapper) record(line int, text []byte) Outcome {
	out := Outcome{Line: line}
	note := func(field, format string, args ...any) {
		out.Problems = append(out.Problems, Problem{Line: line, Field: field, Message: fmt.Sprintf(format, args...)})
	}
	raw, syntax, err := m.raw(text)
	if err != nil {
		out.Record.State = tahoe.Invalid
		note("", "cannot be kept: %v", err)
		return out
	}
	out.Record.Raw = raw
	if !m.supported {
		out.Record.State = tahoe.NotSupported
		return out
	}
	result, err := m.apply(line, raw)
	for _, p := range result.Problems {
		note(p.Field, "%s", p.Message)
	}
	switch {
	case err != nil && syntax != nil:
		out.Record.State = tahoe.Invalid
		note("", "%v", syntax)
	case err != nil:
		out.Record.State = tahoe.Invalid
		note("", "%v", err)
	case len(result.Events) == 0 && len(result.Sessions) == 0:
		out.Record.State = tahoe.Kept
	default:
		out.Record.State = tahoe.Mapped
		out.Record.Events, out.Record.Sessions = result.Events, result.Sessions
	}
	return out
}

// raw keeps a record as the JSON that it is, or else, with the reason in syntax, as text: {"data": "…"}.
func (m *mapper) raw(text []byte) (raw *tahoe.Raw, syntax, err error) {
	v, syntax := tahoe.ParseValue(text)
	if syntax == nil {
		if raw, syntax = tahoe.NewRaw(m.typetag, v, m.org, m.timezone); syntax == nil {
			return raw, nil, nil
		}
	}
	v = tahoe.Map(map[string]tahoe.Value{"data": tahoe.String(strings.ToValidUTF8(string(text), "\ufffd"))})
	raw, err = tahoe.NewRaw(m.typetag, v, m.org, m.timezone)
	return raw, syntax, err
}

func (m *mapper) apply(line int, raw *tahoe.Raw) (result filter.Result, err error) {
	defer func() {
		if p := recover(); p != nil {
			m.log.Error("filter panicked", "typetag", m.typetag, "raw", raw.Hash(), "line", line, "panic", p, "stack", string(debug.Stack()))
			result, err = filter.Result{}, fmt.Errorf("filter panicked: %v", p)
		}
	}()
	return m.filter.Apply(filter.Input{Data: raw.Data(), OrgID: m.org, Timezone: m.timezone, Received: m.received})
}
