package reportd

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cybexp/cybexp/internal/testdgraph"
	"github.com/cybexp/cybexp/tahoe"
	"github.com/cybexp/cybexp/tdql"
)

var testNow = time.Date(2021, 6, 1, 12, 0, 0, 0, time.UTC)

// ask runs a query for somebody who may read orgs, and returns the rows.
func ask(tb testing.TB, db Querier, orgs []tdql.Org, text string) []tdql.Row {
	tb.Helper()
	rows, _, err := tryAsk(tb.Context(), db, tdql.Env{Now: testNow, Orgs: orgs}, text)
	if err != nil {
		tb.Fatalf("%s: %v", text, err)
	}
	return rows
}

func tryAsk(ctx context.Context, db Querier, env tdql.Env, text string) ([]tdql.Row, Stats, error) {
	q, err := tdql.Parse(text)
	if err != nil {
		return nil, Stats{}, err
	}
	plan, _, err := tdql.Check(q, env)
	if err != nil {
		return nil, Stats{}, err
	}
	prog, err := tdql.Compile(plan)
	if err != nil {
		return nil, Stats{}, err
	}
	var all []tdql.Row
	stats, err := run(ctx, db, prog, func(rows []tdql.Row) error {
		all = append(all, rows...)
		return nil
	}, nil)
	return all, stats, err
}

// column takes one member of every row.
func column[T any](tb testing.TB, rows []tdql.Row, name string) []T {
	tb.Helper()
	out := make([]T, 0, len(rows))
	for _, r := range rows {
		members := map[string]json.RawMessage{}
		if err := json.Unmarshal(r, &members); err != nil {
			tb.Fatalf("row %s: %v", r, err)
		}
		var v T
		if err := json.Unmarshal(members[name], &v); err != nil {
			tb.Fatalf("row %s, %s: %v", r, name, err)
		}
		out = append(out, v)
	}
	return out
}

// vectors are answers of the original implementation over a small graph.
type vectors struct {
	Attributes map[string]struct {
		SubType string          `json:"sub_type"`
		Data    json.RawMessage `json:"data"`
		Hash    string          `json:"hash"`
	} `json:"attributes"`
	Objects map[string]struct {
		SubType  string   `json:"sub_type"`
		Children []string `json:"children"`
		Hash     string   `json:"hash"`
	} `json:"objects"`
	Events map[string]struct {
		SubType   string   `json:"sub_type"`
		Org       string   `json:"org"`
		Timestamp float64  `json:"timestamp"`
		Children  []string `json:"children"`
		Category  string   `json:"category"`
		Malicious []string `json:"malicious_context"`
		Benign    []string `json:"benign_context"`
		Hash      string   `json:"hash"`
	} `json:"events"`
	Sessions map[string]struct {
		SubType  string   `json:"sub_type"`
		Children []string `json:"children"`
		Events   []string `json:"events"`
		Hash     string   `json:"hash"`
	} `json:"sessions"`
	Users map[string]struct {
		Hash string `json:"hash"`
	} `json:"users"`
	Orgs map[string]struct {
		Name  string   `json:"orgname"`
		Hash  string   `json:"hash"`
		Users []string `json:"users"`
	} `json:"orgs"`
	Queries    []vectorQuery  `json:"queries"`
	ThreatRank []rankScenario `json:"threatrank"`

	nodes map[string]tahoe.Node
	names map[string]string // by hash
}

type vectorQuery struct {
	Op, Attribute, Category, Context, IType string
	AsUser                                  string `json:"as_user"`
	Start, End                              float64
	Level                                   int
	Expect                                  json.RawMessage
}

func loadVectors(tb testing.TB) *vectors {
	tb.Helper()
	f, err := os.Open("testdata/graph_queries.json.gz")
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		tb.Fatal(err)
	}
	v := &vectors{nodes: map[string]tahoe.Node{}, names: map[string]string{}}
	if err := json.NewDecoder(z).Decode(v); err != nil {
		tb.Fatal(err)
	}
	return v
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// node makes the attribute or object of a name, with its children.
func (v *vectors) node(name string) tahoe.Node {
	if n, ok := v.nodes[name]; ok {
		return n
	}
	var n tahoe.Node
	if a, ok := v.Attributes[name]; ok {
		n = must(tahoe.NewAttribute(a.SubType, must(tahoe.ParseValue(a.Data))))
	} else {
		o := v.Objects[name]
		n = must(tahoe.NewObject(o.SubType, v.list(o.Children)...))
	}
	v.nodes[name], v.names[n.Hash().String()] = n, name
	return n
}

func (v *vectors) list(names []string) []tahoe.Node {
	var out []tahoe.Node
	for _, n := range names {
		out = append(out, v.node(n))
	}
	return out
}

