package tdql

import (
	"slices"
	"time"

	"github.com/alecthomas/participle/v2/lexer"

	"github.com/cybexp/cybexp/tahoe"
)

// Range is a range of time in the words of a query: a duration after last, or times after from and to, of which one may be empty. An
// empty Range is all of time.
type Range struct{ Last, From, To string }

// Once is the query without watch, which is answered once.
func (q *Query) Once() *Query {
	once := *q
	once.Watch = lexer.Token{}
	return &once
}

// Within is the query in another range of time. That is put where the last range stands that the query has; if it has none, where the
// last events are that it goes to. A query that goes to no events has no place for one, which is a fault, as is what is no time.
func (q *Query) Within(r Range) (*Query, error) {
	f := &faults{text: q.text}
	items := r.items(f)
	if err := f.err(); err != nil {
		return nil, err
	}
	fresh, err := Parse(q.text)
	if err != nil {
		return nil, err
	}
	places := fresh.ranges()
	if len(places) == 0 {
		f.add(CodeMeaning, span{0, len(q.text)}, "only events have times: as in | events", "the query has no place for a range of time")
		return nil, f.err()
	}
	place := places[len(places)-1]
	for _, p := range slices.Backward(places) {
		if slices.ContainsFunc(*p, isTime) {
			place = p
			break
		}
	}
	*place = slices.Concat(items, slices.DeleteFunc(*place, isTime))
	sortItems(*place)
	return Parse(fresh.String())
}

func isTime(it *item) bool { return it.Key == "last" || it.Key == "from" || it.Key == "to" }

// items are the clauses of a range.
func (r Range) items(f *faults) []*item {
	var list []*item
	quoted := func(text string) value {
		return value{leaf: leaf{Text: string(tahoe.String(text).AppendJSON(nil))}, kind: tokQuoted}
	}
	if r.Last != "" {
		if _, err := parseDuration(r.Last); err != nil {
			f.add(CodeValue, span{}, durationHelp(r.Last), "%s is not a duration", quote(r.Last))
		}
		list = append(list, &item{Key: "last", Last: &duration{quoted(r.Last)}})
	}
	for _, end := range []struct{ key, text string }{{"from", r.From}, {"to", r.To}} {
		if end.text == "" {
			continue
		}
		if _, err := parseTime(end.text, time.Unix(0, 0), time.UTC); err != nil {
			f.add(CodeValue, span{}, "as in 2021-05-21T00:00:00Z", "%s is not a time", quote(end.text))
		}
		list = append(list, &item{Key: end.key, Time: &instant{quoted(end.text)}})
	}
	if r.Last != "" && len(list) > 1 {
		f.add(CodeMeaning, span{}, "", `"last" does not go together with "from" and "to"`)
	}
	return list
}

// ranges lists where a range of time may stand, in the order of the text.
func (q *Query) ranges() []*[]*item {
	var list []*[]*item
	switch r := q.Report; {
	case r == nil:
		list = q.Source.ranges()
	case r.Path != nil:
		list = append(list, &r.Path.To.Items)
	default:
		scan := r.Source.Scan
		list = append(list, r.Source.groupRanges()...)
		if scan == nil && !r.Rank || scan != nil && scan.Kind == "events" {
			list = append(list, &r.Items)
		}
	}
	return append(list, rangesOf(q.Stages)...)
}

func (s *source) ranges() []*[]*item {
	if s.Scan != nil && s.Scan.Kind == "events" {
		return []*[]*item{&s.Scan.Items}
	}
	return s.groupRanges()
}

func (s *source) groupRanges() []*[]*item {
	if s.Group == nil {
		return nil
	}
	return append(s.Group.Source.ranges(), rangesOf(s.Group.Stages)...)
}

func rangesOf(stages []*stage) []*[]*item {
	var list []*[]*item
	for _, s := range stages {
		switch {
		case s.Hop != nil && s.Hop.Kind == "events":
			list = append(list, &s.Hop.Items)
		case s.Related:
			list = append(list, &s.Items)
		case s.Route != nil:
			list = append(list, &s.Route.Items)
		}
	}
	return list
}
