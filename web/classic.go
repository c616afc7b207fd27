package web

import (
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/labstack/echo/v4"

	"github.com/cybexp/cybexp/identity"
	"github.com/cybexp/cybexp/tahoe"
)

// classicProblem is identityProblem with the original's texts, all of them 400.
func classicProblem(err error) error {
	if errors.Is(err, identity.ErrRole) {
		return badRequest(memberText(err, (*identity.MemberError).Classic))
	}
	return identityProblem(err)
}

func said(c echo.Context, status int, message string) error {
	return c.JSON(status, map[string]string{"message": message})
}

func see(c echo.Context, result any) error {
	return c.JSON(http.StatusOK, map[string]any{"result": result, "message": "See result."})
}

// orgDocument is the TAHOE document of an organisation.
func (s *Server) orgDocument(c echo.Context, org identity.Org) (identity.Document, error) {
	return org.Document(func(h tahoe.Hash) (identity.User, error) { return s.cfg.Identity.User(c.Request().Context(), h) })
}

// classicCreateOrg is POST /create/org.
func (s *Server) classicCreateOrg(c echo.Context) error {
	b, err := decodeOld[oldCreateOrg](s, c, keyError)
	if err != nil {
		return err
	}
	user := caller(c)
	if !user.Super {
		return forbidden("Only CYBEX-P admin can create org!")
	}
	users, err1 := hashesOf(b.User)
	admins, err2 := hashesOf(b.Admin)
	if err := errors.Join(err1, err2); err != nil {
		return classicProblem(err)
	}
	made := identity.Org{Name: b.Orgname, Title: b.Name, Users: users, Admins: admins}
	org, err := s.cfg.Identity.CreateOrg(c.Request().Context(), user.Hash, made)
	if errors.Is(err, identity.ErrExists) {
		return badRequest(fmt.Sprintf("Orgname = %s already exists!", b.Orgname))
	}
	if err != nil {
		return classicProblem(err)
	}
	doc, err := s.orgDocument(c, org)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusCreated, map[string]any{"message": "Org created!", "result": doc})
}

// classicCreateUser is POST /create/user.
func (s *Server) classicCreateUser(c echo.Context) error {
	b, err := decodeOld[oldCreateUser](s, c, keyError)
	if err != nil {
		return err
	}
	if b.Password != b.Password2 {
		return badRequest("Passwords do not match!")
	}
	if !caller(c).Super {
		return forbidden("Only CYBEX-P admin can create user!")
	}
	if err := identity.CheckPassword(identity.User{Email: b.Email, Name: b.Name}, b.Password); err != nil {
		return classicProblem(err)
	}
	user, err := s.newUser(c, identity.User{Email: b.Email, Name: b.Name}, b.Password)
	if errors.Is(err, identity.ErrExists) {
		return badRequest(fmt.Sprintf("Username/email = %s already exists!", b.Email))
	}
	if err != nil {
		return classicProblem(err)
	}
	token := identity.Token{Label: "made with the user", Right: identity.Full}
	text, _, err := s.cfg.Identity.IssueToken(c.Request().Context(), user.Hash, token, tokenLife)
	if err != nil {
		return err
	}
	c.Response().Header().Set("Cache-Control", "no-store")
	return c.JSON(http.StatusCreated, map[string]any{"message": "User created!", "result": user.Document(), "token": text})
}

// runsOrg finds the organisation that a classic call is about, for its administrators only. The original spelt the texts
// differently in each call.
func (s *Server) runsOrg(c echo.Context, text, unknown, refused string) (identity.Org, error) {
	h, err := tahoe.ParseHash(text)
	if err != nil {
		return identity.Org{}, badRequest(unknown)
	}
	org, err := s.cfg.Identity.Org(c.Request().Context(), h)
	switch {
	case errors.Is(err, identity.ErrNotFound):
		return org, badRequest(unknown)
	case err == nil && !slices.Contains(org.Admins, caller(c).Hash):
		return org, notAdmin(refused).denying(org.Hash)
	}
	return org, err
}

