package graph

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dgraph-io/dgo/v230/protos/api"
	"golang.org/x/sync/errgroup"

	"github.com/cybexp/cybexp/tahoe"
)

// target is what is asked to go, at a snapshot.
type target struct {
	events []uint64            // with all that only they hold
	moved  map[uint64][]uint64 // sessions, and which events they lose besides
	cut    map[uint64][]uint64 // raws, and to which events they lose the edge besides
	leave  map[uint64][]string // raws, and which organisations they lose
	raws   bool                // raws lose the organisations whose last event of theirs goes
	leaver string              // an organisation that leaves also raws that have no event of its own, but a session that goes
	held   map[uint64]bool     // vertices that something new refers to
	more   bool                // what is to go is more than the target has

	readEvents []*goingEvent // those of events that are read already
	readRaws   []*touchedRaw // those of leave that are read already
}

// plan is what goes, at a snapshot.
type plan struct {
	events   map[uint64]*goingEvent
	sessions map[uint64]*touchedSession
	nodes    map[uint64]*touchedNode
	raws     map[uint64]*touchedRaw
	cut      map[uint64][]uint64
}

func newPlan() *plan {
	return &plan{
		events: map[uint64]*goingEvent{}, sessions: map[uint64]*touchedSession{}, nodes: map[uint64]*touchedNode{},
		raws: map[uint64]*touchedRaw{}, cut: map[uint64][]uint64{},
	}
}

type goingEvent struct {
	UID       number `json:"uid"`
	Audience  string
	Marking   tahoe.Marking `json:"tlp"`
	Timestamp time.Time
	Category  string
	SubType   string `json:"sub_type"`
	Ref       []link
	Mal       []link      `json:"mal_ref"`
	Ben       []link      `json:"ben_ref"`
	Judged    []link      `json:"judged_ref"`
	Sessions  []link      `json:"~sref"`
	Raws      []sharedRaw `json:"~rref"`

	Found []link // what was asked for by hash among Ref
}

// OrgID is the hash of the event's organisation.
func (e *goingEvent) OrgID() string { return orgOf(e.Audience) }

// contexts are those of what has one in the event.
func (e *goingEvent) contexts() map[number]tahoe.Category {
	m := make(map[number]tahoe.Category, len(e.Mal)+len(e.Ben))
	for _, n := range e.Mal {
		m[n.UID] = tahoe.Malicious
	}
	for _, n := range e.Ben {
		m[n.UID] = tahoe.Benign
	}
	return m
}

// touchedSession is one that loses events.
type touchedSession struct {
	UID   number `json:"uid"`
	Sref  []link // not all, but enough to tell whether any stays
	Sattr []link
	Raws  []link `json:"~rref"`
	Spans []span `json:"~span_of"`

	loses map[uint64]bool
	goes  bool
}

// touchedNode is an attribute or object that something holds which goes.
type touchedNode struct {
	UID      number `json:"uid"`
	Events   []link `json:"~ref"` // not all, as above
	Sessions []link `json:"~sattr"`

	Itype    string
	IP, Host string
	Number   *float64

	goes bool

	Segments []stored `json:"~segment_of"` // of one that goes, once it is described
}

// touchedRaw is one that loses organisations.
type touchedRaw struct {
	sharedRaw
	Rref    []hanging
	Hangs   int // 0 when nothing hangs on it
	Uploads []string

	// Of one that stays, once it is described.
	State    tahoe.RawState
	Timezone string

	leave []string
	goes  bool
}

// hanging is an event or a session that hangs on a raw.
type hanging struct {
	link
	Itype, Audience string
}

func orgOf(audience string) string {
	org, _ := tahoe.ParseAudience(audience)
	return org
}

// link is the end of an edge.
type link struct {
	UID number `json:"uid"`
}

// number is a uid that reads itself.
type number uint64

// UnmarshalText reads a uid as Dgraph writes it.
func (n *number) UnmarshalText(text []byte) error {
	uid, err := vertex{UID: string(text)}.number()
	*n = number(uid)
	return err
}

// look finds out what goes with the target.
//
// An attribute or object stays when any event or session that stays has it among its descendants. Objects need not be asked: what is in an object
// is among the descendants of whatever holds the object.
func (a *attempt) look(ctx context.Context, t target) (*plan, error) {
	p := newPlan()
	p.cut = t.cut
	for _, step := range []func(context.Context, *plan, target) error{a.lookEvents, a.lookRaws, a.lookSessions, a.lookSessionRaws, a.lookShared, a.lookNodes} {
		if err := step(ctx, p, t); err != nil {
			return nil, fmt.Errorf("look what goes: %w", err)
		}
	}
	return p, nil
}

