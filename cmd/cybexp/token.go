package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cybexp/cybexp/identity"
	"github.com/cybexp/cybexp/reportd"
)

func (a *app) tokenCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "token",
		Short:   "Make, list and revoke tokens; rotate the key that signs them",
		GroupID: "client",
	}
	cmd.AddCommand(a.tokenCreateCommand(), a.tokenListCommand(), a.tokenRevokeCommand(), a.tokenRotateCommand())
	return cmd
}

// tokensOf is the path of the tokens of a user, or without one of the caller.
func tokensOf(user string) string {
	if user == "" {
		return "/api/v1/tokens"
	}
	return "/api/v1/users/" + url.PathEscape(user) + "/tokens"
}

// tokenOptions are the flags of token create.
type tokenOptions struct {
	remote
	password    passwordFlag
	email, user string
	ttl         time.Duration
	body        struct {
		Label string `json:"label"`
		Right string `json:"right"`
		TTL   string `json:"ttl"`
	}
}

func (a *app) tokenCreateCommand() *cobra.Command {
	var o tokenOptions
	cmd := &cobra.Command{
		Use:   "create",
		Short: "Make a token; its text goes to standard output, and is shown this once",
		Long: "Make a token for whom your token signs in, for somebody who signs in with --email and a password, or, as a superuser, for any\n" +
			"user. A program that sends data needs --right upload, one that asks --right read.",
		Example: "  cybexp token create --email alice@example.org --ttl 720h\n" +
			"  cybexp token create --user collector@example.org --right upload --label 'honeypot London'",
		Args: exactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.body.TTL = o.ttl.String()
			text, err := a.createToken(cmd.Context(), &o)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(a.stdout, text)
			return err
		},
	}
	o.bind(cmd)
	o.password.bind(cmd)
	f := cmd.Flags()
	f.StringVar(&o.email, "email", "", "sign in with this address and a password")
	f.StringVar(&o.user, "user", "", "make it for this `USER`, by e-mail address or hash; for superusers")
	f.StringVar(&o.body.Label, "label", "", "what it is for, for the list")
	f.StringVar(&o.body.Right, "right", "full", "full, upload or read")
	f.DurationVar(&o.ttl, "ttl", 90*24*time.Hour, "how long it holds, a year at most")
	cmd.MarkFlagsMutuallyExclusive("email", "user")
	return cmd
}

func (a *app) createToken(ctx context.Context, o *tokenOptions) (text string, err error) {
	var made struct {
		Token string `json:"token"`
	}
	if o.email == "" {
		err = o.call(ctx, http.MethodPost, tokensOf(o.user), o.body, &made)
		return made.Token, err
	}
	if err := a.signIn(ctx, o); err != nil {
		return "", err
	}
	err = o.callAs(ctx, http.MethodPost, tokensOf(""), o.body, &made)
	return made.Token, errors.Join(err, o.callAs(ctx, http.MethodDelete, "/api/v1/session", nil, nil))
}

// signIn makes the remote's token that of a session. A password goes to other machines over an encrypted connection only.
func (a *app) signIn(ctx context.Context, o *tokenOptions) error {
	host, err := o.resolveServer()
	if err != nil {
		return err
	}
	if !strings.HasPrefix(o.server, "https://") && !reportd.Loopback(host) {
		return usageError{errors.New("a password is not sent to another machine over http: give --server an https:// URL")}
	}
	password, err := a.password(o.password, "Password: ")
	if err != nil {
		return err
	}
	body := map[string]any{"email": o.email, "password": password, "token": true}
	var session struct {
		Token string `json:"token"`
	}
	o.token = ""
	if err := o.callAs(ctx, http.MethodPost, "/api/v1/session", body, &session); err != nil {
		return err
	}
	o.token = session.Token
	return nil
}

func (a *app) tokenListCommand() *cobra.Command {
	var r remote
	var user string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the tokens that are valid: yours, or as a superuser another's",
		Args:  exactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.callAndPrint(cmd.Context(), &r, http.MethodGet, tokensOf(user), nil)
		},
	}
	r.bind(cmd)
	cmd.Flags().StringVar(&user, "user", "", "whose, by e-mail address or hash; for superusers")
	return cmd
}

func (a *app) tokenRevokeCommand() *cobra.Command {
	var r remote
	var user string
	cmd := &cobra.Command{
		Use:     "revoke ID",
		Short:   "Make a token worthless at once; `cybexp token list` tells the ID",
		Example: "  cybexp token revoke UKEFVCJTLQZBYB2HH3BFXB5LZ3",
		Args:    exactArgs("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return r.call(cmd.Context(), http.MethodDelete, tokensOf(user)+"/"+url.PathEscape(args[0]), nil, nil)
		},
	}
	r.bind(cmd)
	cmd.Flags().StringVar(&user, "user", "", "whose, by e-mail address or hash; for superusers")
	return cmd
}

func (a *app) tokenRotateCommand() *cobra.Command {
	var data string
	var forget bool
	cmd := &cobra.Command{
		Use:   "rotate-key",
		Short: "Make a new key that signs tokens from now on; those signed before stay valid",
		Long: "The keys are in DIR/keys/token.key, the newest first; eight are kept. A platform that runs takes a new one into use within\n" +
			"seconds, one that does not at its next start, and then the audit trail tells of it (token.rotate-key). With --forget the others go,\n" +
			"and with them every token and session. The token in DIR/admin.token is made anew. Servers that have folders of their own need the\n" +
			"same file.",
		Example: "  cybexp token rotate-key --data /var/lib/cybexp",
		Args:    exactArgs(),
		RunE: func(*cobra.Command, []string) error {
			if err := checkOwner(data); err != nil {
				return err
			}
			n, err := identity.RotateKeys(filepath.Join(data, tokenKeyFile), forget)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(a.stdout, "a new key signs; %s accepted\n", counted(n, "key")+map[bool]string{true: " is", false: " are"}[n == 1])
			return err
		},
	}
	bindData(cmd, &data, "data `DIR` of the platform")
	cmd.Flags().BoolVar(&forget, "forget", false, "accept no other key any more")
	return cmd
}
