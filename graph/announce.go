package graph

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/dgraph-io/dgo/v230"
	"github.com/dgraph-io/dgo/v230/protos/api"
	"golang.org/x/sync/errgroup"
)

// A vertex goes when nothing refers to it any more; but Dgraph sees no conflict between a transaction that removes a vertex and
// one that makes an edge to it. So a removal is announced first: the uids of what it is about to take are put into the register,
// whose version every transaction reads at its own snapshot, and the beats of all lanes are written, which aborts the transactions
// that began before. Who begins after and writes an edge to such a vertex, or anything at it, writes its itype again; the
// removal deletes that, so that of both the later one is aborted and tried again. Whoever remembers the uid of a hash forgets it when he hears
// of the announcement, and looks it up. A raw that only loses an organisation is announced too, and its itype written again. So what is removed is never found again, in any process, whoever is killed and whenever.
//
// The removal itself takes, in a few transactions, what nothing refers to at its own snapshot. Is that more than was announced, it announces
// again. Nor must two changes go on at once: each would take the other's vertices for holders of what they share. So it is the turn of who
// announced last: a change that finds a later announcement than its own announces again, and the beats abort what was under way. Out of politeness one
// waits a while for the other to be done; that one may have been killed.

const (
	keptRemovals  = 4           // announcements of removals that are done, which remain for those who look seldom
	firstPatience = time.Second // with another's announcement; twice as long each time that it was in vain
	mostPatience  = 8 * time.Second
	maxGone       = 100_000 // vertices to forget; when there are more, all is forgotten
)

