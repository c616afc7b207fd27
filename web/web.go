// Package web is the HTTP server: the classic API, the current API under /api/v1, the websocket's door and the page. It signs callers
// in, bounds what they send, and turns errors into problems. It decides nothing about queries, uploads or rights: reportd, ingest and
// identity do.
//
//	server, err := web.New(web.Config{Identity: users, Ingest: lake, Reports: reports, Ready: store.Ready})
//	…
//	err = server.Serve(ctx, listener)
package web

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/cybexp/cybexp/audit"
	"github.com/cybexp/cybexp/identity"
	"github.com/cybexp/cybexp/ingest"
	"github.com/cybexp/cybexp/ingest/source"
	"github.com/cybexp/cybexp/notebook"
	"github.com/cybexp/cybexp/reportd"
	"github.com/cybexp/cybexp/retention"
	"github.com/cybexp/cybexp/taxii"
	"github.com/cybexp/cybexp/telemetry"
)

// Config is what a server needs. Identity, Ingest, Sources, Reports and Checks' functions must be safe for concurrent use.
type Config struct {
	Identity *identity.Service
	Ingest   *ingest.Service
	Sources  *source.Service
	Reports  *reportd.Service
	Curator  Curator
	Remover  Remover
	Removals *retention.Jobs
	Exporter Exporter
	Notebook *notebook.Service
	Taxii    *taxii.Service
	Audit    *audit.Trail

	// Checks are asked by /readyz, by name: "graph", "bus".
	Checks map[string]func(context.Context) error

	// Backup writes a backup of all that the platform keeps; nil where there are none. It returns ErrBusy while it makes another one.
	Backup func(ctx context.Context, w io.Writer) error
	// Doctor checks the platform; nil where nothing does.
	Doctor func(ctx context.Context) []Finding

	Version   string
	Logger    *slog.Logger
	Metrics   *telemetry.Metrics // nil counts nothing
	Proxies   []netip.Prefix     // whose X-Forwarded-For and X-Forwarded-Proto are believed
	MaxJSON   int64              // bytes of a JSON body
	MaxUpload int64              // bytes of an upload; 0 is no limit
	TempDir   string             // where uploads whose fields come after the file wait; "" is the system's
	Patience  time.Duration      // how long POST /query and POST /api/v1/reports wait for a report before they answer 202
	Drain     time.Duration      // how long requests in hand may take at shutdown
}

// DefaultConfig returns the limits in use when nothing else is said. The services and the logger are the caller's to add.
func DefaultConfig() Config {
	return Config{Version: "dev", MaxJSON: 1 << 20, Patience: 5 * time.Second, Drain: 5 * time.Second}
}

// Validate says what is missing.
func (c Config) Validate() error {
	switch {
	case c.Identity == nil:
		return errors.New("web: Identity is required")
	case c.Ingest == nil:
		return errors.New("web: Ingest is required")
	case c.Sources == nil:
		return errors.New("web: Sources is required")
	case c.Reports == nil:
		return errors.New("web: Reports is required")
	case c.Curator == nil || c.Remover == nil || c.Exporter == nil:
		return errors.New("web: Curator, Remover and Exporter are required")
	case c.Removals == nil:
		return errors.New("web: Removals is required")
	case c.Notebook == nil:
		return errors.New("web: Notebook is required")
	case c.Taxii == nil:
		return errors.New("web: Taxii is required")
	case c.Audit == nil:
		return errors.New("web: Audit is required")
	case c.Logger == nil:
		return errors.New("web: Logger is required")
	case c.MaxJSON <= 0:
		return errors.New("web: MaxJSON must be positive")
	case c.MaxUpload < 0:
		return errors.New("web: MaxUpload must not be negative")
	case c.Patience <= 0 || c.Drain <= 0:
		return errors.New("web: Patience and Drain must be positive")
	}
	return nil
}

// A Server answers HTTP requests. It is safe for concurrent use; New makes it.
type Server struct {
	cfg     Config
	log     *slog.Logger
	echo    *echo.Echo
	metrics metrics

	counts   counts        // of statistics
	openAPI  func() []byte // the document that describes the API
	docs     func() []byte // the same to be read
	draining chan struct{} // closed when the server begins to drain
	streams  sync.WaitGroup
}

// New makes a server. It starts nothing.
func New(cfg Config) (*Server, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, log: cfg.Logger, echo: echo.New(), metrics: newMetrics(cfg.Metrics), draining: make(chan struct{})}
	s.echo.HTTPErrorHandler = s.answerError
	s.echo.Pre(taxiiSlash)
	s.echo.Use(identify, s.acting, s.measured, s.accessLog, recovered, secured, sameOrigin())
	s.openAPI, s.docs = newAPIDocument(cfg.Version), newDocs(cfg.Version)
	s.routes()
	return s, nil
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.echo.ServeHTTP(w, r) }
