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
	"time"

	"github.com/dgraph-io/dgo/v230"
	"github.com/dgraph-io/dgo/v230/protos/api"

	"github.com/cybexp/cybexp/tahoe"
)

const (
	mergeAfter  = 32      // deltas of a ledger that the process writes before they are merged
	probeShare  = 10      // a vertex is looked at again when this share of the hot degree came to it
	maxHeat     = 200_000 // vertices whose new events are counted
	keeperQueue = 4096
)

// keeper opens ledgers for vertices in many events, and keeps ledgers short, while others write. It may fail or be killed at any
// time: counts stay right, and take longer.
type keeper struct {
	store *Store
	hot   int
	work  chan chore
	heat  map[uint64]int // events since a vertex was last looked at; guarded by the writer's mu, as is the next
	late  map[uint64]int // deltas since a ledger was last merged
}

// chore is a vertex to look at: whether it is hot, or else to merge its ledger.
type chore struct {
	uid   uint64
	merge bool
}

func newKeeper(s *Store, hot int) *keeper {
	return &keeper{store: s, hot: hot, work: make(chan chore, keeperQueue), heat: map[uint64]int{}, late: map[uint64]int{}}
}

// written notes what an attempt has written. The caller holds the writer's mu.
func (k *keeper) written(a *attempt) {
	for _, uid := range a.changed {
		if k.late[uid]++; k.late[uid] >= mergeAfter && k.ask(chore{uid, true}) {
			k.late[uid] = 0
		}
	}
	probe := max(1, k.hot/probeShare)
	for _, it := range a.batch.made() {
		e, ok := it.instance.(*tahoe.Event)
		if !ok {
			continue
		}
		for n := range e.EachRef() {
			uid := a.batch.of(n.Hash()).uid
			if a.register.counted[uid] {
				continue
			}
			if k.heat[uid]++; k.heat[uid] >= probe && k.ask(chore{uid, false}) {
				k.heat[uid] = 0
			}
		}
	}
	if len(k.heat) > maxHeat {
		maps.DeleteFunc(k.heat, func(_ uint64, n int) bool { return n < probe/4+2 })
	}
	if len(k.heat) > maxHeat {
		clear(k.heat)
	}
}

// ask hands a chore over, unless there are too many.
func (k *keeper) ask(c chore) bool {
	select {
	case k.work <- c:
		return true
	default:
		return false
	}
}

// run does chores until ctx ends.
func (k *keeper) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case c := <-k.work:
			if err := k.do(ctx, k.more(c)); err != nil && ctx.Err() == nil {
				k.store.logger.Warn("ledgers not kept, trying again later", "err", err)
			}
		}
	}
}

// openAtOnce bounds the ledgers that are opened together.
const openAtOnce = 100

// more takes what else there is to do: what opens a ledger makes all writes under way start over, and vertices get hot together.
func (k *keeper) more(c chore) []chore {
	list := []chore{c}
	for len(list) < openAtOnce {
		select {
		case c := <-k.work:
			list = append(list, c)
		default:
			return list
		}
	}
	return list
}

func (k *keeper) do(ctx context.Context, list []chore) error {
	var errs []error
	var asked []uint64
	for _, c := range list {
		if c.merge {
			errs = append(errs, k.merge(ctx, c.uid))
		} else {
			asked = append(asked, c.uid)
		}
	}
	hot, err := k.hotOf(ctx, asked)
	errs = append(errs, err)
	if len(hot) > 0 {
		errs = append(errs, k.open(ctx, hot...))
	}
	return errors.Join(errs...)
}

// hotOf tells which vertices are in so many events that they need ledgers, and have none: each may have been asked for more than once.
func (k *keeper) hotOf(ctx context.Context, uids []uint64) (hot []uint64, err error) {
	if len(uids) == 0 {
		return nil, nil
	}
	var answer struct {
		Q []struct {
			link
			N       int
			Counted bool
		}
	}
	if err := ask(ctx, k.store.transaction(), `{ q(func: uid(`+uidList(uids)+`)) { uid n: count(~ref) counted } }`, &answer); err != nil {
		return nil, fmt.Errorf("count events: %w", err)
	}
	for _, v := range answer.Q {
		if v.N >= k.hot && !v.Counted {
			hot = append(hot, uint64(v.UID))
		}
	}
	return hot, nil
}

// OpenLedger gives the attribute or object with this hash a ledger, whatever its degree, and returns when its events are counted in it.
func (s *Store) OpenLedger(ctx context.Context, h tahoe.Hash) error {
	var answer struct{ Q []vertex }
	if err := ask(ctx, s.transaction(), `{ q(func: eq(hash, "`+h.String()+`")) @filter(type(Node)) { uid } }`, &answer); err != nil {
		return fmt.Errorf("open ledger: %w", err)
	}
	if len(answer.Q) != 1 {
		return fmt.Errorf("open ledger: no attribute or object has the hash %v", h)
	}
	uid, err := answer.Q[0].number()
	if err != nil {
		return fmt.Errorf("open ledger: %w", err)
	}
	return s.writer.keeper.open(ctx, uid)
}