// What is read of an event that goes, of one that changes, and of a raw that loses organisations whatever events of theirs it has.
const (
	markedFields = `uid audience tlp timestamp category sub_type ref { uid } mal_ref { uid } ben_ref { uid } judged_ref { uid } ~sref { uid }`
	goingFields  = markedFields + ` ~rref { uid }`
	eventFields  = markedFields + ` ~rref { ` + sharedFields + ` }`
	leaverFields = `uid audiences hangs: count(rref) rref @filter(type(Session)) { uid itype audience }`
)

func (a *attempt) lookEvents(ctx context.Context, p *plan, t target) error {
	list, err := share[goingEvent](ctx, a, t.events, func(uids []uint64) string {
		return `{ q(func: uid(` + uidList(uids) + `)) { ` + goingFields + ` } }`
	})
	for _, e := range append(list, t.readEvents...) {
		if e.Audience != "" { // else somebody has removed it: its uid is never another's
			p.events[uint64(e.UID)] = e
		}
	}
	return err
}

func (a *attempt) lookSessions(ctx context.Context, p *plan, t target) error {
	touch := func(session uint64) *touchedSession {
		s := p.sessions[session]
		if s == nil {
			s = &touchedSession{loses: map[uint64]bool{}}
			p.sessions[session] = s
		}
		return s
	}
	for _, r := range p.raws {
		for _, s := range r.Rref {
			if r.goes && s.Itype == string(tahoe.KindSession) {
				touch(uint64(s.UID))
			}
		}
	}
	for uid, e := range p.events {
		for _, s := range e.Sessions {
			touch(uint64(s.UID)).loses[uid] = true
		}
	}
	for session, events := range t.moved {
		for _, e := range events {
			touch(session).loses[e] = true
		}
	}
	sizes := map[uint64]int{}
	for uid, s := range p.sessions {
		if s.UID == 0 {
			sizes[uid] = len(s.loses)
		}
	}
	list, err := askBySize[touchedSession](ctx, a, sizes, `uid sref (first: $n) { uid } sattr { uid } ~rref { uid } ~span_of { uid `+timeFields+` }`)
	for _, s := range list {
		s.loses = p.sessions[uint64(s.UID)].loses
		p.sessions[uint64(s.UID)] = s
	}
	for uid, s := range p.sessions {
		s.goes = s.UID != 0 && !slices.ContainsFunc(s.Sref, func(e link) bool { return !s.loses[uint64(e.UID)] }) &&
			(len(s.loses) > 0 || !p.hasRaws(s)) && !t.held[uid]
	}
	return err
}

// lookSessionRaws looks at the raws of sessions that go, and at the sessions that go with these.
func (a *attempt) lookSessionRaws(ctx context.Context, p *plan, t target) error {
	if t.leaver == "" {
		return nil
	}
	losing := map[uint64][]string{}
	for _, s := range p.sessions {
		for _, r := range s.Raws {
			if s.goes && p.raws[uint64(r.UID)] == nil {
				losing[uint64(r.UID)] = []string{t.leaver}
			}
		}
	}
	if err := a.touchRaws(ctx, p, t, slices.Collect(maps.Keys(losing)), losing); err != nil {
		return err
	}
	return a.lookSessions(ctx, p, t)
}

// lookShared finds what few raws have: what several organisations said with one, and what one that an organisation leaves tells of a session that stays.
// What is told of a session that goes is found with the session.
func (a *attempt) lookShared(ctx context.Context, p *plan, _ target) error {
	var uids []uint64
	for uid, r := range p.raws {
		stays := func(l hanging) bool { return l.Itype == string(tahoe.KindSession) && !p.takesSession(l.UID) }
		if len(r.Audiences) > 1 || len(r.leave) > 0 && slices.ContainsFunc(r.Rref, stays) {
			uids = append(uids, uid)
		}
	}
	list, err := share[touchedRaw](ctx, a, uids, func(uids []uint64) string {
		return `{ q(func: uid(` + uidList(uids) + `)) { uid uploads ~span_raw { uid span_audience span_raw { uid } ` + timeFields + ` } } }`
	})
	for _, r := range list {
		p.raws[uint64(r.UID)].Uploads, p.raws[uint64(r.UID)].Spans = r.Uploads, r.Spans
	}
	return err
}

// takesSession tells whether a session goes.
func (p *plan) takesSession(uid number) bool {
	s := p.sessions[uint64(uid)]
	return s != nil && s.goes
}

