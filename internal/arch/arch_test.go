// Package arch_test holds the tree to the map in ARCHITECTURE.md: which package may import which, which third-party
// library lives in which room, and that every package says what it is.
package arch_test

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/cybexp/cybexp"

// rooms is the import table: for each package, which of ours it may import. A package that is not here fails the test,
// so that a new room is a decision.
var rooms = map[string][]string{
	"":                    {},
	"tahoe":               {},
	"telemetry":           {},
	"ledger":              {},
	"spelling":            {"tahoe"},
	"indicator":           {"spelling"},
	"tdql/dql":            {},
	"tdql":                {"tahoe", "ledger", "spelling", "tdql/dql"},
	"graph":               {"tahoe", "ledger", "tdql/dql", "telemetry"},
	"graph/dgraphd":       {},
	"bus":                 {"telemetry"},
	"backup":              {},
	"certs":               {},
	"layout":              {},
	"audit":               {"tahoe"},
	"identity":            {"tahoe", "audit"},
	"retention":           {"bus"},
	"ingest/envelope":     {},
	"ingest/filter":       {"tahoe", "spelling", "indicator"},
	"ingest/source":       {"tahoe"},
	"ingest":              {"ingest/envelope", "ingest/filter", "ingest/source", "tahoe", "bus", "telemetry"},
	"private":             {"tahoe", "spelling"},
	"walk":                {"tahoe"},
	"stix":                {"tahoe"},
	"reportd":             {"tdql", "tdql/dql", "ledger", "tahoe", "walk", "bus", "telemetry"},
	"notebook":            {"tahoe"},
	"taxii":               {"stix", "tahoe"},
	"web":                 {"reportd", "notebook", "retention", "taxii", "ingest", "ingest/source", "identity", "audit", "tdql", "tahoe", "stix", "indicator", "web/ui", "telemetry"},
	"web/ui":              {},
	"mcp":                 {"reportd", "tdql", "tahoe"},
	"cmd/cybexp":          {"*"},
	"internal/testdgraph": {"graph", "graph/dgraphd", ""},
	"internal/benchgraph": {"tahoe", "graph", "graph/dgraphd", "internal/testdgraph", ""},
	"internal/arch":       {},
	"internal/testcerts":  {},
	"internal/testdeploy": {},
	"internal/endtoend":   {"*"},
	"internal/bench":      {"*"},
}

// homes says where a large dependency lives; nobody else imports it outside tests.
var homes = map[string][]string{
	"github.com/tink-crypto/tink-go/v2":      {"private"},
	"github.com/alecthomas/participle/v2":    {"tdql"},
	"github.com/dgraph-io/dgo/v230":          {"graph"},
	"google.golang.org/grpc":                 {"graph"},
	"github.com/gorilla/websocket":           {"reportd", "ingest/source"},
	"github.com/labstack/echo/v4":            {"web"},
	"github.com/invopop/jsonschema":          {"web"},
	"github.com/nats-io/nats-server/v2":      {"bus"},
	"github.com/nats-io/nats.go":             {"bus"},
	"github.com/nats-io/jsm.go":              {"bus"},
	"github.com/golang-jwt/jwt/v5":           {"identity"},
	"github.com/ProtonMail/go-crypto":        {"ingest/envelope"},
	"github.com/leodido/go-syslog/v4":        {"ingest/source"},
	"github.com/spf13/cobra":                 {"cmd/cybexp"},
	"github.com/modelcontextprotocol/go-sdk": {"mcp"},
	"go.yaml.in/yaml/v3":                     {"cmd/cybexp"},
	"github.com/prometheus":                  {"telemetry"},
	"go.opentelemetry.io":                    {"telemetry"},
}

type pkg struct {
	ImportPath string
	Doc        string
	Imports    []string
	GoFiles    []string
}

func list(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Doc,Imports,GoFiles", module+"/...")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var pkgs []pkg
	dec := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p pkg
		err := dec.Decode(&p)
		if errors.Is(err, io.EOF) {
			return pkgs
		}
		if err != nil {
			t.Fatalf("decode go list: %v", err)
		}
		pkgs = append(pkgs, p)
	}
}

func room(importPath string) string {
	return strings.TrimPrefix(strings.TrimPrefix(importPath, module), "/")
}

func TestArrowsPointDownTheMap(t *testing.T) {
	for _, p := range list(t) {
		from := room(p.ImportPath)
		allowed, known := rooms[from]
		if !known {
			t.Errorf("%s is not on the map: add it to ARCHITECTURE.md and to this table", p.ImportPath)
			continue
		}
		for _, imp := range p.Imports {
			if imp != module && !strings.HasPrefix(imp, module+"/") {
				continue
			}
			if to := room(imp); !slices.Contains(allowed, "*") && !slices.Contains(allowed, to) {
				t.Errorf("%s imports %s, which the map does not allow", p.ImportPath, imp)
			}
		}
	}
}

func TestLargeDependenciesStayAtHome(t *testing.T) {
	for _, p := range list(t) {
		for _, imp := range p.Imports {
			for dep, home := range homes {
				if imp != dep && !strings.HasPrefix(imp, dep+"/") {
					continue
				}
				if !slices.Contains(home, room(p.ImportPath)) {
					t.Errorf("%s imports %s, whose home is %v", p.ImportPath, imp, home)
				}
			}
		}
	}
}

func TestEveryPackageSaysWhatItIs(t *testing.T) {
	for _, p := range list(t) {
		if len(p.GoFiles) == 0 {
			continue // test-only packages speak for themselves
		}
		if len(p.Doc) < 40 {
			t.Errorf("%s has no package comment that says what it is: %q", p.ImportPath, p.Doc)
		}
	}
}

// TestMapIsDrawn keeps the table in ARCHITECTURE.md and this test on the same rooms.
func TestMapIsDrawn(t *testing.T) {
	text, err := os.ReadFile("../../ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	drawn := map[string]bool{}
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z/]+)` \\|").FindAllStringSubmatch(string(text), -1) {
		drawn[m[1]] = true
	}
	for name := range rooms {
		if name == "" || strings.HasPrefix(name, "internal/") {
			continue
		}
		if !drawn[name] {
			t.Errorf("ARCHITECTURE.md does not draw %s", name)
		}
		delete(drawn, name)
	}
	for name := range drawn {
		t.Errorf("ARCHITECTURE.md draws %s, which is not in the table", name)
	}
}
