package tdql_test

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/cybexp/cybexp/tahoe"
	"github.com/cybexp/cybexp/tdql"
)

// seenTypes is a vocabulary.
type seenTypes []string

func (s seenTypes) SubTypes(tahoe.Kind) []string { return s }

func (s seenTypes) Seen(_ tahoe.Kind, subType string) bool { return slices.Contains(s, subType) }

// Values are made up: a literal, and one that needs quotes.
func (s seenTypes) Values(subType, prefix string, _ int) []string {
	return []string{prefix + "1." + subType, tdql.Literal(tahoe.String(prefix + " two"))}
}

var (
	red  = tdql.Org{Hash: tahoe.OrgHash("red"), Name: "red"}
	blue = tdql.Org{Hash: tahoe.OrgHash("blue"), Name: "blue"}
)

func testEnv() tdql.Env {
	return tdql.Env{
		Now:  time.Date(2021, 6, 1, 12, 30, 0, 0, time.UTC),
		Orgs: []tdql.Org{red, blue},
		Params: map[string]tahoe.Value{"ip": tahoe.String("1.1.1.1"), "n": tahoe.Int(3), "span": tahoe.String("7d"), "port": tahoe.Int(22),
			"slip": tahoe.String("7 weekz"), "list": tahoe.Array(tahoe.Int(1))},
		Vocabulary: seenTypes{"ipv4", "url", "port", "login", "sighting", "src", "last", "hash", "subject", "domain", "file", "filename",
			"cowrie_session"},
	}
}

// stages runs a query through all stages, and prints what each gives.
func stages(kind, text string, env tdql.Env) map[string]string {
	out := map[string]string{}
	q, err := tdql.Parse(text)
	if kind != "" {
		q, err = tdql.Classic(kind, []byte(text))
	}
	if err != nil {
		out["want/errors"] = err.Error() + "\n"
		return out
	}
	out["want/format"] = q.String() + "\n"
	plan, warnings, err := tdql.Check(q, env)
	if err != nil {
		out["want/errors"] = err.Error() + "\n"
		return out
	}
	if len(warnings) > 0 {
		out["want/warnings"] = tdql.Errors(warnings).Error() + "\n"
	}
	out["want/canonical"] = plan.Canonical() + "\n"
	out["want/plan"] = plan.String()
	prog, err := tdql.Compile(plan)
	if err != nil {
		out["want/errors"] = err.Error() + "\n"
		return out
	}
	if plan.Explain() {
		out["want/explain"], err = tdql.Explain(plan)
		if err != nil {
			out["want/errors"] = err.Error() + "\n"
		}
	}
	out["want/fields"] = prog.Kind + ": " + strings.Join(prog.Fields, " ") + "\n"
	var b strings.Builder
	for _, q := range prog.Queries() {
		b.WriteString(q.Text())
		vars := q.Variables()
		for _, name := range slices.Sorted(maps.Keys(vars)) {
			b.WriteString(name + " = " + vars[name] + "\n")
		}
	}
	if b.Len() > 0 {
		out["want/dql"] = b.String()
	}
	return out
}

// wholeAnswers stands before a golden whose caller wants an answer that has an end.
const wholeAnswers = "whole answers"

// goldenOrder is the order of the sections of a golden file.
var goldenOrder = []string{"want/errors", "want/warnings", "want/format", "want/canonical", "want/plan", "want/explain", "want/fields", "want/dql"}

func goldens(tb testing.TB) []string {
	tb.Helper()
	files, err := filepath.Glob("testdata/golden/*.txtar")
	if err != nil || len(files) == 0 {
		tb.Fatalf("no goldens: %v", err)
	}
	return files
}

// question takes the query out of a golden; kind is the type of one in the classic form.
func question(a *txtar.Archive) (kind, text string) {
	for _, f := range a.Files {
		switch name, _, _ := strings.Cut(f.Name, "."); {
		case strings.HasSuffix(f.Name, ".tdql"):
			return "", strings.TrimSuffix(string(f.Data), "\n")
		case strings.HasSuffix(f.Name, ".json"):
			return name, strings.TrimSuffix(string(f.Data), "\n")
		}
	}
	return "", ""
}

