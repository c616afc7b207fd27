package tdql

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/cybexp/cybexp/ledger"
	"github.com/cybexp/cybexp/tahoe"
	"github.com/cybexp/cybexp/tdql/dql"
)

// An account is a count of the events of one attribute or object. When that is in so many events that the graph keeps a ledger of
// them (package ledger), the account is read from it: of each segment that lies whole in the span of time its roll-up, of the
// few at the ends of the span, the exact times. Segments that were read before are not read again. Else the events are counted one by one.

// account says what to count of a ledger.
type account struct {
	low, high int64 // microseconds, both included
	audiences []string
	names     []string // of them, as segments have them
	category  string   // "" is all, as for the next two
	context   string
	subTypes  []string
	by        []dim
	zone      *time.Location
	step      int64 // of the roll-up that tells the groups apart
}

// chunks are how many segments are read at a time, by their steps: those of large ones are short.
var chunks = map[int64]int{ledger.Exact: 16, ledger.Quarter: 32, ledger.Day: 1000}

// accountOf is the account that a plan asks for, nil if it asks for something else.
func accountOf(p *Plan) *account {
	if len(p.steps) != 3 || len(p.orgs) == 0 {
		return nil
	}
	from, okFrom := p.steps[0].(*seed)
	hop, okHop := p.steps[1].(*move)
	count, okCount := p.steps[2].(*tally)
	if !okFrom || !okHop || !okCount || len(from.hashes) != 1 || hop.to != tahoe.KindEvent || hop.narrow.where != nil {
		return nil
	}
	if from.kind != "" && from.kind != tahoe.KindAttribute && from.kind != tahoe.KindObject {
		return nil
	}
	a := &account{
		low: math.MinInt64, high: math.MaxInt64, category: hop.narrow.category, context: hop.narrow.context, subTypes: hop.subTypes,
		by: count.by, zone: count.zone, step: ledger.Day,
	}
	a.audiences = audiences(p.orgs)
	if len(hop.narrow.orgs) > 0 {
		a.audiences = audiences(hop.narrow.orgs)
	}
	for _, audience := range a.audiences {
		a.names = append(a.names, ledger.NameOf(audience))
	}
	if w := hop.narrow.window; !w.low.IsZero() {
		a.low = w.low.Add(time.Microsecond - 1).UnixMicro()
	}
	if w := hop.narrow.window; !w.high.IsZero() {
		a.high = w.high.UnixMicro()
	}
	for _, d := range count.by {
		switch {
		case d.subType:
			return nil
		case d.name == "minute":
			a.step = ledger.Exact
		case d.name == "hour", d.isTime() && count.zone != time.UTC:
			a.step = min(a.step, ledger.Quarter)
		}
	}
	return a
}

// hasLedger says whether the ledger of a vertex is complete.
var hasLedger = dql.Call{Name: "has", Pred: "counted"}

// rollups name the form of a segment for a step.
var rollups = map[int64]string{ledger.Exact: "segment_exact", ledger.Quarter: "segment_quarter", ledger.Day: "segment_day"}

// ledgerBlock lists the segments of the root's ledger, if it has one, and reads what changed lately.
func (a *account) ledgerBlock(root dql.Filter) dql.Block {
	fields := []dql.Field{
		{Name: "uid"}, {Alias: "from", Name: "segment_from"}, {Alias: "to", Name: "segment_to"},
		{Alias: "who", Name: "segment_seen_by"}, {Alias: "delta", Name: "segment_delta"},
	}
	return dql.Block{Name: "l", Func: root, Filter: hasLedger, Fields: []dql.Field{
		{Name: "uid"}, {Alias: "s", Name: "~segment_of", Fields: fields},
	}}
}

// segmentQueries read segments, by their steps.
var segmentQueries = func() map[int64]dql.Query {
	queries := map[int64]dql.Query{}
	for step, predicate := range rollups {
		q := dql.Query{Name: "tdql"}
		q.Blocks = []dql.Block{{Name: "e", Func: dql.UIDList(q.Declare("these", "string", "[]")), Fields: []dql.Field{{Name: "uid"}, {Alias: "roll", Name: predicate}}}}
		queries[step] = q
	}
	return queries
}()

// accountPhase reads groups from the ledger. When there is none, the phase after it counts. So it does when the caller may see nothing of the ledger, and
// finds nothing, since that counts only what has none: a ledger that is not to be seen takes the requests of a vertex that is not there.
func (c *compiler) accountPhase(a *account) phase {
	q := dql.Query{Name: "tdql"}
	q.Blocks = []dql.Block{a.ledgerBlock(dql.Eq("hash", q.Bind("h", c.plan.steps[0].(*seed).hashes[0].String())))}
	return phase{run: c.run, paging: once, first: q, account: a, group: c.tally}
}

