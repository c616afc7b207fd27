package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cybexp/cybexp/retention"
	"github.com/cybexp/cybexp/tahoe"
)

func (a *app) classifyCommand() *cobra.Command {
	var r remote
	var instance string
	cmd := &cobra.Command{
		Use:   "classify EVENT malicious|benign|unknown",
		Short: "Say what an event of an organisation that you administer is held to be",
		Long: "Say what an event, by its hash, is held to be; or with --instance what an attribute or object in it is held to be there.\n" +
			"No filter changes it again.",
		GroupID: "client",
		Example: "  cybexp classify 4469d1e06fdd2b03ce89abf4dcc354df0be231b97e7293fe1750232d2d3b23a6 benign",
		Args:    exactArgs("EVENT", "CATEGORY"),
		RunE: func(cmd *cobra.Command, args []string) error {
			event, err := tahoe.ParseHash(args[0])
			if err != nil {
				return usageError{fmt.Errorf("%q is no hash of an event", args[0])}
			}
			if _, err := tahoe.ParseCategory(args[1]); err != nil {
				return usageError{fmt.Errorf("%q is none of malicious, benign and unknown", args[1])}
			}
			path, body := "/api/v1/events/"+event.String()+"/category", map[string]string{"category": args[1]}
			if instance != "" {
				path, body = "/api/v1/events/"+event.String()+"/context", map[string]string{"instance": instance, "context": args[1]}
			}
			return a.callAndPrint(cmd.Context(), &r, http.MethodPut, path, body)
		},
	}
	r.bind(cmd)
	cmd.Flags().StringVar(&instance, "instance", "", "`HASH` of the attribute or object in the event that is meant")
	return cmd
}

func (a *app) deleteCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "delete", Short: "Remove an event, an upload or all data of an organisation, for good", GroupID: "client"}
	cmd.AddCommand(
		a.deleteWhat("event HASH", "Remove an event, what only it held, and its raw unless more came of that", func(arg string) (string, error) {
			event, err := tahoe.ParseHash(arg)
			if err != nil {
				return "", usageError{fmt.Errorf("%q is no hash of an event", arg)}
			}
			return "/api/v1/events/" + event.String(), nil
		}),
		a.deleteWhat("upload ID", "Take an upload back: its raws, and the events that came of them alone", func(arg string) (string, error) {
			return "/api/v1/uploads/" + url.PathEscape(arg), nil
		}),
		a.deleteWhat("org NAME", "Remove all data of an organisation; for superusers", func(arg string) (string, error) {
			return "/api/v1/orgs/" + url.PathEscape(arg) + "/data", nil
		}),
	)
	return cmd
}

// deleteWhat makes a command that removes what its argument names, if somebody says yes.
func (a *app) deleteWhat(use, short string, path func(arg string) (string, error)) *cobra.Command {
	var r remote
	var yes bool
	what, arg, _ := strings.Cut(use, " ")
	cmd := &cobra.Command{
		Use:   use,
		Short: short,
		Args:  exactArgs(arg),
		RunE: func(cmd *cobra.Command, args []string) error {
			where, err := path(args[0])
			if err != nil {
				return err
			}
			if err := a.confirm(yes, fmt.Sprintf("Remove %s %s for good?", what, printable(args[0]))); err != nil {
				return err
			}
			return a.remove(cmd.Context(), &r, where)
		},
	}
	r.bind(cmd)
	cmd.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return cmd
}

// remove removes something. What is removed in the background it follows to its end; who interrupts that stops nothing.
func (a *app) remove(ctx context.Context, r *remote, path string) error {
	var answer json.RawMessage
	if err := r.call(ctx, http.MethodDelete, path, nil, &answer); err != nil {
		return err
	}
	var job retention.Job
	if err := json.Unmarshal(answer, &job); err != nil || job.ID == "" {
		return a.printAnswer(answer)
	}
	note, where := newNote(a), "/api/v1/removals/"+url.PathEscape(job.ID)
	defer note.clear()
	err := poll(ctx, 100*time.Millisecond, func() (bool, error) {
		job = retention.Job{}
		if err := r.call(ctx, http.MethodGet, where, nil, &job); err != nil {
			return false, err
		}
		note.show(fmt.Sprintf("%s: %s removed", job.State, counted(job.Events, "event")))
		return !job.Ended.IsZero(), nil
	})
	note.clear()
	if err != nil {
		if ctx.Err() != nil {
			fmt.Fprintln(a.stderr, "it goes on without you; the same command shows how far it is")
		}
		return queryEnded(err)
	}
	if job.State == retention.Failed {
		return errors.New(job.Failed)
	}
	return a.printAnswer(json.RawMessage(compactJSON(job)))
}

// confirm asks, on a terminal only; elsewhere --yes must have been given.
func (a *app) confirm(yes bool, question string) error {
	if yes {
		return nil
	}
	if !a.onTerminal() {
		return usageError{errors.New("this is for good: give --yes")}
	}
	fmt.Fprint(a.stderr, question+" [y/N] ")
	line, _ := bufio.NewReader(a.stdin).ReadString('\n') // no answer is a no
	switch strings.ToLower(strings.TrimSpace(line)) {
	case "y", "yes":
		return nil
	}
	return errors.New("nothing was removed")
}
