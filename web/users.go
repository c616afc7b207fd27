package web

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/cybexp/cybexp/identity"
)

// identityProblem makes problems of the errors that are a caller's to mend.
func identityProblem(err error) error {
	var unknown *identity.UnknownUserError
	switch {
	case errors.As(err, &unknown):
		return badRequest(fmt.Sprintf("There is no user %q.", unknown.Text)).inOldWords(unknown.Error())
	case errors.Is(err, identity.ErrInvalid), errors.Is(err, identity.ErrPassword):
		return badRequest("Invalid input: " + faults(err))
	case errors.Is(err, identity.ErrRole):
		return refuse(http.StatusConflict, "role", memberText(err, (*identity.MemberError).Error))
	case errors.Is(err, identity.ErrExists):
		return refuse(http.StatusConflict, "exists", "There is a user with this e-mail address already.")
	case errors.Is(err, identity.ErrNotFound):
		return refuse(http.StatusNotFound, "not-found", "There is none of that name.")
	}
	return err
}

// faults are what is wrong with some input, without the words of the packages in between.
func faults(err error) string {
	lines := strings.Split(err.Error(), "\n")
	for i, l := range lines {
		if _, fault, ok := strings.Cut(l, identity.ErrInvalid.Error()+": "); ok {
			lines[i] = fault
		}
	}
	return strings.Join(lines, "; ")
}

// memberText is one of the texts of a MemberError, without what it was wrapped in.
func memberText(err error, text func(*identity.MemberError) string) string {
	var m *identity.MemberError
	if errors.As(err, &m) {
		return text(m)
	}
	return err.Error()
}

// superuser runs a handler for superusers only.
func superuser(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if !caller(c).Super {
			return forbidden("Only superusers may do this.")
		}
		return next(c)
	}
}

// newUserBody is the body of POST /api/v1/users.
type newUserBody struct {
	Email    string `json:"email"`
	Name     string `json:"name,omitzero"`
	Password string `json:"password,omitzero"`
	Super    bool   `json:"super,omitzero"`
}

// createUser is POST /api/v1/users. A user without a password, such as a program, signs in with tokens only.
func (s *Server) createUser(c echo.Context) error {
	var body newUserBody
	if err := s.decode(c, &body); err != nil {
		return err
	}
	user, err := s.newUser(c, identity.User{Email: body.Email, Name: body.Name, Super: body.Super}, body.Password)
	if err != nil {
		return identityProblem(err)
	}
	return c.JSON(http.StatusCreated, user)
}

// newUser makes a user with a password, or with an empty one without.
func (s *Server) newUser(c echo.Context, u identity.User, password string) (identity.User, error) {
	if password == "" {
		return s.cfg.Identity.CreateUser(c.Request().Context(), u)
	}
	return s.cfg.Identity.CreateUserWith(c.Request().Context(), u, password)
}

// users is GET /api/v1/users.
func (s *Server) users(c echo.Context) error {
	users, err := s.cfg.Identity.Users(c.Request().Context())
	if err != nil {
		return fmt.Errorf("list users: %w", err)
	}
	return c.JSON(http.StatusOK, map[string]any{"users": users})
}

// passwordBody is the body of PUT /api/v1/users/{user}/password.
type passwordBody struct {
	Password string `json:"password"`
}

// setPassword is PUT /api/v1/users/{user}/password, for somebody who forgot theirs.
func (s *Server) setPassword(c echo.Context) error {
	var body passwordBody
	if err := s.decode(c, &body); err != nil {
		return err
	}
	user, err := s.userOf(c)
	if err == nil {
		err = s.cfg.Identity.SetPassword(c.Request().Context(), user.Hash, body.Password)
	}
	if err != nil {
		return identityProblem(err)
	}
	return c.NoContent(http.StatusNoContent)
}

// disabledBody is the body of PUT /api/v1/users/{user}/disabled.
type disabledBody struct {
	Disabled bool `json:"disabled"`
}

// disableUser is PUT /api/v1/users/{user}/disabled: whether a user may do anything. Nobody disables themself, so that a superuser is left.
func (s *Server) disableUser(c echo.Context) error {
	var body disabledBody
	if err := s.decode(c, &body); err != nil {
		return err
	}
	user, err := s.userOf(c)
	switch {
	case err != nil:
		return identityProblem(err)
	case body.Disabled && user.Hash == caller(c).Hash:
		return refuse(http.StatusConflict, "self", "You cannot disable yourself. Another superuser can.")
	}
	if user, err = s.cfg.Identity.Disable(c.Request().Context(), user.Hash, body.Disabled); err != nil {
		return identityProblem(err)
	}
	return c.JSON(http.StatusOK, user)
}

// userOf is the user that the path names, by e-mail address or hash; without one in the path, the caller.
func (s *Server) userOf(c echo.Context) (identity.User, error) {
	text, err := pathParam(c, "user")
	switch {
	case err != nil:
		return identity.User{}, identity.ErrNotFound
	case text == "":
		return caller(c), nil
	}
	user, err := s.cfg.Identity.FindUser(c.Request().Context(), text)
	if errors.Is(err, identity.ErrNotFound) {
		return user, refuse(http.StatusNotFound, "not-found", fmt.Sprintf("There is no user %q.", text))
	}
	return user, err
}

// pathParam is a part of the path as it was before a client escaped it.
func pathParam(c echo.Context, name string) (string, error) {
	if c.Request().URL.RawPath == "" {
		return c.Param(name), nil
	}
	return url.PathUnescape(c.Param(name))
}
