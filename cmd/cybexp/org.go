package main

import (
	"bytes"
	"encoding/json"
	"net/http"

	"github.com/spf13/cobra"
)

func (a *app) orgCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "org", Short: "Make and list organisations", GroupID: "client"}
	cmd.AddCommand(a.orgCreateCommand(), a.orgListCommand())
	return cmd
}

func (a *app) orgCreateCommand() *cobra.Command {
	var r remote
	var title string
	cmd := &cobra.Command{
		Use:     "create NAME",
		Short:   "Make an organisation; its hash goes to standard output",
		Example: "  cybexp org create unr --title 'University of Nevada, Reno'",
		Args:    exactArgs("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := r.resolve(); err != nil {
				return err
			}
			body, err := json.Marshal(map[string]string{"name": args[0], "title": title})
			if err != nil {
				return err
			}
			var org json.RawMessage
			header := http.Header{"Content-Type": {"application/json"}}
			if err := r.do(cmd.Context(), http.MethodPost, "/api/v1/orgs", header, bytes.NewReader(body), &org); err != nil {
				return err
			}
			return a.printJSON(org)
		},
	}
	r.bind(cmd)
	cmd.Flags().StringVar(&title, "title", "", "full name, for people")
	return cmd
}

func (a *app) orgListCommand() *cobra.Command {
	var r remote
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the organisations that you may read",
		Args:  exactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := r.resolve(); err != nil {
				return err
			}
			var orgs json.RawMessage
			if err := r.do(cmd.Context(), http.MethodGet, "/api/v1/orgs", nil, nil, &orgs); err != nil {
				return err
			}
			return a.printJSON(orgs)
		},
	}
	r.bind(cmd)
	return cmd
}

func (a *app) printJSON(text json.RawMessage) error {
	var out bytes.Buffer
	if err := json.Compact(&out, text); err != nil {
		return err
	}
	out.WriteByte('\n')
	_, err := out.WriteTo(a.stdout)
	return err
}
