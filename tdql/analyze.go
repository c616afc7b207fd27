package tdql

import (
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"github.com/cybexp/cybexp/tdql/dql"
)

// part is what explain runs: the pipeline up to a step, as a count, or the whole query.
type part struct {
	step     string
	prog     *Program
	last     bool // the whole query: its rows are counted as they come
	estimate bool // no more than estimateRows are counted, and told in the words of explain
}

// estimateRows is up to how many rows explain counts, so that it costs little whatever is asked.
const estimateRows = 1000

// estimates are the parts that tell explain how many rows its steps have.
func estimates(p *Plan) ([]part, error) {
	var list []part
	for i, s := range p.steps {
		switch s.(type) {
		case *seed, *move, *filter, *relate:
		default:
			continue
		}
		sub := &Plan{orgs: p.orgs, canonical: p.canonical, steps: slices.Clone(p.steps[:i+1])}
		sub.steps = append(sub.steps, &slice{take: estimateRows + 1}, &tally{zone: time.UTC})
		prog, err := Compile(sub)
		if err != nil {
			return nil, err
		}
		list = append(list, part{step: s.describe(), prog: prog, estimate: true})
	}
	return list, nil
}

// analyzed is the program that runs a plan and tells of each step what came of it. The rows of a step are those of the
// pipeline up to it; time and round trips are what that pipeline took by itself. Of a walk, which is not a pipeline of queries,
// its runner tells what it fetched.
func analyzed(p *Plan) (*Program, error) {
	out := &Program{Kind: "analyze", Fields: []string{"step", "rows", "ms", "round_trips"}}
	if at := p.walks(); at >= 0 {
		out.walk, out.Fields = compileWalk(p, at).walk, append(out.Fields, "dql", "capped")
		out.walk.Analyze = true
		return out, nil
	}
	for i, s := range p.steps {
		sub := &Plan{orgs: p.orgs, canonical: p.canonical, steps: slices.Clone(p.steps[:i+1])}
		last := i == len(p.steps)-1
		if !last {
			sub.steps = append(sub.steps, &tally{zone: time.UTC})
		}
		prog, err := Compile(sub)
		if err != nil {
			return nil, err
		}
		out.parts = append(out.parts, part{step: s.describe(), prog: prog, last: last})
	}
	return out, nil
}

// analysis is the run of the parts, one after the other.
type analysis struct {
	parts []part
	at    int
	x     *Execution // of the part in hand
	rows  uint64
	trips uint64
	took  time.Duration
	asked bool

	warnings Errors // of the whole query
}

func (a *analysis) next() (dql.Query, bool) {
	if a.at == len(a.parts) {
		return dql.Query{}, false
	}
	if a.x == nil {
		a.x = a.parts[a.at].prog.Start()
		a.rows, a.trips, a.took = 0, 0, 0
	}
	q, _ := a.x.Next() // at the end it asks nothing, and the row of the part is handed out
	a.asked = len(q.Blocks) > 0
	return q, true
}

// take folds an answer; at the end of a part it makes the row of its step.
func (a *analysis) take(body []byte) ([]Row, error) {
	if _, more := a.x.Next(); !more {
		p := a.parts[a.at]
		if p.last {
			a.warnings = a.x.Warnings()
		}
		a.at, a.x = a.at+1, nil
		if p.estimate {
			return []Row{newRow(2).text("part", "estimate").text("text", p.step+": "+roughly(a.rows)).done()}, nil
		}
		ms := json.RawMessage(strconv.FormatFloat(float64(a.took.Microseconds())/1000, 'f', -1, 64))
		return []Row{newRow(4).text("step", p.step).number("rows", a.rows).json("ms", string(ms)).number("round_trips", a.trips).done()}, nil
	}
	if a.asked {
		a.trips++
	}
	rows, err := a.x.Take(body)
	for _, r := range rows {
		var count struct {
			Count uint64 `json:"count"`
		}
		if a.parts[a.at].last {
			a.rows++
		} else if err := json.Unmarshal(r, &count); err == nil {
			a.rows += count.Count
		}
	}
	return nil, err
}

// roughly says how many rows there are, as far as they were counted.
func roughly(n uint64) string {
	switch {
	case n == 1:
		return "1 row"
	case n > estimateRows:
		return "more than " + strconv.Itoa(estimateRows) + " rows"
	}
	return strconv.FormatUint(n, 10) + " rows"
}

// Took tells how long the answer to the last query took, for explain analyze.
func (x *Execution) Took(d time.Duration) {
	if x.analysis != nil {
		x.analysis.took += d
	}
}
