package web

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/cybexp/cybexp/audit"
	"github.com/cybexp/cybexp/identity"
)

// sessionLife is how long a sign-in holds.
const sessionLife = 12 * time.Hour

// cookieName is that of the page's session. Over an encrypted connection the prefix makes browsers refuse one that another host set.
func (s *Server) cookieName(c echo.Context) string {
	if s.secure(c) {
		return "__Host-cybexp"
	}
	return "cybexp"
}

// setCookie gives the page its session, or with an empty token takes it away. The page's scripts cannot read it, and browsers send it
// for nobody else's pages.
func (s *Server) setCookie(c echo.Context, token string) {
	cookie := &http.Cookie{
		Name: s.cookieName(c), Value: token, Path: "/", MaxAge: int(sessionLife.Seconds()),
		HttpOnly: true, Secure: s.secure(c), SameSite: http.SameSiteStrictMode,
	}
	if token == "" {
		cookie.MaxAge = -1
	}
	c.SetCookie(cookie)
}

// signInBody is the body of POST /api/v1/session.
type signInBody struct {
	Email    string `json:"email"`
	Password string `json:"password"`
	Token    bool   `json:"token,omitzero"` // the answer has it, and there is no cookie
}

// openSession is POST /api/v1/session: sign-in by e-mail address and password. The page gets a cookie; a program, which asks with
// "token", gets the token in the answer. A page that has a token itself, in the Authorization header, has it put into the cookie, so
// that its scripts need not keep it.
func (s *Server) openSession(c echo.Context) error {
	if c.Request().Header.Get(echo.HeaderAuthorization) != "" {
		return s.withAny(s.keepToken)(c)
	}
	var body signInBody
	if err := s.decode(c, &body); err != nil {
		return err
	}
	user, err := s.cfg.Identity.SignIn(c.Request().Context(), body.Email, body.Password, s.address(c))
	if err != nil {
		s.noteSignIn(c, body.Email, err)
		return signInProblem(err)
	}
	s.actAs(c, user, "")
	answer := sessionView{User: user}
	text, token, err := s.session(c, user)
	if err != nil {
		return err
	}
	answer.Expires = token.Expires
	if body.Token {
		answer.Token = text
	} else {
		s.setCookie(c, text)
	}
	c.Response().Header().Set("Cache-Control", "no-store")
	return c.JSON(http.StatusCreated, answer)
}

// keepToken makes the caller's token the page's session.
func (s *Server) keepToken(c echo.Context) error {
	text, err := s.tokenOf(c)
	if err != nil {
		return err
	}
	who := signIn(c)
	s.setCookie(c, text)
	c.Response().Header().Set("Cache-Control", "no-store")
	return c.JSON(http.StatusCreated, sessionView{User: who.User, Expires: who.Token.Expires})
}

// sessionView is what is told of a session that was opened.
type sessionView struct {
	User    identity.User `json:"user"`
	Expires time.Time     `json:"expires"`
	Token   string        `json:"token,omitempty"`
}

// noteSignIn tells the audit trail that a sign-in was refused. An address is named only when it is a user's, since people type passwords
// there; to look takes as long whether it is or not.
func (s *Server) noteSignIn(c echo.Context, email string, why error) {
	var wait *identity.WaitError
	if !errors.Is(why, identity.ErrSignIn) && !errors.As(why, &wait) {
		return
	}
	ctx := c.Request().Context()
	deed := audit.Entry{Action: audit.SignIn, Outcome: audit.Refused, Detail: map[string]string{"why": why.Error()}}
	user, _ := s.cfg.Identity.FindUser(ctx, email)
	deed.Orgs, _ = s.cfg.Identity.Concerned(ctx, user.Hash)
	if !user.Hash.IsZero() {
		deed.Object, deed.Detail["email"] = user.Hash.String(), user.Email
	}
	s.cfg.Audit.Note(ctx, deed)
}

// codeSignIn is the code of the problem of a sign-in that was refused.
const codeSignIn = "sign-in"

// session makes the token of a sign-in.
func (s *Server) session(c echo.Context, user identity.User) (string, identity.Token, error) {
	t := identity.Token{Label: "sign-in", Right: identity.Full, Session: true}
	text, t, err := s.cfg.Identity.IssueToken(c.Request().Context(), user.Hash, t, sessionLife)
	if err != nil {
		return "", t, fmt.Errorf("open session: %w", err)
	}
	return text, t, nil
}

// signInProblem says no more than that it is wrong, or how long to wait.
func signInProblem(err error) error {
	var wait *identity.WaitError
	switch {
	case errors.Is(err, identity.ErrSignIn):
		return refuse(http.StatusUnauthorized, codeSignIn, "The e-mail address or the password is wrong.")
	case errors.As(err, &wait):
		p := refuse(http.StatusTooManyRequests, "sign-in-wait", "Too many tries failed. Wait a little.")
		p.retryAfter = max(1, wait.Seconds()) * time.Second
		return p
	}
	return err
}

// closeSession is DELETE /api/v1/session: the session's token is revoked and the cookie goes. Other tokens stay.
func (s *Server) closeSession(c echo.Context) error {
	who := signIn(c)
	if who.Token.Session {
		err := s.cfg.Identity.Revoke(c.Request().Context(), who.User.Hash, who.Token.ID)
		if err != nil && !errors.Is(err, identity.ErrNotFound) {
			return err
		}
	}
	s.setCookie(c, "")
	return c.NoContent(http.StatusNoContent)
}

// changedPassword is the body of PUT /api/v1/me/password.
type changedPassword struct {
	Old      string `json:"old"`
	Password string `json:"password"`
}

// changePassword is PUT /api/v1/me/password. It ends all sessions of the caller, and opens a new one for a page.
func (s *Server) changePassword(c echo.Context) error {
	var body changedPassword
	if err := s.decode(c, &body); err != nil {
		return err
	}
	user := caller(c)
	err := s.cfg.Identity.ChangePassword(c.Request().Context(), user.Hash, body.Old, body.Password, s.address(c))
	switch {
	case errors.Is(err, identity.ErrSignIn): // 401 would make a page think that its session is over
		return forbidden("The old password is wrong.")
	case err != nil:
		return identityProblem(signInProblem(err))
	}
	if _, err := c.Cookie(s.cookieName(c)); err == nil {
		text, _, err := s.session(c, user)
		if err != nil {
			return err
		}
		s.setCookie(c, text)
	}
	return c.NoContent(http.StatusNoContent)
}
