package tdql

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/cybexp/cybexp/tahoe"
)

// explained is the program that only tells of another, and counts a few rows of its steps.
func explained(p *Plan, prog *Program) (*Program, error) {
	out := &Program{Kind: "explain", Fields: []string{"part", "text"}}
	tell := func(part, text string) {
		out.constant = append(out.constant, newRow(2).text("part", part).text("text", text).done())
	}
	for i, text := range p.served() {
		tell("plan", p.steps[i].describe())
		tell("served", text)
	}
	for _, q := range prog.Queries() {
		if len(q.Blocks) == 0 {
			tell("dql", "nothing to ask: there is no organisation whose events you may read")
			continue
		}
		tell("dql", q.Text())
		for _, v := range q.Vars {
			tell("variable", "$"+v.Name+" = "+v.Value)
		}
	}
	var err error
	out.parts, err = estimates(p)
	return out, err
}

// Explain tells in text how a plan would run: its canonical form, its steps with what serves them, and the queries with their variables.
func Explain(p *Plan) (string, error) {
	plain := *p
	plain.explain = false
	prog, err := Compile(&plain)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString(p.Canonical() + "\n\n")
	for i, text := range p.served() {
		b.WriteString(p.steps[i].describe() + "\n    " + text + "\n")
	}
	for _, q := range prog.Queries() {
		b.WriteString("\n" + q.Text())
		for _, v := range q.Vars {
			b.WriteString("$" + v.Name + " = " + v.Value + "\n")
		}
	}
	return b.String(), nil
}

// served tells of each step what serves it.
func (p *Plan) served() []string {
	list := make([]string, len(p.steps))
	bound := unbounded
	for i, s := range p.steps {
		bound = rowBound(s, bound)
		list[i] = serves(s, bound)
	}
	return list
}

// unbounded is the bound of a step of which nobody knows, before it runs, how many rows come.
const unbounded int64 = -1

// rowBound is the largest number of rows that can come of a step, given that of the step before it.
func rowBound(of step, before int64) int64 {
	switch s := of.(type) {
	case *seed:
		if len(s.hashes) > 0 {
			return int64(len(s.hashes))
		}
	case *filter, *project, *order, *rank:
		return before
	case *move:
		if s.from == s.to {
			return before
		}
	case *best:
		return s.n
	case *slice:
		if before == unbounded {
			return s.take
		}
		return min(before, s.take)
	case *digest:
		return 1
	case *tally:
		if len(s.by) == 0 || s.distinct {
			return 1
		}
	case *chain:
		return int64(s.paths)
	case *diagram:
		if s.summary {
			return 1
		}
	}
	return unbounded
}

// serves tells which indexes serve a step, how many rows come of it at most, and what bounds its work.
func serves(of step, bound int64) string {
	parts := []string{"served by " + strings.Join(servants(of), ", ")}
	switch bound {
	case unbounded:
		parts = append(parts, "rows known when it runs")
	case 1:
		parts = append(parts, "1 row at most")
	default:
		parts = append(parts, strconv.FormatInt(bound, 10)+" rows at most")
	}
	switch of.(type) {
	case *relate:
		parts = append(parts, fmt.Sprintf("goes on through what has %d events at most, with %d events a level: warnings name the others", relatedHub, relatedLevel))
	case *order:
		parts = append(parts, "holds "+strconv.Itoa(maxSorted)+" rows unless a limit follows")
	case *rank, *chain, *diagram:
		parts = append(parts, "its work is capped: rows say what was left out")
	}
	return strings.Join(parts, "; ")
}

// servants are the indexes and edges that a step reads.
func servants(of step) []string {
	switch s := of.(type) {
	case *seed:
		if len(s.hashes) == 0 {
			return []string{"index value"}
		}
		return []string{"index hash"}
	case *move:
		return s.servants()
	case *filter:
		return indexes(s.where)
	case *relate:
		return append([]string{"edges"}, s.narrow.indexes()...)
	case *chain:
		return append([]string{"edges"}, s.narrow.indexes()...)
	case *rank, *diagram:
		return []string{"edges"}
	}
	return []string{"the rows before it"}
}

func (m *move) servants() []string {
	var list []string
	switch {
	case m.from != "" && m.from != m.to:
		list = append(list, "edges")
	case m.from == "" && (m.to == tahoe.KindEvent || m.to == tahoe.KindRaw):
		list = append(list, "index audience")
	case m.from == "" && len(m.subTypes) == 0:
		list = append(list, "index type")
	}
	if len(m.subTypes) > 0 {
		list = append(list, "index sub_type")
	}
	if list = append(list, m.narrow.indexes()...); len(list) == 0 {
		return []string{"the rows before it"}
	}
	return list
}

func (n *narrow) indexes() []string {
	var list []string
	if !n.window.low.IsZero() || !n.window.high.IsZero() {
		list = append(list, "index timestamp")
	}
	if n.category != "" {
		list = append(list, "index category")
	}
	if n.where != nil {
		list = append(list, indexes(n.where)...)
	}
	return list
}

// indexes are those that answer a condition, each once.
func indexes(of cond) []string {
	var list []string
	for _, one := range condIndexes(of) {
		if !slices.Contains(list, one) {
			list = append(list, one)
		}
	}
	return list
}

func condIndexes(of cond) []string {
	var list []string
	switch of := of.(type) {
	case allOf:
		for _, one := range of {
			list = append(list, condIndexes(one)...)
		}
		return list
	case anyOf:
		for _, one := range of {
			list = append(list, condIndexes(one)...)
		}
		return list
	case negated:
		return condIndexes(of.of)
	case includes, hashIn:
		return []string{"index hash"}
	case kindIn:
		return []string{"index type"}
	case subTypeIn:
		return []string{"index sub_type"}
	case categoryIn:
		return []string{"index category"}
	case orgIn:
		return []string{"index audience"}
	case markingIn:
		return []string{"index tlp"}
	case dataIn:
		return []string{"index value"}
	case timeIs:
		return []string{"index timestamp"}
	case measured:
		if of.field == "degree" {
			return []string{"reading the set"}
		}
		return []string{"index " + of.field}
	case matches:
		return []string{of.test.servant()}
	}
	return nil
}

// servant is the index that finds the values of a match.
func (m match) servant() string {
	switch {
	case !m.indexed():
		return "reading the set"
	case m.op == "has":
		return "index sub_type"
	case m.op == "in":
		return "index ip"
	case m.op == "under":
		return "index host"
	case slices.Contains(comparisons, m.op):
		return "index number"
	}
	return "index value (trigrams)"
}
