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
	sdl := strings.NewReplacer(versionOf(graph.SchemaVersion(cybexp.Schema)), versionOf(2), `audience: String! @search(by: [exact]) @dgraph(pred: "audience")`,
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

// TestUpgradeTellsTimesAnew puts times on sessions as version 3 had them, and holds what becomes of them.
func TestUpgradeTellsTimesAnew(t *testing.T) {
	s := testdgraph.Open(t)
	empty := func() {
		if err := s.DropAll(context.Background()); err != nil {
			t.Error(err)
		}
	}
	empty()
	t.Cleanup(empty)
	sdl := strings.Replace(cybexp.Schema, versionOf(graph.SchemaVersion(cybexp.Schema)), versionOf(3), 1)
	if err := s.ApplySchema(t.Context(), sdl); err != nil {
		t.Fatal(err)
	}
	g := newGenerator(t, 8)
	record := func(raw int64, org string, m tahoe.Marking, session int64, start, end, duration *float64, events ...float64) tahoe.Record {
		x, err := tahoe.NewSession("s", g.attribute("id", tahoe.Int(session)))
		g.check(err)
		x.StartTime, x.EndTime, x.Duration = start, end, duration
		r, err := tahoe.NewRaw("r", tahoe.Int(raw), org, "UTC")
		g.check(err)
		of := tahoe.Record{Raw: r, State: tahoe.Mapped, Marking: m, Sessions: []*tahoe.Session{x}}
		for _, at := range events {
			e, err := tahoe.NewEvent("e", org, at, g.attribute("a", tahoe.Int(raw)))
			g.check(err)
			e.Mark(m)
			of.Events = append(of.Events, e)
		}
		x.AddEvent(of.Events...)
		return of
	}
	f := func(n float64) *float64 { return &n }
	var done struct{ Errors []any }
	old := func(r tahoe.Record, values string) {
		t.Helper()
		var found struct {
			Data struct{ Q []struct{ UID string } }
		}
		hash := r.Sessions[0].Hash().String()
		askDgraph(t, `{ q(func: eq(hash, "`+hash+`")) { uid } }`, &found)
		post(t, "/mutate?commitNow=true", "application/rdf", "{ set {\n"+strings.NewReplacer("S ", "<"+found.Data.Q[0].UID+"> ", "; ", " .\n").Replace(values)+" .\n} }", &done)
	}
	post(t, "/alter", "application/json", `{"schema": "start_time: datetime .\nend_time: datetime .\nduration: float ."}`, &done)
	alone := record(1, "o1", "", 1, nil, nil, nil, 50, 60)
	write(t, s, alone, record(2, "o1", "", 2, nil, nil, nil, 10, 20), record(3, "o2", "", 2, nil, nil, nil, 15, 40), record(4, "o2", tahoe.Red, 2, nil, nil, nil, 5),
		record(5, "o1", "", 3, nil, nil, nil), record(6, "o1", "", 3, nil, nil, nil, 30))
	old(alone, `S <start_time> "1970-01-01T00:00:07Z"; S <duration> "99"`)
	old(record(2, "o1", "", 2, nil, nil, nil), `S <start_time> "1970-01-01T00:00:05Z"; S <end_time> "1970-01-01T00:00:40Z"; S <duration> "35"`)
	old(record(5, "o1", "", 3, nil, nil, nil), `S <end_time> "1970-01-01T00:00:31Z"`)
	if len(done.Errors) > 0 {
		t.Fatal(done.Errors)
	}
	for range 2 {
		if err := s.ApplySchema(t.Context(), cybexp.Schema); err != nil {
			t.Fatal(err)
		}
		if got := with(t, "start_time", "duration"); got != [2]int{} {
			t.Errorf("%v sessions have times of old", got)
		}
	}
	// Of two raws that may have told the same, either may go.
	if _, err := s.RemoveUploads(t.Context(), "o1", []tahoe.Hash{record(5, "o1", "", 3, nil, nil, nil).Raw.Hash()}); err != nil {
		t.Fatal(err)
	}
	check(t, []tahoe.Record{record(1, "o1", "", 1, f(7), nil, f(99), 50, 60), record(2, "o1", "", 2, f(10), f(20), f(10), 10, 20),
		record(3, "o2", "", 2, f(15), f(40), f(25), 15, 40), record(4, "o2", tahoe.Red, 2, f(5), f(5), f(0), 5), record(6, "o1", "", 3, nil, f(31), nil, 30)})
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
