package graph

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/dgraph-io/dgo/v230/protos/api"

	"github.com/cybexp/cybexp/ledger"
	"github.com/cybexp/cybexp/tahoe"
)

// An attribute or object in very many events has a ledger: segments that, added up, count its events. A transaction that changes
// what they count adds a segment that says so, a delta. So at every snapshot in which the vertex is marked as counted its ledger is
// exact, however many writers there are, and whenever they are killed. Three things make it so:
//
//   - Which vertices have ledgers stands in one vertex, the register. Every transaction reads its version at its own snapshot.
//   - A transaction that began before a ledger was listed, and knows nothing of it, must not commit after the ledger's first count. So
//     every transaction writes the beat of its lane, which no other writes meanwhile, and who lists a ledger then writes the beats
//     of all lanes: those that began before are aborted, and tried again with the list as it is.
//   - The first count of the events takes away, in the same transaction, all deltas that it sees.

// registerKey is the one key of the register.
const registerKey = "counted"

// lane is what the transactions of one of the writer's goroutines have in common. It is used by one of them at a time.
type lane struct{ uid uint64 }

// register is what a transaction knows of ledgers.
type register struct {
	uid     string
	version int
	counted map[uint64]bool // vertices that have ledgers, or will; never changed

	announced int             // the number of the last announcement of a removal
	doomed    map[uint64]bool // what the announcements name; never changed
}

// errNoLane is a lane that is not in the graph, or not any more.
var errNoLane = errors.New("lane is not registered")

// heads are the parts of a transaction's first query that tell of the register and of its lane.
func (l *lane) heads() string {
	return `v(func: eq(ledgers, "` + registerKey + `")) { uid ledgers_version } l(func: uid(` + hex(l.uid) + `)) { lane_beat }`
}

// headsAnswer is what they find.
type headsAnswer struct {
	V []struct {
		UID     string `json:"uid"`
		Version int    `json:"ledgers_version"`
	}
	L []struct {
		Beat int64 `json:"lane_beat"`
	}
}

// enroll puts the lane into the graph.
func (w *writer) enroll(ctx context.Context, l *lane) error {
	quads := []string{
		`uid(v) <ledgers> "` + registerKey + `" .`, `uid(v) <dgraph.type> "Ledgers" .`, `uid(v) <ledgers_lane> _:l .`,
		`_:l <dgraph.type> "Lane" .`, `_:l <lane_beat> "` + strconv.FormatInt(time.Now().UnixNano(), 10) + `" .`,
	}
	res, err := w.store.transaction().Do(ctx, &api.Request{
		Query:     `{ v as var(func: eq(ledgers, "` + registerKey + `")) }`,
		Mutations: []*api.Mutation{{SetNquads: []byte(strings.Join(quads, "\n"))}}, CommitNow: true,
	})
	if err != nil {
		return fmt.Errorf("enroll: %w", readable(ctx, err))
	}
	if l.uid, err = (vertex{UID: res.GetUids()["l"]}).number(); err != nil {
		return fmt.Errorf("enroll: %w", err)
	}
	return nil
}

// consult sets what the attempt knows of ledgers and removals, from the answer to its heads. The caller has the turn, so that
// what the process knows only grows.
func (w *writer) consult(ctx context.Context, a *attempt, heads headsAnswer) error {
	if len(heads.L) == 0 || len(heads.V) != 1 {
		return errNoLane
	}
	head := heads.V[0]
	w.mu.Lock()
	a.register = w.register
	w.mu.Unlock()
	if a.register.uid == head.UID && a.register.version == head.Version {
		return nil
	}
	var answer struct {
		V []struct {
			List      []vertex       `json:"ledgers_list"`
			Removals  []announcement `json:"ledgers_removal"`
			Announced int            `json:"ledgers_announced"`
		}
	}
	q := `{ v(func: uid(` + head.UID + `)) { uid ledgers_list { uid } ledgers_announced ledgers_removal { removal_number removal_uids } } }`
	if err := ask(ctx, a.txn, q, &answer); err != nil {
		return fmt.Errorf("read ledgers: %w", err)
	}
	if len(answer.V) != 1 {
		return errNoLane
	}
	v := answer.V[0]
	a.register = register{uid: head.UID, version: head.Version, counted: map[uint64]bool{}, announced: v.Announced}
	for _, listed := range v.List {
		uid, err := listed.number()
		if err != nil {
			return fmt.Errorf("read ledgers: %w", err)
		}
		a.register.counted[uid] = true
	}
	var err error
	if a.register.doomed, err = doomed(v.Removals); err != nil {
		return fmt.Errorf("read removals: %w", err)
	}
	w.learn(a.register, v.Removals)
	return nil
}

