package tdql

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cybexp/cybexp/ledger"
	"github.com/cybexp/cybexp/tahoe"
	"github.com/cybexp/cybexp/tdql/dql"
)

// How many rows a page has: the first is small, so that the first row is early.
const (
	firstPage  = 100
	rowPage    = 4000
	countPage  = 20000  // when only a few small fields are read
	gatherPage = 100000 // when only vertices are read
	pageGrowth = 10     // how much larger than the one before a page may be
)

// asking is what a pager asks for next.
type asking uint8

const (
	askFirst  asking = iota // a page of rows as the database orders them
	askGather               // the vertices of what is left, or of a span of time of it
	askTies                 // the hashes of vertices that share one time
	askRows                 // the rows of vertices
	askNothing
)

// pager walks through the pages of a phase. The first page is asked as it stands, so that it is quick. For the pages after
// it the database would make the whole set again each time, so the vertices of what is left are gathered once, and then read
// page by page. Events are gathered span of time after span of time, newest first, and ordered here: by time, then by hash.
type pager struct {
	ph     *phase
	books  *accountant // reads a ledger instead; nil for most phases
	seed   string      // where the phase starts
	asking asking
	page   int // rows asked for
	pages  int
	after  uint64 // the vertex after which the next page begins
	whole  bool   // all vertices are gathered
	offset int

	// What is gathered, in order, and how far it is read.
	members []member
	pos     int
	asked   int
	ahead   int               // where the page after the one in hand ends, when it is asked for already
	ties    []uint64          // vertices whose hashes are asked for
	hashes  map[uint64]string // of vertices that share one time

	// The span of time in hand, in microseconds. What is not after the row told last, newest first, is left out.
	span struct {
		low, high int64
		width     int64 // zero when there is one span, of all that is left
	}
	last struct {
		at   int64
		hash string
	}
}

// member is a vertex of the set and its time.
type member struct {
	uid uint64
	at  int64
}

const (
	maxTies    = 1000    // vertices of one time that are ordered with their rows at hand
	maxMembers = 4 << 20 // vertices gathered at once; beyond, the span of time is cut
	spanTarget = 64 << 10
)

var (
	earliest = micros(timeFirst)
)

// micros reads a time, in microseconds since 1970; what is not one is the earliest.
func micros(text string) int64 {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return minUnix * 1e6
	}
	return t.UnixMicro()
}

func newPager(ph *phase, seed []uint64, page int, cache *ledger.Cache) *pager {
	g := &pager{ph: ph, seed: uidText(seed), page: page, hashes: map[uint64]string{}}
	if ph.account != nil {
		g.books = newAccountant(ph, cache)
	}
	return g
}

// next is the query to ask.
func (g *pager) next() dql.Query {
	if g.books != nil {
		return g.books.next()
	}
	q := g.ph.first
	values := map[dql.Param]string{"seed": g.seed, "first": strconv.Itoa(g.page), "after": "0x" + strconv.FormatUint(g.after, 16), "offset": strconv.Itoa(g.offset)}
	switch g.asking {
	case askFirst, askNothing:
	case askGather:
		q = g.ph.gather
		values["first"] = strconv.Itoa(gatherPage)
		values["low"], values["high"] = microText(g.span.low), microText(g.span.high)
	case askTies:
		q = tieQuery
		g.asked = min(len(g.ties), countPage)
		values["these"] = uidText(g.ties[:g.asked])
	case askRows:
		q = g.ph.fetch
		if g.asked, g.ahead = g.ahead, 0; g.asked == 0 {
			g.asked = g.pageEnd(g.pos)
		}
		values["these"] = g.uidsOf(g.pos, g.asked)
	}
	return q.With(values)
}

// peek is the query that will be asked next, whatever the answer to the one in hand is.
func (g *pager) peek() (dql.Query, bool) {
	if g.asking != askRows || g.asked == len(g.members) {
		return dql.Query{}, false
	}
	g.ahead = g.pageEnd(g.asked)
	return g.ph.fetch.With(map[dql.Param]string{"seed": g.seed, "these": g.uidsOf(g.asked, g.ahead)}), true
}

func (g *pager) uidsOf(from, to int) string {
	uids := make([]uint64, 0, to-from)
	for _, m := range g.members[from:to] {
		uids = append(uids, m.uid)
	}
	return uidText(uids)
}

