package reportd

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cybexp/cybexp/internal/testdgraph"
	"github.com/cybexp/cybexp/tahoe"
	"github.com/cybexp/cybexp/tdql"
	"github.com/cybexp/cybexp/tdql/dql"
)

func TestSummaryGraphsAreThoseOfTheOriginal(t *testing.T) {
	v := loadVectors(t)
	store := testdgraph.Open(t)
	if _, err := store.Write(t.Context(), v.records()); err != nil {
		t.Fatal(err)
	}
	asked := 0
	for i, q := range v.Queries {
		if q.Op != "summary_graph" {
			continue
		}
		for _, user := range []string{"", "u1", "u2", "u3", "u4"} {
			text := v.text(q) + " summary graph"
			rows := ask(t, store, v.orgs(user), text)
			got := column[map[string][][2]json.RawMessage](t, rows, "summary_graph")
			if len(got) != 1 {
				t.Fatalf("%s: %s", text, rows)
			}
			if user == "" {
				compareSummary(t, fmt.Sprintf("%d: %s", i, text), got[0], q.Expect)
				asked++
				continue
			}
			// What a user sees is what is related for the user, each value with a way.
			want := map[string]bool{}
			for _, r := range ask(t, store, v.orgs(user), v.text(q)+" return attribute") {
				want[string(r)] = true
			}
			n := 0
			for _, list := range got[0] {
				n += len(list)
			}
			if n != len(want) {
				t.Errorf("%s as %s: got %d values, want %d", text, user, n, len(want))
			}
		}
	}
	if asked != 18 {
		t.Errorf("%d queries asked", asked)
	}
}

func compareSummary(t *testing.T, what string, got map[string][][2]json.RawMessage, expect json.RawMessage) {
	t.Helper()
	var want []struct {
		SubType string          `json:"sub_type"`
		Data    json.RawMessage `json:"data"`
		AnyOf   [][]string      `json:"any_of"`
	}
	if string(expect) != "{}" {
		must(0, json.Unmarshal(expect, &want))
	}
	n := 0
	for _, list := range got {
		n += len(list)
	}
	if n != len(want) {
		t.Errorf("%s: got %d values, want %d: %s", what, n, len(want), got)
	}
	for _, w := range want {
		i := slices.IndexFunc(got[w.SubType], func(pair [2]json.RawMessage) bool { return string(pair[0]) == string(w.Data) })
		if i < 0 {
			t.Errorf("%s: %s %s is missing", what, w.SubType, w.Data)
			continue
		}
		var labels []string
		must(0, json.Unmarshal(got[w.SubType][i][1], &labels))
		if !slices.ContainsFunc(w.AnyOf, func(one []string) bool { return slices.Equal(one, labels) }) {
			t.Errorf("%s: %s %s: got %v, want one of %v", what, w.SubType, w.Data, labels, w.AnyOf)
		}
	}
}

// rankScenario is a graph of events that share values, and the ranks by the paper's equation.
type rankScenario struct {
	Name   string
	Now    float64
	Events []struct {
		Name     string
		Age      float64 `json:"age_days"`
		Category string
		Values   []string
	}
	Results []struct {
		Event string
		Want  float64 `json:"paper_equation"`
	}
}

func (s rankScenario) record(org tahoe.Hash) (tahoe.Record, map[string]*tahoe.Event) {
	var r tahoe.Record
	byName := map[string]*tahoe.Event{}
	for _, e := range s.Events {
		var values []tahoe.Node
		for _, v := range e.Values {
			values = append(values, must(tahoe.NewAttribute("value", tahoe.String(v))))
		}
		event := must(tahoe.NewEvent(e.Name, org.String(), s.Now-e.Age*86400, values...))
		if err := event.SetCategory(tahoe.Category(e.Category)); err != nil {
			panic(err)
		}
		byName[e.Name] = event
		r.Events = append(r.Events, event)
	}
	return r, byName
}

