package graph

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/dgraph-io/dgo/v230/protos/api"

	"github.com/cybexp/cybexp/tahoe"
)

// removeBatch is how many events one transaction removes.
const removeBatch = 400

// Removed counts the vertices that went. When Dgraph is killed, those of a transaction whose answer was lost may be missing in it.
type Removed struct {
	Events, Sessions, Attributes, Objects, Raws int
}

func (r *Removed) add(o Removed) {
	r.Events += o.Events
	r.Sessions += o.Sessions
	r.Attributes += o.Attributes
	r.Objects += o.Objects
	r.Raws += o.Raws
}

// Removal says which events RemoveEvents removes.
type Removal struct {
	Orgs   []string     // hashes of the organisations whose events may go
	Events []tahoe.Hash // those of others, and unknown ones, are passed over
	Raws   bool         // also takes each organisation off the raws that are left without an event of its own
}

// RemoveEvents removes events with all that only they held: attributes, objects, and sessions without another event. Some hundred go in one
// transaction; when it returns an error, those that went are told, and it may be repeated. At every snapshot the graph is whole.
func (s *Store) RemoveEvents(ctx context.Context, r Removal) (Removed, error) {
	var sum Removed
	for part := range slices.Chunk(r.Events, removeBatch) {
		n, err := s.writer.remove(ctx, func(ctx context.Context, a *attempt) (target, error) {
			events, err := a.eventsOf(ctx, r.Orgs, part)
			return target{events: events, raws: r.Raws}, err
		})
		sum.add(n)
		if err != nil {
			return sum, fmt.Errorf("remove events: %w", err)
		}
	}
	return sum, nil
}

// RemoveUploads takes back that an organisation uploaded raws: its events that no other upload of it gave rise to go, and
// a raw that nobody else uploaded.
func (s *Store) RemoveUploads(ctx context.Context, org string, raws []tahoe.Hash) (Removed, error) {
	var sum Removed
	for part := range slices.Chunk(raws, removeBatch) {
		n, err := s.removeAll(ctx, func(ctx context.Context, a *attempt) (target, error) {
			return a.uploads(ctx, org, asked{}, hashFunction(part))
		}, nil)
		sum.add(n)
		if err != nil {
			return sum, fmt.Errorf("remove uploads: %w", err)
		}
	}
	return sum, nil
}

// RemoveOrg removes all events of an organisation, takes it off its raws, and removes those that nobody else uploaded. It calls progress, which may be nil,
// after each transaction with the sum so far. It may be repeated after an error; then it goes on.
func (s *Store) RemoveOrg(ctx context.Context, org string, progress func(Removed)) (Removed, error) {
	var sum Removed
	report := func(n Removed) {
		n.add(sum)
		if progress != nil {
			progress(n)
		}
	}
	for _, find := range []func(context.Context, *attempt) (target, error){
		func(ctx context.Context, a *attempt) (target, error) {
			var answer struct{ Q []link }
			variables := asked{}
			list := variables.org(org)
			q := fmt.Sprintf(`%s{ q(func: eq(audience, %s), first: %d) { uid } }`, variables.head(), list, removeBatch)
			err := askFor(ctx, a.txn, q, variables, &answer)
			return target{events: uidsOf(answer.Q), raws: true}, err
		},
		func(ctx context.Context, a *attempt) (target, error) {
			variables := asked{}
			return a.uploads(ctx, org, variables, "eq(audiences, "+variables.org(org)+"), first: "+strconv.Itoa(removeBatch))
		},
	} {
		n, err := s.removeAll(ctx, find, report)
		sum.add(n)
		if err != nil {
			return sum, fmt.Errorf("remove organisation: %w", err)
		}
	}
	return sum, nil
}

// removeAll removes what find finds until it finds nothing.
func (s *Store) removeAll(ctx context.Context, find func(context.Context, *attempt) (target, error), report func(Removed)) (Removed, error) {
	var sum Removed
	for more := true; more; {
		n, err := s.writer.remove(ctx, func(ctx context.Context, a *attempt) (target, error) {
			t, err := find(ctx, a)
			more = len(t.events)+len(t.cut)+len(t.leave) > 0
			return t, err
		})
		sum.add(n)
		if err != nil {
			return sum, err
		}
		if report != nil && more {
			report(sum)
		}
	}
	return sum, nil
}

// remove removes what find finds at a snapshot, in one transaction.
func (w *writer) remove(ctx context.Context, find func(context.Context, *attempt) (target, error)) (n Removed, err error) {
	err = w.change(ctx, func(ctx context.Context, r *removal) error {
		n, err = r.try(ctx, find)
		return err
	})
	return n, err
}

// change makes changes that are not writes, one at a time in the process, again and again until they are made.
func (w *writer) change(ctx context.Context, try func(context.Context, *removal) error) error {
	select {
	case l := <-w.edits:
		defer func() { w.edits <- l }()
		r := &removal{w: w, lane: l}
		return w.again(ctx, func(ctx context.Context) error { return try(ctx, r) })
	case <-ctx.Done():
		return ctx.Err()
	}
}

