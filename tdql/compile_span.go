package tdql

import (
	"slices"
	"time"

	"github.com/cybexp/cybexp/tahoe"
	"github.com/cybexp/cybexp/tdql/dql"
)

// The times of a session are told by uploads, each in a span that has the upload's audience. For a caller they are the earliest start, the
// latest end and the longest duration of the spans that are theirs to see.

// spanTimes tells where the spans have an own field of sessions, and which of several values is the session's.
var spanTimes = map[string]struct{ pred, best string }{
	"start_time": {"span_start", "min"}, "end_time": {"span_end", "max"}, "duration": {"span_duration", "max"},
}

// spanAccess is the test that the caller may see a span.
func (c *compiler) spanAccess() dql.Filter {
	return dql.Eq("span_audience", c.params("o", audiences(c.plan.orgs))...)
}

// spansField asks for the spans of a session, of which a record makes its times.
func (c *compiler) spansField() dql.Field {
	return dql.Field{Alias: "t", Name: "~span_of", Filter: c.spanAccess(), Fields: []dql.Field{{Name: "span_start"}, {Name: "span_end"}, {Name: "span_duration"}}}
}

// measuredTime compiles a test of a time of sessions. The one value that counts is that of a span itself, so an index finds all sessions for which the
// test may hold, unless it is known which ones are asked about.
func (c *compiler) measuredTime(m measured) dql.Filter {
	of := spanTimes[m.field]
	value, first := numberText(m.number), "-1e18"
	if m.field != "duration" {
		value, first = m.time.at.Format(time.RFC3339Nano), timeFirst
	}
	sessions := c.scope
	if len(sessions) == 0 {
		sessions = []string{c.name()}
		c.add(dql.Block{Func: c.someSpan(of.pred, m.op, first, value), Filter: c.spanAccess(), Fields: []dql.Field{{As: sessions[0], Name: "span_of"}}})
	}
	each, best := c.name(), c.name()
	c.add(dql.Block{Func: dql.UID(sessions...), Fields: []dql.Field{
		{Name: "~span_of", Filter: c.spanAccess(), Fields: []dql.Field{{As: each, Name: of.pred}}},
		{As: best, Name: of.best + "(val(" + each + "))"},
	}})
	return dql.Compare(compareNames[m.op], "val("+best+")", c.q.Bind("n", value))
}

// someSpan finds the spans for which a test holds, or also is equal for <. It is between where it can be: le would read the index from its beginning.
func (c *compiler) someSpan(pred, op, first, value string) dql.Filter {
	p := c.q.Bind("n", value)
	switch op {
	case "=":
		return dql.Between(pred, p, p)
	case "<", "<=":
		return dql.Between(pred, c.q.Bind("n", first), p)
	}
	return dql.Compare(compareNames[op], pred, p)
}

// timed says whether a condition asks for times of sessions.
func timed(of cond) bool {
	switch of := of.(type) {
	case allOf:
		return slices.ContainsFunc(of, timed)
	case anyOf:
		return slices.ContainsFunc(of, timed)
	case negated:
		return timed(of.of)
	case measured:
		return of.field != "degree"
	}
	return false
}

// scans says whether the set is all sessions there are.
func (s *set) scans() bool {
	root, ok := s.root.(dql.Call)
	return ok && s.kind == tahoe.KindSession && s.edge == "" && (root.Name == "type" || root.Pred == "sub_type")
}

// readSpans makes the times of a session of its spans.
func (r *record) readSpans(a *dql.Answer) {
	a.List(func() {
		a.Object(func(name []byte) {
			switch string(name) {
			case "span_start":
				if at := a.Text(); r.StartTime == "" || micros(at) < micros(r.StartTime) {
					r.StartTime = at
				}
			case "span_end":
				if at := a.Text(); r.EndTime == "" || micros(at) > micros(r.EndTime) {
					r.EndTime = at
				}
			case "span_duration":
				if d := a.Float(); r.Duration == nil || d > *r.Duration {
					r.Duration = &d
				}
			default:
				a.Skip()
			}
		})
	})
}
