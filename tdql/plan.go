package tdql

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"github.com/cybexp/cybexp/tahoe"
)

// Plan is a checked query: typed steps, independent of any database.
type Plan struct {
	explain   bool
	analyze   bool
	watch     bool
	steps     []step
	orgs      []Org // whose events may be read
	canonical string
}

// Explain says whether the query only asks how it would run.
func (p *Plan) Explain() bool { return p.explain }

// Watch says whether the query keeps running, and tells of new matches. One that is only explained does not.
func (p *Plan) Watch() bool { return p.watch && !p.explain }

// Canonical spells the plan as a pipeline in one fixed way. Queries that mean the same, however they are spelled, have the
// same canonical text; times relative to now stay relative. It does not tell who asks.
func (p *Plan) Canonical() string { return p.canonical }

// Hash is the SHA-256 of the canonical text, in hex. It names the query.
func (p *Plan) Hash() string {
	sum := sha256.Sum256([]byte(p.canonical))
	return hex.EncodeToString(sum[:])
}

// String prints the typed steps, one on a line.
func (p *Plan) String() string {
	var b strings.Builder
	for _, s := range p.steps {
		b.WriteString(s.describe())
		b.WriteByte('\n')
	}
	return b.String()
}

// step is one of the steps below.
type step interface {
	// spell writes the step as canonical text.
	spell(p *printer)
	// describe is the step in the words of a plan.
	describe() string
}

// The kinds of a set besides TAHOE's own.
const (
	kindInstance tahoe.Kind = "instance" // one of any kind, known by hash only
	kindRelated  tahoe.Kind = "related"  // several kinds, found by related
)

// seed starts at instances that the query names. One of the three groups is set.
type seed struct {
	subType string        // attributes of this sub-type and these values
	values  []tahoe.Value // alone: attributes of any sub-type with these values
	kind    tahoe.Kind    // of an instance named by hash
	hashes  []tahoe.Hash  // of the attributes, or as given; none for values alone
}

// move goes to neighbours of a kind; from "" it scans. To its own kind it narrows the set.
type move struct {
	from, to tahoe.Kind
	subTypes []string
	narrow   narrow
}

// narrow is what the clauses ask of the events that a move comes to.
type narrow struct {
	window   window
	category string // "" is all
	context  string // "" is all
	orgs     []Org
	where    cond
	among    []tahoe.Hash // it is one of these; none is any; see Plan.Among
}

// window bounds timestamps, both ends included.
type window struct {
	last     *int64 // seconds, when asked so
	from, to *moment
	// low and high are the bounds in time; zero when open.
	low, high time.Time
	zone      *time.Location // in which today and yesterday were read, here or after; nil when it makes no difference
}

// filter keeps what meets a condition.
type filter struct {
	kind  tahoe.Kind
	where cond
}

// relate gathers what is related to the set.
type relate struct {
	from   tahoe.Kind
	level  int
	via    string
	narrow narrow
}

// tally counts the set, in groups when there are dimensions.
type tally struct {
	by []dim
	// distinct counts the groups instead; without groups it makes no difference, as a set holds each instance once.
	distinct bool
	zone     *time.Location
	window   window // of the events, for empty buckets
}

// dim is what a group is made by: a unit of time, sub_type, category, org, or the values of a sub-type.
type dim struct {
	name    string
	subType bool
}

func (d dim) isTime() bool { return !d.subType && slices.Contains(timeDims, d.name) }

// best keeps the attributes most often seen.
type best struct {
	n        int64
	subTypes []string
}

// digest lists the values of the attributes by sub-type.
type digest struct{}

// slice keeps a stretch of the set: take n after leaving out skip.
type slice struct {
	take, skip int64
	size       int64 // of pages, when asked so
}
