package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/cybexp/cybexp/identity"
	"github.com/cybexp/cybexp/notebook"
	"github.com/cybexp/cybexp/tahoe"
	"github.com/cybexp/cybexp/tdql"
)

// A savedView is a saved query as somebody who may see it sees it.
type savedView struct {
	notebook.Query

	OrgName   string `json:"org_name,omitempty"`
	OwnerName string `json:"owner_name"`
	Mine      bool   `json:"mine"`
}

// savedBody is the body of POST and PUT /api/v1/saved.
type savedBody struct {
	Name   string                 `json:"name"`
	TDQL   string                 `json:"tdql"`
	Params map[string]tahoe.Value `json:"params,omitzero"`
	Org    string                 `json:"org,omitzero"` // name or hash
	Watch  bool                   `json:"watch,omitzero"`
}

// notesReader is the caller as the notebook knows readers, and the organisations.
func (s *Server) notesReader(c echo.Context) (notebook.Reader, []identity.Org, error) {
	user := caller(c)
	orgs, err := s.cfg.Identity.Readable(c.Request().Context(), user.Hash)
	if err != nil {
		return notebook.Reader{}, nil, fmt.Errorf("list orgs: %w", err)
	}
	r := notebook.Reader{User: user.Hash, Orgs: make([]tahoe.Hash, len(orgs))}
	for i, o := range orgs {
		r.Orgs[i] = o.Hash
	}
	return r, orgs, nil
}

// readableOrg finds one of the caller's organisations by name or hash. Others are as good as none.
func readableOrg(orgs []identity.Org, text string) (identity.Org, error) {
	i := slices.IndexFunc(orgs, func(o identity.Org) bool { return o.Name == text || o.Hash.String() == text })
	if i < 0 {
		return identity.Org{}, badRequest(fmt.Sprintf("'org' %.100q is no organisation that you may read.", text))
	}
	return orgs[i], nil
}

// nameOf is the name of a user, "" if there is none any more.
func (s *Server) nameOf(ctx context.Context, user tahoe.Hash) string {
	u, err := s.cfg.Identity.User(ctx, user)
	if err != nil {
		return ""
	}
	return u.Name
}

func (s *Server) viewSaved(ctx context.Context, q notebook.Query, user tahoe.Hash, orgs []identity.Org) savedView {
	view := savedView{Query: q, OwnerName: s.nameOf(ctx, q.Owner), Mine: q.Owner == user}
	if i := slices.IndexFunc(orgs, func(o identity.Org) bool { return o.Hash == q.Org }); i >= 0 {
		view.OrgName = orgs[i].Name
	}
	return view
}

// savedQueries is GET /api/v1/saved: the caller's, and those shared with an organisation that they read.
func (s *Server) savedQueries(c echo.Context) error {
	r, orgs, err := s.notesReader(c)
	if err != nil {
		return err
	}
	list, err := s.cfg.Notebook.Queries(c.Request().Context(), r)
	if err != nil {
		return err
	}
	views := make([]savedView, len(list))
	for i, q := range list {
		views[i] = s.viewSaved(c.Request().Context(), q, r.User, orgs)
	}
	return c.JSON(http.StatusOK, map[string]any{"saved": views})
}

// savedQuery is GET /api/v1/saved/{id}.
func (s *Server) savedQuery(c echo.Context) error {
	r, orgs, err := s.notesReader(c)
	if err != nil {
		return err
	}
	q, err := s.cfg.Notebook.Query(c.Request().Context(), r, c.Param("id"))
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, s.viewSaved(c.Request().Context(), q, r.User, orgs))
}

// saveQuery is POST /api/v1/saved.
func (s *Server) saveQuery(c echo.Context) error {
	q, r, orgs, err := s.queryToSave(c)
	if err != nil {
		return err
	}
	if q, err = s.cfg.Notebook.Save(c.Request().Context(), q); err != nil {
		return err
	}
	c.Response().Header().Set(echo.HeaderLocation, "/api/v1/saved/"+q.ID)
	return c.JSON(http.StatusCreated, s.viewSaved(c.Request().Context(), q, r.User, orgs))
}

// changeSaved is PUT /api/v1/saved/{id}: all of it.
func (s *Server) changeSaved(c echo.Context) error {
	q, r, orgs, err := s.queryToSave(c)
	if err != nil {
		return err
	}
	q.ID = c.Param("id")
	if q, err = s.cfg.Notebook.Change(c.Request().Context(), r, q); err != nil {
		return err
	}
	return c.JSON(http.StatusOK, s.viewSaved(c.Request().Context(), q, r.User, orgs))
}

// queryToSave reads the body of a query to be saved, and checks the query as if it were asked now.
func (s *Server) queryToSave(c echo.Context) (q notebook.Query, r notebook.Reader, orgs []identity.Org, err error) {
	var body savedBody
	if err := s.decode(c, &body); err != nil {
		return q, r, nil, err
	}
	if r, orgs, err = s.notesReader(c); err != nil {
		return q, r, nil, err
	}
	q = notebook.Query{Name: body.Name, TDQL: body.TDQL, Params: body.Params, Watch: body.Watch, Owner: r.User}
	if body.Org != "" {
		org, err := readableOrg(orgs, body.Org)
		if err != nil {
			return q, r, nil, err
		}
		q.Org = org.Hash
	}
	query, err := tdql.Parse(q.TDQL)
	if err != nil {
		return q, r, nil, err
	}
	who, err := s.asker(c.Request().Context(), caller(c))
	if err != nil {
		return q, r, nil, err
	}
	plan, _, err := tdql.Check(query, tdql.Env{Now: time.Now(), Orgs: who.Orgs, Params: q.Params})
	if err == nil && q.Watch && !plan.Watch() {
		err = badRequest("Only a query that begins with watch can be one.")
	}
	return q, r, orgs, err
}

// removeSaved is DELETE /api/v1/saved/{id}.
func (s *Server) removeSaved(c echo.Context) error {
	r, _, err := s.notesReader(c)
	if err != nil {
		return err
	}
	if err := s.cfg.Notebook.Remove(c.Request().Context(), r, c.Param("id")); err != nil {
		return err
	}
	if err := s.cfg.Taxii.Forget(c.Request().Context(), r.User, c.Param("id")); err != nil {
		s.log.WarnContext(c.Request().Context(), "index of a collection not removed", "err", err) // it is forgotten in time
	}
	return c.NoContent(http.StatusNoContent)
}

// noteProblem is the part of problemOf that knows the notebook; nil for any other error.
func noteProblem(err error) *problem {
	switch {
	case errors.Is(err, notebook.ErrInvalid):
		return badRequest("Invalid input: " + reason(err, notebook.ErrInvalid))
	case errors.Is(err, notebook.ErrExists):
		return refuse(http.StatusConflict, "exists", "You have saved a query of this name.")
	case errors.Is(err, notebook.ErrFull):
		return refuse(http.StatusConflict, "full", "There are as many as may be: delete some first.")
	case errors.Is(err, notebook.ErrNotYours):
		return forbidden("Only who saved it may change it.")
	case errors.Is(err, notebook.ErrNotFound):
		return refuse(http.StatusNotFound, "no-note", "There is no such saved query or comment.")
	}
	return nil
}
