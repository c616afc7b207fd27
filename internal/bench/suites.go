package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
)

// suite is a Go benchmark to run, in a package.
type suite struct {
	pkg, bench, benchtime string
	env                   []string
}

// suites are what is measured, quick ones first.
func suites(o options) []suite {
	if o.quick {
		return []suite{
			{"./tahoe", ".", "10x", nil},
			{"./ledger", ".", "10x", nil},
			{"./cmd/cybexp", "Spell", "1x", nil},
			{"./reportd", "Growth", "1x", []string{"CYBEXP_BENCH_EVENTS=10000"}},
			{"./reportd", "Load", "1x", []string{"CYBEXP_BENCH_CONNECTIONS=200", "CYBEXP_BENCH_ROWS=20000", "CYBEXP_BENCH_SECONDS=2"}},
		}
	}
	return []suite{
		{"./tahoe", ".", o.benchtime, nil},
		{"./ledger", ".", o.benchtime, nil},
		{"./tdql", "Query", o.benchtime, nil},
		{"./bus", ".", o.benchtime, nil},
		{"./reportd", "SocketCount", "300x", nil},
		{"./reportd", "Load", "1x", nil},
		{"./ingest", "Filter", o.benchtime, nil},
		{"./ingest", "HoneypotLog", "1x", nil},
		{"./internal/endtoend", "Upload", "1x", []string{"CYBEXP_UPLOAD_MIB=1024"}},
		{"./reportd", "Path|ThreatRank", "1x", nil},
		{"./reportd", "Stream", "3x", nil},
		{"./walk", ".", "1x", nil},
		{"./graph", ".", "1x", nil},
		{"./cmd/cybexp", "Import", "1x", nil},
		{"./reportd", "HotCount", "20x", nil},
		{"./reportd", "Growth", "1x", nil},
	}
}

// figure is a number with its unit, as a benchmark reports it.
type figure struct {
	value float64
	unit  string
}

func (f figure) String() string {
	digits := 0
	if f.value < 100 {
		digits = 2
	}
	return strconv.FormatFloat(f.value, 'f', digits, 64) + " " + f.unit
}

// row is a line of the table.
type row struct {
	what    string
	figures []figure
}

func (r row) figure(unit string) (figure, bool) {
	i := slices.IndexFunc(r.figures, func(f figure) bool { return f.unit == unit })
	if i < 0 {
		return figure{}, false
	}
	return r.figures[i], true
}

// pair says which unit of ours stands beside which of a reference, and whether less is better.
type pair struct {
	ours, reference, what string
	less                  bool
}

// pairs are the comparisons that the benchmarks make.
var pairs = []pair{
	{"median-ms", "naive-ms", "the same filters in DQL by hand", true},
	{"path-median-ms", "shortest-median-ms", "Dgraph's `shortest` over the same edges, given up after 3 s", true},
	{"rank-median-ms", "enumeration-median-ms", "enumerating the paths in memory, given up after 5 s", true},
	{"rows/s", "dgraph-rows/s", "Dgraph itself, in its own order, without rights", false},
	{"s/1000-counts", "s/1000-scans", "found by a value without index", true},
	{"socket-ms", "direct-ms", "the same query of Dgraph itself", true},
	{"events/s", "live-events/s", "`dgraph live`, which looks for nothing", false},
	{"events/s", "live-upsert-events/s", "`dgraph live`, which looks for what is there", false},
	{"records/s", "live-records/s", "`dgraph live --xidmap`, quads made before", false},
	{"records/s", "bulk-records/s", "`dgraph bulk` on the same quads", false},
	{"cpu-µs/record", "bulk-cpu-µs/record", "`dgraph bulk` on the same quads", true},
}

// compared is a figure of ours beside one of a reference; ratio is how many times better ours is.
type compared struct {
	what, against   string
	ours, reference figure
	ratio           float64
}

func comparisons(rows []row) []compared {
	var list []compared
	for _, r := range rows {
		for _, p := range pairs {
			ours, ok := r.figure(p.ours)
			reference, also := r.figure(p.reference)
			if !ok || !also || ours.value == 0 || reference.value == 0 {
				continue
			}
			ratio := ours.value / reference.value
			if p.less {
				ratio = 1 / ratio
			}
			reference.unit = ours.unit
			list = append(list, compared{r.what, p.what, ours, reference, ratio})
		}
	}
	return list
}

// rest are the figures of a row that no comparison has.
func (r row) rest() string {
	var words []string
	for _, f := range r.figures {
		used := slices.ContainsFunc(pairs, func(p pair) bool {
			_, ours := r.figure(p.ours)
			_, reference := r.figure(p.reference)
			return ours && reference && (f.unit == p.ours || f.unit == p.reference)
		})
		if !used && !strings.HasPrefix(f.unit, "x-") && (f.value != 0 || f.unit != "ns/op") {
			words = append(words, f.String())
		}
	}
	return strings.Join(words, ", ")
}

// run runs the benchmarks and makes a row of each.
func (s suite) run(ctx context.Context) ([]row, error) {
	cmd := exec.CommandContext(ctx, "go", "test", s.pkg, "-run", "^$", "-bench", s.bench, "-benchtime", s.benchtime, "-timeout", "60m")
	cmd.Env = append(os.Environ(), s.env...)
	cmd.Stderr = os.Stderr
	text, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("benchmarks of %s: %w\n%s", s.pkg, err, text)
	}
	return benchRows(string(text)), nil
}

// benchRows reads what `go test -bench` prints of one package or of several.
func benchRows(text string) []row {
	var rows []row
	var pkg string
	for line := range strings.Lines(text) {
		if name, ok := strings.CutPrefix(line, "pkg: github.com/cybexp/cybexp/"); ok {
			pkg = strings.TrimSpace(name)
		}
		if r, ok := benchLine(line); ok {
			r.what = pkg + " " + r.what
			rows = append(rows, r)
		}
	}
	return rows
}

// benchLine reads a line of `go test -bench`: name, iterations, then pairs of figure and unit.
func benchLine(line string) (row, bool) {
	words := strings.Fields(line)
	if len(words) < 4 || !strings.HasPrefix(words[0], "Benchmark") {
		return row{}, false
	}
	r := row{what: strings.TrimPrefix(words[0], "Benchmark")}
	if i := strings.LastIndexByte(r.what, '-'); i > 0 {
		r.what = r.what[:i]
	}
	for i := 2; i+1 < len(words); i += 2 {
		f, err := strconv.ParseFloat(words[i], 64)
		if err != nil {
			return row{}, false
		}
		r.figures = append(r.figures, figure{f, words[i+1]})
	}
	return r, true
}
