package reportd

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cybexp/cybexp/tahoe"
	"github.com/cybexp/cybexp/tdql"
	"github.com/cybexp/cybexp/tdql/dql"
	"github.com/cybexp/cybexp/walk"
)

// Bounds on the work of walks.
const (
	walkStart   = 1_000_000 // vertices of a set to walk from or to
	walkPage    = 4000      // vertices asked for at once
	walkQueries = 3         // at once
	walkEdges   = 2_000_000 // followed for one event, or one search for chains
	walkHub     = 10_000    // neighbours of a vertex through which no chain is looked for
	walkDrawn   = 200_000   // vertices of one drawing
	rankPaths   = 5         // told with a rank
	codeWalk    = "report.walk_limit"
)

// walker runs the walk that a program ends with.
type walker struct {
	*tdql.Walk
	db       Querier
	sink     func([]tdql.Row) error
	progress func(Progress)
	stats    Stats
	began    time.Time
	cut      int64  // rows still to leave out
	trace    *trace // of what is fetched; nil when nobody asks how the walk goes
}

// runWalk does what run does, for a program that ends with a walk.
func runWalk(ctx context.Context, db Querier, w *tdql.Walk, sink func([]tdql.Row) error, progress func(Progress)) (Stats, error) {
	k := &walker{Walk: w, db: db, sink: sink, progress: progress, began: time.Now(), cut: w.Skip}
	do := k.walk
	if w.Analyze {
		do = k.analyze
	}
	err := do(ctx)
	k.stats.Elapsed = time.Since(k.began)
	return k.stats, err
}

// walk goes, and hands out what it finds.
func (k *walker) walk(ctx context.Context) error {
	from, err := k.find(ctx, "find the start", k.From, nil)
	if err != nil {
		return err
	}
	switch k.Kind {
	case tdql.WalkRank:
		return k.rank(ctx, from)
	case tdql.WalkPath:
		return k.path(ctx, from)
	case tdql.WalkGraph, tdql.WalkSummary:
	}
	return k.draw(ctx, from)
}

// find runs a part of the walk, and returns the vertices that it finds.
func (k *walker) find(ctx context.Context, name string, p *tdql.Program, start []walk.ID) ([]walk.ID, error) {
	x := p.StartAt(start)
	scanned, read := k.stats.Scanned, k.stats.Read
	for {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		q, ok := x.Next()
		if !ok {
			k.stats.Warnings = append(k.stats.Warnings, x.Warnings()...)
			return x.Found(), nil
		}
		asked, known := time.Now(), len(x.Found())
		if _, err := step(ctx, k.db, x, q, &k.stats); err != nil {
			return nil, err
		}
		if len(q.Blocks) > 0 {
			k.trace.note(name, q, len(x.Found())-known, 1, asked)
		}
		if n := len(x.Found()); n > walkStart {
			return nil, tooMuch("more than %d instances to go on from: narrow the query, or limit them", walkStart)
		}
		k.stats.Scanned, k.stats.Read = scanned+x.Scanned(), read+x.Read()
		k.tell()
	}
}

func (k *walker) tell() {
	if k.progress != nil {
		k.progress(Progress{Rows: k.stats.Rows, Scanned: k.stats.Scanned, Read: k.stats.Read, Elapsed: time.Since(k.began)})
	}
}

// ask asks about vertices, so many at a time. The name is for the trace.
func (k *walker) ask(ctx context.Context, name string, ids []walk.ID, query func([]walk.ID) dql.Query) ([]vertex, error) {
	var queries []dql.Query
	for part := range slices.Chunk(ids, walkPage) {
		queries = append(queries, query(part))
	}
	answers, err := k.askAll(ctx, name, queries)
	var all []vertex
	for _, a := range answers {
		all = append(all, a.list...)
	}
	return all, err
}

// askAll asks queries, some at once when the snapshot is known.
func (k *walker) askAll(ctx context.Context, name string, queries []dql.Query) ([]vertices, error) {
	if len(queries) == 0 {
		return nil, nil
	}
	began := time.Now()
	answers := make([]vertices, len(queries))
	g, inner := errgroup.WithContext(ctx)
	g.SetLimit(walkQueries)
	for i, q := range queries {
		if k.stats.Snapshot == 0 {
			var err error
			if answers[i], k.stats.Snapshot, err = k.query(ctx, q, 0); err != nil {
				return nil, err
			}
			continue
		}
		g.Go(func() (err error) {
			answers[i], _, err = k.query(inner, q, k.stats.Snapshot)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, err
	}
	n := 0
	for _, a := range answers {
		n += a.n()
	}
	k.stats.Scanned += uint64(n)
	k.stats.Read += uint64(n)
	k.trace.note(name, queries[0], n, len(queries), began)
	k.tell()
	return answers, nil
}

func (k *walker) query(ctx context.Context, q dql.Query, at uint64) (vertices, uint64, error) {
	body, ts, err := k.db.Query(ctx, q, at)
	if err != nil {
		return vertices{}, 0, fmt.Errorf("ask graph: %w", err)
	}
	answer, err := readVertices(body)
	return answer, ts, err
}

// details asks for what is shown of vertices.
func (k *walker) details(ctx context.Context, ids []walk.ID) (map[walk.ID]*vertex, error) {
	slices.Sort(ids)
	list, err := k.ask(ctx, "what is shown", slices.Compact(ids), k.Details)
	if err != nil {
		return nil, err
	}
	found := make(map[walk.ID]*vertex, len(list))
	for i := range list {
		found[list[i].ID] = &list[i]
	}
	return found, nil
}

// full says whether no more rows are wanted.
func (k *walker) full() bool { return k.Take == 0 }

// emit hands out rows that the query wants.
func (k *walker) emit(rows ...any) error {
	var list []tdql.Row
	for _, r := range rows {
		if k.cut > 0 {
			k.cut--
			continue
		}
		if k.full() {
			break
		}
		if k.Take > 0 {
			k.Take--
		}
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		if err := e.Encode(r); err != nil {
			return fmt.Errorf("write row: %w", err)
		}
		list = append(list, bytes.TrimRight(b.Bytes(), "\n"))
	}
	if len(list) == 0 {
		return nil
	}
	if err := k.sink(list); err != nil {
		return err
	}
	k.stats.Rows += uint64(len(list))
	k.tell()
	return nil
}

// node is how a row shows a vertex.
type node struct {
	Hash      string          `json:"hash"`
	IType     string          `json:"itype"`
	SubType   string          `json:"sub_type"`
	Data      json.RawMessage `json:"data"`
	Timestamp string          `json:"timestamp,omitempty"`
	Category  string          `json:"category,omitempty"`
}

func (v *vertex) node() node {
	if b, err := tahoe.ParseBrief(v.Brief); err == nil {
		v.Data = b.Data
	}
	n := node{Hash: v.Hash, IType: v.IType, SubType: v.SubType, Timestamp: v.Timestamp, Category: v.Category}
	if json.Valid([]byte(v.Data)) {
		n.Data = json.RawMessage(v.Data)
	}
	return n
}

func nodes(ids []walk.ID, known map[walk.ID]*vertex) []node {
	list := make([]node, 0, len(ids))
	for _, id := range ids {
		if v := known[id]; v != nil {
			list = append(list, v.node())
		}
	}
	return list
}

// tooMuch tells that a walk would need more memory than it may have.
func tooMuch(format string, args ...any) error {
	return tdql.Errors{{Code: codeWalk, Message: fmt.Sprintf(format, args...)}}
}
