package main

import (
	"bufio"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cybexp/cybexp/ingest"
	"github.com/cybexp/cybexp/ingest/filter"
	"github.com/cybexp/cybexp/tahoe"
)

func (a *app) ingestTryCommand() *cobra.Command {
	var typetag, org, timezone string
	var tlp tahoe.Marking
	cmd := &cobra.Command{
		Use:     "try [FILE|-]",
		Short:   "Print the TAHOE instances that a filter makes of raw records, and what it could not use",
		Long:    "Each instance is one JSON document a line, printed once. What could not be used goes to standard error, with its line.\nNothing is stored and no server is asked.",
		Example: "  cybexp ingest try --typetag cowrie cowrie.json",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			return a.ingestTry(args, ingest.Upload{Typetag: typetag, Org: orgHash(org), Timezone: timezone, Marking: tlp})
		},
	}
	f := cmd.Flags()
	f.StringVar(&typetag, "typetag", "", "what the records are, such as cowrie (required)")
	f.StringVar(&org, "org", "", "organisation, by name or hash; it is part of an event's hash")
	f.StringVar(&timezone, "timezone", "UTC", "IANA `ZONE` of times that name none")
	tlpFlag(f, &tlp)
	if err := cmd.MarkFlagRequired("typetag"); err != nil {
		panic(err) // the flag is defined some lines up
	}
	return cmd
}

func (a *app) ingestTry(args []string, up ingest.Upload) error {
	in, err := a.openArg(args)
	if err != nil {
		return err
	}
	defer in.Close()
	out := bufio.NewWriter(a.stdout)
	seen := map[tahoe.Hash]bool{}
	for o, err := range ingest.Try(up, time.Now(), in) {
		if err != nil {
			return errors.Join(err, out.Flush())
		}
		for i := range instances(o.Record) {
			if seen[i.Hash()] {
				continue
			}
			seen[i.Hash()] = true
			doc, err := tahoe.MarshalInstance(i)
			if err != nil {
				return err
			}
			fmt.Fprintf(out, "%s\n", doc)
		}
		for _, p := range o.Problems {
			fmt.Fprintf(a.stderr, "line %s\n", p)
		}
		if o.Record.State == tahoe.NotSupported {
			return errors.Join(usageError{fmt.Errorf("no filter knows the typetag %q; there are: %s", up.Typetag, strings.Join(filter.Typetags(), ", "))}, out.Flush())
		}
	}
	return out.Flush()
}

// instances yields all that a record became, parts before what holds them.
func instances(r tahoe.Record) iter.Seq[tahoe.Instance] {
	return func(yield func(tahoe.Instance) bool) {
		for _, e := range r.Events {
			for _, n := range e.Refs() {
				if !yield(n) {
					return
				}
			}
			if !yield(e) {
				return
			}
		}
		for _, s := range r.Sessions {
			for _, n := range s.Refs() {
				if !yield(n) {
					return
				}
			}
			if !yield(s) {
				return
			}
		}
		if r.Raw != nil {
			yield(r.Raw)
		}
	}
}

// orgHash takes an organisation's hash or its name.
func orgHash(text string) tahoe.Hash {
	if hash, err := tahoe.ParseHash(text); err == nil {
		return hash
	}
	return tahoe.OrgHash(text)
}
