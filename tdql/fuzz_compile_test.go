package tdql_test

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cybexp/cybexp/ledger"
	"github.com/cybexp/cybexp/tdql"
	"github.com/cybexp/cybexp/tdql/dql"
)

// dqlShape is all that the text of a query may be made of; dqlWord is what of it can have come from a user.
var (
	dqlShape = regexp.MustCompile(`^[a-zA-Z0-9_$ \n(){}\[\],:~@.\-]*$`)
	dqlWord  = regexp.MustCompile(`[a-zA-Z0-9_]+`)
)

// dqlWords are the words that the compiler writes itself. A name of a variable is one of them or a letter, with a number; so are names of blocks, and of marks.
var dqlWords = func() map[string]bool {
	own := map[string]bool{}
	for _, w := range strings.Fields(`query tdql string int var as func filter cascade recurse depth loop false orderasc orderdesc
		first offset after AND OR NOT eq ge gt le lt between regexp uid type val count math
		Attribute Object Event Session Raw hash itype sub_type value data audience audiences tlp timestamp category ref mal_ref ben_ref cref
		ocref sref sattr rref span_of span_audience span_start span_end span_duration min max timezone state uploads ip host number
		brief seed these low high has counted segment_of segment_from segment_to segment_seen_by segment_delta segment_exact segment_quarter segment_day
		from to who delta roll events parts sessions raws aevents aparts asessions araws bevents bparts bsessions braws hub named`) {
		own[w] = true
	}
	return own
}()

var (
	ownName   = regexp.MustCompile(`^([a-z]|(hubs?|level)[0-9])[0-9]*$`)
	ownNumber = regexp.MustCompile(`^(1|32|101)$`) // the first one, the deepest object, the first few
)

// checkDQL tests that the text of a query has nothing in it that a user wrote: that stands in variables.
func checkDQL(t *testing.T, text string, q dql.Query) {
	t.Helper()
	if len(q.Blocks) == 0 {
		return
	}
	shown := q.Text()
	if !dqlShape.MatchString(shown) {
		t.Fatalf("%q: the text of DQL has a value in it:\n%s", text, shown)
	}
	for _, w := range dqlWord.FindAllString(shown, -1) {
		if !dqlWords[w] && !ownName.MatchString(w) && !ownNumber.MatchString(w) {
			t.Fatalf("%q: the text of DQL has %q in it:\n%s", text, w, shown)
		}
	}
}

// fakeGraph answers queries with pages that are full the first time, so that a run goes through all that it may ask.
type fakeGraph struct {
	pages map[string]int    // how many pages of a text were asked
	kinds map[string]bool   // what was asked: first, gather, fetch or ties
	known map[uint64]string // when the vertices that were told happened
	books bool              // attributes have ledgers
}

func newFakeGraph() *fakeGraph {
	return &fakeGraph{pages: map[string]int{}, kinds: map[string]bool{}, known: map[uint64]string{}}
}

// fullPage is the largest page that is filled.
const fullPage = 20000 // as large as any first page

// manyAtOnce is how many events of one time there are: more than are put in order with their rows at hand.
const manyAtOnce = 1001

// fakeEpoch is the time of the newest event.
var fakeEpoch = time.Date(2021, 6, 1, 12, 0, 0, 0, time.UTC)

// answer makes up an answer.
func (g *fakeGraph) answer(q dql.Query) []byte {
	vars, text := q.Variables(), q.Text()
	g.pages[text]++
	switch {
	case strings.Contains(text, "segment_") && vars["$these"] != "":
		g.kinds[map[bool]string{true: "exact", false: "roll"}[strings.Contains(text, "segment_exact")]] = true
		return fmt.Appendf(nil, `{"e":[{"uid":"0x9","roll":%q}]}`, ledger.Of([]ledger.Entry{{At: fakeEpoch.UnixMicro(), N: 1}}).Encode())
	case strings.Contains(text, "~segment_of"):
		if g.kinds["ledger"] = g.books; g.books {
			return []byte(`{"l":[{"s":[{"uid":"0x9","from":1,"to":2600000000000000}]}]}`)
		}
		return []byte(`{}`)
	case vars["$these"] != "":
		g.kinds["fetch"] = true
		return g.these(vars["$these"], strings.Contains(text, "itype"))
	case vars["$low"] != "":
		g.kinds["gather"] = true
		if g.pages[text] > 1 {
			return g.page(3, vars["$high"])
		}
		return g.page(manyAtOnce, vars["$high"])
	}
	first, _ := strconv.Atoi(vars["$first"]) // none is none
	if first > fullPage || g.pages[text] > 1 {
		g.kinds["gather"] = true
		return g.page(3, "")
	}
	g.kinds["first"] = true
	return g.page(max(1, first), "")
}

// page has n vertices, all at one time when there is one. Of those of a large page nothing is told.
func (g *fakeGraph) page(n int, at string) []byte {
	b := []byte(`{"r":[`)
	for i := range n {
		uid, when := uint64(len(g.known)+1), at
		if when == "" {
			when = fakeEpoch.Add(-time.Duration(i) * time.Second).Format(time.RFC3339)
		}
		g.known[uid] = when
		b = g.vertex(b, i, uid, n < fullPage)
	}
	return append(b, "]}"...)
}

