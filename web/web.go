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

// socketRoute is where websockets are opened.
const socketRoute = "/ws"

// routes is the table of everything that is served.
func (s *Server) routes() {
	e := s.echo
	s.page()
	e.GET("/openapi.json", s.serveOpenAPI)
	e.GET("/docs", s.serveDocs)
	e.GET("/docs.css", s.serveDocStyle)
	e.GET("/healthz", s.healthy)
	e.GET("/readyz", s.ready)
	e.GET(socketRoute, s.socket)

	// The classic API.
	e.GET("/ping", s.ping)
	e.POST("/raw", s.classicRaw, s.sending)
	e.POST("/query", s.classicQuery, s.reading)
	e.POST("/create/org", s.classicCreateOrg, s.signedIn)
	e.POST("/create/user", s.classicCreateUser, s.signedIn)
	e.POST("/org/add/user", s.classicAdd, s.signedIn)
	e.POST("/org/del/user", s.classicDelete, s.signedIn)
	e.POST("/org/info", s.classicInfo, s.signedIn)
	e.GET("/orgs/admin_of", s.classicAdminOf, s.reading)
	e.GET("/orgs/user_of", s.classicUserOf, s.reading)
	e.GET("/user/info/self", s.classicSelf, s.withAny)

	s.taxiiRoutes(e)

	v1 := e.Group("/api/v1")
	v1.GET("/version", s.version)
	v1.GET("/backup", s.backup, s.signedIn, superuser)
	v1.GET("/doctor", s.doctor, s.signedIn, superuser)
	v1.GET("/me", s.me, s.withAny)
	v1.GET("/orgs", s.orgs, s.reading)
	v1.POST("/orgs", s.createOrg, s.signedIn)
	v1.GET("/orgs/:org", s.org, s.signedIn)
	v1.PUT("/orgs/:org/members/:user", s.setMember, s.signedIn)
	v1.DELETE("/orgs/:org/members/:user", s.removeMember, s.signedIn)
	v1.POST("/session", s.openSession)
	v1.DELETE("/session", s.closeSession, s.withAny)
	v1.PUT("/me/password", s.changePassword, s.signedIn)
	v1.GET("/tokens", s.tokens, s.signedIn)
	v1.POST("/tokens", s.createToken, s.signedIn)
	v1.DELETE("/tokens/:id", s.revokeToken, s.signedIn)
	v1.GET("/users", s.users, s.signedIn, superuser)
	v1.POST("/users", s.createUser, s.signedIn, superuser)
	v1.PUT("/users/:user/password", s.setPassword, s.signedIn, superuser)
	v1.GET("/users/:user/tokens", s.tokens, s.signedIn, superuser)
	v1.POST("/users/:user/tokens", s.createToken, s.signedIn, superuser)
	v1.DELETE("/users/:user/tokens/:id", s.revokeToken, s.signedIn, superuser)
	v1.PUT("/users/:user/disabled", s.disableUser, s.signedIn, superuser)
	v1.GET("/audit", s.auditTrail, s.reading)
	v1.POST("/raw", s.raw, s.sending)
	v1.GET("/raw/:hash", s.rawRecord, s.reading)
	v1.GET("/uploads/:id", s.upload, s.withAny)
	v1.DELETE("/uploads/:id", s.removeUpload, s.signedIn)
	v1.DELETE("/orgs/:org/data", s.removeOrgData, s.signedIn, superuser)
	v1.GET("/removals", s.removals, s.signedIn)
	v1.GET("/removals/:id", s.removal, s.signedIn)
	v1.GET("/dead", s.deadLetters, s.signedIn)
	v1.GET("/dead/:id", s.deadLetter, s.signedIn)
	v1.POST("/dead/:id/retry", s.retryLetter, s.signedIn)
	v1.DELETE("/dead/:id", s.deleteLetter, s.signedIn)
	v1.POST("/reprocess", s.reprocess, s.signedIn)
	v1.GET("/reprocess", s.reprocessJobs, s.signedIn)
	v1.GET("/reprocess/:id", s.reprocessJob, s.signedIn)
	v1.DELETE("/reprocess/:id", s.cancelJob, s.signedIn)
	v1.POST("/sources", s.addSource, s.signedIn)
	v1.GET("/sources", s.sources, s.signedIn)
	v1.GET("/sources/:id", s.source, s.signedIn)
	v1.POST("/sources/:id/start", s.startSource, s.signedIn)
	v1.POST("/sources/:id/stop", s.stopSource, s.signedIn)
	v1.DELETE("/sources/:id", s.removeSource, s.signedIn)
	v1.POST("/reports", s.ask, s.reading)
	v1.GET("/reports", s.reports, s.reading)
	v1.GET("/reports/:id", s.report, s.reading)
	v1.GET("/reports/:id/rows", s.rows, s.reading)
	v1.DELETE("/reports/:id", s.cancel, s.reading)
	v1.GET("/export", s.export, s.reading)
	v1.POST("/export", s.exportThese, s.reading)
	v1.GET("/instances/:hash", s.instance, s.reading)
	v1.GET("/instances/:hash/neighbours", s.neighbours, s.reading)
	v1.PUT("/events/:hash/marking", s.mark, s.signedIn)
	v1.GET("/instances/:hash/comments", s.comments, s.reading)
	v1.POST("/instances/:hash/comments", s.addComment, s.signedIn)
	v1.DELETE("/comments/:id", s.removeComment, s.signedIn)
	v1.PUT("/events/:hash/category", s.classify, s.signedIn)
	v1.PUT("/events/:hash/context", s.setContext, s.signedIn)
	v1.DELETE("/events/:hash", s.removeEvent, s.signedIn)
	v1.GET("/saved", s.savedQueries, s.reading)
	v1.POST("/saved", s.saveQuery, s.signedIn)
	v1.GET("/saved/:id", s.savedQuery, s.reading)
	v1.PUT("/saved/:id", s.changeSaved, s.signedIn)
	v1.DELETE("/saved/:id", s.removeSaved, s.signedIn)
	v1.GET("/typetags", s.typetags, s.withAny)
	v1.POST("/raw/detect", s.detect, s.sending)
	v1.GET("/stats", s.stats, s.reading)
	v1.GET("/health", s.health, s.signedIn, superuser)
	v1.POST("/tdql/check", s.check, s.reading)
	v1.POST("/tdql/format", s.format, s.reading)
	v1.POST("/tdql/explain", s.explain, s.reading)
	v1.POST("/tdql/complete", s.complete, s.reading)
	v1.POST("/tdql/indicator", s.indicators, s.reading)
	v1.POST("/tdql/rewrite", s.rewrite, s.reading)
}
