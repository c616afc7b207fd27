package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"

	"github.com/spf13/cobra"
)

func (a *app) orgCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "org", Short: "Make and list organisations, and say who is in them", GroupID: "client"}
	cmd.AddCommand(a.orgCreateCommand(), a.orgListCommand(), a.orgShowCommand(), a.orgSetCommand(), a.orgRemoveCommand())
	return cmd
}

func (a *app) orgCreateCommand() *cobra.Command {
	var r remote
	var body struct {
		Name   string   `json:"name"`
		Title  string   `json:"title"`
		Admins []string `json:"admins"`
		Users  []string `json:"users"`
	}
	cmd := &cobra.Command{
		Use:     "create NAME",
		Short:   "Make an organisation; its hash goes to standard output",
		Example: "  cybexp org create unr --title 'University of Nevada, Reno' --admin alice@example.org",
		Args:    exactArgs("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			body.Name = args[0]
			return a.callAndPrint(cmd.Context(), &r, http.MethodPost, "/api/v1/orgs", body)
		},
	}
	r.bind(cmd)
	f := cmd.Flags()
	f.StringVar(&body.Title, "title", "", "full name, for people")
	f.StringSliceVar(&body.Admins, "admin", nil, "`USER` who administers it, by e-mail address or hash; may be given again (default: you)")
	f.StringSliceVar(&body.Users, "user", nil, "`USER` who is a member; may be given again")
	onlyGiven(f, "admin", "user")
	return cmd
}

func (a *app) orgListCommand() *cobra.Command {
	var r remote
	var role string
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the organisations that you may read, or that you belong to or administer",
		Example: "  cybexp org list --role admin",
		Args:    exactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.callAndPrint(cmd.Context(), &r, http.MethodGet, "/api/v1/orgs?role="+url.QueryEscape(role), nil)
		},
	}
	r.bind(cmd)
	cmd.Flags().StringVar(&role, "role", "reader", "those that you read (reader), belong to (member) or administer (admin)")
	return cmd
}

func (a *app) orgShowCommand() *cobra.Command {
	var r remote
	cmd := &cobra.Command{
		Use:   "show ORG",
		Short: "Show who is in an organisation that you administer",
		Args:  exactArgs("ORG"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.callAndPrint(cmd.Context(), &r, http.MethodGet, "/api/v1/orgs/"+url.PathEscape(args[0]), nil)
		},
	}
	r.bind(cmd)
	return cmd
}

// memberPath is the path of a user in an organisation.
func memberPath(args []string) string {
	return "/api/v1/orgs/" + url.PathEscape(args[0]) + "/members/" + url.PathEscape(args[1])
}

func (a *app) orgSetCommand() *cobra.Command {
	var r remote
	var role string
	var noRead bool
	cmd := &cobra.Command{
		Use:   "set ORG USER",
		Short: "Say what a user, by e-mail address or hash, is to an organisation that you administer",
		Long: "A reader is on the reading list, and so sees its data. A member is a reader too, unless --no-read keeps them off the list. An\n" +
			"admin is a member who uploads for the organisation and says who else is in it.",
		Example: "  cybexp org set unr alice@example.org --role admin",
		Args:    exactArgs("ORG", "USER"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.callAndPrint(cmd.Context(), &r, http.MethodPut, memberPath(args), map[string]any{"role": role, "reads": !noRead})
		},
	}
	r.bind(cmd)
	cmd.Flags().StringVar(&role, "role", "member", "reader, member or admin")
	cmd.Flags().BoolVar(&noRead, "no-read", false, "keep a member off the reading list")
	return cmd
}

func (a *app) orgRemoveCommand() *cobra.Command {
	var r remote
	cmd := &cobra.Command{
		Use:   "remove ORG USER",
		Short: "Take a user out of an organisation that you administer, off the reading list too",
		Args:  exactArgs("ORG", "USER"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.callAndPrint(cmd.Context(), &r, http.MethodDelete, memberPath(args), nil)
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
