package identity

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/cybexp/cybexp/tahoe"
)

const (
	issuer   = "cybexp"
	maxToken = 4096 // bytes; ours have about 300
)

// Issue makes a token that signs user in for ttl. A token is the user's: for as long as it lasts it does all that the user may do.
func (s *Service) Issue(ctx context.Context, user tahoe.Hash, ttl time.Duration) (string, error) {
	if ttl < time.Second {
		return "", fmt.Errorf("issue token: %w: a token must last a second or more, not %v", ErrInvalid, ttl)
	}
	if _, err := s.User(ctx, user); err != nil {
		return "", fmt.Errorf("issue token: %w", err)
	}
	now := s.Now()
	token := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.RegisteredClaims{
		Issuer:    issuer,
		Subject:   user.String(),
		ID:        rand.Text(),
		IssuedAt:  jwt.NewNumericDate(now),
		ExpiresAt: jwt.NewNumericDate(now.Add(ttl)),
	})
	text, err := token.SignedString(s.Key)
	if err != nil {
		return "", fmt.Errorf("issue token: %w", err)
	}
	return text, nil
}

// Authenticate tells whose token it is. An error that does not wrap ErrToken is a trouble of the store.
func (s *Service) Authenticate(ctx context.Context, token string) (User, error) {
	claims, user, err := s.parse(token)
	if err != nil {
		return User{}, err
	}
	switch _, _, err := s.Store.Get(ctx, revokedKeys+claims.ID); {
	case err == nil:
		return User{}, ErrTokenRevoked
	case !errors.Is(err, ErrNotFound):
		return User{}, fmt.Errorf("authenticate: %w", err)
	}
	u, err := s.User(ctx, user)
	if errors.Is(err, ErrNotFound) {
		return User{}, ErrTokenUser
	}
	if err != nil {
		return User{}, fmt.Errorf("authenticate: %w", err)
	}
	return u, nil
}

// Remaining tells how long a token that Authenticate accepts will still be accepted.
func (s *Service) Remaining(ctx context.Context, token string) (time.Duration, error) {
	if _, err := s.Authenticate(ctx, token); err != nil {
		return 0, err
	}
	claims, _, err := s.parse(token)
	if err != nil {
		return 0, err
	}
	return claims.ExpiresAt.Sub(s.Now()), nil
}

// Revoke makes a token worthless from now on. One that was revoked already is no error.
func (s *Service) Revoke(ctx context.Context, token string) error {
	claims, _, err := s.parse(token)
	if err != nil {
		return err
	}
	err = s.save(ctx, revokedKeys+claims.ID, claims, 0)
	if err != nil && !errors.Is(err, ErrConflict) {
		return fmt.Errorf("revoke token: %w", err)
	}
	return nil
}

// parse checks everything about a token that can be checked without the store.
func (s *Service) parse(token string) (jwt.RegisteredClaims, tahoe.Hash, error) {
	var c jwt.RegisteredClaims
	if len(token) > maxToken {
		return c, tahoe.Hash{}, ErrTokenForm
	}
	p := jwt.NewParser(jwt.WithIssuer(issuer), jwt.WithExpirationRequired(), jwt.WithTimeFunc(s.Now), jwt.WithStrictDecoding())
	_, err := p.ParseWithClaims(token, &c, func(t *jwt.Token) (any, error) {
		if t.Method != jwt.SigningMethodHS256 {
			return nil, ErrTokenAlgorithm
		}
		return s.Key, nil
	})
	switch {
	case errors.Is(err, jwt.ErrTokenUnverifiable):
		return c, tahoe.Hash{}, ErrTokenAlgorithm
	case errors.Is(err, jwt.ErrTokenSignatureInvalid):
		return c, tahoe.Hash{}, ErrTokenSignature
	case errors.Is(err, jwt.ErrTokenExpired):
		return c, tahoe.Hash{}, ErrTokenExpired
	case err != nil, !plain(c.ID):
		return c, tahoe.Hash{}, ErrTokenForm
	}
	user, err := tahoe.ParseHash(c.Subject)
	if err != nil {
		return c, tahoe.Hash{}, ErrTokenForm
	}
	return c, user, nil
}

// plain tells whether id is one that Issue makes, and so can be part of a key.
func plain(id string) bool {
	for i := range len(id) {
		if c := id[i]; (c < 'A' || c > 'Z') && (c < '0' || c > '9') {
			return false
		}
	}
	return id != "" && len(id) <= 64
}