// open lists vertices among those with ledgers, makes sure that whoever writes knows, and counts their events.
func (k *keeper) open(ctx context.Context, uids ...uint64) error {
	began := time.Now()
	list := func(ctx context.Context, txn *dgo.Txn, _ uint64) error { return k.list(ctx, txn, uids) }
	for _, step := range []func(context.Context, *dgo.Txn, uint64) error{list, k.fence} {
		if err := k.transact(ctx, 0, step); err != nil {
			return fmt.Errorf("open ledger: %w", err)
		}
	}
	for _, uid := range uids {
		if err := k.transact(ctx, uid, k.firstCount); err != nil {
			return fmt.Errorf("open ledger of %s: %w", hex(uid), err)
		}
		k.store.logger.Debug("ledger opened", "vertex", hex(uid), "took", time.Since(began))
	}
	return nil
}

// transact does a step in a transaction of its own, again and again while others are in its way.
func (k *keeper) transact(ctx context.Context, uid uint64, step func(context.Context, *dgo.Txn, uint64) error) error {
	for try := 1; ; try++ {
		txn := k.store.transaction()
		err := step(ctx, txn, uid)
		if err == nil {
			return nil
		}
		discard(txn)
		if !errors.Is(err, errAborted) {
			return err
		}
		if err := pause(ctx, time.Duration(1+rand.IntN(10*min(try, 20)))*time.Millisecond); err != nil {
			return err
		}
	}
}

// set writes quads and commits.
func set(ctx context.Context, txn *dgo.Txn, quads, remove []*api.NQuad) error {
	_, err := txn.Do(ctx, &api.Request{Mutations: []*api.Mutation{{Set: quads, Del: remove}}, CommitNow: true})
	return readable(ctx, err)
}

// list puts the vertices on the register's list.
func (k *keeper) list(ctx context.Context, txn *dgo.Txn, uids []uint64) error {
	var answer struct {
		V []struct {
			UID     string
			Version int64  `json:"ledgers_version"`
			List    []link `json:"ledgers_list"`
		}
	}
	q := `{ v(func: eq(ledgers, "` + registerKey + `")) { uid ledgers_version ledgers_list @filter(uid(` + uidList(uids) + `)) { uid } } }`
	if err := ask(ctx, txn, q, &answer); err != nil {
		return err
	}
	if len(answer.V) != 1 {
		return k.found(ctx, txn, uids)
	}
	v := answer.V[0]
	b := &quads{}
	for _, uid := range uids {
		if !slices.Contains(v.List, link{number(uid)}) {
			b.edge(v.UID, "ledgers_list", hex(uid))
		}
	}
	if len(b.set) == 0 {
		return nil
	}
	b.int(v.UID, "ledgers_version", v.Version+1)
	return set(ctx, txn, b.set, nil)
}

// found makes the register, with the vertices on its list.
func (k *keeper) found(ctx context.Context, txn *dgo.Txn, uids []uint64) error {
	b := &quads{}
	b.text("_:v", "ledgers", registerKey)
	b.types("_:v", "Ledgers")
	for _, uid := range uids {
		b.edge("_:v", "ledgers_list", hex(uid))
	}
	b.int("_:v", "ledgers_version", 1)
	return set(ctx, txn, b.set, nil)
}

// fence aborts all transactions that began before it and have not ended.
func (k *keeper) fence(ctx context.Context, txn *dgo.Txn, _ uint64) error {
	_, _, err := fence(ctx, txn, time.Now())
	return err
}

// laneLife is how long a lane is kept that nobody writes on. Who does after all puts itself into the graph again.
const laneLife = 24 * time.Hour

// fence makes all lanes have another beat, the next number, and takes those out of the graph that are of processes long gone; either aborts who began
// before. It tells which beats the lanes had, and which those have that are left.
func fence(ctx context.Context, txn *dgo.Txn, now time.Time) (had, have beats, err error) {
	oldest := now.Add(-laneLife).UnixNano()
	limit := strconv.FormatInt(oldest, 10)
	res, err := txn.Do(ctx, &api.Request{
		Query: `{ v as var(func: eq(ledgers, "` + registerKey + `")) { l as ledgers_lane }
			l(func: uid(l)) { uid b as lane_beat n as math(b + 1) }
			live as var(func: uid(l)) @filter(ge(val(b), ` + limit + `))
			dead as var(func: uid(l)) @filter(lt(val(b), ` + limit + `)) }`,
		Mutations: []*api.Mutation{
			{Cond: "@if(gt(len(live), 0))", SetNquads: []byte(`uid(live) <lane_beat> val(n) .`)},
			{Cond: "@if(gt(len(dead), 0))", DelNquads: []byte(`uid(v) <ledgers_lane> uid(dead) .
				uid(dead) <lane_beat> * .
				uid(dead) <dgraph.type> * .`)},
		},
		CommitNow: true,
	})
	if err != nil {
		return nil, nil, readable(ctx, err)
	}
	var answer struct{ L []beatOf }
	if err := json.Unmarshal(res.GetJson(), &answer); err != nil {
		return nil, nil, err
	}
	had, have = beatsOf(answer.L), beats{}
	for l, b := range had {
		if b >= oldest {
			have[l] = b + 1
		}
	}
	return had, have, nil
}