// uncounted is the root of an account as far as it has no ledger.
func (c *compiler) uncounted() {
	name := c.name()
	c.add(dql.Block{As: name, Func: c.set.root, Filter: dql.All(c.set.filter, dql.Not{Filter: hasLedger})})
	if len(c.account.by) == 0 {
		c.ledger = c.set.root
	}
	c.set.root, c.set.filter = dql.UID(name), nil
}

// accountant reads a ledger.
type accountant struct {
	*account
	first  dql.Query
	cache  *ledger.Cache // of segments that were read before
	asked  bool
	found  bool     // there is a ledger, and in it something that the caller may see
	rolls  []uint64 // segments of which the roll-up is still to be read
	exact  []uint64 // and those of which exact times are
	read   int      // segments, so far
	groups map[group]int64
	places []ledger.Key // what groups have in common, besides time
}

// group is a part of what is counted: an index of places, and the first time seen in its bucket.
type group struct {
	bucket int64
	place  int
}

func newAccountant(ph *phase, cache *ledger.Cache) *accountant {
	return &accountant{account: ph.account, first: ph.first, cache: cache, groups: map[group]int64{}}
}

func (a *accountant) next() dql.Query {
	if !a.asked {
		return a.first
	}
	step, list := a.wanted()
	return segmentQueries[step].With(map[dql.Param]string{"these": uidText((*list)[:min(chunks[step], len(*list))])})
}

// wanted are the segments that are read next, and in which steps.
func (a *accountant) wanted() (step int64, list *[]uint64) {
	if len(a.rolls) > 0 {
		return a.step, &a.rolls
	}
	return ledger.Exact, &a.exact
}

func (a *accountant) done() bool { return a.asked && len(a.rolls)+len(a.exact) == 0 }

// take reads an answer. It returns the groups as records when all is read, or what was counted one by one if there is no ledger.
func (a *accountant) take(body []byte) ([]record, error) {
	if !a.asked {
		a.asked = true
		records, err := decode(body)
		if err != nil {
			return nil, err
		}
		if a.found, err = a.segments(body); !a.found || err != nil {
			return records, err
		}
	} else {
		step, list := a.wanted()
		*list = (*list)[min(chunks[step], len(*list)):]
		if err := a.chunk(body); err != nil {
			return nil, err
		}
	}
	if !a.done() {
		return nil, nil
	}
	return a.records(), nil
}

// segment is a part of a ledger, as far as it was asked for.
type segment struct {
	uid      uint64
	from, to int64
	who      string // names who may see some of it, with spaces in between; empty if it does not say
	delta    string
}

// segments counts what the segments of an answer hold, or notes that they are wanted. It says whether there is a ledger of which the
// caller may see something.
func (a *accountant) segments(body []byte) (found bool, err error) {
	in := dql.NewAnswer(body)
	one := func() {
		var s segment
		in.Object(func(name []byte) {
			switch string(name) {
			case "uid":
				s.uid = in.UID()
			case "from":
				s.from = in.Int()
			case "to":
				s.to = in.Int()
			case "who":
				s.who = in.Text()
			case "delta":
				s.delta = in.Text()
			default:
				in.Skip()
			}
		})
		a.read++
		if s.who == "" || slices.ContainsFunc(strings.Fields(s.who), a.named) {
			found = true
			err = cmp.Or(err, a.segment(s))
		}
	}
	in.Object(func(name []byte) {
		if string(name) != "l" {
			in.Skip()
			return
		}
		in.List(func() {
			in.Object(func(name []byte) {
				if string(name) == "s" {
					in.List(one)
					return
				}
				in.Skip()
			})
		})
	})
	if err = cmp.Or(in.Err(), err); err != nil {
		return false, fmt.Errorf("decode ledger: %w", err)
	}
	return found, nil
}

func (a *account) sees(audience string) bool { return slices.Contains(a.audiences, audience) }

func (a *account) named(name string) bool { return slices.Contains(a.names, name) }

// segment counts what a segment holds, or notes that it is wanted.
func (a *accountant) segment(s segment) error {
	step, list := ledger.Exact, &a.exact
	switch {
	case s.to < a.low || s.from > a.high:
		return nil
	case s.delta != "":
		delta, err := readSegment(s.delta)
		a.add(delta)
		return err
	case a.step != ledger.Exact && s.from >= a.low && s.to <= a.high && a.aligned(s.from, s.to):
		step, list = a.step, &a.rolls
	}
	if known, ok := a.cache.Get(s.uid, step); ok {
		a.add(known)
	} else {
		*list = append(*list, s.uid)
	}
	return nil
}

