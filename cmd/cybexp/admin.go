package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/cybexp/cybexp/certs"
	"github.com/cybexp/cybexp/reportd"
	"github.com/cybexp/cybexp/telemetry"
)

// adminTime bounds what an admin request may take; a profile takes thirty seconds unless it is told otherwise.
const adminTime = 5 * time.Minute

// observe makes the metrics, begins tracing if it is asked for, and serves the admin port if there is one.
func (p *platform) observe(ctx context.Context, role string) error {
	p.metrics = telemetry.NewMetrics(version)
	p.askCertificates()
	if p.trace != "" {
		stop, err := telemetry.StartTracing(ctx, telemetry.TraceConfig{
			URL: p.trace, Share: p.traceShare, Service: "cybexp-" + role, Version: version, Logger: p.log,
		})
		if err != nil {
			return err
		}
		p.later(func() error {
			ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
			defer cancel()
			if err := stop(ctx); err != nil {
				p.log.Warn("last traces not sent", "err", err)
			}
			return nil
		})
	}
	if p.admin == "" {
		return nil
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", p.admin)
	if err != nil {
		return usageError{fmt.Errorf("--admin: %w", err)}
	}
	files := p.tls
	files.ClientCA = p.adminCA
	secured, err := openPort(l, files, p.log)
	if err != nil {
		return err
	}
	p.serveAdmin(secured)
	return nil
}

// serveAdmin answers on the admin port until the platform closes.
func (p *platform) serveAdmin(l port) {
	server := &http.Server{
		Handler: p.adminHandler(), ReadHeaderTimeout: 10 * time.Second, WriteTimeout: adminTime,
		ErrorLog: slog.NewLogLogger(p.log.Handler(), slog.LevelDebug),
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			p.log.Error("admin port lost", "err", err)
		}
	}()
	p.log.Info("admin port open", "url", l.url())
	p.later(func() error {
		err := server.Close()
		<-done
		return err
	})
}

// adminHandler serves what operators and their Prometheus ask for. Profiles, which may show what is in memory, are for this machine alone.
func (p *platform) adminHandler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", p.metrics.Handler())
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", p.adminReady)
	profiles := http.NewServeMux()
	profiles.HandleFunc("/debug/pprof/", pprof.Index)
	profiles.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	profiles.HandleFunc("/debug/pprof/profile", pprof.Profile)
	profiles.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	profiles.HandleFunc("/debug/pprof/trace", pprof.Trace)
	mux.Handle("/debug/pprof/", localOnly(profiles))
	return mux
}

// localOnly answers callers on this machine, who also name it: a page in a browser that was led here by its name server does not.
func localOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		from, err := netip.ParseAddrPort(r.RemoteAddr)
		host, _, errHost := net.SplitHostPort(r.Host)
		if errHost != nil {
			host = r.Host
		}
		if err != nil || !from.Addr().Unmap().IsLoopback() || !reportd.Loopback(host) {
			http.Error(w, "profiles are for callers on this machine", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// checks are what must answer for the platform to be of use.
func (p *platform) checks() map[string]func(context.Context) error {
	return map[string]func(context.Context) error{"graph": p.store.Ready, "bus": p.bus.Ready}
}

// ask does all checks at a time: one that hangs takes no time from the others.
func (p *platform) ask(ctx context.Context) map[string]error {
	type result struct {
		name string
		err  error
	}
	checks := p.checks()
	results := make(chan result, len(checks))
	for name, check := range checks {
		go func() { results <- result{name, check(ctx)} }()
	}
	found := make(map[string]error, len(checks))
	for range checks {
		r := <-results
		found[r.name] = r.err
	}
	return found
}

// adminReady says whether what this process needs answers, for roles that have no other port.
func (p *platform) adminReady(w http.ResponseWriter, r *http.Request) {
	if !p.opened.Load() {
		http.Error(w, "starting", http.StatusServiceUnavailable)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	var missing []string
	for name, err := range p.ask(ctx) {
		if err != nil {
			p.log.Warn("not ready", "check", name, "err", err)
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		slices.Sort(missing)
		http.Error(w, "not ready: "+strings.Join(missing, ", "), http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ready")
}

// askHealth has it told at each scrape whether what is behind us answers.
func (p *platform) askHealth() {
	p.metrics.Ask([]telemetry.Gauge{{
		Name: "cybexp_backend_up", Help: "1 if what is behind this process answers: graph is Dgraph, bus is NATS.", Labels: []string{"backend"},
	}}, func(ctx context.Context, tell telemetry.Tell) error {
		for name, err := range p.ask(ctx) {
			up := 1.0
			if err != nil {
				up = 0
			}
			tell(0, up, name)
		}
		return nil
	})
}

// askCertificates has it told at each scrape from when to when the certificates on disk are valid: those that new connections have. One that cannot
// be read has no time left, since the next start fails.
func (p *platform) askCertificates() {
	const begin, end = 0, 1
	uses := []string{"use"}
	p.metrics.Ask([]telemetry.Gauge{
		begin: {Name: "cybexp_certificate_not_before_seconds", Help: "When a certificate begins to be valid, since 1970; 0 if it cannot be read.", Labels: uses},
		end:   {Name: "cybexp_certificate_not_after_seconds", Help: "When it ends, since 1970; 0 if it cannot be read.", Labels: uses},
	}, func(_ context.Context, tell telemetry.Tell) error {
		for _, c := range p.certificates() {
			from, to, err := certs.Life(c.path)
			if err != nil {
				from, to = time.Unix(0, 0), time.Unix(0, 0)
			}
			tell(begin, float64(from.Unix()), c.use)
			tell(end, float64(to.Unix()), c.use)
		}
		return nil
	})
}
