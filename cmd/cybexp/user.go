package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

func (a *app) userCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "user", Short: "Make and list users, set passwords", GroupID: "client"}
	cmd.AddCommand(a.userCreateCommand(), a.userListCommand(), a.userPasswordCommand(), a.userSelfCommand(),
		a.userDisableCommand("disable", "Take all that a user may do from them; for superusers", true),
		a.userDisableCommand("enable", "Let a user who was disabled sign in again; for superusers", false))
	return cmd
}

func (a *app) userCreateCommand() *cobra.Command {
	var r remote
	var p passwordFlag
	var body struct {
		Email    string `json:"email"`
		Name     string `json:"name"`
		Password string `json:"password"`
		Super    bool   `json:"super"`
	}
	var without bool
	cmd := &cobra.Command{
		Use:   "create EMAIL",
		Short: "Make a user; for superusers",
		Long:  "A user who is a program needs no password: make it with --no-password, and then a token for it with `cybexp token create --user`.",
		Example: "  cybexp user create alice@example.org --name 'Alice Liddell'\n" +
			"  cybexp user create collector@example.org --no-password",
		Args: exactArgs("EMAIL"),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			body.Email = args[0]
			if !without {
				if body.Password, err = a.newPassword(p); err != nil {
					return err
				}
				if body.Password == "" { // which would be a user without
					return usageError{errors.New("the password is empty: --no-password makes a user without one")}
				}
			}
			return a.callAndPrint(cmd.Context(), &r, http.MethodPost, "/api/v1/users", body)
		},
	}
	r.bind(cmd)
	p.bind(cmd)
	f := cmd.Flags()
	f.StringVar(&body.Name, "name", "", "full name, for people")
	f.BoolVar(&body.Super, "super", false, "make a superuser, who may make users and organisations")
	f.BoolVar(&without, "no-password", false, "the user signs in with tokens only")
	return cmd
}

func (a *app) userListCommand() *cobra.Command {
	return a.getCommand("list", "List all users; for superusers", "/api/v1/users")
}

func (a *app) userSelfCommand() *cobra.Command {
	return a.getCommand("self", "Tell whom your token signs in", "/api/v1/me")
}

// getCommand prints the answer to one question.
func (a *app) getCommand(use, short, path string) *cobra.Command {
	var r remote
	cmd := &cobra.Command{
		Use:   use,
		Short: short,
		Args:  exactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.callAndPrint(cmd.Context(), &r, http.MethodGet, path, nil)
		},
	}
	r.bind(cmd)
	return cmd
}

func (a *app) userPasswordCommand() *cobra.Command {
	var r remote
	var p passwordFlag
	cmd := &cobra.Command{
		Use:     "password EMAIL",
		Short:   "Give a user a new password and end their sessions; for superusers",
		Long:    "Give a user a new password and end their sessions; for superusers. Tokens that the user made go on.",
		Example: "  cybexp user password alice@example.org\n  pwgen 24 1 | cybexp user password alice@example.org --password-file -",
		Args:    exactArgs("EMAIL"),
		RunE: func(cmd *cobra.Command, args []string) error {
			password, err := a.newPassword(p)
			if err != nil {
				return err
			}
			path := "/api/v1/users/" + url.PathEscape(args[0]) + "/password"
			return r.call(cmd.Context(), http.MethodPut, path, map[string]string{"password": password}, nil)
		},
	}
	r.bind(cmd)
	p.bind(cmd)
	return cmd
}

func (a *app) userDisableCommand(use, short string, disabled bool) *cobra.Command {
	var r remote
	cmd := &cobra.Command{
		Use:   use + " EMAIL",
		Short: short,
		Long: short + ".\nA user who is disabled keeps their identity and what they are to organisations, but can neither sign in nor read. Their sessions\n" +
			"and tokens end at once, and stay worthless when the user is enabled again.",
		Example: "  cybexp user " + use + " alice@example.org",
		Args:    exactArgs("EMAIL"),
		RunE: func(cmd *cobra.Command, args []string) error {
			path := "/api/v1/users/" + url.PathEscape(args[0]) + "/disabled"
			return a.callAndPrint(cmd.Context(), &r, http.MethodPut, path, map[string]bool{"disabled": disabled})
		},
	}
	r.bind(cmd)
	return cmd
}

// call finds the token and sends a body, if any, as JSON.
func (r *remote) call(ctx context.Context, method, path string, body, out any) error {
	if err := r.resolve(); err != nil {
		return err
	}
	return r.callAs(ctx, method, path, body, out)
}

func (r *remote) callAs(ctx context.Context, method, path string, body, out any) error {
	if body == nil {
		return r.do(ctx, method, path, nil, nil, out)
	}
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	return r.do(ctx, method, path, http.Header{"Content-Type": {"application/json"}}, bytes.NewReader(text), out)
}

// callAndPrint prints the answer of a call, see printAnswer.
func (a *app) callAndPrint(ctx context.Context, r *remote, method, path string, body any) error {
	var answer json.RawMessage
	if err := r.call(ctx, method, path, body, &answer); err != nil {
		return err
	}
	return a.printAnswer(answer)
}

// passwordFlag says where a password comes from. It is never an argument, which others on the machine can see.
type passwordFlag struct{ file string }

func (p *passwordFlag) bind(cmd *cobra.Command) {
	cmd.Flags().StringVar(&p.file, "password-file", "", "`FILE` whose first line is the password; - is standard input (default: ask)")
}

// newPassword reads a password, which is asked for twice.
func (a *app) newPassword(p passwordFlag) (string, error) {
	password, err := a.password(p, "New password: ")
	if err != nil || p.file != "" {
		return password, err
	}
	again, err := a.password(p, "Once more: ")
	if err == nil && again != password {
		err = errors.New("the passwords differ")
	}
	return password, err
}

// password reads the first line of the file, or asks a person at a terminal, who does not see what they type.
func (a *app) password(p passwordFlag, prompt string) (string, error) {
	if p.file == "" {
		in, ok := a.stdin.(*os.File)
		if !ok || !term.IsTerminal(int(in.Fd())) {
			return "", usageError{errors.New("there is no terminal to ask at: give --password-file, - is standard input")}
		}
		fmt.Fprint(a.stderr, prompt)
		text, err := term.ReadPassword(int(in.Fd()))
		fmt.Fprintln(a.stderr)
		if err != nil {
			return "", fmt.Errorf("read password: %w", err)
		}
		return string(text), nil
	}
	in, err := a.openArg([]string{p.file})
	if err != nil {
		return "", err
	}
	defer in.Close()
	line, err := bufio.NewReader(io.LimitReader(in, 64<<10)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read password: %w", err)
	}
	return strings.TrimRight(line, "\r\n"), nil
}
