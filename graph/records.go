package graph

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/dgraph-io/dgo/v230/protos/api"

	"github.com/cybexp/cybexp/tahoe"
)

// Sizes of a page of records: recordRaws at 1 MiB each and as many events of each are well below maxMessage. Most are small; as long as they are, pages grow.
const (
	recordRaws   = 100
	recordMost   = 800
	recordSmall  = 8 << 20 // bytes of a page after which the next may be twice as large
	recordEvents = 100     // of one raw that come with it; others are read by themselves
	loneEvents   = 1000    // that are looked at for whether they hang on a raw
)

// Records reads a page of what q asks for: raws in the order of their uids, with the events and sessions that came of them, then events that hang on no raw
// which the asker may see. All pages are of one snapshot. ErrNotFound if there is nothing with the hash Behind that the asker may see.
func (s *Store) Records(ctx context.Context, q tahoe.RecordQuery) (tahoe.RecordPage, error) {
	r := &recordReader{store: s, audiences: q.Audiences, place: q.Place}
	page, err := r.page(ctx, q)
	if err != nil {
		return page, fmt.Errorf("read records: %w", err)
	}
	return page, nil
}

// recordReader reads one page at a snapshot.
type recordReader struct {
	store     *Store
	audiences []string
	place     tahoe.RecordPlace
	bytes     int // that were read
	tree      *tree
	sessions  map[uint64]*treeSession
}

// recordRaw is a raw as the graph has it, with some of its events, and all its sessions.
type recordRaw struct {
	rawVertex
	Events   []*treeEvent
	Sessions []link
	Spans    []span // by which it tells of them
}

func (r *recordReader) page(ctx context.Context, q tahoe.RecordQuery) (page tahoe.RecordPage, err error) {
	if len(r.audiences) == 0 {
		page.Next.End = true
		return page, nil
	}
	switch {
	case len(q.Hashes) > 0:
		if page.Records, err = r.byHash(ctx, q.Hashes); err == nil {
			r.place.End = true
		}
	case r.place == tahoe.RecordPlace{} && !q.Behind.IsZero():
		if err := r.find(ctx, q.Behind); err != nil {
			return page, err
		}
		fallthrough
	default:
		page.Records, err = r.next(ctx)
	}
	page.Next = r.place
	return page, err
}

// next reads the page behind the place.
func (r *recordReader) next(ctx context.Context) ([]tahoe.Record, error) {
	if r.place.Events {
		return r.lone(ctx)
	}
	size := max(r.place.Size, recordRaws)
	list, err := r.nextRaws(ctx, size)
	if err != nil && size > recordRaws && ctx.Err() == nil { // those may be large all at once
		size = recordRaws
		list, err = r.nextRaws(ctx, size)
	}
	if r.place.Size = size; r.bytes < recordSmall {
		r.place.Size = min(2*size, recordMost)
	} else if r.bytes > 4*recordSmall {
		r.place.Size = recordRaws
	}
	if err == nil && len(list) == 0 && r.place.Events {
		return r.lone(ctx)
	}
	return list, err
}

// nextRaws reads so many raws behind the place.
func (r *recordReader) nextRaws(ctx context.Context, size int) ([]tahoe.Record, error) {
	r.bytes = 0
	raws, err := r.raws(ctx, "eq(audiences, %s), first: "+strconv.Itoa(size)+", after: "+hex(r.place.Raw))
	if err != nil || len(raws) == 0 {
		r.place.Events = err == nil
		return nil, err
	}
	list, err := r.records(ctx, raws)
	if err == nil {
		r.place.Raw, r.place.Events = uint64(raws[len(raws)-1].uid()), len(raws) < size
	}
	return list, err
}

// find puts the place behind what has a hash.
func (r *recordReader) find(ctx context.Context, hash tahoe.Hash) error {
	var answer struct {
		Q []struct {
			link
			Itype string
		}
	}
	v := asked{}
	list := v.list(r.audiences)
	filter := fmt.Sprintf(`(type(Raw) AND eq(audiences, %[1]s)) OR (type(Event) AND eq(audience, %[1]s))`, list)
	if err := r.ask(ctx, v, `q(func: `+hashFunction([]tahoe.Hash{hash})+`) @filter(`+filter+`) { uid itype }`, &answer); err != nil {
		return err
	}
	if len(answer.Q) != 1 {
		return fmt.Errorf("%w: %v", ErrNotFound, hash)
	}
	if found := answer.Q[0]; found.Itype == string(tahoe.KindRaw) {
		r.place.Raw = uint64(found.UID)
	} else {
		r.place.Events, r.place.Event = true, uint64(found.UID)
	}
	return nil
}

