package graph

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dgraph-io/dgo/v230/protos/api"
)

// A vertex goes when nothing refers to it any more; but Dgraph sees no conflict between a transaction that removes a vertex and
// one that makes an edge to it. So a removal is announced first: the uids of what it is about to take are put into the register,
// whose version every transaction reads at its own snapshot, and the beats of all lanes are written, which aborts the transactions
// that began before. Who begins after and writes an edge to such a vertex, or anything at it, writes its itype again; the
// removal deletes that, so that of both the later one is aborted and tried again. Whoever remembers the uid of a hash forgets it when he hears
// of the announcement, and looks it up. A raw that only loses an organisation is announced too, and its itype written again. So what is removed is never found again, in any process, whoever is killed and whenever.
//
// The removal itself takes, in one transaction, what nothing refers to at its own snapshot. Is that more than was announced, it announces
// again. Two removals that go on at once meet in one number, so that the later one sees what the other took.

const (
	keptRemovals = 4         // announcements of removals that are done, which remain for those who look seldom
	staleAfter   = time.Hour // then an announcement is given up: who made it was killed, or finds it missing and announces again
	maxGone      = 100_000   // vertices to forget; when there are more, all is forgotten
)

// announcement is a removal that was announced.
type announcement struct {
	UID    string `json:"uid"`
	Number int    `json:"removal_number"`
	UIDs   string `json:"removal_uids"`
	Since  int64  `json:"removal_since"`
	Done   bool   `json:"removal_done"`
}

// doomed lists what the announcements name.
func doomed(list []announcement) (map[uint64]bool, error) {
	all := map[uint64]bool{}
	for _, a := range list {
		for text := range strings.FieldsSeq(a.UIDs) {
			uid, err := strconv.ParseUint(text, 16, 64)
			if err != nil {
				return nil, fmt.Errorf("announcement %d: %w", a.Number, err)
			}
			all[uid] = true
		}
	}
	return all, nil
}

// learn makes r what the process knows, and forgets what the new announcements name; everything, if one of them is gone already.
func (w *writer) learn(r register, visible []announcement) {
	w.mu.Lock()
	defer w.mu.Unlock()
	unseen := r.announced - w.register.announced
	for _, a := range visible {
		if a.Number > w.register.announced {
			unseen--
		}
	}
	if w.gone == nil {
		w.gone = map[uint64]bool{}
	}
	if unseen > 0 || len(w.gone) > maxGone || r.uid != w.register.uid {
		w.known.forget()
		clear(w.gone)
	}
	for uid := range r.doomed {
		w.gone[uid] = true
	}
	w.register = r
}

// removal is something under way that removes vertices.
type removal struct {
	w         *writer
	lane      *lane
	uid       string // of its announcement, "" before
	number    int
	announced map[uint64]bool
}

// begin takes a snapshot, and tells whether the announcement is on the register.
func (r *removal) begin(ctx context.Context) (a *attempt, announced bool, err error) {
	a = &attempt{batch: newBatch(0), lane: r.lane}
	for {
		announced, err = r.beginNow(ctx, a)
		if !errors.Is(err, errNoLane) {
			return a, announced, err
		}
		if err := r.w.enroll(ctx, r.lane); err != nil {
			return nil, false, err
		}
	}
}

// beginNow is a pass of begin, alone at a time.
func (r *removal) beginNow(ctx context.Context, a *attempt) (announced bool, err error) {
	select {
	case r.w.turn <- struct{}{}:
		defer func() { <-r.w.turn }()
	case <-ctx.Done():
		return false, ctx.Err()
	}
	a.txn = r.w.store.transaction()
	q := r.lane.heads()
	if r.uid != "" {
		q += ` r(func: uid(` + r.uid + `)) { removal_number }`
	}
	var answer struct {
		headsAnswer
		R []announcement
	}
	if err := ask(ctx, a.txn, "{ "+q+" }", &answer); err != nil {
		return false, err
	}
	if err := r.w.consult(ctx, a, answer.headsAnswer); err != nil {
		return false, err
	}
	return len(answer.R) == 1 && answer.R[0].Number == r.number, nil
}

// covers tells whether all of them are announced.
func (r *removal) covers(uids []uint64) bool {
	return !slices.ContainsFunc(uids, func(uid uint64) bool { return !r.announced[uid] })
}

// announce puts the uids on the register, and aborts who began before.
func (r *removal) announce(ctx context.Context, uids []uint64) error {
	own, number, err := r.list(ctx, uids)
	if err != nil {
		return fmt.Errorf("announce removal: %w", err)
	}
	if err := r.w.keeper.transact(ctx, 0, r.w.keeper.fence); err != nil {
		return fmt.Errorf("announce removal: %w", err)
	}
	r.uid, r.number, r.announced = own, number, make(map[uint64]bool, len(uids))
	for _, uid := range uids {
		r.announced[uid] = true
	}
	return nil
}

// list writes the announcement, in place of an earlier one of its own, and takes away those that nobody needs.
func (r *removal) list(ctx context.Context, uids []uint64) (own string, number int, err error) {
	txn := r.w.store.transaction()
	var answer struct {
		V []struct {
			UID       string         `json:"uid"`
			Version   int64          `json:"ledgers_version"`
			Announced int            `json:"ledgers_announced"`
			Removals  []announcement `json:"ledgers_removal"`
		}
	}
	q := `{ v(func: eq(ledgers, "` + registerKey + `")) { uid ledgers_version ledgers_announced
		ledgers_removal { uid removal_number removal_since removal_done } } }`
	if err := ask(ctx, txn, q, &answer); err != nil {
		return "", 0, err
	}
	if len(answer.V) != 1 {
		return "", 0, errNoLane
	}
	v, now := answer.V[0], time.Now()
	number = v.Announced + 1
	b := &quads{}
	for _, old := range v.Removals {
		if old.UID == r.uid || old.Done && old.Number+keptRemovals < number || now.Sub(time.Unix(old.Since, 0)) > staleAfter {
			b.unlink(v.UID, "ledgers_removal", old.UID)
			b.strip(old.UID, "removal_number", "removal_uids", "removal_since", "removal_done", "dgraph.type")
		}
	}
	const name = "_:r"
	b.int(name, "removal_number", int64(number))
	b.text(name, "removal_uids", joined(uids))
	b.int(name, "removal_since", now.Unix())
	b.types(name, "Removal")
	b.edge(v.UID, "ledgers_removal", name)
	b.int(v.UID, "ledgers_announced", int64(number))
	b.int(v.UID, "ledgers_version", v.Version+1)
	res, err := txn.Do(ctx, &api.Request{Mutations: []*api.Mutation{{Set: b.set, Del: b.del}}, CommitNow: true})
	if err != nil {
		return "", 0, readable(ctx, err)
	}
	return res.GetUids()["r"], number, nil
}

func joined(uids []uint64) string {
	var b strings.Builder
	for _, uid := range uids {
		b.WriteString(strconv.FormatUint(uid, 16))
		b.WriteByte(' ')
	}
	return b.String()
}

// done writes that the change is made: where it meets others, and at its announcement, if it has one.
func (r *removal) done(q *quads) {
	q.int(q.register.uid, "ledgers_removed", int64(r.number))
	if r.uid == "" {
		return
	}
	q.value(r.uid, "removal_done", &api.Value{Val: &api.Value_BoolVal{BoolVal: true}})
}
