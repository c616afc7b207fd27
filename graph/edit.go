package graph

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/cybexp/cybexp/tahoe"
)

// maxEdited is how many events one edit changes at most: it is one transaction.
const maxEdited = 500

// ErrTooMany is returned for an edit of what is in very many events.
var ErrTooMany = errors.New("in too many events to be changed at once")

// Edit says how the children of an object, event or session change.
type Edit struct {
	Orgs   []string     // hashes of the organisations whose events change
	Of     tahoe.Hash   // the object, event or session
	Add    []tahoe.Node // none of which it has, or that holds it
	Remove []tahoe.Hash // all of which it has
}

func (e *Edit) validate() error {
	if len(e.Add)+len(e.Remove) == 0 {
		return fmt.Errorf("%w: nothing to add or to remove", tahoe.ErrData)
	}
	seen := map[tahoe.Hash]bool{}
	for _, h := range e.Remove {
		if seen[h] {
			return fmt.Errorf("%w: %v is named twice", tahoe.ErrData, h)
		}
		seen[h] = true
	}
	for _, n := range e.Add {
		if seen[n.Hash()] {
			return fmt.Errorf("%w: %v is named twice", tahoe.ErrData, n.Hash())
		}
		seen[n.Hash()] = true
		if o, ok := n.(*tahoe.Object); n.Hash() == e.Of || ok && slices.ContainsFunc(o.Refs(), func(n tahoe.Node) bool { return n.Hash() == e.Of }) {
			return fmt.Errorf("%w: %v cannot hold itself", tahoe.ErrData, e.Of)
		}
	}
	return nil
}

// Edit changes the children of an object, event or session, and returns its new hash. All that holds it, up to the events of the
// organisations, gets new hashes with it: contexts, categories, sessions and raws follow, and what nothing holds any more is gone, all in one
// transaction. Events of others keep what they hold. Sessions whose identity changes take the organisations' events with them.
//
// Faults in the edit wrap tahoe.ErrData; ErrNotFound says that the organisations have no event with it, ErrTooMany that they have too many.
func (s *Store) Edit(ctx context.Context, e Edit) (tahoe.Hash, error) {
	if err := e.validate(); err != nil {
		return tahoe.Hash{}, fmt.Errorf("edit: %w", err)
	}
	var sent tahoe.Hash // by an earlier try, whose answer may have been lost
	err := s.writer.change(ctx, func(ctx context.Context, r *removal) error {
		err := r.edit(ctx, &e, &sent)
		if errors.Is(err, ErrNotFound) && !sent.IsZero() {
			return nil
		}
		return err
	})
	if err != nil {
		return tahoe.Hash{}, fmt.Errorf("edit: %w", err)
	}
	return sent, nil
}

// edit is a try.
func (r *removal) edit(ctx context.Context, e *Edit, sent *tahoe.Hash) error {
	for {
		list, turn, err := r.begin(ctx, 1)
		if err != nil {
			return err
		}
		a := list[0]
		c, err := a.edited(ctx, e)
		if err != nil {
			return err
		}
		if err := r.w.settle(ctx, a, c.record); err != nil {
			return err
		}
		p, err := a.look(ctx, c.target(a))
		if err != nil {
			return err
		}
		if uids := p.uids(); !turn || !r.covers(uids) {
			if err := r.announce(ctx, uids); err != nil {
				return err
			}
			continue
		}
		if err := a.describe(ctx, p); err != nil {
			return err
		}
		q := a.spelt()
		c.follow(q)
		q.remove(p)
		*sent = c.hash
		return r.commit(ctx, q, true)
	}
}

