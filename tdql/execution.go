package tdql

import (
	"strconv"

	"github.com/cybexp/cybexp/tdql/dql"
)

// Execution is one run: call Next for a query, ask it, hand the answer to Take, until Next says that there is no more. All
// queries of a run must be asked at one snapshot. A query without blocks asks nothing: hand nil to Take. It is not for
// concurrent use.
type Execution struct {
	prog    *Program
	at      int // the phase in hand
	entered bool
	scanned uint64

	seed, found []string // vertices to start at, and those for the next run of phases
	left        int64    // rows still to take; below zero for all
	skip        int64    // rows to leave out first

	page   int // rows asked for
	pages  int
	fold   folder
	after  string // byUID
	until  string // byTime
	offset int    // byTime: rows of that time; byOffset: rows so far
	more   func() []Row
	told   bool // constant rows are out
}

// Start begins a run of the program.
func (p *Program) Start() *Execution { return &Execution{prog: p, left: -1} }

// Scanned is how many vertices have been read so far.
func (x *Execution) Scanned() uint64 { return x.scanned }

// Next returns the next query to ask; false at the end.
func (x *Execution) Next() (dql.Query, bool) {
	if len(x.prog.constant) > 0 && !x.told || x.more != nil {
		return dql.Query{}, true
	}
	if x.at >= len(x.prog.phases) {
		return dql.Query{}, false
	}
	if !x.entered {
		x.enter()
	}
	ph := &x.prog.phases[x.at]
	q := ph.first
	if x.pages > 0 {
		q = ph.more
	}
	return q.With(map[dql.Param]string{
		"seed": seedText(x.seed), "first": strconv.Itoa(x.page), "after": x.after, "until": x.until, "offset": strconv.Itoa(x.offset),
	}), true
}

// enter begins a phase.
func (x *Execution) enter() {
	ph := &x.prog.phases[x.at]
	if x.at == 0 || x.prog.phases[x.at-1].run != ph.run {
		x.seed, x.found = x.found, nil
		x.left, x.skip = -1, 0
		if ph.cut != nil {
			x.left, x.skip = ph.cut.take, ph.cut.skip
		}
	}
	x.entered, x.pages, x.after, x.until, x.offset = true, 0, "0x0", timeLast, 0
	x.fold = newFolder(x.prog, ph)
	x.resize()
}

// resize chooses the size of the next page.
func (x *Execution) resize() {
	ph := &x.prog.phases[x.at]
	switch {
	case x.pages == 0 && (ph.small || ph.collect):
		x.page = countPage
	case x.pages == 0 && ph.best != nil:
		x.page = int(ph.best.n) + firstPage
	case x.pages == 0:
		x.page = firstPage
	case !ph.small && !ph.collect:
		x.page = min(x.page*pageGrowth, rowPage)
	}
	if x.left >= 0 && !ph.probed && ph.best == nil {
		x.page = int(max(1, min(int64(x.page), x.left+x.skip)))
	}
}

// Take folds the answer to the last query into rows, which the caller owns.
func (x *Execution) Take(body []byte) ([]Row, error) {
	if len(x.prog.constant) > 0 {
		x.told = true
		return x.prog.constant, nil
	}
	if x.more != nil {
		return x.drain(nil), nil
	}
	records, err := decode(body)
	if err != nil {
		return nil, err
	}
	ph := &x.prog.phases[x.at]
	x.scanned += uint64(len(records))
	enough := x.fold.take(records)
	last := enough || ph.paging == once || len(records) < x.page
	rows := x.keep(ph, x.fold.rows())
	if last || x.left == 0 {
		x.at, x.entered = x.at+1, false
		if x.left != 0 || ph.group != nil || ph.best != nil || ph.digest {
			x.more = x.fold.finish
			return x.drain(rows), nil
		}
		x.leaveRun()
		return rows, nil
	}
	x.advance(ph, records)
	return rows, nil
}

// drain hands out what is left when the last page is read.
func (x *Execution) drain(rows []Row) []Row {
	ph := &x.prog.phases[x.at-1]
	rest := x.more()
	if len(rest) == 0 {
		x.more = nil
		x.leaveRun()
	}
	return append(rows, x.keep(ph, folded{rows: rest, uids: x.fold.collected()})...)
}

// leaveRun skips what is left of a run whose cut is full.
func (x *Execution) leaveRun() {
	for x.left == 0 && x.at > 0 && x.at < len(x.prog.phases) && x.prog.phases[x.at].run == x.prog.phases[x.at-1].run {
		x.at++
	}
}

// folded is what a page, or the end of a phase, gave: rows, or vertices when the phase collects.
type folded struct {
	rows []Row
	uids []string
}

// keep applies the cut, and notes vertices.
func (x *Execution) keep(ph *phase, f folded) []Row {
	if ph.collect {
		x.found = append(x.found, cut(x, f.uids)...)
		return nil
	}
	return cut(x, f.rows)
}

// cut leaves out what is to be skipped and what is too much.
func cut[T any](x *Execution, list []T) []T {
	if x.left < 0 {
		return list
	}
	n := min(x.skip, int64(len(list)))
	list, x.skip = list[n:], x.skip-n
	n = min(x.left, int64(len(list)))
	x.left -= n
	return list[:n]
}

// advance moves the cursor past a page.
func (x *Execution) advance(ph *phase, records []record) {
	end := records[len(records)-1]
	switch ph.paging {
	case byUID:
		x.after = end.UID
	case byOffset:
		x.offset += len(records)
	case byTime:
		same := 0
		for i := len(records) - 1; i >= 0 && records[i].Timestamp == end.Timestamp; i-- {
			same++
		}
		if end.Timestamp == x.until && same == len(records) {
			same += x.offset
		}
		x.until, x.offset = end.Timestamp, same
	case once:
	}
	x.pages++
	x.resize()
}
