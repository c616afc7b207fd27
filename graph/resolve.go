package graph

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/dgraph-io/dgo/v230"

	"github.com/cybexp/cybexp/tahoe"
)

// claim is a vertex that an attempt is about to make.
type claim struct {
	entry
	owner *attempt
}

// attempt is one try to write a batch.
type attempt struct {
	batch *batch
	lane  *lane
	txn   *dgo.Txn
	store *Store // and at, when read is used: the start timestamp of txn
	at    uint64
	have  map[tahoe.Hash]*existing // what the graph knows of those that merge
	needs map[*ending]struct{}     // of attempts that make vertices which this one points at

	unmarked bool // who may see what it writes is written elsewhere

	register register // of ledgers, at the snapshot of txn
	changed  []uint64 // whose ledgers it changes

	*ending
}

// ending is how an attempt ends. Others keep it, and not the attempt, which would keep those before it in turn: all that a long upload wrote.
type ending struct {
	done      chan struct{} // closed when it has ended; committed is set before
	committed bool
}

// existing is the part of a vertex that a later record can add to.
type existing struct {
	UID      string `json:"uid"`
	State    tahoe.RawState
	Timezone string
	Uploads  []string
	Category string
	Received *time.Time
	Mal      []vertex `json:"mal_ref"`
	Ben      []vertex `json:"ben_ref"`
	Judged   []vertex `json:"judged_ref"` // by a person

	Audience  string        // of an event, as Marking is
	Marking   tahoe.Marking `json:"tlp"`
	Audiences []string      // of a raw
	Spans     []span        `json:"~span_raw"`
	Raws      []sharedRaw   `json:"~rref"` // of an event that fewer may see from now on
}

// shared is a raw as the others have it.
func (e *existing) shared() sharedRaw {
	uid, _ := vertex{UID: e.UID}.number() // Dgraph gave it
	return sharedRaw{UID: number(uid), Audiences: e.Audiences, Spans: e.Spans}
}

// sharedRaw is a raw, who may see it, and what it tells of sessions.
type sharedRaw struct {
	UID       number `json:"uid"`
	Audiences []string
	Spans     []span `json:"~span_raw"`
}

type vertex struct {
	UID     string `json:"uid"`
	Hash    tahoe.Hash
	SubType string `json:"sub_type"`
}

func (v vertex) number() (uint64, error) {
	return strconv.ParseUint(strings.TrimPrefix(v.UID, "0x"), 16, 64)
}

func hex(uid uint64) string {
	var room [18]byte
	return string(strconv.AppendUint(append(room[:0], "0x"...), uid, 16))
}

// resolve finds or makes a uid for every hash of the batch. What it makes is claimed until finish.
func (w *writer) resolve(ctx context.Context, b *batch, l *lane) (*attempt, error) {
	a := &attempt{batch: b, lane: l, ending: &ending{done: make(chan struct{})}}
	for {
		owner, err := w.resolveNow(ctx, a)
		if errors.Is(err, errNoLane) {
			if err = w.enroll(ctx, l); err == nil {
				continue
			}
		}
		if err != nil {
			w.finish(a, false)
			return nil, err
		}
		if owner == nil {
			break
		}
		select { // somebody is making a vertex that this batch has to read
		case <-owner.done:
		case <-ctx.Done():
			w.finish(a, false)
			return nil, ctx.Err()
		}
	}
	if err := a.readExisting(ctx); err != nil {
		w.finish(a, false)
		return nil, err
	}
	return a, nil
}