// byHash reads raws and events in the order in which they are asked for.
func (r *recordReader) byHash(ctx context.Context, hashes []tahoe.Hash) ([]tahoe.Record, error) {
	raws, err := r.raws(ctx, hashFunction(hashes))
	if err != nil {
		return nil, err
	}
	list, err := r.records(ctx, raws)
	if err != nil {
		return nil, err
	}
	v := asked{}
	events, err := r.events(ctx, v, hashFunction(hashes)+") @filter(type(Event) AND eq(audience, "+v.list(r.audiences)+")")
	if err != nil {
		return nil, err
	}
	more, err := r.withSessions(events)
	if err != nil {
		return nil, err
	}
	place := make(map[tahoe.Hash]int, len(hashes))
	for i, h := range hashes {
		place[h] = i
	}
	at := func(rec tahoe.Record) int {
		if rec.Raw != nil {
			return place[rec.Raw.Hash()]
		}
		return place[rec.Events[0].Hash()]
	}
	list = append(list, more...)
	slices.SortStableFunc(list, func(a, b tahoe.Record) int { return at(a) - at(b) })
	return list, nil
}

// raws reads raws that a function finds, in which %s stands for the audiences.
func (r *recordReader) raws(ctx context.Context, function string) ([]*recordRaw, error) {
	v := asked{}
	own := v.list(r.audiences)
	if slices.Contains([]byte(function), '%') {
		function = fmt.Sprintf(function, own)
	}
	var answer struct{ Q []*recordRaw }
	q := fmt.Sprintf(`q(func: %s) @filter(type(Raw) AND eq(audiences, %s)) { uid hash sub_type data timezone audiences uploads state %s sessions: rref @filter(type(Session)) { uid }
		spans: ~span_raw @filter(eq(span_audience, %s)) { %s } }`, function, own, eventsOfRaw(own, 0), own, spanFields)
	if err := r.ask(ctx, v, q, &answer); err != nil {
		return nil, err
	}
	for _, raw := range answer.Q {
		for len(raw.Events) > 0 && len(raw.Events)%recordEvents == 0 {
			var rest struct{ Q []*recordRaw }
			v := asked{}
			q := eventsOfRaw(v.list(r.audiences), uint64(raw.Events[len(raw.Events)-1].UID))
			if err := r.ask(ctx, v, `q(func: uid(`+raw.UID+`)) { uid `+q+` }`, &rest); err != nil {
				return nil, err
			}
			if len(rest.Q) == 0 || len(rest.Q[0].Events) == 0 {
				break
			}
			raw.Events = append(raw.Events, rest.Q[0].Events...)
		}
	}
	return answer.Q, nil
}

// eventsOfRaw are the events of a raw behind one of them.
func eventsOfRaw(audiences string, after uint64) string {
	return fmt.Sprintf(`events: rref @filter(type(Event) AND eq(audience, %s)) (first: %d, after: %s) { hash brief cref { uid } %s }`, audiences, recordEvents, hex(after), eventFields)
}

func (v *recordRaw) uid() number {
	uid, _ := vertex{UID: v.UID}.number() // Dgraph wrote it
	return number(uid)
}

// heldEvent is an event and the raws that it hangs on, with their sessions.
type heldEvent struct {
	link
	Audience string
	Sessions []link
	Raws     []struct {
		Audiences []string
		Sessions  []link
	}
}

