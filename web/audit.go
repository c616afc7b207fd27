package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/cybexp/cybexp/audit"
	"github.com/cybexp/cybexp/identity"
	"github.com/cybexp/cybexp/tahoe"
)

// acting puts into the request's context where it came from, for the audit trail. Who it is, is added when that is known.
func (s *Server) acting(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		s.actAs(c, identity.User{}, "")
		return next(c)
	}
}

// actAs makes a user the one who acts from now on, with a token of the ID.
func (s *Server) actAs(c echo.Context, u identity.User, token string) {
	who := audit.Actor{User: u.Hash, Email: u.Email, Token: token, Request: requestID(c)}
	if from := s.address(c); from.IsValid() {
		who.Address = from.String()
	}
	c.SetRequest(c.Request().WithContext(audit.With(c.Request().Context(), who)))
}

// noteRefusal tells the audit trail of a caller who was not let in, or not allowed to do what they tried. Sign-ins tell of themselves.
func (s *Server) noteRefusal(c echo.Context, p *problem) {
	refused := p.denied || p.Status == http.StatusUnauthorized || p.Status == http.StatusForbidden
	if !refused || p.Type == typeOf(codeSignIn) {
		return
	}
	s.cfg.Audit.Note(c.Request().Context(), audit.Entry{
		Action: audit.Access, Outcome: audit.Refused, Orgs: p.orgs,
		Detail: map[string]string{"method": c.Request().Method, "route": c.Path(), "why": p.Detail},
	})
}

// auditTrail is GET /api/v1/audit: what was done, oldest first. Superusers see all of it, administrators what concerns their organisations.
func (s *Server) auditTrail(c echo.Context) error {
	filter, err := auditFilter(c)
	if err != nil {
		return err
	}
	limit, err := pageSize(c)
	if err != nil {
		return err
	}
	media, err := acceptable(c.Request().Header.Values(echo.HeaderAccept))
	if err != nil {
		return err
	}
	if media == mediaSTIX || media == mediaReport {
		return refuse(http.StatusNotAcceptable, "not-acceptable", "The audit trail is application/x-ndjson, application/json or text/csv.")
	}
	view, err := s.auditView(c)
	if err != nil {
		return err
	}
	filter.Orgs = view.orgs
	if filter.After == 0 {
		query, err := url.QueryUnescape(c.QueryString())
		if err != nil {
			query = c.QueryString()
		}
		s.cfg.Audit.Note(c.Request().Context(), audit.Entry{Action: audit.AuditRead, Orgs: filter.Orgs, Detail: map[string]string{"query": query}})
	}
	return s.writeAudit(c, filter, view, limit, media)
}

// auditList marks cursors of the audit trail.
const auditList = "audit"

// auditFilter reads the query string, all but the organisation.
func auditFilter(c echo.Context) (f audit.Filter, err error) {
	f.Action = c.QueryParam("action")
	for name, at := range map[string]*time.Time{"since": &f.Since, "until": &f.Until} {
		text := c.QueryParam(name)
		if text == "" {
			continue
		}
		if *at, err = time.Parse(time.RFC3339, text); err != nil {
			return f, badRequest("'" + name + "' must be a time such as 2026-01-31T00:00:00Z.")
		}
	}
	if text := c.QueryParam("cursor"); text != "" {
		f.After, _, err = readCursor(auditList, text)
	}
	return f, err
}

// auditView is how much of the audit trail a caller sees.
type auditView struct {
	orgs   []tahoe.Hash // nil is all
	whole  bool         // records as they are kept
	reader tahoe.Hash
	people map[tahoe.Hash]bool // members of the organisations
}

// auditView finds out what the caller may see: of the organisation that ?org= names, or else of all that they administer.
func (s *Server) auditView(c echo.Context) (auditView, error) {
	user, text := caller(c), c.QueryParam("org")
	view := auditView{whole: user.Super, reader: user.Hash, people: map[tahoe.Hash]bool{}}
	orgs, err := s.cfg.Identity.AdminOf(c.Request().Context(), user.Hash)
	switch {
	case err != nil:
		return view, fmt.Errorf("list orgs: %w", err)
	case text == "" && user.Super:
		return view, nil
	case text == "" && len(orgs) == 0:
		return view, forbidden("The audit trail is for administrators of an organisation, and for superusers.")
	case text != "":
		org, err := s.cfg.Identity.FindOrg(c.Request().Context(), text)
		none := refuse(http.StatusNotFound, "no-org", "You administer no such organisation.")
		switch {
		case errors.Is(err, identity.ErrNotFound):
			return view, none
		case err != nil:
			return view, fmt.Errorf("find org: %w", err)
		case !user.Super && !slices.Contains(org.Admins, user.Hash):
			return view, none.denying(org.Hash)
		}
		orgs = []identity.Org{org}
	}
	for _, org := range orgs {
		view.orgs = append(view.orgs, org.Hash)
		for _, member := range org.Users {
			view.people[member] = true
		}
	}
	return view, nil
}

// text is a record as the caller sees it.
func (v auditView) text(line audit.Line) (json.RawMessage, error) {
	if v.whole {
		return line.Text, nil
	}
	actor, err := tahoe.ParseHash(line.User)
	return json.Marshal(line.For(v.reader, v.orgs, err == nil && v.people[actor]))
}

// writeAudit answers with a page of records, or, without a limit, with all.
func (s *Server) writeAudit(c echo.Context, filter audit.Filter, view auditView, limit int, media string) error {
	ctx, done := s.streaming(c.Request().Context())
	defer done()
	size := limit
	if limit == 0 {
		size = maxPage
	}
	out := newRowStream(c, media, newRowFormat(c.Response(), media, ""))
	out.name = "audit"
	for {
		lines, next, err := s.cfg.Audit.Read(ctx, filter, size)
		if err != nil {
			return s.cut(ctx, out, err)
		}
		if limit > 0 && next > 0 {
			linkNext(c, c.Response().Header(), limit, newCursor(auditList, next, ""))
		}
		if err := out.lines(lines, view); err != nil {
			return s.cut(ctx, out, err)
		}
		if limit > 0 || next == 0 {
			return out.format.end()
		}
		filter.After = next
	}
}

// lines writes some records.
func (r *rowStream) lines(lines []audit.Line, view auditView) error {
	r.patience()
	if err := r.commit(audit.Fields); err != nil {
		return err
	}
	for _, line := range lines {
		text, err := view.text(line)
		if err == nil {
			err = r.format.row(text)
		}
		if err != nil {
			return err
		}
	}
	return r.conn.Flush()
}