// beat is what every transaction writes to its lane.
func (a *attempt) beat() *api.NQuad {
	return &api.NQuad{Subject: hex(a.lane.uid), Predicate: "lane_beat", ObjectValue: &api.Value{Val: &api.Value_IntVal{IntVal: time.Now().UnixNano()}}}
}

// note says that n events more have the vertex of h in a context.
func (q *quads) note(h tahoe.Hash, e *tahoe.Event, audience, category, context string, n int64) {
	key := ledger.Key{Audience: audience, Category: category, Context: context, SubType: e.SubType()}
	q.tally(q.batch.of(h).uid, ledger.Entry{At: e.Time().UnixMicro(), Key: key, N: n})
}

// tally adds an entry to the ledger of a vertex, if it has one.
func (q *quads) tally(uid uint64, e ledger.Entry) {
	if !q.register.counted[uid] {
		return
	}
	if q.deltas == nil {
		q.deltas = map[uint64][]ledger.Entry{}
	}
	q.deltas[uid] = append(q.deltas[uid], e)
}

// noteFresh tells the ledgers of an event that is new.
func (q *quads) noteFresh(e *tahoe.Event, it *item) {
	if len(q.register.counted) == 0 {
		return
	}
	context := make(map[tahoe.Hash]string, len(it.malicious)+len(it.benign))
	for _, h := range it.malicious {
		context[h] = string(tahoe.Malicious)
	}
	for _, h := range it.benign {
		context[h] = string(tahoe.Benign)
	}
	audience := it.marking.Audience(e.OrgID())
	for n := range e.EachRef() {
		h := n.Hash()
		q.note(h, e, audience, string(e.Category()), cmp.Or(context[h], string(tahoe.Unknown)), 1)
	}
}

// noteContext tells the ledgers that a vertex of an event that was there has a context now.
func (q *quads) noteContext(h tahoe.Hash, e *tahoe.Event, have *existing, context tahoe.Category) {
	q.note(h, e, have.Audience, have.Category, string(tahoe.Unknown), -1)
	q.note(h, e, have.Audience, have.Category, string(context), 1)
}

// spellDeltas writes a segment for each ledger that the attempt changes.
func (q *quads) spellDeltas() {
	for uid, entries := range q.deltas {
		s := ledger.Of(entries)
		if s.Len() == 0 {
			continue
		}
		name := "_:d" + strconv.FormatUint(uid, 16)
		q.set = append(q.set, segmentQuads(name, hex(uid), s)...)
		q.text(name, "segment_delta", s.Encode())
		q.changed = append(q.changed, uid)
	}
}

// segmentQuads write what all segments have.
func segmentQuads(name, of string, s ledger.Segment) []*api.NQuad {
	q := &quads{}
	low, high := s.Span()
	q.edge(name, "segment_of", of)
	q.int(name, "segment_from", low)
	q.int(name, "segment_to", high)
	q.int(name, "segment_size", int64(s.Len()))
	q.text(name, "segment_seen_by", strings.Join(s.SeenBy(), " "))
	q.text(name, "name", "segment")
	q.types(name, "Segment")
	return q.set
}

func (q *quads) int(uid, predicate string, n int64) {
	q.value(uid, predicate, &api.Value{Val: &api.Value_IntVal{IntVal: n}})
}
