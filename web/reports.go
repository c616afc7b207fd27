package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/labstack/echo/v4"

	"github.com/cybexp/cybexp/audit"
	"github.com/cybexp/cybexp/identity"
	"github.com/cybexp/cybexp/reportd"
	"github.com/cybexp/cybexp/tahoe"
	"github.com/cybexp/cybexp/tdql"
)

// A question is the body of everything that takes a query as text.
type question struct {
	TDQL   string                 `json:"tdql"`
	Params map[string]tahoe.Value `json:"params,omitzero"`
	Redo   bool                   `json:"redo,omitzero"`
}

// asker is the caller as reportd knows callers: with what they may read at this moment.
func (s *Server) asker(ctx context.Context, user identity.User) (reportd.Caller, error) {
	orgs, err := s.readable(ctx, user)
	who := audit.Who(ctx)
	asked := func(ctx context.Context, r reportd.Report) { s.noteQuestion(audit.With(ctx, who), user, r) }
	return reportd.Caller{ID: user.Hash.String(), Orgs: orgs, Asked: asked}, err
}

// noteQuestion tells the audit trail what was asked; it concerns the organisations that the asker reads.
func (s *Server) noteQuestion(ctx context.Context, user identity.User, r reportd.Report) {
	deed := audit.Entry{Action: audit.Ask, Object: r.ID, Query: r.Canonical}
	orgs, err := s.readable(ctx, user)
	if err != nil {
		deed.Detail = map[string]string{"orgs": "not known"}
	}
	for _, o := range orgs {
		deed.Orgs = append(deed.Orgs, o.Hash)
	}
	s.cfg.Audit.Note(ctx, deed)
}

func (s *Server) readable(ctx context.Context, user identity.User) ([]tdql.Org, error) {
	return Rights(ctx, s.cfg.Identity, user.Hash)
}

// Rights are what a user may read at this moment, as queries are checked against them.
func Rights(ctx context.Context, users *identity.Service, user tahoe.Hash) ([]tdql.Org, error) {
	orgs, err := users.Readable(ctx, user)
	if err != nil {
		return nil, fmt.Errorf("list readable orgs: %w", err)
	}
	rights := make([]tdql.Org, len(orgs))
	for i, o := range orgs {
		rights[i] = tdql.Org{Hash: o.Hash, Name: o.Name, Sees: o.Sees(user)}
	}
	return rights, nil
}

// ask is POST /api/v1/reports: 201 when the report is there already, 202 when it is being made.
func (s *Server) ask(c echo.Context) error {
	var q question
	if err := s.decode(c, &q); err != nil {
		return err
	}
	ctx := c.Request().Context()
	who, err := s.asker(ctx, caller(c))
	if err != nil {
		return err
	}
	report, err := s.cfg.Reports.Submit(ctx, who, reportd.Request{TDQL: q.TDQL, Params: q.Params, Shared: true, Redo: q.Redo})
	if err != nil {
		return fmt.Errorf("submit report: %w", err)
	}
	c.Response().Header().Set(echo.HeaderLocation, "/api/v1/reports/"+report.ID)
	if report.Status.Ended() {
		return c.JSON(http.StatusCreated, report)
	}
	return c.JSON(http.StatusAccepted, report)
}

// reports is GET /api/v1/reports: the caller's reports that are kept, newest first, or a page of them.
func (s *Server) reports(c echo.Context) error {
	who := owner(c)
	limit, err := pageSize(c)
	if err != nil {
		return err
	}
	list, err := s.cfg.Reports.Reports(c.Request().Context(), who)
	if err != nil {
		return fmt.Errorf("list reports: %w", err)
	}
	if text := c.QueryParam("cursor"); text != "" {
		at, id, err := readCursor(who.ID, text)
		if err != nil {
			return err
		}
		list = slices.DeleteFunc(list, func(r reportd.Report) bool {
			made := uint64(r.Created.UnixNano())
			return made > at || made == at && r.ID <= id
		})
	}
	if limit > 0 && len(list) > limit {
		list = list[:limit]
		last := list[limit-1]
		linkNext(c, c.Response().Header(), limit, newCursor(who.ID, uint64(last.Created.UnixNano()), last.ID))
	}
	return c.JSON(http.StatusOK, map[string]any{"reports": list})
}

// report is GET /api/v1/reports/{id}.
func (s *Server) report(c echo.Context) error {
	report, err := s.cfg.Reports.Report(c.Request().Context(), owner(c), c.Param("id"))
	if err != nil {
		return fmt.Errorf("load report: %w", err)
	}
	return c.JSON(http.StatusOK, report)
}

// cancel is DELETE /api/v1/reports/{id}. To cancel what has ended changes nothing.
func (s *Server) cancel(c echo.Context) error {
	err := s.cfg.Reports.Cancel(c.Request().Context(), owner(c), c.Param("id"))
	if err != nil && !errors.Is(err, reportd.ErrFinished) {
		return fmt.Errorf("cancel report: %w", err)
	}
	return c.NoContent(http.StatusNoContent)
}

// owner is the caller as far as reportd must know them to find their reports.
func owner(c echo.Context) reportd.Caller {
	return reportd.Caller{ID: caller(c).Hash.String()}
}

// socket is GET /ws. A caller who sends a token or the page's cookie with the request is signed in; others sign in with their first
// message. A page of another site has neither: the cookie is not sent for it, and its origin is refused.
func (s *Server) socket(c echo.Context) error {
	cfg := reportd.SocketConfig{SignIn: func(ctx context.Context, token string) (reportd.Caller, error) {
		who, err := s.socketSignIn(ctx, token)
		if p := problemOf(err); err != nil {
			s.noteRefusal(c, p)
		}
		return who, err
	}}
	if token, err := s.tokenOf(c); err == nil {
		who, err := cfg.SignIn(c.Request().Context(), token)
		var refused *problem
		stale := c.Request().Header.Get(echo.HeaderAuthorization) == "" && errors.As(err, &refused) // a cookie: they may have a token
		switch {
		case err == nil:
			cfg.Caller = &who
		case !stale:
			return err // which tells of itself once more, but is thinned
		}
	} else if c.Request().Header.Get(echo.HeaderAuthorization) != "" {
		return err
	}
	_, done := s.streaming(c.Request().Context())
	defer done()
	s.cfg.Reports.ServeSocket(c.Response(), c.Request(), cfg)
	return nil
}

// socketSignIn finds out who asks over a websocket, and looks again now and then whether the token is good still.
func (s *Server) socketSignIn(ctx context.Context, token string) (reportd.Caller, error) {
	who, err := s.authenticate(ctx, token, identity.Read)
	if err != nil {
		return reportd.Caller{}, err
	}
	actor := audit.Who(ctx)
	actor.User, actor.Email, actor.Token = who.User.Hash, who.User.Email, who.Token.ID
	asker, err := s.asker(audit.With(ctx, actor), who.User)
	asker.Still = func(ctx context.Context) error {
		_, err := s.authenticate(ctx, token, identity.Read)
		var refused *problem
		if errors.As(err, &refused) {
			return refused
		}
		return nil // a store that does not answer signs nobody out
	}
	return asker, err
}
