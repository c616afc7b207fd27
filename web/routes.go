package web

import "github.com/labstack/echo/v4"

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
	s.classicRoutes(e)
	s.taxiiRoutes(e)
	v1 := e.Group("/api/v1")
	s.platformRoutes(v1)
	s.peopleRoutes(v1)
	s.dataRoutes(v1)
	s.questionRoutes(v1)
	s.graphRoutes(v1)
}

// classicRoutes are the classic API.
func (s *Server) classicRoutes(e *echo.Echo) {
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
}

// platformRoutes are about the server itself.
func (s *Server) platformRoutes(v1 *echo.Group) {
	v1.GET("/version", s.version)
	v1.GET("/backup", s.backup, s.signedIn, superuser)
	v1.GET("/doctor", s.doctor, s.signedIn, superuser)
	v1.GET("/audit", s.auditTrail, s.reading)
	v1.GET("/stats", s.stats, s.reading)
	v1.GET("/health", s.health, s.signedIn, superuser)
}

// peopleRoutes are about users, organisations and what they sign in with.
func (s *Server) peopleRoutes(v1 *echo.Group) {
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
}

// dataRoutes are about what comes in, and how it is taken back.
func (s *Server) dataRoutes(v1 *echo.Group) {
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
	v1.GET("/typetags", s.typetags, s.withAny)
	v1.POST("/raw/detect", s.detect, s.sending)
}

// questionRoutes are about queries and what they answer.
func (s *Server) questionRoutes(v1 *echo.Group) {
	v1.POST("/reports", s.ask, s.reading)
	v1.GET("/reports", s.reports, s.reading)
	v1.GET("/reports/:id", s.report, s.reading)
	v1.GET("/reports/:id/rows", s.rows, s.reading)
	v1.DELETE("/reports/:id", s.cancel, s.reading)
	v1.GET("/export", s.export, s.reading)
	v1.POST("/export", s.exportThese, s.reading)
	v1.GET("/saved", s.savedQueries, s.reading)
	v1.POST("/saved", s.saveQuery, s.signedIn)
	v1.GET("/saved/:id", s.savedQuery, s.reading)
	v1.PUT("/saved/:id", s.changeSaved, s.signedIn)
	v1.DELETE("/saved/:id", s.removeSaved, s.signedIn)
	v1.POST("/tdql/check", s.check, s.reading)
	v1.POST("/tdql/format", s.format, s.reading)
	v1.POST("/tdql/explain", s.explain, s.reading)
	v1.POST("/tdql/complete", s.complete, s.reading)
	v1.POST("/tdql/indicator", s.indicators, s.reading)
	v1.POST("/tdql/rewrite", s.rewrite, s.reading)
}

// graphRoutes are about single instances.
func (s *Server) graphRoutes(v1 *echo.Group) {
	v1.GET("/instances/:hash", s.instance, s.reading)
	v1.GET("/instances/:hash/neighbours", s.neighbours, s.reading)
	v1.PUT("/events/:hash/marking", s.mark, s.signedIn)
	v1.GET("/instances/:hash/comments", s.comments, s.reading)
	v1.POST("/instances/:hash/comments", s.addComment, s.signedIn)
	v1.DELETE("/comments/:id", s.removeComment, s.signedIn)
	v1.PUT("/events/:hash/category", s.classify, s.signedIn)
	v1.PUT("/events/:hash/context", s.setContext, s.signedIn)
	v1.DELETE("/events/:hash", s.removeEvent, s.signedIn)
}