// these tells of vertices that are named.
func (g *fakeGraph) these(list string, whole bool) []byte {
	g.kinds["ties"] = g.kinds["ties"] || !whole
	b := []byte(`{"r":[`)
	for i, text := range strings.FieldsFunc(list, func(r rune) bool { return strings.ContainsRune("[],", r) }) {
		uid, _ := strconv.ParseUint(text, 0, 64) // ours
		b = g.vertex(b, i, uid, true)
	}
	return append(b, "]}"...)
}

func (g *fakeGraph) vertex(b []byte, i int, uid uint64, whole bool) []byte {
	if i > 0 {
		b = append(b, ',')
	}
	if !whole {
		return fmt.Appendf(b, `{"uid":"0x%x","n":2}`, uid)
	}
	return fmt.Appendf(b, `{"uid":"0x%x","hash":"%064x","timestamp":%q,"itype":"event","sub_type":"login","data":"\"x\"","category":"unknown","n":2,"v":[{"uid":"0x1"}],"d0":[{"data":"1"}]}`,
		uid, uid, g.known[uid])
}

// maxTrips is how many queries of a run are looked at.
const maxTrips = 12

// follow runs a program on made-up answers, and looks at every query.
func follow(t *testing.T, text string, g *fakeGraph, x *tdql.Execution) {
	t.Helper()
	for range maxTrips {
		q, more := x.Next()
		if !more {
			return
		}
		checkDQL(t, text, q)
		if ahead, ok := x.Ahead(); ok {
			checkDQL(t, text, ahead)
		}
		var body []byte
		if len(q.Blocks) > 0 {
			body = g.answer(q)
		}
		if _, err := x.Take(body); err != nil {
			var faults tdql.Errors
			if !errors.As(err, &faults) { // too much to sort
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
	}
}

// followWalk looks at every query of a walk.
func followWalk(t *testing.T, text string, g *fakeGraph, w *tdql.Walk) {
	t.Helper()
	uids := []uint64{1, 2}
	kinds := tdql.ByKind{Events: uids, Parts: uids, Sessions: uids, Raws: uids}
	for _, p := range []*tdql.Program{w.From, w.To, w.Related} {
		if p != nil {
			follow(t, text, g, p.StartAt(uids))
		}
	}
	for _, q := range []dql.Query{w.Counts(uids), w.Degrees(uids), w.Holders(uids, true), w.Holders(uids, false), w.EventSizes(uids), w.EventLists(uids), w.EventEdges(uids),
		w.Around(uids, 9), w.Sizes(kinds), w.Neighbours(kinds), w.Between(kinds, kinds, 9), w.Details(uids), w.Edges(uids)} {
		checkDQL(t, text, q)
	}
}

// compileAndFollow looks for values that reach the text of DQL.
func compileAndFollow(t *testing.T, text string, g *fakeGraph) {
	t.Helper()
	q, err := tdql.Parse(text)
	if err != nil {
		return
	}
	plan, _, err := tdql.Check(q, testEnv())
	if err != nil {
		return
	}
	prog, err := tdql.Compile(plan)
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	if prog.Kind == "" || len(prog.Fields) == 0 {
		t.Fatalf("%q: no kind or fields", text)
	}
	for _, query := range prog.Queries() {
		checkDQL(t, text, query)
	}
	if w := prog.Walk(); w != nil {
		followWalk(t, text, g, w)
		return
	}
	follow(t, text, g, prog.Start())
	if !g.books {
		g.books = true
		follow(t, text, g, prog.Start())
	}
}

// FuzzCompile looks for values that reach the text of DQL, in all that a run asks.
func FuzzCompile(f *testing.F) {
	seedFuzz(f, f)
	f.Fuzz(func(t *testing.T, text string) { compileAndFollow(t, text, newFakeGraph()) })
}

func TestFakePagesReachEveryKindOfQuery(t *testing.T) {
	for text, kinds := range map[string][]string{
		"events where url = evil":                       {"first", "gather", "fetch", "ties"},
		"ipv4 1.1.1.1 | events | attributes":            {"first", "gather", "fetch"},
		"events login | count by day":                   {"first", "gather", "fetch"},
		"ipv4 1.1.1.1 | events | count by day":          {"first", "gather", "fetch", "ledger", "roll"},
		"count ipv4 1.1.1.1":                            {"ledger", "roll"},
		"count ipv4 1.1.1.1 last 7d":                    {"ledger", "exact"},
		"(ipv4 1.1.1.1 | events) | limit 30000 | count": {"first", "gather", "fetch"},
	} {
		g := newFakeGraph()
		compileAndFollow(t, text, g)
		for _, kind := range kinds {
			if !g.kinds[kind] {
				t.Errorf("%s: nothing asked to %s", text, kind)
			}
		}
	}
}
