// Command bench measures the platform and prints one table: each figure of ours beside what it is compared with, measured in the same
// run, and their ratio. Graphs that take long to make are made once and kept, see internal/benchgraph. With -docs it also writes
// docs/benchmarks.md and its curve; with -soak it does something else: it writes at a steady rate and tells once a minute what
// Dgraph has grown to.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

type options struct {
	quick     bool
	docs      string
	from      string
	benchtime string
	events    int
	soak      time.Duration
	every     time.Duration
	rate      int
}

func main() {
	var o options
	flag.BoolVar(&o.quick, "quick", false, "small graphs, and few of the benchmarks: whether it works, not how fast")
	flag.StringVar(&o.docs, "docs", "", "folder for benchmarks.md and growth.svg")
	flag.StringVar(&o.from, "from", "", "file of what `go test -bench` printed, to make the table of without measuring")
	flag.StringVar(&o.benchtime, "benchtime", "1s", "how long a microbenchmark runs")
	flag.IntVar(&o.events, "events", 20_000, "login attempts in the end-to-end run")
	flag.DurationVar(&o.soak, "soak", 0, "write to one platform for so long, instead of the benchmarks")
	flag.DurationVar(&o.every, "every", time.Minute, "how often a soak tells")
	flag.IntVar(&o.rate, "rate", 200, "records a second of a soak")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	if o.soak > 0 {
		return soak(ctx, o)
	}
	begun := time.Now()
	rows, err := measure(ctx, o)
	if err != nil {
		return err
	}
	printTable(os.Stdout, rows)
	if o.docs == "" {
		return nil
	}
	return writeDocs(o, rows, begun)
}

// measure runs everything, or reads what was measured before.
func measure(ctx context.Context, o options) ([]row, error) {
	if o.from != "" {
		text, err := os.ReadFile(o.from)
		return benchRows(string(text)), err
	}
	var all []row
	for _, s := range suites(o) {
		fmt.Fprintf(os.Stderr, "%s %s\n", s.pkg, s.bench)
		rows, err := s.run(ctx)
		if err != nil {
			return nil, err
		}
		all = append(all, rows...)
	}
	fmt.Fprintln(os.Stderr, "end to end")
	rows, err := endToEnd(ctx, o.events)
	if err != nil {
		return nil, fmt.Errorf("end to end: %w", err)
	}
	return append(all, rows...), nil
}
