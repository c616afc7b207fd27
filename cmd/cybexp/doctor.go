package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/cybexp/cybexp/bus"
	"github.com/cybexp/cybexp/graph"
	"github.com/cybexp/cybexp/layout"
	"github.com/cybexp/cybexp/web"
)

func (a *app) doctorCommand() *cobra.Command {
	var o stores
	var format string
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Check a platform, running or not, and say what to do",
		Long: "Check ports, disk, keys, bus, clock, what waits and what was given up, versions, and a sample of the graph: hashes, edges that lead nowhere.\n" +
			"A platform that runs is asked over HTTP with a superuser's token; one that does not is read from its data folder. Nothing is changed.\n" +
			"Ends with status 1 when a check fails.",
		Example: "  cybexp doctor\n  cybexp doctor --data /var/lib/cybexp -o json\n  cybexp doctor --dgraph dgraph://alpha:9080 --nats nats://nats:4222 --data /data",
		GroupID: "platform",
		Args:    exactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.remote.data = o.settings.data
			if format != "table" && format != "json" {
				return usageError{fmt.Errorf("-o %q is neither table nor json", format)}
			}
			found := a.examine(cmd.Context(), &o, cmd.Flags().Changed("server"))
			return a.tellFindings(found, format)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.server, "server", "http://"+defaultListen, "base `URL` of the platform, if it runs")
	o.bindToken(cmd, "superuser's token")
	o.bindTrust(cmd)
	f.StringVarP(&format, "output", "o", "table", "table or json")
	o.bind(cmd, roleDoctor)
	return cmd
}

// examine checks the platform itself, or has the one that runs do it. That nobody can be asked is a finding, too.
func (a *app) examine(ctx context.Context, o *stores, ask bool) findings {
	var f findings
	switch {
	case o.dgraph != "" || o.nats != "" || !ask && o.stopped():
		if err := a.examineStores(ctx, o, &f); err != nil {
			f.fail("platform", "see the message", "%v", err)
		}
	default:
		a.askDoctor(ctx, o, &f)
	}
	return f
}

// askDoctor also compares the clocks.
func (a *app) askDoctor(ctx context.Context, o *stores, f *findings) {
	var d web.Diagnosis
	begun := time.Now()
	if err := o.call(ctx, http.MethodGet, "/api/v1/doctor", nil, &d); err != nil {
		advice := "start it with `cybexp up`, or name its data folder with --data"
		var no *refusal
		switch {
		case errors.As(err, &no) && no.status >= 500:
			advice = "it runs and cannot tell: see whether NATS runs, and look at the log of the server; --dgraph and --nats have them asked without it"
		case errors.As(err, &no):
			advice = "give the token of a superuser: --token-file"
		case bus.InUse(filepath.Join(o.settings.data, backupBus)):
			advice = "one uses the folder " + o.settings.data + ": say with --server where it listens"
		}
		f.fail("platform", advice, "%v", err)
		return
	}
	f.ok("platform", "runs at %s", o.server)
	*f = append(*f, d.Findings...)
	ended := time.Now()
	if early, late := begun.Sub(d.Time), d.Time.Sub(ended); early > clockSlack || late > clockSlack {
		f.fail("clock", "set both clocks, and have them kept by NTP", "the server's is %s, this machine's %s", d.Time.Format(time.RFC3339), ended.UTC().Format(time.RFC3339))
	}
}

// examineStores opens what is there and changes nothing.
func (a *app) examineStores(ctx context.Context, o *stores, f *findings) (err error) {
	if err := o.checkServers(); err != nil {
		return err
	}
	if (o.dgraph == "") != (o.nats == "") {
		return errors.New("--dgraph and --nats go together: a split deployment has both")
	}
	log, err := o.logger(a)
	if err != nil {
		return err
	}
	p := &platform{settings: o.settings, log: log}
	defer func() { err = errors.Join(err, p.close()) }()
	if err := p.brokenRestore(); err != nil {
		return err
	}
	if err := p.openOwnBus(ctx); err != nil {
		if p.nats == "" || errors.Is(err, layout.ErrNewer) {
			return err
		}
		f.fail("bus", "look whether NATS runs, and at its log", "%v", err)
		return nil
	}
	diagnose := func(store *graph.Store) error {
		p.store = store
		*f = append(*f, p.diagnose(ctx)...)
		return nil
	}
	if p.dgraph == "" {
		if dir := filepath.Join(p.data, graphDir); isDir(dir) {
			f.ok("platform", "does not run; %s is read", p.data)
			if err := p.checkPorts(ctx, f); err != nil {
				return err
			}
			return p.withBareDgraph(ctx, dir, diagnose)
		}
		return fmt.Errorf("there is no graph in %s", p.data)
	}
	store, err := p.connectGraph(ctx)
	if err != nil {
		return err
	}
	return errors.Join(diagnose(store), store.Close())
}

// tellFindings prints them, one a line with what to do below, and fails when one of them did.
func (a *app) tellFindings(list findings, format string) error {
	failed := 0
	for _, f := range list {
		if f.Status == web.Fail {
			failed++
		}
		if format == "table" {
			fmt.Fprintf(a.stdout, "%-4s  %-12s  %s\n", f.Status, f.Check, f.Text)
			if f.Advice != "" {
				fmt.Fprintf(a.stdout, "%20s→ %s\n", "", f.Advice)
			}
		}
	}
	if format == "json" {
		enc := json.NewEncoder(a.stdout)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(map[string]any{"findings": list}); err != nil {
			return err
		}
	}
	if failed > 0 {
		return silentError{fmt.Errorf("%d checks failed", failed)}
	}
	return nil
}
