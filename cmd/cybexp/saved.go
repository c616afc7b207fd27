package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cybexp/cybexp/notebook"
	"github.com/cybexp/cybexp/tahoe"
)

func (a *app) savedCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "saved", Short: "List, save and delete queries", GroupID: "client"}
	cmd.AddCommand(a.savedListCommand(), a.savedSaveCommand(), a.savedDeleteCommand())
	return cmd
}

// savedQuery is a saved query as the server tells it.
type savedQuery struct {
	notebook.Query

	OrgName   string `json:"org_name"`
	OwnerName string `json:"owner_name"`
	Mine      bool   `json:"mine"`
}

func (r *remote) saved(ctx context.Context) ([]savedQuery, error) {
	var list struct{ Saved []savedQuery }
	err := r.do(ctx, http.MethodGet, "/api/v1/saved", nil, nil, &list)
	return list.Saved, err
}

// savedNamed finds a saved query by its name, or its ID: one's own before others'.
func (r *remote) savedNamed(ctx context.Context, name string) (savedQuery, error) {
	list, err := r.saved(ctx)
	if err != nil {
		return savedQuery{}, err
	}
	list = slices.DeleteFunc(list, func(q savedQuery) bool { return q.Name != name && q.ID != name })
	if i := slices.IndexFunc(list, func(q savedQuery) bool { return q.Mine || q.ID == name }); i >= 0 {
		return list[i], nil
	}
	switch len(list) {
	case 0:
		return savedQuery{}, usageError{fmt.Errorf("there is no saved query %q; `cybexp saved list` has those that there are", name)}
	case 1:
		return list[0], nil
	}
	return savedQuery{}, usageError{fmt.Errorf("several people have shared a query %q: name it by its ID, which `cybexp saved list` tells", name)}
}

func (a *app) savedListCommand() *cobra.Command {
	var r remote
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List your queries and those shared with you, one a line: ID, name, whose, and text",
		Args:  exactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := r.resolve(); err != nil {
				return err
			}
			list, err := r.saved(cmd.Context())
			if err != nil {
				return err
			}
			for _, q := range list {
				whose := "mine"
				if !q.Mine {
					whose = "of " + q.OwnerName
				}
				if q.OrgName != "" {
					whose += ", shared with " + q.OrgName
				}
				text := strings.Join(strings.Fields(q.TDQL), " ")
				fmt.Fprintf(a.stdout, "%s\t%s\t%s\t%s\n", q.ID, printable(q.Name), printable(whose), printable(text))
			}
			return nil
		},
	}
	r.bind(cmd)
	return cmd
}

func (a *app) savedSaveCommand() *cobra.Command {
	var r remote
	var params []string
	var org string
	var watch bool
	cmd := &cobra.Command{
		Use:     "save NAME TDQL",
		Short:   "Save a query; its parameters get the values that are used when none are given",
		Example: "  cybexp saved save logins 'ipv4 $ip | events login last $span' -p ip=1.1.1.1 -p span=7d --org acme",
		Args:    exactArgs("NAME", "TDQL"),
		RunE: func(cmd *cobra.Command, args []string) error {
			values, err := parseParams(params)
			if err != nil {
				return err
			}
			body := map[string]any{"name": args[0], "tdql": args[1], "params": values, "org": org, "watch": watch}
			return a.callAndPrint(cmd.Context(), &r, http.MethodPost, "/api/v1/saved", body)
		},
	}
	r.bind(cmd)
	f := cmd.Flags()
	f.StringArrayVarP(&params, "param", "p", nil, "value of a parameter, `NAME=VALUE`")
	f.StringVar(&org, "org", "", "share it with who reads this `ORG`")
	f.BoolVar(&watch, "watch", false, "the page starts it when you come back; it must begin with watch")
	return cmd
}

func (a *app) savedDeleteCommand() *cobra.Command {
	var r remote
	cmd := &cobra.Command{
		Use:   "delete NAME",
		Short: "Delete a query that you saved, by name or ID",
		Args:  exactArgs("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := r.resolve(); err != nil {
				return err
			}
			q, err := r.savedNamed(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return r.do(cmd.Context(), http.MethodDelete, "/api/v1/saved/"+q.ID, nil, nil, nil)
		},
	}
	r.bind(cmd)
	return cmd
}

// text is the query to ask: the argument, or a saved one, whose parameters stand in where none are given.
func (q *question) text(ctx context.Context, saved string, args []string) (string, error) {
	switch {
	case saved != "" && len(args) > 0:
		return "", usageError{errors.New("--saved names the query: give no other")}
	case saved == "" && len(args) != 1:
		return "", usageError{errors.New("give one query, or --saved")}
	case saved == "":
		return args[0], nil
	}
	found, err := q.savedNamed(ctx, saved)
	if err != nil {
		return "", err
	}
	values := map[string]tahoe.Value{}
	maps.Copy(values, found.Params)
	maps.Copy(values, q.values)
	q.values = values
	return found.TDQL, nil
}
