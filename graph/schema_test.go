package graph_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cybexp/cybexp"
	"github.com/cybexp/cybexp/graph"
	"github.com/cybexp/cybexp/internal/testdgraph"
	"github.com/cybexp/cybexp/tahoe"
)

type schemaAnswer struct {
	Data struct {
		Schema []struct {
			Predicate, Type              string
			List, Index, Upsert, Reverse bool
			Count, Unique, Lang          bool
			NoConflict                   bool `json:"no_conflict"`
			Tokenizer                    []string
		}
		Types []struct {
			Name   string
			Fields []struct{ Name string }
		}
	}
}

func TestSchemaMakesExactlyThesePredicates(t *testing.T) {
	testdgraph.Open(t)
	var answer schemaAnswer
	askDgraph(t, `schema {}`, &answer)
	var lines []string
	for _, p := range answer.Data.Schema {
		if strings.HasPrefix(p.Predicate, "dgraph.") {
			continue
		}
		if p.Count || p.Unique || p.NoConflict || p.Lang {
			t.Errorf("%s has count, unique, noconflict or lang", p.Predicate)
		}
		l := p.Predicate + ": " + p.Type
		if p.List {
			l = p.Predicate + ": [" + p.Type + "]"
		}
		if p.Index {
			slices.Sort(p.Tokenizer)
			l += " @index(" + strings.Join(p.Tokenizer, ",") + ")"
		}
		if p.Reverse {
			l += " @reverse"
		}
		if p.Upsert {
			l += " @upsert"
		}
		lines = append(lines, l)
	}
	slices.Sort(lines)
	if diff := cmp.Diff(graph.Predicates, strings.Join(lines, " .\n")+" .\n"); diff != "" {
		t.Errorf("predicates (-want +got):\n%s", diff)
	}
}

func TestTypesListNoReverseEdges(t *testing.T) {
	testdgraph.Open(t)
	var answer schemaAnswer
	askDgraph(t, `schema {}`, &answer)
	got := map[string]int{}
	for _, typ := range answer.Data.Types {
		for _, f := range typ.Fields {
			if strings.HasPrefix(f.Name, "~") {
				t.Errorf("type %s lists %s: opening a vertex in Ratel would fetch all of a hub's events", typ.Name, f.Name)
			}
		}
		if !strings.HasPrefix(typ.Name, "dgraph.") {
			got[typ.Name] = len(typ.Fields)
		}
	}
	for _, name := range []string{"Node", "Attribute", "Object", "Event", "Session", "Raw"} {
		if got[name] == 0 {
			t.Errorf("no type %s, or no fields in it", name)
		}
	}
}

func TestSchemaThatIsThereIsNotUploadedAgain(t *testing.T) {
	testdgraph.Open(t)
	var uploads atomic.Int64
	s := open(t, graph.Config{Logger: slog.New(&counter{&uploads, "schema applied"})})
	other := cybexp.Schema + "\n# another one\n"
	for _, sdl := range []string{cybexp.Schema, other, other, cybexp.Schema} {
		if err := s.ApplySchema(t.Context(), sdl); err != nil {
			t.Fatal(err)
		}
	}
	if got := uploads.Load(); got != 2 {
		t.Errorf("%d uploads, want 2", got)
	}
}

func versionOf(n int) string { return fmt.Sprintf("# Version: %d\n", n) }

func TestSchemaOfAnotherVersionIsRefused(t *testing.T) {
	s := testdgraph.Open(t)
	now := graph.SchemaVersion(cybexp.Schema)
	newer := strings.Replace(cybexp.Schema, versionOf(now), versionOf(now+1), 1)
	older := strings.Replace(cybexp.Schema, versionOf(now), "", 1)
	if err := s.ApplySchema(t.Context(), older); !errors.Is(err, graph.ErrSchemaNewer) {
		t.Errorf("an older schema: %v", err)
	}
	if err := s.ApplySchema(t.Context(), newer); !errors.Is(err, graph.ErrSchemaOlder) {
		t.Errorf("a newer schema: %v", err)
	}
	if err := s.ApplySchema(t.Context(), cybexp.Schema); err != nil {
		t.Errorf("the schema that is there: %v", err)
	}
}

func TestBrokenSchemaIsRefused(t *testing.T) {
	s := testdgraph.Open(t)
	err := s.ApplySchema(t.Context(), versionOf(graph.SchemaVersion(cybexp.Schema))+"type Broken {")
	if err == nil || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want Dgraph's words", err)
	}
}

func TestGraphQLReadsWhatWasWritten(t *testing.T) {
	s := testdgraph.Open(t)
	g := newGenerator(t, 22)
	ip := g.attribute("ipv4", tahoe.String("203.0.113.9"))
	e := event(g, g.object("src", ip))
	g.check(e.SetContext(tahoe.Malicious, ip))
	write(t, s, tahoe.Record{Raw: rawOf(g, "o1"), State: tahoe.Mapped, Events: []*tahoe.Event{e}})

	var answer struct{ Data any }
	graphql := func(q string) string {
		text, _ := json.Marshal(map[string]string{"query": q})
		post(t, "/graphql", "application/json", string(text), &answer)
		text, _ = json.Marshal(answer.Data)
		return string(text)
	}
	got := graphql(`{ queryEvent(filter: {timestamp: {between: {min: "1970-01-01T00:00:00Z", max: "1970-01-02T00:00:00Z"}}}) {
		subType category timestamp audience children { subType ... on Object { children { ... on Attribute { value } } } } malRef { subType } raws { state audiences } } }`)
	want := `{"queryEvent":[{"audience":"o1","category":"unknown","children":[{"children":[{"value":"203.0.113.9"}],"subType":"src"}],` +
		`"malRef":[{"subType":"ipv4"}],"raws":[{"audiences":["o1"],"state":"mapped"}],"subType":"e","timestamp":"1970-01-01T00:00:01Z"}]}`
	if got != want {
		t.Errorf("queryEvent\ngot  %s\nwant %s", got, want)
	}
	got = graphql(`{ queryNode(filter: {subType: {eq: "ipv4"}}) { name events { subType } parents { subType } } }`)
	want = `{"queryNode":[{"events":[{"subType":"e"}],"name":"203.0.113.9","parents":[{"subType":"src"}]}]}`
	if got != want {
		t.Errorf("queryNode\ngot  %s\nwant %s", got, want)
	}
}