// classicAdd is POST /org/add/user.
func (s *Server) classicAdd(c echo.Context) error {
	b, err := decodeOld[oldAdd](s, c, keyError)
	if err != nil {
		return err
	}
	org, err := s.runsOrg(c, b.OrgHash, "Invalid org hash.", "You are not an admin of this org.")
	if err != nil {
		return err
	}
	var role identity.Role
	switch {
	case b.AddTo.has("all", "admin"):
		role = identity.Admin
	case b.AddTo.has("user"):
		role = identity.Member
	case b.AddTo.has("acl"):
		role = identity.Reader
	default:
		return badRequest("Invalid 'add_to'!")
	}
	users, err := hashesOf(b.User)
	if err == nil {
		_, err = s.cfg.Identity.Add(c.Request().Context(), org.Hash, users, role)
	}
	if err != nil {
		return classicProblem(err)
	}
	return said(c, http.StatusCreated, "User/s successfully added!")
}

// classicDelete is POST /org/del/user.
func (s *Server) classicDelete(c echo.Context) error {
	b, err := decodeOld[oldDelete](s, c, keyError)
	if err != nil {
		return err
	}
	org, err := s.runsOrg(c, b.OrgHash, "Invalid org hash!", "You are not an admin of this org!")
	if err != nil {
		return err
	}
	from := b.DelFrom
	odd := func(s string) bool { return !slices.Contains([]string{"acl", "user", "admin", "all"}, s) }
	if len(from) == 0 || slices.ContainsFunc(from, odd) {
		return badRequest("Invalid 'del_from'!")
	}
	what := identity.Removal{Reader: from.has("acl"), Member: from.has("user"), Admin: from.has("admin"), All: from.has("all")}
	users, err := hashesOf(b.User)
	if err == nil {
		_, err = s.cfg.Identity.Remove(c.Request().Context(), org.Hash, users, what)
	}
	if err != nil {
		return classicProblem(err)
	}
	return said(c, http.StatusCreated, "User/s successfully deleted!")
}

// classicInfo is POST /org/info.
func (s *Server) classicInfo(c echo.Context) error {
	b, err := decodeOld[oldInfo](s, c, "Invalid input: "+keyError+" '%[1]s'!")
	if err != nil {
		return err
	}
	org, err := s.runsOrg(c, b.OrgHash, "Invalid Org hash!", "You are not an admin of this Org!")
	if err != nil {
		return err
	}
	wanted := words{"all"}
	if b.ReturnType != nil {
		wanted = *b.ReturnType
	}
	for _, w := range wanted {
		if !slices.Contains([]string{"admin", "user", "acl", "all"}, w) {
			return badRequest("Invalid return_type='" + w + "'")
		}
	}
	result := map[string]any{}
	for part, hashes := range map[string][]tahoe.Hash{"admin": org.Admins, "user": org.Users} {
		if !wanted.has(part, "all") {
			continue
		}
		if result[part], err = s.documents(c, hashes); err != nil {
			return err
		}
	}
	if wanted.has("acl", "all") {
		result["acl"] = org.ACL
	}
	return see(c, result)
}

// documents are the TAHOE documents of users.
func (s *Server) documents(c echo.Context, hashes []tahoe.Hash) ([]identity.Document, error) {
	docs := make([]identity.Document, len(hashes))
	for i, h := range hashes {
		u, err := s.cfg.Identity.User(c.Request().Context(), h)
		if err != nil {
			return nil, err
		}
		docs[i] = u.Document()
	}
	return docs, nil
}

// classicAdminOf is GET /orgs/admin_of.
func (s *Server) classicAdminOf(c echo.Context) error {
	orgs, err := s.cfg.Identity.AdminOf(c.Request().Context(), caller(c).Hash)
	return s.seeOrgs(c, orgs, err)
}

// classicUserOf is GET /orgs/user_of.
func (s *Server) classicUserOf(c echo.Context) error {
	orgs, err := s.cfg.Identity.MemberOf(c.Request().Context(), caller(c).Hash)
	return s.seeOrgs(c, orgs, err)
}

func (s *Server) seeOrgs(c echo.Context, orgs []identity.Org, err error) error {
	if err != nil {
		return fmt.Errorf("list orgs: %w", err)
	}
	docs := make([]identity.Document, len(orgs))
	for i, org := range orgs {
		if docs[i], err = s.orgDocument(c, org); err != nil {
			return err
		}
	}
	return see(c, docs)
}

// classicSelf is GET /user/info/self.
func (s *Server) classicSelf(c echo.Context) error { return see(c, caller(c).Document()) }
