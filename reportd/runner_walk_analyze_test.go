package reportd

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cybexp/cybexp/internal/testdgraph"
	"github.com/cybexp/cybexp/tdql/dql"
)

// inflated is a graph that says of every vertex that it has far more neighbours than it lists, and of attributes that far more events
// include them than may be asked for.
type inflated struct{ Querier }

func (i inflated) Query(ctx context.Context, q dql.Query, at uint64) ([]byte, uint64, error) {
	body, ts, err := i.Querier.Query(ctx, q, at)
	if strings.Contains(q.Text(), "first: $n") && strings.Contains(q.Text(), "$seed") {
		body = []byte(`{"r":[` + strings.Repeat(`{"uid":"0x1"},`, walkEdges) + `{"uid":"0x1"}]}`)
	}
	return bytes.ReplaceAll(body, []byte(`"n":`), []byte(`"n":9000000`)), ts, err
}

func TestExplainAnalyzeOfWalks(t *testing.T) {
	v := loadVectors(t)
	store := testdgraph.Open(t)
	if _, err := store.Write(t.Context(), v.records()); err != nil {
		t.Fatal(err)
	}
	orgs := v.orgs("")
	for _, tt := range []struct {
		db     Querier
		text   string
		steps  []string
		capped []string // of the steps that have something, the last one among them
	}{
		{store, "events category unknown | limit 3 | threatrank", []string{"find the start", "attributes of events",
			"level 1: events", "level 1: attributes of events", "level 2: events", "level 2: attributes of events", "level 3: events", "level 3: attributes of events", "what is shown", "threatrank"}, nil},
		{store, "path ipv4 1.1.1.1 to ipv4 2.2.2.2", []string{"find the start", "find the end",
			"up to 2 edges: what is between", "numbers of neighbours", "level 1 from the end: neighbours", "up to 3 edges: what is between",
			"level 1 from the start: neighbours", "up to 4 edges: what is between", "what is shown", "path"}, nil},
		{store, "related ipv4 1.1.1.1 level 2 graph", []string{"find the start", "find what is related", "what holds what", "graph"}, nil},
		{store, "related ipv4 1.1.1.1 summary graph", []string{"find the start", "find what is related", "what holds what", "summary_graph"}, nil},
		{inflated{store}, "path ipv4 1.1.1.1 to ipv4 2.2.2.2", []string{"find the start", "find the end", "up to 2 edges: what is between",
			"numbers of neighbours", "what is shown", "path"}, []string{"2 vertices reached and not followed"}},
		{inflated{store}, "threatrank event " + v.Events["e3"].Hash, []string{"find the start", "attributes of events", "level 1: events", "level 1: numbers of events and malicious events of attributes",
			"level 1: malicious events of attributes", "level 1: numbers of attributes of events", "level 1: bound on the work", "what is shown", "threatrank"},
			[]string{"540000013 edges not followed", "1 ranks not exact"}},
	} {
		plain := ask(t, tt.db, orgs, tt.text)
		rows := ask(t, tt.db, orgs, "explain analyze "+tt.text)
		if d := cmp.Diff(tt.steps, column[string](t, rows, "step")); d != "" {
			t.Errorf("%s: want - got +\n%s", tt.text, d)
		}
		var capped []string
		trips := 0
		for i, r := range rows {
			var f fetchRow
			must(0, json.Unmarshal(r, &f))
			if f.Capped != nil {
				capped = append(capped, *f.Capped)
			}
			last := i == len(rows)-1
			if asked := f.DQL != nil && strings.HasPrefix(*f.DQL, "query"); asked != (f.Trips > 0 && !last) || asked && f.MS == 0 {
				t.Errorf("%s: row %s", tt.text, r)
			}
			if last && (f.Trips != trips || f.Rows != len(plain)) {
				t.Errorf("%s: %d round trips and %d rows, but the last row is %s", tt.text, trips, len(plain), r)
			}
			trips += f.Trips
		}
		if d := cmp.Diff(tt.capped, capped); d != "" {
			t.Errorf("%s: want - got +\n%s", tt.text, d)
		}
		if got := ask(t, tt.db, nil, "explain analyze "+tt.text); column[int](t, got[len(got)-1:], "round_trips")[0] != 0 {
			t.Errorf("%s: somebody without organisations learns %s", tt.text, got)
		}
	}
}

// refusing is a graph that is too much for a walk from some query on.
type refusing struct {
	Querier
	left int
}

func (r *refusing) Query(ctx context.Context, q dql.Query, at uint64) ([]byte, uint64, error) {
	if r.left--; r.left < 0 {
		return nil, 0, tooMuch("narrow the query")
	}
	return r.Querier.Query(ctx, q, at)
}

func TestExplainAnalyzeTellsOfAWalkThatIsTooMuch(t *testing.T) {
	v := loadVectors(t)
	store := testdgraph.Open(t)
	if _, err := store.Write(t.Context(), v.records()); err != nil {
		t.Fatal(err)
	}
	rows := ask(t, &refusing{store, 2}, v.orgs(""), "explain analyze related ipv4 1.1.1.1 graph")
	if got := column[string](t, rows, "step"); !slices.Equal(got, []string{"find the start", "find what is related", "graph"}) {
		t.Errorf("steps are %q", got)
	}
	if got := column[string](t, rows[len(rows)-1:], "capped")[0]; got != "narrow the query" {
		t.Errorf("capped is %q", got)
	}
}
