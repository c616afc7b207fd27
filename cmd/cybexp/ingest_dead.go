package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/cybexp/cybexp/ingest"
	"github.com/cybexp/cybexp/tahoe"
)

func (a *app) ingestDeadCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "dead", Short: "List, show, retry and delete what was given up"}
	cmd.AddCommand(
		a.deadListCommand(),
		a.deadCommand("show ID", "Show a dead letter with its records, as JSON", http.MethodGet, ""),
		a.deadCommand("retry ID...", "Work on dead letters again", http.MethodPost, "/retry"),
		a.deadCommand("delete ID...", "Delete dead letters for good", http.MethodDelete, ""),
	)
	return cmd
}

func (a *app) deadListCommand() *cobra.Command {
	var r remote
	var after uint64
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List dead letters of the organisations that you administer, one a line: ID, time, what it is, and why",
		Args:  exactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := r.resolve(); err != nil {
				return err
			}
			var page struct{ Dead []ingest.Letter }
			if err := r.do(cmd.Context(), http.MethodGet, "/api/v1/dead?after="+strconv.FormatUint(after, 10), nil, nil, &page); err != nil {
				return err
			}
			for _, l := range page.Dead {
				fmt.Fprintf(a.stdout, "%d\t%s\t%s\t%s\n", l.ID, l.Time.Format("2006-01-02T15:04:05Z"), whatDied(l), printable(l.Reason))
			}
			if n := len(page.Dead); n == 100 {
				fmt.Fprintf(a.stderr, "there may be more: --after %d\n", page.Dead[n-1].ID)
			}
			return nil
		},
	}
	r.bind(cmd)
	cmd.Flags().Uint64Var(&after, "after", 0, "list those after this `ID`")
	return cmd
}

func whatDied(l ingest.Letter) string {
	switch {
	case l.Upload == "":
		return "of unknown origin"
	case l.Line > 0:
		return fmt.Sprintf("%s, line %d of upload %s", printable(l.Typetag), l.Line, printable(l.Upload))
	}
	return fmt.Sprintf("%s, %d %s of upload %s", printable(l.Typetag), l.Records, plural(uint64(l.Records), "record"), printable(l.Upload))
}

// deadCommand makes a command that does one thing with each letter that its arguments name.
func (a *app) deadCommand(use, short, method, action string) *cobra.Command {
	var r remote
	cmd := &cobra.Command{
		Use:   use,
		Short: short,
		Args:  minArgs("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			for _, id := range args {
				if _, err := strconv.ParseUint(id, 10, 63); err != nil {
					return usageError{fmt.Errorf("%q is no ID of a dead letter", id)}
				}
			}
			if err := r.resolve(); err != nil {
				return err
			}
			for _, id := range args {
				var answer json.RawMessage
				out := any(&answer)
				if method != http.MethodGet {
					out = nil
				}
				if err := r.do(cmd.Context(), method, "/api/v1/dead/"+id+action, nil, nil, out); err != nil {
					return fmt.Errorf("%s: %w", id, err)
				}
				if out == nil {
					continue
				}
				if err := a.printJSON(answer); err != nil {
					return err
				}
			}
			return nil
		},
	}
	r.bind(cmd)
	return cmd
}

func (a *app) ingestRawCommand() *cobra.Command {
	var r remote
	cmd := &cobra.Command{
		Use:   "raw HASH",
		Short: "Print a record as it came",
		Args:  exactArgs("HASH"),
		RunE: func(cmd *cobra.Command, args []string) error {
			hash, err := tahoe.ParseHash(args[0])
			if err != nil {
				return usageError{fmt.Errorf("%q is no hash", args[0])}
			}
			if err := r.resolve(); err != nil {
				return err
			}
			return r.send(cmd.Context(), http.MethodGet, "/api/v1/raw/"+hash.String(), nil, nil, func(body io.Reader) error {
				_, err := io.Copy(a.stdout, body)
				return err
			})
		},
	}
	r.bind(cmd)
	return cmd
}