// announcement is a removal that was announced.
type announcement struct {
	UID    string `json:"uid"`
	Number int    `json:"removal_number"`
	UIDs   string `json:"removal_uids"`
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

// removal makes the changes of a process that may remove vertices, one at a time.
type removal struct {
	w         *writer
	lanes     [removeParts]*lane
	enrolling sync.Mutex
	uid       string // of the process's last announcement, "" before
	number    int    // its number
	open      bool   // it is not done
	announced map[uint64]bool

	beats beats // of all lanes at the last snapshot
	quiet beats // what they are if nobody has written since the one before the last announcement; nil if somebody had already

	rival    int       // the number of another process's announcement for which this one waits
	since    time.Time // when it saw that first
	patience time.Duration
}

func newRemoval(w *writer) *removal {
	r := &removal{w: w, patience: firstPatience}
	for i := range r.lanes {
		r.lanes[i] = &lane{}
	}
	return r
}

// begin begins n transactions and tells whether it is still the turn of what r announced. The last one's snapshot is good for all: what was
// written since another began is seen there, or aborts it.
func (r *removal) begin(ctx context.Context, n int) (list []*attempt, turn bool, err error) {
	list = make([]*attempt, n)
	last := &list[n-1]
	g, within := errgroup.WithContext(ctx)
	for i := range n - 1 {
		g.Go(func() (err error) {
			list[i], err = r.beginOn(within, r.lanes[i], r.look)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, false, err
	}
	if *last, err = r.beginOn(ctx, r.lanes[n-1], r.lookAll); err != nil {
		return nil, false, err
	}
	for _, a := range list {
		a.register = (*last).register
	}
	return list, r.open && (*last).register.announced == r.number, nil
}

// nothingWritten tells whether the graph is, at the last snapshot, as it was at the one before the announcement.
func (r *removal) nothingWritten() bool {
	return r.quiet != nil && maps.Equal(r.beats, r.quiet)
}

// beginOn begins a transaction on a lane with a first look.
func (r *removal) beginOn(ctx context.Context, l *lane, look func(context.Context, *attempt) error) (*attempt, error) {
	for {
		a := &attempt{batch: newBatch(0), store: r.w.store, lane: l, txn: r.w.store.transaction(), ending: &ending{done: make(chan struct{})}}
		err := look(ctx, a)
		if !errors.Is(err, errNoLane) {
			return a, err
		}
		if err := r.enroll(ctx, l); err != nil {
			return nil, err
		}
	}
}

// enroll puts a lane into the graph. Two at once would be in each other's way.
func (r *removal) enroll(ctx context.Context, l *lane) error {
	r.enrolling.Lock()
	defer r.enrolling.Unlock()
	return r.w.enroll(ctx, l)
}

// look makes sure that the lane is there.
func (r *removal) look(ctx context.Context, a *attempt) error {
	var answer headsAnswer
	if err := ask(ctx, a.txn, "{ "+a.lane.heads()+" }", &answer); err != nil {
		return err
	}
	if len(answer.L) == 0 {
		return errNoLane
	}
	return nil
}

// lookAll takes in the register and the beats of all lanes, alone at a time.
func (r *removal) lookAll(ctx context.Context, a *attempt) error {
	select {
	case r.w.turn <- struct{}{}:
		defer func() { <-r.w.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	var answer struct {
		headsAnswer
		Lanes []struct {
			List []beatOf `json:"ledgers_lane"`
		}
	}
	q := a.lane.heads() + ` lanes(func: eq(ledgers, "` + registerKey + `")) { ledgers_lane { uid lane_beat } }`
	res, err := a.txn.Query(ctx, "{ "+q+" }")
	if err != nil {
		return readable(ctx, err)
	}
	if err := json.Unmarshal(res.GetJson(), &answer); err != nil {
		return err
	}
	a.at = res.GetTxn().GetStartTs()
	for _, v := range answer.Lanes {
		r.beats = r.others(beatsOf(v.List))
	}
	return r.w.consult(ctx, a, answer.headsAnswer)
}

// beatOf is what tells of a lane.
type beatOf struct {
	UID  number `json:"uid"`
	Beat int64  `json:"lane_beat"`
}

// beats are those of lanes. Every transaction that changes what there is has one, so while they stay nothing else has changed but ledgers.
type beats map[number]int64

func beatsOf(list []beatOf) beats {
	m := make(beats, len(list))
	for _, l := range list {
		m[l.UID] = l.Beat
	}
	return m
}

// others leaves out the removal's own lanes.
func (r *removal) others(all beats) beats {
	for _, l := range r.lanes {
		delete(all, number(l.uid))
	}
	return all
}

// covers tells whether all of them are announced.
func (r *removal) covers(uids []uint64) bool {
	return !slices.ContainsFunc(uids, func(uid uint64) bool { return !r.announced[uid] })
}

// announce puts the uids on the register when it is nobody else's turn, and aborts who began before.
func (r *removal) announce(ctx context.Context, uids []uint64) error {
	for {
		err := r.list(ctx, uids)
		if err == nil {
			break
		}
		if !errors.Is(err, errOthersTurn) {
			return fmt.Errorf("announce removal: %w", err)
		}
		if err := pause(ctx, time.Duration(5+rand.IntN(20))*time.Millisecond); err != nil {
			return err
		}
	}
	if err := r.fence(ctx); err != nil {
		return fmt.Errorf("announce removal: %w", err)
	}
	r.open, r.announced = true, make(map[uint64]bool, len(uids))
	for _, uid := range uids {
		r.announced[uid] = true
	}
	return nil
}

// fence aborts who began before it.
func (r *removal) fence(ctx context.Context) error {
	return r.w.keeper.transact(ctx, 0, func(ctx context.Context, txn *dgo.Txn, _ uint64) error {
		had, have, err := fence(ctx, txn, time.Now())
		r.quiet = nil
		if err == nil && maps.Equal(r.others(had), r.beats) {
			r.quiet = r.others(have)
		}
		return err
	})
}

// errOthersTurn is returned while another process makes a change.
var errOthersTurn = errors.New("another change is under way")

// yields tells whether it is time to wait for another's announcement.
func (r *removal) yields(other announcement) bool {
	if r.rival != other.Number {
		r.rival, r.since = other.Number, time.Now()
	}
	return time.Since(r.since) < r.patience
}

// list writes the announcement, in place of an earlier one of its own, and takes away those that nobody needs. One for which it waited in vain
// is done: whoever made it and still lives will find this one, and announce again.
func (r *removal) list(ctx context.Context, uids []uint64) error {
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
		ledgers_removal { uid removal_number removal_done } } }`
	if err := ask(ctx, txn, q, &answer); err != nil {
		return err
	}
	if len(answer.V) != 1 {
		return errNoLane
	}
	v := answer.V[0]
	number := v.Announced + 1
	b := &quads{}
	for _, old := range v.Removals {
		switch {
		case old.UID == r.uid || old.Done && old.Number+keptRemovals < number:
			b.unlink(v.UID, "ledgers_removal", old.UID)
			b.strip(old.UID, "removal_number", "removal_uids", "removal_done", "dgraph.type")
		case old.Done:
		case r.yields(old):
			return errOthersTurn
		default:
			b.isDone(old.UID)
			r.patience = min(2*r.patience, mostPatience)
		}
	}
	const name = "_:r"
	b.int(name, "removal_number", int64(number))
	b.text(name, "removal_uids", joined(uids))
	b.types(name, "Removal")
	b.edge(v.UID, "ledgers_removal", name)
	b.int(v.UID, "ledgers_announced", int64(number))
	b.int(v.UID, "ledgers_version", v.Version+1)
	res, err := txn.Do(ctx, &api.Request{Mutations: []*api.Mutation{{Set: b.set, Del: b.del}}, CommitNow: true})
	if err != nil {
		return readable(ctx, err)
	}
	r.uid, r.number = res.GetUids()["r"], number
	return nil
}

func joined(uids []uint64) string {
	var b strings.Builder
	for _, uid := range uids {
		b.WriteString(strconv.FormatUint(uid, 16))
		b.WriteByte(' ')
	}
	return b.String()
}

// isDone writes that what was announced is made, or given up.
func (q *quads) isDone(announcement string) {
	q.value(announcement, "removal_done", &api.Value{Val: &api.Value_BoolVal{BoolVal: true}})
}