// tieQuery asks for the hashes of vertices.
var tieQuery = func() dql.Query {
	q := dql.Query{Name: "tdql"}
	q.Blocks = []dql.Block{{Name: "r", Func: dql.UIDList(q.Declare("these", "string", "[]")), Fields: []dql.Field{{Name: "uid"}, {Name: "hash"}}}}
	return q
}()

func microText(at int64) string { return time.UnixMicro(at).UTC().Format(timeFormat) }

func uidText(uids []uint64) string {
	b := make([]byte, 0, 12*len(uids)+2)
	for i, u := range uids {
		b = append(b, "[,"[min(i, 1)])
		b = strconv.AppendUint(append(b, "0x"...), u, 16)
	}
	if len(uids) == 0 {
		b = append(b, '[')
	}
	return string(append(b, ']'))
}

// pageEnd is where a page of rows ends: events of one time stay together, unless their hashes are known.
func (g *pager) pageEnd(from int) int {
	end := min(from+g.page, len(g.members))
	for end < len(g.members) && g.ph.paging == byTime && g.members[end].at == g.members[end-1].at && g.hashes[g.members[end].uid] == "" {
		end++
	}
	return end
}

// take reads the answer, and returns its rows. Done says that there are no more.
func (g *pager) take(body []byte) (rows []record, read int, err error) {
	if g.books != nil {
		before := g.books.read
		rows, err = g.books.take(body)
		return rows, g.books.read - before + len(rows), err
	}
	if g.asking == askGather || g.asking == askTies {
		return nil, 0, g.collect(body)
	}
	rows, err = decode(body)
	if err != nil {
		return nil, 0, err
	}
	for i := range rows {
		rows[i].IType = cmp.Or(rows[i].IType, string(g.ph.kind))
		if g.ph.kind == tahoe.KindRaw {
			rows[i].hear(g.ph.audiences)
		}
	}
	read = len(rows)
	g.pages++
	if g.asking == askRows {
		rows = g.ordered(rows)
		g.remember(rows)
		if g.pos = g.asked; g.pos == len(g.members) {
			g.onward()
		}
		return rows, read, nil
	}
	switch {
	case g.ph.paging == once || len(rows) < g.page:
		g.asking = askNothing
		return g.ordered(rows), read, nil
	case g.ph.paging == byOffset:
		g.offset += len(rows)
	default:
		g.after = rows[len(rows)-1].UID
	}
	if len(g.ph.gather.Blocks) > 0 {
		rows = g.gather(rows)
	}
	return rows, read, nil
}

func (g *pager) done() bool {
	if g.books != nil {
		return g.books.done()
	}
	return g.asking == askNothing
}

// gather goes on after the first page. Of the time at which that ended it may lack some, so all of that time come later.
func (g *pager) gather(first []record) []record {
	g.asking = askGather
	if g.ph.paging != byTime {
		return first
	}
	g.after = 0
	n := len(first)
	newest, end := micros(first[0].Timestamp), micros(first[n-1].Timestamp)
	g.last.at, g.span.low, g.span.high = end, earliest, end
	if g.ph.sliced {
		g.span.width = max(1, (newest-end)/int64(n)) * rowPage
		g.cutSpan()
	}
	first = g.ordered(first)
	for n = len(first); n > 0 && first[n-1].at == end; n-- {
	}
	return first[:n]
}

// cutSpan makes the span in hand as long as its width.
func (g *pager) cutSpan() {
	g.span.low = earliest
	if g.span.high-g.span.width > earliest {
		g.span.low = g.span.high - g.span.width
	}
}

// collect notes the vertices, or their hashes, of an answer.
func (g *pager) collect(body []byte) error {
	n, last, err := g.note(body)
	if err != nil {
		return err
	}
	switch {
	case g.asking == askTies:
		if g.ties = g.ties[g.asked:]; len(g.ties) == 0 {
			g.read()
		}
	case n == gatherPage && g.ph.paging == byTime && len(g.members) >= maxMembers && g.span.high-g.span.low > 1:
		g.halve()
	case n == gatherPage:
		g.after = last
		if g.ph.paging == byUID { // no order but theirs: read these first
			g.read()
		}
	default:
		g.after = 0
		g.arrange()
	}
	return nil
}

