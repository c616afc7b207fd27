package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/cybexp/cybexp/identity"
)

// signedIn runs a handler only for callers with a valid token that may do all its user may.
func (s *Server) signedIn(next echo.HandlerFunc) echo.HandlerFunc { return s.allowing(next) }

// reading also lets tokens in that only read.
func (s *Server) reading(next echo.HandlerFunc) echo.HandlerFunc {
	return s.allowing(next, identity.Read)
}

// sending also lets tokens in that only upload.
func (s *Server) sending(next echo.HandlerFunc) echo.HandlerFunc {
	return s.allowing(next, identity.Upload)
}

// withAny lets every valid token in.
func (s *Server) withAny(next echo.HandlerFunc) echo.HandlerFunc {
	return s.allowing(next, identity.Read, identity.Upload)
}

// allowing runs a handler for callers whose token has all rights, or one of those named.
func (s *Server) allowing(next echo.HandlerFunc, rights ...identity.Right) echo.HandlerFunc {
	return func(c echo.Context) error {
		token, err := s.tokenOf(c)
		if err != nil {
			return err
		}
		who, err := s.authenticate(c.Request().Context(), token, rights...)
		if err != nil {
			return err
		}
		c.Set(keyCaller, who)
		s.actAs(c, who.User, who.Token.ID)
		return next(c)
	}
}

// tokenOf is the token of the Authorization header, or else of the page's cookie.
func (s *Server) tokenOf(c echo.Context) (string, error) {
	header := c.Request().Header.Get(echo.HeaderAuthorization)
	if cookie, err := c.Cookie(s.cookieName(c)); header == "" && err == nil {
		return cookie.Value, nil
	}
	return bearer(header)
}

// authenticate finds out whose token it is, and refuses one that has neither all rights nor one of those named. Its errors are
// problems, or errors of the store.
func (s *Server) authenticate(ctx context.Context, token string, rights ...identity.Right) (identity.Caller, error) {
	who, err := s.cfg.Identity.Authenticate(ctx, token)
	right := who.Token.Right
	switch {
	case err == nil && right != identity.Full && !slices.Contains(rights, right):
		return who, forbidden(fmt.Sprintf("The token's right is %q, which is not enough for this.", right))
	case err == nil:
		return who, nil
	case errors.Is(err, identity.ErrTokenRevoked):
		return who, unauthorized("The token was revoked, or its session has ended.").inOldWords("JWT token is revoked.")
	case errors.Is(err, identity.ErrTokenUser):
		return who, unauthorized("The token's user does not exist.").inOldWords("User does not exist!")
	case errors.Is(err, identity.ErrTokenDisabled):
		return who, unauthorized("The token's user is disabled.")
	case errors.Is(err, identity.ErrTokenExpired):
		return who, unauthorized("The token has expired. Ask for a new one.")
	case errors.Is(err, identity.ErrToken):
		return who, noToken("The token is not valid. Make one with `cybexp token create`, or sign in.")
	}
	return who, fmt.Errorf("authenticate: %w: %w", errAuthDown, err)
}

// errAuthDown marks a trouble of the identity store, which classic clients know by a text of its own.
var errAuthDown = errors.New("identities cannot be read")

// noToken is for callers who have no token or a bad one.
func noToken(detail string) *problem {
	return unauthorized(detail).inOldWords("Invalid/missing token in auth header!")
}

// caller returns who signedIn let in.
func caller(c echo.Context) identity.User { return signIn(c).User }

// signIn returns who was let in, and with which token.
func signIn(c echo.Context) identity.Caller {
	who, ok := c.Get(keyCaller).(identity.Caller)
	if !ok {
		panic("web: " + c.Path() + " is not behind signedIn")
	}
	return who
}

// bearer takes the token out of an Authorization header.
func bearer(header string) (string, error) {
	scheme, token, ok := strings.Cut(strings.TrimSpace(header), " ")
	token = strings.TrimSpace(token)
	switch {
	case !ok || token == "":
		return "", noToken("This needs a token: send it as 'Authorization: Bearer TOKEN', or sign in.")
	case scheme != "Bearer":
		return "", unauthorized("The Authorization header must be 'Bearer TOKEN'.").inOldWords("Token must be of type Bearer!")
	}
	return token, nil
}

func unauthorized(detail string) *problem {
	return refuse(http.StatusUnauthorized, "unauthorized", detail)
}

func forbidden(detail string) *problem { return refuse(http.StatusForbidden, "forbidden", detail) }
