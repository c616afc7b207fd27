package web

import (
	"cmp"
	"errors"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/cybexp/cybexp/identity"
)

// How long a token holds if nobody says, and at most.
const (
	tokenLife    = 90 * 24 * time.Hour
	longestToken = 366 * 24 * time.Hour
)

// tokens is GET /api/v1/tokens, and for superusers GET /api/v1/users/{user}/tokens. The texts of tokens are not kept.
func (s *Server) tokens(c echo.Context) error {
	user, err := s.userOf(c)
	if err != nil {
		return identityProblem(err)
	}
	tokens, err := s.cfg.Identity.Tokens(c.Request().Context(), user.Hash)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, map[string]any{"tokens": tokens})
}

// newToken is the body of POST /api/v1/tokens.
type newToken struct {
	Label string `json:"label,omitzero"`
	Right string `json:"right,omitzero"` // without, full
	TTL   string `json:"ttl,omitzero"`   // such as 720h
}

// createToken is POST /api/v1/tokens, and for superusers POST /api/v1/users/{user}/tokens. The answer is the only place that ever
// shows the token's text.
func (s *Server) createToken(c echo.Context) error {
	var body newToken
	if err := s.decode(c, &body); err != nil {
		return err
	}
	ttl, err := time.ParseDuration(cmp.Or(body.TTL, tokenLife.String()))
	if err != nil || ttl < time.Second || ttl > longestToken {
		return badRequest("'ttl' must be a duration of up to " + longestToken.String() + ", such as 720h.")
	}
	right, err := identity.ParseRight(cmp.Or(body.Right, string(identity.Full)))
	if err != nil {
		return identityProblem(err)
	}
	user, err := s.userOf(c)
	if err != nil {
		return identityProblem(err)
	}
	text, token, err := s.cfg.Identity.IssueToken(c.Request().Context(), user.Hash, identity.Token{Label: body.Label, Right: right}, ttl)
	if err != nil {
		return identityProblem(err)
	}
	c.Response().Header().Set("Cache-Control", "no-store")
	return c.JSON(http.StatusCreated, struct {
		identity.Token
		Text string `json:"token"`
	}{token, text})
}

// revokeToken is DELETE /api/v1/tokens/{id}, and for superusers DELETE /api/v1/users/{user}/tokens/{id}.
func (s *Server) revokeToken(c echo.Context) error {
	user, err := s.userOf(c)
	if err == nil {
		err = s.cfg.Identity.Revoke(c.Request().Context(), user.Hash, c.Param("id"))
	}
	if errors.Is(err, identity.ErrNotFound) {
		return refuse(http.StatusNotFound, "not-found", "There is no such token.")
	}
	if err != nil {
		return identityProblem(err)
	}
	return c.NoContent(http.StatusNoContent)
}
