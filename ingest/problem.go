package ingest

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
)

// Problem is something in an upload that could not be used.
type Problem struct {
	Line    int    `json:"line,omitempty"`
	Record  bool   `json:"record,omitempty"` // the whole record; else a part of it, and the rest of it counts
	Field   string `json:"field,omitempty"`
	Message string `json:"message"`
}

// String is the problem in a line.
func (p Problem) String() string {
	s := p.Message
	if p.Field != "" {
		s = p.Field + ": " + s
	}
	if p.Line > 0 {
		s = strconv.Itoa(p.Line) + ": " + s
	}
	return s
}

// Reason is why records, or parts of them, could not be used: the problems that say the same of the same field.
type Reason struct {
	Record  bool   `json:"record,omitempty"` // of whole records; else of parts
	Field   string `json:"field,omitempty"`
	Message string `json:"message"` // with … for what differs
	Example string `json:"example"` // the first of them in full
	Count   int    `json:"count"`
	Lines   []int  `json:"lines,omitempty"` // the first of them
}

// Bounds of what is told of an upload. What is beyond them is counted.
const (
	maxProblems = 100
	maxReasons  = 50
	maxLines    = 5
)

// otherReasons stands for those that are not told one by one.
const otherReasons = "other reasons"

// problems counts what could not be used.
type problems struct {
	Total   int       `json:"total,omitempty"`
	Parts   int       `json:"parts,omitempty"`
	First   []Problem `json:"first,omitempty"`
	Reasons []Reason  `json:"reasons,omitempty"`
}

func (p *problems) add(more ...Problem) {
	p.First = append(p.First, more[:min(len(more), maxProblems-len(p.First))]...)
	p.Total += len(more)
	for _, m := range more {
		r := Reason{Record: m.Record, Field: pattern(m.Field), Message: pattern(m.Message), Example: m.Message, Count: 1}
		if m.Line > 0 {
			r.Lines = []int{m.Line}
		}
		p.count(r)
		if !m.Record {
			p.Parts++
		}
	}
}

func (p *problems) merge(q problems) {
	p.First = append(p.First, q.First[:min(len(q.First), maxProblems-len(p.First))]...)
	p.Total += q.Total
	p.Parts += q.Parts
	for _, r := range q.Reasons {
		p.count(r)
	}
}

func (p *problems) count(r Reason) {
	same := func(have Reason) bool {
		return have.Record == r.Record && have.Field == r.Field && have.Message == r.Message
	}
	i := slices.IndexFunc(p.Reasons, same)
	if i < 0 && len(p.Reasons) >= maxReasons {
		r.Field, r.Message = "", otherReasons
		i = slices.IndexFunc(p.Reasons, same)
	}
	if i < 0 {
		r.Lines = slices.Clone(r.Lines)
		p.Reasons = append(p.Reasons, r)
		return
	}
	have := &p.Reasons[i]
	have.Count += r.Count
	have.Lines = append(have.Lines, r.Lines...)
	slices.Sort(have.Lines)
	have.Lines = have.Lines[:min(len(have.Lines), maxLines)]
}

// ranked gives the reasons as they are shown: what cost whole records first, then what is most frequent.
func (p *problems) ranked() []Reason {
	list := slices.Clone(p.Reasons)
	slices.SortStableFunc(list, func(a, b Reason) int {
		if a.Record != b.Record {
			if a.Record {
				return -1
			}
			return 1
		}
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Field, b.Field), cmp.Compare(a.Message, b.Message))
	})
	return list
}

// varying is what differs between problems that say the same: quoted values, and numbers that are words of their own.
var varying = regexp.MustCompile(`"(?:[^"\\]|\\.)*"|'[^']*'|\b[0-9]+\b`)

func pattern(text string) string { return varying.ReplaceAllString(text, "…") }
