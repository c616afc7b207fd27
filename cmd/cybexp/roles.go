package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/cybexp/cybexp"
	"github.com/cybexp/cybexp/audit"
	"github.com/cybexp/cybexp/bus"
	"github.com/cybexp/cybexp/certs"
	"github.com/cybexp/cybexp/graph"
	"github.com/cybexp/cybexp/identity"
	"github.com/cybexp/cybexp/ingest"
	"github.com/cybexp/cybexp/ingest/source"
	"github.com/cybexp/cybexp/notebook"
	"github.com/cybexp/cybexp/reportd"
	"github.com/cybexp/cybexp/retention"
	"github.com/cybexp/cybexp/taxii"
	"github.com/cybexp/cybexp/telemetry"
	"github.com/cybexp/cybexp/web"
)

// platform is what the roles of one process share.
type platform struct {
	settings

	log     *slog.Logger
	metrics *telemetry.Metrics
	opened  atomic.Bool // bus and graph are connected
	bus     *bus.Bus
	store   *graph.Store
	audit   *audit.Trail // nil in a process that serves no HTTP, and so changes no rights
	users   *identity.Service
	ingest  *ingest.Service
	runs    *source.Service // what comes by itself
	reports *reportd.Service
	herald  *reportd.Herald
	group   *errgroup.Group
	closers []func() error

	identities *bus.KV // where users keeps them

	keys      *ingest.Keys
	ownDgraph bool // runs as a child of this process
	backingUp sync.Mutex
}

// later registers what close undoes, last first.
func (p *platform) later(f func() error) { p.closers = append(p.closers, f) }

func (p *platform) close() error {
	var errs []error
	for i := len(p.closers) - 1; i >= 0; i-- {
		errs = append(errs, p.closers[i]())
	}
	return errors.Join(errs...)
}

// open connects what every role needs: the bus, the graph with its schema, and who is who.
func (p *platform) open(ctx context.Context) error {
	if err := os.MkdirAll(p.data, 0o700); err != nil {
		return fmt.Errorf("make data folder: %w", err)
	}
	if err := p.openBus(ctx); err != nil {
		return err
	}
	if err := p.openGraph(ctx); err != nil {
		return err
	}
	if err := p.bringUpToDate(ctx); err != nil {
		return err
	}
	if err := p.openIdentity(ctx); err != nil {
		return err
	}
	p.askHealth()
	p.opened.Store(true)
	return nil
}

// openAudit lets identities tell of their changes. It is for processes that serve HTTP: others change no rights.
func (p *platform) openAudit(ctx context.Context) error {
	journal, err := p.bus.Journal(ctx, "audit", p.auditTTL)
	if err != nil {
		return fmt.Errorf("open audit trail: %w", err)
	}
	p.audit, err = audit.New(audit.Config{Log: journal, Logger: p.log})
	p.users.Audit = p.audit
	return err
}

// openOwnBus is openBus of a command that looks after a platform which others run.
func (p *platform) openOwnBus(ctx context.Context) error {
	if p.nats == "" {
		if err := checkOwner(p.data); err != nil {
			return err
		}
	}
	return p.openBus(ctx)
}

// openBus also refuses a folder or a bus that a newer version wrote, before anything of it is touched.
func (p *platform) openBus(ctx context.Context) error {
	if _, err := p.folderLayout().Check(ctx); err != nil {
		return err
	}
	cfg, err := p.busConfig()
	if err != nil {
		return err
	}
	if p.nats == "" {
		cfg.Dir = filepath.Join(p.data, "bus")
	}
	b, err := bus.Open(ctx, cfg)
	if err != nil {
		return err
	}
	p.bus = b
	p.later(b.Close)
	_, err = p.busLayout().Check(ctx)
	return err
}

func (p *platform) openGraph(ctx context.Context) error {
	store, err := p.connectGraph(ctx)
	if err != nil {
		return err
	}
	p.store = store
	p.later(store.Close)
	if err := store.ApplySchema(ctx, cybexp.Schema); err != nil {
		return fmt.Errorf("apply schema: %w", err)
	}
	return nil
}

// connectGraph opens the graph as it is. The caller closes it.
func (p *platform) connectGraph(ctx context.Context) (*graph.Store, error) {
	cfg, err := p.graphConfig()
	if err != nil {
		return nil, err
	}
	store, err := graph.Open(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("open graph: %w", err)
	}
	return store, nil
}

// identityBucket has users, organisations and tokens.
const identityBucket = "identity"

