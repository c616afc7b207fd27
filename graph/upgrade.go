package graph

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/dgraph-io/dgo/v230/protos/api"

	"github.com/cybexp/cybexp/tahoe"
)

// The graph tells its version twice. The schema has one, which is what the next reader goes by. A vertex has that of the data: it is written before a newer
// schema comes, and again when all vertices are what that says. While both differ, the graph is being brought up to date, or that was broken off.

// step brings a graph from the version before it to its own. Its passes run while the schema is the new one already; the predicates of old
// stay until the step is done.
type step struct {
	to     int
	passes []pass
	drop   []string // predicates that nothing has any more
}

// pass changes all vertices that have a predicate, which it takes away from them: so it goes on by itself after it was broken off, and more than one
// process may do it.
type pass struct {
	has    string // predicate
	read   string // what change is told of a vertex, beside its uid
	size   int    // how many vertices a transaction changes; 0 is passBatch
	change func(q *quads, uid string, vertex json.RawMessage) error
}

// steps are what this version knows to bring up to date, in order and without a gap.
var steps = []step{{
	to: 3, // who may see an event or a raw is an audience
	passes: []pass{
		{has: "orgid", read: "orgid", change: rename("audience")},
		{has: "orgs", read: "orgs", change: rename("audiences")},
	},
	drop: []string{"orgid", "orgs"},
}, {
	to: 4, // what is told of the times of a session has an audience
	passes: []pass{
		{has: "start_time", read: untoldFields, size: 100, change: tellAnew},
		{has: "end_time", read: untoldFields, size: 100, change: tellAnew},
		{has: "duration", read: untoldFields, size: 100, change: tellAnew},
	},
	drop: []string{"start_time", "end_time", "duration"},
}, {
	to:   5, // of two changes that are made at once it is the turn of the one that was announced last
	drop: []string{"ledgers_removed", "removal_since"},
}}

// rename gives a text, or each text of a list, to another predicate.
func rename(to string) func(*quads, string, json.RawMessage) error {
	return func(q *quads, uid string, vertex json.RawMessage) error {
		var v map[string]any
		if err := json.Unmarshal(vertex, &v); err != nil {
			return err
		}
		delete(v, "uid")
		for _, value := range v {
			list, ok := value.([]any)
			if !ok {
				list = []any{value}
			}
			for _, one := range list {
				text, ok := one.(string)
				if !ok {
					return fmt.Errorf("%v is no text", one)
				}
				q.text(uid, to, text)
			}
		}
		return nil
	}
}

// untold is a session with times of which nobody knows any more who told them.
type untold struct {
	Start    *time.Time `json:"start_time"`
	End      *time.Time `json:"end_time"`
	Duration *float64
	Events   []struct {
		Audience  string
		Timestamp time.Time
	} `json:"sref"`
	Raws []sharedRaw `json:"~rref"`
}

const untoldFields = `start_time end_time duration sref { audience timestamp } ~rref { uid audiences }`

// tellAnew makes spans of the times of a session. When all in it is for one audience they are its. Else each audience gets the times of
// the events that it sees; filters that are run again over the raws tell more.
func tellAnew(q *quads, uid string, vertex json.RawMessage) error {
	var s untold
	if err := json.Unmarshal(vertex, &s); err != nil {
		return err
	}
	q.strip(uid, "start_time", "end_time", "duration")
	raws, seen := map[string][]string{}, map[string]*span{}
	for _, r := range s.Raws {
		for _, a := range r.Audiences {
			raws[a] = append(raws[a], hex(uint64(r.UID)))
		}
	}
	for _, e := range s.Events {
		if seen[e.Audience] == nil {
			seen[e.Audience] = &span{}
		}
		seen[e.Audience].stretch(e.Timestamp)
	}
	alone := len(raws) == 1
	for a := range seen {
		alone = alone && raws[a] != nil
	}
	for a, of := range raws {
		t := telling{session: uid, raws: of, span: span{Start: s.Start, End: s.End, Duration: s.Duration}}
		t.org, t.marking = tahoe.ParseAudience(a)
		if !alone && seen[a] == nil {
			continue
		}
		if !alone {
			t.span = seen[a].like(s)
		}
		q.tells = append(q.tells, t)
	}
	return nil
}

