package graph

import (
	"slices"
	"strconv"
	"strings"

	"github.com/dgraph-io/dgo/v230/protos/api"

	"github.com/cybexp/cybexp/tahoe"
)

// Who may see an event stands in one indexed value of it, its audience: its organisation, or the few of it for whom it is marked. So a test of
// the audience is the test of both. A raw tells what its events tell, so that no more people see it than any of its organisation's events
// that came of it: it has an audience of each organisation.

// marked writes who may see an event, and what was said about that.
func (q *quads) marked(uid string, m tahoe.Marking, org string) {
	q.text(uid, "audience", m.Audience(org))
	if m != tahoe.Unmarked {
		q.text(uid, "tlp", string(m))
	}
}

// marking is that of an event of the batch: the most restrictive that was ever said.
func (a *attempt) marking(event tahoe.Hash) tahoe.Marking {
	m := a.batch.items[event].marking
	if have := a.have[event]; have != nil {
		return m.Stricter(have.Marking)
	}
	return m
}

// remark marks an event that is there when the batch has a more restrictive marking for it.
func (q *quads) remark(h tahoe.Hash, e *tahoe.Event, it *item, have *existing) {
	m := q.marking(h)
	if have.UID == "" || m == have.Marking {
		return
	}
	contexts := map[number]tahoe.Category{}
	known := func(c tahoe.Category, list []vertex) {
		for _, v := range list {
			if uid, err := v.number(); err == nil { // Dgraph gave it
				contexts[number(uid)] = c
			}
		}
	}
	known(tahoe.Malicious, have.Mal)
	known(tahoe.Benign, have.Ben)
	added := func(c tahoe.Category, list []tahoe.Hash) {
		for _, h := range list {
			uid := number(q.batch.of(h).uid)
			judged := slices.ContainsFunc(have.Judged, func(v vertex) bool { return v.UID == q.name(h) })
			if contexts[uid] == "" && !judged {
				contexts[uid] = c
			}
		}
	}
	added(tahoe.Malicious, it.malicious)
	added(tahoe.Benign, it.benign)
	event := &goingEvent{Audience: have.Audience, Timestamp: e.Time(), Category: have.Category, SubType: e.SubType(), Raws: have.Raws}
	for n := range e.EachRef() {
		event.Ref = append(event.Ref, link{number(q.batch.of(n.Hash()).uid)})
	}
	q.mark(q.name(h), event, contexts, m)
}

// mark changes the marking of an event, tells the ledgers, and hides its raws from who must not see it any more. It writes the category
// again, so that of two who change the event one starts over.
func (q *quads) mark(uid string, e *goingEvent, contexts map[number]tahoe.Category, m tahoe.Marking) {
	org := e.OrgID()
	before := *e
	e.Audience = m.Audience(org)
	q.marked(uid, m, org)
	q.text(uid, "category", e.Category)
	if e.Audience == before.Audience {
		return
	}
	for _, n := range e.Ref {
		c := contexts[n.UID]
		q.tally(uint64(n.UID), before.entry(c, -1))
		q.tally(uint64(n.UID), e.entry(c, 1))
	}
	for _, r := range e.Raws {
		if slices.ContainsFunc(r.Audiences, func(a string) bool { return orgOf(a) == org }) {
			q.hide(r, org, m)
		}
	}
}

// raised is a raw that is there, and for which markings its organisations' audiences have to be right.
type raised struct {
	sharedRaw
	markings map[string]tahoe.Marking
}

// hide makes the organisation's audience of a raw that is there one for which a marking is right, unless it is already, or stricter.
func (q *quads) hide(r sharedRaw, org string, m tahoe.Marking) {
	if q.raised == nil {
		q.raised = map[string]*raised{}
	}
	uid := hex(uint64(r.UID))
	if q.raised[uid] == nil {
		q.raised[uid] = &raised{sharedRaw: r, markings: map[string]tahoe.Marking{}}
	}
	of := q.raised[uid].markings
	of[org] = of[org].Stricter(m)
}

// spellRaised changes the audiences of raws, and those of what they tell of sessions.
func (q *quads) spellRaised() {
	for uid, r := range q.raised {
		for org, m := range r.markings {
			old, is, known := "", tahoe.Unmarked, false
			for _, a := range r.Audiences {
				if of, marking := tahoe.ParseAudience(a); of == org {
					old, is, known = a, marking, true
				}
			}
			now := is.Stricter(m).Audience(org)
			if known && now == old {
				continue
			}
			if known {
				q.unset(uid, "audiences", old)
			}
			q.text(uid, "audiences", now)
			q.text(uid, "itype", string(tahoe.KindRaw)) // so that of two who change the audiences one starts over: they are a list, where they would not meet
			for _, s := range r.Spans {
				if orgOf(s.Audience) == org {
					q.raise(s, m)
				}
			}
		}
	}
}

// shared writes who may see a raw.
func (q *quads) shared(uid string, it *item, have *existing) {
	if q.attempt.unmarked {
		return
	}
	for _, u := range it.uploads {
		m := q.strictest(it, u)
		if have.UID != "" {
			q.hide(have.shared(), u.Org, m)
			continue
		}
		q.text(uid, "audiences", m.Audience(u.Org))
	}
}

// strictest is the marking of an upload with all that came of it in the batch.
func (q *quads) strictest(it *item, u upload) tahoe.Marking {
	m := u.marking
	for _, h := range it.events {
		if e, ok := q.batch.items[h].instance.(*tahoe.Event); ok && e.OrgID() == u.Org {
			m = m.Stricter(q.marking(h))
		}
	}
	return m
}

// unset deletes one value of a list.
func (q *quads) unset(uid, predicate, text string) {
	q.del = append(q.del, &api.NQuad{Subject: uid, Predicate: predicate, ObjectValue: &api.Value{Val: &api.Value_StrVal{StrVal: text}}})
}

// asked is the organisations that a query asks about, as variables.
type asked map[string]string

// org adds an organisation, and gives the list of its audiences for eq.
func (v asked) org(org string) string { return v.list(tahoe.Red.Audiences(org)) }

// list adds audiences, and gives the list of them for eq.
func (v asked) list(audiences []string) string {
	list := slices.Clone(audiences)
	for i, a := range list {
		name := "$o" + strconv.Itoa(len(v))
		v[name], list[i] = a, name
	}
	return "[" + strings.Join(list, ", ") + "]"
}

// head begins the query.
func (v asked) head() string {
	var names []string
	for name := range v {
		names = append(names, name+": string")
	}
	return "query q(" + strings.Join(names, ", ") + ") "
}