// lone reads a page of events, of which it gives those that no record of a raw has, or not with all of their sessions.
func (r *recordReader) lone(ctx context.Context) ([]tahoe.Record, error) {
	var answer struct{ Q []heldEvent }
	v := asked{}
	own := v.list(r.audiences)
	q := fmt.Sprintf(`q(func: eq(audience, %[1]s), first: %[2]d, after: %[3]s) @filter(type(Event)) { uid audience sessions: ~sref { uid }
		raws: ~rref @filter(eq(audiences, %[1]s)) { audiences sessions: rref @filter(type(Session)) { uid } } }`, own, loneEvents, hex(r.place.Event))
	if err := r.ask(ctx, v, q, &answer); err != nil {
		return nil, err
	}
	if r.place.End = len(answer.Q) < loneEvents; len(answer.Q) == 0 {
		return nil, nil
	}
	r.place.Event = uint64(answer.Q[len(answer.Q)-1].UID)
	var alone []uint64
	lacking := map[number][]link{}
	for _, e := range answer.Q {
		if sessions, lacks := r.lacks(e); lacks {
			alone, lacking[e.UID] = append(alone, uint64(e.UID)), sessions
		}
	}
	if len(alone) == 0 {
		return nil, nil
	}
	events, err := r.events(ctx, nil, `uid(`+uidList(alone)+`)`)
	if err != nil {
		return nil, err
	}
	for _, e := range events {
		e.goingEvent.Sessions = lacking[e.UID]
	}
	return r.withSessions(events)
}

// lacks tells which sessions of an event no record of its raws has, and whether it must be told by itself: for these, or since no record has it.
func (r *recordReader) lacks(e heldEvent) (sessions []link, lacks bool) {
	held := false
	var have []link
	for _, raw := range e.Raws {
		for _, audience := range raw.Audiences {
			if orgOf(audience) == orgOf(e.Audience) && slices.Contains(r.audiences, audience) {
				held, have = true, append(have, raw.Sessions...)
			}
		}
	}
	sessions = slices.DeleteFunc(e.Sessions, func(s link) bool { return slices.Contains(have, s) })
	return sessions, !held || len(sessions) > 0
}

// events reads the events that a function finds, and all that is needed to make them.
func (r *recordReader) events(ctx context.Context, v asked, function string) ([]*treeEvent, error) {
	var answer struct{ Q []*treeEvent }
	if err := r.ask(ctx, v, `q(func: `+function+`) { hash brief cref { uid } `+eventFields+` }`, &answer); err != nil {
		return nil, err
	}
	return answer.Q, r.load(ctx, answer.Q, nil)
}

// load reads the sessions of events, and beside these some more, and the attributes and objects of all.
func (r *recordReader) load(ctx context.Context, events []*treeEvent, more []link) error {
	sessions, nodes := map[uint64]bool{}, map[uint64]bool{}
	for _, s := range more {
		sessions[uint64(s.UID)] = true
	}
	for _, e := range events {
		for _, n := range e.Ref {
			nodes[uint64(n.UID)] = true
		}
		for _, s := range e.goingEvent.Sessions {
			sessions[uint64(s.UID)] = true
		}
	}
	r.sessions = make(map[uint64]*treeSession, len(sessions))
	if len(sessions) > 0 {
		var answer struct{ Q []*treeSession }
		q := `q(func: uid(` + uidList(keysOf(sessions)) + `)) { uid hash sub_type data sattr { uid } }`
		if err := r.ask(ctx, nil, q, &answer); err != nil {
			return err
		}
		for _, s := range answer.Q {
			r.sessions[uint64(s.UID)] = s
			for _, n := range s.Sattr {
				nodes[uint64(n.UID)] = true
			}
		}
	}
	r.tree = &tree{nodes: map[uint64]*treeNode{}, made: map[uint64]tahoe.Node{}}
	if len(nodes) == 0 {
		return nil
	}
	found, err := loadNodes(keysOf(nodes), func(q string, answer any) error { return r.ask(ctx, nil, q, answer) })
	r.tree.nodes = found
	return err
}

// unixSeconds is the time as TAHOE has it.
func unixSeconds(t *time.Time) *float64 {
	if t == nil {
		return nil
	}
	f := float64(t.UnixMicro()) / 1e6
	return &f
}

func keysOf(set map[uint64]bool) []uint64 {
	list := make([]uint64, 0, len(set))
	for uid := range set {
		list = append(list, uid)
	}
	return list
}

// records makes records of raws: for each of their organisations that the asker may see one.
func (r *recordReader) records(ctx context.Context, raws []*recordRaw) ([]tahoe.Record, error) {
	var events []*treeEvent
	var sessions []link
	for _, raw := range raws {
		events, sessions = append(events, raw.Events...), append(sessions, raw.Sessions...)
	}
	if err := r.load(ctx, events, sessions); err != nil {
		return nil, err
	}
	var list []tahoe.Record
	for _, raw := range raws {
		slices.SortFunc(raw.Events, func(a, b *treeEvent) int { return a.Hash.Compare(b.Hash) })
		r.order(raw.Sessions)
		records, err := r.ofRaw(raw)
		if err != nil {
			return nil, err
		}
		list = append(list, records...)
	}
	return list, nil
}

