package graph_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/cybexp/cybexp"
	"github.com/cybexp/cybexp/graph"
	"github.com/cybexp/cybexp/internal/testdgraph"
	"github.com/cybexp/cybexp/tahoe"
)

// upgradeEnv tells a child which Dgraph it brings up to date until it kills itself.
const upgradeEnv = "GRAPH_TEST_UPGRADE"

// later is the schema of a version to come, in which the time zone of a raw has another name.
func later(t *testing.T) (sdl string, number int) {
	t.Helper()
	number = graph.SchemaVersion(cybexp.Schema) + 1
	sdl = strings.Replace(cybexp.Schema, versionOf(number-1), versionOf(number), 1)
	sdl = strings.Replace(sdl, `timezone: String @dgraph(pred: "timezone")`, `zone: String @dgraph(pred: "zone")`, 1)
	if graph.SchemaVersion(sdl) != number || !strings.Contains(sdl, `"zone"`) {
		t.Fatal("schema.graphql is not what this test takes it for")
	}
	return sdl, number
}

// TestUpgradeGoesOnAfterAKill kills a process that brings a graph up to date, half way through.
func TestUpgradeGoesOnAfterAKill(t *testing.T) {
	sdl, number := later(t)
	rename := graph.Rename{To: number, Old: "timezone", New: "zone"}
	if target := os.Getenv(upgradeEnv); target != "" {
		s, err := graph.Open(t.Context(), graph.Config{Target: target, Program: "v9.9"})
		if err != nil {
			t.Fatal(err)
		}
		seen := 0
		rename.Each = func() {
			if seen++; seen > graph.PassBatch+graph.PassBatch/2 {
				_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			}
		}
		t.Fatal(s.ApplyRenames(t.Context(), sdl, rename)) // it is never told
	}

	s := testdgraph.Open(t)
	t.Cleanup(func() { // the next test's schema is an older one
		if err := s.DropAll(context.Background()); err != nil {
			t.Error(err)
		}
	})
	const raws = 2*graph.PassBatch + 500
	var records []tahoe.Record
	for n := range raws {
		raw, err := tahoe.NewRaw("test", tahoe.String(fmt.Sprint("raw ", n)), "o1", "Asia/Tokyo")
		if err != nil {
			t.Fatal(err)
		}
		records = append(records, tahoe.Record{Raw: raw, State: tahoe.Kept})
	}
	write(t, s, records...)
	child := exec.Command(os.Args[0], "-test.run=^TestUpgradeGoesOnAfterAKill$")
	child.Env = append(os.Environ(), upgradeEnv+"="+testdgraph.Target(t))
	out, err := child.CombinedOutput()
	var killed *exec.ExitError
	if !errors.As(err, &killed) || killed.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Fatalf("the child was not killed: %v\n%s", err, out)
	}
	if got := with(t, "timezone", "zone"); got != [2]int{raws - graph.PassBatch, graph.PassBatch} {
		t.Fatalf("%v raws have the old and the new predicate half way", got)
	}
	if v, err := s.Version(t.Context()); err != nil || v != (graph.Version{Schema: number, Data: number - 1, Program: "v9.9"}) {
		t.Errorf("half way it is %+v %v", v, err)
	}

	err = s.ApplySchema(t.Context(), cybexp.Schema)
	if !errors.Is(err, graph.ErrSchemaNewer) || !strings.Contains(err.Error(), "use cybexp v9.9 or a later one") {
		t.Errorf("a program that does not know the version: %v", err)
	}
	changed := 0
	rename.Each = func() { changed++ }
	for range 2 { // the second time there is nothing to do
		if err := s.ApplyRenames(t.Context(), sdl, rename); err != nil {
			t.Fatal(err)
		}
		if got := with(t, "timezone", "zone"); got != [2]int{0, raws} || changed != raws-graph.PassBatch {
			t.Errorf("%v raws have the old and the new predicate, %d were changed", got, changed)
		}
	}
	if v, err := s.Version(t.Context()); err != nil || v != (graph.Version{Schema: number, Data: number, Program: "v9.9"}) {
		t.Errorf("after it, it is %+v %v", v, err)
	}
	var answer schemaAnswer
	askDgraph(t, `schema(pred: [timezone, zone]) { type }`, &answer)
	if len(answer.Data.Schema) != 1 || answer.Data.Schema[0].Predicate != "zone" {
		t.Errorf("of the predicates there are %+v", answer.Data.Schema)
	}
}

