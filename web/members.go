package web

import (
	"errors"
	"net/http"
	"slices"

	"github.com/labstack/echo/v4"

	"github.com/cybexp/cybexp/identity"
	"github.com/cybexp/cybexp/tahoe"
)

// A memberView is what an administrator sees of somebody in the organisation.
type memberView struct {
	identity.User
	Role  string `json:"role"`  // admin, member or reader
	Reads bool   `json:"reads"` // on the reading list
}

// orgToRun finds the organisation of the path for who may change it: its administrators, and superusers. For who does not read it,
// there is none.
func (s *Server) orgToRun(c echo.Context) (identity.Org, error) {
	none := refuse(http.StatusNotFound, "no-org", "There is no such organisation.")
	text, err := pathParam(c, "org")
	if err != nil {
		return identity.Org{}, none
	}
	org, err := s.cfg.Identity.FindOrg(c.Request().Context(), text)
	user := caller(c)
	switch {
	case errors.Is(err, identity.ErrNotFound):
		return org, none
	case err != nil, user.Super, slices.Contains(org.Admins, user.Hash):
		return org, err
	case slices.Contains(org.ACL, user.Hash):
		return org, notAdmin("").denying(org.Hash)
	}
	return org, none.denying(org.Hash)
}

// org is GET /api/v1/orgs/{org}: its people.
func (s *Server) org(c echo.Context) error {
	org, err := s.orgToRun(c)
	if err != nil {
		return err
	}
	return s.answerOrg(c, org)
}

func (s *Server) answerOrg(c echo.Context, org identity.Org) error {
	members := []memberView{}
	seen := map[tahoe.Hash]bool{}
	for _, h := range slices.Concat(org.Admins, org.Users, org.ACL) {
		if seen[h] {
			continue
		}
		seen[h] = true
		u, err := s.cfg.Identity.User(c.Request().Context(), h)
		if err != nil {
			return err
		}
		role := "reader"
		switch {
		case slices.Contains(org.Admins, h):
			role = "admin"
		case slices.Contains(org.Users, h):
			role = "member"
		}
		members = append(members, memberView{u, role, slices.Contains(org.ACL, h)})
	}
	return c.JSON(http.StatusOK, struct {
		orgView
		Members []memberView `json:"members"`
	}{viewOf(org, caller(c)), members})
}

// memberBody is the body of PUT /api/v1/orgs/{org}/members/{user}.
type memberBody struct {
	Role  string `json:"role"`
	Reads *bool  `json:"reads,omitzero"` // false keeps a member off the reading list
}

// setMember is PUT /api/v1/orgs/{org}/members/{user}: what the user is to the organisation from now on.
func (s *Server) setMember(c echo.Context) error {
	var body memberBody
	if err := s.decode(c, &body); err != nil {
		return err
	}
	org, err := s.orgToRun(c)
	if err != nil {
		return err
	}
	role, err := identity.ParseRole(body.Role)
	if err != nil {
		return identityProblem(err)
	}
	user, err := s.userOf(c)
	if err != nil {
		return identityProblem(err)
	}
	org, err = s.cfg.Identity.SetRole(c.Request().Context(), org.Hash, user.Hash, role, body.Reads != nil && !*body.Reads)
	if err != nil {
		return identityProblem(err)
	}
	return s.answerOrg(c, org)
}

// removeMember is DELETE /api/v1/orgs/{org}/members/{user}: the user is nothing to the organisation any more.
func (s *Server) removeMember(c echo.Context) error {
	org, err := s.orgToRun(c)
	if err != nil {
		return err
	}
	user, err := s.userOf(c)
	if err != nil {
		return identityProblem(err)
	}
	org, err = s.cfg.Identity.Remove(c.Request().Context(), org.Hash, []tahoe.Hash{user.Hash}, identity.Removal{All: true})
	if err != nil {
		return identityProblem(err)
	}
	return s.answerOrg(c, org)
}
