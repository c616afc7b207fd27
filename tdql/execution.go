package tdql

import (
	"github.com/cybexp/cybexp/ledger"
	"github.com/cybexp/cybexp/tdql/dql"
)

// Execution is one run: call Next for a query, ask it, hand the answer to Take, until Next says that there is no more. All
// queries of a run must be asked at one snapshot. A query without blocks asks nothing: hand nil to Take. It is not for
// concurrent use.
type Execution struct {
	prog    *Program
	at      int    // the phase in hand
	pager   *pager // nil before the phase is entered
	read    uint64
	scanned uint64

	seed, found []uint64 // vertices to start at, and those for the next run of phases
	left        int64    // rows still to take; below zero for all
	skip        int64    // rows to leave out first

	cache *ledger.Cache // of the graph

	fold folder
	more func() []Row
	told bool // constant rows are out

	fresh    func(hash string) bool // says which instances become rows; nil for all
	analysis *analysis              // of explain analyze
	marks    marks                  // of what was left alone
}

// Start begins a run of the program.
func (p *Program) Start() *Execution {
	x := &Execution{prog: p, left: -1}
	if p.parts != nil {
		x.analysis = &analysis{parts: p.parts}
	}
	return x
}

// StartFresh begins a run whose rows are only of instances of which fresh says true. It is asked once for each instance that the
// caller of the query may see, for one after the other, and only of programs whose rows are instances.
func (p *Program) StartFresh(fresh func(hash string) bool) *Execution {
	x := p.Start()
	x.fresh = fresh
	return x
}

// Remember tells of the segments of ledgers that were read from the same graph before, which the run need not read again.
func (x *Execution) Remember(c *ledger.Cache) { x.cache = c }

// Read is how many vertices have been read so far. It depends on what the caller may not see, and is not to be told.
func (x *Execution) Read() uint64 { return x.read }

// Scanned is how many of them the caller may see. It is the same whether events are counted one by one or in a ledger.
func (x *Execution) Scanned() uint64 { return x.scanned }

// Warnings tells, at the end, of what the rows lack.
func (x *Execution) Warnings() Errors {
	if x.analysis != nil {
		return x.analysis.warnings
	}
	list := x.marks.warnings()
	if g, ok := x.fold.(*grouper); ok {
		list = append(list, g.warnings()...)
	}
	return list
}

// Next returns the next query to ask; false at the end.
func (x *Execution) Next() (dql.Query, bool) {
	if len(x.prog.constant) > 0 && !x.told || x.more != nil {
		return dql.Query{}, true
	}
	if x.analysis != nil {
		return x.analysis.next()
	}
	if x.at >= len(x.prog.phases) {
		return dql.Query{}, false
	}
	if x.pager == nil {
		x.enter()
	}
	return x.pager.next(), true
}

// Ahead returns the query that Next will return after the answer to the last one, if that is sure already. It may be asked at
// the same time.
func (x *Execution) Ahead() (dql.Query, bool) {
	if x.pager == nil || x.left >= 0 {
		return dql.Query{}, false
	}
	return x.pager.peek()
}

// enter begins a phase.
func (x *Execution) enter() {
	ph := &x.prog.phases[x.at]
	if x.at == 0 || x.prog.phases[x.at-1].run != ph.run {
		x.seed, x.found = x.found, nil
		x.left, x.skip = -1, 0
		if ph.cut != nil && ph.order == nil {
			x.left, x.skip = ph.cut.take, ph.cut.skip
		}
	}
	x.fold = newFolder(x.prog, ph)
	if e, ok := x.fold.(*emitter); ok && !ph.collect {
		e.fresh = x.fresh
	}
	x.pager = newPager(ph, x.seed, firstPage, x.cache)
	switch {
	case ph.small || ph.collect:
		x.pager.page = countPage
	case ph.best != nil:
		x.pager.page = int(ph.best.n) + firstPage
	case x.skip >= firstPage && x.left+x.skip <= rowPage: // the first row is behind those that are left out
		x.pager.page = rowPage
	}
	x.clip()
}

// resize chooses the size of the next page.
func (x *Execution) resize() {
	ph := &x.prog.phases[x.at]
	x.pager.page = min(x.pager.page*pageGrowth, rowPage)
	if ph.small || ph.collect {
		x.pager.page = countPage
	}
	x.clip()
}

// clip asks for no more rows than are wanted.
func (x *Execution) clip() {
	if ph := &x.prog.phases[x.at]; x.left >= 0 && !ph.probed && ph.best == nil {
		want := x.left + x.skip
		if ph.paging == byTime { // those of the last time may have to wait for the next page
			want += 16
		}
		x.pager.page = int(max(1, min(int64(x.pager.page), want)))
	}
}

// Take folds the answer to the last query into rows, which the caller owns.
func (x *Execution) Take(body []byte) ([]Row, error) {
	if len(x.prog.constant) > 0 && !x.told {
		x.told = true
		return x.prog.constant, nil
	}
	if x.analysis != nil {
		return x.analysis.take(body)
	}
	if x.more != nil {
		return x.drain(nil), nil
	}
	ph := &x.prog.phases[x.at]
	if ph.marked && x.pager.asking == askFirst && len(body) > 0 {
		if err := x.marks.take(body); err != nil {
			return nil, err
		}
	}
	records, read, err := x.pager.take(body)
	if err != nil {
		return nil, err
	}
	x.read += uint64(read)
	x.scanned += scanned(ph, records)
	if x.pager.books != nil && !x.pager.done() {
		return nil, nil
	}
	enough, err := x.fold.take(records)
	if err != nil {
		return nil, err
	}
	rows := x.keep(ph, x.fold.rows())
	if !enough && !x.pager.done() && x.left != 0 {
		x.resize()
		return rows, nil
	}
	if books := x.pager.books; books != nil && ph.group != nil {
		if !books.found { // the next phase counts
			x.at, x.pager = x.at+1, nil
			return nil, nil
		}
		x.at++ // and is not needed
	}
	x.at, x.pager = x.at+1, nil
	if x.left != 0 || ph.whole() {
		x.more = x.fold.finish
		return x.drain(rows), nil
	}
	x.leaveRun()
	return rows, nil
}

// scanned is how many vertices an answer may be said to tell of.
func scanned(ph *phase, records []record) (n uint64) {
	if ph.count {
		return 1
	}
	for i := range records {
		switch r := &records[i]; {
		case ph.account != nil:
			n += r.N
		case !ph.probed || r.visible:
			n++
		}
	}
	return n
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
	uids []uint64
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
