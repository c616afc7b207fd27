package main

import (
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
	"time"

	"github.com/spf13/cobra"

	"github.com/cybexp/cybexp/ingest/source"
	"github.com/cybexp/cybexp/tahoe"
)

func (a *app) sourceCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "source",
		Short:   "Let data come by itself: feeds, MISP, TAXII, websockets, syslog, files",
		Long:    "Sources run on the server, from where they left off, whatever happens to it. docs/sources.md tells of the kinds.\nWhat is here and ends is sent with `cybexp send`, standard input with `cybexp send -`.",
		GroupID: "client",
	}
	cmd.AddCommand(a.sourceAddCommand(), a.sourceListCommand(), a.sourceStatusCommand(),
		a.sourceDoCommand("start", "Start a source, at once even if it waits after an error", http.MethodPost, "/start"),
		a.sourceDoCommand("stop", "Stop a source; it keeps its place", http.MethodPost, "/stop"),
		a.sourceDoCommand("remove", "Stop a source and forget it; what it brought stays", http.MethodDelete, ""))
	return cmd
}

// sourceOptions are the flags of source add: the body of the request, and what becomes part of it.
type sourceOptions struct {
	remote
	Name     string        `json:"name"`
	Kind     string        `json:"kind"`
	Org      string        `json:"org"`
	Typetag  string        `json:"typetag"`
	Timezone string        `json:"timezone"`
	Marking  tahoe.Marking `json:"tlp,omitempty"`
	Period   source.Period `json:"period"`
	source.Settings

	Secret  string `json:"secret,omitempty"`
	Stopped bool   `json:"stopped"`

	secretFile, since string
	period            time.Duration
	filter            []string
}

func (a *app) sourceAddCommand() *cobra.Command {
	var o sourceOptions
	cmd := &cobra.Command{
		Use:   "add NAME",
		Short: "Add a source and start it",
		Example: "  cybexp source add urlhaus --kind http --org demo --typetag csv --url https://urlhaus.abuse.ch/downloads/csv_recent/ --period 1h\n" +
			"  cybexp source add london --kind websocket --org demo --typetag cowrie --url ws://honeypot.example.org:5000/\n" +
			"  cybexp source add circl --kind misp --org demo --typetag misp_event --url https://www.circl.lu/doc/misp/feed-osint/\n" +
			"  cybexp source add partner --kind taxii --org demo --typetag stix --url https://taxii.example.org/api1/collections/91a7…/ --login ada --secret-file taxii.key\n" +
			"  cybexp source add suricata --kind syslog --org demo --typetag suricata --listen tcp:5514\n" +
			"  cybexp source add cowrie --kind file --org demo --typetag cowrie --path cowrie/cowrie.json",
		Args: exactArgs("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Name = args[0]
			return a.addSource(cmd.Context(), &o)
		},
	}
	o.bind(cmd)
	f := cmd.Flags()
	f.StringVar(&o.Kind, "kind", "", "websocket, http, misp, taxii, file or syslog (required)")
	f.StringVar(&o.Org, "org", "", "organisation that owns the data, by name or hash (required)")
	f.StringVar(&o.Typetag, "typetag", "", "what the records are, such as cowrie (required)")
	f.StringVar(&o.Timezone, "timezone", "UTC", "IANA `ZONE` of times that name none")
	tlpFlag(f, &o.Marking)
	f.DurationVar(&o.period, "period", 0, "from one look to the next (default: http 1h, misp 12h, taxii 15m, file 1s)")
	f.StringVar(&o.URL, "url", "", "`URL` of the feed, server or collection; {secret} in it stands for the secret")
	f.StringVar(&o.Login, "login", "", "user `NAME` of basic authentication")
	f.StringVar(&o.Header, "header", "", "`NAME` of the header that carries the secret (default: Authorization)")
	f.StringVar(&o.secretFile, "secret-file", "", "`FILE` with the key, token or password; - is standard input")
	f.StringVar(&o.Mode, "mode", "", "misp: feed or search; file: tail or whole (default: the first)")
	f.StringVar(&o.Path, "path", "", "file, folder or `PATTERN` on the server, under the folder of its --sources-files")
	f.StringVar(&o.Listen, "listen", "", "udp:`PORT`, tcp:PORT or tls:PORT")
	f.StringVar(&o.since, "since", "", "leave out what is older than this `DATE`, such as 2024-01-31")
	f.StringArrayVar(&o.filter, "filter", nil, "`NAME=VALUE[,VALUE]` that a misp search or taxii server is asked for; may be given again")
	f.BoolVar(&o.Stopped, "stopped", false, "add it and do not start it")
	for _, name := range []string{"kind", "org", "typetag"} {
		if err := cmd.MarkFlagRequired(name); err != nil {
			panic(err) // the flag is defined above
		}
	}
	return cmd
}

