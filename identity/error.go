package identity

import (
	"errors"
	"fmt"
)

// Errors about users and organisations. A Store returns ErrNotFound and ErrConflict too.
var (
	ErrInvalid  = errors.New("not valid")
	ErrExists   = errors.New("exists already")
	ErrNotFound = errors.New("not found")
	ErrConflict = errors.New("was changed by somebody else")
)

// ErrToken is the reason why Authenticate refuses; the others, which wrap it, say more.
var (
	ErrToken          = errors.New("invalid token")
	ErrTokenForm      = fmt.Errorf("%w: not of our making", ErrToken)
	ErrTokenAlgorithm = fmt.Errorf("%w: signed in a way that is not accepted", ErrToken)
	ErrTokenSignature = fmt.Errorf("%w: wrong signature", ErrToken)
	ErrTokenExpired   = fmt.Errorf("%w: expired", ErrToken)
	ErrTokenRevoked   = fmt.Errorf("%w: revoked", ErrToken)
	ErrTokenUser      = fmt.Errorf("%w: its user does not exist", ErrToken)
)