// with counts who has two predicates.
func with(t *testing.T, one, two string) (n [2]int) {
	t.Helper()
	var answer struct{ Data map[string][]struct{ N int } }
	askDgraph(t, `{ a(func: has(`+one+`)) { n: count(uid) } b(func: has(`+two+`)) { n: count(uid) } }`, &answer)
	return [2]int{answer.Data["a"][0].N, answer.Data["b"][0].N}
}

// TestUpgradeFromOrganisationsToAudiences puts a graph into the form of version 2, and holds that it comes out as one of today.
func TestUpgradeFromOrganisationsToAudiences(t *testing.T) {
	s := testdgraph.Open(t)
	empty := func() {
		if err := s.DropAll(context.Background()); err != nil {
			t.Error(err)
		}
	}
	empty()
	t.Cleanup(empty)
	sdl := strings.NewReplacer(versionOf(3), versionOf(2), `audience: String! @search(by: [exact]) @dgraph(pred: "audience")`,
		`orgid: String! @search(by: [exact]) @dgraph(pred: "orgid")`, `audiences: [String] @search(by: [exact]) @dgraph(pred: "audiences")`,
		`orgs: [String] @search(by: [exact]) @dgraph(pred: "orgs")`).Replace(cybexp.Schema)
	if err := s.ApplySchema(t.Context(), sdl); err != nil {
		t.Fatal(err)
	}
	var done struct{ Errors []any }
	post(t, "/alter", "application/json", `{"schema": "audience: string .\naudiences: [string] ."}`, &done) // what is written now has them
	records := newGenerator(t, 7).records(200)
	write(t, s, records...)
	putBack(t)
	if err := s.ApplySchema(t.Context(), cybexp.Schema); err != nil {
		t.Fatal(err)
	}
	check(t, records)
	var answer schemaAnswer
	askDgraph(t, `schema(pred: [orgid, orgs, audience, audiences]) { index }`, &answer)
	if len(answer.Data.Schema) != 2 || !answer.Data.Schema[0].Index || !answer.Data.Schema[1].Index {
		t.Errorf("of the predicates there are %+v", answer.Data.Schema)
	}
}

// putBack gives what has audiences the organisations of old.
func putBack(t *testing.T) {
	t.Helper()
	var now struct {
		Data struct {
			V []struct {
				UID, Audience string
				Audiences     []string
			}
		}
	}
	askDgraph(t, `{ v(func: has(hash)) @filter(has(audience) OR has(audiences)) { uid audience audiences } }`, &now)
	var set strings.Builder
	for _, v := range now.Data.V {
		if v.Audience != "" {
			fmt.Fprintf(&set, "<%s> <orgid> %q .\n", v.UID, v.Audience)
		}
		for _, a := range v.Audiences {
			fmt.Fprintf(&set, "<%s> <orgs> %q .\n", v.UID, a)
		}
	}
	var done struct{ Errors []any }
	post(t, "/mutate?commitNow=true", "application/rdf", "{ set {\n"+set.String()+"} }", &done)
	for _, predicate := range []string{"audience", "audiences"} {
		post(t, "/alter", "application/json", `{"drop_attr": "`+predicate+`"}`, &done)
	}
	if len(now.Data.V) == 0 || len(done.Errors) > 0 {
		t.Fatalf("%d vertices put back, %v", len(now.Data.V), done.Errors)
	}
}

// TestStepsLeadHere holds that each step goes on from the one before, and the last leads to the schema of today.
func TestStepsLeadHere(t *testing.T) {
	to := graph.Steps()
	for i, got := range to {
		if want := graph.SchemaVersion(cybexp.Schema) - len(to) + 1 + i; got != want {
			t.Errorf("step %d leads to version %d, want %d", i, got, want)
		}
	}
}