func (p *platform) openIdentity(ctx context.Context) error {
	keys, err := identity.LoadOrCreateKeys(filepath.Join(p.data, tokenKeyFile))
	if err != nil {
		return err
	}
	kv, err := p.bus.KV(ctx, bus.KVConfig{Bucket: identityBucket})
	if err != nil {
		return fmt.Errorf("open identities: %w", err)
	}
	p.identities = kv
	p.users, err = identity.New(identity.Config{Store: identityStore(kv), Keys: keys, Audit: p.audit})
	return err
}

func (p *platform) openNotebook(ctx context.Context) (*notebook.Service, error) {
	kv, err := p.bus.KV(ctx, bus.KVConfig{Bucket: "notebook"})
	if err != nil {
		return nil, fmt.Errorf("open notebook: %w", err)
	}
	return notebook.New(notebook.Config{Store: notebookStore(kv)})
}

func (p *platform) openTaxii(ctx context.Context) (*taxii.Service, error) {
	kv, err := p.bus.KV(ctx, bus.KVConfig{Bucket: "taxii", TTL: taxii.ForgetAfter})
	if err != nil {
		return nil, fmt.Errorf("open taxii: %w", err)
	}
	service, err := taxii.New(taxii.Config{Store: taxiiStore(kv), Logger: p.log})
	if err == nil {
		p.later(service.Close)
	}
	return service, err
}

func (p *platform) openIngest(ctx context.Context) error {
	keys, err := ingest.LoadOrCreateKeys(filepath.Join(p.data, "keys"))
	if err != nil {
		return err
	}
	p.keys = keys
	if p.herald, err = reportd.NewHerald(ctx, p.bus); err != nil {
		return err
	}
	p.ingest, err = ingest.New(ctx, ingest.Config{
		Bus: p.bus, Graph: p.store, Archive: p.store, Keys: keys, Logger: p.log, Metrics: p.metrics, Written: p.written, MaxRecord: p.maxRecord,
		Backlog: uint64(max(p.backlog, 0)) << 20, BacklogAge: p.backlogAge, MinFree: uint64(max(p.minFree, 0)) << 20,
		Keep: p.uploadsTTL,
	})
	if err != nil {
		return err
	}
	return p.openSources(ctx)
}

// openReports makes the report service and runs it; without workers it takes questions and shows answers that others make.
func (p *platform) openReports(ctx context.Context, workers int) error {
	cfg := reportd.DefaultConfig()
	cfg.Bus, cfg.Logger, cfg.Metrics, cfg.Rights, cfg.Workers = p.bus, p.log, p.metrics, p.rights, workers
	cfg.DB, cfg.QueryTime, cfg.ReportTTL, cfg.UserQueries = p.store, p.queryTime, p.reportTTL, p.userQueries
	if workers > 0 {
		cfg.History, cfg.Watches, cfg.UserWatches = history{p.store}, p.watches, p.userWatches
		cfg.QueryRows, cfg.QueryWork, cfg.HistoryTTL = p.queryRows, p.queryWork, p.historyTTL
		cfg.Retry = func(err error) bool { return errors.Is(err, graph.ErrUnavailable) }
	}
	var err error
	if p.reports, err = reportd.New(ctx, cfg); err != nil {
		return err
	}
	p.group.Go(func() error { return p.reports.Run(ctx) })
	p.group.Go(func() error { return p.reports.Hear(ctx, p.identities, identity.Concerns) })
	return nil
}

// webServer makes the HTTP server over what the platform has opened.
func (p *platform) webServer(ctx context.Context) (*web.Server, error) {
	cfg := web.DefaultConfig()
	cfg.Identity, cfg.Ingest, cfg.Sources, cfg.Reports = p.users, p.ingest, p.runs, p.reports
	cfg.Audit = p.audit
	cfg.Curator, cfg.Remover, cfg.Exporter = curator{p.store, p.herald}, curator{p.store, p.herald}, curator{p.store, p.herald}
	cfg.Doctor = p.diagnose
	var err error
	if cfg.Removals, err = retention.OpenJobs(ctx, p.bus, p.log); err != nil {
		return nil, err
	}
	if p.backs(p.keys) {
		cfg.Backup = p.writeBackup
	}
	cfg.Checks = p.checks()
	cfg.Version, cfg.Logger, cfg.Metrics = version, p.log, p.metrics
	if cfg.Notebook, err = p.openNotebook(ctx); err != nil {
		return nil, err
	}
	if cfg.Taxii, err = p.openTaxii(ctx); err != nil {
		return nil, err
	}
	if cfg.Proxies, err = p.trusted(); err != nil {
		return nil, err
	}
	return web.New(cfg)
}

