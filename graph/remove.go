package graph

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/dgraph-io/dgo/v230/protos/api"

	"github.com/cybexp/cybexp/tahoe"
)

const (
	removeParts = 6                 // transactions in which a change is made, at most
	removeBatch = removeParts * 400 // events that one change removes
	barePart    = 3                 // times as many raws, which are much less than events with all that they hold
)

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
// transaction, and some transactions go on at once; when it returns an error, those that went are told, and it may be repeated. At every snapshot the graph is whole.
func (s *Store) RemoveEvents(ctx context.Context, r Removal) (Removed, error) {
	var sum Removed
	for part := range slices.Chunk(r.Events, s.batch) {
		err := s.writer.remove(ctx, func(ctx context.Context, a *attempt) (target, error) {
			events, err := a.eventsOf(ctx, r.Orgs, part)
			return target{events: events, raws: r.Raws}, err
		}, sum.add)
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
	for part := range slices.Chunk(raws, s.batch) {
		err := s.removeAll(ctx, func(ctx context.Context, a *attempt) (target, error) {
			return a.uploads(ctx, org, func(string) (functions []string) {
				for _, raws := range cut(part, shares) {
					functions = append(functions, hashFunction(raws))
				}
				return functions
			})
		}, sum.add)
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
	told := sum.telling(progress)
	for _, find := range []func(context.Context, *attempt) (target, error){
		func(ctx context.Context, a *attempt) (target, error) {
			var answer struct{ Q []link }
			variables := asked{}
			list := variables.org(org)
			q := fmt.Sprintf(`%s{ q(func: eq(audience, %s), first: %d) { uid } }`, variables.head(), list, s.batch)
			err := askFor(ctx, a.txn, q, variables, &answer)
			return target{events: uidsOf(answer.Q), raws: true, leaver: org, more: len(answer.Q) == s.batch}, err
		},
		func(ctx context.Context, a *attempt) (target, error) {
			most := barePart * s.batch
			t, err := a.uploads(ctx, org, func(own string) []string { return []string{"eq(audiences, " + own + "), first: " + strconv.Itoa(most)} })
			t.more = t.more || len(t.readRaws) == most
			return t, err
		},
	} {
		if err := s.removeAll(ctx, find, told); err != nil {
			return sum, fmt.Errorf("remove organisation: %w", err)
		}
	}
	return sum, nil
}

// telling adds up, and tells the sum to progress, which may be nil.
func (r *Removed) telling(progress func(Removed)) func(Removed) {
	return func(n Removed) {
		r.add(n)
		if progress != nil {
			progress(*r)
		}
	}
}

// removeAll removes what find finds until there is no more of it.
func (s *Store) removeAll(ctx context.Context, find func(context.Context, *attempt) (target, error), told func(Removed)) error {
	for more := true; more; {
		err := s.writer.remove(ctx, func(ctx context.Context, a *attempt) (target, error) {
			t, err := find(ctx, a)
			more = t.more
			return t, err
		}, told)
		if err != nil {
			return err
		}
	}
	return nil
}

// remove removes what find finds at a snapshot. It tells what went with each transaction.
func (w *writer) remove(ctx context.Context, find func(context.Context, *attempt) (target, error), told func(Removed)) error {
	return w.change(ctx, func(ctx context.Context, r *removal) error { return r.try(ctx, find, told) })
}

// change makes changes that are not writes, one at a time in the process, again and again until they are made.
func (w *writer) change(ctx context.Context, try func(context.Context, *removal) error) error {
	select {
	case r := <-w.edits:
		defer func() { w.edits <- r }()
		return w.again(ctx, func(ctx context.Context) error { return try(ctx, r) })
	case <-ctx.Done():
		return ctx.Err()
	}
}

// try removes what find finds, or is aborted. It announces what is to go until all of it is announced.
func (r *removal) try(ctx context.Context, find func(context.Context, *attempt) (target, error), told func(Removed)) error {
	var p *plan
	for {
		parts := 1 // to find out what to announce
		if r.open {
			parts = removeParts
		}
		list, turn, err := r.begin(ctx, parts)
		if err != nil {
			return err
		}
		a := list[parts-1]
		if p == nil || !r.nothingWritten() {
			if p, err = a.plan(ctx, find); err != nil {
				return err
			}
		}
		uids := p.uids()
		if len(uids)+len(p.cut) == 0 {
			return nil
		}
		if !turn || !r.covers(uids) {
			if err := r.announce(ctx, uids); err != nil {
				return err
			}
			continue
		}
		if err := a.describe(ctx, p); err != nil {
			return err
		}
		return r.commitParts(ctx, list, p.split(parts, a.register.counted), told)
	}
}

// plan finds out what goes.
func (a *attempt) plan(ctx context.Context, find func(context.Context, *attempt) (target, error)) (*plan, error) {
	t, err := find(ctx, a)
	if err != nil {
		return nil, err
	}
	return a.look(ctx, t)
}

// commitParts makes the parts of a plan, some at once, and commits them in order.
func (r *removal) commitParts(ctx context.Context, list []*attempt, parts []*plan, told func(Removed)) (err error) {
	ends := make([]chan error, len(parts))
	for i, p := range parts {
		a := list[i]
		if i > 0 {
			a.needs = map[*ending]struct{}{list[i-1].ending: {}}
		}
		ends[i] = make(chan error, 1)
		go func() {
			q := &quads{attempt: a}
			q.remove(p)
			ends[i] <- r.commit(ctx, q, i == len(parts)-1)
		}()
	}
	for i, p := range parts {
		switch end := <-ends[i]; {
		case err != nil: // an earlier one failed, and so has this
		case end != nil:
			err = end
		default:
			told(p.counts())
		}
	}
	return err
}

// commit sends what q has. With the last transaction of a change what was announced is done.
func (r *removal) commit(ctx context.Context, q *quads, last bool) error {
	q.spellRest()
	if last {
		q.isDone(r.uid)
	}
	q.set = append(q.set, q.beat())
	err := r.w.commit(ctx, q.attempt, &api.Mutation{Set: q.set, Del: q.del})
	r.w.finish(q.attempt, err == nil)
	if err == nil && last {
		r.open, r.patience = false, firstPatience
	}
	return err
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

// uploadedRaw is a raw of an organisation, with events of it.
type uploadedRaw struct {
	touchedRaw
	Events []*goingEvent
}

// uploads finds what goes with the uploads of an organisation: of the raws that functions find, as many events as one change takes. A
// raw of which no more hang on loses the organisation.
func (a *attempt) uploads(ctx context.Context, org string, raws func(own string) []string) (target, error) {
	most := a.store.batch
	t := target{cut: map[uint64][]uint64{}, leave: map[uint64][]string{}}
	variables := asked{}
	own := variables.org(org)
	// That it is a raw or an event need not be asked: nothing else has such a predicate.
	fields := fmt.Sprintf(`@filter(eq(audiences, %[1]s)) { %[2]s events: rref @filter(eq(audience, %[1]s)) (first: %[3]d) { %[4]s } }`, own, leaverFields, most, goingFields)
	list, err := askAtOnce[uploadedRaw](ctx, a, variables, raws(own), func(function string) string {
		return variables.head() + "{ q(func: " + function + ") " + fields + " }"
	})
	if err != nil {
		return t, fmt.Errorf("look up raws: %w", err)
	}
	mine := map[number]bool{}
	for _, r := range list {
		mine[r.UID] = true
	}
	going := map[number]bool{}
	for _, r := range list {
		if len(going) >= most {
			t.more = true
			break
		}
		for _, e := range r.Events {
			switch {
			case slices.ContainsFunc(e.Raws, func(o sharedRaw) bool { return !mine[o.UID] }):
				t.cut[uint64(r.UID)] = append(t.cut[uint64(r.UID)], uint64(e.UID))
			case !going[e.UID]:
				going[e.UID] = true
				t.readEvents = append(t.readEvents, e)
			}
		}
		if len(r.Events) < most {
			t.leave[uint64(r.UID)] = []string{org}
			t.readRaws = append(t.readRaws, &r.touchedRaw)
		} else {
			t.more = true
		}
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
