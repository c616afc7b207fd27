package graph

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/dgraph-io/dgo/v230/protos/api"
)

// agedPage is how many vertices are looked up at a time, to be removed a transaction at a time: a look goes through all that is too old.
const agedPage = 20_000

// Aged says what is too old to be kept.
type Aged struct {
	Before time.Time // events that happened before, and raws that came before and tell of no event of the organisation that stays
	Org    string    // hash of the organisation whose; "" is all
}

// RemoveAged removes events that are too old with all that only they held, as RemoveEvents does, and raws. It calls progress, which may be nil, after each
// transaction with the sum so far. It may be broken off at any time; when it is called again it goes on.
func (s *Store) RemoveAged(ctx context.Context, what Aged, progress func(Removed)) (Removed, error) {
	var sum Removed
	told := sum.telling(progress)
	if err := s.removeAgedEvents(ctx, what, told); err != nil {
		return sum, fmt.Errorf("remove what is too old: %w", err)
	}
	if err := s.removeAgedRaws(ctx, what, told); err != nil {
		return sum, fmt.Errorf("remove what is too old: %w", err)
	}
	return sum, nil
}

func (s *Store) removeAgedEvents(ctx context.Context, what Aged, told func(Removed)) error {
	for {
		variables, filter := what.among("audience")
		variables["$before"] = what.Before.UTC().Format(time.RFC3339Nano)
		var answer struct{ Q []link }
		err := s.readInto(ctx, fmt.Sprintf(`%s{ q(func: lt(timestamp, $before), first: %d) %s { uid } }`, variables.head(), agedPage, filter), variables, &answer)
		if err != nil || len(answer.Q) == 0 {
			return err
		}
		for part := range slices.Chunk(uidsOf(answer.Q), s.batch) {
			err := s.writer.remove(ctx, func(context.Context, *attempt) (target, error) {
				return target{events: part, raws: true}, nil
			}, told)
			if err != nil {
				return err
			}
		}
	}
}

// among leaves only what the organisation has.
func (what Aged) among(predicate string) (variables asked, filter string) {
	variables = asked{}
	if what.Org == "" {
		return variables, ""
	}
	return variables, "@filter(eq(" + predicate + ", " + variables.org(what.Org) + "))"
}

// events goes on with a test for events, so that it is for those of the organisation.
func (what Aged) events(variables asked) string {
	if what.Org == "" {
		return ""
	}
	return " AND eq(audience, " + variables.org(what.Org) + ")"
}

// agedRaw is a raw, an event of those in question that hangs on it, if there is any, and what of them is in its sessions.
type agedRaw struct {
	touchedRaw
	Received *time.Time
	Events   []link
	Sessions []struct{ Sref []link }
}

// held tells whether the raw tells of an event, itself or by a session.
func (r agedRaw) held() bool {
	return len(r.Events) > 0 || slices.ContainsFunc(r.Sessions, func(s struct{ Sref []link }) bool { return len(s.Sref) > 0 })
}

// removeAgedRaws goes through all raws: no index has when they came, which would cost every one of them.
func (s *Store) removeAgedRaws(ctx context.Context, what Aged, told func(Removed)) error {
	for after := uint64(0); ; {
		variables, filter := what.among("audiences")
		whose := what.events(variables)
		var answer struct{ Q []agedRaw }
		q := fmt.Sprintf(`%s{ q(func: type(Raw), first: %d, after: %s) %s { uid received events: rref @filter(type(Event)%s) (first: 1) { uid } } }`,
			headOf(variables), agedPage, hex(after), filter, whose)
		if err := s.readInto(ctx, q, variables, &answer); err != nil || len(answer.Q) == 0 {
			return err
		}
		after = uint64(answer.Q[len(answer.Q)-1].UID)
		old := slices.DeleteFunc(answer.Q, func(r agedRaw) bool {
			return r.Received == nil || !r.Received.Before(what.Before) || r.held()
		})
		for part := range slices.Chunk(old, barePart*s.batch) {
			err := s.writer.remove(ctx, func(ctx context.Context, a *attempt) (target, error) { return a.unheld(ctx, what, part) }, told)
			if err != nil {
				return err
			}
		}
	}
}

// unheld finds which of the raws tell of nothing that stays, themselves or by a session.
func (a *attempt) unheld(ctx context.Context, what Aged, raws []agedRaw) (target, error) {
	t := target{leave: map[uint64][]string{}}
	uids := make([]uint64, len(raws))
	for i, r := range raws {
		uids[i] = uint64(r.UID)
	}
	variables := asked{}
	whose := what.events(variables)
	fields := fmt.Sprintf(`@filter(type(Raw)) { %s events: rref @filter(type(Event)%s) (first: 1) { uid }
		sessions: rref @filter(has(sref)) { sref @filter(type(Event)%s) (first: 1) { uid } } }`, leaverFields, whose, whose)
	still, err := askAtOnce[agedRaw](ctx, a, variables, cut(uids, shares), func(uids []uint64) string {
		return headOf(variables) + `{ q(func: uid(` + uidList(uids) + `)) ` + fields + ` }`
	})
	if err != nil {
		return t, err
	}
	for _, r := range still {
		orgs := orgsOf(r.Audiences)
		if what.Org != "" {
			orgs = []string{what.Org}
		}
		if !r.held() {
			t.leave[uint64(r.UID)] = orgs
			t.readRaws = append(t.readRaws, &r.touchedRaw)
		}
	}
	return t, nil
}

// headOf begins a query that may have no variables.
func headOf(v asked) string {
	if len(v) == 0 {
		return ""
	}
	return v.head()
}

// readInto reads an answer at a new snapshot.
func (s *Store) readInto(ctx context.Context, q string, variables asked, answer any) error {
	body, _, err := s.read(ctx, &api.Request{Query: q, Vars: variables, ReadOnly: true})
	if err != nil {
		return err
	}
	return json.Unmarshal(body, answer)
}