func TestThreatRankIsThePapersEquation(t *testing.T) {
	v := loadVectors(t)
	if len(v.ThreatRank) != 2 {
		t.Fatalf("%d scenarios", len(v.ThreatRank))
	}
	org := tdql.Org{Hash: tahoe.OrgHash("ours"), Name: "ours"}
	for _, s := range v.ThreatRank {
		store := testdgraph.Open(t)
		r, events := s.record(org.Hash)
		if _, err := store.Write(t.Context(), []tahoe.Record{r}); err != nil {
			t.Fatal(err)
		}
		env := tdql.Env{Now: time.Unix(int64(s.Now), 0), Orgs: []tdql.Org{org}}
		scores := map[string]float64{}
		for _, want := range s.Results {
			rows, _, err := tryAsk(t.Context(), store, env, "threatrank event "+events[want.Event].Hash().String())
			if err != nil || len(rows) != 1 {
				t.Fatalf("%s: %s, %v", want.Event, rows, err)
			}
			got := column[float64](t, rows, "score")[0]
			if math.Abs(got-want.Want) > 1e-15 || !column[bool](t, rows, "exact")[0] {
				t.Errorf("%s: %s ranks %s, want %v", s.Name, want.Event, rows[0], want.Want)
			}
			scores[events[want.Event].Hash().String()] = got
		}
		rows, _, err := tryAsk(t.Context(), store, env, "events | threatrank")
		if err != nil || len(rows) != len(s.Events) {
			t.Fatalf("got %s, %v", rows, err)
		}
		sorted, _, err := tryAsk(t.Context(), store, env, "events | threatrank | sort score desc | page 2 size 2")
		least := slices.Sorted(maps.Values(scores))
		slices.Reverse(least)
		if got := column[float64](t, sorted, "score"); err != nil || !slices.Equal(got, least[2:min(4, len(least))]) {
			t.Errorf("%s: got %v, %v, want the third and fourth of %v", s.Name, got, err, least)
		}
		for i, hash := range column[string](t, rows, "hash") {
			if got := column[float64](t, rows, "score")[i]; math.Abs(got-scores[hash]) > 1e-15 {
				t.Errorf("%s: among all, %s ranks %v, alone %v", s.Name, hash, got, scores[hash])
			}
		}
	}
}

func TestPaths(t *testing.T) {
	v := loadVectors(t)
	store := testdgraph.Open(t)
	if _, err := store.Write(t.Context(), v.records()); err != nil {
		t.Fatal(err)
	}
	all := v.orgs("")
	e1, e2 := v.Events["e1"].Hash, v.Events["e2"].Hash
	for _, tt := range []struct {
		text string
		want []string
	}{
		{"path ipv4 1.1.1.1 to url http://x/", []string{"ip1 -ref- e1 -ref- url1"}},
		{"path ipv4 1.1.1.1 to ipv4 1.1.1.1", []string{"ip1"}},
		{"path ipv4 1.1.1.1 to domain never.seen", nil},
		{"path domain never.seen to ipv4 1.1.1.1", nil},
		{"path event " + e1 + " to event " + e2 + " paths 9", []string{"e1 -ref- fn -ref- e2", "e1 -ref- url1 -ref- e2", "e1 -ref- sh -ref- e2"}},
		{"path ipv4 1.1.1.1 to ipv4 2.2.2.2", []string{"ip1 -ref- e1 -ref- fn -ref- e3 -ref- ip2"}},
		{"path ipv4 1.1.1.1 to ipv4 2.2.2.2 max 3", nil},
		{"path ipv4 1.1.1.1 to url http://y/", []string{
			"ip1 -ref- e1 -sref- s1 -sref- e8 -ref- url2", "ip1 -ref- e5 -sref- s1 -sref- e8 -ref- url2", "ip1 -ref- e7 -sref- s1 -sref- e8 -ref- url2",
		}},
		{"path ipv4 1.1.1.1 to url http://x/ from 200", nil},
		{"path (sessionid 's-1') to ipv4 1.1.1.1", []string{"sid1 -sattr- s1 -sref- e1 -ref- ip1", "sid1 -sattr- s1 -sref- e5 -ref- ip1", "sid1 -sattr- s1 -sref- e7 -ref- ip1"}},
		{"path object " + v.Objects["src"].Hash + " to ipv4 1.1.1.1", []string{"src -ref- e1 -ref- ip1", "src -ref- e7 -ref- ip1"}},
	} {
		rows := ask(t, store, all, tt.text)
		var got []string
		for _, r := range rows {
			got = append(got, v.chain(t, r))
		}
		if len(tt.want) == 0 && len(got) == 0 || len(got) == 1 && slices.Contains(tt.want, got[0]) {
			continue
		}
		slices.Sort(got)
		slices.Sort(tt.want)
		if d := cmp.Diff(tt.want, got); d != "" {
			t.Errorf("%s: want - got +\n%s", tt.text, d)
		}
	}
}

