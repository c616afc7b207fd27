package tdql_test

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/cybexp/cybexp/tdql"
)

// A fault that the source can tell of.
type faultSite struct {
	place, format string
	code          string
}

// bigGoldens are faults of which a golden would have to be larger than a person reads, or that no text of a query has, and the tests that
// have them.
var bigGoldens = map[string]string{
	"a query has at most %d bytes; this one has %d": "TestHugeInputIsOneFault, TestClassicIsBounded",
	"a sort holds at most %d rows":                  "TestSortIsBounded",
	"the query has no place for a range of time":    "TestWithinIsRefused",
}

// toldLater are the codes of what is told with an answer, which no golden has, and the tests that have them.
var toldLater = map[string]string{"CodeUnfilled": "bucket_test.go", "CodeCapped": "../reportd/runner_related_test.go"}

// sourceFiles parses the package.
func sourceFiles(t *testing.T) (*token.FileSet, []*ast.File) {
	t.Helper()
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	fset := token.NewFileSet()
	var files []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(fset, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	return fset, files
}

// faultSites finds the calls that add a fault, and the constants of codes.
func faultSites(t *testing.T) (sites []faultSite, codes map[string]string) {
	t.Helper()
	fset, files := sourceFiles(t)
	codes = map[string]string{}
	for _, file := range files {
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.ValueSpec:
				if kind, ok := n.Type.(*ast.Ident); ok && kind.Name == "Code" {
					codes[n.Names[0].Name] = stringOf(t, n.Values[0])
				}
			case *ast.CallExpr:
				if f, ok := n.Fun.(*ast.SelectorExpr); ok && f.Sel.Name == "add" && len(n.Args) >= 4 {
					if code, ok := n.Args[0].(*ast.Ident); ok {
						sites = append(sites, faultSite{fset.Position(n.Pos()).String(), stringOf(t, n.Args[3]), code.Name})
					}
				}
			}
			return true
		})
	}
	return sites, codes
}

func stringOf(t *testing.T, e ast.Expr) string {
	t.Helper()
	lit, ok := e.(*ast.BasicLit)
	if !ok {
		t.Fatalf("%v is not a literal", e)
	}
	s, err := strconv.Unquote(lit.Value)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// goldenFaults are the faults and the warnings of all goldens.
func goldenFaults(t *testing.T) tdql.Errors {
	t.Helper()
	var all tdql.Errors
	for file, g := range questions(t) {
		env := testEnv()
		env.Once = strings.Contains(g.comment, wholeAnswers)
		warnings, err := faultsOf(g, env)
		all = append(all, warnings...)
		var faults tdql.Errors
		if errors.As(err, &faults) {
			all = append(all, faults...)
		} else if err != nil {
			t.Errorf("%s: error is %T", file, err)
		}
	}
	return all
}

// faultsOf runs a query through all stages.
func faultsOf(g asked, env tdql.Env) ([]*tdql.Error, error) {
	q, err := tdql.Parse(g.text)
	if g.kind != "" {
		q, err = tdql.Classic(g.kind, []byte(g.text))
	}
	if err != nil {
		return nil, err
	}
	plan, warnings, err := tdql.Check(q, env)
	if err != nil {
		return nil, err
	}
	_, err = tdql.Compile(plan)
	return warnings, err
}

// verb is a verb of a format.
var verb = regexp.MustCompile(`%[a-z]`)

// TestEveryFaultHasAGolden reads the source: each code, and each text of a fault with its code, is in a golden.
func TestEveryFaultHasAGolden(t *testing.T) {
	sites, codes := faultSites(t)
	if len(codes) < 5 || len(sites) < 90 {
		t.Fatalf("found only %d codes and %d faults in the source", len(codes), len(sites))
	}
	told := goldenFaults(t)
	has := func(code string, message *regexp.Regexp) bool {
		for _, e := range told {
			if string(e.Code) == code && message.MatchString(e.Message) {
				return true
			}
		}
		return false
	}
	for name, code := range codes {
		if toldLater[name] == "" && !has(code, regexp.MustCompile("")) {
			t.Errorf("no golden has %s", name)
		}
	}
	for _, s := range sites {
		if bigGoldens[s.format] != "" {
			continue
		}
		text := verb.ReplaceAllString(regexp.QuoteMeta(s.format), ".*")
		if !has(codes[s.code], regexp.MustCompile("(?s)^"+text+"$")) {
			t.Errorf("%s: no golden has %s %q", s.place, s.code, s.format)
		}
	}
}

func TestClassicIsBounded(t *testing.T) {
	data := `{"sub_type":"ip","data":"` + strings.Repeat("1", 64<<10) + `"}`
	_, err := tdql.Classic("count", []byte(data))
	var faults tdql.Errors
	if !errors.As(err, &faults) || len(faults) != 1 || faults[0].Code != tdql.CodeLimit || len(err.Error()) > 500 {
		t.Errorf("got %.600v", err)
	}
}

// TestSortIsBounded answers a sort with more rows than it holds: the fault has the place of the stage.
func TestSortIsBounded(t *testing.T) {
	q, err := tdql.Parse("attributes url | sort data desc")
	if err != nil {
		t.Fatal(err)
	}
	plan, _, err := tdql.Check(q, testEnv())
	if err != nil {
		t.Fatal(err)
	}
	prog, err := tdql.Compile(plan)
	if err != nil {
		t.Fatal(err)
	}
	const page, rows, one = 10_000, 600_000, `{"uid":"0x1","v":[{}]}`
	body := []byte(`{"r":[` + strings.Repeat(one+",", page-1) + one + `]}`)
	x := prog.Start()
	for range rows / page {
		if _, more := x.Next(); !more {
			t.Fatal("ended without a fault")
		}
		_, err := x.Take(body)
		var faults tdql.Errors
		if errors.As(err, &faults) {
			if e := faults[0]; e.Code != tdql.CodeLimit || e.Line != 1 || e.Column != 18 || e.Length != 4 {
				t.Errorf("got %+v", e)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Error("no fault")
}