// stretch makes a span reach to a time.
func (s *span) stretch(at time.Time) {
	if s.Start == nil || at.Before(*s.Start) {
		s.Start = &at
	}
	if s.End == nil || at.After(*s.End) {
		s.End = &at
	}
}

// like is the span without what a session did not tell.
func (s *span) like(u untold) span {
	var t span
	if u.Start != nil {
		t.Start = s.Start
	}
	if u.End != nil {
		t.End = s.End
	}
	if u.Duration != nil {
		d := s.End.Sub(*s.Start).Seconds()
		t.Duration = &d
	}
	return t
}

// passBatch is how many vertices one transaction changes, unless the pass says otherwise.
const passBatch = 1000

// upgradeLog is how often an upgrade tells how far it is.
const upgradeLog = 10 * time.Second

// versionKey names the vertex that tells the version of the data.
const versionKey = "data"

// versionSchema are the predicates of that vertex as schema.graphql has them, for a graph whose schema is older.
const versionSchema = "version_key: string @index(exact) @upsert .\nversion_number: int .\nversion_program: string .\n"

// Version says what version a graph has.
type Version struct {
	Schema  int    // of its schema; 0 is an empty graph
	Data    int    // of its data; less than Schema while it is brought up to date
	Program string // the cybexp that used it last, "" if that is not known
}

// Version tells the version of the graph.
func (s *Store) Version(ctx context.Context) (Version, error) {
	sdl, err := s.Schema(ctx)
	if err != nil {
		return Version{}, err
	}
	return s.versionWith(ctx, sdl)
}

func (s *Store) versionWith(ctx context.Context, sdl string) (v Version, err error) {
	if strings.TrimSpace(sdl) == "" {
		return v, nil
	}
	v.Schema = SchemaVersion(sdl)
	v.Data = v.Schema
	// has works without the predicate, too.
	body, _, err := s.read(ctx, &api.Request{Query: `{ v(func: has(version_key)) { version_number version_program } }`, ReadOnly: true})
	if err != nil {
		return v, fmt.Errorf("read version: %w", err)
	}
	var answer struct {
		V []struct {
			Number  int    `json:"version_number"`
			Program string `json:"version_program"`
		}
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return v, fmt.Errorf("read version: %w", err)
	}
	if len(answer.V) > 0 {
		v.Data, v.Program = answer.V[0].Number, answer.V[0].Program
	}
	return v, nil
}

// apply is ApplySchema with the steps that it knows.
func (s *Store) apply(ctx context.Context, sdl string, steps []step) error {
	current, err := s.Schema(ctx)
	if err != nil {
		return err
	}
	v, err := s.versionWith(ctx, current)
	if err != nil {
		return err
	}
	ours := SchemaVersion(sdl)
	todo, err := v.until(ours, steps)
	if err != nil {
		return err
	}
	if len(todo) > 0 {
		if err := s.announceUpgrade(ctx, v); err != nil {
			return err
		}
		s.logger.Info("bringing the graph up to date", "from", v.Data, "to", ours)
	}
	if err := s.install(ctx, sdl); err != nil {
		return err
	}
	for _, one := range todo {
		if err := s.take(ctx, one); err != nil {
			return fmt.Errorf("bring the graph up to version %d: %w", one.to, err)
		}
	}
	if len(todo) == 0 && (s.program == "" || v.Data == ours && v.Program == s.program) {
		return nil
	}
	return s.tellVersion(ctx, ours)
}