// chain spells a row of path with the names of the vectors.
func (v *vectors) chain(tb testing.TB, row tdql.Row) string {
	tb.Helper()
	var r struct {
		Length int
		Nodes  []struct{ Hash string }
		Edges  []string
	}
	must(0, json.Unmarshal(row, &r))
	if r.Length != len(r.Edges) || len(r.Nodes) != r.Length+1 {
		tb.Errorf("row %s does not fit together", row)
	}
	var b strings.Builder
	for i, n := range r.Nodes {
		if i > 0 {
			b.WriteString(" -" + r.Edges[i-1] + "- ")
		}
		b.WriteString(v.names[n.Hash])
	}
	return b.String()
}

func TestGraph(t *testing.T) {
	v := loadVectors(t)
	store := testdgraph.Open(t)
	if _, err := store.Write(t.Context(), v.records()); err != nil {
		t.Fatal(err)
	}
	rows := ask(t, store, v.orgs(""), "ipv4 2.2.2.2 | related | graph")
	if got, want := len(rows), 11+11; got < want-4 || got > want+4 {
		t.Errorf("%d rows: %s", got, rows)
	}
	nodes := map[string]bool{}
	for _, r := range rows {
		var row struct {
			Type, Hash, IType, Edge, From, To string
			Way                               []string
		}
		must(0, json.Unmarshal(r, &row))
		switch row.Type {
		case "node":
			nodes[row.Hash] = true
			if (row.IType == "attribute") != (len(row.Way) > 0) {
				t.Errorf("row %s", r)
			}
			if n := len(row.Way); n > 0 && (row.Way[0] != row.Hash || row.Way[n-1] != v.Attributes["ip2"].Hash) {
				t.Errorf("way of %s: %v", row.Hash, row.Way)
			}
		case "edge":
			if !nodes[row.From] || !nodes[row.To] || row.Edge == "" {
				t.Errorf("row %s leads nowhere", r)
			}
		}
	}
	if limited := ask(t, store, v.orgs(""), "events | threatrank | page 2 size 2"); len(limited) != 2 {
		t.Errorf("got %s", limited)
	}
}

