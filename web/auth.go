package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/cybexp/cybexp/identity"
)

// signedIn runs a handler only for callers with a valid token.
func (s *Server) signedIn(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		token, err := bearer(c.Request().Header.Get(echo.HeaderAuthorization))
		if err != nil {
			return err
		}
		user, err := s.authenticate(c.Request().Context(), token)
		if err != nil {
			return err
		}
		c.Set(keyUser, user)
		return next(c)
	}
}

// authenticate finds out whose token it is. Its errors are problems, or errors of the store.
func (s *Server) authenticate(ctx context.Context, token string) (identity.User, error) {
	user, err := s.cfg.Identity.Authenticate(ctx, token)
	switch {
	case err == nil:
		return user, nil
	case errors.Is(err, identity.ErrTokenRevoked):
		return user, unauthorized("JWT token is revoked.")
	case errors.Is(err, identity.ErrTokenUser):
		return user, unauthorized("User does not exist!")
	case errors.Is(err, identity.ErrTokenExpired):
		return user, unauthorized("The token has expired. Ask for a new one.")
	case errors.Is(err, identity.ErrToken):
		return user, unauthorized(badToken)
	}
	return user, fmt.Errorf("authenticate: %w: %w", errAuthDown, err)
}

// errAuthDown marks a trouble of the identity store, which classic clients know by a text of its own.
var errAuthDown = errors.New("identities cannot be read")

// badToken is what callers are told who have no token or a bad one.
const badToken = "Invalid/missing token in auth header!"

// caller returns who signedIn let in.
func caller(c echo.Context) identity.User {
	user, ok := c.Get(keyUser).(identity.User)
	if !ok {
		panic("web: " + c.Path() + " is not behind signedIn")
	}
	return user
}

// bearer takes the token out of an Authorization header.
func bearer(header string) (string, error) {
	scheme, token, ok := strings.Cut(strings.TrimSpace(header), " ")
	token = strings.TrimSpace(token)
	switch {
	case !ok || token == "":
		return "", unauthorized(badToken)
	case scheme != "Bearer":
		return "", unauthorized("Token must be of type Bearer!")
	}
	return token, nil
}

func unauthorized(detail string) *problem {
	return refuse(http.StatusUnauthorized, "unauthorized", detail)
}