// chunk counts what segments hold.
func (a *accountant) chunk(body []byte) (err error) {
	in := dql.NewAnswer(body)
	one := func() {
		var uid uint64
		var roll string
		in.Object(func(name []byte) {
			switch string(name) {
			case "uid":
				uid = in.UID()
			case "roll":
				roll = in.Text()
			default:
				in.Skip()
			}
		})
		if in.Err() != nil {
			return
		}
		a.read++
		s, fault := readSegment(roll)
		if err = cmp.Or(err, fault); err == nil {
			a.cache.Put(uid, s)
			a.add(s)
		}
	}
	in.Object(func([]byte) { in.List(one) })
	if err = cmp.Or(in.Err(), err); err != nil {
		return fmt.Errorf("decode ledger: %w", err)
	}
	return nil
}

func readSegment(text string) (ledger.Segment, error) {
	s, err := ledger.Decode(text)
	if err != nil {
		return ledger.Segment{}, fmt.Errorf("read ledger: %w", err)
	}
	return s, nil
}

// aligned says whether the buckets of time begin and end at steps, from one time to another.
func (a *accountant) aligned(from, to int64) bool {
	if a.unit() == "" || a.zone == time.UTC {
		return true
	}
	for at, end := time.UnixMicro(from).In(a.zone), time.UnixMicro(to); ; {
		_, offset := at.Zone()
		_, change := at.ZoneBounds()
		if int64(offset)*1e6%ledger.Quarter != 0 {
			return false
		}
		if change.IsZero() || change.After(end) {
			return true
		}
		if change.UnixMicro()%ledger.Quarter != 0 {
			return false
		}
		at = change
	}
}

// unit is the dimension of time, "" for none.
func (a *account) unit() string {
	if i := slices.IndexFunc(a.by, dim.isTime); i >= 0 {
		return a.by[i].name
	}
	return ""
}

// add counts the entries of a segment that are asked for. Those that are rolled up are known to lie within the span.
func (a *accountant) add(s ledger.Segment) {
	if s.Step() == ledger.Exact {
		s = s.Within(a.low, a.high)
	}
	places := make([]int, 0, 8)
	for _, k := range s.Keys() {
		places = append(places, a.place(k))
	}
	bucket, until := int64(0), int64(math.MinInt64)
	sums := make([]int64, len(a.places)) // of the bucket in hand
	settle := func() {
		for place, n := range sums {
			if n != 0 {
				a.groups[group{bucket, place}] += n
				sums[place] = 0
			}
		}
	}
	for at, c := range s.Entries() {
		if places[c.Key] < 0 {
			continue
		}
		if at >= until {
			settle()
			bucket, until = a.bucket(at)
		}
		sums[places[c.Key]] += c.N
	}
	settle()
}

// place is where a key is counted, below zero if it is not.
func (a *accountant) place(k ledger.Key) int {
	if !a.sees(k.Audience) || a.category != "" && a.category != k.Category || a.context != "" && a.context != k.Context ||
		len(a.subTypes) > 0 && !slices.Contains(a.subTypes, k.SubType) {
		return -1
	}
	var common ledger.Key
	for _, d := range a.by {
		switch d.name {
		case "org":
			common.Audience, _ = tahoe.ParseAudience(k.Audience)
		case "category":
			common.Category = k.Category
		case "sub_type":
			common.SubType = k.SubType
		}
	}
	i := slices.Index(a.places, common)
	if i < 0 {
		i, a.places = len(a.places), append(a.places, common)
	}
	return i
}

// bucket is a time that stands for the bucket of at, and until when times belong to it as far as is easily told.
func (a *accountant) bucket(at int64) (first, until int64) {
	unit := a.unit()
	if unit == "" {
		return 0, math.MaxInt64
	}
	t := time.UnixMicro(at).In(a.zone)
	clock := wall(t, a.zone)
	begin := floor(clock, unit)
	until = at + nextBucket(begin, unit).Sub(clock).Microseconds()
	if _, change := t.ZoneBounds(); !change.IsZero() {
		until = min(until, change.UnixMicro())
	}
	first = at - clock.Sub(begin).Microseconds()
	if start, _ := t.ZoneBounds(); !start.IsZero() {
		first = max(first, start.UnixMicro())
	}
	return first, until
}

// records are the groups.
func (a *accountant) records() []record {
	list := make([]record, 0, len(a.groups))
	for g, n := range a.groups {
		if n <= 0 {
			continue
		}
		k := a.places[g.place]
		list = append(list, record{at: g.bucket, OrgID: k.Audience, Category: k.Category, SubType: k.SubType, N: uint64(n)})
	}
	slices.SortFunc(list, func(x, y record) int { return cmp.Compare(x.at, y.at) })
	return list
}