// listenOn opens the port early, so that a taken one, or wrong certificates, are told before anything is started.
func listenOn(ctx context.Context, addr string, files certs.Server, log *slog.Logger) (port, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", addr)
	if err != nil {
		return port{}, fmt.Errorf("%w: --listen chooses another address, port 0 any free port", err)
	}
	return openPort(l, files, log)
}

// role is a command that runs one part of the platform against servers that run elsewhere.
func (a *app) role(name, short string, which role, run func(context.Context, *platform) error) *cobra.Command {
	var s settings
	cmd := &cobra.Command{
		Use:     name,
		Short:   short,
		Example: "  cybexp " + name + " --dgraph dgraph://alpha:9080 --nats nats://nats:4222",
		GroupID: "platform",
		Args:    exactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			var missing []string
			if s.dgraph == "" {
				missing = append(missing, "--dgraph")
			}
			if s.nats == "" {
				missing = append(missing, "--nats")
			}
			if len(missing) > 0 {
				return usageError{fmt.Errorf("%s alone needs %s; `cybexp up` runs everything in one process", name, strings.Join(missing, " and "))}
			}
			return a.runRole(cmd.Context(), name, s, run)
		},
	}
	s.bind(cmd, which)
	return cmd
}

func (a *app) runRole(ctx context.Context, name string, s settings, run func(context.Context, *platform) error) (err error) {
	log, err := s.logger(a)
	if err != nil {
		return err
	}
	if err := s.checkServers(); err != nil {
		return err
	}
	if _, _, err := s.retention(); err != nil {
		return err // before anything is started
	}
	spareMemory()
	p := &platform{settings: s, log: log}
	defer func() { err = errors.Join(err, p.close()) }()
	if err := p.observe(ctx, name); err != nil {
		return err
	}
	if err := p.open(ctx); err != nil {
		return interrupted(ctx, err)
	}
	var running context.Context
	p.group, running = errgroup.WithContext(ctx)
	if err := run(running, p); err != nil {
		return interrupted(ctx, err)
	}
	notifyManager(log)
	return interrupted(ctx, p.group.Wait())
}

// interrupted turns the errors of a shutdown that somebody asked for into none.
func interrupted(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

func (a *app) webCommand() *cobra.Command {
	return a.role("web", "Run the HTTP API, the websocket and the page alone", roleWeb,
		func(ctx context.Context, p *platform) error {
			l, err := listenOn(ctx, p.listen, p.tls, p.log)
			if err != nil {
				return err
			}
			return a.serveWeb(ctx, p, l)
		})
}

// serveWeb opens what the HTTP API talks to and serves it in the platform's group, ready line included.
func (a *app) serveWeb(ctx context.Context, p *platform, l port) error {
	if err := errors.Join(p.openAudit(ctx), p.openIngest(ctx), p.openReports(ctx, 0)); err != nil {
		return errors.Join(err, l.Close())
	}
	if err := errors.Join(p.noteKeys(ctx), p.bootstrap(ctx)); err != nil {
		return errors.Join(err, l.Close())
	}
	server, err := p.webServer(ctx)
	if err != nil {
		return errors.Join(err, l.Close())
	}
	p.group.Go(func() error { return server.Serve(ctx, l) })
	a.ready(l)
	return nil
}

// ready tells, in one line on standard output, that everything answers and where.
func (a *app) ready(l port) { fmt.Fprintf(a.stdout, "ready %s\n", l.url()) }

func (a *app) reportdCommand() *cobra.Command {
	return a.role("reportd", "Run the report daemon alone: the workers that answer queries", roleReportd,
		func(ctx context.Context, p *platform) error {
			return p.openReports(ctx, p.reportWorkers)
		})
}

// ingestCommand is a role, and the parent of the tools that look after what was sent.
func (a *app) ingestCommand() *cobra.Command {
	cmd := a.role("ingest", "Run the ingest pipeline alone, lake to graph, and the continuous sources", roleIngest,
		func(ctx context.Context, p *platform) error {
			if err := p.openIngest(ctx); err != nil {
				return err
			}
			p.group.Go(func() error { return p.ingest.Run(ctx) })
			p.group.Go(func() error { return p.runs.Run(ctx) })
			return p.runRetention(ctx)
		})
	cmd.AddCommand(a.ingestTryCommand(), a.ingestReprocessCommand(), a.ingestDeadCommand(), a.ingestRawCommand())
	return cmd
}