// try removes what find finds, or is aborted. It announces what is to go until all of it is announced.
func (r *removal) try(ctx context.Context, find func(context.Context, *attempt) (target, error)) (Removed, error) {
	for {
		a, announced, err := r.begin(ctx)
		if err != nil {
			return Removed{}, err
		}
		t, err := find(ctx, a)
		if err != nil {
			return Removed{}, err
		}
		p, err := a.look(ctx, t)
		if err != nil {
			return Removed{}, err
		}
		if uids := p.uids(); len(uids) > 0 && (!announced || !r.covers(uids)) {
			if err := r.announce(ctx, uids); err != nil {
				return Removed{}, err
			}
			continue
		}
		if err := a.describe(ctx, p); err != nil {
			return Removed{}, err
		}
		q := &quads{attempt: a}
		q.remove(p)
		if len(q.del) == 0 {
			return Removed{}, nil
		}
		return p.counts(), r.commit(ctx, q)
	}
}

// commit sends what q has, and what every removal writes.
func (r *removal) commit(ctx context.Context, q *quads) error {
	q.spellRest()
	r.done(q)
	q.set = append(q.set, q.beat())
	err := r.w.sending(ctx, func() error {
		_, err := q.txn.Do(ctx, &api.Request{Mutations: []*api.Mutation{{Set: q.set, Del: q.del}}, CommitNow: true})
		return err
	})
	if err != nil {
		return err
	}
	r.w.mu.Lock()
	defer r.w.mu.Unlock()
	r.w.keeper.written(q.attempt)
	return nil
}

func (p *plan) counts() Removed {
	n := Removed{Events: len(p.events)}
	for _, s := range p.sessions {
		if s.goes {
			n.Sessions++
		}
	}
	for _, node := range p.nodes {
		switch {
		case !node.goes:
		case node.Itype == string(tahoe.KindObject):
			n.Objects++
		default:
			n.Attributes++
		}
	}
	for _, r := range p.raws {
		if r.goes {
			n.Raws++
		}
	}
	return n
}

// eventsOf finds the events with these hashes that belong to one of the organisations.
func (a *attempt) eventsOf(ctx context.Context, orgs []string, hashes []tahoe.Hash) ([]uint64, error) {
	var answer struct {
		Q []struct {
			link
			Audience string
		}
	}
	if len(hashes) == 0 {
		return nil, nil
	}
	if err := ask(ctx, a.txn, `{ q(func: `+hashFunction(hashes)+`) @filter(type(Event)) { uid audience } }`, &answer); err != nil {
		return nil, fmt.Errorf("look up events: %w", err)
	}
	var uids []uint64
	for _, e := range answer.Q {
		if slices.Contains(orgs, orgOf(e.Audience)) {
			uids = append(uids, uint64(e.UID))
		}
	}
	return uids, nil
}

// uploads finds what goes with the uploads of an organisation: of the raws that a function finds, as many events as one transaction takes. A
// raw of which no more hang on loses the organisation.
func (a *attempt) uploads(ctx context.Context, org string, variables asked, raws string) (target, error) {
	var answer struct {
		Q []struct {
			link
			Rref []struct {
				link
				Raws []link `json:"~rref"`
			}
		}
	}
	t := target{cut: map[uint64][]uint64{}, leave: map[uint64][]string{}}
	own := variables.org(org)
	q := fmt.Sprintf(`%s{ q(func: %s) @filter(type(Raw) AND eq(audiences, %s)) {
		uid rref @filter(type(Event) AND eq(audience, %s)) (first: %d) { uid ~rref { uid } } } }`, variables.head(), raws, own, own, removeBatch)
	if err := askFor(ctx, a.txn, q, variables, &answer); err != nil {
		return t, fmt.Errorf("look up raws: %w", err)
	}
	mine := map[number]bool{}
	for _, r := range answer.Q {
		mine[r.UID] = true
	}
	going := map[uint64]bool{}
	for _, r := range answer.Q {
		if len(going) >= removeBatch {
			break
		}
		for _, e := range r.Rref {
			if slices.ContainsFunc(e.Raws, func(o link) bool { return !mine[o.UID] }) {
				t.cut[uint64(r.UID)] = append(t.cut[uint64(r.UID)], uint64(e.UID))
			} else {
				going[uint64(e.UID)] = true
			}
		}
		if len(r.Rref) < removeBatch {
			t.leave[uint64(r.UID)] = []string{org}
		}
	}
	for uid := range going {
		t.events = append(t.events, uid)
	}
	return t, nil
}

// hashFunction finds vertices by hash.
func hashFunction(hashes []tahoe.Hash) string {
	q := make([]byte, 0, 67*len(hashes)+12)
	q = append(q, "eq(hash, ["...)
	for i, h := range hashes {
		if i > 0 {
			q = append(q, ',')
		}
		q = append(q, '"')
		q = append(q, h.String()...)
		q = append(q, '"')
	}
	return string(append(q, "])"...))
}

func uidsOf(list []link) []uint64 {
	uids := make([]uint64, len(list))
	for i, l := range list {
		uids[i] = uint64(l.UID)
	}
	return uids
}