func TestWalksTellNothingOfAnotherOrganisation(t *testing.T) {
	ours := tdql.Org{Hash: tahoe.OrgHash("ours"), Name: "ours"}
	theirs := tahoe.OrgHash("theirs")
	attr := func(subType, v string) *tahoe.Attribute {
		return must(tahoe.NewAttribute(subType, tahoe.String(v)))
	}
	a, b, c, d := attr("ipv4", "1.1.1.1"), attr("url", "b"), attr("url", "c"), attr("url", "d")
	sid, secret := attr("sessionid", "s"), attr("domain", "secret")
	event := func(org tahoe.Hash, at float64, mal bool, nodes ...tahoe.Node) *tahoe.Event {
		e := must(tahoe.NewEvent("sighting", org.String(), at, nodes...))
		if mal {
			must(0, e.SetCategory(tahoe.Malicious))
		}
		return e
	}
	o := must(tahoe.NewObject("src", b))
	mine := []*tahoe.Event{event(ours.Hash, 100, true, a, b), event(ours.Hash, 200, false, o, c), event(ours.Hash, 300, false, c, d), event(ours.Hash, 400, false, sid)}
	session := func(part *tahoe.Attribute, events ...*tahoe.Event) *tahoe.Session {
		s := must(tahoe.NewSession("cowrie_session", part))
		s.AddEvent(events...)
		return s
	}
	store := testdgraph.Open(t)
	if _, err := store.Write(t.Context(), []tahoe.Record{{Events: mine, Sessions: []*tahoe.Session{session(sid, mine[0])}}}); err != nil {
		t.Fatal(err)
	}
	questions := []string{
		"events | threatrank", "threatrank event " + mine[2].Hash().String() + " depth 4",
		"path ipv4 1.1.1.1 to url d paths 9 max 10", "path ipv4 1.1.1.1 to domain secret", "path sessionid s to url (b, d) paths 9",
		"path url (b, c, d) to event " + event(theirs, 500, true, a, d).Hash().String(),
		"related ipv4 1.1.1.1 level 3 via all graph", "related ipv4 1.1.1.1 level 3 summary graph", "related url b graph", "domain secret | related | graph",
	}
	before := map[string][]string{}
	for _, q := range questions {
		before[q] = texts(ask(t, store, []tdql.Org{ours}, q))
	}
	other := []*tahoe.Event{event(theirs, 500, true, a, d), event(theirs, 600, true, a, b, c, d, secret), event(theirs, 700, true, c, secret, sid), event(theirs, 800, false, o, d)}
	if _, err := store.Write(t.Context(), []tahoe.Record{{Events: other, Sessions: []*tahoe.Session{session(sid, other...), session(secret, other...), session(d, other...)}}}); err != nil {
		t.Fatal(err)
	}
	for _, q := range questions {
		if diff := cmp.Diff(before[q], texts(ask(t, store, []tdql.Org{ours}, q))); diff != "" {
			t.Errorf("%s: before - after +\n%s", q, diff)
		}
		if len(ask(t, store, nil, q)) > 1 {
			t.Errorf("%s: somebody without organisations sees rows", q)
		}
	}
	if len(before[questions[0]]) != 4 || len(before[questions[2]]) != 1 || len(before[questions[3]]) != 0 || len(before[questions[4]]) == 0 {
		t.Errorf("got %v", before)
	}
}

func TestAWalkEndsWhenItIsCancelled(t *testing.T) {
	v := loadVectors(t)
	store := testdgraph.Open(t)
	if _, err := store.Write(t.Context(), v.records()); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"events | threatrank", "path ipv4 1.1.1.1 to ipv4 2.2.2.2", "related ipv4 1.1.1.1 level 3 graph"} {
		for asked := range 4 {
			ctx, cancel := context.WithCancelCause(t.Context())
			db := &cancelling{Querier: store, left: asked, cancel: func() { cancel(errCancelled) }}
			_, _, err := tryAsk(ctx, db, tdql.Env{Now: testNow, Orgs: v.orgs("")}, text)
			if err == nil {
				t.Errorf("%s, cancelled after %d queries: no error", text, asked)
			}
			cancel(nil)
		}
	}
}

// cancelling is a Querier that cancels after some queries.
type cancelling struct {
	Querier
	mu sync.Mutex

	left   int
	cancel func()
}

func (c *cancelling) Query(ctx context.Context, q dql.Query, at uint64) ([]byte, uint64, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.left--; c.left < 0 {
		c.cancel()
	}
	return c.Querier.Query(ctx, q, at)
}

