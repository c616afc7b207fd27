package web

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/cybexp/cybexp/identity"
	"github.com/cybexp/cybexp/tahoe"
)

// An orgView is what a caller sees of an organisation: not who else is in it.
type orgView struct {
	Hash  tahoe.Hash `json:"hash"`
	Name  string     `json:"name"`
	Title string     `json:"title"`
	Admin bool       `json:"admin"` // whether the caller administers it, and so may upload for it
}

func viewOf(org identity.Org, user identity.User) orgView {
	return orgView{Hash: org.Hash, Name: org.Name, Title: org.Title, Admin: slices.Contains(org.Admins, user.Hash)}
}

// me is GET /api/v1/me.
func (s *Server) me(c echo.Context) error { return c.JSON(http.StatusOK, caller(c)) }

// orgs is GET /api/v1/orgs: the organisations whose data the caller may read.
func (s *Server) orgs(c echo.Context) error {
	user := caller(c)
	orgs, err := s.cfg.Identity.Readable(c.Request().Context(), user.Hash)
	if err != nil {
		return fmt.Errorf("list orgs: %w", err)
	}
	views := make([]orgView, len(orgs))
	for i, org := range orgs {
		views[i] = viewOf(org, user)
	}
	return c.JSON(http.StatusOK, map[string]any{"orgs": views})
}

// createOrg is POST /api/v1/orgs, for superusers only. The creator administers what they create.
func (s *Server) createOrg(c echo.Context) error {
	user := caller(c)
	if !user.Super {
		return refuse(http.StatusForbidden, "forbidden", "Only CYBEX-P admin can create org!")
	}
	var body struct {
		Name  string `json:"name"`
		Title string `json:"title"`
	}
	if err := s.decode(c, &body); err != nil {
		return err
	}
	if body.Name == "" {
		return badRequest("'name' is missing.")
	}
	org, err := s.cfg.Identity.CreateOrg(c.Request().Context(), user.Hash, identity.Org{Name: body.Name, Title: body.Title})
	switch {
	case errors.Is(err, identity.ErrExists):
		return refuse(http.StatusConflict, "exists", fmt.Sprintf("Orgname = %s already exists!", body.Name))
	case errors.Is(err, identity.ErrInvalid):
		return badRequest("Invalid input: " + strings.ReplaceAll(err.Error(), "\n", "; "))
	case err != nil:
		return fmt.Errorf("create org: %w", err)
	}
	return c.JSON(http.StatusCreated, viewOf(org, user))
}
