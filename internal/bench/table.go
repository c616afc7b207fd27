package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// printTable prints the comparisons, and below them what is compared with nothing.
func printTable(out io.Writer, rows []row) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "what\tours\treference\ttimes better\tthe reference is")
	for _, c := range comparisons(rows) {
		fmt.Fprintf(w, "%s\t%s\t%s\t%.2f\t%s\n", c.what, c.ours, c.reference, c.ratio, c.against)
	}
	fmt.Fprintln(w, "\nalone\tfigures")
	for _, r := range rows {
		if rest := r.rest(); rest != "" {
			fmt.Fprintf(w, "%s\t%s\n", r.what, rest)
		}
	}
	_ = w.Flush() // a table that cannot be printed has no other place to say so
}

// markdown is the same as two tables.
func markdown(rows []row) string {
	var b strings.Builder
	b.WriteString("| what | ours | reference | times better | the reference is |\n|---|--:|--:|--:|---|\n")
	for _, c := range comparisons(rows) {
		fmt.Fprintf(&b, "| %s | %s | %s | %.2f | %s |\n", cell(c.what), c.ours, c.reference, c.ratio, c.against)
	}
	b.WriteString("\nFigures that stand alone:\n\n| what | figures |\n|---|---|\n")
	for _, r := range rows {
		if rest := r.rest(); rest != "" {
			fmt.Fprintf(&b, "| %s | %s |\n", cell(r.what), rest)
		}
	}
	return b.String()
}

func cell(text string) string { return strings.NewReplacer("|", "\\|", "_", " ").Replace(text) }
