package graph_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/cybexp/cybexp"
	"github.com/cybexp/cybexp/internal/testdgraph"
	"github.com/cybexp/cybexp/tahoe"
)

// get asks an alpha by GET.
func get(t *testing.T, path string, answer any) {
	t.Helper()
	res, err := http.Get(testdgraph.Server(t).HTTP() + path)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err == nil {
		err = json.Unmarshal(text, answer)
	}
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %.300s: %v", path, res.Status, text, err)
	}
}

// TestRatelConnects makes the calls by which Ratel finds out about a server: its health, the state of the cluster, the schema, and that it answers.
func TestRatelConnects(t *testing.T) {
	testdgraph.Open(t)
	var health []struct{ Instance, Status, Version string }
	if get(t, "/health?all", &health); len(health) == 0 || health[0].Status != "healthy" || health[0].Version == "" {
		t.Errorf("health: %+v", health)
	}
	var state struct {
		Groups map[string]struct {
			Members map[string]struct{ Leader bool }
			Tablets map[string]struct{ Predicate string }
		}
	}
	get(t, "/state", &state)
	tablets := 0
	for _, g := range state.Groups {
		tablets += len(g.Tablets)
	}
	if len(state.Groups) == 0 || tablets == 0 {
		t.Errorf("state: %+v", state)
	}
	var keywords struct{ Keywords []any }
	if get(t, "/ui/keywords", &keywords); len(keywords.Keywords) == 0 {
		t.Error("no keywords")
	}
	var one struct {
		Data struct{ Q []struct{ UID string } }
	}
	if post(t, "/query?timeout=20s&debug=true", "application/dql", `{ q(func: uid(1)) { uid } }`, &one); len(one.Data.Q) != 1 {
		t.Errorf("the probe: %+v", one)
	}
	var schema struct {
		Data struct{ GetGQLSchema struct{ Schema string } }
	}
	post(t, "/admin", "application/json", `{"query":"{ getGQLSchema { schema } }"}`, &schema)
	if schema.Data.GetGQLSchema.Schema != cybexp.Schema {
		t.Errorf("the schema of GraphQL is %.300q", schema.Data.GetGQLSchema.Schema)
	}
	var same struct{ Data struct{ Code string } }
	if post(t, "/admin/schema", "text/plain", cybexp.Schema, &same); same.Data.Code != "Success" {
		t.Errorf("/admin/schema answers %+v", same)
	}
}

// Ratel labels a vertex with the first of its properties, in their order, that is called something like name, in at most 12 characters, and
// opens it with expand(_all_).
func TestVerticesOpenInRatelWithNames(t *testing.T) {
	s := testdgraph.Open(t)
	g := newGenerator(t, 21)
	ip := g.attribute("ipv4", tahoe.String("203.0.113.9"))
	object := g.object("src", ip)
	e := event(g, object)
	session, err := tahoe.NewSession("visit", g.attribute("sessionid", tahoe.String("s1")))
	g.check(err)
	session.AddEvent(e)
	raw := rawOf(g, "o1")
	write(t, s, tahoe.Record{Raw: raw, State: tahoe.Mapped, Events: []*tahoe.Event{e}, Sessions: []*tahoe.Session{session}})
	for _, tt := range []struct {
		of    tahoe.Instance
		name  string
		kind  string
		edges map[string]int // which it opens to, and to how many
	}{
		{ip, "203.0.113.9", "Attribute", nil},
		{object, "src", "Object", map[string]int{"ocref": 1}},
		{e, "e", "Event", map[string]int{"ref": 2, "cref": 1}},
		{session, "visit", "Session", map[string]int{"sref": 1, "sattr": 1}},
		{raw, "r", "Raw", map[string]int{"rref": 2}},
	} {
		var answer struct{ Data struct{ Q []map[string]any } }
		post(t, "/query", "application/json", `{"query":"query q($h: string) { q(func: eq(hash, $h)) { uid dgraph.type expand(_all_) { uid expand(_all_) } } }",`+
			`"variables":{"$h":"`+tt.of.Hash().String()+`"}}`, &answer)
		if len(answer.Data.Q) != 1 {
			t.Fatalf("%s: got %v", tt.kind, answer.Data.Q)
		}
		v := answer.Data.Q[0]
		for key := range v {
			if key < "name" && strings.Contains(strings.ToLower(key), "name") {
				t.Errorf("%s is labelled by %s", tt.kind, key)
			}
		}
		types, _ := json.Marshal(v["dgraph.type"])
		if v["name"] != tt.name || !strings.Contains(string(types), `"`+tt.kind+`"`) {
			t.Errorf("%s opens as %v", tt.kind, v)
		}
		for edge, n := range tt.edges {
			to, _ := v[edge].([]any)
			if len(to) != n {
				t.Errorf("%s has %v at %s, want %d", tt.kind, to, edge, n)
			}
			for _, other := range to {
				if other, ok := other.(map[string]any); !ok || other["uid"] == nil || other["name"] == nil {
					t.Errorf("%s opens at %s to %v, which has no label", tt.kind, edge, other)
				}
			}
		}
	}
}

// TestGraphQLTellsItsTypes asks /graphql what there is, as its explorers do.
func TestGraphQLTellsItsTypes(t *testing.T) {
	testdgraph.Open(t)
	var answer struct {
		Data struct {
			Schema struct {
				QueryType struct{ Fields []struct{ Name string } }
				Types     []struct {
					Name, Kind string
					Fields     []struct{ Name string }
				}
			} `json:"__schema"`
		}
	}
	post(t, "/graphql", "application/json", `{"query":"{ __schema { queryType { fields { name } } types { name kind fields { name } } } }"}`, &answer)
	has := map[string]bool{}
	for _, f := range answer.Data.Schema.QueryType.Fields {
		has[f.Name] = true
	}
	for _, typ := range answer.Data.Schema.Types {
		for _, f := range typ.Fields {
			has[typ.Name+"."+f.Name] = true
		}
	}
	for _, want := range []string{"queryNode", "queryAttribute", "queryObject", "queryEvent", "querySession", "queryRaw", "getEvent", "aggregateEvent",
		"Node.name", "Attribute.value", "Object.children", "Event.timestamp", "Event.malRef", "Session.events", "Raw.state"} {
		if !has[want] {
			t.Errorf("no %s", want)
		}
	}
}
