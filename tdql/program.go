package tdql

import (
	"github.com/cybexp/cybexp/tahoe"
	"github.com/cybexp/cybexp/tdql/dql"
)

// Program is a compiled query: what to ask the database, and how to make rows of its answers. It may run many times, and
// concurrently.
type Program struct {
	// Kind names what the rows are: attributes, objects, events, sessions, raws, instances, count, groups, top,
	// summary, explain, or the kind of a walk.
	Kind string
	// Fields are the names of a row's members, in order.
	Fields []string

	phases   []phase
	walk     *Walk
	parts    []part            // of explain analyze
	constant []Row             // the rows of explain
	orgNames map[string]string // by hash
	columns  []column          // of rows, when they were chosen
	tooMany  error             // that a sort holds too much
}

// paging says how the pages of a phase follow each other.
type paging uint8

const (
	once     paging = iota // one request
	byUID                  // in the order of vertices, after the last one
	byTime                 // newest first
	byOffset               // by number
)

// phase is one query, asked page by page, and what becomes of the answers.
type phase struct {
	first  dql.Query // the first page, or, without gather, any page
	gather dql.Query // the vertices of the rest
	fetch  dql.Query // rows of given vertices
	paging paging
	sliced bool  // the rest is gathered span of time after span of time
	low    int64 // where the time of the set begins, in microseconds
	small  bool  // the rows are small, so pages may be large

	run       int        // phases of one run follow each other; what they collect together seeds the next run
	kind      tahoe.Kind // of the rows
	level     int        // of related, for the rows
	probed    bool       // rows carry v or w when the caller may see them
	collect   bool       // the vertices are the seed of the next phase
	marked    bool       // the first answer marks what was left alone
	cut       *slice
	count     bool
	group     *tally
	account   *account // read from a ledger, if there is one
	digest    bool
	best      *best
	order     *order   // of the rows, when it is not the usual one
	audiences []string // of the caller, when rows are raws

	values []string // the sub-types that are columns, in the order in which they are asked for
}

// whole says whether the phase has rows only when all is read.
func (ph *phase) whole() bool {
	return ph.group != nil || ph.best != nil || ph.digest || ph.order != nil
}

// Queries lists the queries of the program as they are asked first, for explaining and testing.
func (p *Program) Queries() []dql.Query {
	if p.walk != nil {
		return p.walk.list()
	}
	list := make([]dql.Query, len(p.phases))
	for i, ph := range p.phases {
		list[i] = ph.first
	}
	return list
}

// rowShape names the kind and the fields of rows for a kind of set.
func rowShape(kind tahoe.Kind) (string, []string) {
	head := []string{"hash", "itype", "sub_type"}
	switch kind {
	case tahoe.KindAttribute, tahoe.KindObject:
		return string(kind) + "s", append(head, "data")
	case tahoe.KindEvent:
		return "events", append(head, "timestamp", "category", "org", "org_name", "tlp", "data")
	case tahoe.KindSession:
		return "sessions", append(head, "data", "start_time", "end_time", "duration")
	case tahoe.KindRaw:
		return "raws", append(head, "data", "timezone", "state")
	}
	return "instances", append(head, "level", "timestamp", "category", "org", "org_name", "tlp", "data")
}

// groupFields names the fields of a row of a group.
func groupFields(by []dim) []string {
	var list []string
	for _, d := range by {
		list = append(list, d.name)
		if d.name == "org" && !d.subType {
			list = append(list, "org_name")
		}
	}
	return append(list, "count")
}