// resolveNow is one pass of resolve, alone at a time. It returns another attempt when that one has to end first.
func (w *writer) resolveNow(ctx context.Context, a *attempt) (wait *attempt, err error) {
	select {
	case w.turn <- struct{}{}:
		defer func() { <-w.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	a.txn = w.store.transaction()
	for {
		a.batch.forget()
		a.needs = map[*ending]struct{}{}
		missing, wait, err := w.recall(a)
		if err != nil || wait != nil {
			return wait, err
		}
		// The look-up is in the transaction that makes what it does not find, so that two writers who make the same vertex conflict.
		found, heads, err := lookup(ctx, a.txn, a.lane.heads(), missing)
		if err != nil {
			return nil, err
		}
		recalled := w.register.announced
		if err := w.consult(ctx, a, heads); err != nil {
			return nil, err
		}
		if a.register.announced == recalled {
			return nil, w.claim(ctx, a, missing, found)
		} // else something that was remembered may be gone: once more
	}
}

// recall takes uids from the cache and from other attempts' claims.
func (w *writer) recall(a *attempt) (missing []tahoe.Hash, wait *attempt, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, h := range a.batch.order {
		it := a.batch.items[h]
		e, ok := w.known.get(h)
		if ok = ok && !w.gone[e.uid]; !ok {
			var c claim
			if c, ok = w.claims[h]; ok {
				if it.merges() || c.owner.register.announced < w.register.announced {
					return nil, c.owner, nil
				}
				e, a.needs[c.owner.ending] = c.entry, struct{}{}
			}
		}
		if !ok {
			missing = append(missing, h)
			continue
		}
		if e.sub != digest(it.instance.SubType()) {
			return nil, nil, collision(h, "another sub_type", it.instance.SubType())
		}
		it.uid = e.uid
	}
	return missing, nil, nil
}

// claim remembers what was found and gives the rest uids of their own.
func (w *writer) claim(ctx context.Context, a *attempt, missing []tahoe.Hash, found map[tahoe.Hash]vertex) error {
	for _, h := range missing {
		it := a.batch.items[h]
		v, ok := found[h]
		if !ok {
			uid, err := w.lease.take(ctx)
			if err != nil {
				return err
			}
			it.uid, it.fresh = uid, true
			continue
		}
		if err := collision(h, v.SubType, it.instance.SubType()); err != nil {
			return err
		}
		uid, err := v.number()
		if err != nil {
			return fmt.Errorf("uid of %v: %w", h, err)
		}
		it.uid = uid
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, h := range missing {
		it := a.batch.items[h]
		e := entry{uid: it.uid, sub: digest(it.instance.SubType())}
		if it.fresh {
			w.claims[h] = claim{entry: e, owner: a}
		} else {
			w.known.put(h, e)
		}
	}
	return nil
}

// finish ends an attempt: its claims become known vertices, or nobody's.
func (w *writer) finish(a *attempt, committed bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for h := range a.batch.made() {
		c, ok := w.claims[h]
		if !ok || c.owner != a {
			continue
		}
		delete(w.claims, h)
		if committed && a.register.announced == w.register.announced { // else it may be gone by now
			w.known.put(h, c.entry)
		}
	}
	if a.committed = committed; committed {
		w.keeper.written(a)
	}
	close(a.done)
}

// lookupSize bounds the hashes of one look-up.
const lookupSize = 2000

// lookup asks for the hashes, and with the first of them for heads.
func lookup(ctx context.Context, txn *dgo.Txn, heads string, hashes []tahoe.Hash) (map[tahoe.Hash]vertex, headsAnswer, error) {
	found := make(map[tahoe.Hash]vertex, len(hashes))
	var first headsAnswer
	for begun := false; !begun || len(hashes) > 0; begun = true {
		part := hashes[:min(lookupSize, len(hashes))]
		hashes = hashes[len(part):]
		var answer struct {
			Q []vertex
			headsAnswer
		}
		if err := ask(ctx, txn, lookupQuery(heads, part), &answer); err != nil {
			return nil, first, fmt.Errorf("look up hashes: %w", err)
		}
		if !begun {
			first, heads = answer.headsAnswer, ""
		}
		for _, v := range answer.Q {
			if have, twice := found[v.Hash]; twice {
				return nil, first, fmt.Errorf("hash %v has two vertices, %s and %s", v.Hash, have.UID, v.UID)
			}
			found[v.Hash] = v
		}
	}
	return found, first, nil
}

func lookupQuery(heads string, hashes []tahoe.Hash) string {
	if len(hashes) == 0 {
		return "{ " + heads + " }"
	}
	var q strings.Builder
	q.WriteString("{ " + heads + ` q(func: eq(hash, [`)
	for i, h := range hashes {
		if i > 0 {
			q.WriteByte(',')
		}
		q.WriteString(`"` + h.String() + `"`)
	}
	q.WriteString(`])) { uid hash sub_type } }`)
	return q.String()
}

// readExisting reads what the graph holds of vertices that exist and have to be merged, in the transaction that will write them.
func (a *attempt) readExisting(ctx context.Context) error {
	var uids []string
	byUID := map[string]tahoe.Hash{}
	for _, h := range a.batch.order {
		if it := a.batch.items[h]; !it.fresh && it.merges() {
			uid := hex(it.uid)
			uids, byUID[uid] = append(uids, uid), h
		}
	}
	if len(uids) == 0 {
		return nil
	}
	var answer struct{ Q []*existing }
	q := `{ q(func: uid(` + strings.Join(uids, ",") + `)) { uid state timezone uploads category received audience tlp audiences mal_ref { uid } ben_ref { uid } judged_ref { uid } ~span_raw { ` + spanFields + ` } } }`
	if err := ask(ctx, a.txn, q, &answer); err != nil {
		return fmt.Errorf("read vertices: %w", err)
	}
	a.have = make(map[tahoe.Hash]*existing, len(uids))
	for _, e := range answer.Q {
		a.have[byUID[e.UID]] = e
	}
	return a.readRaws(ctx)
}

// readRaws reads the raws of the events that fewer may see from now on.
func (a *attempt) readRaws(ctx context.Context) error {
	var uids []string
	of := map[string]*existing{}
	for h, have := range a.have {
		if e, ok := a.batch.items[h].instance.(*tahoe.Event); ok && a.marking(h).Audience(e.OrgID()) != have.Audience {
			uids, of[have.UID] = append(uids, have.UID), have
		}
	}
	if len(uids) == 0 {
		return nil
	}
	var answer struct{ Q []*existing }
	if err := ask(ctx, a.txn, `{ q(func: uid(`+strings.Join(uids, ",")+`)) { uid ~rref { `+sharedFields+` } } }`, &answer); err != nil {
		return fmt.Errorf("read raws: %w", err)
	}
	for _, e := range answer.Q {
		of[e.UID].Raws = e.Raws
	}
	return nil
}

func ask(ctx context.Context, txn *dgo.Txn, q string, answer any) error {
	return askFor(ctx, txn, q, nil, answer)
}

// askFor is ask with texts of users, which never stand in the query itself.
func askFor(ctx context.Context, txn *dgo.Txn, q string, variables map[string]string, answer any) error {
	res, err := txn.QueryWithVars(ctx, q, variables)
	if err != nil {
		return readable(ctx, err)
	}
	return json.Unmarshal(res.GetJson(), answer)
}

// settled waits for the attempts that this one builds on. It fails if one of them did.
func (a *attempt) settled(ctx context.Context) error {
	for owner := range a.needs {
		select {
		case <-owner.done:
			if !owner.committed {
				return errAborted
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
