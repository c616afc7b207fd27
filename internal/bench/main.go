// Command bench measures the platform and prints one table: the Go benchmarks that compare something with something else,
// and one run from end to end, every speed beside what it is compared with, measured in the same run.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
)

// suite is a Go benchmark to run, in a package.
type suite struct{ pkg, bench, benchtime string }

func main() {
	benchtime := flag.String("benchtime", "1s", "how long a microbenchmark runs")
	events := flag.Int("events", 20_000, "login attempts in the end-to-end run")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, *benchtime, *events)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, benchtime string, events int) error {
	show(row{"what", "figure"})
	for _, s := range []suite{
		{"./tahoe", ".", benchtime},
		{"./tdql", ".", benchtime},
		{"./bus", ".", benchtime},
		{"./ingest", "Filter", benchtime},
		{"./reportd", "SocketCount", "300x"},
		{"./reportd", "Scan|Walks", "1x"},
		{"./walk", ".", "1x"},
		{"./graph", ".", "1x"},
	} {
		rows, err := s.run(ctx)
		if err != nil {
			return err
		}
		show(rows...)
	}
	e2e, err := endToEnd(ctx, events)
	if err != nil {
		return fmt.Errorf("end to end: %w", err)
	}
	show(e2e...)
	return nil
}

// row is a line of the table.
type row struct{ what, figure string }

func show(rows ...row) {
	for _, r := range rows {
		fmt.Printf("%-50s %s\n", r.what, r.figure)
	}
}

// run runs the benchmarks and makes a line of each: its name, and its figures with their units.
func (s suite) run(ctx context.Context) ([]row, error) {
	cmd := exec.CommandContext(ctx, "go", "test", s.pkg, "-run", "^$", "-bench", s.bench, "-benchtime", s.benchtime, "-timeout", "30m")
	cmd.Stderr = os.Stderr
	text, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("benchmarks of %s: %w\n%s", s.pkg, err, text)
	}
	var rows []row
	for line := range strings.Lines(string(text)) {
		if r, ok := benchLine(line); ok {
			r.what = strings.TrimPrefix(s.pkg, "./") + " " + r.what
			rows = append(rows, r)
		}
	}
	return rows, nil
}

// benchLine reads a line of `go test -bench`: name, iterations, then pairs of figure and unit.
func benchLine(line string) (row, bool) {
	words := strings.Fields(line)
	if len(words) < 4 || !strings.HasPrefix(words[0], "Benchmark") {
		return row{}, false
	}
	name := strings.TrimPrefix(words[0], "Benchmark")
	if i := strings.LastIndexByte(name, '-'); i > 0 {
		name = name[:i]
	}
	var figures []string
	for i := 2; i+1 < len(words); i += 2 {
		if _, err := strconv.ParseFloat(words[i], 64); err != nil {
			return row{}, false
		}
		figures = append(figures, words[i]+" "+words[i+1])
	}
	return row{name, strings.Join(figures, ", ")}, true
}
