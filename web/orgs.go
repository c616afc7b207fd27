package web

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

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

	Member bool `json:"member"` // whether the caller belongs to it: a reader need not
}

func viewOf(org identity.Org, user identity.User) orgView {
	return orgView{Hash: org.Hash, Name: org.Name, Title: org.Title, Admin: slices.Contains(org.Admins, user.Hash), Member: slices.Contains(org.Users, user.Hash)}
}

// me is GET /api/v1/me.
func (s *Server) me(c echo.Context) error { return c.JSON(http.StatusOK, caller(c)) }

// orgs is GET /api/v1/orgs: the organisations whose data the caller may read, or with ?role= those in which the caller has a role.
func (s *Server) orgs(c echo.Context) error {
	role, err := identity.ParseRole(cmp.Or(c.QueryParam("role"), "reader"))
	if err != nil {
		return identityProblem(err)
	}
	part := [...]func(context.Context, tahoe.Hash) ([]identity.Org, error){
		identity.Reader: s.cfg.Identity.Readable, identity.Member: s.cfg.Identity.MemberOf, identity.Admin: s.cfg.Identity.AdminOf,
	}
	user := caller(c)
	orgs, err := part[role](c.Request().Context(), user.Hash)
	if err != nil {
		return fmt.Errorf("list orgs: %w", err)
	}
	views := make([]orgView, len(orgs))
	for i, org := range orgs {
		views[i] = viewOf(org, user)
	}
	return c.JSON(http.StatusOK, map[string]any{"orgs": views})
}

// newOrg is the body of POST /api/v1/orgs. People are named by e-mail address or hash.
type newOrg struct {
	Name   string   `json:"name"`
	Title  string   `json:"title,omitzero"`
	Users  []string `json:"users,omitzero"`
	Admins []string `json:"admins,omitzero"`
}

// createOrg is POST /api/v1/orgs, for superusers only. Unless administrators are named, the creator administers what they create.
func (s *Server) createOrg(c echo.Context) error {
	user := caller(c)
	if !user.Super {
		return forbidden("Only superusers may make organisations.")
	}
	var body newOrg
	if err := s.decode(c, &body); err != nil {
		return err
	}
	admins, err1 := s.findUsers(c, body.Admins)
	users, err2 := s.findUsers(c, body.Users)
	if err := errors.Join(err1, err2); err != nil {
		return identityProblem(err)
	}
	made := identity.Org{Name: body.Name, Title: body.Title, Admins: admins, Users: append(users, admins...)}
	org, err := s.cfg.Identity.CreateOrg(c.Request().Context(), user.Hash, made)
	switch {
	case errors.Is(err, identity.ErrExists):
		return refuse(http.StatusConflict, "exists", fmt.Sprintf("There is an organisation %q already. Choose another name.", body.Name))
	case err != nil:
		return identityProblem(err)
	}
	return c.JSON(http.StatusCreated, viewOf(org, user))
}

// findUsers finds the hashes of users named by e-mail address or hash.
func (s *Server) findUsers(c echo.Context, texts []string) ([]tahoe.Hash, error) {
	hashes := make([]tahoe.Hash, 0, len(texts))
	for _, text := range texts {
		u, err := s.cfg.Identity.FindUser(c.Request().Context(), text)
		if errors.Is(err, identity.ErrNotFound) {
			err = &identity.UnknownUserError{Text: text}
		}
		if err != nil {
			return nil, err
		}
		hashes = append(hashes, u.Hash)
	}
	return hashes, nil
}