// order puts sessions in the order of their hashes: that of uids is not the same in every graph that holds the same.
func (r *recordReader) order(sessions []link) {
	hash := func(l link) (h tahoe.Hash) {
		if s := r.sessions[uint64(l.UID)]; s != nil {
			h = s.Hash
		}
		return h
	}
	slices.SortFunc(sessions, func(a, b link) int { return hash(a).Compare(hash(b)) })
}

// ofRaw makes the records of a raw.
func (r *recordReader) ofRaw(raw *recordRaw) ([]tahoe.Record, error) {
	data, err := tahoe.ParseValue([]byte(raw.Data))
	if err != nil {
		return nil, fmt.Errorf("raw %v: %w", raw.Hash, err)
	}
	uploads := uploadsOf(raw.Uploads, raw.Audiences, raw.State, raw.Timezone)
	var list []tahoe.Record
	for _, audience := range slices.Sorted(slices.Values(raw.Audiences)) { // Dgraph's order is not the same in every graph
		if !slices.Contains(r.audiences, audience) {
			continue
		}
		org, marking := tahoe.ParseAudience(audience)
		said := tahoe.StoredRaw{State: raw.State, Timezone: raw.Timezone, Uploads: uploads}.Of(org)
		record := tahoe.Record{State: said.State, Marking: marking}
		if record.Raw, err = tahoe.NewRaw(raw.SubType, data, org, said.Timezone); err != nil {
			return nil, err
		}
		if record.Raw.Hash() != raw.Hash {
			return nil, fmt.Errorf("raw %v has the data of %v", raw.Hash, record.Raw.Hash())
		}
		own := slices.DeleteFunc(slices.Clone(raw.Events), func(e *treeEvent) bool { return e.OrgID() != org })
		if record.Events, record.Sessions, err = r.with(raw.Sessions, own); err != nil {
			return nil, err
		}
		raw.tellTimes(org, record.Sessions)
		list = append(list, record)
	}
	return list, nil
}

// tellTimes sets what an organisation's upload of the raw tells of its sessions.
func (v *recordRaw) tellTimes(org string, sessions []*tahoe.Session) {
	for i, l := range v.Sessions {
		for _, s := range v.Spans {
			if s.Of.UID == l.UID && orgOf(s.Audience) == org {
				sessions[i].StartTime, sessions[i].EndTime, sessions[i].Duration = unixSeconds(s.Start), unixSeconds(s.End), s.Duration
			}
		}
	}
}

// with makes sessions and events, and puts these into those of the sessions that they belong to.
func (r *recordReader) with(of []link, list []*treeEvent) (events []*tahoe.Event, sessions []*tahoe.Session, err error) {
	made := map[link]*tahoe.Session{}
	for _, l := range of {
		v := r.sessions[uint64(l.UID)]
		if v == nil {
			return nil, nil, fmt.Errorf("vertex %s is not where the graph has it", hex(uint64(l.UID)))
		}
		one, err := r.tree.session(v)
		if err != nil {
			return nil, nil, err
		}
		made[l], sessions = one, append(sessions, one)
	}
	for _, v := range list {
		e, err := r.tree.event(v)
		if err != nil {
			return nil, nil, err
		}
		events = append(events, e)
		for _, l := range v.goingEvent.Sessions {
			if s := made[l]; s != nil {
				s.AddEvent(e)
			}
		}
	}
	return events, sessions, nil
}

// withSessions makes records of events without a raw.
func (r *recordReader) withSessions(events []*treeEvent) ([]tahoe.Record, error) {
	list := make([]tahoe.Record, len(events))
	for i, v := range events {
		r.order(v.goingEvent.Sessions)
		var err error
		if list[i].Events, list[i].Sessions, err = r.with(v.goingEvent.Sessions, []*treeEvent{v}); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// ask asks at the page's snapshot, or takes one.
func (r *recordReader) ask(ctx context.Context, v asked, q string, answer any) error {
	body, at, err := r.store.read(ctx, &api.Request{Query: headOf(v) + "{ " + q + " }", Vars: v, StartTs: r.place.At, ReadOnly: true})
	if err != nil {
		return err
	}
	r.place.At, r.bytes = at, r.bytes+len(body)
	return json.Unmarshal(body, answer)
}
