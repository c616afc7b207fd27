package filter_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cybexp/cybexp/ingest/filter"
	"github.com/cybexp/cybexp/tahoe"
)

func TestTableHeader(t *testing.T) {
	for name, c := range map[string]struct {
		row    string
		header bool
	}{
		"names":                {"type,value,notes", true},
		"names with capitals":  {"SHA256,SHA1,MD5,Compile Timestamp", true},
		"one name":             {"domain", true},
		"no known name":        {"alpha,beta", false},
		"an indicator":         {"domain,evil.example", false},
		"a time":               {"date,2024-01-01", false},
		"a number":             {"date,17", false},
		"a row that names one": {"2025-02-26 00:04:10,someone,domain,yyoymfcd4sy.top,#phishing", false},
		"nothing":              {"", false},
	} {
		var table filter.Table
		if _, isRow := table.Row(strings.Split(c.row, ",")); isRow == c.header {
			t.Errorf("%s: got header %t, want %t", name, !isRow, c.header)
		}
	}
}

func FuzzZeekRow(f *testing.F) {
	f.Add("#separator \\x09", "#fields\ta\tb", "#types\tcount\tset[addr]", "1\t192.0.2.1,x")
	f.Add("#separator \\x7c\\", "#fields|a", "#types|bool", "T")
	f.Fuzz(func(t *testing.T, first, second, third, line string) {
		var h filter.ZeekHeader
		for _, directive := range []string{first, second, third} {
			h.Directive(directive)
		}
		if row, ok := h.Row(line); ok && row.Type() != tahoe.TypeObject {
			t.Errorf("got %s", row)
		}
	})
}

func FuzzSuricata(f *testing.F)   { fuzz(f, "suricata") }
func FuzzZeek(f *testing.F)       { fuzz(f, "zeek") }
func FuzzIndicators(f *testing.F) { fuzz(f, "csv") }
func FuzzLists(f *testing.F)      { fuzz(f, "indicators") }
func FuzzOpenPhish(f *testing.F)  { fuzz(f, "openphish_feed") }
func FuzzPhishTank(f *testing.F)  { fuzz(f, "phishtank_feed") }

// TestSuricataSample maps every log of the sample folder beside the repository.
func TestSuricataSample(t *testing.T) {
	root := filepath.Join("..", "..", "..", "shared", "data", "network_logs", "suricata")
	if _, err := os.Stat(root); err != nil {
		t.Skip("no sample folder beside the repository")
	}
	lines := 0
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		for i, line := range readLines(t, path) {
			lines++
			got, err := apply(t, "suricata", line)
			if err != nil || len(got.Events) != 1 || len(got.Problems) > 0 {
				t.Errorf("%s:%d: got %d events, %v, %v", path, i+1, len(got.Events), got.Problems, err)
			}
		}
		return nil
	})
	if err != nil || lines == 0 {
		t.Fatalf("%d lines, %v", lines, err)
	}
}