func TestStages(t *testing.T) {
	for _, file := range goldens(t) {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			kind, text := question(a)
			env := testEnv()
			if strings.Contains(string(a.Comment), "no organisations") {
				env.Orgs = nil
			}
			env.Once = strings.Contains(string(a.Comment), wholeAnswers)
			got := stages(kind, text, env)
			if os.Getenv("UPDATE_GOLDEN") != "" {
				rewrite(t, file, a, got)
				return
			}
			want := map[string]string{}
			for _, f := range a.Files[1:] {
				want[f.Name] = string(f.Data)
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("want - got +\n%s", d)
			}
		})
	}
}

func rewrite(t *testing.T, file string, a *txtar.Archive, got map[string]string) {
	t.Helper()
	a.Files = a.Files[:1]
	for _, name := range goldenOrder {
		if text, ok := got[name]; ok {
			a.Files = append(a.Files, txtar.File{Name: name, Data: []byte(text)})
		}
	}
	if err := os.WriteFile(file, txtar.Format(a), 0o644); err != nil {
		t.Fatal(err)
	}
}

// parsed are the queries in text that the goldens ask, by file.
func parsed(tb testing.TB) map[string]string {
	tb.Helper()
	out := map[string]string{}
	for file, g := range questions(tb) {
		if g.kind == "" {
			out[file] = g.text
		}
	}
	return out
}

// asked is a query of a golden; kind is the type of one in the classic form. The comment says who asks.
type asked struct{ kind, text, comment string }

// questions are the queries of all goldens, by file.
func questions(tb testing.TB) map[string]asked {
	tb.Helper()
	out := map[string]asked{}
	for _, file := range goldens(tb) {
		a, err := txtar.ParseFile(file)
		if err != nil {
			tb.Fatal(err)
		}
		kind, text := question(a)
		out[filepath.Base(file)] = asked{kind, text, string(a.Comment)}
	}
	return out
}

// checkFormat tests that tidy text parses to the same query, and is its own tidy text.
func checkFormat(t *testing.T, text string) {
	t.Helper()
	q, err := tdql.Parse(text)
	if err != nil {
		var faults tdql.Errors
		if !errors.As(err, &faults) || len(faults) == 0 {
			t.Fatalf("%q: error is %T", text, err)
		}
		return
	}
	tidy := q.String()
	again, err := tdql.Parse(tidy)
	if err != nil {
		t.Fatalf("%q\ntidy %q: %v", text, tidy, err)
	}
	if got := again.String(); got != tidy {
		t.Fatalf("%q\ntidy  %q\nagain %q", text, tidy, got)
	}
	first, _, err1 := tdql.Check(q, testEnv())
	second, _, err2 := tdql.Check(again, testEnv())
	if (err1 == nil) != (err2 == nil) {
		t.Fatalf("%q: %v\ntidy %q: %v", text, err1, tidy, err2)
	}
	if err1 == nil && first.Canonical() != second.Canonical() {
		t.Fatalf("%q means %q\ntidy %q means %q", text, first.Canonical(), tidy, second.Canonical())
	}
}

// checkCanonical tests that canonical text is its own canonical text.
func checkCanonical(t *testing.T, text string) {
	t.Helper()
	q, err := tdql.Parse(text)
	if err != nil {
		return
	}
	plan, _, err := tdql.Check(q, testEnv())
	if err != nil {
		return
	}
	q, err = tdql.Parse(plan.Canonical())
	if err != nil {
		t.Fatalf("%q\ncanonical %q: %v", text, plan.Canonical(), err)
	}
	again, _, err := tdql.Check(q, testEnv())
	if err != nil {
		t.Fatalf("%q\ncanonical %q: %v", text, plan.Canonical(), err)
	}
	if again.Canonical() != plan.Canonical() || again.Hash() != plan.Hash() {
		t.Fatalf("%q\ncanonical %q\nagain     %q", text, plan.Canonical(), again.Canonical())
	}
}

func TestTidyTextMeansTheSame(t *testing.T) {
	for name, text := range parsed(t) {
		t.Run(name, func(t *testing.T) {
			checkFormat(t, text)
			checkCanonical(t, text)
		})
	}
}
