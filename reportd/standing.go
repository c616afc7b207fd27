package reportd

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cybexp/cybexp/tahoe"
	"github.com/cybexp/cybexp/tdql"
)

const (
	groupEvents = 500     // new events that one look asks about
	groupQueue  = 100_000 // new events that a group remembers before it rather asks about everything
	lookers     = 8       // looks of watches at the graph that are under way at a time
)

// standing is the standing queries of a process. Those that ask the same with the same rights are a group, for which is looked once.
type standing struct {
	*Service

	index  *index
	asking chan struct{} // holds an item for each look that is under way
	wg     sync.WaitGroup

	mu     sync.Mutex
	groups map[string]*group
}

func newStanding(s *Service) *standing {
	return &standing{Service: s, index: newIndex(), asking: make(chan struct{}, lookers), groups: map[string]*group{}}
}

// hear tells the watches of what is written, from the place in the announcements that was the last when the service was made.
func (st *standing) hear(ctx context.Context) error {
	last := st.heard
	for m, err := range st.writes.Read(ctx, writtenSubject, last) {
		if err != nil {
			return fmt.Errorf("hear writes: %w", err)
		}
		var w written
		if err := json.Unmarshal(m.Data, &w); err != nil || m.Sequence != last+1 { // of another version, or some are gone
			for _, in := range st.index.all() {
				in.wake(nil)
			}
		}
		last = m.Sequence
		st.index.tell(&w)
	}
	return nil
}

// ask waits for its turn to look at the graph. The caller calls done after that.
func (st *standing) ask(ctx context.Context) (done func(), err error) {
	select {
	case st.asking <- struct{}{}:
		return func() { <-st.asking }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// match is a row of a group, and the hash of its instance.
type match struct {
	hash string
	row  tdql.Row
}

// group is the watches that ask the same with the same rights.
type group struct {
	standing *standing
	key      string
	request  Request
	orgs     []tdql.Org
	interest *interest
	stop     context.CancelFunc
	wake     chan struct{} // holds an item while something is pending

	mu      sync.Mutex
	pending []tahoe.Hash // events
	members map[*watcher]bool
}

// join makes a watch a member of its group. From then on it hears of what is written.
func (st *standing) join(w *watcher, p planned, orgs []tdql.Org) *group {
	key := groupKey(p.canonical, w.job, orgs)
	st.mu.Lock()
	defer st.mu.Unlock()
	g := st.groups[key]
	if g == nil {
		ctx, stop := context.WithCancel(context.Background())
		g = &group{
			standing: st, key: key, request: w.job.request(), orgs: orgs, stop: stop,
			wake: make(chan struct{}, 1), members: map[*watcher]bool{},
		}
		g.interest = newInterest(p.plan.Trigger(), g.notify)
		st.groups[key] = g
		st.wg.Go(func() { g.run(ctx) })
	}
	g.mu.Lock()
	g.members[w] = true
	g.mu.Unlock()
	st.index.add(g.interest)
	return g
}

// groupKey is the same for what asks the same with the same rights.
func groupKey(canonical string, j job, orgs []tdql.Org) string {
	params, _ := json.Marshal(j.Params) // values are always JSON, and a map's keys are sorted
	parts := []string{canonical, string(params)}
	for _, o := range orgs {
		parts = append(parts, o.Hash.String(), o.Name, string(o.Sees))
	}
	return strings.Join(parts, "\x00")
}

// leave takes a watch out of its group, which ends with its last member.
func (g *group) leave(w *watcher) {
	st := g.standing
	st.mu.Lock()
	defer st.mu.Unlock()
	g.mu.Lock()
	delete(g.members, w)
	left := len(g.members)
	g.mu.Unlock()
	if left == 0 {
		st.index.remove(g.interest)
		delete(st.groups, g.key)
		g.stop()
	}
}

// notify takes note of new events; none are no end of them.
func (g *group) notify(events []tahoe.Hash) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.interest.Alone || len(events) == 0 || len(g.pending)+len(events) > groupQueue {
		g.pending = nil
		for w := range g.members {
			w.lookAgain()
		}
		return
	}
	g.pending = append(g.pending, events...)
	select {
	case g.wake <- struct{}{}:
	default:
	}
}

// run looks at new events until ctx ends.
func (g *group) run(ctx context.Context) {
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		select {
		case <-pause.C:
		case <-ctx.Done():
			return
		}
		select {
		case <-g.wake:
		case <-ctx.Done():
			return
		}
		began := time.Now()
		g.catchUp(ctx)
		took := time.Since(began)
		pause.Reset(max(watchPause-took, took))
	}
}

// catchUp looks at all that is pending, and hands what it finds to the members. When it cannot, they look at everything themselves.
func (g *group) catchUp(ctx context.Context) {
	g.mu.Lock()
	events := g.pending
	g.pending = nil
	g.mu.Unlock()
	for some := range slices.Chunk(events, groupEvents) {
		found, err := g.look(ctx, some)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			g.standing.cfg.Logger.WarnContext(ctx, "watches look at everything", "err", err)
			g.notify(nil)
			return
		}
		g.hand(found)
	}
}

func (g *group) hand(found []match) {
	if len(found) == 0 {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for w := range g.members {
		select {
		case w.inbox <- found:
		default: // it is far behind
			w.lookAgain()
		}
	}
}

// look asks, at a new snapshot, what some events bring.
func (g *group) look(ctx context.Context, events []tahoe.Hash) ([]match, error) {
	done, err := g.standing.ask(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	p, err := g.standing.plan(g.request, g.orgs, g.standing.cfg.Now())
	if err != nil {
		return nil, err
	}
	program, err := tdql.Compile(p.plan.Among(events))
	if err != nil {
		return nil, fmt.Errorf("compile: %w", err)
	}
	var hashes []string
	var found []match
	note := func(hash string) bool { hashes = append(hashes, hash); return true }
	_, err = execute(ctx, &snapshot{db: g.standing.cfg.DB}, program.StartFresh(note), func(rows []tdql.Row) error {
		for i, r := range rows {
			found = append(found, match{hashes[i], r})
		}
		hashes = hashes[len(rows):]
		return nil
	}, nil)
	return found, err
}
