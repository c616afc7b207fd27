package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cybexp/cybexp/tdql"
)

// maxQueryFile bounds what is read of a query file; the language's own limit, which is smaller, then says so with a place.
const maxQueryFile = 16 << 20

// offline is what a query is checked against without a server: the clock, the organisations one says one may read, and
// parameters.
type offline struct {
	orgs   []string
	params []string
}

func (o *offline) bind(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringArrayVar(&o.orgs, "org", []string{demoOrg}, "organisation that the asker may read, by name or hash; may be repeated")
	f.StringArrayVarP(&o.params, "param", "p", nil, "bind a parameter, `NAME=VALUE`")
}

func (o *offline) env() (tdql.Env, error) {
	env := tdql.Env{Now: time.Now()}
	var err error
	if env.Params, err = parseParams(o.params); err != nil {
		return env, err
	}
	for _, name := range o.orgs {
		env.Orgs = append(env.Orgs, tdql.Org{Name: name, Hash: orgHash(name)})
	}
	return env, nil
}

func (a *app) tdqlCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "tdql",
		Short:   "Format, check and explain queries",
		GroupID: "tool",
	}
	format := a.tdqlVerb("fmt", "Tidy a query", func(q *tdql.Query) error {
		_, err := fmt.Fprintln(a.stdout, q.String())
		return err
	})
	var c, e offline
	check := a.tdqlVerb("check", "Check a query; says nothing when it is well", func(q *tdql.Query) error {
		_, err := a.checkQuery(q, c)
		return err
	})
	c.bind(check)
	explain := a.tdqlVerb("explain", "Print the plan of a query and the DQL that would run", func(q *tdql.Query) error {
		plan, err := a.checkQuery(q, e)
		if err != nil {
			return err
		}
		text, err := tdql.Explain(plan)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(a.stdout, strings.TrimRight(text, "\n"))
		return err
	})
	e.bind(explain)
	cmd.AddCommand(format, check, explain)
	return cmd
}

func (a *app) tdqlVerb(name, short string, run func(*tdql.Query) error) *cobra.Command {
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
			q, err := tdql.Parse(strings.TrimRight(string(text), " \t\r\n"))
			if err != nil {
				return a.faults(err)
			}
			return run(q)
		},
	}
}

// checkQuery checks without a server: nothing is known of what the graph holds.
func (a *app) checkQuery(q *tdql.Query, o offline) (*tdql.Plan, error) {
	env, err := o.env()
	if err != nil {
		return nil, err
	}
	plan, warnings, err := tdql.Check(q, env)
	if err != nil {
		return nil, a.faults(err)
	}
	for _, w := range warnings {
		fmt.Fprintf(a.stderr, "warning: %s\n", w)
	}
	return plan, nil
}

// faults prints the faults of a query with carets and makes the exit status 2.
func (a *app) faults(err error) error {
	var faults tdql.Errors
	if !errors.As(err, &faults) {
		return usageError{err}
	}
	for _, f := range faults {
		fmt.Fprintln(a.stderr, f)
	}
	return silentError{usageError{err}}
}