// hasRaws tells whether a raw that stays tells of the session.
func (p *plan) hasRaws(s *touchedSession) bool {
	return slices.ContainsFunc(s.Raws, func(r link) bool { raw := p.raws[uint64(r.UID)]; return raw == nil || !raw.goes })
}

func (a *attempt) lookNodes(ctx context.Context, p *plan, t target) error {
	holders := map[uint64]int{}
	for _, e := range p.events {
		for _, n := range e.Ref {
			holders[uint64(n.UID)]++
		}
	}
	for _, s := range p.sessions {
		for _, n := range s.Sattr {
			if s.goes {
				holders[uint64(n.UID)]++
			}
		}
	}
	maps.DeleteFunc(holders, func(uid uint64, _ int) bool { return t.held[uid] })
	list, err := askBySize[touchedNode](ctx, a, holders, `uid itype ip host number ~ref (first: $n) { uid } ~sattr (first: $n) { uid }`)
	for _, n := range list {
		n.goes = !slices.ContainsFunc(n.Events, func(e link) bool { return p.events[uint64(e.UID)] == nil }) &&
			!slices.ContainsFunc(n.Sessions, func(s link) bool { held := p.sessions[uint64(s.UID)]; return held == nil || !held.goes })
		p.nodes[uint64(n.UID)] = n
	}
	return err
}

func (a *attempt) lookRaws(ctx context.Context, p *plan, t target) error {
	for _, r := range t.readRaws {
		p.touch(r, t, nil)
	}
	var uids []uint64
	for uid := range t.leave {
		if p.raws[uid] == nil {
			uids = append(uids, uid)
		}
	}
	losing := map[uint64][]string{} // by raw, whose events go
	if t.raws {
		for _, e := range p.events {
			for _, r := range e.Raws {
				uids = append(uids, uint64(r.UID))
				losing[uint64(r.UID)] = append(losing[uint64(r.UID)], e.OrgID())
			}
		}
	}
	slices.Sort(uids)
	return a.touchRaws(ctx, p, t, slices.Compact(uids), losing)
}

// touchRaws looks at raws, and lets each lose the organisations of which it has no event that stays, among those that may leave it.
func (a *attempt) touchRaws(ctx context.Context, p *plan, t target, uids []uint64, losing map[uint64][]string) error {
	fields := leaverFields
	if t.raws { // their events that stay decide
		fields = "uid audiences rref @filter(NOT uid(" + uidList(slices.Collect(maps.Keys(p.events))) + ")) { uid itype audience }"
	}
	list, err := share[touchedRaw](ctx, a, uids, func(uids []uint64) string {
		return `{ q(func: uid(` + uidList(uids) + `)) { ` + fields + ` } }`
	})
	for _, r := range list {
		p.touch(r, t, losing[uint64(r.UID)])
	}
	return err
}

// touch lets a raw lose organisations: those that leave it, and those of losing, whose events go, that have no other.
func (p *plan) touch(r *touchedRaw, t target, losing []string) {
	r.leave = slices.Concat(t.leave[uint64(r.UID)], p.bare(r, losing))
	r.goes = len(r.leave) > 0 && !slices.ContainsFunc(r.Audiences, func(a string) bool { return !slices.Contains(r.leave, orgOf(a)) })
	r.Hangs += len(r.Rref) + len(losing)
	p.raws[uint64(r.UID)] = r
}

// leaves tells whether a raw loses an organisation.
func (p *plan) leaves(raw uint64, org string) bool {
	r := p.raws[raw]
	return r != nil && slices.Contains(r.leave, org)
}

// orgsOf lists the organisations of audiences.
func orgsOf(audiences []string) (orgs []string) {
	for _, a := range audiences {
		orgs = append(orgs, orgOf(a))
	}
	return orgs
}

// bare are those of the organisations of which no event hangs on the raw that stays.
func (p *plan) bare(r *touchedRaw, orgs []string) []string {
	stay := map[string]bool{}
	for _, e := range r.Rref {
		if e.Itype == string(tahoe.KindEvent) && p.events[uint64(e.UID)] == nil {
			stay[orgOf(e.Audience)] = true
		}
	}
	return slices.DeleteFunc(orgs, func(org string) bool { return stay[org] })
}