// until lists the steps from the graph's version to another one.
func (v Version) until(ours int, steps []step) ([]step, error) {
	theirs := max(v.Schema, v.Data)
	switch {
	case theirs > ours:
		program := "that version"
		if v.Program != "" {
			program = "cybexp " + v.Program
		}
		return nil, fmt.Errorf("%w: use %s or a later one (its schema has version %d, this one knows %d)", ErrSchemaNewer, program, theirs, ours)
	case v.Schema == 0 || v.Data == ours:
		return nil, nil
	}
	first := slices.IndexFunc(steps, func(s step) bool { return s.to == v.Data+1 })
	if first < 0 {
		return nil, fmt.Errorf("%w (its schema has version %d, this one knows %d)", ErrSchemaOlder, v.Data, ours)
	}
	return steps[first:], nil
}

// announceUpgrade writes what the data is before the schema says otherwise.
func (s *Store) announceUpgrade(ctx context.Context, v Version) error {
	text, err := json.Marshal(map[string]string{"schema": versionSchema})
	if err != nil {
		return err
	}
	if err := s.untilReady(ctx, func() error { return s.admin(ctx, "/alter", "application/json", text, nil) }); err != nil {
		return err
	}
	return s.tellVersion(ctx, v.Data)
}

// tellVersion writes the version of the data.
func (s *Store) tellVersion(ctx context.Context, number int) error {
	const uid = "uid(v)"
	q := &quads{}
	q.types(uid, "Version")
	q.text(uid, "version_key", versionKey)
	q.text(uid, "name", fmt.Sprintf("version %d", number))
	q.int(uid, "version_number", int64(number))
	if s.program != "" {
		q.text(uid, "version_program", s.program)
	}
	return s.writer.again(ctx, func(ctx context.Context) error {
		_, err := s.transaction().Do(ctx, &api.Request{
			Query: `{ v as var(func: eq(version_key, "` + versionKey + `")) }`, Mutations: []*api.Mutation{{Set: q.set}}, CommitNow: true,
		})
		return readable(ctx, err)
	})
}

// take does a step.
func (s *Store) take(ctx context.Context, one step) error {
	changed, told := 0, time.Now()
	for _, p := range one.passes {
		for after := "0x0"; after != ""; {
			n, last, err := s.passPage(ctx, p, after)
			if err != nil {
				return err
			}
			changed, after = changed+n, last
			if time.Since(told) > upgradeLog {
				told = time.Now()
				s.logger.Info("bringing the graph up to date", "to", one.to, "changed", changed)
			}
		}
	}
	for _, predicate := range one.drop {
		text, err := json.Marshal(map[string]string{"drop_attr": predicate})
		if err != nil {
			return err
		}
		if err := s.untilReady(ctx, func() error { return s.admin(ctx, "/alter", "application/json", text, nil) }); err != nil {
			return fmt.Errorf("drop %s: %w", predicate, err)
		}
	}
	s.logger.Info("graph brought up to date", "to", one.to, "changed", changed)
	return s.tellVersion(ctx, one.to)
}

// passPage changes the next vertices after one, in one transaction, and returns how many, and the last of them; "" when there are no more.
func (s *Store) passPage(ctx context.Context, p pass, after string) (n int, last string, err error) {
	query := fmt.Sprintf(`{ v(func: has(%s), first: %d, after: %s) { uid %s } }`, p.has, cmp.Or(p.size, passBatch), after, p.read)
	err = s.writer.again(ctx, func(ctx context.Context) error {
		var answer struct{ V []json.RawMessage }
		txn := s.transaction()
		if err := ask(ctx, txn, query, &answer); err != nil {
			return err
		}
		q := &quads{}
		n, last = len(answer.V), ""
		for _, v := range answer.V {
			var at struct{ UID string }
			if err := json.Unmarshal(v, &at); err != nil {
				return err
			}
			if err := p.change(q, at.UID, v); err != nil {
				return fmt.Errorf("vertex %s: %w", at.UID, err)
			}
			q.strip(at.UID, p.has)
			last = at.UID
		}
		if n == 0 {
			discard(txn)
			return nil
		}
		q.spellTold()
		_, err := txn.Do(ctx, &api.Request{Mutations: []*api.Mutation{{Set: q.set, Del: q.del}}, CommitNow: true})
		return readable(ctx, err)
	})
	return n, last, err
}