// note notes the vertices, or their hashes, of an answer. It returns how many there are, and the last one.
func (g *pager) note(body []byte) (n int, last uint64, err error) {
	a := dql.NewAnswer(body)
	vertex := func() {
		m := member{}
		a.Object(func(name []byte) {
			switch string(name) {
			case "uid":
				m.uid = a.UID()
			case "timestamp":
				m.at = micros(a.Text())
			case "hash":
				g.hashes[m.uid] = a.Text()
			default:
				a.Skip()
			}
		})
		if n, last = n+1, m.uid; g.asking == askGather {
			g.members = append(g.members, m)
		}
	}
	a.Object(func([]byte) { a.List(vertex) })
	if a.Err() != nil {
		return 0, 0, fmt.Errorf("decode vertices: %w", a.Err())
	}
	return n, last, nil
}

// halve begins a span that holds too much again, with less of its time.
func (g *pager) halve() {
	oldest := slices.MinFunc(g.members, func(a, b member) int { return cmp.Compare(a.at, b.at) }).at
	g.members, g.after = nil, 0
	g.span.width = max(1, (g.span.high-max(oldest, g.span.low))/8)
	g.cutSpan()
}

// arrange orders what a span holds, or goes on to the next one.
func (g *pager) arrange() {
	if len(g.members) == 0 {
		g.onward()
		return
	}
	if g.ph.paging != byTime {
		g.read()
		g.whole = true
		return
	}
	slices.SortFunc(g.members, func(a, b member) int { return cmp.Compare(b.at, a.at) })
	for i, from := 1, 0; i <= len(g.members); i++ {
		if i < len(g.members) && g.members[i].at == g.members[from].at {
			continue
		}
		if i-from > maxTies {
			for _, m := range g.members[from:i] {
				g.ties = append(g.ties, m.uid)
			}
		}
		from = i
	}
	if len(g.ties) > 0 {
		g.asking = askTies
		return
	}
	g.read()
}

// read begins to read the rows of what is gathered.
func (g *pager) read() {
	g.asking, g.pos = askRows, 0
	if len(g.hashes) > 0 {
		slices.SortFunc(g.members, func(a, b member) int {
			return cmp.Or(cmp.Compare(b.at, a.at), strings.Compare(g.hashes[a.uid], g.hashes[b.uid]))
		})
	}
}

// onward goes on when all that was gathered is read.
func (g *pager) onward() {
	n := len(g.members)
	g.members = g.members[:0]
	clear(g.hashes)
	switch {
	case g.ph.paging == byUID && !g.whole:
		g.asking = askGather
	case g.ph.paging == byTime && g.span.low > earliest && g.span.low > g.ph.low:
		g.asking, g.after = askGather, 0
		g.span.high = g.span.low - 1
		switch {
		case n == 0:
			g.span.width = grow(g.span.width, 8)
		case n < spanTarget/4:
			g.span.width = grow(g.span.width, 4)
		case n > spanTarget*4:
			g.span.width = max(1, g.span.width/4)
		}
		g.cutSpan()
	default:
		g.asking = askNothing
	}
}

func grow(width, times int64) int64 {
	if width > math.MaxInt64/(4*times) {
		return width
	}
	return width * times
}

// ordered puts rows in order, newest first, then by hash, and leaves out those that were told already.
func (g *pager) ordered(rows []record) []record {
	if g.ph.paging != byTime {
		return rows
	}
	for i := range rows {
		if rows[i].at == 0 {
			rows[i].at = micros(rows[i].Timestamp)
		}
	}
	slices.SortFunc(rows, compareEvents)
	if g.asking != askRows {
		return rows
	}
	told := record{at: g.last.at, Hash: g.last.hash}
	n := 0
	for n < len(rows) && compareEvents(rows[n], told) <= 0 {
		n++
	}
	return rows[n:]
}

func compareEvents(a, b record) int {
	return cmp.Or(cmp.Compare(b.at, a.at), strings.Compare(a.Hash, b.Hash))
}

// remember notes the row told last.
func (g *pager) remember(rows []record) {
	if n := len(rows); n > 0 && g.ph.paging == byTime {
		g.last.at, g.last.hash = rows[n-1].at, rows[n-1].Hash
	}
}