// records makes the graph.
func (v *vectors) records() []tahoe.Record {
	var r tahoe.Record
	events := map[string]*tahoe.Event{}
	for _, name := range slices.Sorted(maps.Keys(v.Events)) { // always the same order, which "limit" shows
		e := v.Events[name]
		event := must(tahoe.NewEvent(e.SubType, v.Orgs[e.Org].Hash, e.Timestamp, v.list(e.Children)...))
		if err := event.SetCategory(tahoe.Category(e.Category)); err != nil {
			panic(err)
		}
		for c, nodes := range map[tahoe.Category][]string{tahoe.Malicious: e.Malicious, tahoe.Benign: e.Benign} {
			if err := event.SetContext(c, v.list(nodes)...); err != nil {
				panic(err)
			}
		}
		events[name], v.names[event.Hash().String()] = event, name
		r.Events = append(r.Events, event)
	}
	for _, name := range slices.Sorted(maps.Keys(v.Sessions)) {
		s := v.Sessions[name]
		session := must(tahoe.NewSession(s.SubType, v.list(s.Children)...))
		for _, e := range s.Events {
			session.AddEvent(events[e])
		}
		v.names[session.Hash().String()] = name
		r.Sessions = append(r.Sessions, session)
	}
	return []tahoe.Record{r}
}

// orgs are those of a user, all without a user.
func (v *vectors) orgs(user string) []tdql.Org {
	var out []tdql.Org
	for _, name := range slices.Sorted(maps.Keys(v.Orgs)) {
		o := v.Orgs[name]
		if user == "" || slices.Contains(o.Users, v.Users[user].Hash) {
			out = append(out, tdql.Org{Hash: must(tahoe.ParseHash(o.Hash)), Name: o.Name})
		}
	}
	return out
}

// text spells a query of the vectors.
func (v *vectors) text(q vectorQuery) string {
	a := v.Attributes[q.Attribute]
	words := []string{"related", a.SubType, string(a.Data)}
	if q.Op == "count" {
		words[0] = "count"
	}
	if level := min(q.Level, 3); level > 1 {
		words = append(words, fmt.Sprintf("level %d", level))
	}
	if q.Start != 0 {
		words = append(words, fmt.Sprintf("from %v", q.Start))
	}
	if q.End != 0 {
		words = append(words, fmt.Sprintf("to %v", q.End))
	}
	if q.Category != "" {
		words = append(words, "category", q.Category)
	}
	if q.Context != "" {
		words = append(words, "context", q.Context)
	}
	if q.IType != "" {
		words = append(words, "return", q.IType)
	}
	if q.Level == 4 { // the original's library knows it, its queries and the language do not: one more hop over sessions
		words = append(words, "| events | related level 2")
	}
	return strings.Join(words, " ")
}

// askClassic asks a query of the vectors in the classic form.
func (v *vectors) askClassic(t *testing.T, db Querier, q vectorQuery) ([]tdql.Row, error) {
	t.Helper()
	a := v.Attributes[q.Attribute]
	text := strconv.FormatFloat
	data := map[string]any{"sub_type": a.SubType, "data": a.Data, "from": text(q.Start, 'f', -1, 64), "to": text(q.End, 'f', -1, 64)}
	for key, value := range map[string]string{"category": q.Category, "context": q.Context, "return_type": q.IType} {
		if value != "" {
			data[key] = value
		}
	}
	query, err := tdql.Classic(strings.TrimSuffix(q.Op, "_hash"), must(json.Marshal(data)))
	if err != nil {
		return nil, err
	}
	plan, _, err := tdql.Check(query, tdql.Env{Now: testNow, Orgs: v.orgs(q.AsUser)})
	if err != nil {
		return nil, err
	}
	var rows []tdql.Row
	_, err = run(t.Context(), db, must(tdql.Compile(plan)), func(r []tdql.Row) error {
		rows = append(rows, r...)
		return nil
	}, nil)
	return rows, err
}

func TestAnswersAreThoseOfTheOriginal(t *testing.T) {
	v := loadVectors(t)
	store := testdgraph.Open(t)
	if _, err := store.Write(t.Context(), v.records()); err != nil {
		t.Fatal(err)
	}
	asked := 0
	for i, q := range v.Queries {
		switch q.Op {
		case "count", "related", "related_hash":
		default:
			continue
		}
		text := v.text(q)
		if q.Op == "related_hash" && q.Level == 0 { // the original's library answers with nothing; its queries refuse it, and so do we
			if _, err := tdql.Parse(text + " level 0"); err == nil || string(q.Expect) != "[]" {
				t.Errorf("%d: %s level 0: %v, want a fault where the original has %s", i, text, err, q.Expect)
			}
			asked++
			continue
		}
		rows, _, err := tryAsk(t.Context(), store, tdql.Env{Now: testNow, Orgs: v.orgs(q.AsUser)}, text)
		if q.Start > q.End && q.End != 0 { // text is refused, the classic form finds nothing, as in the original
			if err == nil {
				t.Errorf("%s: no error", text)
			}
			rows, err = v.askClassic(t, store, q)
		}
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		asked++
		if q.Op == "count" {
			var want int
			must(0, json.Unmarshal(q.Expect, &want))
			if got := column[int](t, rows, "count"); len(got) != 1 || got[0] != want {
				t.Errorf("%d: %s as %q: got %v, want %d", i, text, q.AsUser, got, want)
			}
			continue
		}
		var want []string
		must(0, json.Unmarshal(q.Expect, &want))
		got := column[string](t, rows, "hash")
		for i, h := range got {
			got[i] = v.names[h]
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%d: %s as %q:\ngot  %v\nwant %v", i, text, q.AsUser, got, want)
		}
	}
	if asked != 444 {
		t.Errorf("%d queries were asked, not 444", asked)
	}
}