// describe finds out what else those have that go with a plan, so that all of it goes, and what raws have that stay.
func (a *attempt) describe(ctx context.Context, p *plan) error {
	var counted, staying []uint64
	for uid, n := range p.nodes {
		if n.goes && a.register.counted[uid] {
			counted = append(counted, uid)
		}
	}
	for uid, r := range p.raws {
		if !r.goes {
			staying = append(staying, uid)
		}
	}
	var q []string
	block := func(name string, uids []uint64, fields string) {
		if len(uids) > 0 {
			q = append(q, name+"(func: uid("+uidList(uids)+")) { uid "+fields+" }")
		}
	}
	block("s", counted, "~segment_of { uid }")
	block("r", staying, "state timezone")
	if len(q) == 0 {
		return nil
	}
	var answer struct {
		S []*touchedNode
		R []*touchedRaw
	}
	if err := ask(ctx, a.txn, "{ "+strings.Join(q, " ")+" }", &answer); err != nil {
		return fmt.Errorf("look what goes: %w", err)
	}
	for _, n := range answer.S {
		p.nodes[uint64(n.UID)].Segments = n.Segments
	}
	for _, r := range answer.R {
		known := p.raws[uint64(r.UID)]
		known.State, known.Timezone = r.State, r.Timezone
	}
	return nil
}

// pageFor is how many edges show whether there are more than n: few different numbers, so that one query asks for many vertices.
func pageFor(n int) int {
	size := 2
	for size <= n {
		size *= 4
	}
	return size
}

// askBySize asks for fields of vertices, in which $n stands for enough edges to show whether there are more than are told for each.
func askBySize[T any](ctx context.Context, a *attempt, sizes map[uint64]int, fields string) ([]*T, error) {
	return share[T](ctx, a, slices.Collect(maps.Keys(sizes)), func(uids []uint64) string {
		bySize := map[int][]uint64{}
		for _, uid := range uids {
			n := pageFor(sizes[uid])
			bySize[n] = append(bySize[n], uid)
		}
		var q strings.Builder
		for n, uids := range bySize {
			size := strconv.Itoa(n)
			q.WriteString("q" + size + "(func: uid(" + uidList(uids) + ")) { " + strings.ReplaceAll(fields, "$n", size) + " }\n")
		}
		return "{ " + q.String() + "}"
	})
}

// shares is in how many requests at once a look is made: Dgraph does most of what one asks for one after the other.
const shares = 2

// share asks for vertices, some in each request, at the attempt's snapshot.
func share[T any](ctx context.Context, a *attempt, uids []uint64, query func([]uint64) string) ([]*T, error) {
	slices.Sort(uids)
	return askAtOnce[T](ctx, a, nil, cut(uids, shares), query)
}

// cut cuts a list into at most n of about the same length.
func cut[T any](list []T, n int) (parts [][]T) {
	for i := range n {
		if part := list[i*len(list)/n : (i+1)*len(list)/n]; len(part) > 0 {
			parts = append(parts, part)
		}
	}
	return parts
}

// askAtOnce makes a request for each of the parts, at the attempt's snapshot.
func askAtOnce[T, P any](ctx context.Context, a *attempt, variables asked, parts []P, query func(P) string) ([]*T, error) {
	answers := make([]map[string][]*T, len(parts))
	g, ctx := errgroup.WithContext(ctx)
	for i, part := range parts {
		g.Go(func() error { return a.read(ctx, query(part), variables, &answers[i]) })
	}
	err := g.Wait()
	var list []*T
	for _, answer := range answers {
		for _, found := range answer {
			list = append(list, found...)
		}
	}
	return list, err
}

// read asks at the attempt's snapshot. Unlike ask it may be called concurrently.
func (a *attempt) read(ctx context.Context, q string, variables asked, answer any) error {
	res, err := a.store.alpha.Query(ctx, &api.Request{Query: q, Vars: variables, StartTs: a.at, ReadOnly: true})
	if err != nil {
		return readable(ctx, err)
	}
	return json.Unmarshal(res.GetJson(), answer)
}

func uidList(uids []uint64) string {
	var b strings.Builder
	for i, uid := range uids {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString("0x")
		b.WriteString(strconv.FormatUint(uid, 16))
	}
	return b.String()
}

// uids lists the vertices that go, and the raws that lose an organisation, which must not meanwhile come to an event of it.
func (p *plan) uids() []uint64 {
	var list []uint64
	for uid := range p.events {
		list = append(list, uid)
	}
	for uid, s := range p.sessions {
		if s.goes {
			list = append(list, uid)
		}
	}
	for uid, n := range p.nodes {
		if n.goes {
			list = append(list, uid)
		}
	}
	for uid, r := range p.raws {
		if r.goes || len(r.leave) > 0 {
			list = append(list, uid)
		}
	}
	return list
}