// TestAWalkReadsOneSnapshot writes while a walk is under way.
func TestAWalkReadsOneSnapshot(t *testing.T) {
	org := tdql.Org{Hash: tahoe.OrgHash("ours"), Name: "ours"}
	store := testdgraph.Open(t)
	records := crowd(org.Hash, 40, 30)
	if _, err := store.Write(t.Context(), records); err != nil {
		t.Fatal(err)
	}
	more := crowd(org.Hash, 80, 30)
	for _, text := range []string{"events | threatrank", "path kind0 0 to kind4 29", "kind0 0 | related level 2 via attributes | graph"} {
		want := texts(ask(t, store, []tdql.Org{org}, text))
		db := &cancelling{Querier: store, left: 2, cancel: func() {
			n := min(10, len(more[0].Events))
			if _, err := store.Write(t.Context(), []tahoe.Record{{Events: more[0].Events[len(more[0].Events)-n:]}}); err != nil {
				t.Error(err)
			}
			more[0].Events = more[0].Events[:len(more[0].Events)-n]
		}}
		if d := cmp.Diff(want, texts(ask(t, db, []tdql.Org{org}, text))); d != "" {
			t.Errorf("%s: want - got +\n%s", text, d)
		}
	}
}

// crowd makes events of ten attributes each, of which a few are in most events.
func crowd(org tahoe.Hash, events, attributes int) []tahoe.Record {
	rng := rand.New(rand.NewPCG(1, 2))
	var r tahoe.Record
	for i := range events {
		var nodes []tahoe.Node
		for range 10 {
			n := int(float64(attributes) * math.Pow(rng.Float64(), 4))
			nodes = append(nodes, must(tahoe.NewAttribute(fmt.Sprintf("kind%d", n%5), tahoe.Int(int64(n)))))
		}
		e := must(tahoe.NewEvent("sighting", org.String(), 1.6e9+float64(i)*600, nodes...))
		if i > 0 && rng.IntN(3) == 0 {
			must(0, e.SetCategory(tahoe.Malicious))
		}
		r.Events = append(r.Events, e)
	}
	var records []tahoe.Record
	for len(r.Events) > 0 {
		n := min(500, len(r.Events))
		records = append(records, tahoe.Record{Events: r.Events[:n]})
		r.Events = r.Events[n:]
	}
	return records
}

func TestWalksWarnOfWhatTheyDidNotFollow(t *testing.T) {
	v := loadVectors(t)
	store := testdgraph.Open(t)
	if _, err := store.Write(t.Context(), v.records()); err != nil {
		t.Fatal(err)
	}
	rows, stats, err := tryAsk(t.Context(), inflated{store}, tdql.Env{Now: testNow, Orgs: v.orgs("")}, "path ipv4 1.1.1.1 to ipv4 2.2.2.2")
	if err != nil || len(rows) != 1 || column[int](t, rows, "left_out")[0] != 2 || len(stats.Warnings) != 2 {
		t.Fatalf("got %s, %v, %v", rows, stats.Warnings, err)
	}
	for _, w := range stats.Warnings {
		if w.Code != tdql.CodeCapped || !strings.HasPrefix(w.Message, "ipv4 ") || !strings.Contains(w.Message, "it has 27000000") {
			t.Errorf("warning %+v", w)
		}
	}
	rows, stats, err = tryAsk(t.Context(), inflated{store}, tdql.Env{Now: testNow, Orgs: v.orgs("")}, "events category unknown | threatrank")
	if err != nil || len(rows) < 2 || len(stats.Warnings) == 0 {
		t.Fatalf("got %s, %v, %v", rows, stats.Warnings, err)
	}
	told := map[string]bool{}
	for _, w := range stats.Warnings {
		if w.Code != tdql.CodeCapped || told[w.Message] || !strings.Contains(w.Message, "not followed") || !strings.HasSuffix(w.Message, " events") {
			t.Errorf("warning %+v", w)
		}
		told[w.Message] = true
	}
}
