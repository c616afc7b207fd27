package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/cybexp/cybexp/tdql"
)

// maxQueryFile bounds what is read of a query file; the language's own limit, which is smaller, then says so with a place.
const maxQueryFile = 16 << 20

func (a *app) tdqlCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "tdql",
		Short:   "Format, check and explain queries",
		GroupID: "tool",
	}
	cmd.AddCommand(
		a.tdqlVerb("fmt", "Tidy a query", func(q *tdql.Query, _ string) error {
			_, err := fmt.Fprintln(a.stdout, q.String())
			return err
		}),
		a.tdqlVerb("check", "Check a query; says nothing when it is well", func(q *tdql.Query, text string) error {
			_, err := a.checkQuery(q, text)
			return err
		}),
		a.tdqlVerb("explain", "Print the plan of a query and the DQL that would run", func(q *tdql.Query, text string) error {
			plan, err := a.checkQuery(q, text)
			if err != nil {
				return err
			}
			out, err := tdql.Explain(plan)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(a.stdout, out)
			return err
		}),
	)
	return cmd
}

func (a *app) tdqlVerb(name, short string, run func(*tdql.Query, string) error) *cobra.Command {
	return &cobra.Command{
		Use:     name + " [FILE|-]",
		Short:   short,
		Example: "  echo 'ipv4 1.1.1.1|events last 7d' | cybexp tdql " + name,
		Args:    cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			in, err := a.openArg(args)
			if err != nil {
				return err
			}
			defer in.Close()
			text, err := io.ReadAll(io.LimitReader(in, maxQueryFile))
			if err != nil {
				return fmt.Errorf("read query: %w", err)
			}
			q, err := tdql.Parse(string(text))
			if err != nil {
				return a.faults(err, string(text))
			}
			return run(q, string(text))
		},
	}
}

// checkQuery checks without a server: nothing is known of the graph, and organisations stand for themselves.
func (a *app) checkQuery(q *tdql.Query, text string) (*tdql.Plan, error) {
	plan, warnings, err := tdql.Check(q, tdql.Offline(q, time.Now()))
	if err != nil {
		return nil, a.faults(err, text)
	}
	for _, w := range warnings {
		fmt.Fprintf(a.stderr, "warning: %s", w.Render(text))
	}
	return plan, nil
}

// faults prints the faults of a query with carets and makes the exit status 2.
func (a *app) faults(err error, text string) error {
	var faults tdql.Errors
	if !errors.As(err, &faults) {
		return usageError{err}
	}
	for _, f := range faults {
		fmt.Fprint(a.stderr, f.Render(text))
	}
	return silentError{usageError{err}}
}
