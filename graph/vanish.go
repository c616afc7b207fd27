package graph

import (
	"slices"

	"github.com/dgraph-io/dgo/v230/protos/api"

	"github.com/cybexp/cybexp/ledger"
	"github.com/cybexp/cybexp/tahoe"
)

// What vertices of each kind hold, besides what only some do, and their types where they have one: that is deleted by its name.
var (
	ofAll       = []string{"hash", "itype", "sub_type", "name"}
	ofAttribute = append(ofAll[:len(ofAll):len(ofAll)], "data", "value", "dgraph.type")
	ofObject    = append(ofAll[:len(ofAll):len(ofAll)], "data", "ocref", "dgraph.type")
	ofEvent     = append(ofAll[:len(ofAll):len(ofAll)], "brief", "audience", "timestamp", "category", "cref", "ref")
	ofSession   = append(ofAll[:len(ofAll):len(ofAll)], "data", "sattr", "sref")
	ofRaw       = append(ofAll[:len(ofAll):len(ofAll)], "data", "received", "timezone", "state")
	ofSpan      = []string{"span_of", "span_audience", "span_raw", "name"}
)

// remove writes that what the plan names goes.
func (q *quads) remove(p *plan) {
	for uid, e := range p.events {
		q.removeEvent(hex(uid), e, p)
	}
	for uid, s := range p.sessions {
		q.removeSession(hex(uid), s, p)
	}
	for uid, n := range p.nodes {
		if n.goes {
			q.removeNode(uid, n)
		}
	}
	for uid, r := range p.raws {
		q.removeRaw(hex(uid), r)
	}
	q.removeTold(p)
	for raw, events := range p.cut {
		for _, e := range events {
			q.unlink(hex(raw), "rref", hex(e))
		}
	}
}

func (q *quads) removeEvent(uid string, e *goingEvent, p *plan) {
	q.strip(uid, ofEvent...)
	q.unset(uid, "dgraph.type", "Event")
	for predicate, to := range map[string][]link{"mal_ref": e.Mal, "ben_ref": e.Ben, "judged_ref": e.Judged} {
		if len(to) > 0 {
			q.strip(uid, predicate)
		}
	}
	if e.Marking != tahoe.Unmarked {
		q.strip(uid, "tlp")
	}
	contexts := e.contexts()
	for _, r := range e.Raws {
		q.unlinkRaw(uint64(r.UID), uid, p)
	}
	for _, n := range e.Ref {
		if node := p.nodes[uint64(n.UID)]; node == nil || !node.goes {
			q.tally(uint64(n.UID), e.entry(contexts[n.UID], -1))
		}
	}
}

// entry is what a ledger holds of the event, n times, for something that has a context in it.
func (e *goingEvent) entry(context tahoe.Category, n int64) ledger.Entry {
	if context == "" {
		context = tahoe.Unknown
	}
	key := ledger.Key{Audience: e.Audience, Category: e.Category, Context: string(context), SubType: e.SubType}
	return ledger.Entry{At: e.Timestamp.UnixMicro(), Key: key, N: n}
}

func (q *quads) removeSession(uid string, s *touchedSession, p *plan) {
	if !s.goes {
		for e := range s.loses {
			q.unlink(uid, "sref", hex(e))
		}
		return
	}
	q.strip(uid, ofSession...)
	q.unset(uid, "dgraph.type", "Session")
	q.removeSpans(s.Spans)
	for _, r := range s.Raws {
		q.unlinkRaw(uint64(r.UID), uid, p)
	}
}

// unlinkRaw deletes the edge from a raw, unless the raw goes with all of them.
func (q *quads) unlinkRaw(raw uint64, to string, p *plan) {
	if r := p.raws[raw]; r == nil || !r.goes {
		q.unlink(hex(raw), "rref", to)
	}
}

func (q *quads) removeNode(uid uint64, n *touchedNode) {
	if n.Itype == string(tahoe.KindObject) {
		q.strip(hex(uid), ofObject...)
	} else {
		q.strip(hex(uid), ofAttribute...)
	}
	if n.IP != "" {
		q.strip(hex(uid), "ip")
	}
	if n.Host != "" {
		q.strip(hex(uid), "host")
	}
	if n.Number != nil {
		q.strip(hex(uid), "number")
	}
	if q.register.counted[uid] {
		q.strip(hex(uid), "counted")
		q.unlink(q.register.uid, "ledgers_list", hex(uid))
		q.del = append(q.del, withoutSegments(n.Segments)...)
	}
}

func (q *quads) removeRaw(uid string, r *touchedRaw) {
	if r.goes {
		q.strip(uid, ofRaw...)
		q.unset(uid, "dgraph.type", "Raw")
		for _, a := range r.Audiences {
			q.unset(uid, "audiences", a)
		}
		if r.Hangs > 0 {
			q.strip(uid, "rref")
		}
		if len(r.Uploads) > 0 {
			q.strip(uid, "uploads")
		}
		return
	}
	q.removeUploads(uid, r)
	for _, a := range r.Audiences {
		if slices.Contains(r.leave, orgOf(a)) {
			q.unset(uid, "audiences", a)
			q.text(uid, "itype", string(tahoe.KindRaw)) // where a writer meets it who knows of the announcement
		}
	}
}

// removeTold removes what organisations told of sessions by raws that they leave, unless they told it by another raw, too.
func (q *quads) removeTold(p *plan) {
	for uid, r := range p.raws {
		for _, s := range r.Spans {
			if !p.leaves(uid, orgOf(s.Audience)) {
				continue
			}
			stays := func(raw link) bool { return !p.leaves(uint64(raw.UID), orgOf(s.Audience)) }
			if slices.ContainsFunc(s.Raws, stays) {
				q.unlink(hex(uint64(s.UID)), "span_raw", hex(uid))
			} else {
				q.removeSpans([]span{s})
			}
		}
	}
}

// strip deletes all values and edges of predicates.
func (q *quads) strip(uid string, predicates ...string) {
	for _, p := range predicates {
		q.del = append(q.del, &api.NQuad{Subject: uid, Predicate: p, ObjectValue: everything})
	}
}

// everything stands for all values.
var everything = &api.Value{Val: &api.Value_DefaultVal{DefaultVal: "_STAR_ALL"}}

// unlink deletes an edge.
func (q *quads) unlink(uid, predicate, to string) {
	q.del = append(q.del, &api.NQuad{Subject: uid, Predicate: predicate, ObjectId: to})
}