// finish makes the body of what the flags say.
func (o *sourceOptions) finish(stdin io.Reader) error {
	o.Period = source.Period(o.period)
	if o.since != "" {
		at, err := time.Parse(time.DateOnly, o.since)
		if err != nil {
			at, err = time.Parse(time.RFC3339, o.since)
		}
		if err != nil {
			return usageError{fmt.Errorf("--since %q is neither 2024-01-31 nor 2024-01-31T23:59:59Z", o.since)}
		}
		o.Since = at
	}
	for _, f := range o.filter {
		name, values, ok := strings.Cut(f, "=")
		if !ok {
			return usageError{fmt.Errorf("--filter %q is not NAME=VALUE", f)}
		}
		if o.Filter == nil {
			o.Filter = map[string][]string{}
		}
		o.Filter[name] = append(o.Filter[name], strings.Split(values, ",")...)
	}
	if o.secretFile == "" {
		return nil
	}
	in := stdin
	if o.secretFile != "-" {
		file, err := os.Open(o.secretFile)
		if err != nil {
			return fmt.Errorf("read secret: %w", err)
		}
		defer file.Close()
		in = file
	}
	text, err := io.ReadAll(io.LimitReader(in, 64<<10))
	if err != nil {
		return fmt.Errorf("read secret: %w", err)
	}
	if o.Secret = strings.TrimSpace(string(text)); o.Secret == "" {
		return usageError{errors.New("the file with the secret is empty")}
	}
	return nil
}

func (a *app) addSource(ctx context.Context, o *sourceOptions) error {
	if err := o.finish(a.stdin); err != nil {
		return err
	}
	if err := o.resolve(); err != nil {
		return err
	}
	body, err := json.Marshal(o)
	if err != nil {
		return err
	}
	var added json.RawMessage
	header := http.Header{"Content-Type": {"application/json"}}
	if err := o.do(ctx, http.MethodPost, "/api/v1/sources", header, bytes.NewReader(body), &added); err != nil {
		return err
	}
	return a.printJSON(added)
}

// sources asks for the sources that the caller administers, of all organisations or of one.
func (r *remote) sources(ctx context.Context, org string) ([]source.Status, error) {
	var answer struct {
		Sources []source.Status `json:"sources"`
	}
	path := "/api/v1/sources"
	if org != "" {
		path += "?" + url.Values{"org": {org}}.Encode()
	}
	err := r.do(ctx, http.MethodGet, path, nil, nil, &answer)
	return answer.Sources, err
}

func (a *app) sourceListCommand() *cobra.Command {
	var r remote
	var org string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the sources of the organisations that you administer",
		Args:  exactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := r.resolve(); err != nil {
				return err
			}
			list, err := r.sources(cmd.Context(), org)
			if err != nil {
				return err
			}
			return a.printSources(list)
		},
	}
	r.bind(cmd)
	cmd.Flags().StringVar(&org, "org", "", "those of this organisation only")
	return cmd
}

// find finds a source by its name or ID.
func (r *remote) find(ctx context.Context, name, org string) (source.Status, error) {
	list, err := r.sources(ctx, org)
	if err != nil {
		return source.Status{}, err
	}
	var found []source.Status
	for _, s := range list {
		if s.Name == name || s.ID == name {
			found = append(found, s)
		}
	}
	switch len(found) {
	case 0:
		return source.Status{}, fmt.Errorf("there is no source %q in an organisation that you administer", name)
	case 1:
		return found[0], nil
	}
	return source.Status{}, usageError{fmt.Errorf("%d organisations have a source %q: say which with --org", len(found), name)}
}

// one makes a command about one source.
func (a *app) one(use, short string, run func(context.Context, *remote, source.Status) error) *cobra.Command {
	var r remote
	var org string
	cmd := &cobra.Command{
		Use:   use + " NAME",
		Short: short,
		Args:  exactArgs("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := r.resolve(); err != nil {
				return err
			}
			s, err := r.find(cmd.Context(), args[0], org)
			if err != nil {
				return err
			}
			return run(cmd.Context(), &r, s)
		},
	}
	r.bind(cmd)
	cmd.Flags().StringVar(&org, "org", "", "organisation that has the source, where several have one of the name")
	return cmd
}

func (a *app) sourceStatusCommand() *cobra.Command {
	return a.one("status", "Show what a source is and how it does: in words, and for programs as JSON", func(_ context.Context, _ *remote, s source.Status) error {
		if isTerminal(a.stdout) {
			return showSource(a.stdout, s, time.Now())
		}
		return a.forPrograms(s)
	})
}

func (a *app) sourceDoCommand(name, short, method, path string) *cobra.Command {
	return a.one(name, short, func(ctx context.Context, r *remote, s source.Status) error {
		return r.do(ctx, method, "/api/v1/sources/"+s.ID+path, nil, nil, nil)
	})
}
