package web

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/cybexp/cybexp/audit"
	"github.com/cybexp/cybexp/identity"
	"github.com/cybexp/cybexp/ingest/source"
	"github.com/cybexp/cybexp/tahoe"
)

// newSource is the body of POST /api/v1/sources. The secret goes in and never comes out.
type newSource struct {
	Name     string        `json:"name"`
	Kind     source.Kind   `json:"kind"`
	Org      string        `json:"org"` // name or hash
	Typetag  string        `json:"typetag"`
	Timezone string        `json:"timezone,omitzero"`
	Marking  tahoe.Marking `json:"tlp,omitzero"`
	Period   source.Period `json:"period,omitzero"`
	source.Settings

	Secret  string `json:"secret,omitzero"`
	Stopped bool   `json:"stopped,omitzero"` // it is not started yet
}

// addSource is POST /api/v1/sources, for who administers the organisation.
func (s *Server) addSource(c echo.Context) error {
	var body newSource
	if err := s.decode(c, &body); err != nil {
		return err
	}
	org, err := s.uploadOrg(c, "org", body.Org)
	if err != nil {
		return err
	}
	src, err := s.cfg.Sources.Add(c.Request().Context(), source.Source{
		Name: body.Name, Kind: body.Kind, Org: org.Hash, User: caller(c).Hash, Typetag: body.Typetag, Timezone: body.Timezone, Marking: body.Marking,
		Period: body.Period, Settings: body.Settings, Enabled: !body.Stopped,
	}, body.Secret)
	if err != nil {
		return fmt.Errorf("add source: %w", err)
	}
	s.cfg.Audit.Note(c.Request().Context(), aboutSource(audit.SourceAdd, src))
	c.Response().Header().Set(echo.HeaderLocation, "/api/v1/sources/"+src.ID)
	return s.tellSource(c, http.StatusCreated, src)
}

// sources is GET /api/v1/sources: those of the organisations that the caller administers, or of one of them.
func (s *Server) sources(c echo.Context) error {
	ctx := c.Request().Context()
	var orgs []identity.Org
	if name := c.QueryParam("org"); name != "" {
		org, err := s.uploadOrg(c, "org", name)
		if err != nil {
			return err
		}
		orgs = append(orgs, org)
	} else {
		var err error
		if orgs, err = s.cfg.Identity.AdminOf(ctx, caller(c).Hash); err != nil {
			return fmt.Errorf("list orgs: %w", err)
		}
	}
	hashes := make([]tahoe.Hash, len(orgs))
	for i, org := range orgs {
		hashes[i] = org.Hash
	}
	list, err := s.cfg.Sources.Sources(ctx, hashes...)
	if err != nil {
		return fmt.Errorf("list sources: %w", err)
	}
	told := make([]source.Status, len(list))
	for i, src := range list {
		if told[i], err = s.cfg.Sources.Status(ctx, src); err != nil {
			return fmt.Errorf("look up source: %w", err)
		}
	}
	return c.JSON(http.StatusOK, map[string]any{"sources": told})
}

// source is GET /api/v1/sources/{id}.
func (s *Server) source(c echo.Context) error {
	src, err := s.callersSource(c)
	if err != nil {
		return err
	}
	return s.tellSource(c, http.StatusOK, src)
}

// startSource is POST /api/v1/sources/{id}/start: now, also when it waits after an error.
func (s *Server) startSource(c echo.Context) error { return s.enableSource(c, true) }

// stopSource is POST /api/v1/sources/{id}/stop.
func (s *Server) stopSource(c echo.Context) error { return s.enableSource(c, false) }

func (s *Server) enableSource(c echo.Context, on bool) error {
	src, err := s.callersSource(c)
	if err != nil {
		return err
	}
	if src, err = s.cfg.Sources.Enable(c.Request().Context(), src.ID, on); err != nil {
		return fmt.Errorf("start or stop source: %w", err)
	}
	action := audit.SourceStop
	if on {
		action = audit.SourceStart
	}
	s.cfg.Audit.Note(c.Request().Context(), aboutSource(action, src))
	return s.tellSource(c, http.StatusOK, src)
}

// removeSource is DELETE /api/v1/sources/{id}.
func (s *Server) removeSource(c echo.Context) error {
	src, err := s.callersSource(c)
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	if err := s.cfg.Audit.Do(ctx, aboutSource(audit.SourceRemove, src), func() error { return s.cfg.Sources.Remove(ctx, src.ID) }); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

// aboutSource is what was done to a source.
func aboutSource(action audit.Action, src source.Source) audit.Entry {
	return audit.Entry{
		Action: action, Orgs: []tahoe.Hash{src.Org}, Object: src.ID,
		Detail: map[string]string{"name": src.Name, "kind": string(src.Kind), "typetag": src.Typetag},
	}
}

// callersSource finds the source of a request. To who does not administer its organisation there is none.
func (s *Server) callersSource(c echo.Context) (source.Source, error) {
	ctx := c.Request().Context()
	src, err := s.cfg.Sources.Source(ctx, c.Param("id"))
	if err != nil {
		return src, fmt.Errorf("look up source: %w", err)
	}
	admin, err := s.cfg.Identity.Administers(ctx, caller(c).Hash, src.Org)
	if err != nil {
		return src, fmt.Errorf("check administrator: %w", err)
	}
	if !admin {
		return src, sourceProblem(source.ErrNotFound).denying(src.Org)
	}
	return src, nil
}

func (s *Server) tellSource(c echo.Context, code int, src source.Source) error {
	status, err := s.cfg.Sources.Status(c.Request().Context(), src)
	if err != nil {
		return fmt.Errorf("look up source: %w", err)
	}
	return c.JSON(code, status)
}

// sourceProblem is the part of problemOf that knows sources; nil for any other error.
func sourceProblem(err error) *problem {
	switch {
	case errors.Is(err, source.ErrInvalid):
		_, reason, _ := strings.Cut(err.Error(), source.ErrInvalid.Error()+": ")
		return badRequest("Invalid source: " + reason)
	case errors.Is(err, source.ErrExists):
		return refuse(http.StatusConflict, "exists", "The organisation has a source of this name.")
	case errors.Is(err, source.ErrNotFound):
		return refuse(http.StatusNotFound, "no-source", "There is no such source.")
	}
	return nil
}