// settle finds or makes the vertices of a record for an attempt that is nobody else's concern.
func (w *writer) settle(ctx context.Context, a *attempt, r tahoe.Record) error {
	b, err := gather([]*piece{{record: r}})
	if err != nil {
		return err
	}
	found, _, err := lookup(ctx, a.txn, a.lane.heads(), b.order)
	if err != nil {
		return err
	}
	a.batch = b
	select {
	case w.turn <- struct{}{}:
		defer func() { <-w.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	for _, h := range b.order {
		it := b.items[h]
		v, ok := found[h]
		if !ok {
			if it.uid, err = w.lease.take(ctx); err != nil {
				return err
			}
			it.fresh = true
			continue
		}
		if err := collision(h, v.SubType, it.instance.SubType()); err != nil {
			return err
		}
		if it.uid, err = v.number(); err != nil {
			return err
		}
	}
	return a.readExisting(ctx)
}

// change is what an edit makes of a snapshot.
type change struct {
	hash     tahoe.Hash // the new one of what is edited
	record   tahoe.Record
	events   map[uint64]*tahoe.Event   // what becomes of each
	sessions map[uint64]*tahoe.Session // of those that the edit changes
	old      []*treeEvent
	held     []*treeSession // those of the sessions that change
	orgs     []string
	judged   map[uint64][]tahoe.Hash // nodes of a new event, by its old uid
}

// edited reads all that the edit changes, and changes it.
func (a *attempt) edited(ctx context.Context, e *Edit) (*change, error) {
	c := &change{events: map[uint64]*tahoe.Event{}, sessions: map[uint64]*tahoe.Session{}, judged: map[uint64][]tahoe.Hash{}, orgs: e.Orgs}
	if err := a.find(ctx, e, c); err != nil {
		return nil, err
	}
	var uids []uint64
	for _, v := range c.old {
		uids = append(uids, uidsOf(v.Ref)...)
	}
	for _, v := range c.held {
		uids = append(uids, uidsOf(v.Sattr)...)
	}
	slices.Sort(uids)
	nodes, err := a.loadNodes(ctx, slices.Compact(uids))
	if err != nil {
		return nil, err
	}
	is := &tree{nodes: nodes, made: map[uint64]tahoe.Node{}}
	becomes := &tree{edit: e, nodes: nodes, made: map[uint64]tahoe.Node{}}
	for uid, n := range nodes {
		if n.Hash == e.Of {
			o, err := becomes.node(uid)
			if err != nil {
				return nil, err
			}
			c.hash = o.Hash()
		}
	}
	for _, v := range c.old {
		if err := c.event(v, is, becomes, e); err != nil {
			return nil, err
		}
	}
	for _, v := range c.held {
		if err := c.session(v, is, becomes, e); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func (c *change) event(v *treeEvent, is, becomes *tree, e *Edit) error {
	if _, err := is.event(v); err != nil {
		return err
	}
	made, err := becomes.event(v)
	if err != nil {
		return err
	}
	if v.Hash == e.Of {
		c.hash = made.Hash()
	}
	for _, l := range v.Judged {
		n, err := becomes.node(uint64(l.UID))
		if err != nil {
			return err
		}
		if _, err := made.Context(n); err == nil {
			c.judged[uint64(v.UID)] = append(c.judged[uint64(v.UID)], n.Hash())
		}
	}
	c.events[uint64(v.UID)] = made
	c.record.Events = append(c.record.Events, made)
	return nil
}

func (c *change) session(v *treeSession, is, becomes *tree, e *Edit) error {
	if _, err := is.session(v); err != nil {
		return err
	}
	made, err := becomes.session(v)
	if err != nil {
		return err
	}
	if v.Hash == e.Of {
		c.hash = made.Hash()
	}
	c.sessions[uint64(v.UID)] = made
	c.record.Sessions = append(c.record.Sessions, made)
	return nil
}

// find reads the events and sessions that change.
func (a *attempt) find(ctx context.Context, e *Edit, c *change) error {
	filters, variables := make([]string, len(e.Orgs)), asked{}
	for i, org := range e.Orgs {
		filters[i] = "eq(audience, " + variables.org(org) + ")"
	}
	if len(e.Orgs) == 0 {
		return ErrNotFound
	}
	own := "@filter(" + strings.Join(filters, " OR ") + ")"
	event := `hash brief cref { uid } ` + eventFields
	session := `uid hash sub_type data sattr { uid } sref { uid audience } ~rref { uid audiences rref { uid } } ~span_of { ` + spanFields + ` }`
	q := variables.head() + `{
		e as var(func: eq(hash, "` + e.Of.String() + `"))
		self(func: uid(e)) @filter(type(Event) AND (` + strings.Join(filters, " OR ") + `)) { ` + event + ` }
		session(func: uid(e)) @filter(type(Session)) { ` + session + ` }
		in(func: uid(e)) @filter(type(Object)) { ~ref ` + own + ` (first: ` + strconv.Itoa(maxEdited+1) + `) { ` + event + ` } ~sattr { ` + session + ` } } }`
	var answer struct {
		Self    []*treeEvent
		Session []*treeSession
		In      []struct {
			Events   []*treeEvent   `json:"~ref"`
			Sessions []*treeSession `json:"~sattr"`
		}
	}
	if err := askFor(ctx, a.txn, q, variables, &answer); err != nil {
		return fmt.Errorf("read what changes: %w", err)
	}
	c.old, c.held = answer.Self, answer.Session
	for _, o := range answer.In {
		c.old, c.held = append(c.old, o.Events...), append(c.held, o.Sessions...)
	}
	size := len(c.old)
	c.held = slices.DeleteFunc(c.held, func(s *treeSession) bool {
		n := len(c.moved(s))
		size += n
		return n == 0
	})
	switch {
	case size == 0:
		return fmt.Errorf("%w: event with %v", ErrNotFound, e.Of)
	case size > 2*maxEdited || len(c.old) > maxEdited:
		return ErrTooMany
	}
	return nil
}

// moved lists the events that leave a session for the one that becomes of it.
func (c *change) moved(s *treeSession) (events []uint64) {
	for _, e := range s.Sref {
		if slices.Contains(c.orgs, orgOf(e.Audience)) {
			events = append(events, uint64(e.UID))
		}
	}
	return events
}

// target is what the change leaves behind.
func (c *change) target(a *attempt) target {
	t := target{moved: map[uint64][]uint64{}, cut: map[uint64][]uint64{}, held: map[uint64]bool{}}
	for _, it := range a.batch.items {
		if !it.fresh {
			t.held[it.uid] = true
		}
	}
	for uid, e := range c.events {
		if a.batch.of(e.Hash()).uid != uid {
			t.events = append(t.events, uid)
		}
	}
	for _, v := range c.old {
		for _, s := range v.Sessions {
			if c.sessions[uint64(s.UID)] == nil {
				t.held[uint64(s.UID)] = true
			}
		}
	}
	for _, v := range c.held {
		t.moved[uint64(v.UID)] = c.moved(v)
		for _, r := range v.Raws {
			if stay, _ := c.shared(v, r.UID, r.Rref, r.Audiences); !stay {
				t.cut[uint64(r.UID)] = append(t.cut[uint64(r.UID)], uint64(v.UID))
			}
		}
	}
	return t
}

// shared tells whether a raw, on which these hang, has to do with those events of the session that stay, and with those that move. A raw
// with none of both follows the organisations that uploaded it. It stays, too, where others told by it of the session's times.
func (c *change) shared(s *treeSession, raw number, rref []link, audiences []string) (stay, move bool) {
	hangs := map[number]bool{}
	for _, l := range rref {
		hangs[l.UID] = true
	}
	for _, e := range s.Sref {
		if hangs[e.UID] {
			own := slices.Contains(c.orgs, orgOf(e.Audience))
			stay, move = stay || !own, move || own
		}
	}
	if !stay && !move {
		for _, a := range audiences {
			own := slices.Contains(c.orgs, orgOf(a))
			stay, move = stay || !own, move || own
		}
	}
	for _, told := range s.Spans {
		stay = stay || !slices.Contains(c.orgs, orgOf(told.Audience)) && slices.Contains(told.Raws, link{raw})
	}
	return stay, move
}

// follow writes the edges that others have to what is new.
func (c *change) follow(q *quads) {
	for _, v := range c.old {
		uid := q.name(c.events[uint64(v.UID)].Hash())
		for _, s := range v.Sessions {
			if c.sessions[uint64(s.UID)] == nil {
				q.edge(hex(uint64(s.UID)), "sref", uid)
			}
		}
		for _, r := range v.Raws {
			q.edge(hex(uint64(r.UID)), "rref", uid)
		}
		if q.batch.of(c.events[uint64(v.UID)].Hash()).fresh {
			for _, h := range c.judged[uint64(v.UID)] {
				q.edge(uid, "judged_ref", q.name(h))
			}
		}
	}
	for _, v := range c.held {
		uid := q.name(c.sessions[uint64(v.UID)].Hash())
		for _, e := range c.moved(v) {
			to := hex(e)
			if made := c.events[e]; made != nil {
				to = q.name(made.Hash())
			}
			q.edge(uid, "sref", to)
		}
		moved := map[number]bool{}
		for _, r := range v.Raws {
			if _, move := c.shared(v, r.UID, r.Rref, r.Audiences); move {
				q.edge(hex(uint64(r.UID)), "rref", uid)
				moved[r.UID] = true
			}
		}
		c.retell(q, v, uid, moved)
	}
}

// retell lets the new session have what the organisations told of the old one by the raws that go with it.
func (c *change) retell(q *quads, v *treeSession, session string, moved map[number]bool) {
	for _, s := range v.Spans {
		org, m := tahoe.ParseAudience(s.Audience)
		if !slices.Contains(c.orgs, org) || !slices.ContainsFunc(s.Raws, func(r link) bool { return moved[r.UID] }) {
			continue
		}
		t := telling{session: session, org: org, marking: m, span: s}
		for _, r := range s.Raws {
			t.raws = append(t.raws, hex(uint64(r.UID)))
		}
		q.tells = append(q.tells, t)
		q.removeSpans([]span{s})
	}
}
